#include "supervisor/compose/interpolate.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"

#define MAX_NESTING 16

int vars_set(struct arena *a, struct vars *vars, const char *key, const char *value)
{
	const char *line = arena_printf(a, "%s=%s", key, value);
	if (!line)
		return -ENOMEM;
	for (size_t i = 0; i < vars->n; i++)
		if (text_env_value(vars->v[i], key)) {
			vars->v[i] = line;
			return 0;
		}
	if (vars->n + 1 >= vars->room) {
		size_t room = vars->room ? vars->room * 2 : 32;
		const char **v = arena_calloc(a, room, sizeof(*v));
		if (!v)
			return -ENOMEM;
		if (vars->n)
			memcpy(v, vars->v, vars->n * sizeof(*v));
		vars->v = v;
		vars->room = room;
	}
	vars->v[vars->n++] = line;
	vars->v[vars->n] = NULL;
	return 0;
}

int vars_copy(struct arena *a, const struct vars *from, struct vars *out)
{
	*out = (struct vars){ .v = arena_calloc(a, from->n + 32, sizeof(*out->v)), .room = from->n + 32 };
	if (!out->v)
		return -ENOMEM;
	if (from->n)
		memcpy(out->v, from->v, from->n * sizeof(*out->v));
	out->n = from->n;
	return 0;
}

const char *vars_get(const struct vars *vars, const char *key)
{
	for (size_t i = 0; i < vars->n; i++) {
		const char *value = text_env_value(vars->v[i], key);
		if (value)
			return value;
	}
	return NULL;
}

static size_t name_length(const char *s)
{
	size_t n = 0;
	if (isalpha((unsigned char)*s) || *s == '_')
		while (isalnum((unsigned char)s[n]) || s[n] == '_')
			n++;
	return n;
}

/* s stands behind "${": the '}' that ends it, past nested expressions and braces; NULL when there is none. */
static const char *closing(const char *s)
{
	int open = 1;
	for (; *s; s++) {
		open += *s == '{';
		if (*s == '}' && --open == 0)
			return s;
	}
	return NULL;
}

static int emit(struct interpolate *in, struct buf *out, const char *s, size_t len, struct err *e)
{
	if (out->len + len > INTERPOLATE_MAX_TEXT || in->total + len > INTERPOLATE_MAX_TOTAL)
		return err_say(e, ERANGE, "too long once its variables are replaced");
	in->total += len;
	int r = buf_add(out, s, len);
	return r < 0 ? err_set(e, -r, "replace variables") : 0;
}

static int expand(
	struct interpolate *in, const char *s, size_t len, int depth, struct buf *out, struct err *e);

static void tell_unset(struct interpolate *in, const char *name)
{
	if (in->unset)
		in->unset(in->cookie, name);
}

/* ${V:?text}: the text is the error. */
static int fail_required(
	struct interpolate *in, const char *name, const char *arg, size_t len, int depth, struct err *e)
{
	auto_(buf) struct buf text = { 0 };
	int r = expand(in, arg, len, depth + 1, &text, e);
	if (r < 0)
		return r;
	return err_say(e, EINVAL, "required variable %s is missing a value%s%s", name, text.len ? ": " : "",
		text.len ? text.data : "");
}

/* The inside of one ${...}. */
static int expand_braces(
	struct interpolate *in, const char *s, const char *end, int depth, struct buf *out, struct err *e)
{
	size_t n = name_length(s);
	auto_free char *name = strndup(s, n);
	if (!name)
		return err_set(e, ENOMEM, "replace variables");
	const char *op = s + n;
	bool colon = *op == ':' && op + 1 < end;
	const char kind = op == end ? '}' : op[colon];
	if (n == 0 || !strchr("}-?+", kind) || (colon && kind == '}'))
		return err_say(e, EINVAL,
			"${%.*s} is not a form that can be replaced; write $$ for a dollar sign",
			(int)(end - s > 60 ? 60 : end - s), s);

	const char *value = vars_get(in->vars, name);
	bool have = value && (!colon || *value);
	const char *arg = op == end ? end : op + colon + 1;
	size_t arg_len = (size_t)(end - arg);
	if (kind == '+')
		return have ? expand(in, arg, arg_len, depth + 1, out, e) : 0;
	if (have)
		return emit(in, out, value, strlen(value), e);
	if (kind == '-')
		return expand(in, arg, arg_len, depth + 1, out, e);
	if (kind == '?')
		return fail_required(in, name, arg, arg_len, depth, e);
	tell_unset(in, name);
	return 0;
}

static int expand_plain(struct interpolate *in, const char *s, size_t n, struct buf *out, struct err *e)
{
	auto_free char *name = strndup(s, n);
	if (!name)
		return err_set(e, ENOMEM, "replace variables");
	const char *value = vars_get(in->vars, name);
	if (value)
		return emit(in, out, value, strlen(value), e);
	tell_unset(in, name);
	return 0;
}

static int expand(
	struct interpolate *in, const char *s, size_t len, int depth, struct buf *out, struct err *e)
{
	const char *end = s + len;
	if (depth > MAX_NESTING)
		return err_say(e, ERANGE, "expressions nested too deeply");
	while (s < end) {
		const char *dollar = memchr(s, '$', (size_t)(end - s));
		size_t plain = (size_t)((dollar ? dollar : end) - s);
		int r = emit(in, out, s, plain, e);
		if (r < 0 || !dollar)
			return r;
		s = dollar + 1;
		size_t n = s < end ? name_length(s) : 0;
		if (n > (size_t)(end - s))
			n = (size_t)(end - s);
		if (s < end && *s == '$') {
			r = emit(in, out, "$", 1, e);
			s++;
		} else if (s < end && *s == '{') {
			const char *close = closing(s + 1);
			if (!close || close >= end)
				return err_say(
					e, EINVAL, "\"${\" without its \"}\"; write $$ for a dollar sign");
			r = expand_braces(in, s + 1, close, depth, out, e);
			s = close + 1;
		} else if (n) {
			r = expand_plain(in, s, n, out, e);
			s += n;
		} else {
			r = emit(in, out, "$", 1, e);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

int interpolate(struct interpolate *in, const char *text, const char **out, struct err *e)
{
	if (!strchr(text, '$')) {
		*out = text;
		return 0;
	}
	auto_(buf) struct buf made = { 0 };
	int r = expand(in, text, strlen(text), 0, &made, e);
	if (r < 0)
		return r;
	const char *copy = arena_strndup(in->arena, made.data ? made.data : "", made.len);
	if (!copy)
		return err_set(e, ENOMEM, "replace variables");
	*out = copy;
	return 0;
}
