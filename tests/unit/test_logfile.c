/* The log file written and read back: format, pieces, tail, times, torn ends, a full disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/path.h"
#include "supervisor/frame.h"
#include "supervisor/logfile.h"
#include "supervisor/logread.h"

#define T0 (INT64_C(1700000000) * NS_PER_S)

static char dir[64];
static struct buf scratch;
static struct logbatch *batch;
static struct logslot *slot;

static const char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static const char *path(void)
{
	static char p[128];
	snprintf(p, sizeof(p), "%s/0.log", dir);
	return p;
}

static struct logplace place(void)
{
	struct logplace p = { .dirfd = AT_FDCWD };
	snprintf(p.dir, sizeof(p.dir), "%s", dir);
	return p;
}

static int setup(void **state)
{
	struct err e;
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/berth-logfile-XXXXXX");
	return mkdtemp(dir) ? logbatch_open(-1, &batch, &e) : -1;
}

static int teardown(void **state)
{
	(void)state;
	buf_done(&scratch);
	logbatch_free(batch);
	return path_remove_tree(AT_FDCWD, dir, NULL);
}

/* A run that begins, with files no larger than that. */
static void open_limited(struct logfile *f, int64_t max_bytes, int max_files)
{
	struct logset_limits limits = { max_bytes, max_files };
	struct logplace p = place();
	struct err e;
	if ((slot = logbatch_find(batch, id)))
		logbatch_drop(batch, slot);
	if (logbatch_add(batch, id, &slot, &e) < 0 ||
		logfile_open(&p, &limits, batch, slot, &scratch, f, &e) < 0)
		fail_msg("%s", e.text);
}

static void open_log(struct logfile *f)
{
	open_limited(f, 0, 1);
}

static void say(struct logfile *f, enum log_stream s, const char *text, int64_t at_s)
{
	assert_int_equal(logfile_write(f, s, text, strlen(text), T0 + at_s * NS_PER_S, NULL), 0);
}

static void file_is(const char *want)
{
	auto_(buf) struct buf b = { 0 };
	assert_int_equal(io_read_file(AT_FDCWD, path(), 1 << 26, &b, NULL), 0);
	assert_string_equal(b.len ? b.data : "", want);
}

static struct logread_options all(void)
{
	return (struct logread_options){ .use_stdout = true,
		.use_stderr = true,
		.tail = -1,
		.to = -1,
		.since_ns = CLOCK_NEVER,
		.until_ns = CLOCK_NEVER };
}

static void read_into(const struct logread_options *o, struct buf *out)
{
	auto_(logread) struct logread *r = NULL;
	struct logplace p = place();
	struct err e;
	int x;
	if (logread_open(&p, o, &r, &e) < 0)
		fail_msg("%s", e.text);
	do
		x = logread_next(r, out, &e);
	while (x > 0);
	assert_int_equal(x, 0);
}

static void reads_as(const struct logread_options *o, const char *want)
{
	auto_(buf) struct buf b = { 0 };
	read_into(o, &b);
	assert_string_equal(b.len ? b.data : "", want);
}

static void test_lines_and_pieces(void **state)
{
	struct logfile f;
	(void)state;

	open_log(&f);
	say(&f, LOG_STDOUT, "one\ntw", 0);
	say(&f, LOG_STDERR, "err\n", 1);
	say(&f, LOG_STDOUT, "o\n\nrest", 2);
	assert_int_equal(logfile_end(&f, LOG_STDOUT, T0 + 3 * NS_PER_S, NULL), 0);
	logfile_close(&f);
	file_is("2023-11-14T22:13:20.000000000Z stdout F one\n"
		"2023-11-14T22:13:21.000000000Z stderr F err\n"
		"2023-11-14T22:13:22.000000000Z stdout F two\n"
		"2023-11-14T22:13:22.000000000Z stdout F \n"
		"2023-11-14T22:13:23.000000000Z stdout P rest\n");
	struct logread_options o = all();
	reads_as(&o, "one\nerr\ntwo\n\nrest");
	o.use_stderr = false;
	reads_as(&o, "one\ntwo\n\nrest");
	o.timestamps = true;
	o.tail = 2;
	reads_as(&o, "2023-11-14T22:13:22.000000000Z \n2023-11-14T22:13:23.000000000Z rest");
}

