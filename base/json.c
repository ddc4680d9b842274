#include "base/json.h"

json_t *json_parse(const char *text, size_t len, const char *what, struct err *e)
{
	json_error_t je;
	json_t *v = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &je);
	if (!v)
		(void)err_say(e, json_error_code(&je) == json_error_out_of_memory ? ENOMEM : EINVAL,
			"%s: line %d, column %d: %s", what, je.line, je.column, je.text);
	return v;
}

static int wrong(struct err *e, const char *path, const char *key, const char *want)
{
	return err_say(e, EINVAL, "%s%s%s: %s", path, *path ? "." : "", key, want);
}

static json_t *member(const json_t *obj, const char *key)
{
	json_t *v = json_object_get(obj, key);
	return json_is_null(v) ? NULL : v;
}

int json_get_string(const json_t *obj, const char *path, const char *key, const char **out, struct err *e)
{
	json_t *v = member(obj, key);
	if (!v)
		return 0;
	if (!json_is_string(v))
		return wrong(e, path, key, "must be a string");
	*out = json_string_value(v);
	return 0;
}

int json_get_bool(const json_t *obj, const char *path, const char *key, bool *out, struct err *e)
{
	json_t *v = member(obj, key);
	if (!v)
		return 0;
	if (!json_is_boolean(v))
		return wrong(e, path, key, "must be true or false");
	*out = json_is_true(v);
	return 0;
}

int json_get_int(const json_t *obj, const char *path, const char *key, int64_t min, int64_t max, int64_t *out,
	struct err *e)
{
	json_t *v = member(obj, key);
	if (!v)
		return 0;
	if (!json_is_integer(v))
		return wrong(e, path, key, "must be a whole number");
	int64_t n = json_integer_value(v);
	if (n < min || n > max)
		return err_say(e, EINVAL, "%s%s%s: %lld is not between %lld and %lld", path, *path ? "." : "",
			key, (long long)n, (long long)min, (long long)max);
	*out = n;
	return 0;
}

int json_get_object(const json_t *obj, const char *path, const char *key, json_t **out, struct err *e)
{
	json_t *v = member(obj, key);
	if (v && !json_is_object(v))
		return wrong(e, path, key, "must be an object");
	*out = v;
	return 0;
}

int json_get_array(const json_t *obj, const char *path, const char *key, json_t **out, struct err *e)
{
	json_t *v = member(obj, key);
	if (v && !json_is_array(v))
		return wrong(e, path, key, "must be a list");
	*out = v;
	return 0;
}
