/*
 * bench - a start and an exec of `true`, five ways, one of each per round, so that all see the same machine.
 *
 *   floor    the system calls that the job needs and nothing else (floor.c)
 *   runtime  runtime/launch and runtime/exec within this process
 *   api      a running daemon, over its socket
 *   crun, runc  Debian's, as programs, with the same config.json
 *
 * usage (root): bench SOCKET ROOT ROUNDS     ROOT is a root filesystem with /bin/true and /bin/sleep; absolute
 * Prints median, p10 and p90 in microseconds and the ratio of the medians to the floor's. Below, for every row of ours above
 * three times the floor, a sentence that says where the time goes, with what was measured in this run.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/http.h"
#include "base/io.h"
#include "base/json.h"
#include "base/own.h"
#include "runtime/exec.h"
#include "runtime/seccomp.h"
#include "tests/bench/floor.h"
#include "tests/support/sample.h"

extern char **environ;

static struct {
	const char *socket, *root;
	char dir[64]; /* bundles and the runtimes' state */
	struct launch_env *env;
	struct cgroup_root *cgroups;
	struct spec *plain, *filtered, *sleeping;
	struct seccomp_prog prog;
	pid_t floor_sleeper;
	struct sample sleeper; /* the runtime's container that execs go into */
	struct cgroup sleeper_group;
} b = { .sleeper = { .console_fd = -1 } };

static _Noreturn void die(const char *what, const struct err *e)
{
	(void)fprintf(stderr, "bench: %s: %s\n", what, e ? e->text : strerror(errno));
	exit(1);
}

/* ---------------------------------------------------------------- within this process */

static struct launch_args args_of(const struct spec *s, const char *id, const struct seccomp_prog *prog)
{
	return (struct launch_args){ .env = b.env,
		.spec = s,
		.id = id,
		.cgroups = b.cgroups,
		.cgroup_path = id,
		.launcher_cgroup_fd = -1,
		.seccomp = prog,
		.stdio = { -1, -1, -1 },
		.keep_fd = -1 };
}

static int runtime_start(void)
{
	struct launch_args args = args_of(b.plain, "start", NULL);
	struct err e = { 0 };
	int code = sample_run(&args, &e);
	if (e.code)
		die("runtime start", &e);
	return code;
}

static int runtime_start_filtered(void)
{
	struct launch_args args = args_of(b.filtered, "start", &b.prog);
	struct err e = { 0 };
	int code = sample_run(&args, &e);
	if (e.code)
		die("runtime start with seccomp", &e);
	return code;
}

static void runtime_sleeper(void)
{
	struct launch_args args = args_of(b.sleeping, "sleeper", NULL);
	struct err e = { 0 };
	b.sleeper = SAMPLE_NONE;
	if (launch_begin(&args, &b.sleeper.launch, &e) < 0 ||
		sample_until(&b.sleeper, LAUNCH_READY, &e) < 0 || launch_release(&b.sleeper.launch, &e) < 0 ||
		sample_until(&b.sleeper, LAUNCH_RUNNING, &e) < 0 ||
		cgroup_open(b.cgroups, "sleeper", &b.sleeper_group, &e) < 0)
		die("runtime sleeper", &e);
}

static int runtime_exec(void)
{
	static char *argv[] = { "/bin/true", NULL }, *env[] = { "PATH=/bin", NULL };
	struct spec_process process = b.plain->process;
	process.args = argv;
	process.env = env;
	struct exec_args args = { .process = &process,
		.join_ns = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET |
			CLONE_NEWCGROUP,
		.init_pidfd = b.sleeper.init.pidfd,
		.cgroup = &b.sleeper_group,
		.stdio = { -1, -1, -1 } };
	struct exec x;
	struct exec_result got;
	struct err e = { 0 };
	int r = exec_begin(&args, &x, &e);
	while (r == 0 && (r = exec_receive(&x, &got, &e)) == -EAGAIN) {
		struct pollfd p = { .fd = x.report_fd, .events = POLLIN };
		r = poll(&p, 1, 10000) > 0 ? 0 : -ETIMEDOUT;
	}
	if (r < 0 || got.event != EXEC_RUNNING)
		die("runtime exec", &e);
	(void)sample_reap(x.stage_pid);
	siginfo_t info;
	if (waitid(P_PIDFD, (id_t)got.pidfd, &info, WEXITED | __WALL) < 0)
		die("wait for the exec", NULL);
	(void)close(got.pidfd);
	exec_done(&x);
	return info.si_status;
}

/* ---------------------------------------------------------------- through the API */

