/* images - names of local root filesystems: listed, looked at, given and taken away. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/fields.h"
#include "base/json.h"
#include "base/own.h"
#include "image/reference.h"
#include "supervisor/api/api.h"
#include "supervisor/api/filters.h"
#include "supervisor/config.h"
#include "supervisor/images.h"

/* ---------------------------------------------------------------- names of one image together */

struct image {
	struct image_record record; /* of any of its names */
	int64_t created_ns;	    /* when its first name was given */
	json_t *tags;
};

struct image_list {
	struct image *images; /* newest first */
	size_t n;
};

static void image_list_done(struct image_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		json_decref(l->images[i].tags);
	free(l->images);
	*l = (struct image_list){ 0 };
}
OWN_DEFINE(image_list, struct image_list, image_list_done)

static struct image *add_image(struct image_list *l, const struct image_record *x)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->images[i].record.id, x->id) == 0)
			return &l->images[i];
	struct image *more = realloc(l->images, (l->n + 1) * sizeof(*more));
	if (!more)
		abort();
	l->images = more;
	more[l->n] = (struct image){ .record = *x, .created_ns = x->created_ns, .tags = json_array() };
	return &more[l->n++];
}

static int newest_first(const void *a, const void *b)
{
	const struct image *x = a, *y = b;
	return x->created_ns == y->created_ns	? strcmp(x->record.name, y->record.name)
		: x->created_ns < y->created_ns ? 1
						: -1;
}

/* id NULL: all. */
static struct image_list collect(struct engine *en, const char *id)
{
	struct image_list l = { 0 };
	struct image_record x;

	for (void *at = images_next(en, NULL, &x); at; at = images_next(en, at, &x)) {
		if (id && strcmp(id, x.id) != 0)
			continue;
		struct image *image = add_image(&l, &x);
		if (x.created_ns < image->created_ns)
			image->created_ns = x.created_ns;
		if (json_array_append_new(image->tags, json_string(x.name)) < 0)
			abort();
	}
	if (l.n)
		qsort(l.images, l.n, sizeof(*l.images), newest_first);
	return l;
}

/* ---------------------------------------------------------------- list */

struct list_options {
	struct filters filters;
	int64_t before_ns, since_ns, until_ns; /* CLOCK_NEVER: no bound */
};

static bool first_value(const char *value, const void *cookie)
{
	*(const char **)cookie = value;
	return true;
}

/* before=X and since=X name images. */
static int anchor(struct engine *en, const struct filters *f, const char *key, int64_t *out, struct err *e)
{
	struct image_record x;
	const char *ref;
	if (!filters_has(f, key) || !filters_match(f, key, first_value, &ref))
		return 0;
	int r = images_find(en, ref, &x, e);
	if (r < 0)
		return r;
	auto_(image_list) struct image_list l = collect(en, x.id);
	*out = l.images[0].created_ns;
	return 0;
}

static int list_options(const struct api_call *call, struct list_options *o, struct err *e)
{
	static const char *const known[] = { "before", "dangling", "label", "reference", "since", "until",
		NULL };
	const char *until;
	*o = (struct list_options){
		.before_ns = CLOCK_NEVER, .since_ns = CLOCK_NEVER, .until_ns = CLOCK_NEVER
	};
	int r = filters_parse(http_query(call->rq, "filters"), known, &o->filters, e);
	if (r == 0)
		r = anchor(call->engine, &o->filters, "before", &o->before_ns, e);
	if (r == 0)
		r = anchor(call->engine, &o->filters, "since", &o->since_ns, e);
	if (r == 0 && filters_has(&o->filters, "until") &&
		filters_match(&o->filters, "until", first_value, &until) &&
		clock_parse_timestamp(until, &o->until_ns) < 0)
		r = err_say(e, EINVAL, "invalid filter 'until=%.64s'", until);
	return r;
}

/* A pattern for the whole name, or for what stands before its tag. */
static bool name_matches(const char *pattern, const void *cookie)
{
	const char *name = cookie, *tag = strrchr(name, ':');
	char bare[REFERENCE_NAME_MAX + 1];

	(void)snprintf(bare, sizeof(bare), "%.*s", (int)(tag - name), name);
	return fnmatch(pattern, name, FNM_PATHNAME) == 0 || fnmatch(pattern, bare, FNM_PATHNAME) == 0;
}

static bool labels_match(const struct filters *f, const json_t *config)
{
	auto_(arena) struct arena *a = arena_new();
	char **labels = NULL;

	if (!a || fields_read_map(config, "", "Labels", a, &labels, NULL) < 0)
		return false;
	return filters_match_labels(f, "label", labels);
}

