# crash - daemons that are killed at a named step, and the proof that their successors are whole.
# shellcheck shell=bash disable=SC2154
shopt -s extglob

prepare_crash_suite() {
	prepare_suite
	export FAULTS=$BERTH_BUILD/faults/berth
	[ -x "$FAULTS" ] || { echo "$FAULTS is not built (make faults)" >&2; return 1; }
	export SEED=${BERTH_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
	measure_baseline
}

# All fault points, as the program itself knows them; with arguments those that begin with one of these.
fault_points() {
	local prefix
	for prefix in "$@"; do
		grep -aoh 'fault_point:[a-z.-]*' "$FAULTS" | cut -d: -f2 | grep "^$prefix" | sort -u
	done
}

# A slow machine strikes at every twelfth of them, from a place that the seed says.
sampled_points() {
	local step=1
	[ -z "${BERTH_TEST_VM:-}" ] || thorough || step=12
	fault_points "$@" | awk -v step=$step -v first=$((SEED % step)) 'NR % step == (first + 1) % step || step == 1'
}

berth_timed() { timeout $((20 * SLOW)) berth "$@"; }
fds() { ls "/proc/$1/fd" 2>/dev/null | wc -l; }
state_of() { berth_timed inspect -f '{{.State.Status}} {{.State.ExitCode}}' "$1" 2> /dev/null || echo absent; }
pid_of() { berth_timed inspect -f '{{.State.Pid}}' "$1" 2> /dev/null; }
is_in_state() { [[ "$(state_of "$1")" == $2 ]]; }
await_state() { wait_until "${3:-10}" is_in_state "$1" "$2" || { echo "$1 is '$(state_of "$1")', not '$2'" >&2; return 1; }; }

# A number is no identity: a supervisor lives when the run root names it and it is the keeper's child.
supervisor_lives() {
	local pid
	pid=$(supervisor_pid 2> /dev/null) && [ -d "/proc/$pid" ] && ! process_gone "$pid" &&
		[ "$(awk '/^PPid:/ { print $2 }' "/proc/$pid/status")" = "$(keeper_pid)" ]
}
daemon_answers() { supervisor_lives && berth_timed version > /dev/null 2>&1; }
another_answers() { [ "$(supervisor_pid 2> /dev/null)" != "$1" ] && daemon_answers; }

kill_supervisor() { # and wait for the next one
	local old
	old=$(supervisor_pid)
	kill -KILL "$old"
	wait_until 10 another_answers "$old"
}

kill_both() { # at once: neither has the time to see the other's death
	kill -STOP "$(keeper_pid)"
	kill -STOP "$(supervisor_pid)"
	kill -KILL "$(keeper_pid)" "$(supervisor_pid)"
}

end_daemon_by_force() {
	local pid
	[ -n "${SUITE_NAME:-}" ] || return 0
	for pid in $(processes_of_suite | cut -d' ' -f1); do
		kill -CONT "$pid" 2> /dev/null
		kill -KILL "$pid" 2> /dev/null
	done
	find_groups -depth -path "*/$SUITE_NAME*" -exec rmdir {} +
	rm -rf "$SUITE_DIR/run" "$SUITE_DIR/data"
	: > "$SUITE_DIR/daemon.log"
}

leave_suite() {
	local failed=0
	[ -n "${SUITE_DIR:-}" ] || return 1
	assert_nothing_left || failed=1
	[ "$(tree_hash "$ROOT")" = "$(cat "$SUITE_DIR/image.before")" ] || { echo "the image directory changed" >&2; failed=1; }
	rm -rf "$SUITE_DIR"
	return $failed
}

# ---------------------------------------------------------------- what may be there while the daemon lives

ids_in() { find "$1" -mindepth 1 -maxdepth 1 -printf '%f\n' 2> /dev/null | sort; }

nothing_half_done() {
	local known running groups left=0 found id
	known=$(berth_timed ps -aq --no-trunc | sort)
	running=$(berth_timed ps -q --no-trunc | sort)
	for found in run/containers data/containers data/trash data/logs; do
		id=$(ids_in "$SUITE_DIR/$found" | comm -13 <(echo "$known") -)
		[ -z "$id" ] || { echo "left in $found: $id" >&2; left=1; }
	done
	for id in $known; do
		found=$(ids_in "$SUITE_DIR/run/containers/$id" | grep -vx -e state.json -e destroy.json -e runs.json) # the note of a removal that failed
		if grep -qx "$id" <<< "$running"; then
			found=$(grep -vx -e spec.json <<< "$found")
		fi
		[ -z "$found" ] || { echo "left in the record of $id: $found" >&2; left=1; }
	done
	groups=$(find_groups -path "*/$SUITE_NAME/*")
	found=$(grep -E '/([0-9a-f]{64}|berth\.[0-9]+)$' <<< "$groups" | grep -v -F -e /nothing $(sed 's/^..*$/-e \/&/' <<< "$running"))
	[ -z "$found" ] || { echo "groups left: $found" >&2; left=1; }
	found=$(grep '/berth\.[0-9]*$' <<< "$groups")
	[ -z "$found" ] || { echo "groups of execs left: $found" >&2; left=1; }
	found=$(grep '/launch$' <<< "$groups" | sed 's/$/\/cgroup.procs/' | xargs -r cat 2> /dev/null)
	[ -z "$found" ] || { echo "launchers left: $found" >&2; left=1; }
	found=$(new_mounts)
	[ -z "$found" ] || { echo "mounts left: $found" >&2; left=1; }
	found=$(processes_of_suite | grep -v -e "^$(keeper_pid) " -e "^$(supervisor_pid) ")
	[ -n "$running" ] || [ -z "$found" ] || { echo "processes left: $found" >&2; left=1; }
	return $left
}

settles() { # what is being undone in the background gets its time
	wait_until 5 eval 'nothing_half_done 2> /dev/null' || nothing_half_done
}

descriptors_are_back() {
	[ "$(fds "$(keeper_pid)")" -le "$BASELINE_KEEPER" ] && [ "$(fds "$(supervisor_pid)")" -le "$BASELINE_SUPERVISOR" ]
}

assert_descriptors() {
	wait_until 5 descriptors_are_back || {
		echo "descriptors: keeper $(fds "$(keeper_pid)") of $BASELINE_KEEPER, supervisor $(fds "$(supervisor_pid)") of $BASELINE_SUPERVISOR" >&2
		ls -l "/proc/$(keeper_pid)/fd" "/proc/$(supervisor_pid)/fd" >&2
		return 1
	}
}

# What a daemon holds that has lost a supervisor and has run something: nothing more is allowed to any other.
measure_baseline() {
	BERTH_PROGRAM=$FAULTS start_daemon || return 1
	berth run --rm --network none "dir:$ROOT" true
	kill_supervisor || return 1
	first=none
	live_detached
	sleep 0.3
	export BASELINE_KEEPER BASELINE_SUPERVISOR
	BASELINE_KEEPER=$(fds "$(keeper_pid)")
	BASELINE_SUPERVISOR=$(fds "$(supervisor_pid)")
	remove_all
	stop_daemon
}

end_whole() { # the daemon still starts, has no more descriptors than it should, and ends with nothing left
	local ids
	ids=$(berth_timed ps -aq)
	[ -z "$ids" ] || berth_timed rm -f $ids > /dev/null || { echo "rm -f failed" >&2; return 1; }
	[ "$(berth_timed run --rm --network none "dir:$ROOT" echo again)" = again ] || { echo "no start any more" >&2; return 1; }
	settles && assert_descriptors && stop_daemon && assert_nothing_left
}

# ---------------------------------------------------------------- strikes

STAYS='trap "exit 0" TERM; while :; do sleep 0.1; done'

# The verbs of one life, until the strike. After each of them: is the supervisor another one, or did it fail?
live_detached() { # live_detached [OPTION...]
	reached=run
	berth_timed run -d --name victim --network none "$@" "dir:$ROOT" sh -c "$STAYS" > /dev/null 2>&1 || return 0
	was_struck && return
	reached=exec
	berth_timed exec victim true > /dev/null 2>&1 || return 0
	was_struck && return
	reached=stop
	berth_timed stop victim > /dev/null 2>&1 || return 0
	was_struck && return
	reached=rm
	berth_timed rm -f victim > /dev/null 2>&1 || return 0
	was_struck && return
	reached=end
}

live_brief() {
	reached=brief
	berth_timed run --rm --name victim --network none "dir:$ROOT" sh -c 'exit 3' > /dev/null 2>&1
	[ $? = 3 ] && ! was_struck || return 0
	reached=end
}

was_struck() { [ "$(supervisor_pid 2> /dev/null)" != "$first" ] || process_gone "$first"; }

# What the container may be after the verb that met the strike: nothing that was acknowledged is lost.
victim_is_right() {
	case $reached in
	run) await_state victim '@(absent|created 0|created 128|running 0)' ;;
	exec) await_state victim 'running 0' ;;
	stop) await_state victim 'exited 0' ;;
	rm) await_state victim "$([ "$struck" = worker ] && echo 'dead 0' || echo absent)" ;; # dead: to be removed again
	brief) await_state victim '@(absent|created 0)' ;;
	*) echo "the fault never struck" >&2; return 1 ;;
	esac
}

