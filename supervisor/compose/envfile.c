#include "supervisor/compose/envfile.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/buf.h"

struct cursor {
	const struct envfile *f;
	struct arena *arena;
	const char *p, *end;
	int line; /* of p */
	size_t n;
	struct err *err;
};

static int fail(struct cursor *c, const char *text)
{
	return err_say(c->err, EINVAL, "%s:%d: %s", c->f->name, c->line, text);
}

static int fail_memory(struct cursor *c)
{
	return err_set(c->err, ENOMEM, "read %s", c->f->name);
}

static void skip_blanks(struct cursor *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t'))
		c->p++;
}

static const char *line_end(const struct cursor *c)
{
	const char *nl = memchr(c->p, '\n', (size_t)(c->end - c->p));
	return nl ? nl : c->end;
}

static void next_line(struct cursor *c)
{
	c->p = line_end(c);
	if (c->p < c->end)
		c->p++;
	c->line++;
}

/* VAR with the "export " in front of it gone; NULL and an error when this is no name. */
static int read_name(struct cursor *c, const char **out)
{
	static const char export[] = "export";
	if ((size_t)(c->end - c->p) > sizeof(export) && memcmp(c->p, export, sizeof(export) - 1) == 0 &&
		(c->p[6] == ' ' || c->p[6] == '\t')) {
		c->p += 6;
		skip_blanks(c);
	}
	const char *start = c->p;
	if (c->p < c->end && (isalpha((unsigned char)*c->p) || *c->p == '_'))
		while (c->p < c->end && (isalnum((unsigned char)*c->p) || strchr("_.-", *c->p)))
			c->p++;
	if (c->p == start)
		return fail(c, "a line must be VARIABLE=value");
	*out = arena_strndup(c->arena, start, (size_t)(c->p - start));
	return *out ? 0 : fail_memory(c);
}

static int replace(struct cursor *c, const char *text, const char **out)
{
	int r = interpolate(c->f->in, text, out, c->err);
	return r < 0 ? err_wrap(c->err, r, "%s:%d", c->f->name, c->line) : 0;
}

/* Nothing but a comment may follow a closing quote. */
static int end_of_quoted(struct cursor *c)
{
	skip_blanks(c);
	if (c->p < c->end && *c->p == '\r')
		c->p++;
	if (c->p < c->end && *c->p != '\n' && *c->p != '#')
		return fail(c, "text behind the closing quote");
	return 0;
}

/* As it stands, but for \' */
static int read_single_quoted(struct cursor *c, const char **out)
{
	auto_(buf) struct buf text = { 0 };
	int lines = 0, r = 0;
	for (c->p++; c->p < c->end && *c->p != '\'' && r == 0; c->p++) {
		lines += *c->p == '\n';
		if (*c->p == '\\' && c->p + 1 < c->end && c->p[1] == '\'')
			c->p++;
		r = buf_add(&text, c->p, 1);
	}
	if (r < 0)
		return fail_memory(c);
	if (c->p >= c->end)
		return fail(c, "a ' without its closing '");
	c->p++;
	*out = arena_strdup(c->arena, text.data ? text.data : "");
	if (!*out)
		return fail_memory(c);
	r = end_of_quoted(c);
	c->line += r == 0 ? lines : 0;
	return r;
}

static int read_double_quoted(struct cursor *c, const char **out)
{
	auto_(buf) struct buf text = { 0 };
	int lines = 0, r = 0;
	for (c->p++; c->p < c->end && *c->p != '"' && r == 0; c->p++) {
		static const char from[] = "nrt\\\"$";
		static const char *const to[] = { "\n", "\r", "\t", "\\", "\"", "$$" };
		const char *escape = *c->p == '\\' && c->p + 1 < c->end ? strchr(from, c->p[1]) : NULL;
		lines += *c->p == '\n';
		if (escape && *escape) {
			r = buf_puts(&text, to[escape - from]);
			c->p++;
		} else {
			r = buf_add(&text, c->p, 1);
		}
	}
	if (r < 0)
		return fail_memory(c);
	if (c->p >= c->end)
		return fail(c, "a \" without its closing \"");
	c->p++;
	r = replace(c, text.data ? text.data : "", out);
	if (r == 0 && *out == text.data) /* nothing was replaced: the buffer does not live on */
		*out = arena_strdup(c->arena, text.data);
	if (r == 0 && !*out)
		return fail_memory(c);
	if (r == 0)
		r = end_of_quoted(c);
	c->line += r == 0 ? lines : 0;
	return r;
}

static int read_unquoted(struct cursor *c, const char **out)
{
	const char *start = c->p, *end = line_end(c);
	for (const char *s = start; s < end; s++)
		if (*s == '#' && (s == start || s[-1] == ' ' || s[-1] == '\t')) {
			end = s;
			break;
		}
	while (end > start && isspace((unsigned char)end[-1]))
		end--;
	const char *text = arena_strndup(c->arena, start, (size_t)(end - start));
	if (!text)
		return fail_memory(c);
	return replace(c, text, out);
}

static int add(struct cursor *c, const char *key, const char *value)
{
	if (c->n++ == ENVFILE_MAX_VARS)
		return fail(c, "too many variables in one file");
	int r = c->f->add(c->f->cookie, key, value);
	return r < 0 ? err_set(c->err, -r, "%s:%d", c->f->name, c->line) : 0;
}

static int read_entry(struct cursor *c)
{
	const char *key, *value = NULL;
	int r = read_name(c, &key);
	if (r < 0)
		return r;
	skip_blanks(c);
	if (c->p < c->end && *c->p == '=') {
		c->p++;
		skip_blanks(c);
		if (c->p < c->end && *c->p == '\'')
			r = read_single_quoted(c, &value);
		else if (c->p < c->end && *c->p == '"')
			r = read_double_quoted(c, &value);
		else
			r = read_unquoted(c, &value);
	} else if (c->p < c->end && !strchr("\r\n#", *c->p)) {
		return fail(c, "a line must be VARIABLE=value");
	}
	return r < 0 ? r : add(c, key, value);
}

/* K=V as it stands; a name alone has no value. */
static int read_raw(struct cursor *c)
{
	const char *end = line_end(c);
	if (end > c->p && end[-1] == '\r')
		end--;
	const char *eq = memchr(c->p, '=', (size_t)(end - c->p));
	const char *key = arena_strndup(c->arena, c->p, (size_t)((eq ? eq : end) - c->p));
	const char *value = eq ? arena_strndup(c->arena, eq + 1, (size_t)(end - eq - 1)) : NULL;
	if (!key || (eq && !value))
		return fail_memory(c);
	if (!*key || strpbrk(key, " \t"))
		return fail(c, "a line must be VARIABLE=value");
	return add(c, key, value);
}

int envfile_parse(const struct envfile *f, const char *text, size_t len, struct err *e)
{
	struct cursor c = {
		.f = f, .arena = f->in->arena, .p = text, .end = text + len, .line = 1, .err = e
	};

	if (len && memchr(text, '\0', len))
		return err_say(e, EINVAL, "%s: a NUL character has no place in it", f->name);
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) /* the mark some editors write in front */
		c.p += 3;
	while (c.p < c.end) {
		skip_blanks(&c);
		if (c.p < c.end && !strchr("#\r\n", *c.p)) {
			int r = f->raw ? read_raw(&c) : read_entry(&c);
			if (r < 0)
				return r;
		}
		next_line(&c);
	}
	return 0;
}
