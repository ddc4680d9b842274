/* What is kept of a run's end: the last lines of a piece of a log, and the list of the last runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/own.h"
#include "supervisor/runs.h"

#define T(s) "2026-11-22T10:00:" s ".000000000Z "

static void expect(const char *log, const char *since, const char *want)
{
	int64_t since_ns = CLOCK_NEVER;

	if (since)
		assert_int_equal(clock_parse_rfc3339(since, &since_ns), 0);
	auto_free char *got = runs_last_lines(log, strlen(log), since_ns);
	assert_string_equal(got, want);
}

static void test_lines(void **state)
{
	(void)state;
	expect("", NULL, "");
	expect(T("01") "stdout F one\n" T("02") "stderr F two\n", NULL, "one\ntwo\n");
	expect(T("01") "stdout P one"
		       "\n" T("01") "stdout F  and more\n",
		NULL, "one and more\n");
	expect(T("01") "stdout F \n", NULL, "\n");
	/* The middle of a line at the beginning, a torn one at the end, and what is no line at all. */
	expect("00Z stdout F half\n" T("02") "stdout F whole\n" T("03") "stdout F to", NULL, "whole\n");
	expect("rubbish\n\n" T("02") "stdout\n" T("02") "stdout F\n" T("02") "stdout F x\n", NULL, "x\n");
	/* Only of this run. */
	expect(T("01") "stdout F old\n" T("05") "stdout F new\n", "2026-11-22T10:00:05Z", "new\n");
	/* What an ended stream left without an end of line. */
	expect(T("01") "stdout F a\n" T("02") "stdout P b\n", NULL, "a\nb");
}

static void test_bounds(void **state)
{
	auto_(buf) struct buf log = { 0 };
	(void)state;

	for (int i = 1; i <= 25; i++)
		assert_int_equal(buf_printf(&log, T("01") "stdout F line %d\n", i), 0);
	auto_free char *got = runs_last_lines(log.data, log.len, CLOCK_NEVER);
	assert_string_equal(got,
		"line 16\nline 17\nline 18\nline 19\nline 20\nline 21\nline 22\nline 23\nline 24\nline 25\n");
	buf_reset(&log);
	assert_int_equal(buf_printf(&log, T("01") "stdout F "), 0);
	for (int i = 0; i < 3000; i++)
		assert_int_equal(buf_add(&log, "ä", 2), 0);
	assert_int_equal(buf_puts(&log, "!\n"), 0);
	auto_free char *cut = runs_last_lines(log.data, log.len, CLOCK_NEVER);
	assert_true(strlen(cut) <= RUNS_OUTPUT_MAX && strlen(cut) >= RUNS_OUTPUT_MAX - 1);
	assert_memory_equal(cut, "ä", 2);
	assert_string_equal(cut + strlen(cut) - 2, "!\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
