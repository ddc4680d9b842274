#include "base/fields.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/json_wide.h"

const char *fields_path(char out[FIELD_PATH_MAX], const char *path, const char *key)
{
	(void)snprintf(out, FIELD_PATH_MAX, "%s%s%s", path, *path ? "." : "", key); /* cut when absurd */
	return out;
}

static int no_memory(struct err *e, const char *path)
{
	return err_set(e, ENOMEM, "%s", *path ? path : "document");
}

static int read_wide(const json_t *obj, const char *path, const char *key, uint64_t *out, struct err *e)
{
	json_t *v = json_object_get(obj, key);
	char where[FIELD_PATH_MAX];
	if (!v || json_is_null(v))
		return 0;
	if (json_wide_value(v, out) < 0)
		return err_say(
			e, EINVAL, "%s: must be a whole number, not negative", fields_path(where, path, key));
	return 0;
}

static int read_number(const json_t *obj, const char *path, const struct field *f, void *at, struct err *e)
{
	int64_t v = FIELD_UNSET;
	int r = json_get_int(obj, path, f->name, f->min, f->max, &v, e);
	if (r < 0 || v == FIELD_UNSET)
		return r;
	if (f->type == FIELD_U32)
		*(uint32_t *)at = (uint32_t)v;
	else if (f->type == FIELD_U16)
		*(uint16_t *)at = (uint16_t)v;
	else
		*(int64_t *)at = v;
	return 0;
}

static int read_string(const json_t *obj, const char *path, const struct field *f, struct arena *a,
	const char **at, struct err *e)
{
	const char *s = NULL;
	int r = json_get_string(obj, path, f->name, &s, e);
	if (r < 0 || !s)
		return r;
	*at = arena_strdup(a, s);
	return *at ? 0 : no_memory(e, path);
}

static int read_one(
	const json_t *obj, const char *path, const struct field *f, struct arena *a, char *at, struct err *e)
{
	bool b;
	int r;

	switch (f->type) {
	case FIELD_STRING:
		return read_string(obj, path, f, a, (const char **)(void *)at, e);
	case FIELD_STRV:
		return fields_read_strv(obj, path, f->name, a, (char ***)(void *)at, e);
	case FIELD_BOOL:
		return json_get_bool(obj, path, f->name, (bool *)at, e);
	case FIELD_TRISTATE:
		b = false;
		r = json_get_bool(obj, path, f->name, &b, e);
		if (r == 0 && json_is_boolean(json_object_get(obj, f->name)))
			*(int64_t *)(void *)at = b;
		return r;
	case FIELD_U64:
		return read_wide(obj, path, f->name, (uint64_t *)(void *)at, e);
	default:
		return read_number(obj, path, f, at, e);
	}
}

