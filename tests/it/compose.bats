# From a compose file to running containers and back to nothing.
load lib

setup_file() {
	start_suite
	mkdir -p "$SUITE_DIR/project"
}
teardown_file() { end_suite; }
setup() { cd "$SUITE_DIR/project" || return 1; }
teardown() {
	cd "$SUITE_DIR/project" || return 1
	rm -f compose.yaml .env
	remove_all
}

@test "up starts in order of depends_on, ps and logs show it, down leaves nothing" {
	cat > compose.yaml <<-EOF
		name: demo
		services:
		  web:
		    image: dir:$ROOT
		    command: sh -c 'echo web is up; sleep 600'
		    stop_grace_period: 100ms
		    depends_on: [db]
		  db:
		    image: dir:$ROOT
		    command: ["sh", "-c", "echo db is up; sleep 600"]
		    stop_grace_period: 0.1s
		    environment: { WORD: value }
	EOF
	run berth up -d
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *"private loopback"* ]]
	[ "$(berth ps -q | wc -l)" -eq 2 ]
	local web db
	web=$(berth inspect -f '{{.State.StartedAt}}' demo-web-1)
	db=$(berth inspect -f '{{.State.StartedAt}}' demo-db-1)
	[[ "$db" < "$web" ]]
	[ "$(berth exec demo-db-1 sh -c 'echo $WORD')" = value ]
	wait_until 5 bash -c 'berth logs demo-web-1 | grep -q "web is up"'
	run berth up -d
	[ "$status" -eq 0 ]
	[ "$(berth inspect -f '{{.State.StartedAt}}' demo-web-1)" = "$web" ]
	run berth down
	[ "$status" -eq 0 ]
	[ -z "$(berth ps -aq)" ]
	assert_nothing_left_of_containers
}

assert_nothing_left_of_containers() {
	[ -z "$(find "$SUITE_DIR/data/containers" -mindepth 1 -maxdepth 1 2>/dev/null)" ]
	[ -z "$(find "$SUITE_DIR/run/containers" -mindepth 1 -maxdepth 1 2>/dev/null)" ]
}

@test "a wrong file changes nothing and names file, line and key" {
	cat > compose.yaml <<-EOF
		services:
		  web:
		    image: dir:$ROOT
		    memory: 5m
	EOF
	run berth up -d
	[ "$status" -ne 0 ]
	[[ "$output" == *"compose.yaml:4"* ]]
	[[ "$output" == *"services.web.memory"* ]]
	[ -z "$(berth ps -aq)" ]
}

@test "what is not built yet is an error at its place" {
	cat > compose.yaml <<-EOF
		services:
		  web:
		    image: dir:$ROOT
		    ports: ["80:80"]
	EOF
	run berth up -d
	[ "$status" -ne 0 ]
	[[ "$output" == *"compose.yaml:4"*"not built yet"* ]]
}

@test "interpolation, .env, anchors" {
	echo 'WORD=from-file' > .env
	cat > compose.yaml <<-'EOF'
		x-base: &base
		  image: dir:${ROOT:?root is not set}
		  restart: "no"
		services:
		  one:
		    <<: *base
		    command: ["echo", "${WORD}", "$${kept}", "${MISSING:-default}"]
	EOF
	berth up -d
	wait_until 5 bash -c '[ "$(berth logs $(berth ps -aq))" = "from-file \${kept} default" ]'
	berth down
}

@test "a changed service is recreated, the others stay" {
	write() {
		cat > compose.yaml <<-EOF
			name: change
			services:
			  a: { image: "dir:$ROOT", command: [sleep, "$1"], stop_grace_period: 0s }
			  b: { image: "dir:$ROOT", command: [sleep, "700"], stop_grace_period: 0s }
		EOF
	}
	write 500
	berth up -d
	local a b
	a=$(berth inspect -f '{{.Id}}' change-a-1)
	b=$(berth inspect -f '{{.Id}}' change-b-1)
	write 501
	berth up -d
	[ "$(berth inspect -f '{{.Id}}' change-b-1)" = "$b" ]
	[ "$(berth inspect -f '{{.Id}}' change-a-1)" != "$a" ]
	berth down
}

