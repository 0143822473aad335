#!/usr/bin/env bash
# Fails when a file derived from the code is stale: not what the code gives, or given but neither staged nor committed.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/generate.sh
derived=(schema.graphql docs/permissions.md)
stale=$(git status --porcelain --untracked-files=all -- "${derived[@]}" | sed -n '/^.[^ ]/p')
if [ -n "$stale" ]; then
  echo "$stale"
  git --no-pager diff -- "${derived[@]}"
  echo 'check-clean: stale; it is generated now: read it and commit it with its cause' >&2
  exit 1
fi
