/* Who waits for what: three conditions against every state, those who go away, those who come late, and a thousand at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/own.h"
#include "supervisor/container.h"
#include "supervisor/waiter.h"

struct seen {
	struct waiter *w;
	int calls, exit_code;
	bool has_error;
	char error[ERR_TEXT_MAX];
};

static struct engine en;

static int open_engine(void **state)
{
	(void)state;
	memset(&en, 0, sizeof(en));
	list_init(&en.containers);
	list_init(&en.tombs);
	en.base = event_base_new();
	return en.base ? 0 : -1;
}

static int close_engine(void **state)
{
	(void)state;
	list_each_safe (struct container, c, &en.containers, link) {
		list_remove(&c->link);
		free(c);
	}
	waiter_forget_all(&en);
	event_base_free(en.base);
	return 0;
}

static void on_woken(void *cookie, int exit_code, const char *error)
{
	struct seen *s = cookie;

	s->calls++;
	s->exit_code = exit_code;
	s->has_error = error != NULL;
	snprintf(s->error, sizeof(s->error), "%s", error ? error : "");
}

/* The loop's turns until nothing is due any more. */
static void turn(void)
{
	for (int i = 0; i < 3; i++)
		(void)event_base_loop(en.base, EVLOOP_NONBLOCK);
}

static struct container *make(char digit)
{
	char id[TEXT_ID_LEN + 1];

	memset(id, digit, TEXT_ID_LEN);
	id[TEXT_ID_LEN] = '\0';
	struct container *c = container_new(&en, id);
	assert_non_null(c);
	snprintf(c->name, sizeof(c->name), "box%c", digit);
	list_append(&en.containers, &c->link);
	return c;
}

static void run(struct container *c)
{
	assert_true(state_set_starting(&c->actual));
	c->actual.pid = 99;
	assert_true(state_set_running(&c->actual, 1, 1));
}

static void end(struct container *c, int code, int64_t next_try_ns)
{
	assert_true(state_set_ended(&c->actual,
		&(struct state_end){ .generation = c->actual.generation,
			.exit_code = code,
			.finished_ns = 2,
			.next_try_ns = next_try_ns }));
	waiter_wake_exit(c);
}

/* As container_remove.c does it. */
static void remove_it(struct container *c)
{
	waiter_wake_removed(c, NULL);
	list_remove(&c->link);
	free(c);
}

