/* Services that are made of others. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "supervisor/compose/document.h"
#include "supervisor/compose/keys.h"

/* What was done with a service: nothing, brought into form, being resolved, all. */
enum stage { STAGE_RAW, STAGE_FORMED, STAGE_OPEN, STAGE_DONE };

/* A file that services are taken from. Of another's only those that are asked for are looked at: it may be a project
 * of its own, with keys and variables that are no business of ours. */
struct source {
	struct document *doc;
	struct node *services;
	unsigned char *stages; /* one per service, enum stage */
	struct source *next;
};

/* The services that are being resolved, the latest first. */
struct step {
	const struct step *up;
	const struct source *source;
	size_t index, depth;
};

#define MAX_DEPTH 100

struct extending {
	struct load *l;
	struct source *sources;
};

static int resolve(struct extending *x, struct source *s, size_t index, const struct step *up);

/* ---- files ---- */

static int new_source(struct extending *x, struct document *d, enum stage stage, struct source **out)
{
	struct arena *a = x->l->arena;
	struct source *s = arena_alloc(a, sizeof(*s));
	if (!s)
		return load_fail_memory(x->l);
	*s = (struct source){ .doc = d, .services = node_get(d->tree, "services"), .next = x->sources };
	s->stages = arena_alloc(a, s->services ? s->services->n + 1 : 1);
	if (!s->stages)
		return load_fail_memory(x->l);
	memset(s->stages, (int)stage, s->services ? s->services->n : 0);
	x->sources = s;
	*out = s;
	return 0;
}

static int directory_of(struct load *l, const char *path, const char **out)
{
	const char *slash = strrchr(path, '/');
	*out = slash == path ? "/" : arena_strndup(l->arena, path, (size_t)(slash - path));
	return *out ? 0 : load_fail_memory(l);
}

static int open_source(struct extending *x, const struct node *at, struct source **out)
{
	struct load *l = x->l;
	const char *path;
	int r = load_path(l, at, at->text, &path);
	for (struct source *s = x->sources; r == 0 && s; s = s->next)
		if (strcmp(s->doc->file.path, path) == 0 && s->doc->origin.vars == load_vars(l, at)) {
			*out = s;
			return 0;
		}
	struct document *d = arena_alloc(l->arena, sizeof(*d));
	if (r < 0 || !d)
		return r < 0 ? r : load_fail_memory(l);
	*d = (struct document){ .file = { .path = path, .name = files_display_name(l, path) },
		.origin = { .vars = load_vars(l, at) } };
	r = directory_of(l, path, &d->origin.dir);
	if (r == 0)
		r = document_read_for(l, at, d);
	if (r == 0)
		r = merge_take_resets(l, d->tree, &d->resets);
	return r < 0 ? r : new_source(x, d, STAGE_RAW, out);
}

/* ---- one service ---- */

/* Bring a service of another file into form, its errors at its own place. */
static int form(struct extending *x, struct source *s, size_t index)
{
	struct load *l = x->l;
	struct node_entry *e = &s->services->entries[index];
	char path[sizeof(l->path)];
	memcpy(path, l->path, sizeof(path));
	l->path[0] = '\0';
	(void)load_enter(l, "services");
	(void)load_enter(l, e->key);
	int errors = l->n_errors, r = 0;
	if (e->value->kind != NODE_MAP)
		r = load_fail(l, e->value, "must be a mapping");
	if (r == 0)
		r = load_interpolate(l, e->value);
	if (r == 0)
		r = schema_normalise(l, keys_service(), e->value);
	if (r == 0 && l->n_errors > errors)
		r = -EINVAL;
	memcpy(l->path, path, sizeof(path));
	s->stages[index] = STAGE_FORMED;
	return r;
}

/* "web -> base (common.yaml) -> web" */
static int fail_circle(struct extending *x, const struct source *s, size_t index, const struct step *up,
	const struct node *at)
{
	auto_(buf) struct buf text = { 0 };
	const struct step *chain[MAX_DEPTH];
	size_t n = 0;
	int r = 0;
	for (const struct step *p = up; p && n < MAX_DEPTH; p = p->up) {
		chain[n++] = p;
		if (p->source == s && p->index == index)
			break;
	}
	while (n-- > 0 && r == 0)
		r = buf_printf(&text, "%s (%s) -> ", chain[n]->source->services->entries[chain[n]->index].key,
			chain[n]->source->doc->file.name);
	return r < 0 ? load_fail_memory(x->l)
		     : load_fail(x->l, at, "circular reference: %s%s (%s)", text.data,
			       s->services->entries[index].key, s->doc->file.name);
}

