# libcontainerd's verbs: an engine above makes, starts, watches and deletes containers from OCI specs.
load lib
load libcontainerd

setup_file() {
	start_suite
	mkdir "$SUITE_DIR/out"
}
teardown_file() { end_suite; }
setup() { events_start; }
teardown() {
	events_stop
	remove_all
}

@test "L01 each action yields exactly one event of its kind, in order" {
	create one 'sleep 1000'
	[ "$(field .Status)" = created ]
	expect 200 POST /containers/one/start
	status_is one running
	expect 200 POST /containers/one/exec "$(exec_body p1 'exit 7')"
	await_events one "create start exec-added exec-started exit "
	expect 204 POST "/containers/one/signal?signal=KILL"
	await one stopped
	expect 200 DELETE /containers/one/task
	status_is one unknown
	expect 204 DELETE /containers/one
	expect 404 GET /containers/one
	await_events one "create start exec-added exec-started exit exit "
	[ "$(events_of one .Seq | sort -nu | wc -l)" -eq 6 ]
}

@test "L02 an event's members tell the init's end from that of a process of exec" {
	local code pid
	create two 'sleep 1000'
	pid=$(field .Pid)
	[ "$(cat "/proc/$pid/comm")" != sleep ]
	expect 200 POST /containers/two/start
	[ "$(field .Pid)" = "$pid" ]
	expect 200 POST /containers/two/exec "$(exec_body other 'exit 9')"
	code=$(field .Pid)
	await_events two "create start exec-added exec-started exit "
	events_are two "two:$pid two:$pid other:0 other:$code other:$code " '.ProcessID + ":" + (.Pid | tostring)'
	[ "$(events_of two 'select(.Type == "exit") | .ExitCode')" = 9 ]
	expect 204 POST "/containers/two/signal?signal=9"
	await_events two "create start exec-added exec-started exit exit "
	[ "$(events_of two 'select(.Type == "exit" and .ProcessID == "two") | [.Pid, .ExitCode, .OOMKilled, .Error] | tostring')" = "[$pid,137,false,\"\"]" ]
	expect 200 DELETE /containers/two/task
	[ "$(field .ExitCode)" = 137 ]
	[ "$(field .ExitedAt)" = "$(events_of two 'select(.Type == "exit" and .ProcessID == "two") | .ExitedAt')" ]
}

@test "L03 version, and a handle that is not there is 404 for every verb" {
	local verb
	expect 200 GET /version
	[ "$(field '.Events | sort | join(" ")')" = "create exec-added exec-started exit oom paused resumed start unknown" ]
	[ "$(field '.Statuses | sort | join(" ")')" = "created paused pausing running stopped unknown" ]
	for verb in "GET /containers/no" "DELETE /containers/no" "GET /containers/no/restore" "POST /containers/no/start" \
		"POST /containers/no/signal?signal=9" "POST /containers/no/resize?w=1&h=1" "POST /containers/no/closestdin" \
		"GET /containers/no/stats" "GET /containers/no/pids" "GET /containers/no/summary" "POST /containers/no/update" \
		"DELETE /containers/no/task" "GET /containers/no/exec/p" "POST /containers/no/checkpoint"; do
		expect 404 $verb
		[[ "$answer" == *"could not find container no"* ]]
	done
	expect 404 POST /containers/no/exec "$(exec_body p true)"
}

@test "L03 create makes the real thing and nothing runs before start" {
	local pid
	create held 'echo started > /home/held; sleep 1000' ".mounts += [{destination: \"/home\", type: \"bind\", source: \"$SUITE_DIR/out\", options: [\"rbind\", \"rw\"]}]"
	pid=$(field .Pid)
	[ "$pid" -gt 1 ]
	status_is held created
	[ "$(berth inspect -f '{{.State.Status}} {{.State.Pid}} {{.State.Running}}' held)" = "created $pid false" ]
	[ "$(readlink "/proc/$pid/ns/pid")" != "$(readlink /proc/self/ns/pid)" ]
	[ "$(readlink "/proc/$pid/ns/mnt")" != "$(readlink /proc/self/ns/mnt)" ]
	grep -q "$SUITE_NAME" "/proc/$pid/cgroup"
	grep -q ' /tmp ' "/proc/$pid/mountinfo"
	[ -p "$SUITE_DIR/run/containers/$(berth inspect -f '{{.Id}}' held)/start" ]
	[ ! -e "$SUITE_DIR/out/held" ]
	expect 409 DELETE /containers/held
	expect 409 DELETE /containers/held/task
	expect 200 POST /containers/held/start
	wait_until 10 test -e "$SUITE_DIR/out/held"
	grep -q sleep "/proc/$pid/cmdline"
	expect 409 POST /containers/held/start
	expect 409 DELETE /containers/held/task
	rm "$SUITE_DIR/out/held"
}

