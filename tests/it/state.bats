# A container's life as people see it: its states, its waiters, pause, restart and kill, back-off, rename and update.
load lib

setup_file() { start_suite; }
teardown_file() { end_suite; }
teardown() {
	umount "$SUITE_DIR"/data/containers/*/deep 2> /dev/null || true
	remove_all
}

image() { echo "dir:$ROOT"; }

# up NAME [OPTIONS...]: runs, ends with 3 on SIGTERM and goes on otherwise
up() {
	local name=$1
	shift
	berth run -d --network none --name "$name" "$@" "$(image)" sh -c 'trap "exit 3" TERM; trap "echo hup" HUP; echo up; while :; do sleep 0.05; done' > /dev/null
	wait_until 10 said "$name" up
}
said() { berth logs "$1" | grep -q "$2"; }

field() { berth inspect -f "{{.State.$2}}" "$1"; }
is() { [ "$(field "$1" Status)" = "$2" ]; }
pid_of() { field "$1" Pid; }

# actions CONTAINER: its events in their order
actions() {
	sed -n -E "s/.* event=(create|start|pause|unpause|kill|die|oom|stop|restart|rename|update|destroy) container=$(berth inspect -f '{{.Id}}' "$1" | cut -c1-12) .*/\1/p" "$SUITE_DIR/daemon.log" | tr '\n' ' ' | sed 's/ $//'
}

# The v2 directory of its group; nothing where v2 is not mounted.
group_of() { find /sys/fs/cgroup -type d -path "*/$SUITE_NAME/$(berth inspect -f '{{.Id}}' "$1")" -exec test -e {}/cgroup.freeze \; -print 2> /dev/null || true; }

# call METHOD PATH [BODY]: prints the status, then the answer's body.
call() {
	printf '%s %s HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' "$1" "$2" "${#3}" "${3:-}" |
		timeout $((20 * SLOW)) socat -t $((20 * SLOW)) - "UNIX-CONNECT:$SUITE_DIR/run/berth.sock" | tr -d '\r' | sed '1s/^[^ ]* \([0-9]*\).*/\1/; 2,/^$/d'
}

# registered PATH FILE: a call that waits, in the background as $!; its headers come when it is registered
registered() {
	rm -f "$2"
	printf 'POST %s HTTP/1.0\r\nContent-Length: 0\r\n\r\n' "$1" |
		timeout $((30 * SLOW)) socat -t $((30 * SLOW)) - "UNIX-CONNECT:$SUITE_DIR/run/berth.sock" > "$2" 3>&- &
	wait_until 10 grep -q '^HTTP/1.[01] 200' "$2"
}

refused() { # refused STATUS TEXT METHOD PATH [BODY]
	local want=$1 text=$2
	shift 2
	run call "$@"
	[ "${lines[0]}" = "$want" ] && [[ "$output" == *"$text"* ]] || { echo "$*: $output"; return 1; }
}

kill_supervisor() {
	local old
	old=$(supervisor_pid)
	kill -KILL "$old"
	another() { [ "$(supervisor_pid)" != "$old" ]; }
	wait_until 10 another
	wait_until 10 timeout $((5 * SLOW)) berth version > /dev/null
}

@test "S01 inspect has docker's members of the state, with their types" {
	up box
	local one
	for one in Status Running Paused Restarting OOMKilled Dead Pid ExitCode Error StartedAt FinishedAt; do
		[[ "$(berth inspect box)" == *"\"$one\":"* ]] || { echo "$one"; return 1; }
	done
	[ "$(field box Running) $(field box Paused) $(field box ExitCode) $(field box FinishedAt)" = "true false 0 0001-01-01T00:00:00Z" ]
	[ "$(pid_of box)" -gt 1 ]
}

@test "S01 a removal that its supervisor does not survive is finished by the next, and no flag sticks" {
	up box
	berth exec box sh -c 'cd /tmp && seq 3000 | xargs touch'
	berth stop box > /dev/null
	berth rm box > /dev/null 2>&1 &
	local rm=$!
	kill_supervisor
	wait "$rm" || true
	# Begun and finished, or never begun.
	settled() { [ -z "$(berth ps -aq)" ] || is box exited; }
	wait_until 20 settled
	[ -z "$(berth ps -aq)" ] || berth rm box > /dev/null
	[ -z "$(berth ps -aq)" ]
}

