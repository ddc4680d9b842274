#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/json.h"
#include "cli/api.h"
#include "cli/create.h"
#include "cli/output.h"
#include "cli/reconnect.h"
#include "cli/run.h"
#include "cli/session.h"

/* ---------------------------------------------------------------- create */

/* Claimed before there is anything to name, so that no container is left without its file. */
static int claim_cidfile(const char *path, struct err *e)
{
	auto_close int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 && errno == EEXIST)
		return err_say(e, EEXIST,
			"container ID file found, make sure the other container isn't running or delete %s",
			path);
	return fd < 0 ? err_set(e, errno, "failed to create the container ID file %s", path) : 0;
}

static int fill_cidfile(const char *path, const char *id, struct err *e)
{
	auto_close int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	int r = fd < 0 ? -errno : io_write_full(fd, id, strlen(id));
	return r < 0 ? err_set(e, -r, "write the container ID file %s", path) : 0;
}

/* POST /containers/create; *id is the caller's. */
static int create_container(const struct cli *cli, const struct create *c, char **id, struct err *e)
{
	auto_(buf) struct buf target = { 0 };
	auto_(json) json_t *answer = NULL;
	int r = buf_puts(&target, "/containers/create");
	if (r == 0 && c->cidfile) {
		r = claim_cidfile(c->cidfile, e);
		if (r < 0)
			return r;
	}
	if (r == 0 && c->name)
		r = api_query(&target, "name", c->name);
	if (r == 0 && c->platform)
		r = api_query(&target, "platform", c->platform);
	r = r < 0 ? err_set(e, -r, "create") : api_call(cli, "POST", target.data, c->body, &answer, e);
	const char *text = json_string_value(json_object_get(answer, "Id"));
	if (r >= 0 && !text)
		r = err_say(e, EPROTO, "the daemon's answer to create has no Id");
	if (r < 0) {
		if (c->cidfile)
			(void)unlink(c->cidfile);
		return r;
	}
	print_warnings(json_object_get(answer, "Warnings"));
	*id = strdup(text);
	if (!*id)
		return err_set(e, ENOMEM, "create");
	return c->cidfile ? fill_cidfile(c->cidfile, *id, e) : 0;
}

int verb_create(const struct cli *cli, const struct args *o)
{
	auto_(create) struct create c = { 0 };
	auto_free char *id = NULL;
	struct err e;
	if (create_build(o, environ, &c, &e) < 0)
		return print_usage_error("create", &e, 125);
	if (create_container(cli, &c, &id, &e) < 0)
		return output_error(&e, 1);
	(void)puts(id);
	return 0;
}

/* ---------------------------------------------------------------- run */

/* The program that is missing or cannot be run has docker's words and codes; a device or a mount that is missing is a
 * failure of ours, whatever its words are. */
static int start_failure_code(const char *text)
{
	if (strstr(text, "chdir to cwd"))
		return 126;
	const char *exec = strstr(text, "exec: \"");
	if (!exec)
		return 125;
	return strcasestr(exec, "executable file not found") || strcasestr(exec, "no such file or directory")
		? 127
		: 126;
}

struct run {
	const struct cli *cli;
	const struct create *create;
	char *id;
	struct event_base *base;
	struct remote attach, wait;
	bool ended; /* wait has its answer */
	struct reconnect reconnect;
	struct event *retry;
	struct session *session;
	struct buf kill_target, resize_target, attach_target;
	const char *condition; /* of wait */
	char *cursor; /* the place where it began, to be named to the next supervisor; NULL: not known */
};

static void run_done(struct run *r)
{
	session_free(r->session);
	remote_done(&r->attach);
	remote_done(&r->wait);
	buf_done(&r->kill_target);
	buf_done(&r->resize_target);
	buf_done(&r->attach_target);
	if (r->retry)
		event_free(r->retry);
	if (r->base)
		event_base_free(r->base);
	free(r->id);
	free(r->cursor);
}

OWN_DEFINE(run, struct run, run_done)

static int targets(struct run *run, struct err *e)
{
	if (api_target(&run->kill_target, "/containers/%s/kill", run->id) < 0 ||
		api_target(&run->resize_target, "/containers/%s/resize", run->id) < 0)
		return err_set(e, ENOMEM, "run");
	return 0;
}

