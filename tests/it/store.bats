# store: what the data root keeps over a loss of power, a daemon's end and a full disk.
load lib
load crash

setup_file() {
	prepare_suite
	mkdir "$SUITE_DIR/count"
}
teardown_file() { leave_suite; }
teardown() {
	umount "$SUITE_DIR/data" 2> /dev/null || true
	end_daemon_by_force
	umount "$SUITE_DIR/data" 2> /dev/null || true
}

boxed() { berth_timed run -d --network none "$@" > /dev/null; } # boxed OPTION... IMAGE COMMAND...
counting() { echo 'echo >> /count/'"$1"; }
count() { wc -l < "$SUITE_DIR/count/$1" 2> /dev/null || echo 0; }
id_of() { berth_timed inspect -f '{{.Id}}' "$1"; }
volumes() { ids_in "$SUITE_DIR/data/volumes"; }

# Everything ends at once, and what was in memory is gone; the disk has what was written to it.
power_cut() {
	local pid
	kill -STOP "$(keeper_pid)" "$(supervisor_pid)"
	kill -KILL "$(keeper_pid)" "$(supervisor_pid)"
	for pid in $(processes_of_suite | cut -d' ' -f1); do kill -KILL "$pid" 2> /dev/null || true; done
	wait_until 10 eval '[ -z "$(processes_of_suite)" ]'
	find /sys/fs/cgroup -ignore_readdir_race -depth -type d -path "*/$SUITE_NAME*" -exec rmdir {} + 2> /dev/null || true
	[ "${1:-}" = keep-run ] || rm -rf "$SUITE_DIR/run"
}

# One of each kind, and what is known of it before the lights go out.
make_all_kinds() {
	local box="dir:$ROOT" C=(-v "$SUITE_DIR/count:/count")
	boxed --name once "${C[@]}" "$box" sh -c "$(counting once); exit 7"
	boxed --name done0 --restart on-failure "${C[@]}" "$box" sh -c "$(counting done0)"
	boxed --name always --restart always "${C[@]}" "$box" sh -c "$(counting always); $STAYS"
	boxed --name alwaysstopped --restart always "$box" sh -c "$STAYS"
	boxed --name unless --restart unless-stopped "$box" sh -c "$STAYS"
	boxed --name unlessstopped --restart unless-stopped "$box" sh -c "$STAYS"
	boxed --name never "$box" sh -c "$STAYS"
	boxed --name onfailure --restart on-failure:3 "$box" sh -c "$STAYS"
	boxed --name tired --restart on-failure:1 "${C[@]}" "$box" sh -c "$(counting tired); exit 9"
	boxed --name passing --rm -v /data "$box" sh -c "$STAYS"
	boxed --name frozen "$box" sh -c "$STAYS"
	boxed --name frozenalways --restart always "$box" sh -c "$STAYS"
	berth_timed create --name fresh --network none "$box" true > /dev/null
	run -127 berth_timed run -d --name failed --network none "$box" no-such-program
	berth_timed stop alwaysstopped unlessstopped > /dev/null
	berth_timed pause frozen frozenalways > /dev/null
	await_state once 'exited 7'
	await_state done0 'exited 0'
	await_state tired 'exited 9'
	[ "$(count tired)" = 2 ]
}

@test "after a loss of power each container is as it should be" {
	start_daemon
	make_all_kinds
	[ -n "$(volumes)" ]
	power_cut
	start_daemon
	await_state always 'running 0'
	await_state alwaysstopped 'running 0' # docker's: a new daemon starts it
	await_state unless 'running 0'
	await_state onfailure 'running 0'
	await_state frozenalways 'running 0' # nothing is left that could be frozen
	await_state passing absent
	[ -z "$(volumes)" ]
	[ "$(state_of once)" = 'exited 7' ]
	[ "$(state_of done0)" = 'exited 0' ]
	[ "$(state_of tired)" = 'exited 9' ]
	[ "$(state_of unlessstopped)" = 'exited 0' ]
	[ "$(state_of never)" = 'exited 255' ]
	[ "$(state_of frozen)" = 'exited 255' ]
	[ "$(state_of fresh)" = 'created 0' ]
	[ "$(state_of failed)" = 'created 127' ]
	[ "$(count once)" = 1 ]
	[ "$(count done0)" = 1 ]
	[ "$(count tired)" = 2 ]
	[ "$(count always)" = 2 ]
	[[ "$(berth ps -a --filter name=once --format '{{.Status}}')" == "Exited (7)"* ]]
	[ "$(berth wait never)" = 255 ]
	# And once more: what the boot itself concluded is on disk as well.
	local finished
	finished=$(berth inspect -f '{{.State.FinishedAt}}' never)
	power_cut
	start_daemon
	await_state always 'running 0'
	[ "$(berth inspect -f '{{.State.FinishedAt}}' never)" = "$finished" ]
	[ "$(state_of once)" = 'exited 7' ]
	[ "$(count once)" = 1 ]
	remove_all
	stop_daemon
	assert_nothing_left
}

