#!/usr/bin/env bash
# Everything that CI runs. A step that fails does not keep the next one from running; the end says what failed, and
# closes with the sum over all runners of tests: 'N passed, N failed'.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-$([ -t 1 ] && echo always || echo never)}

said=$(mktemp)
trap 'rm -f "$said"' EXIT
passed=0 failed=0 summary=()

# The numbers in a runner's closing lines: nextest, cargo test, node --test.
count() {
  sed -E 's/\x1b\[[0-9;]*m//g' "$said" | awk -v kind="$1" '
    /^ *Summary \[.* tests? run: / && match($0, "[0-9]+ " kind) { n += substr($0, RSTART) }
    /^test result: / && match($0, "[0-9]+ " kind) { n += substr($0, RSTART) }
    $0 ~ "^[#ℹ]+ " substr(kind, 1, 4) " [0-9]+$" { n += $NF }
    END { print n + 0 }'
}
step() {
  local name=$1 began=$SECONDS result=ok good bad note=
  shift
  echo "==> $name"
  "$@" 2>&1 | tee "$said" || result=FAILED
  good=$(count passed) bad=$(count failed)
  [ $((good + bad)) -eq 0 ] || note=": $good passed, $bad failed"
  # A step without tests, or one that broke off before a test could fail, is one failure.
  [ "$result" = ok ] || [ "$bad" -gt 0 ] || bad=1
  passed=$((passed + good)) failed=$((failed + bad))
  summary+=("$(printf '%-6s %5ds  %s%s' "$result" $((SECONDS - began)) "$name" "$note")")
}
not_run() {
  summary+=("$(printf '%-6s %6s  %s' '-' '' "$1: not run, $2")")
  # A green CI means that everything ran.
  [ -z "${CI:-}" ] || failed=$((failed + 1))
}
tests() {
  if command -v cargo-nextest >/dev/null; then
    cargo nextest run --workspace --no-fail-fast
  else
    # Canaries listen to everything that is said in their process, at the finest level: it must be little.
    local result=0
    cargo test --workspace --lib --bins --tests --no-fail-fast -- --skip canaries:: || result=$?
    cargo test --test main --no-fail-fast -- canaries:: || result=$?
    return "$result"
  fi
}
page() { (cd graphiql && npm run --silent check && npm run --silent test) </dev/null; }

step setup scripts/setup.sh
if command -v npm >/dev/null && [ -d graphiql/node_modules ]; then
  step 'GraphiQL, build' scripts/graphiql.sh
  step 'GraphiQL, types and tests' page
else
  not_run GraphiQL 'needs Node 20 or newer, and npm'
fi
step lint scripts/lint.sh
version=$(find /usr/lib/postgresql -path '*/bin/postgres' -exec {} --version \; 2>/dev/null |
  awk '{ print $3 }' | sort -V | tail -n 1) || true
databases="SQLite and PostgreSQL $version"
[ -z "${PALISADE_TEST_PG:-}" ] || databases='SQLite and the PostgreSQL of PALISADE_TEST_PG'
step "tests, on $databases" tests
step 'examples in the documentation' cargo test --workspace --doc --no-fail-fast
if [ -f graphiql/dist/index.html ]; then
  step 'GraphiQL in a browser, on the demo' scripts/browser-test.sh
else
  not_run 'GraphiQL in a browser' 'there is no build of it'
fi
step 'derived files' scripts/check-clean.sh

echo
printf '%s\n' "${summary[@]}"
echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
