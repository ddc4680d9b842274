# What containers, images and configurations have done to other runtimes, by CVE number. The daemon is started by a careless
# caller: with descriptors left open, groups and inheritable capabilities of its own, mounts that are all shared, and a secret in
# its environment. Nothing may ever appear in $OUTSIDE, and the host's null device stays as it is.
load lib

setup_file() {
	export OUTSIDE NEEDLE="text-of-the-supervisor-$RANDOM$RANDOM"
	OUTSIDE=$(mktemp -d "${TMPDIR:-/tmp}/bt-outside.XXXXXX")
	export TOOLS=$BERTH_BUILD/tool
	BERTH_PROGRAM=$OUTSIDE.daemon
	export BERTH_PROGRAM
	cat > "$BERTH_PROGRAM" <<-EOF2
		#!/bin/bash
		export BERTH_TEST_NEEDLE=$NEEDLE
		exec 20< / 21< /etc 22< /proc 23< "$OUTSIDE" 24< /etc/passwd
		exec unshare -m --propagation unchanged setpriv --groups 4,27,1234 --inh-caps +mknod,+net_raw \\
			sh -c 'mount --make-rshared / && exec "\$0" "\$@"' "$BERTH_BUILD/berth" "\$@"
	EOF2
	chmod 755 "$BERTH_PROGRAM"
	null_device > "$OUTSIDE.null"
	echo -n "$NEEDLE" > "$OUTSIDE.needle"
	start_suite
	mounts_of_daemon > "$OUTSIDE.mounts"
	mkdir "$SUITE_DIR/shared"
	brun -d --name box -v "$TOOLS:/tool:ro" "dir:$ROOT" sh -c 'trap "exit 0" TERM; while :; do sleep 0.2; done' > /dev/null
}

teardown_file() {
	berth rm -f box > /dev/null
	end_suite
	rm -rf "$OUTSIDE" "$OUTSIDE".*
}

