/* compose stop, start, restart, kill, pause, unpause, rm: one request for each container of the services that are named. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/api.h"
#include "cli/compose.h"
#include "cli/output.h"
#include "cli/project.h"
#include "cli/project_act.h"
#include "cli/project_find.h"

/* Those in one of these states. */
static int only(json_t **rows, const char *const *states, struct err *e)
{
	json_t *some = json_array(), *row;
	size_t i;
	json_array_foreach (*rows, i, row) {
		for (const char *const *s = states; *s; s++)
			if (strcmp(row_text(row, "State"), *s) == 0 && json_array_append(some, row) < 0) {
				json_decref(some);
				return err_set(e, ENOMEM, "choose containers");
			}
	}
	json_decref(*rows);
	*rows = some;
	return 0;
}

static int act_on(
	const struct cli *cli, const struct args *o, const struct act *act, const json_t *rows, struct err *e)
{
	struct event_base *base = api_loop_new();
	struct progress *progress = NULL;
	int r = base ? progress_as_asked(cli, o, base, &progress, e) : err_set(e, ENOMEM, "%s", act->doing);
	if (r == 0)
		r = project_act(cli, base, act, rows, progress, e);
	progress_free(progress);
	if (base)
		event_base_free(base);
	return r;
}

/* states: which containers it is about, NULL: all. */
static int simple(
	const struct cli *cli, const struct args *o, const struct act *act, const char *const *states)
{
	auto_(project_view) struct project_view v = { 0 };
	auto_(json) json_t *rows = NULL;
	struct err e;
	int r = project_find(cli, o, &v, &e);
	if (r == 0)
		r = project_select(&v, o->words, o->words_len, false, &rows, &e);
	if (r == 0 && states)
		r = only(&rows, states, &e);
	if (r == 0)
		r = act_on(cli, o, act, rows, &e);
	return r < 0 ? output_error(&e, 1) : 0;
}

/* "?t=3&signal=HUP" */
static int add_query(const struct args *o, const char *option, const char *key, struct buf *query)
{
	const char *value = option_string(o, option);
	return value ? api_query(query, key, value) : 0;
}

static int out_of_memory(const char *verb)
{
	struct err e;
	(void)err_set(&e, ENOMEM, "%s", verb);
	return output_error(&e, 1);
}

static const char *const alive[] = { "running", "paused", "restarting", NULL };
static const char *const running[] = { "running", NULL };
static const char *const paused[] = { "paused", NULL };
static const char *const stopped[] = { "created", "exited", "dead", NULL };

int verb_compose_stop(const struct cli *cli, const struct args *o)
{
	auto_(buf) struct buf query = { 0 };
	if (buf_puts(&query, "") < 0 || add_query(o, "timeout", "t", &query) < 0)
		return out_of_memory("stop");
	struct act act = { "POST", "stop", query.data, "Stopping", "Stopped", ACT_REVERSE, true };
	return simple(cli, o, &act, alive);
}

int verb_compose_start(const struct cli *cli, const struct args *o)
{
	static const struct act act = { "POST", "start", "", "Starting", "Started", ACT_FORWARD, true };
	auto_(project_view) struct project_view v = { 0 };
	auto_(json) json_t *rows = NULL;
	struct err e;
	int r = project_find(cli, o, &v, &e);
	if (r == 0)
		r = project_select(&v, o->words, o->words_len, false, &rows, &e);
	for (size_t i = 0; r == 0 && i < o->words_len; i++) {
		bool has = false;
		size_t k;
		json_t *row;
		json_array_foreach (rows, k, row)
			has |= strcmp(row_label(row, LABEL_SERVICE), o->words[i]) == 0;
		if (!has)
			r = err_say(&e, ENOENT, "service \"%s\" has no container to start", o->words[i]);
	}
	if (r == 0)
		r = only(&rows, stopped, &e);
	if (r == 0)
		r = act_on(cli, o, &act, rows, &e);
	return r < 0 ? output_error(&e, 1) : 0;
}