/* The place of the service that extends names. */
static int find_base(struct extending *x, struct source *own, const struct node *extends, struct source **out,
	size_t *out_index)
{
	const struct node *file = node_get(extends, "file"), *name = node_get(extends, "service");
	*out = own;
	int r = file ? open_source(x, file, out) : 0;
	if (r < 0)
		return r;
	const struct node_entry *e = node_entry((*out)->services, name->text);
	if (!e)
		return load_fail(
			x->l, name, "service \"%.80s\" not found in %s", name->text, (*out)->doc->file.name);
	*out_index = (size_t)(e - (*out)->services->entries);
	return 0;
}

/* A copy of the base with the service's own keys laid over it. */
static int lay_over(
	struct extending *x, const struct source *s, struct node_entry *e, const struct node *base)
{
	struct load *l = x->l;
	struct node *own = e->value, *whole;
	int r = node_clone(l->arena, base, &l->budget, &whole);
	if (r == -ERANGE) {
		r = load_fail(l, own, "the document is too large once its services are extended");
		return r == -ENOMEM ? r : -E2BIG; /* the others would be too */
	}
	if (r < 0)
		return load_fail_memory(l);
	merge_clear_marks(whole);
	merge_apply_service_resets(&s->doc->resets, e->key, whole);
	r = merge_mapping(l, keys_service(), whole, own);
	whole->mark = own->mark;
	whole->file = own->file;
	whole->line = own->line;
	whole->column = own->column;
	whole->origin = own->origin;
	e->value = whole;
	return r;
}

static int resolve_base(struct extending *x, struct source *s, size_t index, const struct node *extends,
	const struct step *up)
{
	struct node_entry *e = &s->services->entries[index];
	const struct step here = { .up = up, .source = s, .index = index, .depth = up ? up->depth + 1 : 1 };
	struct source *from = NULL;
	size_t base = 0;
	int r = here.depth > MAX_DEPTH
		? load_fail(x->l, extends, "more than %d services extend each other", MAX_DEPTH)
		: find_base(x, s, extends, &from, &base);
	if (r == 0 && from->stages[base] == STAGE_OPEN)
		r = fail_circle(x, from, base, &here, extends);
	if (r == 0)
		r = resolve(x, from, base, &here);
	return r < 0 ? r : lay_over(x, s, e, from->services->entries[base].value);
}

static int resolve(struct extending *x, struct source *s, size_t index, const struct step *up)
{
	struct node_entry *e = &s->services->entries[index];
	int r = s->stages[index] == STAGE_RAW ? form(x, s, index) : 0;
	struct node_entry *key =
		r == 0 && s->stages[index] != STAGE_DONE ? node_entry(e->value, "extends") : NULL;
	if (key) {
		const struct node *extends = key->value;
		node_remove(e->value, (size_t)(key - e->value->entries));
		s->stages[index] = STAGE_OPEN;
		char path[sizeof(x->l->path)];
		memcpy(path, x->l->path, sizeof(path));
		x->l->path[0] = '\0';
		(void)load_enter(x->l, "services");
		(void)load_enter(x->l, e->key);
		(void)load_enter(x->l, "extends");
		r = resolve_base(x, s, index, extends, up);
		memcpy(x->l->path, path, sizeof(path));
	}
	s->stages[index] = STAGE_DONE;
	return r;
}

int extends_resolve(struct load *l, struct document *d)
{
	struct extending x = { .l = l };
	struct source *own;
	int r = new_source(&x, d, STAGE_FORMED, &own);
	for (size_t i = 0; r == 0 && own->services && i < own->services->n; i++) {
		r = resolve(&x, own, i, NULL);
		r = load_goes_on(r) ? 0 : r;
	}
	return r;
}

/* ---- the key itself ---- */

int extends_normalise(struct load *l, struct node **v)
{
	struct node *n = *v;
	if (n->kind == NODE_SCALAR) {
		struct node *map = node_new(l->arena, NODE_MAP, n);
		if (!map || node_set(l->arena, map, "service", n) < 0)
			return load_fail_memory(l);
		*v = map;
		return 0;
	}
	if (n->kind != NODE_MAP)
		return load_fail(l, n, "must be the name of a service or a mapping");
	int r = schema_normalise(l, keys_extends(), n);
	return r == 0 && !node_get(n, "service") ? load_fail(l, n, "service is missing") : r;
}
