#include "supervisor/compose/node.h"

#include <errno.h>
#include <string.h>

struct node *node_new(struct arena *a, enum node_kind kind, const struct node *at)
{
	struct node *n = arena_alloc(a, sizeof(*n));
	if (!n)
		return NULL;
	n->kind = kind;
	if (at) {
		n->file = at->file;
		n->origin = at->origin;
		n->line = at->line;
		n->column = at->column;
	}
	return n;
}

struct node *node_new_text(struct arena *a, const char *text, const struct node *at)
{
	struct node *n = node_new(a, NODE_SCALAR, at);
	if (n)
		n->text = text;
	return n && text ? n : NULL;
}

/* Room for one more; old arrays stay in the arena, which doubling keeps below twice the final size. */
static void *grow(struct arena *a, void *old, size_t n, size_t *room, size_t size)
{
	if (n < *room)
		return old;
	size_t more = *room ? *room * 2 : 4;
	void *bigger = arena_calloc(a, more, size);
	if (!bigger)
		return NULL;
	if (n)
		memcpy(bigger, old, n * size);
	*room = more;
	return bigger;
}

int node_append(struct arena *a, struct node *list, struct node *item)
{
	struct node **items = grow(a, list->items, list->n, &list->room, sizeof(*items));
	if (!items || !item)
		return -ENOMEM;
	list->items = items;
	list->items[list->n++] = item;
	return 0;
}

static uint32_t hash_of(const char *key)
{
	uint32_t h = 2166136261u; /* FNV-1a */
	for (; *key; key++)
		h = (h ^ (unsigned char)*key) * 16777619u;
	return h;
}

static void fill(struct node_entry *e, const char *key, uint32_t hash, struct node *value)
{
	*e = (struct node_entry){
		.key = key, .hash = hash, .line = value->line, .column = value->column, .value = value
	};
}

int node_add(struct arena *a, struct node *map, const char *key, struct node *value)
{
	struct node_entry *entries = grow(a, map->entries, map->n, &map->room, sizeof(*entries));
	if (!entries || !key || !value)
		return -ENOMEM;
	map->entries = entries;
	fill(&map->entries[map->n++], key, hash_of(key), value);
	return 0;
}

int node_set(struct arena *a, struct node *map, const char *key, struct node *value)
{
	if (!key || !value)
		return -ENOMEM;
	struct node_entry *old = node_entry(map, key);
	if (!old)
		return node_add(a, map, key, value);
	fill(old, key, old->hash, value);
	return 0;
}

struct node_entry *node_entry(const struct node *map, const char *key)
{
	if (!map || map->kind != NODE_MAP)
		return NULL;
	uint32_t hash = hash_of(key);
	for (size_t i = 0; i < map->n; i++)
		if (map->entries[i].hash == hash && strcmp(map->entries[i].key, key) == 0)
			return &map->entries[i];
	return NULL;
}

struct node *node_get(const struct node *map, const char *key)
{
	struct node_entry *e = node_entry(map, key);
	return e ? e->value : NULL;
}

void node_remove(struct node *map, size_t index)
{
	map->n--;
	memmove(map->entries + index, map->entries + index + 1, (map->n - index) * sizeof(*map->entries));
}

static bool same_place(const struct node *a, const struct node *b)
{
	return a->origin == b->origin ||
		(a->origin && b->origin && strcmp(a->origin->dir, b->origin->dir) == 0);
}

bool node_equal(const struct node *a, const struct node *b)
{
	if (a->kind != b->kind || a->n != b->n)
		return false;
	if (a->kind == NODE_SCALAR)
		return strcmp(a->text, b->text) == 0 && same_place(a, b);
	for (size_t i = 0; i < a->n; i++) {
		const struct node *other =
			a->kind == NODE_LIST ? b->items[i] : node_get(b, a->entries[i].key);
		if (!other || !node_equal(a->kind == NODE_LIST ? a->items[i] : a->entries[i].value, other))
			return false;
	}
	return true;
}

size_t node_set_origin(struct node *tree, const struct origin *origin)
{
	size_t n = 1;
	tree->origin = origin;
	for (size_t i = 0; i < tree->n; i++)
		n += node_set_origin(
			tree->kind == NODE_LIST ? tree->items[i] : tree->entries[i].value, origin);
	return n;
}

int node_clone(struct arena *a, const struct node *n, size_t *budget, struct node **out)
{
	if (*budget == 0)
		return -ERANGE;
	--*budget;
	struct node *copy = node_new(a, n->kind, n);
	if (!copy)
		return -ENOMEM;
	copy->plain = n->plain;
	copy->mark = n->mark;
	copy->text = n->text;
	if (n->kind == NODE_LIST && n->n) {
		copy->items = arena_calloc(a, n->n, sizeof(*copy->items));
	} else if (n->kind == NODE_MAP && n->n) {
		copy->entries = arena_calloc(a, n->n, sizeof(*copy->entries));
	}
	if (n->n && !copy->items && !copy->entries)
		return -ENOMEM;
	copy->n = copy->room = n->n;
	for (size_t i = 0; i < n->n; i++) {
		int r;
		if (n->kind == NODE_LIST) {
			r = node_clone(a, n->items[i], budget, &copy->items[i]);
		} else {
			copy->entries[i] = n->entries[i];
			r = node_clone(a, n->entries[i].value, budget, &copy->entries[i].value);
		}
		if (r < 0)
			return r;
	}
	*out = copy;
	return 0;
}
