#!/usr/bin/env bash
# Licences, sources, banned and repeated crates, and known flaws of dependencies; says plainly what it did not run.
set -euo pipefail
cd "$(dirname "$0")/.."

if command -v cargo-deny >/dev/null; then
  deny() { cargo deny --log-level error --locked --config deny.toml "$@"; }
  deny check licenses bans sources
  deny --manifest-path fuzz/Cargo.toml check licenses bans sources
  # Flaws are only known from a database, which is fetched: without one that is here already this is asked for by name.
  if [ -n "${ADVISORIES:-}" ]; then
    deny check advisories
  elif compgen -G "${CARGO_HOME:-$HOME/.cargo}/advisory-dbs/*/crates" >/dev/null; then
    deny check --disable-fetch advisories
  else
    echo 'supply chain: advisories were NOT checked: no database of them is here (ADVISORIES=1 fetches it)' >&2
  fi
else
  echo 'supply chain: licences, bans, sources and advisories were NOT checked: cargo install cargo-deny --locked' >&2
fi
# What no tool of cargo's is needed for: one registry, and each crate with its checksum.
if ! command -v python3 >/dev/null; then
  echo 'supply chain: the lock files were NOT read: python3 is missing' >&2
  exit 0
fi
python3 - <<'PY'
import sys, tomllib
bad = []
for name in ("Cargo.lock", "fuzz/Cargo.lock"):
    with open(name, "rb") as file:
        for crate in tomllib.load(file)["package"]:
            source = crate.get("source")
            if source is None:
                continue
            if source != "registry+https://github.com/rust-lang/crates.io-index" or "checksum" not in crate:
                bad.append(f"{name}: {crate['name']} {crate['version']}: {source}")
if bad:
    sys.exit("supply chain: not from the one registry, or without a checksum:\n" + "\n".join(bad))
PY