@test "L03 what runs is the spec as it stands" {
	create exact 'echo "$MADE|$(hostname)|$(ls /etc | tr "\n" " ")|$(touch /x 2>&1)"; grep Seccomp: /proc/self/status; id -u'
	expect 200 POST /containers/exact/start
	await exact stopped
	run berth logs exact
	[ "${lines[0]}" = "above|made-above|group passwd |touch: /x: Read-only file system" ]
	[ "$(tr -d '\t ' <<< "${lines[1]}")" = "Seccomp:0" ]
	[ "${lines[2]}" = 0 ]
	expect 200 GET /containers/exact/restore
	[ "$(field '[.Alive, .Pid, .ExitCode] | tostring')" = "[false,0,0]" ]
}

@test "L03 a bundle: its directory, relative paths and all" {
	mkdir -p "$SUITE_DIR/bundle"
	spec 'exit 4' '.root.path = "../image"' > "$SUITE_DIR/bundle/config.json"
	expect 201 POST "/containers?id=bundled" "{\"Bundle\": \"$SUITE_DIR/bundle\"}"
	rm "$SUITE_DIR/bundle/config.json"
	expect 200 POST /containers/bundled/start
	await bundled stopped
	expect 200 DELETE /containers/bundled/task
	[ "$(field .ExitCode)" = 4 ]
	expect 404 DELETE /containers/bundled/task
	# and again, from the record alone
	expect 200 POST /containers/bundled/start
	await_events bundled "create start exit start exit "
}

@test "L03 signal, stdin, exec on a stream, its codes" {
	create busy 'trap "echo usr1" USR1; cat; echo input ended; while :; do sleep 0.1; done' . '{"Stdin": true}'
	expect 200 POST /containers/busy/start
	expect 204 POST /containers/busy/closestdin
	wait_until 10 bash -c 'berth logs busy | grep -q "input ended"'
	expect 204 POST "/containers/busy/signal?signal=USR1"
	wait_until 10 bash -c 'berth logs busy | grep -q usr1'
	expect 400 POST "/containers/busy/signal?signal=NOSUCH"
	expect 200 POST /containers/busy/exec "$(exec_body e1 'echo out; echo err >&2; exit 3' '{"Stream": true}')"
	[[ "$answer" == *out*err* || "$answer" == *err*out* ]]
	wait_until 10 bash -c "$(declare -f lc); lc GET /containers/busy/exec/e1 | tail -1 | jq -e '.ExitCode == 3 and .Running == false'"
	expect 200 POST /containers/busy/exec "$(exec_body e2 'sleep 1000')"
	expect 204 POST "/containers/busy/signal?signal=TERM&process=e2"
	wait_until 10 bash -c "$(declare -f lc); lc GET /containers/busy/exec/e2 | tail -1 | jq -e '.ExitCode == 143'"
	expect 404 POST "/containers/busy/signal?signal=TERM&process=e2"
	expect 404 GET /containers/busy/exec/e3
}

@test "L03 resize" {
	create term 'while :; do stty size; sleep 0.1; done' '.process.terminal = true | .mounts += [{destination: "/dev/pts", type: "devpts", source: "devpts", options: ["newinstance", "ptmxmode=0666"]}]'
	expect 200 POST /containers/term/start
	expect 204 POST "/containers/term/resize?w=77&h=33"
	wait_until 10 bash -c 'berth logs term | grep -q "33 77"'
	expect 400 POST "/containers/term/resize?w=77&h=100000"
	expect 400 POST /containers/term/closestdin
}

