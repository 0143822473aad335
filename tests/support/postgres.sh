#!/bin/sh
# Owns one private PostgreSQL cluster: makes it, says "ready", waits until whoever wanted it is gone, destroys it.
# tests/support/postgres.rs runs it, as an unprivileged user, in a process group of its own.
#
#   postgres.sh BIN DIR [OWNER FILE]
#
#   BIN    the folder of initdb and postgres
#   DIR    an empty folder of this user's; holds data, log and socket, and is removed at the end
#   OWNER  the process whose end is the cluster's; without it the cluster ends with standard input
#   FILE   removed together with DIR
#
# Standard output gets "ready", or else the reason why not, and is closed.
set -u
bin=$1 dir=$2 owner=${3:-} file=${4:-} server=

stop() {
  if [ -n "$server" ]; then
    # An immediate shutdown: nobody will read this data again.
    kill -QUIT "$server" 2>/dev/null
    wait "$server" 2>/dev/null
  fi
  rm -rf "$dir" ${file:+"$file"}
}
fail() {
  echo "$1"
  tail -n 30 "$dir/log" 2>/dev/null
  exit 1
}
# The kernel keeps a killed process whose parent has not asked for it: a zombie is gone too.
alive() {
  if [ -d /proc/self ]; then
    [ -d "/proc/$1" ] && ! grep -q '^State:[[:space:]]*[ZX]' "/proc/$1/status" 2>/dev/null
  else
    kill -0 "$1" 2>/dev/null
  fi
}
trap stop EXIT
trap 'exit 1' TERM
trap '' HUP INT PIPE
umask 077

# Text sorts by a language here (ICU, where the server has it), never by bytes: a query that forgets its COLLATE "C"
# must fail in a test, not in production.
set -- -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --no-sync --no-instructions
"$bin/initdb" "$@" --locale-provider=icu --icu-locale=en-US >"$dir/log" 2>&1 </dev/null ||
  { rm -rf "$dir/data" && "$bin/initdb" "$@" >>"$dir/log" 2>&1 </dev/null; } ||
  fail "initdb failed:"

cat >>"$dir/data/postgresql.conf" <<'END'
listen_addresses = ''
port = 5432
max_connections = 300
shared_buffers = 32MB
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
checkpoint_timeout = 1h
autovacuum = off
timezone = 'UTC'
END
"$bin/postgres" -D "$dir/data" -k "$dir" >>"$dir/log" 2>&1 </dev/null &
server=$!

waited=0
until [ "$(sed -n '8s/ *$//p' "$dir/data/postmaster.pid" 2>/dev/null)" = ready ]; do
  kill -0 "$server" 2>/dev/null || fail "the server stopped at once:"
  [ "$waited" -lt 1200 ] || fail "the server was not ready within a minute:"
  waited=$((waited + 1))
  sleep 0.05
done
echo ready
exec >/dev/null

if [ -n "$owner" ]; then
  while alive "$owner"; do sleep 0.5; done
else
  read -r _
fi
