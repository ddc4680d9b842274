#include "base/json_wide.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

/* Written in the text as an escape; a document that holds this very escape is refused, so the mark is ours alone. */
#define MARK_ESCAPED "\\u0001wide:"
#define MARK	     "\001wide:"

/* Length of the run of digits at p. */
static size_t digits(const char *p, const char *end)
{
	const char *q = p;
	while (q < end && isdigit((unsigned char)*q))
		q++;
	return (size_t)(q - p);
}

/* Is this a whole number past INT64_MAX and up to UINT64_MAX, standing alone? */
static bool is_wide(const char *p, size_t n, const char *end)
{
	char text[24];
	uint64_t v;
	if (n < 19 || n > 20 || *p == '0' || (p + n < end && strchr(".eE", p[n])))
		return false;
	memcpy(text, p, n);
	text[n] = '\0';
	return text_parse_uint(text, UINT64_MAX, &v) == 0 && v > INT64_MAX;
}

static int quote_wide(const char *text, size_t len, struct buf *out)
{
	const char *p = text, *end = text + len;
	bool in_string = false;
	int r = buf_reserve(out, len);

	while (r == 0 && p < end) {
		size_t n = 1;
		if (in_string) {
			if (*p == '\\' && p + 1 < end)
				n = 2;
			in_string = *p != '"';
		} else if (*p == '"') {
			in_string = true;
		} else if (isdigit((unsigned char)*p)) {
			n = digits(p, end);
			if (is_wide(p, n, end) && (p == text || p[-1] != '-') &&
				(p == text || !strchr(".+", p[-1]))) {
				r = buf_printf(out, "\"" MARK_ESCAPED "%.*s\"", (int)n, p);
				p += n;
				continue;
			}
		}
		r = buf_add(out, p, n);
		p += n;
	}
	return r;
}

json_t *json_parse_wide(const char *text, size_t len, const char *what, struct err *e)
{
	if (memmem(text, len, MARK_ESCAPED, strlen(MARK_ESCAPED))) {
		(void)err_say(e, EINVAL, "%s: a string holds a reserved mark", what);
		return NULL;
	}
	auto_(buf) struct buf quoted = { 0 };
	int r = quote_wide(text, len, &quoted);
	if (r < 0) {
		(void)err_set(e, -r, "%s", what);
		return NULL;
	}
	return json_parse(quoted.data ? quoted.data : "", quoted.len, what, e);
}

int json_dump_wide(const json_t *v, size_t jansson_flags, struct buf *out)
{
	auto_free char *text = json_dumps(v, jansson_flags);
	if (!text)
		return -ENOMEM;
	const char *p = text, *hit;
	int r = 0;
	while (r == 0 && (hit = strstr(p, "\"" MARK_ESCAPED))) {
		r = buf_add(out, p, (size_t)(hit - p));
		p = hit + 1 + strlen(MARK_ESCAPED);
		size_t n = digits(p, p + strlen(p));
		if (r == 0)
			r = buf_add(out, p, n);
		p += n;
		p += *p == '"';
	}
	return r < 0 ? r : buf_puts(out, p);
}

json_t *json_wide(uint64_t n)
{
	char text[40];
	if (n <= INT64_MAX)
		return json_integer((json_int_t)n);
	(void)snprintf(text, sizeof(text), MARK "%llu", (unsigned long long)n);
	return json_string(text);
}

int json_wide_value(const json_t *v, uint64_t *out)
{
	if (json_is_integer(v) && json_integer_value(v) >= 0) {
		*out = (uint64_t)json_integer_value(v);
		return 0;
	}
	if (json_is_string(v) && text_has_prefix(json_string_value(v), MARK))
		return text_parse_uint(json_string_value(v) + strlen(MARK), UINT64_MAX, out) < 0 ? -EINVAL
												 : 0;
	return -EINVAL;
}