static void test_long_lines_are_split_and_joined(void **state)
{
	enum { LEN = 3 * LOG_PIECE_MAX + 5 };
	static char line[LEN + 2];
	struct logfile f;
	auto_(buf) struct buf b = { 0 };
	(void)state;

	memset(line, 'x', LEN);
	line[LEN] = '\n';
	open_log(&f);
	for (size_t i = 0; i < LEN + 1; i += 1000) { /* however it comes in */
		size_t n = LEN + 1 - i < 1000 ? LEN + 1 - i : 1000;
		assert_int_equal(logfile_write(&f, LOG_STDOUT, line + i, n, T0 + (int64_t)i, NULL), 0);
	}
	say(&f, LOG_STDOUT, "next\n", 9);
	logfile_close(&f);
	assert_int_equal(io_read_file(AT_FDCWD, path(), 1 << 20, &b, NULL), 0);
	int pieces = 0;
	const char *time = b.data;
	for (const char *p = b.data; (p = strstr(p, " stdout P ")); p++, pieces++)
		assert_memory_equal(p - 30, time, 30); /* all with the first one's time */
	assert_int_equal(pieces, 3);
	struct logread_options o = all();
	o.tail = 2;
	buf_reset(&b);
	read_into(&o, &b);
	assert_int_equal(b.len, LEN + 1 + 5);
	assert_memory_equal(b.data, line, LEN + 1);
	/* exactly full: one piece, and no empty one behind it */
	open_log(&f);
	line[LOG_PIECE_MAX] = '\n';
	int64_t size = f.set.size;
	assert_int_equal(logfile_write(&f, LOG_STDERR, line, LOG_PIECE_MAX + 1, T0, NULL), 0);
	assert_int_equal(f.set.size - size, 30 + 10 + LOG_PIECE_MAX + 1);
	logfile_close(&f);
}

/* What is kept of a line may be a whole piece already when the next block comes. */
static void test_line_of_whole_blocks(void **state)
{
	enum { BLOCKS = 5 };
	static char block[LOGBATCH_MAX];
	struct logfile f;
	auto_(buf) struct buf b = { 0 };
	(void)state;

	memset(block, 'x', sizeof(block));
	open_limited(&f, 3 * LOG_PIECE_MAX, 1000);
	for (int i = 0; i < BLOCKS; i++)
		assert_int_equal(logfile_write(&f, LOG_STDOUT, block, sizeof(block), T0, NULL), 0);
	say(&f, LOG_STDOUT, "\n", 0);
	logfile_close(&f);
	struct logread_options o = all();
	read_into(&o, &b);
	assert_int_equal(b.len, BLOCKS * LOGBATCH_MAX + 1);
	assert_int_equal(strspn(b.data, "x"), BLOCKS * LOGBATCH_MAX);
}

static void test_tail_and_times(void **state)
{
	struct logfile f;
	(void)state;

	open_log(&f);
	for (int i = 0; i < 20000; i++) {
		char text[32];
		snprintf(text, sizeof(text), "line %d\n", i);
		say(&f, i % 2 ? LOG_STDERR : LOG_STDOUT, text, i);
	}
	logfile_close(&f);
	struct logread_options o = all();
	o.tail = 3;
	reads_as(&o, "line 19997\nline 19998\nline 19999\n");
	o.use_stderr = false;
	reads_as(&o, "line 19994\nline 19996\nline 19998\n");
	o.tail = 0;
	reads_as(&o, "");
	o = all();
	o.since_ns = T0 + 100 * NS_PER_S;
	o.until_ns = T0 + 102 * NS_PER_S;
	reads_as(&o, "line 100\nline 101\nline 102\n");
	o.tail = 2;
	reads_as(&o, "line 101\nline 102\n");
	auto_(buf) struct buf whole = { 0 }, tail = { 0 };
	o = all();
	read_into(&o, &whole);
	o.tail = 20000;
	read_into(&o, &tail);
	assert_int_equal(whole.len, tail.len);
	o.tail = 19999;
	buf_reset(&tail);
	read_into(&o, &tail);
	assert_int_equal(tail.len, whole.len - strlen("line 0\n"));
	assert_memory_equal(tail.data, whole.data + strlen("line 0\n"), tail.len);
}

static void test_frames(void **state)
{
	struct logfile f;
	auto_(buf) struct buf b = { 0 };
	(void)state;

	open_log(&f);
	say(&f, LOG_STDERR, "oops\n", 0);
	say(&f, LOG_STDOUT, "ab", 0);
	logfile_end(&f, LOG_STDOUT, T0, NULL);
	logfile_close(&f);
	struct logread_options o = all();
	o.framed = true;
	read_into(&o, &b);
	assert_int_equal(b.len, 8 + 5 + 8 + 2);
	assert_memory_equal(b.data, "\2\0\0\0\0\0\0\5oops\n\1\0\0\0\0\0\0\2ab", b.len);
}

