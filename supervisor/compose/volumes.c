/*
 * Top-level volumes. One with options of the local driver is no directory of ours but a mount that each of its containers makes:
 * a bind of the directory that it names, or a tmpfs (which goes with the run, as docker's does with its last user).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "supervisor/compose/service.h"

/* ---- options of the local driver ---- */

static const char *option(const struct node *options, const char *key)
{
	const struct node *v = node_get(options, key);
	return v && v->kind == NODE_SCALAR ? v->text : "";
}

/* The next word of "a,b=c"; its length, 0 at the end. */
static size_t next_word(const char **p)
{
	*p += strspn(*p, ",");
	return strcspn(*p, ",");
}

static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word), n;
	for (const char *p = words; (n = next_word(&p)) > 0; p += n)
		if (n == len && strncmp(p, word, n) == 0)
			return true;
	return false;
}

static bool is_bind(const struct node *options)
{
	const char *o = option(options, "o");
	return has_word(o, "bind") || has_word(o, "rbind") || strcmp(option(options, "type"), "bind") == 0;
}

static bool is_tmpfs(const struct node *options)
{
	return strcmp(option(options, "type"), "tmpfs") == 0;
}

static int check_words(struct load *l, const struct node *at, const char *const *allowed, size_t n_allowed)
{
	size_t n;
	for (const char *p = at ? at->text : ""; (n = next_word(&p)) > 0; p += n) {
		size_t i = 0, len = 0;
		for (; i < n_allowed; i++) {
			len = strlen(allowed[i]);
			bool takes_value = allowed[i][len - 1] == '=';
			if (strncmp(p, allowed[i], len) == 0 && (takes_value ? n > len : n == len))
				break;
		}
		if (i == n_allowed)
			return load_fail(l, at, "\"%.*s\" is not built yet or unknown here",
				(int)(n < 60 ? n : 60), p);
	}
	return 0;
}

static int check_kind(struct load *l, const struct node *options)
{
	static const char *const bind[] = { "bind", "rbind", "ro", "rw", "private", "rprivate", "slave",
		"rslave", "shared", "rshared" };
	static const char *const tmpfs[] = { "ro", "rw", "exec", "noexec", "suid", "nosuid", "dev", "nodev",
		"size=", "mode=", "uid=", "gid=", "nr_blocks=", "nr_inodes=", "huge=", "mpol=" };
	const struct node *o = node_get(options, "o"), *type = node_get(options, "type");
	o = o && o->kind == NODE_SCALAR ? o : NULL;
	if (is_bind(options))
		return check_words(l, o, bind, ARRAY_LEN(bind));
	if (is_tmpfs(options))
		return check_words(l, o, tmpfs, ARRAY_LEN(tmpfs));
	return load_fail(
		l, type, "\"%.60s\": only binds (type: none, o: bind) and tmpfs are built yet", type->text);
}

static int put_new(struct load *l, json_t *object, const char *member, json_t *value)
{
	return json_object_set_new(object, member, value) < 0 ? load_fail_memory(l) : 0;
}

static int fill_bind(struct load *l, const struct node *options, json_t *mount)
{
	static const char *const propagation[] = { "private", "rprivate", "slave", "rslave", "shared",
		"rshared" };
	const struct node *device = node_get(options, "device");
	const char *o = option(options, "o"), *path;
	json_t *source, *bind = json_object();
	int r = put_new(l, mount, "BindOptions", bind);
	if (r == 0)
		r = load_path(l, device, device->text, &path);
	if (r == 0)
		r = value_json(l, device, path, &source);
	if (r == 0)
		r = put_new(l, mount, "Source", source);
	if (r == 0)
		r = put_new(l, mount, "Type", json_string("bind"));
	if (r == 0 && !has_word(o, "rbind"))
		r = put_new(l, bind, "NonRecursive", json_true());
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(propagation); i++)
		if (has_word(o, propagation[i]))
			r = put_new(l, bind, "Propagation", json_string(propagation[i]));
	return r;
}

/* As docker mounts it: without the nosuid, nodev and noexec of a service's own tmpfs. */
static int fill_tmpfs(struct load *l, const struct node *options, json_t *mount)
{
	json_t *list = json_pack("[[s], [s], [s]]", "exec", "suid", "dev");
	size_t n;
	int r = put_new(l, mount, "TmpfsOptions", json_pack("{s:o}", "Options", list));
	if (r == 0)
		r = put_new(l, mount, "Type", json_string("tmpfs"));
	for (const char *p = option(options, "o"); r == 0 && (n = next_word(&p)) > 0; p += n) {
		const char *eq = memchr(p, '=', n);
		if (strncmp(p, "ro", n) == 0 || strncmp(p, "rw", n) == 0)
			continue;
		json_t *pair = eq
			? json_pack("[s%, s%]", p, (size_t)(eq - p), eq + 1, n - (size_t)(eq - p) - 1)
			: json_pack("[s%]", p, n);
		if (json_array_append_new(list, pair) < 0)
			r = load_fail_memory(l);
	}
	return r;
}

