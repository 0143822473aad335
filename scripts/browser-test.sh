#!/usr/bin/env bash
# GraphiQL in a real browser, against a real demo server: on a free port, in a folder of its own, gone afterwards.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --quiet --bin palisade
# A developer's settings are not the demo's.
unset "${!PALISADE_@}"
folder=$(mktemp -d)
PALISADE_HTTP__LISTEN=127.0.0.1:0 "${CARGO_TARGET_DIR:-target}/debug/palisade" demo --data-dir "$folder/data" \
  >"$folder/log" 2>&1 </dev/null &
server=$!
stop() {
  kill "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  rm -rf "$folder"
}
trap stop EXIT
trap 'exit 130' INT TERM

url=
for _ in $(seq 600); do
  url=$(sed -n -E 's/.*Palisade listens on (http:[^ ]+).*/\1/p' "$folder/log" | head -n 1)
  if [ -n "$url" ] || ! kill -0 "$server" 2>/dev/null; then
    break
  fi
  sleep 0.1
done
if [ -z "$url" ]; then
  echo 'browser-test: the demo did not start:' >&2
  cat "$folder/log" >&2
  exit 1
fi

cd graphiql
if ! PALISADE_URL=$url npm run --silent test:server </dev/null; then
  echo 'browser-test: the last the server said:' >&2
  tail -n 50 "$folder/log" >&2
  exit 1
fi
