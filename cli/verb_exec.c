#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/api.h"
#include "cli/create.h"
#include "cli/exec.h"
#include "cli/output.h"
#include "cli/session.h"
#include "cli/terminal.h"

json_t *exec_body(const struct args *o, char *const *env, struct err *e)
{
	bool detach = option_bool(o, "detach"), in = option_bool(o, "interactive") && !detach;
	json_t *vars = create_env(o, env, e);
	if (!vars)
		return NULL;
	json_t *cmd = json_array();
	for (size_t i = 1; i < o->words_len; i++) {
		if (json_array_append_new(cmd, json_string(o->words[i])) < 0) {
			(void)err_say(e, EINVAL, "argument '%s' is not UTF-8 text", o->words[i]);
			json_decref(cmd);
			json_decref(vars);
			return NULL;
		}
	}
	json_t *body = json_pack("{s:b,s:b,s:b,s:b,s:b,s:o,s:o}", "AttachStdin", in, "AttachStdout", !detach,
		"AttachStderr", !detach, "Tty", option_bool(o, "tty"), "Privileged",
		option_bool(o, "privileged"), "Cmd", cmd, "Env", vars);
	static const struct {
		const char *option, *field;
	} strings[] = { { "user", "User" }, { "workdir", "WorkingDir" }, { "detach-keys", "DetachKeys" } };
	for (size_t i = 0; body && i < sizeof(strings) / sizeof(strings[0]); i++) {
		const char *value = option_string(o, strings[i].option);
		if (value && json_object_set_new(body, strings[i].field, json_string(value)) < 0) {
			(void)err_say(e, EINVAL, "--%s: not UTF-8 text", strings[i].option);
			json_decref(body);
			return NULL;
		}
	}
	int64_t timeout_ns = option_number(o, "timeout", 0);
	if (body && timeout_ns &&
		json_object_set_new(body, "Berth", json_pack("{s:I}", "TimeoutNs", (json_int_t)timeout_ns)) <
			0) {
		json_decref(body);
		body = NULL;
	}
	if (!body)
		(void)err_set(e, ENOMEM, "exec");
	return body;
}

static int add_console_size(json_t *o, bool tty)
{
	unsigned rows, columns;
	if (!tty || !terminal_size(STDOUT_FILENO, &rows, &columns))
		return 0;
	return json_object_set_new(o, "ConsoleSize", json_pack("[i,i]", (int)rows, (int)columns));
}

static int exec_create(const struct cli *cli, const char *container, json_t *body, char **id, struct err *e)
{
	auto_(buf) struct buf target = { 0 };
	auto_(json) json_t *answer = NULL;
	if (api_target(&target, "/containers/%s/exec", container) < 0)
		return err_set(e, ENOMEM, "exec");
	int r = api_call(cli, "POST", target.data, body, &answer, e);
	if (r < 0)
		return r;
	const char *text = json_string_value(json_object_get(answer, "Id"));
	if (!text)
		return err_say(e, EPROTO, "the daemon's answer to exec has no Id");
	*id = strdup(text);
	return *id ? 0 : err_set(e, ENOMEM, "exec");
}

static int exec_code(const struct cli *cli, const char *id, int *code, struct err *e)
{
	auto_(buf) struct buf target = { 0 };
	auto_(json) json_t *answer = NULL;
	if (api_target(&target, "/exec/%s/json", id) < 0)
		return err_set(e, ENOMEM, "exec");
	int r = api_call(cli, "GET", target.data, NULL, &answer, e);
	if (r < 0)
		return r;
	json_t *number = json_object_get(answer, "ExitCode");
	if (!json_is_integer(number))
		return err_say(e, EPROTO, "the command's exit code is not known");
	*code = (int)json_integer_value(number);
	return 0;
}

struct exec {
	struct event_base *base;
	struct remote start;
	struct session *session;
	struct buf target, resize;
	char *id;
};

static void exec_done(struct exec *x)
{
	session_free(x->session);
	remote_done(&x->start);
	buf_done(&x->target);
	buf_done(&x->resize);
	if (x->base)
		event_base_free(x->base);
	free(x->id);
}