# Whoever died when, each of these was announced once, in this order, and they fit what the container is.
victim_events_are_right() {
	local seen state
	seen=$(berth_timed events --since 0 --until "$(date +%s.%N)" -f container=victim -f event=create -f event=start -f event=die -f event=destroy \
		--format '{{.Action}}' | tr '\n' ' ')
	state=$(state_of victim)
	case $state in
	absent) [[ $seen =~ ^(create (start die )?destroy )?$ ]] ;;
	created*) [ "$seen" = "create " ] ;;
	running*) [ "$seen" = "create start " ] ;;
	exited* | dead*) [ "$seen" = "create start die " ] ;;
	*) false ;;
	esac || { echo "events of the victim, which is '$state': $seen" >&2; return 1; }
}

# A supervisor that lives on is armed still: it has to be whole in itself, then its successor goes on.
past_the_fault() {
	[ $struck = supervisor ] || { assert_descriptors && kill_supervisor; }
}

# strike POINT WHO LIFE [ARGS...]: WHO is self (whoever comes there) or supervisor.
strike() {
	local point=$1 who=$2 reached first struck=supervisor
	shift 2
	[[ $who = supervisor || $point = supervisor.* ]] || struck=${point%%.*}
	BERTH_FAULT=$point:$who BERTH_PROGRAM=$FAULTS start_daemon || return 1
	first=$(supervisor_pid)
	"$@"
	[ $struck != supervisor ] || [ $reached = end ] || wait_until 10 another_answers "$first" || return 1
	victim_is_right && settles && victim_events_are_right && past_the_fault && victim_events_are_right && end_whole
}

