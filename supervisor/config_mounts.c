#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "base/own.h"
#include "base/path.h"
#include "base/text.h"
#include "supervisor/config_parts.h"

struct list {
	struct config_mount *items;
	size_t n, room;
};

static struct config_mount *add(struct config *c, struct list *l)
{
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 8;
		struct config_mount *more = arena_calloc(c->arena, room, sizeof(*more));
		if (!more)
			return NULL;
		if (l->n)
			memcpy(more, l->items, l->n * sizeof(*more));
		l->items = more;
		l->room = room;
	}
	struct config_mount *m = &l->items[l->n++];
	m->propagation_name = m->mode = "";
	return m;
}

static const struct config_mount *find(const struct list *l, const char *target)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->items[i].target, target) == 0)
			return &l->items[i];
	return NULL;
}

/* A clean, absolute target; where names the key for the error. */
static int set_target(
	struct config *c, struct config_mount *m, const char *target, const char *where, struct err *e)
{
	char clean[PATH_MAX];
	if (*target != '/')
		return err_say(
			e, EINVAL, "%s: invalid mount path: '%s' mount path must be absolute", where, target);
	if (path_clean(target, clean, sizeof(clean)) < 0)
		return err_say(e, ENAMETOOLONG, "%s: mount path is too long", where);
	if (strcmp(clean, "/") == 0)
		return err_say(e, EINVAL, "%s: invalid specification: destination can't be '/'", where);
	m->target = arena_strdup(c->arena, clean);
	return m->target ? 0 : config_no_memory(e);
}

static int set_volume(struct config *c, struct config_mount *m, const char *name, struct err *e)
{
	m->type = CONFIG_MOUNT_VOLUME;
	if (!text_is_name(name) || !text_is_safe_id(name))
		return err_say(e, EINVAL,
			"create %s: \"%s\" includes invalid characters for a local volume name, only "
			"\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use "
			"absolute path",
			name, name);
	m->source = arena_strdup(c->arena, name);
	return m->source ? 0 : config_no_memory(e);
}

static int set_propagation(struct config_mount *m, const char *name)
{
	unsigned long flags;
	if (spec_propagation_from_name(name, &flags) < 0 || (flags & MS_UNBINDABLE))
		return -EINVAL;
	m->propagation = flags;
	m->propagation_name = spec_propagation_name(flags);
	return 0;
}

/* ---- Binds: "[SRC:]DST[:MODE]" */

static int apply_mode_word(struct config_mount *m, const char *word, unsigned *seen)
{
	enum { ACCESS = 1, PROPAGATION = 2 };
	/* SELinux labels and the consistency words of Docker Desktop: nothing to do on this kind of host, as Docker does there. */
	static const char *const nothing[] = { "z", "Z", "cached", "consistent", "delegated" };
	if (strcmp(word, "rw") == 0 || strcmp(word, "ro") == 0) {
		if (*seen & ACCESS)
			return -EINVAL;
		*seen |= ACCESS;
		m->read_only = word[1] == 'o';
		return 0;
	}
	if (strcmp(word, "nocopy") == 0 && m->type == CONFIG_MOUNT_VOLUME) {
		m->no_copy = true;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(nothing); i++)
		if (strcmp(nothing[i], word) == 0)
			return 0;
	if (m->type != CONFIG_MOUNT_BIND || (*seen & PROPAGATION))
		return -EINVAL;
	*seen |= PROPAGATION;
	return set_propagation(m, word);
}

static int apply_mode(struct config *c, struct config_mount *m, const char *mode, struct err *e)
{
	unsigned seen = 0;
	char word[32];
	m->mode = arena_strdup(c->arena, mode);
	if (!m->mode)
		return config_no_memory(e);
	for (const char *p = mode; *p;) {
		size_t n = strcspn(p, ",");
		if (n < sizeof(word)) {
			memcpy(word, p, n);
			word[n] = '\0';
		}
		if (n == 0 || n >= sizeof(word) || apply_mode_word(m, word, &seen) < 0)
			return err_say(e, EINVAL, HOST ".Binds: invalid mode: %s", mode);
		p += n + (p[n] == ',');
	}
	return 0;
}

