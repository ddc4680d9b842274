/* The helper that makes the launch root, when it does what it should not. Its first call is unshare(2), which is ours here.
 * Needs root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sys.h"
#include "runtime/launch.h"

static enum { WORKS, HANGS, DIES, FAILS } helper;

int unshare(int flags)
{
	if (helper == HANGS)
		for (;;)
			(void)pause();
	if (helper == DIES)
		(void)raise(SIGKILL);
	if (helper == FAILS) {
		errno = ENOSPC;
		return -1;
	}
	return (int)syscall(SYS_unshare, flags);
}

static void expect(int error, const char *text, int64_t least_ms, int64_t most_ms)
{
	struct launch_env *env = NULL;
	struct err e = { 0 };
	int64_t began = clock_mono_ns();
	int r = launch_env_open(&env, &e);
	int64_t ms = (clock_mono_ns() - began) / NS_PER_MS;

	assert_int_equal(r < 0 ? -r : 0, error);
	if (error)
		assert_non_null(strstr(e.text, text));
	assert_in_range(ms, least_ms, most_ms);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left */
	assert_int_equal(errno, ECHILD);
	launch_env_free(env);
}

static void test_helper(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	helper = WORKS;
	expect(0, NULL, 0, 9000);
	helper = DIES;
	expect(EPROTO, "launch root: the helper died", 0, 9000);
	helper = FAILS;
	expect(ENOSPC, "launch root: unshare the mount namespace: No space left on device", 0, 9000);
	helper = HANGS;
	expect(ETIMEDOUT, "launch root: the helper gave no answer within 10 s", 9900, 20000);
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_helper) };
	(void)alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
