# up in the foreground: its output on a terminal and elsewhere, Ctrl-C, and a supervisor that dies meanwhile.
load lib

setup_file() {
	export CRASHES_EXPECTED=1
	start_suite
	mkdir -p "$SUITE_DIR/project"
}
teardown_file() { end_suite; }
setup() { cd "$SUITE_DIR/project" || return 1; }
teardown() {
	cd "$SUITE_DIR/project" || return 1
	rm -f compose.yaml
	remove_all
}

two_services() { # two_services [COMMAND]: db, and web which depends on it and runs COMMAND
	cat > compose.yaml <<-EOF
		name: shown
		services:
		  web:
		    image: dir:$ROOT
		    network_mode: none
		    command: ["sh", "-c", "trap 'echo web goes; exit 0' TERM; ${1:-echo web is up}; while :; do sleep 0.05; done"]
		    depends_on: [longname]
		  longname:
		    image: dir:$ROOT
		    network_mode: none
		    command: ["sh", "-c", "trap 'echo longname goes; exit 0' TERM; echo longname is up; while :; do sleep 0.05; done"]
	EOF
}

has() { grep -qsF -- "$2" "$1"; }
states() { berth ps -a --format '{{.Names}} {{.State}}' | sort | tr '\n' ' '; }

# by_terminal FILE COMMAND...: what a person with a terminal of 100 by 30 sees; keys come from standard input
by_terminal() {
	local file=$1
	shift
	timeout $((60 * SLOW)) script -qefc "stty rows 30 cols 100; exec $*" "$file" > /dev/null 3>&-
}

@test "on a terminal: colours, aligned names, a block of progress; Ctrl-C once stops orderly" {
	two_services
	mkfifo "$SUITE_DIR/keys"
	TERM=xterm by_terminal "$SUITE_DIR/seen" berth up < "$SUITE_DIR/keys" &
	local screen=$!
	exec 7> "$SUITE_DIR/keys"
	wait_until 10 has "$SUITE_DIR/seen" "web is up"
	wait_until 10 has "$SUITE_DIR/seen" "longname is up"
	printf '\003' >&7
	local status=0
	wait "$screen" || status=$?
	exec 7>&-
	rm -f "$SUITE_DIR/keys"
	cat -v "$SUITE_DIR/seen"
	[ "$status" -eq 130 ]
	grep -qF $'\033[36mlongname-1  | \033[0mlongname is up' "$SUITE_DIR/seen"
	grep -qF $'\033[33mweb-1       | \033[0mweb is up' "$SUITE_DIR/seen"
	has "$SUITE_DIR/seen" "[+] Running 2/2"
	has "$SUITE_DIR/seen" "✔"
	has "$SUITE_DIR/seen" "Gracefully stopping... (press Ctrl+C again to force)"
	has "$SUITE_DIR/seen" "web goes"
	has "$SUITE_DIR/seen" "longname goes"
	[ "$(states)" = "shown-longname-1 exited shown-web-1 exited " ]
	[[ "$(berth inspect -f '{{.State.FinishedAt}}' shown-web-1)" < "$(berth inspect -f '{{.State.FinishedAt}}' shown-longname-1)" ]]
	berth down
}

