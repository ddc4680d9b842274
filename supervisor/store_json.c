#include "supervisor/store_json.h"

#include <string.h>

#include "base/json.h"
#include "base/own.h"
#include "base/text.h"
#include "supervisor/config.h"
#include "supervisor/store.h"

/* ---------------------------------------------------------------- members as tables */

enum field_type { FIELD_BOOL, FIELD_INT, FIELD_I64, FIELD_U64, FIELD_PID, FIELD_TEXT };

struct field {
	const char *key;
	enum field_type type;
	size_t offset, size;
};

#define FIELD_OF(of, key, type, member)                                                                      \
	{                                                                                                    \
		key, type, offsetof(struct of, member), sizeof(((struct of *)0)->member)                     \
	}

static const struct field state_fields[] = {
#define FIELD(key, type, member) FIELD_OF(actual, key, type, member)
	FIELD("Generation", FIELD_U64, generation),
	FIELD("Starting", FIELD_BOOL, starting),
	FIELD("Held", FIELD_BOOL, held),
	FIELD("Running", FIELD_BOOL, running),
	FIELD("Paused", FIELD_BOOL, paused),
	FIELD("Restarting", FIELD_BOOL, restarting),
	FIELD("OOMKilled", FIELD_BOOL, oom_killed),
	FIELD("Dead", FIELD_BOOL, dead),
	FIELD("Removing", FIELD_BOOL, removing),
	FIELD("Pid", FIELD_PID, pid),
	FIELD("StartTicks", FIELD_U64, start_ticks),
	FIELD("BootId", FIELD_TEXT, boot_id),
	FIELD("NetnsInode", FIELD_U64, netns_inode),
	FIELD("ExitedPid", FIELD_PID, exited_pid),
	FIELD("TaskDeleted", FIELD_BOOL, task_deleted),
	FIELD("ExitCode", FIELD_INT, exit_code),
	FIELD("Interrupted", FIELD_BOOL, interrupted),
	FIELD("Error", FIELD_TEXT, error),
	FIELD("StartedNs", FIELD_I64, started_ns),
	FIELD("FinishedNs", FIELD_I64, finished_ns),
	FIELD("StartedMonoNs", FIELD_I64, started_mono_ns),
	FIELD("RestartCount", FIELD_INT, restart_count),
	FIELD("ReleasedMonoNs", FIELD_I64, released_mono_ns),
	FIELD("StopUntilNs", FIELD_I64, stop_until_ns),
	FIELD("NextTryNs", FIELD_I64, next_try_ns),
	FIELD("DelayNs", FIELD_I64, delay_ns),
	FIELD("Unsaid", FIELD_INT, unsaid),
	FIELD("LogStart", FIELD_I64, log_start),
#undef FIELD
};

static const struct field desired_fields[] = {
#define FIELD(key, type, member) FIELD_OF(desired, key, type, member)
	FIELD("Generation", FIELD_U64, generation),
	FIELD("AskedNs", FIELD_I64, asked_ns),
	FIELD("Run", FIELD_BOOL, run),
	FIELD("Paused", FIELD_BOOL, paused),
	FIELD("StoppedByUser", FIELD_BOOL, stopped_by_user),
	FIELD("Removed", FIELD_BOOL, removed),
	FIELD("RemoveVolumes", FIELD_BOOL, remove_volumes),
#undef FIELD
};

static const struct field result_fields[] = {
#define FIELD(key, type, member) FIELD_OF(result, key, type, member)
	FIELD("Generation", FIELD_U64, generation),
	FIELD("ExitCode", FIELD_INT, exit_code),
	FIELD("Error", FIELD_TEXT, error),
	FIELD("StartedNs", FIELD_I64, started_ns),
	FIELD("FinishedNs", FIELD_I64, finished_ns),
	FIELD("Interrupted", FIELD_BOOL, interrupted),
	FIELD("OOMKilled", FIELD_BOOL, oom_killed),
	FIELD("RestartCount", FIELD_INT, restart_count),
#undef FIELD
};

static json_t *field_to_json(const struct field *f, const char *p)
{
	switch (f->type) {
	case FIELD_BOOL:
		return json_boolean(*(const bool *)p);
	case FIELD_INT:
		return json_integer(*(const int *)p);
	case FIELD_I64:
		return json_integer(*(const int64_t *)p);
	case FIELD_U64:
		return json_integer((json_int_t) * (const uint64_t *)p);
	case FIELD_PID:
		return json_integer(*(const pid_t *)p);
	case FIELD_TEXT:
		break;
	}
	json_t *text = json_string(p);
	return text ? text : json_string("(text that is not UTF-8)"); /* an error may quote a file name */
}

static int field_from_json(const struct field *f, const json_t *v, char *p, struct err *e)
{
	const char *text = NULL;
	int64_t n;
	int r;

	switch (f->type) {
	case FIELD_BOOL:
		return json_get_bool(v, "", f->key, (bool *)p, e);
	case FIELD_I64:
		return json_get_int(v, "", f->key, INT64_MIN, INT64_MAX, (int64_t *)p, e);
	case FIELD_U64:
		n = (int64_t) * (uint64_t *)p;
		r = json_get_int(v, "", f->key, INT64_MIN, INT64_MAX, &n, e);
		*(uint64_t *)p = (uint64_t)n;
		return r;
	case FIELD_INT:
	case FIELD_PID: /* pid_t is an int */
		n = *(int *)p;
		r = json_get_int(v, "", f->key, INT32_MIN, INT32_MAX, &n, e);
		*(int *)p = (int)n;
		return r;
	case FIELD_TEXT:
		break;
	}
	r = json_get_string(v, "", f->key, &text, e);
	if (r == 0 && text && strlen(text) >= f->size)
		return err_say(e, EINVAL, "%s: too long", f->key);
	if (r == 0 && text)
		memcpy(p, text, strlen(text) + 1);
	return r;
}

