#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/api.h"
#include "cli/logs.h"
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

static int logs_target(const struct args *o, struct buf *target, struct err *e)
{
	static const char *const times[] = { "since", "until" };
	static const char *const switches[] = { "timestamps", "details", "follow" };
	const char *tail = option_string(o, "tail");
	int r = api_target(target, "/containers/%s/logs?stdout=1&stderr=1", o->words[0]);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]) && r == 0; i++) {
		auto_(buf) struct buf stamp = { 0 };
		if (!option_given(o, times[i]))
			continue;
		r = logs_time(option_string(o, times[i]), clock_real_ns(), &stamp, e);
		if (r < 0)
			return r;
		r = api_query(target, times[i], stamp.data);
	}
	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]) && r == 0; i++)
		if (option_bool(o, switches[i]))
			r = api_query(target, switches[i], "1");
	if (r == 0)
		r = api_query(target, "tail", tail ? tail : "all");
	return r < 0 ? err_set(e, -r, "logs") : 0;
}

struct reading {
	struct display display;
	struct remote remote;
	struct event_base *base;
};

static void reading_done(struct reading *l)
{
	remote_done(&l->remote);
	display_done(&l->display);
	if (l->base)
		event_base_free(l->base);
}

OWN_DEFINE(reading, struct reading, reading_done)

static void log_data(struct remote *r, const char *data, size_t len)
{
	struct reading *l = r->cookie;
	display_feed(&l->display, data, len);
	if (display_queued(&l->display) > OUTLET_HIGH)
		http_client_pause(r->client);
}

static void log_moved(void *cookie)
{
	struct reading *l = cookie;
	if (l->remote.client && !l->remote.ended && display_queued(&l->display) < OUTLET_LOW)
		http_client_resume(l->remote.client);
}

static int read_logs(const struct cli *cli, struct reading *l, const char *target, struct err *e)
{
	l->remote.on_data = log_data;
	l->remote.cookie = l;
	int r = remote_start(&l->remote, cli, l->base, "GET", target, NULL, false, e);
	while (r == 0 && (!l->remote.ended || display_queued(&l->display) > 0)) {
		r = display_check(&l->display, e);
		if (r == 0 && event_base_loop(l->base, EVLOOP_ONCE) != 0)
			r = err_set(e, EIO, "run the event loop");
	}
	if (r == 0)
		r = remote_wait_end(&l->remote, e);
	return r < 0 ? r : display_check(&l->display, e);
}

int verb_logs(const struct cli *cli, const struct args *o)
{
	auto_(buf) struct buf target = { 0 }, info_target = { 0 };
	auto_(json) json_t *info = NULL;
	auto_(reading) struct reading l = { .base = api_loop_new() };
	struct err e;
	int r = l.base ? logs_target(o, &target, &e) : err_set(&e, ENOMEM, "logs");
	if (r == 0)
		r = api_target(&info_target, "/containers/%s/json", o->words[0]) < 0
			? err_set(&e, ENOMEM, "logs")
			: 0;
	if (r == 0)
		r = api_call(cli, "GET", info_target.data, NULL, &info, &e);
	bool tty = json_is_true(json_object_get(json_object_get(info, "Config"), "Tty"));
	if (r >= 0)
		r = display_init(&l.display, l.base, tty, log_moved, &l, &e);
	if (r == 0)
		r = read_logs(cli, &l, target.data, &e);
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
