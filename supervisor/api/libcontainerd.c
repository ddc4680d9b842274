/* libcontainerd - its verbs for an engine above, below /berth/libcontainerd. The calls are in docs/libcontainerd.md. */
#include "supervisor/libcontainerd.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/own.h"
#include "base/text.h"
#include "supervisor/api/api.h"
#include "supervisor/exec_session.h"

#define ROOT "/berth/libcontainerd"
#define ONE  ROOT "/containers/{}"

/* The handle that {} names, or NULL: the call is ended with 404 then. */
static struct container *handle(struct api_call *call)
{
	struct err e;
	struct container *c = lc_find(call->engine, call->param[0], &e);
	if (!c)
		api_reply_err(call, &e);
	return c;
}

/* Handle and, by ?process=, a process of exec in it. False: the call is ended. */
static bool handles(struct api_call *call, struct container **c, struct exec_session **x)
{
	const char *process = http_query(call->rq, "process");
	struct err e;
	*c = handle(call);
	if (!*c)
		return false;
	if (lc_process(*c, process ? process : "", x, &e) < 0) {
		api_reply_err(call, &e);
		return false;
	}
	return true;
}

static void reply(struct api_call *call, int r, const struct err *e)
{
	if (r < 0)
		api_reply_err(call, e);
	else
		api_reply_empty(call, 204);
}

static void reply_object(struct api_call *call, int r, json_t *o, const struct err *e)
{
	if (r < 0)
		api_reply_err(call, e);
	else
		api_reply_json(call, 200, o);
}

static void version(struct api_call *call)
{
	api_reply_json(call, 200, lc_version());
}

static void list(struct api_call *call)
{
	json_t *all = json_array();
	list_each (struct container, c, &call->engine->containers, link)
		if (!c->unannounced)
			(void)json_array_append_new(all, lc_describe(c));
	api_reply_json(call, 200, all);
}

/* ---- create, start */

static void created(void *cookie, struct container *c, int r, const struct err *e)
{
	if (r < 0)
		api_reply_err(cookie, e);
	else
		api_reply_json(cookie, 201, lc_describe(c));
}

static void create_with(struct api_call *call, json_t *body)
{
	const char *id = http_query(call->rq, "id");
	if (!id || !*id) {
		struct err e;
		(void)err_say(&e, EINVAL, "id: missing");
		api_reply_err(call, &e);
		return;
	}
	lc_create(call->engine, id, body, created, call);
}

static void create(struct api_call *call)
{
	api_read_json(call, create_with);
}

static void status(struct api_call *call)
{
	struct container *c = handle(call);
	if (c)
		api_reply_json(call, 200, lc_describe(c));
}

static void restore(struct api_call *call)
{
	struct container *c = handle(call);
	if (c)
		api_reply_json(call, 200, lc_restore(c));
}

/* Its process may have ended by now, and even its container be gone. */
static void started(void *cookie, int r, const struct err *e)
{
	struct api_call *call = cookie;
	if (r < 0) {
		api_reply_err(call, e);
		return;
	}
	struct container *c = lc_find(call->engine, call->param[0], NULL);
	int pid = !c ? 0 : c->actual.pid ? c->actual.pid : c->actual.exited_pid;
	api_reply_json(call, 200, json_pack("{s:i}", "Pid", pid));
}

static void start(struct api_call *call)
{
	struct container *c = handle(call);
	if (c && !api_refuse_checkpoint(call))
		lc_start(c, started, call);
}

static void checkpoint_(struct api_call *call)
{
	if (handle(call))
		api_reply_no_checkpoint(call);
}

/* ---- processes */

static void signal_(struct api_call *call)
{
	struct container *c;
	struct exec_session *x;
	struct err e;
	if (!handles(call, &c, &x))
		return;
	const char *name = http_query(call->rq, "signal");
	int sig = name ? text_parse_signal(name) : -1;
	int r = sig < 0 ? err_say(&e, EINVAL, "invalid signal: %.64s", name ? name : "(none)")
			: lc_signal(c, x, sig, &e);
	reply(call, r, &e);
}

static void resize(struct api_call *call)
{
	struct container *c;
	struct exec_session *x;
	int64_t width = 0, height = 0;
	struct err e;
	if (!handles(call, &c, &x))
		return;
	int r = api_query_int(call, "w", 0, UINT16_MAX, &width, &e);
	if (r == 0)
		r = api_query_int(call, "h", 0, UINT16_MAX, &height, &e);
	if (r == 0)
		r = lc_resize(c, x, (unsigned)width, (unsigned)height, &e);
	reply(call, r, &e);
}

static void close_stdin(struct api_call *call)
{
	struct container *c;
	struct exec_session *x;
	struct err e;
	if (handles(call, &c, &x))
		reply(call, lc_close_stdin(c, x, &e), &e);
}

/* Sessions live for minutes after their end, or as long as their container: looked up again, as that may be gone. */
static void exec_started(void *cookie, int r, const struct err *e)
{
	struct api_call *call = cookie;
	if (r < 0) {
		api_reply_err(call, e);
		return;
	}
	auto_free char *id = call->data;
	struct exec_session *x = exec_session_find(call->engine, id, NULL);
	api_reply_json(call, 200, json_pack("{s:i}", "Pid", x ? (int)x->pid : 0));
}