@test "S02 S03 S04 S11 the seven words and their human form" {
	berth create --network none --name box "$(image)" sh -c 'sleep 1000' > /dev/null
	[ "$(berth ps -a --format '{{.State}} {{.Status}}')" = "created Created" ]
	berth start box > /dev/null
	[[ "$(berth ps --format '{{.State}} {{.Status}}')" == "running Up "* ]]
	berth pause box > /dev/null
	[[ "$(berth ps --format '{{.State}} {{.Status}}')" == "paused Up "*" (Paused)" ]]
	[ "$(field box Running) $(field box Paused)" = "true true" ]
	berth unpause box > /dev/null
	berth kill box > /dev/null
	[[ "$(berth ps -a --format '{{.State}} {{.Status}}')" == "exited Exited (137) "*" ago" ]]
	berth rm box > /dev/null
	berth run -d --network none --name box --restart always "$(image)" sh -c 'exit 4' > /dev/null
	late() { [ "$(berth inspect -f '{{.RestartCount}}' box)" -ge 4 ] && is box restarting; }
	wait_until 20 late
	[[ "$(berth ps --format '{{.State}} {{.Status}}')" == "restarting Restarting (4) "*" ago" ]]
	[ "$(field box Running) $(field box Restarting) $(field box Pid) $(field box ExitCode)" = "true true 0 4" ]
	refused 400 "invalid filter 'status=bogus'" GET '/containers/json?filters=%7B%22status%22%3A%5B%22bogus%22%5D%7D'
	run berth ps --filter status=bogus
	[ "$status" -eq 1 ]
}

@test "S06 S07 S15 b waits before the start, while it runs, after the exit and after the removal" {
	berth create --network none --name box "$(image)" sh -c 'sleep 0.3; exit 9' > /dev/null
	[ "$(berth wait box)" = 0 ] # it does not run
	registered '/containers/box/wait?condition=next-exit' "$SUITE_DIR/next"
	local next=$!
	registered '/containers/box/wait?condition=removed' "$SUITE_DIR/removed"
	local removed=$!
	berth start box > /dev/null
	[ "$(berth wait box)" = 9 ]
	wait "$next"
	grep -q '"StatusCode":9' "$SUITE_DIR/next"
	[ "$(berth wait box)" = 9 ]
	kill -0 "$removed"
	berth rm box > /dev/null
	wait "$removed"
	grep -q '"StatusCode":9' "$SUITE_DIR/removed"
	[ "$(berth wait box)" = 9 ] # a minute long
	refused 404 "No such container: never" POST /containers/never/wait
	refused 400 'invalid condition: \"gone\"' POST '/containers/box/wait?condition=gone'
	berth create --network none --name made "$(image)" true > /dev/null
	registered '/containers/made/wait?condition=next-exit' "$SUITE_DIR/next"
	next=$!
	berth rm made > /dev/null
	wait "$next"
	grep -q '"StatusCode":0' "$SUITE_DIR/next"
}

@test "S06 S15 clients that leave their waits cost nothing, and an exit is not held up by them" {
	up box
	local i fds rss
	fds() { find "/proc/$(supervisor_pid)/fd" -mindepth 1 | wc -l; }
	many() { # clients that go away without a word
		for i in $(seq $((200 / SLOW / SLOW + 10))); do
			printf 'POST /containers/box/wait HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n' | timeout $((5 * SLOW)) socat -t 0 - "UNIX-CONNECT:$SUITE_DIR/run/berth.sock" > /dev/null
		done
	}
	many
	fds=$(fds)
	rss=$(awk '/^VmRSS/ { print $2 }' "/proc/$(supervisor_pid)/status")
	many
	few() { [ "$(fds)" -le "$fds" ]; }
	wait_until 10 few
	echo "rss $rss then $(awk '/^VmRSS/ { print $2 }' "/proc/$(supervisor_pid)/status")"
	[ "$SLOW" -gt 1 ] || [ $(( $(awk '/^VmRSS/ { print $2 }' "/proc/$(supervisor_pid)/status") - rss )) -lt 512 ]
	berth stop box > /dev/null
	[ "$(berth wait box)" = 3 ]
}

@test "S08 a wait for not-running ends with each run, and at once in the back-off" {
	berth run -d --network none --name box --restart always "$(image)" sh -c 'exit 4' > /dev/null
	late() { [ "$(berth inspect -f '{{.RestartCount}}' box)" -ge 5 ] && is box restarting; }
	wait_until 30 late
	[ "$(timeout $((10 * SLOW)) berth wait box)" = 4 ]
	[ "$(field box Restarting)" = true ]
}

