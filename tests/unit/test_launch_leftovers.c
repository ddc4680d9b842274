/* Whoever dies during a launch, nothing of it stays; and who is whose child, who holds what. Needs root; the places named
 * in the code (base/fault.h) are killed at in a build with FAULTS=1 only. */
#include "tests/support/launch_fixture.h"
#include "runtime/stage/plan.h"

#define DEADLINE_MS 10000

/* Reap whatever is ours until nothing is; the caller itself is among it. */
static void reap_all(void)
{
	for (int ms = 0; ms < DEADLINE_MS; ms++) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);
		if (pid < 0)
			return;
		if (pid == 0)
			usleep(1000);
	}
	fail_msg("a process of the launch is still there");
}

static void remove_group(void)
{
	struct err e = { 0 };
	if (cgroup_remove(fix.cgroups, "c", 5000, &e) < 0)
		fail_msg("%s", e.text);
}

/* Start in a process of its own, which kills itself when it has seen this much of the launch; -1: right after the fork. */
static void die_after(struct spec *s, int event, bool release)
{
	pid_t caller = fork();
	assert_true(caller >= 0);
	if (caller == 0) {
		struct sample t = SAMPLE_NONE;
		struct err e = { 0 };
		struct launch_args args = launch_args_of(s, -1);
		if (launch_begin(&args, &t.launch, &e) < 0 ||
			(event >= 0 && sample_until(&t, (enum launch_event)event, &e) < 0))
			_exit(1);
		if (release && launch_release(&t.launch, &e) < 0)
			_exit(1);
		(void)kill(getpid(), SIGKILL);
	}
	assert_int_equal(sample_reap(caller), 128 + SIGKILL);
}

static void caller_dies(void **state)
{
	static const int events[] = { -1, LAUNCH_INIT, LAUNCH_READY };
	(void)state;
	NEEDS_ROOT();
	for (int kind = 0; kind < 3; kind++) {
		for (size_t i = 0; i < ARRAY_LEN(events); i++) {
			struct spec *s = shell_spec(fix.root, "sleep 60");
			if (kind == 1)
				sample_new_user_ns(s);
			if (kind == 2)
				s->ns[SPEC_NS_PID].mode = SPEC_NS_HOST;
			die_after(s, events[i], false);
			reap_all();
			remove_group();
			spec_free(s);
		}
	}
}

/* Once released it is a container, and does not need whoever started it. */
static void caller_dies_after_release(void **state)
{
	struct err e = { 0 };
	struct cgroup g;
	(void)state;
	NEEDS_ROOT();
	struct spec *s = shell_spec(fix.root, "sleep 60");
	die_after(s, LAUNCH_READY, true);
	usleep(200000);
	assert_int_equal(cgroup_open(fix.cgroups, "c", &g, &e), 0);
	assert_int_equal(cgroup_is_populated(&g, fix.cgroups), 1);
	assert_int_equal(cgroup_kill(&g, fix.cgroups, &e), 0);
	cgroup_close(&g);
	reap_all();
	remove_group();
	spec_free(s);
}

static void caller_changes_its_mind(void **state)
{
	static const int events[] = { -1, LAUNCH_INIT, LAUNCH_READY };
	(void)state;
	NEEDS_ROOT();
	for (size_t i = 0; i < ARRAY_LEN(events); i++) {
		struct sample t = SAMPLE_NONE;
		struct err e = { 0 };
		struct spec *s = shell_spec(fix.root, "sleep 60");
		struct launch_args args = launch_args_of(s, -1);
		assert_int_equal(launch_begin(&args, &t.launch, &e), 0);
		if (events[i] >= 0)
			assert_int_equal(sample_until(&t, (enum launch_event)events[i], &e), 0);
		launch_done(&t.launch);
		own_close(&t.init.pidfd);
		reap_all();
		remove_group();
		spec_free(s);
	}
}

/* With clone_parent both are the children of the caller's parent. */
static void parent_is_the_callers(void **state)
{
	int codes[2] = { -1, -1 }, n = 0, status, sync[2];
	pid_t pid;
	(void)state;
	NEEDS_ROOT();
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0); /* it is not adoption that is looked for */
	assert_int_equal(pipe2(sync, O_CLOEXEC), 0);
	struct spec *s = shell_spec(fix.root, "exit 5");
	pid_t caller = fork();
	assert_true(caller >= 0);
	if (caller == 0) {
		struct sample t = SAMPLE_NONE;
		struct err e = { 0 };
		char byte;
		struct launch_args args = launch_args_of(s, -1);
		args.clone_parent = true;
		(void)close(sync[1]);
		if (launch_begin(&args, &t.launch, &e) < 0 || sample_until(&t, LAUNCH_READY, &e) < 0 ||
			launch_release(&t.launch, &e) < 0 || sample_until(&t, LAUNCH_RUNNING, &e) < 0)
			_exit(1);
		if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
			_exit(2);
		_exit(read(sync[0], &byte, 1) == 0 ? 0 : 3); /* alive until the others have been reaped */
	}
	(void)close(sync[0]);
	while (n < 2 && (pid = waitpid(-1, &status, 0)) > 0) {
		assert_int_not_equal(pid, caller);
		assert_true(WIFEXITED(status));
		codes[n++] = WEXITSTATUS(status);
	}
	(void)close(sync[1]);
	assert_int_equal(codes[0] + codes[1], 5); /* the launcher's 0, the container's 5 */
	assert_int_equal(sample_reap(caller), 0);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	remove_group();
	spec_free(s);
}

