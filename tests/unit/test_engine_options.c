/* The daemon's command line: defaults, both spellings, and errors that name the option. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "base/own.h"
#include "supervisor/engine_options.h"

static int parse(struct engine_options *o, struct err *e, const char *const *words)
{
	char *argv[16] = { (char[]){ "supervise" } };
	int n = 1;

	for (; words[n - 1]; n++)
		argv[n] = (char *)words[n - 1];
	return engine_options_parse(n, argv, o, e);
}

static void test_defaults(void **state)
{
	struct engine_options o;
	struct err e;
	(void)state;

	assert_int_equal(parse(&o, &e, (const char *const[]){ NULL }), 0);
	assert_string_equal(o.name, "berth");
	assert_string_equal(o.data_root, "/var/lib/berth");
	assert_string_equal(o.run_root, "/run/berth");
	assert_string_equal(o.log_root, "/var/lib/berth/logs");
	assert_string_equal(o.socket, "/run/berth/berth.sock");
	assert_null(o.files);
	assert_int_equal(o.stop_timeout_ns, 10 * NS_PER_S);
	engine_options_done(&o);
}

static void test_all(void **state)
{
	struct engine_options o;
	struct err e;
	(void)state;

	assert_int_equal(parse(&o, &e,
				 (const char *const[]){ "--name=t1", "--data-root", "/d", "--run-root=/r",
					 "-Hunix:///s", "-f", "a.yaml", "--file=b.yaml", "--log-level",
					 "debug", "--stop-timeout", "1m30s", NULL }),
		0);
	assert_string_equal(o.name, "t1");
	assert_string_equal(o.log_root, "/d/logs");
	assert_string_equal(o.socket, "/s");
	assert_string_equal(o.files[0], "a.yaml");
	assert_string_equal(o.files[1], "b.yaml");
	assert_null(o.files[2]);
	assert_int_equal(o.log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(o.stop_timeout_ns, 90 * NS_PER_S);
	engine_options_done(&o);
}

static void test_errors(void **state)
{
	static const struct {
		const char *words[3], *needle;
	} table[] = {
		{ { "--name", NULL }, "--name: needs a value" },
		{ { "--name", "a/b", NULL }, "--name" },
		{ { "--data-root=x", NULL }, "--data-root" },
		{ { "-H", "tcp://x", NULL }, "--host" },
		{ { "--log-level=loud", NULL }, "--log-level" },
		{ { "--stop-timeout=soon", NULL }, "--stop-timeout" },
		{ { "--bogus", NULL }, "--bogus" },
		{ { "--names=x", NULL }, "--names" },
		{ { "word", NULL }, "word" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct engine_options o;
		struct err e = { .code = 0 };
		if (parse(&o, &e, table[i].words) >= 0 || !strstr(e.text, table[i].needle))
			fail_msg("row %zu: %s", i, e.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
