#include "runtime/seccomp_rules.h"

#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>

#include "base/fields.h"
#include "base/json.h"
#include "base/json_wide.h"
#include "base/own.h"
#include "runtime/seccomp_names.h"

#define ARGS_MAX  6    /* of a system call */
#define ERRNO_MAX 4095 /* MAX_ERRNO of the kernel: a filter's larger one is cut to it */
#define PATH_ROOM (FIELD_PATH_MAX + 32)

static const struct field_refused refused[] = {
	{ "listenerPath", "seccomp listeners are not built yet" },
	{ "listenerMetadata", "seccomp listeners are not built yet" },
};

/* "action" with its errno member folded in; the specification's default number is EPERM. */
static int read_action(const json_t *obj, const char *path, const char *key, const char *errno_key,
	uint32_t *out, struct err *e)
{
	char where[FIELD_PATH_MAX];
	const char *name = NULL;
	int64_t number = EPERM;
	int r = json_get_string(obj, path, key, &name, e);
	if (r == 0)
		r = json_get_int(obj, path, errno_key, 0, ERRNO_MAX, &number, e);
	if (r < 0)
		return r;
	if (name && strcmp(name, "SCMP_ACT_NOTIFY") == 0)
		return err_say(e, EOPNOTSUPP, "%s: seccomp listeners are not built yet",
			fields_path(where, path, key));
	if (!name || !seccomp_action_from_name(name, out))
		return err_say(e, EINVAL, "%s: unknown action \"%s\"", fields_path(where, path, key),
			name ? name : "");
	if (seccomp_action_has_number(*out))
		*out |= (uint32_t)number;
	return 0;
}

static int read_wide(const json_t *item, const char *path, const char *key, uint64_t *out, struct err *e)
{
	json_t *v = json_object_get(item, key);
	if (!v || json_is_null(v))
		return 0;
	if (json_wide_value(v, out) < 0)
		return err_say(e, EINVAL, "%s.%s: must be a whole number, not negative", path, key);
	return 0;
}

static int read_arg(const json_t *item, const char *path, struct arena *a, void *to, struct err *e)
{
	struct spec_seccomp_arg *arg = to;
	const char *op = NULL;
	int64_t index = 0;
	(void)a;
	int r = json_get_int(item, path, "index", 0, ARGS_MAX - 1, &index, e);
	if (r == 0)
		r = read_wide(item, path, "value", &arg->value, e);
	if (r == 0)
		r = read_wide(item, path, "valueTwo", &arg->value_two, e);
	if (r == 0)
		r = json_get_string(item, path, "op", &op, e);
	if (r < 0)
		return r;
	arg->index = (unsigned)index;
	if (!op || !seccomp_op_from_name(op, &arg->op))
		return err_say(e, EINVAL, "%s.op: unknown operator \"%s\"", path, op ? op : "");
	return 0;
}

/* "names", or the single "name" of the oldest profiles. */
static int read_names(
	const json_t *item, const char *path, struct arena *a, struct spec_seccomp_rule *rule, struct err *e)
{
	const char *one = NULL;
	int r = fields_read_strv(item, path, "names", a, &rule->names, e);
	if (r == 0)
		r = json_get_string(item, path, "name", &one, e);
	if (r < 0)
		return r;
	if (one && *one) {
		if (rule->names && rule->names[0])
			return err_say(e, EINVAL, "%s: use either 'name' or 'names'", path);
		rule->names = arena_strv(a, &one, 1);
	}
	if (!rule->names || !rule->names[0])
		return err_say(e, EINVAL, "%s.names: missing", path);
	return 0;
}

static int read_rule(
	const json_t *item, const char *path, struct arena *a, struct spec_seccomp_rule *rule, struct err *e)
{
	int r = read_names(item, path, a, rule, e);
	if (r == 0)
		r = read_action(item, path, "action", "errnoRet", &rule->action, e);
	if (r == 0)
		r = fields_read_list(
			item, path, "args", sizeof(*rule->args), read_arg, a, &rule->args, &rule->n_args, e);
	return r;
}

static int read_rules(const json_t *obj, struct arena *a, seccomp_applies_fn *applies, void *cookie,
	struct spec_seccomp *out, struct err *e)
{
	json_t *list = NULL, *item;
	size_t i;
	int r = json_get_array(obj, "", "syscalls", &list, e);
	if (r < 0 || !list)
		return r;
	out->rules = arena_calloc(a, json_array_size(list) + 1, sizeof(*out->rules));
	if (!out->rules)
		return err_set(e, ENOMEM, "syscalls");
	json_array_foreach (list, i, item) {
		char path[PATH_ROOM];
		struct spec_seccomp_rule rule = { 0 };
		(void)snprintf(path, sizeof(path), "syscalls[%zu]", i);
		if (!json_is_object(item))
			return err_say(e, EINVAL, "%s: must be an object", path);
		r = read_rule(item, path, a, &rule,
			e); /* also when it does not apply: a bad profile is bad for all */
		if (r == 0)
			r = applies ? applies(item, path, cookie, e) : 1;
		if (r < 0)
			return r;
		if (r > 0)
			out->rules[out->n_rules++] = rule;
	}
	return 0;
}

static int read_flags(const json_t *obj, struct spec_seccomp *out, struct err *e)
{
	json_t *list = NULL, *v;
	size_t i;
	int r = json_get_array(obj, "", "flags", &list, e);
	if (r < 0 || !list)
		return r;
	json_array_foreach (list, i, v) {
		uint32_t flag;
		const char *name = json_is_string(v) ? json_string_value(v) : "";
		if (!seccomp_flag_from_name(name, &flag))
			return err_say(e, EINVAL, "flags[%zu]: unknown flag \"%s\"", i, name);
		out->flags |= flag;
	}
	return 0;
}

int seccomp_read_arches(const json_t *obj, struct arena *a, struct spec_seccomp *out, struct err *e)
{
	json_t *list = NULL, *v;
	size_t i;
	int r = json_get_array(obj, "", "architectures", &list, e);
	if (r < 0 || !list)
		return r;
	out->architectures = arena_calloc(a, json_array_size(list) + 1, sizeof(*out->architectures));
	if (!out->architectures)
		return err_set(e, ENOMEM, "architectures");
	json_array_foreach (list, i, v) {
		const char *name = json_is_string(v) ? json_string_value(v) : "";
		if (!seccomp_arch_from_name(name, &out->architectures[i]))
			return err_say(e, EINVAL, "architectures[%zu]: unknown architecture \"%s\"", i, name);
	}
	out->n_architectures = json_array_size(list);
	return 0;
}

int seccomp_read_common(const json_t *obj, struct arena *a, seccomp_applies_fn *applies, void *cookie,
	struct spec_seccomp *out, struct err *e)
{
	int r = fields_refuse(obj, "", refused, ARRAY_LEN(refused), e);
	if (r == 0)
		r = read_action(obj, "", "defaultAction", "defaultErrnoRet", &out->default_action, e);
	if (r == 0)
		r = read_flags(obj, out, e);
	if (r == 0)
		r = read_rules(obj, a, applies, cookie, out, e);
	return r;
}