@test "L03 stats, pids, summary, update" {
	create load 'sleep 1000 & sleep 1000 & wait'
	expect 200 GET /containers/load/pids
	[ "$(field length)" -eq 1 ]
	expect 200 POST /containers/load/start
	three() { expect 200 GET /containers/load/pids && [ "$(field length)" -eq 3 ]; }
	wait_until 10 three
	expect 200 GET /containers/load/summary
	[ "$(field '[.[].Name] | sort | join(" ")')" = "sh sleep sleep" ]
	[ "$(field '[.[] | select(.MemoryBytes > 0)] | length')" -eq 3 ]
	expect 200 GET /containers/load/stats
	[ "$(field '.Memory.Usage > 0')" = true ]
	expect 204 POST /containers/load/update '{"memory": {"limit": 67108864}, "pids": {"limit": 40}}'
	expect 200 GET /containers/load/stats
	[ "$(field '[.Memory.Limit, .Pids.Limit] | tostring')" = "[67108864,40]" ]
	expect 400 POST /containers/load/update '{"memory": {"limit": "much"}}'
	[[ "$answer" == *"memory.limit"* ]]
	expect 400 POST /containers/load/update '{"devices": [{"allow": true, "access": "rwm"}]}'
}

@test "L03 checkpoints are not built yet" {
	create frozen true
	expect 501 POST /containers/frozen/checkpoint '{}'
	expect 501 POST "/containers/frozen/start?checkpoint=x"
}

@test "L01 L03 pause and resume: the whole group, and one event each" {
	create icy 'while :; do date +%N; sleep 0.05; done'
	expect 409 POST /containers/icy/pause
	expect 200 POST /containers/icy/start
	expect 204 POST /containers/icy/pause
	status_is icy paused
	expect 409 POST /containers/icy/pause
	expect 409 POST /containers/icy/exec "$(exec_body cold true)"
	expect 204 POST /containers/icy/resume
	status_is icy running
	await_events icy "create start paused resumed "
}

@test "L08 freezing the group from outside is one pause event" {
	local id group
	create outside 'sleep 1000'
	expect 200 POST /containers/outside/start
	id=$(berth inspect -f '{{.Id}}' outside)
	group=$(find /sys/fs/cgroup -path "*$SUITE_NAME/$id/cgroup.freeze" | head -1)
	[ -n "$group" ] || skip "no v2 freezer here"
	echo 1 > "$group"
	await outside paused
	echo 0 > "$group"
	await outside running
	await_events outside "create start paused resumed "
}

@test "L04 an exec in steady state looks up no path by the container's id" {
	local id trace=$SUITE_DIR/trace
	create steady 'sleep 1000'
	expect 200 POST /containers/steady/start
	id=$(berth inspect -f '{{.Id}}' steady)
	expect 200 POST /containers/steady/exec "$(exec_body warm true '{"Stream": true}')"
	strace -qq -e trace=%file -o "$trace" -p "$(supervisor_pid)" 3>&- &
	wait_until 10 grep -q '^TracerPid:.*[1-9]' "/proc/$(supervisor_pid)/status"
	local i
	for i in 1 2 3 4 5; do
		expect 200 POST /containers/steady/exec "$(exec_body "s$i" true '{"Stream": true}')"
	done
	kill %%
	wait_until 10 grep -q '^TracerPid:.*0' "/proc/$(supervisor_pid)/status"
	grep -q berth. "$trace" # it was watched
	! grep "$id" "$trace"
}

@test "L05 the errors: in use is a conflict, missing is not found, nonsense is invalid" {
	create once 'sleep 1000'
	expect 409 POST "/containers?id=once" "{\"Spec\": $(spec true)}"
	expect 400 POST "/containers" "{\"Spec\": $(spec true)}"
	expect 400 POST "/containers?id=x%20y" "{\"Spec\": $(spec true)}"
	expect 400 POST "/containers?id=bad" '{}'
	expect 400 POST "/containers?id=bad" "{\"Spec\": $(spec true), \"Bundle\": \"/x\"}"
	expect 404 POST "/containers?id=bad" '{"Bundle": "/no/such/bundle"}'
	expect 400 POST "/containers?id=bad" "{\"Spec\": $(spec true '.process.cwd = "relative"')}"
	[[ "$answer" == *"process.cwd"* ]]
	expect 400 POST "/containers?id=bad" "{\"Spec\": $(spec true '.root.path = "relative"')}"
	expect 404 GET /containers/bad
	expect 200 POST /containers/once/start
	expect 200 POST /containers/once/exec "$(exec_body twice 'sleep 1000')"
	expect 409 POST /containers/once/exec "$(exec_body twice true)"
	expect 409 POST /containers/once/exec "$(exec_body once true)"
	expect 400 POST /containers/once/exec '{"ID": "half"}'
	expect 400 POST /containers/once/exec '{"ID": "half", "Process": {"args": [], "cwd": "/"}}'
	expect 400 POST /containers/once/exec '{"ID": "half", "Process": {"args": ["x"], "cwd": "/", "capabilities": {"bounding": ["CAP_NOSUCH"]}}}'
}

