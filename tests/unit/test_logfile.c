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
#include "supervisor/logfile.h"
#include "supervisor/logread.h"

#define T0 (INT64_C(1700000000) * NS_PER_S)

static char dir[64];
static struct buf scratch;

static const char *path(void)
{
	static char p[128];
	snprintf(p, sizeof(p), "%s/log", dir);
	return p;
}

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/berth-logfile-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	buf_done(&scratch);
	unlink(path());
	return rmdir(dir);
}

static void open_log(struct logfile *f)
{
	struct err e;
	if (logfile_open(AT_FDCWD, path(), &scratch, f, &e) < 0)
		fail_msg("%s", e.text);
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
		.since_ns = CLOCK_NEVER,
		.until_ns = CLOCK_NEVER };
}

static void read_into(const struct logread_options *o, struct buf *out)
{
	auto_(logread) struct logread *r = NULL;
	struct err e;
	int x;
	if (logread_open(path(), o, &r, &e) < 0)
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
	int64_t size = f.size;
	assert_int_equal(logfile_write(&f, LOG_STDERR, line, LOG_PIECE_MAX + 1, T0, NULL), 0);
	assert_int_equal(f.size - size, 30 + 10 + LOG_PIECE_MAX + 1);
	logfile_close(&f);
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
	assert_int_equal(f.dropped_bytes, 2 * (30 + 10 + 4 + 1));
	file_is("2023-11-14T22:13:20.000000000Z stdout F kept\n");
	say(&f, LOG_STDOUT, "back\n", 0);
	logfile_close(&f);
	struct logread_options o = all();
	reads_as(&o, "kept\nback\n");
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
		cmocka_unit_test_setup_teardown(test_tail_and_times, setup, teardown),
		cmocka_unit_test_setup_teardown(test_frames, setup, teardown),
		cmocka_unit_test_setup_teardown(test_torn_and_foreign_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_disk_drops_whole_batches, setup, teardown),
		cmocka_unit_test(test_tail_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
