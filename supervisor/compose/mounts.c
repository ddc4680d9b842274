/* Volumes, binds, tmpfs and devices. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/path.h"
#include "base/text.h"
#include "supervisor/compose/service.h"

/* ---- the short form becomes the long one ---- */

static int set_text(struct load *l, struct node *map, const char *key, const char *text)
{
	return node_set(l->arena, map, key, node_new_text(l->arena, text, map)) < 0 ? load_fail_memory(l) : 0;
}

static int set_inner(struct load *l, struct node *map, const char *outer, const char *key, const char *text)
{
	struct node *inner = node_get(map, outer);
	if (!inner &&
		(!(inner = node_new(l->arena, NODE_MAP, map)) || node_set(l->arena, map, outer, inner) < 0))
		return load_fail_memory(l);
	return set_text(l, inner, key, text);
}

static bool is_propagation(const char *s)
{
	static const char *const words[] = { "private", "rprivate", "shared", "rshared", "slave", "rslave" };
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(words[i], s) == 0)
			return true;
	return false;
}

static int short_option(struct load *l, struct node *map, bool bind, const char *option)
{
	if (strcmp(option, "rw") == 0)
		return set_text(l, map, "read_only", "false");
	if (strcmp(option, "ro") == 0)
		return set_text(l, map, "read_only", "true");
	if (strcmp(option, "z") == 0 || strcmp(option, "Z") == 0)
		return set_inner(l, map, "bind", "selinux", option);
	if (strcmp(option, "cached") == 0 || strcmp(option, "delegated") == 0 ||
		strcmp(option, "consistent") == 0)
		return set_text(l, map, "consistency", option);
	if (bind && is_propagation(option))
		return set_inner(l, map, "bind", "propagation", option);
	if (!bind && strcmp(option, "nocopy") == 0)
		return set_inner(l, map, "volume", "nocopy", "true");
	return load_fail(l, map, "unknown option \"%.60s\"", option);
}

#define PARTS_MAX 4 /* one more than any form has */

/* "a:b:c" in its parts, which live in the arena; the count, 0 when memory is out. */
static size_t split_parts(struct load *l, const struct node *v, char *part[PARTS_MAX])
{
	size_t n = 0;
	for (char *p = arena_strdup(l->arena, v->text); p && n < PARTS_MAX;)
		part[n++] = strsep(&p, ":");
	return n;
}

/* [SRC:]DST[:OPTION[,...]] */
int mounts_normalise_volume(struct load *l, struct node **v)
{
	struct node *map = node_new(l->arena, NODE_MAP, *v);
	char *part[PARTS_MAX] = { NULL };
	size_t n = split_parts(l, *v, part);
	if (!map || !n)
		return load_fail_memory(l);
	if (n > 3 || !*part[0] || (n > 1 && !*part[1]))
		return load_fail(
			l, *v, "\"%.80s\" must be SOURCE:TARGET or SOURCE:TARGET:OPTIONS", (*v)->text);

	bool bind = n > 1 && strchr("./~", *part[0]);
	int r = set_text(l, map, "type", bind ? "bind" : "volume");
	if (r == 0 && n > 1)
		r = set_text(l, map, "source", part[0]);
	if (r == 0)
		r = set_text(l, map, "target", n > 1 ? part[1] : part[0]);
	while (r == 0 && part[2])
		r = short_option(l, map, bind, strsep(&part[2], ","));
	*v = map;
	return r;
}

/* ---- the long form becomes a Mount ---- */

static int put_bool(struct load *l, json_t *object, const char *member, const struct node *v)
{
	bool on;
	if (!v)
		return 0;
	int r = value_bool(l, v, &on);
	if (r < 0)
		return r;
	return json_object_set_new(object, member, json_boolean(on)) < 0 ? load_fail_memory(l) : 0;
}

static int put_text(
	struct load *l, json_t *object, const char *member, const struct node *at, const char *text)
{
	json_t *value;
	int r = value_json(l, at, text, &value);
	if (r < 0)
		return r;
	return json_object_set_new(object, member, value) < 0 ? load_fail_memory(l) : 0;
}

