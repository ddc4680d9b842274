/* project_up - make what is missing or changed, then start all of it in order of depends_on. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "supervisor/config.h"
#include "supervisor/container_image.h"
#include "supervisor/hooks.h"
#include "supervisor/project_images.h"
#include "supervisor/project_job.h"
#include "supervisor/project_scale.h"
#include "supervisor/project_volumes.h"

static void make_next(struct project_job *j);
static void start_next(struct project_job *j);
static void finish(struct project_job *j);

static struct compose_service *current(struct project_job *j)
{
	return &j->project->services[j->service];
}

struct container *project_container_of(const struct project_job *j, const struct compose_service *s)
{
	const char *number = json_string_value(
		json_object_get(json_object_get(s->body, "Labels"), "com.docker.compose.container-number"));
	list_each (struct container, c, &j->engine->containers, link)
		if (project_has(j, c, s->name) && !project_is_oneoff(c) && number &&
			project_number(c) == strtoul(number, NULL, 10))
			return c;
	return NULL;
}

bool project_is_kept(const struct project_job *j, const struct container *c, const struct compose_service *s)
{
	const char *hash = config_label(c->config, LABEL_HASH);
	if (project_flag(j, "NoRecreate"))
		return true;
	return !project_flag(j, "ForceRecreate") && hash && strcmp(hash, s->config_hash) == 0 &&
		!container_image_moved(c);
}

static void fail(struct project_job *j, const struct err *why)
{
	struct err e = *why;
	(void)err_wrap(&e, -why->code, "service %s", current(j)->name);
	project_end(j, -e.code, &e, NULL);
}

/* ---------------------------------------------------------------- made */

static void made(void *cookie, int r, const struct err *e)
{
	struct project_job *j = cookie;
	if (r < 0) {
		fail(j, e);
		return;
	}
	project_say(j, current(j)->container_name, j->replacing ? "Recreated" : "Created");
	j->replacing = false;
	j->service++;
	make_next(j);
}

/* Anonymous volumes go on with the container that takes a changed one's place, as compose has it. */
static void keep_volumes(struct project_job *j, const struct container *old)
{
	json_t *names = json_object_get(json_object_get(config_body(old->config), "Berth"), "Volumes");
	json_t *body = current(j)->body, *berth = json_object_get(body, "Berth");
	if (!json_object_size(names))
		return;
	if (!berth && json_object_set_new(body, "Berth", json_object()) == 0)
		berth = json_object_get(body, "Berth");
	if (json_object_set(berth, "Volumes", names) < 0)
		abort();
}

static void make(struct project_job *j)
{
	struct compose_service *s = current(j);
	struct container *c;
	json_t *warnings = NULL;
	struct err e;
	if (!j->replacing)
		project_say(j, s->container_name, "Creating");
	if (container_create(j->engine, s->container_name, s->body, &c, &warnings, made, j, &e) < 0) {
		fail(j, &e);
		return;
	}
	size_t i;
	json_t *w;
	json_array_foreach (warnings, i, w) {
		j->report(j->cookie, NULL, NULL, json_string_value(w));
	}
	json_decref(warnings);
	memcpy(j->ids[j->service], c->id, sizeof(c->id));
}

static void replaced_removed(void *cookie, int r, const struct err *e)
{
	struct project_job *j = cookie;
	if (r < 0 && r != -ENOENT)
		fail(j, e);
	else
		make(j);
}

static void replaced_stopped(void *cookie, int r, const struct err *e)
{
	struct project_job *j = cookie;
	struct container *old = project_container_of(j, current(j));
	j->replaced[j->service] = true;
	if (r < 0 && r != -EALREADY)
		fail(j, e);
	else if (old) {
		keep_volumes(j, old);
		container_remove_or_join(old, false, replaced_removed, j);
	} else
		make(j);
}

static void make_next(struct project_job *j)
{
	for (; j->service < j->project->n_services; j->service++) {
		struct compose_service *s = current(j);
		struct container *c = project_container_of(j, s);
		if (!c) {
			make(j);
			return;
		}
		if (c->remove) { /* somebody else's wish; its name is free when it is gone */
			container_remove_or_join(c, false, replaced_removed, j);
			return;
		}
		if (!project_is_kept(j, c, s)) {
			project_say(j, s->container_name, "Recreate");
			j->replacing = true;
			hooks_stop(c, 0, project_timeout_ns(j), replaced_stopped, j);
			return;
		}
		memcpy(j->ids[j->service], c->id, sizeof(c->id));
	}
	j->service = 0;
	if (project_flag(j, "NoStart"))
		finish(j);
	else
		start_next(j);
}

/* ---------------------------------------------------------------- started */

static void finish(struct project_job *j)
{
	json_t *containers = json_array();
	for (size_t i = 0; i < j->project->n_services; i++) {
		const struct container *c = container_by_id(j->engine, j->ids[i]);
		if (c)
			(void)json_array_append_new(containers,
				json_pack("{s:s, s:s, s:s, s:b}", "Id", c->id, "Name", c->name, "Service",
					j->project->services[i].name, "Attach",
					j->project->services[i].attach));
	}
	json_t *result = json_pack("{s:s, s:o}", "Project", j->project->name, "Containers", containers);
	project_end(j, 0, NULL, result);
}

static void started(void *cookie, int r, const struct err *e)
{
	struct project_job *j = cookie;
	if (r < 0 && r != -EALREADY) {
		fail(j, e);
		return;
	}
	project_say(j, current(j)->container_name, r == 0 ? "Started" : "Running");
	j->service++;
	j->dependency = 0;
	start_next(j);
}

