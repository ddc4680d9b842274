/* Restart decisions: the exact table of delays by a fake clock, and what each policy says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/own.h"
#include "supervisor/restart.h"

static void test_delays_double_up_to_a_minute(void **state)
{
	static const int64_t want_ms[] = { 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000,
		60000, 60000 };
	struct restart_run run = { .policy = CONFIG_RESTART_ALWAYS, .ran_ns = NS_PER_S };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(want_ms); i++) {
		int64_t delay = -1;
		assert_true(restart_decide(&run, &delay));
		assert_int_equal(delay / NS_PER_MS, want_ms[i]);
		run.delay_ns = delay;
		run.count++;
	}
}

static void test_long_run_resets_the_delay_only(void **state)
{
	struct restart_run run = { .policy = CONFIG_RESTART_ON_FAILURE,
		.max = 5,
		.count = 4,
		.delay_ns = 800 * NS_PER_MS,
		.ran_ns = 10 * NS_PER_S - 1,
		.exit_code = 1 };
	int64_t delay;
	(void)state;

	assert_true(restart_decide(&run, &delay));
	assert_int_equal(delay, 1600 * NS_PER_MS);
	run.ran_ns = 10 * NS_PER_S;
	assert_true(restart_decide(&run, &delay));
	assert_int_equal(delay, 100 * NS_PER_MS);
	run.count = 5; /* the count went on */
	assert_false(restart_decide(&run, &delay));
}

static void test_failed_start_is_a_failed_run(void **state)
{
	struct restart_run run = { .policy = CONFIG_RESTART_ON_FAILURE,
		.start_failed = true,
		.exit_code = 0,
		.delay_ns = 200 * NS_PER_MS,
		.ran_ns = 20 * NS_PER_S };
	int64_t delay;
	(void)state;

	assert_true(restart_decide(&run, &delay));
	assert_int_equal(delay, 400 * NS_PER_MS); /* it did not run: no reset */
}

static void test_policies(void **state)
{
	static const struct {
		enum config_restart policy;
		int64_t max, count;
		int exit_code;
		bool by_user, stopping, again;
	} table[] = {
		{ CONFIG_RESTART_NO, 0, 0, 1, false, false, false },
		{ CONFIG_RESTART_ALWAYS, 0, 99, 0, false, false, true },
		{ CONFIG_RESTART_ALWAYS, 0, 0, 1, true, false, false },
		{ CONFIG_RESTART_ALWAYS, 0, 0, 1, false, true, false },
		{ CONFIG_RESTART_UNLESS_STOPPED, 0, 7, 0, false, false, true },
		{ CONFIG_RESTART_UNLESS_STOPPED, 0, 0, 0, true, false, false },
		{ CONFIG_RESTART_ON_FAILURE, 0, 1000, 1, false, false, true },
		{ CONFIG_RESTART_ON_FAILURE, 0, 0, 0, false, false, false },
		{ CONFIG_RESTART_ON_FAILURE, 3, 2, 137, false, false, true },
		{ CONFIG_RESTART_ON_FAILURE, 3, 3, 137, false, false, false },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct restart_run run = { .policy = table[i].policy,
			.max = table[i].max,
			.count = table[i].count,
			.exit_code = table[i].exit_code,
			.stopped_by_user = table[i].by_user,
			.daemon_stopping = table[i].stopping };
		int64_t delay = -1;
		bool again = restart_decide(&run, &delay);
		if (again != table[i].again)
			fail_msg("row %zu", i);
		assert_true(again ? delay == RESTART_DELAY_FIRST_NS : delay == -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_delays_double_up_to_a_minute),
		cmocka_unit_test(test_long_run_resets_the_delay_only),
		cmocka_unit_test(test_failed_start_is_a_failed_run),
		cmocka_unit_test(test_policies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
