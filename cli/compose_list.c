/* compose ps and ls: the containers of a project, and the projects. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/compose.h"
#include "cli/output.h"
#include "cli/project_find.h"
#include "cli/ps.h"
#include "cli/rows.h"

/* ---------------------------------------------------------------- ps */

static const struct row_column ps_columns[] = {
	{ "ID", "CONTAINER ID" },
	{ "Name", "NAME" },
	{ "Names", "NAMES" },
	{ "Image", "IMAGE" },
	{ "Command", "COMMAND" },
	{ "Service", "SERVICE" },
	{ "Project", "PROJECT" },
	{ "RunningFor", "CREATED" },
	{ "CreatedAt", "CREATED AT" },
	{ "Status", "STATUS" },
	{ "State", "STATE" },
	{ "Health", "HEALTH" },
	{ "ExitCode", "EXIT CODE" },
	{ "Ports", "PORTS" },
	{ "Labels", "LABELS" },
};
#define PS_TABLE                                                                                             \
	"table {{.Name}}\t{{.Image}}\t{{.Command}}\t{{.Service}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}"

static json_t *row_of(const json_t *c, bool trunc)
{
	auto_(json) json_t *row = ps_row(c, trunc, clock_real_ns());
	int code = 0;
	(void)sscanf(row_text(c, "Status"), "Exited (%d)", &code); /* else it is none */
	if (!row || json_object_set_new(row, "Name", json_string(row_name(c))) < 0 ||
		json_object_set_new(row, "Service", json_string(row_label(c, LABEL_SERVICE))) < 0 ||
		json_object_set_new(row, "Project", json_string(row_label(c, LABEL_PROJECT))) < 0 ||
		json_object_set_new(row, "Health", json_string(row_text(c, "Health"))) < 0 ||
		json_object_set_new(row, "ExitCode", json_integer(code)) < 0)
		return NULL;
	(void)json_object_del(row, "FullStatus"); /* docker's ps -a has it, compose's does not */
	return take_ptr(&row);
}

static int check_status(const struct option_value *v, struct err *e)
{
	static const char *const known[] = { "paused", "restarting", "removing", "running", "dead", "created",
		"exited" };
	for (size_t i = 0; i < v->count; i++) {
		bool ok = false;
		for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++)
			ok |= strcmp(known[k], v->values[i]) == 0;
		if (!ok)
			return err_say(e, EINVAL,
				"invalid status '%s': must be one of paused, restarting, removing, running, dead, "
				"created, exited",
				v->values[i]);
	}
	return 0;
}

/* --filter status=x and --status x say the same. */
static int wanted_states(const struct args *o, struct option_value *out, struct err *e)
{
	const struct option_value *status = option_list(o, "status"), *filter = option_list(o, "filter");
	out->values = calloc(status->count + filter->count + 1, sizeof(*out->values));
	if (!out->values)
		return err_set(e, ENOMEM, "ps");
	for (size_t i = 0; i < status->count; i++)
		out->values[out->count++] = status->values[i];
	for (size_t i = 0; i < filter->count; i++) {
		if (!text_has_prefix(filter->values[i], "status="))
			return err_say(
				e, EINVAL, "unknown filter %s: only status=STATE is one", filter->values[i]);
		out->values[out->count++] = filter->values[i] + strlen("status=");
	}
	return check_status(out, e);
}

static bool is_listed(const struct args *o, const struct option_value *states, const json_t *c)
{
	const char *state = row_text(c, "State");
	for (size_t i = 0; i < states->count; i++)
		if (strcmp(state, states->values[i]) == 0)
			return true;
	return states->count == 0 &&
		(option_bool(o, "all") || strcmp(state, "running") == 0 || strcmp(state, "paused") == 0 ||
			strcmp(state, "restarting") == 0);
}

static int list_containers(
	const struct cli *cli, const struct args *o, const struct option_value *states, struct err *e)
{
	auto_(project_view) struct project_view v = { 0 };
	auto_(json) json_t *chosen = NULL;
	auto_(json) json_t *rows = json_array();
	auto_(buf) struct buf out = { 0 };
	const char *format = option_string(o, "format");
	size_t i;
	json_t *c;
	int r = project_find(cli, o, &v, e);
	if (r == 0)
		r = project_select(&v, o->words, o->words_len, option_bool(o, "all"), &chosen, e);
	if (r < 0)
		return r;
	json_array_foreach (chosen, i, c) {
		bool full = option_bool(o, "no-trunc") || option_bool(o, "quiet") ||
			(format && strcmp(format, "json") == 0);
		if (is_listed(o, states, c) && json_array_append_new(rows, row_of(c, !full)) < 0)
			return err_set(e, ENOMEM, "ps");
	}
	if (option_bool(o, "quiet"))
		format = "{{.ID}}";
	else if (option_bool(o, "services"))
		format = "{{.Service}}";
	if (!format || !*format || strcmp(format, "table") == 0)
		format = PS_TABLE;
	e->code = 0;
	r = rows_format(
		rows, ps_columns, sizeof(ps_columns) / sizeof(ps_columns[0]), PS_TABLE, format, &out, e);
	if (r == 0)
		(void)fputs(out.data ? out.data : "", stdout);
	return r;
}

int verb_compose_ps(const struct cli *cli, const struct args *o)
{
	struct option_value states = { 0 };
	struct err e;
	int r = wanted_states(o, &states, &e);
	if (r == 0)
		r = list_containers(cli, o, &states, &e);
	free(states.values);
	return r < 0 ? output_error(&e, 1) : 0;
}

