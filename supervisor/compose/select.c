#include "supervisor/compose/select.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "supervisor/compose/service.h"

enum mark { MARK_NEW, MARK_OPEN, MARK_DONE };

struct candidate {
	const struct node_entry *entry;
	struct compose_service built;
	const struct node **places; /* of its dependencies */
	bool wanted, is_built;
	enum mark mark;
};

struct selection {
	struct load *l;
	struct candidate *all;
	size_t n;
	struct vars active; /* profiles, as "NAME=" */
	bool every_profile;
};

static struct candidate *find(struct selection *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->all[i].entry->key, name) == 0)
			return &s->all[i];
	return NULL;
}

/* ---- profiles ---- */

static int activate(struct selection *s, const char *name)
{
	if (strcmp(name, "*") == 0)
		s->every_profile = true;
	return vars_set(s->l->arena, &s->active, name, "") < 0 ? load_fail_memory(s->l) : 0;
}

static const struct node *profiles_of(const struct candidate *c)
{
	return node_get(c->entry->value, "profiles");
}

static bool is_profile_name(const char *s)
{
	for (const char *p = s; *p; p++)
		if (!isalnum((unsigned char)*p) && (p == s || !strchr("_.-", *p)))
			return false;
	return *s;
}

static int check_profiles(struct selection *s)
{
	struct load *l = s->l;
	int r = 0;
	for (size_t i = 0; i < s->n && load_goes_on(r); i++) {
		const struct node *profiles = profiles_of(&s->all[i]);
		size_t outer = load_enter(l, s->all[i].entry->key);
		(void)load_enter(l, "profiles");
		for (size_t j = 0; profiles && j < profiles->n && load_goes_on(r); j++)
			if (!is_profile_name(profiles->items[j]->text))
				r = load_fail(l, profiles->items[j],
					"\"%.80s\" must match [a-zA-Z0-9][a-zA-Z0-9_.-]*",
					profiles->items[j]->text);
		load_leave(l, outer);
	}
	return load_goes_on(r) ? 0 : r;
}

static bool is_enabled(const struct selection *s, const struct candidate *c)
{
	const struct node *profiles = profiles_of(c);
	if (!profiles || profiles->n == 0 || s->every_profile)
		return true;
	for (size_t i = 0; i < profiles->n; i++)
		if (vars_get(&s->active, profiles->items[i]->text))
			return true;
	return false;
}

