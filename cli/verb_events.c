/* events: what happens, as it happens. Goes on behind the last one after a supervisor's death. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/api.h"
#include "cli/cli.h"
#include "cli/events.h"
#include "cli/logs.h"
#include "cli/output.h"
#include "cli/project.h"
#include "cli/ps.h"
#include "cli/reconnect.h"
#include "cli/template.h"

/* ---------------------------------------------------------------- one line */

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int add_attributes(struct buf *out, const json_t *attributes)
{
	size_t n = 0;
	auto_free const char **keys = calloc(json_object_size(attributes) + 1, sizeof(*keys));
	const char *key;
	json_t *value;

	if (!keys)
		return -ENOMEM;
	json_object_foreach ((json_t *)(uintptr_t)attributes, key, value)
		keys[n++] = key;
	qsort(keys, n, sizeof(*keys), compare);
	int r = 0;
	for (size_t i = 0; i < n && r == 0; i++)
		r = buf_printf(out, "%s%s=%s", i ? ", " : " (", keys[i], text_of(attributes, keys[i]));
	return r == 0 && n > 0 ? buf_puts(out, ")") : r;
}

static int add_time(struct buf *out, int64_t real_ns)
{
	time_t s = (time_t)(real_ns / NS_PER_S);
	struct tm tm;
	char day[32], zone[16];

	if (!localtime_r(&s, &tm) || strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm) == 0 ||
		strftime(zone, sizeof(zone), "%z", &tm) == 0)
		return -EINVAL;
	int r = buf_printf(out, "%s.%09d", day, (int)(real_ns % NS_PER_S));
	if (r == 0 && tm.tm_gmtoff == 0)
		return buf_puts(out, "Z");
	return r < 0 ? r : buf_printf(out, "%.3s:%s", zone, zone + 3);
}

static int plain_line(const json_t *event, struct buf *out)
{
	const json_t *actor = json_object_get(event, "Actor");
	int r = add_time(out, json_integer_value(json_object_get(event, "timeNano")));

	if (r == 0)
		r = buf_printf(out, " %s %s %s", text_of(event, "Type"), text_of(event, "Action"),
			text_of(actor, "ID"));
	return r < 0 ? r : add_attributes(out, json_object_get(actor, "Attributes"));
}

/* The fields as docker's templates name them. */
static json_t *fields_of(const json_t *event)
{
	static const char *const names[][2] = { { "Status", "status" }, { "ID", "id" }, { "From", "from" },
		{ "Type", "Type" }, { "Action", "Action" }, { "Actor", "Actor" }, { "Scope", "scope" },
		{ "Time", "time" }, { "TimeNano", "timeNano" } };
	auto_(json) json_t *o = json_object();

	for (size_t i = 0; o && i < sizeof(names) / sizeof(names[0]); i++) {
		json_t *v = json_object_get(event, names[i][1]);
		if (json_object_set_new(o, names[i][0], v ? json_incref(v) : json_string("")) < 0)
			return NULL;
	}
	return take_ptr(&o);
}

int events_line(const json_t *event, const char *format, struct buf *out, struct err *e)
{
	int r;

	if (!format || !*format) {
		r = plain_line(event, out);
	} else if (strcmp(format, "json") == 0 || strcmp(format, "{{json .}}") == 0) {
		auto_free char *text = json_dumps(event, JSON_COMPACT);
		r = text ? buf_puts(out, text) : -ENOMEM;
	} else {
		auto_(json) json_t *fields = fields_of(event);
		if (fields && (r = template_render(format, fields, out, e)) < 0)
			return r;
		r = fields ? 0 : -ENOMEM;
	}
	if (r == 0)
		r = buf_puts(out, "\n");
	return r < 0 ? err_set(e, -r, "print event") : 0;
}

/* ---------------------------------------------------------------- the verb */

struct watching {
	const struct cli *cli;
	const char *query; /* what stays the same from call to call; NULL: nothing */
	int (*line)(const json_t *event, void *cookie, struct buf *out, struct err *e);
	void *cookie;
	char *cursor; /* behind what has been printed; NULL: from the start */
	struct reconnect reconnect;
	struct json_lines lines;
	int r; /* of what was printed */
	struct err e;
};

static void watching_done(struct watching *w)
{
	json_lines_done(&w->lines);
	free(w->cursor);
}

OWN_DEFINE(watching, struct watching, watching_done)

static int set_cursor(struct watching *w, const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	if (!copy)
		return text ? -ENOMEM : 0;
	free(w->cursor);
	w->cursor = copy;
	return 0;
}

