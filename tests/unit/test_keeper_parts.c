/* test_keeper_parts - the keeper's own parts without a process: tables against naive models, decisions against a clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

/* Not in the library: the keeper includes nothing of ours, and nothing of ours includes it. */
#include "init/descriptors.c"
#include "init/life.c"
#include "init/reap.c"
#include "init/say.c"
#include "init/slots.c"

static unsigned seed = 1;

static unsigned any(unsigned below)
{
	return (unsigned)rand_r(&seed) % below;
}

/* ---- slots */

static struct keeper_msg_slot dead(int32_t pid, uint64_t start, int32_t value)
{
	return (struct keeper_msg_slot){
		.pid = pid, .start_ticks = start, .exited = 1, .code = CLD_EXITED, .value = value
	};
}

static void empty_slots(void)
{
	struct keeper_msg_slot s;
	for (uint32_t cursor = 0; slots_next(&cursor, &s);)
		assert_int_equal(slots_ack(s.pid, s.start_ticks), 0);
	memset(ring, 0, sizeof(ring));
	assert_int_equal(untold, 0);
	assert_int_equal(in_use, 0);
}

static void test_slots_full(void **state)
{
	(void)state;
	for (int i = 1; i <= KEEPER_SLOTS; i++)
		assert_int_equal(slots_watch(i, 7), 0);
	assert_int_equal(slots_watch(KEEPER_SLOTS + 1, 7), -ENOSPC);
	struct keeper_msg_slot d = dead(KEEPER_SLOTS + 2, 9, 0);
	slots_record(&d);
	assert_int_equal(slots_watch_dead(d.pid, 9), -ENOSPC); /* stays in the ring */
	assert_int_equal(slots_ack(100, 7), 0);
	assert_int_equal(slots_watch_dead(d.pid, 9), 0);
	assert_ptr_equal(slots_untold(), &slots[99]);
	empty_slots();
}

static void test_ring(void **state)
{
	(void)state;
	for (int i = 1; i <= KEEPER_RING + 1; i++) {
		struct keeper_msg_slot d = dead(i, 50, i);
		slots_record(&d);
	}
	assert_int_equal(slots_watch_dead(1, 50), -ESRCH); /* pushed out */
	assert_int_equal(slots_watch_dead(2, 51), -ESRCH); /* another process of that pid */
	assert_int_equal(slots_watch_dead(0, 0), -ESRCH);
	assert_int_equal(slots_watch_dead(2, 50), 0);
	assert_int_equal(slots_watch_dead(2, 50), -ESRCH); /* taken */
	assert_int_equal(slots_untold()->value, 2);
	empty_slots();
}

static void test_start_unknown(void **state)
{
	struct keeper_msg_slot d = dead(5, 0, 3), s;
	uint32_t cursor = 0;
	(void)state;
	assert_int_equal(slots_watch(5, 44), 0);
	slots_record(&d); /* without /proc */
	assert_true(slots_next(&cursor, &s));
	assert_true(s.exited && s.start_ticks == 44 && s.value == 3);
	d = dead(5, 45, 4);
	slots_record(&d); /* the pid's next owner: not into the slot of the last one */
	assert_int_equal(slots[0].value, 3);
	empty_slots();
}

/* Each exit is told once, whatever the order of watching, dying, telling and acknowledging. */
static void test_slots_model(void **state)
{
	enum { N = 40 };
	struct {
		bool watched, dead, told;
	} model[N] = { 0 };
	(void)state;
	for (int round = 0; round < 20000; round++) {
		int32_t i = (int32_t)any(N), pid = i + 1;
		struct keeper_msg_slot d = dead(pid, 1, i);
		const struct keeper_msg_slot *u;
		uint32_t cursor = any(10);
		switch (any(5)) {
		case 0:
			if (!model[i].watched) {
				assert_false(slots_has(pid, 1));
				assert_int_equal(slots_watch(pid, 1), 0);
				model[i].watched = true;
				model[i].dead = model[i].told = false;
			}
			assert_true(slots_has(pid, 1));
			break;
		case 1:
			if (model[i].watched && !model[i].dead) {
				slots_record(&d);
				model[i].dead = true;
			}
			break;
		case 2:
			assert_int_equal(slots_ack(pid, 1), model[i].watched ? 0 : -ENOENT);
			model[i].watched = false;
			break;
		case 3:
			u = slots_untold();
			if (u) {
				int32_t j = u->pid - 1;
				assert_true(
					model[j].watched && model[j].dead && !model[j].told && u->value == j);
				slots_set_told(u);
				model[j].told = true;
			}
			break;
		case 4:
			if (slots_next(&cursor, &d)) {
				int32_t j = d.pid - 1;
				assert_true(model[j].watched && model[j].dead == (d.exited != 0));
				model[j].told = model[j].dead;
			}
			break;
		}
		uint32_t waiting = 0;
		for (int j = 0; j < N; j++)
			waiting += model[j].watched && model[j].dead && !model[j].told;
		assert_int_equal(untold, waiting);
		assert_int_equal(slots_untold() != NULL, waiting > 0);
	}
	empty_slots();
}

