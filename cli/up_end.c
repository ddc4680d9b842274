#include "cli/up_end.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/api.h"
#include "cli/output.h"
#include "cli/project_act.h"
#include "cli/project_find.h"

struct up_end {
	const struct cli *cli;
	struct event_base *base;
	struct progress *progress;
	char *project;
	json_t *services; /* by name: those that are brought up */
	char stop_query[64];
	struct event *interrupt, *terminate;
	unsigned interrupts;
	bool begun;
	struct remote list; /* who is to be stopped */
	json_t *rows;	    /* those who run */
	struct project_act *stop, *kill;
	bool over, stuck;
};

static void killed(void *cookie)
{
	struct up_end *end = cookie;
	end->over = true;
}

static void stuck(struct up_end *end, const struct err *e)
{
	(void)output_error(e, 1);
	end->stuck = end->over = true;
}

static void begin_kill(struct up_end *end)
{
	static const struct act act = { "POST", "kill", "", "Killing", "Killed", ACT_ANY, false };
	struct err e;
	if (end->kill || !end->rows) /* rows: it begins when they are here */
		return;
	if (project_act_start(
		    end->cli, end->base, &act, end->rows, end->progress, killed, end, &end->kill, &e) < 0)
		stuck(end, &e);
}

static void stopped(void *cookie)
{
	struct up_end *end = cookie;
	struct err e;
	/* After a kill the stops fail or not, as it happens: what the kill says counts. */
	if (project_act_result(end->stop, &e) < 0 && !end->kill)
		stuck(end, &e);
	end->over |= !end->kill; /* it is, when the kills were faster */
}

/* Another up's services and what was run for once are not ours to stop. */
static bool is_ours(const struct up_end *end, const json_t *row)
{
	return json_object_get(end->services, row_label(row, LABEL_SERVICE)) &&
		strcasecmp(row_label(row, LABEL_ONEOFF), "true") != 0;
}

static void begin_stop(struct up_end *end, json_t *rows)
{
	struct act act = { "POST", "stop", end->stop_query, "Stopping", "Stopped", ACT_REVERSE, true };
	struct err e;
	size_t i;
	json_t *row;
	end->rows = json_array();
	json_array_foreach (rows, i, row) {
		const char *state = row_text(row, "State");
		if (is_ours(end, row) && strcmp(state, "exited") != 0 && strcmp(state, "created") != 0)
			(void)json_array_append(end->rows, row); /* a lost one runs on, and is seen to */
	}
	if (project_act_start(
		    end->cli, end->base, &act, end->rows, end->progress, stopped, end, &end->stop, &e) < 0) {
		stuck(end, &e);
	} else if (end->interrupts > 1) {
		begin_kill(end);
	}
}

static void listed(struct remote *list)
{
	struct up_end *end = list->cookie;
	if (!list->ended || end->stop)
		return;
	auto_(json) json_t *rows =
		json_loadb(list->body.data ? list->body.data : "", list->body.len, 0, NULL);
	if (json_is_array(rows)) {
		begin_stop(end, rows);
		return;
	}
	struct err e;
	(void)err_say(&e, EPROTO, "which containers are to be stopped is not known: see 'berth ps'");
	stuck(end, &e);
}

/* Who belongs to the project now: while it is brought up that changes. */
void up_end_begin(struct up_end *end)
{
	auto_(buf) struct buf target = { 0 }, label = { 0 };
	auto_(json) json_t *filters = NULL;
	struct err e = { 0 };
	project_act_free(take_ptr(&end->stop));
	project_act_free(take_ptr(&end->kill));
	json_decref(take_ptr(&end->rows));
	remote_done(&end->list);
	end->list = (struct remote){ .changed = listed, .cookie = end };
	end->over = false;
	end->begun = true;
	if (buf_printf(&label, "%s=%s", LABEL_PROJECT, end->project) == 0)
		filters = json_pack("{s:[s]}", "label", label.data);
	auto_free char *text = filters ? json_dumps(filters, JSON_COMPACT) : NULL;
	if (!text || buf_puts(&target, "/containers/json?all=1") < 0 ||
		api_query(&target, "filters", text) < 0)
		(void)err_set(&e, ENOMEM, "stop");
	if (e.code || remote_start(&end->list, end->cli, end->base, "GET", target.data, NULL, false, &e) < 0)
		stuck(end, &e);
}

static void on_interrupt(evutil_socket_t sig, short what, void *arg)
{
	struct up_end *end = arg;
	(void)sig;
	(void)what;
	end->interrupts++;
	if (end->interrupts == 1 && !end->begun) {
		progress_rest(end->progress);
		(void)fprintf(stderr, "Gracefully stopping... (press Ctrl+C again to force)\n");
		up_end_begin(end);
	} else if (end->interrupts <= 2) {
		begin_kill(end);
	} else {
		(void)fprintf(stderr, "\nberth: left before the containers have ended: see 'berth ps'\n");
		_exit(EXIT_INTERRUPTED);
	}
}

int up_end_new(const struct cli *cli, struct event_base *base, struct progress *progress, const char *project,
	json_t *services, const char *timeout, struct up_end **out, struct err *e)
{
	auto_(up_end) struct up_end *end = calloc(1, sizeof(*end));
	if (!end)
		return err_set(e, ENOMEM, "watch signals");
	*end = (struct up_end){ .cli = cli,
		.base = base,
		.progress = progress,
		.project = strdup(project),
		.services = json_incref(services) };
	if (timeout)
		(void)snprintf(end->stop_query, sizeof(end->stop_query), "?t=%.32s", timeout);
	end->interrupt = evsignal_new(base, SIGINT, on_interrupt, end);
	end->terminate = evsignal_new(base, SIGTERM, on_interrupt, end);
	if (!end->project || !end->interrupt || !end->terminate || event_add(end->interrupt, NULL) < 0 ||
		event_add(end->terminate, NULL) < 0)
		return err_set(e, ENOMEM, "watch signals");
	*out = take_ptr(&end);
	return 0;
}

void up_end_free(struct up_end *end)
{
	if (!end)
		return;
	project_act_free(end->stop);
	project_act_free(end->kill);
	remote_done(&end->list);
	if (end->interrupt)
		event_free(end->interrupt);
	if (end->terminate)
		event_free(end->terminate);
	json_decref(end->rows);
	json_decref(end->services);
	free(end->project);
	free(end);
}

bool up_end_interrupted(const struct up_end *end)
{
	return end->interrupts > 0;
}

bool up_end_begun(const struct up_end *end)
{
	return end->begun;
}

bool up_end_over(const struct up_end *end)
{
	return end->over;
}

bool up_end_stuck(const struct up_end *end)
{
	return end->stuck;
}

void up_end_wait(struct up_end *end)
{
	while (!end->over && event_base_loop(end->base, EVLOOP_ONCE) == 0)
		;
}
