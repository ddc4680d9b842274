/* exec - further processes in running containers: created, started on a stream or detached, resized, looked at. */
#include <stdlib.h>

#include "base/json.h"
#include "base/own.h"
#include "supervisor/api/api.h"
#include "supervisor/exec_session.h"

static struct exec_session *session(struct api_call *call)
{
	struct err e;
	struct exec_session *x = exec_session_find(call->engine, call->param[0], &e);
	if (!x)
		api_reply_err(call, &e);
	return x;
}

static void create_with(struct api_call *call, json_t *body)
{
	struct container *c = api_container(call);
	if (!c)
		return;
	struct err e;
	struct exec_session *x;
	if (exec_session_create(c, body, &x, &e) < 0)
		api_reply_err(call, &e);
	else
		api_reply_json(call, 201, json_pack("{s:s}", "Id", x->id));
}

static void create(struct api_call *call)
{
	api_read_json(call, create_with);
}

static int start_options(json_t *body, struct exec_start_options *o, struct err *e)
{
	json_t *size = NULL;
	int r = json_get_bool(body, "", "Detach", &o->detach, e);
	if (r == 0)
		r = json_get_bool(body, "", "Tty", &o->tty, e);
	if (r == 0)
		r = json_get_array(body, "", "ConsoleSize", &size, e);
	if (r < 0 || !size)
		return r;
	json_int_t height = json_integer_value(json_array_get(size, 0)),
		   width = json_integer_value(json_array_get(size, 1));
	if (json_array_size(size) != 2 || height < 0 || width < 0 || height > UINT16_MAX ||
		width > UINT16_MAX)
		return err_say(e, EINVAL, "ConsoleSize: must be [height, width]");
	o->console_height = (uint16_t)height;
	o->console_width = (uint16_t)width;
	return 0;
}

/* On a stream the answer is on its way already: how the start went is in the stream and in the exit code. */
static void started_on_stream(void *cookie, int r, const struct err *e)
{
	(void)cookie, (void)r, (void)e;
}

static void started_detached(void *cookie, int r, const struct err *e)
{
	if (r < 0)
		api_reply_err(cookie, e);
	else
		api_reply_empty(cookie, 200);
}

static void start_with(struct api_call *call, json_t *body)
{
	struct exec_session *x = session(call);
	if (!x)
		return;
	struct exec_start_options o = { 0 };
	struct err e;
	if (start_options(body, &o, &e) < 0 || exec_session_check_start(x, &e) < 0) {
		api_reply_err(call, &e);
		return;
	}
	if (o.detach) {
		exec_session_start(x, &o, NULL, started_detached, call);
		return;
	}
	bool framed = !x->tty && call->version >= 42;
	struct http_stream *stream = http_hijack(call->rq,
		framed ? "application/vnd.docker.multiplexed-stream" : "application/vnd.docker.raw-stream");
	if (stream)
		exec_session_start(x, &o, stream, started_on_stream, NULL);
	api_call_free(call);
}

static void start(struct api_call *call)
{
	api_read_json(call, start_with);
}

static void resize(struct api_call *call)
{
	struct exec_session *x = session(call);
	if (!x)
		return;
	int64_t width = 0, height = 0;
	struct err e;
	if (api_query_int(call, "w", 0, UINT16_MAX, &width, &e) < 0 ||
		api_query_int(call, "h", 0, UINT16_MAX, &height, &e) < 0 ||
		exec_session_resize(x, (unsigned)width, (unsigned)height, &e) < 0)
		api_reply_err(call, &e);
	else
		api_reply_empty(call, 200);
}

static void inspect(struct api_call *call)
{
	struct exec_session *x = session(call);
	if (!x)
		return;
	json_t *command = json_object_get(x->body, "Cmd"), *arguments = json_array();
	for (size_t i = 1; i < json_array_size(command); i++)
		(void)json_array_append(arguments, json_array_get(command, i));
	const char *keys = json_string_value(json_object_get(x->body, "DetachKeys"));
	const char *user = json_string_value(json_object_get(x->body, "User"));
	const char *directory = json_string_value(json_object_get(x->body, "WorkingDir"));
	api_reply_json(call, 200,
		json_pack(
			"{s:s, s:s, s:b, s:o, s:i, s:b, s:b, s:b, s:b, s:s, s:{s:b, s:s, s:b, s:O, s:o, s:s}}",
			"ID", x->id, "ContainerID", x->container->id, "Running", x->running, "ExitCode",
			x->has_exit_code ? json_integer(x->exit_code) : json_null(), "Pid", (int)x->pid,
			"OpenStdin", x->attach_stdin, "OpenStdout", x->attach_stdout, "OpenStderr",
			x->attach_stderr, "CanRemove", x->has_exit_code, "DetachKeys", keys ? keys : "",
			"ProcessConfig", "tty", x->tty, "user", user ? user : "", "privileged", x->privileged,
			"entrypoint", json_array_get(command, 0), "arguments", arguments, "workingDir",
			directory ? directory : ""));
}

static const struct api_route routes[] = {
	{ "POST", "/containers/{}/exec", create },
	{ "POST", "/exec/{}/start", start },
	{ "POST", "/exec/{}/resize", resize },
	{ "GET", "/exec/{}/json", inspect },
};
const struct api_routes api_exec_routes = { routes, ARRAY_LEN(routes) };