static bool is_false(const char *value, const void *cookie)
{
	(void)cookie;
	return strcmp(value, "false") == 0 || strcmp(value, "0") == 0;
}

/* The names that do not fit are taken off. */
static bool matches(const struct list_options *o, struct image *x)
{
	for (size_t i = json_array_size(x->tags); i-- > 0;)
		if (!filters_match(&o->filters, "reference", name_matches,
			    json_string_value(json_array_get(x->tags, i))))
			(void)json_array_remove(x->tags, i);
	return json_array_size(x->tags) > 0 && filters_match(&o->filters, "dangling", is_false, NULL) &&
		labels_match(&o->filters, x->record.config) &&
		(o->before_ns == CLOCK_NEVER || x->created_ns < o->before_ns) &&
		(o->since_ns == CLOCK_NEVER || x->created_ns > o->since_ns) &&
		(o->until_ns == CLOCK_NEVER || x->created_ns < o->until_ns);
}

static int count_users(const struct engine *en, const char *id)
{
	int n = 0;
	list_each (struct container, c, &en->containers, link)
		n += c->config->image_id && strcmp(c->config->image_id, id) == 0;
	return n;
}

static json_t *summary(const struct engine *en, const struct image *x)
{
	const json_t *labels = json_object_get(x->record.config, "Labels");
	return json_pack("{s:s, s:s, s:O, s:[], s:I, s:i, s:i, s:i, s:O?, s:i, s:{s:s}}", "Id", x->record.id,
		"ParentId", "", "RepoTags", x->tags, "RepoDigests", "Created",
		(json_int_t)(x->created_ns / NS_PER_S), "Size", 0, "VirtualSize", 0, "SharedSize", -1,
		"Labels", labels, "Containers", count_users(en, x->record.id), "Berth", "Source",
		x->record.source);
}

static void list(struct api_call *call)
{
	struct list_options o;
	struct err e;
	int r = list_options(call, &o, &e);
	auto_(filters) struct filters f = o.filters;
	if (r < 0) {
		api_reply_err(call, &e);
		return;
	}
	auto_(image_list) struct image_list l = collect(call->engine, NULL);
	json_t *out = json_array();
	for (size_t i = 0; i < l.n; i++)
		if (matches(&o, &l.images[i]))
			(void)json_array_append_new(out, summary(call->engine, &l.images[i]));
	api_reply_json(call, 200, out);
}

/* ---------------------------------------------------------------- inspect */

static void inspect(struct api_call *call)
{
	struct image_record x;
	struct utsname u;
	struct err e;
	if (images_find(call->engine, call->rest, &x, &e) < 0) {
		api_reply_err(call, &e);
		return;
	}
	(void)uname(&u); /* cannot fail */
	auto_(image_list) struct image_list l = collect(call->engine, x.id);
	json_t *o = json_pack(
		"{s:s, s:O, s:[], s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:i, s:i, s:{s:s, s:{}}, s:{s:s, s:[]}}",
		"Id", x.id, "RepoTags", l.images[0].tags, "RepoDigests", "Parent", "", "Comment", "",
		"Created", api_time(l.images[0].created_ns), "DockerVersion", "", "Author", "",
		"Architecture", api_architecture(&u), "Os", "linux", "Size", 0, "VirtualSize", 0,
		"GraphDriver", "Name", "overlay", "Data", "RootFS", "Type", "layers", "Layers");
	json_t *rest = json_pack("{s:O, s:{s:o}, s:{s:s}}", "Config", x.config, "Metadata", "LastTagTime",
		api_time(x.created_ns), "Berth", "Source", x.source);
	if (o && rest)
		(void)json_object_update(o, rest);
	json_decref(rest);
	api_reply_json(call, 200, o);
}

/* ---------------------------------------------------------------- tag */

static void tagged(void *cookie, int r, const struct err *e)
{
	if (r < 0)
		api_reply_err(cookie, e);
	else
		api_reply_empty(cookie, 201);
}

static void tag(struct api_call *call)
{
	const char *repo = http_query(call->rq, "repo"), *word = http_query(call->rq, "tag");
	bool has_tag = word && *word;
	auto_free char *name = NULL;
	struct err e;
	if (!repo || !*repo) {
		(void)err_say(&e, EINVAL,
			"invalid reference format: repository name must have at least one component");
		api_reply_err(call, &e);
		return;
	}
	if (asprintf(&name, "%s%s%s", repo, has_tag ? ":" : "", has_tag ? word : "") < 0)
		abort();
	images_tag(call->engine, call->rest, name, tagged, call);
}

/* ---------------------------------------------------------------- remove */

static void removed(void *cookie, int r, const struct err *e)
{
	struct api_call *call = cookie;
	auto_(json) json_t *reply = call->data;
	call->data = NULL;
	if (r < 0)
		api_reply_err(call, e);
	else
		api_reply_json(call, 200, take_ptr(&reply));
}

