# Names of local root filesystems: given, listed, run by, taken away; what an image says of itself; what a death leaves.
load lib
load crash

setup_file() {
	start_suite
	export WEB=$SUITE_DIR/web
	make_root "$WEB"
	mkdir -p "$WEB/srv" "$WEB/data"
	echo from the image > "$WEB/data/file"
	web_says '{"Entrypoint": ["sh", "-c"], "Cmd": ["echo $WORD $PWD; id -un"], "Env": ["WORD=image", "OTHER=kept"], "User": "alice",
		"WorkingDir": "/srv", "Volumes": {"/data": {}}, "ExposedPorts": {"80/tcp": {}}, "Labels": {"kind": "web"}, "StopSignal": "SIGQUIT"}'
}
teardown_file() { end_suite; }
teardown() {
	remove_all
	local name
	for name in $(berth_timed images --format '{{.Repository}}:{{.Tag}}'); do berth_timed rmi -f "$name" > /dev/null; done
	[ -z "$(berth_timed images -q)" ]
}

web_says() { echo "$1" > "$WEB/etc/berth-image.json"; }
tag() { berth_timed image tag "$@"; }
source_of() { berth_timed image inspect -f '{{.Berth.Source}}' "$1"; }
refused() { # refused CODE TEXT COMMAND...
	local code=$1 text=$2
	shift 2
	run timeout $((20 * SLOW)) "$@"
	[ "$status" -eq "$code" ] && [[ "$output" == *"$text"* ]] || { echo "$*: $status: $output" >&2; return 1; }
}
status_of() { # status_of METHOD PATH: of the API's answer
	printf '%s %s HTTP/1.0\r\nContent-Length: 0\r\n\r\n' "$1" "$2" |
		socat -t $((10 * SLOW)) - "UNIX-CONNECT:$SUITE_DIR/run/berth.sock" | sed -n '1s/^[^ ]* \([0-9]*\).*/\1/p'
}

@test "a name is given, listed, inspected, moved and taken away" {
	tag "dir:$WEB" web
	tag "dir:$ROOT" example.org:5000/me/base:1.0
	run berth_timed images
	[ "${#lines[@]}" -eq 3 ]
	[[ "${lines[0]}" =~ ^REPOSITORY\ +TAG\ +IMAGE\ ID\ +CREATED\ +SIZE$ ]]
	[[ "$output" =~ web\ +latest\ +[0-9a-f]{12}\  ]]
	[[ "$output" =~ example.org:5000/me/base\ +1.0\ +[0-9a-f]{12}\  ]]
	[ "$(source_of web)" = "dir:$WEB" ]
	[ "$(source_of docker.io/library/web:latest)" = "dir:$WEB" ]
	[ "$(berth_timed inspect -f '{{.RepoTags}} {{.Config.User}} {{.Os}}' web)" = "[web:latest] alice linux" ]

	# Two names of one thing are one image.
	local id
	id=$(berth_timed images -q --no-trunc web)
	[[ "$id" =~ ^sha256:[0-9a-f]{64}$ ]]
	tag web me/other:2
	[ "$(berth_timed images -q --no-trunc me/other)" = "$id" ]
	[ "$(berth_timed image inspect -f '{{.RepoTags}}' "${id:7:12}" | tr -d '[]' | tr ' ' '\n' | sort | tr '\n' ' ')" = "me/other:2 web:latest " ]
	[ "$(berth_timed images -q | wc -l)" -eq 2 ]
	# The id is of the path and of what stands in the file: the same again, whoever asks when.
	tag "dir:$WEB/../web" again
	[ "$(berth_timed images -q --no-trunc again)" = "$id" ]

	# A name that is there is moved.
	tag "dir:$ROOT" web
	[ "$(source_of web)" = "dir:$ROOT" ]
	[ "$(source_of me/other:2)" = "dir:$WEB" ]
	[ "$(berth_timed rmi web)" = "Untagged: web:latest" ]
	run berth_timed image rm me/other:2 again
	[ "${lines[*]}" = "Untagged: me/other:2 Untagged: again:latest Deleted: $id" ]
	refused 1 "No such image: web:latest" berth rmi web
}

