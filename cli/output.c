#include "cli/output.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/api.h"
#include "cli/reconnect.h"

#define COLUMN_MIN 10
#define COLUMN_GAP 3

int output_error(const struct err *e, int code)
{
	(void)fprintf(stderr, "%s\n", e->text);
	return code;
}

int print_usage_error(const char *verb, const struct err *e, int code)
{
	(void)fprintf(stderr, "berth: %s\n\nRun 'berth %s --help' for more information\n", e->text, verb);
	return code;
}

void print_warnings(const json_t *list)
{
	size_t i;
	json_t *item;
	json_array_foreach (list, i, item) {
		if (json_is_string(item))
			(void)fprintf(stderr, "WARNING: %s\n", json_string_value(item));
	}
}

void output_reader_gone(void)
{
	(void)signal(SIGPIPE, SIG_DFL); /* base/http has a handler for it */
	(void)raise(SIGPIPE);
}

int output_flush(struct err *e)
{
	if (fflush(stdout) == 0)
		return 0;
	if (errno == EPIPE)
		output_reader_gone();
	return err_set(e, errno, "write to standard output");
}

static bool is_verb(const char *target, const char *verb)
{
	const char *last = strrchr(target, '/') + 1;
	size_t len = strcspn(last, "?");
	return len == strlen(verb) && strncmp(last, verb, len) == 0;
}

/* Asking a second time for these means the same. */
static bool is_idempotent(const char *method, const char *target)
{
	return strcmp(method, "DELETE") == 0 || strcmp(method, "GET") == 0 || is_verb(target, "stop") ||
		is_verb(target, "start");
}

/* A stop that the next supervisor goes on with is to be waited for, without a second signal. */
static int target_again(const char *target, struct buf *out)
{
	int r = buf_puts(out, target);
	return r == 0 && is_verb(target, "stop") ? api_query(out, "berth_again", "1") : r;
}

/* A supervisor that dies in the middle has done it, or not: the next one is asked again where that is no harm. */
static int call_through(
	const struct cli *cli, const char *method, const char *target, const char *name, struct err *e)
{
	struct reconnect rc = { .cli = cli };
	auto_(buf) struct buf second = { 0 };
	bool again = false;
	int r = target_again(target, &second);
	if (r < 0)
		return err_set(e, -r, "%s", name);
	for (;;) {
		r = api_call(cli, method, again ? second.data : target, NULL, NULL, e);
		if (r == -ENOENT && again && strcmp(method, "DELETE") == 0)
			return 204; /* our first word was heard */
		if (r >= 0 || !reconnect_is_broken(r) || (!again && r == -ECONNREFUSED))
			return r;
		if (!is_idempotent(method, target))
			return err_say(e, -r,
				"the berth daemon was interrupted: whether this was done to %s is not known, see 'berth ps -a'",
				name);
		rc.was_made = again = true;
		if ((r = reconnect_after(&rc, r, e)) < 0)
			return r;
	}
}

int for_each_container(const struct cli *cli, const struct args *o, const char *method, const char *target)
{
	int code = 0;
	/* "%s" is split out here, so that the rest may hold an escaped query. */
	const char *mark = strstr(target, "%s");
	for (size_t i = 0; i < o->words_len; i++) {
		auto_(buf) struct buf full = { 0 };
		struct err e;
		int r = buf_add(&full, target, (size_t)(mark - target));
		if (r == 0)
			r = api_target(&full, "%s", o->words[i]);
		if (r == 0)
			r = buf_puts(&full, mark + 2);
		if (r < 0)
			r = err_set(&e, -r, "%s", o->words[i]);
		else
			r = call_through(cli, method, full.data, o->words[i], &e);
		if (r < 0)
			code = output_error(&e, 1);
		else
			(void)puts(o->words[i]);
	}
	return code;
}

/* Characters, not bytes: continuation bytes of UTF-8 take no column. */
static size_t width_of(const char *s)
{
	size_t n = 0;
	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

int table_print(struct buf *out, const char *const *cells, size_t rows, size_t columns)
{
	return table_print_wide(out, cells, rows, columns, COLUMN_MIN);
}

int table_print_wide(struct buf *out, const char *const *cells, size_t rows, size_t columns, size_t min_width)
{
	int r = 0;
	for (size_t row = 0; row < rows && r == 0; row++) {
		for (size_t col = 0; col < columns && r == 0; col++) {
			const char *cell = cells[row * columns + col];
			size_t width = min_width;
			for (size_t i = 0; i < rows; i++) {
				size_t w = width_of(cells[i * columns + col]) + COLUMN_GAP;
				width = w > width ? w : width;
			}
			if (col + 1 == columns)
				r = buf_printf(out, "%s\n", cell);
			else
				r = buf_printf(out, "%s%*s", cell, (int)(width - width_of(cell)), "");
		}
	}
	return r;
}
