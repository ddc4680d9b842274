/* stats: what containers use, once or again each second. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/api.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/project.h"
#include "cli/reconnect.h"
#include "cli/rows.h"
#include "cli/size.h"
#include "cli/stats.h"

#define REDRAW_S 1

/* ---------------------------------------------------------------- one row */

static double number(const json_t *o, const char *a, const char *b, const char *c)
{
	const json_t *v = json_object_get(json_object_get(o, a), b);
	return json_number_value(c ? json_object_get(v, c) : v);
}

static double cpu_percent(const json_t *s)
{
	double used = number(s, "cpu_stats", "cpu_usage", "total_usage") -
		number(s, "precpu_stats", "cpu_usage", "total_usage");
	double passed = number(s, "cpu_stats", "system_cpu_usage", NULL) -
		number(s, "precpu_stats", "system_cpu_usage", NULL);

	return used > 0 && passed > 0 ? used / passed * number(s, "cpu_stats", "online_cpus", NULL) * 100 : 0;
}

/* Pages of files that can go at any time do not count. */
static double memory_used(const json_t *s)
{
	double usage = number(s, "memory_stats", "usage", NULL);
	double v1 = number(s, "memory_stats", "stats", "total_inactive_file");
	double v2 = number(s, "memory_stats", "stats", "inactive_file");
	double idle = v1 > 0 ? v1 : v2;

	return idle < usage ? usage - idle : usage;
}

static double sum_io(const json_t *s, char letter)
{
	const json_t *list = json_object_get(json_object_get(s, "blkio_stats"), "io_service_bytes_recursive"),
		     *x;
	double sum = 0;
	size_t i;

	json_array_foreach (list, i, x) {
		const char *op = json_string_value(json_object_get(x, "op"));
		if (op && (*op | 0x20) == letter)
			sum += json_number_value(json_object_get(x, "value"));
	}
	return sum;
}

static double sum_net(const json_t *s, const char *key)
{
	const char *name;
	json_t *x;
	double sum = 0;

	json_object_foreach (json_object_get(s, "networks"), name, x)
		sum += json_number_value(json_object_get(x, key));
	return sum;
}

json_t *stats_row(const char *container, const json_t *s, bool trunc)
{
	const char *id = json_string_value(json_object_get(s, "id"));
	const char *name = json_string_value(json_object_get(s, "name"));
	double used = memory_used(s), limit = number(s, "memory_stats", "limit", NULL);
	char cpu[32], mem[32], a[32], b[32], of[80], net[80], io[80], pids[32], shown[80];

	if (!s)
		return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "Container", container,
			"ID", "--", "Name", "--", "CPUPerc", "--", "MemUsage", "-- / --", "MemPerc", "--",
			"NetIO", "--", "BlockIO", "--", "PIDs", "--");
	(void)snprintf(cpu, sizeof(cpu), "%.2f%%", cpu_percent(s));
	(void)snprintf(mem, sizeof(mem), "%.2f%%", limit > 0 ? used / limit * 100 : 0);
	(void)snprintf(of, sizeof(of), "%s / %s", size_text(used, 1024, 4, a), size_text(limit, 1024, 4, b));
	(void)snprintf(net, sizeof(net), "%s / %s", size_text(sum_net(s, "rx_bytes"), 1000, 3, a),
		size_text(sum_net(s, "tx_bytes"), 1000, 3, b));
	(void)snprintf(io, sizeof(io), "%s / %s", size_text(sum_io(s, 'r'), 1000, 3, a),
		size_text(sum_io(s, 'w'), 1000, 3, b));
	(void)snprintf(pids, sizeof(pids), "%.0f", number(s, "pids_stats", "current", NULL));
	(void)snprintf(shown, sizeof(shown), trunc ? "%.12s" : "%s", id ? id : "");
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "Container", container, "ID", shown,
		"Name", name ? name + (*name == '/') : "", "CPUPerc", cpu, "MemUsage", of, "MemPerc", mem,
		"NetIO", net, "BlockIO", io, "PIDs", pids);
}

int stats_format(const json_t *rows, const char *format, struct buf *out, struct err *e)
{
	static const struct row_column columns[] = { { "Container", "CONTAINER" }, { "ID", "CONTAINER ID" },
		{ "Name", "NAME" }, { "CPUPerc", "CPU %" }, { "MemUsage", "MEM USAGE / LIMIT" },
		{ "MemPerc", "MEM %" }, { "NetIO", "NET I/O" }, { "BlockIO", "BLOCK I/O" },
		{ "PIDs", "PIDS" } };

	return rows_format(rows, columns, sizeof(columns) / sizeof(columns[0]),
		"{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}",
		format, out, e);
}

