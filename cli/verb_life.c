/* The verbs that are one request per container: stop, restart, kill, pause, unpause, rm, wait. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/api.h"
#include "cli/output.h"
#include "cli/reconnect.h"

/* Each argument with the same query behind. */
static int each_with(const struct cli *cli, const struct args *o, const char *method, const char *path,
	const char *const *query)
{
	auto_(buf) struct buf target = { 0 };
	int r = buf_puts(&target, path);
	for (; *query && r == 0; query += 2)
		if (query[1])
			r = api_query(&target, query[0], query[1]);
	if (r < 0) {
		struct err e;
		(void)err_set(&e, -r, "%s", path);
		return output_error(&e, 1);
	}
	return for_each_container(cli, o, method, target.data);
}

static const char *stop_timeout(const struct args *o)
{
	const char *timeout = option_string(o, "timeout");
	return timeout ? timeout : option_string(o, "time");
}

int verb_stop(const struct cli *cli, const struct args *o)
{
	return each_with(cli, o, "POST", "/containers/%s/stop",
		(const char *[]){ "t", stop_timeout(o), "signal", option_string(o, "signal"), NULL });
}

int verb_restart(const struct cli *cli, const struct args *o)
{
	return each_with(cli, o, "POST", "/containers/%s/restart",
		(const char *[]){ "t", stop_timeout(o), "signal", option_string(o, "signal"), NULL });
}

int verb_kill(const struct cli *cli, const struct args *o)
{
	return each_with(cli, o, "POST", "/containers/%s/kill",
		(const char *[]){ "signal", option_string(o, "signal"), NULL });
}

int verb_pause(const struct cli *cli, const struct args *o)
{
	return for_each_container(cli, o, "POST", "/containers/%s/pause");
}

int verb_unpause(const struct cli *cli, const struct args *o)
{
	return for_each_container(cli, o, "POST", "/containers/%s/unpause");
}

int verb_rm(const struct cli *cli, const struct args *o)
{
	return each_with(cli, o, "DELETE", "/containers/%s",
		(const char *[]){ "force", option_bool(o, "force") ? "1" : NULL, "v",
			option_bool(o, "volumes") ? "1" : NULL, NULL });
}

/* ---------------------------------------------------------------- wait */

struct waiting {
	const struct cli *cli;
	const char *name, *condition;
	char *id, *cursor; /* what to name to another supervisor; NULL: not known */
	struct reconnect reconnect;
};

static void waiting_done(struct waiting *w)
{
	free(w->id);
	free(w->cursor);
}

OWN_DEFINE(waiting, struct waiting, waiting_done)

/* The place where the wait began; a later call names it, so that what happened in between counts. */
static void keep_place(struct waiting *w, const struct http_client *client)
{
	const char *cursor = http_client_header(client, "Berth-Cursor");
	const char *id = http_client_header(client, "Berth-Container");
	if (!w->cursor && cursor)
		w->cursor = strdup(cursor); /* NULL: the wait begins anew after a break */
	if (!w->id && id)
		w->id = strdup(id);
}

static int ask_wait(struct waiting *w, struct event_base *base, json_t **out, struct err *e)
{
	auto_(buf) struct buf target = { 0 };
	auto_(remote) struct remote remote = { 0 };
	int r = api_target(&target, "/containers/%s/wait", w->id ? w->id : w->name);
	if (r == 0 && w->condition)
		r = api_query(&target, "condition", w->condition);
	if (r == 0)
		r = api_query(&target, "cursor", w->cursor ? w->cursor : "");
	if (r < 0)
		return err_set(e, -r, "wait");
	if ((r = remote_start(&remote, w->cli, base, "POST", target.data, NULL, false, e)) < 0 ||
		(r = remote_wait_head(&remote, e)) < 0)
		return r;
	reconnect_made(&w->reconnect);
	keep_place(w, remote.client);
	if ((r = remote_wait_end(&remote, e)) < 0)
		return r;
	*out = json_loadb(remote.body.data ? remote.body.data : "", remote.body.len, 0, NULL);
	return 0;
}

static int wait_one(const struct cli *cli, const char *name, const char *condition, struct err *e)
{
	auto_(waiting) struct waiting w = {
		.cli = cli, .name = name, .condition = condition, .reconnect.cli = cli
	};
	auto_(json) json_t *answer = NULL;
	struct event_base *base = api_loop_new();
	int r = base ? 0 : err_set(e, ENOMEM, "wait");
	if (base) {
		do
			r = ask_wait(&w, base, &answer, e);
		while (r < 0 && (r = reconnect_after(&w.reconnect, r, e)) == 0);
		event_base_free(base);
	}
	if (r < 0)
		return r;
	const char *message = json_string_value(json_object_get(json_object_get(answer, "Error"), "Message"));
	json_t *code = json_object_get(answer, "StatusCode");
	if (message && *message)
		return err_say(e, EREMOTEIO, "Error response from daemon: %s", message);
	if (!json_is_integer(code))
		return err_say(e, EPROTO, "the daemon's answer to wait has no StatusCode");
	(void)printf("%lld\n", (long long)json_integer_value(code));
	(void)fflush(stdout);
	return 0;
}

int verb_wait(const struct cli *cli, const struct args *o)
{
	int code = 0;
	for (size_t i = 0; i < o->words_len; i++) {
		struct err e;
		if (wait_one(cli, o->words[i], option_string(o, "condition"), &e) < 0)
			code = output_error(&e, 1);
	}
	return code;
}

const struct option_def *stop_options(void)
{
	static const struct option_def table[] = {
		{ 's', "signal", OPT_STRING, "Signal to send" },
		{ 't', "timeout", OPT_INT, "Seconds to wait before killing, -1 for ever" },
		{ 0, "time", OPT_INT, "The same as --timeout" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

const struct option_def *kill_options(void)
{
	static const struct option_def table[] = {
		{ 's', "signal", OPT_STRING, "Signal to send (default KILL)" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

const struct option_def *rm_options(void)
{
	static const struct option_def table[] = {
		{ 'f', "force", OPT_BOOL, "Kill and remove running containers" },
		{ 'v', "volumes", OPT_BOOL, "Remove their anonymous volumes" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

const struct option_def *plain_options(void)
{
	static const struct option_def table[] = {
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

const struct option_def *wait_options(void)
{
	static const struct option_def table[] = {
		{ 0, "condition", OPT_STRING, "\"not-running\" (the default), \"next-exit\" or \"removed\"" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}