static int open_session(
	struct run *run, bool tty, bool with_stdin, bool sig_proxy, const char *keys, struct err *e)
{
	struct session_setup setup = {
		.cli = run->cli,
		.base = run->base,
		.tty = tty,
		.with_stdin = with_stdin,
		.sig_proxy = sig_proxy,
		.detach_keys = keys,
		.kill_target = run->kill_target.data,
		.resize_target = run->resize_target.data,
	};
	return session_new(&setup, &run->session, e);
}

static int open_attach(struct run *run, bool in, bool out, bool err, const char *keys, struct err *e)
{
	struct buf *target = &run->attach_target;
	if (api_target(target, "/containers/%s/attach?stream=1&berth_resume=1", run->id) < 0 ||
		(in && api_query(target, "stdin", "1") < 0) ||
		(out && api_query(target, "stdout", "1") < 0) ||
		(err && api_query(target, "stderr", "1") < 0) ||
		(keys && api_query(target, "detachKeys", keys) < 0))
		return err_set(e, ENOMEM, "attach");
	session_resume_by(run->session, target->data);
	int r = remote_start(&run->attach, run->cli, run->base, "POST", target->data, NULL, true, e);
	if (r == 0)
		r = remote_wait_end(&run->attach, e);
	if (r >= 0 && !run->attach.stream)
		r = err_say(e, EPROTO, "the daemon did not make the connection a stream");
	return r;
}

static int ask_wait(struct run *run, struct err *e)
{
	auto_(buf) struct buf target = { 0 };
	if (api_target(&target, "/containers/%s/wait", run->id) < 0 ||
		api_query(&target, "condition", run->condition) < 0 ||
		api_query(&target, "cursor", run->cursor ? run->cursor : "") < 0)
		return err_set(e, ENOMEM, "wait");
	return remote_start(&run->wait, run->cli, run->base, "POST", target.data, NULL, false, e);
}

static void wait_changed(struct remote *wait)
{
	struct run *run = wait->cookie;
	const char *cursor = wait->client ? http_client_header(wait->client, "Berth-Cursor") : NULL;
	struct err e;
	if (!run->cursor && cursor && !wait->err.code)
		run->cursor = strdup(cursor); /* NULL: as if none had come */
	if (wait->status && !wait->err.code)
		reconnect_made(&run->reconnect);
	if (!wait->ended)
		return;
	int ms = wait->err.code ? reconnect_delay(&run->reconnect, -wait->err.code, &e) : -1;
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };
	run->ended = ms < 0 || event_add(run->retry, &tv) < 0;
}

/* Asked again after a break: the end that was waited for may have been meanwhile. With the place it is that end and no later one. */
static void wait_again(evutil_socket_t fd, short what, void *arg)
{
	struct run *run = arg;
	(void)fd;
	(void)what;
	remote_done(&run->wait);
	run->wait = (struct remote){ .changed = wait_changed, .cookie = run };
	if (!run->cursor && strcmp(run->condition, "next-exit") == 0)
		run->condition = "not-running";
	run->ended = ask_wait(run, &run->wait.err) < 0;
}

/* Registered before the start it waits for; the answer's head says that it is. */
static int open_wait(struct run *run, const char *condition, struct err *e)
{
	run->reconnect.cli = run->cli;
	run->condition = condition;
	run->wait = (struct remote){ .changed = wait_changed, .cookie = run };
	run->retry = evtimer_new(run->base, wait_again, run);
	int r = run->retry ? ask_wait(run, e) : err_set(e, ENOMEM, "wait");
	if (r == 0)
		r = remote_wait_head(&run->wait, e);
	if (r >= 0 && r < 400)
		reconnect_made(&run->reconnect);
	return r >= 400 ? remote_wait_end(&run->wait, e) : r;
}

static int start_container(struct run *run, struct err *e)
{
	auto_(buf) struct buf target = { 0 };
	auto_(remote) struct remote start = { 0 };
	if (api_target(&target, "/containers/%s/start", run->id) < 0)
		return err_set(e, ENOMEM, "start");
	int r = remote_start(&start, run->cli, run->base, "POST", target.data, NULL, false, e);
	return r < 0 ? r : remote_wait_end(&start, e);
}

