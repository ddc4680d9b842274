#include "supervisor/api/filters.h"

#include <errno.h>
#include <string.h>

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
