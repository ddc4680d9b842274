/* logs: what a container has said, and with -f what it says. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/api.h"
#include "cli/logs.h"
#include "cli/output.h"
#include "cli/reconnect.h"
#include "cli/session.h"

int logs_time(const char *text, int64_t now_ns, struct buf *out, struct err *e)
{
	int64_t ago = 0, at = 0;
	if (clock_parse_duration(text, &ago) == 0)
		at = now_ns - ago;
	else if (clock_parse_timestamp(text, &at) < 0)
		return err_say(e, EINVAL,
			"invalid time '%s': want 2026-01-02T03:04:05Z, seconds since 1970 or a duration like 10m",
			text);
	int r = buf_printf(out, "%lld.%09lld", (long long)(at / NS_PER_S), (long long)(at % NS_PER_S));
	return r < 0 ? err_set(e, -r, "time") : 0;
}

int logs_times(const struct args *o, struct buf *target, struct err *e)
{
	static const char *const times[] = { "since", "until" };

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		auto_(buf) struct buf stamp = { 0 };
		if (!option_given(o, times[i]))
			continue;
		int r = logs_time(option_string(o, times[i]), clock_real_ns(), &stamp, e);
		if (r < 0)
			return r;
		if ((r = api_query(target, times[i], stamp.data)) < 0)
			return err_set(e, -r, "%s", times[i]);
	}
	return 0;
}

static int logs_target(const struct args *o, struct buf *target, struct err *e)
{
	static const char *const switches[] = { "timestamps", "details", "follow" };
	const char *tail = option_string(o, "tail");
	char *end = NULL;
	if (tail && strcmp(tail, "all") != 0 && ((void)strtol(tail, &end, 10), end == tail || *end))
		return err_say(e, EINVAL, "invalid number of lines '%s': want a number or \"all\"", tail);
	int r = api_target(target, "/containers/%s/logs?stdout=1&stderr=1", o->words[0]);
	if (r == 0 && (r = logs_times(o, target, e)) < 0)
		return r;
	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]) && r == 0; i++)
		if (option_bool(o, switches[i]))
			r = api_query(target, switches[i], "1");
	if (r == 0)
		r = api_query(target, "tail", tail ? tail : "all");
	return r < 0 ? err_set(e, -r, "logs") : 0;
}

/* ---------------------------------------------------------------- reading, over the deaths of supervisors */

enum { OUT, ERR, STREAMS };

/* The daemon says in the stream at which position of the log we are. When the connection breaks we ask for what follows the last
 * one, and leave out what we had from there. */
struct reading {
	const struct cli *cli;
	struct event_base *base;
	struct display display;
	struct remote remote;
	struct reconnect reconnect;
	struct frames frames;
	bool broken;		 /* a frame that is none */
	struct buf position;	 /* the last whole one; empty: none yet */
	struct buf next;	 /* as far as it is here */
	uint64_t given[STREAMS]; /* bytes behind the position that are on their way to our output */
	uint64_t seen[STREAMS];	 /* of this connection */
};

static void reading_done(struct reading *l)
{
	remote_done(&l->remote);
	display_done(&l->display);
	buf_done(&l->position);
	buf_done(&l->next);
	if (l->base)
		event_base_free(l->base);
}

OWN_DEFINE(reading, struct reading, reading_done)

static void take_position(struct reading *l, const char *data, size_t len)
{
	if (buf_add(&l->next, data, len) < 0 || l->frames.left > 0)
		return;
	buf_reset(&l->position);
	(void)buf_add(&l->position, l->next.data, l->next.len); /* without it we would begin anew */
	buf_reset(&l->next);
	for (int i = 0; i < STREAMS; i++) {
		l->given[i] -= l->seen[i] < l->given[i] ? l->seen[i] : l->given[i];
		l->seen[i] = 0;
	}
}

