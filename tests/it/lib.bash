# lib - what every integration suite shares: a root filesystem, a daemon of its own, and the proof that nothing is left.
#
# Each bats file runs its own daemon under its own NAME, so that suites never disturb each other or the host.
#   setup_file()    { start_suite; }         makes $ROOT (busybox), starts the daemon
#   teardown_file() { end_suite; }           removes all containers, stops it and asserts that nothing is left
#   setup()/teardown(): no_containers        each test removes what it made
# shellcheck shell=bash

export BERTH_BUILD=${BERTH_BUILD:-$PWD/build}
SLOW=${BERTH_TEST_SLOW:-1} # a virtual machine without KVM is that much slower: deadlines only, never expectations

make_root() { # make_root DIR: a busybox root filesystem
	mkdir -p "$1"/{bin,etc,tmp,proc,sys,dev,root,var/lib,home}
	chmod 1777 "$1/tmp"
	cp /bin/busybox "$1/bin/busybox"
	# In one process: hundreds of ln(1) take a quarter of a minute in a machine without KVM.
	/bin/busybox --list | perl -e 'chdir shift or die; while (<STDIN>) { chomp; symlink "busybox", $_ or $!{EEXIST} or die }' "$1/bin"
	printf 'root:x:0:0:root:/root:/bin/sh\nbin:x:1:1::/:/bin/false\nalice:x:1000:1000:Alice:/home/alice:/bin/sh\n' > "$1/etc/passwd"
	printf 'root:x:0:\nbin:x:1:\nalice:x:1000:\nextra:x:1500:alice\n' > "$1/etc/group"
}

start_suite() {
	prepare_suite
	start_daemon "$@"
}

prepare_suite() { # all of it but the daemon
	export SUITE_NAME="bt$$x$RANDOM"
	export SUITE_DIR
	SUITE_DIR=$(mktemp -d "${TMPDIR:-/tmp}/$SUITE_NAME.XXXXXX")
	export ROOT=$SUITE_DIR/image
	make_root "$ROOT"
	export BERTH_HOST=unix://$SUITE_DIR/run/berth.sock
	export PATH=$BERTH_BUILD:$PATH
	mountinfo_of_host > "$SUITE_DIR/mounts.before"
	ls /sys/class/net > "$SUITE_DIR/links.before"
	tree_hash "$ROOT" > "$SUITE_DIR/image.before"
}

mountinfo_of_host() {
	awk '{ print $4, $5, $9 }' /proc/self/mountinfo | sort
}

# Those of other programs that work below /tmp at the same time are not our business, nor what the kernel mounts by itself.
new_mounts() {
	mountinfo_of_host | comm -13 "$SUITE_DIR/mounts.before" - |
		awk -v ours="$SUITE_NAME" '$2 != "/sys/kernel/tracing" && ($2 !~ "^/tmp/" || index($0, ours))'
}

tree_hash() {
	(cd "$1" && find . -printf '%p %m %U %G %s %l %T@\n' | sort | sha256sum)
}

# start_daemon [ARGS...]: in the background; $SUITE_DIR/daemon.pid is the keeper. Returns when the socket answers.
start_daemon() {
	(
		cd /
		exec "${BERTH_PROGRAM:-$BERTH_BUILD/berth}" daemon --name "$SUITE_NAME" --data-root "$SUITE_DIR/data" --run-root "$SUITE_DIR/run" \
			-H "$BERTH_HOST" "$@" 3>&- 4>&- > "$SUITE_DIR/daemon.out" 2>> "$SUITE_DIR/daemon.log" < /dev/null &
		echo $! > "$SUITE_DIR/daemon.pid"
	)
	wait_until 10 timeout $((5 * SLOW)) berth version > /dev/null 2>&1 || { cat "$SUITE_DIR/daemon.log" >&2; return 1; }
}

keeper_pid() { cat "$SUITE_DIR/daemon.pid"; }
supervisor_pid() { cat "$SUITE_DIR/run/supervisor.pid"; }

