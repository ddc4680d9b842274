#include "runtime/spec_codec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "runtime/caps.h"
#include "runtime/rlimit.h"

#define ID_MAX	   INT64_C(4294967294) /* (uid_t)-1 means "leave it" to setresuid(2) */
#define GROUPS_MAX 256
#define AT(member) offsetof(struct spec_process, member)

static const struct field process_fields[] = {
	{ "terminal", FIELD_BOOL, AT(terminal), 0, 0 },
	{ "args", FIELD_STRV, AT(args), 0, 0 },
	{ "env", FIELD_STRV, AT(env), 0, 0 },
	{ "cwd", FIELD_STRING, AT(cwd), 0, 0 },
	{ "noNewPrivileges", FIELD_BOOL, AT(no_new_privileges), 0, 0 },
	{ "oomScoreAdj", FIELD_I64, AT(oom_score_adj), -1000, 1000 },
};
static const struct field console_fields[] = {
	{ "width", FIELD_U16, AT(console_width), 0, UINT16_MAX },
	{ "height", FIELD_U16, AT(console_height), 0, UINT16_MAX },
};
static const struct field user_fields[] = {
	{ "uid", FIELD_U32, AT(uid), 0, ID_MAX },
	{ "gid", FIELD_U32, AT(gid), 0, ID_MAX },
	{ "umask", FIELD_I64, AT(umask), 0, 0777 },
};
/* Ours, as a further object of process: what Docker declares by name and only the root can resolve. */
static const struct field berth_fields[] = {
	{ "user", FIELD_STRING, AT(user), 0, 0 },
	{ "groupAdd", FIELD_STRV, AT(group_add), 0, 0 },
};
static const struct field rlimit_fields[] = {
	{ "soft", FIELD_U64, offsetof(struct spec_rlimit, soft), 0, 0 },
	{ "hard", FIELD_U64, offsetof(struct spec_rlimit, hard), 0, 0 },
};
static const struct {
	const char *name;
	size_t offset;
} cap_sets[] = {
	{ "bounding", offsetof(struct spec_caps, bounding) },
	{ "effective", offsetof(struct spec_caps, effective) },
	{ "inheritable", offsetof(struct spec_caps, inheritable) },
	{ "permitted", offsetof(struct spec_caps, permitted) },
	{ "ambient", offsetof(struct spec_caps, ambient) },
};
static const struct field_refused refused[] = {
	{ "apparmorProfile", "AppArmor profiles cannot be honoured" },
	{ "selinuxLabel", "SELinux labels cannot be honoured" },
	{ "scheduler", "not built yet" },
	{ "ioPriority", "not built yet" },
	{ "execCPUAffinity", "not built yet" },
};

static int read_cap_set(const json_t *caps, const char *name, uint64_t *out, struct err *e)
{
	json_t *list = NULL, *v;
	size_t i;
	int r = json_get_array(caps, "process.capabilities", name, &list, e);
	if (r < 0 || !list)
		return r;
	json_array_foreach (list, i, v) {
		int cap = json_is_string(v) && strncmp(json_string_value(v), "CAP_", 4) == 0
			? caps_from_name(json_string_value(v))
			: -EINVAL;
		if (cap < 0)
			return err_say(e, EINVAL, "process.capabilities.%s[%zu]: unknown capability \"%s\"",
				name, i, json_is_string(v) ? json_string_value(v) : "?");
		*out |= UINT64_C(1) << cap;
	}
	return 0;
}

static int read_caps(const json_t *process, struct spec_caps *caps, struct err *e)
{
	json_t *obj = NULL;
	int r = json_get_object(process, "process", "capabilities", &obj, e);
	for (size_t i = 0; r == 0 && obj && i < ARRAY_LEN(cap_sets); i++)
		r = read_cap_set(
			obj, cap_sets[i].name, (uint64_t *)(void *)((char *)caps + cap_sets[i].offset), e);
	return r;
}

static int read_rlimit(const json_t *item, const char *path, struct arena *a, void *to, struct err *e)
{
	struct spec_rlimit *limit = to;
	const char *type = NULL;
	int r = json_get_string(item, path, "type", &type, e);
	if (r < 0)
		return r;
	limit->resource = type && strncmp(type, "RLIMIT_", 7) == 0 ? rlimit_from_name(type) : -EINVAL;
	if (limit->resource < 0)
		return err_say(e, EINVAL, "%s.type: unknown limit \"%s\"", path, type ? type : "");
	if (!json_object_get(item, "soft") || !json_object_get(item, "hard"))
		return err_say(e, EINVAL, "%s: soft and hard are needed", path);
	return fields_read(item, path, rlimit_fields, ARRAY_LEN(rlimit_fields), a, limit, e);
}