static void call(const char *method, const char *target, const char *body, struct buf *answer)
{
	struct err e;
	int status;
	buf_reset(answer);
	if (http_call(b.socket, method, target, body, body ? strlen(body) : 0, &status, answer, &e) < 0)
		die(target, &e);
	if (status >= 400) {
		(void)fprintf(stderr, "bench: %s %s: %d %s\n", method, target, status,
			answer->data ? answer->data : "");
		exit(1);
	}
}

static const char *body_of(const char *command)
{
	static char body[1024];
	(void)snprintf(body, sizeof(body),
		"{\"Image\":\"dir:%s\",\"Cmd\":[%s],\"HostConfig\":{\"NetworkMode\":\"none\",\"SecurityOpt\":[\"seccomp=unconfined\"]},"
		"\"Berth\":{\"Root\":\"shared\"}}",
		b.root, command);
	return body;
}

#define PARTS_MAX 4

/* The calls that a job by the API consists of. */
struct parts {
	const char *names[PARTS_MAX];
	int64_t *took[PARTS_MAX];
	int n, at;
	int64_t before;
};

static struct parts start_parts = { .names = { "create", "start", "wait", "delete" } },
		    exec_parts = { .names = { "create", "start until its end", "inspect" } };

static void part_begin(struct parts *p)
{
	p->at = 0;
	p->before = clock_mono_ns();
}

static void part_end(struct parts *p)
{
	int64_t now = clock_mono_ns();
	p->took[p->at++][p->n] = now - p->before;
	p->before = now;
}

static int api_start(void)
{
	auto_(buf) struct buf answer = { 0 };
	struct parts *p = &start_parts;
	part_begin(p);
	call("POST", "/containers/create?name=bench-start", body_of("\"/bin/true\""), &answer);
	part_end(p);
	call("POST", "/containers/bench-start/start", NULL, &answer);
	part_end(p);
	call("POST", "/containers/bench-start/wait", NULL, &answer);
	part_end(p);
	int failed = !answer.data || !strstr(answer.data, "\"StatusCode\":0");
	call("DELETE", "/containers/bench-start", NULL, &answer);
	part_end(p);
	p->n++;
	return failed;
}

static int api_exec(void)
{
	auto_(buf) struct buf answer = { 0 };
	char target[160];
	struct err e;
	struct parts *p = &exec_parts;
	part_begin(p);
	call("POST", "/containers/bench-sleeper/exec", "{\"Cmd\":[\"/bin/true\"],\"AttachStdout\":true}",
		&answer);
	part_end(p);
	auto_(json) json_t *made = json_parse(answer.data, answer.len, "exec", &e);
	const char *id = json_string_value(json_object_get(made, "Id"));
	(void)snprintf(target, sizeof(target), "/exec/%s/start", id);
	call("POST", target, "{\"Detach\":false,\"Tty\":false}",
		&answer); /* answered when the stream ends: at the exit */
	part_end(p);
	(void)snprintf(target, sizeof(target), "/exec/%s/json", id);
	call("GET", target, NULL, &answer);
	part_end(p);
	p->n++;
	return !strstr(answer.data, "\"ExitCode\":0");
}

/* ---------------------------------------------------------------- other runtimes, as programs */

static int run(char *const argv[])
{
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int status;
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/zero", O_RDONLY, 0);
	(void)posix_spawn_file_actions_addopen(&actions, 1, "/dev/zero", O_WRONLY, 0);
	(void)posix_spawn_file_actions_addopen(&actions, 2, "/dev/zero", O_WRONLY, 0);
	int r = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (r != 0 || waitpid(pid, &status, 0) < 0)
		die(argv[0], NULL);
	return status;
}

static int other(const char *runtime, const char *verb, const char *bundle)
{
	char root[96], directory[96];
	(void)snprintf(root, sizeof(root), "%s/%s", b.dir, runtime);
	(void)snprintf(directory, sizeof(directory), "%s/%s", b.dir, bundle);
	if (strcmp(verb, "run") == 0) {
		char *const argv[] = { (char *)runtime, "--root", root, "run", "--bundle", directory,
			"bench-once", NULL };
		return run(argv);
	}
	if (strcmp(verb, "exec") == 0) {
		char *const argv[] = { (char *)runtime, "--root", root, "exec", "bench-sleeper", "/bin/true",
			NULL };
		return run(argv);
	}
	if (strcmp(verb, "detach") == 0) {
		char *const argv[] = { (char *)runtime, "--root", root, "run", "--detach", "--bundle",
			directory, "bench-sleeper", NULL };
		return run(argv);
	}
	char *const argv[] = { (char *)runtime, "--root", root, "delete", "--force", "bench-sleeper", NULL };
	return run(argv);
}

