/* The ring of events: numbers without gaps across openings, torn tails, damage, readers that lag, and a random walk against a model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/path.h"
#include "supervisor/event_ring.h"

static char dir[64];
static int rootfd = -1;
static unsigned drops;

static void on_drop(void *cookie)
{
	(void)cookie;
	drops++;
}

static int set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/berth-ring.XXXXXX");
	drops = 0;
	log_set_level(LOG_LEVEL_COUNT);
	return mkdtemp(dir) && (rootfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	own_close(&rootfd);
	return path_remove_tree(AT_FDCWD, dir, NULL);
}

static struct event_ring *open_ring(void)
{
	struct event_ring *r = NULL;
	struct err e;

	if (event_ring_open(rootfd, on_drop, NULL, &r, &e) < 0)
		fail_msg("%s", e.text);
	return r;
}

/* The text says its number, so that a reader can be checked. */
static void add(struct event_ring *r, size_t pad)
{
	uint64_t expected = event_ring_next(r), seq = 0;
	char *text = calloc(1, pad + 64);
	struct err e;

	memset(text, 'x', pad);
	(void)snprintf(text + pad, 64, "{%llu}", (unsigned long long)expected);
	if (event_ring_add(r, expected * 2, -3, "id", "start", text, strlen(text), &seq, &e) < 0)
		fail_msg("%s", e.text);
	free(text);
	assert_int_equal(seq, expected);
}

static void check_line(const struct event_line *line)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "{%llu}", (unsigned long long)line->seq);

	assert_true(line->len >= (size_t)n);
	assert_string_equal(line->json + line->len - n, text);
	assert_int_equal(line->generation, line->seq * 2);
	assert_int_equal(line->code, -3);
	assert_string_equal(line->id, "id");
	assert_string_equal(line->action, "start");
}

/* All that is there from this number on, in order and without gaps: how many. */
static uint64_t read_from(struct event_ring *r, uint64_t from)
{
	auto_(event_reader) struct event_reader *rd = NULL;
	uint64_t next = from > event_ring_oldest(r) ? from : event_ring_oldest(r), n = 0;
	struct event_line line;
	struct err e;
	int more;

	assert_int_equal(event_reader_new(r, from, &rd, &e), 0);
	while ((more = event_reader_next(rd, &line, &e)) > 0) {
		assert_int_equal(line.seq, next++);
		check_line(&line);
		n++;
	}
	assert_int_equal(more, 0);
	assert_int_equal(next, event_ring_next(r));
	return n;
}

static void test_numbers_go_on(void **state)
{
	char instance[EVENT_RING_INSTANCE_LEN + 1];
	struct event_ring *r = open_ring();
	(void)state;

	assert_int_equal(event_ring_next(r), 1);
	assert_int_equal(event_ring_oldest(r), 1);
	strcpy(instance, event_ring_instance(r));
	assert_int_equal(strlen(instance), EVENT_RING_INSTANCE_LEN);
	for (int i = 0; i < 5; i++) {
		add(r, 0);
		event_ring_free(r);
		r = open_ring();
	}
	assert_int_equal(event_ring_next(r), 6);
	assert_string_equal(event_ring_instance(r), instance);
	assert_int_equal(read_from(r, 0), 5);
	assert_int_equal(read_from(r, 4), 2);
	assert_int_equal(read_from(r, 6), 0);
	event_ring_remove(r);
	event_ring_free(r);
	assert_int_equal(faccessat(rootfd, "events", F_OK, 0), -1);
	r = open_ring();
	assert_int_equal(event_ring_next(r), 1);
	assert_string_not_equal(event_ring_instance(r), instance);
	event_ring_free(r);
}

static void test_places(void **state)
{
	struct event_ring *r = open_ring();
	char text[EVENT_CURSOR_MAX];
	uint64_t seq = 0;
	struct err e;
	(void)state;

	add(r, 0);
	add(r, 0);
	assert_int_equal(event_ring_parse_cursor(r, event_ring_format_cursor(r, 2, text), &seq, &e), 1);
	assert_int_equal(seq, 2);
	assert_int_equal(event_ring_parse_cursor(r, event_ring_format_cursor(r, 3, text), &seq, &e), 0);
	assert_int_equal(event_ring_parse_cursor(r, event_ring_format_cursor(r, 1, text), &seq, &e), 1);
	assert_int_equal(seq, 1);
	text[0] = text[0] == '0' ? '1' : '0';
	assert_int_equal(event_ring_parse_cursor(r, text, &seq, &e), 0);
	text[0] = 'g';
	assert_int_equal(event_ring_parse_cursor(r, text, &seq, &e), -EINVAL);
	assert_int_equal(event_ring_parse_cursor(r, "", &seq, &e), -EINVAL);
	assert_int_equal(event_ring_parse_cursor(r, "0123456789abcdef-1x", &seq, &e), -EINVAL);
	event_ring_free(r);
}

