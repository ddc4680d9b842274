# A container made in two halves, its supervisor killed at each step of either: it is there as it was or not at all, and every
# event was told once.
load lib
load crash
load libcontainerd

setup_file() { prepare_crash_suite; }
teardown_file() { leave_suite; }
teardown() { end_daemon_by_force; }

live_in_halves() {
	reached=create
	lc POST "/containers?id=victim" "{\"Spec\": $(spec 'echo once; exit 6')}" > "$SUITE_DIR/answer"
	[ "$(head -1 "$SUITE_DIR/answer")" = 201 ] && ! was_struck || return 0
	reached=start
	lc POST /containers/victim/start > "$SUITE_DIR/answer"
	[ "$(head -1 "$SUITE_DIR/answer")" = 200 ] && ! was_struck || return 0
	reached=end
}

all_events() { # told since the daemon began, by the supervisor that there is now
	events_start "0000000000000000-0"
	wait_until 10 grep -q unknown "$SUITE_DIR/events"
	sleep 0.2
	events_stop
	events_of victim | tr '\n' ' '
}

victim_is_whole() {
	local there=yes
	[ "$(lc GET /containers/victim | head -1)" = 200 ] || there=no
	if [ $there = no ]; then
		[ $reached = create ] || { echo "an acknowledged container has gone" >&2; return 1; }
		[ -z "$(all_events)" ] || { echo "events of one that is not there: $(all_events)" >&2; return 1; }
		return
	fi
	if [ $reached = create ]; then
		status_is victim created || { echo "neither made nor unmade" >&2; return 1; }
		expect 200 POST /containers/victim/start || return 1
	fi
	await victim stopped || return 1
	expect 200 DELETE /containers/victim/task || return 1
	[ "$(field .ExitCode)" = 6 ] || return 1
	[ "$(berth logs victim)" = once ] || { echo "logs: $(berth logs victim)" >&2; return 1; }
	[ "$(all_events)" = "create start exit " ] || { echo "events: $(all_events)" >&2; return 1; }
}

@test "L06 the supervisor dies at each step of create and start" {
	local point first reached failed=0 n=0
	for point in $(sampled_points hold. supervisor.added supervisor.create supervisor.starting supervisor.spec supervisor.stdio \
		supervisor.kept supervisor.init supervisor.recorded supervisor.watched supervisor.running supervisor.told-start); do
		: > "$SUITE_DIR/daemon.log"
		BERTH_FAULT=$point:self BERTH_PROGRAM=$FAULTS start_daemon
		first=$(supervisor_pid)
		live_in_halves
		[ $reached != end ] || { wait_until 5 another_answers "$first" || { echo "$point: never struck" >&2; failed=1; }; }
		wait_until 10 another_answers "$first"
		if ! { victim_is_whole && end_whole; }; then
			echo "FAILED: $point, at $reached; daemon log:" >&2
			tail -20 "$SUITE_DIR/daemon.log" >&2
			end_daemon_by_force
			failed=1
		fi
		n=$((n + 1))
	done
	[ $n -ge 1 ] || [ -n "${BERTH_TEST_VM:-}" ]
	[ $failed = 0 ]
}

@test "a held one outlives keeper and supervisor together no longer than any other" {
	BERTH_PROGRAM=$FAULTS start_daemon
	create held 'exit 0'
	local pid
	pid=$(field .Pid)
	kill_both
	BERTH_PROGRAM=$FAULTS start_daemon
	process_gone "$pid"
	[ "$(lc GET /containers/held | tail -1 | jq -r .Pid)" = 0 ]
	end_whole
}