@test "events" {
	local since id
	since=$(date +%s.%N)
	tag "dir:$WEB" web
	tag "dir:$WEB" web # says what it said
	tag web web:2
	id=$(berth_timed images -q --no-trunc web:2)
	berth_timed rmi web:2 web > /dev/null
	[ "$(berth_timed events --since "$since" --until "$(date +%s.%N)" -f type=image --format '{{.Action}} {{.Actor.Attributes.name}}' | tr '\n' ' ')" = \
		"tag web:latest tag web:2 untag web:2 untag web:latest delete $id " ]
	[ "$(berth_timed events --since "$since" --until "$(date +%s.%N)" -f type=image -f image=web:2 | wc -l)" -eq 2 ]
	[ -z "$(berth_timed events --since "$since" --until "$(date +%s.%N)" -f type=container)" ]
}

@test "filters, formats, quiet" {
	tag "dir:$WEB" web:1
	tag "dir:$WEB" web:2
	tag "dir:$ROOT" base
	[ "$(berth_timed images --format '{{.Repository}}:{{.Tag}}' web | sort | tr '\n' ' ')" = "web:1 web:2 " ]
	[ "$(berth_timed images --format '{{.Tag}}' web:2)" = 2 ]
	[ "$(berth_timed images --format '{{.Tag}}' -f 'reference=w*:1')" = 1 ]
	[ "$(berth_timed images -q -f label=kind=web | wc -l)" -eq 1 ]
	[ -z "$(berth_timed images -q -f label=kind=other)" ]
	[ -z "$(berth_timed images -q -f dangling=true)" ]
	[ "$(berth_timed images --format '{{.Repository}}' -f since=web:1)" = base ]
	[ "$(berth_timed images --format '{{.Repository}}' -f before=base | uniq)" = web ]
	[ "$(berth_timed image ls --format json base | jq -r '.Repository + .Tag + .Source')" = "baselatestdir:$ROOT" ]
	refused 1 "invalid filter 'nonsense'" berth images -f nonsense=1
}

@test "what an image says is merged into what runs by docker's rules" {
	tag "dir:$WEB" web
	local run=(timeout $((20 * SLOW)) berth run --rm --network none)
	run "${run[@]}" web
	[ "${lines[*]}" = "image /srv alice" ]
	[ "$("${run[@]}" -e WORD=flag -w /tmp -u root web 'echo $WORD $OTHER $PWD $(id -u)')" = "flag kept /tmp 0" ]
	# The image's command goes with its entrypoint.
	[ "$("${run[@]}" --entrypoint echo web)" = "" ]
	[ "$("${run[@]}" --entrypoint echo web given)" = given ]
	# A root that is named by its path says the same.
	run "${run[@]}" "dir:$WEB"
	[ "${lines[*]}" = "image /srv alice" ]

	berth_timed run -d --name box --network none -l own=1 web 'sleep 1000' > /dev/null
	[ "$(berth_timed inspect -f '{{.Config.Image}} {{.Config.StopSignal}} {{json .Config.ExposedPorts}}' box)" = 'web SIGQUIT {"80/tcp":{}}' ]
	[ "$(berth_timed inspect -f '{{.Image}}' box)" = "$(berth_timed images -q --no-trunc web)" ]
	[ "$(berth_timed inspect -f '{{index .Config.Labels "kind"}}{{index .Config.Labels "own"}}' box)" = web1 ]
	[ "$(berth_timed inspect box | jq -r '.[0].Mounts[] | .Type + .Destination')" = volume/data ]
	[ "$(berth_timed exec box cat /data/file)" = "from the image" ]
	[ "$(berth_timed ps --format '{{.Image}}')" = web ]
	[ "$(berth_timed ps -q -f ancestor=web | wc -l)" -eq 1 ]
	[ -z "$(berth_timed ps -q -f ancestor=nothing)" ]
	# What the user mounts there takes the volume's place.
	[ "$("${run[@]}" -v "$SUITE_DIR/web/home:/data" web 'ls /data | wc -l')" = 0 ]
	refused 125 "no command specified" berth run --rm "dir:$ROOT"
}

@test "a container keeps the image that it was made from" {
	tag "dir:$WEB" web
	berth_timed create --name box --network none web 'cat /data/file' > /dev/null
	local id
	id=$(berth_timed images -q web)
	tag "dir:$ROOT" web
	[ "$(berth_timed ps -a --format '{{.Image}}')" = "$id" ]
	[ "$(berth_timed start -a box)" = "from the image" ]
	kill_supervisor "$(supervisor_pid)"
	[ "$(berth_timed start -a box)" = "from the image" ]
	[ "$(source_of web)" = "dir:$ROOT" ]
}

