# Keys of compose services on running containers: what they say is so inside, and down leaves nothing of it.
load lib

setup_file() {
	start_suite
	mkdir -p "$SUITE_DIR/project"
}
teardown_file() { end_suite; }
setup() { cd "$SUITE_DIR/project" || return 1; }
teardown() {
	cd "$SUITE_DIR/project" || return 1
	remove_all
	find . -mindepth 1 -delete
}

up() {
	run timeout $((30 * SLOW)) berth up -d "$@"
	echo "$output"
	[ "$status" -eq 0 ]
}

down() {
	run timeout $((30 * SLOW)) berth down "$@"
	echo "$output"
	[ "$status" -eq 0 ]
	[ -z "$(berth ps -aq)" ]
	[ -z "$(find "$SUITE_DIR/data/containers" "$SUITE_DIR/run/containers" -mindepth 1 -maxdepth 1 2> /dev/null)" ]
}

volumes() { find "$SUITE_DIR/data/volumes" -mindepth 1 -maxdepth 1 -type d | wc -l; }

@test "configs and secrets are read-only files with their mode; a changed file is no changed service" {
	printf 'from a file\n' > conf
	printf 'key\n' > key
	chmod 600 key
	cat > compose.yaml <<-EOF
		name: files
		services:
		  web:
		    image: dir:$ROOT
		    command: sleep 600
		    stop_grace_period: 100ms
		    user: "1000"
		    configs:
		      - conf
		      - { source: text, target: etc/text.conf }
		    secrets:
		      - token
		      - { source: key, uid: "1000", gid: "1500", mode: 0440 }
		      - { source: token, target: /root/deep/token, mode: 0400 }
		configs:
		  conf: { file: ./conf }
		  text: { content: "text of \$NAME" }
		secrets:
		  token: { environment: TOKEN }
		  key: { file: key }
	EOF
	export TOKEN="a secret" NAME=me
	up
	local started
	started=$(berth inspect -f '{{.State.StartedAt}}' files-web-1)
	[ "$(berth exec files-web-1 cat /conf)" = "from a file" ]
	[ "$(berth exec files-web-1 cat /etc/text.conf)" = "text of me" ]
	[ "$(berth exec files-web-1 cat /run/secrets/token)" = "a secret" ]
	[ "$(berth exec files-web-1 cat /run/secrets/key)" = key ]
	[ "$(berth exec files-web-1 stat -c '%a %u %g' /run/secrets/key)" = "440 1000 1500" ]
	[ "$(berth exec files-web-1 stat -c '%a %u %g' /run/secrets/token)" = "444 0 0" ]
	[ "$(berth exec -u 0 files-web-1 stat -c '%a' /root/deep/token)" = 400 ]
	run berth exec files-web-1 cat /root/deep/token
	[ "$status" -ne 0 ]
	local file
	for file in /conf /etc/text.conf /run/secrets/token /run/secrets/key; do
		run berth exec -u 0 files-web-1 sh -c "echo x > $file"
		[ "$status" -ne 0 ]
		[[ "$output" == *"Read-only file system"* ]]
	done
	[ -z "$(berth config | grep 'a secret')" ]
	[ -n "$(berth config | grep 'text of me')" ]

	printf 'changed\n' > conf
	printf 'new key\n' > key
	up
	[ "$(berth inspect -f '{{.State.StartedAt}}' files-web-1)" = "$started" ]
	[ "$(berth exec files-web-1 cat /conf)" = changed ]
	[ "$(berth exec files-web-1 cat /run/secrets/key)" = key ] # a copy: with an owner of its own
	timeout $((20 * SLOW)) berth restart files-web-1
	[ "$(berth exec files-web-1 cat /run/secrets/key)" = "new key" ]
	local written
	written=$(stat -c '%i %z' "$SUITE_DIR"/data/containers/*/configs/*)
	timeout $((20 * SLOW)) berth restart files-web-1 # nothing new: nothing is written
	[ "$(stat -c '%i %z' "$SUITE_DIR"/data/containers/*/configs/*)" = "$written" ]

	TOKEN=another up
	[ "$(berth exec files-web-1 cat /run/secrets/token)" = another ]
	down
}

@test "a secret whose file is missing fails the start, and nothing is left" {
	cat > compose.yaml <<-EOF
		name: missing
		services:
		  web:
		    image: dir:$ROOT
		    command: sleep 600
		    secrets: [{ source: key, mode: 0400 }]
		secrets:
		  key: { file: key }
	EOF
	run timeout $((30 * SLOW)) berth up -d
	[ "$status" -eq 1 ]
	[[ "$output" == *"$PWD/key: No such file or directory"* ]]
	down
}

@test "volumes: anonymous ones outlive a change, driver_opts bind a directory or make a tmpfs, a part of one" {
	mkdir -p host
	echo inside > host/file
	cat > compose.yaml <<-EOF
		name: vols
		services:
		  web:
		    image: dir:$ROOT
		    command: sleep 600
		    stop_grace_period: 100ms
		    environment: { N: "\${N:-1}" }
		    volumes:
		      - /anonymous
		      - bound:/bound
		      - memory:/memory
		      - { type: volume, source: plain, target: /part, volume: { subpath: a/b } }
		      - plain:/plain
		volumes:
		  bound: { driver_opts: { type: none, o: bind, device: ./host } }
		  memory: { driver_opts: { type: tmpfs, o: "size=64k,mode=700", device: tmpfs } }
		  plain: { labels: [mine] }
	EOF
	mkdir -p "$SUITE_DIR/data/volumes/vols_plain/_data/a/b"
	up
	[ "$(berth exec vols-web-1 cat /bound/file)" = inside ]
	berth exec vols-web-1 sh -c 'echo 1 > /bound/new; echo 2 > /anonymous/kept; echo 3 > /part/x; cp /bin/busybox /memory/ 2> /dev/null || true'
	[ "$(cat host/new)" = 1 ]
	[ "$(berth exec vols-web-1 cat /plain/a/b/x)" = 3 ]
	[ "$(berth exec vols-web-1 stat -c %a /memory)" = 700 ]
	[ "$(berth exec vols-web-1 sh -c 'wc -c < /memory/busybox')" -le 65536 ]
	N=2 up
	[ "$(berth exec vols-web-1 sh -c 'echo $N')" = 2 ]
	[ "$(berth exec vols-web-1 cat /anonymous/kept)" = 2 ]
	[ -z "$(berth exec vols-web-1 ls /memory)" ] # gone with the run
	down
	[ "$(volumes)" -eq 2 ]
	up
	sed 's/web:/other:/' compose.yaml > other.yaml
	up -f other.yaml --remove-orphans
	[ "$(volumes)" -eq 4 ]
	down -v -f other.yaml
	[ "$(volumes)" -eq 2 ]
	berth volume prune -f
	[ -z "$(ls -A "$SUITE_DIR/data/volumes" 2> /dev/null)" ]
	[ "$(cat host/file)" = inside ]
}

@test "post_start and pre_stop run in the container, in order, around each start and stop that is asked for" {
	mkdir -p log
	cat > compose.yaml <<-EOF
		name: hooks
		services:
		  web:
		    image: dir:$ROOT
		    command: sh -c 'trap "echo stopped >> /log/order; exit" TERM; echo began >> /log/order; while :; do sleep 0.1; done'
		    stop_grace_period: 20s
		    volumes: [./log:/log]
		    environment: { N: "\${N:-1}" }
		    post_start:
		      - { command: sh -c 'echo first \$\$(id -u) \$\$WORD \$\$(pwd) >> /log/order', user: "1000", environment: { WORD: w }, working_dir: /tmp }
		      - { command: [sh, -c, "sleep 0.2; echo second >> /log/order"] }
		    pre_stop:
		      - { command: sh -c 'echo before >> /log/order' }
	EOF
	chmod 777 log
	touch log/order && chmod 666 log/order
	up
	[ "$(sort log/order)" = "$(printf 'began\nfirst 1000 w /tmp\nsecond\n')" ]
	[ "$(grep -n second log/order)" = 3:second ]
	: > log/order
	up # it runs already
	[ ! -s log/order ]
	timeout $((20 * SLOW)) berth restart hooks-web-1
	[ "$(head -2 log/order)" = "$(printf 'before\nstopped\n')" ]
	[ "$(tail -1 log/order)" = second ]
	: > log/order
	N=2 up
	[ "$(head -2 log/order)" = "$(printf 'before\nstopped\n')" ]
	[ "$(tail -1 log/order)" = second ]
	: > log/order
	timeout $((20 * SLOW)) berth stop hooks-web-1
	[ "$(cat log/order)" = "$(printf 'before\nstopped\n')" ]
	timeout $((20 * SLOW)) berth start hooks-web-1
	berth pause hooks-web-1 # nothing can run in it
	: > log/order
	timeout $((20 * SLOW)) berth stop -t 1 hooks-web-1
	[ "$(cat log/order)" = stopped ]
	timeout $((20 * SLOW)) berth start hooks-web-1
	: > log/order
	timeout $((20 * SLOW)) berth kill hooks-web-1
	wait_until 5 bash -c '[ "$(berth inspect -f "{{.State.Status}}" hooks-web-1)" = exited ]'
	[ ! -s log/order ]
	up
	: > log/order
	down
	[ "$(cat log/order)" = "$(printf 'before\nstopped\n')" ]
}

@test "a hook that fails fails its verb: after post_start the container runs on, before a failed pre_stop's stop too" {
	mkdir -p log
	cat > compose.yaml <<-EOF
		name: hooks
		services:
		  web:
		    image: dir:$ROOT
		    command: sleep 600
		    stop_grace_period: 100ms
		    volumes: [./log:/log]
		    post_start: [{ command: sh -c 'exit 3' }, { command: touch /log/never }]
		    pre_stop: [{ command: /nowhere }]
	EOF
	run timeout $((30 * SLOW)) berth up -d
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "$output" == *"web hook exited with status 3"* ]]
	[ ! -e log/never ]
	[ "$(berth inspect -f '{{.State.Status}}' hooks-web-1)" = running ]
	run timeout $((30 * SLOW)) berth down
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "$output" == *"web hook exited with status 127"* ]]
	[ "$(berth inspect -f '{{.State.Status}}' hooks-web-1)" = running ]
	sed -i 's/exit 3/true/; s/\/nowhere/sleep 600/' compose.yaml
	berth rm -f hooks-web-1
	up
	[ -e log/never ]
	(sleep 0.5; berth kill hooks-web-1) & # meanwhile its hook waits
	down
	wait
}

@test "the daemon's end runs pre_stop, and waits for none longer than the container's grace" {
	mkdir -p log
	cat > compose.yaml <<-EOF
		name: hooks
		services:
		  quick:
		    image: dir:$ROOT
		    command: sleep 600
		    stop_grace_period: 1s
		    volumes: [./log:/log]
		    pre_stop: [{ command: touch /log/quick }]
		  stuck:
		    image: dir:$ROOT
		    command: sleep 600
		    stop_grace_period: 1s
		    pre_stop: [{ command: sleep 600 }]
		  begun:
		    image: dir:$ROOT
		    command: sleep 600
		    stop_grace_period: 1s
		    volumes: [./log:/log]
		    pre_stop: [{ command: sh -c 'touch /log/begun; sleep 600' }]
	EOF
	up
	timeout $((40 * SLOW)) berth stop hooks-begun-1 3>&- &
	wait_until 10 test -e log/begun
	local began=$SECONDS
	stop_daemon
	wait $! || true
	[ $((SECONDS - began)) -lt $((15 * SLOW)) ]
	[ -e log/quick ]
	start_daemon
	[ "$(berth inspect -f '{{.State.Status}}' hooks-stuck-1)" = exited ]
	down
}

@test "scale gives as many containers, a smaller one removes the last, completed waits for all" {
	mkdir -p log
	cat > compose.yaml <<-EOF
		name: many
		services:
		  job:
		    image: dir:$ROOT
		    command: sh -c 'sleep 0.5; hostname >> /log/done'
		    deploy: { replicas: 2 }
		    volumes: [./log:/log]
		  web:
		    image: dir:$ROOT
		    command: sh -c 'wc -l < /log/done; sleep 600'
		    scale: \${N:-3}
		    stop_grace_period: 100ms
		    environment: { V: "\${V:-1}" }
		    volumes: [./log:/log, /own]
		    depends_on: { job: { condition: service_completed_successfully } }
		  none: { image: "dir:$ROOT", command: sleep 600, scale: 0 }
	EOF
	up
	[ "$(berth ps -a --format '{{.Names}}' | sort | xargs)" = "many-job-1 many-job-2 many-web-1 many-web-2 many-web-3" ]
	[ "$(berth inspect -f '{{index .Config.Labels "com.docker.compose.container-number"}}' many-web-3)" = 3 ]
	wait_until 5 bash -c '[ "$(berth logs many-web-3)" = 2 ]'
	local first
	first=$(berth inspect -f '{{.State.StartedAt}}' many-web-1)
	berth exec many-web-2 sh -c 'echo kept > /own/file'

	N=2 up
	[[ "$output" == *"many-web-3  Removed"* ]]
	[ "$(volumes)" -eq 3 ]
	[ "$(berth ps --format '{{.Names}}' | sort | xargs)" = "many-web-1 many-web-2" ]
	[ "$(berth inspect -f '{{.State.StartedAt}}' many-web-1)" = "$first" ]

	berth rm -f -v many-web-1 # a number that is free is taken again
	N=3 up
	[ "$(berth ps --format '{{.Names}}' | sort | xargs)" = "many-web-1 many-web-2 many-web-3" ]

	N=3 V=2 up # each keeps its own anonymous volume
	[ "$(berth exec many-web-2 cat /own/file)" = kept ]
	[ -z "$(berth exec many-web-1 ls /own)" ]
	[ "$(berth exec many-web-3 sh -c 'echo $V')" = 2 ]
	N=0 up
	[ -z "$(berth ps -aq --filter label=com.docker.compose.service=web)" ]
	down
	berth volume prune -f
}

@test "depends_on with restart: who depends on what up replaces is restarted, who does not say so is not" {
	cat > compose.yaml <<-EOF
		name: again
		services:
		  db: { image: "dir:$ROOT", command: sleep 600, stop_grace_period: 100ms, environment: { V: "\${V:-1}" } }
		  web:
		    image: dir:$ROOT
		    command: sleep 600
		    stop_grace_period: 100ms
		    depends_on: { db: { condition: service_started, restart: true } }
		  other: { image: "dir:$ROOT", command: sleep 600, stop_grace_period: 100ms, depends_on: [db] }
	EOF
	up
	local web other id
	web=$(berth inspect -f '{{.State.StartedAt}}' again-web-1)
	other=$(berth inspect -f '{{.State.StartedAt}}' again-other-1)
	id=$(berth inspect -f '{{.Id}}' again-web-1)
	V=2 up
	[ "$(berth inspect -f '{{.State.StartedAt}}' again-web-1)" != "$web" ]
	[ "$(berth inspect -f '{{.Id}}' again-web-1)" = "$id" ]
	[ "$(berth inspect -f '{{.State.StartedAt}}' again-other-1)" = "$other" ]
	down
}

@test "volumes_from: the binds and volumes of another, one's own win, and run --volumes-from too" {
	mkdir -p host own
	echo bind > host/file
	echo mine > own/file
	cat > compose.yaml <<-EOF
		name: from
		services:
		  base:
		    image: dir:$ROOT
		    command: sleep 600
		    stop_grace_period: 100ms
		    volumes: [./host:/bound, data:/data, /anonymous, ./host:/over]
		    tmpfs: [/memory]
		  web:
		    image: dir:$ROOT
		    command: sleep 600
		    stop_grace_period: 100ms
		    volumes_from: ["base:ro"]
		    volumes: [./own:/over]
		volumes: { data: {} }
	EOF
	up
	[ "$(berth exec from-web-1 cat /bound/file)" = bind ]
	[ "$(berth exec from-web-1 cat /over/file)" = mine ]
	berth exec from-base-1 sh -c 'echo 1 > /data/x; echo 2 > /anonymous/x'
	[ "$(berth exec from-web-1 cat /data/x)" = 1 ]
	[ "$(berth exec from-web-1 cat /anonymous/x)" = 2 ]
	run berth exec from-web-1 sh -c 'echo 3 > /data/x'
	[ "$status" -ne 0 ]
	run berth exec from-web-1 ls /memory
	[ "$status" -ne 0 ]
	[ "$(timeout $((20 * SLOW)) berth run --rm --volumes-from from-base-1 "dir:$ROOT" sh -c 'echo 4 > /data/x; cat /anonymous/x')" = 2 ]
	[ "$(berth exec from-web-1 cat /data/x)" = 4 ]
	run timeout $((20 * SLOW)) berth run --rm --volumes-from nobody "dir:$ROOT" true
	[ "$status" -eq 125 ]
	[[ "$output" == *"No such container: nobody"* ]]
	down -v
	[ -z "$(ls -A "$SUITE_DIR/data/volumes" 2> /dev/null)" ]
}

@test "the supervisor dies while hooks run: what ran goes on, a stop begins anew, nothing is left" {
	mkdir -p log
	cat > compose.yaml <<-EOF
		name: crash
		services:
		  web:
		    image: dir:$ROOT
		    command: sleep 600
		    stop_grace_period: 100ms
		    volumes: [./log:/log]
		    post_start: [{ command: sh -c 'echo begun >> /log/start; sleep 2' }]
		    pre_stop: [{ command: sh -c 'echo begun >> /log/stop; sleep 1' }]
	EOF
	timeout $((30 * SLOW)) berth up -d &
	local up=$!
	wait_until 10 test -e log/start
	kill -KILL "$(supervisor_pid)"
	wait "$up" || true
	wait_until 10 timeout $((5 * SLOW)) berth version > /dev/null
	[ "$(berth inspect -f '{{.State.Status}}' crash-web-1)" = running ]
	timeout $((30 * SLOW)) berth stop crash-web-1 &
	local stop=$!
	wait_until 10 test -e log/stop
	kill -KILL "$(supervisor_pid)"
	wait "$stop"
	[ "$(wc -l < log/stop)" -eq 2 ]
	[ "$(berth inspect -f '{{.State.Status}}' crash-web-1)" = exited ]
	down
}

@test "a file of the create body has the owner that its container knows, in a user namespace too" {
	[ -z "${BERTH_TEST_VM:-}" ] || skip "Linux 6.1 maps no ids of a tmpfs, where the image is"
	local body answer map='[{"ContainerID":0,"HostID":200000,"Size":65536}]'
	body='{"Image":"dir:'$ROOT'","Cmd":["sh","-c","stat -c \"%a %u %g\" /f; cat /f"],"Berth":{"UserMaps":{"Uid":'$map',"Gid":'$map'},'
	body+='"Files":[{"Target":"/f","Content":"text\n","Uid":7,"Gid":8,"Mode":288}]}}'
	answer=$(printf 'POST /containers/create?name=mapped HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' "${#body}" "$body" |
		timeout 10 socat -t 5 - "UNIX-CONNECT:$SUITE_DIR/run/berth.sock")
	echo "$answer"
	[[ "$answer" == *" 201 "* ]]
	[ "$(timeout $((20 * SLOW)) berth start -a mapped)" = "$(printf '440 7 8\ntext\n')" ]
	[ "$(stat -c '%a %u %g' "$SUITE_DIR"/data/containers/*/configs/0)" = "440 200007 200008" ]
	berth rm mapped
}
