/* The table, the seven status words, the human form, and which flags go together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "supervisor/state.h"

#define NOW (INT64_C(1700000000) * NS_PER_S)

static void expect(const struct actual *a, const char *status, const char *human)
{
	char text[128];
	assert_string_equal(state_status(a), status);
	assert_string_equal(state_human(a, NOW, text, sizeof(text)), human);
}

static bool end(struct actual *a, int code, int64_t finished_ns, int64_t next_try_ns)
{
	return state_set_ended(a,
		&(struct state_end){ .generation = a->generation,
			.exit_code = code,
			.finished_ns = finished_ns,
			.next_try_ns = next_try_ns,
			.delay_ns = NS_PER_S });
}

static bool fail_start(struct actual *a, int code, const char *error, int64_t next_try_ns)
{
	state_note_start_error(a, code, error);
	return state_set_ended(a,
		&(struct state_end){ .generation = a->generation,
			.start_failed = true,
			.finished_ns = NOW,
			.next_try_ns = next_try_ns });
}

static void start(struct actual *a, int64_t at_ns)
{
	assert_true(state_set_starting(a));
	a->pid = 4711;
	a->start_ticks = 99;
	assert_true(state_set_running(a, at_ns, 5));
}

static void test_table_is_whole(void **state)
{
	(void)state;
	for (int s = 0; s < STATE_COUNT; s++) {
		assert_non_null(state_name((enum state)s));
		for (int on = 0; on < STATE_ON_COUNT; on++) {
			struct state_move m = state_step((enum state)s, (enum state_event)on);
			if (m.action == STATE_UNSET)
				fail_msg("%s on %s is not in the table", state_name((enum state)s),
					state_event_name((enum state_event)on));
			assert_true(m.action == STATE_REFUSE ? m.next == STATE_COUNT : m.next < STATE_COUNT);
		}
	}
	for (int on = 0; on < STATE_ON_COUNT; on++)
		assert_non_null(state_event_name((enum state_event)on));
	assert_null(state_name(STATE_COUNT));
	assert_null(state_event_name(STATE_ON_COUNT));
}

/* Drive a fresh one into each state by the shortest way. */
static struct actual in_state(enum state want)
{
	struct actual a;

	state_init(&a);
	if (want == STATE_CREATED)
		return a;
	assert_true(state_set_starting(&a));
	if (want == STATE_HELD)
		assert_true(state_set_held(&a));
	if (want == STATE_STARTING || want == STATE_HELD)
		return a;
	a.pid = 4711;
	assert_true(state_set_running(&a, NOW - 180 * NS_PER_S, 0));
	if (want == STATE_RUNNING)
		return a;
	if (want == STATE_PAUSED) {
		assert_true(state_set_paused(&a, true));
		return a;
	}
	bool again = want == STATE_BACKOFF || want == STATE_RETRYING;
	assert_true(end(&a, 9, NOW - 5 * NS_PER_S, again ? NOW + NS_PER_S : CLOCK_NEVER));
	if (want == STATE_RETRYING)
		assert_true(state_set_starting(&a));
	if (want == STATE_REMOVING || want == STATE_DEAD)
		assert_true(state_set_removing(&a));
	if (want == STATE_DEAD)
		assert_true(state_set_remove_failed(&a, "busy"));
	return a;
}

static bool apply(struct actual *a, enum state_event on)
{
	switch (on) {
	case STATE_ON_START:
		return state_set_starting(a);
	case STATE_ON_HELD:
		return state_set_held(a);
	case STATE_ON_STARTED:
		return state_set_running(a, NOW, 0);
	case STATE_ON_FAILED:
		return fail_start(a, 128, "no", CLOCK_NEVER);
	case STATE_ON_FAILED_AGAIN:
		return fail_start(a, 128, "no", NOW + 1);
	case STATE_ON_ENDED:
		return end(a, 1, NOW, CLOCK_NEVER);
	case STATE_ON_ENDED_AGAIN:
		return end(a, 1, NOW, NOW + 1);
	case STATE_ON_FROZEN:
		return state_set_paused(a, true);
	case STATE_ON_THAWED:
		return state_set_paused(a, false);
	case STATE_ON_CALLED_OFF:
		return state_set_called_off(a);
	case STATE_ON_REMOVE:
		return state_set_removing(a);
	case STATE_ON_REMOVE_FAILED:
		return state_set_remove_failed(a, "busy");
	case STATE_ON_REMOVE_FORGOTTEN:
		return state_forget_removal(a);
	case STATE_ON_COUNT:
		break;
	}
	return false;
}

