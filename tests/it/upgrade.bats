# upgrade: another program for the supervisor, under containers that log. The good one is kept, the bad ones are taken back.
load lib

setup_file() {
	start_suite
	export OLD NEW GOOD
	OLD=$(berth --version)
	OLD=${OLD##* }
	NEW=9${OLD#?} # the first byte: a linker lets other strings share the last ones
	GOOD=$SUITE_DIR/good
	# The same program with another name for its version: the bytes of the text, wherever they are.
	LC_ALL=C sed "s/${OLD//./\\.}/$NEW/g" "$BERTH_BUILD/berth" > "$GOOD"
	chmod 755 "$GOOD"
}
teardown_file() { end_suite; }
teardown() {
	remove_all
	# The next test finds the program that it expects.
	[ "$(server_version)" = "$OLD" ] || berth upgrade -d "$BERTH_BUILD/berth"
}

server_version() { berth version --format '{{.Server.Version}}'; }
log_has() { grep -q "$@" "$SUITE_DIR/daemon.log"; }
pid_of() { berth inspect -f '{{.State.Pid}}' "$1"; }

# bad WORD: the tool as that kind of program
bad() {
	LC_ALL=C sed "s/badberth:exits/badberth:$1/" "$BERTH_BUILD/tool/badberth" > "$SUITE_DIR/bad-$1"
	chmod 755 "$SUITE_DIR/bad-$1"
	echo "$SUITE_DIR/bad-$1"
}

# A few that log, one line with a number after the other.
start_load() {
	local i
	PIDS=
	for i in 1 2 3; do
		berth run -d --name "load$i" --network none "dir:$ROOT" sh -c 'i=0; while :; do i=$((i+1)); echo "line $i."; usleep 2000; done' > /dev/null
		PIDS+=" $(pid_of "load$i")"
	done
}

# The same processes, still logging, and nothing lost, doubled or torn on the way.
load_is_whole() {
	local i now=
	for i in 1 2 3; do
		now+=" $(pid_of "load$i")"
	done
	[ "$now" = "$PIDS" ]
	for i in 1 2 3; do
		wait_until 10 grows "load$i" "$(berth logs "load$i" | wc -l)"
		berth kill "load$i" > /dev/null
		[ "$(berth wait "load$i")" = 137 ]
		berth logs "load$i" | awk '$0 != "line " NR "." { print "line " NR " is: " $0; exit 1 }'
	done
}
grows() { [ "$(berth logs "$1" | wc -l)" -gt "$2" ]; }

@test "to a good program: the containers keep their processes and every line of their logs" {
	start_load
	local before keeper
	before=$(supervisor_pid)
	keeper=$(keeper_pid)
	run --separate-stderr timeout $((60 * SLOW)) berth upgrade "$GOOD"
	[ "$status" -eq 0 ]
	[ "$output" = "$OLD -> $NEW" ]
	[ "$(supervisor_pid)" != "$before" ]
	[ "$(keeper_pid)" = "$keeper" ]
	[ "$(server_version)" = "$NEW" ]
	[ "$(docker_info)" = "$NEW" ]
	log_has "event=upgraded from=$OLD to=$NEW path=\"$GOOD\""
	log_has "event=upgrade-kept version=$NEW"
	load_is_whole
	# And back, by the client's own program.
	run --separate-stderr berth upgrade -d
	[ "$output" = "$NEW -> $OLD" ]
	[ "$(server_version)" = "$OLD" ]
}
http() { # http METHOD PATH [BODY]
	printf '%s %s HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s' "$1" "$2" ${#3} "$3" | socat -t $((10 * SLOW)) - "UNIX-CONNECT:$SUITE_DIR/run/berth.sock"
}
docker_info() { http GET /info | sed -n 's/.*"ServerVersion":"\([^"]*\)".*/\1/p'; }

@test "what runs does not depend on the file any more" {
	berth upgrade -d "$GOOD"
	: > "$SUITE_DIR/good.kept"
	cp "$GOOD" "$SUITE_DIR/good.kept"
	: > "$GOOD" # overwritten in place
	berth run --rm --network none "dir:$ROOT" true
	kill -9 "$(supervisor_pid)" # on its trial: the one before comes back
	wait_until 15 is_version "$OLD"
	cat "$SUITE_DIR/good.kept" > "$GOOD"
}
is_version() { [ "$(server_version)" = "$1" ]; }

@test "an attached client and an exec are cut, the container is not" {
	berth run -d --name box --network none "dir:$ROOT" sleep 1000 > /dev/null
	local pid
	pid=$(pid_of box)
	timeout $((60 * SLOW)) berth exec box sleep 1000 &
	local exec=$!
	wait_until 10 runs_in_box
	berth upgrade -d "$GOOD"
	local code=0
	wait $exec || code=$?
	[ $code -ne 0 ] && [ $code -ne 124 ]
	[ "$(pid_of box)" = "$pid" ]
	[ "$(berth exec box echo there)" = there ]
}
runs_in_box() { berth exec box ps | grep -q '[s]leep 1000$' && [ "$(berth exec box ps | grep -c '[s]leep 1000')" -ge 2 ]; }

taken_back() { # taken_back WORD REASON
	start_load
	local begin
	begin=$(date +%s)
	run timeout $((60 * SLOW)) berth upgrade "$(bad "$1")"
	[ "$status" -eq 1 ]
	[[ "$output" == *"berth: 9.9.9 was taken back: $2"*". $OLD runs again." ]]
	[ "$SLOW" -gt 1 ] || [ $(($(date +%s) - begin)) -le 15 ]
	[ "$(server_version)" = "$OLD" ]
	log_has "event=rolled-back from=9.9.9 to=$OLD err=\"$2"
	load_is_whole
}

@test "a program that exits at once is taken back" { taken_back exits "it exited with status 7"; }
@test "a program that hangs is taken back" { taken_back hangs "it was not ready within 10 s"; }
@test "a program that crashes after three seconds is taken back" { taken_back crash "it was killed by signal 6 (SIGABRT) after "; }

@test "what cannot be a berth is refused, and nothing changes" {
	local before
	before=$(supervisor_pid)
	refused() {
		local text=$1
		shift
		run timeout $((60 * SLOW)) berth upgrade "$@"
		[ "$status" -ne 0 ] && [ "$status" -ne 124 ]
		[[ "$output" == *"$text"* ]] || { echo "wanted: $text, got: $output" >&2; return 1; }
	}
	cp "$GOOD" "$SUITE_DIR/plain"
	chmod 644 "$SUITE_DIR/plain"
	printf '#!/bin/sh\necho berth version 1\n' > "$SUITE_DIR/script"
	chmod 755 "$SUITE_DIR/script"
	head -c 100000 "$GOOD" > "$SUITE_DIR/cut"
	chmod 755 "$SUITE_DIR/cut"
	refused "$SUITE_DIR/none: No such file or directory" "$SUITE_DIR/none"
	refused "$SUITE_DIR/plain is not executable" "$SUITE_DIR/plain"
	refused "$SUITE_DIR/script is not a program" "$SUITE_DIR/script"
	refused "$SUITE_DIR is not a regular file" "$SUITE_DIR"
	refused "is not a berth" /bin/busybox
	refused "is not a berth" "$SUITE_DIR/cut"
	refused "is not a berth" "$(bad 'liar!')"
	refused "does not answer to --version within 20 s" "$(bad stuck)"
	refused "accepts at most 1 argument" a b
	run http POST /berth/upgrade '{}'
	[[ "$output" == *'Path: must be the absolute path'* ]]
	[ "$(supervisor_pid)" = "$before" ]
	[ "$(server_version)" = "$OLD" ]
}
