# kills: twenty containers that log, end, run again and are exec'd into, while supervisors are killed, crash, stand still and are
# replaced by good programs and bad ones. What each container wrote and ended with it says itself, in a file of its own.
# BERTH_N kills (default 20, in a virtual machine 8; at most 200) at moments that BERTH_SEED says.
load lib
load crash

setup_file() {
	prepare_suite
	export CRASHES_EXPECTED=1 # end_load counts them
	cp "$BERTH_BUILD/tool/chatter" "$ROOT/bin/"
	tree_hash "$ROOT" > "$SUITE_DIR/image.before"
	export SEED=${BERTH_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
	export OLD NEW GOOD=$SUITE_DIR/good
	OLD=$(berth --version)
	OLD=${OLD##* }
	NEW=9${OLD#?}
	LC_ALL=C sed "s/${OLD//./\\.}/$NEW/g" "$BERTH_BUILD/berth" > "$GOOD" # the same program by another version
	chmod 755 "$GOOD"
	start_daemon
	berth run --rm --network none "dir:$ROOT" true
	kill_supervisor
	berth run --rm --network none "dir:$ROOT" true
	export BASELINE_KEEPER BASELINE_SUPERVISOR
	BASELINE_KEEPER=$(fds "$(keeper_pid)")
	BASELINE_SUPERVISOR=$(fds "$(supervisor_pid)")
}
teardown_file() { end_suite; }
teardown() {
	touch "$SUITE_DIR/enough"
	[ -z "${JOBS:-}" ] || wait $JOBS || true
	remove_all
}

MANNERS=(lines bursts long endless both)
LIVES=10 AGAIN=6 SHOTS=4 # that many live on, are restarted, or run once, one after the other

# ---------------------------------------------------------------- containers

# chat NAME MANNER CODE LIFE-MS [OPTION...]
chat() {
	local name=$1 manner=$2 code=$3 life=$4
	shift 4
	berth_timed run -d --name "$name" --network none -v "$SUITE_DIR/truth:/truth" "$@" --log-opt max-file=1000 "dir:$ROOT" \
		chatter say "/truth/$name" "$name" "$manner" $((1000 * SLOW)) "$code" "$life"
}

# Its log against its own word. Prints "NAME runs=N codes=C,... bytes=N blocked_ms=N".
check_log() { # check_log NAME MANNER
	local id
	until id=$(berth_timed inspect -f '{{.Id}}' "$1" 2>> "$SUITE_DIR/cut"); do sleep 0.05; done
	"$BERTH_BUILD/tool/chatter" check "$SUITE_DIR/truth/$1" "$1" "$2" "$SUITE_DIR/data/logs/$id"
}

wrong() { echo "$*" >> "$SUITE_DIR/wrong"; }
count() { echo "$*" >> "$SUITE_DIR/counts"; }

identity() { # of its process: the pid, and when that one was started
	local pid
	pid=$(pid_of "$1") && echo "$pid $(cut -d' ' -f22 "/proc/$pid/stat")"
}

# A state that no supervisor's death makes unknown: absent is what the daemon says.
state_for_certain() {
	local out
	until out=$(berth_timed inspect -f '{{.State.Status}} {{.State.ExitCode}}' "$1" 2>&1) || [[ $out == *"o such"* ]]; do
		sleep 0.05
	done
	[[ $out == *"o such"* ]] && echo absent || echo "$out"
}

# ---------------------------------------------------------------- those who ask for things meanwhile

# One container after the other, each from its creation to its removal. What is cut is looked at, and gone on with.
shooter() { # shooter NUMBER SEED
	local name n=0 code manner got said
	RANDOM=$2
	while [ ! -e "$SUITE_DIR/enough" ]; do
		n=$((n + 1))
		name=shot$1-$n
		code=$((RANDOM % 200 + 2))
		manner=${MANNERS[RANDOM % 5]}
		chat "$name" "$manner" $code $((RANDOM % 500 + 100)) --log-opt max-size=100k > /dev/null 2>> "$SUITE_DIR/cut" || count cut run
		while [[ "$(state_for_certain "$name")" == created* ]]; do berth_timed start "$name" > /dev/null 2>> "$SUITE_DIR/cut" || true; done
		if [ "$(state_for_certain "$name")" = absent ]; then
			[ ! -e "$SUITE_DIR/truth/$name" ] || wrong "$name ran and is not there"
			continue
		fi
		got=$(berth_timed wait "$name" 2>&1)
		[ "$got" = $code ] || wrong "wait $name: $got, not $code"
		said=$(check_log "$name" "$manner" 2>&1) && [[ $said == "$name runs=1 codes=$code bytes="* ]] || wrong "$name: $said, not code $code"
		until [ "$(state_for_certain "$name")" = absent ]; do berth_timed rm "$name" > /dev/null 2>> "$SUITE_DIR/cut" || true; done
		count whole shot
	done
}

# What an exec answers is right, or it says that it was cut off.
execer() { # execer NUMBER SEED
	local code got out name
	RANDOM=$2
	while [ ! -e "$SUITE_DIR/enough" ]; do
		code=$((RANDOM % 100 + 2))
		name=live$((RANDOM % LIVES))
		if [ $((RANDOM % 8)) = 0 ]; then
			berth_timed exec -d "$name" sleep 10000 > /dev/null 2>> "$SUITE_DIR/cut" || count cut exec
			continue
		fi
		got=0
		out=$(berth_timed exec "$name" sh -c "echo one; usleep $((RANDOM * 5)); echo $code; exit $code" 2> "$SUITE_DIR/exec$1.err") || got=$?
		if [ $got = $code ] && [ "$out" = "one"$'\n'"$code" ]; then
			count whole exec
		elif [ $got = 1 ] && [ -s "$SUITE_DIR/exec$1.err" ]; then
			count cut exec
		else
			wrong "exec in $name: $got, not $code: $out: $(cat "$SUITE_DIR/exec$1.err")"
		fi
	done
}

# ---------------------------------------------------------------- the load

start_load() {
	local i
	RANDOM=$((SEED % 32768))
	echo "seed $SEED"
	rm -rf "$SUITE_DIR"/{truth,enough,wrong,counts,cut,identities}
	mkdir "$SUITE_DIR/truth"
	: > "$SUITE_DIR/daemon.log"
	touch "$SUITE_DIR/wrong" "$SUITE_DIR/counts"
	berth events --since "$(date +%s.%N)" --format json -f event=create -f event=start -f event=die > "$SUITE_DIR/events" 2> "$SUITE_DIR/events.err" 3>&- &
	EVENTS=$!
	JOBS=
	for ((i = 0; i < LIVES; i++)); do
		chat live$i "${MANNERS[i % 5]}" $((i + 40)) 0 --log-opt max-size=300k > /dev/null
		echo "live$i $(identity live$i)" >> "$SUITE_DIR/identities"
	done
	for ((i = 0; i < AGAIN; i++)); do
		chat again$i "${MANNERS[i % 5]}" 7 $((200 * (i + 1))) --restart always --log-opt max-size=300k > /dev/null
	done
	for ((i = 0; i < SHOTS; i++)); do
		shooter $i $RANDOM 3>&- &
		JOBS+=" $!"
	done
	for i in 1 2; do
		execer $i $RANDOM 3>&- &
		JOBS+=" $!"
	done
}

# live NUMBER: as it was, and ended with its code; all its output is in the log.
live_is_whole() {
	local said
	[ "live$1 $(identity live$1)" = "$(grep "^live$1 " "$SUITE_DIR/identities")" ] || wrong "live$1 is not the same process"
	berth_timed stop "live$1" > /dev/null
	[ "$(state_of "live$1")" = "exited $(($1 + 40))" ] || wrong "live$1: $(state_of "live$1"), not $(($1 + 40))"
	said=$(check_log "live$1" "${MANNERS[$1 % 5]}" 2>&1) && [[ $said == "live$1 runs=1 codes=$(($1 + 40)) "* ]] || wrong "$said"
	echo "$said"
	events_fit "live$1" "$said"
}

again_is_whole() {
	local said codes count
	berth_timed stop "again$1" > /dev/null
	said=$(check_log "again$1" "${MANNERS[$1 % 5]}" 2>&1) || wrong "$said"
	echo "$said"
	codes=${said#* codes=}
	codes=${codes%% *}
	[ "$(state_of "again$1")" = "exited ${codes##*,}" ] || wrong "again$1: $(state_of "again$1"), not ${codes##*,}"
	# Each end counts, and each start that a death undid; the last end does when the stop came after it.
	count=$(berth inspect -f '{{.RestartCount}}' "again$1")
	count=$((count - $(grep -c "event=start-undone .* name=again$1\$" "$SUITE_DIR/daemon.log"))) || true
	[[ $said == *" runs=$count "* || $said == *" runs=$((count + 1)) "* ]] || wrong "again$1: RestartCount says $count: $said"
	events_fit "again$1" "$said"
}

# Each run was announced once, with its code; told of by a client that went through all of it.
events_fit() { # events_fit NAME SAID
	local codes=${2#* codes=} want
	codes=${codes%% *}
	want="create start die:${codes//,/ start die:}"
	wait_until "$PATIENCE" events_are "$1" "$want" 2> /dev/null && return
	PATIENCE=0 # the others had the same time
	wrong "events of $1: $(events_of "$1"), not $want"
}
events_of() {
	jq -r --arg name "$1" 'select(.Actor.Attributes.name == $name) | .Action + if .Action == "die" then ":" + .Actor.Attributes.exitCode else "" end' \
		"$SUITE_DIR/events" | paste -sd ' '
}
events_are() { [ "$(events_of "$1")" = "$2" ]; }

end_load() { # end_load [CRASHES]
	local i
	PATIENCE=10
	touch "$SUITE_DIR/enough"
	wait $JOBS
	JOBS=
	kill_supervisor # with it goes what execs left
	settles
	for ((i = 0; i < LIVES; i++)); do live_is_whole $i; done > "$SUITE_DIR/said"
	for ((i = 0; i < AGAIN; i++)); do again_is_whole $i; done >> "$SUITE_DIR/said"
	kill "$EVENTS" || wrong "events: $(cat "$SUITE_DIR/events.err")"
	sort "$SUITE_DIR/counts" | uniq -c
	cat "$SUITE_DIR/said"
	[ "$(crashes)" = "${1:-0}" ] || wrong "$(crashes) supervisors crashed"
	if [ -s "$SUITE_DIR/wrong" ]; then
		cat "$SUITE_DIR/wrong"
		return 1
	fi
	grep -q 'whole shot' "$SUITE_DIR/counts"
	grep -q 'whole exec' "$SUITE_DIR/counts"
	remove_all
	settles
	assert_descriptors
	[ -z "$(find "$SUITE_DIR/data/containers" "$SUITE_DIR/run/containers" "$SUITE_DIR/data/logs" -mindepth 1)" ]
}

longest_block_ms() { sed -n 's/.* blocked_ms=//p' "$SUITE_DIR/said" | sort -n | tail -1; }
sleep_at_random() { sleep "0.$((RANDOM % 5 + 1))$((RANDOM % 10))"; }
crashes() { grep -c ' event=crashed signal=11 ' "$SUITE_DIR/daemon.log"; }

# Every fifth of those who die is another program on its trial: the one before comes back, and the keeper's pauses begin anew.
strike_supervisors() { # strike_supervisors N SIGNAL
	local i pid
	for ((i = 0; i < $1; i++)); do
		sleep_at_random
		[ $((i % 5)) != 4 ] || berth_timed upgrade -d "$GOOD" || return 1
		pid=$(supervisor_pid)
		kill "-$2" "$pid"
		wait_until 20 another_answers "$pid" || return 1
	done
}

# ---------------------------------------------------------------- what happens to supervisors

# struck POINT ARGS...: a supervisor that dies there starts a container; the next one has it
struck() {
	BERTH_FAULT=supervisor.$1:self BERTH_PROGRAM=$BERTH_BUILD/faults/berth start_daemon
	! berth_timed run -d --name struck --network none -v "$SUITE_DIR/truth:/truth" "dir:$ROOT" "${@:2}" 2> /dev/null
	wait_until 10 daemon_answers
}
events_of_struck() { berth events --since 0 --until "$(date +%s.%N)" --format '{{.Action}}' -f container=struck -f event=create -f event=start -f event=die | paste -sd ' '; }

@test "a program that was let go when its supervisor died has run, and runs on; another has not" {
	stop_daemon
	mkdir -p "$SUITE_DIR/truth"
	rm -f "$SUITE_DIR/truth/struck"
	struck released chatter say /truth/struck struck lines 1000 5
	[ "$(state_of struck)" = "running 0" ]
	berth stop struck
	[ "$(state_of struck)" = "exited 5" ]
	check_log struck lines
	[ "$(events_of_struck)" = "create start die" ]
	berth rm struck
	stop_daemon
	struck released sh -c 'echo begun; exit 7'
	await_state struck 'exited 7'
	[ "$(berth logs struck)" = begun ]
	berth rm struck
	stop_daemon
	struck ready touch /truth/ran
	await_state struck 'created 128'
	[ ! -e "$SUITE_DIR/truth/ran" ]
	[ "$(events_of_struck)" = create ]
	berth rm struck
	stop_daemon
	start_daemon
}

@test "killed: every line once, every code, the same processes, nothing left" {
	local n=${BERTH_N:-${BERTH_TEST_VM:+8}}
	n=${n:-20}
	[ "$n" -le 200 ] || n=200
	start_load
	strike_supervisors "$n" KILL
	end_load
}

@test "crashed, and standing still for five seconds: the same, and nobody waits longer than that" {
	start_load
	strike_supervisors 4 SEGV
	[ "$(crashes)" -eq 4 ]
	local pid
	pid=$(supervisor_pid)
	kill -STOP "$pid"
	sleep 5
	kill -CONT "$pid"
	wait_until 20 daemon_answers
	end_load 4
	local longest
	longest=$(longest_block_ms)
	echo "a write took $longest ms at most"
	[ "$longest" -ge 3000 ] # they did write
	[ "$longest" -lt $((5000 + 3000 * SLOW)) ]
}

bad() { # bad WORD: badberth as that kind of program
	LC_ALL=C sed "s/badberth:exits/badberth:$1/" "$BERTH_BUILD/tool/badberth" > "$SUITE_DIR/bad-$1"
	chmod 755 "$SUITE_DIR/bad-$1"
	echo "$SUITE_DIR/bad-$1"
}
server_version() { berth_timed version --format '{{.Server.Version}}'; }

@test "replaced by a good program, and by bad ones that are taken back within fifteen seconds: the same" {
	local word begin out
	start_load
	sleep_at_random
	berth_timed upgrade -d "$GOOD"
	[ "$(server_version)" = "$NEW" ]
	sleep_at_random
	berth_timed upgrade -d "$BERTH_BUILD/berth"
	[ "$(server_version)" = "$OLD" ]
	for word in exits hangs crash; do
		sleep_at_random
		begin=$(date +%s)
		! out=$(timeout $((60 * SLOW)) berth upgrade "$(bad $word)" 2>&1)
		[[ "$out" == *"berth: 9.9.9 was taken back: "*". $OLD runs again." ]] || { echo "$word: $out" >&2; return 1; }
		[ "$SLOW" -gt 1 ] || [ $(($(date +%s) - begin)) -le 15 ]
		[ "$(server_version)" = "$OLD" ]
	done
	end_load
}
