# crash: supervisor and keeper killed at every step and at random; what runs goes on, what was half done is gone.
#
# A fault point is a place in the code at which BERTH_FAULT=NAME:WHO kills (base/fault.h). Their names are read from the
# program, so that a new one is struck without a change here.
load lib
load crash

setup_file() { prepare_crash_suite; }
teardown_file() { leave_suite; }

# Each test runs daemons of its own; one that a failure left behind must not spoil the next.
teardown() { end_daemon_by_force; }

@test "the supervisor dies at each of its own steps" {
	strike_each self live_detached -- supervisor.
}

@test "the supervisor dies at each step of launcher and init" {
	strike_each supervisor live_detached -- launch. init.
}

@test "the launcher, the init and the worker die at each of their steps" {
	strike_each self live_detached -- launch. init. worker.
}

@test "the supervisor dies during the end of run --rm" {
	strike_each self live_brief -- supervisor.drained supervisor.ex supervisor.ack supervisor.rem supervisor.told supervisor.forgotten
	! thorough || strike_each self live_brief -- supervisor.
	! thorough || strike_each supervisor live_brief -- launch. init.
}

@test "in the host's pid namespace, where the launcher is executed afresh" {
	thorough || skip "in the long run only (make soak)"
	strike_each supervisor live_detached --pid host -- launch. init.
	strike_each self live_detached --pid host -- launch. init.
}

@test "a launcher that stands still is ended by the next supervisor" {
	local point n=0
	for point in $(sampled_points launch.); do
		echo "$point:stop"
		BERTH_FAULT=$point:stop BERTH_PROGRAM=$FAULTS start_daemon
		berth_timed run -d --name victim --network none "dir:$ROOT" true > /dev/null 2>&1 &
		wait_until 10 launcher_is_stopped
		kill_supervisor
		wait
		await_state victim 'created 128'
		settles
		end_whole
		n=$((n + 1))
	done
	[ $n -ge 1 ] || [ -n "${BERTH_TEST_VM:-}" ]
}

@test "a running container goes on: its process, its output, its verbs" {
	start_daemon
	berth run -d --name steady --network none "dir:$ROOT" \
		sh -c 'trap "exit 5" TERM; i=0; while :; do i=$((i + 1)); echo "line $i"; sleep 0.02; done' > /dev/null
	local pid i
	pid=$(pid_of steady)
	for i in 1 2 3; do
		sleep 0.2
		kill_supervisor
		[ "$(pid_of steady)" = "$pid" ]
	done
	[ "$(berth_timed exec steady echo in)" = in ]
	berth_timed stop steady
	[ "$(state_of steady)" = "exited 5" ]
	berth logs steady > "$SUITE_DIR/lines"
	# shellcheck disable=SC2046
	diff "$SUITE_DIR/lines" <(seq -f 'line %g' $(wc -l < "$SUITE_DIR/lines"))
	[ "$(wc -l < "$SUITE_DIR/lines")" -gt 20 ]
	berth_timed start steady
	await_state steady 'running 0'
	berth_timed rm -f steady
	end_whole
}

@test "what happened while there was no supervisor: last words and exit code" {
	start_daemon
	mkdir -p "$SUITE_DIR/go"
	local code pid
	for code in 0 7; do
		rm -f "$SUITE_DIR/go/now"
		berth run -d --name away --network none -v "$SUITE_DIR/go:/go" "dir:$ROOT" \
			sh -c "echo before; while [ ! -e /go/now ]; do sleep 0.05; done; echo away; echo beside >&2; exit $code" > /dev/null
		pid=$(pid_of away)
		kill -STOP "$(supervisor_pid)"
		touch "$SUITE_DIR/go/now"
		wait_until 10 process_gone "$pid"
		kill_supervisor
		await_state away "exited $code"
		run --separate-stderr berth logs away
		[ "$output" = $'before\naway' ]
		[ "$stderr" = beside ]
		berth rm away
	done
	end_whole
}

@test "restart policies go on: the count, the back-off, the last try" {
	start_daemon
	berth run -d --name again --network none --restart always "dir:$ROOT" sh -c 'sleep 0.2; exit 1' > /dev/null
	berth run -d --name thrice --network none --restart on-failure:3 "dir:$ROOT" sh -c 'sleep 0.1; exit 4' > /dev/null
	await_state again 'restarting 1'
	kill_supervisor
	wait_until 10 restarted_more_than again 2
	kill_supervisor
	wait_until 10 restarted_more_than again 3
	await_state thrice 'exited 4'
	[ "$(berth inspect -f '{{.RestartCount}}' thrice)" = 3 ]
	# In a back-off: what waited goes on waiting, and can be stopped.
	await_state again 'restarting 1'
	kill_supervisor
	berth_timed stop again
	[ "$(state_of again)" = "exited 1" ]
	sleep 0.5
	[ "$(state_of again)" = "exited 1" ]
	end_whole
}