/* Does a service other than ours mount it? What each has for itself cannot be shared. */
static const char *other_user(const struct load *l, const char *key)
{
	for (size_t i = 0; i < l->services->n; i++) {
		const struct node *mounts = node_get(l->services->entries[i].value, "volumes");
		if (strcmp(l->services->entries[i].key, l->svc->name) == 0)
			continue;
		for (size_t k = 0; mounts && k < mounts->n; k++) {
			const struct node *type = node_get(mounts->items[k], "type");
			const struct node *source = node_get(mounts->items[k], "source");
			if (type && source && strcmp(type->text, "volume") == 0 &&
				strcmp(source->text, key) == 0)
				return l->services->entries[i].key;
		}
	}
	return NULL;
}

int volumes_fill(struct load *l, const struct node *m, const struct node *source, json_t *mount)
{
	const struct node *options = node_get(node_get(l->volumes, source->text), "driver_opts");
	const struct node *inner = node_get(m, "volume");
	if (!options || options->n == 0)
		return 0;
	const char *other = is_bind(options) ? NULL : other_user(l, source->text);
	if (other)
		return load_fail(l, source,
			"volume %.80s is a tmpfs that %.80s mounts too: sharing one is not built yet",
			source->text, other);
	if (node_get(inner, "subpath"))
		return load_fail(l, node_get(inner, "subpath"),
			"a part of a volume with driver_opts is not built yet");
	if (has_word(option(options, "o"), "ro") && put_new(l, mount, "ReadOnly", json_true()) < 0)
		return -ENOMEM;
	int r = is_bind(options) ? fill_bind(l, options, mount) : fill_tmpfs(l, options, mount);
	return r < 0 ? r : 1;
}

const char *volumes_name(struct load *l, const char *key)
{
	const struct compose_project *p = l->project;
	for (size_t i = 0; i < p->n_volumes; i++)
		if (strcmp(p->volumes[i].key, key) == 0)
			return p->volumes[i].name;
	return NULL;
}

int volumes_check_scale(struct load *l)
{
	const struct node *mounts = node_get(l->svc->node, "volumes");
	for (size_t i = 0; mounts && l->svc->out->scale > 1 && i < mounts->n; i++) {
		const struct node *type = node_get(mounts->items[i], "type");
		const struct node *source = node_get(mounts->items[i], "source");
		if (!type || !source || strcmp(type->text, "volume") != 0)
			continue;
		const struct node *options = node_get(node_get(l->volumes, source->text), "driver_opts");
		if (options && options->n > 0 && !is_bind(options))
			return load_fail(l, source,
				"volume %.80s is a tmpfs, which several containers cannot share yet",
				source->text);
	}
	return 0;
}

/* ---- top-level volumes ---- */

static int volume_labels(struct load *l, const struct node *node, struct compose_volume *v)
{
	const struct node *labels = node_get(node, "labels");
	int r = 0;
	if (labels)
		r = value_json_pairs(l, labels, true, &v->labels);
	else if (!(v->labels = json_object()))
		return load_fail_memory(l);
	if (r < 0)
		return r;
	for (size_t i = 0; labels && i < labels->n; i++)
		if (text_has_prefix(labels->entries[i].key, "com.docker.compose"))
			return load_fail(l, labels->entries[i].value,
				"%.80s: labels that start with com.docker.compose are reserved",
				labels->entries[i].key);
	if (v->external)
		return 0;
	if (json_object_set_new(v->labels, "com.docker.compose.project", json_string(l->project->name)) < 0 ||
		json_object_set_new(v->labels, "com.docker.compose.volume", json_string(v->key)) < 0)
		return load_fail_memory(l);
	return 0;
}