@test "a run root of another boot says nothing about this one" {
	start_daemon
	boxed --name never "dir:$ROOT" sh -c "$STAYS"
	boxed --name always --restart always "dir:$ROOT" sh -c "$STAYS"
	power_cut keep-run
	sed -i 's/"BootId":[ ]*"[^"]*"/"BootId":"01234567-89ab-cdef-0123-456789abcdef"/' "$SUITE_DIR"/run/containers/*/state.json
	start_daemon
	[ "$(state_of never)" = 'exited 255' ]
	await_state always 'running 0'
	remove_all
	stop_daemon
	assert_nothing_left
}

@test "the daemon's orderly end keeps containers, layers and volumes; policy goes on at the next start" {
	rm -f "$SUITE_DIR"/count/*
	start_daemon
	make_all_kinds
	berth exec always touch /kept
	stop_daemon
	assert_nothing_left keep-containers
	start_daemon
	for name in always alwaysstopped unless frozenalways; do await_state $name 'running 0'; done
	[ "$(state_of never)" = 'exited 0' ] # it had the time to say so
	[ "$(state_of onfailure)" = 'exited 0' ]
	[ "$(state_of unlessstopped)" = 'exited 0' ]
	[ "$(state_of once)" = 'exited 7' ]
	[ "$(state_of passing)" = absent ]
	[ "$(count once)" = 1 ]
	berth exec always test -e /kept
	remove_all
	stop_daemon
	assert_nothing_left
}

@test "the daemon's orderly end: who waits for the last end, or reads along, is told of it" {
	local verb
	start_daemon
	berth run -d --name last --network none "dir:$ROOT" sh -c 'trap "echo bye; exit 4" TERM; echo begun; while :; do sleep 0.1; done' > /dev/null
	wait_until 10 eval '[ "$(berth logs last)" = begun ]'
	for verb in "wait last" "logs -f last" events "attach last"; do
		timeout -s KILL $((20 * SLOW)) berth $verb > "$SUITE_DIR/told.${verb%% *}" 2> /dev/null 3>&- &
	done
	wait_until 10 eval '[ "$(cat "$SUITE_DIR/told.logs")" = begun ]'
	wait_until 10 grep -q event=attach "$SUITE_DIR/daemon.log"
	sleep "$SLOW" # nothing tells that the wait is registered
	stop_daemon
	wait_until 10 grep -qx 4 "$SUITE_DIR/told.wait"
	wait_until 10 grep -qx bye "$SUITE_DIR/told.logs"
	wait_until 10 grep -qx bye "$SUITE_DIR/told.attach"
	wait_until 10 grep -q ' container die .*exitCode=4' "$SUITE_DIR/told.events"
	start_daemon
	remove_all
	stop_daemon
	assert_nothing_left
}

@test "what a removal, a creation and a layer left by half is swept" {
	start_daemon
	boxed --name going -v /data "dir:$ROOT" sh -c 'echo said; touch /layer'
	await_state going 'exited 0'
	boxed --name stays -v /data "dir:$ROOT" sh -c "$STAYS"
	local id data=$SUITE_DIR/data/containers
	id=$(id_of going)
	[ "$(volumes | wc -l)" = 2 ]
	power_cut
	mv "$data/$id" "$SUITE_DIR/data/trash/$id.v" # where the power went: the rename was durable, the deletion not begun
	mkdir -p "$data/$(printf %064d 1)/upper/deep" "$data/$(printf %064d 2)" "$SUITE_DIR/data/logs/$(printf %064d 1)"
	echo '{"Sch' > "$data/$(printf %064d 2)/.config.json.new"
	echo '{"Sch' > "$data/$(ids_in "$data" | grep -v 000)/.desired.json.new"
	start_daemon
	[ "$(state_of going)" = absent ]
	[ "$(state_of stays)" = 'exited 255' ]
	swept() { [ -z "$(ids_in "$SUITE_DIR/data/trash")" ] && [ "$(volumes | wc -l)" = 1 ] && [ "$(ids_in "$SUITE_DIR/data/logs" | wc -l)" = 1 ]; }
	wait_until 10 swept
	[ "$(ids_in "$data")" = "$(id_of stays)" ]
	[ -z "$(find "$data" -name '*.new')" ]
	berth rm -v stays
	stop_daemon
	assert_nothing_left
}

@test "a full disk: errors that name the file, containers that run on, and recovery by itself" {
	mkdir -p "$SUITE_DIR/data"
	mount -t tmpfs -o size=4m none "$SUITE_DIR/data"
	start_daemon
	local data=$SUITE_DIR/data name code
	for name in runs ends halts; do boxed --name $name "dir:$ROOT" sh -c "trap 'exit 5' TERM USR1; while :; do sleep 0.1; done"; done
	berth create --name waits --network none "dir:$ROOT" true > /dev/null
	dd if=/dev/zero of="$data/fill" bs=4k 2> /dev/null || true
	run berth_timed create --name another --network none "dir:$ROOT" true
	echo "$output"
	[ "$status" -ne 0 ]
	[[ "$output" == *"/config.json: No space left on device"* ]]
	[ "$(ids_in "$data/containers" | wc -l)" = 4 ] # nothing of it is there
	[ "$(state_of another)" = absent ]
	run berth_timed stop halts
	echo "$output"
	[ "$status" -ne 0 ]
	[[ "$output" == *"/desired.json: No space left on device"* ]]
	[ "$(state_of halts)" = 'exited 5' ] # it is stopped, though that is not on disk
	run berth_timed start waits
	echo "$output"
	[ "$status" -ne 0 ]
	[[ "$output" == *"No space left on device"* ]]
	# An end that cannot be written down holds nobody up.
	berth_timed wait ends > "$SUITE_DIR/code" &
	berth_timed kill -s USR1 ends
	wait $!
	[ "$(cat "$SUITE_DIR/code")" = 5 ]
	[ "$(berth_timed exec runs echo on)" = on ]
	grep -q 'event=store-failed .*No space left on device' "$SUITE_DIR/daemon.log"
	[ "$(grep -c 'event=store-failed' "$SUITE_DIR/daemon.log")" = 1 ] # once, not at each try
	rm "$data/fill"
	wait_until 70 grep -q 'event=store-works' "$SUITE_DIR/daemon.log"
	grep -q '"StoppedByUser":true' "$data/containers/$(id_of halts)/desired.json"
	grep -q '"ExitCode":5' "$data/containers/$(id_of ends)/result.json"
	berth_timed create --name another --network none "dir:$ROOT" true > /dev/null
	berth_timed start waits > /dev/null
	await_state waits 'exited 0'
	[ "$(berth_timed exec runs echo on)" = on ]
	power_cut
	start_daemon
	[ "$(state_of halts) $(state_of ends) $(state_of runs) $(state_of another)" = 'exited 5 exited 5 exited 255 created 0' ]
	remove_all
	stop_daemon
	assert_nothing_left_on "$data"
}

assert_nothing_left_on() { # its mount is ours to take away
	[ -z "$(find "$1/containers" "$1/trash" "$1/logs" -mindepth 1)" ]
	umount "$1"
	assert_nothing_left
}

# What is written shows in times and sizes; atimes do not count.
written() { find "$SUITE_DIR/data" -printf '%p %s %T@ %C@\n' | sort; }

@test "an idle daemon writes nothing to the data root, a restart by policy no record" {
	local i seconds=6 records
	thorough && seconds=60
	start_daemon
	for i in $(seq 20); do boxed --name "idle$i" "dir:$ROOT" sleep 100000; done
	sleep 1 # what follows a start may take a moment
	written > "$SUITE_DIR/before"
	sleep $seconds
	written | diff "$SUITE_DIR/before" -
	boxed --name again --restart always "dir:$ROOT" sh -c 'sleep 0.1; exit 1'
	wait_until 10 restarted_more_than again 0
	records() { find "$SUITE_DIR/data/containers/$(id_of again)" -maxdepth 1 -type f -printf '%p %s %T@ %C@\n' | sort; }
	records > "$SUITE_DIR/before"
	wait_until 20 restarted_more_than again 3
	records | diff "$SUITE_DIR/before" -
	remove_all
	stop_daemon
	assert_nothing_left
}