@test "completed_successfully waits for the exit, and a failure stops what depends on it" {
	cat > compose.yaml <<-EOF
		name: seq
		services:
		  app:
		    image: dir:$ROOT
		    command: ["sh", "-c", "cat /shared/made; sleep 600"]
		    stop_grace_period: 0s
		    volumes: ["shared:/shared"]
		    depends_on: { setup: { condition: service_completed_successfully } }
		  setup:
		    image: dir:$ROOT
		    command: ["sh", "-c", "sleep 0.3; echo made > /shared/made"]
		    volumes: ["shared:/shared"]
		volumes: { shared: {} }
	EOF
	berth up -d
	wait_until 5 bash -c '[ "$(berth logs seq-app-1)" = made ]'
	berth down -v
	[ -z "$(ls "$SUITE_DIR/data/volumes" 2>/dev/null)" ]
	sed -i 's/sleep 0.3;/exit 3;/' compose.yaml
	run berth up -d
	[ "$status" -ne 0 ]
	[[ "$output" == *setup* ]]
	berth down -v
}

@test "stop_grace_period is exact: 200 ms are not a second" {
	cat > compose.yaml <<-EOF
		name: grace
		services:
		  deaf: { image: "dir:$ROOT", command: [sh, -c, 'trap "" TERM; while :; do sleep 0.05; done'], stop_grace_period: 200ms }
	EOF
	berth up -d
	sleep 0.3
	local before after
	before=$(date +%s%N)
	berth stop grace-deaf-1
	after=$(date +%s%N)
	echo "$(((after - before) / 1000000)) ms"
	[ $((after - before)) -ge 200000000 ]
	[ $((after - before)) -lt $((900000000 * SLOW)) ]
	berth down
}

@test "daemon -f starts the file's services, SIGTERM ends them" {
	cat > compose.yaml <<-EOF
		name: atboot
		services:
		  one: { image: "dir:$ROOT", command: [sleep, "600"], stop_grace_period: 0s, depends_on: { once: { condition: service_completed_successfully } } }
		  once: { image: "dir:$ROOT", command: [echo, once] }
	EOF
	stop_daemon
	assert_nothing_left
	start_daemon -f "$PWD/compose.yaml"
	wait_until 5 bash -c '[ "$(berth inspect -f "{{.State.Status}}" atboot-one-1)" = running ]'
	stop_daemon
	assert_nothing_left keep-containers
	start_daemon # without the file: it is there, and nobody asks for it to run
	[ "$(berth inspect -f "{{.State.Status}}" atboot-one-1)" = exited ]
	[ "$(berth inspect -f "{{.State.Status}} {{.State.ExitCode}}" atboot-once-1)" = "exited 0" ]
	stop_daemon
	start_daemon -f "$PWD/compose.yaml" # goes on where the end of the daemon had interrupted it
	wait_until 5 bash -c '[ "$(berth inspect -f "{{.State.Status}}" atboot-one-1)" = running ]'
	[ "$(berth logs atboot-once-1)" = once ] # not run again
	stop_daemon
	start_daemon
	berth rm atboot-one-1 atboot-once-1
}

@test "up in the foreground ends when all services have ended, however soon" {
	cat > compose.yaml <<-EOF
		services:
		  one:
		    image: dir:$ROOT
		    command: echo first
		  two:
		    image: dir:$ROOT
		    command: echo second
	EOF
	local i
	for i in 1 2 3 4 5; do
		run timeout $((20 * SLOW)) berth up
		[ "$status" -eq 0 ] || { echo "$output"; return 1; }
		[[ "$output" == *"first"*  ]]
		[[ "$output" == *"second"* ]]
	done
	local id
	id=$(berth ps -aq | head -1)
	run timeout 10 socat -t 1 - "UNIX-CONNECT:$SUITE_DIR/run/berth.sock" < <(
		printf 'POST /containers/%s/attach?stream=1&logs=1&stdout=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n' "$id"
		exec sleep 12 3>&-
	)
	[ "$status" -eq 0 ]
	[[ "$output" == *101* ]]
	berth down
}
