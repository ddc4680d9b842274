#include "supervisor/compose/schema.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/text.h"

const struct key *schema_find(const struct key *keys, const char *name)
{
	for (; keys->name; keys++)
		if (strcmp(keys->name, name) == 0)
			return keys;
	return NULL;
}

/* ---- unknown keys ---- */

#define WORD_MAX 40

/* Letters to insert, delete, change or swap with their neighbour until a is b. */
static unsigned edit_distance(const char *a, const char *b)
{
	unsigned char row[3][WORD_MAX + 1];
	size_t la = strlen(a), lb = strlen(b);

	for (size_t j = 0; j <= lb; j++)
		row[0][j] = (unsigned char)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned char *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
		now[0] = (unsigned char)i;
		for (size_t j = 1; j <= lb; j++) {
			unsigned best = last[j - 1] + (tolower((unsigned char)a[i - 1]) != b[j - 1]);
			if (last[j] + 1u < best)
				best = last[j] + 1u;
			if (now[j - 1] + 1u < best)
				best = now[j - 1] + 1u;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
				before[j - 2] + 1u < best)
				best = before[j - 2] + 1u;
			now[j] = (unsigned char)best;
		}
	}
	return row[la % 3][lb];
}

/* Words of other systems, and of docker run, for what compose calls otherwise. */
static const struct {
	const char *said, *meant;
} synonyms[] = { { "memory", "mem_limit" }, { "mem", "mem_limit" }, { "memory_limit", "mem_limit" },
	{ "cpu", "cpus" }, { "env", "environment" }, { "cmd", "command" }, { "args", "command" },
	{ "name", "container_name" }, { "workdir", "working_dir" }, { "cwd", "working_dir" },
	{ "interactive", "stdin_open" }, { "rm", "restart" }, { "net", "network_mode" },
	{ "network", "networks" }, { "mounts", "volumes" }, { "swap", "memswap_limit" },
	{ "memory_swap", "memswap_limit" }, { "pids", "pids_limit" }, { "readonly", "read_only" },
	{ "capabilities", "cap_add" }, { "stop_timeout", "stop_grace_period" }, { "publish", "ports" },
	{ "add_host", "extra_hosts" }, { "restart_policy", "restart" }, { "health_check", "healthcheck" } };

const char *schema_nearest(const struct key *keys, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(synonyms); i++)
		if (strcmp(synonyms[i].said, name) == 0 && schema_find(keys, synonyms[i].meant))
			return synonyms[i].meant;
	size_t len = strlen(name);
	if (len > WORD_MAX)
		return NULL;
	const char *best = NULL;
	unsigned least = len < 4 ? 2 : len < 8 ? 3 : 4; /* must be below: 1, 2 or 3 letters wrong */
	for (; keys->name; keys++) {
		unsigned d = strlen(keys->name) > WORD_MAX ? least : edit_distance(name, keys->name);
		if (d < least) {
			least = d;
			best = keys->name;
		}
	}
	return best;
}

static int fail_unknown(
	struct load *l, const struct key *keys, const struct node *map, const struct node_entry *key)
{
	const char *near = schema_nearest(keys, key->key);
	return load_fail_key(
		l, map, key, near ? "unknown key; did you mean %s?" : "unknown key%s", near ? near : "");
}

/* ---- one form per shape ---- */

static int normalise_value(struct load *l, const struct key *k, struct node **v);

static int list_of_one(struct load *l, struct node **v)
{
	struct node *list = node_new(l->arena, NODE_LIST, *v);
	if (!list || node_append(l->arena, list, *v) < 0)
		return load_fail_memory(l);
	list->mark = (*v)->mark;
	*v = list;
	return 0;
}

