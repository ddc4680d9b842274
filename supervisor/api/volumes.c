/* volumes - listed, made, removed. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/own.h"
#include "base/text.h"
#include "supervisor/api/api.h"
#include "supervisor/api/filters.h"
#include "supervisor/api/volumes.h"
#include "supervisor/volumes.h"

/* ---------------------------------------------------------------- as JSON */

static json_t *or_null(json_t *o)
{
	return o ? json_incref(o) : json_null();
}

json_t *api_volume_json(const struct engine *en, const struct volume *v)
{
	char path[PATH_MAX];

	if (volume_path(en->options.data_root, v->name, path, NULL) < 0)
		return NULL;
	return json_pack("{s:o, s:s, s:o, s:s, s:s, s:o, s:s}", "CreatedAt", api_time(v->record.created_ns),
		"Driver", "local", "Labels", or_null(v->record.labels), "Mountpoint", path, "Name", v->name,
		"Options", or_null(v->record.options), "Scope", "local");
}

static void reply_volume(struct api_call *call, int status, const char *name)
{
	const struct volume *v = volumes_find(call->engine, name);
	struct err e;

	if (v) {
		api_reply_json(call, status, api_volume_json(call->engine, v));
		return;
	}
	(void)err_say(&e, ENOENT, "get %.130s: no such volume", name);
	api_reply_err(call, &e);
}

/* ---------------------------------------------------------------- list */

bool api_volume_fits(const struct engine *en, const struct filters *f, const struct volume *v)
{
	bool dangling;

	if (filters_has(f, "dangling") && filters_get_bool(f, "dangling", &dangling, NULL) == 0 &&
		dangling != (volumes_users(en, v->name) == 0))
		return false;
	return filters_match(f, "name", filters_name_fits, v->name) &&
		filters_match_word(f, "driver", "local") &&
		filters_match_label_object(f, "label", v->record.labels) &&
		!(filters_has(f, "label!") && filters_match_label_object(f, "label!", v->record.labels));
}

static void list(struct api_call *call)
{
	static const char *const known[] = { "dangling", "driver", "label", "name", NULL };
	auto_(filters) struct filters f = { 0 };
	struct err e;
	bool dangling;
	int r = filters_parse(http_query(call->rq, "filters"), known, &f, &e);

	if (r == 0)
		r = filters_get_bool(&f, "dangling", &dangling, &e);
	if (r < 0) {
		api_reply_err(call, &e);
		return;
	}
	auto_(json) json_t *all = json_array();
	for (struct volume *v = NULL; (v = volumes_next(call->engine, v));) {
		if (!api_volume_fits(call->engine, &f, v))
			continue;
		if (json_array_append_new(all, api_volume_json(call->engine, v)) < 0) {
			api_reply_empty(call, 500);
			return;
		}
	}
	api_reply_json(call, 200, json_pack("{s:O, s:n}", "Volumes", all, "Warnings"));
}

/* ---------------------------------------------------------------- create */

struct wanted {
	const char *name, *driver;
	json_t *labels, *options; /* borrowed */
	char random[TEXT_ID_LEN + 1];
};

static int check_strings(const char *key, json_t *o, struct err *e)
{
	const char *name;
	json_t *v;

	json_object_foreach (o, name, v)
		if (!json_is_string(v))
			return err_say(e, EINVAL, "%s.%.64s: must be a string", key, name);
	return 0;
}

/* docker's own: type, o, device mount something, size sets a quota. */
static int check_options(const struct wanted *w, struct err *e)
{
	static const char *const known[] = { "type", "o", "device", "size" };
	const char *name;
	json_t *v;

	json_object_foreach (w->options, name, v) {
		for (size_t i = 0; i < ARRAY_LEN(known); i++)
			if (strcmp(name, known[i]) == 0)
				return err_say(e, EOPNOTSUPP,
					"create %.130s: option \"%s\" of the local driver: not built yet (a bind mount "
					"or a tmpfs of the container does the same)",
					w->name, name);
		return err_say(e, EINVAL, "create %.130s: invalid option: \"%.64s\"", w->name, name);
	}
	return 0;
}

static int read_wanted(const json_t *body, struct wanted *w, struct err *e)
{
	*w = (struct wanted){ .name = "", .driver = "" };
	int r = json_get_string(body, "", "Name", &w->name, e);
	if (r == 0)
		r = json_get_string(body, "", "Driver", &w->driver, e);
	if (r == 0)
		r = json_get_object(body, "", "Labels", &w->labels, e);
	if (r == 0)
		r = json_get_object(body, "", "DriverOpts", &w->options, e);
	if (r == 0)
		r = check_strings("Labels", w->labels, e);
	if (r == 0)
		r = check_strings("DriverOpts", w->options, e);
	return r;
}

/* What it is to have; one that exists is left as it is, whatever is wanted of it. */
static int check_wanted(struct api_call *call, struct wanted *w, struct err *e)
{
	int r = *w->name ? volumes_check_name(w->name, e) : 0;

	if (r < 0)
		return r;
	if (*w->driver && strcmp(w->driver, "local") != 0)
		return volumes_find(call->engine, w->name)
			? err_say(e, EEXIST,
				  "create %s: conflict: volume name must be unique: a volume by this name exists for driver local",
				  w->name)
			: err_say(e, ENOENT,
				  "create %s: error looking up volume plugin %.64s: plugin \"%.64s\" not found",
				  w->name, w->driver, w->driver);
	if (*w->name)
		return volumes_find(call->engine, w->name) ? 0 : check_options(w, e);
	if ((r = text_random_id(w->random)) < 0)
		return err_set(e, -r, "name volume");
	w->name = w->random;
	return check_options(w, e);
}

static void created(void *cookie, int r, const struct err *e)
{
	struct api_call *call = cookie;
	auto_free char *name = call->data;

	if (r < 0)
		api_reply_err(call, e);
	else
		reply_volume(call, 201, name);
}

/* Its labels, and that it has no name of its own. */
static json_t *labels_of(const struct wanted *w)
{
	bool anonymous = w->name == w->random;
	json_t *labels = w->labels ? json_deep_copy(w->labels) : anonymous ? json_object() : NULL;

	if (anonymous && json_object_set_new(labels, VOLUME_ANONYMOUS, json_string("")) < 0)
		abort();
	return labels;
}

static void create_with(struct api_call *call, json_t *body)
{
	struct wanted w;
	struct err e;

	if (read_wanted(body, &w, &e) < 0 || check_wanted(call, &w, &e) < 0) {
		api_reply_err(call, &e);
		return;
	}
	if (!(call->data = strdup(w.name)))
		abort();
	volumes_create(call->engine, w.name, labels_of(&w), NULL, created, call);
}

static void create(struct api_call *call)
{
	api_read_json(call, create_with);
}

/* ---------------------------------------------------------------- one of them */

static void inspect(struct api_call *call)
{
	reply_volume(call, 200, call->param[0]);
}

/* force is for one that is not there: docker's driver plugins may have lost it. */
static void delete (struct api_call *call)
{
	if (api_query_bool(call, "force") && !volumes_find(call->engine, call->param[0]))
		api_reply_empty(call, 204);
	else
		volumes_remove(call->engine, call->param[0], api_done, call);
}

static const struct api_route routes[] = {
	{ "GET", "/volumes", list },
	{ "POST", "/volumes/create", create },
	{ "GET", "/volumes/{}", inspect },
	{ "DELETE", "/volumes/{}", delete },
};
const struct api_routes api_volume_routes = { routes, ARRAY_LEN(routes) };
