#include "cli/template.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"

/* ---------------------------------------------------------------- printing as Go does */

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int print_value(const json_t *v, struct buf *out);

static int print_map(const json_t *v, struct buf *out)
{
	size_t n = json_object_size(v), i = 0;
	auto_free const char **keys = calloc(n + 1, sizeof(*keys));
	const char *key;
	json_t *item;
	if (!keys)
		return -ENOMEM;
	json_object_foreach ((json_t *)(uintptr_t)v, key, item)
		keys[i++] = key;
	qsort(keys, n, sizeof(*keys), compare_keys);
	int r = buf_puts(out, "map[");
	for (i = 0; i < n && r == 0; i++) {
		r = buf_printf(out, "%s%s:", i ? " " : "", keys[i]);
		if (r == 0)
			r = print_value(json_object_get(v, keys[i]), out);
	}
	return r < 0 ? r : buf_puts(out, "]");
}

static int print_list(const json_t *v, struct buf *out)
{
	int r = buf_puts(out, "[");
	for (size_t i = 0; i < json_array_size(v) && r == 0; i++) {
		r = i ? buf_puts(out, " ") : 0;
		if (r == 0)
			r = print_value(json_array_get(v, i), out);
	}
	return r < 0 ? r : buf_puts(out, "]");
}

static int print_value(const json_t *v, struct buf *out)
{
	switch (json_typeof(v)) {
	case JSON_STRING:
		return buf_add(out, json_string_value(v), json_string_length(v));
	case JSON_INTEGER:
		return buf_printf(out, "%lld", (long long)json_integer_value(v));
	case JSON_REAL:
		return buf_printf(out, "%g", json_real_value(v));
	case JSON_TRUE:
		return buf_puts(out, "true");
	case JSON_FALSE:
		return buf_puts(out, "false");
	case JSON_NULL:
		return buf_puts(out, "<no value>");
	case JSON_ARRAY:
		return print_list(v, out);
	default:
		return print_map(v, out);
	}
}

/* ---------------------------------------------------------------- actions */

struct words {
	const char *at, *end; /* inside {{ }} */
	const char *all;      /* for messages */
};

static void skip_blanks(struct words *w)
{
	while (w->at < w->end && isspace((unsigned char)*w->at))
		w->at++;
}

static int bad(const struct words *w, struct err *e)
{
	return err_say(e, EINVAL,
		"template: cannot read '{{%.*s}}': only {{.Field}}, {{json .Field}} and {{index .Field \"key\"}} "
		"are known",
		(int)(w->end - w->all), w->all);
}

/* Objects whose keys are anybody's words, maps in docker's Go: what one lacks is "<no value>" there, where a member that is not
 * known at all is an error. */
static bool is_map(const char *name)
{
	static const char *const maps[] = { "Attributes", "Labels", "Annotations", "Sysctls", "Tmpfs",
		"Ports", "Networks" };

	for (size_t i = 0; i < ARRAY_LEN(maps); i++)
		if (strcmp(name, maps[i]) == 0)
			return true;
	return false;
}

/* ".A.B" from value; "." is value itself. *out NULL: a key that its map lacks. */
static int find_field(struct words *w, const json_t *value, const json_t **out, struct err *e)
{
	skip_blanks(w);
	const char *start = w->at;
	bool in_map = false;
	if (w->at >= w->end || *w->at != '.')
		return bad(w, e);
	while (w->at < w->end && *w->at == '.') {
		char name[128];
		size_t n = 0;
		w->at++;
		while (w->at < w->end && (isalnum((unsigned char)*w->at) || *w->at == '_') &&
			n + 1 < sizeof(name))
			name[n++] = *w->at++;
		name[n] = '\0';
		if (n == 0 && w->at - start == 1)
			break;
		if (n == 0)
			return bad(w, e);
		const json_t *member = json_is_object(value) ? json_object_get(value, name) : NULL;
		if (!member && !in_map)
			return err_say(e, EINVAL, "template: no field '%s' in '%.*s'", name,
				(int)(w->at - start), start);
		value = member;
		in_map = is_map(name);
	}
	*out = value;
	return 0;
}

/* "key" or a number, for index. */
static int find_index(struct words *w, const json_t **value, struct err *e)
{
	skip_blanks(w);
	if (w->at < w->end && *w->at == '"') {
		const char *close = memchr(w->at + 1, '"', (size_t)(w->end - w->at - 1));
		if (!close)
			return bad(w, e);
		auto_free char *key = strndup(w->at + 1, (size_t)(close - w->at - 1));
		w->at = close + 1;
		*value = key ? json_object_get(*value, key) : NULL;
		return 0; /* Go's index gives the zero value for a missing key */
	}
	char *stop;
	long n = strtol(w->at, &stop, 10);
	if (stop == w->at || stop > w->end || n < 0)
		return bad(w, e);
	w->at = stop;
	*value = json_array_get(*value, (size_t)n);
	return *value ? 0 : err_say(e, EINVAL, "template: index out of range: %ld", n);
}

static bool take_word(struct words *w, const char *word)
{
	size_t n = strlen(word);
	skip_blanks(w);
	if ((size_t)(w->end - w->at) <= n || strncmp(w->at, word, n) != 0 ||
		!isspace((unsigned char)w->at[n]))
		return false;
	w->at += n;
	return true;
}

static int render_action(struct words *w, const json_t *value, struct buf *out, struct err *e)
{
	bool as_json = take_word(w, "json"), indexed = !as_json && take_word(w, "index");
	const json_t *v = NULL;
	int r = find_field(w, value, &v, e);
	if (r < 0)
		return r;
	skip_blanks(w);
	while (indexed && w->at < w->end) {
		r = find_index(w, &v, e);
		if (r < 0)
			return r;
		if (!v)
			return 0;
		skip_blanks(w);
	}
	if (w->at != w->end)
		return bad(w, e);
	if (!v)
		return buf_puts(out, as_json ? "null" : "<no value>");
	if (!as_json)
		return print_value(v, out);
	auto_free char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
	return text ? buf_puts(out, text) : err_set(e, ENOMEM, "template");
}

int template_render(const char *text, const json_t *value, struct buf *out, struct err *e)
{
	int r = 0;
	while (*text && r == 0) {
		if (text[0] == '{' && text[1] == '{') {
			const char *close = strstr(text + 2, "}}");
			if (!close)
				return err_say(e, EINVAL, "template: unclosed action: %s", text);
			struct words w = { .at = text + 2, .all = text + 2, .end = close };
			r = render_action(&w, value, out, e);
			text = close + 2;
		} else if (text[0] == '\\' && (text[1] == 't' || text[1] == 'n')) {
			r = buf_puts(out, text[1] == 't' ? "\t" : "\n");
			text += 2;
		} else {
			r = buf_add(out, text++, 1);
		}
	}
	return r;
}
