# events: docker's words in docker's order, filters, replay; nothing lost or doubled when the supervisor is killed.
load lib

setup_file() { start_suite; }
teardown_file() { end_suite; }
teardown() {
	[ -z "${WATCHER:-}" ] || { kill "$WATCHER" 2> /dev/null; wait "$WATCHER" 2> /dev/null; }
	remove_all
}

# request METHOD PATH: the answer's status, then its body.
request() {
	printf '%s %s HTTP/1.0\r\nHost: b\r\n\r\n' "$1" "$2" |
		socat -t $((10 * SLOW)) - "UNIX-CONNECT:$SUITE_DIR/run/berth.sock" | tr -d '\r' | sed '1s/^[^ ]* \([0-9]*\).*/\1/; 2,/^$/d'
}
escaped() { jq -rn --arg s "$1" '$s|@uri'; }
now() { date +%s.%N; }
names() { berth events --until "$(now)" --format '{{.Action}}' "$@"; } # what was, one action per line
one_line() { tr '\n' ' ' | sed 's/ $//'; }
STAYS='trap "exit 0" TERM; while :; do sleep 0.1; done'

watch_events() { # watch_events FILE ARGS...: in the background, ready when it returns
	local file=$1
	shift
	berth events --since 0 "$@" 3>&- > "$file" 2> "$file.err" &
	WATCHER=$!
}
has_lines() { [ "$(wc -l < "$1")" -ge "$2" ]; }
kill_supervisor() {
	local old
	old=$(supervisor_pid)
	kill -KILL "$old"
	wait_until 10 bash -c '[ "$(cat "$SUITE_DIR/run/supervisor.pid")" != "$0" ] && timeout 20 berth version > /dev/null 2>&1' "$old"
}

@test "L01 each act makes its events once, in order" {
	local since
	since=$(now)
	berth run -d --name one --network none "dir:$ROOT" sh -c "$STAYS"
	berth stop one
	berth start one
	berth restart one
	berth kill -s USR1 one || true
	berth rm -f one
	names --since "$since" -f container=one > "$SUITE_DIR/seen"
	diff "$SUITE_DIR/seen" - <<-EOF
		create
		start
		kill
		die
		stop
		start
		kill
		die
		stop
		start
		restart
		kill
		kill
		die
		destroy
	EOF
}

@test "attributes: the action's own below the labels, the labels below image and name" {
	berth run --name attr --label exitCode=mine --label colour=blue --label name=wrong --network none "dir:$ROOT" sh -c 'exit 7' || true
	run berth events --since 0 --until "$(now)" -f container=attr -f event=die --format '{{json .Actor.Attributes}}'
	[ "$(jq -cS . <<< "$output")" = "$(jq -cS --arg i "dir:$ROOT" -n '{colour:"blue",execDuration:"0",exitCode:"mine",image:$i,name:"attr"}')" ]
	run berth events --since 0 --until "$(now)" -f container=attr -f event=start
	[[ "$output" =~ ^[0-9-]{10}T[0-9:]{8}\.[0-9]{9}[^\ ]*\ container\ start\ [0-9a-f]{64}\ \(colour=blue,\ exitCode=mine,\ image=dir:$ROOT,\ name=attr\)$ ]]
}

@test "kill has the signal, die code and duration, resize the size" {
	berth run -d --name what -t --network none "dir:$ROOT" sh -c 'trap "exit 5" USR1; while :; do sleep 0.1; done'
	[ "$(request POST '/containers/what/resize?h=11&w=33')" = 200 ]
	sleep 1.1
	wait_until 5 eval 'berth kill -s USR1 what; sleep 0.3; [ "$(berth inspect -f "{{.State.Running}}" what)" = false ]'
	run berth events --since 0 --until "$(now)" -f container=what --format '{{.Action}} {{json .Actor.Attributes}}'
	grep -q '^resize .*"height":"11".*"width":"33"' <<< "$output"
	grep -q '^kill .*"signal":"10"' <<< "$output"
	grep -q '^die .*"execDuration":"[1-9][0-9]*".*"exitCode":"5"' <<< "$output"
}

