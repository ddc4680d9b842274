#include "supervisor/hooks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/own.h"
#include "supervisor/answers.h"
#include "supervisor/config.h"
#include "supervisor/exec_session.h"

/* ---------------------------------------------------------------- one container's hooks of one kind */

struct hook_job {
	struct engine *engine;
	char id[TEXT_ID_LEN + 1]; /* its container may go meanwhile */
	enum config_hook kind;
	int64_t limit_ns; /* of each, 0: none */
	size_t next;
	char exec[TEXT_ID_LEN + 1]; /* which is under way */
	int exit_code;		    /* of the last; -1: it has none */
	struct answers answers;
};

static void run_next(void *cookie);

static bool is_up(const struct container *c)
{
	return c->actual.running && !c->actual.restarting && !c->exit;
}

static void job_end(struct hook_job *job, int r, const struct err *e)
{
	struct container *c = container_by_id(job->engine, job->id);
	/* By itself, or by a kill that is under way: what the hook was to come before has come. */
	bool over = job->kind == CONFIG_HOOK_PRE_STOP && (!c || !is_up(c) || c->stop);

	if (c && c->pre_stop == job)
		c->pre_stop = NULL;
	answers_give(&job->answers, job->engine, over ? 0 : r, over ? NULL : e);
	free(job);
}

static void judge(void *cookie)
{
	struct hook_job *job = cookie;
	const struct container *c = container_by_id(job->engine, job->id);
	const char *service = c ? config_label(c->config, "com.docker.compose.service") : NULL;
	struct err e;

	if (job->exit_code == 0) {
		job->next++;
		run_next(job);
		return;
	}
	if (job->exit_code < 0)
		(void)err_say(&e, ECANCELED, "a hook of %.12s ended with its container", job->id);
	else
		(void)err_say(&e, ECANCELED, "%s hook exited with status %d",
			service	    ? service
				: c ? c->name
				    : job->id,
			job->exit_code);
	job_end(job, -e.code, &e);
}

static void hook_ended(void *cookie, int exit_code)
{
	struct hook_job *job = cookie;

	job->exit_code = exit_code;
	engine_later(job->engine, judge, job); /* the exec is in the middle of its end */
}

/* A copy of the create body's entry; for the daemon's end with a limit. */
static json_t *exec_body(const struct hook_job *job, const json_t *hook)
{
	json_t *body = json_deep_copy(hook);

	if (body && job->limit_ns > 0 &&
		json_object_set_new(
			body, "Berth", json_pack("{s:I}", "TimeoutNs", (json_int_t)job->limit_ns)) < 0) {
		json_decref(body);
		return NULL;
	}
	return body;
}

static void run_next(void *cookie)
{
	struct hook_job *job = cookie;
	struct container *c = container_by_id(job->engine, job->id);
	const json_t *hook = c ? json_array_get(c->config->hooks[job->kind], job->next) : NULL;
	struct exec_session *x;
	struct err e;

	if (!hook) {
		job_end(job, 0, NULL);
		return;
	}
	auto_(json) json_t *body = exec_body(job, hook);
	int r = body ? exec_session_create(c, body, &x, &e) : err_set(&e, ENOMEM, "run a hook");
	if (r == -EBUSY && job->kind == CONFIG_HOOK_PRE_STOP) {
		job_end(job, 0, NULL); /* paused, or over: nothing runs in it any more that could be told */
		return;
	}
	if (r < 0) {
		job_end(job, r, &e);
		return;
	}
	x->ended = hook_ended;
	x->ended_cookie = job;
	memcpy(job->exec, x->id, sizeof(job->exec));
	exec_session_start(x, &(const struct exec_start_options){ .detach = true }, NULL, NULL, NULL);
}

static void hooks_run(
	struct container *c, enum config_hook kind, int64_t limit_ns, done_fn done, void *cookie)
{
	bool pre_stop = kind == CONFIG_HOOK_PRE_STOP;

	if (pre_stop && c->pre_stop) { /* several stop it at once */
		answers_add(&c->pre_stop->answers, done, cookie);
		return;
	}
	if (json_array_size(c->config->hooks[kind]) == 0 || (pre_stop && (c->stop || !is_up(c)))) {
		engine_answer(c->engine, done, cookie, 0, NULL);
		return;
	}
	struct hook_job *job = calloc(1, sizeof(*job));
	if (!job)
		abort();
	job->engine = c->engine;
	memcpy(job->id, c->id, sizeof(job->id));
	job->kind = kind;
	job->limit_ns = limit_ns;
	answers_add(&job->answers, done, cookie);
	if (pre_stop)
		c->pre_stop = job;
	engine_later(c->engine, run_next, job);
}