@test "a stop under way is finished, with its grace" {
	start_daemon
	berth run -d --name slow --network none --stop-timeout 2 "dir:$ROOT" sh -c 'trap "" TERM; while :; do sleep 0.1; done' > /dev/null
	berth_timed stop slow > /dev/null 2>&1 &
	sleep 0.3
	kill_supervisor
	await_state slow 'exited 137'
	wait
	end_whole
}

@test "the grace of a stop, and of a restart, goes on where it was" {
	local began ended name
	start_daemon
	for name in stopped again; do
		boxed_deaf $name
	done
	began=$(date +%s%N)
	# Our own client would ask again.
	printf 'POST /containers/stopped/stop?t=4 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n' |
		timeout 30 socat -t 30 - "UNIX-CONNECT:$SUITE_DIR/run/berth.sock" > /dev/null 2>&1 3>&- &
	printf 'POST /containers/again/restart?t=4 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n' |
		timeout 30 socat -t 30 - "UNIX-CONNECT:$SUITE_DIR/run/berth.sock" > /dev/null 2>&1 3>&- &
	signalled() { [ "$(grep -c 'event=kill .*signal=15' "$SUITE_DIR/daemon.log")" -ge 2 ]; }
	wait_until 10 signalled
	local pid
	pid=$(pid_of again)
	sleep 2
	kill_supervisor
	await_state stopped 'exited 137' 20
	ended=$(date +%s%N)
	[ $((ended - began)) -ge 4000000000 ] # not cut short
	[ "$(grep -c 'event=kill .*signal=15' "$SUITE_DIR/daemon.log")" = 2 ] # nor asked again: that may mean something else
	restarted() { [ "$(state_of again)" = 'running 0' ] && [ "$(pid_of again)" != "$pid" ]; }
	wait_until 20 restarted
	wait || true
	end_whole
}

boxed_deaf() {
	berth run -d --name "$1" --network none "dir:$ROOT" sh -c 'trap "" TERM; while :; do sleep 0.1; done' > /dev/null
}

@test "files that were being replaced when the supervisor died are gone with the next" {
	local id record made
	start_daemon
	for id in $(berth run -d --name alive --network none "dir:$ROOT" sh -c "$STAYS") \
		$(berth run -d --name ended --network none "dir:$ROOT" true); do
		record=$SUITE_DIR/run/containers/$id
		for made in "$record"/.{config,state,spec}.json.new "$SUITE_DIR/data/containers/$id/.hosts.new"; do
			echo '{"Sch' > "$made"
		done
	done
	await_state ended 'exited 0'
	kill_supervisor
	[ -z "$(find "$SUITE_DIR/run" "$SUITE_DIR/data/containers" -name '.*.new')" ]
	[ "$(state_of alive)" = "running 0" ]
	[ "$(state_of ended)" = "exited 0" ]
	berth_timed exec alive true
	end_whole
}

@test "kills at random during a mix of verbs" {
	local n=${BERTH_N:-${BERTH_TEST_VM:+4}} kills=0 i writer
	n=${n:-20}
	RANDOM=$((SEED % 32768))
	echo "seed $SEED, $n kills"
	while [ $kills -lt "$n" ]; do
		start_daemon
		rm -f "$SUITE_DIR/enough"
		for writer in 1 2; do live_at_random "w$writer" $RANDOM & done 3>&-
		for ((i = 0; i < 4; i++)); do # more, and the keeper takes its time between starts
			sleep 0.$((RANDOM % 400 + 100))
			kill_supervisor
			kills=$((kills + 1))
		done
		touch "$SUITE_DIR/enough"
		wait
		settles
		end_whole
	done
}

@test "the keeper killed: the supervisor ends everything and goes" {
	local supervisor pid
	start_daemon
	berth run -d --name deaf --network none --restart always "dir:$ROOT" sh -c 'trap "" TERM; while :; do sleep 0.1; done' > /dev/null
	berth run -d --name plain --network none "dir:$ROOT" sh -c "$STAYS" > /dev/null
	berth exec -d plain sleep 1000
	supervisor=$(supervisor_pid)
	pid=$(pid_of deaf)
	kill -KILL "$(keeper_pid)"
	wait_until 10 process_gone "$supervisor"
	process_gone "$pid"
	assert_nothing_left keep-containers
}

