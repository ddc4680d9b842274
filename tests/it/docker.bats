# The docker command line against our socket: Debian's docker.io (API 1.41) and, where there is one, a newer client.
load lib

setup_file() {
	start_suite
	export DOCKER_HOST=$BERTH_HOST DOCKER_CONFIG=$SUITE_DIR/docker-config
	export DOCKERS
	DOCKERS=$(tests/it/docker-cli "$BERTH_BUILD")
	berth run -d --name box "dir:$ROOT" sh -c 'echo hello from box; trap "exit 0" TERM; while :; do sleep 0.2; done' > /dev/null
}
teardown_file() {
	berth rm -f box > /dev/null
	end_suite
}

each() { # each COMMAND...: with $docker as every client
	local docker
	for docker in $DOCKERS; do
		export docker
		"$@" || { echo "with $("$docker" --version)" >&2; return 1; }
	done
}

@test "version and info" {
	check() {
		"$docker" version | grep -A2 Server | grep -q berth || "$docker" version
		[ "$("$docker" version --format '{{.Server.Os}}')" = linux ]
		"$docker" info --format '{{.ServerVersion}}' | grep -q .
	}
	each check
}

@test "ps, inspect, logs" {
	check() {
		"$docker" ps | grep -q box
		[ "$("$docker" ps --filter name=box --format '{{.Names}} {{.State}}')" = "box running" ]
		[ "$("$docker" inspect -f '{{.State.Running}} {{.Name}}' box)" = "true /box" ]
		[ "$("$docker" logs box)" = "hello from box" ]
		[ "$("$docker" logs --tail 1 -t box | cut -d' ' -f2-)" = "hello from box" ]
	}
	each check
}

@test "exec: output, code, stdin, terminal" {
	check() {
		[ "$("$docker" exec box echo in)" = in ]
		"$docker" exec box sh -c 'exit 11' || [ $? -eq 11 ]
		[ "$(echo through | timeout 20 "$docker" exec -i box cat)" = through ]
		cat > "$SUITE_DIR/tty.exp" <<-EOF
			set timeout 20
			spawn $docker exec -it box sh
			expect "# "
			send "tty; exit 4\r"
			expect "/dev/pts/"
			expect eof
			exit [lindex [wait] 3]
		EOF
		local status=0
		expect "$SUITE_DIR/tty.exp" || status=$?
		[ $status -eq 4 ]
	}
	each check
}

@test "stop, start, kill, wait, rm -f" {
	check() {
		berth run -d --name life "dir:$ROOT" sh -c 'trap "exit 3" TERM; while :; do sleep 0.1; done' > /dev/null
		"$docker" stop life
		[ "$("$docker" wait life)" = 3 ]
		"$docker" start life
		"$docker" kill life
		[ "$("$docker" wait life)" = 137 ]
		"$docker" rm -f life
		run "$docker" inspect life
		[ "$status" -eq 1 ]
		[[ "$output" == *"No such"* ]]
	}
	each check
}

@test "pause, unpause, rename, update, restart" {
	check() {
		berth run -d --network none --name life --memory 64m "dir:$ROOT" sh -c 'trap "exit 3" TERM; while :; do sleep 0.1; done' > /dev/null
		[ "$("$docker" pause life)" = life ]
		[ "$("$docker" ps --format '{{.Names}} {{.State}}' --filter status=paused)" = "life paused" ]
		[[ "$("$docker" ps --filter name=life --format '{{.Status}}')" == "Up "*"(Paused)" ]]
		run "$docker" exec life true
		[[ "$status" -ne 0 && "$output" == *"is paused, unpause the container before exec"* ]]
		run "$docker" pause life
		[[ "$status" -eq 1 && "$output" == *"is already paused"* ]]
		[ "$("$docker" unpause life)" = life ]
		"$docker" rename life death
		[ "$("$docker" inspect -f '{{.Name}}' death)" = /death ]
		run "$docker" rename death box
		[[ "$status" -eq 1 && "$output" == *"is already in use by container"* ]]
		"$docker" rename death life
		[ "$("$docker" update -m 100m --pids-limit 40 --restart on-failure:2 life)" = life ]
		[ "$("$docker" inspect -f '{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}} {{.HostConfig.RestartPolicy.Name}}' life)" = "104857600 40 on-failure" ]
		run "$docker" update -m 1m life
		[[ "$status" -eq 1 && "$output" == *"Minimum memory limit allowed is 6MB"* ]]
		local pid
		pid=$("$docker" inspect -f '{{.State.Pid}}' life)
		[ "$("$docker" restart -t 5 life)" = life ]
		[ "$("$docker" inspect -f '{{.State.Pid}}' life)" != "$pid" ]
		[ "$("$docker" inspect -f '{{.HostConfig.Memory}}' life)" = 104857600 ]
		"$docker" kill -s KILL life
		"$docker" rm life
	}
	each check
}