static int print_one(const json_t *event, void *cookie)
{
	struct watching *w = cookie;
	auto_(buf) struct buf line = { 0 };
	json_t *o = (json_t *)(uintptr_t)event; /* our own copy of it */

	int r = set_cursor(w, json_string_value(json_object_get(event, "Cursor")));
	(void)json_object_del(o, "Cursor"); /* a daemon that sends none will do, until it dies */
	if (r == 0)
		r = w->line(event, w->cookie, &line, &w->e);
	if (r < 0 || !line.len)
		return r;
	(void)fwrite(line.data, 1, line.len, stdout);
	return output_flush(&w->e);
}

static void on_data(struct remote *r, const char *data, size_t len)
{
	struct watching *w = r->cookie;

	if (w->r < 0)
		return;
	(void)err_say(&w->e, EPROTO, "the daemon's events are not lines of JSON");
	w->r = json_lines_feed(&w->lines, data, len, print_one, w);
	(void)event_base_loopbreak(r->base);
}

/* One connection, to its end. */
static int watch(struct watching *w, struct err *e)
{
	struct event_base *base = api_loop_new();
	struct remote remote = { .on_data = on_data, .cookie = w };
	auto_(buf) struct buf target = { 0 };
	int r = base ? 0 : -ENOMEM;

	if (r == 0)
		r = buf_puts(&target, "/events");
	if (r == 0)
		r = api_query(&target, "cursor", w->cursor ? w->cursor : "");
	if (r == 0 && w->query)
		r = buf_printf(&target, "&%s", w->query + 1);
	if (r < 0)
		r = err_set(e, -r, "events");
	else
		r = remote_start(&remote, w->cli, base, "GET", target.data, NULL, false, e);
	if (r == 0 && (r = remote_wait_head(&remote, e)) >= 0 && r < 400) {
		reconnect_made(&w->reconnect);
		r = w->cursor ? 0 : set_cursor(w, http_client_header(remote.client, "Berth-Cursor"));
		while (r == 0 && w->r == 0 && !remote.ended)
			(void)event_base_loop(base, EVLOOP_ONCE);
	}
	if (r >= 0 && w->r == 0)
		r = remote_wait_end(&remote, e);
	if (w->r < 0) {
		*e = w->e;
		r = w->r;
	}
	remote_done(&remote);
	if (base)
		event_base_free(base);
	buf_reset(&w->lines.rest);
	return r < 0 ? r : 0;
}

int events_watch(const struct cli *cli, const char *query,
	int (*line)(const json_t *event, void *cookie, struct buf *out, struct err *e), void *cookie,
	struct err *e)
{
	auto_(watching) struct watching w = {
		.cli = cli, .reconnect.cli = cli, .query = query, .line = line, .cookie = cookie
	};
	int r;
	do
		r = watch(&w, e);
	while (r < 0 && w.r == 0 && (r = reconnect_after(&w.reconnect, r, e)) == 0);
	return r;
}

static int build_query(const struct args *o, struct buf *query, struct err *e)
{
	int r = logs_times(o, query, e);

	if (r < 0)
		return r;
	if (option_given(o, "filter")) {
		auto_(json) json_t *filters = NULL;
		if ((r = ps_filters(option_list(o, "filter"), &filters, e)) < 0)
			return r;
		auto_free char *text = json_dumps(filters, JSON_COMPACT);
		r = text ? api_query(query, "filters", text) : -ENOMEM;
	}
	return r < 0 ? err_set(e, -r, "events") : 0;
}

static int line_of(const json_t *event, void *cookie, struct buf *out, struct err *e)
{
	return events_line(event, option_string(cookie, "format"), out, e);
}

int verb_events(const struct cli *cli, const struct args *o)
{
	auto_(buf) struct buf query = { 0 };
	struct err e;
	int r = build_query(o, &query, &e);
	if (r == 0)
		r = events_watch(cli, query.data, line_of, (void *)(uintptr_t)o, &e);
	return r < 0 ? output_error(&e, 1) : 0;
}

const struct option_def *events_options(void)
{
	static const struct option_def table[] = {
		{ 'f', "filter", OPT_LIST, "Only those that fit: name=value" },
		{ 0, "format", OPT_STRING, "\"json\" or a template" },
		{ 0, "since", OPT_STRING, "From this time on: a time, or a duration like 10m" },
		{ 0, "until", OPT_STRING, "Up to this time: a time, or a duration like 10m" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}