/* The code from the answer of wait. */
static int exit_code(struct run *run, int *code, struct err *e)
{
	int r = 0;
	while (r == 0 && !run->ended)
		r = event_base_loop(run->base, EVLOOP_ONCE) != 0 ? err_set(e, EIO, "run the event loop") : 0;
	if (r == 0)
		r = remote_wait_end(&run->wait, e);
	if (r < 0)
		return r;
	auto_(json) json_t *o =
		json_loadb(run->wait.body.data ? run->wait.body.data : "", run->wait.body.len, 0, NULL);
	json_t *status = json_object_get(o, "StatusCode");
	const char *message = json_string_value(json_object_get(json_object_get(o, "Error"), "Message"));
	if (message && *message)
		return err_say(e, EREMOTEIO, "Error response from daemon: %s", message);
	if (!json_is_integer(status))
		return err_say(e, EPROTO, "the daemon's answer to wait has no StatusCode");
	*code = (int)json_integer_value(status);
	return 0;
}

/* A container of --rm whose start failed. Where the daemon is about to remove it by itself, wait until it has. */
static void remove_failed(const struct cli *cli, const char *id)
{
	auto_(buf) struct buf target = { 0 }, gone = { 0 };
	if (api_target(&target, "/containers/%s?force=1&v=1", id) == 0 &&
		api_call(cli, "DELETE", target.data, NULL, NULL, NULL) < 0 &&
		api_target(&gone, "/containers/%s/wait?condition=removed", id) == 0)
		(void)api_call(cli, "POST", gone.data, NULL, NULL, NULL); /* no such container: it is gone */
}

static int run_failed(const struct run *run, const struct err *e, int code)
{
	if (run->create->remove && run->id)
		remove_failed(run->cli, run->id);
	(void)fprintf(stderr, "berth: %s\n\nRun 'berth run --help' for more information\n", e->text);
	return code;
}

static int run_detached(struct run *run)
{
	struct err e;
	if (start_container(run, &e) < 0)
		return run_failed(run, &e, start_failure_code(e.text));
	(void)puts(run->id);
	return 0;
}

static int run_attached(struct run *run)
{
	const struct create *c = run->create;
	struct err e;
	int code = 0, r = targets(run, &e);
	if (r == 0)
		r = open_session(run, c->tty, c->attach_stdin, c->sig_proxy, c->detach_keys, &e);
	if (r == 0)
		r = open_attach(run, c->attach_stdin, c->attach_stdout, c->attach_stderr, c->detach_keys, &e);
	if (r >= 0)
		r = open_wait(run, c->remove ? "removed" : "next-exit", &e);
	if (r < 0)
		return run_failed(run, &e, 125);
	r = start_container(run, &e);
	if (r < 0)
		return run_failed(run, &e, start_failure_code(e.text));
	r = session_begin(run->session, take_ptr(&run->attach.stream), &e);
	session_resize(run->session);
	if (r == 0)
		r = session_wait(run->session, &run->ended, &e);
	if (r == 0 && session_detached(run->session))
		return 0;
	if (r == 0)
		r = exit_code(run, &code, &e);
	if (r < 0) {
		session_free(take_ptr(&run->session));
		return output_error(&e, 125);
	}
	return code;
}

int run_container(const struct cli *cli, const struct create *c)
{
	auto_(run) struct run run = { .cli = cli, .create = c };
	struct err e;
	if (!c->detach && session_check_tty(c->tty, c->attach_stdin, &e) < 0)
		return output_error(&e, 1);
	run.base = api_loop_new();
	if (!run.base) {
		(void)err_set(&e, ENOMEM, "run");
		return output_error(&e, 125);
	}
	if (create_container(cli, c, &run.id, &e) < 0)
		return run_failed(&run, &e, 125);
	bool attached = c->attach_stdin || c->attach_stdout || c->attach_stderr;
	return c->detach || !attached ? run_detached(&run) : run_attached(&run);
}

int verb_run(const struct cli *cli, const struct args *o)
{
	auto_(create) struct create c = { 0 };
	struct err e;
	if (create_build(o, environ, &c, &e) < 0)
		return print_usage_error("run", &e, 125);
	return run_container(cli, &c);
}

/* ---------------------------------------------------------------- attach and start */

/* Config.Tty, Config.OpenStdin and State of a container. */
static int inspect(const struct cli *cli, const char *name, json_t **out, struct err *e)
{
	auto_(buf) struct buf target = { 0 };
	if (api_target(&target, "/containers/%s/json", name) < 0)
		return err_set(e, ENOMEM, "inspect");
	int r = api_call(cli, "GET", target.data, NULL, out, e);
	if (r >= 0 && !json_is_object(*out))
		return err_say(e, EPROTO, "the daemon's answer to inspect is no object");
	return r;
}

