# usage: what runs in a container and what it uses: top and stats.
load lib

setup_file() {
	start_suite
	berth run -d --name busy --network none -m 64m "dir:$ROOT" sh -c 'trap "exit 0" TERM; sleep 1000 & while :; do :; done' > /dev/null
	berth run -d --name quiet --network none -u alice "dir:$ROOT" sleep 1000 > /dev/null
	berth create --name never --network none "dir:$ROOT" true > /dev/null
}
teardown_file() {
	remove_all
	end_suite
}

request() { # request METHOD PATH: the answer's status, then its body
	printf '%s %s HTTP/1.0\r\nHost: b\r\n\r\n' "$1" "$2" |
		socat -t $((15 * SLOW)) - "UNIX-CONNECT:$SUITE_DIR/run/berth.sock" | tr -d '\r' | sed '1s/^[^ ]* \([0-9]*\).*/\1/; 2,/^$/d'
}
body() { request "$@" | sed 1d; }
pids_of() { sed '/^$/d' $(find /sys/fs/cgroup -path "*/$SUITE_NAME/$(berth inspect -f '{{.Id}}' "$1")/cgroup.procs" | head -1) | sort -n; }

@test "top: the processes by their pids on the host, as ps -ef has them" {
	local init
	init=$(berth inspect -f '{{.State.Pid}}' busy)
	run body GET /containers/busy/top
	[ "$(jq -r '.Titles | join(" ")' <<< "$output")" = "UID PID PPID C STIME TTY TIME CMD" ]
	[ "$(jq -r '.Processes[] | .[1]' <<< "$output" | sort -n)" = "$(pids_of busy)" ]
	[ "$(jq -r --arg pid "$init" '.Processes[] | select(.[1] == $pid) | .[0] + " " + .[7]' <<< "$output")" = \
		'root sh -c trap "exit 0" TERM; sleep 1000 & while :; do :; done' ]
	[ "$(jq -r --arg pid "$init" '.Processes[] | select(.[2] == $pid) | .[7]' <<< "$output")" = "sleep 1000" ]
	run berth top busy
	[ "${#lines[@]}" -eq 3 ]
	[[ "${lines[0]}" =~ ^UID\ +PID\ +PPID\ +C\ +STIME\ +TTY\ +TIME\ +CMD$ ]]
	berth events --since 0 --until "$(date +%s.%N)" -f container=busy -f event=top | grep -q ' container top '
}

@test "top: columns of one's own, aux, and what only ps knows" {
	local init
	init=$(berth inspect -f '{{.State.Pid}}' quiet)
	run berth top quiet -o pid,uid,comm,args
	[ "${lines[0]//  */ }" = "PID " ]
	[[ "${lines[1]}" =~ ^$init\ +1000\ +sleep\ +sleep\ 1000$ ]]
	[ "${#lines[@]}" -eq 2 ]
	[ "$(berth top quiet -eo ppid,pid | awk 'NR == 2 { print $2 }')" = "$init" ]
	[ "$(berth top quiet aux | awk 'NR == 1 { print $1, $2, $11 } NR == 2 { print $2, $11 }' | tr '\n' ' ')" = "USER PID COMMAND $init sleep " ]
	run berth top quiet -o comm,args
	[ "$status" -eq 1 ]
	[[ "$output" == *"Couldn't find PID field in ps output"* ]]
	run berth top quiet -o ppid=PID,pid
	[ "$status" -eq 1 ]
	[[ "$output" == *'specifying "ppid=PID,pid" is not allowed'* ]]
	if ps -o pid,wchan > /dev/null 2>&1; then
		[ "$(berth top quiet -e -o pid,wchan,args | awk 'NR == 2 { print $1, $3, $4 }')" = "$init sleep 1000" ]
		run berth top quiet --no-such-option
		[ "$status" -eq 1 ]
		[[ "$output" == *"ps: "* ]]
	fi
}

@test "top and stats of what does not run, or is not there" {
	[ "$(request GET /containers/never/top | head -1)" = 409 ]
	run body GET /containers/never/top
	[[ "$output" == *"is not running"* ]]
	[ "$(request GET /containers/nosuch/top | head -1)" = 404 ]
	[ "$(request GET /containers/nosuch/stats | head -1)" = 404 ]
	[ "$(request GET '/containers/quiet/stats?stream=1&one-shot=1' | head -1)" = 400 ]
	run body GET '/containers/never/stats?stream=false'
	[ "$(jq -r '[.name, .read, .preread, .cpu_stats.cpu_usage.total_usage, .memory_stats == {}, .networks == {}] | join(" ")' <<< "$output")" = \
		"/never 0001-01-01T00:00:00Z 0001-01-01T00:00:00Z 0 true true" ]
}

