# A supervisor that dies while containers run, and die, in numbers: what its successor must not lose.
load lib

setup_file() { start_suite; }
teardown_file() { end_suite; }
teardown() { remove_all; }

@test "an exit at any moment of a recovery keeps its code" {
	local names=() pids=() i
	for i in $(seq 24); do names+=("r$i"); done
	for i in "${names[@]}"; do
		berth run -d --name "$i" --network none "dir:$ROOT" sleep 600 > /dev/null
	done
	for i in "${names[@]}"; do pids+=("$(berth inspect -f '{{.State.Pid}}' "$i")"); done
	kill -KILL "$(supervisor_pid)"
	for i in "${pids[@]}"; do
		kill -KILL "$i"
		sleep 0.002 # so that some die before, some during, some after it
	done
	wait_until 10 berth version > /dev/null
	[ "$(timeout $((20 * SLOW)) berth wait "${names[@]}" | sort | uniq -c | tr -s ' ')" = " 24 137" ]
}

# obeys NAME: a container that counts the signals that ask it to end, and ends with 4 when it may.
obeys() {
	mkdir -p "$SUITE_DIR/$1"
	rm -f "$SUITE_DIR/$1"/*
	berth run -d --name "$1" --network none -v "$SUITE_DIR/$1:/home" "dir:$ROOT" \
		sh -c 'trap "echo >> /home/asked" TERM; echo >> /home/began; while [ ! -e /home/go ]; do sleep 0.05; done; exit 4' > /dev/null
	wait_until 10 test -e "$SUITE_DIR/$1/began"
}
pid_of() { berth inspect -f '{{.State.Pid}}' "$1"; }
is() { [ "$(berth inspect -f '{{.State.Status}} {{.State.ExitCode}}' "$1")" = "$2" ]; }
another() { [ "$(supervisor_pid)" != "$1" ] && timeout $((5 * SLOW)) berth version > /dev/null 2>&1; }

@test "a restart goes on when what it stops ends while there is no supervisor" {
	local old pid client
	obeys web
	pid=$(pid_of web)
	printf 'POST /containers/web/restart?t=600 HTTP/1.0\r\nContent-Length: 0\r\n\r\n' |
		socat -t $((60 * SLOW)) - "UNIX-CONNECT:$SUITE_DIR/run/berth.sock" > /dev/null 2>&1 3>&- &
	client=$!
	wait_until 10 test -e "$SUITE_DIR/web/asked"
	wait_until 10 grep -q '"StopUntil[A-Za-z]*":[1-9]' "$SUITE_DIR/run/containers/$(berth inspect -f '{{.Id}}' web)/state.json"
	old=$(supervisor_pid)
	kill -STOP "$(keeper_pid)"
	kill -KILL "$old"
	touch "$SUITE_DIR/web/go"
	wait_until 10 process_gone "$pid"
	rm "$SUITE_DIR/web/go"
	kill -CONT "$(keeper_pid)"
	wait_until 20 another "$old"
	wait_until 20 is web "running 0"
	[ "$(pid_of web)" != "$pid" ]
	wait "$client" || true
}

@test "berth stop, whose supervisor dies, waits for the stop that goes on and sends no second signal" {
	local old client
	obeys web
	timeout $((60 * SLOW)) berth stop -t 600 web > "$SUITE_DIR/stopped" 3>&- &
	client=$!
	wait_until 10 test -e "$SUITE_DIR/web/asked"
	wait_until 10 grep -q '"StopUntil[A-Za-z]*":[1-9]' "$SUITE_DIR/run/containers/$(berth inspect -f '{{.Id}}' web)/state.json"
	old=$(supervisor_pid)
	kill -KILL "$old"
	wait_until 20 another "$old"
	sleep 1 # time for the client to come again
	! process_gone "$client"
	touch "$SUITE_DIR/web/go"
	wait "$client"
	[ "$(cat "$SUITE_DIR/stopped")" = web ]
	is web "exited 4"
	[ "$(wc -l < "$SUITE_DIR/web/asked")" -eq 1 ]
	[ "$(grep -c 'event=kill .*signal=15' "$SUITE_DIR/daemon.log")" -eq 2 ] # one for each of these two tests
}

@test "an attached run has the code of its own run, whatever policy starts after it" {
	local old pid client inner status=0
	mkdir -p "$SUITE_DIR/twice"
	timeout $((60 * SLOW)) berth run --restart always --name twice --network none -v "$SUITE_DIR/twice:/home" "dir:$ROOT" \
		sh -c 'echo >> /home/runs; echo on; [ "$(wc -l < /home/runs)" = 1 ] || exec sleep 1000; while [ ! -e /home/go ]; do sleep 0.05; done; exit 7' \
		> "$SUITE_DIR/out" 3>&- &
	client=$!
	wait_until 10 grep -q on "$SUITE_DIR/out"
	pid=$(pid_of twice)
	inner=$(pgrep -P "$client" -x berth)
	old=$(supervisor_pid)
	kill -STOP "$inner" "$(keeper_pid)"
	kill -KILL "$old"
	touch "$SUITE_DIR/twice/go"
	wait_until 10 process_gone "$pid"
	kill -CONT "$(keeper_pid)"
	second() { [ "$(wc -l < "$SUITE_DIR/twice/runs")" -eq 2 ]; }
	wait_until 20 second
	kill -CONT "$inner"
	wait "$client" || status=$?
	[ $status -eq 7 ]
	[ "$(cat "$SUITE_DIR/out")" = on ]
}
