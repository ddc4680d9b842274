/* The report of a crash: written by who crashes and by nobody else, read once, the last few kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/path.h"
#include "supervisor/crash.h"

static char dir[PATH_MAX - 16];

static int begin(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/berth-crash-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int end(void **state)
{
	struct err e;
	(void)state;
	return path_remove_tree(AT_FDCWD, dir, &e);
}

static void quiet(void)
{
	struct rlimit none = { 0, 0 };
	(void)setrlimit(RLIMIT_CORE, &none);
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	(void)dup2(null, STDERR_FILENO);
}

__attribute__((noinline)) static void fall(void)
{
	volatile int *volatile nowhere = (volatile int *)(uintptr_t)0x10; /* read at run time */
	*nowhere = 1;
}

/* All of the stack is used up: nothing but the stack of its own lets the handler run. */
__attribute__((noinline)) static int deeper(volatile char *from, int n)
{
	volatile char room[4096];
	room[0] = from[0];
	return n < 0 ? 0 : deeper(room, n + 1) + room[0];
}

static int in_child(void (*fn)(void))
{
	int status;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		quiet();
		struct err e;
		if (crash_arm(dir, &e) < 0)
			_exit(99);
		log_warn("before", "this=\"was last\"");
		fn();
		_exit(98);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

static void overflow(void)
{
	volatile char c = 0;
	(void)deeper(&c, 0);
}

static void give_up(void)
{
	abort();
}

static void collect(char line[CRASH_LINE_MAX], const char *signal)
{
	struct err e;
	assert_int_equal(crash_collect(dir, dir, line, &e), 1);
	assert_int_equal(e.code, 0);
	if (!strstr(line, signal) || !strstr(line, " version=" BERTH_VERSION " ") ||
		!strstr(line, "berth+0x"))
		fail_msg("%s", line);
	assert_int_equal(crash_collect(dir, dir, line, &e), 0); /* told once */
}

static void what_it_says(void **state)
{
	char line[CRASH_LINE_MAX];
	(void)state;
	assert_int_equal(in_child(fall), SIGSEGV);
	collect(line, "signal=11 name=SIGSEGV code=1 address=0x10 ");
	/* Where it happened is the first of the trace. */
	const char *at = strstr(line, "at=\"berth+0x"), *trace = strstr(line, "trace=\"berth+0x");
	assert_true(at && trace);
	size_t len = strcspn(at + 4, "\"");
	assert_int_equal(strncmp(at + 4, trace + 7, len), 0);
}

static void the_line_before(void **state)
{
	char line[CRASH_LINE_MAX];
	(void)state;
	assert_int_equal(in_child(give_up), SIGABRT);
	collect(line, "signal=6 name=SIGABRT sender=");
	assert_non_null(strstr(line, "event=before this='was last'\""));
}

static void without_a_stack(void **state)
{
	char line[CRASH_LINE_MAX];
	struct err e;
	(void)state;
	assert_int_equal(in_child(overflow), SIGSEGV);
	assert_int_equal(crash_collect(dir, dir, line, &e), 1);
	assert_non_null(strstr(line, "name=SIGSEGV"));
}

static void child_of_its_own(void)
{
	pid_t pid = fork();
	int status;
	if (pid == 0)
		fall();
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
		_exit(97);
	_exit(1);
}

static void disarmed(void)
{
	crash_disarm();
	fall();
}

static void nobody_else_writes(void **state)
{
	char line[CRASH_LINE_MAX];
	struct err e;
	(void)state;
	assert_int_equal(in_child(child_of_its_own), -1);
	assert_int_equal(crash_collect(dir, dir, line, &e), 0);
	assert_int_equal(in_child(disarmed), SIGSEGV);
	assert_int_equal(crash_collect(dir, dir, line, &e), 0);
	crash_forget(dir);
	crash_forget(dir);
	char path[PATH_MAX];
	(void)snprintf(path, sizeof(path), "%s/crash.report", dir);
	assert_int_equal(access(path, F_OK), -1);
}

static int by_number(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static void the_last_are_kept(void **state)
{
	char line[CRASH_LINE_MAX], path[PATH_MAX], report[128];
	struct dirent **list;
	struct err e;
	(void)state;
	(void)snprintf(path, sizeof(path), "%s/crash.report", dir);
	for (int i = 0; i < CRASH_KEEP + 2; i++) {
		FILE *f = fopen(path, "we");
		assert_non_null(f);
		(void)snprintf(report, sizeof(report),
			"version x\npid 7\ntime 176383000%d\nsignal 11\nname SIGSEGV\n", i);
		assert_true(fputs(report, f) >= 0);
		assert_int_equal(fclose(f), 0);
		assert_int_equal(crash_collect(dir, dir, line, &e), 1);
	}
	(void)snprintf(path, sizeof(path), "%s/crash", dir);
	int n = scandir(path, &list, by_number, alphasort);
	assert_int_equal(n, CRASH_KEEP);
	assert_string_equal(list[0]->d_name, "crash-1763830002-7.txt");
	assert_string_equal(list[n - 1]->d_name, "crash-1763830006-7.txt");
	while (n)
		free(list[--n]);
	free(list);
}

/* Cut short, or no report at all: it is told, and never leads anywhere. */
static void damaged(void **state)
{
	static const char *const texts[] = { "x", "signal", "signal \nname", "time ../../x\npid 1\n",
		"\n\n\n" };
	char line[CRASH_LINE_MAX], path[PATH_MAX];
	struct err e;
	(void)state;
	(void)snprintf(path, sizeof(path), "%s/crash.report", dir);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		FILE *f = fopen(path, "we");
		assert_non_null(f);
		assert_true(fputs(texts[i], f) >= 0);
		assert_int_equal(fclose(f), 0);
		assert_int_equal(crash_collect(dir, dir, line, &e), 1);
		assert_int_equal(strncmp(line, "signal=", 7), 0);
		assert_int_equal(e.code, i == 3 ? EBADMSG : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_it_says, begin, end),
		cmocka_unit_test_setup_teardown(the_line_before, begin, end),
		cmocka_unit_test_setup_teardown(without_a_stack, begin, end),
		cmocka_unit_test_setup_teardown(nobody_else_writes, begin, end),
		cmocka_unit_test_setup_teardown(the_last_are_kept, begin, end),
		cmocka_unit_test_setup_teardown(damaged, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
