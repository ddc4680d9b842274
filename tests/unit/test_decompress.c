/* decompress: what is recognised, what stays in the pipe, and what a damaged archive comes to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "supervisor/decompress.h"

/* "hello\n" by gzip -n. */
static const char packed[] =
	"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\xe7\x02\x00\x20\x30\x3a\x36\x06"
	"\x00\x00\x00";
#define PACKED_LEN (sizeof(packed) - 1)

static void first_bytes(void **state)
{
	(void)state;
	assert_string_equal(decompress_program("\x1f\x8b\x08", 3), "gzip");
	assert_string_equal(decompress_program("BZh9", 4), "bzip2");
	assert_string_equal(decompress_program("\xfd\x37zXZ", 5), "xz");
	assert_string_equal(decompress_program("\x28\xb5\x2f\xfd", 4), "zstd");
	assert_null(decompress_program("\x1f", 1));
	assert_null(decompress_program("", 0));
	assert_null(decompress_program("etc/passwd", 10));
}

static int pipe_with(const void *data, size_t len)
{
	int pair[2];
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	assert_int_equal(io_write_full(pair[1], data, len), 0);
	(void)close(pair[1]);
	return pair[0];
}

static void plain_stays_in_the_pipe(void **state)
{
	(void)state;
	static const char *const texts[] = { "", "x", "plain text" };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		auto_close int fd = pipe_with(texts[i], strlen(texts[i]));
		struct decompress d;
		struct err e;
		char there[32] = "";
		assert_int_equal(decompress_begin(fd, &d, &e), 0);
		assert_int_equal(d.fd, -1);
		assert_int_equal(read(fd, there, sizeof(there)), strlen(texts[i]));
		assert_string_equal(there, texts[i]);
		assert_int_equal(decompress_end(&d, -EIO, &e), -EIO);
	}
}

static void through_gzip(void **state)
{
	(void)state;
	auto_close int fd = pipe_with(packed, PACKED_LEN);
	struct decompress d;
	struct err e;
	char there[32] = "";
	if (decompress_begin(fd, &d, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(read(d.fd, there, sizeof(there)), 6);
	assert_string_equal(there, "hello\n");
	assert_int_equal(read(d.fd, there, sizeof(there)), 0);
	assert_int_equal(decompress_end(&d, 0, &e), 0);
}

static void damaged(void **state)
{
	(void)state;
	auto_close int fd = pipe_with(packed, PACKED_LEN - 6);
	struct decompress d;
	struct err e;
	char there[32];
	assert_int_equal(decompress_begin(fd, &d, &e), 0);
	while (read(d.fd, there, sizeof(there)) > 0)
		;
	assert_int_equal(decompress_end(&d, 0, &e), -EINVAL);
	assert_string_equal(e.text, "the archive is damaged: gzip could not read it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_bytes),
		cmocka_unit_test(plain_stays_in_the_pipe),
		cmocka_unit_test(through_gzip),
		cmocka_unit_test(damaged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