@test "S09 S10 a new run forgets the end of the last one" {
	berth run -d --network none --name box "$(image)" sh -c 'test -e /again && exec sleep 1000; touch /again; exit 7' > /dev/null
	[ "$(berth wait box)" = 7 ]
	[ "$(field box ExitCode) $(field box Running) $(field box Pid)" = "7 false 0" ]
	local finished
	finished=$(field box FinishedAt)
	[ $(( $(date +%s) - $(date -d "$finished" +%s) )) -le $((5 * SLOW)) ]
	berth start box > /dev/null
	[ "$(field box ExitCode) $(field box OOMKilled) $(field box Error)" = "0 false " ]
	[ "$(field box FinishedAt)" = "$finished" ]
}

@test "S12 of many removals at once exactly one is the one that removed it" {
	up box
	berth exec box sh -c 'cd /tmp && seq 3000 | xargs touch'
	berth stop box > /dev/null
	local i codes jobs=()
	for i in 1 2 3 4; do
		call DELETE /containers/box | head -1 > "$SUITE_DIR/rm.$i" &
		jobs+=($!)
	done
	wait "${jobs[@]}"
	codes=$(cat "$SUITE_DIR"/rm.[1-4])
	[ "$(grep -c 204 <<< "$codes")" -eq 1 ]
	[ "$(grep -Ec '409|404' <<< "$codes")" -eq 3 ]
}

@test "S13 a removal that failed is told to who waits, and may be tried again" {
	up box
	berth stop box > /dev/null
	local id
	id=$(berth inspect -f '{{.Id}}' box)
	# What cannot be removed: a mount in the middle of its layer.
	mkdir -p "$SUITE_DIR/data/containers/$id/deep"
	mount -t tmpfs none "$SUITE_DIR/data/containers/$id/deep"
	mount -o remount,ro "$SUITE_DIR/data/containers/$id/deep"
	registered '/containers/box/wait?condition=removed' "$SUITE_DIR/removed"
	local waiter=$!
	refused 409 "something is mounted there" DELETE /containers/box
	wait "$waiter"
	grep -q '"Message":".*something is mounted there' "$SUITE_DIR/removed"
	[ "$(berth ps -a --format '{{.State}} {{.Status}}')" = "dead Dead" ]
	refused 409 "marked for removal" POST /containers/box/start
	umount "$SUITE_DIR/data/trash/$id/deep" # it was moved there before
	berth rm box > /dev/null # it may be tried again
	[ -z "$(berth ps -aq)" ]
}

@test "S14 the error of a failed start is in inspect and told to who waits" {
	run -127 berth run --network none --name box "$(image)" no-such-program
	run call POST /containers/box/wait
	[[ "$output" == *'"StatusCode":127'*'"Message":"'*'executable file not found'* ]]
	[[ "$(field box Error)" == *"executable file not found"* ]]
	is box created
}

@test "pause freezes every process, execs too, and refuses docker's way" {
	up box
	berth exec -d box sleep 1000 > /dev/null
	local group
	group=$(group_of box)
	[ "$(berth pause box)" = box ]
	is box paused
	[ -z "$group" ] || grep -q 'frozen 1' "$group/cgroup.events"
	refused 409 "is already paused" POST /containers/box/pause
	refused 409 "cannot start a paused container, try unpause instead" POST /containers/box/start
	refused 409 "is paused, unpause the container before exec" POST /containers/box/exec '{"Cmd":["true"]}'
	refused 409 "is paused, unpause the container before attach" POST '/containers/box/attach?stream=1&stdout=1'
	refused 409 "container is paused and must be unpaused first" DELETE /containers/box
	run berth pause box
	[ "$status" -eq 1 ]
	[ "$(berth unpause box)" = box ]
	is box running
	[ -z "$group" ] || grep -q 'frozen 0' "$group/cgroup.events"
	refused 409 "is not paused" POST /containers/box/unpause
	berth exec box true
	berth stop box > /dev/null
	refused 409 "is not running" POST /containers/box/pause
	refused 409 "is not running" POST /containers/box/unpause
	refused 404 "No such container: never" POST /containers/never/pause
	[ "$(actions box)" = "create start pause unpause kill die stop" ]
}

@test "an exec that was made before the pause is not started in it" {
	up box
	local id
	id=$(call POST /containers/box/exec '{"Cmd":["true"]}' | sed -n 's/.*"Id":"\([0-9a-f]*\)".*/\1/p')
	berth pause box > /dev/null
	refused 409 "is paused, unpause the container before exec" POST "/exec/$id/start" '{"Detach":true}'
}

