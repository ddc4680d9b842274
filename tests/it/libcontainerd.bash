# libcontainerd - calls below /berth/libcontainerd, OCI specs to make containers of, and what its events said.
# shellcheck shell=bash disable=SC2154

# lc METHOD PATH [BODY]: the status code in the first line, then the answer's body.
lc() {
	local body=${3:-}
	printf '%s /berth/libcontainerd%s HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' \
		"$1" "$2" "$(printf %s "$body" | wc -c)" "$body" |
		timeout $((60 * SLOW)) socat -t $((60 * SLOW)) - "UNIX-CONNECT:$SUITE_DIR/run/berth.sock" |
		tr -d '\r' | sed '1s/^[^ ]* \([0-9]*\).*/\1/; 2,/^$/d'
}

# Expect a status code; the body is left in $answer.
expect() {
	local code=$1 got
	shift
	got=$(lc "$@")
	answer=$(tail -n +2 <<< "$got")
	[ "$(head -1 <<< "$got")" = "$code" ] || { echo "$*: $got, not $code" >&2; return 1; }
}

spec() { # spec SHELL-COMMAND [JQ-FILTER]
	jq -cn --arg root "$ROOT" --arg command "$1" '{
		ociVersion: "1.0.2",
		process: {args: ["/bin/sh", "-c", $command], cwd: "/", env: ["PATH=/bin", "MADE=above"], user: {uid: 0, gid: 0}},
		root: {path: $root, readonly: true},
		hostname: "made-above",
		mounts: [
			{destination: "/proc", type: "proc", source: "proc"},
			{destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"]},
			{destination: "/tmp", type: "tmpfs", source: "tmpfs"}
		],
		linux: {namespaces: [{type: "pid"}, {type: "mount"}, {type: "uts"}, {type: "ipc"}, {type: "network"}]}
	}' | jq -c "${2:-.}"
}

create() { # create ID SHELL-COMMAND [JQ-FILTER] [MORE-MEMBERS]
	expect 201 POST "/containers?id=$1" "$(jq -cn --argjson spec "$(spec "$2" "${3:-.}")" --argjson more "${4:-{\}}" '{Spec: $spec} + $more')"
}

process() { # process SHELL-COMMAND: OCI's process object
	jq -cn --arg command "$1" '{args: ["/bin/sh", "-c", $command], cwd: "/", env: ["PATH=/bin"], user: {uid: 0, gid: 0}}'
}

exec_body() { # exec_body ID SHELL-COMMAND [MORE]
	jq -cn --arg id "$1" --argjson process "$(process "$2")" --argjson more "${3:-{\}}" '{ID: $id, Process: $process} + $more'
}

status_is() { [ "$(lc GET "/containers/$1" | tail -n +2 | jq -r .Status)" = "$2" ]; }
await() { wait_until 20 status_is "$1" "$2" || { lc GET "/containers/$1" >&2; return 1; }; }
field() { jq -r "$1" <<< "$answer"; }

# ---- events: everything from here on, in a file

events_start() { # events_start [CURSOR]
	: > "$SUITE_DIR/events"
	printf 'GET /berth/libcontainerd/events?cursor=%s HTTP/1.1\r\nHost: x\r\n\r\n' "${1:-}" |
		socat -t $((600 * SLOW)) - "UNIX-CONNECT:$SUITE_DIR/run/berth.sock" > "$SUITE_DIR/events" 2> /dev/null 3>&- &
	echo $! > "$SUITE_DIR/events.pid"
	wait_until 10 grep -q '^Berth-Cursor' "$SUITE_DIR/events"
}
events_stop() {
	kill "$(cat "$SUITE_DIR/events.pid")" 2> /dev/null || true
	wait_until 10 process_gone "$(cat "$SUITE_DIR/events.pid")"
}
events_of() { # events_of ID [JQ-FILTER]: one line each
	tr -d '\r' < "$SUITE_DIR/events" | grep '^{' | jq -c "select(.ContainerID == \"$1\")" | jq -r "${2:-.Type}"
}
events_are() { [ "$(events_of "$1" "${3:-.Type}" | tr '\n' ' ')" = "$2" ]; }
await_events() {
	wait_until 20 events_are "$@" || { echo "not '$2' but:" >&2; cat "$SUITE_DIR/events" >&2; return 1; }
}