static int set_bind_source(struct config *c, struct config_mount *m, const char *source, struct err *e)
{
	char clean[PATH_MAX];
	if (*source != '/')
		return set_volume(c, m, source, e);
	if (path_clean(source, clean, sizeof(clean)) < 0)
		return err_say(e, ENAMETOOLONG, HOST ".Binds: %s", source);
	m->type = CONFIG_MOUNT_BIND;
	m->create_source = true;
	m->source = arena_strdup(c->arena, clean);
	return m->source ? 0 : config_no_memory(e);
}

static int read_bind(const char *text, struct config *c, struct list *l, struct err *e)
{
	struct config_mount *m = add(c, l);
	char *copy = arena_strdup(c->arena, text), *part[3] = { NULL };
	size_t n = 0;
	if (!m || !copy)
		return config_no_memory(e);
	for (char *p = copy; p;) {
		char *colon = strchr(p, ':');
		if (n == 3 || !*p || colon == p)
			return err_say(e, EINVAL, "invalid volume specification: '%s'", text);
		if (colon)
			*colon++ = '\0';
		part[n++] = p;
		p = colon;
	}
	if (n == 0)
		return err_say(e, EINVAL, "invalid volume specification: '%s'", text);
	if (n == 1) {
		m->type = CONFIG_MOUNT_VOLUME;
		m->anonymous = true;
		return set_target(c, m, part[0], HOST ".Binds", e);
	}
	int r = set_bind_source(c, m, part[0], e);
	if (r == 0)
		r = set_target(c, m, part[1], HOST ".Binds", e);
	return r == 0 && n == 3 ? apply_mode(c, m, part[2], e) : r;
}

static int read_binds(const json_t *host, struct config *c, struct list *l, struct err *e)
{
	char **binds = NULL;
	int r = fields_read_strv(host, HOST, "Binds", c->arena, &binds, e);
	for (; r == 0 && binds && *binds; binds++)
		r = read_bind(*binds, c, l, e);
	return r;
}

/* ---- Mounts[] */

static int mount_error(struct err *e, const char *type, const char *text)
{
	return err_say(e, EINVAL, "invalid mount config for type \"%s\": %s", type, text);
}

static int read_bind_options(const json_t *item, const char *path, struct config_mount *m, struct err *e)
{
	json_t *o = NULL;
	const char *propagation = "";
	bool create = false, non_recursive = false, ro_non_recursive = false, ro_force = false;
	int r = json_get_object(item, path, "BindOptions", &o, e);
	if (r < 0 || !o)
		return r;
	r = json_get_string(o, path, "Propagation", &propagation, e);
	if (r == 0)
		r = json_get_bool(o, path, "NonRecursive", &non_recursive, e);
	if (r == 0)
		r = json_get_bool(o, path, "CreateMountpoint", &create, e);
	if (r == 0)
		r = json_get_bool(o, path, "ReadOnlyNonRecursive", &ro_non_recursive, e);
	if (r == 0)
		r = json_get_bool(o, path, "ReadOnlyForceRecursive", &ro_force, e);
	if (r < 0)
		return r;
	if ((ro_non_recursive || ro_force) && !m->read_only)
		return mount_error(e, "bind", "mount is not read-only but has options for read-only mounts");
	if (ro_non_recursive && ro_force)
		return mount_error(
			e, "bind", "ReadOnlyNonRecursive and ReadOnlyForceRecursive exclude each other");
	if (*propagation && set_propagation(m, propagation) < 0)
		return mount_error(e, "bind", "invalid propagation mode");
	m->create_source = create;
	m->non_recursive = non_recursive;
	m->ro_non_recursive = ro_non_recursive;
	return 0;
}

