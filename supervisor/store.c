#include "supervisor/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/own.h"
#include "base/path.h"
#include "runtime/spec.h"
#include "supervisor/config.h"
#include "supervisor/events.h"

#define RECORD_MAX (8 << 20)

/* ---------------------------------------------------------------- members of state.json as a table */

enum field_type { FIELD_BOOL, FIELD_INT, FIELD_I64, FIELD_U64, FIELD_PID, FIELD_TEXT };

static const struct field {
	const char *key;
	enum field_type type;
	size_t offset, size;
} fields[] = {
#define FIELD(key, type, member)                                                                             \
	{                                                                                                    \
		key, type, offsetof(struct actual, member), sizeof(((struct actual *)0)->member)             \
	}
	FIELD("Generation", FIELD_U64, generation),
	FIELD("Starting", FIELD_BOOL, starting),
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
	FIELD("ExitCode", FIELD_INT, exit_code),
	FIELD("Error", FIELD_TEXT, error),
	FIELD("StartedNs", FIELD_I64, started_ns),
	FIELD("FinishedNs", FIELD_I64, finished_ns),
	FIELD("StartedMonoNs", FIELD_I64, started_mono_ns),
	FIELD("RestartCount", FIELD_INT, restart_count),
	FIELD("NextTryNs", FIELD_I64, next_try_ns),
	FIELD("DelayNs", FIELD_I64, delay_ns),
	FIELD("Unsaid", FIELD_INT, unsaid),
	FIELD("LogStart", FIELD_I64, log_start),
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

json_t *store_state_to_json(const struct actual *a)
{
	auto_(json) json_t *v = json_pack("{s:i}", "Schema", STORE_SCHEMA);

	for (size_t i = 0; v && i < ARRAY_LEN(fields); i++)
		if (json_object_set_new(v, fields[i].key,
			    field_to_json(&fields[i], (const char *)a + fields[i].offset)) < 0)
			return NULL;
	return take_ptr(&v);
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

static int check_schema(const json_t *v, struct err *e)
{
	int64_t schema = 0;

	if (!json_is_object(v))
		return err_say(e, EINVAL, "not an object");
	int r = json_get_int(v, "", "Schema", 0, INT32_MAX, &schema, e);
	if (r < 0)
		return r;
	return schema == STORE_SCHEMA
		? 0
		: err_say(e, EINVAL, "Schema: %lld is not known here", (long long)schema);
}

int store_state_from_json(const json_t *v, struct actual *out, struct err *e)
{
	struct actual a = *out;
	int r = check_schema(v, e);

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(fields); i++)
		r = field_from_json(&fields[i], v, (char *)&a + fields[i].offset, e);
	if (r == 0)
		*out = a;
	return r;
}

/* ---------------------------------------------------------------- writing */

static int container_dir(const struct container *c, struct err *e)
{
	int fd = openat(c->engine->run_dirfd, c->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_set(e, errno, "open record of %.12s", c->id) : fd;
}

static int save(struct container *c, const char *name, json_t *v, struct err *e)
{
	auto_(json) json_t *owned = v;
	auto_free char *text = v ? json_dumps(owned, JSON_COMPACT) : NULL;
	auto_close int dirfd = -1;

	if (!text)
		return err_set(e, ENOMEM, "write %s of %.12s", name, c->id);
	if ((dirfd = container_dir(c, e)) < 0)
		return dirfd;
	int r = io_replace_file(dirfd, name, text, strlen(text), 0600, false, e);
	return r < 0 ? err_wrap(e, r, "record of %.12s", c->id) : 0;
}

int store_add(struct container *c, struct err *e)
{
	if (mkdirat(c->engine->run_dirfd, c->id, 0700) < 0)
		return err_set(e, errno, "make record of %.12s", c->id);
	return 0;
}

int store_save_config(struct container *c, struct err *e)
{
	return save(c, "config.json",
		json_pack("{s:i, s:s, s:s, s:I, s:O, s:{s:b, s:b, s:b, s:b}}", "Schema", STORE_SCHEMA, "Id",
			c->id, "Name", c->name, "CreatedNs", (json_int_t)c->created_ns, "Body",
			config_body(c->config), "Desired", "Run", c->desired.run, "StoppedByUser",
			c->desired.stopped_by_user, "Removed", c->desired.removed, "Paused",
			c->desired.paused),
		e);
}

int store_save_state(struct container *c, struct err *e)
{
	return save(c, "state.json", store_state_to_json(&c->actual), e);
}

int store_save_spec(struct container *c, struct err *e)
{
	auto_(buf) struct buf text = { 0 };
	auto_close int dirfd = -1;
	int r = spec_write(c->spec, &text, e);

	if (r < 0)
		return r;
	if ((dirfd = container_dir(c, e)) < 0)
		return dirfd;
	return io_replace_file(dirfd, "spec.json", text.data, text.len, 0600, false, e);
}

int store_load_spec(struct container *c, struct err *e)
{
	auto_(buf) struct buf text = { 0 };
	auto_close int dirfd = container_dir(c, e);

	if (dirfd < 0)
		return dirfd;
	int r = io_read_file(dirfd, "spec.json", RECORD_MAX, &text, e);
	return r < 0 ? r : spec_parse(text.data ? text.data : "", text.len, "/", &c->spec, e);
}

void store_drop_spec(struct container *c)
{
	auto_close int dirfd = container_dir(c, NULL);
	if (dirfd >= 0)
		(void)unlinkat(dirfd, "spec.json", 0); /* a stale one is harmless: only a live run reads it */
}

int store_forget(struct engine *en, const char *id, struct err *e)
{
	char config[TEXT_ID_LEN + sizeof("/config.json")];

	snprintf(config, sizeof(config), "%.64s/config.json", id);
	if (unlinkat(en->run_dirfd, config, 0) < 0 && errno != ENOENT)
		return err_set(e, errno, "remove record of %.12s", id);
	return 0;
}

int store_remove(struct engine *en, const char *id, struct err *e)
{
	int r = store_forget(en, id, e);
	return r < 0 ? r : path_remove_tree(en->run_dirfd, id, e);
}

/* ---------------------------------------------------------------- reading */

static json_t *read_json(int dirfd, const char *name, struct err *e)
{
	auto_(buf) struct buf text = { 0 };

	if (io_read_file(dirfd, name, RECORD_MAX, &text, e) < 0)
		return NULL;
	return json_parse(text.data ? text.data : "", text.len, name, e);
}

static int load_config(struct container *c, int dirfd, struct err *e)
{
	auto_(json) json_t *v = read_json(dirfd, "config.json", e);
	const char *id = "", *name = "";
	json_t *desired = NULL;

	if (!v)
		return -EINVAL;
	int r = check_schema(v, e);
	if (r < 0 || (r = json_get_string(v, "", "Id", &id, e)) < 0 ||
		(r = json_get_string(v, "", "Name", &name, e)) < 0 ||
		(r = json_get_int(v, "", "CreatedNs", INT64_MIN, INT64_MAX, &c->created_ns, e)) < 0 ||
		(r = json_get_object(v, "", "Desired", &desired, e)) < 0 ||
		(r = json_get_bool(desired, "Desired", "Run", &c->desired.run, e)) < 0 ||
		(r = json_get_bool(desired, "Desired", "StoppedByUser", &c->desired.stopped_by_user, e)) <
			0 ||
		(r = json_get_bool(desired, "Desired", "Removed", &c->desired.removed, e)) < 0 ||
		(r = json_get_bool(desired, "Desired", "Paused", &c->desired.paused, e)) < 0)
		return r;
	if (strcmp(id, c->id) != 0)
		return err_say(e, EINVAL, "Id: is that of another container");
	if (!text_is_name(name) || strlen(name) > CONTAINER_NAME_MAX)
		return err_say(e, EINVAL, "Name: not a container's name");
	memcpy(c->name, name, strlen(name) + 1);
	return config_parse(json_object_get(v, "Body"), &c->config, e);
}

static int load_state(struct container *c, int dirfd, struct err *e)
{
	auto_(json) json_t *v = read_json(dirfd, "state.json", e);
	return v ? store_state_from_json(v, &c->actual, e) : -EINVAL;
}

/* Out of the way, but there for whoever wants to know. */
static void set_aside(int dirfd, const char *id, const char *name, const struct err *e)
{
	char aside[64];

	snprintf(aside, sizeof(aside), "%s.damaged", name);
	bool moved = renameat(dirfd, name, dirfd, aside) == 0;
	log_error("record-damaged", "container=%.12s file=%s err=\"%s\" action=\"%s\"", id, name, e->text,
		moved ? "set aside" : "ignored");
}

/* Of our predecessor, who died while it wrote; we are the one writer now. */
static void remove_unreplaced(const struct engine *en, int record_dirfd, const char *id)
{
	auto_close int dirfd = openat(en->data_dirfd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	io_remove_unreplaced(record_dirfd);
	if (dirfd >= 0)
		io_remove_unreplaced(dirfd);
}

static struct container *load_one(struct engine *en, const char *id)
{
	auto_close int dirfd = openat(en->run_dirfd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct err e = { .code = ENOENT };

	if (dirfd < 0)
		return NULL;
	remove_unreplaced(en, dirfd, id);
	if (faccessat(dirfd, "config.json", F_OK, 0) < 0 && errno == ENOENT &&
		faccessat(dirfd, "config.json.damaged", F_OK, 0) < 0) {
		events_finish_destroy(en, id); /* else it is a creation that was never acknowledged */
		(void)path_remove_tree(en->run_dirfd, id, NULL);
		return NULL;
	}
	struct container *c = container_new(en, id);
	if (!c)
		abort();
	if (load_config(c, dirfd, &e) < 0) {
		set_aside(dirfd, id, "config.json", &e);
		container_free(c);
		return NULL;
	}
	if (faccessat(dirfd, "state.json", F_OK, 0) == 0 && load_state(c, dirfd, &e) < 0) {
		set_aside(dirfd, id, "state.json", &e);
		c->actual.started_ns = c->created_ns;
		c->actual.running = true; /* of what ran nothing is known: it is ended, and counts as lost */
	}
	return c;
}

/* Ordered by creation, as they were. */
static void insert(struct engine *en, struct container *c)
{
	struct list *before = &en->containers;

	list_each (struct container, other, &en->containers, link) {
		if (other->created_ns > c->created_ns) {
			before = &other->link;
			break;
		}
	}
	list_append(before, &c->link);
}

int store_load(struct engine *en, struct err *e)
{
	int fd = openat(en->run_dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		int r = err_set(e, errno, "read run root");
		own_close(&fd);
		return r;
	}
	for (struct dirent *x; (x = readdir(d));) {
		if (strlen(x->d_name) != TEXT_ID_LEN || strspn(x->d_name, "0123456789abcdef") != TEXT_ID_LEN)
			continue;
		struct container *c = load_one(en, x->d_name);
		if (c)
			insert(en, c);
	}
	closedir(d);
	return 0;
}