/* ---- descriptors */

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void test_descriptors(void **state)
{
	char name[KEEPER_NAME_MAX + 1] = "a", no_end[KEEPER_NAME_MAX + 1];
	uint32_t cursor = 0;
	(void)state;
	descriptors_init(1000000);
	assert_int_equal(descriptors_limit(), KEEPER_DESCRIPTORS);
	descriptors_init(3);
	int a = dup(2), b = dup(2), c = dup(2), d = dup(2);
	assert_int_equal(descriptors_put("a", a), 0);
	assert_int_equal(descriptors_put("b", b), 0);
	assert_int_equal(descriptors_put("a", c), 0);
	assert_false(is_open(a));
	assert_int_equal(descriptors_get("a"), c);
	assert_int_equal(descriptors_put("c", dup(2)), 0);
	assert_int_equal(descriptors_put("d", d), -ENOSPC);
	assert_true(is_open(d));
	assert_int_equal(descriptors_drop("b"), 0);
	assert_false(is_open(b));
	assert_int_equal(descriptors_drop("b"), -ENOENT);
	assert_int_equal(descriptors_put("d", d), 0);
	for (int i = 0; i < 3; i++)
		assert_true(descriptors_next(&cursor, name));
	assert_false(descriptors_next(&cursor, name));

	memset(no_end, 'n', sizeof(no_end));
	assert_int_equal(descriptors_put(no_end, 2), -EINVAL);
	assert_int_equal(descriptors_put("", 2), -EINVAL);
	assert_int_equal(descriptors_put("a b", 2), -EINVAL);
	assert_int_equal(descriptors_get("\xff"), -EINVAL);
	assert_int_equal(descriptors_drop("a/b"), -EINVAL);
	cursor = 0;
	while (descriptors_next(&cursor, name))
		assert_int_equal(descriptors_drop(name), 0);
	assert_int_equal(used, 0);
}

/* ---- life */

static int64_t until;

static enum life_act next(struct life *l, int64_t now_ms)
{
	return life_next(l, now_ms * SAY_MS, &until);
}

static void test_life_back_off(void **state)
{
	static const int delays[] = { 0, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000 };
	struct life l;
	int64_t now = 1000;
	(void)state;
	life_init(&l, now * SAY_MS);
	assert_int_equal(next(&l, now), LIFE_SPAWN);
	for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
		life_started(&l, 10, now * SAY_MS);
		assert_int_equal(next(&l, now), LIFE_WAIT);
		assert_true(until == (now + 60000) * SAY_MS);
		now += 9999; /* not long enough */
		assert_false(life_died(&l, now * SAY_MS));
		if (delays[i]) {
			assert_int_equal(next(&l, now + delays[i] - 1), LIFE_WAIT);
			assert_true(until == (now + delays[i]) * SAY_MS);
		}
		now += delays[i];
		assert_int_equal(next(&l, now), LIFE_SPAWN);
	}
	life_started(&l, 10, now * SAY_MS);
	now += 10000;
	(void)life_died(&l, now * SAY_MS);
	assert_int_equal(next(&l, now), LIFE_SPAWN); /* a long life starts again at once */
	life_not_started(&l, now * SAY_MS);
	assert_int_equal(next(&l, now + 99), LIFE_WAIT);
	assert_int_equal(next(&l, now + 100), LIFE_SPAWN);
}

static void test_life_late(void **state)
{
	static const int patience[] = { 60, 120, 240, 480, 480 };
	struct life l;
	int64_t now = 0;
	(void)state;
	life_init(&l, 0);
	for (size_t i = 0; i < sizeof(patience) / sizeof(patience[0]); i++) {
		life_started(&l, 10, now * SAY_S);
		now += patience[i];
		assert_int_equal(next(&l, now * 1000 - 1), LIFE_WAIT);
		assert_true(until == now * SAY_S);
		assert_int_equal(next(&l, now * 1000), LIFE_KILL);
		assert_true(l.late);
		assert_int_equal(next(&l, now * 1000 + 50000), LIFE_WAIT); /* its death is waited for */
		assert_true(until == LIFE_NEVER);
		assert_false(life_died(&l, now * SAY_S));
		assert_int_equal(next(&l, now * 1000), LIFE_SPAWN);
	}
	life_started(&l, 10, now * SAY_S);
	life_ready(&l, (now + 479) * SAY_S);
	assert_int_equal(next(&l, INT32_MAX), LIFE_WAIT); /* whatever it does then */
	assert_true(until == LIFE_NEVER);
	assert_false(life_died(&l, (now + 500) * SAY_S));
	assert_false(l.late);
	life_started(&l, 10, (now + 500) * SAY_S);
	assert_int_equal(next(&l, (now + 500) * 1000), LIFE_WAIT);
	assert_true(until == (now + 560) * SAY_S);
}

