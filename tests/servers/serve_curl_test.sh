#!/usr/bin/env bash
# `dragstrip serve` over real sockets, as curl sees it: every HTTP delivery on both carriers, resume, errors,
# flags, signals. usage: serve_curl_test.sh PATH/dragstrip [WORKERS]
set -u
dragstrip=$1
workers=${2:-1}
work=$(mktemp -d)
server=
streams=()
cleanup() {
  [[ -s $work/out.pid ]] && kill -KILL "$(cat "$work/out.pid")" 2>/dev/null
  for pid in "${streams[@]}" $server; do kill "$pid" 2>/dev/null; done
  rm -rf "$work"
}
trap cleanup EXIT

failures=0
check() {  # check NAME EXPECTED GOT
  [[ $2 == "$3" ]] && return
  printf 'FAIL %s\n  expected: %q\n  got:      %q\n' "$1" "$2" "$3"
  failures=$((failures + 1))
}

# Sets `url` and `server`. Reading the line blocks until the server accepts; its death ends the read as well.
start() {
  mkfifo "$work/out"
  "$dragstrip" serve "$@" >"$work/out" &
  server=$!
  exec 3<"$work/out"
  read -r -t 30 line <&3 || { echo "FAIL no line from the server"; exit 1; }
  [[ $line =~ ^listening\ 127\.0\.0\.1:[0-9]+$ ]] || { echo "FAIL first line: $line"; exit 1; }
  url=http://${line#listening }
}

# Opens an endless answer on descriptor $1; lines are read with next_line.
stream() {
  local fd=$1 fifo=$work/stream$1
  shift
  mkfifo "$fifo"
  curl -sN --max-time 60 "$@" >"$fifo" &
  streams+=($!)
  eval "exec $fd<\"$fifo\""
}
next_line() {
  local line=
  read -r -t 30 line <&"$1" || line="(nothing came)"
  printf '%s' "$line"
}

start --workers "$workers"
carriers=(--http1.1 --http2-prior-knowledge)