/* Every cell: what the table allows leads to the state it names, what it refuses changes not one flag. */
static void test_every_cell_is_carried_out(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_COUNT);
	for (int s = 0; s < STATE_COUNT; s++) {
		for (int on = 0; on < STATE_ON_COUNT; on++) {
			struct state_move m = state_step((enum state)s, (enum state_event)on);
			struct actual a = in_state((enum state)s), before = a;
			assert_int_equal(state_of(&a), s);
			bool done = apply(&a, (enum state_event)on);
			enum state rest = a.started_ns == CLOCK_NEVER ? STATE_CREATED : STATE_EXITED;
			enum state want = m.action == STATE_REFUSE ? (enum state)s
				: m.next == STATE_EXITED	   ? rest
								   : m.next;
			if (done != (m.action != STATE_REFUSE) || state_of(&a) != want)
				fail_msg("%s on %s: done %d, now %s", state_name((enum state)s),
					state_event_name((enum state_event)on), done,
					state_name(state_of(&a)));
			if (!done && on != STATE_ON_FAILED && on != STATE_ON_FAILED_AGAIN)
				assert_memory_equal(&a, &before, sizeof(a));
			assert_true(!a.paused || a.running);
			assert_true(!a.restarting || a.running);
			assert_int_equal(a.pid,
				a.running && !a.restarting
					? 4711 * (s != STATE_STARTING && s != STATE_RETRYING)
					: 0);
		}
	}
	log_set_level(LOG_LEVEL_INFO);
}

static void test_s02_flags_are_not_exclusive(void **state)
{
	struct actual a = in_state(STATE_PAUSED);
	(void)state;

	assert_true(a.running && a.paused && !a.restarting);
	a = in_state(STATE_BACKOFF);
	assert_true(a.running && a.restarting && !a.paused);
}

static void test_s03_status_words(void **state)
{
	static const char *const words[STATE_COUNT] = { "created", "created", "created", "running", "paused",
		"restarting", "restarting", "exited", "removing", "dead" };
	(void)state;

	for (int s = 0; s < STATE_COUNT; s++) {
		struct actual a = in_state((enum state)s);
		assert_string_equal(state_status(&a), words[s]);
		assert_true(state_is_status(words[s]));
	}
	assert_false(state_is_status("bogus") || state_is_status("") || state_is_status("Running") ||
		state_is_status("starting") || state_is_status("back-off"));
	struct actual a =
		in_state(STATE_EXITED); /* the words of a start after a run are those of the run before */
	assert_true(state_set_starting(&a));
	assert_string_equal(state_status(&a), "exited");
	assert_true(state_set_held(&a)); /* but for one that is made again and waits */
	expect(&a, "created", "Created");
}

/* Made in two halves: its process is known in between, the generation is one, and its death without a start is an end. */
static void test_l01_held(void **state)
{
	struct actual a;
	(void)state;

	state_init(&a);
	assert_true(state_set_starting(&a));
	a.pid = 4711;
	assert_true(state_set_held(&a));
	assert_true(a.held && !a.starting && a.pid == 4711);
	struct actual killed = a;
	assert_true(state_set_starting(&a));
	assert_true(a.held && a.starting && a.pid == 4711); /* on record: a successor goes through with it */
	assert_int_equal(a.generation, 1);
	assert_true(state_set_running(&a, NOW, 5));
	assert_true(!a.held && !a.starting && a.running && a.pid == 4711);
	assert_true(end(&killed, 137, NOW, CLOCK_NEVER));
	assert_true(!killed.held && killed.pid == 0 && killed.exited_pid == 4711 && killed.exit_code == 137);
	assert_int_equal(state_of(&killed), STATE_CREATED);
}