static int read_mount_bind(const json_t *item, const char *path, const char *source, struct config *c,
	struct config_mount *m, struct err *e)
{
	char clean[PATH_MAX];
	if (!*source)
		return mount_error(e, "bind", "field Source must not be empty");
	if (*source != '/')
		return err_say(e, EINVAL,
			"invalid mount config for type \"bind\": invalid mount path: '%s' mount path must be absolute",
			source);
	if (path_clean(source, clean, sizeof(clean)) < 0)
		return mount_error(e, "bind", "source path is too long");
	m->type = CONFIG_MOUNT_BIND;
	m->source = arena_strdup(c->arena, clean);
	return m->source ? read_bind_options(item, path, m, e) : config_no_memory(e);
}

static int read_driver(const json_t *options, struct err *e)
{
	json_t *driver = NULL;
	const char *name = "";
	int r = json_get_object(options, HOST ".Mounts", "DriverConfig", &driver, e);
	if (r == 0 && driver)
		r = json_get_string(driver, HOST ".Mounts.DriverConfig", "Name", &name, e);
	if (r < 0 || !driver)
		return r;
	if ((*name && strcmp(name, "local") != 0) || !fields_is_empty(json_object_get(driver, "Options")))
		return err_say(e, EOPNOTSUPP, HOST ".Mounts: VolumeOptions.DriverConfig: not built yet");
	return 0;
}

static int read_mount_volume(const json_t *item, const char *path, const char *source, struct config *c,
	struct config_mount *m, struct err *e)
{
	json_t *o = NULL;
	const char *subpath = "";
	m->type = CONFIG_MOUNT_VOLUME;
	m->anonymous = !*source;
	int r = *source ? set_volume(c, m, source, e) : 0;
	if (r == 0)
		r = json_get_object(item, path, "VolumeOptions", &o, e);
	if (r < 0 || !o)
		return r;
	r = fields_read_map(o, path, "Labels", c->arena, &m->labels, e);
	if (r == 0)
		r = read_driver(o, e);
	if (r == 0)
		r = json_get_bool(o, path, "NoCopy", &m->no_copy, e);
	if (r == 0)
		r = json_get_string(o, path, "Subpath", &subpath, e);
	if (r < 0 || !*subpath)
		return r;
	if (m->anonymous)
		return mount_error(e, "volume", "must not set Subpath when using anonymous volumes");
	if (!path_is_clean_relative(subpath))
		return err_say(e, EINVAL,
			"invalid mount config for type \"volume\": subpath must be a relative path "
			"within the volume: %s",
			subpath);
	m->subpath = arena_strdup(c->arena, subpath);
	return m->subpath ? 0 : config_no_memory(e);
}

/* ---- tmpfs, of Mounts[] and of Tmpfs{} */

static int check_tmpfs_options(const char *where, const char *options, struct err *e)
{
	/* What mount(2) takes for a tmpfs; anything else is a slip that would end a start with a bare "Invalid argument". */
	static const char *const data[] = {
		"size=", "nr_blocks=", "nr_inodes=", "mode=", "uid=", "gid=", "mpol=", "huge="
	};
	auto_(arena) struct arena *a = arena_new();
	char *copy = a ? arena_strdup(a, options) : NULL, *save = NULL;
	if (!copy)
		return config_no_memory(e);
	for (char *word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		struct spec_mount m = { 0 };
		char *const one[] = { word, NULL };
		size_t i = 0;
		int r = spec_mount_options(a, one, &m, e);
		if (r < 0)
			return err_wrap(e, r, "%s", where);
		if (m.flags & (MS_BIND | MS_REC))
			return err_say(e, EINVAL, "%s: invalid tmpfs option [\"%s\"]", where, word);
		while (m.data && i < ARRAY_LEN(data) && !text_has_prefix(m.data, data[i]))
			i++;
		if (i == ARRAY_LEN(data))
			return err_say(e, EINVAL, "%s: invalid tmpfs option [\"%s\"]", where, word);
	}
	return 0;
}

/* Options: [["uid","5"],["noexec"]] */
static int add_tmpfs_pairs(const json_t *pairs, struct config *c, const char **options, struct err *e)
{
	json_t *pair;
	size_t i;
	json_array_foreach (pairs, i, pair) {
		const char *key = json_string_value(json_array_get(pair, 0));
		const char *value = json_string_value(json_array_get(pair, 1));
		if (!key || json_array_size(pair) > 2 || strchr(key, ',') || (value && strchr(value, ',')))
			return mount_error(e, "tmpfs", "invalid option array");
		*options = arena_printf(c->arena, "%s%s%s%s%s", *options, **options ? "," : "", key,
			value ? "=" : "", value ? value : "");
		if (!*options)
			return config_no_memory(e);
	}
	return 0;
}