/* ---------------------------------------------------------------- whole files */

static json_t *to_json(const struct field *fields, size_t n, const void *from)
{
	auto_(json) json_t *v = json_pack("{s:i}", "Schema", STORE_SCHEMA);

	for (size_t i = 0; v && i < n; i++)
		if (json_object_set_new(v, fields[i].key,
			    field_to_json(&fields[i], (const char *)from + fields[i].offset)) < 0)
			return NULL;
	return take_ptr(&v);
}

static int check_schema(const json_t *v, struct err *e)
{
	int64_t schema = 0;

	if (!json_is_object(v))
		return err_say(e, EINVAL, "not an object");
	int r = json_get_int(v, "", "Schema", 0, INT32_MAX, &schema, e);
	if (r < 0)
		return r;
	if (schema > STORE_SCHEMA)
		return err_say(e, EPROTONOSUPPORT, "Schema: %lld is of a later version (this one knows %d)",
			(long long)schema, STORE_SCHEMA);
	return schema >= STORE_SCHEMA_MIN
		? 0
		: err_say(e, EINVAL, "Schema: %lld is not known here", (long long)schema);
}

/* All of it or nothing. */
static int from_json(
	const struct field *fields, size_t n, const json_t *v, void *to, size_t size, struct err *e)
{
	union {
		struct actual actual;
		struct desired desired;
		struct result result;
	} copy;
	int r = check_schema(v, e);

	memcpy(&copy, to, size);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = field_from_json(&fields[i], v, (char *)&copy + fields[i].offset, e);
	if (r == 0)
		memcpy(to, &copy, size);
	return r;
}

json_t *store_state_to_json(const struct actual *a)
{
	return to_json(state_fields, ARRAY_LEN(state_fields), a);
}

int store_state_from_json(const json_t *v, struct actual *out, struct err *e)
{
	return from_json(state_fields, ARRAY_LEN(state_fields), v, out, sizeof(*out), e);
}

json_t *store_desired_to_json(const struct desired *d)
{
	return to_json(desired_fields, ARRAY_LEN(desired_fields), d);
}

int store_desired_from_json(const json_t *v, struct desired *out, struct err *e)
{
	return from_json(desired_fields, ARRAY_LEN(desired_fields), v, out, sizeof(*out), e);
}

bool store_desired_is_same(const struct desired *a, const struct desired *b)
{
	for (size_t i = 0; i < ARRAY_LEN(desired_fields); i++) {
		const struct field *f = &desired_fields[i];
		if (memcmp((const char *)a + f->offset, (const char *)b + f->offset, f->size) != 0)
			return false;
	}
	return true;
}

json_t *store_result_to_json(const struct result *r)
{
	return to_json(result_fields, ARRAY_LEN(result_fields), r);
}

int store_result_from_json(const json_t *v, struct result *out, struct err *e)
{
	return from_json(result_fields, ARRAY_LEN(result_fields), v, out, sizeof(*out), e);
}

json_t *store_config_to_json(const struct container *c)
{
	return json_pack("{s:i, s:s, s:s, s:I, s:O}", "Schema", STORE_SCHEMA, "Id", c->id, "Name", c->name,
		"CreatedNs", (json_int_t)c->created_ns, "Body", config_body(c->config));
}

/* What was wanted stood here too until schema 2. Its generation was only in the run root: one that was wanted to run is taken as
 * started and not ended. */
static int old_desired(const json_t *v, struct desired *d, struct err *e)
{
	json_t *desired = NULL;
	int r = json_get_object(v, "", "Desired", &desired, e);

	if (r < 0 || !desired)
		return r;
	if ((r = json_get_bool(desired, "Desired", "Run", &d->run, e)) < 0 ||
		(r = json_get_bool(desired, "Desired", "StoppedByUser", &d->stopped_by_user, e)) < 0 ||
		(r = json_get_bool(desired, "Desired", "Removed", &d->removed, e)) < 0)
		return r;
	d->generation = d->run;
	return 0;
}

int store_config_from_json(const json_t *v, struct container *c, struct err *e)
{
	const char *id = "", *name = "";
	struct desired desired = c->desired;
	int64_t created_ns = c->created_ns;
	int r = check_schema(v, e);

	if (r < 0 || (r = json_get_string(v, "", "Id", &id, e)) < 0 ||
		(r = json_get_string(v, "", "Name", &name, e)) < 0 ||
		(r = json_get_int(v, "", "CreatedNs", INT64_MIN, INT64_MAX, &created_ns, e)) < 0 ||
		(r = old_desired(v, &desired, e)) < 0)
		return r;
	if (strcmp(id, c->id) != 0)
		return err_say(e, EINVAL, "Id: is that of another container");
	if (!text_is_name(name) || strlen(name) > CONTAINER_NAME_MAX)
		return err_say(e, EINVAL, "Name: not a container's name");
	if ((r = config_parse(json_object_get(v, "Body"), &c->config, e)) < 0)
		return r;
	memcpy(c->name, name, strlen(name) + 1);
	c->desired = desired;
	c->created_ns = created_ns;
	return 0;
}
