/* project_down - stop and remove a project's containers, each one after those that depend on it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "supervisor/config.h"
#include "supervisor/hooks.h"
#include "supervisor/project_job.h"
#include "supervisor/project_volumes.h"
#include "supervisor/worker.h"

struct project_item {
	struct project_job *job;
	char id[TEXT_ID_LEN + 1];
	const char *service; /* the name its dependants know it by, in the job's arena */
	const char *depends_on;
	const char *name;
	bool begun, gone;
};

/* The label "db:service_started:true,cache:service_healthy:false": does it name this service? */
static bool depends_on(const struct project_item *item, const char *service)
{
	size_t len = strlen(service);
	for (const char *p = item->depends_on; p && *p;) {
		size_t entry = strcspn(p, ","), word = strcspn(p, ":,");
		if (word == len && strncmp(p, service, len) == 0)
			return true;
		p += entry;
		p += *p == ',';
	}
	return false;
}

static bool is_awaited(const struct project_job *j, const struct project_item *item)
{
	for (size_t i = 0; i < j->n_items; i++)
		if (!j->items[i].gone && depends_on(&j->items[i], item->service))
			return true;
	return false;
}

static void begin_ready(struct project_job *j);
static void remove_volumes(struct project_job *j);

static void item_gone(struct project_item *item, int r, const struct err *e)
{
	struct project_job *j = item->job;
	item->gone = true;
	if (r < 0 && r != -ENOENT) {
		if (!j->first_error.code) {
			j->first_error = *e;
			(void)err_wrap(&j->first_error, r, "container %s", item->name);
		}
	} else {
		project_say(j, item->name, "Removed");
	}
	if (--j->n_left == 0)
		remove_volumes(j);
	else
		begin_ready(j);
}

static void item_removed(void *cookie, int r, const struct err *e)
{
	item_gone(cookie, r, e);
}

static void item_stopped(void *cookie, int r, const struct err *e)
{
	struct project_item *item = cookie;
	struct container *c = container_by_id(item->job->engine, item->id);
	if (r < 0 && r != -EALREADY && r != -ENOENT) {
		item_gone(item, r, e);
		return;
	}
	project_say(item->job, item->name, "Stopped");
	if (c)
		project_say(item->job, item->name, "Removing");
	if (c)
		container_remove_or_join(c, project_flag(item->job, "Volumes"), item_removed, item);
	else
		item_gone(item, 0, NULL);
}

static void begin_ready(struct project_job *j)
{
	int64_t timeout_ns = project_timeout_ns(j);
	bool any = false;
	/* Containers that wait for each other in a ring (labels lie) are begun all the same. */
	for (int forced = 0; forced < 2 && !any; forced++) {
		for (size_t i = 0; i < j->n_items; i++) {
			struct project_item *item = &j->items[i];
			any = any || (item->begun && !item->gone);
			if (item->begun || (!forced && is_awaited(j, item)))
				continue;
			item->begun = true;
			any = true;
			struct container *c = container_by_id(j->engine, item->id);
			project_say(j, item->name, "Stopping");
			if (c)
				hooks_stop(c, 0, timeout_ns, item_stopped, item);
			else
				engine_answer(j->engine, item_removed, item, 0, NULL);
		}
	}
}

static bool is_wanted(const struct project_job *j, const struct container *c)
{
	const char *own = config_label(c->config, LABEL_SERVICE);
	if (!project_has(j, c, NULL))
		return false;
	if (json_array_size(json_object_get(j->request, "Services")) > 0)
		return own && project_is_named(j, own);
	if (!j->project->declared[0] || json_is_true(json_object_get(j->request, "RemoveOrphans")))
		return true;
	const char *service = config_label(c->config, LABEL_SERVICE);
	for (char **d = j->project->declared; *d; d++)
		if (service && strcmp(*d, service) == 0)
			return true;
	return false;
}

/* ---------------------------------------------------------------- volumes, when asked */

static void end(struct project_job *j)
{
	if (j->first_error.code) {
		struct err e = j->first_error;
		project_end(j, -e.code, &e, NULL);
	} else {
		project_end(j, 0, NULL, json_pack("{s:s}", "Project", j->project->name));
	}
}

static void say_volumes(struct project_job *j, const char *status)
{
	for (size_t i = 0; i < j->project->n_volumes; i++) {
		char text[512];
		(void)snprintf(text, sizeof(text), "Volume %s", j->project->volumes[i].name);
		if (!j->project->volumes[i].external)
			project_say(j, text, status);
	}
}

static void volumes_removed(struct project_job *j, const struct err *e)
{
	if (e && !j->first_error.code)
		j->first_error = *e;
	if (!e)
		say_volumes(j, "Removed");
	end(j);
}

static void remove_volumes(struct project_job *j)
{
	bool some =
		json_array_size(json_object_get(j->request, "Services")) > 0; /* the others may have them */
	if (!project_flag(j, "Volumes") || j->project->n_volumes == 0 || some) {
		end(j);
		return;
	}
	say_volumes(j, "Removing");
	project_volumes_remove(j, volumes_removed);
}

void project_down(struct project_job *j)
{
	list_each (struct container, c, &j->engine->containers, link)
		j->n_items += is_wanted(j, c);
	j->items = calloc(j->n_items + 1, sizeof(*j->items));
	if (!j->items) {
		struct err e;
		(void)err_set(&e, ENOMEM, "take down %s", j->project->name);
		project_end(j, -e.code, &e, NULL);
		return;
	}
	struct arena *a = j->project->arena;
	list_each (struct container, c, &j->engine->containers, link) {
		if (!is_wanted(j, c))
			continue;
		struct project_item *item = &j->items[j->n_left++];
		const char *service = config_label(c->config, LABEL_SERVICE);
		item->job = j;
		memcpy(item->id, c->id, sizeof(c->id));
		item->service = arena_strdup(a, service ? service : c->name);
		item->depends_on = arena_strdup(a, config_label(c->config, LABEL_DEPENDS_ON));
		item->name = arena_strdup(a, c->name);
	}
	if (j->n_left == 0)
		remove_volumes(j);
	else
		begin_ready(j);
}
