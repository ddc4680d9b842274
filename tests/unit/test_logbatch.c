/* A supervisor that dies at any step of a batch: the next one finishes it, and no line is lost, doubled or torn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/path.h"
#include "supervisor/logfile.h"
#include "supervisor/logread.h"

#define T0 (INT64_C(1700000000) * NS_PER_S)

static const char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
static const char other[] = "f123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
static char dir[64];
static struct buf scratch;

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/berth-logbatch-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	buf_done(&scratch);
	return path_remove_tree(AT_FDCWD, dir, NULL);
}

static struct logplace place(void)
{
	struct logplace p = { .dirfd = AT_FDCWD };
	snprintf(p.dir, sizeof(p.dir), "%s", dir);
	return p;
}

static struct logbatch *open_batch(int fd)
{
	struct logbatch *b;
	struct err e;
	if (logbatch_open(fd, &b, &e) < 0)
		fail_msg("%s", e.text);
	return b;
}

static void open_log(struct logbatch *b, struct logfile *f, int64_t max_bytes)
{
	struct logset_limits limits = { max_bytes, 1000 };
	struct logplace p = place();
	struct logslot *slot;
	struct err e;
	if (logbatch_add(b, id, &slot, &e) < 0 || logfile_open(&p, &limits, b, slot, &scratch, f, &e) < 0 ||
		logfile_finish_batch(f, &e) < 0)
		fail_msg("%s", e.text);
}

static void read_all(struct buf *out)
{
	auto_(logread) struct logread *r = NULL;
	struct logread_options o = { .use_stdout = true,
		.use_stderr = true,
		.since_ns = CLOCK_NEVER,
		.until_ns = CLOCK_NEVER,
		.tail = -1,
		.to = -1 };
	struct logplace p = place();
	struct err e;
	int x = logread_open(&p, &o, &r, &e);
	while (x >= 0 && (x = logread_next(r, out, &e)) > 0)
		;
	assert_int_equal(x, 0);
}

static void test_memory_is_checked(void **state)
{
	struct logbatch *b;
	struct err e;
	(void)state;

	int fd = memfd_create("small", MFD_CLOEXEC);
	assert_int_equal(logbatch_open(fd, &b, &e), -EPROTO);
	b = open_batch(-1);
	off_t size = lseek(logbatch_fd(b), 0, SEEK_END);
	fd = memfd_create("zeros", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(logbatch_open(fd, &b, &e), -EPROTO);
	logbatch_free(b);
}

static bool keep_other(void *cookie, const char *x)
{
	(void)cookie;
	return strcmp(x, other) == 0;
}

static void test_slots(void **state)
{
	struct logslot *one, *two, *again;
	struct err e;
	(void)state;

	struct logbatch *b = open_batch(-1);
	assert_null(logbatch_find(b, id));
	assert_int_equal(logbatch_add(b, id, &one, &e), 0);
	assert_int_equal(logslot_state(one).pos, LOGSTATE_NEW);
	assert_int_equal(logbatch_add(b, other, &two, &e), 0);
	assert_ptr_not_equal(one, two);
	assert_int_equal(logbatch_add(b, id, &again, &e), 0);
	assert_ptr_equal(one, again);
	struct logstate s = { .pos = 7, .line[LOG_STDERR].len = 3 };
	logslot_set_state(two, &s);
	memcpy(logslot_text(b, two, LOG_STDERR), "abc", 3);
	int fd = dup(logbatch_fd(b));
	logbatch_free(b);
	b = open_batch(fd); /* the next supervisor */
	logbatch_sweep(b, keep_other, NULL);
	assert_null(logbatch_find(b, id));
	two = logbatch_find(b, other);
	assert_non_null(two);
	assert_int_equal(logslot_state(two).pos, 7);
	assert_memory_equal(logslot_text(b, two, LOG_STDERR), "abc", 3);
	for (int i = 1; i < 4096; i++) {
		char name[TEXT_ID_LEN + 1];
		snprintf(name, sizeof(name), "%064d", i);
		assert_int_equal(logbatch_add(b, name, &one, &e), 0);
	}
	assert_int_equal(logbatch_add(b, id, &one, &e), -ENOSPC);
	logbatch_drop(b, two);
	assert_int_equal(logbatch_add(b, id, &one, &e), 0);
	assert_int_equal(logslot_state(one).line[LOG_STDERR].len, 0);
	logbatch_free(b);
}