static int mount_bind(struct load *l, const struct node *m, const struct node *source, json_t *mount)
{
	const struct node *bind = node_get(m, "bind"), *recursive = node_get(bind, "recursive");
	const struct node *propagation = node_get(bind, "propagation");
	json_t *options = json_object();
	const char *path;

	if (json_object_set_new(mount, "BindOptions", options) < 0)
		return load_fail_memory(l);
	if (!source)
		return load_fail(l, m, "a bind needs its source");
	int r = load_path(l, source, source->text, &path);
	if (r == 0)
		r = put_text(l, mount, "Source", source, path);
	if (r == 0 && json_object_set_new(options, "CreateMountpoint", json_true()) < 0)
		return load_fail_memory(l);
	if (r == 0)
		r = put_bool(l, options, "CreateMountpoint", node_get(bind, "create_host_path"));
	if (r == 0 && propagation)
		r = is_propagation(propagation->text)
			? put_text(l, options, "Propagation", propagation, propagation->text)
			: load_fail(l, propagation,
				  "\"%.60s\" must be one of: private rprivate shared rshared slave rslave",
				  propagation->text);
	if (r < 0 || !recursive)
		return r;
	r = value_word(l, recursive, "enabled disabled writable readonly");
	if (r < 0)
		return r;
	const char *member = strcmp(recursive->text, "disabled") == 0 ? "NonRecursive"
		: strcmp(recursive->text, "writable") == 0	      ? "ReadOnlyNonRecursive"
		: strcmp(recursive->text, "readonly") == 0	      ? "ReadOnlyForceRecursive"
								      : NULL;
	return member && json_object_set_new(options, member, json_true()) < 0 ? load_fail_memory(l) : 0;
}

static int mount_volume(struct load *l, const struct node *m, const struct node *source, json_t *mount)
{
	const struct node *nocopy = node_get(node_get(m, "volume"), "nocopy");
	const struct node *subpath = node_get(node_get(m, "volume"), "subpath");
	const char *name = source ? volumes_name(l, source->text) : NULL;
	if (source && !name)
		return load_fail(l, source,
			"volume %.80s is not declared under volumes: (a path starts with /, ./ or ~/)",
			source->text);
	if (!source && subpath) /* an anonymous volume is new each time */
		return load_fail(l, subpath, "a part of a volume needs the volume's name");
	int r = source ? volumes_fill(l, m, source, mount) : 0;
	if (r != 0)
		return r < 0 ? r : 0;
	if (source)
		r = put_text(l, mount, "Source", source, name);
	if (r < 0 || (!nocopy && !subpath))
		return r;
	json_t *options = json_object();
	if (json_object_set_new(mount, "VolumeOptions", options) < 0)
		return load_fail_memory(l);
	r = put_bool(l, options, "NoCopy", nocopy);
	if (r < 0 || !subpath)
		return r;
	return path_is_clean_relative(subpath->text)
		? put_text(l, options, "Subpath", subpath, subpath->text)
		: load_fail(l, subpath, "\"%.80s\" must be a relative path within the volume", subpath->text);
}

static int mount_tmpfs(struct load *l, const struct node *m, const struct node *source, json_t *mount)
{
	const struct node *size = node_get(node_get(m, "tmpfs"), "size"),
			  *mode = node_get(node_get(m, "tmpfs"), "mode");
	json_t *options = json_object();
	int64_t n;
	int r = 0;

	if (json_object_set_new(mount, "TmpfsOptions", options) < 0)
		return load_fail_memory(l);
	if (source)
		return load_fail(l, source, "a tmpfs has no source");
	if (size && (r = value_bytes(l, size, &n)) == 0)
		r = json_object_set_new(options, "SizeBytes", json_integer(n)) < 0 ? load_fail_memory(l) : 0;
	if (r == 0 && mode && (r = value_mode(l, mode, &n)) == 0)
		r = json_object_set_new(options, "Mode", json_integer(n)) < 0 ? load_fail_memory(l) : 0;
	return r;
}

static const struct {
	const char *type;
	int (*fill)(struct load *l, const struct node *m, const struct node *source, json_t *mount);
} mount_types[] = { { "bind", mount_bind }, { "volume", mount_volume }, { "tmpfs", mount_tmpfs } };

/* An absolute, clean path inside the container that is not its root. */
static int clean_target(struct load *l, const struct node *at, const char *text, char out[PATH_MAX])
{
	if (*text != '/' || path_clean(text, out, PATH_MAX) < 0)
		return load_fail(l, at, "\"%.80s\" must be an absolute path in the container", text);
	return strcmp(out, "/") == 0 ? load_fail(l, at, "the container's root cannot be a mount point") : 0;
}

