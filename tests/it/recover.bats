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