/* One that a stop had begun, and that the daemon's end waits for: no longer than for its own. */
static void limit_hooks(struct hook_job *job, int64_t limit_ns)
{
	struct err e;
	struct exec_session *x = job->exec[0] ? exec_session_find(job->engine, job->exec, &e) : NULL;

	if (job->limit_ns > 0 || limit_ns <= 0)
		return;
	job->limit_ns = limit_ns;
	if (x)
		exec_session_limit(x, limit_ns);
}

/* ---------------------------------------------------------------- the verbs */

typedef void (*stop_verb)(struct container *c, int sig, int64_t timeout_ns, done_fn done, void *cookie);

struct hooked_call {
	struct engine *engine;
	char id[TEXT_ID_LEN + 1];
	stop_verb verb;
	bool starts, always;
	int sig;
	int64_t timeout_ns;
	done_fn done;
	void *cookie;
};

static struct hooked_call *call_new(struct container *c, done_fn done, void *cookie)
{
	struct hooked_call *call = calloc(1, sizeof(*call));

	if (!call)
		abort();
	call->engine = c->engine;
	memcpy(call->id, c->id, sizeof(call->id));
	call->done = done;
	call->cookie = cookie;
	return call;
}

static void call_end(void *cookie, int r, const struct err *e)
{
	struct hooked_call *call = cookie;

	if (call->done)
		call->done(call->cookie, r, e);
	free(call);
}

static void call_started(void *cookie, int r, const struct err *e)
{
	struct hooked_call *call = cookie;
	struct container *c = container_by_id(call->engine, call->id);

	if (r < 0 || !c)
		call_end(call, r, e);
	else
		hooks_run(c, CONFIG_HOOK_POST_START, 0, call_end, call);
}

void hooks_start(struct container *c, done_fn done, void *cookie)
{
	container_start(c, call_started, call_new(c, done, cookie));
}

static void call_prepared(void *cookie, int r, const struct err *e)
{
	struct hooked_call *call = cookie;
	struct container *c = container_by_id(call->engine, call->id);
	struct err gone;

	if (r < 0 && !call->always) {
		call_end(call, r, e);
	} else if (!c) {
		(void)err_say(&gone, ENOENT, "No such container: %s", call->id);
		call_end(call, -ENOENT, &gone);
	} else {
		if (r < 0)
			log_warn(
				"hook-failed", "container=%.12s err=\"%s\" action=\"go on\"", c->id, e->text);
		call->verb(c, call->sig, call->timeout_ns, call->starts ? call_started : call_end, call);
	}
}

static void stop_hooked(struct container *c, int64_t limit_ns, struct hooked_call *call)
{
	if (json_array_size(c->config->hooks[CONFIG_HOOK_PRE_STOP]) == 0)
		call_prepared(call, 0, NULL);
	else
		hooks_run(c, CONFIG_HOOK_PRE_STOP, limit_ns, call_prepared, call);
}

static void stop_by(
	stop_verb verb, struct container *c, int sig, int64_t timeout_ns, done_fn done, void *cookie)
{
	struct hooked_call *call = call_new(c, done, cookie);

	call->verb = verb;
	call->starts = verb == container_restart;
	call->sig = sig;
	call->timeout_ns = timeout_ns;
	stop_hooked(c, 0, call);
}

void hooks_stop(struct container *c, int sig, int64_t timeout_ns, done_fn done, void *cookie)
{
	stop_by(container_stop, c, sig, timeout_ns, done, cookie);
}

void hooks_stop_again(struct container *c, int sig, int64_t timeout_ns, done_fn done, void *cookie)
{
	stop_by(container_stop_again, c, sig, timeout_ns, done, cookie);
}

void hooks_restart(struct container *c, int sig, int64_t timeout_ns, done_fn done, void *cookie)
{
	stop_by(container_restart, c, sig, timeout_ns, done, cookie);
}

void hooks_stop_at_end(struct container *c, done_fn done, void *cookie)
{
	struct hooked_call *call = call_new(c, done, cookie);
	int64_t grace_ns = container_grace_ns(c);

	call->verb = container_stop;
	call->timeout_ns = CONTAINER_TIMEOUT_DEFAULT;
	call->always = true;
	grace_ns = grace_ns > 0 ? grace_ns : c->engine->options.stop_timeout_ns;
	if (c->pre_stop)
		limit_hooks(c->pre_stop, grace_ns);
	stop_hooked(c, grace_ns, call);
}
