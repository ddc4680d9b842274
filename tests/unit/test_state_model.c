/*
 * Random verbs and answers of the kernel against a naive model of a container's life, with waiters that come, go away and are told.
 * The model knows nothing of the table: it is docker's rules as plain conditions over a word.
 *
 * BERTH_N: 5,000 steps each, 100,000 at least. BERTH_SEED: which ones; printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "supervisor/container.h"
#include "supervisor/waiter.h"

#define STEPS_MIN 100000
#define WAITS	  24

static uint64_t seed_state;

static uint32_t draw(uint32_t below)
{
	seed_state ^= seed_state << 13;
	seed_state ^= seed_state >> 7;
	seed_state ^= seed_state << 17;
	return (uint32_t)(seed_state >> 33) % below;
}

/* ---------------------------------------------------------------- the model */

struct model {
	char word[16]; /* created starting running paused waiting retrying exited removing dead */
	bool ran, oom;
	int code, restarts;
	unsigned long generation;
	char error[32];
	int64_t started, finished;
};

static bool is(const struct model *m, const char *word)
{
	return strcmp(m->word, word) == 0;
}

static void become(struct model *m, const char *word)
{
	snprintf(m->word, sizeof(m->word), "%s", word);
}

static bool has_process(const struct model *m)
{
	return is(m, "running") || is(m, "paused");
}

static bool launches(const struct model *m)
{
	return is(m, "starting") || is(m, "retrying");
}

static bool rests(const struct model *m)
{
	return is(m, "created") || is(m, "exited");
}

static void rest(struct model *m)
{
	become(m, m->ran ? "exited" : "created");
}

/* ---------------------------------------------------------------- both, side by side */

enum wait_mark { NOBODY, WAITING, DUE };

struct wait_slot {
	enum wait_mark mark;
	enum wait_condition condition;
	struct waiter *w;
	int want_code, got_code, calls;
	bool want_error, got_error;
};

static struct engine en;
static struct container *c;
static struct model m;
static struct wait_slot slots[WAITS];
static int64_t now = INT64_C(1700000000) * NS_PER_S;
static unsigned n_containers, n_told, n_done, n_refused;

static void on_woken(void *cookie, int exit_code, const char *error)
{
	struct wait_slot *s = cookie;

	s->calls++;
	s->got_code = exit_code;
	s->got_error = error != NULL;
}

static void new_container(void)
{
	char id[TEXT_ID_LEN + 1];

	snprintf(id, sizeof(id), "%064x", ++n_containers);
	c = container_new(&en, id);
	assert_non_null(c);
	snprintf(c->name, sizeof(c->name), "box%u", n_containers);
	list_append(&en.containers, &c->link);
	m = (struct model){ .started = CLOCK_NEVER, .finished = CLOCK_NEVER };
	become(&m, "created");
}

static void due(struct wait_slot *s, bool with_error)
{
	s->mark = DUE;
	s->want_code = m.code;
	s->want_error = with_error;
}

static void all_due(bool removed_too, bool with_error)
{
	for (size_t i = 0; i < WAITS; i++)
		if (slots[i].mark == WAITING && (removed_too || slots[i].condition != WAIT_REMOVED))
			due(&slots[i], with_error);
}

static void tell(void)
{
	bool any = false;

	for (size_t i = 0; i < WAITS; i++)
		any |= slots[i].mark == DUE;
	for (int i = 0; any && i < 2; i++)
		(void)event_base_loop(en.base, EVLOOP_NONBLOCK);
	for (size_t i = 0; i < WAITS; i++) {
		struct wait_slot *s = &slots[i];
		assert_int_equal(s->calls, s->mark == DUE);
		if (s->mark != DUE)
			continue;
		assert_int_equal(s->got_code, s->want_code);
		assert_int_equal(s->got_error, s->want_error);
		memset(s, 0, sizeof(*s));
		n_told++;
	}
}

/* ---- one function per verb or answer: does it to both, true when the model allows it */

static bool do_start(void)
{
	bool ok = rests(&m) || is(&m, "waiting");

	if (ok) {
		become(&m, is(&m, "waiting") ? "retrying" : "starting");
		m.generation++;
	}
	assert_int_equal(state_set_starting(&c->actual), ok);
	return ok;
}

static bool do_started(void)
{
	bool ok = launches(&m);

	if (ok) {
		become(&m, "running");
		m.ran = true;
		m.oom = false;
		m.code = 0;
		m.error[0] = '\0';
		m.started = now;
		c->actual.pid = 1 + (pid_t)draw(1000);
	}
	assert_int_equal(state_set_running(&c->actual, now, now), ok);
	return ok;
}

