/*
 * test_keeper - the real berth-init with a supervisor made for the test: this program itself, which the keeper runs as
 * "berth supervise SCENE DIR". A scene uses the client library, checks what it sees, and ends with keeper_stopping(); the
 * test sees the status as the keeper's. What several supervisors of one keeper share are files in DIR.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <link.h>

#include "tests/unit/keeper_scenes.h"

struct run {
	pid_t keeper;
	char dir[64], program[100];
};

static char self_path[300], init_path[320];

static void prepare(struct run *t)
{
	strcpy(t->dir, "/tmp/berth-test-keeper.XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	strcpy(t->program, self_path);
}

static void start_with(struct run *t, const char *name, void (*before)(void))
{
	t->keeper = fork();
	assert_true(t->keeper >= 0);
	if (t->keeper == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (before)
			before();
		execl(init_path, "berth-init", "--", t->program, name, t->dir, (char *)NULL);
		_exit(96);
	}
}

static long long await_mark(struct run *t, const char *name)
{
	int64_t until = clock_mono_ns() + 10 * NS_PER_S;
	long long value;
	while ((value = marked_in(t->dir, name)) < 0) {
		if (clock_mono_ns() > until)
			fail_msg("nobody marked %s", name);
		(void)usleep(2000);
	}
	return value;
}

static int finish(struct run *t)
{
	int status = -1;
	int64_t until = clock_mono_ns() + 30 * NS_PER_S;
	while (waitpid(t->keeper, &status, WNOHANG) == 0) {
		if (clock_mono_ns() > until) {
			(void)kill(t->keeper, SIGKILL);
			(void)waitpid(t->keeper, &status, 0);
			break;
		}
		(void)usleep(2000);
	}
	DIR *d = opendir(t->dir);
	for (struct dirent *entry; d && (entry = readdir(d));)
		if (entry->d_name[0] != '.')
			(void)unlinkat(dirfd(d), entry->d_name, 0);
	if (d)
		(void)closedir(d);
	assert_int_equal(rmdir(t->dir), 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

static void run_scene(const char *name, void (*before)(void))
{
	struct run t;
	prepare(&t);
	start_with(&t, name, before);
	assert_int_equal(finish(&t), 0);
}

#define SCENE_TEST(name, before)                                                                             \
	static void test_##name(void **state)                                                                \
	{                                                                                                    \
		(void)state;                                                                                 \
		run_scene(#name, before);                                                                    \
	}

static void few_descriptors(void)
{
	struct rlimit limit = { 100, 100 };
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* Everything that a careless starter may leave behind. */
static void odd_start(void)
{
	struct rlimit limit = { 500, 1000 };
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	(void)signal(SIGCHLD, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)dup2(STDERR_FILENO, 3);
	(void)dup2(STDERR_FILENO, 77);
	(void)close(STDIN_FILENO);
}

SCENE_TEST(slots, NULL)
SCENE_TEST(survive, odd_start)
SCENE_TEST(full, few_descriptors)
SCENE_TEST(many, NULL)
SCENE_TEST(dying, NULL)
SCENE_TEST(start, odd_start)
SCENE_TEST(replace, NULL)
SCENE_TEST(deaf, NULL)
SCENE_TEST(garbage, NULL)
SCENE_TEST(flood, NULL)
SCENE_TEST(idle, NULL)

static void test_back_off(void **state)
{
	static const int expected[] = { 0, 100, 200, 400, 800 };
	struct run t;
	long long at[7];
	(void)state;
	prepare(&t);
	start_with(&t, "back_off", NULL);
	for (int i = 1; i <= 6; i++) {
		char name[24];
		(void)snprintf(name, sizeof(name), "start%d", i);
		at[i] = await_mark(&t, name);
	}
	assert_int_equal(finish(&t), 0);
	for (int i = 1; i < 6; i++)
		assert_in_range(
			at[i + 1] - at[i], (uint64_t)expected[i - 1], (uint64_t)expected[i - 1] + 400);
}

static void test_signals(void **state)
{
	static const int sent[] = { SIGHUP, SIGUSR1, SIGUSR2, SIGPWR, SIGTERM, 37, SIGINT };
	struct run t;
	(void)state;
	prepare(&t);
	start_with(&t, "signals", NULL);
	(void)await_mark(&t, "up");
	assert_int_equal(kill(t.keeper, SIGTERM), 0);
	(void)usleep(100000);
	scene.dir = t.dir;
	mark("sent", 1);
	(void)usleep(100000);
	assert_int_equal(kill(t.keeper, SIGTSTP), 0); /* kept away: a stopped keeper would answer nobody */
	for (size_t i = 0; i < ARRAY_LEN(sent); i++) {
		char name[24];
		assert_int_equal(kill(t.keeper, sent[i]), 0);
		(void)snprintf(name, sizeof(name), "got%zu", i);
		assert_int_equal(await_mark(&t, name), sent[i]);
	}
	assert_int_equal(finish(&t), 4);
}

static void test_wish(void **state)
{
	struct run t;
	(void)state;
	prepare(&t);
	start_with(&t, "wish", NULL);
	(void)await_mark(&t, "up");
	assert_int_equal(kill(t.keeper, SIGTERM), 0);
	assert_int_equal(finish(&t), 3);
}

static void test_gone(void **state)
{
	struct run t;
	(void)state;
	prepare(&t);
	start_with(&t, "gone", NULL);
	pid_t supervisor = (pid_t)await_mark(&t, "up");
	assert_int_equal(kill(t.keeper, SIGKILL), 0);
	(void)await_mark(&t, "gone");
	while (kill(supervisor, 0) == 0 && count_zombies(1) == 0)
		(void)usleep(1000);
	assert_int_equal(finish(&t), 256 + SIGKILL);
}