int fields_read(const json_t *obj, const char *path, const struct field *f, size_t n, struct arena *a,
	void *to, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		int r = read_one(obj, path, &f[i], a, (char *)to + f[i].offset, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* NULL with *skip: nothing to write. */
static json_t *write_one(const struct field *f, const char *at, bool *skip)
{
	const char *s;
	char **v;
	int64_t n;

	switch (f->type) {
	case FIELD_STRING:
		s = *(const char *const *)(const void *)at;
		*skip = !s;
		return s ? json_string(s) : NULL;
	case FIELD_STRV:
		v = *(char **const *)(const void *)at;
		*skip = !v;
		return v ? fields_strv_json(v) : NULL;
	case FIELD_BOOL:
		*skip = !*(const bool *)at;
		return *skip ? NULL : json_true();
	case FIELD_TRISTATE:
		n = *(const int64_t *)(const void *)at;
		*skip = n == FIELD_UNSET;
		return *skip ? NULL : json_boolean(n);
	case FIELD_U64:
		return json_wide(*(const uint64_t *)(const void *)at);
	case FIELD_U32:
		n = *(const uint32_t *)(const void *)at;
		break;
	case FIELD_U16:
		n = *(const uint16_t *)(const void *)at;
		break;
	default:
		n = *(const int64_t *)(const void *)at;
		*skip = n == FIELD_UNSET;
		return *skip ? NULL : json_integer(n);
	}
	*skip = n == 0;
	return *skip ? NULL : json_integer(n);
}

int fields_write(const void *from, const struct field *f, size_t n, json_t *obj)
{
	for (size_t i = 0; i < n; i++) {
		bool skip = false;
		json_t *v = write_one(&f[i], (const char *)from + f[i].offset, &skip);
		if (!skip && json_object_set_new(obj, f[i].name, v) < 0)
			return -ENOMEM;
	}
	return 0;
}

int fields_read_strv(
	const json_t *obj, const char *path, const char *key, struct arena *a, char ***out, struct err *e)
{
	json_t *list = NULL, *v;
	size_t i;
	char where[FIELD_PATH_MAX];
	int r = json_get_array(obj, path, key, &list, e);
	if (r < 0 || !list)
		return r;
	char **copy = arena_calloc(a, json_array_size(list) + 1, sizeof(*copy));
	if (!copy)
		return no_memory(e, path);
	json_array_foreach (list, i, v) {
		if (!json_is_string(v))
			return err_say(
				e, EINVAL, "%s[%zu]: must be a string", fields_path(where, path, key), i);
		copy[i] = arena_strdup(a, json_string_value(v));
		if (!copy[i])
			return no_memory(e, path);
	}
	*out = copy;
	return 0;
}

int fields_read_map(
	const json_t *obj, const char *path, const char *key, struct arena *a, char ***out, struct err *e)
{
	json_t *map = NULL, *v;
	const char *k;
	char where[FIELD_PATH_MAX];
	size_t i = 0;
	int r = json_get_object(obj, path, key, &map, e);
	if (r < 0 || !map)
		return r;
	char **copy = arena_calloc(a, json_object_size(map) * 2 + 1, sizeof(*copy));
	if (!copy)
		return no_memory(e, path);
	json_object_foreach (map, k, v) {
		if (!json_is_string(v))
			return err_say(
				e, EINVAL, "%s.%s: must be a string", fields_path(where, path, key), k);
		copy[i++] = arena_strdup(a, k);
		copy[i++] = arena_strdup(a, json_string_value(v));
		if (!copy[i - 2] || !copy[i - 1])
			return no_memory(e, path);
	}
	*out = copy;
	return 0;
}

json_t *fields_strv_json(char *const *v)
{
	json_t *list = json_array();
	for (; v && *v; v++)
		if (json_array_append_new(list, json_string(*v)) < 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

json_t *fields_map_json(char *const *kv)
{
	json_t *map = json_object();
	for (; kv && kv[0]; kv += 2)
		if (json_object_set_new(map, kv[0], json_string(kv[1])) < 0) {
			json_decref(map);
			return NULL;
		}
	return map;
}

int fields_read_list(const json_t *obj, const char *path, const char *key, size_t item_size,
	fields_item_fn *read, struct arena *a, void *out_items, size_t *out_n, struct err *e)
{
	json_t *list = NULL, *v;
	size_t i;
	int r = json_get_array(obj, path, key, &list, e);
	if (r < 0 || !list)
		return r;
	char *items = arena_calloc(a, json_array_size(list) + 1, item_size);
	if (!items)
		return no_memory(e, path);
	json_array_foreach (list, i, v) {
		char where[FIELD_PATH_MAX], item_path[FIELD_PATH_MAX + 24];
		(void)snprintf(item_path, sizeof(item_path), "%s[%zu]", fields_path(where, path, key), i);
		if (!json_is_object(v))
			return err_say(e, EINVAL, "%s: must be an object", item_path);
		r = read(v, item_path, a, items + i * item_size, e);
		if (r < 0)
			return r;
	}
	memcpy(out_items, &items, sizeof(items)); /* a pointer to any item type */
	*out_n = json_array_size(list);
	return 0;
}

bool fields_is_empty(const json_t *v)
{
	switch (v ? json_typeof(v) : JSON_NULL) {
	case JSON_NULL:
	case JSON_FALSE:
		return true;
	case JSON_INTEGER:
		return json_integer_value(v) == 0;
	case JSON_STRING:
		return json_string_length(v) == 0;
	case JSON_ARRAY:
		return json_array_size(v) == 0;
	case JSON_OBJECT:
		return json_object_size(v) == 0;
	default:
		return false;
	}
}

int fields_refuse(const json_t *obj, const char *path, const struct field_refused *r, size_t n, struct err *e)
{
	char where[FIELD_PATH_MAX];
	for (size_t i = 0; i < n; i++)
		if (!fields_is_empty(json_object_get(obj, r[i].name)))
			return err_say(
				e, EOPNOTSUPP, "%s: %s", fields_path(where, path, r[i].name), r[i].reason);
	return 0;
}