@test "L06 start comes before exit, always, under many fast containers" {
	local n=${BERTH_TEST_VM:+10} i starts=()
	n=${n:-40}
	for i in $(seq "$n"); do create "fast$i" true; done
	for i in $(seq "$n"); do
		lc POST "/containers/fast$i/start" > /dev/null 3>&- &
		starts+=($!)
	done
	wait "${starts[@]}"
	for i in $(seq "$n"); do await_events "fast$i" "create start exit "; done
	# numbers without a gap or a turn, whichever container they are of
	tr -d '\r' < "$SUITE_DIR/events" | grep '^{' | jq .Seq > "$SUITE_DIR/seqs"
	sort -n "$SUITE_DIR/seqs" | cmp - "$SUITE_DIR/seqs"
}

@test "L06 a supervisor's death loses no exit, and a reader goes on where it was" {
	local last instance old
	create lost 'while [ ! -e /home/go ]; do sleep 0.02; done; exit 6' ".mounts += [{destination: \"/home\", type: \"bind\", source: \"$SUITE_DIR/out\", options: [\"rbind\", \"rw\"]}]"
	expect 200 POST /containers/lost/start
	create waits 'exit 5'
	await_events waits "create "
	instance=$(tr -d '\r' < "$SUITE_DIR/events" | sed -n 's/^Berth-Cursor: \([0-9a-f]*\)-.*/\1/p')
	last=$(events_of waits .Seq)
	events_stop
	old=$(supervisor_pid)
	kill -STOP "$(keeper_pid)"
	kill -KILL "$old"
	touch "$SUITE_DIR/out/go"
	sleep 0.3 # it ends while nobody is there to be told
	kill -CONT "$(keeper_pid)"
	another() { [ "$(supervisor_pid)" != "$old" ] && berth version > /dev/null 2>&1; }
	wait_until 20 another
	events_start "$instance-$last"
	await_events lost "exit "
	[ "$(events_of lost .ExitCode)" = 6 ]
	await lost stopped
	# neither has the one that was only created gone, nor started by itself
	status_is waits created
	expect 200 POST /containers/waits/start
	await_events waits "start exit "
	[ "$(events_of waits 'select(.Type == "exit") | .ExitCode')" = 5 ]
	rm "$SUITE_DIR/out/go"
}

@test "L07 a program that is not there leaves nothing, however often" {
	local n=${BERTH_TEST_VM:+60} i body fds pids groups
	n=${n:-1000}
	create leak 'sleep 1000'
	expect 200 POST /containers/leak/start
	one_bad() {
		expect 400 POST /containers/leak/exec "$(jq -cn --arg id "bad$1" '{ID: $id, Process: {args: ["/no/such"], cwd: "/", user: {uid: 0, gid: 0}}}')"
	}
	one_bad 0
	fds=$(ls "/proc/$(supervisor_pid)/fd" | wc -l)
	groups=$(find /sys/fs/cgroup -type d -path "*$SUITE_NAME*" | wc -l)
	pids=$(processes_of_suite | wc -l)
	for i in $(seq "$n"); do # all by one connection
		body="{\"ID\": \"bad$i\", \"Process\": {\"args\": [\"/no/such\"], \"cwd\": \"/\"}}"
		printf 'POST /berth/libcontainerd/containers/leak/exec HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' \
			"${#body}" "$body"
	done > "$SUITE_DIR/calls"
	: > "$SUITE_DIR/answers"
	all_answered() { [ "$(grep -c 'HTTP/1.1 400' "$SUITE_DIR/answers")" -eq "$n" ]; }
	{
		cat "$SUITE_DIR/calls"
		wait_until 120 all_answered
	} | socat - "UNIX-CONNECT:$SUITE_DIR/run/berth.sock" > "$SUITE_DIR/answers"
	all_answered
	all_told() { [ "$(grep -c '"exit".*"ExitCode":127' "$SUITE_DIR/events")" -gt "$n" ]; }
	wait_until 20 all_told
	[ "$(events_of leak 'select(.Type == "exit" and .ExitCode == 127) | .ProcessID' | sort -u | wc -l)" -gt "$n" ]
	expect 200 GET /containers/leak/pids
	[ "$(field length)" -eq 1 ]
	same_as_before() {
		[ "$(ls "/proc/$(supervisor_pid)/fd" | wc -l)" -le $((fds + 1)) ] && [ "$(processes_of_suite | wc -l)" -eq "$pids" ] &&
			[ "$(find /sys/fs/cgroup -type d -path "*$SUITE_NAME*" | wc -l)" -eq "$groups" ]
	}
	wait_until 20 same_as_before
	[ "$(find "$SUITE_DIR/run/containers" -mindepth 1 | wc -l)" -le 6 ]
}

