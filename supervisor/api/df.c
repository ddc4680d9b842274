/*
 * df - GET /system/df: what lies on the disk, counted by a worker.
 *
 * Of a container that is its writable layer (one in memory, and what is shared with an image, is none); of a volume all of it.
 *
 * Source:  Docker Engine API, SystemDataUsage, without SizeRootFs.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/own.h"
#include "supervisor/api/api.h"
#include "supervisor/api/inspect.h"
#include "supervisor/api/volumes.h"
#include "supervisor/container_root.h"
#include "supervisor/disk_usage.h"
#include "supervisor/volumes.h"

enum { DF_CONTAINERS = 1 << 0, DF_VOLUMES = 1 << 1, DF_IMAGES = 1 << 2, DF_BUILD = 1 << 3 };

struct df {
	struct api_call *call;
	unsigned types;
	json_t *containers, *volumes; /* in the order in which their sizes come */
};

static int read_types(const struct api_call *call, unsigned *out, struct err *e)
{
	static const char *const names[] = { "container", "volume", "image", "build-cache" };
	unsigned types = 0;

	for (const char *v = http_query(call->rq, "type"); v; v = http_query_next(call->rq, "type", v)) {
		size_t i = 0;
		while (i < ARRAY_LEN(names) && strcmp(names[i], v) != 0)
			i++;
		if (i == ARRAY_LEN(names))
			return err_say(e, EINVAL, "unknown object type: %.64s", v);
		types |= 1U << i;
	}
	*out = types ? types : ~0U;
	return 0;
}

static json_t *member(const struct df *d, unsigned type, json_t *list)
{
	return d->types & type ? json_incref(list) : json_null();
}

static void counted(void *cookie, const int64_t *bytes, size_t n)
{
	struct df *d = cookie;
	auto_(json) json_t *none = json_array();
	size_t containers = json_array_size(d->containers);

	for (size_t i = 0; i < n; i++) {
		json_t *size = json_integer(bytes[i]);
		int r;
		if (i < containers && bytes[i] < 0)
			json_decref(size); /* docker has no word for it there */
		else if (i < containers &&
			json_object_set_new(json_array_get(d->containers, i), "SizeRw", size) < 0)
			abort();
		if (i < containers)
			continue;
		r = json_object_set_new(
			json_object_get(json_array_get(d->volumes, i - containers), "UsageData"), "Size",
			size);
		if (r < 0)
			abort();
	}
	api_reply_json(d->call, 200,
		json_pack("{s:i, s:o, s:o, s:o, s:o, s:i}", "LayersSize", 0, "Images",
			member(d, DF_IMAGES, none), "Containers", member(d, DF_CONTAINERS, d->containers),
			"Volumes", member(d, DF_VOLUMES, d->volumes), "BuildCache", member(d, DF_BUILD, none),
			"BuilderSize", 0));
	json_decref(d->containers);
	json_decref(d->volumes);
	free(d);
}

static void add_containers(struct df *d, struct disk_usage *u)
{
	struct list *head = &d->call->engine->containers;

	for (struct list *at = head->prev; at != head; at = at->prev) { /* newest first */
		struct container *c = list_entry(at, struct container, link);
		auto_free char *path = container_layer_path(c);
		if (json_array_append_new(d->containers, inspect_summary(c)) < 0)
			abort();
		disk_usage_add(u, path);
	}
}

static void add_volumes(struct df *d, struct disk_usage *u)
{
	struct engine *en = d->call->engine;

	for (struct volume *v = NULL; (v = volumes_next(en, v));) {
		char path[PATH_MAX];
		json_t *o = api_volume_json(en, v);
		json_t *usage = json_pack(
			"{s:I, s:i}", "RefCount", (json_int_t)volumes_users(en, v->name), "Size", -1);
		if (!o || json_object_set_new(o, "UsageData", usage) < 0 ||
			json_array_append_new(d->volumes, o) < 0)
			abort();
		disk_usage_add(u, volume_path(en->options.data_root, v->name, path, NULL) < 0 ? NULL : path);
	}
}

static void df(struct api_call *call)
{
	struct err e;
	unsigned types = 0;

	if (read_types(call, &types, &e) < 0) {
		api_reply_err(call, &e);
		return;
	}
	struct df *d = calloc(1, sizeof(*d));
	struct disk_usage *u = disk_usage_new(call->engine);
	if (!d || !u)
		abort();
	*d = (struct df){ call, types, json_array(), json_array() };
	if (types & DF_CONTAINERS)
		add_containers(d, u);
	if (types & DF_VOLUMES)
		add_volumes(d, u);
	disk_usage_count(u, counted, d);
}

static const struct api_route routes[] = {
	{ "GET", "/system/df", df },
};
const struct api_routes api_df_routes = { routes, ARRAY_LEN(routes) };