# wait_until SECONDS COMMAND...: poll until it succeeds.
wait_until() {
	local end=$(( $(date +%s%N) + $1 * SLOW * 1000000000 ))
	shift
	until "$@"; do
		[ "$(date +%s%N)" -lt "$end" ] || { echo "timed out waiting for: $*" >&2; return 1; }
		sleep 0.05
	done
}

process_gone() { ! grep -qs '^State:.[^ZX]' "/proc/$1/status"; }

stop_daemon() {
	local pid
	pid=$(keeper_pid)
	kill -TERM "$pid" 2>/dev/null || true
	wait_until 20 process_gone "$pid" || { cat "$SUITE_DIR/daemon.log" >&2; return 1; }
}

end_suite() {
	local failed=0
	[ -n "${SUITE_DIR:-}" ] || return 1 # it never began
	remove_all || failed=1
	stop_daemon || failed=1
	assert_nothing_left || failed=1
	if grep -E 'AddressSanitizer|runtime error:' "$SUITE_DIR/daemon.log" >&2; then
		failed=1 # the keeper has started it again, so nobody else would notice
	fi
	if [ -z "${CRASHES_EXPECTED:-}" ] && grep ' event=crashed ' "$SUITE_DIR/daemon.log" >&2; then
		failed=1 # nor this
	fi
	if [ "$(tree_hash "$ROOT")" != "$(cat "$SUITE_DIR/image.before")" ]; then
		echo "the image directory changed" >&2
		failed=1
	fi
	[ $failed = 0 ] || { echo "--- daemon log:" >&2; tail -50 "$SUITE_DIR/daemon.log" >&2; }
	rm -rf "$SUITE_DIR"
	return $failed
}

# find_groups ARGS...: the groups that find(1) finds with these. Those of others may go meanwhile, which is no failure.
find_groups() { find /sys/fs/cgroup -ignore_readdir_race -type d "$@" 2> /dev/null || true; }

# Nothing of this suite's daemon is in the kernel or below its run root; nor in its data root, unless containers are to stay there.
assert_nothing_left() {
	local left=0 found
	found=$(processes_of_suite)
	[ -z "$found" ] || { echo "processes left: $found" >&2; left=1; }
	found=$(find_groups -name "$SUITE_NAME*")
	[ -z "$found" ] || { echo "cgroups left: $found" >&2; left=1; }
	found=$(new_mounts)
	[ -z "$found" ] || { echo "mounts left: $found" >&2; left=1; }
	found=$(ls /sys/class/net | comm -13 "$SUITE_DIR/links.before" -)
	[ -z "$found" ] || { echo "links left: $found" >&2; left=1; }
	found=$(find "$SUITE_DIR/run" -mindepth 1 2>/dev/null)
	[ -z "$found" ] || { echo "files left in the run root: $found" >&2; left=1; }
	found=$(find "$SUITE_DIR/data/trash" -mindepth 1 -maxdepth 1 2>/dev/null) || true
	[ -z "$found" ] || { echo "files left in the trash: $found" >&2; left=1; }
	[ "${1:-}" != keep-containers ] || return $left
	found=$(find "$SUITE_DIR/data/containers" "$SUITE_DIR/data/logs" -mindepth 1 -maxdepth 1 2>/dev/null) || true
	[ -z "$found" ] || { echo "files left in the data root: $found" >&2; left=1; }
	return $left
}

# Processes whose cgroup carries the suite's name, or who have it as an argument.
processes_of_suite() {
	local dir line
	for dir in $( (grep -ls "/$SUITE_NAME" /proc/[0-9]*/cgroup; grep -lszxF -- "$SUITE_NAME" /proc/[0-9]*/cmdline) | cut -d/ -f1-3 | sort -u); do
		line=$(cat "$dir/cmdline" 2> /dev/null | tr '\0' ' ' | cut -c1-60)
		process_gone "${dir#/proc/}" || echo "${dir#/proc/} ($line)"
	done
}

remove_all() {
	local ids
	ids=$(timeout $((60 * SLOW)) berth ps -aq)
	[ -z "$ids" ] || timeout $((60 * SLOW)) berth rm -f $ids > /dev/null
}

# `run --separate-stderr` and `run -127` need it.
bats_require_minimum_version 1.5.0
