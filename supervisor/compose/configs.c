/*
 * Configs and secrets: declared at the top, asked for by services. A plain file: is a read-only bind, so what is in it may change
 * under the container; with an owner or a mode of its own, or from a variable or the document, it is a file that is made for each start.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/path.h"
#include "base/text.h"
#include "supervisor/compose/service.h"

static const struct kind {
	const char *keys, *one, *dir; /* where relative targets lie */
	bool secret;
} kinds[] = {
	{ "configs", "config", "/", false },
	{ "secrets", "secret", "/run/secrets/", true },
};

static const struct node *declarations(const struct load *l, const struct kind *kind)
{
	return kind->secret ? l->secrets : l->configs;
}

/* ---- what is declared */

static int check_declared(struct load *l, const struct node_entry *e)
{
	static const char *const sources[] = { "file", "environment", "content" };
	const struct node *v = e->value, *external = node_get(v, "external");
	bool outside = false;
	size_t n = 0;
	int r = external ? value_bool(l, external, &outside) : 0;
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(sources); i++)
		n += node_get(v, sources[i]) != NULL;
	if (outside && n > 0)
		return load_fail(l, v, "an external one has a name only");
	if (!outside && n != 1)
		return load_fail(l, v,
			n ? "has more than one of file, environment and content"
			  : "needs one of file, environment and content");
	return 0;
}

int configs_check(struct load *l)
{
	int r = 0;
	for (size_t k = 0; k < ARRAY_LEN(kinds) && load_goes_on(r); k++) {
		const struct node *all = declarations(l, &kinds[k]);
		size_t outer = load_enter(l, kinds[k].keys);
		for (size_t i = 0; all && i < all->n && load_goes_on(r); i++) {
			size_t mark = load_enter(l, all->entries[i].key);
			r = check_declared(l, &all->entries[i]);
			load_leave(l, mark);
		}
		load_leave(l, outer);
	}
	return load_goes_on(r) ? 0 : r;
}

/* ---- what a service asks for: the short form becomes the long one, with its target */

int configs_normalise(struct load *l, struct node **v)
{
	struct node *map = node_new(l->arena, NODE_MAP, *v);
	if (!map || node_set(l->arena, map, "source", *v) < 0)
		return load_fail_memory(l);
	*v = map;
	return 0;
}

static int complete(struct load *l, struct node *item, const struct kind *kind)
{
	const struct node *source = node_get(item, "source"), *target = node_get(item, "target");
	const struct node *at = target ? target : source;
	char clean[PATH_MAX];
	if (!source)
		return load_fail(l, item, "source is missing");
	if (!*at->text)
		return load_fail(l, at, "is empty");
	const char *path = arena_printf(l->arena, "%s%s", *at->text == '/' ? "" : kind->dir, at->text);
	if (!path)
		return load_fail_memory(l);
	if (path_clean(path, clean, sizeof(clean)) < 0 || !clean[1])
		return load_fail(l, at, "\"%.80s\" is no path of a file in the container", at->text);
	struct node *text = node_new_text(l->arena, arena_strdup(l->arena, clean), at);
	return !text || node_set(l->arena, item, "target", text) < 0 ? load_fail_memory(l) : 0;
}

int configs_complete_config(struct load *l, struct node *item)
{
	return complete(l, item, &kinds[0]);
}

int configs_complete_secret(struct load *l, struct node *item)
{
	return complete(l, item, &kinds[1]);
}

/* ---- into the body */

/* The list at member, made when it is not there; NULL: memory. */
static json_t *list_at(struct load *l, const struct node *at, const char *member)
{
	json_t *list = service_get(l, member);
	if (!list && service_put(l, at, member, json_array()) == 0)
		list = service_get(l, member);
	return list;
}

static int check_target(struct load *l, const struct node *target)
{
	static const char *const members[] = { "HostConfig.Mounts", "Berth.Files" };
	for (size_t k = 0; k < ARRAY_LEN(members); k++) {
		json_t *other;
		size_t i;
		json_array_foreach (service_get(l, members[k]), i, other) {
			const char *taken = json_string_value(json_object_get(other, "Target"));
			if (taken && strcmp(taken, target->text) == 0)
				return load_fail(l, target, "%.80s is a mount point twice", taken);
		}
	}
	return 0;
}

static int read_id(struct load *l, const struct node *v, json_int_t *out)
{
	uint64_t id;
	if (!v)
		return 0;
	if (text_parse_uint(v->text, UINT32_MAX - 1u, &id) < 0)
		return load_fail(l, v, "\"%.60s\" must be a number", v->text);
	*out = (json_int_t)id;
	return 0;
}

