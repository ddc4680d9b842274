#include "cli/cli.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/api.h"
#include "cli/config_print.h"
#include "cli/follow.h"
#include "cli/output.h"
#include "cli/project.h"
#include "cli/project_options.h"

#define STDIN_MAX (4 * 1024 * 1024)

/* ---------------------------------------------------------------- asking */

static int read_stdin(const struct cli *cli, const struct args *o, struct buf *text, struct err *e)
{
	const struct option_value *files = project_option(o, cli->group, "file");
	bool wanted = false;
	for (size_t i = 0; i < files->count; i++)
		wanted |= strcmp(files->values[i], "-") == 0;
	while (wanted) {
		char chunk[8192];
		ssize_t n = read(STDIN_FILENO, chunk, sizeof(chunk));
		if (n == 0)
			return buf_reserve(text, 0) < 0 ? err_set(e, ENOMEM, "read standard input") : 1;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, errno, "read standard input");
		if (text->len + (size_t)n > STDIN_MAX)
			return err_set(e, EFBIG, "read standard input");
		if (buf_add(text, chunk, (size_t)n) < 0)
			return err_set(e, ENOMEM, "read standard input");
	}
	return 0;
}

static json_t *body_of(const struct cli *cli, const struct args *o, bool need_file, struct err *e)
{
	auto_(buf) struct buf text = { 0 };
	char cwd[PATH_MAX];
	if (!getcwd(cwd, sizeof(cwd))) {
		(void)err_set(e, errno, "find the current directory");
		return NULL;
	}
	int r = read_stdin(cli, o, &text, e);
	if (r < 0)
		return NULL;
	return project_body(
		o, cli->group, cwd, environ, r > 0 ? (text.data ? text.data : "") : NULL, need_file, e);
}

/* ---------------------------------------------------------------- progress */

struct progress {
	struct remote remote;
	struct json_lines lines;
	json_t *done; /* the last line, when all went well */
	struct err err;
	int r;
};

static void progress_done(struct progress *p)
{
	remote_done(&p->remote);
	json_lines_done(&p->lines);
	json_decref(p->done);
}

OWN_DEFINE(progress, struct progress, progress_done)

static int progress_line(const json_t *line, void *cookie)
{
	struct progress *p = cookie;
	auto_(buf) struct buf text = { 0 };
	const char *error = json_string_value(json_object_get(line, "Error"));
	if (project_progress(line, &text) == 0 && text.data)
		(void)fputs(text.data, stderr);
	if (json_is_true(json_object_get(line, "Done")))
		p->done = json_incref((json_t *)(uintptr_t)line);
	return error ? err_say(&p->err, EREMOTEIO, "%s", error) : 0;
}

static void progress_data(struct remote *r, const char *data, size_t len)
{
	struct progress *p = r->cookie;
	if (p->r < 0)
		return;
	p->r = json_lines_feed(&p->lines, data, len, progress_line, p);
	if (p->r < 0 && !p->err.code)
		(void)err_say(&p->err, -p->r, "the daemon's progress is not lines of JSON");
}

static int ask(
	const struct cli *cli, const char *target, const json_t *body, struct progress *p, struct err *e)
{
	struct event_base *base = api_loop_new();
	if (!base)
		return err_set(e, ENOMEM, "%s", target);
	p->remote.on_data = progress_data;
	p->remote.cookie = p;
	int r = remote_start(&p->remote, cli, base, "POST", target, body, false, e);
	if (r == 0)
		r = remote_wait_end(&p->remote, e);
	if (r >= 0 && p->r < 0) {
		*e = p->err;
		r = p->r;
	}
	if (r >= 0 && !p->done)
		r = err_say(e, EPROTO, "the daemon broke off before it was done");
	remote_done(&p->remote);
	event_base_free(base);
	return r < 0 ? r : 0;
}

/* ---------------------------------------------------------------- verbs */

int verb_up(const struct cli *cli, const struct args *o)
{
	auto_(progress) struct progress p = { 0 };
	struct err e;
	auto_(json) json_t *body = body_of(cli, o, true, &e);
	if (!body || ask(cli, "/berth/projects/up", body, &p, &e) < 0)
		return output_error(&e, 1);
	if (option_bool(o, "detach"))
		return 0;
	return follow_project(cli, json_string_value(json_object_get(p.done, "Project")),
		json_object_get(p.done, "Containers"));
}

int verb_down(const struct cli *cli, const struct args *o)
{
	auto_(progress) struct progress p = { 0 };
	struct err e;
	auto_(json) json_t *body =
		body_of(cli, o, project_option(o, cli->group, "project-name")->count == 0, &e);
	if (!body)
		return output_error(&e, 1);
	if (json_object_set_new(body, "Volumes", json_boolean(option_bool(o, "volumes"))) < 0 ||
		json_object_set_new(body, "RemoveOrphans", json_boolean(option_bool(o, "remove-orphans"))) <
			0 ||
		(option_given(o, "timeout") &&
			json_object_set_new(body, "Timeout", json_integer(option_number(o, "timeout", 0))) <
				0)) {
		(void)err_set(&e, ENOMEM, "down");
		return output_error(&e, 1);
	}
	return ask(cli, "/berth/projects/down", body, &p, &e) < 0 ? output_error(&e, 1) : 0;
}

int verb_config(const struct cli *cli, const struct args *o)
{
	struct err e;
	auto_(json) json_t *answer = NULL;
	auto_(json) json_t *body = body_of(cli, o, true, &e);
	if (!body || config_ask(o, body, &e) < 0 ||
		api_call(cli, "POST", "/berth/projects/config", body, &answer, &e) < 0)
		return output_error(&e, 1);
	print_warnings(json_object_get(answer, "Warnings"));
	return config_print(o, answer, &e) < 0 ? output_error(&e, 1) : 0;
}

const struct option_def *up_options(void)
{
	static const struct option_def table[] = {
		PROJECT_OPTIONS,
		{ 'd', "detach", OPT_BOOL, "Leave the containers running in the background" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

const struct option_def *down_options(void)
{
	static const struct option_def table[] = {
		PROJECT_OPTIONS,
		{ 'v', "volumes", OPT_BOOL, "Remove the project's volumes too" },
		{ 't', "timeout", OPT_INT, "Seconds to wait before killing" },
		{ 0, "remove-orphans", OPT_BOOL, "Remove containers of services that the files do not name" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

const struct option_def *config_options(void)
{
	static const struct option_def table[] = {
		PROJECT_OPTIONS,
		CONFIG_OPTIONS,
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}
