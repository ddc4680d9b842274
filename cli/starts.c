#include "cli/starts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/api.h"
#include "cli/project.h"
#include "cli/project_find.h"
#include "cli/reconnect.h"

struct starts {
	const struct cli *cli;
	struct event_base *base;
	void (*fn)(void *cookie, const char *id);
	void *cookie;
	struct buf query;
	char *cursor; /* behind what has been told; NULL: from now on */
	struct remote remote;
	struct reconnect reconnect;
	struct event *next; /* the next connection */
	struct json_lines lines;
};

static void keep_cursor(struct starts *s, const char *text)
{
	char *copy = text ? strdup(text) : NULL;
	if (!copy)
		return; /* one that is told twice does no harm */
	free(s->cursor);
	s->cursor = copy;
}

static int on_event(const json_t *event, void *cookie)
{
	struct starts *s = cookie;
	const char *id = row_text(json_object_get(event, "Actor"), "ID");
	keep_cursor(s, json_string_value(json_object_get(event, "Cursor")));
	if (*id && strcmp(row_text(event, "Action"), "start") == 0)
		s->fn(s->cookie, id);
	return 0;
}

static void on_data(struct remote *r, const char *data, size_t len)
{
	struct starts *s = r->cookie;
	(void)json_lines_feed(&s->lines, data, len, on_event, s); /* what is no event is not for us */
}

static void changed(struct remote *r)
{
	struct starts *s = r->cookie;
	struct err e;
	if (r->status && !r->err.code) {
		reconnect_made(&s->reconnect);
		if (!s->cursor)
			keep_cursor(s, http_client_header(r->client, "Berth-Cursor"));
	}
	if (!r->ended || !r->err.code)
		return;
	e = r->err;
	int ms = reconnect_delay(&s->reconnect, api_connection_error(s->cli, &e), &e);
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };
	if (ms >= 0)
		(void)event_add(s->next, &tv); /* no memory: as if it did not come back */
}

static int connect_once(struct starts *s, struct err *e)
{
	auto_(buf) struct buf target = { 0 };
	remote_done(&s->remote);
	s->remote = (struct remote){ .on_data = on_data, .changed = changed, .cookie = s };
	buf_reset(&s->lines.rest);
	if (buf_puts(&target, s->query.data) < 0 ||
		api_query(&target, "cursor", s->cursor ? s->cursor : "") < 0)
		return err_set(e, ENOMEM, "events");
	return remote_start(&s->remote, s->cli, s->base, "GET", target.data, NULL, false, e);
}

static void connect_again(evutil_socket_t fd, short what, void *arg)
{
	struct starts *s = arg;
	struct err e;
	(void)fd;
	(void)what;
	int r = connect_once(s, &e);
	int ms = r < 0 ? reconnect_delay(&s->reconnect, r, &e) : -1;
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };
	if (ms >= 0)
		(void)event_add(s->next, &tv);
}

int starts_new(const struct cli *cli, struct event_base *base, const char *project,
	void (*fn)(void *cookie, const char *id), void *cookie, struct starts **out, struct err *e)
{
	auto_(starts) struct starts *s = calloc(1, sizeof(*s));
	auto_(buf) struct buf label = { 0 };
	if (!s)
		return err_set(e, ENOMEM, "events");
	*s = (struct starts){ .cli = cli, .base = base, .fn = fn, .cookie = cookie, .reconnect.cli = cli };
	s->next = evtimer_new(base, connect_again, s);
	if (!s->next || buf_printf(&label, "%s=%s", LABEL_PROJECT, project) < 0)
		return err_set(e, ENOMEM, "events");
	auto_(json) json_t *filters = json_pack(
		"{s:[s], s:[s], s:[s]}", "type", "container", "event", "start", "label", label.data);
	auto_free char *text = filters ? json_dumps(filters, JSON_COMPACT) : NULL;
	if (!text || buf_puts(&s->query, "/events") < 0 || api_query(&s->query, "filters", text) < 0)
		return err_set(e, ENOMEM, "events");
	int r = connect_once(s, e);
	if (r == 0)
		*out = take_ptr(&s);
	return r;
}

void starts_free(struct starts *s)
{
	if (!s)
		return;
	remote_done(&s->remote);
	if (s->next)
		event_free(s->next);
	json_lines_done(&s->lines);
	buf_done(&s->query);
	free(s->cursor);
	free(s);
}