@test "NO_COLOR, --no-color, --ansi, --no-log-prefix; plain lines where there is no terminal" {
	two_services "echo web is up; kill -TERM 1"
	sed -i 's/command: .*longname is up.*/command: ["sh", "-c", "echo longname is up"]/' compose.yaml
	timeout 20 berth up > out 2> err
	cat out err
	[ "$(head -1 out)" = "Attaching to longname-1, web-1" ]
	! sed 1d out | grep -vE '^(longname-1  \| |web-1       \| |(longname|web)-1 exited with code )' || return 1 # which of them ends first is open
	grep -qxF 'longname-1  | longname is up' out
	grep -qxF 'web-1       | web is up' out
	grep -qxF 'web-1       | web goes' out
	grep -qxF 'web-1 exited with code 0' out
	! grep -q $'\033' out err || return 1
	grep -qxF ' Container shown-longname-1  Creating' err
	grep -qxF ' Container shown-longname-1  Created' err
	grep -qxF ' Container shown-web-1  Starting' err
	grep -qxF ' Container shown-web-1  Started' err
	timeout 20 berth up --no-log-prefix --no-attach longname > out 2> err
	grep -qxF 'web is up' out
	! grep -q longname out || return 1
	NO_COLOR=1 TERM=xterm by_terminal seen berth up < /dev/null
	has seen 'web-1       | web is up'
	! grep -qF $'\033[33m' seen || return 1
	TERM=xterm by_terminal seen berth up --no-color --progress plain --ansi never < /dev/null
	! grep -qF $'\033' seen || return 1
	has seen ' Container shown-web-1  Started'
	berth up --ansi always > out 2> /dev/null
	grep -qF $'\033[33mweb-1       | \033[0mweb is up' out
	berth down
}

@test "Ctrl-C twice kills" {
	two_services
	sed -i "s/trap '[a-z ]*; exit 0' TERM/trap '' TERM/" compose.yaml
	berth up > out 2> err 3>&- &
	local client=$!
	wait_until 10 has out "web is up"
	kill -INT $client
	wait_until 10 has err "shown-web-1  Stopping"
	local before=$SECONDS status=0
	kill -INT $client
	wait $client || status=$?
	cat out err
	[ "$status" -eq 130 ]
	[ $((SECONDS - before)) -lt $((8 * SLOW)) ]
	has err "shown-longname-1  Killed"
	[ "$(states)" = "shown-longname-1 exited shown-web-1 exited " ]
	[ "$(berth inspect -f '{{.State.ExitCode}}' shown-web-1)" = 137 ]
	berth down
}

@test "Ctrl-C stops what this up is about: not another's service, nor what was run for once" {
	two_services
	sed -i '/depends_on/d' compose.yaml
	timeout 20 berth up -d longname
	timeout 20 berth compose run -d --name once web sleep 600
	timeout $((40 * SLOW)) berth up web > out 2> err 3>&- &
	local client=$! status=0
	wait_until 10 has out "web is up"
	kill -INT $client
	wait $client || status=$?
	cat out err
	[ "$status" -eq 130 ]
	[ "$(states)" = "once running shown-longname-1 running shown-web-1 exited " ]
	berth down
}

@test "Ctrl-C while it is brought up: what has been started is stopped" {
	two_services
	sed -i 's/depends_on: .*/depends_on: { longname: { condition: service_completed_successfully } }/' compose.yaml
	berth up > out 2> err 3>&- &
	local client=$! status=0
	wait_until 10 has err "shown-longname-1  Started"
	kill -INT $client
	wait $client || status=$?
	cat out err
	[ "$status" -eq 130 ]
	wait_until 5 eval '[[ "$(states)" != *running* ]]'
	berth down
}

@test "Ctrl-C twice while it is brought up kills" {
	two_services
	sed -i "s/trap '[a-z ]*; exit 0' TERM/trap '' TERM/; s/depends_on: .*/depends_on: { longname: { condition: service_completed_successfully } }/" compose.yaml
	berth up > out 2> err 3>&- &
	local client=$! status=0
	wait_until 10 has err "shown-longname-1  Started"
	sleep 0.2
	kill -INT $client
	wait_until 5 has err "shown-longname-1  Stopping"
	local before=$SECONDS
	kill -INT $client
	wait $client || status=$?
	cat out err
	[ "$status" -eq 130 ]
	[ $((SECONDS - before)) -lt $((8 * SLOW)) ]
	[[ "$(states)" != *running* ]]
	berth down
}