for carrier in "${carriers[@]}"; do
  topic=t${carrier//[^0-9a-z]/}
  q=(curl -s --max-time 30 "$carrier")
  check "echo $carrier" "hello" "$("${q[@]}" -d hello "$url/echo")"
  check "healthz $carrier" '{"status":"ok","server":"dragstrip",' \
    "$("${q[@]}" "$url/healthz" | cut -c 1-36)"
  check "nothing $carrier" "204" "$("${q[@]}" -o /dev/null -w '%{http_code}' "$url/poll?topic=$topic&after=0")"
  check "not found $carrier" "404 no such path" \
    "$("${q[@]}" -o "$work/body" -w '%{http_code} ' "$url/nowhere"; cat "$work/body")"
  check "allow $carrier" "allow: POST" "$("${q[@]}" -i "$url/publish" | tr -d '\r' | grep -i '^allow')"

  # Four kinds of subscribers before the first message ...
  stream 4 "$carrier" "$url/stream?topic=$topic&after=0"
  stream 5 "$carrier" "$url/events?topic=$topic&after=0"
  "${q[@]}" "$url/long-poll?topic=$topic&after=0" >"$work/parked" &
  parked=$!
  # ... hear of it, and of the next, which needs every escape.
  check "publish $carrier" "1" "$("${q[@]}" --data-binary first "$url/publish?topic=$topic")"
  check "stream $carrier" "first" "$(next_line 4)"
  check "event id $carrier" "id: 1" "$(next_line 5)"
  check "event data $carrier" "data: first" "$(next_line 5)"
  check "event end $carrier" "" "$(next_line 5)"
  wait $parked
  # It was parked before the message, or asked after it; either way it has this and nothing else.
  check "long poll $carrier" "first" "$(cat "$work/parked")"
  check "publish 2 $carrier" "2" "$(printf 'a\\b\nc' | "${q[@]}" --data-binary @- "$url/publish?topic=$topic")"
  check "stream 2 $carrier" 'a\\b\nc' "$(next_line 4)"
  check "event 2 id $carrier" "id: 2" "$(next_line 5)"
  check "event 2 line 1 $carrier" 'data: a\b' "$(next_line 5)"
  check "event 2 line 2 $carrier" 'data: c' "$(next_line 5)"
  check "poll $carrier" $'first\na\\\\b\\nc' "$("${q[@]}" "$url/poll?topic=$topic&after=0")"
  check "cursor $carrier" "cursor: 2" "$("${q[@]}" -i "$url/poll?topic=$topic" | tr -d '\r' | grep -i '^cursor')"

  # Resume: the last event id wins over the URL.
  stream 6 "$carrier" -H 'Last-Event-ID: 1' "$url/events?topic=$topic&after=0"
  check "resume $carrier" "id: 2" "$(next_line 6)"

  # A feed publishes by itself.
  start_ns=$("${q[@]}" -X POST \
    "$url/feed?topic=f$topic&rate=1000&arrival=poisson&payload=64&seed=1&run=1&duration=60s")
  [[ $start_ns =~ ^\{\"start_ns\":[0-9]+\}$ ]] || check "feed $carrier" '{"start_ns":N}' "$start_ns"
  check "feed conflict $carrier" "409" \
    "$("${q[@]}" -X POST -o /dev/null -w '%{http_code}' "$url/feed?topic=f$topic&rate=1&arrival=constant&payload=32&seed=1&run=1")"
  stream 7 "$carrier" "$url/stream?topic=f$topic&after=0"
  for _ in 1 2 3; do check "feed message $carrier" 64 "$(next_line 7 | wc -c)"; done
  check "feed stop $carrier" "200" "$("${q[@]}" -X DELETE -o /dev/null -w '%{http_code}' "$url/feed?topic=f$topic")"
  check "feed stopped $carrier" "404" "$("${q[@]}" -X DELETE -o /dev/null -w '%{http_code}' "$url/feed?topic=f$topic")"

  # A long log drains without a subscriber's help: far more than fits into any buffer on the way.
  head -c 1000000 /dev/zero | tr '\0' x >"$work/large"
  for _ in {1..12}; do "${q[@]}" --data-binary @"$work/large" "$url/publish?topic=big$topic" >/dev/null; done
  "${q[@]}" --data-binary last "$url/publish?topic=big$topic" >/dev/null
  stream 8 "$carrier" "$url/stream?topic=big$topic&after=0"
  timeout 60 head -n 13 <&8 >"$work/drained"
  check "drained $carrier" $((12 * 1000001 + 5)) "$(wc -c <"$work/drained")"
  check "drained to the end $carrier" "last" "$(tail -n 1 "$work/drained")"

  for fd in 4 5 6 7 8; do eval "exec $fd<&-"; done
  for pid in "${streams[@]}"; do kill "$pid" 2>/dev/null; done
  wait "${streams[@]}" 2>/dev/null
  streams=()
  rm -f "$work"/stream*
done

# One topic over both carriers.
check "across carriers" "1" "$(curl -s --http2-prior-knowledge -d x "$url/publish?topic=both")"
check "across carriers 2" "x" "$(curl -s --http1.1 "$url/poll?topic=both&after=0")"

# What the caller got wrong: one line, exit 2.
refused() {  # refused NAME PATTERN FLAGS...
  local name=$1 pattern=$2 text code
  shift 2
  text=$("$dragstrip" serve "$@" 2>&1 >/dev/null </dev/null)
  code=$?
  check "$name: exit" 2 $code
  check "$name: one line" 1 "$(printf '%s\n' "$text" | wc -l)"
  [[ $text == *$pattern* ]] || check "$name" "...$pattern..." "$text"
}
refused "port in use" "the port is in use" --listen "${url#http://}"
refused "port in use, workers" "the port is in use" --listen "${url#http://}" --workers 2
refused "remote" "--allow-remote" --listen 0.0.0.0:0
refused "bad address" "HOST:PORT" --listen nowhere
refused "unknown flag" "--listne" --listne 127.0.0.1:0
refused "bad cpu" "CPU 4000" --cpu 4000

kill -TERM "$server"
wait "$server"
check "SIGTERM" 0 $?
exec 3<&-
rm -f "$work/out"
start --cpu 0
kill -INT "$server"
wait "$server"
check "SIGINT" 0 $?
server=
exec 3<&-
rm -f "$work/out"

# --die-with-parent: the server is killed when the shell in between is.
mkfifo "$work/out"
bash -c '"$1" serve --die-with-parent >"$2" & echo $! >"$2.pid"; wait' - "$dragstrip" "$work/out" &
middle=$!
exec 3<"$work/out"
read -r -t 30 line <&3 || check "die with parent: start" "listening" ""
kill -KILL $middle
wait $middle 2>/dev/null
# Our end of the pipe reads end-of-file when the server, its only writer, is gone.
read -r -t 30 line <&3
check "die with parent" 1 $?
rm -f "$work/out.pid"

[[ $failures == 0 ]] || { echo "$failures failed"; exit 1; }
echo "all passed"