/* ---------------------------------------------------------------- the containers */

struct watched {
	struct screen *screen;
	char *name; /* as it was asked for, or its id */
	struct remote remote;
	struct json_lines lines;
	json_t *sample; /* the last, NULL: none yet */
	bool seen;	/* by the last list */
};

struct screen {
	const struct cli *cli;
	const struct args *o;
	struct event_base *base;
	struct watched **all; /* NULL-terminated */
	size_t n;
	struct reconnect reconnect;
};

static void watched_free(struct watched *w)
{
	remote_done(&w->remote);
	json_lines_done(&w->lines);
	json_decref(w->sample);
	free(w->name);
	free(w);
}

static void screen_done(struct screen *s)
{
	for (size_t i = 0; i < s->n; i++)
		watched_free(s->all[i]);
	free(s->all);
	if (s->base)
		event_base_free(s->base);
}

OWN_DEFINE(screen, struct screen, screen_done)

static int on_sample(const json_t *sample, void *cookie)
{
	struct watched *w = cookie;

	json_decref(w->sample);
	w->sample = json_incref((json_t *)(uintptr_t)sample);
	return 0;
}

static void on_data(struct remote *r, const char *data, size_t len)
{
	struct watched *w = r->cookie;
	(void)json_lines_feed(&w->lines, data, len, on_sample, w); /* what cannot be read is not shown */
}

static void on_changed(struct remote *r)
{
	const struct watched *w = r->cookie;
	if (r->status && !r->err.code)
		reconnect_made(&w->screen->reconnect);
}

static int ask(struct watched *w, struct err *e)
{
	auto_(buf) struct buf target = { 0 };
	const struct screen *s = w->screen;

	w->remote = (struct remote){ .on_data = on_data, .changed = on_changed, .cookie = w };
	if (api_target(&target, "/containers/%s/stats?stream=%s", w->name,
		    option_bool(s->o, "no-stream") ? "0" : "1") < 0)
		return err_set(e, ENOMEM, "stats");
	return remote_start(&w->remote, s->cli, s->base, "GET", target.data, NULL, false, e);
}

/* The supervisor has died: the next one is asked. What was shown last stays until it answers. */
static int ask_again(struct watched *w, struct err *e)
{
	remote_done(&w->remote);
	json_lines_done(&w->lines);
	w->lines = (struct json_lines){ 0 };
	int r = ask(w, e);
	if (!reconnect_is_broken(r))
		return r;
	w->remote.ended = true; /* once more, later */
	w->remote.err = *e;
	return 0;
}

static int add_watched(struct screen *s, const char *name, struct err *e)
{
	struct watched **all = realloc(s->all, (s->n + 2) * sizeof(*all));
	struct watched *w = all ? calloc(1, sizeof(*w)) : NULL;

	if (all)
		s->all = all;
	if (!w)
		return err_set(e, ENOMEM, "stats");
	s->all[s->n++] = w;
	s->all[s->n] = NULL;
	w->screen = s;
	w->seen = true;
	w->name = strdup(name);
	return w->name ? ask(w, e) : err_set(e, ENOMEM, "stats");
}

static struct watched *find_watched(const struct screen *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->all[i]->name, name) == 0)
			return s->all[i];
	return NULL;
}

static void drop_unseen(struct screen *s)
{
	for (size_t i = 0; i < s->n;) {
		if (s->all[i]->seen) {
			i++;
			continue;
		}
		watched_free(s->all[i]);
		memmove(&s->all[i], &s->all[i + 1], (s->n - i) * sizeof(*s->all));
		s->n--;
	}
}

/* Those that were named, or all that run (with --all: that are). */
static int look_for_containers(struct screen *s, struct err *e)
{
	auto_(json) json_t *list = NULL;
	size_t i;
	json_t *c;
	int r = 0;

	for (i = 0; i < s->o->words_len && r == 0 && s->n < s->o->words_len; i++)
		r = add_watched(s, s->o->words[i], e);
	if (r < 0 || s->o->words_len > 0)
		return r;
	r = api_call(s->cli, "GET", option_bool(s->o, "all") ? "/containers/json?all=1" : "/containers/json",
		NULL, &list, e);
	for (i = 0; i < s->n; i++)
		s->all[i]->seen = false;
	json_array_foreach (list, i, c) {
		const char *id = json_string_value(json_object_get(c, "Id"));
		struct watched *w = id ? find_watched(s, id) : NULL;
		if (w)
			w->seen = true;
		else if (id && r >= 0)
			r = add_watched(s, id, e);
	}
	if (r >= 0)
		drop_unseen(s);
	return r < 0 ? r : 0;
}

