/* The seven status words, the human form, and which flags go together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "base/own.h"
#include "supervisor/state.h"

#define NOW (INT64_C(1700000000) * NS_PER_S)

static void expect(const struct actual *a, const char *status, const char *human)
{
	char text[128];
	assert_string_equal(state_status(a), status);
	assert_string_equal(state_human(a, NOW, text, sizeof(text)), human);
}

static void test_life(void **state)
{
	struct actual a;
	(void)state;

	state_init(&a);
	expect(&a, "created", "Created");
	state_set_starting(&a);
	assert_int_equal(a.generation, 1);
	expect(&a, "created", "Created");
	state_set_running(&a, NOW - 180 * NS_PER_S, 0);
	a.pid = 4711;
	expect(&a, "running", "Up 3 minutes");
	a.paused = true;
	expect(&a, "paused", "Up 3 minutes (Paused)");
	state_set_restarting(&a, 9, NOW - 5 * NS_PER_S, NOW);
	assert_true(a.running && a.restarting && !a.paused);
	assert_int_equal(a.pid, 0);
	expect(&a, "restarting", "Restarting (9) 5 seconds ago");
	state_set_starting(&a);
	assert_int_equal(a.generation, 2);
	state_set_running(&a, NOW, 0);
	assert_int_equal(a.exit_code, 0);
	assert_false(a.restarting);
	state_set_stopped(&a, 7, NOW - 60 * NS_PER_S);
	expect(&a, "exited", "Exited (7) About a minute ago");
	a.removing = true;
	expect(&a, "removing", "Removal In Progress");
	a.removing = false;
	a.dead = true;
	expect(&a, "dead", "Dead");
}

static void test_failed_start_keeps_an_older_code(void **state)
{
	struct actual a;
	(void)state;

	state_init(&a);
	state_set_starting(&a);
	state_set_start_failed(&a, 128, "no such device");
	assert_int_equal(a.exit_code, 128);
	assert_string_equal(a.error, "no such device");
	assert_string_equal(state_status(&a), "created");
	state_set_starting(&a);
	state_set_running(&a, NOW, 0);
	assert_string_equal(a.error, "");
	state_set_stopped(&a, 3, NOW);
	state_set_starting(&a);
	state_set_start_failed(&a, 128, "again");
	assert_int_equal(a.exit_code, 3);
	state_set_start_failed(&a, 127, "not found");
	assert_int_equal(a.exit_code, 127);
}

static void test_status_words(void **state)
{
	(void)state;
	assert_true(state_is_status("created") && state_is_status("running") && state_is_status("paused"));
	assert_true(
		state_is_status("restarting") && state_is_status("removing") && state_is_status("exited"));
	assert_true(state_is_status("dead"));
	assert_false(state_is_status("bogus") || state_is_status("") || state_is_status("Running"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_failed_start_keeps_an_older_code),
		cmocka_unit_test(test_status_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
