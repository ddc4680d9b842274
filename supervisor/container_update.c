/* Changes to a container that is there: its name, its limits, its restart policy. On record first, then carried out. */
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

/* ---------------------------------------------------------------- rename */

static int rename_to(struct container *c, const char *name, struct err *e)
{
	char old[sizeof(c->name)];
	int r;

	name += *name == '/';
	if (!*name)
		return err_say(e, EINVAL, "Neither old nor new names may be empty");
	if (strcmp(name, c->name) == 0)
		return err_say(e, EINVAL, "Renaming a container with the same name as its current name");
	if (is_going(c))
		return err_say(e, EBUSY, "container %s is marked for removal and cannot be renamed", c->name);
	memcpy(old, c->name, sizeof(old));
	if ((r = container_set_name(c, name, e)) < 0)
		return r == -EEXIST ? err_wrap(e, r, "Error when allocating new name") : r;
	if ((r = store_save_config(c, e)) < 0) {
		memcpy(c->name, old, sizeof(c->name));
		return r;
	}
	char slashed[sizeof(old) + 1];
	(void)snprintf(slashed, sizeof(slashed), "/%s", old);
	events_emit(c, "rename", "oldName", slashed, NULL);
	return 0;
}

void container_rename(struct container *c, const char *name, done_fn done, void *cookie)
{
	struct err e;
	int r = rename_to(c, name, &e);

	engine_answer(c->engine, done, cookie, r, &e);
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

static int update(struct container *c, const json_t *body, struct err *e)
{
	auto_(config) struct config *other = NULL; /* the new one, then the old one */
	struct err ignored;
	int r;

	if (is_going(c))
		return err_say(e, EBUSY,
			"Cannot update container %s: container is marked for removal and cannot be \"update\"",
			c->id);
	if (c->start)
		return err_say(e, EBUSY, "Cannot update container %s: it is being started", c->id);
	if ((r = config_update(c->config, body, &other, e)) < 0)
		return r;
	struct config *old = c->config;
	c->config = other;
	other = old;
	if ((r = store_save_config(c, e)) < 0 || (r = apply(c, old, e)) < 0) {
		other = c->config;
		c->config = old;
		(void)store_save_config(c, &ignored); /* what could not be written is not there */
		return err_wrap(e, r, "Cannot update container %s", c->id);
	}
	events_emit(c, "update", NULL);
	return 0;
}

void container_update(struct container *c, const json_t *body, done_fn done, void *cookie)
{
	struct err e;
	int r = update(c, body, &e);

	engine_answer(c->engine, done, cookie, r, &e);
}