# The file that freezes its group, the word that does and the word that thaws: v2, else v1's freezer.
freezer_of() {
	local group
	group=$(group_of "$1")
	[ -z "$group" ] || { echo "$group/cgroup.freeze 1 0"; return; }
	group=$(find_groups -path "*/freezer/*$SUITE_NAME/$(berth inspect -f '{{.Id}}' "$1")")
	echo "$group/freezer.state FROZEN THAWED"
}
answers() { timeout $((5 * SLOW)) berth version > /dev/null; }
# after N: some moment of the first milliseconds
after() { read -r -t "0.00$((RANDOM % 8))$((RANDOM % 10))" <> <(:) || true; }

@test "a group that is frozen from outside takes no exec, whoever knows of it" {
	up box
	local file on off
	read -r file on off <<< "$(freezer_of box)"
	for ((i = 0; i < 30; i++)); do
		echo "$on" > "$file"
		run timeout $((10 * SLOW)) berth exec box true
		echo "$off" > "$file"
		[[ "$status" -eq 1 && "$output" == *"is paused, unpause the container before exec"* ]]
	done
	wait_until 10 is box running
	timeout $((10 * SLOW)) berth exec box true
}

@test "a freeze from outside in the midst of an exec holds up that exec and nobody else" {
	up box
	local file on off i client status
	read -r file on off <<< "$(freezer_of box)"
	for ((i = 0; i < 60; i++)); do
		timeout $((20 * SLOW)) berth exec box true > "$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
		client=$!
		after
		echo "$on" > "$file"
		answers || { echo "$off" > "$file"; false; }
		echo "$off" > "$file"
		status=0
		wait "$client" || status=$?
		[ "$status" = 0 ] || grep -q "is paused, unpause the container before exec" "$BATS_TEST_TMPDIR/out"
		wait_until 10 is box running
	done
	[ -z "$(group_of box)" ] || wait_until 10 no_exec_groups box
}
no_exec_groups() { [ -z "$(find_groups -path "*/$SUITE_NAME/$(berth inspect -f '{{.Id}}' "$1")/berth.*")" ]; }

@test "an exec that stands in a frozen group ends with its container" {
	local file on off i id client stuck=0
	for ((i = 0; i < 60 && stuck < 3; i++)); do
		up box
		read -r file on off <<< "$(freezer_of box)"
		[[ "$file" == */cgroup.freeze ]] || skip "v1 kills nobody that is frozen"
		timeout $((20 * SLOW)) berth exec box sleep 1000 > /dev/null 2>&1 3>&- &
		client=$!
		after
		echo "$on" > "$file"
		answers || { echo "$off" > "$file"; false; }
		! no_exec_groups box || stuck=$((stuck + 1))
		timeout $((20 * SLOW)) berth rm -f box > /dev/null
		wait_until 10 process_gone "$client"
		wait "$client" || true
	done
	[ "$stuck" -gt 0 ]
}

@test "a pause and an exec at the same time: one after the other" {
	up box
	local i client pauser status
	for ((i = 0; i < 30; i++)); do
		timeout $((20 * SLOW)) berth exec box true > "$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
		client=$!
		after
		timeout $((20 * SLOW)) berth pause box > /dev/null 3>&- &
		pauser=$!
		answers
		wait "$pauser"
		is box paused
		timeout $((20 * SLOW)) berth unpause box > /dev/null
		status=0
		wait "$client" || status=$?
		[ "$status" = 0 ] || grep -q "is paused, unpause the container before exec" "$BATS_TEST_TMPDIR/out"
	done
	is box running
}

@test "stop, kill and rm -f reach a paused one, a plain signal waits" {
	up box
	berth pause box > /dev/null
	berth kill -s HUP box > /dev/null
	is box paused
	berth unpause box > /dev/null
	wait_until 10 said box hup
	berth pause box > /dev/null
	[ "$(berth stop box)" = box ]
	[ "$(field box ExitCode)" = 3 ] # its own handler ran
	[ "$(actions box)" = "create start pause kill unpause pause kill unpause die stop" ]
	berth start box > /dev/null
	is box running
	berth pause box > /dev/null
	berth kill box > /dev/null
	[ "$(field box ExitCode)" = 137 ]
	is box exited
	berth start box > /dev/null
	wait_until 10 said box up
	berth pause box > /dev/null
	berth kill -s TERM box > /dev/null
	[ "$(berth wait box)" = 143 ] || [ "$(berth wait box)" = 3 ]
	berth start box > /dev/null
	berth pause box > /dev/null
	berth restart -t 0 box > /dev/null
	is box running
	berth pause box > /dev/null
	berth rm -f box > /dev/null
	[ -z "$(berth ps -aq)" ]
}