@test "keeper and supervisor killed at once: the next daemon ends what is left, as 255, and policy goes on" {
	local pid again
	start_daemon
	berth run -d --name orphan --network none "dir:$ROOT" sh -c "$STAYS" > /dev/null
	berth run -d --name again --network none --restart always "dir:$ROOT" sh -c "$STAYS" > /dev/null
	berth create --name idle --network none "dir:$ROOT" true > /dev/null
	berth run -d --name passing --rm --network none "dir:$ROOT" sh -c "$STAYS" > /dev/null
	pid=$(pid_of orphan)
	again=$(pid_of again)
	kill_both
	sleep 0.2
	! process_gone "$pid" # they are not ours to lose
	! process_gone "$again"
	BERTH_PROGRAM=$FAULTS start_daemon # as the baseline was measured
	await_state orphan 'exited 255'
	process_gone "$pid"
	await_state again 'running 0'
	process_gone "$again"
	[ "$(pid_of again)" != "$again" ]
	[ "$(state_of idle)" = "created 0" ]
	await_state passing absent
	settles
	end_whole
}

@test "killed both at each step of a start: the next daemon finds nothing half done" {
	local point
	for point in $(sampled_points launch.); do
		echo "$point:stop, both killed"
		BERTH_FAULT=$point:stop BERTH_PROGRAM=$FAULTS start_daemon
		berth_timed run -d --name victim --network none "dir:$ROOT" true > /dev/null 2>&1 &
		wait_until 10 launcher_is_stopped
		kill_both
		BERTH_PROGRAM=$FAULTS start_daemon
		wait # a client whose connection the launcher held
		await_state victim 'created 128'
		settles
		end_whole
	done
}

@test "SIGTERM and SIGINT end all in order: stop signals, grace, then nothing is left" {
	local sig started
	for sig in TERM INT; do
		mkdir -p "$SUITE_DIR/go"
		rm -f "$SUITE_DIR/go/said"
		start_daemon
		berth run -d --name polite --network none --stop-signal USR1 -v "$SUITE_DIR/go:/go" "dir:$ROOT" \
			sh -c 'trap "echo goodbye > /go/said; exit 0" USR1; while :; do sleep 0.1; done' > /dev/null
		berth run -d --name deaf --network none --restart always --stop-timeout 1 "dir:$ROOT" \
			sh -c 'trap "" TERM; while :; do sleep 0.1; done' > /dev/null
		started=$(date +%s%N)
		kill -"$sig" "$(keeper_pid)"
		wait_until 10 process_gone "$(keeper_pid)"
		[ $(($(date +%s%N) - started)) -ge 1000000000 ]
		[ "$(cat "$SUITE_DIR/go/said")" = goodbye ]
		assert_nothing_left keep-containers
		BERTH_PROGRAM=$FAULTS start_daemon # as the baseline was measured
		[ "$(state_of polite)" = "exited 0" ]
		await_state deaf 'running 0'
		end_whole
	done
}

@test "a second signal kills at once" {
	start_daemon
	berth run -d --name deaf --network none --stop-timeout 100 "dir:$ROOT" sh -c 'trap "" TERM; while :; do sleep 0.1; done' > /dev/null
	kill -TERM "$(keeper_pid)"
	sleep 0.5
	! process_gone "$(keeper_pid)"
	kill -TERM "$(keeper_pid)"
	wait_until 10 process_gone "$(keeper_pid)"
	assert_nothing_left keep-containers
	start_daemon
	[ "$(state_of deaf)" = "exited 137" ]
	berth rm deaf
	stop_daemon
	assert_nothing_left
}

