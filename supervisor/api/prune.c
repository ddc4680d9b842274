/*
 * prune - what nobody uses is removed: containers that do not run, volumes of no container.
 *
 * What fits is counted by a worker, then removed, some at a time; what came into use meanwhile stays. One prune of a kind at
 * a time.
 *
 * Source:  Docker Engine API, ContainerPrune and VolumePrune; before 1.42 the latter took named volumes too.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/own.h"
#include "supervisor/api/api.h"
#include "supervisor/api/filters.h"
#include "supervisor/api/volumes.h"
#include "supervisor/config.h"
#include "supervisor/container_root.h"
#include "supervisor/disk_usage.h"
#include "supervisor/events.h"
#include "supervisor/volumes.h"

#define AT_ONCE		  32
#define VOLUMES_ALL_UNTIL 42 /* API 1.42 spares named ones unless asked */

struct prune;

struct kind {
	unsigned bit;
	const char *type, *deleted; /* of the event, and the member of the answer */
	void (*remove)(struct engine *en, const char *name, done_fn done, void *cookie);
};

struct item {
	struct prune *prune;
	char *name;
	int64_t bytes; /* -1: not known */
};

struct prune {
	struct api_call *call;
	const struct kind *kind;
	struct disk_usage *usage;
	struct item *items;
	size_t n, begun, ended;
	json_t *deleted;
	int64_t reclaimed;
};

/* ---------------------------------------------------------------- one after another */

static void prune_free(struct prune *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->items[i].name);
	free(p->items);
	json_decref(p->deleted);
	free(p);
}

static void finish(struct prune *p)
{
	struct engine *en = p->call->engine;
	char reclaimed[24];

	snprintf(reclaimed, sizeof(reclaimed), "%" PRId64, p->reclaimed);
	en->pruning &= ~p->kind->bit;
	events_emit_object(en, p->kind->type, "prune", "", "reclaimed", reclaimed, NULL);
	api_reply_json(p->call, 200,
		json_pack("{s:O, s:I}", p->kind->deleted, p->deleted, "SpaceReclaimed",
			(json_int_t)p->reclaimed));
	prune_free(p);
}

static void begin_some(struct prune *p);

static void item_removed(void *cookie, int r, const struct err *e)
{
	struct item *item = cookie;
	struct prune *p = item->prune;

	if (r == 0) {
		if (json_array_append_new(p->deleted, json_string(item->name)) < 0)
			abort();
		p->reclaimed += item->bytes > 0 ? item->bytes : 0;
	} else if (r != -ENOENT && r != -EBUSY) { /* gone or in use meanwhile */
		log_warn("prune-failed", "%s=%s err=\"%s\" action=\"go on\"", p->kind->type, item->name,
			e->text);
	}
	p->ended++;
	begin_some(p);
}

static void begin_some(struct prune *p)
{
	if (p->ended == p->n) {
		finish(p);
		return;
	}
	while (p->begun < p->n && p->begun - p->ended < AT_ONCE) {
		struct item *item = &p->items[p->begun++];
		p->kind->remove(p->call->engine, item->name, item_removed, item);
	}
}

static void counted(void *cookie, const int64_t *bytes, size_t n)
{
	struct prune *p = cookie;

	for (size_t i = 0; i < n; i++)
		p->items[i].bytes = bytes[i];
	begin_some(p);
}

/* ---------------------------------------------------------------- what goes */

static void add(struct prune *p, const char *name, const char *path)
{
	struct item *more = reallocarray(p->items, p->n + 1, sizeof(*more));

	if (!more)
		abort();
	p->items = more;
	p->items[p->n] = (struct item){ .prune = p, .name = strdup(name) };
	if (!p->items[p->n++].name)
		abort();
	disk_usage_add(p->usage, path);
}

static struct prune *begin(struct api_call *call, const struct kind *kind)
{
	struct prune *p = calloc(1, sizeof(*p));

	if (!p || !(p->usage = disk_usage_new(call->engine)) || !(p->deleted = json_array()))
		abort();
	p->call = call;
	p->kind = kind;
	call->engine->pruning |= kind->bit;
	return p;
}

/* Ends the call when it may not go on. */
static bool may_begin(
	struct api_call *call, const struct kind *kind, const char *const *known, struct filters *f)
{
	struct err e;
	int r = filters_parse(http_query(call->rq, "filters"), known, f, &e);

	if (r == 0 && call->engine->pruning & kind->bit)
		r = err_say(&e, EBUSY, "a prune operation is already running");
	if (r < 0)
		api_reply_err(call, &e);
	return r == 0;
}

/* ---------------------------------------------------------------- containers */