teardown() {
	local id failed=0
	for id in $(berth ps -aq --no-trunc); do
		[ "$id" = "$(berth inspect -f '{{.Id}}' box)" ] || berth rm -f "$id" > /dev/null || failed=1
	done
	[ -z "$(ls -A "$OUTSIDE")" ] || { echo "outside of every root: $(ls -lA "$OUTSIDE")" >&2; rm -rf "${OUTSIDE:?}"/*; failed=1; }
	[ "$(null_device)" = "$(cat "$OUTSIDE.null")" ] || { echo "the host's /dev/null: $(null_device)" >&2; failed=1; }
	return $failed
}

null_device() { stat -c '%F %t:%T %u:%g %a' /dev/null; }
mounts_of_daemon() { awk '{ print $4, $5, $9 }' "/proc/$(supervisor_pid)/mountinfo" | sort; }
image() { echo "dir:$ROOT"; }
brun() { berth run --network none "$@"; }

# A copy of the root filesystem, for a test to spoil: its path.
spoilt() {
	local dir=$SUITE_DIR/spoilt-$1
	[ -d "$dir" ] || cp -a "$ROOT" "$dir"
	echo "$dir"
}

# bundle NAME MOUNTS [LINUX]: an OCI bundle with these mounts and no others: its path. The root is a fresh copy.
bundle() {
	local dir=$SUITE_DIR/bundle-$1
	mkdir -p "$dir"
	cp -a "$ROOT" "$dir/rootfs"
	cat > "$dir/config.json" <<-EOF2
		{ "ociVersion": "1.0.2", "root": { "path": "rootfs" },
		  "process": { "user": { "uid": 0, "gid": 0 }, "args": ["true"], "env": ["PATH=/bin"], "cwd": "/" },
		  "mounts": [$2],
		  "linux": { "namespaces": [ {"type":"pid"}, {"type":"mount"}, {"type":"network"}, {"type":"ipc"}, {"type":"uts"} ] ${3:+,} ${3:-} } }
	EOF2
	echo "$dir"
}
PROC='{"destination":"/proc","type":"proc","source":"proc"}'

# A directory for /dev in which everything is right but null.
fake_dev() {
	local dir=$SUITE_DIR/dev-$1
	mkdir -p "$dir/pts"
	mknod -m 666 "$dir/zero" c 1 5
	mknod -m 666 "$dir/tty" c 5 0
	echo "$dir"
}

# refused TEXT COMMAND...: it fails, and says why.
refused() {
	local text=$1
	shift
	run timeout $((20 * SLOW)) "$@"
	[ "$status" -ne 0 ] && [ "$status" -ne 124 ] && [[ "$output" == *"$text"* ]] && return
	echo "wanted a refusal with: $text; status $status, output: $output" >&2
	return 1
}

logged() { berth logs "$1" | grep -q -- "$2"; }
not_logged() {
	local found
	found=$(berth logs "$1" | grep -E "$2" | sort -u | head -5)
	[ -z "$found" ] || { echo "$found" >&2; return 1; }
}

# prey MODE [OPTIONS...]: a container whose own program attacks whatever enters it.
prey() {
	local mode=$1
	shift
	brun -d --name prey --init=false -v "$TOOLS:/tool:ro" -v "$OUTSIDE.needle:/needle:ro" "$@" "$(image)" /tool/spy "$mode" 3000 /needle > /dev/null
	wait_until 10 logged prey ready
}

# enter N [OPTIONS...]: that many execs in prey, and more until the spy has caught one
enter() {
	local i n=$1
	shift
	for ((i = 0; i < n; i++)); do
		timeout $((20 * SLOW)) berth exec "$@" prey true
	done
}

seconds() { date +%s; }
cpu_ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }

# ---------------------------------------------------------------- 1.1 descriptors and the working directory

@test "CVE-2015-3627, CVE-2016-9962 fdleak-run: 0, 1, 2 and no other" {
	local kind
	for kind in "--rm" "--init" "--pid=host" "--read-only" "-i"; do
		run brun --rm $kind "$(image)" ls /proc/self/fd
		[ "$status" -eq 0 ]
		[ "${lines[*]}" = "0 1 2 3" ] # 3 is ls's own, on the directory
	done
	run brun --rm --init --cap-add SYS_PTRACE "$(image)" ls -l /proc/1/fd
	[[ "$output" != *" -> $OUTSIDE"* && "$output" != *" -> /etc"* ]]
}

@test "CVE-2016-9962, CVE-2016-8649 fdleak-exec: 0, 1, 2 and no other" {
	local kind
	for kind in "" "-i" "-u 1000" "--privileged"; do
		run berth exec $kind box ls /proc/self/fd
		[ "${lines[*]}" = "0 1 2 3" ]
	done
	run bash -c 'exec 8</etc 9</; berth exec box ls /proc/self/fd'
	[ "${lines[*]}" = "0 1 2 3" ]
}

@test "CVE-2016-9962 dumpable-exec: nobody inside can look at what enters" {
	prey look
	enter 100
	enter 30 -u 1000
	not_logged prey 'seen|directory|file|needle'
}

@test "CVE-2016-9962 dumpable-exec: with SYS_PTRACE nothing of ours is found in it" {
	local i
	prey stop --cap-add SYS_PTRACE
	for ((i = 0; i < 40; i++)); do
		enter 10
		logged prey seen && break
	done
	enter 30
	logged prey seen # or nothing was tried
	not_logged prey 'directory|file|needle|rights'
}

@test "CVE-2016-9962 dumpable-run: what starts in another's pid namespace is no copy of the supervisor, and has no right of its" {
	local i
	prey stop --cap-add SYS_PTRACE
	for ((i = 0; i < 40; i++)); do
		timeout $((30 * SLOW)) berth run --network none --rm --pid container:prey "$(image)" true
		[ $i -lt 5 ] || ! logged prey seen || break
	done
	logged prey seen
	not_logged prey 'directory|file|needle|rights'
}

@test "CVE-2024-21626 fdleak-cwd-run: no working directory by a descriptor" {
	local fd last=24
	[ "$SLOW" -eq 1 ] || last=9
	for ((fd = 3; fd <= last; fd++)); do
		refused "chdir to cwd" berth run --network none --rm -w "/proc/self/fd/$fd" "$(image)" pwd
	done
	refused "chdir to cwd" berth run --network none --rm -w "/proc/self/fd/7/../../.." "$(image)" pwd
	refused "chdir to cwd" berth run --network none --rm -w /proc/self/cwd "$(image)" pwd
	refused "chdir to cwd" berth run --network none --rm -w /proc/1/root "$(image)" pwd
}

@test "CVE-2024-21626 fdleak-cwd-exec" {
	local fd last=24
	[ "$SLOW" -eq 1 ] || last=9
	for ((fd = 3; fd <= last; fd++)); do
		refused "chdir to cwd" berth exec -w "/proc/self/fd/$fd" box pwd
	done
	refused "chdir to cwd" berth exec -w /proc/self/cwd box pwd
}

@test "CVE-2024-21626 fdleak-cwd-symlink: the image's WORKDIR is a link to a descriptor" {
	local root fd
	root=$(spoilt cwd)
	for fd in 3 5 7 8; do
		ln -sfn "/proc/self/fd/$fd" "$root/wd"
		refused "chdir to cwd" berth run --network none --rm -w /wd "dir:$root" pwd
		berth exec box ln -sfn "/proc/self/fd/$fd" /wd
		refused "chdir to cwd" berth exec -w /wd box pwd
	done
}

# ---------------------------------------------------------------- 1.2 our own programs

@test "CVE-2019-5736, CVE-2022-0847 exe-overwrite-exec: nothing inside can write to what enters" {
	local before i n=${BERTH_N:-100}
	[ "$SLOW" -eq 1 ] || n=20
	before=$(sha256sum "$BERTH_BUILD/berth" "$BERTH_BUILD/berth-init")
	prey write --cap-add SYS_PTRACE
	berth exec prey ln -s /proc/self/exe /bin/self
	for ((i = 0; i < n; i++)); do
		timeout $((20 * SLOW)) berth exec prey /bin/self join > /dev/null 2>&1 || true
		timeout $((20 * SLOW)) berth exec prey true
	done
	logged prey program # it had something to write to
	not_logged prey wrote
	[ "$(sha256sum "$BERTH_BUILD/berth" "$BERTH_BUILD/berth-init")" = "$before" ]
}

@test "CVE-2019-5736 exe-overwrite-entry: a container whose program is /proc/self/exe" {
	local root i
	root=$(spoilt self)
	ln -sfn /proc/self/exe "$root/entry"
	for i in 1 2 3; do
		run timeout $((20 * SLOW)) berth run --network none --rm "dir:$root" /entry
		[ "$status" -ne 0 ]
	done
	run "$TOOLS/seals" "/proc/$(supervisor_pid)/exe"
	[ "$output" = sealed ]
	prey write --cap-add SYS_PTRACE
	for ((i = 0; i < 40; i++)); do
		timeout $((30 * SLOW)) berth run --network none --rm --pid container:prey "$(image)" true
		[ $i -lt 5 ] || ! logged prey program || break
	done
	logged prey program
	not_logged prey wrote
}

# ---------------------------------------------------------------- 1.3 paths and mounts

@test "CVE-2015-1335, CVE-2019-18837, CVE-2024-45310 mountdst-symlink: a mount's place leads out of the root" {
	local root up
	up=../../../../../../../..
	root=$(spoilt dst)
	ln -s "$up$OUTSIDE" "$root/relative"
	ln -s "$OUTSIDE" "$root/absolute"
	ln -s "/proc/$(supervisor_pid)/root$OUTSIDE" "$root/magic"
	local place
	for place in /relative /relative/x/y /absolute /absolute/x/y /magic/x /magic; do
		run timeout $((20 * SLOW)) berth run --network none --rm -v "$SUITE_DIR/shared:$place" "dir:$root" true
		run timeout $((20 * SLOW)) berth run --network none --rm --tmpfs "$place" "dir:$root" true
		[ -z "$(ls -A "$OUTSIDE")" ]
	done
	# A link that stays inside is followed, as people expect of /var/run.
	ln -s /tmp "$root/inside"
	run brun --rm --tmpfs /inside/new "dir:$root" grep -c ' /tmp/new ' /proc/self/mountinfo
	[ "$output" = 1 ]
}

@test "CVE-2019-18837 mountdst-file-symlink: a file's place leads out of the root" {
	local root place
	root=$(spoilt dstfile)
	ln -s "../../../../../../..$OUTSIDE/file" "$root/relative"
	ln -s "/proc/$(supervisor_pid)/root$OUTSIDE/file" "$root/magic"
	ln -s "/proc/$(supervisor_pid)/root$OUTSIDE" "$root/magic-dir"
	ln -sfn "/proc/$(supervisor_pid)/root$OUTSIDE/hosts" "$root/etc/hosts" # one that we mount ourselves
	ln -sfn "/proc/$(supervisor_pid)/root$OUTSIDE/resolv" "$root/etc/resolv.conf"
	echo text > "$SUITE_DIR/file"
	for place in /relative /magic /magic-dir/file; do
		run timeout $((20 * SLOW)) berth run --network none --rm -v "$SUITE_DIR/file:$place:ro" "dir:$root" true
		[ -z "$(ls -A "$OUTSIDE")" ]
	done
}

@test "CVE-2021-30465 mountdst-race: a neighbour swaps the place for a link meanwhile" {
	local dir=$SUITE_DIR/race i n=${BERTH_N:-60} started=0
	[ "$SLOW" -eq 1 ] || n=10
	mkdir -p "$dir/place"
	ln -s "/proc/$(supervisor_pid)/root$OUTSIDE" "$dir/link"
	brun -d --name swapper -v "$dir:/vol" -v "$TOOLS:/tool:ro" "$(image)" /tool/swap /vol place link > /dev/null
	wait_until 10 logged swapper swapping
	for ((i = 0; i < n; i++)); do
		! timeout $((20 * SLOW)) berth run --network none --rm -v "$dir:/vol" --tmpfs "/vol/place/made$i/deep" "$(image)" true 2> /dev/null || started=$((started + 1))
		[ -z "$(ls -A "$OUTSIDE")" ]
	done
	echo "$started of $n started"
	[ $started -gt 0 ] # or nothing was tried
}

@test "CVE-2019-19921, CVE-2023-27561, CVE-2023-28642 proc-symlink: /proc of the image leads elsewhere" {
	local root
	root=$(spoilt proc)
	rmdir "$root/proc"
	mkdir "$root/elsewhere"
	ln -s /elsewhere "$root/proc"
	refused "must be a directory, not a symbolic link: /proc" berth run --network none --rm "dir:$root" true
	ln -sfn "$OUTSIDE" "$root/proc"
	refused "symbolic link: /proc" berth run --network none --rm "dir:$root" true
}

@test "CVE-2019-19921, CVE-2023-27561 sys-symlink: /sys of the image leads elsewhere" {
	local root
	root=$(spoilt sys)
	rmdir "$root/sys"
	mkdir "$root/elsewhere"
	ln -s /elsewhere "$root/sys"
	refused "must be a directory, not a symbolic link: /sys" berth run --network none --rm "dir:$root" true
}

@test "CVE-2019-16884, CVE-2015-3630 mount-in-proc: nothing may be mounted inside /proc" {
	local root place
	root=$(spoilt inproc)
	ln -s /proc "$root/alias"
	for place in /proc/self /proc/sys/kernel /proc/self/attr /alias/self/attr /bin/../proc/sys; do
		refused proc berth run --network none --rm -v "$SUITE_DIR/shared:$place" "dir:$root" true
		refused proc berth run --network none --rm --tmpfs "$place" "dir:$root" true
	done
	refused proc berth run --network none --rm -v "$SUITE_DIR/shared:/proc" "dir:$root" true
	refused proc berth run --network none --rm --tmpfs /proc "dir:$root" true
	# What lxcfs provides is welcome.
	echo one > "$SUITE_DIR/cpuinfo"
	run brun --rm -v "$SUITE_DIR/cpuinfo:/proc/cpuinfo" "dir:$root" cat /proc/cpuinfo
	[ "$output" = one ]
}

@test "CVE-2025-52881 sysctl-fake-proc: a sysctl is not written to what the image calls /proc" {
	local dir pid
	dir=$(bundle sysctl '{"destination":"/tmp","type":"tmpfs","source":"tmpfs"}' '"sysctl": { "net.ipv4.ip_default_ttl": "77" }')
	mkdir -p "$dir/rootfs/proc/sys/net/ipv4"
	echo fake > "$dir/rootfs/proc/sys/net/ipv4/ip_default_ttl"
	brun -d --name fake -i "oci-bundle:$dir" sh -c 'cat /proc/sys/net/ipv4/ip_default_ttl; sleep 600' > /dev/null
	wait_until 10 logged fake fake
	pid=$(berth inspect -f '{{.State.Pid}}' fake)
	[ "$(nsenter -t "$pid" -n cat /proc/sys/net/ipv4/ip_default_ttl)" = 77 ]
	[ "$(cat "$dir/rootfs/proc/sys/net/ipv4/ip_default_ttl")" = fake ]
}

@test "CVE-2023-25809, CVE-2022-0492 cgroup mounts are read-only, release_agent too" {
	run brun --rm --cap-add SYS_ADMIN "$(image)" sh -c 'grep -c cgroup /proc/mounts; grep cgroup /proc/mounts | grep -vc " ro[, ]"'
	[ "${lines[0]}" -gt 0 ]
	[ "${lines[1]}" = 0 ]
	run brun --rm --cap-add SYS_ADMIN "$(image)" sh -c 'for d in /sys/fs/cgroup /sys/fs/cgroup/*/; do [ -d $d ] || continue
		for f in release_agent notify_on_release cgroup.procs; do (echo 1 > $d/$f) 2>&1; done; mkdir $d/new 2>&1; done'
	[[ "$output" == *"ead-only file system"* ]]
	[ -z "$(grep -v -e 'ead-only file system' -e 'is a directory' <<< "$output")" ]
}

@test "mount-leak: no mount of a container shows on the host" {
	brun -d --name mounts -v "$SUITE_DIR/shared:/a:rshared" -v vol:/b --tmpfs /c "$(image)" sleep 600 > /dev/null
	mounts_of_daemon | diff "$OUTSIDE.mounts" -
	berth exec --privileged mounts sh -c 'mkdir -p /d; mount -t tmpfs none /d; mount --make-rshared / 2>/dev/null; mkdir -p /tmp/e; mount -t tmpfs none /tmp/e; true'
	mounts_of_daemon | diff "$OUTSIDE.mounts" -
}

# ---------------------------------------------------------------- 1.4 /dev

# masked KIND: /dev is a volume whose null is something else; masks are made of ours all the same.
masked() {
	# stdin, stdout and stderr are pipes, so that nothing but the masks needs a null device
	run bash -c ": | berth run --network none -i --rm -v $1:/dev $(image) sh -c 'stat -c %t:%T /proc/timer_list; cat /proc/timer_list; echo x > /proc/timer_list; true'"
	[ "$status" -eq 0 ]
	[ "${lines[*]}" = "1:3" ]
}

@test "CVE-2025-31133 masked-devnull-symlink" {
	local dev
	dev=$(fake_dev symlink)
	ln -s /etc/passwd "$dev/null"
	masked "$dev"
}

@test "CVE-2025-31133 masked-devnull-file" {
	local dev
	dev=$(fake_dev file)
	echo contents > "$dev/null"
	chmod 666 "$dev/null"
	masked "$dev"
	[ "$(cat "$dev/null")" = contents ]
}

@test "CVE-2025-31133 masked-devnull-wrongdev" {
	local dev
	dev=$(fake_dev wrongdev)
	mknod -m 666 "$dev/null" c 1 5
	masked "$dev"
}

@test "CVE-2025-52565, CVE-2026-88264 console-symlink: /dev/console of the image is a link" {
	local dir
	dir=$(bundle console "$PROC"', {"destination":"/dev/pts","type":"devpts","source":"devpts","options":["newinstance","ptmxmode=0666","mode=0620"]}')
	ln -s "$OUTSIDE/made" "$dir/rootfs/dev/console"
	refused console berth run --network none -d -t --name tty "oci-bundle:$dir" true
	ln -sfn /etc/passwd "$dir/rootfs/dev/console"
	berth rm -f tty > /dev/null 2>&1 || true
	refused console berth run --network none -d -t --name tty "oci-bundle:$dir" true
}

@test "CVE-2025-52565 console-pts-symlink: /dev/pts or /dev/ptmx of the image is a link" {
	local dir
	dir=$(bundle pts "$PROC")
	ln -s "$OUTSIDE" "$dir/rootfs/dev/pts"
	refused ptmx berth run --network none -d -t --name tty "oci-bundle:$dir" true
	berth rm -f tty > /dev/null 2>&1 || true
	rm "$dir/rootfs/dev/pts"
	mkdir "$dir/rootfs/dev/pts"
	mknod "$dir/rootfs/dev/pts/ptmx" c 1 3 # not the multiplexer
	refused ptmx berth run --network none -d -t --name tty "oci-bundle:$dir" true
}

@test "CVE-2026-41579, CVE-2026-47766 dev-symlink-nomount: /dev of a bundle leads out" {
	local dir
	dir=$(bundle dev "$PROC")
	rmdir "$dir/rootfs/dev"
	ln -s "../../../../../../..$OUTSIDE" "$dir/rootfs/dev"
	refused "symbolic link: /dev" berth run --network none --rm "oci-bundle:$dir" true
	ln -sfn "/proc/1/root$OUTSIDE" "$dir/rootfs/dev"
	refused "symbolic link: /dev" berth run --network none --rm "oci-bundle:$dir" true
}

@test "CVE-2026-41579 dev-symlink-mount: /dev of the image leads out, and something is mounted there" {
	local root
	root=$(spoilt dev)
	rmdir "$root/dev"
	ln -s "../../../../../../..$OUTSIDE" "$root/dev"
	refused "symbolic link: /dev" berth run --network none --rm "dir:$root" true
	ln -sfn "/proc/1/root$OUTSIDE" "$root/dev"
	refused "symbolic link: /dev" berth run --network none --rm "dir:$root" true
	refused "symbolic link: /dev" berth run --network none --rm --device /dev/zero:/dev/nought "dir:$root" true
}

@test "CVE-2026-88265 stdio-hijack: a file is not taken for the null device" {
	local dev
	dev=$(fake_dev hijack)
	echo contents > "$dev/null"
	refused /dev/null berth run --network none --rm -v "$dev:/dev" "$(image)" echo hijacked
	[ "$(cat "$dev/null")" = contents ]
}

@test "CVE-2026-88265 stdio-devnull-symlink: nor is a link, not even to the null device" {
	local dev
	dev=$(fake_dev link)
	echo contents > "$SUITE_DIR/victim"
	ln -s "/proc/1/root$SUITE_DIR/victim" "$dev/null"
	refused /dev/null berth run --network none --rm -v "$dev:/dev" "$(image)" echo hijacked
	ln -sfn zero "$dev/null"
	refused /dev/null berth run --network none --rm -v "$dev:/dev" "$(image)" echo hijacked
	[ "$(cat "$SUITE_DIR/victim")" = contents ]
	berth exec box sh -c 'mv /dev/null /dev/saved; ln -s /etc/passwd /dev/null'
	run berth exec box true
	berth exec -i box mv /dev/saved /dev/null < <(:)
	[ "$status" -ne 0 ]
	[[ "$output" == */dev/null* ]]
}

@test "stdio-chown-devnull: a null device is not given to the container's user" {
	run brun --rm -u 1000 "$(image)" stat -L -c '%u %t:%T' /dev/null /proc/self/fd/0
	[ "${lines[*]}" = "0 1:3 0 1:3" ]
	run berth exec -u 1000 box stat -L -c '%u %t:%T' /dev/null /proc/self/fd/0
	[ "${lines[*]}" = "0 1:3 0 1:3" ]
	run bash -c "berth run --network none -i --rm -u 1000 $(image) true < /dev/null > /dev/null"
	[ "$(null_device)" = "$(cat "$OUTSIDE.null")" ]
}

# In a daemon whose terminal is somebody's: what it starts must not have that terminal.
@test "CVE-2017-5226, CVE-2016-2568 tty-tiocsti: the operator's terminal is out of reach" {
	local name=$SUITE_NAME-tty run=$SUITE_DIR/run-tty host=unix://$SUITE_DIR/run-tty/berth.sock
	cat > "$SUITE_DIR/tty.exp" <<-EOF2
		set timeout $((30 * SLOW))
		spawn "$BERTH_BUILD/berth" daemon --name $name --data-root "$SUITE_DIR/data-tty" --run-root "$run" -H "$host"
		while {![file exists "$SUITE_DIR/tty.done"]} { expect -timeout 1 "never this" {} timeout {} eof { exit 3 } }
		exec kill -TERM [exp_pid]
		expect eof
	EOF2
	expect "$SUITE_DIR/tty.exp" > "$SUITE_DIR/tty.out" 2>&1 3>&- &
	local pid=$!
	wait_until 10 berth -H "$host" version > /dev/null 2>&1
	local codes=""
	berth -H "$host" run --network none --rm -v "$TOOLS:/tool:ro" "$(image)" /tool/keys /dev/tty "text of an attacker" || codes+="$?"
	berth -H "$host" run --network none -d --name tty -v "$TOOLS:/tool:ro" "$(image)" sleep 600 > /dev/null
	berth -H "$host" exec tty /tool/keys /dev/tty "text of an attacker" || codes+=" $?"
	berth -H "$host" rm -f tty > /dev/null
	touch "$SUITE_DIR/tty.done"
	wait "$pid" || true
	wait_until 20 not_running "$name"
	rm -rf "$run" "$SUITE_DIR/data-tty"
	[ "$codes" = "3 3" ] # no such device
	! grep "text of an attacker" "$SUITE_DIR/tty.out"
}
not_running() { ! grep -lqs -e "--nam[e] $1 " <(cat /proc/[0-9]*/cmdline 2> /dev/null | tr '\0' ' '); }

# ---------------------------------------------------------------- 1.5 identity, capabilities, names

@test "CVE-2016-3697 exec-user-numeric: digits are an id, even where somebody is called so" {
	local root
	root=$(spoilt numeric)
	echo '1000:x:0:0::/:/bin/sh' >> "$root/etc/passwd"
	echo '1001:x:0:' >> "$root/etc/group"
	sed -i '/^alice/d' "$root/etc/passwd"
	run brun --rm -u 1000:1001 "dir:$root" sh -c 'echo $(id -u) $(id -g)'
	[ "$output" = "1000 1001" ]
	brun -d --name numeric "dir:$root" sleep 600 > /dev/null
	run berth exec -u 1000 numeric id -u
	[ "$output" = 1000 ]
	run berth exec -u 1:1001 numeric sh -c 'echo $(id -u) $(id -g)'
	[ "$output" = "1 1001" ]
	run brun --rm -u 1 --group-add 1001 "dir:$root" id -G
	[[ "$output" == *1001* ]]
}

@test "CVE-2024-40635, CVE-2026-30892, CVE-2026-46680 exec-user-range: nothing wraps, nothing else is a number" {
	local user
	for user in 4294967296 4294967295 18446744073709551616 99999999999999999999999 -1 +5 " 5" 5x 0x5 1:-1 0:4294967296 1:4294967295 : 1:; do # ":1" is docker's way to say the group alone
		refused "" berth exec -u "$user" box id -u
		refused "" berth run --network none --rm -u "$user" "$(image)" id -u
	done
	run berth exec -u 4294967294 box id -u
	[ "$output" = 4294967294 ]
	run berth exec -u 2147483648:2147483649 box sh -c 'echo $(id -u) $(id -g)'
	[ "$output" = "2147483648 2147483649" ]
}

@test "CVE-2022-29162, CVE-2022-24769, CVE-2022-27651 caps-inheritable: none, whatever the caller's are" {
	grep -q 'CapInh:.*[1-9a-f]' "/proc/$(supervisor_pid)/status" # or nothing was tried
	run brun --rm "$(image)" grep -E 'CapInh|CapAmb' /proc/self/status
	[ "$(grep -c 0000000000000000 <<< "$output")" -eq 2 ]
	run berth exec box grep -E 'CapInh|CapAmb' /proc/self/status
	[ "$(grep -c 0000000000000000 <<< "$output")" -eq 2 ]
}

@test "CVE-2016-8867, CVE-2018-10856 caps-nonroot: a user that is not root has none" {
	run brun --rm -u 1000 --cap-add SYS_ADMIN "$(image)" grep -E 'Cap(Inh|Prm|Eff|Amb)' /proc/self/status
	[ "$(grep -c 0000000000000000 <<< "$output")" -eq 4 ]
	run berth exec -u 1000 box grep -E 'Cap(Inh|Prm|Eff|Amb)' /proc/self/status
	[ "$(grep -c 0000000000000000 <<< "$output")" -eq 4 ]
	run brun --rm -u 1000 "$(image)" chown 1000 /bin/busybox
	[ "$status" -ne 0 ]
}

@test "CVE-2022-36109, CVE-2023-25173, CVE-2022-2989 groups-leak: none of the caller's, and the user's own among them" {
	grep -q '^Groups:.*1234' "/proc/$(keeper_pid)/status" # or nothing was tried
	run brun --rm -u 1:1 "$(image)" grep ^Groups /proc/self/status
	[ "$(tr -d ' \t' <<< "$output")" = Groups:1 ]
	run brun --rm -u alice "$(image)" id -G
	[ "$output" = "1000 1500" ]
	run berth exec -u 1:1 box grep ^Groups /proc/self/status
	[ "$(tr -d ' \t' <<< "$output")" = Groups:1 ]
}

@test "CVE-2024-9676 passwd-fifo: a pipe for /etc/passwd or /etc/group holds nobody up" {
	local root
	root=$(spoilt fifo)
	rm "$root/etc/passwd"
	mkfifo "$root/etc/passwd"
	refused "/etc/passwd is not a regular file" berth run --network none --rm -u alice "dir:$root" true
	mv "$root/etc/group" "$root/etc/saved"
	cp "$ROOT/etc/passwd" "$root/etc/new"
	mv "$root/etc/new" "$root/etc/passwd"
	mkfifo "$root/etc/group"
	refused "/etc/group is not a regular file" berth run --network none --rm -u alice "dir:$root" true
	brun -d --name fifo "$(image)" sh -c 'rm /etc/passwd; mkfifo /etc/passwd; sleep 600' > /dev/null
	wait_until 10 berth exec -u 0:0 -e HOME=/ fifo test -p /etc/passwd || true
	refused "/etc/passwd is not a regular file" berth exec -u alice fifo true
}

@test "CVE-2026-47262, CVE-2024-9676 passwd-zero: nor an endless or a huge one, nor one outside of the root" {
	local root
	root=$(spoilt zero)
	ln -sfn /dev/zero "$root/etc/passwd"
	refused "/etc/passwd is not a regular file" berth run --network none --rm -u alice "dir:$root" true
	rm "$root/etc/passwd"
	truncate -s 10G "$root/etc/passwd"
	refused "/etc/passwd is larger than" berth run --network none --rm -u alice "dir:$root" true
	rm "$root/etc/passwd"
	echo 'stranger:x:0:0::/:/bin/sh' > "$SUITE_DIR/passwd"
	ln -sfn "/proc/1/root$SUITE_DIR/passwd" "$root/etc/passwd"
	refused "" berth run --network none --rm -u stranger "dir:$root" true
	ln -sfn "../../../../../../../..$SUITE_DIR/passwd" "$root/etc/passwd"
	refused "unable to find user stranger" berth run --network none --rm -u stranger "dir:$root" true
}

@test "CVE-2025-24965, CVE-2021-20206 id-traversal: names of containers, volumes and projects" {
	local name
	for name in ../x a/b "a b" .. . -x .hidden "a
b" '$(x)'; do
		refused "" berth create --network none "--name=$name" "$(image)" true
		refused "" berth inspect "$name"
	done
	for name in a/b "a b" '$x' 'x\y' "$(printf 'x%.0s' {1..300})"; do
		refused "" berth run --network none --rm --mount "type=volume,source=$name,target=/v" "$(image)" true
	done
	refused "" berth run --network none --rm --mount "type=volume,source=../../$OUTSIDE,target=/v" "$(image)" true
	printf 'services:\n  a:\n    image: dir:%s\n    command: ["true"]\n' "$ROOT" > "$SUITE_DIR/compose.yaml"
	for name in ../x a/b .. A -x; do
		refused "" berth compose "--project-name=$name" -f "$SUITE_DIR/compose.yaml" up -d
		refused "" berth up "--project-name=$name" -f "$SUITE_DIR/compose.yaml" -d
	done
	printf 'name: ../x\nservices:\n  a:\n    image: dir:%s\n' "$ROOT" > "$SUITE_DIR/compose.yaml"
	refused "" berth up -f "$SUITE_DIR/compose.yaml" -d
	run socat -t5 - "UNIX-CONNECT:${BERTH_HOST#unix://}" <<< $'GET /v1.41/containers/..%2f..%2fetc/json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r'
	[[ "$output" == "HTTP/1.1 4"* ]]
}

@test "CVE-2026-47766 cgroup-traversal: no group is made above ours" {
	local before parent
	strangers() { find_groups ! -path "*/$SUITE_NAME*" '(' -name x -o -name a -o -name $'a\nb' ')'; } # others' come and go
	before=$(strangers)
	for parent in ../../x /../x a/../../../x "$(printf 'a\nb')"; do
		refused "" berth run --network none --rm --cgroup-parent "$parent" "$(image)" true
	done
	[ "$(strangers)" = "$before" ]
}

@test "CVE-2022-0811 sysctl-host: nothing of the host's, whichever way it is written" {
	local key before
	before=$(cat /proc/sys/kernel/core_pattern)
	for key in kernel.core_pattern kernel/core_pattern kernel.panic vm.swappiness fs.file-max dev.tty.legacy_tiocsti \
		net.ipv4.../../kernel/core_pattern net/../kernel/core_pattern kernel.shm_rmid_forced/../core_pattern \
		net.ipv4.ip_forward+kernel.core_pattern fs.mqueue.../../kernel.core_pattern; do
		refused "" berth run --network none --rm --sysctl "$key=|/bin/x" "$(image)" true
	done
	refused "" berth run --network none --rm --sysctl "kernel.shm_rmid_forced=1+kernel.core_pattern=|/bin/x" "$(image)" true
	[ "$(cat /proc/sys/kernel/core_pattern)" = "$before" ]
	run brun --rm --sysctl net.ipv4.ip_forward=1 "$(image)" cat /proc/sys/net/ipv4/ip_forward
	[ "$output" = 1 ]
}

# ---------------------------------------------------------------- 1.6 and nobody is held up

@test "CVE-2026-53495 exec-bg-child: the end of the process counts, not of its output" {
	local before
	before=$(seconds)
	run timeout $((20 * SLOW)) berth exec box sh -c 'sleep 50 & exit 3'
	[ "$status" -eq 3 ]
	[ $(($(seconds) - before)) -le $((3 * SLOW)) ]
	berth exec box pkill -x sleep || true
}

@test "a copy of its report, held by a container with SYS_PTRACE, delays neither an exec nor a start" {
	local before
	prey keep --cap-add SYS_PTRACE
	local i
	for ((i = 0; i < 40; i++)); do
		before=$(seconds)
		timeout $((20 * SLOW)) berth exec prey true
		timeout $((20 * SLOW)) berth run --network none --rm --pid container:prey "$(image)" true
		[ $(($(seconds) - before)) -le $((8 * SLOW)) ]
		[ $i -lt 5 ] || [ "$(berth logs prey | grep -c 'kept .* [4-9]$')" -lt 2 ] || break
	done
	logged prey kept
}

@test "stopped by a container with SYS_PTRACE, an exec and a start end by their deadline, and cost nothing meanwhile" {
	local before ticks i
	prey hold --cap-add SYS_PTRACE
	ticks=$(cpu_ticks "$(supervisor_pid)")
	before=$(seconds)
	timeout $((60 * SLOW)) berth run --network none --pid container:prey --name held "$(image)" true > "$SUITE_DIR/start.out" 2>&1 3>&- &
	local start=$!
	for ((i = 0; i < 40; i++)); do
		timeout $((60 * SLOW)) berth exec prey true > "$SUITE_DIR/exec.out" 2>&1 3>&- || break
	done
	wait "$start" || true
	logged prey held
	[ $i -lt 40 ] # or it has caught nobody
	[ $(($(seconds) - before)) -le $((35 + 10 * SLOW)) ]
	echo "supervisor: $(($(cpu_ticks "$(supervisor_pid)") - ticks)) ticks"
	[ $(($(cpu_ticks "$(supervisor_pid)") - ticks)) -lt $((200 * SLOW)) ]
	berth exec box true
	before=$(seconds)
	timeout $((20 * SLOW)) berth rm -f prey > /dev/null
	[ $(($(seconds) - before)) -le $((5 * SLOW)) ]
}

@test "traced by a container with SYS_PTRACE, an exec that ends has ended, though nobody can reap it" {
	local before ticks i
	prey trace --cap-add SYS_PTRACE
	ticks=$(cpu_ticks "$(supervisor_pid)")
	before=$(seconds)
	for i in 0 7; do
		run timeout $((20 * SLOW)) berth exec prey sh -c "n=0; while [ \$n -lt 300000 ]; do n=\$((n + 1)); done; exit $i" # no child: nobody could wait for it
		echo "exit code $status, wanted $i" >&2
		[ "$status" -eq "$i" ]
	done
	logged prey traced
	[ $(($(seconds) - before)) -le $((12 * SLOW)) ]
	sleep 3
	echo "supervisor: $(($(cpu_ticks "$(supervisor_pid)") - ticks)) ticks"
	[ $(($(cpu_ticks "$(supervisor_pid)") - ticks)) -lt $((50 * SLOW)) ]
	before=$(seconds)
	timeout $((20 * SLOW)) berth rm -f prey > /dev/null
	[ $(($(seconds) - before)) -le $((5 * SLOW)) ]
}
