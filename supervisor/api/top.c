/* top - GET /containers/{}/top: read in a worker, for /proc may block on a process that is in trouble. */
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/json.h"
#include "base/own.h"
#include "supervisor/api/api.h"
#include "supervisor/events.h"
#include "supervisor/top.h"
#include "supervisor/worker.h"

#define TOP_MS 10000

struct top_job {
	struct api_call *call;
	char id[TEXT_ID_LEN + 1];
	char *args;
	pid_t *pids;
	size_t n;
};

static void job_free(struct top_job *job)
{
	free(job->args);
	free(job->pids);
	free(job);
}

static int compare(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;
	return (x > y) - (x < y);
}

/* In the worker. */
static int list(void *cookie, int out_fd, struct err *e)
{
	const struct top_job *job = cookie;
	struct err why = { .code = ENOMEM };
	auto_(json) json_t *answer = top_list(job->pids, job->n, job->args, &why);
	auto_free char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;

	if (!answer) {
		*e = why;
		return -why.code;
	}
	int r = text ? io_write_full(out_fd, text, strlen(text)) : -ENOMEM;
	return r < 0 ? err_set(e, -r, "answer") : 0;
}

static void listed(void *cookie, int r, const struct err *e, const char *out, size_t len)
{
	struct top_job *job = cookie;
	struct api_call *call = job->call;
	struct container *c = container_by_id(call->engine, job->id);

	if (r < 0) {
		api_reply_err(call, e);
	} else {
		if (c)
			events_emit(c, "top", NULL);
		http_reply(call->rq, 200, "application/json", out, len);
		api_call_free(call);
	}
	job_free(job);
}

static int begin(struct api_call *call, struct container *c, struct err *e)
{
	const char *args = http_query(call->rq, "ps_args");

	if (c->actual.restarting)
		return err_say(
			e, EBUSY, "Container %s is restarting, wait until the container is running", c->id);
	if (!c->actual.running || !c->group.path[0])
		return err_say(e, EBUSY, "container %s is not running", c->id);
	struct top_job *job = calloc(1, sizeof(*job));
	if (!job || !(job->args = strdup(args ? args : ""))) {
		free(job);
		return err_set(e, ENOMEM, "list processes of %s", c->name);
	}
	job->call = call;
	memcpy(job->id, c->id, sizeof(job->id));
	int r = cgroup_pids(&c->group, c->engine->cgroups, &job->pids, e);
	if (r >= 0) {
		struct worker_args w = { .what = "list of processes",
			.job = list,
			.done = listed,
			.cookie = job,
			.deadline_ms = TOP_MS };
		job->n = (size_t)r;
		qsort(job->pids, job->n, sizeof(*job->pids), compare);
		r = worker_start(c->engine->workers, &w, NULL, e);
	}
	if (r < 0)
		job_free(job);
	return r;
}

static void top(struct api_call *call)
{
	struct container *c = api_container(call);
	struct err e;

	if (c && begin(call, c, &e) < 0)
		api_reply_err(call, &e);
}

static const struct api_route routes[] = {
	{ "GET", "/containers/{}/top", top },
};
const struct api_routes api_top_routes = { routes, ARRAY_LEN(routes) };
