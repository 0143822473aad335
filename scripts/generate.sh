#!/usr/bin/env bash
# Writes the files derived from the code. Each is replaced whole or not at all, and only when it differs.
set -euo pipefail
cd "$(dirname "$0")/.."

written=$(mktemp)
trap 'rm -f "$written"' EXIT
derive() {
  local file=$1
  shift
  cargo run --quiet -- "$@" >"$written"
  if [ ! -s "$written" ]; then
    echo "generate: \`palisade $*\` printed nothing; $file is as it was" >&2
    exit 1
  fi
  cmp --silent "$written" "$file" && return
  mkdir -p "$(dirname "$file")"
  # Beside the target, so that the last step is a rename.
  cp "$written" "$file.new"
  mv "$file.new" "$file"
  echo "generate: $file is new"
}
derive schema.graphql schema print
derive docs/permissions.md policy print