@test "L07 a create that fails leaves nothing" {
	local filter before
	leftovers() {
		find /sys/fs/cgroup -type d -path "*$SUITE_NAME*" | sort
		ls "/proc/$(supervisor_pid)/fd" | wc -l
		find "$SUITE_DIR/run/containers" "$SUITE_DIR/data" "$SUITE_DIR/data/logs" -mindepth 1 | sort
		new_mounts
		processes_of_suite | wc -l
	}
	expect 400 POST "/containers?id=never" "{\"Spec\": $(spec true '.process.args = ["/no/such"]')}"
	[[ "$answer" == *"no such file"* ]]
	before=$(leftovers)
	for filter in '.process.args = ["/no/such"]' '.process.args = ["/etc"]' '.process.user.uid = 4294967295' '.root.path = "/no/such"' \
		'.mounts += [{destination: "/home", type: "bind", source: "/no/such", options: ["rbind"]}]' \
		'.mounts += [{destination: "/home", type: "nosuchfs", source: "x"}]' \
		'.linux.sysctl = {"net.no.such": "1"}' '.linux.resources = {unified: {"no.such": "1"}}' '.linux.namespaces += [{type: "cgroup", path: "/proc/self/ns/net"}]'; do
		got=$(lc POST "/containers?id=never" "{\"Spec\": $(spec true "$filter")}")
		[[ "$(head -1 <<< "$got")" = [45]* ]] || { echo "$filter: $got"; return 1; }
		expect 404 GET /containers/never
		same() { [ "$(leftovers)" = "$before" ]; }
		wait_until 20 same || { diff <(echo "$before") <(leftovers); echo "$filter"; return 1; }
	done
	[ -z "$(events_of never)" ]
	run berth ps -aq
	[ -z "$output" ]
}

@test "L08 a process that is unknown after a supervisor's death, or cannot be found, ends with 127" {
	create gone 'sleep 1000'
	expect 200 POST /containers/gone/start
	expect 400 POST /containers/gone/exec "$(jq -cn '{ID: "none", Process: {args: ["/no/such"], cwd: "/"}}')"
	await_events gone "create start exec-added exit "
	[ "$(events_of gone 'select(.Type == "exit") | .ProcessID + " " + (.ExitCode | tostring)')" = "none 127" ]
	expect 200 POST /containers/gone/exec "$(exec_body lives 'sleep 1000')"
	await_events gone "create start exec-added exit exec-added exec-started "
	local cursor old
	cursor=$(tr -d '\r' < "$SUITE_DIR/events" | sed -n 's/^Berth-Cursor: \([0-9a-f]*\)-.*/\1/p')-$(events_of gone .Seq | tail -1)
	events_stop
	old=$(supervisor_pid)
	kill -KILL "$old"
	another() { [ "$(supervisor_pid)" != "$old" ] && berth version > /dev/null 2>&1; }
	wait_until 20 another
	events_start "$cursor"
	await_events gone "lives 127 " '.ProcessID + " " + (.ExitCode | tostring)'
	status_is gone running
	expect 200 GET /containers/gone/pids
	[ "$(field length)" -eq 1 ]
}

@test "L08 out of memory: an event, and the end says so" {
	create hungry 'x=$(head -c 60000000 /dev/zero | tr "\0" x); echo $x | wc -c; sleep 1000' '.linux.resources = {memory: {limit: 12582912, swap: 12582912}}'
	expect 200 POST /containers/hungry/start
	wait_until 30 bash -c "$(declare -f lc); lc GET /containers/hungry | tail -1 | jq -e '.Status == \"stopped\"'"
	await_events hungry "create start oom exit "
	[ "$(events_of hungry 'select(.Type == "exit") | .OOMKilled')" = true ]
	[ "$(berth inspect -f '{{.State.OOMKilled}}' hungry)" = true ]
}