static void test_life_trial(void **state)
{
	struct life l;
	(void)state;
	life_init(&l, 0);
	life_started(&l, 10, 0);
	life_ready(&l, 0);
	life_replaced(&l);
	assert_false(life_died(&l, SAY_S));
	assert_int_equal(next(&l, 1000), LIFE_SPAWN);
	life_started(&l, 11, SAY_S);
	assert_int_equal(next(&l, 10999), LIFE_WAIT);
	assert_true(until == 11 * SAY_S);
	assert_int_equal(next(&l, 11000), LIFE_KILL);
	assert_true(l.late);
	assert_int_equal(next(&l, 11001), LIFE_WAIT); /* killed once */
	assert_true(life_died(&l, 11001 * SAY_MS));
	assert_int_equal(next(&l, 11001), LIFE_SPAWN); /* the old one, at once */
	life_started(&l, 12, 12 * SAY_S);
	assert_int_equal(next(&l, 60000), LIFE_WAIT);

	life_replaced(&l); /* crashes after it was ready */
	(void)life_died(&l, 60 * SAY_S);
	life_started(&l, 13, 60 * SAY_S);
	life_ready(&l, 61 * SAY_S);
	assert_int_equal(next(&l, 64000), LIFE_WAIT);
	assert_true(until == 71 * SAY_S);
	assert_true(life_died(&l, 64 * SAY_S));
	assert_false(l.late);
	assert_int_equal(next(&l, 64000), LIFE_SPAWN);
	life_started(&l, 14, 64 * SAY_S);
	life_ready(&l, 64 * SAY_S);
	assert_false(life_died(&l, 65 * SAY_S)); /* the old one is on no trial */

	life_replaced(&l); /* good */
	life_started(&l, 15, 100 * SAY_S);
	life_ready(&l, 101 * SAY_S);
	life_ready(&l, 105 * SAY_S); /* said twice changes nothing */
	assert_int_equal(next(&l, 110999), LIFE_WAIT);
	assert_int_equal(next(&l, 111000), LIFE_ACCEPT);
	assert_int_equal(next(&l, 111000), LIFE_WAIT);
	assert_true(until == LIFE_NEVER);
	assert_false(life_died(&l, 112 * SAY_S));

	life_replaced(&l); /* good enough to ask for a successor: its end is no failure */
	life_started(&l, 16, 200 * SAY_S);
	life_ready(&l, 200 * SAY_S);
	life_replaced(&l);
	assert_false(life_died(&l, 201 * SAY_S));
	life_started(&l, 17, 201 * SAY_S);
	assert_true(life_died(&l, 202 * SAY_S));
}

static void test_life_stop(void **state)
{
	struct life l;
	(void)state;
	life_init(&l, 0);
	life_started(&l, 10, 0);
	life_ready(&l, 0);
	life_stop_wanted(&l, SIGTERM, SAY_S);
	assert_int_equal(next(&l, 1000000), LIFE_WAIT); /* it may take its time */
	(void)life_died(&l, 1000 * SAY_S);
	assert_int_equal(next(&l, 1000000), LIFE_SPAWN);
	life_started(&l, 11, 1000 * SAY_S);
	assert_int_equal(next(&l, 1029999), LIFE_WAIT);
	assert_int_equal(next(&l, 1030000), LIFE_KILL); /* not ready in time */
	(void)life_died(&l, 1030 * SAY_S);
	assert_int_equal(next(&l, 1030000), LIFE_GIVE_UP);

	life_init(&l, 0); /* ready before the time is over: let it work */
	life_started(&l, 10, 0);
	life_stop_wanted(&l, SIGINT, SAY_S);
	(void)life_died(&l, 2 * SAY_S);
	life_started(&l, 11, 2 * SAY_S);
	life_ready(&l, 3 * SAY_S);
	assert_int_equal(next(&l, 500000), LIFE_WAIT);
	l.stopping = true;
	l.status = 4;
	(void)life_died(&l, 501 * SAY_S);
	assert_int_equal(next(&l, 501000), LIFE_END);
	assert_int_equal(l.status, 4);

	life_init(&l, 0); /* asked of one that is stuck before it is ready */
	life_started(&l, 10, 0);
	life_stop_wanted(&l, SIGTERM, 5 * SAY_S);
	life_stop_wanted(&l, SIGTERM, 20 * SAY_S); /* to ask again wins no time */
	assert_int_equal(next(&l, 34999), LIFE_WAIT);
	assert_true(until == 35 * SAY_S);
	assert_int_equal(next(&l, 35000), LIFE_KILL);
	assert_false(l.late);
	assert_int_equal(next(&l, 39999), LIFE_WAIT);
	assert_true(until == 40 * SAY_S);
	assert_int_equal(next(&l, 40000), LIFE_GIVE_UP); /* not even that ends it */
	(void)life_died(&l, 36 * SAY_S);
	assert_int_equal(next(&l, 36000), LIFE_GIVE_UP);

	life_init(&l, 0); /* asked of one that was about to be ready: the next has its time */
	life_started(&l, 10, 0);
	life_stop_wanted(&l, SIGTERM, SAY_S);
	life_ready(&l, 5 * SAY_S);
	(void)life_died(&l, 40 * SAY_S);
	assert_int_equal(next(&l, 40000), LIFE_SPAWN);
	life_started(&l, 11, 40 * SAY_S);
	life_ready(&l, 41 * SAY_S);
	(void)life_died(&l, 70 * SAY_S); /* but not for ever */
	assert_int_equal(next(&l, 70000), LIFE_GIVE_UP);

	life_init(&l, 0); /* asked while none is alive */
	life_started(&l, 10, 0);
	(void)life_died(&l, 0);
	life_started(&l, 10, 0);
	(void)life_died(&l, 0);
	life_stop_wanted(&l, SIGTERM, 0);
	assert_int_equal(next(&l, 50), LIFE_WAIT);
	life_not_started(&l, 29900 * SAY_MS);
	assert_int_equal(next(&l, 29950), LIFE_WAIT);
	assert_int_equal(next(&l, 30000), LIFE_GIVE_UP);
}