static void test_old_ones_are_dropped_and_kept_long_enough(void **state)
{
	struct event_ring *r = open_ring();
	(void)state;

	for (int i = 0; i < EVENT_RING_ENTRIES * 2; i++)
		add(r, 0);
	assert_int_equal(drops, 0);
	assert_int_equal(read_from(r, 1), EVENT_RING_ENTRIES * 2);
	add(r, 0);
	assert_int_equal(drops, 1);
	assert_int_equal(event_ring_oldest(r), EVENT_RING_ENTRIES + 1);
	assert_int_equal(read_from(r, 1), EVENT_RING_ENTRIES + 1);
	event_ring_free(r);
	r = open_ring();
	assert_int_equal(read_from(r, 1), EVENT_RING_ENTRIES + 1);
	event_ring_free(r);
}

static void test_bytes_are_bounded(void **state)
{
	struct event_ring *r = open_ring();
	struct stat now, old;
	(void)state;

	for (int i = 0; i < 40; i++)
		add(r, 100 * 1024);
	assert_true(drops > 2);
	assert_int_equal(fstatat(rootfd, "events", &now, 0), 0);
	assert_int_equal(fstatat(rootfd, "events.old", &old, 0), 0);
	assert_true(now.st_size + old.st_size <= 2 * (EVENT_RING_BYTES + 1024));
	add(r, 3 * EVENT_RING_BYTES); /* one alone may be larger */
	add(r, 0);
	assert_int_equal(read_from(r, event_ring_next(r) - 2), 2);
	event_ring_free(r);
}