static int crun_start(void)
{
	return other("crun", "run", "plain");
}

static int runc_start(void)
{
	return other("runc", "run", "plain");
}

static int crun_start_filtered(void)
{
	return other("crun", "run", "filtered");
}

static int crun_exec(void)
{
	return other("crun", "exec", NULL);
}

static int runc_exec(void)
{
	return other("runc", "exec", NULL);
}

static void write_bundle(const char *name, struct spec *s)
{
	s->oci_version = "1.0.2"; /* Debian 12's crun refuses newer ones */
	auto_(buf) struct buf text = { 0 };
	char path[128];
	struct err e;
	(void)snprintf(path, sizeof(path), "%s/%s", b.dir, name);
	auto_close int fd = mkdir(path, 0700) < 0 ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || spec_write(s, &text, &e) < 0 ||
		io_replace_file(fd, "config.json", text.data, text.len, 0600, false, &e) < 0)
		die("write a bundle", fd < 0 ? NULL : &e);
}

/* ---------------------------------------------------------------- */

static int floor_exec_once(void)
{
	return floor_exec(b.floor_sleeper);
}

struct row {
	const char *job, *name;
	int (*once)(void);
	bool is_floor;
	bool slow; /* every fifth round only */
	const char *
		where; /* above three times the floor: what the time is spent on. NULL: not a program of ours */
	struct parts *parts;
	int64_t *took;
	int n, failed;
};

#define LAUNCHER                                                                                             \
	"the launcher, a fork of its own, and, where cgroup v1 is, a mount per hierarchy that the floor has not"

static struct row rows[] = {
	{ "start", "floor", floor_start, true, false, NULL, NULL, NULL, 0, 0 },
	{ "start", "runtime", runtime_start, false, false, LAUNCHER, NULL, NULL, 0, 0 },
	{ "start", "api", api_start, false, false,
		"four connections, thirteen files of the record and one of the log, six round trips to the keeper; " LAUNCHER,
		&start_parts, NULL, 0, 0 },
	{ "start", "crun", crun_start, false, false, NULL, NULL, NULL, 0, 0 },
	{ "start", "runc", runc_start, false, true, NULL, NULL, NULL, 0, 0 },
	{ "start, seccomp", "floor", floor_start, true, false, NULL, NULL, NULL, 0, 0 },
	{ "start, seccomp", "runtime", runtime_start_filtered, false, false, LAUNCHER, NULL, NULL, 0, 0 },
	{ "start, seccomp", "crun", crun_start_filtered, false, false, NULL, NULL, NULL, 0, 0 },
	{ "exec", "floor", floor_exec_once, true, false, NULL, NULL, NULL, 0, 0 },
	{ "exec", "runtime", runtime_exec, false, false,
		"the stage program: an exec that reads its plan and forks the payload", NULL, NULL, 0, 0 },
	{ "exec", "api", api_exec, false, false,
		"three connections, a group made and removed, and a turn of the loop each for the stage's end, the program's start, its output and its exit",
		&exec_parts, NULL, 0, 0 },
	{ "exec", "crun", crun_exec, false, false, NULL, NULL, NULL, 0, 0 },
	{ "exec", "runc", runc_exec, false, true, NULL, NULL, NULL, 0, 0 },
};

static int by_time(const void *x, const void *y)
{
	int64_t a = *(const int64_t *)x, c = *(const int64_t *)y;
	return (a > c) - (a < c);
}

static double median_ms(int64_t *took, int n)
{
	qsort(took, (size_t)n, sizeof(*took), by_time);
	return n ? (double)took[n / 2] / 1000000 : 0;
}

static void print_where(const struct row *r)
{
	(void)printf("\n%s, %s, is above 3 x floor. Where the time goes: %s.", r->job, r->name, r->where);
	for (int i = 0; r->parts && i < PARTS_MAX && r->parts->names[i]; i++)
		(void)printf("%s %s %.2f ms", i ? "," : " By calls:", r->parts->names[i],
			median_ms(r->parts->took[i], r->parts->n));
	for (size_t i = 0; r->parts && i < ARRAY_LEN(rows); i++)
		if (strcmp(rows[i].job, r->job) == 0 && strcmp(rows[i].name, "runtime") == 0)
			(void)printf(
				"; the same by runtime/ alone %.2f ms.", median_ms(rows[i].took, rows[i].n));
	(void)printf("\n");
}