@test "L08 a freeze from outside is one pause event, a thaw one unpause" {
	up box
	local group
	group=$(group_of box)
	[ -n "$group" ] || skip "no cgroup v2"
	echo 1 > "$group/cgroup.freeze"
	wait_until 10 is box paused
	echo 0 > "$group/cgroup.freeze"
	wait_until 10 is box running
	berth pause box > /dev/null
	echo 0 > "$group/cgroup.freeze"
	wait_until 10 is box running
	sleep 0.2
	[ "$(actions box)" = "create start pause unpause pause unpause" ]
}

@test "a paused one is found paused after the supervisor's death, whatever was done meanwhile" {
	up box
	local pid group
	pid=$(pid_of box)
	group=$(group_of box)
	berth exec -d box sleep 1000 > /dev/null
	berth pause box > /dev/null
	kill_supervisor
	is box paused
	[ "$(pid_of box)" = "$pid" ]
	[ -z "$group" ] || grep -q 'frozen 1' "$group/cgroup.events"
	[ "$(actions box)" = "create start pause" ]
	if [ -n "$group" ]; then
		# It is thawed while nobody looks: what was asked for holds.
		kill -STOP "$(keeper_pid)"
		kill -KILL "$(supervisor_pid)"
		echo 0 > "$group/cgroup.freeze"
		local old
		old=$(supervisor_pid)
		kill -CONT "$(keeper_pid)"
		another() { [ "$(supervisor_pid)" != "$old" ]; }
		wait_until 10 another
		wait_until 10 timeout $((5 * SLOW)) berth version > /dev/null
		frozen() { grep -q 'frozen 1' "$group/cgroup.events"; }
		wait_until 10 frozen
		is box paused
		[ "$(actions box)" = "create start pause" ]
	fi
	berth unpause box > /dev/null
	kill_supervisor
	is box running
	[ "$(actions box)" = "create start pause unpause" ]
}

@test "rename: the name, its rules, and what others see" {
	up box
	berth create --network none --name other "$(image)" true > /dev/null
	[ -z "$(berth rename box moved)" ]
	[ "$(berth ps --format '{{.Names}}')" = moved ]
	[ "$(berth inspect -f '{{.Name}}' moved)" = /moved ]
	refused 404 "No such container: box" POST '/containers/box/rename?name=x2'
	refused 409 'The container name \"/other\" is already in use by container' POST '/containers/moved/rename?name=other'
	refused 400 "Renaming a container with the same name as its current name" POST '/containers/moved/rename?name=/moved'
	refused 400 "Neither old nor new names may be empty" POST '/containers/moved/rename?name='
	refused 400 "Neither old nor new names may be empty" POST '/containers/moved/rename'
	refused 400 "Invalid container name (x), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed" POST '/containers/moved/rename?name=x'
	refused 400 "Invalid container name (-x)" POST '/containers/moved/rename?name=-x'
	[ "$(berth ps --format '{{.Names}}')" = moved ]
	grep -q "event=rename .* name=moved oldName=/box" "$SUITE_DIR/daemon.log"
	kill_supervisor
	[ "$(berth ps --format '{{.Names}}')" = moved ]
	berth rename moved box
	berth stop box > /dev/null
	berth rename box again # at rest, too
	[ "$(field again ExitCode)" = 3 ]
	run berth rename again
	[ "$status" -eq 125 ]
}

