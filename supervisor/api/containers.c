/* containers - made and listed. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/own.h"
#include "base/text.h"
#include "supervisor/api/api.h"
#include "supervisor/api/filters.h"
#include "supervisor/api/inspect.h"
#include "supervisor/config.h"
#include "supervisor/container_root.h"
#include "supervisor/disk_usage.h"
#include "supervisor/images.h"

static void created(void *cookie, int r, const struct err *e)
{
	struct api_call *call = cookie;
	auto_(json) json_t *reply = call->data;
	call->data = NULL;
	if (r < 0)
		api_reply_err(call, e);
	else
		api_reply_json(call, 201, take_ptr(&reply));
}

static void create_with(struct api_call *call, json_t *body)
{
	const char *name = http_query(call->rq, "name");
	struct container *c;
	json_t *warnings = NULL;
	struct err e;
	if (container_create(
		    call->engine, name && *name ? name : NULL, body, &c, &warnings, created, call, &e) < 0)
		api_reply_err(call, &e);
	else
		call->data = json_pack("{s:s, s:o}", "Id", c->id, "Warnings", warnings);
}

static void create(struct api_call *call)
{
	api_read_json(call, create_with);
}

/* ---------------------------------------------------------------- list */

struct list_options {
	struct filters filters;
	bool all;
	int64_t limit;				/* 0: no limit */
	const struct container *before, *since; /* NULL: not asked for */
};

static bool name_matches(const char *value, const void *cookie)
{
	const struct container *c = cookie;
	return filters_name_fits(value, c->name);
}

static bool id_matches(const char *value, const void *cookie)
{
	const struct container *c = cookie;
	return text_has_prefix(c->id, value);
}

static bool exit_code_matches(const char *value, const void *cookie)
{
	const struct container *c = cookie;
	return strcmp(state_status(&c->actual), "exited") == 0 && atoi(value) == c->actual.exit_code;
}

static bool volume_matches(const char *value, const void *cookie)
{
	const struct container *c = cookie;
	for (size_t i = 0; i < c->config->n_mounts; i++) {
		const struct config_mount *m = &c->config->mounts[i];
		if (strcmp(m->target, value) == 0 || (m->source && strcmp(m->source, value) == 0))
			return true;
	}
	return false;
}

/* By what it was made from, or by what the value names now. */
static bool ancestor_matches(const char *value, const void *cookie)
{
	const struct container *c = cookie;
	struct image_record x;
	return strcmp(value, c->config->image) == 0 ||
		(c->config->image_id && images_find(c->engine, value, &x, NULL) == 0 &&
			strcmp(x.id, c->config->image_id) == 0);
}

static bool matches(const struct list_options *o, const struct container *c)
{
	const struct filters *f = &o->filters;
	if (!o->all && !c->actual.running && !filters_has(f, "status") && !filters_has(f, "exited"))
		return false;
	return filters_match(f, "name", name_matches, c) && filters_match(f, "id", id_matches, c) &&
		filters_match_labels(f, "label", c->config->labels) &&
		filters_match_word(f, "status", state_status(&c->actual)) &&
		filters_match(f, "exited", exit_code_matches, c) &&
		filters_match(f, "ancestor", ancestor_matches, c) &&
		filters_match(f, "volume", volume_matches, c) &&
		filters_match_word(f, "network", c->config->network) &&
		filters_match_word(f, "health", "none") && filters_match_word(f, "is-task", "false") &&
		(!o->before || c->created_ns < o->before->created_ns) &&
		(!o->since || c->created_ns > o->since->created_ns);
}

static bool bad_status(const char *value, const void *cookie)
{
	const char **bad = (const char **)cookie;
	if (state_is_status(value))
		return false;
	*bad = value;
	return true;
}

static bool first_value(const char *value, const void *cookie)
{
	*(const char **)cookie = value;
	return true;
}

/* before=X and since=X name containers. */
static int anchor(struct engine *en, const struct filters *f, const char *key, const struct container **out,
	struct err *e)
{
	const char *ref = NULL;
	if (!filters_has(f, key) || !filters_match(f, key, first_value, &ref))
		return 0;
	*out = container_find(en, ref, e);
	return *out ? 0 : -e->code;
}

