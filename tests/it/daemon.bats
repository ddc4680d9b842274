# The daemon itself: its options, who else is there, and the surroundings it may be started in.
load lib

setup_file() { start_suite; }
teardown_file() { end_suite; }
teardown() {
	revive
	remove_all
}

image() { echo "dir:$ROOT"; }

# other ARGS...: a second daemon, which has to give up by itself.
other() { timeout $((10 * SLOW)) "$BERTH_BUILD/berth" daemon "$@" < /dev/null; }

@test "--help lists the options, a wrong one is named" {
	run "$BERTH_BUILD/berth" daemon --help
	[ "$status" -eq 0 ]
	local option
	for option in --name --data-root --run-root --log-root '-H, --host' '-f, --file' --log-level --stop-timeout; do
		[[ "$output" == *"$option"* ]] || { echo "$option is missing"; return 1; }
	done
	run other --data-rot /x
	[ "$status" -eq 2 ]
	[[ "$output" == *"unknown option: --data-rot"* ]]
	run other --data-root relative
	[ "$status" -eq 2 ]
	[[ "$output" == *"'relative' is not an absolute path"* ]]
}

@test "a run root, a name and a data root belong to one daemon" {
	run other --name "${SUITE_NAME}b" --data-root "$SUITE_DIR/data2" --run-root "$SUITE_DIR/run"
	[ "$status" -eq 1 ]
	[[ "$output" == *"run root $SUITE_DIR/run is in use by another berth daemon"* ]]
	run other --name "$SUITE_NAME" --data-root "$SUITE_DIR/data2" --run-root "$SUITE_DIR/run2"
	[ "$status" -eq 1 ]
	[[ "$output" == *"name $SUITE_NAME is in use by another berth daemon"* ]]
	run other --name "${SUITE_NAME}b" --data-root "$SUITE_DIR/data" --run-root "$SUITE_DIR/run2"
	[ "$status" -eq 1 ]
	[[ "$output" == *"data root $SUITE_DIR/data is in use by another berth daemon"* ]]
	berth run --network none --rm "$(image)" true # the first one has lost nothing
}

@test "its successor takes the locks over" {
	local old
	old=$(supervisor_pid)
	kill -KILL "$old"
	another() { [ "$(supervisor_pid)" != "$old" ]; }
	wait_until 10 another
	wait_until 10 berth version > /dev/null
	berth run --network none --rm "$(image)" true
}

@test "SIGHUP is not the end" {
	local old
	old=$(supervisor_pid)
	kill -HUP "$(keeper_pid)" "$old"
	sleep 0.3
	berth run --network none --rm "$(image)" true
	kill -0 "$(keeper_pid)"
	[ "$(supervisor_pid)" = "$old" ]
}

# in COMMAND...: a daemon of this test's own under COMMAND (env -i, a shell that sets limits), asked to run a container.
in_surroundings() {
	local dir=$SUITE_DIR/other pid
	mkdir -p "$dir"
	"$@" "$BERTH_BUILD/berth" daemon --name "${SUITE_NAME}s" --data-root "$dir/data" --run-root "$dir/run" 3>&- &
	pid=$!
	local BERTH_HOST=unix://$dir/run/berth.sock failed=
	if wait_until 10 berth version > /dev/null 2>&1; then
		[ "$(berth run --network none --rm "$(image)" echo up)" = up ] || failed="$failed 1"
		[ "$(stat -c %a "$dir/run/berth.sock" "$dir/run" "$dir/data" | tr '\n' ' ')" = "660 711 711 " ] || failed="$failed 2"
		berth run -d --network none --name stay "$(image)" sleep 1000 > /dev/null || failed="$failed 3"
		[ "$(berth exec stay sh -c 'umask; ls -ld /etc/hosts' | cut -c1-10 | tr '\n' ' ')" = "0022 -rw-r--r-- " ] || failed="$failed 4"
		berth rm -f stay > /dev/null
	else
		failed=5
	fi
	kill -TERM "$pid"
	wait_until 20 process_gone "$pid" || failed="$failed 6"
	rm -rf "$dir"
	[ -z "$failed" ] || { echo "failed at $failed: $*" >&2; return 1; }
}

@test "no environment, no streams, a tight umask, few descriptors" {
	in_surroundings env -i > "$SUITE_DIR/o" 2>&1 || { cat "$SUITE_DIR/o"; return 1; }
	in_surroundings bash -c 'exec "$0" "$@" <&- >&- 2>&-'
	in_surroundings bash -c 'umask 077; exec "$0" "$@"' > "$SUITE_DIR/o" 2>&1 || { cat "$SUITE_DIR/o"; return 1; }
	in_surroundings bash -c 'ulimit -n 256; exec "$0" "$@"' > "$SUITE_DIR/o" 2>&1 || { cat "$SUITE_DIR/o"; return 1; }
}

@test "a start that is refused says why and leaves nothing" {
	run bash -c "ulimit -n 64; exec timeout 10 $BERTH_BUILD/berth daemon --name ${SUITE_NAME}r --data-root $SUITE_DIR/r/data --run-root $SUITE_DIR/r/run"
	[ "$status" -eq 1 ]
	[[ "$output" == *"hard limit of open files is 64"* ]]
	mkdir -p "$SUITE_DIR/r"
	touch "$SUITE_DIR/r/file"
	run other --name "${SUITE_NAME}r" --data-root "$SUITE_DIR/r/file" --run-root "$SUITE_DIR/r/run"
	[ "$status" -eq 1 ]
	[[ "$output" == *"$SUITE_DIR/r/file"* ]]
	local long
	long=$SUITE_DIR/r/$(printf 'x%.0s' {1..100})
	run other --name "${SUITE_NAME}r" --data-root "$SUITE_DIR/r/data" --run-root "$long"
	[ "$status" -eq 1 ]
	[[ "$output" == *"is longer than 107 bytes"* ]]
	[ -z "$(find /sys/fs/cgroup -type d -name "${SUITE_NAME}r")" ]
}

# The file system that does not answer goes, and who waits for it is told.
revive() {
	[ -n "${DEADFS:-}" ] || return 0
	kill "$DEADFS"
	umount -l "$SUITE_DIR/dead"
	DEADFS=
}

@test "a bind source on a file system that does not answer holds up nobody but its container" {
	[ -c /dev/fuse ] || skip "no /dev/fuse"
	berth run -d --name other --network none "dir:$ROOT" sleep 1000 > /dev/null
	local dead=$SUITE_DIR/dead
	mkdir "$dead"
	"$BERTH_BUILD/tool/deadfs" "$dead" > "$SUITE_DIR/deadfs.out" 2>&1 3>&- &
	DEADFS=$!
	wait_until 10 grep -q mounted "$SUITE_DIR/deadfs.out"
	timeout $((60 * SLOW)) berth run --name stuck --network none -v "$dead/file:/f" "dir:$ROOT" true > "$SUITE_DIR/stuck.out" 2>&1 3>&- &
	wait_until 10 eval '[ -n "$(berth ps -aq --filter name=stuck)" ]'
	# While it hangs, all else goes on.
	[ "$(timeout $((10 * SLOW)) berth exec other echo there)" = there ]
	timeout $((10 * SLOW)) berth run --rm --network none "dir:$ROOT" true
	[ ! -s "$SUITE_DIR/stuck.out" ]
	local code=0
	wait $! || code=$?
	revive
	[ "$code" -eq 125 ]
	grep -q 'the start took too long' "$SUITE_DIR/stuck.out"
	berth rm -f other stuck > /dev/null
}