/* An external one has a name only; docker's local driver wants its three options together. */
static int check_options(struct load *l, const struct node *node, bool external)
{
	static const char *const known[] = { "type", "device", "o" },
				 *const bare[] = { "driver", "driver_opts", "labels" };
	const struct node *options = node_get(node, "driver_opts");
	for (size_t i = 0; external && i < ARRAY_LEN(bare); i++)
		if (node_get(node, bare[i]))
			return load_fail(l, node_get(node, bare[i]), "an external volume has a name only");
	if (!options || options->n == 0)
		return 0;
	size_t mark = load_enter(l, "driver_opts");
	int r = 0;
	for (size_t i = 0; i < options->n && r == 0; i++) {
		size_t k = 0;
		while (k < ARRAY_LEN(known) && strcmp(known[k], options->entries[i].key) != 0)
			k++;
		if (k == ARRAY_LEN(known))
			r = load_fail_key(l, options, &options->entries[i], "invalid option: \"%.60s\"",
				options->entries[i].key);
	}
	for (size_t k = 0; k < 2 && r == 0; k++) { /* type and device */
		const struct node *v = node_get(options, known[k]);
		if (!v || v->kind == NODE_NULL)
			r = load_fail(l, options, "missing required option: \"%s\"", known[k]);
	}
	load_leave(l, mark);
	return r < 0 ? r : check_kind(l, options);
}

static int declare_volume(struct load *l, const struct node_entry *e, struct compose_volume *v)
{
	const struct node *name = node_get(e->value, "name"), *external = node_get(e->value, "external");
	const struct node *driver = node_get(e->value, "driver");
	v->key = e->key;
	int r = external ? value_bool(l, external, &v->external) : 0;
	if (r < 0)
		return r;
	v->name = name	      ? name->text
		: v->external ? e->key
			      : arena_printf(l->arena, "%s_%s", l->project->name, e->key);
	if (!v->name)
		return load_fail_memory(l);
	if (!text_is_name(v->name) || !text_is_safe_id(v->name))
		return load_fail(l, e->value, "\"%.80s\" is no name for a volume: [a-zA-Z0-9][a-zA-Z0-9_.-]+",
			v->name);
	if (driver && strcmp(driver->text, "local") != 0)
		return load_fail(l, driver, "\"%.60s\": volume drivers other than local are not built yet",
			driver->text);
	r = check_options(l, e->value, v->external);
	return r < 0 ? r : volume_labels(l, e->value, v);
}

int volumes_declare(struct load *l)
{
	struct compose_project *p = l->project;
	int r = 0;

	if (!l->volumes || l->volumes->n == 0)
		return 0;
	p->volumes = arena_calloc(l->arena, l->volumes->n, sizeof(*p->volumes));
	if (!p->volumes)
		return load_fail_memory(l);
	size_t outer = load_enter(l, "volumes");
	for (size_t i = 0; i < l->volumes->n && load_goes_on(r); i++) {
		size_t mark = load_enter(l, l->volumes->entries[i].key);
		r = declare_volume(l, &l->volumes->entries[i], &p->volumes[p->n_volumes++]);
		load_leave(l, mark);
	}
	load_leave(l, outer);
	return load_goes_on(r) ? 0 : r;
}

/* ---- volumes_from ---- */

/* SERVICE[:MODE] or container:NAME[:MODE] */
static int add_from(struct load *l, const struct node *item, json_t *list)
{
	bool other = text_has_prefix(item->text, "container:");
	const char *text = item->text + (other ? strlen("container:") : 0), *colon = strchr(text, ':');
	const char *mode = colon ? colon + 1 : "rw";
	char *name = arena_strndup(l->arena, text, colon ? (size_t)(colon - text) : strlen(text));
	int r = 0;
	if (!name)
		return load_fail_memory(l);
	if (!*name || (strcmp(mode, "ro") != 0 && strcmp(mode, "rw") != 0))
		return load_fail(l, item,
			"\"%.80s\" must be SERVICE or container:NAME, and :ro or :rw if wanted", item->text);
	if (!other) {
		if (strcmp(name, l->svc->name) == 0)
			return load_fail(l, item, "a service cannot take its own volumes");
		const struct compose_dependency d = { .service = name, .required = true };
		const char *container = service_container_name(l, name);
		if (!container)
			return load_fail(l, item, "there is no service %.80s", name);
		r = service_add_dependency(l, item, &d);
		name = arena_strdup(l->arena, container);
	}
	const char *from = r == 0 && name ? arena_printf(l->arena, "%s:%s", name, mode) : NULL;
	json_t *value;
	if (r == 0)
		r = from ? value_json(l, item, from, &value) : load_fail_memory(l);
	if (r < 0)
		return r;
	return json_array_append_new(list, value) < 0 ? load_fail_memory(l) : 0;
}

int volumes_apply_from(struct load *l, const struct key *k, const struct node *v)
{
	auto_(json) json_t *list = json_array();
	int r = 0;
	(void)k;
	for (size_t i = 0; i < v->n && r == 0; i++)
		r = add_from(l, v->items[i], list);
	return r < 0 ? r : service_put(l, v, "HostConfig.VolumesFrom", take_ptr(&list));
}
