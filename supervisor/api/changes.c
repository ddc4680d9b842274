/* changes - GET /containers/{}/changes: read in a worker, for a layer may be large. */
#include "supervisor/changes.h"

#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/json.h"
#include "base/own.h"
#include "supervisor/api/api.h"
#include "supervisor/archive_root.h"
#include "supervisor/config.h"
#include "supervisor/worker.h"

#define CHANGES_MS 300000

struct changes_job {
	struct api_call *call;
	struct archive_root root;
	struct changes_args args;
};

static void job_free(struct changes_job *job)
{
	archive_root_done(&job->root);
	free(job);
}

/* In the worker. */
static int list(void *cookie, int out_fd, struct err *e)
{
	const struct changes_job *job = cookie;
	auto_(json) json_t *answer = NULL;
	int r = changes_list(&job->args, &answer, e);
	auto_free char *text = r == 0 ? json_dumps(answer, JSON_COMPACT) : NULL;

	if (r < 0)
		return r;
	r = text ? io_write_full(out_fd, text, strlen(text)) : -ENOMEM;
	return r < 0 ? err_set(e, -r, "answer") : 0;
}

static void listed(void *cookie, int r, const struct err *e, const char *out, size_t len)
{
	struct changes_job *job = cookie;
	struct api_call *call = job->call;

	if (r < 0) {
		struct err why = *e;
		if (why.code == ENOENT)
			why.code = EIO; /* the container is there */
		api_reply_err(call, &why);
	} else {
		http_reply(call->rq, 200, "application/json", out, len);
		api_call_free(call);
	}
	job_free(job);
}

static int begin(struct api_call *call, struct container *c, struct err *e)
{
	const struct config *config = c->config;

	if (config->oci_spec || config->root == CONFIG_ROOT_SHARED)
		return err_say(e, EINVAL, "container %s has no writable layer of its own", c->id);
	if (config->upper == CONFIG_UPPER_TMPFS)
		return err_say(e, EINVAL, "the writable layer of container %s is in memory: no diff", c->id);
	struct changes_job *job = calloc(1, sizeof(*job));
	if (!job)
		return err_set(e, ENOMEM, "changes of %s", c->name);
	job->call = call;
	job->root = (struct archive_root)ARCHIVE_ROOT_NONE;
	int r = archive_root_open(&job->root, c, ARCHIVE_GET, e);
	if (r == 0) {
		archive_root_ids(&job->root, c);
		job->args = (struct changes_args){ job->root.root.upper, job->root.root.image.source.root,
			job->root.ids };
		struct worker_args w = {
			.what = "diff", .job = list, .done = listed, .cookie = job, .deadline_ms = CHANGES_MS
		};
		r = worker_start(c->engine->workers, &w, NULL, e);
	}
	if (r < 0)
		job_free(job);
	return r;
}

static void changes(struct api_call *call)
{
	struct container *c = api_container(call);
	struct err e;

	if (c && begin(call, c, &e) < 0)
		api_reply_err(call, &e);
}

static const struct api_route routes[] = {
	{ "GET", "/containers/{}/changes", changes },
};
const struct api_routes api_changes_routes = { routes, ARRAY_LEN(routes) };