@test "an image in use stays, unless that is forced" {
	tag "dir:$WEB" web
	tag web web:2
	local id
	id=$(berth_timed images -q web:2)
	berth_timed run -d --name box --network none web 'exec sleep 1000' > /dev/null
	[ "$(berth_timed rmi web)" = "Untagged: web:latest" ] # it has another name
	refused 1 "conflict: unable to remove repository reference \"web:2\" (must force) - container" berth rmi web:2
	refused 1 "conflict: unable to delete $id (cannot be forced) - image is being used by running container" berth rmi -f "$id"
	berth_timed kill box > /dev/null
	refused 1 "conflict: unable to delete $id (must be forced) - image is being used by stopped container" berth rmi "$id"
	[ "$(status_of DELETE /v1.41/images/web:2)" = 409 ]
	run berth_timed rmi -f web:2
	[ "$status" -eq 0 ]
	berth_timed start box > /dev/null
	[ "$(berth_timed exec box cat /data/file)" = "from the image" ]
	tag "dir:$WEB" web
	tag "dir:$WEB" other
	refused 1 "(must be forced) - image is referenced in multiple repositories" berth rmi "$id"
}

@test "a bundle" {
	mkdir -p "$SUITE_DIR/bundle"
	echo '{"ociVersion": "1.0.2", "root": {"path": "'"$WEB"'"}, "process": {"args": ["sh", "-c", "echo bundle $WHO"], "cwd": "/", "user": {"uid": 0, "gid": 0},
		"env": ["PATH=/bin", "WHO=me"]}, "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}], "linux": {}}' > "$SUITE_DIR/bundle/config.json"
	tag "oci-bundle:$SUITE_DIR/bundle" bundle:1
	[ "$(berth_timed image inspect -f '{{json .Config.Cmd}} {{.Berth.Source}}' bundle:1)" = "[\"sh\",\"-c\",\"echo bundle \$WHO\"] oci-bundle:$SUITE_DIR/bundle" ]
	[ "$(berth_timed run --rm --network none bundle:1)" = "bundle me" ]
}

@test "what is wrong is said, and nothing is named" {
	refused 125 "No such image: nosuch:latest (to give a root filesystem this name: berth image tag dir:PATH nosuch)" berth run --rm nosuch
	refused 1 "image dir:$SUITE_DIR/none: $SUITE_DIR/none: No such file or directory" berth image tag "dir:$SUITE_DIR/none" web
	refused 125 "invalid reference format: docker://x (an image is dir:PATH, oci-bundle:PATH or the name of one)" berth run --rm docker://x
	refused 1 "invalid reference format: repository name (Web) must be lowercase" berth image tag "dir:$WEB" Web
	refused 1 "invalid reference format" berth image tag "dir:$WEB" web:
	refused 1 "dir:x would be read as a path" berth image tag "dir:$WEB" dir:x
	refused 125 "requires exactly 2 arguments" berth image tag web
	refused 1 "Did you mean 'tag'?" berth image tga
	refused 1 "No such image: nosuch" berth image inspect nosuch
	refused 1 "No such object: nosuch" berth inspect nosuch
	[ "$(status_of POST "/images/dir:$WEB/tag")" = 400 ]
	[ "$(status_of POST "/images/nosuch/tag?repo=x")" = 404 ]
	[ "$(status_of POST "/v1.44/images/dir:$WEB/tag?repo=web&tag=5")" = 201 ]
	[ "$(status_of DELETE /images/web:5)" = 200 ]
	local said
	said=$(cat "$WEB/etc/berth-image.json")
	web_says '{"Comand": ["x"]}'
	run berth_timed image tag "dir:$WEB" web
	local of_tag=$output
	run berth_timed run --rm "dir:$WEB" true
	web_says "$said"
	[[ "$of_tag" == *"$WEB/etc/berth-image.json: Comand: unknown key"* ]]
	[[ "$output" == *"$WEB/etc/berth-image.json: Comand: unknown key"* ]]
	[ -z "$(berth_timed images -q)" ]
	# Named, and gone since.
	cp -a "$WEB" "$SUITE_DIR/gone"
	tag "dir:$SUITE_DIR/gone" gone
	rm -rf "$SUITE_DIR/gone"
	refused 125 "image gone: image dir:$SUITE_DIR/gone: $SUITE_DIR/gone: No such file or directory" berth run --rm gone
}