/* A list of words: a single word is a list of one. */
static int normalise_list(struct load *l, struct node **v)
{
	struct node *n = *v;
	if (n->kind == NODE_SCALAR)
		return list_of_one(l, v);
	if (n->kind != NODE_LIST)
		return load_fail(l, n, "must be a list of strings");
	for (size_t i = 0; i < n->n; i++)
		if (n->items[i]->kind != NODE_SCALAR)
			return load_fail(l, n->items[i], "item %zu must be a string", i + 1);
	return 0;
}

static bool same_text(const struct node *a, const struct node *b)
{
	return a && b && a->kind == NODE_SCALAR && b->kind == NODE_SCALAR && strcmp(a->text, b->text) == 0;
}

/* Equal items once, the first of them. */
static void make_set(struct node *list)
{
	size_t kept = 0;
	for (size_t i = 0; i < list->n; i++) {
		size_t j = 0;
		while (j < kept && !same_text(list->items[j], list->items[i]))
			j++;
		if (j == kept)
			list->items[kept++] = list->items[i];
	}
	list->n = kept;
}

static int normalise_set(struct load *l, struct node **v)
{
	int r = normalise_list(l, v);
	if (r == 0)
		make_set(*v);
	return r;
}

static int normalise_command(struct load *l, struct node **v)
{
	return (*v)->kind == NODE_SCALAR ? 0 : normalise_list(l, v);
}

/* K=V items become a mapping; among them the last of a key wins, as in a shell. */
static int pairs_of_list(struct load *l, struct node **v)
{
	struct node *list = *v, *map = node_new(l->arena, NODE_MAP, list);
	if (!map)
		return load_fail_memory(l);
	map->mark = list->mark;
	for (size_t i = 0; i < list->n; i++) {
		struct node *item = list->items[i];
		if (item->kind != NODE_SCALAR || !*item->text || *item->text == '=')
			return load_fail(l, item, "item %zu must be KEY=VALUE or KEY", i + 1);
		const char *eq = strchr(item->text, '=');
		const char *key = arena_strndup(
			l->arena, item->text, eq ? (size_t)(eq - item->text) : strlen(item->text));
		struct node *value =
			eq ? node_new_text(l->arena, eq + 1, item) : node_new(l->arena, NODE_NULL, item);
		if (node_set(l->arena, map, key, value) < 0)
			return load_fail_memory(l);
	}
	*v = map;
	return 0;
}

static int normalise_pairs(struct load *l, struct node **v)
{
	struct node *n = *v;
	if (n->kind == NODE_LIST)
		return pairs_of_list(l, v);
	if (n->kind != NODE_MAP)
		return load_fail(l, n, "must be a mapping or a list of KEY=VALUE");
	for (size_t i = 0; i < n->n; i++)
		if (n->entries[i].value->kind == NODE_LIST || n->entries[i].value->kind == NODE_MAP)
			return load_fail(
				l, n->entries[i].value, "%.80s must be a single value", n->entries[i].key);
	return 0;
}

static int normalise_named(struct load *l, const struct key *k, struct node *map)
{
	int r = 0;
	if (map->kind != NODE_MAP)
		return load_fail(l, map, "must be a mapping of names");
	for (size_t i = 0; i < map->n && load_goes_on(r); i++) {
		struct node_entry *e = &map->entries[i];
		if (text_has_prefix(e->key, "x-")) {
			node_remove(map, i--);
			continue;
		}
		size_t mark = load_enter(l, e->key);
		if (e->value->kind == NODE_NULL &&
			(e->value = node_new(l->arena, NODE_MAP, e->value)) == NULL)
			r = load_fail_memory(l);
		else
			r = e->value->kind == NODE_MAP ? schema_normalise(l, k->sub, e->value)
						       : load_fail(l, e->value, "must be a mapping");
		load_leave(l, mark);
	}
	return r;
}

