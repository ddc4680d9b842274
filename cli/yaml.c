#include "cli/yaml.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/own.h"

/* ---- words ---- */

static bool is_number_like(const char *s)
{
	const char *first = s + (strchr("+-.", *s) != NULL);
	if (!isdigit((unsigned char)*first) && *first != '.')
		return false;
	return !s[strspn(s, "0123456789abcdefABCDEFxXoO_.:,+-eEtTzZ ")];
}

static bool is_other_type(const char *s)
{
	static const char *const words[] = { "null", "true", "false", "yes", "no", "on", "off", "y", "n",
		".inf", "-.inf", "+.inf", ".nan" };
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcasecmp(words[i], s) == 0)
			return true;
	return is_number_like(s);
}

/* Can it stand without quotes, in a block, as a key and as a value? */
static bool is_plain(const char *s)
{
	static const char inside[] = "_./@+-$=,%()\\^ ";
	size_t len = strlen(s);
	if (len == 0 || (!isalnum((unsigned char)*s) && !strchr("_./$+\\^(", *s)) || s[len - 1] == ' ')
		return false;
	for (const char *p = s; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr(inside, *p) && !(*p == ':' && p[1] && p[1] != ' '))
			return false;
	return !is_other_type(s);
}

/* The character at s and its length; 0 for what is no UTF-8, which jansson does not hold. */
static uint32_t character(const char *s, size_t *len)
{
	unsigned char c = (unsigned char)*s;
	*len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	uint32_t u = *len == 1 ? c : c & (0x7fu >> *len);
	for (size_t i = 1; i < *len; i++)
		u = u << 6 | ((unsigned char)s[i] & 0x3f);
	return u;
}

static bool is_printable(uint32_t u)
{
	return (u >= 0x20 && u < 0x7f) ||
		(u >= 0xa0 && u != 0x2028 && u != 0x2029 && u != 0xfeff && u < 0xfffe) || u >= 0x10000;
}

static int write_quoted(const char *s, struct buf *out)
{
	static const char from[] = "\"\\\n\t\r", *const to[] = { "\\\"", "\\\\", "\\n", "\\t", "\\r" };
	int r = buf_puts(out, "\"");
	for (size_t len; *s && r == 0; s += len) {
		uint32_t u = character(s, &len);
		const char *escape = strchr(from, *s);
		if (escape)
			r = buf_puts(out, to[escape - from]);
		else if (is_printable(u))
			r = buf_add(out, s, len);
		else
			r = buf_printf(out, "\\u%04x", u);
	}
	return r == 0 ? buf_puts(out, "\"") : r;
}

static int write_word(const char *s, struct buf *out)
{
	return is_plain(s) ? buf_puts(out, s) : write_quoted(s, out);
}

/* ---- blocks ---- */

static int write_block(const json_t *v, int indent, bool in_list, struct buf *out);

static bool is_block(const json_t *v)
{
	return json_object_size(v) > 0 || json_array_size(v) > 0;
}

static int write_leaf(const json_t *v, struct buf *out)
{
	if (json_is_string(v))
		return write_word(json_string_value(v), out);
	auto_free char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
	return text ? buf_puts(out, text) : -ENOMEM;
}

/* Behind "key:" or "-". */
static int write_behind(const json_t *v, int indent, bool in_list, struct buf *out)
{
	int r = 0;
	if (!is_block(v)) {
		r = buf_puts(out, " ");
		if (r == 0)
			r = write_leaf(v, out);
		return r == 0 ? buf_puts(out, "\n") : r;
	}
	r = buf_puts(out, in_list ? " " : "\n");
	return r == 0 ? write_block(v, indent + 2, in_list, out) : r;
}

/* The first line of what stands in a list stands behind its dash already. */
static int write_block(const json_t *v, int indent, bool in_list, struct buf *out)
{
	const char *key;
	json_t *value;
	size_t i;
	int r = 0;
	json_object_foreach ((json_t *)(uintptr_t)v, key, value) {
		if (!in_list)
			r = buf_printf(out, "%*s", indent, "");
		in_list = false;
		if (r == 0)
			r = write_word(key, out);
		if (r == 0)
			r = buf_puts(out, ":");
		if (r == 0)
			r = write_behind(value, indent, false, out);
		if (r < 0)
			return r;
	}
	json_array_foreach (v, i, value) {
		r = buf_printf(out, "%*s-", in_list ? 0 : indent, "");
		in_list = false;
		if (r == 0)
			r = write_behind(value, indent, true, out);
		if (r < 0)
			return r;
	}
	return 0;
}

int yaml_write(const json_t *v, struct buf *out)
{
	if (is_block(v))
		return write_block(v, 0, false, out);
	int r = write_leaf(v, out);
	return r == 0 ? buf_puts(out, "\n") : r;
}