# limit CONTAINER V2-FILE V1-CONTROLLER/FILE: what the kernel has
limit() {
	local id
	id=$(berth inspect -f '{{.Id}}' "$1")
	cat "$(find /sys/fs/cgroup \( -path "*/$SUITE_NAME/$id/$2" -o -path "*/${3%/*}*/$SUITE_NAME/$id/${3#*/}" \) -print 2> /dev/null | head -1)"
}

@test "update changes the limits of what runs and of what will" {
	up box --memory 64m --pids-limit 50
	local pid
	pid=$(pid_of box)
	[ "$(berth update -m 100m --cpus 0.5 --pids-limit 70 --cpu-shares 512 --cpuset-cpus 0 box)" = box ]
	[ "$(limit box memory.max memory/memory.limit_in_bytes)" = 104857600 ]
	[ "$(limit box pids.max pids/pids.max)" = 70 ]
	[[ "$(limit box cpu.max cpu/cpu.cfs_quota_us)" =~ ^50000 ]]
	[ "$(limit box cpuset.cpus cpuset/cpuset.cpus)" = 0 ]
	[ "$(pid_of box)" = "$pid" ]
	[ "$(berth inspect -f '{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}}' box)" = "104857600 134217728 500000000 70" ]
	[ "$(call POST /containers/box/update '{"PidsLimit":-1}' | paste -sd ' ')" = '200 {"Warnings":[]}' ]
	[ "$(limit box pids.max pids/pids.max)" = max ]
	berth restart -t 0 box > /dev/null
	[ "$(limit box memory.max memory/memory.limit_in_bytes)" = 104857600 ]
	[[ "$(limit box cpu.max cpu/cpu.cfs_quota_us)" =~ ^50000 ]]
	berth pause box > /dev/null
	berth update -m 110m box > /dev/null
	berth unpause box > /dev/null
	kill_supervisor
	[ "$(berth inspect -f '{{.HostConfig.Memory}}' box)" = 115343360 ]
	berth stop box > /dev/null
	berth update -m 120m box > /dev/null
	berth start box > /dev/null
	[ "$(limit box memory.max memory/memory.limit_in_bytes)" = 125829120 ]
}

@test "an update that cannot be done changes nothing" {
	up box --memory 64m --pids-limit 50
	refused 409 "Memory limit should be smaller than already set memoryswap limit" POST /containers/box/update '{"Memory":268435456,"PidsLimit":9}'
	refused 400 "Minimum memory limit allowed is 6MB" POST /containers/box/update '{"Memory":1000,"PidsLimit":9}'
	refused 400 "Requested CPUs are not available" POST /containers/box/update '{"PidsLimit":9,"CpusetCpus":"4000"}'
	refused 400 "Ulimits: cannot be updated" POST /containers/box/update '{"PidsLimit":9,"Ulimits":[{"Name":"nofile","Soft":9,"Hard":9}]}'
	# Below what it uses: 20 MB of a file in memory.
	berth run -d --network none --name fat --memory 64m --tmpfs /mem "$(image)" sh -c 'head -c 20971520 /dev/zero > /mem/x; echo up; exec sleep 1000' > /dev/null
	wait_until 20 said fat up
	refused 409 "bytes are in use and could not be reclaimed" POST /containers/fat/update '{"PidsLimit":9,"Memory":10485760,"MemorySwap":10485760}'
	[ "$(field fat Running)" = true ]
	[ "$(limit fat memory.max memory/memory.limit_in_bytes)" = 67108864 ]
	[ "$(limit box memory.max memory/memory.limit_in_bytes) $(limit box pids.max pids/pids.max) $(limit fat pids.max pids/pids.max)" = "67108864 50 max" ]
	[ "$(berth inspect -f '{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}' box)" = "67108864 50" ]
	run berth update box
	[ "$status" -eq 1 ]
	[[ "$output" == *"you must provide one or more flags"* ]]
	refused 404 "No such container: never" POST /containers/never/update '{"PidsLimit":9}'
}

@test "update --restart: policy of the next exit" {
	berth run -d --network none --name box --restart no "$(image)" sh -c 'sleep 0.5; exit 4' > /dev/null
	berth update --restart on-failure:2 box > /dev/null
	[ "$(berth inspect -f '{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}' box)" = "on-failure 2" ]
	ended() { is box exited && [ "$(berth inspect -f '{{.RestartCount}}' box)" = 2 ]; }
	wait_until 20 ended
}

# runs_of CONTAINER: "generation started finished" of the runs that are kept, in milliseconds
runs_of() {
	berth inspect -f '{{json .State.Berth.Runs}}' "$1" | grep -o '{[^}]*}' |
		sed -E 's/.*"Generation":([0-9]*),.*"StartedAt":"([^"]*)","FinishedAt":"([^"]*)".*/\1 \2 \3/' |
		while read -r g a b; do echo "$g $(date -d "$a" +%s%3N) $(date -d "$b" +%s%3N)"; done
}
starts() { actions "$1" | tr ' ' '\n' | grep -c start; }

@test "probe a: the back-off doubles from 0.1 s, is never early, and begins again after a run of 10 s" {
	berth run -d --network none --name box --restart always "$(image)" sh -c 'n=$(cat /n 2> /dev/null || echo 0); echo $((n + 1)) > /n; test "$n" != 5 || sleep 10.5; exit 1' > /dev/null
	berth run -d --network none --name slow --restart always "$(image)" sh -c 'exit 1' > /dev/null
	enough() { # only the last five are kept: gather them as they come
		runs_of box >> "$SUITE_DIR/runs"
		[ "$(sort -nu "$SUITE_DIR/runs" | tail -1 | cut -d' ' -f1)" -ge 8 ]
	}
	wait_until 60 enough
	sort -nu "$SUITE_DIR/runs" > "$SUITE_DIR/all-runs"
	local g started finished last=0 gap least=100000 due=(x x 100 200 400 800 1600 100 200)
	while read -r g started finished; do
		if [ "$last" -gt 0 ]; then
			gap=$((started - last))
			echo "start $g: $gap ms after the end before it, ${due[g]} are due"
			[ "$gap" -ge "${due[g]}" ]
			[ "$gap" -le $((due[g] + 3000 * SLOW)) ]
			[ $((gap - due[g])) -ge "$least" ] || least=$((gap - due[g]))
		fi
		last=$finished
	done < <(head -8 "$SUITE_DIR/all-runs")
	[ "$(head -8 "$SUITE_DIR/all-runs" | wc -l)" -eq 8 ]
	# That includes the end of one container and the start of the next; and on a busy machine some of them wait.
	[ "$least" -le $((150 * SLOW)) ]
	[ "$(berth inspect -f '{{.RestartCount}}' box)" -ge 7 ] # the count goes on
	# The plan is there to be seen, and a person's stop in the back-off holds.
	waits() { is slow restarting && [ "$(berth inspect -f '{{.RestartCount}}' slow)" -ge 5 ]; }
	wait_until 60 waits
	[[ "$(berth inspect -f '{{.State.Berth.NextTryAt}}' slow)" == 20* ]]
	[ "$(berth stop slow)" = slow ]
	is slow exited
	[ "$(field slow ExitCode) $(berth inspect -f '{{.State.Berth.NextTryAt}}' slow)" = "1 0001-01-01T00:00:00Z" ]
	local before
	before=$(starts slow)
	berth stop box > /dev/null
	kill_supervisor
	sleep 4
	[ "$(starts slow)" -eq "$before" ]
	refused 304 "" POST /containers/slow/stop
}

@test "a start that fails counts as a run that failed, and its reason is seen" {
	mkdir "$SUITE_DIR/source"
	berth run -d --network none --name box --restart on-failure:3 --mount "type=bind,source=$SUITE_DIR/source,target=/mnt" "$(image)" sh -c 'echo ran; sleep 0.2; exit 1' > /dev/null
	rmdir "$SUITE_DIR/source"
	over() { is box exited && [ "$(berth inspect -f '{{.RestartCount}}' box)" = 3 ]; }
	wait_until 20 over
	[[ "$(field box Error)" == *"$SUITE_DIR/source"* ]]
	[[ "$(berth ps -a)" == *"Exited (1) "*" ago: failed to start container"* ]]
	[ "$(berth ps -a --format '{{.Names}} {{.State}}')" = "box exited" ]
	[ "$(starts box)" -eq 1 ]
	[ "$(berth inspect -f '{{json .State.Berth.Runs}}' box | grep -o '"Reason":"failed to start' | wc -l)" -eq 3 ]
	[[ "$(berth inspect -f '{{json .State.Berth.Runs}}' box)" == *'"Reason":"exit code 1"'*'"Output":"ran\n"'* ]]
}

@test "the last lines and the reason are kept with every restart" {
	berth run -d --network none --name box --restart always "$(image)" sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "line $i"; done; printf "the \303\244\377nd" >&2; exit 4' > /dev/null
	thrice() { [ "$(berth inspect -f '{{.RestartCount}}' box)" -ge 3 ] && is box restarting; }
	wait_until 20 thrice
	local runs
	runs=$(berth inspect -f '{{json .State.Berth.Runs}}' box)
	[ "$(grep -o '"ExitCode":4' <<< "$runs" | wc -l)" -ge 3 ]
	[[ "$runs" == *'line 12'* ]]
	[[ "$runs" != *'line 2\n'* ]]
	[[ "$(berth ps -a --no-trunc)" == *"Restarting (4) "*", next try in "*": the ??"*"nd"* ]]
	late() { [ "$(berth inspect -f '{{.RestartCount}}' box)" -ge 6 ] && is box restarting; }
	wait_until 30 late
	kill_supervisor
	[ "$(berth inspect -f '{{json .State.Berth.Runs}}' box | grep -o '"ExitCode":4' | wc -l)" -eq 5 ]
}

@test "probe g: after kill -HUP a crash still restarts; after stop and kill it does not" {
	berth run -d --network none --name box --restart unless-stopped "$(image)" sh -c 'trap "exit 6" HUP; echo up; while :; do sleep 0.05; done' > /dev/null
	wait_until 10 said box up
	berth kill -s HUP box > /dev/null
	again() { [ "$(berth inspect -f '{{.RestartCount}}' box)" = "$1" ] && is box running; }
	wait_until 10 again 1
	berth kill -s SIGUSR1 box > /dev/null # no handler: init of its pid namespace does not see it
	berth kill -s 1 box > /dev/null
	wait_until 10 again 2
	berth kill box > /dev/null
	is box exited
	sleep 0.5
	is box exited
	kill_supervisor
	is box exited
	berth start box > /dev/null
	is box running
	[ "$(berth inspect -f '{{.RestartCount}}' box)" = 0 ]
	berth stop -t 0 box > /dev/null
	sleep 0.3
	is box exited
}

@test "probe i: rm -f of one with a busy bind mount" {
	mkdir "$SUITE_DIR/busy"
	berth run -d --network none --name box -v "$SUITE_DIR/busy:/busy" "$(image)" sh -c 'cd /busy; exec 9> file; echo up; sleep 1000 & exec sleep 1000' > /dev/null
	wait_until 10 said box up
	exec 8< "$SUITE_DIR/busy/file"
	berth rm -f box > /dev/null
	exec 8<&-
	[ -e "$SUITE_DIR/busy/file" ]
	[ -z "$(berth ps -aq)" ]
}

@test "signals by name, by number and as real-time ones; what is none is refused" {
	berth run -d --network none --name box "$(image)" sh -c 'trap "echo got 10" USR1; trap "echo got 37" 37; echo up; while :; do sleep 0.05; done' > /dev/null
	wait_until 10 said box up
	berth kill -s sigusr1 box > /dev/null
	wait_until 10 said box "got 10"
	berth kill --signal RTMIN+3 box > /dev/null
	wait_until 10 said box "got 37"
	refused 400 "invalid signal: NOPE" POST '/containers/box/kill?signal=NOPE'
	refused 400 "invalid signal: 0" POST '/containers/box/kill?signal=0'
	refused 400 "invalid signal: 99" POST '/containers/box/kill?signal=99'
	refused 400 "invalid signal: NOPE" POST '/containers/box/stop?signal=NOPE'
	is box running
	berth kill box > /dev/null
	refused 409 "is not running" POST /containers/box/kill
	refused 304 "" POST /containers/box/stop
	refused 304 "" POST '/containers/box/stop?t=-1'
}

@test "stop waits as long as it is told: for ever, by its own timeout, not at all" {
	berth run -d --network none --name box --stop-timeout 1 "$(image)" sh -c 'trap "sleep 2; exit 5" TERM; echo up; while :; do sleep 0.05; done' > /dev/null
	wait_until 10 said box up
	berth stop -t -1 box > /dev/null
	[ "$(field box ExitCode)" = 5 ]
	berth start box > /dev/null
	ready() { [ "$(berth logs box | grep -c up)" -eq "$1" ]; }
	wait_until 10 ready 2
	berth stop box > /dev/null
	[ "$(field box ExitCode)" = 137 ]
	berth start box > /dev/null
	wait_until 10 ready 3
	berth restart -t 0 box > /dev/null
	is box running
	[ "$(berth inspect -f '{{.RestartCount}}' box)" = 0 ]
	wait_until 10 ready 4
	berth stop -t 30 -s KILL box > /dev/null
	[ "$(field box ExitCode)" = 137 ]
}

@test "restart: its events, of one that runs, of one at rest, of one in its back-off" {
	up box
	local pid
	pid=$(pid_of box)
	[ "$(berth restart box)" = box ]
	is box running
	[ "$(pid_of box)" != "$pid" ]
	[ "$(actions box)" = "create start kill die stop start restart" ]
	wait_until 10 said box up
	berth stop -t 0 box > /dev/null
	berth restart box > /dev/null
	is box running
	[ "$(actions box)" = "create start kill die stop start restart kill die stop start restart" ] ||
		[ "$(actions box)" = "create start kill die stop start restart kill kill die stop start restart" ] # SIGTERM and at once SIGKILL
	berth run -d --network none --name loop --restart always "$(image)" sh -c 'test -e /go && exec sleep 1000; exit 1' > /dev/null
	late() { [ "$(berth inspect -f '{{.RestartCount}}' loop)" -ge 4 ] && is loop restarting; }
	wait_until 20 late
	berth restart loop > /dev/null
	[ "$(berth inspect -f '{{.RestartCount}}' loop)" -le 1 ]
	refused 404 "No such container: never" POST /containers/never/restart
	run berth restart never
	[ "$status" -eq 1 ]
}
