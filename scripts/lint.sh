#!/usr/bin/env bash
# Formatting, clippy and rustdoc; a warning is an error.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo fmt --all --check

said=$(mktemp)
trap 'rm -f "$said"' EXIT
cargo clippy --workspace --all-targets -- -D warnings 2>&1 | tee "$said"
# Clippy passes over a banned path that does not exist, even so: then nothing is banned.
if grep -q 'does not refer to a reachable' "$said"; then
  echo 'lint: clippy.toml bans something that does not exist (see above)' >&2
  exit 1
fi

RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --document-private-items

if command -v shellcheck >/dev/null; then
  shellcheck scripts/*.sh tests/support/*.sh .ci/run
fi
scripts/supply-chain.sh