/* An answer that is an error is the verb's. */
static int check_answers(struct screen *s, struct err *e)
{
	bool paused = false;
	int n;

	for (size_t i = 0; i < s->n; i++) {
		struct remote *r = &s->all[i]->remote;
		if (!r->ended || (!r->err.code && r->status < 400))
			continue;
		n = remote_wait_end(r, e);
		if (reconnect_is_broken(n) && s->reconnect.was_made) {
			if ((!paused && (n = reconnect_after(&s->reconnect, n, e)) < 0) ||
				(n = ask_again(s->all[i], e)) < 0)
				return n;
			paused = true;
		} else if (s->o->words_len > 0 ||
			n != -ENOENT) { /* one that is gone will be gone from the list */
			return n;
		}
	}
	return 0;
}

static int draw(struct screen *s, struct err *e)
{
	auto_(json) json_t *rows = json_array();
	auto_(buf) struct buf out = { 0 };
	bool trunc = !option_bool(s->o, "no-trunc");

	for (size_t i = 0; i < s->n; i++)
		if (json_array_append_new(rows, stats_row(s->all[i]->name, s->all[i]->sample, trunc)) < 0)
			return err_set(e, ENOMEM, "stats");
	int r = stats_format(rows, option_string(s->o, "format"), &out, e);
	if (r < 0)
		return r;
	if (!option_bool(s->o, "no-stream") && isatty(STDOUT_FILENO))
		(void)fputs("\033[H\033[J", stdout);
	(void)fputs(out.data ? out.data : "", stdout);
	return output_flush(e);
}

static bool all_ended(const struct screen *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (!s->all[i]->remote.ended)
			return false;
	return true;
}

/* It was asked for again, and not even that came through. */
static bool any_broken(const struct screen *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->all[i]->remote.ended && s->all[i]->remote.err.code)
			return true;
	return false;
}

static int show_once(struct screen *s, struct err *e)
{
	int r = 0;

	do {
		while (!all_ended(s))
			if (event_base_loop(s->base, EVLOOP_ONCE) != 0)
				return err_set(e, EIO, "run the event loop");
		r = check_answers(s, e);
	} while (r == 0 && (!all_ended(s) || any_broken(s)));
	return r < 0 ? r : draw(s, e);
}

static int look_again(struct screen *s, struct err *e)
{
	int r = look_for_containers(s, e);
	if (r < 0 && s->reconnect.was_made && reconnect_is_broken(r))
		return reconnect_after(&s->reconnect, r, e);
	return r;
}

static int show_on(struct screen *s, struct err *e)
{
	static const struct timeval pause = { REDRAW_S, 0 };
	int r = 0;

	while (r == 0) {
		if (event_base_loopexit(s->base, &pause) < 0 || event_base_dispatch(s->base) < 0)
			return err_set(e, EIO, "run the event loop");
		r = check_answers(s, e);
		if (r == 0)
			r = look_again(s, e);
		if (r == 0)
			r = draw(s, e);
		if (r == 0 && s->o->words_len > 0 && all_ended(s) && !any_broken(s))
			break; /* those that were named are gone */
	}
	return r;
}

int verb_stats(const struct cli *cli, const struct args *o)
{
	auto_(screen) struct screen s = { .cli = cli, .o = o, .base = api_loop_new(), .reconnect.cli = cli };
	struct err e;
	int r = s.base ? look_for_containers(&s, &e) : err_set(&e, ENOMEM, "stats");

	if (r == 0)
		r = option_bool(o, "no-stream") ? show_once(&s, &e) : show_on(&s, &e);
	return r < 0 ? output_error(&e, 1) : 0;
}

const struct option_def *stats_options(void)
{
	static const struct option_def table[] = {
		{ 'a', "all", OPT_BOOL, "Show all containers (default: the running ones)" },
		{ 0, "format", OPT_STRING, "\"table\", \"table TEMPLATE\", \"json\" or a template" },
		{ 0, "no-stream", OPT_BOOL, "Show them once" },
		{ 0, "no-trunc", OPT_BOOL, "Do not cut ids short" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}
