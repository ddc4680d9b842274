#include "supervisor/compose/merge.h"

#include <errno.h>
#include <string.h>

#include "supervisor/compose/yaml.h"

/* ---- !reset ---- */

struct taking {
	struct load *l;
	struct merge_resets *out;
	const char *keys[YAML_MAX_DEPTH + 1]; /* the way to where we are */
};

static int record(struct taking *t, size_t depth)
{
	struct merge_resets *out = t->out;
	struct arena *a = t->l->arena;
	const char **keys = arena_calloc(a, depth, sizeof(*keys));
	if (out->n == out->room) {
		size_t room = out->room ? out->room * 2 : 8;
		struct merge_reset *v = arena_calloc(a, room, sizeof(*v));
		if (!v)
			return load_fail_memory(t->l);
		if (out->n)
			memcpy(v, out->v, out->n * sizeof(*v));
		out->v = v;
		out->room = room;
	}
	if (!keys)
		return load_fail_memory(t->l);
	memcpy(keys, t->keys, depth * sizeof(*keys));
	out->v[out->n++] = (struct merge_reset){ .keys = keys, .n = depth };
	return 0;
}

static int take(struct taking *t, struct node *tree, size_t depth);

static int take_from_list(struct taking *t, struct node *list, size_t depth)
{
	int r = 0;
	for (size_t i = 0; i < list->n && r == 0; i++) {
		size_t mark = load_enter_item(t->l, i);
		size_t before = t->out->n;
		r = take(t, list->items[i], depth);
		/* What is in a list has no name by which the other document's could be found. */
		if (r == 0 && (list->items[i]->mark == NODE_MARK_RESET || t->out->n > before))
			r = load_fail(t->l, list->items[i], "!reset has no place in a list");
		load_leave(t->l, mark);
	}
	return r;
}

static int take(struct taking *t, struct node *tree, size_t depth)
{
	int r = 0;
	if (tree->kind == NODE_LIST)
		return take_from_list(t, tree, depth);
	for (size_t i = 0; tree->kind == NODE_MAP && i < tree->n && r == 0; i++) {
		struct node *value = tree->entries[i].value;
		t->keys[depth] = tree->entries[i].key;
		size_t mark = load_enter(t->l, tree->entries[i].key);
		if (value->mark == NODE_MARK_RESET) {
			r = record(t, depth + 1);
			node_remove(tree, i--);
		} else {
			r = take(t, value, depth + 1);
		}
		load_leave(t->l, mark);
	}
	return r;
}

int merge_take_resets(struct load *l, struct node *tree, struct merge_resets *out)
{
	struct taking t = { .l = l, .out = out };
	return take(&t, tree, 0);
}

static void drop(const struct merge_reset *reset, size_t from, struct node *at)
{
	for (size_t i = from; at; i++) {
		struct node_entry *e = node_entry(at, reset->keys[i]);
		if (!e)
			return;
		if (i + 1 == reset->n) {
			node_remove(at, (size_t)(e - at->entries));
			return;
		}
		at = e->value;
	}
}

void merge_apply_resets(const struct merge_resets *resets, struct node *base)
{
	for (size_t i = 0; i < resets->n; i++)
		drop(&resets->v[i], 0, base);
}

void merge_apply_service_resets(const struct merge_resets *resets, const char *name, struct node *service)
{
	for (size_t i = 0; i < resets->n; i++) {
		const struct merge_reset *r = &resets->v[i];
		if (r->n > 2 && strcmp(r->keys[0], "services") == 0 && strcmp(r->keys[1], name) == 0)
			drop(r, 2, service);
	}
}

/* ---- laying one over the other ---- */

static int merge_value(struct load *l, const struct key *k, struct node **base, struct node *over);

static bool same_text(const struct node *a, const struct node *b)
{
	return a && b && a->kind == NODE_SCALAR && b->kind == NODE_SCALAR && strcmp(a->text, b->text) == 0;
}

static int merge_map(struct load *l, const struct key *k, struct node *base, struct node *over)
{
	const struct key item = { .shape = SHAPE_KEYS, .sub = k ? k->sub : NULL };

	for (size_t i = 0; i < over->n; i++) {
		const struct node_entry *e = &over->entries[i];
		struct node_entry *old = node_entry(base, e->key);
		const struct key *sub = NULL; /* free mappings have no rules for what is in them */
		if (k && k->shape == SHAPE_NAMED)
			sub = &item;
		else if (k && k->shape == SHAPE_KEYS)
			sub = schema_find(k->sub, e->key);
		int r = old ? merge_value(l, sub, &old->value, e->value)
			    : node_set(l->arena, base, e->key, e->value);
		if (r < 0)
			return r == -ENOMEM ? load_fail_memory(l) : r;
	}
	return 0;
}

/* The item of base that an item of the later file stands for. */
static struct node **counterpart(const struct key *k, struct node *base, const struct node *item)
{
	for (size_t i = 0; k && !k->every && i < base->n; i++) {
		struct node *have = base->items[i];
		if (k->shape == SHAPE_SET && same_text(have, item))
			return &base->items[i];
		if (k->shape == SHAPE_OBJECTS && k->unique &&
			same_text(node_get(have, k->unique), node_get(item, k->unique)))
			return &base->items[i];
	}
	return NULL;
}

static int merge_list(struct load *l, const struct key *k, struct node *base, struct node *over)
{
	for (size_t i = 0; i < over->n; i++) {
		struct node **same = counterpart(k, base, over->items[i]);
		if (same)
			*same = over->items[i];
		else if (node_append(l->arena, base, over->items[i]) < 0)
			return load_fail_memory(l);
	}
	return 0;
}

static bool is_replaced(const struct key *k, const struct node *base, const struct node *over)
{
	if (over->mark != NODE_MARK_NONE || base->kind != over->kind || (k && k->shape == SHAPE_COMMAND))
		return true;
	if (!k || !k->decides)
		return false;
	const struct node *was = node_get(base, k->decides), *is = node_get(over, k->decides);
	return was && is && !same_text(was, is);
}

static int merge_value(struct load *l, const struct key *k, struct node **base, struct node *over)
{
	if (!is_replaced(k, *base, over)) {
		if (over->kind == NODE_MAP)
			return merge_map(l, k, *base, over);
		if (over->kind == NODE_LIST)
			return merge_list(l, k, *base, over);
	}
	*base = over;
	return 0;
}

int merge_mapping(struct load *l, const struct key *keys, struct node *base, struct node *over)
{
	const struct key top = { .shape = SHAPE_KEYS, .sub = keys };
	return merge_map(l, &top, base, over);
}

void merge_clear_marks(struct node *tree)
{
	tree->mark = NODE_MARK_NONE;
	for (size_t i = 0; i < tree->n; i++)
		merge_clear_marks(tree->kind == NODE_LIST ? tree->items[i] : tree->entries[i].value);
}
