/* Detach keys: the grammar, and that no byte of an unfinished sequence is lost however the input is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/detach.h"

static void test_grammar(void **state)
{
	static const struct {
		const char *text;
		int r;
		size_t n;
		unsigned char keys[4];
	} table[] = {
		{ NULL, 0, 2, { 16, 17 } },
		{ "", 0, 2, { 16, 17 } },
		{ "ctrl-a", 0, 1, { 1 } },
		{ "ctrl-z,x,ctrl-@", 0, 3, { 26, 'x', 0 } },
		{ "ctrl-[,ctrl-\\,ctrl-],ctrl-^", 0, 4, { 27, 28, 29, 30 } },
		{ "ctrl-_", 0, 1, { 31 } },
		{ "ctrl-A", -EINVAL, 0, { 0 } },
		{ "ctrl-", -EINVAL, 0, { 0 } },
		{ "ctrl-1", -EINVAL, 0, { 0 } },
		{ "ab", -EINVAL, 0, { 0 } },
		{ "a,,b", -EINVAL, 0, { 0 } },
		{ "a,", -EINVAL, 0, { 0 } },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct detach d = { .n = 77 };
		struct err e;
		int r = detach_parse(table[i].text, &d, &e);
		if (r != table[i].r)
			fail_msg("'%s': %d", table[i].text, r);
		if (r < 0)
			continue;
		assert_int_equal(d.n, table[i].n);
		assert_memory_equal(d.keys, table[i].keys, d.n);
	}
}

static void feed(struct detach *d, const char *in, int want, const char *out)
{
	auto_(buf) struct buf b = { 0 };
	assert_int_equal(detach_feed(d, in, strlen(in), &b), want);
	assert_int_equal(b.len, strlen(out));
	assert_memory_equal(b.len ? b.data : "", out, b.len);
}

static void test_sequences(void **state)
{
	struct detach d;
	(void)state;

	assert_int_equal(detach_parse(NULL, &d, NULL), 0);
	feed(&d, "hello\x10", 0, "hello");
	feed(&d, "x", 0, "\x10x");
	feed(&d, "\x10\x10", 0, "\x10");
	feed(&d, "\x11rest", 1, "");
	assert_int_equal(detach_parse("a,a,b", &d, NULL), 0);
	feed(&d, "aaac", 0, "aaac");
	feed(&d, "aaab", 1, "a");
}

/* Against a model that looks at the whole input at once. */
static void test_random_cuts(void **state)
{
	struct detach proto;
	(void)state;

	srandom(1);
	assert_int_equal(detach_parse("a,b,a,a", &proto, NULL), 0);
	for (int round = 0; round < 20000; round++) {
		char in[24];
		size_t len = (size_t)(random() % (long)sizeof(in)), used = 0;
		struct detach d = proto;
		auto_(buf) struct buf got = { 0 };
		int r = 0;
		for (size_t i = 0; i < len; i++)
			in[i] = "aab"[random() % 3];
		char *hit = memmem(in, len, "abaa", 4);
		while (used < len && r == 0) {
			size_t n = 1 + (size_t)random() % 5;
			n = n > len - used ? len - used : n;
			r = detach_feed(&d, in + used, n, &got);
			used += n;
		}
		assert_int_equal(r, hit ? 1 : 0);
		size_t plain = hit ? (size_t)(hit - in) : len - d.matched;
		assert_int_equal(got.len, plain);
		assert_memory_equal(plain ? got.data : "", in, plain);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grammar),
		cmocka_unit_test(test_sequences),
		cmocka_unit_test(test_random_cuts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