static bool do_end(bool start_failed)
{
	bool ok = start_failed ? launches(&m) : has_process(&m), again = draw(2), oom = draw(4) == 0;
	static const int codes[] = { 0, 1, 126, 127, 128, 137, 255 };
	int code = codes[draw(ARRAY_LEN(codes))];
	bool late = ok && draw(8) == 0;

	if (start_failed && ok && !late) {
		if (m.code == 0 || code == 126 || code == 127)
			m.code = code;
		strcpy(m.error, "start failed");
		state_note_start_error(&c->actual, code, "start failed");
	}
	ok = ok && !late;
	if (ok) {
		if (!start_failed) {
			m.code = code;
			m.oom = oom;
		}
		if (!start_failed || again)
			m.finished = now;
		if (again)
			become(&m, "waiting"), m.restarts++;
		else
			rest(&m);
	}
	struct state_end end = { .generation = m.generation - late,
		.start_failed = start_failed,
		.exit_code = code,
		.oom_killed = oom,
		.finished_ns = now,
		.next_try_ns = again ? now + NS_PER_S : CLOCK_NEVER,
		.delay_ns = 1 };
	assert_int_equal(state_set_ended(&c->actual, &end), ok);
	if (ok) {
		all_due(false, m.error[0]);
		waiter_wake_exit(c);
	}
	return ok;
}

static bool do_pause(bool pause)
{
	bool ok = is(&m, pause ? "running" : "paused");

	if (ok)
		become(&m, pause ? "paused" : "running");
	assert_int_equal(state_set_paused(&c->actual, pause), ok);
	return ok;
}

static bool do_call_off(void)
{
	bool ok = is(&m, "waiting");

	if (ok) {
		rest(&m);
		all_due(false, m.error[0]);
	}
	assert_int_equal(state_set_called_off(&c->actual), ok);
	if (ok)
		waiter_wake_exit(c);
	return ok;
}

static bool do_remove(void)
{
	bool ok = rests(&m) || is(&m, "waiting") || is(&m, "dead");

	if (ok)
		become(&m, "removing");
	assert_int_equal(state_set_removing(&c->actual), ok);
	return ok;
}

static bool do_remove_failed(void)
{
	bool ok = is(&m, "removing");

	if (ok) {
		become(&m, "dead");
		strcpy(m.error, "busy");
		all_due(true, true);
	}
	assert_int_equal(state_set_remove_failed(&c->actual, "busy"), ok);
	if (ok)
		waiter_wake_removed(c, c->actual.error);
	return ok;
}

static bool do_removed(void)
{
	if (!is(&m, "removing"))
		return false;
	all_due(true, m.error[0]);
	waiter_wake_removed(c, NULL);
	char name[sizeof(c->name)];
	strcpy(name, c->name);
	list_remove(&c->link);
	free(c);
	/* One that comes late is told all the same. */
	for (size_t i = 0; i < WAITS; i++) {
		struct wait_slot *s = &slots[i];
		if (s->mark != NOBODY)
			continue;
		s->condition = (enum wait_condition)draw(WAIT_COUNT);
		due(s, m.error[0]);
		assert_int_equal(container_wait(&en, name, s->condition, on_woken, s, &s->w, NULL), 0);
		break;
	}
	tell();
	new_container();
	return true;
}

static bool do_supervisor_dies(void)
{
	bool ok = is(&m, "removing");

	if (ok)
		rest(&m);
	assert_int_equal(state_forget_removal(&c->actual), ok);
	return ok;
}

static bool do_wait(void)
{
	struct wait_slot *s = &slots[draw(WAITS)];

	if (s->mark != NOBODY)
		return false;
	s->condition = (enum wait_condition)draw(WAIT_COUNT);
	s->mark = WAITING;
	assert_int_equal(
		container_wait(&en, draw(2) ? c->id : c->name, s->condition, on_woken, s, &s->w, NULL), 0);
	assert_int_equal(s->calls, 0);
	if (s->condition == WAIT_NOT_RUNNING && !has_process(&m) && !launches(&m))
		due(s, m.error[0]);
	return true;
}

static bool do_go_away(void)
{
	struct wait_slot *s = &slots[draw(WAITS)];

	if (s->mark == NOBODY)
		return false;
	container_wait_cancel(s->w);
	memset(s, 0, sizeof(*s));
	return true;
}

