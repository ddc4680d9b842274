# Volumes as objects: the API, what uses them, what goes with whom, prune and disk usage.
load lib

setup_file() { start_suite; }
teardown_file() { end_suite; }
setup() { LOG_FROM=$(wc -l < "$SUITE_DIR/daemon.log"); }
teardown() {
	remove_all
	call POST '/volumes/prune?filters=%7B%22all%22%3A%5B%22true%22%5D%7D' > /dev/null
	[ -z "$(ls -A "$SUITE_DIR/data/volumes")" ] || { ls -lA "$SUITE_DIR/data/volumes"; return 1; }
}

image() { echo "dir:$ROOT"; }

# call METHOD PATH [BODY]: prints the status, then the answer's body.
call() {
	printf '%s %s HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' "$1" "$2" "${#3}" "${3:-}" |
		timeout $((20 * SLOW)) socat -t $((20 * SLOW)) - "UNIX-CONNECT:$SUITE_DIR/run/berth.sock" | tr -d '\r' | sed '1s/^[^ ]* \([0-9]*\).*/\1/; 2,/^$/d'
}
says() { # says STATUS TEXT METHOD PATH [BODY]
	local want=$1 text=$2
	shift 2
	run call "$@"
	[ "${lines[0]}" = "$want" ] && [[ "$output" == *"$text"* ]] || { echo "$*: $output"; return 1; }
}
names() { call GET "/volumes$1" | grep -o '"Name":"[^"]*"' | cut -d'"' -f4 | tr '\n' ' ' | sed 's/ $//'; }
make() { says 201 "\"Name\":\"$1\"" POST /volumes/create "{\"Name\":\"$1\"${2:+,$2}}"; }
# filter KEY VALUE...: the query
filter() {
	local key=$1 list
	shift
	list=$(printf '"%s",' "$@")
	printf '?filters=%s' "{\"$key\":[${list%,}]}" | sed 's/[{]/%7B/g; s/[}]/%7D/g; s/"/%22/g; s/\[/%5B/g; s/\]/%5D/g; s/,/%2C/g; s/!/%21/g'
}
on_disk() { ls -A "$SUITE_DIR/data/volumes" | tr '\n' ' ' | sed 's/ $//'; }

kill_supervisor() {
	local old
	old=$(supervisor_pid)
	kill -KILL "$old"
	another() { [ "$(supervisor_pid)" != "$old" ]; }
	wait_until 10 another
	wait_until 10 timeout $((5 * SLOW)) berth version > /dev/null
}