static int read_groups(const json_t *user, struct arena *a, struct spec_process *p, struct err *e)
{
	json_t *list = NULL, *v;
	size_t i;
	int r = json_get_array(user, "process.user", "additionalGids", &list, e);
	if (r < 0 || !list)
		return r;
	if (json_array_size(list) > GROUPS_MAX)
		return err_say(e, EINVAL, "process.user.additionalGids: more than %d", GROUPS_MAX);
	p->additional_gids = arena_calloc(a, json_array_size(list) + 1, sizeof(*p->additional_gids));
	if (!p->additional_gids)
		return err_set(e, ENOMEM, "process.user.additionalGids");
	json_array_foreach (list, i, v) {
		if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > ID_MAX)
			return err_say(e, EINVAL, "process.user.additionalGids[%zu]: not a group id", i);
		p->additional_gids[i] = (uint32_t)json_integer_value(v);
	}
	p->n_additional_gids = json_array_size(list);
	return 0;
}

/* An object of process that has its own table; missing is fine. */
static int read_part(const json_t *process, const char *key, const struct field *f, size_t n, struct arena *a,
	struct spec_process *p, json_t **out, struct err *e)
{
	char where[FIELD_PATH_MAX];
	json_t *obj = NULL;
	int r = json_get_object(process, "process", key, &obj, e);
	if (r == 0 && obj)
		r = fields_read(obj, fields_path(where, "process", key), f, n, a, p, e);
	if (out)
		*out = obj;
	return r;
}

int spec_process_read(const json_t *obj, struct arena *a, struct spec_process *p, struct err *e)
{
	json_t *user = NULL;
	int r = fields_refuse(obj, "process", refused, ARRAY_LEN(refused), e);
	if (r == 0)
		r = fields_read(obj, "process", process_fields, ARRAY_LEN(process_fields), a, p, e);
	if (r == 0)
		r = read_part(obj, "consoleSize", console_fields, ARRAY_LEN(console_fields), a, p, NULL, e);
	if (r == 0)
		r = read_part(obj, "user", user_fields, ARRAY_LEN(user_fields), a, p, &user, e);
	if (r == 0 && user)
		r = read_groups(user, a, p, e);
	if (r == 0)
		r = read_part(obj, "berth", berth_fields, ARRAY_LEN(berth_fields), a, p, NULL, e);
	if (r == 0)
		r = read_caps(obj, &p->caps, e);
	if (r == 0)
		r = fields_read_list(obj, "process", "rlimits", sizeof(*p->rlimits), read_rlimit, a,
			&p->rlimits, &p->n_rlimits, e);
	return r;
}

static json_t *caps_json(const struct spec_caps *caps)
{
	json_t *obj = json_object();
	for (size_t i = 0; obj && i < ARRAY_LEN(cap_sets); i++) {
		uint64_t bits = *(const uint64_t *)(const void *)((const char *)caps + cap_sets[i].offset);
		json_t *list = json_array();
		for (int cap = 0; caps_name(cap); cap++)
			if (bits & (UINT64_C(1) << cap))
				(void)json_array_append_new(list, json_string(caps_name(cap)));
		if (bits && json_object_set_new(obj, cap_sets[i].name, list) < 0)
			return json_decref(obj), NULL;
		if (!bits)
			json_decref(list);
	}
	return obj;
}

static json_t *rlimits_json(const struct spec_process *p)
{
	json_t *list = json_array();
	for (size_t i = 0; i < p->n_rlimits; i++) {
		json_t *item = json_object();
		(void)json_object_set_new(item, "type", json_string(rlimit_name(p->rlimits[i].resource)));
		(void)fields_write(&p->rlimits[i], rlimit_fields, ARRAY_LEN(rlimit_fields), item);
		(void)json_array_append_new(list, item);
	}
	return list;
}

static json_t *part_json(const struct spec_process *p, const struct field *f, size_t n)
{
	json_t *obj = json_object();
	if (obj && fields_write(p, f, n, obj) < 0)
		return json_decref(obj), NULL;
	return obj;
}

static json_t *user_json(const struct spec_process *p)
{
	json_t *obj = part_json(p, user_fields, ARRAY_LEN(user_fields));
	json_t *gids = json_array();
	for (size_t i = 0; i < p->n_additional_gids; i++)
		(void)json_array_append_new(gids, json_integer(p->additional_gids[i]));
	if (!obj || spec_put(obj, "additionalGids", gids) < 0)
		return json_decref(obj), NULL;
	return obj;
}

int spec_process_write(const struct spec_process *p, json_t *obj)
{
	int r = fields_write(p, process_fields, ARRAY_LEN(process_fields), obj);
	if (r == 0)
		r = spec_put(obj, "consoleSize", part_json(p, console_fields, ARRAY_LEN(console_fields)));
	if (r == 0) /* the specification wants it even when all is 0 */
		r = json_object_set_new(obj, "user", user_json(p)) < 0 ? -ENOMEM : 0;
	if (r == 0)
		r = spec_put(obj, "berth", part_json(p, berth_fields, ARRAY_LEN(berth_fields)));
	if (r == 0)
		r = spec_put(obj, "capabilities", caps_json(&p->caps));
	if (r == 0)
		r = spec_put(obj, "rlimits", rlimits_json(p));
	return r;
}
