# logs: every line there once, whoever dies; rotation, following, resuming; a full disk and slow readers hold nobody up.
load lib
load crash

setup_file() {
	prepare_suite
	cp "$BERTH_BUILD/tool/say" "$ROOT/bin/"
	tree_hash "$ROOT" > "$SUITE_DIR/image.before"
	export FAULTS=$BERTH_BUILD/faults/berth SAY=$BERTH_BUILD/tool/say
	export SEED=${BERTH_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
	start_daemon
}
teardown_file() { end_suite; }
teardown() {
	remove_all
	rm -f "$SUITE_DIR/got" "$SUITE_DIR/got.err" # what is waited for there is never another's
}

say() { # say NAME [OPTION...] -- ARGS...: a container that says it
	local name=$1 options=()
	shift
	while [ "$1" != -- ]; do options+=("$1"); shift; done
	shift
	berth_timed run -d --name "$name" --network none "${options[@]}" "dir:$ROOT" say "$@" > /dev/null
}
held() { # held NAME [OPTION...] -- ARGS...: makes a container that says "held", and the rest when $SUITE_DIR/go/now is there
	local name=$1 options=()
	shift
	while [ "$1" != -- ]; do options+=("$1"); shift; done
	shift
	mkdir -p "$SUITE_DIR/go"
	rm -f "$SUITE_DIR/go/now"
	berth_timed create --name "$name" --network none -v "$SUITE_DIR/go:/go" "${options[@]}" "dir:$ROOT" \
		sh -c 'echo held; while [ ! -e /go/now ]; do sleep 0.05; done; exec say "$@"' say "$@" > /dev/null
}
has_ended() { [[ "$(state_of "$1")" == exited* ]]; }
await_end() { wait_until "${2:-30}" has_ended "$1"; }
log_dir() { dirname "$(berth inspect -f '{{.LogPath}}' "$1")"; }
has_lines() { [ -e "$1" ] && [ "$(wc -l < "$1")" -ge "$2" ]; }

@test "probe k rotation: by size, with as many files as asked for; tail over the seams" {
	say turn --log-opt max-size=4k --log-opt max-file=3 -- lines 1000
	await_end turn
	[ "$(find "$(log_dir turn)" -type f | wc -l)" -eq 3 ]
	[ -z "$(find "$(log_dir turn)" -type f -size +4000c)" ]
	"$SAY" lines 1000 > "$SUITE_DIR/want"
	local n kept
	kept=$(berth logs turn | wc -l)
	[ "$kept" -gt 60 ] && [ "$kept" -lt 200 ]
	for n in 0 1 20 40 41 42 60; do
		berth logs --tail "$n" turn | diff - <(tail -n "$n" "$SUITE_DIR/want")
	done
	berth logs turn | diff - <(tail -n "$kept" "$SUITE_DIR/want")
	berth rm turn
	[ -z "$(ls "$SUITE_DIR/data/logs")" ]
}

@test "logs are limited unless told otherwise" {
	[ "$(berth create --name limits --network none "dir:$ROOT" true | wc -c)" -eq 65 ]
	run berth create --log-opt max-size=0 --network none "dir:$ROOT" true
	[ "$status" -eq 1 ] || [ "$status" -eq 125 ]
	[[ "$output" == *'max-size: "0" is no size'* ]]
	run berth create --log-opt colour=red --network none "dir:$ROOT" true
	[[ "$output" == *"unknown log opt 'colour' for json-file log driver"* ]]
	say much -- bursts 1000 # 27 MB and more in the log
	await_end much 60
	[ "$(find "$(log_dir much)" -type f | wc -l)" -eq 3 ]
	[ "$(du -sk "$(log_dir much)" | cut -f1)" -lt 30500 ]
}

@test "following: over rotations, to the last words, which have no end" {
	held slow --log-opt max-size=2k --log-opt max-file=5 -- lines 600 2000
	berth start slow > /dev/null
	timeout $((60 * SLOW)) berth logs -f slow > "$SUITE_DIR/got" &
	local reader=$!
	wait_until 10 has_lines "$SUITE_DIR/got" 1 # it is there before the first file goes
	touch "$SUITE_DIR/go/now"
	wait "$reader"
	(echo held; "$SAY" lines 600) | diff - "$SUITE_DIR/got"
	has_ended slow
	timeout $((20 * SLOW)) berth logs -f slow | diff - <("$SAY" lines 600 | tail -n "$(wc -l < <(berth logs slow))")
	berth run -d --name words --network none "dir:$ROOT" sh -c 'sleep 0.5; printf "no end"' > /dev/null
	[ "$(timeout $((20 * SLOW)) berth logs -f words)" = "no end" ]
}

@test "following goes on over a restart, and ends with the last run" {
	berth run -d --name again --network none --restart on-failure:2 "dir:$ROOT" sh -c 'echo run; sleep 0.3; exit 1' > /dev/null
	[ "$(timeout $((30 * SLOW)) berth logs -f again)" = $'run\nrun\nrun' ]
	berth run -d --name twice --network none "dir:$ROOT" sh -c 'echo up; trap "exit 0" TERM; while :; do sleep 0.1; done' > /dev/null
	timeout $((40 * SLOW)) berth logs -f twice > "$SUITE_DIR/got" &
	local reader=$!
	wait_until 10 has_lines "$SUITE_DIR/got" 1
	berth_timed restart twice > /dev/null
	wait_until 10 has_lines "$SUITE_DIR/got" 2
	berth_timed stop twice > /dev/null
	wait "$reader"
	[ "$(cat "$SUITE_DIR/got")" = $'up\nup' ]
}

@test "a number of lines that is none is refused" {
	berth create --name none --network none "dir:$ROOT" true > /dev/null
	run berth logs -n many none
	[ "$status" -eq 1 ]
	[ "$output" = "invalid number of lines 'many': want a number or \"all\"" ]
	for lines in all 0 7 -1; do berth logs -n $lines none; done
}

@test "times, streams, details" {
	berth run -d --name marks --network none --label a=1 --label b=2 -e E=x --log-opt labels=a,c --log-opt env=E "dir:$ROOT" \
		sh -c 'echo one; sleep 1.2; echo two >&2' > /dev/null
	await_end marks
	[ "$(berth logs --details marks 2>&1 | head -1)" = "a=1,E=x one" ]
	[ "$(berth logs marks 2> /dev/null)" = one ]
	local stamp
	stamp=$(berth logs -t marks 2>&1 | tail -1 | cut -d' ' -f1)
	[[ "$stamp" =~ ^[0-9-]{10}T[0-9:]{8}\.[0-9]{9}Z$ ]]
	[ "$(berth logs --since "$stamp" marks 2>&1)" = two ]
	[ "$(berth logs --until "$(berth logs -t marks 2> /dev/null | cut -d' ' -f1)" marks 2>&1)" = one ]
}

@test "driver none: nothing is kept, and reading says so" {
	[ "$(berth_timed run --rm --network none --log-driver none "dir:$ROOT" echo through)" = through ]
	say nothing --log-driver none -- lines 10
	await_end nothing
	run berth logs nothing
	[ "$status" -eq 1 ]
	[[ "$output" == *"configured logging driver does not support reading"* ]]
	[ -z "$(ls "$SUITE_DIR/data/logs" 2> /dev/null)" ]
}

@test "volatile logs are in the run root" {
	cat > "$SUITE_DIR/compose.yaml" <<-EOF
		name: vol
		services:
		  web:
		    image: dir:$ROOT
		    network_mode: none
		    command: [say, lines, "10"]
		    x-berth: {logs: volatile}
	EOF
	berth_timed up -d -f "$SUITE_DIR/compose.yaml"
	wait_until 10 has_ended vol-web-1
	[[ "$(berth inspect -f '{{.LogPath}}' vol-web-1)" == "$SUITE_DIR/run/"* ]]
	berth logs vol-web-1 | diff - <("$SAY" lines 10)
	berth_timed down -f "$SUITE_DIR/compose.yaml"
}

# ---------------------------------------------------------------- kills

kill_at_random_until() { # kill_at_random_until COMMAND...: supervisors, one after the other
	local n=0
	until "$@"; do
		sleep "0.$((RANDOM % 3))$((RANDOM % 10))"
		kill_supervisor || return 1
		n=$((n + 1))
	done
	echo "$n supervisors killed"
	[ $n -gt 0 ]
}

all_ended() {
	local name
	for name in "$@"; do has_ended "$name" || return 1; done
}

@test "killed at random: no line lost, doubled or torn, whatever is written how" {
	RANDOM=$((SEED % 32768))
	local many=(--log-opt max-size=30k --log-opt max-file=1000)
	say lines "${many[@]}" -- lines 3000 1000
	say bursts --log-opt max-size=-1 -- bursts 150 20000
	say long "${many[@]}" -- long 60 50000
	say endless -- endless 3000 1000
	say both "${many[@]}" -- both 3000 1000
	timeout $((120 * SLOW)) berth logs -f lines > "$SUITE_DIR/followed" 2> "$SUITE_DIR/followed.err" &
	local reader=$!
	kill_at_random_until all_ended lines bursts long endless both
	berth logs lines | diff - <("$SAY" lines 3000)
	berth logs bursts | cmp - <("$SAY" bursts 150)
	berth logs long | cmp - <("$SAY" long 60)
	berth logs endless | cmp - <("$SAY" endless 3000)
	berth logs both 2> /dev/null | diff - <("$SAY" both 3000 2> /dev/null)
	berth logs both 2>&1 > /dev/null | diff - <("$SAY" both 3000 2>&1 > /dev/null)
	wait "$reader"
	diff "$SUITE_DIR/followed" <("$SAY" lines 3000)
}

@test "the supervisor dies at each step of logging and rotating" {
	local point n=0
	stop_daemon
	for point in $(fault_points log.); do
		echo "$point"
		BERTH_FAULT=$point:self BERTH_PROGRAM=$FAULTS start_daemon
		say steps --log-opt max-size=2k --log-opt max-file=$((n % 2 ? 1 : 1000)) -- lines 300 3000 || true # it may die before it answers, or before it starts
		wait_until 10 daemon_answers
		[[ "$(state_of steps)" != created* ]] || berth_timed start steps > /dev/null
		await_end steps
		"$SAY" lines 300 > "$SUITE_DIR/want"
		berth logs steps > "$SUITE_DIR/got"
		grep -q 'was killed by signal 9' "$SUITE_DIR/daemon.log" || { echo "$point never struck" >&2; return 1; }
		diff "$SUITE_DIR/got" <(tail -n "$(wc -l < "$SUITE_DIR/got")" "$SUITE_DIR/want")
		[ $((n % 2)) -eq 1 ] || [ "$(wc -l < "$SUITE_DIR/got")" -eq 300 ]
		berth rm steps
		stop_daemon
		: > "$SUITE_DIR/daemon.log"
		n=$((n + 1))
	done
	[ $n -ge 8 ]
	start_daemon
}

# ---------------------------------------------------------------- attached clients

file_grows() { [ -e "$1" ] && [ "$(stat -c %s "$1")" -gt "$2" ]; }

@test "an attached run goes on after its supervisor's death, without loss or repeat" {
	RANDOM=$((SEED % 32768))
	local i out
	for i in 1 2 3; do
		rm -f "$SUITE_DIR/got"
		timeout $((60 * SLOW)) berth run --rm --name on --network none "dir:$ROOT" say both 1500 1000 > "$SUITE_DIR/got" 2> "$SUITE_DIR/got.err" &
		local client=$!
		wait_until 10 file_grows "$SUITE_DIR/got" 1000
		kill_supervisor
		sleep "0.$((RANDOM % 10))"
		kill_supervisor
		wait "$client"
		diff "$SUITE_DIR/got" <("$SAY" both 1500 2> /dev/null)
		grep -v '^berth: ' "$SUITE_DIR/got.err" | diff - <("$SAY" both 1500 2>&1 > /dev/null) # who is slow is told what it waits for
	done
}

@test "what an attached run said and how it ended while there was no supervisor" {
	mkdir -p "$SUITE_DIR/go"
	local options pid
	for options in --rm --tty; do
		rm -f "$SUITE_DIR/go/now" "$SUITE_DIR/got"
		timeout $((60 * SLOW)) berth run $options --name away --network none -v "$SUITE_DIR/go:/go" "dir:$ROOT" \
			sh -c 'printf "before it, "; while [ ! -e /go/now ]; do sleep 0.05; done; echo and behind; exit 7' > "$SUITE_DIR/got" &
		local client=$! status=0
		wait_until 10 file_grows "$SUITE_DIR/got" 5
		pid=$(pid_of away)
		kill -STOP "$(supervisor_pid)"
		touch "$SUITE_DIR/go/now"
		wait_until 10 process_gone "$pid"
		kill_supervisor
		wait "$client" || status=$?
		[ "$(tr -d '\r' < "$SUITE_DIR/got")" = "before it, and behind" ]
		[ $status -eq 7 ]
		berth rm -f away > /dev/null 2>&1 || true
	done
}

@test "a terminal and its input go on, too" {
	cat > "$SUITE_DIR/tty.exp" <<-EOF
		set timeout $((30 * SLOW))
		spawn berth run -it --rm --name typed --network none dir:$ROOT sh
		expect "# "
		send "echo fir''st\r"
		expect "first"
		expect "# "
		exec kill -KILL [exec cat $SUITE_DIR/run/supervisor.pid]
		set timeout 2
		for {set i 0} {\$i < 20} {incr i} {
			send "echo sec''ond\r"
			expect "second" { break } timeout {}
		}
		set timeout $((30 * SLOW))
		send "exit 5\r"
		expect eof
		exit [lindex [wait] 3]
	EOF
	run timeout $((120 * SLOW)) expect "$SUITE_DIR/tty.exp" # what is typed into a dead supervisor's hands is lost
	echo "$output"
	[ "$status" -eq 5 ]
	[ "$(grep -c first <<< "$output")" -eq 1 ]
}

@test "with driver none a run that is attached says what it lost" {
	mkdir -p "$SUITE_DIR/go"
	rm -f "$SUITE_DIR/go/now"
	timeout $((60 * SLOW)) berth run --rm --name lossy --log-driver none --network none -v "$SUITE_DIR/go:/go" "dir:$ROOT" \
		sh -c 'i=0; while [ ! -e /go/now ]; do i=$((i + 1)); echo $i; sleep 0.02; done' > "$SUITE_DIR/got" 2> "$SUITE_DIR/got.err" &
	local client=$!
	wait_until 10 file_grows "$SUITE_DIR/got" 10
	kill_supervisor
	wait_until 10 file_grows "$SUITE_DIR/got" $(($(stat -c %s "$SUITE_DIR/got") + 10)) # it goes on
	touch "$SUITE_DIR/go/now"
	wait "$client"
	[ "$(wc -l < "$SUITE_DIR/got")" -eq "$(tail -n 1 "$SUITE_DIR/got")" ] || grep -q 'bytes of stdout were lost' "$SUITE_DIR/got.err"
}

@test "probe h: an attached client that is stopped does not stall the container" {
	held loud --log-opt max-size=-1 -- bursts 600
	timeout $((60 * SLOW)) berth start -a loud > "$SUITE_DIR/got" 2> "$SUITE_DIR/got.err" &
	local client=$! inner
	wait_until 10 file_grows "$SUITE_DIR/got" 0
	inner=$(pgrep -P "$client" -x berth)
	kill -STOP "$inner"
	touch "$SUITE_DIR/go/now"
	await_end loud 30
	berth logs loud | cmp - <(echo held; "$SAY" bursts 600)
	kill -CONT "$inner"
	wait "$client"
	tail -c 1000 "$SUITE_DIR/got.err"
}

@test "a full disk: the container runs on, what is missing is counted and said" {
	local disk=$SUITE_DIR/disk
	mkdir "$disk"
	mount -t tmpfs -o size=256k "$SUITE_NAME" "$disk"
	stop_daemon
	start_daemon --log-root "$disk"
	head -c 200k /dev/zero > "$disk/fill"
	mkdir -p "$SUITE_DIR/go"
	rm -f "$SUITE_DIR/go/now"
	berth run -d --name full --network none --log-opt max-size=-1 -v "$SUITE_DIR/go:/go" "dir:$ROOT" \
		sh -c 'say lines 3000; touch /go/said; while [ ! -e /go/now ]; do sleep 0.05; done; echo after' > /dev/null
	wait_until 30 test -e "$SUITE_DIR/go/said"
	wait_until 10 grep -q 'event=log-dropped.*No space left' "$SUITE_DIR/daemon.log"
	kill_supervisor # what is missing stays counted
	rm "$disk/fill"
	touch "$SUITE_DIR/go/now"
	await_end full
	berth logs full > "$SUITE_DIR/got" 2> "$SUITE_DIR/got.err"
	[ "$(tail -1 "$SUITE_DIR/got")" = after ]
	local kept lost
	kept=$(head -n -1 "$SUITE_DIR/got" | wc -c)
	lost=$(sed -n 's/^berth: \([0-9]*\) bytes of stdout dropped: No space left on device$/\1/p' "$SUITE_DIR/got.err" | awk '{ sum += $1 } END { print sum + 0 }')
	[ $((kept + lost)) -eq "$("$SAY" lines 3000 | wc -c)" ]
	# What there was no room for is gone in whole lines, from wherever it was; the rest is in its order.
	[ "$(head -n -1 "$SUITE_DIR/got" | grep -vxFc -f <("$SAY" lines 3000))" -eq 0 ]
	head -n -1 "$SUITE_DIR/got" | sort -c -u -n -k2
	berth rm -f full
	stop_daemon
	umount "$disk"
	start_daemon
}

@test "a long log of which nothing is wanted holds up nobody" {
	[ -z "${BERTH_TEST_VM:-}" ] || skip "no room for files with holes"
	local path reader
	berth_timed run --name long --network none "dir:$ROOT" true
	path=$(berth inspect -f '{{.LogPath}}' long)
	truncate -s 40G "$path" # no record in it: all is passed over
	timeout $((120 * SLOW)) berth logs --since 2100-01-01T00:00:00Z long > /dev/null 2>&1 3>&- &
	reader=$!
	is_read() { ls -l "/proc/$(supervisor_pid)/fd" 2> /dev/null | grep -q "$path"; }
	wait_until 10 is_read
	timeout $((60 * SLOW)) berth version > /dev/null
	! process_gone "$reader" # it is not through
	kill "$reader"
	wait "$reader" || true
}
