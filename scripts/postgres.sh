#!/usr/bin/env bash
# Runs a command beside a throw-away PostgreSQL server:
#
#   scripts/postgres.sh COMMAND…   the command, with the server's URL in ATTRITION_TEST_POSTGRES and, where openssl is there
#                                  to make one, its root certificate in ATTRITION_TEST_POSTGRES_CA
#   scripts/postgres.sh --find     the folder of a local server's programs
#
# A URL that is in ATTRITION_TEST_POSTGRES already is left as it is. Without a URL and without a local server the command
# runs all the same, and its tests of PostgreSQL pass over themselves; with ATTRITION_REQUIRE_POSTGRES=1 that is a failure.
# The server listens on a free port of this machine only; it is stopped and its folder removed when the command ends.
set -euo pipefail

find_server() {
  local programs
  if programs=$(command -v initdb); then
    programs=$(dirname "$programs")
    if [ -x "$programs/pg_ctl" ]; then
      echo "$programs"
      return 0
    fi
  fi
  for programs in $(ls -d /usr/lib/postgresql/*/bin /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin 2>/dev/null | sort -Vr); do
    if [ -x "$programs/initdb" ] && [ -x "$programs/pg_ctl" ]; then
      echo "$programs"
      return 0
    fi
  done
  return 1
}

if [ "${1:-}" = --find ]; then
  find_server
  exit
fi
if [ -n "${ATTRITION_TEST_POSTGRES:-}" ]; then
  exec "$@"
fi

without() {
  if [ "${ATTRITION_REQUIRE_POSTGRES:-0}" = 1 ]; then
    echo "no PostgreSQL to test with: $1, and ATTRITION_REQUIRE_POSTGRES=1" >&2
    exit 1
  fi
  echo "tests of PostgreSQL are passed over: $1 (set ATTRITION_TEST_POSTGRES to a URL, or install the server)" >&2
  shift
  exec "$@"
}

programs=$(find_server) || without "no URL in ATTRITION_TEST_POSTGRES and no local server" "$@"

# The server refuses to run as root.
as_owner() { "$@"; }
if [ "$(id -u)" = 0 ]; then
  id postgres >/dev/null 2>&1 || without "this is root, and there is no user postgres to run a server" "$@"
  if command -v runuser >/dev/null; then
    as_owner() { runuser -u postgres -- "$@"; }
  elif command -v setpriv >/dev/null; then
    as_owner() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }
  else
    without "this is root, and neither runuser nor setpriv is there" "$@"
  fi
fi

folder=$(mktemp -d /tmp/attrition-postgres.XXXXXX)
data="$folder/data"
cleanup() {
  if [ -f "$data/postmaster.pid" ]; then
    (cd / && as_owner "$programs/pg_ctl" -D "$data" -m immediate -w stop >/dev/null 2>&1) || true
  fi
  rm -rf "$folder"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

password="p@ss/word-$RANDOM$RANDOM"
echo "$password" >"$folder/password"

# An authority, and a certificate of it for the name localhost but for no address.
ssl=off
if command -v openssl >/dev/null; then
  {
    cat >"$folder/openssl.cnf" <<'CNF'
[req]
distinguished_name = name
[name]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
[server]
basicConstraints = critical, CA:FALSE
subjectAltName = DNS:localhost
CNF
    openssl req -config "$folder/openssl.cnf" -extensions ca -x509 -newkey rsa:2048 -nodes -sha256 -days 2 \
      -subj "/CN=attrition test authority" -keyout "$folder/ca.key" -out "$folder/ca.pem" &&
      openssl req -config "$folder/openssl.cnf" -newkey rsa:2048 -nodes -sha256 \
        -subj "/CN=localhost" -keyout "$folder/server.key" -out "$folder/server.csr" &&
      openssl x509 -req -in "$folder/server.csr" -CA "$folder/ca.pem" -CAkey "$folder/ca.key" -set_serial 1 -sha256 \
        -days 2 -extfile "$folder/openssl.cnf" -extensions server -out "$folder/server.pem" &&
      chmod 600 "$folder/server.key" && ssl=on
  } >"$folder/openssl.log" 2>&1 || true
fi
if [ "$(id -u)" = 0 ]; then
  chown -R postgres "$folder"
fi

(cd / && as_owner "$programs/initdb" -D "$data" -U attrition --pwfile="$folder/password" --auth=scram-sha-256 \
  --encoding=UTF8 --locale=C --no-sync >"$folder/initdb.log" 2>&1) || {
  cat "$folder/initdb.log" >&2
  exit 1
}

rm "$folder/password"
options="-c listen_addresses=127.0.0.1 -c unix_socket_directories=$folder -c fsync=off -c ssl=$ssl"
options="$options -c ssl_cert_file=$folder/server.pem -c ssl_key_file=$folder/server.key"
started=
for _ in 1 2 3 4 5 6 7 8; do
  port=$((20000 + RANDOM))
  if (cd / && as_owner "$programs/pg_ctl" -D "$data" -l "$folder/server.log" -o "$options -p $port" -w -t 60 start >/dev/null 2>&1); then
    started=1
    break
  fi
done
if [ -z "$started" ]; then
  tail -n 20 "$folder/server.log" >&2
  exit 1
fi

encoded=${password//@/%40}
encoded=${encoded//\//%2F}
export ATTRITION_TEST_POSTGRES="postgresql://attrition:$encoded@localhost:$port/postgres"
if [ "$ssl" = on ]; then
  chmod 755 "$folder"
  export ATTRITION_TEST_POSTGRES_CA="$folder/ca.pem"
fi
"$@"
