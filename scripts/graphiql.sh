#!/usr/bin/env bash
# Builds GraphiQL into graphiql/dist, which the server carries, when its sources are newer than the last build.
#
#   --install-only  stop after the packages
#   --optional      without Node, or when the build fails, say so and succeed: the server runs without GraphiQL
set -euo pipefail
cd "$(dirname "$0")/.."

install_only=false optional=false
for option; do
  case $option in
    --install-only) install_only=true ;;
    --optional) optional=true ;;
    *) echo "graphiql: unknown option $option" >&2; exit 2 ;;
  esac
done
without() {
  if $optional; then
    echo "graphiql: $1; going on without GraphiQL"
    exit 0
  fi
  echo "graphiql: $1" >&2
  exit 1
}

major=$(node --version 2>/dev/null | sed -E 's/^v([0-9]+).*/\1/') || true
if [ "${major:-0}" -lt 20 ] || ! command -v npm >/dev/null; then
  without 'needs Node 20 or newer, and npm'
fi
cd graphiql || without 'there is no folder graphiql'

# npm writes this file last.
if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
  echo 'graphiql: installing packages'
  npm ci --no-audit --no-fund --loglevel=error </dev/null || without 'npm ci failed'
fi
if $install_only; then
  exit 0
fi

newer=$(find . \( -name node_modules -o -name dist -o -name test \) -prune -o \
  -type f -newer dist/index.html -print -quit 2>/dev/null) || newer=all
if [ -n "$newer" ]; then
  echo 'graphiql: building'
  npm run --silent build -- --logLevel warn </dev/null || without 'the build failed'
  touch dist/index.html
fi
