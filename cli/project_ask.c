#include "cli/project_ask.h"

#include <errno.h>

#include "base/json.h"
#include "cli/api.h"
#include "cli/project.h"

struct asking {
	struct remote remote;
	struct json_lines lines;
	struct progress *progress;
	json_t *done; /* the last line, when all went well */
	struct err err;
	int r;
};

static void asking_done(struct asking *a)
{
	remote_done(&a->remote);
	json_lines_done(&a->lines);
	json_decref(a->done);
}

OWN_DEFINE(asking, struct asking, asking_done)

static int on_line(const json_t *line, void *cookie)
{
	struct asking *a = cookie;
	const char *error = json_string_value(json_object_get(line, "Error"));
	const char *warning = json_string_value(json_object_get(line, "Warning"));
	const char *id = json_string_value(json_object_get(line, "Id"));
	const char *status = json_string_value(json_object_get(line, "Status"));
	const char *kind = json_string_value(json_object_get(line, "Kind"));
	if (warning)
		progress_warn(a->progress, warning);
	if (id && status)
		progress_say(a->progress, kind ? kind : "Container", id, status);
	if (json_is_true(json_object_get(line, "Done")))
		a->done = json_incref((json_t *)(uintptr_t)line);
	return error ? err_say(&a->err, EREMOTEIO, "%s", error) : 0;
}

static void on_data(struct remote *r, const char *data, size_t len)
{
	struct asking *a = r->cookie;
	if (a->r < 0)
		return;
	a->r = json_lines_feed(&a->lines, data, len, on_line, a);
	if (a->r < 0 && !a->err.code)
		(void)err_say(&a->err, -a->r, "the daemon's progress is not lines of JSON");
}

int project_ask(const struct cli *cli, struct event_base *base, const char *target, const json_t *body,
	struct progress *progress, json_t **done, struct err *e)
{
	auto_(asking) struct asking a = { .progress = progress };
	a.remote.on_data = on_data;
	a.remote.cookie = &a;
	int r = remote_start(&a.remote, cli, base, "POST", target, body, false, e);
	if (r == 0)
		r = remote_wait_end(&a.remote, e);
	if (r >= 0 && a.r < 0) {
		*e = a.err;
		r = a.r;
	}
	if (r >= 0 && !a.done)
		r = err_say(e, EPROTO, "the daemon broke off before it was done");
	if (r >= 0 && done)
		*done = take_ptr(&a.done);
	return r < 0 ? r : 0;
}