static int add_mount(struct load *l, const struct node *m, json_t *list)
{
	const struct node *type = node_get(m, "type"), *source = node_get(m, "source"),
			  *target = node_get(m, "target");
	char path[PATH_MAX];
	json_t *mount = json_object(), *other;
	size_t i;

	if (!type) {
		json_decref(mount);
		return load_fail(l, m, "type is missing (bind, volume or tmpfs)");
	}
	if (strcmp(type->text, "npipe") == 0) {
		json_decref(mount);
		return load_warn(l, m, "%s: ignored: named pipes are for Windows", l->path);
	}
	if (json_array_append_new(list, mount) < 0)
		return load_fail_memory(l);
	int r = clean_target(l, target, target->text, path);
	if (r < 0)
		return r;
	json_array_foreach (list, i, other) {
		const char *taken = json_string_value(json_object_get(other, "Target"));
		if (taken && strcmp(taken, path) == 0)
			return load_fail(l, target, "%.80s is a mount point twice", path);
	}
	r = put_text(l, mount, "Type", type, type->text);
	if (r == 0)
		r = put_text(l, mount, "Target", target, path);
	if (r == 0)
		r = put_bool(l, mount, "ReadOnly", node_get(m, "read_only"));
	for (i = 0; r == 0 && i < ARRAY_LEN(mount_types); i++)
		if (strcmp(mount_types[i].type, type->text) == 0)
			return mount_types[i].fill(l, m, source, mount);
	return r < 0
		? r
		: load_fail(l, type, "\"%.60s\" is not built yet or unknown; possible: bind volume tmpfs",
			  type->text);
}

/* Each item, by add(), into the list that stands at path in the body. */
static int put_items(struct load *l, const struct node *v,
	int (*add)(struct load *, const struct node *, json_t *), const char *path)
{
	auto_(json) json_t *list = json_array();

	for (size_t i = 0; i < v->n; i++) {
		size_t mark = load_enter_item(l, i);
		int r = add(l, v->items[i], list);
		load_leave(l, mark);
		if (r < 0)
			return r;
	}
	return service_put(l, v, path, take_ptr(&list));
}

int mounts_volumes(struct load *l, const struct key *k, const struct node *v)
{
	(void)k;
	return put_items(l, v, add_mount, "HostConfig.Mounts");
}

/* path[:option,...] */
int mounts_tmpfs(struct load *l, const struct key *k, const struct node *v)
{
	auto_(json) json_t *all = json_object();

	(void)k;
	for (size_t i = 0; i < v->n; i++) {
		const struct node *item = v->items[i];
		const char *colon = strchr(item->text, ':');
		const char *text = arena_strndup(
			l->arena, item->text, colon ? (size_t)(colon - item->text) : SIZE_MAX / 2);
		char path[PATH_MAX];
		json_t *options;
		if (!text)
			return load_fail_memory(l);
		int r = clean_target(l, item, text, path);
		if (r == 0)
			r = value_json(l, item, colon ? colon + 1 : "", &options);
		if (r < 0)
			return r;
		if (json_object_set_new(all, path, options) < 0)
			return load_fail_memory(l);
	}
	return service_put(l, v, "HostConfig.Tmpfs", take_ptr(&all));
}

/* ---- devices ---- */

static bool is_permissions(const char *s)
{
	size_t n = strspn(s, "rwm");
	return n >= 1 && n <= 3 && !s[n];
}

/* HOST[:CONTAINER[:rwm]] or HOST:rwm */
int mounts_normalise_device(struct load *l, struct node **v)
{
	struct node *map = node_new(l->arena, NODE_MAP, *v);
	char *part[PARTS_MAX] = { NULL };
	size_t n = split_parts(l, *v, part);
	if (!map || !n)
		return load_fail_memory(l);
	if (*part[0] != '/' && strchr((*v)->text, '='))
		return load_fail(l, *v, "\"%.80s\": devices by their CDI name are not built yet", (*v)->text);
	if (n == 2 && is_permissions(part[1])) {
		part[2] = part[1];
		part[1] = part[0];
	}
	if (n > 3 || !*part[0])
		return load_fail(
			l, *v, "\"%.80s\" must be HOST, HOST:CONTAINER or HOST:CONTAINER:rwm", (*v)->text);
	int r = set_text(l, map, "source", part[0]);
	if (r == 0)
		r = set_text(l, map, "target", part[1] ? part[1] : part[0]);
	if (r == 0 && part[2])
		r = set_text(l, map, "permissions", part[2]);
	*v = map;
	return r;
}

static int add_device(struct load *l, const struct node *d, json_t *list)
{
	const struct node *source = node_get(d, "source"), *target = node_get(d, "target");
	const struct node *permissions = node_get(d, "permissions");
	const char *rwm = permissions ? permissions->text : "rwm";
	char path[PATH_MAX];

	if (!source || *source->text != '/')
		return load_fail(l, d, "the device on the host must be an absolute path");
	if (!is_permissions(rwm))
		return load_fail(l, permissions, "\"%.60s\" must be some of r, w and m", rwm);
	int r = clean_target(l, target, target->text, path);
	if (r < 0)
		return r;
	json_t *one = json_pack("{s:s, s:s, s:s}", "PathOnHost", source->text, "PathInContainer", path,
		"CgroupPermissions", rwm);
	return json_array_append_new(list, one) < 0 ? load_fail_memory(l) : 0;
}

int mounts_devices(struct load *l, const struct key *k, const struct node *v)
{
	(void)k;
	return put_items(l, v, add_device, "HostConfig.Devices");
}