static void left_down(void *cookie, int r, const struct err *e)
{
	struct project_job *j = cookie;
	(void)r;
	(void)e;
	project_say(j, current(j)->container_name, "Exited");
	j->service++;
	j->dependency = 0;
	start_next(j);
}

static void dependency_ended(void *cookie, int exit_code, const char *error)
{
	struct project_job *j = cookie;
	const struct compose_dependency *d = &current(j)->depends_on[j->dependency];
	if (exit_code != 0 || error) {
		struct err e;
		(void)err_say(&e, ECANCELED, "service \"%s\" didn't complete successfully: exit %d%s%s",
			d->service, exit_code, error ? ": " : "", error ? error : "");
		if (d->required) {
			fail(j, &e);
			return;
		}
		j->report(j->cookie, NULL, NULL, e.text);
	}
	project_say(j, j->project->services[j->replica - 1].container_name, "Exited");
	start_next(j);
}

/* Wait for the next container of this dependency, of which there may be several; false when there is none left. */
static bool wait_for_replica(struct project_job *j, const struct compose_dependency *d)
{
	while (j->replica < j->project->n_services) {
		const struct compose_service *of = &j->project->services[j->replica++];
		struct container *c = strcmp(of->name, d->service) == 0 ? project_container_of(j, of) : NULL;
		struct waiter *w;
		struct err e;
		if (c && container_wait(j->engine, c->id, WAIT_NOT_RUNNING, dependency_ended, j, &w, &e) == 0)
			return true;
	}
	return false;
}

/* The first dependency from j->dependency on that has to be waited for; false when there is none. */
static bool wait_for_dependency(struct project_job *j)
{
	const struct compose_service *s = current(j);
	for (; j->dependency < s->n_depends_on; j->dependency++, j->replica = 0) {
		const struct compose_dependency *d = &s->depends_on[j->dependency];
		if (d->condition == COMPOSE_COMPLETED && wait_for_replica(j, d))
			return true; /* any other comes earlier in the order, so it has been started */
	}
	j->replica = 0;
	return false;
}

/* A finished one-shot is not run again by a boot. */
static bool stays_down(const struct project_job *j, const struct container *c)
{
	const struct actual *a = &c->actual;
	return j->verb == PROJECT_RESUME && a->started_ns != CLOCK_NEVER && !a->running && !a->interrupted &&
		!c->start;
}

/* Of one that runs: was something replaced that it wants to be restarted after? */
static bool follows_restart(const struct project_job *j, const struct compose_service *s)
{
	for (size_t i = 0; i < s->n_depends_on; i++)
		for (size_t k = 0; s->depends_on[i].restart && k < j->project->n_services; k++)
			if (j->replaced[k] &&
				strcmp(j->project->services[k].name, s->depends_on[i].service) == 0)
				return true;
	return false;
}

static void start_next(struct project_job *j)
{
	if (j->service == j->project->n_services) {
		finish(j);
		return;
	}
	if (wait_for_dependency(j))
		return;
	struct container *c = container_by_id(j->engine, j->ids[j->service]);
	if (!c) {
		struct err e;
		(void)err_say(&e, ENOENT, "its container was removed meanwhile");
		fail(j, &e);
		return;
	}
	if (stays_down(j, c)) {
		engine_answer(j->engine, left_down, j, 0, NULL);
		return;
	}
	if (!c->actual.running && !c->start)
		project_say(j, current(j)->container_name, "Starting");
	if (c->actual.running && follows_restart(j, current(j)))
		hooks_restart(c, 0, CONTAINER_TIMEOUT_DEFAULT, started, j);
	else
		hooks_start(c, started, j);
}

/* ---------------------------------------------------------------- before anything is made */

/* Of all that the files have, only what was named; what that depends on is there or it is not. */
static void leave_out_dependencies(struct project_job *j)
{
	struct compose_project *p = j->project;
	size_t n = 0;
	for (size_t i = 0; i < p->n_services; i++) {
		struct compose_service s = p->services[i];
		if (project_is_named(j, s.name)) {
			p->services[n++] = s;
		} else {
			(void)json_object_del(p->scales, s.name); /* nor are its surplus replicas ours */
			json_decref(s.body);
		}
	}
	p->n_services = n;
}

static void volumes_made(struct project_job *j, const struct err *e)
{
	if (e)
		project_end(j, -e->code, e, NULL);
	else
		make_next(j);
}

static void make_volumes(struct project_job *j)
{
	project_volumes_make(j, volumes_made);
}

static void orphans_gone(struct project_job *j)
{
	project_scale_down(j, make_volumes);
}

static void bring_up(struct project_job *j)
{
	struct err e;
	if (project_flag(j, "NoDeps") && json_array_size(json_object_get(j->request, "Services")) > 0)
		leave_out_dependencies(j);
	int r = project_volumes_check(j, &e);
	if (r == 0)
		r = project_check_images(j, &e);
	j->ids = r == 0 ? calloc(j->project->n_services + 1, sizeof(*j->ids)) : NULL;
	j->replaced = r == 0 ? calloc(j->project->n_services + 1, sizeof(*j->replaced)) : NULL;
	if (r == 0 && (!j->ids || !j->replaced))
		r = err_set(&e, ENOMEM, "bring up %s", j->project->name);
	if (r < 0) {
		project_end(j, r, &e, NULL);
		return;
	}
	project_orphans(j, orphans_gone);
}

void project_up(struct project_job *j)
{
	project_name_images(j, bring_up);
}