@test "exec: create, start and end with id, command and code" {
	berth run -d --name ex --network none "dir:$ROOT" sh -c "$STAYS"
	berth exec ex sh -c 'exit 4' || [ $? = 4 ]
	[ "$(names --since 0 -f container=ex -f event=exec_create -f event=exec_start -f event=exec_die | one_line)" = \
		"exec_create: sh -c exit 4 exec_start: sh -c exit 4 exec_die" ]
	run berth events --since 0 --until "$(now)" -f container=ex -f event=exec_die --format '{{.Actor.Attributes.exitCode}} {{.Actor.Attributes.execID}}'
	[[ "$output" =~ ^4\ [0-9a-f]{64}$ ]]
	[ -z "$(names --since 0 -f container=ex -f event=exec)" ] # no prefix of a word
}

@test "attach and detach" {
	berth run -d --name leaver -it --network none "dir:$ROOT" cat
	{
		printf 'POST /containers/leaver/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: b\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n'
		wait_until 10 eval 'names --since 0 -f container=leaver | grep -q "^attach$"'
		printf '\x10\x11'
		wait_until 10 eval 'names --since 0 -f container=leaver | grep -q "^detach$"'
	} | socat -t1 - "UNIX-CONNECT:$SUITE_DIR/run/berth.sock" > /dev/null
	[ "$(names --since 0 -f container=leaver -f event=attach -f event=detach | one_line)" = "attach detach" ]
}

@test "oom comes before die" {
	berth run --name big --network none -m 16m "dir:$ROOT" sh -c 'dd if=/dev/zero of=/dev/null bs=64M count=1' || true
	[ "$(names --since 0 -f container=big -f event=oom -f event=die | one_line)" = "oom die" ]
}

@test "filters: both forms of the API, type, label, image, prefixes of name and id; unknown ones are errors" {
	local id
	berth create --name f1 --label a=1 --label b --network none "dir:$ROOT" true
	berth create --name f2 --label a=2 --network none "dir:$ROOT" true
	id=$(berth inspect -f '{{.Id}}' f2)
	seen() { berth events --since 0 --until "$(now)" -f event=create --format '{{.Actor.Attributes.name}}' "$@" | grep '^f[12]$' | sort | one_line; }
	[ "$(seen -f container=f)" = "f1 f2" ]
	[ "$(seen -f container=f1 -f container=f2)" = "f1 f2" ]
	[ "$(seen -f "container=${id:0:20}")" = f2 ]
	[ "$(seen -f label=a)" = "f1 f2" ]
	[ "$(seen -f label=a=2)" = f2 ]
	[ "$(seen -f label=a -f label=b)" = f1 ]
	[ "$(seen -f "image=dir:$ROOT")" = "f1 f2" ]
	[ "$(seen -f image=other)" = "" ]
	[ "$(seen -f type=container)" = "f1 f2" ]
	[ "$(seen -f type=network)" = "" ]
	[ "$(seen -f network=f1)" = "" ]
	[ "$(seen -f scope=swarm)" = "" ]
	run berth events --until "$(now)" -f colour=blue
	[ "$status" -eq 1 ]
	[[ "$output" == *"invalid filter 'colour'"* ]]
	local path="/events?since=0&until=$(now)"
	[ "$(request GET "$path&filters=$(escaped '{"container":{"f1":true},"event":{"create":true}}')" | sed 1d |
		jq -r '[.status, .Action, .from, .id == .Actor.ID, .scope, .time == (.timeNano / 1e9 | floor)] | join(" ")')" = \
		"create create dir:$ROOT true local true" ]
	[ "$(request GET "$path&filters=$(escaped '{"container":7}')" | head -1)" = 400 ]
	[ "$(request GET '/events?since=gestern' | head -1)" = 400 ]
	[ "$(request GET '/events?since=20&until=10' | head -1)" = 400 ]
	[ "$(request GET '/events?cursor=x' | head -1)" = 400 ]
}

@test "no history unless since or until is asked for; until ends the stream by itself" {
	berth run --name past --network none "dir:$ROOT" true
	timeout $((20 * SLOW)) berth events --until "$(date -d '+2 seconds' +%s.%N)" -f container=past --format '{{.Action}}' > "$SUITE_DIR/until"
	[ "$(one_line < "$SUITE_DIR/until")" = "create attach start die" ]
	berth events -f container=past > "$SUITE_DIR/fresh" 3>&- &
	WATCHER=$!
	wait_until 10 eval 'berth start past; sleep 0.2; has_lines "$SUITE_DIR/fresh" 1'
	! grep -q create "$SUITE_DIR/fresh"
}