static void remove_container(struct engine *en, const char *id, done_fn done, void *cookie)
{
	struct container *c = container_by_id(en, id);

	if (c)
		container_remove(c, false, false, done, cookie);
	else
		engine_answer(en, done, cookie, -ENOENT, NULL);
}

static bool is_stopped(const struct container *c)
{
	const struct actual *a = &c->actual;

	return !a->running && !a->starting && !a->held && !c->start && !c->exit && !c->remove &&
		!c->unannounced;
}

static bool container_fits(const struct container *c, const struct filters *f, int64_t until_ns)
{
	char *const *labels = c->config->labels;

	return is_stopped(c) && (until_ns == CLOCK_NEVER || c->created_ns <= until_ns) &&
		filters_match_labels(f, "label", labels) &&
		!(filters_has(f, "label!") && filters_match_labels(f, "label!", labels));
}

static void prune_containers(struct api_call *call)
{
	static const char *const known[] = { "label", "label!", "until", NULL };
	static const struct kind kind = { 1 << 0, "container", "ContainersDeleted", remove_container };
	auto_(filters) struct filters f = { 0 };
	int64_t until_ns;
	struct err e;

	if (!may_begin(call, &kind, known, &f))
		return;
	if (filters_get_until(&f, clock_real_ns(), &until_ns, &e) < 0) {
		api_reply_err(call, &e);
		return;
	}
	struct prune *p = begin(call, &kind);
	list_each (struct container, c, &call->engine->containers, link) {
		if (!container_fits(c, &f, until_ns))
			continue;
		auto_free char *path = container_layer_path(c);
		add(p, c->id, path);
	}
	disk_usage_count(p->usage, counted, p);
}

/* ---------------------------------------------------------------- volumes */

static void prune_volumes(struct api_call *call)
{
	static const char *const known[] = { "label", "label!", "all", NULL };
	static const struct kind kind = { 1 << 1, "volume", "VolumesDeleted", volumes_remove };
	auto_(filters) struct filters f = { 0 };
	struct engine *en = call->engine;
	bool all = call->version < VOLUMES_ALL_UNTIL;
	struct err e;

	if (!may_begin(call, &kind, known, &f))
		return;
	if (filters_get_bool(&f, "all", &all, &e) < 0) {
		api_reply_err(call, &e);
		return;
	}
	struct prune *p = begin(call, &kind);
	for (struct volume *v = NULL; (v = volumes_next(en, v));) {
		char path[PATH_MAX];
		if (volumes_users(en, v->name) == 0 && (all || volumes_is_anonymous(v)) &&
			api_volume_fits(en, &f, v) &&
			volume_path(en->options.data_root, v->name, path, NULL) == 0)
			add(p, v->name, path);
	}
	disk_usage_count(p->usage, counted, p);
}

/* ---------------------------------------------------------------- kinds of which nothing is ever without a use */

/* docker's `system prune` asks for every kind, and ends with the first that is refused. Takes answer. */
static void prune_nothing(struct api_call *call, const char *const *known, json_t *answer)
{
	auto_(json) json_t *owned = answer;
	auto_(filters) struct filters f = { 0 };
	bool dangling = true;
	struct err e;
	int r = filters_parse(http_query(call->rq, "filters"), known, &f, &e);

	if (r == 0)
		r = filters_get_bool(&f, "dangling", &dangling, &e);
	if (r == 0 && !dangling)
		r = err_say(&e, ENOSYS, "prune of images that have a name: not built yet");
	if (r < 0)
		api_reply_err(call, &e);
	else
		api_reply_json(call, 200, take_ptr(&owned));
}

/* There are none but those that are always there. */
static void prune_networks(struct api_call *call)
{
	static const char *const known[] = { "label", "label!", "until", NULL };

	prune_nothing(call, known, json_pack("{s:[]}", "NetworksDeleted"));
}

/* An image is a directory of somebody's own: none is without a name. */
static void prune_images(struct api_call *call)
{
	static const char *const known[] = { "dangling", "label", "label!", "until", NULL };

	prune_nothing(call, known, json_pack("{s:[], s:i}", "ImagesDeleted", "SpaceReclaimed", 0));
}

static void prune_build_cache(struct api_call *call)
{
	static const char *const known[] = { "until", "unused-for", "id", "parent", "type", "description",
		"inuse", "shared", "private", NULL };

	prune_nothing(call, known, json_pack("{s:[], s:i}", "CachesDeleted", "SpaceReclaimed", 0));
}

static const struct api_route routes[] = {
	{ "POST", "/containers/prune", prune_containers },
	{ "POST", "/volumes/prune", prune_volumes },
	{ "POST", "/networks/prune", prune_networks },
	{ "POST", "/images/prune", prune_images },
	{ "POST", "/build/prune", prune_build_cache },
};
const struct api_routes api_prune_routes = { routes, ARRAY_LEN(routes) };