static void append(const char *name, const char *text)
{
	int fd = openat(rootfd, name, O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(close(fd), 0);
}

static void test_a_torn_tail_is_taken_off(void **state)
{
	struct event_ring *r = open_ring();
	(void)state;

	add(r, 0);
	event_ring_free(r);
	append("events", "2 4 0 id st");
	r = open_ring();
	assert_int_equal(event_ring_next(r), 2);
	add(r, 0);
	assert_int_equal(read_from(r, 1), 2);
	event_ring_free(r);
}

static void test_a_damaged_file_is_set_aside(void **state)
{
	char instance[EVENT_RING_INSTANCE_LEN + 1];
	struct event_ring *r = open_ring();
	(void)state;

	add(r, 0);
	strcpy(instance, event_ring_instance(r));
	event_ring_free(r);
	append("events", "no line of ours\n");
	r = open_ring();
	assert_string_not_equal(event_ring_instance(r), instance);
	assert_int_equal(event_ring_next(r), 1);
	assert_int_equal(faccessat(rootfd, "events.damaged", F_OK, 0), 0);
	add(r, 0);
	assert_int_equal(read_from(r, 1), 1);
	event_ring_free(r);
}

/* A death between the two steps of a change of files. */
static void test_a_change_that_was_cut_short(void **state)
{
	char instance[EVENT_RING_INSTANCE_LEN + 1];
	struct event_ring *r = open_ring();
	(void)state;

	add(r, 0);
	add(r, 0);
	strcpy(instance, event_ring_instance(r));
	event_ring_free(r);
	assert_int_equal(renameat(rootfd, "events", rootfd, "events.old"), 0);
	r = open_ring();
	assert_string_equal(event_ring_instance(r), instance);
	assert_int_equal(event_ring_next(r), 3);
	add(r, 0);
	assert_int_equal(read_from(r, 1), 3);
	event_ring_free(r);
}

static void test_a_reader_that_lags_sees_the_gap(void **state)
{
	auto_(event_reader) struct event_reader *rd = NULL;
	struct event_ring *r = open_ring();
	struct event_line line;
	struct err e;
	(void)state;

	for (int i = 0; i < 10; i++)
		add(r, 0);
	assert_int_equal(event_reader_new(r, 3, &rd, &e), 0);
	for (uint64_t seq = 3; seq <= 10; seq++) {
		assert_int_equal(event_reader_next(rd, &line, &e), 1);
		assert_int_equal(line.seq, seq);
	}
	assert_int_equal(event_reader_next(rd, &line, &e), 0);
	add(r, 0); /* it goes on where it was */
	assert_int_equal(event_reader_next(rd, &line, &e), 1);
	assert_int_equal(line.seq, 11);
	for (int i = 0; i < EVENT_RING_ENTRIES * 3; i++)
		add(r, 0);
	uint64_t last = 11, n = 0;
	while (event_reader_next(rd, &line, &e) > 0) {
		assert_true(line.seq > last);
		check_line(&line);
		last = line.seq;
		n++;
	}
	assert_int_equal(last, event_ring_next(r) - 1);
	assert_true(n > EVENT_RING_ENTRIES && n < EVENT_RING_ENTRIES * 3);
	event_ring_free(r);
}

/* A run root without room: the number is used up, what follows is whole. */
static void test_what_cannot_be_written_is_a_gap(void **state)
{
	struct rlimit old, none;
	struct event_ring *r = open_ring();
	struct event_line line;
	struct err e;
	uint64_t seq = 0;
	struct stat st;
	(void)state;

	add(r, 0);
	assert_int_equal(fstatat(rootfd, "events", &st, 0), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	none = (struct rlimit){ (rlim_t)st.st_size + 4, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(event_ring_add(r, 4, 0, "id", "start", "{2}", 3, &seq, &e), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(seq, 2);
	add(r, 0);
	auto_(event_reader) struct event_reader *rd = NULL;
	assert_int_equal(event_reader_new(r, 1, &rd, &e), 0);
	assert_int_equal(event_reader_next(rd, &line, &e), 1);
	assert_int_equal(line.seq, 1);
	assert_int_equal(event_reader_next(rd, &line, &e), 1);
	assert_int_equal(line.seq, 3);
	assert_int_equal(event_reader_next(rd, &line, &e), 0);
	event_ring_free(r);
	r = open_ring();
	assert_int_equal(event_ring_next(r), 4);
	event_ring_free(r);
}

#define READERS 4

static void test_random_walk(void **state)
{
	const char *given = getenv("BERTH_SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : 1;
	struct event_ring *r = open_ring();
	struct event_reader *rd[READERS] = { NULL };
	uint64_t at[READERS] = { 0 }, count = 0;
	struct event_line line;
	struct err e;
	(void)state;

	print_message("seed %u\n", seed);
	srand(seed);
	for (int step = 0; step < 20000; step++) {
		int what = rand() % 100, who = rand() % READERS;
		if (what < 80) {
			add(r, (size_t)(rand() % 50 ? rand() % 300 : rand() % 60000));
			count++;
		} else if (what < 98) {
			if (!rd[who]) {
				at[who] = 1 + (uint64_t)rand() % (count + 1);
				assert_int_equal(event_reader_new(r, at[who], &rd[who], &e), 0);
			}
			for (int i = rand() % 200; i > 0; i--) {
				int more = event_reader_next(rd[who], &line, &e);
				assert_true(more >= 0);
				if (more == 0) {
					assert_true(at[who] >= event_ring_next(r));
					break;
				}
				check_line(&line);
				assert_true(line.seq == at[who] || line.seq > at[who]);
				assert_true(line.seq == at[who] || at[who] < event_ring_oldest(r));
				at[who] = line.seq + 1;
			}
		} else {
			for (int i = 0; i < READERS; i++)
				event_reader_free(take_ptr(&rd[i]));
			event_ring_free(r);
			r = open_ring();
		}
		assert_int_equal(event_ring_next(r), count + 1);
	}
	(void)read_from(r, 1);
	for (int i = 0; i < READERS; i++)
		event_reader_free(rd[i]);
	event_ring_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_numbers_go_on, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_places, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_old_ones_are_dropped_and_kept_long_enough, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bytes_are_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_torn_tail_is_taken_off, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_damaged_file_is_set_aside, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_change_that_was_cut_short, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_reader_that_lags_sees_the_gap, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_cannot_be_written_is_a_gap, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_random_walk, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
