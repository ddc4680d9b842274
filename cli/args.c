#include "cli/args.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

static const char *const type_names[OPT_TYPE_COUNT] = {
	[OPT_BOOL] = "",
	[OPT_STRING] = "string",
	[OPT_LIST] = "list",
	[OPT_INT] = "int",
	[OPT_BYTES] = "bytes",
	[OPT_DURATION] = "duration",
	[OPT_NUMBER] = "decimal",
};

/* ---------------------------------------------------------------- values */

/* "1.5" in billionths, digits beyond the ninth cut. */
static int parse_billionths(const char *s, int64_t *out)
{
	int64_t whole = 0, part = 0, scale = 1000000000;
	char head[24];
	size_t n = strcspn(s, ".");
	if (n >= sizeof(head) || (n == 0 && s[0] != '.'))
		return -EINVAL;
	memcpy(head, s, n);
	head[n] = '\0';
	if (n > 0 && text_parse_int(head, 0, INT64_MAX / 2000000000, &whole) < 0)
		return -EINVAL;
	if (s[n] == '.') {
		if (!s[n + 1])
			return -EINVAL;
		for (const char *p = s + n + 1; *p; p++) {
			if (*p < '0' || *p > '9')
				return -EINVAL;
			scale /= 10;
			part += (*p - '0') * scale;
		}
	}
	*out = whole * 1000000000 + part;
	return 0;
}