@test "a stream is told of a command at once" {
	watch_events "$SUITE_DIR/live" -f container=live --format '{{.Action}}'
	berth run -d --name live --network none "dir:$ROOT" sh -c "$STAYS"
	wait_until 10 has_lines "$SUITE_DIR/live" 2
	berth rm -f live
	wait_until 10 has_lines "$SUITE_DIR/live" 5
	[ "$(one_line < "$SUITE_DIR/live")" = "create start kill die destroy" ]
}

@test "L06 start comes before die, however short the run; the same across supervisors that are killed" {
	local i n=6
	watch_events "$SUITE_DIR/short" -f event=create -f event=start -f event=die -f event=destroy -f type=container -f label=short \
		--format '{{.Actor.Attributes.name}} {{.Action}}'
	for ((i = 0; i < n; i++)); do
		berth run -d --name "s$i" --label short --network none "dir:$ROOT" true > /dev/null
		kill_supervisor
		berth rm -f "s$i"
		kill_supervisor
	done
	wait_until 10 has_lines "$SUITE_DIR/short" $((4 * n))
	for ((i = 0; i < n; i++)); do printf "s$i %s\n" create start die destroy; done | diff "$SUITE_DIR/short" -
	# Another client, with the ring of what has been, sees the same.
	berth events --since 0 --until "$(now)" -f label=short --format '{{.Actor.Attributes.name}} {{.Action}}' | grep -v ' kill$' | diff - "$SUITE_DIR/short"
}

@test "probe m: wait goes on with the next supervisor and gets the code, whatever it waits for" {
	local condition code
	mkdir -p "$SUITE_DIR/go"
	for condition in not-running next-exit removed; do
		rm -f "$SUITE_DIR/go/now"
		berth run -d --name away --network none -v "$SUITE_DIR/go:/go" "dir:$ROOT" sh -c 'while [ ! -e /go/now ]; do sleep 0.05; done; exit 43' > /dev/null
		berth wait --condition $condition away > "$SUITE_DIR/code" 3>&- &
		WATCHER=$!
		sleep 0.5
		kill_supervisor
		kill -STOP "$(supervisor_pid)" # it ends while nobody looks
		touch "$SUITE_DIR/go/now"
		sleep 0.3
		kill -KILL "$(supervisor_pid)"
		if [ $condition = removed ]; then
			wait_until 10 eval '[ "$(berth inspect -f "{{.State.Status}}" away)" = exited ]'
			process_gone "$WATCHER" && return 1
			berth rm away
		fi
		wait "$WATCHER"
		[ "$(cat "$SUITE_DIR/code")" = 43 ]
		[ $condition = removed ] || berth rm away
	done
}

@test "wait: an end between two supervisors counts, however it was named and whatever has become of it" {
	berth run -d --name gone --network none "dir:$ROOT" sh -c 'exit 44' > /dev/null
	berth wait gone
	local path place id
	id=$(berth inspect -f '{{.Id}}' gone)
	printf 'POST /containers/gone/wait?condition=next-exit&cursor= HTTP/1.1\r\nHost: b\r\n\r\n' |
		timeout 2 socat -t1 - "UNIX-CONNECT:$SUITE_DIR/run/berth.sock" | tr -d '\r' > "$SUITE_DIR/head" || true
	place=$(sed -n 's/^Berth-Cursor: //p' "$SUITE_DIR/head")
	[ "$(sed -n 's/^Berth-Container: //p' "$SUITE_DIR/head")" = "$id" ]
	berth start gone
	berth wait gone
	kill_supervisor
	for path in "condition=next-exit&cursor=$place" "condition=not-running&cursor=$place"; do
		[ "$(request POST "/containers/$id/wait?$path" | sed 1d | jq .StatusCode)" = 44 ]
	done
	berth rm "$id"
	kill_supervisor
	# The record of a removed container goes with a supervisor, the ring does not.
	for path in "condition=removed&cursor=$place" "condition=removed" ""; do
		[ "$(request POST "/containers/$id/wait?$path" | sed 1d | jq .StatusCode)" = 44 ]
	done
	[ "$(request POST "/containers/nosuch/wait" | head -1)" = 404 ]
}

@test "wait: why a start failed is told to those who come after the removal, too" {
	local id
	id=$(berth create --name fails --network none "dir:$ROOT" no-such-program)
	run berth start fails
	[ "$status" -ne 0 ]
	berth rm fails
	kill_supervisor
	run request POST "/containers/$id/wait?condition=removed"
	[[ "$output" == *'"StatusCode":127'*'"Message":"'*'executable file not found'* ]]
}