@test "a second daemon on the same run root, socket or name is refused and disturbs nothing" {
	local pid keeper
	start_daemon
	keeper=$(keeper_pid)
	berth run -d --name here --network none "dir:$ROOT" sh -c "$STAYS" > /dev/null
	pid=$(pid_of here)
	mkdir -p "$SUITE_DIR/other"
	refused() { # refused WORDS ARGS...
		local words=$1
		shift
		run timeout $((20 * SLOW)) berth daemon --data-root "$SUITE_DIR/other/data" "$@"
		echo "$output"
		[ "$status" -eq 1 ] && [[ "$output" == *"$words"* ]] &&
			[ "$(pid_of here)" = "$pid" ] && ! process_gone "$pid" && berth exec here true
	}
	refused "run root $SUITE_DIR/run is in use" --name "$SUITE_NAME-2" --run-root "$SUITE_DIR/run" -H "unix://$SUITE_DIR/other/sock"
	refused "berth.sock is in use" --name "$SUITE_NAME-2" --run-root "$SUITE_DIR/other/run" -H "$BERTH_HOST"
	refused "name $SUITE_NAME is in use" --name "$SUITE_NAME" --run-root "$SUITE_DIR/other/run" -H "unix://$SUITE_DIR/other/sock"
	[ "$(keeper_pid)" = "$keeper" ]
	run find "$SUITE_DIR/other" '(' -path '*/run/*' -o -type s ')'
	[ -z "$output" ]
	berth_timed rm -f here
	stop_daemon
	assert_nothing_left
}

is_stopped() { grep -qs '^State:.T' "/proc/$1/status"; }
next_is_stopped() { [ "$(supervisor_pid)" != "$1" ] && is_stopped "$(supervisor_pid)"; }
pid_of_starting() { sed -n 's/.*"Pid": *\([0-9]*\).*/\1/p' "$(grep -l '"Starting": *true' "$SUITE_DIR"/run/containers/*/state.json)"; }
run_sleeper() { berth_timed run -d --name "$1" --network none "dir:$ROOT" sleep 1000 > /dev/null 2>&1; }

@test "what ends just after a recovery has read the exits is told, beside a start that is finished" {
	local first next name pids=() client
	BERTH_FAULT=supervisor.released:stop BERTH_FAULT_THEN=recovery.slots:stop BERTH_PROGRAM=$FAULTS start_daemon
	first=$(supervisor_pid)
	for name in one two begun; do
		run_sleeper $name 3>&- &
		client=$!
		wait_until 10 is_stopped "$first"
		[ $name != begun ] || break
		kill -CONT "$first"
		wait $client
		pids+=("$(pid_of $name)")
	done
	pids+=("$(pid_of_starting)")
	kill -KILL "$first"
	wait_until 10 next_is_stopped "$first"
	next=$(supervisor_pid)
	kill -KILL "${pids[@]}"
	for name in "${pids[@]}"; do wait_until 10 process_gone "$name"; done
	kill -CONT "$next"
	wait $client || true
	[ "$(supervisor_pid)" = "$next" ]
	for name in one begun two; do
		[ "$(berth_timed wait $name)" = 137 ]
		is_in_state $name 'exited 137'
	done
	end_whole
}

@test "a program that was never let go is seen not to have run, though it ends after a recovery has read the exits" {
	local first pid client
	BERTH_FAULT=supervisor.ready:stop BERTH_FAULT_THEN=recovery.slots:stop BERTH_PROGRAM=$FAULTS start_daemon
	first=$(supervisor_pid)
	run_sleeper never 3>&- &
	client=$!
	wait_until 10 is_stopped "$first"
	pid=$(pid_of_starting)
	kill -STOP "$pid"
	kill -KILL "$first"
	wait_until 10 next_is_stopped "$first"
	kill -CONT "$pid"
	wait_until 10 process_gone "$pid"
	kill -CONT "$(supervisor_pid)"
	wait $client || true
	await_state never 'created 128'
	end_whole
}

@test "policy after a boot is the next supervisor's when the first one dies before it, and nobody's a second time" {
	BERTH_PROGRAM=$FAULTS start_daemon
	berth_timed run -d --restart always --name always --network none "dir:$ROOT" sleep 1000 > /dev/null
	stop_daemon
	BERTH_FAULT=recovery.slots:self BERTH_PROGRAM=$FAULTS start_daemon
	await_state always 'running 0'
	berth_timed stop -t 0 always > /dev/null
	kill_supervisor
	is_in_state always 'exited 137'
	end_whole
}

# A container, and under it a second supervisor that stands still before it is ready.
start_stuck() {
	BERTH_FAULT_THEN=recovery.slots:stop BERTH_PROGRAM=$FAULTS start_daemon
	run_sleeper here
	pid=$(pid_of here)
	first=$(supervisor_pid)
	kill -KILL "$first"
	wait_until 10 next_is_stopped "$first"
}