static void print_rows(void)
{
	bool above[ARRAY_LEN(rows)] = { false };
	double floor_us = 0;
	(void)printf("%-16s %-8s %9s %9s %9s %7s\n", "job", "who", "median us", "p10", "p90", "x floor");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct row *r = &rows[i];
		qsort(r->took, (size_t)r->n, sizeof(*r->took), by_time);
		double median = (double)r->took[r->n / 2] / 1000;
		if (r->is_floor)
			floor_us = median;
		if (r->failed == r->n) { /* crun 1.8 ends at once on a hybrid of cgroup v1 and v2 */
			(void)printf("%-16s %-8s does not run on this machine\n", r->job, r->name);
			continue;
		}
		(void)printf("%-16s %-8s %9.0f %9.0f %9.0f %7.2f", r->job, r->name, median,
			(double)r->took[r->n / 10] / 1000, (double)r->took[r->n * 9 / 10] / 1000,
			median / floor_us);
		(void)printf(r->failed ? "   %d of %d FAILED\n" : "\n", r->failed, r->n);
		above[i] = r->where && median > 3 * floor_us;
	}
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (above[i])
			print_where(&rows[i]);
}

static void prepare(void)
{
	static const char *const yes[] = { "/bin/true", NULL },
				 *const sleep_[] = { "/bin/sleep", "1000", NULL };
	struct err e;
	(void)snprintf(b.dir, sizeof(b.dir), "/tmp/berth-bench.XXXXXX");
	if (!mkdtemp(b.dir))
		die("make a directory", NULL);
	b.plain = sample_spec(b.root, yes);
	b.filtered = sample_spec(b.root, yes);
	b.sleeping = sample_spec(b.root, sleep_);
	size_t profile_len;
	const char *profile = seccomp_default_profile(&profile_len);
	if (launch_env_open(&b.env, &e) < 0 || cgroup_root_open("berthbench", NULL, &b.cgroups, &e) < 0 ||
		seccomp_parse_profile(profile, profile_len, b.filtered->process.caps.bounding,
			b.filtered->arena, &b.filtered->seccomp, &e) < 0 ||
		seccomp_compile(b.filtered->seccomp, &b.prog, &e) < 0)
		die("prepare", &e);
	write_bundle("plain", b.plain);
	write_bundle("filtered", b.filtered);
	write_bundle("sleeping", b.sleeping);
	if (floor_open("berthfloor", b.root) < 0)
		die("floor", NULL);
	b.floor_sleeper = floor_sleeper();
	runtime_sleeper();
	auto_(buf) struct buf answer = { 0 };
	call("POST", "/containers/create?name=bench-sleeper", body_of("\"/bin/sleep\",\"1000\""), &answer);
	call("POST", "/containers/bench-sleeper/start", NULL, &answer);
	(void)other("crun", "detach", "sleeping");
	(void)other("runc", "detach", "sleeping");
}

static void clean_up(void)
{
	struct err e;
	auto_(buf) struct buf answer = { 0 };
	char command[96];
	call("DELETE", "/containers/bench-sleeper?force=1", NULL, &answer);
	(void)other("crun", "delete", NULL);
	(void)other("runc", "delete", NULL);
	floor_sleeper_end(b.floor_sleeper);
	floor_close();
	(void)kill(b.sleeper.init.pid, SIGKILL);
	cgroup_close(&b.sleeper_group);
	(void)sample_end(&b.sleeper, b.cgroups, "sleeper");
	(void)cgroup_root_remove(b.cgroups, &e);
	(void)snprintf(command, sizeof(command), "rm -rf %s", b.dir);
	if (system(command) != 0)
		(void)fprintf(stderr, "bench: %s is left\n", b.dir);
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		(void)fprintf(stderr, "usage: bench SOCKET ROOT ROUNDS\n");
		return 2;
	}
	b.socket = argv[1];
	b.root = argv[2];
	int rounds = atoi(argv[3]);
	prepare();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (!(rows[i].took = calloc((size_t)rounds + 1, sizeof(int64_t))))
			die("times", NULL);
	for (int i = 0; i < PARTS_MAX; i++) {
		start_parts.took[i] = calloc((size_t)rounds + 4, sizeof(int64_t));
		exec_parts.took[i] = calloc((size_t)rounds + 4, sizeof(int64_t));
		if (!start_parts.took[i] || !exec_parts.took[i])
			die("times", NULL);
	}
	for (int round = -3; round < rounds; round++) { /* three to warm up */
		for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
			struct row *r = &rows[i];
			if (r->slow && round % 5 != 0)
				continue;
			int64_t start = clock_mono_ns();
			int failed = r->once() != 0;
			int64_t took = clock_mono_ns() - start;
			if (round < 0)
				continue;
			r->failed += failed;
			r->took[r->n++] = took;
		}
	}
	print_rows();
	clean_up();
	return 0;
}