@test "stats: two samples a second apart, and what they say" {
	run body GET '/containers/busy/stats?stream=false'
	# One of the CPUs is in use altogether, or what the others leave of it.
	jq -e '(.read | length) == 30 and .preread < .read and .name == "/busy"
		and .cpu_stats.cpu_usage.total_usage - .precpu_stats.cpu_usage.total_usage > 20000000
		and .cpu_stats.system_cpu_usage - .precpu_stats.system_cpu_usage > 500000000
		and .cpu_stats.cpu_usage.total_usage - .precpu_stats.cpu_usage.total_usage <= 1.2 * (.cpu_stats.system_cpu_usage - .precpu_stats.system_cpu_usage)
		and .cpu_stats.online_cpus > 0 and .pids_stats.current == 2
		and .memory_stats.usage > 0 and .memory_stats.usage <= 67108864 and .memory_stats.limit == 67108864
		and (.memory_stats.stats | has("inactive_file") or has("total_inactive_file"))
		and (.blkio_stats | has("io_service_bytes_recursive")) and .networks == {}' <<< "$output"
	run body GET '/containers/quiet/stats?stream=false&one-shot=true'
	jq -e --argjson ram "$(awk '/^MemTotal/ { printf "%.0f", $2 * 1024 }' /proc/meminfo)" \
		'.preread == "0001-01-01T00:00:00Z" and .memory_stats.limit == $ram and .pids_stats.current == 1' <<< "$output"
}

@test "stats: a stream goes on across a restart, and nothing that is used up goes back" {
	berth run -d --name swing --network none "dir:$ROOT" sh -c 'trap "exit 0" TERM; while :; do :; done'
	printf 'GET /containers/swing/stats HTTP/1.0\r\nHost: b\r\n\r\n' |
		socat -t $((60 * SLOW)) - "UNIX-CONNECT:$SUITE_DIR/run/berth.sock" 2> /dev/null > "$SUITE_DIR/stream" 3>&- &
	samples() { sed '1,/^\r*$/d' "$SUITE_DIR/stream" | tr -d '\r' | grep '^{.*}$'; }
	at_least() { [ "$(samples | wc -l)" -ge "$1" ]; }
	wait_until 15 at_least 3
	berth stop swing
	wait_until 15 eval 'samples | tail -1 | jq -e ".memory_stats == {}" > /dev/null'
	berth start swing
	wait_until 15 eval 'samples | tail -1 | jq -e ".precpu_stats.cpu_usage.total_usage > 0" > /dev/null'
	berth rm -f swing
	wait $! # the stream has ended
	samples | jq -es 'all(.cpu_stats.cpu_usage.total_usage >= .precpu_stats.cpu_usage.total_usage
		and (.cpu_stats.system_cpu_usage // 0) >= (.precpu_stats.system_cpu_usage // 0))'
	samples | jq -es '[.[] | select(.preread > "0002")] | length >= 2'
}

@test "berth stats: once, by name, as a table and by a template" {
	run berth stats --no-stream busy quiet
	[ "$status" -eq 0 ]
	[[ "${lines[0]}" =~ ^CONTAINER\ ID\ +NAME\ +CPU\ %\ +MEM\ USAGE\ /\ LIMIT\ +MEM\ %\ +NET\ I/O\ +BLOCK\ I/O\ +PIDS$ ]]
	grep -qE '^[0-9a-f]{12} +busy +[0-9]+\.[0-9]{2}% +[0-9.]+[KM]iB / 64MiB +[0-9]+\.[0-9]{2}% +0B / 0B +[^ ]+ / [^ ]+ +2$' <<< "${lines[1]}"
	[[ "${lines[2]}" =~ ^[0-9a-f]{12}\ +quiet\  ]]
	[ "$(berth stats --no-stream --format '{{.Name}} {{.PIDs}}' | sort | tr '\n' ' ')" = "busy 2 quiet 1 " ]
	[ "$(berth stats --no-stream -a --format json never | jq -r '[.Name, .CPUPerc, .MemUsage, .PIDs] | join(" ")')" = "never 0.00% 0B / 0B 0" ]
	run berth stats --no-stream nosuch
	[ "$status" -eq 1 ]
	[[ "$output" == *"No such container: nosuch"* ]]
}

@test "berth stats goes on, with what comes and without what goes" {
	berth stats --format '{{.Name}}' > "$SUITE_DIR/live" 3>&- &
	local pid=$!
	wait_until 10 grep -q busy "$SUITE_DIR/live"
	berth run -d --name guest --network none "dir:$ROOT" sleep 1000
	wait_until 10 grep -q guest "$SUITE_DIR/live"
	berth rm -f guest
	wait_until 10 eval '[ "$(berth ps -q | wc -l)" = 2 ] && tail -2 "$SUITE_DIR/live" | grep -vq guest'
	! process_gone "$pid"
	kill "$pid"
	wait "$pid" || true
}

@test "berth stats goes on with the next supervisor" {
	local old options pids=()
	for options in "" "busy quiet"; do
		berth stats --format '{{.Name}} {{.PIDs}}' $options > "$SUITE_DIR/live.${#options}" 2> "$SUITE_DIR/live.${#options}.err" 3>&- &
		pids+=($!)
		wait_until 10 grep -q '^busy 2' "$SUITE_DIR/live.${#options}"
	done
	old=$(supervisor_pid)
	kill -KILL "$old"
	another() { [ "$(supervisor_pid)" != "$old" ] && timeout $((5 * SLOW)) berth version > /dev/null 2>&1; }
	wait_until 20 another
	berth exec -d busy sleep 1000 > /dev/null # a number that only the next one can know
	for options in 0 10; do
		wait_until 20 eval "tail -3 '$SUITE_DIR/live.$options' | grep -q '^busy 3'" ||
			{ cat "$SUITE_DIR/live.$options.err" >&2; return 1; }
	done
	kill "${pids[@]}"
	wait "${pids[@]}" || true
	[ ! -s "$SUITE_DIR/live.10.err" ] || grep -q '^berth: ' "$SUITE_DIR/live.10.err" # who is slow is told what it waits for
}