@test "create, list, inspect, remove: docker's members, codes and texts" {
	says 200 '{"Volumes":[],"Warnings":null}' GET /volumes
	make one '"Driver":"local","Labels":{"a":"b"}'
	[[ "$output" == *'"Driver":"local"'*'"Labels":{"a":"b"}'*"\"Mountpoint\":\"$SUITE_DIR/data/volumes/one/_data\""*'"Options":null'*'"Scope":"local"'* ]]
	[[ "$output" =~ \"CreatedAt\":\"20[0-9-]+T[0-9:.]+Z\" ]]
	[ -d "$SUITE_DIR/data/volumes/one/_data" ]
	make one '"Labels":{"other":"x"}' # it exists: as it is
	[[ "$output" == *'"Labels":{"a":"b"}'* ]]
	make two
	[ "$(names '')" = "one two" ]
	says 200 '"Name":"two"' GET /volumes/two
	says 404 'get three: no such volume' GET /volumes/three
	says 404 'get three: no such volume' DELETE /volumes/three
	says 204 '' DELETE '/volumes/three?force=1'
	says 204 '' DELETE /volumes/two
	says 404 'get two: no such volume' GET /volumes/two
	[ "$(on_disk)" = one ]
	says 400 'includes invalid characters for a local volume name' POST /volumes/create '{"Name":"../x"}'
	says 400 'volume name is too short' POST /volumes/create '{"Name":"x"}'
	says 400 'invalid option: \"bogus\"' POST /volumes/create '{"Name":"xx","DriverOpts":{"bogus":"1"}}'
	says 400 'not built yet' POST /volumes/create '{"Name":"xx","DriverOpts":{"type":"tmpfs"}}'
	says 404 'plugin \"nfs\" not found' POST /volumes/create '{"Name":"xx","Driver":"nfs"}'
	says 409 'volume name must be unique' POST /volumes/create '{"Name":"one","Driver":"nfs"}'
	says 400 'Labels.a: must be a string' POST /volumes/create '{"Name":"xx","Labels":{"a":1}}'
	[ "$(on_disk)" = one ]
}

@test "one without a name gets 64 digits, and says that it is anonymous" {
	says 201 '"com.docker.volume.anonymous":""' POST /volumes/create
	[[ "$(names '')" =~ ^[0-9a-f]{64}$ ]]
}

@test "filters: name, label, driver, dangling, and those that are none" {
	make data-a '"Labels":{"tier":"db"}'
	make data-b '"Labels":{"tier":"web"}'
	make other
	berth create --network none --name box -v data-a:/a "$(image)" true > /dev/null
	[ "$(names "$(filter name data)")" = "data-a data-b" ]
	[ "$(names "$(filter name data-b other)")" = "data-b other" ]
	[ "$(names "$(filter label tier)")" = "data-a data-b" ]
	[ "$(names "$(filter label tier=web)")" = data-b ]
	[ "$(names "$(filter dangling true)")" = "data-b other" ]
	[ "$(names "$(filter dangling 0)")" = data-a ]
	[ -z "$(names "$(filter driver nfs)")" ]
	says 400 "invalid filter 'dangling=[perhaps]'" GET "/volumes$(filter dangling perhaps)"
	says 400 "invalid filter 'size'" GET "/volumes$(filter size 1)"
}

@test "a container's volumes are there when its creation is answered, and stay in use until its removal" {
	local id
	id=$(berth create --network none --name box -v named:/n -v /anon "$(image)" sh -c 'echo kept > /n/file')
	[[ "$(names '')" =~ ^[0-9a-f]{64}\ named$ ]]
	says 200 '"com.docker.volume.anonymous":""' GET "/volumes/$(names '' | cut -d' ' -f1)"
	says 409 "remove named: volume is in use - [$id]" DELETE /volumes/named
	says 409 "volume is in use" DELETE '/volumes/named?force=1'
	berth start box > /dev/null
	berth wait box > /dev/null
	says 409 "remove named: volume is in use - [$id]" DELETE /volumes/named
	berth rm box > /dev/null
	[ "$(cat "$SUITE_DIR/data/volumes/named/_data/file")" = kept ]
	[[ "$(names '')" =~ ^[0-9a-f]{64}\ named$ ]] # without -v nothing goes along
	says 204 '' DELETE /volumes/named
}

@test "a mount's labels are those of the volume that is made for it" {
	make there
	berth create --network none --name box --mount 'type=volume,source=labelled,target=/l,volume-label=a=b,volume-label=c=d' \
		--mount 'type=volume,target=/anon,volume-label=e=f' --mount 'type=volume,source=there,target=/t,volume-label=a=b' "$(image)" true > /dev/null
	says 200 '"Labels":{"a":"b","c":"d"}' GET /volumes/labelled
	says 200 '"Labels":null' GET /volumes/there
	says 200 '"Labels":{"e":"f","com.docker.volume.anonymous":""}' GET "/volumes/$(names '' | cut -d' ' -f1)"
}

@test "rm -v and --rm take the anonymous ones along, but none that another container uses" {
	berth create --network none --name box -v named:/n -v /anon "$(image)" true > /dev/null
	local anon
	anon=$(names '' | cut -d' ' -f1)
	berth create --network none --name other -v "$anon:/theirs" "$(image)" true > /dev/null
	berth rm -v box > /dev/null
	[ "$(names '')" = "$anon named" ]
	berth rm -v other > /dev/null
	[ "$(names '')" = "$anon named" ] # to that one it was a named one
	berth run --rm --network none -v /anon "$(image)" touch /anon/x
	[ "$(names '')" = "$anon named" ]
}

@test "labels and the time of creation survive the supervisor and the daemon, and so does a removal" {
	make kept '"Labels":{"a":"b"}'
	make gone
	local before
	before=$(call GET /volumes/kept)
	says 204 '' DELETE /volumes/gone
	kill_supervisor
	[ "$(call GET /volumes/kept)" = "$before" ]
	[ "$(names '')" = kept ]
	stop_daemon
	start_daemon
	[ "$(call GET /volumes/kept)" = "$before" ]
	# One of an older version, one whose record is damaged, and one that is no volume at all.
	stop_daemon
	mkdir -p "$SUITE_DIR/data/volumes/old/_data" "$SUITE_DIR/data/volumes/.x.removed/_data/deep"
	echo '{"Labels": 7' > "$SUITE_DIR/data/volumes/kept/volume.json"
	start_daemon
	[ "$(names '')" = "kept old" ]
	says 200 '"Labels":null' GET /volumes/kept
	[ -e "$SUITE_DIR/data/volumes/kept/volume.json.damaged" ]
	swept() { [ "$(on_disk)" = "kept old" ]; }
	wait_until 10 swept
}

@test "a supervisor that is killed in the midst of makings and removals leaves no half volume" {
	local round n
	for round in 1 2 3 4 5 6; do
		for n in 1 2 3; do make "r$round-$n" '"Labels":{"whole":"yes"}'; done
		mkdir -p "$SUITE_DIR/data/volumes/r$round-1/_data/many"
		(cd "$SUITE_DIR/data/volumes/r$round-1/_data/many" && seq 2000 | xargs touch)
		call DELETE "/volumes/r$round-1" > /dev/null 2>&1 &
		local a=$!
		call POST /volumes/create "{\"Name\":\"new-$round\",\"Labels\":{\"whole\":\"yes\"}}" > /dev/null 2>&1 &
		local b=$!
		sleep 0.0$((round * 2 - 1))
		kill_supervisor
		wait "$a" "$b" || true
	done
	clean() { [ -z "$(find "$SUITE_DIR/data/volumes" -mindepth 1 -maxdepth 1 -name '.*')" ]; }
	wait_until 20 clean
	[ "$(names '')" = "$(on_disk | tr ' ' '\n' | LC_ALL=C sort | tr '\n' ' ' | sed 's/ $//')" ]
	for n in $(names ''); do
		says 200 '"whole":"yes"' GET "/volumes/$n"
		[ -d "$SUITE_DIR/data/volumes/$n/_data" ]
	done
	for round in 1 2 3 4 5 6; do says 200 '' GET "/volumes/r$round-2"; done
}

# strike POINT:self|POINT:stop COMMAND...: a supervisor that dies there, itself or while its worker stands there, and the proof that all
# volumes are whole after.
strike() {
	local at=$1 name old client
	shift
	: > "$SUITE_DIR/daemon.log"
	BERTH_FAULT=$at BERTH_PROGRAM=$BERTH_BUILD/faults/berth start_daemon
	old=$(supervisor_pid)
	"$@" > /dev/null 2>&1 3>&- &
	client=$!
	if [[ "$at" == *:stop ]]; then
		stands() { grep -ls '^State:.T' $(pgrep -P "$old" | sed 's|.*|/proc/&/status|') /dev/null > /dev/null; }
		wait_until 10 stands || { echo "$at: nothing stands there: $*"; return 1; }
		kill -KILL "$old"
	fi
	struck() { grep -q 'was killed by signal 9' "$SUITE_DIR/daemon.log" && timeout $((5 * SLOW)) berth version > /dev/null 2>&1; }
	wait_until 10 struck || { echo "$at never struck $*"; return 1; }
	wait "$client" || true
	clean() { [ -z "$(find "$SUITE_DIR/data/volumes" "$SUITE_DIR/data/trash" -mindepth 1 -maxdepth 1 \( -name '.*' -o -path '*/trash/*' \))" ]; }
	wait_until 20 clean || { echo "$at $*:"; ls -lA "$SUITE_DIR/data/volumes" "$SUITE_DIR/data/trash"; return 1; }
	[ "$(names '')" = "$(on_disk | tr ' ' '\n' | LC_ALL=C sort | tr '\n' ' ' | sed 's/ $//')" ] || { echo "$at $*: $(names '')"; return 1; }
	for name in $(names ''); do
		[ -d "$SUITE_DIR/data/volumes/$name/_data" ] && [ -s "$SUITE_DIR/data/volumes/$name/volume.json" ] || { echo "$at $*: $name"; return 1; }
	done
}

@test "at every step of a making and of a removal the supervisor may die" {
	[ -x "$BERTH_BUILD/faults/berth" ] || { echo "make faults"; return 1; }
	local at ids=()
	for at in 1 2 3 4 5; do make old$at; done
	for at in 1 2; do
		berth create --network none --name box$at -v /anon -v keep:/k "$(image)" true > /dev/null
	done
	stop_daemon
	for at in volume.put:stop volume.written:stop volume.told:self; do
		strike $at call POST /volumes/create '{"Name":"new","Labels":{"a":"b"}}'
		says 201 '"Labels":{"a":"b"}' POST /volumes/create '{"Name":"new","Labels":{"a":"b"}}'
		says 204 '' DELETE /volumes/new
		stop_daemon
	done
	local n=0
	for at in volume.drop:stop volume.written:stop volume.told:self; do
		n=$((n + 1))
		strike $at timeout 20 berth volume rm old$n
		berth volume rm -f old$n
		[[ " $(names '') " != *" old$n "* && " $(names '') " == *" old5 "* ]]
		stop_daemon
	done
	n=0
	for at in volume.drop:stop supervisor.removed:self; do
		n=$((n + 1))
		strike $at timeout 20 berth rm -v box$n
		without() { [ -z "$(berth ps -aq --filter name=box$n)" ] && [ "$(call GET '/volumes' | grep -o com.docker.volume.anonymous | wc -l)" = $((2 - n)) ]; }
		wait_until 10 without || { echo "$at: $(names '')"; return 1; }
		[[ " $(names '') " == *" keep "* ]]
		stop_daemon
	done
	# Of a creation nothing is left, or all that it asked for, and it runs.
	for at in volume.put:stop volume.written:stop supervisor.created:self; do
		strike $at timeout 20 berth create --network none --name made -v fresh:/f -v /anon "$(image)" touch /f/x /anon/x
		if [ -n "$(berth ps -aq --filter name=made)" ]; then
			berth start -a made
			recorded() { [ -z "$(find "$SUITE_DIR/data/volumes" -mindepth 1 -maxdepth 1 -not -execdir test -s '{}/volume.json' \; -print)" ]; }
			wait_until 10 recorded
			[[ " $(names '') " == *" fresh "* ]]
			berth rm -fv made
		fi
		stop_daemon
	done
	: > "$SUITE_DIR/daemon.log"
	start_daemon
}

@test "a start that is killed while it fills a volume leaves none half filled" {
	[ -x "$BERTH_BUILD/faults/berth" ] || { echo "make faults"; return 1; }
	local dir=$SUITE_DIR/data/volumes/filled want
	stop_daemon
	BERTH_FAULT=volume.copied:self BERTH_PROGRAM=$BERTH_BUILD/faults/berth start_daemon
	timeout 20 berth create --network none --name box -v filled:/etc "$(image)" true > /dev/null
	run timeout 20 berth start -a box
	[ "$status" -ne 0 ]
	[ -e "$dir/.filling" ] && [ "$(ls -A "$dir/_data" | wc -l)" = 1 ]
	stop_daemon
	start_daemon
	[ "$(names '')" = filled ]
	touch "$dir/_data/half"
	timeout 20 berth start -a box
	want=$(ls -A "$ROOT/etc" | grep -vx -e hosts -e hostname -e resolv.conf)
	[ "$(ls -A "$dir/_data" | grep -vx -e hosts -e hostname -e resolv.conf)" = "$want" ]
	[ ! -e "$dir/.filling" ]
	# What is whole is never begun again, and its own files stay.
	touch "$dir/_data/own"
	timeout 20 berth start -a box
	[ -e "$dir/_data/own" ]
	# Nor is a half of it seen by one that would not have filled it.
	touch "$dir/.filling"
	timeout 20 berth run --network none --rm --mount type=volume,source=filled,target=/v,volume-nocopy "$(image)" sh -c '[ -z "$(ls -A /v)" ]'
	[ ! -e "$dir/.filling" ]
	touch "$dir/.filling"
	berth rm box > /dev/null
	berth volume rm filled > /dev/null
	: > "$SUITE_DIR/daemon.log"
}

@test "prune: anonymous ones, named ones too when asked (before 1.42 always), and none in use" {
	make named '"Labels":{"keep":"no"}'
	make used
	says 201 '' POST /volumes/create
	berth create --network none --name box -v used:/u "$(image)" true > /dev/null
	printf 12345 > "$SUITE_DIR/data/volumes/$(names '' | cut -d' ' -f1)/_data/file"
	says 200 '"SpaceReclaimed":5' POST /volumes/prune
	[[ "$output" =~ \"VolumesDeleted\":\[\"[0-9a-f]{64}\"\] ]]
	[ "$(names '')" = "named used" ]
	says 200 '"VolumesDeleted":[]' POST "/volumes/prune?filters=%7B%22all%22%3A%5B%22true%22%5D%2C%22label%22%3A%5B%22keep%3Dyes%22%5D%7D"
	says 400 "invalid filter 'all=[all]'" POST "/volumes/prune$(filter all all)"
	says 400 "invalid filter 'until'" POST "/volumes/prune$(filter until 1h)"
	says 200 '"VolumesDeleted":["named"]' POST "/volumes/prune$(filter all true)"
	make named
	says 200 '"VolumesDeleted":["named"]' POST /v1.41/volumes/prune
	[ "$(names '')" = used ]
}

@test "containers/prune: what does not run, by label and age; what it frees" {
	berth run -d --network none --name up "$(image)" sleep 1000 > /dev/null
	berth run --network none --name ended --label keep=no "$(image)" sh -c 'printf 1234567 > /file'
	berth create --network none --name made "$(image)" true > /dev/null
	says 200 '"ContainersDeleted":[]' POST "/containers/prune$(filter until 24h)"
	says 400 'neither a time nor a duration' POST "/containers/prune$(filter until soon)"
	local id
	id=$(berth inspect -f '{{.Id}}' ended)
	says 200 "{\"ContainersDeleted\":[\"$id\"],\"SpaceReclaimed\":7}" POST "/containers/prune$(filter label keep=no)"
	says 200 "$(berth inspect -f '{{.Id}}' made)" POST "/containers/prune$(filter until 0s)"
	[ "$(berth ps -a --format '{{.Names}}')" = up ]
}

@test "system/df: layers, volumes, who uses them; one type when asked for" {
	make data
	berth run --network none --name box -v data:/d "$(image)" sh -c 'printf 123 > /d/a; ln /d/a /d/b; mkdir /d/sub; printf 4567 > /d/sub/c; printf 12345 > /file'
	says 200 '"UsageData":{"RefCount":1,"Size":7}' GET /system/df
	[[ "$output" == *'"SizeRw":5'* ]]
	says 200 '"Containers":null' GET '/system/df?type=volume'
	[[ "$output" == *'"Volumes":[{'* ]]
	says 200 '"Images":null' GET '/system/df?type=volume&type=container'
	[[ "$output" == *'"Volumes":[{'* && "$output" == *'"SizeRw":5'* ]]
	says 200 '"SizeRw":5' GET '/containers/json?all=1&size=1'
	says 200 '"SizeRw":5' GET '/containers/box/json?size=true'
	run call GET '/containers/box/json?size=0'
	[[ "$output" != *SizeRw* ]]
	says 400 'unknown object type: bogus' GET '/system/df?type=bogus'
}

@test "prune of the other kinds is an answer, so that docker's system prune goes through" {
	says 200 '{"NetworksDeleted":[]}' POST /networks/prune
	says 200 '"ImagesDeleted":[]' POST "/images/prune$(filter dangling true)"
	says 501 'not built yet' POST "/images/prune$(filter dangling false)"
	says 200 '"CachesDeleted":[]' POST /build/prune
	says 400 "invalid filter 'bogus'" POST "/networks/prune$(filter bogus x)"
}

@test "events: create, destroy, prune of volumes; a container of the same name is another matter" {
	local since
	since=$(date +%s.%N)
	make web '"Labels":{"x":"y"}'
	says 204 '' DELETE /volumes/web
	says 200 '' POST /volumes/prune
	run timeout $((10 * SLOW)) berth events --since "$since" --until "$(date +%s.%N)" --filter type=volume --format '{{.Type}} {{.Action}} {{.Actor.ID}}'
	[ "$output" = "$(printf 'volume create web\nvolume destroy web\nvolume prune ')" ] || { echo "$output"; return 1; }
	run berth wait web
	[ "$status" -ne 0 ]
}

@test "compose: a declared volume has its project's labels; down -v keeps what somebody else uses" {
	mkdir -p "$SUITE_DIR/project" && cd "$SUITE_DIR/project"
	cat > compose.yaml <<-EOT
		name: demo
		services:
		  one: { image: "dir:$ROOT", network_mode: none, command: ["true"], volumes: ["shared:/s", "taken:/t"] }
		volumes: { shared: { labels: { mine: "1" } }, taken: {}, unused: {} }
	EOT
	berth up -d > /dev/null 2>&1
	[ "$(names '')" = "demo_shared demo_taken" ]
	says 200 '"com.docker.compose.volume":"shared"' GET /volumes/demo_shared
	[[ "$output" == *'"com.docker.compose.project":"demo"'* && "$output" == *'"mine":"1"'* ]]
	berth create --network none --name box -v demo_taken:/t "$(image)" true > /dev/null
	run berth down -v
	[ "$status" -eq 0 ] && [[ "$output" == *"remove demo_taken: volume is in use"* ]]
	[ "$(names '')" = demo_taken ]
}

@test "berth volume: create, ls, inspect, rm, with formats and filters" {
	[ "$(berth volume create --label tier=db --label plain one)" = one ]
	[ "$(berth volume create two)" = two ]
	local anon
	anon=$(berth volume create)
	[[ "$anon" =~ ^[0-9a-f]{64}$ ]]
	[ "$(berth volume ls | head -1)" = "DRIVER    VOLUME NAME" ]
	[ "$(berth volume ls | tail -1)" = "local     two" ]
	[ "$(berth volume ls -q -f name=o | tr '\n' ' ')" = "one two " ]
	[ "$(berth volume ls --format '{{.Name}} {{.Driver}} {{.Scope}} {{.Labels}} {{.Size}}' -f label=tier)" = "one local local tier=db,plain= N/A" ]
	[ "$(berth volume ls --format 'table {{.Name}}\t{{.Scope}}' -f name=two)" = "$(printf 'VOLUME NAME   SCOPE\ntwo           local')" ]
	berth volume ls --format json -f name=two | grep -q '"Name":"two"'
	[ "$(berth volume inspect -f '{{.Mountpoint}}' one)" = "$SUITE_DIR/data/volumes/one/_data" ]
	[ "$(berth volume inspect one two | grep -c '"Name"')" = 2 ]
	run --separate-stderr berth volume inspect nosuch
	[ "$status" -eq 1 ] && [ "$output" = "[]" ] && [[ "$stderr" == *"get nosuch: no such volume"* ]]
	run berth volume create -d nfs three
	[ "$status" -eq 1 ] && [[ "$output" == *'plugin "nfs" not found'* ]]
	run berth volume create -o type=tmpfs three
	[ "$status" -eq 1 ] && [[ "$output" == *'not built yet'* ]]
	run --separate-stderr berth volume rm one nosuch two
	[ "$status" -eq 1 ] && [ "$output" = "$(printf 'one\ntwo')" ] && [[ "$stderr" == *"get nosuch: no such volume"* ]]
	[ "$(berth volume rm -f nosuch)" = nosuch ]
	for verb in "volume rm" "volume inspect" "volume ls x" "volume create a b" "volume prune x" "system df x" "info x" "container prune x"; do
		run berth $verb
		[ "$status" -eq 125 ] || { echo "$verb: $status"; return 1; }
	done
	[ "$(berth volume ls -q)" = "$anon" ]
}

@test "berth volume prune, container prune, system prune: they ask, and say what went" {
	berth volume create named > /dev/null
	local anon id
	anon=$(berth volume create)
	id=$(berth create --network none --name box -v used:/u "$(image)" true)
	run berth volume prune < /dev/null
	[ "$status" -eq 0 ] && [[ "$output" == *"anonymous local volumes"*"[y/N] " ]]
	run berth volume prune <<< n
	[[ "$output" != *"Total"* ]]
	[ "$(berth volume ls -q | wc -l)" = 3 ]
	run berth volume prune <<< y
	[[ "$output" == *"Deleted Volumes:"*"$anon"*"Total reclaimed space: 0B"* ]]
	[ "$(berth volume ls -q | tr '\n' ' ')" = "named used " ]
	[ "$(berth volume prune -a -f --filter label=none)" = "Total reclaimed space: 0B" ]
	[[ "$(berth volume prune -a -f)" == *named* ]]
	[ "$(berth container prune -f --filter until=24h)" = "Total reclaimed space: 0B" ]
	run berth container prune <<< y
	[[ "$output" == *"all stopped containers"*"Deleted Containers:"*"$id"* ]]
	berth volume create > /dev/null
	id=$(berth create --network none --name box "$(image)" true)
	run berth system prune --volumes -f
	[[ "$output" == *"$id"*"Deleted Volumes:"*"Total reclaimed space: 0B"* ]]
	[ "$(berth volume ls -q)" = used ]
	run berth system prune --volumes --filter until=1h -f
	[ "$status" -eq 1 ] && [[ "$output" == *'"until" filter is not supported'* ]]
}

@test "berth container has docker's longer names; system df, info" {
	berth container run --network none --name box -v data:/d "$(image)" sh -c 'printf 12345678 > /d/file; printf 1234 > /file'
	[ "$(berth container ls -a --format '{{.Names}}')" = box ]
	[ "$(berth container inspect -f '{{.Name}}' box)" = /box ]
	[ "$(berth system df --format '{{.Type}} {{.TotalCount}} {{.Active}} {{.Size}} {{.Reclaimable}}' | tr '\n' ,)" = \
		"Images 0 0 0B 0B,Containers 1 0 4B 4B (100%),Local Volumes 1 1 8B 0B (0%),Build Cache 0 0 0B 0B," ]
	berth system df | grep -qE '^TYPE +TOTAL +ACTIVE +SIZE +RECLAIMABLE$'
	berth system df -v | grep -qE '^data +1 +8B$'
	berth system df -v | grep -qE ' 1 +4B .* box$'
	[ "$(berth info -f '{{.Containers}} {{.ContainersStopped}} {{.ServerVersion}}')" = "1 1 $(berth version -f '{{.Server.Version}}')" ]
	[ "$(berth system info | grep -c -e '^ Containers: 1$' -e '^  Stopped: 1$' -e '^ Swarm: inactive$' -e "^ Docker Root Dir: $SUITE_DIR/data\$")" = 4 ]
	run berth -H unix:///nowhere info
	[ "$status" -eq 1 ] && [[ "$output" == "Client: berth"*"Cannot connect to the berth daemon"* ]]
	timeout $((10 * SLOW)) berth system events --since 1h --until 0s | grep -q 'volume create data (driver=local)'
}