static int activate_requested(struct selection *s)
{
	const char *const *p = s->l->req->profiles;
	for (; p && *p; p++) {
		int r = activate(s, *p);
		if (r < 0)
			return r;
	}
	const char *list = vars_get(&s->l->vars, "COMPOSE_PROFILES");
	char *text = list ? arena_strdup(s->l->arena, list) : NULL;
	for (char *name; text && (name = strsep(&text, ","));) {
		int r = *name ? activate(s, name) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- who is wanted ---- */

static int want_named(struct selection *s, const char *const *services)
{
	for (const char *const *name = services; *name; name++) {
		struct candidate *c = find(s, *name);
		if (!c)
			return err_say(s->l->err, ENOENT, "no such service: %.200s", *name);
		c->wanted = true;
		const struct node *profiles = profiles_of(c);
		for (size_t i = 0; profiles && i < profiles->n; i++) {
			int r = activate(s, profiles->items[i]->text);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* Drop the dependencies that cannot be and need not be; want the others. */
static int want_dependencies(struct selection *s, struct candidate *c)
{
	size_t kept = 0;
	for (size_t i = 0; i < c->built.n_depends_on; i++) {
		struct compose_dependency d = c->built.depends_on[i];
		struct candidate *on = find(s, d.service);
		if (on && (on->wanted || is_enabled(s, on))) {
			on->wanted = true;
			c->places[kept] = c->places[i];
			c->built.depends_on[kept++] = d;
		} else if (d.required) {
			return load_fail(s->l, c->places[i],
				on ? "depends on %.80s, which no active profile enables"
				   : "depends on %.80s, which does not exist",
				d.service);
		}
	}
	c->built.n_depends_on = kept;
	return 0;
}

static int build(struct selection *s, struct candidate *c)
{
	struct load *l = s->l;
	struct service svc = { .name = c->entry->key, .node = c->entry->value, .out = &c->built };

	c->is_built = true;
	c->built.name = svc.name;
	l->svc = &svc;
	size_t mark = load_enter(l, svc.name);
	int r = service_build(l);
	c->places = svc.places;
	if (r == 0)
		r = want_dependencies(s, c);
	if (r == 0)
		r = service_label(l);
	load_leave(l, mark);
	l->svc = NULL;
	return r;
}

/* Building a service may make others wanted: again until nothing is new. */
static int build_wanted(struct selection *s)
{
	for (bool again = true; again;) {
		again = false;
		for (size_t i = 0; i < s->n; i++) {
			if (!s->all[i].wanted || s->all[i].is_built)
				continue;
			int r = build(s, &s->all[i]);
			if (!load_goes_on(r))
				return r;
			again = true;
		}
	}
	return 0;
}

/* ---- in which order ---- */

/* The services that are open from c on, as "a -> b -> a". */
static int fail_cycle(
	struct selection *s, struct candidate *const *stack, size_t depth, const struct candidate *c)
{
	auto_(buf) struct buf text = { 0 };
	size_t from = depth;
	while (from > 0 && stack[from - 1] != c)
		from--;
	for (size_t i = from - 1; i < depth; i++)
		if (buf_printf(&text, "%s -> ", stack[i]->entry->key) < 0)
			return load_fail_memory(s->l);
	return load_fail(
		s->l, c->entry->value, "services depend on each other: %s%s", text.data, c->entry->key);
}

static int visit(struct selection *s, struct candidate *c, struct candidate **stack, size_t depth)
{
	struct compose_project *p = s->l->project;
	if (c->mark == MARK_DONE)
		return 0;
	if (c->mark == MARK_OPEN)
		return fail_cycle(s, stack, depth, c);
	c->mark = MARK_OPEN;
	stack[depth] = c;
	for (size_t i = 0; i < c->built.n_depends_on; i++) {
		int r = visit(s, find(s, c->built.depends_on[i].service), stack, depth + 1);
		if (r < 0)
			return r;
	}
	c->mark = MARK_DONE;
	p->services[p->n_services++] = c->built;
	c->built.body = NULL; /* the project's now */
	return 0;
}

static int order(struct selection *s)
{
	struct candidate **stack = arena_calloc(s->l->arena, s->n + 1, sizeof(struct candidate *));
	s->l->project->services = arena_calloc(s->l->arena, s->n, sizeof(struct compose_service));
	if (!stack || !s->l->project->services)
		return load_fail_memory(s->l);
	for (size_t i = 0; i < s->n; i++) {
		int r = s->all[i].wanted ? visit(s, &s->all[i], stack, 0) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int prepare(struct selection *s)
{
	struct load *l = s->l;
	s->n = l->services->n;
	s->all = arena_calloc(l->arena, s->n, sizeof(*s->all));
	l->project->declared = arena_calloc(l->arena, s->n + 1, sizeof(char *));
	l->container_names = arena_calloc(l->arena, s->n, sizeof(char *));
	if (!s->all || !l->project->declared || !l->container_names)
		return load_fail_memory(l);
	for (size_t i = 0; i < s->n; i++) {
		s->all[i].entry = &l->services->entries[i];
		l->project->declared[i] = arena_strdup(l->arena, s->all[i].entry->key);
		if (!l->project->declared[i])
			return load_fail_memory(l);
	}
	return 0;
}

static int choose(struct selection *s)
{
	const char *const *services = s->l->req->services;
	int r = activate_requested(s);
	if (r == 0 && services && *services)
		return want_named(s, services);
	for (size_t i = 0; r == 0 && i < s->n; i++)
		s->all[i].wanted = is_enabled(s, &s->all[i]);
	return r;
}

int select_services(struct load *l)
{
	struct selection s = { .l = l };
	int r = prepare(&s);
	if (r == 0)
		r = choose(&s);
	size_t mark = load_enter(l, "services");
	if (r == 0)
		r = check_profiles(&s);
	if (r == 0)
		r = build_wanted(&s);
	if (r == 0 && l->n_errors == 0)
		r = order(&s);
	load_leave(l, mark);
	for (size_t i = 0; i < s.n; i++)
		json_decref(s.all[i].built.body); /* of those that did not get into the project */
	return load_goes_on(r) ? 0 : r;
}
