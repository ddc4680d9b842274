#include "supervisor/project.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "supervisor/config.h"
#include "supervisor/project_job.h"
#include "supervisor/project_load.h"
#include "supervisor/worker.h"

#define LOAD_DEADLINE_MS 30000

void project_end(struct project_job *j, int r, const struct err *e, json_t *result)
{
	j->done(j->cookie, r, e, result);
	json_decref(result);
	json_decref(j->request);
	json_decref(j->model);
	compose_free(j->project);
	free(j->ids);
	free(j->replaced);
	free(j->items);
	free(j);
}

void project_say(struct project_job *j, const char *what, const char *status)
{
	j->report(j->cookie, what, status, NULL);
}

bool project_has(const struct project_job *j, const struct container *c, const char *service)
{
	const char *project = config_label(c->config, LABEL_PROJECT),
		   *own = config_label(c->config, LABEL_SERVICE);
	return project && strcmp(project, j->project->name) == 0 &&
		(!service || (own && strcmp(own, service) == 0));
}

bool project_is_oneoff(const struct container *c)
{
	const char *oneoff = config_label(c->config, LABEL_ONEOFF);
	return oneoff && strcasecmp(oneoff, "true") == 0;
}

bool project_flag(const struct project_job *j, const char *key)
{
	return json_is_true(json_object_get(j->request, key));
}

bool project_is_named(const struct project_job *j, const char *service)
{
	size_t i;
	json_t *name;
	json_array_foreach (json_object_get(j->request, "Services"), i, name)
		if (json_is_string(name) && strcmp(json_string_value(name), service) == 0)
			return true;
	return false;
}

int64_t project_timeout_ns(const struct project_job *j)
{
	json_t *timeout = json_object_get(j->request, "Timeout");
	if (!json_is_integer(timeout))
		return CONTAINER_TIMEOUT_DEFAULT;
	json_int_t seconds = json_integer_value(timeout);
	return seconds < 0 || seconds > INT32_MAX ? -1 : seconds * NS_PER_S;
}

static int load_in_worker(void *cookie, int out_fd, struct err *e)
{
	const struct project_job *j = cookie;
	return project_load(j->request, out_fd, e);
}

/* Without files `down -p NAME` goes by the labels alone. */
static int project_by_name(struct project_job *j, struct err *e)
{
	const char *name = json_string_value(json_object_get(j->request, "Name"));
	j->project = compose_new();
	if (!j->project)
		return err_set(e, ENOMEM, "take down %s", name);
	struct arena *a = j->project->arena;
	j->project->name = arena_strdup(a, name);
	j->project->warnings = j->project->declared = j->project->config_files = arena_strv(a, NULL, 0);
	return arena_failed(a) ? err_set(e, ENOMEM, "take down %s", name) : 0;
}

/* Who may look at a project need not know what its secrets are. */
static void hide_secrets(json_t *model)
{
	json_t *service, *file;
	size_t i, k;
	json_array_foreach (json_object_get(model, "Services"), i, service) {
		const json_t *berth = json_object_get(json_object_get(service, "Body"), "Berth");
		json_array_foreach (json_object_get(berth, "Files"), k, file) {
			if (json_is_true(json_object_get(file, "Secret")))
				(void)json_object_del(file, "Content"); /* a copy of a host's file has none */
		}
	}
}

static void carry_out(struct project_job *j)
{
	/* What is about to go needs no advice. */
	for (char **w = j->project->warnings; *w && j->verb != PROJECT_DOWN; w++)
		j->report(j->cookie, NULL, NULL, *w);
	if (j->verb == PROJECT_CONFIG)
		hide_secrets(j->model);
	switch (j->verb) {
	case PROJECT_UP:
	case PROJECT_RESUME:
		project_up(j);
		break;
	case PROJECT_DOWN:
		project_down(j);
		break;
	case PROJECT_READ:
	case PROJECT_CONFIG:
		project_end(j, 0, NULL, take_ptr(&j->model));
		break;
	}
}

static void loaded(void *cookie, int r, const struct err *e, const char *out, size_t out_len)
{
	struct project_job *j = cookie;
	struct err why;
	if (r == 0) {
		j->model = json_parse(out, out_len, "the project's model", &why);
		r = j->model ? compose_from_json(j->model, &j->project, &why) : -why.code;
		e = &why;
	}
	if (r < 0)
		project_end(j, r, e, NULL);
	else
		carry_out(j);
}

static void start_without_files(void *cookie)
{
	struct project_job *j = cookie;
	struct err e;
	int r = project_by_name(j, &e);
	if (r < 0)
		project_end(j, r, &e, NULL);
	else
		carry_out(j);
}

static struct project_job *job_new(struct engine *en, enum project_verb verb, const json_t *request,
	project_report_fn report, project_done_fn done, void *cookie, struct err *e)
{
	struct project_job *j = calloc(1, sizeof(*j));
	if (!j) {
		(void)err_set(e, ENOMEM, "begin with the project");
		return NULL;
	}
	*j = (struct project_job){
		.engine = en, .verb = verb, .report = report, .done = done, .cookie = cookie
	};
	j->request = json_deep_copy(request);
	return j;
}

static void start_with_model(void *cookie)
{
	carry_out(cookie);
}

int project_start_model(struct engine *en, enum project_verb verb, const json_t *request, json_t *model,
	project_report_fn report, project_done_fn done, void *cookie, struct err *e)
{
	struct project_job *j = job_new(en, verb, request, report, done, cookie, e);
	if (!j)
		return -e->code;
	j->model = json_incref(model);
	int r = compose_from_json(model, &j->project, e);
	if (r < 0) {
		json_decref(j->request);
		json_decref(j->model);
		free(j);
		return r;
	}
	engine_later(en, start_with_model, j);
	return 0;
}

int project_start(struct engine *en, enum project_verb verb, const json_t *request, project_report_fn report,
	project_done_fn done, void *cookie, struct err *e)
{
	struct project_job *j = job_new(en, verb, request, report, done, cookie, e);
	if (!j)
		return -e->code;
	const char *name = json_string_value(json_object_get(request, "Name"));
	bool files = json_array_size(json_object_get(request, "Files")) > 0;
	if (verb == PROJECT_DOWN && !files && name && *name) {
		engine_later(en, start_without_files, j);
		return 0;
	}
	const struct worker_args args = { .what = "reading the compose files",
		.job = load_in_worker,
		.done = loaded,
		.cookie = j,
		.deadline_ms = LOAD_DEADLINE_MS };
	int r = worker_start(en->workers, &args, NULL, e);
	if (r < 0) {
		json_decref(j->request);
		free(j);
	}
	return r;
}