static void test_life_deaf(void **state)
{
	struct life l;
	(void)state;
	life_init(&l, 0);
	life_started(&l, 10, 0);
	life_ready(&l, 0);
	life_deaf(&l, SAY_S);
	assert_int_equal(next(&l, 5999), LIFE_WAIT);
	assert_int_equal(next(&l, 6000), LIFE_KILL);
	(void)life_died(&l, 6 * SAY_S);
	life_started(&l, 11, 6 * SAY_S);
	life_ready(&l, 7 * SAY_S);
	assert_int_equal(next(&l, 100000), LIFE_WAIT); /* the next one hears */
}

/* ---- small things */

static void test_stat(void **state)
{
	int32_t parent;
	uint64_t start;
	(void)state;
	assert_int_equal(
		reap_parse_stat("5 (a b) c) 1 2) Z 77 5 5 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 123456789012 0 0",
			&parent, &start),
		0);
	assert_int_equal(parent, 77);
	assert_true(start == 123456789012);
	assert_int_equal(reap_parse_stat("", &parent, &start), -EBADMSG);
	assert_int_equal(reap_parse_stat("5 (x) S 77 5 5", &parent, &start), -EBADMSG);
	assert_int_equal(reap_parse_stat("5 (x) S x 5 5", &parent, &start), -EBADMSG);
	assert_int_equal(reap_look_at(getpid(), &parent, &start), 0);
	assert_int_equal(parent, getppid());
	assert_int_equal(reap_look_at(0, &parent, &start), -ESRCH);
}

static void test_kill_children(void **state)
{
	struct keeper_msg_slot s;
	(void)state;
	assert_false(reap_kill_children());
	for (int i = 0; i < 3; i++)
		if (fork() == 0)
			for (;;)
				(void)pause();
	assert_true(reap_kill_children());
	int64_t deadline = say_mono_ns() + 2 * SAY_S;
	int seen = 0;
	while (seen < 3 && say_mono_ns() < deadline)
		if (reap_one(0, &s)) {
			assert_true(s.code == CLD_KILLED && s.value == SIGKILL);
			seen++;
		}
	assert_int_equal(seen, 3);
	assert_false(reap_kill_children());
}

static void test_numbers(void **state)
{
	(void)state;
	assert_string_equal(say_number(0), "0");
	assert_string_equal(say_number(-15), "-15");
	assert_string_equal(say_number(INT64_MIN), "-9223372036854775808");
	assert_string_equal(say_number(INT64_MAX), "9223372036854775807");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slots_full),
		cmocka_unit_test(test_ring),
		cmocka_unit_test(test_start_unknown),
		cmocka_unit_test(test_slots_model),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_life_back_off),
		cmocka_unit_test(test_life_late),
		cmocka_unit_test(test_life_trial),
		cmocka_unit_test(test_life_stop),
		cmocka_unit_test(test_life_deaf),
		cmocka_unit_test(test_stat),
		cmocka_unit_test(test_kill_children),
		cmocka_unit_test(test_numbers),
	};
	const char *text = getenv("BERTH_SEED");
	if (text)
		seed = (unsigned)strtoul(text, NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
