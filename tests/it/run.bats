# What `berth run` promises: exit codes, streams, terminals, names, and that nothing stays behind.
load lib

setup_file() { start_suite; }
teardown_file() { end_suite; }
teardown() { remove_all; }

image() { echo "dir:$ROOT"; }

@test "the container's exit code is ours" {
	run berth run --network none --rm "$(image)" sh -c 'exit 7'
	[ "$status" -eq 7 ]
	[ -z "$output" ]
}

@test "death by a signal is 128 + n" {
	run berth run --network none --rm "$(image)" sh -c 'kill -TERM $$; sleep 5'
	[ "$status" -eq 143 ] || [ "$status" -eq 0 ] # pid 1 has no handler: the kernel drops the signal
	run berth run --network none --rm --init "$(image)" sh -c 'kill -KILL $$'
	[ "$status" -eq 137 ]
}

@test "a missing program is 127, a directory 126, what berth refuses 125" {
	run -127 --separate-stderr berth run --network none --rm "$(image)" no-such-program
	[ "$status" -eq 127 ]
	[[ "$stderr" == *'exec: "no-such-program": executable file not found in $PATH'* ]]
	run --separate-stderr berth run --network none --rm "$(image)" /etc
	[ "$status" -eq 126 ]
	run --separate-stderr berth run --network none --rm "$(image)" /etc/passwd
	[ "$status" -eq 126 ]
	run --separate-stderr berth run --network none --rm "dir:/no/such/directory" true
	[ "$status" -eq 125 ]
	[[ "$stderr" == */no/such/directory* ]]
	run --separate-stderr berth run --network none --rm --memory 1m "$(image)" true
	[ "$status" -eq 125 ]
	[[ "$stderr" == *"Minimum memory limit allowed is 6MB"* ]]
	run --separate-stderr berth run --network none --no-such-flag "$(image)" true
	[ "$status" -eq 125 ]
	[ -z "$(berth ps -aq)" ]
}

@test "stdout and stderr stay apart" {
	run --separate-stderr berth run --network none --rm "$(image)" sh -c 'echo out; echo err >&2'
	[ "$status" -eq 0 ]
	[ "$output" = out ]
	[ "$stderr" = err ]
}

@test "stdin goes through and its end ends cat" {
	run bash -c "echo x | timeout $((20 * SLOW)) berth run --network none -i --rm $(image) cat"
	[ "$status" -eq 0 ]
	[ "$output" = x ]
}

@test "without -i stdin is the null device" {
	run bash -c "echo x | timeout $((20 * SLOW)) berth run --network none --rm $(image) cat"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "300 MB through run -i cat arrive whole, the supervisor stays small" {
	local size=300
	[ "$SLOW" -eq 1 ] || size=30
	local before after
	before=$(awk '/^VmRSS/ { print $2 }' "/proc/$(supervisor_pid)/status")
	head -c ${size}M /dev/zero | tr '\0' 'a' | sha256sum > "$SUITE_DIR/want"
	head -c ${size}M /dev/zero | tr '\0' 'a' | timeout $((120 * SLOW)) berth run --network none -i --rm "$(image)" cat | sha256sum > "$SUITE_DIR/got"
	cmp "$SUITE_DIR/want" "$SUITE_DIR/got"
	after=$(awk '/^VmHWM/ { print $2 }' "/proc/$(supervisor_pid)/status")
	echo "supervisor: $before kB before, $after kB at most"
	[ $((after - before)) -lt 16384 ]
}

@test "-it is a terminal that follows resize" {
	cat > "$SUITE_DIR/tty.exp" <<-EOF
		set timeout $((20 * SLOW))
		spawn berth run --network none -it --rm $(image) sh
		stty rows 33 columns 101 < \$spawn_out(slave,name)
		expect "# "
		sleep 0.5
		send "tty; stty size; echo TERM=\\\$TERM\r"
		expect "/dev/pts/0"
		expect "33 101"
		expect "TERM=xterm"
		send "exit 5\r"
		expect eof
		exit [lindex [wait] 3]
	EOF
	run expect "$SUITE_DIR/tty.exp"
	[ "$status" -eq 5 ]
}

@test "-t without a terminal is refused" {
	run --separate-stderr berth run --network none -it --rm "$(image)" true < /dev/null
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"not a TTY"* ]]
}