static void wait_for(const char *ref, enum wait_condition condition, struct seen *s)
{
	struct err e;

	memset(s, 0, sizeof(*s));
	if (container_wait(&en, ref, condition, on_woken, s, &s->w, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(s->calls, 0); /* never from inside */
	turn();
}

static void test_s06_conditions_by_state(void **state)
{
	struct container *c = make('a');
	struct seen s[WAIT_COUNT];
	(void)state;

	/* created: it does not run */
	for (int i = 0; i < WAIT_COUNT; i++)
		wait_for(c->name, (enum wait_condition)i, &s[i]);
	assert_int_equal(s[WAIT_NOT_RUNNING].calls, 1);
	assert_int_equal(s[WAIT_NEXT_EXIT].calls + s[WAIT_REMOVED].calls, 0);
	/* running: nothing is met; those of before still wait */
	run(c);
	wait_for(c->id, WAIT_NOT_RUNNING, &s[WAIT_NOT_RUNNING]);
	assert_int_equal(s[WAIT_NOT_RUNNING].calls, 0);
	end(c, 7, CLOCK_NEVER);
	turn();
	assert_int_equal(s[WAIT_NOT_RUNNING].calls, 1);
	assert_int_equal(s[WAIT_NOT_RUNNING].exit_code, 7);
	assert_int_equal(s[WAIT_NEXT_EXIT].calls, 1);
	assert_int_equal(s[WAIT_NEXT_EXIT].exit_code, 7);
	assert_int_equal(s[WAIT_REMOVED].calls, 0);
	/* exited: met now, never met now, not met */
	wait_for(c->name, WAIT_NOT_RUNNING, &s[WAIT_NOT_RUNNING]);
	assert_int_equal(s[WAIT_NOT_RUNNING].exit_code, 7);
	assert_int_equal(s[WAIT_NOT_RUNNING].calls, 1);
	wait_for(c->name, WAIT_NEXT_EXIT, &s[WAIT_NEXT_EXIT]);
	assert_int_equal(s[WAIT_NEXT_EXIT].calls, 0);
	remove_it(c);
	turn();
	for (int i = 1; i < WAIT_COUNT; i++) {
		assert_int_equal(s[i].calls, 1);
		assert_int_equal(s[i].exit_code, 7);
		assert_false(s[i].has_error);
	}
	/* removed: all three, by name, id and the beginning of the id */
	for (int i = 0; i < WAIT_COUNT; i++) {
		wait_for(i == 0		 ? "boxa"
				: i == 1 ? "aaaaaaaaaaaa"
					 : "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			(enum wait_condition)i, &s[i]);
		assert_int_equal(s[i].calls, 1);
		assert_int_equal(s[i].exit_code, 7);
	}
	struct err e;
	struct waiter *w;
	assert_int_equal(container_wait(&en, "aaa", WAIT_REMOVED, on_woken, &s, &w, &e), -ENOENT);
	assert_int_equal(container_wait(&en, "never", WAIT_REMOVED, on_woken, &s, &w, &e), -ENOENT);
	assert_string_equal(e.text, "No such container: never");
}

static void test_s06_words(void **state)
{
	enum wait_condition got = WAIT_COUNT;
	struct err e;
	(void)state;

	assert_int_equal(wait_parse_condition("", &got, &e), 0);
	assert_int_equal(got, WAIT_NOT_RUNNING);
	assert_int_equal(wait_parse_condition(NULL, &got, &e), 0);
	assert_int_equal(wait_parse_condition("next-exit", &got, &e), 0);
	assert_int_equal(got, WAIT_NEXT_EXIT);
	assert_int_equal(wait_parse_condition("removed", &got, &e), 0);
	assert_int_equal(got, WAIT_REMOVED);
	assert_int_equal(wait_parse_condition("not-running", &got, &e), 0);
	assert_int_equal(got, WAIT_NOT_RUNNING);
	assert_int_equal(wait_parse_condition("gone", &got, &e), -EINVAL);
	assert_string_equal(e.text, "invalid condition: \"gone\"");
}

static void test_s06_cancelled_waits_leave_no_memory(void **state)
{
	struct container *c = make('b');
	struct waiter *w[256];
	struct seen s = { 0 };
	(void)state;

	run(c);
	size_t before = 0;
	for (int round = 0; round < 50; round++) {
		for (size_t i = 0; i < ARRAY_LEN(w); i++)
			assert_int_equal(container_wait(&en, c->id, (enum wait_condition)(i % WAIT_COUNT),
						 on_woken, &s, &w[i], NULL),
				0);
		for (size_t i = 0; i < ARRAY_LEN(w); i++)
			container_wait_cancel(w[(i * 7) % ARRAY_LEN(w)]);
		assert_true(list_empty(&c->waiters));
		if (round == 1)
			before = mallinfo2().uordblks;
	}
	assert_true(mallinfo2().uordblks <= before + 65536);
	/* One that was woken but not called yet may still go. */
	assert_int_equal(container_wait(&en, c->id, WAIT_NEXT_EXIT, on_woken, &s, &w[0], NULL), 0);
	end(c, 1, CLOCK_NEVER);
	container_wait_cancel(w[0]);
	turn();
	assert_int_equal(s.calls, 0);
}

static void test_s07_removal_of_a_created_one_wakes_all(void **state)
{
	struct container *c = make('c');
	struct seen next, removed;
	(void)state;

	wait_for(c->id, WAIT_NEXT_EXIT, &next);
	wait_for(c->id, WAIT_REMOVED, &removed);
	remove_it(c);
	turn();
	assert_int_equal(next.calls, 1);
	assert_int_equal(removed.calls, 1);
	assert_int_equal(removed.exit_code, 0);
	assert_false(removed.has_error);
}

/* Each end of a run is one, whatever policy does next; and in the back-off nothing runs. */
static void test_s08_crash_loop(void **state)
{
	struct container *c = make('d');
	struct seen first, inside, during, next;
	(void)state;

	run(c);
	wait_for(c->id, WAIT_NOT_RUNNING, &first);
	assert_int_equal(first.calls, 0);
	end(c, 5, INT64_MAX);
	turn();
	assert_int_equal(first.calls, 1);
	assert_int_equal(first.exit_code, 5);
	assert_true(c->actual.running && c->actual.restarting);
	wait_for(c->id, WAIT_NOT_RUNNING, &inside);
	assert_int_equal(inside.calls, 1);
	assert_int_equal(inside.exit_code, 5);
	wait_for(c->id, WAIT_NEXT_EXIT, &next);
	assert_int_equal(next.calls, 0);
	/* The next start is under way: that counts as running. */
	assert_true(state_set_starting(&c->actual));
	wait_for(c->id, WAIT_NOT_RUNNING, &during);
	assert_int_equal(during.calls, 0);
	assert_true(state_set_running(&c->actual, 1, 1));
	end(c, 6, CLOCK_NEVER);
	turn();
	assert_int_equal(during.exit_code, 6);
	assert_int_equal(next.exit_code, 6);
}

static void test_s13_failed_removal_is_told(void **state)
{
	struct container *c = make('e');
	struct seen s;
	(void)state;

	wait_for(c->id, WAIT_REMOVED, &s);
	assert_true(state_set_removing(&c->actual));
	assert_true(state_set_remove_failed(&c->actual, "remove x: Device or resource busy"));
	waiter_wake_removed(c, c->actual.error);
	turn();
	assert_int_equal(s.calls, 1);
	assert_true(s.has_error);
	assert_string_equal(s.error, "remove x: Device or resource busy");
	/* It is still there: the next one waits for the next try, nothing says that it went. */
	wait_for(c->id, WAIT_REMOVED, &s);
	assert_int_equal(s.calls, 0);
	assert_true(state_set_removing(&c->actual));
	remove_it(c);
	turn();
	assert_int_equal(s.calls, 1);
}

static void test_s14_failed_start_is_told(void **state)
{
	struct container *c = make('f');
	struct seen s, late;
	(void)state;

	assert_true(state_set_starting(&c->actual));
	wait_for(c->id, WAIT_NEXT_EXIT, &s);
	state_note_start_error(&c->actual, 127, "exec: \"x\": not found");
	assert_true(state_set_ended(&c->actual,
		&(struct state_end){ .generation = 1, .start_failed = true, .next_try_ns = CLOCK_NEVER }));
	waiter_wake_exit(c);
	turn();
	assert_int_equal(s.exit_code, 127);
	assert_string_equal(s.error, "exec: \"x\": not found");
	wait_for(c->id, WAIT_NOT_RUNNING, &late);
	assert_int_equal(late.exit_code, 127);
	assert_true(late.has_error);
	remove_it(c);
	wait_for("boxf", WAIT_NOT_RUNNING, &late);
	assert_string_equal(late.error, "exec: \"x\": not found");
}

static int order[4], n_order;

static void note_order(void *cookie, int exit_code, const char *error)
{
	(void)exit_code;
	(void)error;
	order[n_order++] = (int)(intptr_t)cookie;
}

static void test_s15_a_thousand_waits_hold_up_nothing(void **state)
{
	struct container *c = make('9');
	static struct seen s[1000];
	struct waiter *w;
	(void)state;

	run(c);
	for (size_t i = 0; i < ARRAY_LEN(s); i++)
		assert_int_equal(
			container_wait(&en, c->id, WAIT_NOT_RUNNING, on_woken, &s[i], &s[i].w, NULL), 0);
	end(c, 3, CLOCK_NEVER); /* returns before anybody is told */
	for (size_t i = 0; i < ARRAY_LEN(s); i++)
		assert_int_equal(s[i].calls, 0);
	assert_true(list_empty(&c->waiters));
	for (int i = 0; i < 100; i++)
		turn();
	for (size_t i = 0; i < ARRAY_LEN(s); i++)
		assert_int_equal(s[i].calls, 1);
	for (intptr_t i = 0; i < 3; i++)
		assert_int_equal(
			container_wait(&en, c->id, WAIT_NEXT_EXIT, note_order, (void *)i, &w, NULL), 0);
	waiter_wake_exit(c);
	turn();
	assert_int_equal(n_order, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(order[i], i);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_engine, close_engine)
	const struct CMUnitTest tests[] = {
		T(test_s06_conditions_by_state),
		T(test_s06_words),
		T(test_s06_cancelled_waits_leave_no_memory),
		T(test_s07_removal_of_a_created_one_wakes_all),
		T(test_s08_crash_loop),
		T(test_s13_failed_removal_is_told),
		T(test_s14_failed_start_is_told),
		T(test_s15_a_thousand_waits_hold_up_nothing),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
