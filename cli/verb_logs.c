/* logs: what a container has said, and with -f what it says. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/api.h"
#include "cli/logs.h"
#include "cli/logstream.h"
#include "cli/output.h"
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

int logs_target(const struct args *o, const char *container, struct buf *target, struct err *e)
{
	static const char *const switches[] = { "timestamps", "details", "follow" };
	const char *tail = option_string(o, "tail");
	char *end = NULL;
	if (tail && strcmp(tail, "all") != 0 && ((void)strtol(tail, &end, 10), end == tail || *end))
		return err_say(e, EINVAL, "invalid number of lines '%s': want a number or \"all\"", tail);
	int r = api_target(target, "/containers/%s/logs?stdout=1&stderr=1", container);
	if (r == 0 && (r = logs_times(o, target, e)) < 0)
		return r;
	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]) && r == 0; i++)
		if (option_bool(o, switches[i]))
			r = api_query(target, switches[i], "1");
	if (r == 0)
		r = api_query(target, "tail", tail ? tail : "all");
	return r < 0 ? err_set(e, -r, "logs") : 0;
}

/* ---------------------------------------------------------------- the verb */

struct reading {
	struct event_base *base;
	struct display display;
	struct logstream *log;
	bool over;
	int r;
	struct err err;
};

static void reading_done(struct reading *l)
{
	logstream_free(l->log);
	display_done(&l->display);
	if (l->base)
		event_base_free(l->base);
}

OWN_DEFINE(reading, struct reading, reading_done)

static void on_data(void *cookie, enum frame_stream stream, const char *data, size_t len)
{
	struct reading *l = cookie;
	display_show(&l->display, stream, data, len);
	if (display_queued(&l->display) > OUTLET_HIGH)
		logstream_pause(l->log);
}

static void on_end(void *cookie, int r, const struct err *e)
{
	struct reading *l = cookie;
	l->over = true;
	l->r = r;
	if (r < 0)
		l->err = *e;
}

static const struct logstream_ops ops = { on_data, on_end };

static void log_moved(void *cookie)
{
	struct reading *l = cookie;
	if (l->log && display_queued(&l->display) < OUTLET_LOW)
		logstream_resume(l->log);
}

static int read_log(struct reading *l, struct err *e)
{
	int r = 0;
	while (r == 0 && (!l->over || display_queued(&l->display) > 0)) {
		r = display_check(&l->display, e);
		if (r == 0 && event_base_loop(l->base, EVLOOP_ONCE) != 0)
			r = err_set(e, EIO, "run the event loop");
	}
	if (r == 0 && l->r < 0) {
		*e = l->err;
		r = l->r;
	}
	return r < 0 ? r : display_check(&l->display, e);
}

int verb_logs(const struct cli *cli, const struct args *o)
{
	auto_(buf) struct buf target = { 0 };
	auto_(reading) struct reading l = { .base = api_loop_new() };
	struct err e;
	int r = l.base ? logs_target(o, o->words[0], &target, &e) : err_set(&e, ENOMEM, "logs");

	if (r == 0)
		r = display_init(&l.display, l.base, false, log_moved, &l, &e);
	if (r == 0)
		r = logstream_new(cli, l.base, target.data, &ops, &l, &l.log, &e);
	if (r == 0)
		r = read_log(&l, &e);
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