/* A container that runs counts before one that does not. */
static const struct container *user_of(const struct engine *en, const char *id)
{
	const struct container *found = NULL;
	list_each (struct container, c, &en->containers, link)
		if (c->config->image_id && strcmp(c->config->image_id, id) == 0 &&
			(!found || c->actual.running))
			found = c;
	return found;
}

/* May all names of the image go? by_name: that is what was asked for, as its last one. */
static int check_unused(
	const struct engine *en, const struct image_record *x, bool by_name, bool force, struct err *e)
{
	const struct container *c = user_of(en, x->id);
	const char *digits = x->id + strlen("sha256:");
	if (!c || (force && (by_name || !c->actual.running)))
		return 0;
	if (by_name)
		return err_say(e, EBUSY,
			"conflict: unable to remove repository reference \"%s\" (must force) - container %.12s is "
			"using its referenced image %.12s",
			x->name, c->id, digits);
	return err_say(e, EBUSY,
		"conflict: unable to delete %.12s (%s be forced) - image is being used by %s container %.12s",
		digits, c->actual.running ? "cannot" : "must", c->actual.running ? "running" : "stopped",
		c->id);
}

static bool in_one_repository(const json_t *tags)
{
	const char *first = json_string_value(json_array_get(tags, 0));
	size_t len = (size_t)(strrchr(first, ':') - first) + 1, i;
	const json_t *v;
	json_array_foreach (tags, i, v)
		if (strncmp(json_string_value(v), first, len) != 0)
			return false;
	return true;
}

/* What is to go of x: one name of several, or all of it. */
static int choose(const struct api_call *call, const struct image_record *x, const json_t *tags, bool by_name,
	struct err *e)
{
	bool force = api_query_bool(call, "force");
	if (by_name && json_array_size(tags) > 1)
		return 0;
	if (!by_name && !force && !in_one_repository(tags))
		return err_say(e, EBUSY,
			"conflict: unable to delete %.12s (must be forced) - image is referenced in multiple "
			"repositories",
			x->id + strlen("sha256:"));
	int r = check_unused(call->engine, x, by_name, force, e);
	return r < 0 ? r : 1;
}

static void remove_names(struct api_call *call, const struct image_record *x, const json_t *tags, bool last)
{
	auto_free const char **names = calloc(json_array_size(tags) + 1, sizeof(*names));
	json_t *reply = json_array();
	const json_t *v;
	size_t i;
	if (!names || !reply)
		abort();
	json_array_foreach (tags, i, v) {
		names[i] = json_string_value(v);
		(void)json_array_append_new(reply, json_pack("{s:s}", "Untagged", names[i]));
	}
	if (last)
		(void)json_array_append_new(reply, json_pack("{s:s}", "Deleted", x->id));
	call->data = reply;
	images_untag(call->engine, names, json_array_size(tags), removed, call);
}

static void remove_image(struct api_call *call)
{
	struct image_record x;
	struct reference ref;
	char name[REFERENCE_MAX + 1];
	struct err e;
	int r = images_find(call->engine, call->rest, &x, &e);
	if (r < 0) {
		api_reply_err(call, &e);
		return;
	}
	auto_(image_list) struct image_list l = collect(call->engine, x.id);
	bool by_name = reference_parse(call->rest, &ref, NULL) == 0 &&
		strcmp(reference_format(&ref, name), x.name) == 0;
	r = choose(call, &x, l.images[0].tags, by_name, &e);
	if (r < 0) {
		api_reply_err(call, &e);
		return;
	}
	auto_(json) json_t *one = json_pack("[s]", x.name);
	remove_names(call, &x, r == 0 ? one : l.images[0].tags, r == 1);
}

/* What docker's client tries with a name that is not known: its words are what people see. */
static void pull(struct api_call *call)
{
	const char *name = http_query(call->rq, "fromImage");
	struct reference ref;
	struct err e;
	if (name && reference_parse(name, &ref, NULL) == 0)
		name = ref.name;
	(void)err_say(&e, ENOSYS,
		"registries and imports are not built yet (to give a root filesystem a name: berth image tag "
		"dir:PATH %.200s)",
		name && *name ? name : "NAME");
	api_reply_err(call, &e);
}

static const struct api_route routes[] = {
	{ "POST", "/images/create", pull },
	{ "GET", "/images/json", list },
	{ "GET", "/images/{+}/json", inspect },
	{ "POST", "/images/{+}/tag", tag },
	{ "DELETE", "/images/{+}", remove_image },
};
const struct api_routes api_image_routes = { routes, ARRAY_LEN(routes) };