@test "a supervisor that is stuck before it is ready does not keep the keeper from its end" {
	local first pid began ended
	start_stuck
	began=$(date +%s)
	kill -TERM "$(keeper_pid)"
	wait_until 40 process_gone "$(keeper_pid)"
	ended=$(date +%s)
	[ $((ended - began)) -ge 29 ] # it had its time
	process_gone "$pid"
	[ -z "$(processes_of_suite)" ]
	BERTH_PROGRAM=$FAULTS start_daemon
	await_state here 'exited 255'
	end_whole
}

@test "a supervisor that is stuck before it is ready is replaced, and who waits for it is answered" {
	thorough || skip "in the long run only (make soak)"
	local first pid stuck
	start_stuck
	stuck=$(supervisor_pid)
	timeout $((80 * SLOW)) berth version > /dev/null
	[ "$(supervisor_pid)" != "$stuck" ]
	grep -q "supervisor $stuck does not answer its deadline: killed" "$SUITE_DIR/daemon.log"
	[ "$(pid_of here)" = "$pid" ]
	berth_timed rm -f here
	end_whole
}

@test "a damaged record is set aside and named, and the others go on" {
	local config desired result state later well fifo id
	start_daemon
	for id in config desired state later well fifo; do
		printf -v "$id" %s "$(berth run -d --name $id --network none "dir:$ROOT" sh -c "$STAYS")"
	done
	printf -v result %s "$(berth run -d --name result --network none "dir:$ROOT" sh -c 'exit 7')"
	await_state result 'exited 7'
	local data=$SUITE_DIR/data/containers
	echo '{"Schema":2,"Id":"nonsense' > "$data/$config/config.json"
	: > "$data/$desired/desired.json"
	echo '{"Schema":2,"ExitCode":"7"}' > "$data/$result/result.json"
	sed 's/"Schema":[ 0-9]*/"Schema":99/' -i "$data/$later/config.json"
	head -c 100 /dev/urandom > "$SUITE_DIR/run/containers/$state/state.json"
	rm "$data/$fifo/config.json"
	mkfifo "$data/$fifo/config.json"
	kill_supervisor
	[ "$(state_of well)" = "running 0" ]
	[ "$(state_of desired)" = "running 0" ] # the run root knows
	[ "$(state_of result)" = "exited 7" ]
	[ "$(state_of config)" = absent ]
	[ "$(state_of later)" = absent ]
	[ "$(state_of fifo)" = absent ]
	await_state state 'exited 255'
	for id in "$config" "$desired" "$result" "$state" "$fifo"; do
		grep -q "event=record-damaged container=${id:0:12} .*action=\"set aside\"" "$SUITE_DIR/daemon.log"
	done
	grep -q "event=record-damaged container=${later:0:12} .*Schema: 99 is of a later version.*action=\"ignored\"" "$SUITE_DIR/daemon.log"
	[ -e "$data/$config/config.json.damaged" ]
	[ -e "$data/$later/config.json" ] # whoever wrote it may read it again
	berth_timed rm -f well state desired result
	[ -z "$(find /sys/fs/cgroup -type d -name "$config" -o -type d -name "$fifo" -o -type d -name "$later")" ]
	for id in "$config" "$fifo" "$later"; do rm -rf "$data/$id" "$SUITE_DIR/data/logs/$id"; done
	end_whole
}

@test "an attached run has its code, whichever step of its end the supervisor dies at" {
	local point client status
	mkdir -p "$SUITE_DIR/go"
	for point in $(sampled_points supervisor.drained supervisor.exit supervisor.acknowledged supervisor.told-d supervisor.remov); do
		rm -f "$SUITE_DIR/go/now" "$SUITE_DIR/got"
		status=0
		BERTH_FAULT=$point:self BERTH_PROGRAM=$FAULTS start_daemon
		timeout $((60 * SLOW)) berth run --rm --name brief --network none -v "$SUITE_DIR/go:/go" "dir:$ROOT" \
			sh -c 'echo on; while [ ! -e /go/now ]; do sleep 0.05; done; exit 7' > "$SUITE_DIR/got" 2> /dev/null 3>&- &
		client=$!
		wait_until 10 grep -qs on "$SUITE_DIR/got"
		touch "$SUITE_DIR/go/now"
		wait "$client" || status=$?
		[ $status -eq 7 ] || { echo "$point: $status"; return 1; }
		wait_until 10 daemon_answers
		grep -q 'was killed by signal 9' "$SUITE_DIR/daemon.log" || { echo "$point never struck"; return 1; }
		end_whole
		: > "$SUITE_DIR/daemon.log"
	done
}