static int normalise_objects(struct load *l, const struct key *k, struct node **v)
{
	int r = k->one && (*v)->kind == NODE_SCALAR ? list_of_one(l, v) : 0;
	struct node *list = *v;
	if (r < 0)
		return r;
	if (list->kind != NODE_LIST)
		return load_fail(l, list, "must be a list");
	for (size_t i = 0; i < list->n && load_goes_on(r); i++) {
		size_t mark = load_enter_item(l, i);
		struct node **item = &list->items[i];
		if ((*item)->kind == NODE_SCALAR && k->normalise)
			r = k->normalise(l, item);
		else if ((*item)->kind != NODE_MAP)
			r = load_fail(l, *item,
				k->normalise ? "must be a string or a mapping" : "must be a mapping");
		if (r == 0)
			r = schema_normalise(l, k->sub, *item);
		if (r == 0 && k->complete)
			r = k->complete(l, *item);
		if (r == 0 && k->unique && !node_get(*item, k->unique))
			r = load_fail(l, *item, "%s is missing", k->unique);
		load_leave(l, mark);
	}
	return r;
}

static int normalise_value(struct load *l, const struct key *k, struct node **v)
{
	switch (k->shape) {
	case SHAPE_SCALAR:
		return (*v)->kind == NODE_SCALAR ? 0 : load_fail(l, *v, "must be a single value");
	case SHAPE_LIST:
		return normalise_list(l, v);
	case SHAPE_SET:
		return normalise_set(l, v);
	case SHAPE_COMMAND:
		return normalise_command(l, v);
	case SHAPE_PAIRS:
		return normalise_pairs(l, v);
	case SHAPE_KEYS:
		return (*v)->kind == NODE_MAP ? schema_normalise(l, k->sub, *v)
					      : load_fail(l, *v, "must be a mapping");
	case SHAPE_NAMED:
		return normalise_named(l, k, *v);
	case SHAPE_OBJECTS:
		return normalise_objects(l, k, v);
	case SHAPE_FREE:
	case SHAPE_COUNT:
		break;
	}
	return k->normalise ? k->normalise(l, v) : 0;
}

/* One key of a mapping; *drop when it is to vanish from the document. */
static int normalise_entry(
	struct load *l, const struct key *keys, struct node *map, struct node_entry *e, bool *drop)
{
	const struct key *k = schema_find(keys, e->key);
	*drop = true;
	if (!k)
		return text_has_prefix(e->key, "x-") ? 0 : fail_unknown(l, keys, map, e);
	switch (k->status) {
	case KEY_LATER:
		return load_fail_key(l, map, e, "%s not built yet", k->words);
	case KEY_MEANINGLESS:
		return load_warn(l, map, "%s: ignored: %s", l->path, k->words);
	case KEY_IGNORED:
		return 0;
	case KEY_BUILT:
		break;
	}
	*drop = e->value->kind == NODE_NULL; /* a key without value is not set */
	return *drop ? 0 : normalise_value(l, k, &e->value);
}

int schema_normalise(struct load *l, const struct key *keys, struct node *map)
{
	int r = 0;
	for (size_t i = 0; i < map->n && load_goes_on(r); i++) {
		bool drop;
		size_t mark = load_enter(l, map->entries[i].key);
		r = normalise_entry(l, keys, map, &map->entries[i], &drop);
		load_leave(l, mark);
		if (drop)
			node_remove(map, i--);
	}
	return load_goes_on(r) ? 0 : r;
}

/* ---- handlers ---- */

int schema_apply(struct load *l, const struct key *keys, const struct node *map)
{
	int r = 0;
	for (size_t i = 0; i < map->n && load_goes_on(r); i++) {
		const struct key *k = schema_find(keys, map->entries[i].key);
		if (!k) /* normalised: only keys of the table are left */
			continue;
		size_t mark = load_enter(l, k->name);
		if (k->apply)
			r = k->apply(l, k, map->entries[i].value);
		else if (k->shape == SHAPE_KEYS)
			r = schema_apply(l, k->sub, map->entries[i].value);
		load_leave(l, mark);
	}
	return load_goes_on(r) ? 0 : r;
}