OWN_DEFINE(exec, struct exec, exec_done)

static int exec_attached(const struct cli *cli, struct exec *x, const struct args *o, bool tty, bool in,
	int *code, struct err *e)
{
	auto_(json) json_t *body = json_pack("{s:b,s:b}", "Detach", 0, "Tty", tty);
	x->base = api_loop_new();
	if (!x->base || !body || add_console_size(body, tty) < 0 ||
		api_target(&x->resize, "/exec/%s/resize", x->id) < 0)
		return err_set(e, ENOMEM, "exec");
	struct session_setup setup = {
		.cli = cli,
		.base = x->base,
		.tty = tty,
		.with_stdin = in,
		.detach_keys = option_string(o, "detach-keys"),
		.resize_target = x->resize.data,
	};
	int r = session_new(&setup, &x->session, e);
	if (r == 0)
		r = remote_start(&x->start, cli, x->base, "POST", x->target.data, body, true, e);
	if (r == 0)
		r = remote_wait_end(&x->start, e);
	if (r >= 0 && !x->start.stream)
		r = err_say(e, EPROTO, "the daemon did not make the connection a stream");
	if (r >= 0)
		r = session_begin(x->session, take_ptr(&x->start.stream), e);
	if (r == 0) {
		session_resize(x->session);
		r = session_wait(x->session, NULL, e);
	}
	if (r == 0 && session_detached(x->session))
		return 0;
	/* Read once, right after the end of the stream: the daemon knows it by then. */
	return r < 0 ? r : exec_code(cli, x->id, code, e);
}

int verb_exec(const struct cli *cli, const struct args *o)
{
	bool detach = option_bool(o, "detach"), tty = option_bool(o, "tty");
	bool in = option_bool(o, "interactive") && !detach;
	auto_(exec) struct exec x = { 0 };
	struct err e;
	int code = 0;
	auto_(json) json_t *body = exec_body(o, environ, &e);
	if (!body)
		return print_usage_error("exec", &e, 125);
	if (session_check_tty(tty, in, &e) < 0)
		return output_error(&e, 1);
	if (add_console_size(body, tty && !detach) < 0 || exec_create(cli, o->words[0], body, &x.id, &e) < 0)
		return output_error(&e, 1);
	int r = api_target(&x.target, "/exec/%s/start", x.id);
	if (r < 0) {
		r = err_set(&e, -r, "exec");
	} else if (detach) {
		auto_(json) json_t *start = json_pack("{s:b,s:b}", "Detach", 1, "Tty", tty);
		r = api_call(cli, "POST", x.target.data, start, NULL, &e);
	} else {
		r = exec_attached(cli, &x, o, tty, in, &code, &e);
	}
	session_free(take_ptr(&x.session));
	if (r < 0) {
		/* A start that was refused because of the program has docker's codes for it. */
		if (strcasestr(e.text, "not found") && !strcasestr(e.text, "No such"))
			return output_error(&e, 127);
		return output_error(&e, strcasestr(e.text, "permission denied") ? 126 : 1);
	}
	return code;
}

const struct option_def *exec_options(void)
{
	static const struct option_def table[] = {
		{ 'd', "detach", OPT_BOOL, "Run in the background" },
		{ 0, "detach-keys", OPT_STRING, "Keys that detach from the command" },
		{ 0, "timeout", OPT_DURATION, "Kill it and all that it started after this long" },
		{ 'e', "env", OPT_LIST, "Set an environment variable" },
		{ 0, "env-file", OPT_LIST, "Read environment variables from a file" },
		{ 'i', "interactive", OPT_BOOL, "Keep STDIN open" },
		{ 0, "privileged", OPT_BOOL, "Give extended privileges to the command" },
		{ 't', "tty", OPT_BOOL, "Allocate a terminal" },
		{ 'u', "user", OPT_STRING, "User: name|uid[:group|gid]" },
		{ 'w', "workdir", OPT_STRING, "Working directory in the container" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}