static int list_options(const struct api_call *call, struct list_options *o, struct err *e)
{
	static const char *const known[] = { "ancestor", "before", "exited", "health", "id", "is-task",
		"label", "name", "network", "since", "status", "volume", NULL };
	int r = filters_parse(http_query(call->rq, "filters"), known, &o->filters, e);
	if (r < 0)
		return r;
	const char *bad;
	if (filters_has(&o->filters, "status") && filters_match(&o->filters, "status", bad_status, &bad))
		return err_say(e, EINVAL, "invalid filter 'status=%.64s'", bad);
	o->all = api_query_bool(call, "all");
	r = api_query_int(call, "limit", -1, INT32_MAX, &o->limit, e);
	if (r < 0)
		return r;
	if (o->limit > 0)
		o->all = true;
	r = anchor(call->engine, &o->filters, "before", &o->before, e);
	return r < 0 ? r : anchor(call->engine, &o->filters, "since", &o->since, e);
}

/* ---------------------------------------------------------------- with what their layers hold, counted by a worker */

struct sized {
	struct api_call *call;
	json_t *body; /* the answer: one object, or a list of them */
	bool is_list;
};

static void counted(void *cookie, const int64_t *bytes, size_t n)
{
	struct sized s = *(struct sized *)cookie;

	free(cookie);
	for (size_t i = 0; i < n; i++)
		if (bytes[i] >= 0 &&
			json_object_set_new(s.is_list ? json_array_get(s.body, i) : s.body, "SizeRw",
				json_integer(bytes[i])) < 0)
			abort();
	api_reply_json(s.call, 200, s.body);
}

static struct disk_usage *begin_count(struct api_call *call)
{
	struct disk_usage *u = api_query_bool(call, "size") ? disk_usage_new(call->engine) : NULL;

	if (!u && api_query_bool(call, "size"))
		abort();
	return u;
}

static void add_to_count(struct disk_usage *u, const struct container *c)
{
	auto_free char *path = u ? container_layer_path(c) : NULL;

	if (u)
		disk_usage_add(u, path);
}

/* Takes body; u is NULL when nobody asked for sizes. */
static void reply_sized(struct api_call *call, json_t *body, struct disk_usage *u)
{
	struct sized *s = u && body ? malloc(sizeof(*s)) : NULL;

	if (!s) {
		disk_usage_free(u);
		api_reply_json(call, 200, body);
		return;
	}
	*s = (struct sized){ call, body, json_is_array(body) };
	disk_usage_count(u, counted, s);
}

/* ---------------------------------------------------------------- the calls */

static void list(struct api_call *call)
{
	struct list_options o = { 0 };
	struct err e;
	int r = list_options(call, &o, &e);
	auto_(filters) struct filters f = o.filters;
	if (r < 0) {
		api_reply_err(call, &e);
		return;
	}
	json_t *list = json_array();
	struct disk_usage *u = begin_count(call);
	/* newest first */
	struct list *head = &call->engine->containers;
	for (struct list *at = head->prev; at != head; at = at->prev) {
		struct container *c = list_entry(at, struct container, link);
		if (!matches(&o, c))
			continue;
		if (json_array_append_new(list, inspect_summary(c)) < 0) {
			json_decref(list);
			disk_usage_free(u);
			api_reply_empty(call, 500);
			return;
		}
		add_to_count(u, c);
		if (o.limit > 0 && json_array_size(list) == (size_t)o.limit)
			break;
	}
	reply_sized(call, list, u);
}

static void inspect(struct api_call *call)
{
	struct container *c = api_container(call);
	if (!c)
		return;
	struct disk_usage *u = begin_count(call);
	add_to_count(u, c);
	reply_sized(call, inspect_container(c), u);
}

static const struct api_route routes[] = {
	{ "POST", "/containers/create", create },
	{ "GET", "/containers/json", list },
	{ "GET", "/containers/{}/json", inspect },
};
const struct api_routes api_container_routes = { routes, ARRAY_LEN(routes) };