const struct option_def *compose_ps_options(void)
{
	static const struct option_def table[] = {
		{ 'a', "all", OPT_BOOL, "Show all containers, also those that have ended and those of run" },
		{ 0, "filter", OPT_LIST, "Show those that fit: status=STATE" },
		{ 0, "format", OPT_STRING, "\"table\", \"table TEMPLATE\", \"json\" or a template" },
		{ 0, "no-trunc", OPT_BOOL, "Do not cut ids and commands short" },
		{ 'q', "quiet", OPT_BOOL, "Show ids only" },
		{ 0, "services", OPT_BOOL, "Show services only" },
		{ 0, "status", OPT_LIST, "Show those in this state" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

/* ---------------------------------------------------------------- ls */

/* "exited(1), running(2)" */
static int add_states(json_t *states, struct buf *out)
{
	static const char *const order[] = { "created", "dead", "exited", "paused", "removing", "restarting",
		"running" };
	int r = 0;
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]) && r == 0; i++) {
		json_int_t n = json_integer_value(json_object_get(states, order[i]));
		if (n > 0)
			r = buf_printf(out, "%s%s(%lld)", out->len ? ", " : "", order[i], (long long)n);
	}
	return r;
}

/* {"demo": {"Files", "States": {"running": 2}}} */
static json_t *group_rows(const json_t *rows)
{
	auto_(json) json_t *projects = json_object();
	size_t i;
	json_t *c;
	json_array_foreach (rows, i, c) {
		const char *name = row_label(c, LABEL_PROJECT), *state = row_text(c, "State");
		json_t *p = json_object_get(projects, name);
		if (!p) {
			if (json_object_set_new(projects, name,
				    json_pack("{s:s, s:{}}", "Files", row_label(c, LABEL_FILES), "States")) <
				0)
				return NULL;
			p = json_object_get(projects, name);
		}
		json_t *states = json_object_get(p, "States");
		json_int_t n = json_integer_value(json_object_get(states, state));
		if (json_object_set_new(states, state, json_integer(n + 1)) < 0)
			return NULL;
	}
	return take_ptr(&projects);
}

static bool is_named(const struct args *o, const char *name, struct err *e)
{
	const struct option_value *filters = option_list(o, "filter");
	bool fits = filters->count == 0;
	for (size_t i = 0; i < filters->count; i++) {
		if (!text_has_prefix(filters->values[i], "name=")) {
			(void)err_say(
				e, EINVAL, "unknown filter %s: only name=NAME is one", filters->values[i]);
			return false;
		}
		fits |= strstr(name, filters->values[i] + strlen("name=")) != NULL;
	}
	return fits;
}

static int list_projects(const struct cli *cli, const struct args *o, struct err *e)
{
	static const struct row_column columns[] = { { "Name", "NAME" }, { "Status", "STATUS" },
		{ "ConfigFiles", "CONFIG FILES" } };
	auto_(json) json_t *containers = NULL;
	auto_(json) json_t *rows = json_array();
	auto_(buf) struct buf out = { 0 };
	const char *name, *format = option_string(o, "format");
	json_t *p;
	int r = project_rows(cli, NULL, &containers, e);
	if (r < 0)
		return r;
	auto_(json) json_t *projects = group_rows(containers);
	e->code = 0;
	json_object_foreach (projects, name, p) {
		json_t *states = json_object_get(p, "States");
		auto_(buf) struct buf status = { 0 };
		if (!option_bool(o, "all") && !json_object_get(states, "running"))
			continue;
		if (!is_named(o, name, e)) {
			if (e->code)
				return -e->code;
			continue;
		}
		if (add_states(states, &status) < 0 ||
			json_array_append_new(rows,
				json_pack("{s:s, s:s, s:s}", "Name", name, "Status",
					status.data ? status.data : "", "ConfigFiles",
					row_text(p, "Files"))) < 0)
			return err_set(e, ENOMEM, "ls");
	}
	if (format && strcmp(format, "json") == 0 && !option_bool(o, "quiet")) {
		auto_free char *text = json_dumps(rows, JSON_COMPACT);
		return text ? (puts(text), 0) : err_set(e, ENOMEM, "ls");
	}
	if (format && strcmp(format, "table") != 0 && strcmp(format, "json") != 0)
		return err_say(e, EINVAL, "unsupported --format value \"%s\": must be table or json", format);
	r = rows_format(rows, columns, sizeof(columns) / sizeof(columns[0]),
		"{{.Name}}\t{{.Status}}\t{{.ConfigFiles}}", option_bool(o, "quiet") ? "{{.Name}}" : NULL,
		&out, e);
	if (r == 0)
		(void)fputs(out.data ? out.data : "", stdout);
	return r;
}

int verb_compose_ls(const struct cli *cli, const struct args *o)
{
	struct err e;
	return list_projects(cli, o, &e) < 0 ? output_error(&e, 1) : 0;
}

const struct option_def *compose_ls_options(void)
{
	static const struct option_def table[] = {
		{ 'a', "all", OPT_BOOL, "Show those of which nothing runs, too" },
		{ 0, "filter", OPT_LIST, "Show those that fit: name=NAME" },
		{ 0, "format", OPT_STRING, "\"table\" or \"json\"" },
		{ 'q', "quiet", OPT_BOOL, "Show names only" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}