/* How it is to look in the container. */
static int file_of(struct load *l, const struct node *item, const struct kind *kind, json_t **out)
{
	const struct node *mode = node_get(item, "mode");
	json_int_t uid = 0, gid = 0;
	int64_t bits = 0444;
	int r = read_id(l, node_get(item, "uid"), &uid);
	if (r == 0)
		r = read_id(l, node_get(item, "gid"), &gid);
	if (r == 0 && mode)
		r = value_mode(l, mode, &bits);
	if (r < 0)
		return r;
	*out = json_pack("{s:s, s:I, s:I, s:I}", "Target", node_get(item, "target")->text, "Uid", uid, "Gid",
		gid, "Mode", (json_int_t)(bits & 0555)); /* nobody writes to it */
	if (*out && kind->secret && json_object_set_new(*out, "Secret", json_true()) < 0)
		return load_fail_memory(l);
	return *out ? 0 : load_fail(l, item, "a value is not valid UTF-8");
}

/* The text of one that is no file of the host. */
static int content_of(struct load *l, const struct node *item, const struct kind *kind,
	const struct node *declared, const char **out)
{
	const struct node *variable = node_get(declared, "environment"),
			  *content = node_get(declared, "content");
	*out = content ? content->text : vars_get(load_vars(l, variable), variable->text);
	return *out
		? 0
		: load_fail(l, variable, "environment variable \"%.80s\" required by %s \"%.80s\" is not set",
			  variable->text, kind->one, node_get(item, "source")->text);
}

static int put_bind(struct load *l, const struct node *item, const struct node *at, const char *path)
{
	json_t *list = list_at(l, item, "HostConfig.Mounts"), *source;
	int r = list ? value_json(l, at, path, &source) : -ENOMEM;
	if (r < 0)
		return list ? r : load_fail_memory(l);
	json_t *mount = json_pack("{s:s, s:o, s:s, s:b}", "Type", "bind", "Source", source, "Target",
		node_get(item, "target")->text, "ReadOnly", 1);
	return json_array_append_new(list, mount) < 0 ? load_fail_memory(l) : 0;
}

static int put_file(struct load *l, const struct node *item, const struct kind *kind, const struct node *at,
	const char *member, const char *text)
{
	auto_(json) json_t *file = NULL;
	json_t *value, *list = list_at(l, item, "Berth.Files");
	if (!list)
		return load_fail_memory(l);
	int r = file_of(l, item, kind, &file);
	if (r == 0)
		r = value_json(l, at, text, &value);
	if (r < 0)
		return r;
	if (json_object_set_new(file, member, value) < 0 || json_array_append(list, file) < 0)
		return load_fail_memory(l);
	return 0;
}

static int add_one(struct load *l, const struct node *item, const struct kind *kind)
{
	const struct node *source = node_get(item, "source");
	const struct node *declared = node_get(declarations(l, kind), source->text);
	const struct node *file = node_get(declared, "file");
	bool inside = file || node_get(declared, "environment") || node_get(declared, "content");
	const char *text;
	int r = check_target(l, node_get(item, "target"));
	if (r < 0)
		return r;
	if (!declared)
		return load_fail(l, source, "refers to undefined %s %.80s", kind->one, source->text);
	if (!inside && !node_get(declared, "external"))
		return 0; /* said where it is declared */
	if (!inside)
		return load_fail(l, source, "unsupported external %s %.80s: there is no store of them here",
			kind->one, source->text);
	if (!file) {
		r = content_of(l, item, kind, declared, &text);
		return r < 0 ? r : put_file(l, item, kind, source, "Content", text);
	}
	r = load_path(l, file, file->text, &text);
	if (r < 0)
		return r;
	if (node_get(item, "uid") || node_get(item, "gid") || node_get(item, "mode"))
		return put_file(l, item, kind, file, "Source", text);
	return put_bind(l, item, file, text);
}

int configs_build(struct load *l)
{
	int r = 0;
	for (size_t k = 0; k < ARRAY_LEN(kinds) && r == 0; k++) {
		const struct node *list = node_get(l->svc->node, kinds[k].keys);
		size_t outer = load_enter(l, kinds[k].keys);
		for (size_t i = 0; list && i < list->n && r == 0; i++) {
			size_t mark = load_enter_item(l, i);
			r = add_one(l, list->items[i], &kinds[k]);
			load_leave(l, mark);
		}
		load_leave(l, outer);
	}
	return r;
}
