#!/usr/bin/env bash
# The demo, alive: a server with sample data, and in one of its organisations a planner, a worker and people (examples/),
# who go with it. Arguments are `palisade demo`'s, such as --reset.
#
#   PALISADE_DEMO_QUIET=1  the server alone
set -euo pipefail
cd "$(dirname "$0")/.."

quiet=${PALISADE_DEMO_QUIET:-}
# The server refuses a variable that is no setting of its own.
unset PALISADE_DEMO_QUIET
folder=.palisade/demo previous=
for argument; do
  case $previous/$argument in
    */--data-dir=*) folder=${argument#*=} ;;
    --data-dir/*) folder=$argument ;;
  esac
  previous=$argument
done

packages=(-p palisade)
[ -n "$quiet" ] || packages+=(-p palisade-examples)
cargo build "${packages[@]}"
programs=${CARGO_TARGET_DIR:-target}/debug
if [ -n "$quiet" ]; then
  exec "$programs/palisade" demo "$@"
fi
# Those who are at work would fill the terminal with their requests. Who sets a filter gets what it says.
export PALISADE_LOG__FILTER=${PALISADE_LOG__FILTER:-info,palisade::request=warn}

log=$folder/players.log
scratch=$(mktemp -d)
pipe=$scratch/server
mkfifo "$pipe"
server='' players=()

# Each by its number. The worker gives its tasks back before the server goes; who takes too long is not waited for.
stop() {
  trap '' INT TERM HUP
  rm -rf "$scratch"
  if [ ${#players[@]} -gt 0 ]; then
    kill -INT "${players[@]}" 2>/dev/null || true
    for _ in $(seq 50); do
      kill -0 "${players[@]}" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL "${players[@]}" 2>/dev/null || true
  fi
  if [ -n "$server" ]; then
    kill -TERM "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Groups of their own: Ctrl-C is for this script, which stops them in order.
set -m
"$programs/palisade" demo "$@" >"$pipe" </dev/null &
server=$!
set +m

worker_key='' planner_key='' of=''
play() {
  local program=$1
  shift
  set -m
  env EXAMPLE_URL="$url" "$@" "$programs/$program" >>"$log" 2>&1 </dev/null &
  players+=($!)
  set +m
}
while IFS= read -r line; do
  printf '%s\n' "$line"
  # What the server prints for people: a role, and below it the key.
  case $line in
    'Acme worker:'*) of=worker ;;
    'Acme planner:'*) of=planner ;;
    '  key '*)
      key=${line##* }
      case $of in
        worker) worker_key=$key ;;
        planner) planner_key=$key ;;
      esac
      of='' ;;
    'Palisade listens on '*)
      url=${line##* }
      if [ -z "$worker_key" ] || [ -z "$planner_key" ]; then
        echo 'Nobody is at work: the demo printed no keys of its worker and planner.'
        continue
      fi
      # Not sooner: --reset refuses a folder that is there and holds no demo.
      (umask 077 && : >"$log")
      play planner EXAMPLE_KEY="$planner_key"
      play worker EXAMPLE_KEY="$worker_key" HOSTNAME=demo
      play member EXAMPLE_MEMBER=dmitri@acme.example EXAMPLE_APPROVERS=grace@acme.example,ada@acme.example \
        EXAMPLE_PASSWORD=demo-palisade EXAMPLE_AGENTS='Invoice reconciler,Release notes writer' EXAMPLE_EVERY=30
      echo "At work in Acme: a planner, a worker, and people who submit goals and approve. What they do is in $log"
      echo 'Ctrl-C stops everything; with PALISADE_DEMO_QUIET=1 nobody is at work.' ;;
  esac
done <"$pipe"
code=0
wait "$server" || code=$?
server=''
exit "$code"
