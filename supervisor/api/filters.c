#include "supervisor/api/filters.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

static bool is_known(const char *key, const char *const *known)
{
	for (; *known; known++)
		if (strcmp(key, *known) == 0)
			return true;
	return false;
}

/* Both forms as a list of strings; NULL when it is neither. */
static json_t *values_of(json_t *v)
{
	json_t *list = json_array();
	if (json_is_array(v)) {
		size_t i;
		json_t *item;
		json_array_foreach (v, i, item) {
			if (!json_is_string(item) || json_array_append(list, item) < 0)
				goto bad;
		}
		return list;
	}
	if (json_is_object(v)) {
		const char *word;
		json_t *on;
		json_object_foreach (v, word, on) {
			if (json_is_true(on) && json_array_append_new(list, json_string(word)) < 0)
				goto bad;
		}
		return list;
	}
bad:
	json_decref(list);
	return NULL;
}

int filters_parse(const char *text, const char *const *known, struct filters *out, struct err *e)
{
	out->doc = NULL;
	if (!text || !*text)
		return 0;
	struct err why;
	auto_(json) json_t *doc = json_parse(text, strlen(text), "filters", &why);
	if (!doc || !json_is_object(doc))
		return err_say(e, EINVAL, "invalid filter: %s", doc ? "must be an object" : why.text);
	auto_(json) json_t *plain = json_object();
	const char *key;
	json_t *v;
	json_object_foreach (doc, key, v) {
		if (!is_known(key, known))
			return err_say(e, EINVAL, "invalid filter '%.64s'", key);
		json_t *values = values_of(v);
		if (!values)
			return err_say(e, EINVAL, "invalid filter '%.64s': must be a list of strings", key);
		if (json_array_size(values) == 0)
			json_decref(values); /* no value: no condition */
		else if (json_object_set_new(plain, key, values) < 0)
			return err_set(e, ENOMEM, "read filters");
	}
	out->doc = take_ptr(&plain);
	return 0;
}

void filters_done(struct filters *f)
{
	json_decref(f->doc);
	f->doc = NULL;
}

bool filters_has(const struct filters *f, const char *key)
{
	return json_object_get(f->doc, key) != NULL;
}

bool filters_match(const struct filters *f, const char *key,
	bool (*test)(const char *value, const void *cookie), const void *cookie)
{
	json_t *values = json_object_get(f->doc, key), *v;
	size_t i;
	if (!values)
		return true;
	json_array_foreach (values, i, v) {
		if (test(json_string_value(v), cookie))
			return true;
	}
	return false;
}

static bool same_word(const char *value, const void *word)
{
	return strcmp(value, word) == 0;
}

bool filters_match_word(const struct filters *f, const char *key, const char *word)
{
	return filters_match(f, key, same_word, word);
}

static bool has_label(char *const *labels, const char *want)
{
	size_t len = strcspn(want, "=");
	for (; labels && labels[0]; labels += 2) {
		if (strlen(labels[0]) != len || strncmp(labels[0], want, len) != 0)
			continue;
		return !want[len] || strcmp(labels[1], want + len + 1) == 0;
	}
	return false;
}

bool filters_match_labels(const struct filters *f, const char *key, char *const *labels)
{
	json_t *values = json_object_get(f->doc, key), *v;
	size_t i;
	json_array_foreach (values, i, v) {
		if (!has_label(labels, json_string_value(v)))
			return false;
	}
	return true;
}

bool filters_match_label_object(const struct filters *f, const char *key, const json_t *labels)
{
	const json_t *v;
	size_t i;

	json_array_foreach (json_object_get(f->doc, key), i, v) {
		const char *want = json_string_value(v);
		auto_free char *name = strndup(want, strcspn(want, "="));
		const char *have = name ? json_string_value(json_object_get(labels, name)) : NULL;
		if (!have || (want[strlen(name)] && strcmp(have, want + strlen(name) + 1) != 0))
			return false;
	}
	return true;
}

bool filters_name_fits(const char *value, const void *cookie)
{
	const char *name = cookie;
	/* docker matches a part of the name, with and without its slash; ^ and $ bind as people write them */
	size_t len = strlen(value);
	bool at_start = *value == '^', at_end = len && value[len - 1] == '$';
	if (at_start)
		value++, len--;
	if (at_end)
		len--;
	if (*value == '/')
		value++, len--;
	size_t have = strlen(name);
	if (len > have)
		return false;
	if (at_start && at_end)
		return len == have && strncmp(name, value, len) == 0;
	if (at_start)
		return strncmp(name, value, len) == 0;
	if (at_end)
		return strncmp(name + have - len, value, len) == 0;
	for (size_t i = 0; i + len <= have; i++)
		if (strncmp(name + i, value, len) == 0)
			return true;
	return false;
}

/* The values of a key that takes one only. */
static int one_value(const struct filters *f, const char *key, const char **out, struct err *e)
{
	json_t *values = json_object_get(f->doc, key);

	*out = json_string_value(json_array_get(values, 0));
	if (json_array_size(values) > 1)
		return err_say(e, EINVAL, "invalid filter '%s': it takes one value", key);
	return 0;
}

int filters_get_bool(const struct filters *f, const char *key, bool *out, struct err *e)
{
	const char *v;
	int r = one_value(f, key, &v, e);

	if (r < 0 || !v)
		return r;
	if (strcmp(v, "1") == 0 || strcmp(v, "true") == 0)
		*out = true;
	else if (strcmp(v, "0") == 0 || strcmp(v, "false") == 0)
		*out = false;
	else
		return err_say(e, EINVAL, "invalid filter '%s=[%.64s]'", key, v);
	return 0;
}

int filters_get_until(const struct filters *f, int64_t now_ns, int64_t *out_ns, struct err *e)
{
	const char *v;
	int64_t ns;
	int r = one_value(f, "until", &v, e);

	if (r < 0)
		return r;
	*out_ns = CLOCK_NEVER;
	if (!v || clock_parse_timestamp(v, out_ns) == 0)
		return 0;
	if (clock_parse_duration(v, &ns) < 0)
		return err_say(e, EINVAL, "invalid filter 'until=[%.64s]': neither a time nor a duration", v);
	*out_ns = now_ns - ns;
	return 0;
}
