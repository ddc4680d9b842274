/* project_volumes - the volumes that a project declares: made before its containers, removed after them when asked. */
#include "supervisor/project_volumes.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "supervisor/volumes.h"

struct volume_act {
	struct project_job *job;
	size_t left;
	struct err e; /* of the first that failed */
	void (*then)(struct project_job *j, const struct err *e);
};

/* One of several has been answered; the last one ends the act. */
static void answered(struct volume_act *act, int r, const struct err *e)
{
	struct err first;

	if (r < 0 && !act->e.code)
		act->e = *e;
	if (--act->left > 0)
		return;
	first = act->e;
	void (*then)(struct project_job * j, const struct err *e) = act->then;
	struct project_job *j = act->job;
	free(act);
	then(j, first.code ? &first : NULL);
}

static struct volume_act *begin(
	struct project_job *j, void (*then)(struct project_job *j, const struct err *e))
{
	struct volume_act *act = malloc(sizeof(*act));

	if (!act)
		abort();
	*act = (struct volume_act){ .job = j, .left = 1, .then = then };
	return act;
}

static void over(void *cookie, int r, const struct err *e)
{
	answered(cookie, r, e);
}

/* ---------------------------------------------------------------- up */

static bool body_uses(const json_t *body, const char *name)
{
	const json_t *mount;
	size_t i;

	json_array_foreach (json_object_get(json_object_get(body, "HostConfig"), "Mounts"), i, mount) {
		const char *type = json_string_value(json_object_get(mount, "Type"));
		const char *source = json_string_value(json_object_get(mount, "Source"));
		if (type && source && strcmp(type, "volume") == 0 && strcmp(source, name) == 0)
			return true;
	}
	return false;
}

static bool is_used(const struct project_job *j, const char *name)
{
	for (size_t i = 0; i < j->project->n_services; i++)
		if (body_uses(j->project->services[i].body, name))
			return true;
	return false;
}

int project_volumes_check(const struct project_job *j, struct err *e)
{
	for (size_t i = 0; i < j->project->n_volumes; i++) {
		const struct compose_volume *v = &j->project->volumes[i];
		if (v->external && !volumes_find(j->engine, v->name) && is_used(j, v->name))
			return err_say(e, ENOENT, "external volume \"%s\" not found", v->name);
	}
	return 0;
}

void project_volumes_make(struct project_job *j, void (*then)(struct project_job *j, const struct err *e))
{
	struct volume_act *act = begin(j, then);

	for (size_t i = 0; i < j->project->n_volumes; i++) {
		const struct compose_volume *v = &j->project->volumes[i];
		if (v->external || volumes_find(j->engine, v->name) || !is_used(j, v->name))
			continue;
		act->left++;
		volumes_create(j->engine, v->name, json_incref(v->labels), NULL, over, act);
	}
	engine_answer(j->engine, over, act, 0, NULL);
}

/* ---------------------------------------------------------------- down -v */

static void removed(void *cookie, int r, const struct err *e)
{
	struct volume_act *act = cookie;
	struct project_job *j = act->job;

	if (r == -EBUSY) /* somebody else's now: no failure, as compose has it */
		j->report(j->cookie, NULL, NULL, e->text);
	answered(act, r == -EBUSY || r == -ENOENT ? 0 : r, e);
}

void project_volumes_remove(struct project_job *j, void (*then)(struct project_job *j, const struct err *e))
{
	struct volume_act *act = begin(j, then);

	for (size_t i = 0; i < j->project->n_volumes; i++) {
		const struct compose_volume *v = &j->project->volumes[i];
		if (v->external)
			continue;
		act->left++;
		volumes_remove(j->engine, v->name, removed, act);
	}
	engine_answer(j->engine, over, act, 0, NULL);
}
