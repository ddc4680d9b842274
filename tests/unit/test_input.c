/* stdin on its way: nothing is lost or reordered, fullness is told, the end comes after the last byte, a reader that goes is no harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "supervisor/input.h"

static unsigned readies;

static void count_ready(void *cookie)
{
	(void)cookie;
	readies++;
}

static int open_fds(void)
{
	int n = 0;
	DIR *d = opendir("/proc/self/fd");
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void test_flow(void **state)
{
	int before = open_fds();
	struct event_base *base = event_base_new();
	struct input *in = NULL;
	static char out[300000], got[sizeof(out)];
	size_t n = 0;
	int fds[2];
	(void)state;

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (char)(i * 7 + i / 251);
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(input_new(base, fds[1], count_ready, NULL, &in, NULL), 0);
	input_write(in, out, 1000);
	assert_false(input_is_full(in));
	input_write(in, out + 1000, sizeof(out) - 1000);
	assert_true(input_is_full(in));
	input_end(in);
	readies = 0;
	for (;;) {
		ssize_t r = read(fds[0], got + n, sizeof(got) - n < 5000 ? sizeof(got) - n + 1 : 5000);
		if (r == 0)
			break;
		if (r > 0)
			n += (size_t)r;
		else
			event_base_loop(base, EVLOOP_ONCE);
	}
	assert_int_equal(n, sizeof(out));
	assert_memory_equal(out, got, n);
	assert_int_equal(readies, 1);
	input_free(in);
	event_base_free(base);
	close(fds[0]);
	assert_int_equal(open_fds(), before);
}

static void test_reader_goes(void **state)
{
	struct event_base *base = event_base_new();
	struct input *in = NULL;
	static char block[200000];
	int fds[2];
	(void)state;

	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(input_new(base, fds[1], count_ready, NULL, &in, NULL), 0);
	input_write(in, block, sizeof(block));
	assert_true(input_is_full(in));
	close(fds[0]);
	readies = 0;
	event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(readies, 1); /* who was paused goes on, into nothing */
	assert_false(input_is_full(in));
	input_write(in, block, sizeof(block));
	assert_false(input_is_full(in));
	input_end(in);
	input_free(in);
	event_base_free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flow),
		cmocka_unit_test(test_reader_goes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
