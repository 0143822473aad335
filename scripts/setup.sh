#!/usr/bin/env bash
# Installs what the tests need and this machine lacks. What is there stays as it is; nothing is started.
set -euo pipefail
cd "$(dirname "$0")/.."

any() { for name; do command -v "$name" >/dev/null && return 0; done; return 1; }
server() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || any initdb; }

missing=()
any cc gcc clang || missing+=(gcc libc6-dev)
any git || missing+=(git)
server || missing+=(postgresql)
any chromium chromium-browser google-chrome || missing+=(chromium)
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3 python3-venv)
# Not in everybody's path on Debian.
PATH="$PATH:/usr/sbin" any nginx || missing+=(nginx-light)

if [ ${#missing[@]} -gt 0 ]; then
  root=()
  [ "$(id -u)" -eq 0 ] || root=(sudo)
  if ! any apt-get || { [ ${#root[@]} -gt 0 ] && ! any sudo; }; then
    echo "setup: please install: ${missing[*]} (Debian's names)" >&2
    exit 1
  fi
  echo "setup: installing ${missing[*]}"
  apt() { "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" </dev/null; }
  apt update
  if ! server; then
    # The tests start a server of their own; Debian's default cluster, started at boot, is not wanted.
    apt install --no-install-recommends postgresql-common
    conf=/etc/postgresql-common/createcluster.conf
    "${root[@]}" sed -i -E 's/^#?[[:space:]]*create_main_cluster[[:space:]]*=.*/create_main_cluster = false/' "$conf"
    grep -q '^create_main_cluster = false' "$conf" ||
      echo 'create_main_cluster = false' | "${root[@]}" tee -a "$conf" >/dev/null
  fi
  # Debian starts what it installs, nginx on port 80; this file is its way to say no.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$policy" >/dev/null
    "${root[@]}" chmod +x "$policy"
    trap '"${root[@]}" rm -f "$policy"' EXIT
  fi
  apt install --no-install-recommends "${missing[@]}"
fi

scripts/moto.sh >/dev/null
scripts/graphiql.sh --install-only --optional