@test "wait before the start, after the exit, while it is removed and after that" {
	check() {
		berth create --network none --name life "dir:$ROOT" sh -c 'sleep 0.5; exit 8' > /dev/null
		"$docker" start life
		[ "$("$docker" wait life)" = 8 ]
		[ "$("$docker" wait life)" = 8 ]
		# Attached: the client waits for the next exit before it starts.
		run timeout $((30 * SLOW)) "$docker" start -a life
		[ "$status" -eq 8 ]
		"$docker" rm life
		[ "$("$docker" wait life)" = 8 ]
		berth run -d --network none --name gone --rm "dir:$ROOT" sh -c 'sleep 1; exit 9' > /dev/null
		[ "$("$docker" wait gone)" = 9 ]
		run "$docker" wait never-there
		[[ "$status" -eq 1 && "$output" == *"No such container: never-there"* ]]
	}
	each check
}

@test "events with filters, top, stats" {
	check() {
		local since
		since=$(date +%s.%N)
		"$docker" exec box true
		"$docker" kill -s CONT box
		[ "$("$docker" events --since "$since" --until "$(date +%s.%N)" --filter container=box --filter event=kill --filter event=exec_die \
			--format '{{json .}}' | jq -r '[.Type, .Action, (.Actor.Attributes | .name, .signal, .exitCode)] | join(" ")' | tr '\n' ' ')" = \
			"container exec_die box  0 container kill box 18  " ] || return 1
		"$docker" events --since "$since" --until "$(date +%s.%N)" | grep -qE '^[^ ]+ container kill [0-9a-f]{64} \(image=.*, name=box, signal=18\)$' || return 1
		[ "$("$docker" top box | awk 'NR == 1 { print $1, $2, $8 } /trap/ { print $2 }' | tr '\n' ' ')" = "UID PID CMD $("$docker" inspect -f '{{.State.Pid}}' box) " ] || return 1
		"$docker" top box -o pid,comm | grep -q 'sh$' || return 1
		[ "$("$docker" stats --no-stream --format '{{.Name}} {{.NetIO}}' box)" = "box 0B / 0B" ] || return 1
		"$docker" stats --no-stream box | grep -qE '^[0-9a-f]{12} +box +[0-9.]+% +[0-9.]+[KM]iB / [0-9.]+GiB' || return 1
	}
	each check
}

@test "volume create, ls, inspect, rm, prune; container prune, system df and prune" {
	check() {
		[ "$("$docker" volume create --label tier=db data)" = data ] || return 1
		"$docker" volume create > /dev/null || return 1
		berth create --network none --name life -v data:/d "dir:$ROOT" true > /dev/null
		[ "$("$docker" volume ls -q --filter name=data)" = data ] || return 1
		[ "$("$docker" volume ls --filter dangling=true -q | wc -l)" = 1 ] || return 1
		[ "$("$docker" volume inspect -f '{{.Name}} {{.Driver}} {{.Labels.tier}} {{.Mountpoint}}' data)" = \
			"data local db $SUITE_DIR/data/volumes/data/_data" ] || return 1
		run "$docker" volume rm data
		[[ "$status" -eq 1 && "$output" == *"remove data: volume is in use - ["* ]] || return 1
		run "$docker" volume inspect nosuch
		[[ "$status" -eq 1 && "$output" == *"o such volume"* ]] || return 1
		"$docker" system df --format '{{.Type}} {{.TotalCount}}' | grep -qx 'Local Volumes 2' || return 1
		"$docker" system df -v | grep -qE '^data +1 +0B' || return 1
		[[ "$("$docker" volume prune -f)" == *"Deleted Volumes:"* ]] || return 1
		[ "$("$docker" volume ls -q)" = data ] || return 1
		[[ "$("$docker" container prune -f)" == *"Deleted Containers:"* ]] || return 1
		"$docker" volume create > /dev/null || return 1
		berth create --network none --name life "dir:$ROOT" true > /dev/null
		run "$docker" system prune -f --volumes
		[[ "$status" -eq 0 && "$output" == *"Deleted Containers:"*"Deleted Volumes:"* ]] || { echo "$output"; return 1; }
		[ -z "$("$docker" ps -aq --filter name=life)" ] || return 1
		"$docker" volume rm -f data || return 1
	}
	each check
}