static void test_torn_and_foreign_lines(void **state)
{
	static const char start[] = "2023-11-14T22:13:20.000000000Z stdout F good\nnot of the format\n"
				    "2023-11-14T22:13:20.000000000Z stdout F torn";
	struct logfile f;
	(void)state;

	int fd = open(path(), O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	assert_int_equal(write(fd, start, strlen(start)), strlen(start));
	close(fd);
	struct logread_options o = all();
	reads_as(&o, "good\n");
	o.tail = 5;
	reads_as(&o, "good\n");
	open_log(&f);
	file_is("2023-11-14T22:13:20.000000000Z stdout F good\nnot of the format\n");
	say(&f, LOG_STDOUT, "after\n", 0);
	logfile_close(&f);
	reads_as(&o, "good\nafter\n");
	unlink(path());
	reads_as(&o, ""); /* a file that is not there */
}

/* A limit on the file's size stands for a full disk. */
static void test_full_disk_drops_whole_batches(void **state)
{
	struct logfile f;
	struct rlimit old, small = { 100, 100 };
	(void)state;

	signal(SIGXFSZ, SIG_IGN);
	open_log(&f);
	say(&f, LOG_STDOUT, "kept\n", 0);
	getrlimit(RLIMIT_FSIZE, &old);
	small.rlim_max = old.rlim_max;
	setrlimit(RLIMIT_FSIZE, &small);
	assert_int_equal(logfile_write(&f, LOG_STDOUT, "lost\nlost\n", 10, T0, NULL), -EFBIG);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(logfile_lost(&f), 10);
	file_is("2023-11-14T22:13:20.000000000Z stdout F kept\n");
	say(&f, LOG_STDERR, "back\n", 0);
	assert_int_equal(logfile_lost(&f), 0);
	logfile_close(&f);
	struct logread_options o = all();
	reads_as(&o, "kept\nberth: 10 bytes of stdout dropped: File too large\nback\n");
}

/* What was lost when nothing follows is said at the end. */
static void test_a_loss_is_said_at_the_end(void **state)
{
	struct logfile f;
	struct rlimit old, small = { 20, 20 };
	(void)state;

	signal(SIGXFSZ, SIG_IGN);
	open_log(&f);
	getrlimit(RLIMIT_FSIZE, &old);
	small.rlim_max = old.rlim_max;
	setrlimit(RLIMIT_FSIZE, &small);
	assert_int_equal(logfile_write(&f, LOG_STDOUT, "unfin", 5, T0, NULL), 0);
	assert_int_equal(logfile_write(&f, LOG_STDOUT, "ished\n", 6, T0, NULL), -EFBIG);
	assert_int_equal(logfile_lost(&f), 11);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(logfile_end(&f, LOG_STDERR, T0, NULL), 0);
	logfile_close(&f);
	file_is("2023-11-14T22:13:20.000000000Z stderr F:lost berth: 11 bytes of stdout dropped: File too large\n");
}

/* ---------------------------------------------------------------- rotation */

static int count_files(int64_t max_bytes)
{
	auto_free struct logset_file *files = NULL;
	struct logplace p = place();
	int n = logset_list(&p, &files, NULL), used = 0;
	for (int i = 0; i < n; i++) {
		assert_true(files[i].size <= max_bytes);
		used += files[i].size > 0 || files[i].live;
		assert_true(i == 0 || files[i].base == files[i - 1].base + files[i - 1].size);
		assert_int_equal(files[i].live, i == n - 1);
	}
	return used;
}

static void expect_lines(const struct logread_options *o, int from, int to)
{
	auto_(buf) struct buf want = { 0 };
	for (int i = from; i < to; i++)
		buf_printf(&want, "line %d\n", i);
	reads_as(o, want.len ? want.data : "");
}

static void test_rotation(void **state)
{
	enum { LINES = 2000, LEN = 40 + 11 };
	struct logfile f;
	auto_(buf) struct buf burst = { 0 }, out = { 0 };
	(void)state;

	open_limited(&f, 10 * LEN, 4);
	for (int i = 1000000; i < 1000000 + 5; i++) { /* one by one, and then all at once */
		char text[32];
		snprintf(text, sizeof(text), "%010d\n", i);
		say(&f, LOG_STDOUT, text, 0);
	}
	for (int i = 1000005; i < 1000000 + LINES; i++)
		buf_printf(&burst, "%010d\n", i);
	say(&f, LOG_STDOUT, burst.data, 0);
	assert_int_equal(count_files(10 * LEN), 4);
	assert_int_equal(logset_end(&f.set), LINES * LEN);
	struct logread_options o = all();
	read_into(&o, &out);
	assert_int_equal(out.len, 40 * 11);
	assert_memory_equal(out.data, burst.data + burst.len - out.len, out.len);
	for (o.tail = 1; o.tail <= 40; o.tail++) { /* wherever the tail begins, in whichever file */
		buf_reset(&out);
		read_into(&o, &out);
		assert_int_equal(out.len, o.tail * 11);
		assert_memory_equal(out.data, burst.data + burst.len - out.len, out.len);
	}
	o.tail = 1000;
	buf_reset(&out);
	read_into(&o, &out);
	assert_int_equal(out.len, 40 * 11);
	logfile_close(&f);
	/* The next run goes on behind. */
	open_limited(&f, 10 * LEN, 4);
	assert_int_equal(logset_end(&f.set), LINES * LEN);
	logfile_close(&f);
}

static void test_one_file_keeps_its_position(void **state)
{
	struct logfile f;
	(void)state;

	open_limited(&f, 100, 1);
	for (int i = 0; i < 50; i++) {
		char text[32];
		snprintf(text, sizeof(text), "line %d\n", i);
		say(&f, LOG_STDOUT, text, 0);
		assert_int_equal(count_files(100), 1);
	}
	int64_t end = logset_end(&f.set);
	assert_int_equal(end, 10 * (40 + 7) + 40 * (40 + 8));
	logfile_close(&f);
	open_limited(&f, 100, 1);
	assert_int_equal(logset_end(&f.set), end);
	logfile_close(&f);
	struct logread_options o = all();
	expect_lines(&o, 48, 50);
}

/* Wherever a rotation is cut off, the next one who opens the log finds it whole. */
static void test_rotation_cut_off(void **state)
{
	for (int files = 1; files <= 2; files++) {
		struct logfile f;
		char rotated[200], marker[200];
		struct logread_options o = all();

		open_limited(&f, 0, files);
		say(&f, LOG_STDOUT, "line 0\n", 0);
		int64_t base = f.set.base, end = logset_end(&f.set);
		logfile_close(&f);
		snprintf(rotated, sizeof(rotated), "%s.%020lld", path(), (long long)base);
		snprintf(marker, sizeof(marker), "%s.%020lld", path(), (long long)end);
		assert_int_equal(rename(path(), rotated), 0); /* dead behind the first step */
		expect_lines(&o, 0, 1);
		if (files == 1) { /* dead behind the last but one */
			int fd = open(marker, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
			close(fd);
		}
		open_limited(&f, 60, files);
		assert_int_equal(f.set.base, end);
		say(&f, LOG_STDOUT, "line 1\n", 0);
		expect_lines(&o, 0, 2);
		say(&f, LOG_STDOUT, "line 2\n", 0);
		expect_lines(&o, files == 1 ? 2 : 1, 3);
		assert_int_equal(logset_end(&f.set), end + 2 * 47);
		logfile_close(&f);
		teardown(state);
		setup(state);
	}
}

/* ---------------------------------------------------------------- following */

static void pull(struct logread *r, struct buf *out)
{
	struct err e;
	int x;
	do
		x = logread_next(r, out, &e);
	while (x > 0);
	assert_int_equal(x, 0);
}

static void test_follow_over_rotations(void **state)
{
	struct logfile f;
	struct logread_options o = all();
	struct logplace p = place();
	auto_(logread) struct logread *r = NULL;
	auto_(buf) struct buf got = { 0 }, want = { 0 };
	(void)state;

	o.live = true;
	open_limited(&f, 500, 3);
	assert_int_equal(logread_open(&p, &o, &r, NULL), 0);
	for (int i = 0; i < 3000; i++) {
		char text[32];
		snprintf(text, sizeof(text), "line %d\n", i);
		say(&f, i % 3 ? LOG_STDOUT : LOG_STDERR, text, 0);
		buf_puts(&want, text);
		if (i % 7 == 0)
			pull(r, &got);
	}
	pull(r, &got);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.data, want.data, want.len);
	/* Too slow by far: what is gone is said, and then it goes on. */
	buf_reset(&got);
	for (int i = 0; i < 100; i++)
		say(&f, LOG_STDOUT, "0123456789\n", 0);
	pull(r, &got);
	assert_non_null(
		strstr(got.data, " bytes of the log were rotated away before they were read\n0123456789\n"));
	logfile_close(&f);
}

/* A reader that is cut off at any record goes on from the last position it was told, less what it got since. */
static void test_resume(void **state)
{
	struct logfile f;
	struct logread_options o = all(), again;
	auto_(buf) struct buf whole = { 0 }, position = { 0 };
	(void)state;

	open_limited(&f, 4000, 100);
	for (int i = 0; i < 1000; i++)
		say(&f, i % 2 ? LOG_STDOUT : LOG_STDERR, "some text\n", i);
	say(&f, LOG_STDOUT, "the last", 1000);
	logfile_end(&f, LOG_STDOUT, T0, NULL);
	logfile_close(&f);
	o.framed = o.positions = true;
	o.tail = 900;
	read_into(&o, &whole);
	size_t data = 0, at = 0, resumed = 0;
	for (; at < whole.len; at += 8 + (unsigned char)whole.data[at + 7]) {
		size_t len = (unsigned char)whole.data[at + 7];
		if (whole.data[at] != FRAME_POSITION) {
			data += len;
			continue;
		}
		auto_(buf) struct buf rest = { 0 };
		buf_reset(&position);
		buf_add(&position, whole.data + at + 8, len);
		again = o;
		assert_int_equal(logread_parse_position(position.data, &again), 0);
		again.framed = again.positions = false;
		read_into(&again, &rest);
		assert_int_equal(data + rest.len, 900 * 10 - 2);
		resumed++;
	}
	assert_true(resumed > 2);
	assert_int_equal(logread_parse_position("12:x", &again), -EINVAL);
	assert_int_equal(logread_parse_position("-1", &again), -EINVAL);
	assert_int_equal(logread_parse_position("7:oe", &again), 0);
	assert_true(again.from == 7 && again.open_line[0] && again.open_line[1]);
}

static void test_counted(void **state)
{
	struct logfile f;
	struct logread_options o = all();
	auto_(buf) struct buf b = { 0 };
	(void)state;

	open_log(&f);
	say(&f, LOG_STDOUT, "one\ntwo\n", 0);
	say(&f, LOG_STDERR, "err\n", 0);
	say(&f, LOG_STDOUT, "three\n", 0);
	logfile_close(&f);
	o.framed = o.counted = true;
	o.skip[LOG_STDOUT] = 6; /* "one\ntw" */
	o.skip[LOG_STDERR] = 4;
	read_into(&o, &b);
	assert_int_equal(b.len, 8 + 2 + 8 + 6);
	assert_memory_equal(b.data, "\1\0\0\0\0\0\0\2o\n\1\0\0\0\0\0\0\6three\n", b.len);
}

static void test_until_ends_a_follow(void **state)
{
	struct logfile f;
	struct logread_options o = all();
	struct logplace p = place();
	auto_(logread) struct logread *r = NULL;
	auto_(buf) struct buf got = { 0 };
	(void)state;

	o.live = true;
	o.until_ns = T0 + 5 * NS_PER_S;
	open_log(&f);
	assert_int_equal(logread_open(&p, &o, &r, NULL), 0);
	say(&f, LOG_STDOUT, "in\n", 5);
	pull(r, &got);
	assert_false(logread_is_over(r));
	say(&f, LOG_STDOUT, "out\n", 6);
	pull(r, &got);
	assert_true(logread_is_over(r));
	assert_string_equal(got.data, "in\n");
	logfile_close(&f);
}

static void test_details(void **state)
{
	struct logfile f;
	struct logread_options o = all();
	(void)state;

	open_log(&f);
	say(&f, LOG_STDOUT, "one\n", 0);
	logfile_close(&f);
	o.details = "k=v";
	reads_as(&o, "k=v one\n");
	o.timestamps = true;
	reads_as(&o, "2023-11-14T22:13:20.000000000Z k=v one\n");
}

static void test_tail_words(void **state)
{
	(void)state;
	assert_int_equal(logread_parse_tail(NULL), -1);
	assert_int_equal(logread_parse_tail("all"), -1);
	assert_int_equal(logread_parse_tail("-5"), -1);
	assert_int_equal(logread_parse_tail("0"), 0);
	assert_int_equal(logread_parse_tail("12"), 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lines_and_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_lines_are_split_and_joined, setup, teardown),
		cmocka_unit_test_setup_teardown(test_line_of_whole_blocks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tail_and_times, setup, teardown),
		cmocka_unit_test_setup_teardown(test_frames, setup, teardown),
		cmocka_unit_test_setup_teardown(test_torn_and_foreign_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_disk_drops_whole_batches, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_loss_is_said_at_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rotation, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_file_keeps_its_position, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rotation_cut_off, setup, teardown),
		cmocka_unit_test_setup_teardown(test_follow_over_rotations, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resume, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_until_ends_a_follow, setup, teardown),
		cmocka_unit_test_setup_teardown(test_details, setup, teardown),
		cmocka_unit_test(test_tail_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