@test "a supervisor that dies: no line lost, none twice" {
	two_services 'i=0; while [ $$i -lt 2000 ]; do echo line $$i; i=$$((i+1)); done; sleep 1; echo last words; kill -TERM 1'
	sed -i 's/command: .*longname is up.*/command: ["sh", "-c", "sleep 2; echo one word"]/' compose.yaml
	timeout $((60 * SLOW)) berth up > out 2> err 3>&- &
	local client=$! status=0
	wait_until 10 has out "line 100"
	for _ in 1 2 3; do
		kill -KILL "$(supervisor_pid)"
		sleep 0.3
	done
	wait $client || status=$?
	cat err
	[ "$status" -eq 0 ]
	diff <(sed -n 's/^web-1 *| \(line .*\)/\1/p' out) <(for ((i = 0; i < 2000; i++)); do echo "line $i"; done)
	[ "$(grep -c 'web-1 .*last words' out)" -eq 1 ]
	[ "$(grep -c 'longname-1 .*one word' out)" -eq 1 ]
	[ "$(grep -c 'exited with code 0' out)" -eq 2 ]
	berth down
}

@test "what ran before is not shown again; a service that is named is shown alone" {
	two_services
	berth up -d
	wait_until 5 eval '[ "$(berth logs shown-web-1)" = "web is up" ]'
	timeout 20 berth up web > out 2> err 3>&- &
	local client=$! status=0
	wait_until 5 has out "Attaching to web-1"
	has err "shown-web-1  Running"
	berth stop shown-web-1 shown-longname-1
	wait $client || status=$?
	cat out
	[ "$status" -eq 0 ]
	! grep -q 'is up\|longname' out || return 1
	grep -qxF 'web-1  | web goes' out
	berth down
}

@test "what is started again meanwhile is shown again, and nothing twice" {
	two_services
	berth up > out 2> err 3>&- &
	local client=$! i status=0
	wait_until 10 has out "web is up"
	for i in 2 3; do
		berth stop shown-web-1
		wait_until 5 eval '[ "$(grep -c "web-1 exited with code 0" out)" -eq $((i - 1)) ]'
		[ "$i" = 2 ] || { kill -KILL "$(supervisor_pid)"; wait_until 10 timeout 5 berth version > /dev/null; }
		berth start shown-web-1
		wait_until 10 eval '[ "$(grep -c "web is up" out)" -eq $i ]'
	done
	berth restart shown-web-1
	wait_until 10 eval '[ "$(grep -c "web is up" out)" -eq 4 ]'
	kill -INT $client
	wait $client || status=$?
	cat out err
	[ "$status" -eq 130 ]
	[ "$(grep -c 'web goes' out)" -eq 4 ]
	[ "$(grep -c 'web is up' out)" -eq 4 ]
	[ "$(grep -c 'longname is up' out)" -eq 1 ]
	berth down
}

@test "--abort-on-container-exit, --exit-code-from" {
	two_services "echo web is up; exit 3"
	run timeout 30 berth up --abort-on-container-exit
	echo "$output"
	[ "$status" -eq 3 ]
	[[ "$output" == *"web-1 exited with code 3"* ]]
	[[ "$output" == *"Aborting on container exit..."* ]]
	[ "$(states)" = "shown-longname-1 exited shown-web-1 exited " ]
	sed -i "s/trap 'echo longname goes; exit 0' TERM/trap 'exit 9' TERM/" compose.yaml
	run timeout 30 berth up --exit-code-from longname
	echo "$output"
	[ "$status" -eq 9 ]
	[[ "$output" == *"shown-longname-1  Recreated"* ]]
	run timeout 30 berth up --abort-on-container-failure
	[ "$status" -eq 3 ]
	run timeout 30 berth up --exit-code-from nobody
	[ "$status" -eq 1 ]
	[[ "$output" == *"no such service: nobody"* ]]
	run timeout 10 berth up -d --exit-code-from web
	[ "$status" -eq 1 ]
	[[ "$output" == *"--detach and --exit-code-from are incompatible"* ]]
	berth down
}

@test "a service that logs nothing is shown all the same" {
	two_services "sleep 0.5; echo seen though not kept; exit 0"
	sed -i 's/command: .*longname is up.*/command: ["true"]/; s/    depends_on: .*/    logging: { driver: none }/' compose.yaml
	run timeout 30 berth up
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *"web-1       | seen though not kept"* ]]
	berth down
}