int verb_compose_restart(const struct cli *cli, const struct args *o)
{
	auto_(buf) struct buf query = { 0 };
	if (buf_puts(&query, "") < 0 || add_query(o, "timeout", "t", &query) < 0)
		return out_of_memory("restart");
	struct act act = { "POST", "restart", query.data, "Restarting", "Started", ACT_FORWARD, false };
	return simple(cli, o, &act, NULL);
}

int verb_compose_kill(const struct cli *cli, const struct args *o)
{
	auto_(buf) struct buf query = { 0 };
	if (buf_puts(&query, "") < 0 || add_query(o, "signal", "signal", &query) < 0)
		return out_of_memory("kill");
	struct act act = { "POST", "kill", query.data, "Killing", "Killed", ACT_ANY, false };
	return simple(cli, o, &act, alive);
}

int verb_compose_pause(const struct cli *cli, const struct args *o)
{
	static const struct act act = { "POST", "pause", "", "Pausing", "Paused", ACT_REVERSE, false };
	return simple(cli, o, &act, running);
}

int verb_compose_unpause(const struct cli *cli, const struct args *o)
{
	static const struct act act = { "POST", "unpause", "", "Unpausing", "Unpaused", ACT_FORWARD, false };
	return simple(cli, o, &act, paused);
}

/* ---------------------------------------------------------------- rm */

static bool is_sure(const json_t *rows)
{
	size_t i;
	json_t *row;
	char answer[16] = "";
	(void)fputs("? Going to remove ", stderr);
	json_array_foreach (rows, i, row)
		(void)fprintf(stderr, "%s%s", i ? ", " : "", row_name(row));
	(void)fputs(" [yN] ", stderr);
	if (!fgets(answer, sizeof(answer), stdin))
		return false;
	return answer[0] == 'y' || answer[0] == 'Y';
}

static int remove_rows(const struct cli *cli, const struct args *o, json_t **rows, struct err *e)
{
	const char *query = option_bool(o, "volumes") ? "?v=1" : "";
	struct act stop = { "POST", "stop", "", "Stopping", "Stopped", ACT_REVERSE, true };
	struct act remove = { "DELETE", NULL, query, "Removing", "Removed", ACT_ANY, true };
	int r = 0;
	if (!option_bool(o, "stop"))
		r = only(rows, stopped, e);
	if (r == 0 && json_array_size(*rows) == 0) {
		(void)fputs("No stopped containers\n", stderr);
		return 0;
	}
	if (r == 0 && !option_bool(o, "force") && !is_sure(*rows))
		return 0;
	if (r == 0 && option_bool(o, "stop")) {
		auto_(json) json_t *live = json_incref(*rows);
		r = only(&live, alive, e);
		if (r == 0)
			r = act_on(cli, o, &stop, live, e);
	}
	return r < 0 ? r : act_on(cli, o, &remove, *rows, e);
}

int verb_compose_rm(const struct cli *cli, const struct args *o)
{
	auto_(project_view) struct project_view v = { 0 };
	auto_(json) json_t *rows = NULL;
	struct err e;
	int r = project_find(cli, o, &v, &e);
	if (r == 0)
		r = project_select(&v, o->words, o->words_len, true, &rows, &e);
	if (r == 0)
		r = remove_rows(cli, o, &rows, &e);
	return r < 0 ? output_error(&e, 1) : 0;
}

/* ---------------------------------------------------------------- options */

const struct option_def *compose_stop_options(void)
{
	static const struct option_def table[] = {
		{ 't', "timeout", OPT_INT, "Seconds to wait before killing" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

const struct option_def *compose_kill_options(void)
{
	static const struct option_def table[] = {
		{ 's', "signal", OPT_STRING, "Signal to send (default KILL)" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

const struct option_def *compose_rm_options(void)
{
	static const struct option_def table[] = {
		{ 'f', "force", OPT_BOOL, "Do not ask" },
		{ 's', "stop", OPT_BOOL, "Stop the containers first" },
		{ 'v', "volumes", OPT_BOOL, "Remove their anonymous volumes" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}