@test "a health check is kept and said not to run, once" {
	cp -a "$WEB" "$SUITE_DIR/health"
	echo '{"Cmd": ["true"], "Healthcheck": {"Test": ["CMD", "true"]}}' > "$SUITE_DIR/health/etc/berth-image.json"
	tag "dir:$SUITE_DIR/health" health
	[ "$(berth_timed image inspect -f '{{json .Config.Healthcheck}}' health)" = '{"Test":["CMD","true"]}' ]
	run --separate-stderr berth_timed run --rm --network none health
	[ "$status" -eq 0 ]
	[ "$(grep -c 'health check' <<< "$stderr")" -eq 1 ]
	run berth_timed run --rm --network none --no-healthcheck health
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

# ---------------------------------------------------------------- compose files

up() { berth_timed up -d -f "$SUITE_DIR/compose.yaml"; }

@test "compose: names given by the file, used by its services, changed with them" {
	cat > "$SUITE_DIR/compose.yaml" <<-EOF
		name: shop
		x-berth-images: { "shop:1": "dir:./web" }
		services:
		  front: { image: "shop:1", command: ["exec sleep 1000"], stop_grace_period: 100ms }
	EOF
	echo first > "$WEB/srv/which"
	up
	[ "$(source_of shop:1)" = "dir:$WEB" ]
	[ "$(berth_timed ps --format '{{.Image}} {{.Names}}')" = "shop:1 shop-front-1" ]
	[ "$(berth_timed exec shop-front-1 cat /srv/which)" = first ]
	local id
	id=$(berth_timed ps -q)
	up
	[ "$(berth_timed ps -q)" = "$id" ]
	# The name stands for another image: docker's compose would pull it and make the container anew.
	cp -a "$WEB" "$SUITE_DIR/web2"
	echo second > "$SUITE_DIR/web2/srv/which"
	sed -i 's/dir:.\/web/&2/' "$SUITE_DIR/compose.yaml"
	up
	[ "$(berth_timed ps -q)" != "$id" ]
	[ "$(berth_timed exec shop-front-1 cat /srv/which)" = second ]
	# A name that went meanwhile is no reason to touch what runs.
	sed -i '/x-berth-images/d' "$SUITE_DIR/compose.yaml"
	berth_timed rmi -f shop:1 > /dev/null
	id=$(berth_timed ps -q)
	up
	[ "$(berth_timed ps -q)" = "$id" ]
	refused 1 "service front: No such image: shop:1 (to give a root filesystem this name: berth image tag dir:PATH shop:1)" berth up -d --force-recreate -f "$SUITE_DIR/compose.yaml"
	[ "$(berth_timed ps -q)" = "$id" ]
	sed -i 's/sleep 1000/sleep 1001/' "$SUITE_DIR/compose.yaml"
	berth_timed up -d --no-recreate -f "$SUITE_DIR/compose.yaml"
	[ "$(berth_timed ps -q)" = "$id" ]
	berth_timed down -f "$SUITE_DIR/compose.yaml"
	cat > "$SUITE_DIR/compose.yaml" <<-EOF
		name: shop
		services:
		  back: { image: "dir:$ROOT", command: sleep 1000 } # not made either
		  front: { image: "shop:1", depends_on: [back] }
	EOF
	refused 1 "service front: No such image: shop:1 (to give a root filesystem this name: berth image tag dir:PATH shop:1)" berth up -d -f "$SUITE_DIR/compose.yaml"
	[ -z "$(berth_timed ps -aq)" ]
}

@test "compose: of names one of which is wrong none is given, and nothing is made" {
	cat > "$SUITE_DIR/compose.yaml" <<-EOF
		name: shop
		x-berth-images: { one: "dir:./web", two: "dir:./none" }
		services:
		  front: { image: one }
	EOF
	refused 1 "x-berth-images: image dir:$SUITE_DIR/none: $SUITE_DIR/none: No such file or directory" berth up -d -f "$SUITE_DIR/compose.yaml"
	[ -z "$(berth_timed images -q)" ]
	[ -z "$(berth_timed ps -aq)" ]
	sed -i 's/image: one/image: "dir :x"/' "$SUITE_DIR/compose.yaml"
	refused 1 "compose.yaml:4:19: services.front.image: invalid reference format: dir :x" berth up -d -f "$SUITE_DIR/compose.yaml"
}

@test "compose: names of a file that the daemon starts with, written once" {
	cat > "$SUITE_DIR/compose.yaml" <<-EOF
		name: shop
		x-berth-images: { "shop:1": "dir:./web" }
		services:
		  front: { image: "shop:1", command: ["exec sleep 1000"], restart: always, stop_grace_period: 100ms }
	EOF
	local before
	stop_daemon
	start_daemon -f "$SUITE_DIR/compose.yaml"
	await_state shop-front-1 'running 0'
	[ "$(source_of shop:1)" = "dir:$WEB" ]
	before=$(stat -c '%i %y' "$SUITE_DIR/data/images.json")
	stop_daemon
	start_daemon -f "$SUITE_DIR/compose.yaml"
	await_state shop-front-1 'running 0'
	wait_until 10 eval '[ "$(grep -c event=compose-up "$SUITE_DIR/daemon.log")" -eq 2 ]'
	[ "$(stat -c '%i %y' "$SUITE_DIR/data/images.json")" = "$before" ]
	stop_daemon
	start_daemon
}

# ---------------------------------------------------------------- docker's own client

each() { # each COMMAND...: with $docker as every client
	local docker
	for docker in $(tests/it/docker-cli "$BERTH_BUILD"); do
		docker_cli=$docker
		"$@" || { echo "with $("$docker" --version)" >&2; return 1; }
		teardown
	done
}
docker() { DOCKER_HOST=$BERTH_HOST DOCKER_CONFIG=$SUITE_DIR/docker-config timeout $((30 * SLOW)) "$docker_cli" "$@"; }

@test "docker run, create, images, inspect, tag and rmi by name" {
	check() {
		tag "dir:$WEB" web || return 1
		docker run --rm web > "$SUITE_DIR/out" 2> "$SUITE_DIR/err" || return 1
		[ "$(tr '\n' ' ' < "$SUITE_DIR/out")" = "image /srv alice " ] || return 1
		[ "$(grep -c '^WARNING: .*private loopback' "$SUITE_DIR/err")" -eq 1 ] || return 1
		[ "$(docker run --rm --network none -e WORD=x --entrypoint /bin/sh web -c 'echo $WORD')" = x ] || return 1
		[ "$(echo through | docker run --rm -i --network none web cat)" = through ] || return 1
		local status=0
		docker run --rm --network none web 'exit 7' || status=$?
		[ $status -eq 7 ] || return 1
		docker run -d --name box --network none web 'exec sleep 1000' > /dev/null || return 1
		[ "$(docker ps --format '{{.Image}} {{.Names}}')" = "web box" ] || return 1
		[ "$(docker inspect -f '{{.Config.Image}} {{.Image}}' box)" = "web $(docker images -q --no-trunc web)" ] || return 1
		[ "$(docker images --format '{{.Repository}} {{.Tag}} {{.ID}}')" = "web latest $(berth_timed images -q)" ] || return 1
		docker images | grep -qE '^web +latest +[0-9a-f]{12} ' || return 1
		[ "$(docker inspect -f '{{.Config.User}} {{.RepoTags}}' web)" = "alice [web:latest]" ] || return 1
		[ "$(docker image inspect -f '{{index .Config.Labels "kind"}}' web)" = web ] || return 1
		docker tag web me/web:3 || return 1
		[ "$(docker images -q me/web:3)" = "$(docker images -q web)" ] || return 1
		[ "$(docker rmi me/web:3)" = "Untagged: me/web:3" ] || return 1
		run docker rmi web
		[[ "$status" -eq 1 && "$output" == *"(must force) - container"* ]] || return 1
		docker rm -f box > /dev/null || return 1
		[[ "$(docker rmi web)" == "Untagged: web:latest"*"Deleted: sha256:"* ]] || return 1
		run docker run --rm web
		[[ "$status" -eq 125 && "$output" == *"to give a root filesystem a name: berth image tag dir:PATH web"* ]] || return 1
		run docker inspect web
		[[ "$status" -eq 1 && "$output" == *"No such object: web"* ]] || return 1
	}
	each check
}

# ---------------------------------------------------------------- what a death leaves

@test "names outlive the daemon, and nothing is written when nothing changes" {
	tag "dir:$WEB" web
	local before
	before=$(stat -c '%i %y' "$SUITE_DIR/data/images.json")
	tag "dir:$WEB" web
	[ "$(stat -c '%i %y' "$SUITE_DIR/data/images.json")" = "$before" ]
	kill_supervisor
	[ "$(source_of web)" = "dir:$WEB" ]
	stop_daemon
	echo '{"Schema": 1, "Ima' > "$SUITE_DIR/data/.images.json.new" # a write that a power cut fell into
	start_daemon
	[ "$(source_of web)" = "dir:$WEB" ]
	[ ! -e "$SUITE_DIR/data/.images.json.new" ]
}

@test "a damaged file is set aside, one of a later version is left as it is" {
	stop_daemon
	echo '{"Schema": 1, "Images": {"web:latest": {"Source": 5}}}' > "$SUITE_DIR/data/images.json"
	start_daemon
	grep -q 'event=record-damaged.*images.json: Images: web:latest.Source' "$SUITE_DIR/daemon.log"
	[ -e "$SUITE_DIR/data/images.json.damaged" ]
	tag "dir:$WEB" web
	stop_daemon
	sed -i 's/"Schema": 1/"Schema": 9/' "$SUITE_DIR/data/images.json"
	start_daemon
	refused 1 "images.json: is of a later version" berth image tag "dir:$WEB" other
	grep -q '"Schema": 9' "$SUITE_DIR/data/images.json"
	stop_daemon
	rm -f "$SUITE_DIR"/data/images.json*
	start_daemon
}

@test "whoever dies while a name is moved: it is the old one or the new one, and what was acknowledged holds" {
	local point who now
	[ -x "$BERTH_BUILD/faults/berth" ] || { echo "make faults" >&2; return 1; }
	for point in images.write images.written; do
		for who in self stop; do # the worker dies; or it stands still while the supervisor dies
			tag "dir:$ROOT" web
			stop_daemon
			BERTH_FAULT=$point:$who BERTH_PROGRAM=$BERTH_BUILD/faults/berth start_daemon
			if [ $who = self ]; then
				refused 1 "died: signal 9" berth image tag "dir:$WEB" web
			else
				timeout 30 berth image tag "dir:$WEB" web > /dev/null 2>&1 3>&- &
				wait_until 10 launcher_is_stopped
			fi
			kill_supervisor
			[ $who = self ] || ! wait $!
			now=$(source_of web)
			echo "$point $who: $now"
			if [ $point = images.write ]; then [ "$now" = "dir:$ROOT" ]; else [ "$now" = "dir:$WEB" ]; fi
			# The next one works, and nothing lies about.
			tag "dir:$WEB" web
			[ "$(source_of web)" = "dir:$WEB" ]
			[ -z "$(find "$SUITE_DIR/data" -maxdepth 1 -name '.*.new')" ]
			stop_daemon
			start_daemon
			[ "$(source_of web)" = "dir:$WEB" ]
		done
	done
	local i
	for i in 1 2 3 4 5; do
		tag "dir:$ROOT" web
		timeout 20 berth image tag "dir:$WEB" web 2> /dev/null 3>&- &
		sleep "0.00$((i * 2))"
		kill_supervisor
		if wait $!; then [ "$(source_of web)" = "dir:$WEB" ]; else source_of web | grep -qx -e "dir:$WEB" -e "dir:$ROOT"; fi
	done
}

@test "a full disk is said, and the name stays what it was" {
	tag "dir:$ROOT" web
	chattr +i "$SUITE_DIR/data" 2> /dev/null || skip "no immutable directories here"
	run berth_timed image tag "dir:$WEB" web
	chattr -i "$SUITE_DIR/data"
	[ "$status" -eq 1 ]
	[[ "$output" == *"images.json"* ]]
	[ "$(source_of web)" = "dir:$ROOT" ]
	tag "dir:$WEB" web
	[ "$(source_of web)" = "dir:$WEB" ]
}