static void test_s04_human_words(void **state)
{
	static const char *const words[STATE_COUNT] = { "Created", "Created", "Created", "Up 3 minutes",
		"Up 3 minutes (Paused)", "Restarting (9) 5 seconds ago", "Restarting (9) 5 seconds ago",
		"Exited (9) 5 seconds ago", "Removal In Progress", "Dead" };
	(void)state;

	for (int s = 0; s < STATE_COUNT; s++) {
		struct actual a = in_state((enum state)s);
		char text[128];
		assert_string_equal(state_human(&a, NOW, text, sizeof(text)), words[s]);
	}
	struct actual a = in_state(STATE_EXITED); /* started, but nobody knows when it ended */
	a.finished_ns = CLOCK_NEVER;
	expect(&a, "exited", "");
}

static void test_s05_durations(void **state)
{
	static const struct {
		int64_t s;
		const char *text;
	} table[] = {
		{ 0, "Less than a second" },
		{ 1, "1 second" },
		{ 2, "2 seconds" },
		{ 59, "59 seconds" },
		{ 60, "About a minute" },
		{ 119, "About a minute" },
		{ 120, "2 minutes" },
		{ 59 * 60 + 59, "59 minutes" },
		{ 3600, "About an hour" },
		{ 5399, "About an hour" },
		{ 5400, "2 hours" },
		{ 170640, "47 hours" }, /* 47.4 h */
		{ 48 * 3600, "2 days" },
		{ 13 * 86400, "13 days" },
		{ 14 * 86400, "2 weeks" },
		{ 59 * 86400, "8 weeks" },
		{ 60 * 86400, "2 months" },
		{ 729 * 86400, "24 months" },
		{ 730 * 86400, "2 years" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct actual a;
		char want[64], text[128];
		state_init(&a);
		start(&a, NOW - table[i].s * NS_PER_S);
		(void)snprintf(want, sizeof(want), "Up %s", table[i].text);
		assert_string_equal(state_human(&a, NOW, text, sizeof(text)), want);
	}
}

static void test_s09_running(void **state)
{
	struct actual a;
	(void)state;

	state_init(&a);
	start(&a, NOW - 60 * NS_PER_S);
	assert_true(state_set_ended(&a,
		&(struct state_end){ .generation = 1,
			.exit_code = 137,
			.oom_killed = true,
			.finished_ns = NOW - 30 * NS_PER_S,
			.next_try_ns = CLOCK_NEVER }));
	assert_true(a.oom_killed);
	assert_true(state_set_starting(&a));
	state_note_start_error(&a, 128, "as if");
	assert_true(a.oom_killed); /* of the last run, until another runs */
	assert_int_equal(a.generation, 2);
	assert_true(state_set_running(&a, NOW, 7));
	assert_false(a.oom_killed || a.paused || a.restarting || a.starting);
	assert_string_equal(a.error, "");
	assert_int_equal(a.exit_code, 0);
	assert_int_equal(a.started_ns, NOW);
	assert_int_equal(a.started_mono_ns, 7);
	assert_int_equal(a.finished_ns, NOW - 30 * NS_PER_S); /* stale while it runs, as docker has it */
}

static void test_s10_stopped(void **state)
{
	struct actual a = in_state(STATE_PAUSED);
	(void)state;

	snprintf(a.error, sizeof(a.error), "kept");
	a.start_ticks = 8;
	assert_true(end(&a, 7, NOW - 60 * NS_PER_S, CLOCK_NEVER));
	assert_false(a.running || a.paused || a.restarting);
	assert_int_equal(a.pid, 0);
	assert_int_equal(a.start_ticks, 0);
	assert_int_equal(a.restart_count, 0);
	assert_int_equal(a.next_try_ns, CLOCK_NEVER);
	assert_string_equal(a.error, "kept");
	expect(&a, "exited", "Exited (7) About a minute ago");
}

static void test_s11_restarting(void **state)
{
	struct actual a = in_state(STATE_PAUSED);
	(void)state;

	assert_true(end(&a, 3, NOW - 2 * NS_PER_S, NOW + NS_PER_S));
	assert_true(a.running && a.restarting && !a.paused);
	assert_int_equal(a.pid, 0);
	assert_int_equal(a.exit_code, 3);
	assert_int_equal(a.restart_count, 1);
	assert_int_equal(a.next_try_ns, NOW + NS_PER_S);
	assert_int_equal(a.delay_ns, NS_PER_S);
	expect(&a, "restarting", "Restarting (3) 2 seconds ago");
	assert_true(state_set_called_off(&a));
	assert_false(a.running || a.restarting);
	assert_int_equal(a.next_try_ns, CLOCK_NEVER);
	expect(&a, "exited", "Exited (3) 2 seconds ago");
}

static void test_s12_removal_is_test_and_set(void **state)
{
	struct actual a = in_state(STATE_EXITED);
	(void)state;

	assert_true(state_set_removing(&a));
	assert_false(state_set_removing(&a));
	assert_true(state_set_remove_failed(&a, "rmdir: busy"));
	assert_string_equal(a.error, "rmdir: busy");
	expect(&a, "dead", "Dead");
	assert_true(state_set_removing(&a)); /* a dead one may be tried again */
	assert_true(state_forget_removal(&a));
	assert_false(a.removing);
	assert_false(state_forget_removal(&a));
}

static void test_failed_start_keeps_an_older_code(void **state)
{
	struct actual a;
	(void)state;

	state_init(&a);
	assert_true(state_set_starting(&a));
	assert_true(fail_start(&a, 128, "no such device", CLOCK_NEVER));
	assert_int_equal(a.exit_code, 128);
	assert_string_equal(a.error, "no such device");
	assert_int_equal(a.finished_ns, CLOCK_NEVER);
	expect(&a, "created", "Created");
	start(&a, NOW);
	assert_true(end(&a, 3, NOW, CLOCK_NEVER));
	assert_true(state_set_starting(&a));
	assert_true(fail_start(&a, 128, "again", CLOCK_NEVER));
	assert_int_equal(a.exit_code, 3);
	assert_true(state_set_starting(&a));
	assert_true(fail_start(&a, 127, "not found", NOW + NS_PER_S));
	assert_int_equal(a.exit_code, 127);
	expect(&a, "restarting", "Restarting (127) Less than a second ago");
}

/* The end of an older run cannot touch a newer one. */
static void test_late_end_is_dropped(void **state)
{
	struct actual a = in_state(STATE_RUNNING), before;
	(void)state;

	assert_true(end(&a, 1, NOW, NOW + 1));
	start(&a, NOW);
	before = a;
	log_set_level(LOG_LEVEL_COUNT);
	assert_false(state_set_ended(
		&a, &(struct state_end){ .generation = 1, .exit_code = 9, .next_try_ns = CLOCK_NEVER }));
	log_set_level(LOG_LEVEL_INFO);
	assert_memory_equal(&a, &before, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_is_whole),
		cmocka_unit_test(test_every_cell_is_carried_out),
		cmocka_unit_test(test_s02_flags_are_not_exclusive),
		cmocka_unit_test(test_s03_status_words),
		cmocka_unit_test(test_s04_human_words),
		cmocka_unit_test(test_l01_held),
		cmocka_unit_test(test_s05_durations),
		cmocka_unit_test(test_s09_running),
		cmocka_unit_test(test_s10_stopped),
		cmocka_unit_test(test_s11_restarting),
		cmocka_unit_test(test_s12_removal_is_test_and_set),
		cmocka_unit_test(test_failed_start_keeps_an_older_code),
		cmocka_unit_test(test_late_end_is_dropped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