static void test_sealed(void **state)
{
	struct run t;
	auto_(buf) struct buf image = { 0 };
	(void)state;
	prepare(&t);
	(void)snprintf(t.program, sizeof(t.program), "%s/prog", t.dir);
	assert_int_equal(io_read_file(AT_FDCWD, self_path, 1 << 28, &image, NULL), 0);
	int fd = open(t.program, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
	assert_int_equal(io_write_full(fd, image.data, image.len), 0);
	(void)close(fd);
	start_with(&t, "sealed", NULL);
	pid_t supervisor = (pid_t)await_mark(&t, "up");
	fd = open(t.program, O_WRONLY | O_TRUNC | O_CLOEXEC); /* in place: not ETXTBSY, it is not what runs */
	assert_true(fd >= 0);
	assert_int_equal(io_write_full(fd, "garbage", 7), 0);
	(void)close(fd);
	assert_int_equal(kill(supervisor, SIGKILL), 0);
	assert_int_equal(finish(&t), 0);
}

/* What it takes in memory and on flash without its symbols: for people to read, since a libc at hand other than musl takes
 * a multiple. */
static void test_size(void **state)
{
	ElfW(Ehdr) head;
	long long loaded = 0;
	(void)state;
	auto_close int fd = open(init_path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(fd, &head, sizeof(head), 0), sizeof(head));
	assert_in_range(head.e_phnum, 1, 64);
	for (int i = 0; i < head.e_phnum; i++) {
		ElfW(Phdr) part;
		off_t at = (off_t)(head.e_phoff + (size_t)i * sizeof(part));
		assert_int_equal(pread(fd, &part, sizeof(part), at), sizeof(part));
		assert_int_not_equal(part.p_type, PT_INTERP); /* static */
		if (part.p_type == PT_LOAD)
			loaded += (long long)part.p_filesz;
	}
	(void)fprintf(stderr, "berth-init: %lld bytes to load\n", loaded);
	assert_in_range(loaded, 1, 2000000);
}

static int run_init(const char *const *args)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		execv(init_path, (char *const *)args);
		_exit(96);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_bad_calls(void **state)
{
	(void)state;
	assert_int_equal(run_init((const char *const[]){ "berth-init", NULL }), 2);
	assert_int_equal(run_init((const char *const[]){ "berth-init", "--", NULL }), 2);
	assert_int_equal(run_init((const char *const[]){ "berth-init", "-x", "y", NULL }), 2);
	assert_int_equal(run_init((const char *const[]){ "berth-init", "/nonexistent", NULL }), 1);
	assert_int_equal(run_init((const char *const[]){ "berth-init", "/etc/passwd", NULL }), 1);
	assert_int_equal(run_init((const char *const[]){ "berth-init", "/tmp", NULL }), 1);
}

static void test_pid1(void **state)
{
	struct run t;
	int status;
	(void)state;
	if (geteuid() != 0)
		skip();
	prepare(&t);
	pid_t outer = fork();
	if (outer == 0) {
		if (unshare(CLONE_NEWPID) < 0)
			_exit(1);
		pid_t one = fork();
		if (one == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (unshare(CLONE_NEWNS) < 0 ||
				mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
				mount("proc", "/proc", "proc", 0, NULL) < 0)
				_exit(1);
			execl(init_path, "berth-init", t.program, "pid1", t.dir, (char *)NULL);
			_exit(96);
		}
		(void)usleep(700000);
		scene.dir = t.dir;
		mark("ended", 1);
		(void)usleep(300000);
		if (waitpid(one, NULL, WNOHANG) != 0)
			_exit(2); /* it ended */
		if (marked("orphan") < 0)
			_exit(3); /* its child was not left alone */
		char path[64], text[600];
		(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)one, (int)one);
		if (io_read_text(AT_FDCWD, path, text, sizeof(text)) != 0)
			_exit(4); /* somebody is left, or was not reaped */
		(void)kill(one, SIGKILL);
		(void)waitpid(one, NULL, 0);
		_exit(0);
	}
	assert_int_equal(waitpid(outer, &status, 0), outer);
	t.keeper = fork(); /* for finish() */
	if (t.keeper == 0)
		_exit(0);
	assert_int_equal(finish(&t), 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int find_programs(void)
{
	ssize_t len = readlink("/proc/self/exe", self_path, sizeof(self_path) - 1);
	if (len < 0)
		return -1;
	self_path[len] = '\0';
	const char *given = getenv("BERTH_INIT");
	if (given) {
		(void)snprintf(init_path, sizeof(init_path), "%s", given);
	} else {
		char *slash = strrchr(self_path, '/');
		(void)snprintf(init_path, sizeof(init_path), "%.*s/../berth-init", (int)(slash - self_path),
			self_path);
	}
	struct stat st;
	if (stat(init_path, &st) < 0) {
		(void)fprintf(
			stderr, "%s: %s (build it, or name it in BERTH_INIT)\n", init_path, strerror(errno));
		return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_survive),
		cmocka_unit_test(test_back_off),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_dying),
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_wish),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_sealed),
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_deaf),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_pid1),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_bad_calls),
	};
	if (argc > 1 && strcmp(argv[1], "supervise") == 0)
		return supervise(argc - 2, argv + 2);
	if (find_programs() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