static bool do_one(void)
{
	switch (draw(16)) {
	case 0:
	case 1:
		return do_start();
	case 2:
	case 3:
		return do_started();
	case 4:
		return do_end(true);
	case 5:
	case 6:
		return do_end(false);
	case 7:
		return do_pause(true);
	case 8:
		return do_pause(false);
	case 9:
		return do_call_off();
	case 10:
		return draw(4) == 0 && do_remove();
	case 11:
		return do_remove_failed();
	case 12:
		return do_removed();
	case 13:
		return do_supervisor_dies();
	case 14:
		return do_wait();
	default:
		return draw(3) == 0 && do_go_away();
	}
}

/* ---------------------------------------------------------------- what everybody sees */

static void compare(void)
{
	const struct actual *a = &c->actual;
	const char *status = is(&m, "waiting") || is(&m, "retrying") ? "restarting"
		: is(&m, "starting")				     ? (m.ran ? "exited" : "created")
								     : m.word;
	char human[128], want[128], up[64], ago[64];

	assert_string_equal(state_status(a), status);
	assert_int_equal(a->running, has_process(&m) || is(&m, "waiting") || is(&m, "retrying"));
	assert_int_equal(a->restarting, is(&m, "waiting") || is(&m, "retrying"));
	assert_int_equal(a->paused, is(&m, "paused"));
	assert_int_equal(a->dead, is(&m, "dead"));
	assert_int_equal(a->removing, is(&m, "removing"));
	assert_int_equal(a->starting, launches(&m));
	assert_int_equal(a->pid != 0, has_process(&m));
	assert_int_equal(a->exit_code, m.code);
	assert_int_equal(a->oom_killed, m.oom);
	assert_int_equal(a->restart_count, m.restarts);
	assert_int_equal(a->generation, m.generation);
	assert_int_equal(a->next_try_ns != CLOCK_NEVER, is(&m, "waiting"));
	assert_string_equal(a->error, m.error);
	assert_int_equal(a->started_ns, m.started);
	assert_int_equal(a->finished_ns, m.finished);
	clock_human_duration(m.started == CLOCK_NEVER ? 0 : now - m.started, up, sizeof(up));
	clock_human_duration(m.finished == CLOCK_NEVER ? 0 : now - m.finished, ago, sizeof(ago));
	if (has_process(&m))
		snprintf(want, sizeof(want), "Up %s%s", up, is(&m, "paused") ? " (Paused)" : "");
	else if (strcmp(status, "restarting") == 0)
		snprintf(want, sizeof(want), "Restarting (%d) %s ago", m.code, ago);
	else if (strcmp(status, "exited") == 0)
		snprintf(want, sizeof(want), "Exited (%d) %s ago", m.code, ago);
	else
		snprintf(want, sizeof(want), "%s",
			is(&m, "removing")	 ? "Removal In Progress"
				: is(&m, "dead") ? "Dead"
						 : "Created");
	assert_string_equal(state_human(a, now, human, sizeof(human)), want);
}

static void test_random_life(void **state)
{
	const char *given = getenv("BERTH_SEED"), *n = getenv("BERTH_N");
	uint64_t seed = given && *given ? strtoull(given, NULL, 10) : (uint64_t)clock_real_ns();
	long steps = (n && *n ? strtol(n, NULL, 10) : 0) * 5000;
	(void)state;

	print_message("seed: %llu\n", (unsigned long long)seed);
	seed_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	if (steps < STEPS_MIN)
		steps = STEPS_MIN;
	list_init(&en.containers);
	list_init(&en.tombs);
	en.base = event_base_new();
	assert_non_null(en.base);
	log_set_level(LOG_LEVEL_COUNT); /* most verbs are refused */
	new_container();
	for (long i = 0; i < steps; i++) {
		now += (int64_t)draw(3000) * NS_PER_MS;
		if (do_one())
			n_done++;
		else
			n_refused++;
		tell();
		compare();
	}
	log_set_level(LOG_LEVEL_INFO);
	print_message("%ld steps: %u done, %u refused, %u containers, %u waits answered\n", steps, n_done,
		n_refused, n_containers, n_told);
	assert_true(n_containers > 100 && n_told > 1000 && n_done > 1000 && n_refused > 1000);
	for (size_t i = 0; i < WAITS; i++)
		if (slots[i].mark == WAITING)
			container_wait_cancel(slots[i].w);
	list_remove(&c->link);
	free(c);
	waiter_forget_all(&en);
	event_base_free(en.base);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random_life) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