@test "-d prints the id; ps, inspect, logs, wait, rm" {
	local id
	id=$(berth run --network none -d --name web "$(image)" sh -c 'echo hello; sleep 600')
	[ ${#id} -eq 64 ]
	wait_until 5 grep -q hello <(berth logs web) || berth logs web | grep hello
	run berth ps --format json
	[[ "$output" == *web* ]]
	[ "$(berth inspect -f '{{.State.Status}}' web)" = running ]
	[ "$(berth inspect -f '{{.Id}}' "${id:0:12}")" = "$id" ]
	berth stop -t 0 web
	[ "$(berth wait web)" = 137 ]
	[ "$(berth inspect -f '{{.State.Running}} {{.State.Pid}}' web)" = "false 0" ]
	run berth rm web
	[ "$status" -eq 0 ]
	run berth inspect web
	[ "$status" -eq 1 ]
}

@test "stop sends the stop signal and waits, then kills" {
	berth run --network none -d --name polite --stop-signal USR1 "$(image)" sh -c 'trap "exit 3" USR1; while :; do sleep 0.1; done'
	berth stop -t $((10 * SLOW)) polite
	[ "$(berth inspect -f '{{.State.ExitCode}}' polite)" = 3 ]
	berth run --network none -d --name deaf "$(image)" sh -c 'trap "" TERM; while :; do sleep 0.1; done'
	local before after
	before=$(date +%s%N)
	berth stop -t 1 deaf
	after=$(date +%s%N)
	[ $((after - before)) -ge 1000000000 ]
	[ "$(berth inspect -f '{{.State.ExitCode}}' deaf)" = 137 ]
}

@test "a name is taken once" {
	berth create --network none --name one "$(image)" true
	run --separate-stderr berth create --network none --name one "$(image)" true
	[ "$status" -ne 0 ]
	[[ "$stderr" == *"is already in use by container"* ]]
}

@test "two containers of one image do not see each other's files" {
	berth run --network none --name aa "$(image)" sh -c 'echo a > /file; rm /etc/group'
	run berth run --network none --rm "$(image)" sh -c 'cat /file; test -e /etc/group && echo whole'
	[[ "$output" == *whole* ]]
	[[ "$output" != a* ]]
}

@test "environment, working directory, user, hostname" {
	run berth run --network none --rm -e A=1 -e PATH=/bin -w /tmp -u alice -h box "$(image)" sh -c 'echo $A $PWD $(id -u):$(id -g) $(id -G) $(hostname) $HOME'
	[ "$output" = "1 /tmp 1000:1000 1000 1500 box /home/alice" ]
	run berth run --network none --rm "$(image)" sh -c 'cat /etc/hostname; hostname'
	[ "${lines[0]}" = "${lines[1]}" ]
	run --separate-stderr berth run --network none --rm -u nobody-here "$(image)" true
	[ "$status" -ne 0 ]
	[[ "$stderr" == *"unable to find user nobody-here"* ]]
}

@test "the default capabilities are docker's fourteen" {
	run berth run --network none --rm "$(image)" grep Cap /proc/self/status
	[[ "$output" == *"CapInh:"*0000000000000000* ]]
	[[ "$output" == *"CapEff:"*00000000a80425fb* ]]
	[[ "$output" == *"CapBnd:"*00000000a80425fb* ]]
	run berth run --network none --rm --cap-drop ALL --cap-add NET_ADMIN "$(image)" grep CapEff /proc/self/status
	[[ "$output" == *0000000000001000* ]]
	run berth run --network none --rm -u 1000 "$(image)" grep -E 'Cap(Prm|Eff|Amb)' /proc/self/status
	[ "$(grep -c 0000000000000000 <<< "$output")" -eq 3 ]
}

@test "seccomp is on by default, off when asked" {
	run berth run --network none --rm "$(image)" grep Seccomp: /proc/self/status
	[[ "$output" == *2* ]]
	run berth run --network none --rm --security-opt seccomp=unconfined "$(image)" grep Seccomp: /proc/self/status
	[[ "$output" == *0* ]]
	run berth run --network none --rm "$(image)" unshare -m true
	[ "$status" -ne 0 ]
}

@test "own pid, mount, uts, ipc, net and cgroup namespaces" {
	local kind
	for kind in pid mnt uts ipc net cgroup; do
		[ "$(berth run --network none --rm "$(image)" readlink /proc/self/ns/$kind)" != "$(readlink /proc/self/ns/$kind)" ]
	done
	[ "$(berth run --network none --rm --pid host --security-opt seccomp=unconfined "$(image)" readlink /proc/self/ns/pid)" = "$(readlink /proc/self/ns/pid)" ]
	run berth run --network none --rm "$(image)" sh -c 'cat /proc/1/comm; ls /sys/class/net'
	[ "${lines[1]}" = lo ]
}

@test "binds, tmpfs, named volumes, read-only root" {
	mkdir -p "$SUITE_DIR/bound"
	echo here > "$SUITE_DIR/bound/file"
	run berth run --network none --rm -v "$SUITE_DIR/bound:/data" "$(image)" sh -c 'cat /data/file; echo new > /data/new'
	[ "$output" = here ]
	[ "$(cat "$SUITE_DIR/bound/new")" = new ]
	run berth run --network none --rm -v "$SUITE_DIR/bound:/data:ro" "$(image)" sh -c 'touch /data/x'
	[ "$status" -ne 0 ]
	run berth run --network none --rm --read-only --tmpfs /run:size=1m "$(image)" sh -c 'touch /x 2>/dev/null || echo ro; touch /run/x && echo rw'
	[ "${lines[*]}" = "ro rw" ]
	berth run --network none --rm -v "vol1:/etc" "$(image)" sh -c 'echo kept > /etc/kept'
	run berth run --network none --rm -v "vol1:/mnt" "$(image)" sh -c 'cat /mnt/kept; grep -c root /mnt/passwd'
	[ "${lines[*]}" = "kept 1" ] # filled from the image, once
	run --separate-stderr berth run --network none --rm --mount "type=bind,source=$SUITE_DIR/missing,target=/x" "$(image)" true
	[ "$status" -eq 125 ]
	[[ "$stderr" == *"$SUITE_DIR/missing"* ]]
}

@test "masked and read-only kernel files" {
	run berth run --network none --rm "$(image)" sh -c 'cat /proc/interrupts | wc -c; ls /proc/acpi /sys/firmware | grep -v : | tr -d "\n"; echo 1 > /proc/sys/kernel/panic'
	[ "${lines[0]}" = 0 ]
	[[ "$output" == *"ead-only"* ]]
	run berth run --network none --rm "$(image)" sh -c 'mount | grep "on /sys/fs/cgroup" | grep -vc "(ro\|,ro"'
	[ "$output" = 0 ]
}

@test "sysctls, ulimits, devices, groups" {
	run berth run --network none --rm --sysctl kernel.msgmax=4096 "$(image)" cat /proc/sys/kernel/msgmax
	[ "$output" = 4096 ]
	run --separate-stderr berth run --network none --rm --sysctl kernel.panic=1 "$(image)" true
	[ "$status" -eq 125 ]
	run berth run --network none --rm --ulimit nofile=100:200 "$(image)" sh -c 'ulimit -n; ulimit -Hn'
	[ "${lines[*]}" = "100 200" ]
	run berth run --network none --rm --device /dev/zero:/dev/nought "$(image)" sh -c 'head -c 3 /dev/nought | wc -c'
	[ "$output" = 3 ]
	run berth run --network none --rm "$(image)" sh -c 'mknod /tmp/kmsg c 1 11 && cat /tmp/kmsg'
	[ "$status" -ne 0 ]
	run berth run --network none --rm --group-add extra --group-add 4242 "$(image)" id -G
	[ "$output" = "0 1500 4242" ] || [ "$output" = "0 4242 1500" ]
}

@test "no descriptor above 2 reaches a payload" {
	run bash -c "exec 7</etc/passwd 9>/dev/null; berth run --network none --rm $(image) ls /proc/self/fd"
	[ "${lines[*]}" = "0 1 2 3" ] # 3 is ls's own, on the directory
}

@test "privileged sees all devices and may mount" {
	run berth run --network none --rm --privileged "$(image)" sh -c 'mount -t tmpfs none /mnt 2>&1 || mkdir /mnt && mount -t tmpfs none /mnt; grep -c " /mnt " /proc/mounts; grep CapEff /proc/self/status; test -c /dev/kmsg && echo kmsg'
	[[ "$output" == *kmsg* ]]
}

@test "restart policies: on-failure counts, always goes on, a stop holds" {
	berth run --network none -d --name fails --restart on-failure:2 "$(image)" sh -c 'exit 4'
	wait_until 5 test "$(berth inspect -f '{{.RestartCount}} {{.State.Status}}' fails)" = "2 exited" || true
	wait_until 5 bash -c '[ "$(berth inspect -f "{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}" fails)" = "2 exited 4" ]'
	berth run --network none -d --name goes --restart always "$(image)" sh -c 'sleep 0.05'
	wait_until 5 bash -c '[ "$(berth inspect -f "{{.RestartCount}}" goes)" -ge 2 ]'
	berth stop -t 1 goes || true
	sleep 1
	[ "$(berth inspect -f '{{.State.Status}}' goes)" = exited ]
}