/* The leftovers' pipe: at its end when the launcher is, whatever the container does. */
static void only_the_launcher_keeps(void **state)
{
	struct sample t = SAMPLE_NONE;
	struct err e = { 0 };
	char byte;
	int p[2];
	(void)state;
	NEEDS_ROOT();
	for (int kind = 0; kind < 2; kind++) {
		t = SAMPLE_NONE;
		assert_int_equal(pipe2(p, O_CLOEXEC), 0);
		struct spec *s = shell_spec(fix.root, "sleep 60");
		if (kind == 1)
			s->ns[SPEC_NS_PID].mode = SPEC_NS_HOST;
		struct launch_args args = launch_args_of(s, -1);
		args.keep_fd = p[1];
		assert_int_equal(launch_begin(&args, &t.launch, &e), 0);
		(void)close(p[1]);
		assert_int_equal(sample_until(&t, LAUNCH_READY, &e), 0);
		struct pollfd ended = { .fd = p[0], .events = POLLIN };
		assert_int_equal(poll(&ended, 1, 2000),
			1); /* the init waits for its release, the pipe has no writer */
		assert_int_equal(read(p[0], &byte, 1), 0);
		(void)close(p[0]);
		assert_int_equal(sample_end(&t, fix.cgroups, "c"), PLAN_EXIT_UNRELEASED);
		spec_free(s);
	}
}

/* Is this text anywhere in the memory that a process may write? */
static bool memory_has(pid_t pid, const char *text)
{
	char path[64], line[512];
	bool found = false;
	size_t len = strlen(text);

	(void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	FILE *maps = fopen(path, "re");
	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	int mem = open(path, O_RDONLY | O_CLOEXEC);
	assert_non_null(maps);
	assert_true(mem >= 0);
	while (!found && fgets(line, sizeof(line), maps)) {
		unsigned long from, to;
		char mode[8];
		if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) != 3 || mode[1] != 'w' ||
			to - from > 64UL << 20)
			continue;
		char *copy = malloc(to - from);
		assert_non_null(copy);
		ssize_t n = pread(mem, copy, to - from, (off_t)from);
		found = n > 0 && memmem(copy, (size_t)n, text, len);
		free(copy);
	}
	(void)fclose(maps);
	(void)close(mem);
	return found;
}

/* CVE-2016-9962 and its like: in a pid namespace with others in it, the init is no copy of its caller. */
static void no_memory_where_others_look(void **state)
{
	char *secret = malloc(64);
	struct err e = { 0 };
	(void)state;
	NEEDS_ROOT();
	assert_non_null(secret);
	(void)snprintf(secret, 64, "password-of-another-container-%d", (int)getpid());
	for (int host = 0; host < 2; host++) {
		struct sample t = SAMPLE_NONE;
		struct spec *s = shell_spec(fix.root, "true");
		if (host)
			s->ns[SPEC_NS_PID].mode = SPEC_NS_HOST;
		struct launch_args args = launch_args_of(s, -1);
		assert_int_equal(launch_begin(&args, &t.launch, &e), 0);
		if (sample_until(&t, LAUNCH_READY, &e) < 0)
			fail_msg("%s", e.text);
		/* With a pid namespace of its own it is one: there is nobody to look. And so this test can find it. */
		assert_int_equal(memory_has(t.init.pid, secret), !host);
		assert_int_equal(sample_end(&t, fix.cgroups, "c"), PLAN_EXIT_UNRELEASED);
		spec_free(s);
	}
	free(secret);
}

static void killed_at_every_place(void **state)
{
	(void)state;
	NEEDS_ROOT();
#ifdef BERTH_FAULTS
	static const char *const places[] = { "launch.begun", "launch.cgroup", "launch.root", "launch.mounts",
		"launch.joined", "launch.cloned", "launch.recorded", "init.cloned", "init.mounted",
		"init.recorded", "init.prepared", "init.released" };
	static const char *const who[] = { "self", "supervisor" };
	char value[64];
	for (int kind = 0; kind < 2; kind++) {
		for (size_t i = 0; i < ARRAY_LEN(places) * 2; i++) {
			(void)snprintf(value, sizeof(value), "%s:%s", places[i / 2], who[i % 2]);
			struct spec *s = shell_spec(fix.root, "exit 0");
			if (kind)
				s->ns[SPEC_NS_PID].mode = SPEC_NS_HOST;
			pid_t caller = fork();
			assert_true(caller >= 0);
			if (caller == 0) {
				struct err e = { 0 };
				struct launch_args args = launch_args_of(s, -1);
				(void)setenv("BERTH_FAULT", value, 1);
				(void)sample_run(&args, &e);
				_exit(e.code !=
					0); /* the launch must have failed, and the caller have been told */
			}
			int code = sample_reap(caller);
			if (code != (i % 2 ? 128 + SIGKILL : 1))
				fail_msg("%s: the caller ended with %d", value, code);
			reap_all();
			remove_group();
			spec_free(s);
		}
	}
#else
	print_message("skipped: needs a build with FAULTS=1\n");
	skip();
#endif
}

static const struct CMUnitTest tests[] = {
	launch_test(caller_dies),
	launch_test(caller_dies_after_release),
	launch_test(caller_changes_its_mind),
	launch_test(parent_is_the_callers),
	launch_test(only_the_launcher_keeps),
	launch_test(no_memory_where_others_look),
	launch_test(killed_at_every_place),
};

LAUNCH_TEST_MAIN(tests)