@test "logs: tail, times, since and until" {
	check() {
		berth run -d --network none --name life "dir:$ROOT" sh -c 'echo one; sleep 1.5; echo two; sleep 1.5; echo three; sleep 1000' > /dev/null
		wait_until 20 eval '[ "$("$docker" logs life | wc -l)" -eq 3 ]'
		[ "$("$docker" logs --tail 2 life | tr '\n' ' ')" = "two three " ] || return 1
		[ "$("$docker" logs --tail 0 life | wc -l)" -eq 0 ] || return 1
		local middle
		"$docker" logs -t life | grep -qE '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{9}Z one$' || return 1
		middle=$("$docker" logs -t life | awk '$2 == "two" { print $1 }')
		[ "$("$docker" logs --since "$middle" life | tr '\n' ' ')" = "two three " ] || return 1
		[ "$("$docker" logs --until "$middle" life | tr '\n' ' ')" = "one two " ] || return 1
		[ "$("$docker" logs --since 1h life | wc -l)" -eq 3 ] || return 1
		[ "$("$docker" logs --until 1h life | wc -l)" -eq 0 ] || return 1
		"$docker" rm -f life
	}
	each check
}

@test "logs -f over rotations and over a restart" {
	check() {
		# Slow enough for who follows: he reads from the files, and the oldest goes.
		berth run -d --network none --name life --log-opt max-size=4k --log-opt max-file=5 "dir:$ROOT" \
			sh -c 'i=0; while [ $i -lt 300 ]; do echo "line $i"; i=$((i + 1)); [ $((i % 10)) -ne 0 ] || sleep 0.1; done' > /dev/null
		timeout $((60 * SLOW)) "$docker" logs -f life > "$SUITE_DIR/followed" || return 1
		diff <(for ((i = 0; i < 300; i++)); do echo "line $i"; done) "$SUITE_DIR/followed" || return 1
		[ "$(find "$(dirname "$("$docker" inspect -f '{{.LogPath}}' life)")" -type f | wc -l)" -gt 1 ] || return 1
		"$docker" rm life

		berth run -d --network none --name life "dir:$ROOT" sh -c 'trap "echo ends; exit 0" TERM; echo begins; while :; do sleep 0.1; done' > /dev/null
		timeout $((60 * SLOW)) "$docker" logs -f life > "$SUITE_DIR/followed" 3>&- &
		local follower=$!
		wait_until 10 eval '[ "$(cat "$SUITE_DIR/followed")" = begins ]'
		"$docker" restart life
		wait_until 10 eval '[ "$(grep -c begins "$SUITE_DIR/followed")" -eq 2 ]'
		"$docker" stop life
		wait "$follower"
		[ "$(tr '\n' ' ' < "$SUITE_DIR/followed")" = "begins ends begins ends " ] || return 1
		"$docker" rm life
	}
	each check
}

@test "cp in both directions, as a tar stream too, export and diff" {
	check() {
		local dir=$SUITE_DIR/cp
		rm -rf "$dir" && mkdir -p "$dir/d/sub"
		echo one > "$dir/d/one"
		echo two > "$dir/d/sub/two"
		ln -s one "$dir/d/link"
		timeout 20 "$docker" cp "$dir/d" box:/root/made
		timeout 20 "$docker" cp "$dir/d/one" box:/root/made/sub
		timeout 20 "$docker" cp -L "$dir/d/link" box:/root/followed
		[ "$("$docker" exec box cat /root/made/sub/one /root/made/sub/two /root/followed | tr '\n' ' ')" = "one two one " ]
		timeout 20 "$docker" cp box:/root/made "$dir/back"
		timeout 20 "$docker" exec box rm /root/made/sub/one
		rm "$dir/back/sub/one"
		diff -r "$dir/d" "$dir/back"
		timeout 20 "$docker" cp box:/root/made/link - | tar t | grep -qx link
		tar -C "$dir" -c d | timeout 20 "$docker" cp - box:/tmp
		timeout 20 "$docker" export box > "$dir/all.tar"
		tar tf "$dir/all.tar" | grep -qx root/made/sub/two
		"$docker" diff box | grep -qx 'A /root/made'
		run timeout 20 "$docker" cp box:/nowhere "$dir/x"
		[ "$status" -eq 1 ]
		[[ "$output" == *"Could not find the file /nowhere in container"* ]]
		"$docker" exec box rm -r /root/made /root/followed /tmp/d
	}
	each check
}