@test "stop, start and rm are asked for again when the supervisor dies in the middle, kill is not" {
	local pid
	berth run -d --name mid --network none --stop-timeout 3 "dir:$ROOT" sh -c 'trap "" TERM; while :; do sleep 0.1; done' > /dev/null
	berth stop mid 3>&- > "$SUITE_DIR/stop" 2>&1 &
	pid=$!
	wait_until 5 eval 'names --since 0 -f container=mid | grep -q "^kill$"'
	kill_supervisor
	wait "$pid"
	[ "$(cat "$SUITE_DIR/stop")" = mid ]
	[ "$(berth inspect -f '{{.State.Status}} {{.State.ExitCode}}' mid)" = "exited 137" ]
	berth start mid
	kill -STOP "$(supervisor_pid)"
	berth kill mid 3>&- > "$SUITE_DIR/kill" 2>&1 &
	pid=$!
	sleep 0.5
	kill -KILL "$(supervisor_pid)"
	if wait "$pid"; then # it was in the queue, and the next one took it
		[ "$(cat "$SUITE_DIR/kill")" = mid ]
	else
		grep -q 'not known, see' "$SUITE_DIR/kill"
	fi
	berth rm -f mid
}

@test "a client of a daemon that is really gone says so and ends" {
	berth events 3>&- > "$SUITE_DIR/last" 2>&1 &
	WATCHER=$!
	berth run -d --name stays --network none "dir:$ROOT" sh -c "$STAYS"
	wait_until 10 has_lines "$SUITE_DIR/last" 2
	berth rm -f stays
	stop_daemon
	local status=0
	wait "$WATCHER" || status=$?
	WATCHER=
	start_daemon
	[ "$status" -eq 1 ]
	tail -1 "$SUITE_DIR/last" | grep -qx "the berth daemon at $BERTH_HOST has gone"
}

@test "a reader that has gone ends events and stats as it ends any filter; what cannot be written is an error" {
	berth create --name unread --network none "dir:$ROOT" true > /dev/null
	local verb status
	for verb in "events --since 0 --until $(now)" "stats -a"; do
		(sleep 0.2; timeout $((5 * SLOW)) berth $verb 2> "$SUITE_DIR/err" || echo $? > "$SUITE_DIR/status") | :
		[ "$(cat "$SUITE_DIR/status")" = 141 ]
		[ ! -s "$SUITE_DIR/err" ]
		status=0
		timeout $((5 * SLOW)) berth $verb > /dev/full 2> "$SUITE_DIR/err" || status=$?
		[ "$status" = 1 ]
		grep -q 'write to standard output: No space left' "$SUITE_DIR/err"
	done
}

@test "a client that stands still loses nothing that the ring holds, and is told of what it does not" {
	local i
	berth events --format json > "$SUITE_DIR/slow" 3>&- &
	WATCHER=$!
	wait_until 5 eval 'berth create --name probe --network none "dir:$ROOT" true; berth rm probe; [ -s "$SUITE_DIR/slow" ]'
	kill -STOP "$WATCHER"
	berth create --name gap --label "long=$(head -c 60000 /dev/zero | tr '\0' x)" --network none "dir:$ROOT" true > /dev/null
	for ((i = 0; i < 4; i++)); do berth start gap > /dev/null; berth wait gap > /dev/null; done # 8 × 60 kB: the ring holds them
	kill -CONT "$WATCHER"
	wait_until 10 eval '[ "$(grep -c "\"Action\":\"die\"" "$SUITE_DIR/slow")" = 4 ]'
	! grep -q '"lost"' "$SUITE_DIR/slow"
	kill -STOP "$WATCHER"
	for ((i = 0; i < 30; i++)); do berth start gap > /dev/null; berth wait gap > /dev/null; done # more than it holds
	kill -CONT "$WATCHER"
	wait_until 10 grep -q '"Type":"berth","Action":"lost"' "$SUITE_DIR/slow"
	local told lost
	wait_until 10 eval 'berth create --name last --network none "dir:$ROOT" true; berth rm last; grep -q "\"name\":\"last\"" "$SUITE_DIR/slow"'
	lost=$(grep '"Action":"lost"' "$SUITE_DIR/slow" | jq -r .Actor.Attributes.count)
	told=$(grep '"gap"' "$SUITE_DIR/slow" | grep -c -e '"Action":"start"' -e '"Action":"die"')
	[ $((told + lost)) -eq 68 ]
}
