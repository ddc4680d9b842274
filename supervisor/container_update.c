/* Changes to a container that is there: its name, its limits, its restart policy. Answered when they are on disk; what the disk does
 * not take is put back. */
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "supervisor/config.h"
#include "supervisor/container.h"
#include "supervisor/events.h"
#include "supervisor/store.h"

static bool is_going(const struct container *c)
{
	return c->remove || c->actual.removing || c->actual.dead;
}

/* What was before, for as long as the disk has not answered. */
struct change {
	struct engine *engine;
	char id[TEXT_ID_LEN + 1]; /* it may be removed meanwhile */
	char name[CONTAINER_NAME_MAX + 1];
	struct config *old, *new; /* the new one is the container's */
	done_fn done;
	void *cookie;
};

static struct change *new_change(const struct container *c, done_fn done, void *cookie)
{
	struct change *x = calloc(1, sizeof(*x));

	if (!x)
		abort();
	x->engine = c->engine;
	memcpy(x->id, c->id, sizeof(x->id));
	memcpy(x->name, c->name, sizeof(x->name));
	x->done = done;
	x->cookie = cookie;
	return x;
}

static void end_change(struct change *x, int r, const struct err *e)
{
	if (x->done)
		x->done(x->cookie, r, e);
	config_free(x->old);
	free(x);
}

/* ---------------------------------------------------------------- rename */

static int rename_to(struct container *c, const char *name, struct err *e)
{
	int r;

	name += *name == '/';
	if (!*name)
		return err_say(e, EINVAL, "Neither old nor new names may be empty");
	if (strcmp(name, c->name) == 0)
		return err_say(e, EINVAL, "Renaming a container with the same name as its current name");
	if (is_going(c))
		return err_say(e, EBUSY, "container %s is marked for removal and cannot be renamed", c->name);
	return (r = container_set_name(c, name, e)) == -EEXIST
		? err_wrap(e, r, "Error when allocating new name")
		: r;
}

static void renamed(void *cookie, int r, const struct err *e)
{
	struct change *x = cookie;
	struct container *c = container_by_id(x->engine, x->id);

	if (c && r == 0) {
		char slashed[sizeof(x->name) + 1];
		(void)snprintf(slashed, sizeof(slashed), "/%s", x->name);
		events_emit(c, "rename", "oldName", slashed, NULL);
	} else if (c && !container_by_name(x->engine, x->name)) {
		memcpy(c->name, x->name, sizeof(c->name)); /* it was not on disk, and now it never will be */
	}
	end_change(x, r, e);
}

void container_rename(struct container *c, const char *name, done_fn done, void *cookie)
{
	struct change *x = new_change(c, done, cookie);
	struct err e;
	int r = rename_to(c, name, &e);

	if (r == 0) {
		store_commit(c, STORE_CONFIG, renamed, x);
		return;
	}
	engine_answer(c->engine, done, cookie, r, &e);
	x->done = NULL;
	end_change(x, 0, NULL);
}

/* ---------------------------------------------------------------- update */

/* To what runs; a container at rest has its limits at its next start. */
static int apply(struct container *c, const struct config *old, struct err *e)
{
	struct spec_resources changed;

	if (!c->actual.running || c->actual.restarting || c->exit || !c->group.path[0])
		return 0;
	config_changed_resources(old, c->config, &changed);
	return cgroup_update_resources(&c->group, c->engine->cgroups, &changed, e);
}

/* The new config is c's, the old one *old: the caller's. */
static int update(struct container *c, const json_t *body, struct config **old, struct err *e)
{
	auto_(config) struct config *other = NULL; /* the new one, then the old one */
	int r;

	if (is_going(c))
		return err_say(e, EBUSY,
			"Cannot update container %s: container is marked for removal and cannot be \"update\"",
			c->id);
	if (c->start)
		return err_say(e, EBUSY, "Cannot update container %s: it is being started", c->id);
	if ((r = config_update(c->config, body, &other, e)) < 0)
		return r;
	struct config *before = c->config;
	c->config = other;
	other = before;
	if ((r = apply(c, before, e)) < 0) {
		other = c->config;
		c->config = before;
		return err_wrap(e, r, "Cannot update container %s", c->id);
	}
	*old = take_ptr(&other);
	return 0;
}

static void updated(void *cookie, int r, const struct err *e)
{
	struct change *x = cookie;
	struct container *c = container_by_id(x->engine, x->id);
	struct err why;

	if (c && r == 0)
		events_emit(c, "update", NULL);
	if (c && r < 0 && c->config == x->new) { /* else a later one is on its way */
		c->config = x->old;
		x->old = x->new;
		if (apply(c, x->old, &why) < 0)
			log_warn("update-undone", "container=%.12s err=\"%s\" action=\"go on\"", c->id,
				why.text);
	}
	end_change(x, r, e);
}

void container_update(struct container *c, const json_t *body, done_fn done, void *cookie)
{
	struct change *x = new_change(c, done, cookie);
	struct err e;
	int r = update(c, body, &x->old, &e);

	x->new = c->config;
	if (r == 0) {
		store_commit(c, STORE_CONFIG, updated, x);
		return;
	}
	engine_answer(c->engine, done, cookie, r, &e);
	x->done = NULL;
	end_change(x, 0, NULL);
}
