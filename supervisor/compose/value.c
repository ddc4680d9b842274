#include "supervisor/compose/value.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/text.h"

int value_bool(struct load *l, const struct node *v, bool *out)
{
	static const char *const yes[] = { "yes", "on", "y" }, *const no[] = { "no", "off", "n" };

	if (strcasecmp(v->text, "true") == 0 || strcasecmp(v->text, "false") == 0) {
		*out = tolower((unsigned char)v->text[0]) == 't';
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		bool is_yes = strcasecmp(v->text, yes[i]) == 0;
		if (!is_yes && strcasecmp(v->text, no[i]) != 0)
			continue;
		*out = is_yes;
		return load_warn(l, v, "%s: %s is a boolean in YAML 1.1 only; taken as %s", l->path, v->text,
			is_yes ? "true" : "false");
	}
	return load_fail(l, v, "\"%.60s\" must be true or false", v->text);
}

int value_int(struct load *l, const struct node *v, int64_t min, int64_t max, int64_t *out)
{
	const char *digits = v->text + (*v->text == '-');
	if (v->plain && digits[0] == '0' && isdigit((unsigned char)digits[1]))
		return load_fail(l, v,
			"%.60s is octal to some YAML readers and decimal to others; write it without the 0",
			v->text);
	int r = text_parse_int(v->text, min, max, out);
	if (r == -ERANGE)
		return load_fail(
			l, v, "%.60s is not between %lld and %lld", v->text, (long long)min, (long long)max);
	return r < 0 ? load_fail(l, v, "\"%.60s\" must be a whole number", v->text) : 0;
}

int value_mode(struct load *l, const struct node *v, int64_t *out)
{
	const char *s = v->text;
	int64_t mode = 0;
	if (s[0] == '0' && s[1] == 'o')
		s += 2;
	size_t n = strspn(s, "01234567");
	if (n == 0 || s[n] || n > 6)
		return load_fail(l, v, "\"%.60s\" must be an octal mode such as 1777", v->text);
	for (; *s; s++)
		mode = mode * 8 + (*s - '0');
	if (mode > 07777)
		return load_fail(l, v, "\"%.60s\" must be an octal mode of at most 7777", v->text);
	*out = mode;
	return 0;
}

int value_bytes(struct load *l, const struct node *v, int64_t *out)
{
	int r = text_parse_bytes(v->text, out);
	if (r == -ERANGE)
		return load_fail(l, v, "\"%.60s\" is too large", v->text);
	return r < 0 ? load_fail(l, v, "\"%.60s\" must be a size such as 64m or 1.5gb", v->text) : 0;
}

int value_duration(struct load *l, const struct node *v, int64_t *out_ns)
{
	int r = clock_parse_duration(v->text, out_ns);
	if (r == -ERANGE)
		return load_fail(l, v, "\"%.60s\" is too long", v->text);
	return r < 0
		? load_fail(l, v, "\"%.60s\" must be a duration with units such as 1m30s or 500ms", v->text)
		: 0;
}

int value_nano(struct load *l, const struct node *v, int64_t *out)
{
	const char *s = v->text;
	int64_t n = 0, digit = 1000000000;
	size_t whole = strspn(s, "0123456789");

	for (size_t i = 0; i < whole && n <= 1000000; i++)
		n = n * 10 + (s[i] - '0');
	if (n > 1000000)
		return load_fail(l, v, "\"%.60s\" is too large", v->text);
	n *= digit;
	s += whole;
	if (*s == '.') {
		size_t fraction = strspn(++s, "0123456789");
		for (size_t i = 0; i < fraction; i++)
			n += (s[i] - '0') * (digit /= 10);
		whole += fraction;
		s += fraction;
	}
	if (whole == 0 || *s)
		return load_fail(l, v, "\"%.60s\" must be a number such as 0.5", v->text);
	*out = n;
	return 0;
}

int value_word(struct load *l, const struct node *v, const char *allowed)
{
	size_t len = strlen(v->text);
	for (const char *p = allowed; len; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");
		if (n == 0)
			break;
		if (n == len && strncmp(p, v->text, n) == 0)
			return 0;
		p += n;
	}
	return load_fail(l, v, "\"%.60s\" must be one of: %s", v->text, allowed);
}

int value_json(struct load *l, const struct node *at, const char *text, json_t **out)
{
	*out = json_string(text); /* also NULL for what is no UTF-8; memory is checked when all is done */
	return *out ? 0 : load_fail(l, at, "a value is not valid UTF-8");
}

int value_json_list(struct load *l, const struct node *list, json_t **out)
{
	auto_(json) json_t *array = json_array();
	for (size_t i = 0; i < list->n; i++) {
		json_t *text;
		int r = value_json(l, list->items[i], list->items[i]->text, &text);
		if (r < 0)
			return r;
		if (json_array_append_new(array, text) < 0)
			return load_fail_memory(l);
	}
	*out = take_ptr(&array);
	return *out ? 0 : load_fail_memory(l);
}

int value_json_pairs(struct load *l, const struct node *map, bool null_ok, json_t **out)
{
	auto_(json) json_t *object = json_object();
	for (size_t i = 0; i < map->n; i++) {
		const struct node *v = map->entries[i].value;
		json_t *text;
		if (v->kind == NODE_NULL && !null_ok)
			return load_fail(l, v, "%.80s has no value", map->entries[i].key);
		int r = value_json(l, v, v->kind == NODE_NULL ? "" : v->text, &text);
		if (r < 0)
			return r;
		if (json_object_set_new(object, map->entries[i].key, text) < 0)
			return load_fail_memory(l);
	}
	*out = take_ptr(&object);
	return *out ? 0 : load_fail_memory(l);
}
