# report: a supervisor that dies of a fatal signal says of which and where, to the one after it.
load lib

export CRASHES_EXPECTED=yes
setup_file() { start_suite; }
teardown_file() { end_suite; }
teardown() { remove_all; }

crashes() { grep ' event=crashed ' "$SUITE_DIR/daemon.log" | wc -l; }
has_crashed() { [ "$(crashes)" -ge "$1" ]; }
kept() { find "$SUITE_DIR/data/crash" -name 'crash-*.txt' | wc -l; }

# die SIGNAL: the supervisor, and the next one is up and has told
die() {
	local n
	n=$(crashes)
	kill "-$1" "$(supervisor_pid)"
	wait_until 20 has_crashed $((n + 1))
	wait_until 20 timeout $((5 * SLOW)) berth version > /dev/null
}

@test "signal, place and last line are logged and kept; containers go on" {
	berth run -d --name box --network none "dir:$ROOT" sleep 1000 > /dev/null
	local before sig number line file
	before=$(berth inspect -f '{{.State.Pid}}' box)
	for sig in SEGV:11 ABRT:6; do
		die "${sig%:*}"
		number=${sig#*:}
		line=$(grep ' event=crashed ' "$SUITE_DIR/daemon.log" | tail -1)
		[[ "$line" == *"level=error event=crashed signal=$number name=SIG${sig%:*} sender="* ]]
		[[ "$line" == *" version=$(berth --version | cut -d' ' -f3) "* ]]
		[[ "$line" == *' trace="'*' berth+0x'*'"'* ]]
		[[ "$line" == *' last="time='* ]]
		file=${line##* file=\"}
		file=$SUITE_DIR/data/${file%\"*}
		[ "$(sed -n 's/^signal //p' "$file")" = "$number" ]
		[ "$(stat -c %a "$file")" = 600 ]
	done
	# The addresses are those of the program's file.
	if command -v addr2line > /dev/null; then
		grep -o 'berth+0x[0-9a-f]*' "$file" | sed 's/.*+//' | xargs addr2line -f -e "$BERTH_BUILD/berth" | grep -q '^daemon_main$'
	fi
	[ "$(berth inspect -f '{{.State.Pid}}' box)" = "$before" ]
	[ "$(berth exec box echo there)" = there ]
}

@test "a kill leaves no report, nor does a worker or a container that crashes" {
	local n
	n=$(crashes)
	kill -9 "$(supervisor_pid)"
	wait_until 20 timeout $((5 * SLOW)) berth version > /dev/null
	run berth run --rm --network none "dir:$ROOT" sh -c 'kill -SEGV $$; sleep 100 & kill -SEGV $!; wait $!'
	[ "$status" -eq 139 ]
	kill -9 "$(supervisor_pid)"
	wait_until 20 timeout $((5 * SLOW)) berth version > /dev/null
	[ "$(crashes)" -eq "$n" ]
}

@test "the last five are kept" {
	local i
	for i in 1 2 3 4 5 6; do die SEGV; done
	[ "$(kept)" -eq 5 ]
}