@test "docker's verbs and these are about the same containers" {
	create both 'echo from above; exit 2'
	[ "$(berth ps -a --format '{{.Names}} {{.State}}')" = "both created" ]
	berth start both
	await both stopped
	[ "$(berth wait both)" = 2 ]
	[ "$(berth logs both)" = "from above" ]
	local id
	id=$(berth run --network none -d --name below "dir:$ROOT" sleep 1000)
	status_is "$id" running
	expect 200 POST "/containers/$id/exec" "$(exec_body there true)"
	expect 204 POST "/containers/$id/signal?signal=KILL"
	await "$id" stopped
	await_events "$id" "create start exec-added exec-started exit exit "
	create stays 'sleep 1000'
	berth rm stays > /dev/null
	expect 404 GET /containers/stays
}

# Whoever sees one step of an exit finds all those before it done.
@test "L08 an exit in order: output, state, event, waiters, streams" {
	local i waiter attached
	seen_after() { # seen_after WHAT ID
		echo "$(berth inspect -f '{{.State.Status}} {{.State.ExitCode}}' "$2") $(berth logs "$2" | wc -c)" \
			"$(berth events --since 0 --until "$(date +%s.%N)" -f "container=$2" -f event=die --format '{{.Action}}')" > "$SUITE_DIR/after.$1"
	}
	for i in 1 2 3; do
		create "ends$i" 'read x; i=0; while [ $i -lt 300 ]; do echo "line $i ........................................"; i=$((i + 1)); done; exit 9' . '{"Stdin": true}'
		expect 200 POST "/containers/ends$i/start"
		(berth wait "ends$i" > /dev/null && seen_after wait "ends$i") 3>&- &
		waiter=$!
		(berth attach --no-stdin "ends$i" > /dev/null || [ $? = 9 ]; seen_after attach "ends$i") 3>&- &
		attached=$!
		sleep 0.3 # both are there, or else they see the same a little later
		expect 204 POST "/containers/ends$i/closestdin"
		await_events "ends$i" "create start exit "
		seen_after event "ends$i"
		wait $waiter $attached
		for what in event wait attach; do
			[ "$(cat "$SUITE_DIR/after.$what")" = "exited 9 $(seq -f 'line %.0f ........................................' 0 299 | wc -c) die" ] ||
				{ echo "$what: $(cat "$SUITE_DIR/after.$what")" >&2; return 1; }
		done
	done
}

@test "L08 an exit in order: by the supervisor's own calls" {
	local trace=$SUITE_DIR/trace waiter attached at=0 n what
	create strict 'read x; echo last words; exit 9' . '{"Stdin": true}'
	expect 200 POST /containers/strict/start
	berth wait strict > /dev/null 3>&- &
	waiter=$!
	berth attach --no-stdin strict > /dev/null 3>&- &
	attached=$!
	sleep 0.5
	strace -qq -s 4096 -o "$trace" -p "$(supervisor_pid)" 3>&- &
	wait_until 10 grep -q '^TracerPid:.*[1-9]' "/proc/$(supervisor_pid)/status"
	expect 204 POST /containers/strict/closestdin
	await strict stopped
	wait $waiter
	wait $attached || [ $? = 9 ]
	kill %%
	wait_until 10 grep -q '^TracerPid:.*0' "/proc/$(supervisor_pid)/status"
	# read to its end, on record, told in the ring, to the waiter
	for what in 'last words' 'rename.*state.json' 'write.*[0-9a-f]* die ' 'StatusCode[^0-9]*9'; do
		n=$(tail -n +$((at + 1)) "$trace" | grep -n -m1 -e "$what" | cut -d: -f1)
		[ -n "$n" ] || { echo "no '$what' behind line $at:" >&2; tail -n +$((at + 1)) "$trace" | cut -c1-150 >&2; return 1; }
		at=$((at + n))
	done
	# and neither an event before the state nor a waiter before the event
	[ "$(grep -n -m1 'StatusCode[^0-9]*9' "$trace" | cut -d: -f1)" -gt "$(grep -n -m1 'write.*[0-9a-f]* die ' "$trace" | cut -d: -f1)" ]
}