static int read_mount_tmpfs(const json_t *item, const char *path, const char *source, struct config *c,
	struct config_mount *m, struct err *e)
{
	json_t *o = NULL, *pairs = NULL;
	int64_t size = 0, mode = 0;
	const char *options = "";
	if (*source)
		return mount_error(e, "tmpfs", "field Source must not be specified");
	m->type = CONFIG_MOUNT_TMPFS;
	int r = json_get_object(item, path, "TmpfsOptions", &o, e);
	if (r < 0 || !o)
		return r;
	r = json_get_int(o, path, "SizeBytes", 0, INT64_MAX, &size, e);
	if (r == 0)
		r = json_get_int(o, path, "Mode", 0, 07777, &mode, e);
	if (r == 0)
		r = json_get_array(o, path, "Options", &pairs, e);
	if (r == 0 && pairs)
		r = add_tmpfs_pairs(pairs, c, &options, e);
	if (r == 0 && size)
		options = arena_printf(
			c->arena, "%s%ssize=%lld", options, *options ? "," : "", (long long)size);
	if (r == 0 && mode && options)
		options = arena_printf(
			c->arena, "%s%smode=%llo", options, *options ? "," : "", (unsigned long long)mode);
	if (r < 0)
		return r;
	if (!options)
		return config_no_memory(e);
	m->options = options;
	return check_tmpfs_options("invalid mount config for type \"tmpfs\"", options, e);
}

static int read_mount(const json_t *item, size_t i, struct config *c, struct list *l, struct err *e)
{
	char path[48];
	const char *type = "", *source = "", *target = "";
	(void)snprintf(path, sizeof(path), HOST ".Mounts[%zu]", i);
	if (!json_is_object(item))
		return err_say(e, EINVAL, "%s: must be an object", path);
	struct config_mount *m = add(c, l);
	if (!m)
		return config_no_memory(e);
	int r = json_get_string(item, path, "Type", &type, e);
	if (r == 0)
		r = json_get_string(item, path, "Source", &source, e);
	if (r == 0)
		r = json_get_string(item, path, "Target", &target, e);
	if (r == 0)
		r = json_get_bool(item, path, "ReadOnly", &m->read_only, e);
	if (r < 0)
		return r;
	if (!*target)
		return mount_error(e, type, "field Target must not be empty");
	r = set_target(c, m, target, path, e);
	if (r < 0)
		return r;
	if (strcmp(type, "bind") == 0)
		return read_mount_bind(item, path, source, c, m, e);
	if (strcmp(type, "volume") == 0)
		return read_mount_volume(item, path, source, c, m, e);
	if (strcmp(type, "tmpfs") == 0)
		return read_mount_tmpfs(item, path, source, c, m, e);
	if (strcmp(type, "image") == 0)
		return err_say(e, EOPNOTSUPP, "%s.Type: \"image\": not built yet", path);
	return err_say(e, EINVAL, "%s.Type: mount type unknown: \"%s\"", path, type);
}