static int parse_bool(const char *s, bool *out)
{
	static const char *const yes[] = { "1", "t", "T", "TRUE", "true", "True" };
	static const char *const no[] = { "0", "f", "F", "FALSE", "false", "False" };
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (strcmp(s, yes[i]) == 0 || strcmp(s, no[i]) == 0) {
			*out = strcmp(s, yes[i]) == 0;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_number(enum option_type type, const char *s, int64_t *out)
{
	bool b;
	switch (type) {
	case OPT_BOOL:
		return parse_bool(s, &b);
	case OPT_INT:
		return text_parse_int(s, INT64_MIN, INT64_MAX, out);
	case OPT_BYTES:
		if (strcmp(s, "-1") == 0) {
			*out = -1;
			return 0;
		}
		return text_parse_bytes(s, out);
	case OPT_DURATION:
		if (strcmp(s, "0") == 0) {
			*out = 0;
			return 0;
		}
		return clock_parse_duration(s, out);
	case OPT_NUMBER:
		return parse_billionths(s, out);
	default:
		return 0;
	}
}

/* ---------------------------------------------------------------- parsing */

static const struct option_def *find_long(const struct option_def *table, const char *name, size_t len)
{
	for (; table->long_name; table++)
		if (strncmp(table->long_name, name, len) == 0 && table->long_name[len] == '\0')
			return table;
	return NULL;
}

static const struct option_def *find_short(const struct option_def *table, char c)
{
	for (; table->long_name; table++)
		if (table->short_name == c)
			return table;
	return NULL;
}

static int unknown_long(const struct option_def *table, const char *name, size_t len, struct err *e)
{
	const char *names[256];
	size_t n = 0;
	char word[64];
	for (const struct option_def *d = table; d->long_name && n < 256; d++)
		names[n++] = d->long_name;
	(void)snprintf(word, sizeof(word), "%.*s", (int)len, name);
	const char *near = text_nearest(word, names, n);
	if (near)
		return err_say(e, EINVAL, "unknown flag: --%s (did you mean --%s?)", word, near);
	return err_say(e, EINVAL, "unknown flag: --%s", word);
}

static int add_value(struct args *o, const struct option_def *d, const char *value, struct err *e)
{
	static const char *const wanted[OPT_TYPE_COUNT] = { [OPT_BOOL] = "true or false",
		[OPT_INT] = "a whole number",
		[OPT_BYTES] = "a size such as 512k, 64m or 2g",
		[OPT_DURATION] = "a duration such as 500ms or 1m30s",
		[OPT_NUMBER] = "a number such as 0.5" };
	int64_t number;
	if (parse_number(d->type, value, &number) < 0) {
		char shown[8] = "";
		if (d->short_name)
			(void)snprintf(shown, sizeof(shown), "-%c, ", d->short_name);
		return err_say(e, EINVAL, "invalid argument \"%s\" for \"%s--%s\" flag: must be %s", value,
			shown, d->long_name, wanted[d->type]);
	}
	struct option_value *v = &o->values[d - o->table];
	const char **values = reallocarray(v->values, v->count + 1, sizeof(*values));
	if (!values)
		return err_set(e, ENOMEM, "read the command line");
	v->values = values;
	v->values[v->count++] = value;
	return 0;
}

struct cursor {
	int argc;
	char *const *argv;
	int at;
};

static int parse_long(struct args *o, struct cursor *c, struct err *e)
{
	const char *name = c->argv[c->at++] + 2;
	size_t len = strcspn(name, "=");
	if (len == 4 && strncmp(name, "help", 4) == 0) {
		o->help = true;
		return 0;
	}
	const struct option_def *d = find_long(o->table, name, len);
	if (!d)
		return unknown_long(o->table, name, len, e);
	if (name[len] == '=')
		return add_value(o, d, name + len + 1, e);
	if (d->type == OPT_BOOL)
		return add_value(o, d, "true", e);
	if (c->at >= c->argc)
		return err_say(e, EINVAL, "flag needs an argument: --%s", d->long_name);
	return add_value(o, d, c->argv[c->at++], e);
}

static int parse_short(struct args *o, struct cursor *c, struct err *e)
{
	const char *word = c->argv[c->at++];
	for (const char *p = word + 1; *p; p++) {
		const struct option_def *d = find_short(o->table, *p);
		if (!d && find_long(o->table, word + 1, strcspn(word + 1, "=")))
			return err_say(e, EINVAL, "unknown shorthand flag: '%c' in %s (did you mean -%s?)",
				*p, word, word);
		if (!d)
			return err_say(e, EINVAL, "unknown shorthand flag: '%c' in %s", *p, word);
		if (p[1] == '=')
			return add_value(o, d, p + 2, e);
		if (d->type == OPT_BOOL) {
			int r = add_value(o, d, "true", e);
			if (r < 0)
				return r;
			continue;
		}
		if (p[1])
			return add_value(o, d, p + 1, e);
		if (c->at >= c->argc)
			return err_say(e, EINVAL, "flag needs an argument: '%c' in %s", *p, word);
		return add_value(o, d, c->argv[c->at++], e);
	}
	return 0;
}

int args_parse(const struct option_def *table, int argc, char *const *argv, bool stop_at_argument,
	struct args *out, struct err *e)
{
	struct args o = { .table = table };
	while (table[o.table_len].long_name)
		o.table_len++;
	o.values = calloc(o.table_len + 1, sizeof(*o.values));
	o.words = calloc((size_t)argc + 1, sizeof(*o.words));
	int r = o.values && o.words ? 0 : err_set(e, ENOMEM, "read the command line");
	struct cursor c = { .argc = argc, .argv = argv };
	bool only_args = false;
	while (r == 0 && c.at < argc) {
		const char *word = argv[c.at];
		if (only_args || word[0] != '-' || word[1] == '\0') {
			o.words[o.words_len++] = word;
			c.at++;
			only_args = only_args || stop_at_argument;
		} else if (strcmp(word, "--") == 0) {
			only_args = true;
			c.at++;
		} else if (word[1] == '-') {
			r = parse_long(&o, &c, e);
		} else {
			r = parse_short(&o, &c, e);
		}
	}
	if (r < 0)
		args_done(&o);
	else
		*out = o;
	return r;
}

void args_done(struct args *o)
{
	for (size_t i = 0; o->values && i < o->table_len; i++)
		free(o->values[i].values);
	free(o->values);
	free(o->words);
	*o = (struct args){ 0 };
}

/* ---------------------------------------------------------------- reading */

const struct option_value *option_list(const struct args *o, const char *name)
{
	static const struct option_value none;
	const struct option_def *d = find_long(o->table, name, strlen(name));
	return d ? &o->values[d - o->table] : &none;
}

bool option_given(const struct args *o, const char *name)
{
	return option_list(o, name)->count > 0;
}

const char *option_string(const struct args *o, const char *name)
{
	const struct option_value *v = option_list(o, name);
	return v->count ? v->values[v->count - 1] : NULL;
}

bool option_bool(const struct args *o, const char *name)
{
	const char *value = option_string(o, name);
	bool b = false;
	if (value)
		(void)parse_bool(value, &b); /* it was valid when it was read */
	return b;
}

int64_t option_number(const struct args *o, const char *name, int64_t def)
{
	const struct option_def *d = find_long(o->table, name, strlen(name));
	const char *value = option_string(o, name);
	int64_t number = def;
	if (d && value)
		(void)parse_number(d->type, value, &number); /* it was valid when it was read */
	return number;
}

/* ---------------------------------------------------------------- help */

int args_help(const struct option_def *table, struct buf *out)
{
	size_t width = 0;
	for (const struct option_def *d = table; d->long_name; d++) {
		size_t n = strlen(d->long_name) + strlen(type_names[d->type]) + 1;
		width = n > width ? n : width;
	}
	for (const struct option_def *d = table; d->long_name; d++) {
		char left[80], short_text[8] = "    ";
		if (d->short_name)
			(void)snprintf(short_text, sizeof(short_text), "-%c, ", d->short_name);
		(void)snprintf(left, sizeof(left), "%s %s", d->long_name, type_names[d->type]);
		int r = buf_printf(out, "  %s--%-*s   %s\n", short_text, (int)width, left, d->help);
		if (r < 0)
			return r;
	}
	return 0;
}
