# Limits bite, on either kind of cgroups.
load lib

setup_file() { start_suite; }
teardown_file() { end_suite; }
teardown() { remove_all; }

@test "memory: beyond the limit is death, reported as OOM" {
	run berth run --network none --name hog --memory 16m --memory-swap 16m "dir:$ROOT" sh -c 'dd if=/dev/zero of=/dev/null bs=64M count=1'
	[ "$status" -eq 137 ]
	[ "$(berth inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' hog)" = "true 137" ]
	run berth run --network none --name calm --memory 64m "dir:$ROOT" true
	[ "$(berth inspect -f '{{.State.OOMKilled}}' calm)" = false ]
}

@test "pids: a fork bomb is held" {
	berth run --network none -d --name bomb --pids-limit 20 "dir:$ROOT" sh -c 'while :; do (sleep 30 &) 2>/dev/null; done' > /dev/null
	sleep 1
	local id count
	id=$(berth inspect -f '{{.Id}}' bomb)
	count=$(cat "$(find /sys/fs/cgroup -path "*$SUITE_NAME/$id/pids.current" | head -1)")
	echo "$count processes"
	[ "$count" -ge 15 ]
	[ "$count" -le 20 ]
	run timeout $((5 * SLOW)) berth version
	[ "$status" -eq 0 ]
	berth rm -f bomb
	wait_until 5 bash -c "! grep -qs $id /proc/*/cgroup"
}

@test "cpu: usage stays within the quota and periods are throttled" {
	berth run --network none -d --name busy --cpus 0.2 "dir:$ROOT" sh -c 'while :; do :; done' > /dev/null
	local id stat from to start end
	id=$(berth inspect -f '{{.Id}}' busy)
	usage_ns() {
		local file
		file=$(find /sys/fs/cgroup -path "*$SUITE_NAME/$id/cpuacct.usage" | head -1)
		if [ -n "$file" ]; then cat "$file"; else
			echo $(($(awk '/^usage_usec/ { print $2 }' "$(find /sys/fs/cgroup -path "*$SUITE_NAME/$id/cpu.stat" | head -1)") * 1000))
		fi
	}
	from=$(usage_ns)
	start=$(date +%s%N)
	sleep 5
	to=$(usage_ns)
	end=$(date +%s%N)
	local permille=$(((to - from) * 1000 / (end - start)))
	echo "usage: $permille permille of a cpu, quota 200"
	[ "$permille" -ge 140 ]
	[ "$permille" -le 220 ]
	stat=$(find /sys/fs/cgroup -path "*$SUITE_NAME/$id/cpu.stat" -exec grep -h nr_throttled {} + | sort -rn -k2 | head -1)
	[ "${stat##* }" -gt 0 ]
}