struct attachment {
	const char *name, *keys;
	bool with_stdin, sig_proxy, start;
};

/* Attach, start when asked for, stream, and the container's code. */
static int attach_and_wait(const struct cli *cli, const struct attachment *a)
{
	auto_(run) struct run run = { .cli = cli, .id = strdup(a->name), .base = api_loop_new() };
	auto_(json) json_t *info = NULL;
	struct err e;
	int code = 0,
	    r = run.id && run.base ? inspect(cli, a->name, &info, &e) : err_set(&e, ENOMEM, "attach");
	if (r < 0)
		return output_error(&e, 1);
	json_t *config = json_object_get(info, "Config"), *state = json_object_get(info, "State");
	bool tty = json_is_true(json_object_get(config, "Tty"));
	bool in = a->with_stdin && json_is_true(json_object_get(config, "OpenStdin"));
	const char *why = NULL;
	if (!a->start && !json_is_true(json_object_get(state, "Running")))
		why = "cannot attach to a stopped container, start it first";
	else if (!a->start && json_is_true(json_object_get(state, "Paused")))
		why = "cannot attach to a paused container, unpause it first";
	else if (!a->start && json_is_true(json_object_get(state, "Restarting")))
		why = "cannot attach to a restarting container, wait until it is running";
	r = why ? err_say(&e, EINVAL, "%s", why) : targets(&run, &e);
	if (r == 0)
		r = open_session(&run, tty, in, a->sig_proxy, a->keys, &e);
	if (r == 0)
		r = open_attach(&run, in, true, true, a->keys, &e);
	bool removed = json_is_true(json_object_get(json_object_get(info, "HostConfig"), "AutoRemove"));
	if (r >= 0)
		r = open_wait(&run, removed && a->start ? "removed" : "next-exit", &e);
	if (r >= 0 && a->start)
		r = start_container(&run, &e);
	if (r >= 0)
		r = session_begin(run.session, take_ptr(&run.attach.stream), &e);
	if (r == 0) {
		session_resize(run.session);
		r = session_wait(run.session, &run.ended, &e);
	}
	if (r == 0 && session_detached(run.session))
		return 0;
	if (r == 0)
		r = exit_code(&run, &code, &e);
	session_free(take_ptr(&run.session));
	return r < 0 ? output_error(&e, 1) : code;
}

int verb_attach(const struct cli *cli, const struct args *o)
{
	struct attachment a = {
		.name = o->words[0],
		.keys = option_string(o, "detach-keys"),
		.with_stdin = !option_bool(o, "no-stdin"),
		.sig_proxy = !option_given(o, "sig-proxy") || option_bool(o, "sig-proxy"),
	};
	return attach_and_wait(cli, &a);
}

int verb_start(const struct cli *cli, const struct args *o)
{
	bool attach = option_bool(o, "attach"), interactive = option_bool(o, "interactive");
	if (attach || interactive) {
		if (o->words_len > 1) {
			struct err e;
			(void)err_say(&e, EINVAL, "you cannot start and attach multiple containers at once");
			return output_error(&e, 1);
		}
		struct attachment a = {
			.name = o->words[0],
			.keys = option_string(o, "detach-keys"),
			.with_stdin = interactive,
			.sig_proxy = !option_given(o, "sig-proxy") || option_bool(o, "sig-proxy"),
			.start = true,
		};
		return attach_and_wait(cli, &a);
	}
	return for_each_container(cli, o, "POST", "/containers/%s/start");
}

const struct option_def *start_options(void)
{
	static const struct option_def table[] = {
		{ 'a', "attach", OPT_BOOL, "Attach STDOUT and STDERR and forward signals" },
		{ 'i', "interactive", OPT_BOOL, "Attach the container's STDIN" },
		{ 0, "detach-keys", OPT_STRING, "Keys that detach from the container" },
		{ 0, "sig-proxy", OPT_BOOL, "Pass signals on to the process (default true)" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

const struct option_def *attach_options(void)
{
	static const struct option_def table[] = {
		{ 0, "no-stdin", OPT_BOOL, "Do not attach STDIN" },
		{ 0, "detach-keys", OPT_STRING, "Keys that detach from the container" },
		{ 0, "sig-proxy", OPT_BOOL, "Pass signals on to the process (default true)" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}