static void on_frame(enum frame_stream stream, const char *data, size_t len, void *cookie)
{
	struct reading *l = cookie;
	int i = stream == FRAME_STDOUT ? OUT : ERR;

	if (stream == FRAME_POSITION) {
		take_position(l, data, len);
		return;
	}
	if (stream == FRAME_ERROR) {
		display_show(&l->display, stream, data, len);
		return;
	}
	l->seen[i] += len;
	if (l->seen[i] <= l->given[i])
		return;
	size_t fresh = l->seen[i] - l->given[i] < len ? (size_t)(l->seen[i] - l->given[i]) : len;
	display_show(&l->display, stream, data + len - fresh, fresh);
	l->given[i] = l->seen[i];
}

static void log_data(struct remote *r, const char *data, size_t len)
{
	struct reading *l = r->cookie;

	if (!l->broken && frames_feed(&l->frames, data, len, on_frame, l) < 0)
		l->broken = true;
	if (display_queued(&l->display) > OUTLET_HIGH)
		http_client_pause(r->client);
}

static void log_moved(void *cookie)
{
	struct reading *l = cookie;
	if (l->remote.client && !l->remote.ended && display_queued(&l->display) < OUTLET_LOW)
		http_client_resume(l->remote.client);
}

/* One connection, to its end. *refused: the daemon says no, and will the next time. */
static int read_once(struct reading *l, const char *query, bool *refused, struct err *e)
{
	auto_(buf) struct buf target = { 0 };
	int r = buf_puts(&target, query);

	remote_done(&l->remote);
	l->remote = (struct remote){ .on_data = log_data, .cookie = l };
	l->frames = (struct frames){ 0 };
	buf_reset(&l->next);
	memset(l->seen, 0, sizeof(l->seen));
	if (r == 0 && l->position.len)
		r = api_query(&target, "berth_from", l->position.data);
	if (r < 0)
		return err_set(e, -r, "logs");
	r = remote_start(&l->remote, l->cli, l->base, "GET", target.data, NULL, false, e);
	if (r == 0 && (r = remote_wait_head(&l->remote, e)) >= 0) {
		*refused = r >= 400;
		reconnect_made(&l->reconnect);
		r = 0;
	}
	while (r == 0 && !l->broken && (!l->remote.ended || display_queued(&l->display) > 0)) {
		r = display_check(&l->display, e);
		if (r == 0 && event_base_loop(l->base, EVLOOP_ONCE) != 0)
			r = err_set(e, EIO, "run the event loop");
	}
	if (l->broken)
		return err_say(e, EPROTO, "the daemon's stream has a broken frame; the rest is not shown");
	if (r == 0)
		r = remote_wait_end(&l->remote, e);
	return r < 0 ? r : display_check(&l->display, e);
}

static int read_logs(struct reading *l, const char *query, struct err *e)
{
	bool refused = false;
	int r;

	do
		r = read_once(l, query, &refused, e);
	while (r < 0 && !refused && (r = reconnect_after(&l->reconnect, r, e)) == 0);
	return r;
}

int verb_logs(const struct cli *cli, const struct args *o)
{
	auto_(buf) struct buf target = { 0 };
	auto_(reading) struct reading l = { .cli = cli, .base = api_loop_new(), .reconnect.cli = cli };
	struct err e;
	int r = l.base ? logs_target(o, &target, &e) : err_set(&e, ENOMEM, "logs");

	if (r == 0 && api_query(&target, "berth_resume", "1") < 0)
		r = err_set(&e, ENOMEM, "logs");
	if (r == 0)
		r = display_init(&l.display, l.base, false, log_moved, &l, &e);
	if (r == 0)
		r = read_logs(&l, target.data, &e);
	return r < 0 ? output_error(&e, 1) : 0;
}

const struct option_def *logs_options(void)
{
	static const struct option_def table[] = {
		{ 0, "details", OPT_BOOL, "Show extra details" },
		{ 'f', "follow", OPT_BOOL, "Follow the output" },
		{ 0, "since", OPT_STRING, "Only what is newer: a time, or a duration like 10m" },
		{ 'n', "tail", OPT_STRING, "Number of lines from the end (default all)" },
		{ 't', "timestamps", OPT_BOOL, "Show the time of each line" },
		{ 0, "until", OPT_STRING, "Only what is older: a time, or a duration like 10m" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}
