/* The verbs that are one request per container: stop, restart, kill, pause, unpause, rm, wait. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/api.h"
#include "cli/output.h"

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

static int wait_one(const struct cli *cli, const char *name, struct err *e)
{
	auto_(buf) struct buf target = { 0 };
	auto_(json) json_t *answer = NULL;
	if (api_target(&target, "/containers/%s/wait", name) < 0)
		return err_set(e, ENOMEM, "wait");
	int r = api_call(cli, "POST", target.data, NULL, &answer, e);
	const char *message = json_string_value(json_object_get(json_object_get(answer, "Error"), "Message"));
	json_t *code = json_object_get(answer, "StatusCode");
	if (r < 0)
		return r;
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
		if (wait_one(cli, o->words[i], &e) < 0)
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
