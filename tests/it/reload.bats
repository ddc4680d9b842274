# berth daemon -f: the files are read at the start, and again by SIGHUP or `berth reload`; what differs is carried out.
load lib

setup_file() {
	export CRASHES_EXPECTED=1
	prepare_suite
	mkdir -p "$SUITE_DIR/project" "$SUITE_DIR/other"
	cd "$SUITE_DIR/project"
	write same 600
	start_daemon -f "$SUITE_DIR/project/compose.yaml" -f "$SUITE_DIR/other/second.yaml"
}
teardown_file() { end_suite; }
setup() {
	cd "$SUITE_DIR/project" || return 1
	write same 600
	timeout $((20 * SLOW)) berth reload || { sleep 1; timeout $((20 * SLOW)) berth reload; }
}
teardown() { remove_all; }

# write NAME SECONDS [NAME SECONDS]...: services that sleep; other/second.yaml has one of its own in a project of the same name
write() {
	{
		echo "name: files"
		echo "services:"
		while [ $# -gt 0 ]; do
			echo "  $1: { image: \"dir:$ROOT\", network_mode: none, stop_grace_period: 0s, command: [sleep, \"$2\"] }"
			shift 2
		done
	} > "$SUITE_DIR/project/compose.yaml"
	printf 'name: files\nservices: { far: { image: "dir:%s", network_mode: none, stop_grace_period: 0s, command: [sleep, "800"] } }\n' "$ROOT" > "$SUITE_DIR/other/second.yaml"
}

names() { berth ps --format '{{.Names}}' | sort | tr '\n' ' '; }
id_of() { berth inspect -f '{{.Id}} {{.State.StartedAt}}' "files-$1-1"; }
logged() { grep -qF -- "$1" "$SUITE_DIR/daemon.log"; }

@test "reload: what is new is started, what has changed is made anew, what is gone is removed, what is the same stays" {
	[ "$(names)" = "files-far-1 files-same-1 " ]
	write same 600 old 601 changed 602
	run timeout 20 berth reload
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *"Container files-old-1  Created"*"Container files-old-1  Started"* ]]
	[ "$(names)" = "files-changed-1 files-far-1 files-old-1 files-same-1 " ]
	local same far changed
	same=$(id_of same) far=$(id_of far) changed=$(id_of changed)
	write same 600 changed 603 new 604
	run timeout 20 berth reload
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(names)" = "files-changed-1 files-far-1 files-new-1 files-same-1 " ]
	[ "$(id_of same)" = "$same" ]
	[ "$(id_of far)" = "$far" ]
	[ "$(id_of changed)" != "$changed" ]
	[[ "$output" == *"files-old-1  Removed"* ]]
	[[ "$output" == *"files-changed-1  Recreated"* ]]
	[[ "$output" == *"files-same-1  Running"* ]]
	[ -z "$(berth ps -a --format '{{.Names}}' | grep old)" ]
}

@test "SIGHUP to the keeper, as init systems send it" {
	write same 600 more 605
	kill -HUP "$(keeper_pid)"
	wait_until 10 eval '[ "$(names)" = "files-far-1 files-more-1 files-same-1 " ]'
	kill -KILL "$(supervisor_pid)" # the next one knows the files, too
	wait_until 10 timeout 5 berth version > /dev/null
	write same 600
	sleep 0.5
	kill -HUP "$(keeper_pid)"
	wait_until 10 eval '[ "$(names)" = "files-far-1 files-same-1 " ]'
}

@test "a bad file changes nothing, and is reported" {
	local before
	before=$(berth ps -a --format '{{.ID}} {{.Names}} {{.State}}')
	write same 999 new 606
	echo '    memory: 5m' > "$SUITE_DIR/other/second.yaml"
	run timeout 20 berth reload
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "$output" == *"$SUITE_DIR/other/second.yaml"* ]]
	[ "$(berth ps -a --format '{{.ID}} {{.Names}} {{.State}}')" = "$before" ]
	: > "$SUITE_DIR/daemon.log"
	kill -HUP "$(supervisor_pid)"
	wait_until 5 logged 'event=reload-failed'
	logged 'action="nothing was changed"'
	[ "$(berth ps -a --format '{{.ID}} {{.Names}} {{.State}}')" = "$before" ]
	rm "$SUITE_DIR/project/compose.yaml"
	run timeout 20 berth reload
	[ "$status" -eq 1 ]
	[[ "$output" == *"compose.yaml"*"No such file"* ]]
}

@test "what a person has stopped stays so" {
	timeout 10 berth stop files-same-1 > /dev/null
	run timeout 20 berth reload
	[ "$status" -eq 0 ]
	[ "$(berth inspect -f '{{.State.Status}}' files-same-1)" = exited ]
	[[ "$output" == *"files-same-1  Exited"* ]]
}

@test "a path from the daemon's directory; one bad file at the start does not hold up the others; none at all" {
	remove_all
	stop_daemon
	write one 607
	echo 'services: 5' > "$SUITE_DIR/other/bad.yaml"
	(
		cd "$SUITE_DIR/project"
		exec "$BERTH_BUILD/berth" daemon --name "$SUITE_NAME" --data-root "$SUITE_DIR/data" --run-root "$SUITE_DIR/run" -H "$BERTH_HOST" \
			-f ../other/bad.yaml -f compose.yaml 3>&- > "$SUITE_DIR/daemon.out" 2>> "$SUITE_DIR/daemon.log" < /dev/null &
		echo $! > "$SUITE_DIR/daemon.pid"
	)
	wait_until 10 eval '[ "$(timeout 5 berth ps --format "{{.Names}}" 2> /dev/null)" = files-one-1 ]'
	logged "event=compose-failed file=$SUITE_DIR/other/bad.yaml"
	berth rm -f files-one-1 > /dev/null
	stop_daemon
	start_daemon
	run timeout 10 berth reload
	[ "$status" -eq 1 ]
	[[ "$output" == *"the daemon was started without -f: there is no file to read again"* ]]
	kill -HUP "$(keeper_pid)"
	stop_daemon
	write same 600
	start_daemon -f "$SUITE_DIR/project/compose.yaml" -f "$SUITE_DIR/other/second.yaml"
}