static void exec_on_stream(void *cookie, int r, const struct err *e)
{
	(void)cookie, (void)r, (void)e; /* the stream has been told */
}

static int exec_options(
	json_t *body, const char **id, json_t **process, bool *stream, bool *use_stdin, struct err *e)
{
	int r = json_get_string(body, "", "ID", id, e);
	if (r == 0)
		r = json_get_object(body, "", "Process", process, e);
	if (r == 0)
		r = json_get_bool(body, "", "Stream", stream, e);
	if (r == 0)
		r = json_get_bool(body, "", "Stdin", use_stdin, e);
	if (r == 0 && (!*id || !*process))
		r = err_say(e, EINVAL, "%s: missing", *id ? "Process" : "ID");
	if (r == 0 && *use_stdin && !*stream)
		r = err_say(e, EINVAL, "Stdin: needs Stream");
	return r;
}

static void exec_with(struct api_call *call, json_t *body)
{
	struct container *c = handle(call);
	const char *id = NULL;
	json_t *process = NULL;
	bool stream = false, use_stdin = false;
	struct exec_session *x;
	struct err e;
	if (!c)
		return;
	if (exec_options(body, &id, &process, &stream, &use_stdin, &e) < 0 ||
		lc_exec(c, id, process, use_stdin, stream, &x, &e) < 0) {
		api_reply_err(call, &e);
		return;
	}
	if (!stream) {
		call->data = strdup(x->id);
		lc_exec_start(x, NULL, exec_started, call);
		return;
	}
	struct http_stream *s = http_hijack(call->rq,
		x->tty ? "application/vnd.docker.raw-stream" : "application/vnd.docker.multiplexed-stream");
	if (s)
		lc_exec_start(x, s, exec_on_stream, NULL);
	api_call_free(call);
}

static void exec_(struct api_call *call)
{
	api_read_json(call, exec_with);
}

static void exec_status(struct api_call *call)
{
	struct container *c = handle(call);
	struct exec_session *x = NULL;
	struct err e;
	if (!c)
		return;
	int r = lc_process(c, call->param[1], &x, &e);
	if (r == 0 && !x)
		r = err_say(
			&e, ENOENT, "could not find process %s: it is the container's own", call->param[1]);
	json_t *o = r < 0 ? NULL
			  : json_pack("{s:s, s:s, s:b, s:i}", "ID", x->name ? x->name : x->id, "ContainerID",
				    lc_id(c), "Running", x->running, "Pid", (int)x->pid);
	if (o && x->has_exit_code)
		(void)json_object_set_new(o, "ExitCode", json_integer(x->exit_code));
	reply_object(call, r, o, &e);
}

static void freeze(struct api_call *call, void (*verb)(struct container *, done_fn, void *))
{
	struct container *c = handle(call);
	if (c)
		verb(c, api_done, call);
}

static void pause_(struct api_call *call)
{
	freeze(call, lc_pause);
}

static void resume(struct api_call *call)
{
	freeze(call, lc_resume);
}

/* ---- looking */

static void look(struct api_call *call, int (*verb)(const struct container *, json_t **, struct err *))
{
	struct container *c = handle(call);
	json_t *o = NULL;
	struct err e;
	if (!c)
		return;
	int r = verb(c, &o, &e);
	reply_object(call, r, o, &e);
}

static void stats(struct api_call *call)
{
	look(call, lc_stats);
}

static void pids(struct api_call *call)
{
	look(call, lc_pids);
}

static void summary(struct api_call *call)
{
	look(call, lc_summary);
}

static void update_with(struct api_call *call, json_t *body)
{
	struct container *c = handle(call);
	struct err e;
	if (c)
		reply(call, lc_update(c, body, &e), &e);
}

static void update(struct api_call *call)
{
	api_read_json(call, update_with);
}

/* ---- the end */

static void delete_task(struct api_call *call)
{
	struct container *c = handle(call);
	json_t *o = NULL;
	struct err e;
	if (!c)
		return;
	int r = lc_delete_task(c, &o, &e);
	reply_object(call, r, o, &e);
}

static void delete_(struct api_call *call)
{
	struct container *c = handle(call);
	if (c)
		lc_delete(c, api_query_bool(call, "force"), api_done, call);
}

static const struct api_route routes[] = {
	{ "GET", ROOT "/version", version },
	{ "GET", ROOT "/events", api_libcontainerd_events },
	{ "GET", ROOT "/containers", list },
	{ "POST", ROOT "/containers", create },
	{ "GET", ONE, status },
	{ "DELETE", ONE, delete_ },
	{ "GET", ONE "/restore", restore },
	{ "POST", ONE "/start", start },
	{ "POST", ONE "/checkpoint", checkpoint_ },
	{ "POST", ONE "/signal", signal_ },
	{ "POST", ONE "/resize", resize },
	{ "POST", ONE "/closestdin", close_stdin },
	{ "POST", ONE "/exec", exec_ },
	{ "GET", ONE "/exec/{}", exec_status },
	{ "POST", ONE "/pause", pause_ },
	{ "POST", ONE "/resume", resume },
	{ "GET", ONE "/stats", stats },
	{ "GET", ONE "/pids", pids },
	{ "GET", ONE "/summary", summary },
	{ "POST", ONE "/update", update },
	{ "DELETE", ONE "/task", delete_task },
};
const struct api_routes api_libcontainerd_routes = { routes, ARRAY_LEN(routes) };