/* Dead in the middle of read(2): nobody said how much it was. */
static void test_length_is_not_known(void **state)
{
	static const char text[] = "one\ntwo\nthree is not at its end";
	struct logfile f;
	auto_(buf) struct buf got = { 0 };
	int fds[2];
	(void)state;

	for (int twice = 0; twice < 2; twice++) {
		struct logbatch *b = open_batch(-1);
		open_log(b, &f, 0);
		assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
		pid_t pid = fork();
		if (pid == 0) {
			/* The child's read never comes back: it takes the bytes and is killed. MADV_DONTFORK: its own mapping. */
			struct logbatch *mine = open_batch(dup(logbatch_fd(b)));
			struct logfile g;
			struct err e;
			struct logset_limits limits = { 0, 1 };
			struct logplace p = place();
			(void)logfile_open(&p, &limits, mine, logbatch_find(mine, id), &scratch, &g, &e);
			(void)logbatch_read(mine, g.slot, LOG_STDOUT, fds[0], T0);
			_exit(0);
		}
		/* It waits in read(2), the stage says so; then the block is filled as the kernel would. */
		char path[64], line[512] = "";
		do {
			snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
			int fd = open(path, O_RDONLY | O_CLOEXEC);
			ssize_t n = read(fd, line, sizeof(line) - 1);
			close(fd);
			line[n > 0 ? n : 0] = '\0';
		} while (strtol(line, NULL, 10) != SYS_read || line[0] == 'r');
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		memcpy(logbatch_block(b), text, sizeof(text) - 1);
		int fd = dup(logbatch_fd(b));
		logfile_close(&f);
		logbatch_free(b);
		b = open_batch(fd);
		open_log(b, &f, 0);
		assert_int_equal(logfile_end(&f, LOG_STDOUT, T0, NULL), 0);
		logfile_close(&f);
		logbatch_free(b);
		close(fds[0]);
		close(fds[1]);
	}
	read_all(&got);
	assert_string_equal(got.data,
		"one\ntwo\nthree is not at its end"
		"one\ntwo\nthree is not at its end");
}

/* ---------------------------------------------------------------- death at any instruction */

/* Lines of all lengths, some longer than the block, each with its number; the last has no end. */
static void make_text(struct buf *out)
{
	unsigned seed = 7;
	for (int i = 0; out->len < 3 << 20; i++) {
		int r = rand_r(&seed) % 1000;
		size_t len = r == 0 ? 150000
			: r < 10    ? (size_t)(rand_r(&seed) % 40000)
				    : (size_t)(rand_r(&seed) % 200);
		buf_printf(out, "%d:", i);
		buf_reserve(out, len + 1);
		memset(out->data + out->len, 'a' + i % 26, len);
		out->len += len;
		buf_puts(out, "\n");
	}
	buf_puts(out, "and no end");
}

/* The writer of the pipe: in bursts, and a byte at a time. */
static pid_t start_writer(int fd, const struct buf *text)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	unsigned seed = 11;
	for (size_t done = 0; done < text->len;) {
		size_t n = rand_r(&seed) % 4 ? (size_t)(rand_r(&seed) % 100000) + 1 : 1;
		n = n < text->len - done ? n : text->len - done;
		if (io_write_full(fd, text->data + done, n) < 0)
			_exit(1);
		done += n;
	}
	_exit(0);
}

/* A supervisor: takes up the batch, pumps until the end. Killed from outside whenever that is. */
static _Noreturn void pump(int batch_fd, int pipe_fd, int64_t max_bytes)
{
	struct logbatch *b = open_batch(batch_fd);
	struct logfile f;
	ssize_t n;

	open_log(b, &f, max_bytes);
	while ((n = logbatch_read(b, f.slot, LOG_STDOUT, pipe_fd, clock_real_ns())) > 0) {
		if (logfile_write(&f, LOG_STDOUT, logbatch_block(b), (size_t)n, clock_real_ns(), NULL) < 0)
			_exit(2);
		logbatch_done(b);
	}
	_exit(logfile_end(&f, LOG_STDOUT, clock_real_ns(), NULL) < 0);
}

static int kill_at_random(int64_t max_bytes, unsigned seed)
{
	auto_(buf) struct buf text = { 0 }, got = { 0 };
	int fds[2], status = 0, deaths = 0;
	struct logbatch *b = open_batch(-1);

	make_text(&text);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid_t writer = start_writer(fds[1], &text);
	close(fds[1]);
	for (bool ended = false; !ended;) {
		pid_t pid = fork();
		if (pid == 0)
			pump(dup(logbatch_fd(b)), fds[0], max_bytes);
		usleep((useconds_t)(rand_r(&seed) % (1000 + 20 * deaths))); /* however slow we are, it ends */
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		ended = WIFEXITED(status);
		deaths += !ended;
	}
	assert_int_equal(status, 0);
	assert_int_equal(waitpid(writer, &status, 0), writer);
	assert_int_equal(status, 0);
	close(fds[0]);
	logbatch_free(b);
	read_all(&got);
	assert_int_equal(got.len, text.len);
	assert_memory_equal(got.data, text.data, text.len);
	return deaths;
}

static void kill_often(void **state, int64_t max_bytes)
{
	const char *text = getenv("BERTH_SEED");
	unsigned seed = text ? (unsigned)strtoul(text, NULL, 10) : 1;
	int deaths = 0;

	for (int round = 0; deaths < 30; round++) {
		assert_true(round < 1000);
		deaths += kill_at_random(max_bytes, seed + (unsigned)round);
		teardown(state);
		setup(state);
	}
}

static void test_killed_at_random(void **state)
{
	kill_often(state, 0);
}

static void test_killed_at_random_while_rotating(void **state)
{
	kill_often(state, 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_memory_is_checked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slots, setup, teardown),
		cmocka_unit_test_setup_teardown(test_length_is_not_known, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed_at_random, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed_at_random_while_rotating, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
