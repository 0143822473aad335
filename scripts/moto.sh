#!/usr/bin/env bash
# Puts a private copy of moto, an S3 for the tests, below the target folder, and says where its Python is. What is there
# already, in the versions that tests/support/moto.txt names, stays.
set -euo pipefail
cd "$(dirname "$0")/.."

wanted=tests/support/moto.txt
folder=${CARGO_TARGET_DIR:-target}/moto
mkdir -p "$folder"
# Tests start at once, each in a process of its own: one installs, the others wait.
exec 9>"$folder/lock"
flock 9
if ! cmp --silent "$wanted" "$folder/installed.txt"; then
  rm -rf "$folder/env"
  python3 -m venv "$folder/env" >&2
  "$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$wanted" </dev/null >&2
  cp "$wanted" "$folder/installed.txt"
fi
echo "$folder/env/bin/python"