# strike_each WHO LIFE ARGS... -- PREFIX...: at every point of these names; all failures are told, not the first alone.
strike_each() {
	local failed=0 n=0 point life=()
	local who=$1
	shift
	while [ "$1" != -- ]; do life+=("$1"); shift; done
	shift
	for point in $(sampled_points "$@"); do
		[[ $point != worker.sweep ]] || continue # only where a record was lost: store.bats
		[[ ${life[0]} != live_brief || $point != supervisor.@(exec|stop)* ]] || continue # not on its way
		n=$((n + 1))
		: > "$SUITE_DIR/daemon.log"
		strike "$point" "$who" "${life[@]}" && continue
		echo "FAILED: $point:$who (${life[*]}); daemon log:" >&2
		tail -20 "$SUITE_DIR/daemon.log" >&2
		end_daemon_by_force
		failed=1
	done
	echo "$n points"
	{ [ $n -gt 0 ] || [ -n "${BERTH_TEST_VM:-}" ]; } && [ $failed = 0 ]
}

# ---------------------------------------------------------------- for single tests

thorough() { [ "${BERTH_N:-0}" -ge 100 ]; }

launcher_is_stopped() {
	local pid
	for pid in $(find /sys/fs/cgroup -path "*/$SUITE_NAME/launch/cgroup.procs" -exec cat {} + 2> /dev/null | sort -u); do
		! grep -qs '^State:.T' "/proc/$pid/status" || return 0
	done
	return 1
}

restarted_more_than() { [ "$(berth_timed inspect -f '{{.RestartCount}}' "$1")" -gt "$2" ]; }

# One client of several: whatever the verbs answer is fine while supervisors die.
live_at_random() {
	local name=$1 verb
	RANDOM=$2
	while [ ! -e "$SUITE_DIR/enough" ]; do
		verb=$((RANDOM % 8))
		case $verb in
		0 | 1) berth_timed run -d --name "$name" --network none "dir:$ROOT" sh -c "$STAYS" ;;
		2) berth_timed run --rm --network none "dir:$ROOT" sh -c 'exit 3' ;;
		3 | 4) berth_timed exec "$name" sh -c 'echo x; exit 1' ;;
		5) berth_timed stop "$name" ;;
		6) berth_timed rm -f "$name" ;;
		7) berth_timed run -d --restart always --network none "dir:$ROOT" sh -c 'sleep 0.2; exit 1' ;;
		esac > /dev/null 2>&1
	done
	return 0
}
