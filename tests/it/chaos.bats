# Many clients at once, random verbs, clients that leave in the middle, a supervisor that is killed: each is answered, and nothing is left.
# BERTH_N operations (default 400, in a virtual machine 60) of BERTH_SEED.
load lib

N=${BERTH_N:-${BERTH_TEST_VM:+60}}
N=${N:-400}

setup_file() {
	start_suite
	mkdir -p "$SUITE_DIR/project"
	cat > "$SUITE_DIR/project/compose.yaml" <<-YAML
		name: chaos
		services:
		  web:
		    image: dir:$ROOT
		    command: sleep 60\${N:-}
		    stop_grace_period: 200ms
		    network_mode: none
		    depends_on: [db]
		  db:
		    image: dir:$ROOT
		    command: ["sh", "-c", "echo db is up; sleep 600"]
		    stop_grace_period: 0.1s
		    network_mode: none
	YAML
}
teardown_file() { end_suite; }
teardown() { remove_all; }

descriptors() { ls -l "/proc/$(supervisor_pid)/fd" "/proc/$(keeper_pid)/fd" | sed -n 's/.* -> //p' | sed -E 's/[0-9]+/N/g' | sort | uniq -c; }
groups_of_suite() { find_groups -path "*/$SUITE_NAME*" -printf '%P\n' | sort; }
same_as() { [ "$("$2")" = "$(cat "$1")" ]; } # same_as FILE COMMAND

# What a supervisor opens when it is first needed, it keeps.
warm_up() {
	berth run -d --name warm --network none "dir:$ROOT" sleep 600
	berth exec warm true
	berth rm -f warm
}

chaos() { # chaos CLIENTS KILLS [COMMAND...]: under that command
	local n=$N seed=${BERTH_SEED:-1}
	echo "seed $seed, $n operations"
	"${@:3}" "$BERTH_BUILD/tool/chaos" "${BERTH_HOST#unix://}" "dir:$ROOT" "$SUITE_DIR/run/supervisor.pid" \
		"$SUITE_DIR/project/compose.yaml" "$1" "$n" "$seed" "$2" "$SLOW" $BERTH_CHAOS_VERBOSE
}

# What was there before the clients came is there when they are gone, and no more.
settle_to() { # settle_to FILE COMMAND
	wait_until 15 same_as "$1" "$2" && return
	"$2" | diff "$1" - || true
	return 1
}

@test "random clients are all answered, and leave nothing behind" {
	warm_up
	descriptors > "$SUITE_DIR/descriptors"
	groups_of_suite > "$SUITE_DIR/groups"
	chaos 6 0
	warm_up
	settle_to "$SUITE_DIR/descriptors" descriptors
	settle_to "$SUITE_DIR/groups" groups_of_suite
	[ -z "$(find "$SUITE_DIR/data/containers" "$SUITE_DIR/run/containers" "$SUITE_DIR/data/logs" -mindepth 1)" ]
}

@test "the same while the supervisor is killed now and then" {
	warm_up
	groups_of_suite > "$SUITE_DIR/groups"
	kill -KILL "$(supervisor_pid)"
	wait_until 10 berth version > /dev/null
	warm_up
	descriptors > "$SUITE_DIR/descriptors"
	chaos 6 $((N / 150 + 1))
	warm_up
	settle_to "$SUITE_DIR/descriptors" descriptors
	settle_to "$SUITE_DIR/groups" groups_of_suite
	[ -z "$(find "$SUITE_DIR/data/containers" "$SUITE_DIR/run/containers" "$SUITE_DIR/data/logs" -mindepth 1)" ]
}

@test "the daemon's end comes through in the middle of it" {
	chaos 6 0 timeout 3 > /dev/null 2>&1 & # what is asked of a daemon that ends may break
	sleep 1.5
	stop_daemon
	wait $! || true
	assert_nothing_left keep-containers
	start_daemon
	remove_all
	[ -z "$(find "$SUITE_DIR/data/containers" "$SUITE_DIR/run/containers" "$SUITE_DIR/data/logs" -mindepth 1)" ]
}

@test "a stop that waits for ever does not hold up a less patient one" {
	berth run -d --name patient --network none "dir:$ROOT" sh -c "trap '' TERM; while :; do sleep 1; done"
	berth stop -t -1 patient &
	sleep 0.3
	timeout $((5 * SLOW)) berth stop -t 0 patient
	wait $!
	[ "$(berth inspect -f '{{.State.ExitCode}}' patient)" -eq 137 ]
}

@test "two downs at once: both wait for the same removals" {
	cd "$SUITE_DIR/project"
	berth up -d
	berth down > "$SUITE_DIR/first" 2>&1 &
	berth down
	wait $! || { cat "$SUITE_DIR/first"; return 1; }
	[ -z "$(berth ps -aq)" ]
}

@test "up waits for a removal that is under way" {
	cd "$SUITE_DIR/project"
	berth up -d
	berth rm -f chaos-db-1
	berth create --name chaos-db-1 --label com.docker.compose.project=chaos --label com.docker.compose.service=db \
		-v /many --network none "dir:$ROOT" sh -c 'cd /many && seq 20000 | xargs touch'
	berth start -a chaos-db-1
	berth rm -fv chaos-db-1 &
	wait_until 5 bash -c '[ "$(berth inspect -f "{{.State.Status}}" chaos-db-1)" = removing ]'
	berth up -d
	wait $!
	[ "$(berth inspect -f '{{.State.Status}}' chaos-db-1)" = running ]
	berth down
}

@test "clients that attached to a container which is never started are let go when they leave" {
	berth create -i --name never --network none "dir:$ROOT" cat
	descriptors > "$SUITE_DIR/descriptors"
	for i in 1 2 3; do
		printf 'POST /containers/never/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: b\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n' |
			socat -t0.3 - "UNIX:${BERTH_HOST#unix://}" | grep -q '101 UPGRADED'
	done
	settle_to "$SUITE_DIR/descriptors" descriptors
}
