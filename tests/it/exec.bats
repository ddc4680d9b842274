# exec: a further process in a running container, its streams, its codes, and that all of it can be ended.
load lib

setup_file() {
	start_suite
	berth run --network none -d --name box "dir:$ROOT" sh -c 'trap "exit 0" TERM; while :; do sleep 0.2; done' > /dev/null
}
teardown_file() {
	berth rm -f box > /dev/null
	end_suite
}

@test "exec runs, its code is ours" {
	run berth exec box sh -c 'echo in; exit 9'
	[ "$status" -eq 9 ]
	[ "$output" = in ]
}

@test "not found 127, not runnable 126" {
	run -127 berth exec box no-such-program
	[ "$status" -eq 127 ]
	run berth exec box /etc
	[ "$status" -eq 126 ]
}

@test "it is in the container: pids, cgroup, root, hostname" {
	run berth exec box sh -c 'cat /proc/1/comm; hostname; ls /'
	[ "${lines[0]}" = sh ]
	[ "$(berth exec box readlink /proc/self/ns/pid)" = "$(berth exec box readlink /proc/1/ns/pid)" ]
	local kind
	for kind in mnt uts ipc net cgroup; do
		[ "$(berth exec box readlink /proc/self/ns/$kind)" = "$(berth exec box readlink /proc/1/ns/$kind)" ]
	done
}

@test "user, environment, working directory" {
	run berth exec -u alice -e B=2 -w /tmp box sh -c 'echo $(id -u) $B $PWD $HOME'
	[ "$output" = "1000 2 /tmp /home/alice" ]
	run berth exec -u 4294967296 box id -u
	[ "$status" -ne 0 ]
	run berth exec -u 1 box id -u
	[ "$output" = 1 ]
}

@test "stdin, -i and its end" {
	run bash -c "echo through | timeout $((20 * SLOW)) berth exec -i box cat"
	[ "$status" -eq 0 ]
	[ "$output" = through ]
}

@test "-it is a terminal that follows resize" {
	cat > "$SUITE_DIR/tty.exp" <<-EOF
		set timeout $((20 * SLOW))
		spawn berth exec -it box sh
		stty rows 44 columns 111 < \$spawn_out(slave,name)
		expect "# "
		sleep 0.5
		send "stty size; tty\r"
		expect "44 111"
		expect "/dev/pts/"
		send "exit 6\r"
		expect eof
		exit [lindex [wait] 3]
	EOF
	run expect "$SUITE_DIR/tty.exp"
	[ "$status" -eq 6 ]
}

@test "probe f: a background child holding stdout does not hold the client for longer than 2 s" {
	local before after
	before=$(date +%s%N)
	run timeout $((20 * SLOW)) berth exec box sh -c 'sleep 60 & exit 3'
	after=$(date +%s%N)
	[ "$status" -eq 3 ]
	[ $((after - before)) -lt $((3000000000 * SLOW)) ]
	berth exec box pkill sleep || true
}

@test "a timeout kills all of it, with SYS_PTRACE in the container too" {
	berth run --network none -d --name tracer --cap-add SYS_PTRACE "dir:$ROOT" sh -c 'trap "exit 0" TERM; while :; do sleep 0.2; done' > /dev/null
	local container before after
	for container in box tracer; do
		before=$(date +%s%N)
		run berth exec --timeout 500ms "$container" sh -c 'trap "" TERM HUP INT; (sleep 4711 & setsid sleep 4711 & wait) & sleep 4711'
		after=$(date +%s%N)
		[ "$status" -eq 137 ]
		[ $((after - before)) -ge 500000000 ]
		[ $((after - before)) -lt $((4000000000 * SLOW)) ]
		run berth exec "$container" sh -c 'cat /proc/[0-9]*/cmdline | tr "\0" " "'
		[[ "$output" != *"sleep 4711"* ]]
		run berth exec --timeout 20s "$container" sh -c 'exit 3'
		[ "$status" -eq 3 ]
	done
	berth rm -f tracer > /dev/null
}

@test "seccomp, capabilities and no descriptors: as the container's" {
	run berth exec box grep -E 'Seccomp:|CapEff|CapInh' /proc/self/status
	[[ "$output" == *"Seccomp:"*2* ]]
	[[ "$output" == *00000000a80425fb* ]]
	run bash -c 'exec 8</etc/passwd; berth exec box ls /proc/self/fd'
	[ "${lines[*]}" = "0 1 2 3" ]
	run berth exec --privileged box grep CapEff /proc/self/status
	[[ "$output" != *00000000a80425fb* ]]
}

@test "a command that cannot be started is 126, a missing one 127" {
	run berth exec box no-such-program
	[ "$status" -eq 127 ]
	run berth exec box /etc
	[ "$status" -eq 126 ]
	run berth exec -u nosuch box id
	[ "$status" -eq 126 ]
	[[ "$output" == *"unable to find user nosuch"* ]]
	run berth exec -w /no/such box pwd
	[ "$status" -eq 126 ]
	[[ "$output" == *'chdir to cwd ("/no/such")'* ]]
	run berth exec box test -e /no
	[ "$status" -eq 1 ] # exec makes no directory
}

@test "exec of a stopped or missing container is refused" {
	berth create --network none --name idle "dir:$ROOT" true > /dev/null
	run --separate-stderr berth exec idle true
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"is not running"* ]]
	berth rm idle > /dev/null
	run --separate-stderr berth exec nothing true
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"No such container: nothing"* ]]
}

@test "many execs leave nothing: processes, cgroups, descriptors" {
	local n=${BERTH_N:-20} before after groups i
	groups_of_execs() { find /sys/fs/cgroup -type d -path "*$SUITE_NAME*" -name 'berth.*' | wc -l; }
	berth exec box true
	groups=$(groups_of_execs) # that of the background child above stays until the container ends
	before=$(ls "/proc/$(supervisor_pid)/fd" | wc -l)
	for ((i = 0; i < n; i++)); do
		berth exec box true
		berth exec box no-such-program 2> /dev/null || true
	done
	after=$(ls "/proc/$(supervisor_pid)/fd" | wc -l)
	echo "descriptors: $before before, $after after $n"
	[ "$after" -le "$before" ]
	[ "$(groups_of_execs)" -le "$groups" ]
}
