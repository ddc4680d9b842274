/* projects - compose projects: up, down and a reload tell their progress as JSON lines, config answers with the model. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/own.h"
#include "supervisor/api/api.h"
#include "supervisor/project.h"
#include "supervisor/reload.h"

/* The answer's headers leave with the first line: an error before that is an ordinary one. */
static void say_line(struct api_call *call, json_t *line /* taken */)
{
	auto_free char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
	json_decref(line);
	if (!text)
		return;
	if (!http_replying(call->rq))
		http_reply_begin(call->rq, 200, "application/json", NULL);
	http_reply_write(call->rq, text, strlen(text));
	http_reply_write(call->rq, "\n", 1);
}

static void progress(void *cookie, const char *what, const char *status, const char *warning)
{
	const char *blank = what ? strchr(what, ' ') : NULL;
	json_t *line = warning ? json_pack("{s:s}", "Warning", warning)
			       : json_pack("{s:s, s:s}", "Id", blank ? blank + 1 : what, "Status", status);
	if (line && blank)
		(void)json_object_set_new(line, "Kind", json_stringn(what, (size_t)(blank - what)));
	say_line(cookie, line);
}

static void streamed(void *cookie, int r, const struct err *e, json_t *result)
{
	struct api_call *call = cookie;
	if (r < 0 && !http_replying(call->rq)) {
		api_reply_err(call, e);
		return;
	}
	if (r < 0) {
		say_line(call, json_pack("{s:s}", "Error", e->text));
	} else {
		json_t *line = json_pack("{s:b}", "Done", 1);
		(void)json_object_update(line, result);
		say_line(call, line);
	}
	http_reply_end(call->rq);
	api_call_free(call);
}

static void no_progress(void *cookie, const char *what, const char *status, const char *warning)
{
	(void)cookie, (void)what, (void)status, (void)warning; /* the model has the warnings */
}

static void answered(void *cookie, int r, const struct err *e, json_t *result)
{
	if (r < 0)
		api_reply_err(cookie, e);
	else
		api_reply_json(cookie, 200, json_incref(result));
}

static void up_with(struct api_call *call, json_t *body)
{
	struct err e;
	if (project_start(call->engine, PROJECT_UP, body, progress, streamed, call, &e) < 0)
		api_reply_err(call, &e);
}

static void down_with(struct api_call *call, json_t *body)
{
	struct err e;
	if (project_start(call->engine, PROJECT_DOWN, body, progress, streamed, call, &e) < 0)
		api_reply_err(call, &e);
}

static void config_with(struct api_call *call, json_t *body)
{
	struct err e;
	if (project_start(call->engine, PROJECT_CONFIG, body, no_progress, answered, call, &e) < 0)
		api_reply_err(call, &e);
}

static void read_with(struct api_call *call, json_t *body)
{
	struct err e;
	if (project_start(call->engine, PROJECT_READ, body, no_progress, answered, call, &e) < 0)
		api_reply_err(call, &e);
}

static void read_model(struct api_call *call)
{
	api_read_json(call, read_with);
}

static void up(struct api_call *call)
{
	api_read_json(call, up_with);
}

static void down(struct api_call *call)
{
	api_read_json(call, down_with);
}

static void config(struct api_call *call)
{
	api_read_json(call, config_with);
}

static void reload(struct api_call *call)
{
	struct err e;
	if (reload_start(call->engine->reload, progress, streamed, call, &e) < 0)
		api_reply_err(call, &e);
}

static const struct api_route routes[] = {
	{ "POST", "/berth/projects/up", up },
	{ "POST", "/berth/projects/down", down },
	{ "POST", "/berth/projects/config", config },
	{ "POST", "/berth/projects/read", read_model },
	{ "POST", "/berth/reload", reload },
};
const struct api_routes api_project_routes = { routes, ARRAY_LEN(routes) };
