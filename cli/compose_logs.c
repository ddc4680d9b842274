/* compose logs and top: what the containers of a project have said, and what runs in them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/api.h"
#include "cli/compose.h"
#include "cli/follow.h"
#include "cli/logs.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/project.h"
#include "cli/project_find.h"
#include "cli/top.h"

/* ---------------------------------------------------------------- logs */

static bool has_log(const struct cli *cli, const json_t *row)
{
	auto_(buf) struct buf target = { 0 };
	auto_(json) json_t *info = NULL;
	if (api_target(&target, "/containers/%s/json", row_text(row, "Id")) < 0 ||
		api_call(cli, "GET", target.data, NULL, &info, NULL) < 0)
		return true; /* the log says itself what is the matter */
	const json_t *log = json_object_get(json_object_get(info, "HostConfig"), "LogConfig");
	return strcmp(row_text(log, "Type"), "none") != 0;
}

/* Until `open` of them are left. */
static int show_until(struct follow *f, struct event_base *base, struct err *e)
{
	size_t number;
	int why, r = 0, failed = 0;
	struct err first = { 0 };
	while (r == 0 && (follow_open(f) > 0 || follow_pending(f))) {
		r = follow_check(f, e);
		if (r == 0 && event_base_loop(base, EVLOOP_ONCE) != 0)
			r = err_set(e, EIO, "run the event loop");
		while (r == 0 && follow_ended(f, &number, &why, e))
			if (why < 0 && !failed) {
				first = *e;
				failed = why;
			}
	}
	if (r == 0 && failed)
		*e = first;
	return r < 0 ? r : failed;
}

static int show_logs(const struct cli *cli, const struct args *o, const struct project_view *v,
	const json_t *rows, struct follow *f, struct event_base *base, struct err *e)
{
	int64_t index = option_number(o, "index", 0);
	size_t i;
	json_t *row;
	int r = 0;
	json_array_foreach (rows, i, row)
		follow_width(f, strlen(project_short_name(v->name, row_name(row))));
	json_array_foreach (rows, i, row) {
		auto_(buf) struct buf target = { 0 };
		if (r < 0 || (index && strtoll(row_label(row, LABEL_NUMBER), NULL, 10) != index) ||
			!has_log(cli, row))
			continue;
		r = logs_target(o, row_text(row, "Id"), &target, e);
		if (r == 0)
			r = follow_add_log(f, project_short_name(v->name, row_name(row)), target.data, e);
		/* One after the other, unless they go on. */
		if (r >= 0 && !option_bool(o, "follow"))
			r = show_until(f, base, e);
	}
	return r < 0 ? r : show_until(f, base, e);
}

int verb_compose_logs(const struct cli *cli, const struct args *o)
{
	auto_(project_view) struct project_view v = { 0 };
	auto_(json) json_t *rows = NULL;
	struct follow_setup setup = {
		.cli = cli, .base = api_loop_new(), .bare = option_bool(o, "no-log-prefix")
	};
	struct follow *f = NULL;
	struct err e;
	int r = setup.base ? project_find(cli, o, &v, &e) : err_set(&e, ENOMEM, "logs");
	if (r == 0)
		r = project_select(&v, o->words, o->words_len, false, &rows, &e);
	if (r == 0)
		r = progress_parse_ansi(
			option_bool(o, "no-color") ? "never" : project_option_last(o, cli->group, "ansi"),
			STDOUT_FILENO, &setup.colors, &e);
	if (r == 0)
		r = follow_new(&setup, &f, &e);
	if (r == 0)
		r = show_logs(cli, o, &v, rows, f, setup.base, &e);
	follow_free(f);
	if (setup.base)
		event_base_free(setup.base);
	return r < 0 ? output_error(&e, 1) : 0;
}

const struct option_def *compose_logs_options(void)
{
	static const struct option_def table[] = {
		{ 'f', "follow", OPT_BOOL, "Follow the output" },
		{ 0, "index", OPT_INT, "Of the container with this number only" },
		{ 0, "no-color", OPT_BOOL, "No colours in the output" },
		{ 0, "no-log-prefix", OPT_BOOL, "Lines without the name of their container" },
		{ 0, "since", OPT_STRING, "Only what is newer: a time, or a duration like 10m" },
		{ 'n', "tail", OPT_STRING, "Number of lines from the end of each (default all)" },
		{ 't', "timestamps", OPT_BOOL, "Show the time of each line" },
		{ 0, "until", OPT_STRING, "Only what is older: a time, or a duration like 10m" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

/* ---------------------------------------------------------------- top */

int verb_compose_top(const struct cli *cli, const struct args *o)
{
	auto_(project_view) struct project_view v = { 0 };
	auto_(json) json_t *rows = NULL;
	struct err e;
	size_t i;
	json_t *row;
	int r = project_find(cli, o, &v, &e);
	if (r == 0)
		r = project_select(&v, o->words, o->words_len, true, &rows, &e);
	json_array_foreach (rows, i, row) {
		auto_(buf) struct buf target = { 0 };
		auto_(json) json_t *answer = NULL;
		if (r < 0 || strcmp(row_text(row, "State"), "running") != 0)
			continue;
		if (api_target(&target, "/containers/%s/top", row_text(row, "Id")) < 0)
			r = err_set(&e, ENOMEM, "top");
		else
			r = api_call(cli, "GET", target.data, NULL, &answer, &e);
		if (r == -ENOENT || r == -EEXIST) { /* it has ended meanwhile */
			r = 0;
			continue;
		}
		if (r >= 0) {
			(void)puts(row_name(row));
			r = top_print(answer, TOP_COMPOSE_WIDTH, &e);
			(void)puts("");
		}
	}
	return r < 0 ? output_error(&e, 1) : 0;
}