static int read_mounts(const json_t *host, struct config *c, struct list *l, struct err *e)
{
	json_t *mounts = NULL, *item;
	size_t i;
	int r = json_get_array(host, HOST, "Mounts", &mounts, e);
	if (r < 0 || !mounts)
		return r;
	json_array_foreach (mounts, i, item) {
		r = read_mount(item, i, c, l, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Those of VolumesFrom: the container's own win, and of two others the first. */
static int read_mounts_from(const json_t *body, struct config *c, struct list *l, struct err *e)
{
	json_t *berth = json_object_get(body, "Berth"), *mounts = NULL, *item;
	size_t i;
	int r = json_get_array(berth, "Berth", "MountsFrom", &mounts, e);
	if (r < 0 || !mounts)
		return r;
	json_array_foreach (mounts, i, item) {
		const char *target = json_string_value(json_object_get(item, "Target"));
		r = target && find(l, target) ? 0 : read_mount(item, i, c, l, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_tmpfs(const json_t *host, struct config *c, struct list *l, struct err *e)
{
	char **kv = NULL;
	int r = fields_read_map(host, HOST, "Tmpfs", c->arena, &kv, e);
	for (; r == 0 && kv && kv[0]; kv += 2) {
		struct config_mount *m = add(c, l);
		if (!m)
			return config_no_memory(e);
		m->type = CONFIG_MOUNT_TMPFS;
		m->options = kv[1];
		r = set_target(c, m, kv[0], HOST ".Tmpfs", e);
		if (r == 0)
			r = check_tmpfs_options(HOST ".Tmpfs", kv[1], e);
	}
	return r;
}

/* ---- Volumes{} and what holds for all of them */

/* Targets that want a volume of their own, unless something is declared there. */
static int read_volumes(const json_t *body, struct config *c, struct list *l, struct err *e)
{
	json_t *volumes = NULL, *v;
	const char *target;
	int r = json_get_object(body, "", "Volumes", &volumes, e);
	if (r < 0 || !volumes)
		return r;
	json_object_foreach (volumes, target, v) {
		struct config_mount m = {
			.type = CONFIG_MOUNT_VOLUME, .anonymous = true, .propagation_name = "", .mode = ""
		};
		r = set_target(c, &m, target, "Volumes", e);
		if (r < 0)
			return r;
		if (find(l, m.target))
			continue;
		struct config_mount *to = add(c, l);
		if (!to)
			return config_no_memory(e);
		*to = m;
	}
	return 0;
}

/* Names that config_complete() gave. */
static int name_anonymous(const json_t *body, struct config *c, struct list *l, struct err *e)
{
	json_t *names = json_object_get(json_object_get(body, "Berth"), "Volumes");
	for (size_t i = 0; i < l->n; i++) {
		const char *name = json_string_value(json_object_get(names, l->items[i].target));
		if (!l->items[i].anonymous || !name)
			continue;
		int r = set_volume(c, &l->items[i], name, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_duplicates(const struct list *l, struct err *e)
{
	for (size_t i = 0; i < l->n; i++)
		if (find(l, l->items[i].target) != &l->items[i])
			return err_say(e, EINVAL, "Duplicate mount point: %s", l->items[i].target);
	return 0;
}

static size_t depth(const char *path)
{
	size_t n = 0;
	for (; *path; path++)
		n += *path == '/';
	return n;
}

/* By depth, else in the order they were said: a parent must be there before what is mounted in it. */
static void sort(struct list *l)
{
	for (size_t i = 1; i < l->n; i++) {
		struct config_mount m = l->items[i];
		size_t j = i;
		for (; j > 0 && depth(l->items[j - 1].target) > depth(m.target); j--)
			l->items[j] = l->items[j - 1];
		l->items[j] = m;
	}
}

int config_read_mounts(const json_t *body, const json_t *host, struct config *c, struct err *e)
{
	struct list l = { 0 };
	const char *driver = "";
	int r = json_get_string(host, HOST, "VolumeDriver", &driver, e);
	if (r == 0 && *driver && strcmp(driver, "local") != 0)
		r = err_say(e, EOPNOTSUPP, HOST ".VolumeDriver: \"%s\": not built yet", driver);
	if (r == 0)
		r = read_binds(host, c, &l, e);
	if (r == 0)
		r = read_mounts(host, c, &l, e);
	if (r == 0)
		r = read_tmpfs(host, c, &l, e);
	if (r == 0)
		r = read_mounts_from(body, c, &l, e);
	if (r == 0)
		r = read_volumes(body, c, &l, e);
	if (r == 0)
		r = check_duplicates(&l, e);
	if (r == 0)
		r = name_anonymous(body, c, &l, e);
	if (r < 0)
		return r;
	sort(&l);
	c->mounts = l.items;
	c->n_mounts = l.n;
	return 0;
}
