# crash: supervisor and keeper killed at every step and at random; what runs goes on, what was half done is gone.
#
# A fault point is a place in the code at which BERTH_FAULT=NAME:WHO kills (base/fault.h). Their names are read from the
# program, so that a new one is struck without a change here.
load lib
load crash

setup_file() {
	prepare_suite
	export FAULTS=$BERTH_BUILD/faults/berth
	[ -x "$FAULTS" ] || { echo "$FAULTS is not built (make faults)" >&2; return 1; }
	export SEED=${BERTH_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
	measure_baseline
}
teardown_file() { leave_suite; }

# Each test runs daemons of its own; one that a failure left behind must not spoil the next.
teardown() { end_daemon_by_force; }

@test "the supervisor dies at each of its own steps" {
	strike_each self live_detached -- supervisor.
}

@test "the supervisor dies at each step of launcher and init" {
	strike_each supervisor live_detached -- launch. init.
}

@test "the launcher, the init and the worker die at each of their steps" {
	strike_each self live_detached -- launch. init. worker.
}
