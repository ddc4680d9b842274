/* compose run: a container of a service for once, with a command of its own. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/api.h"
#include "cli/compose.h"
#include "cli/create.h"
#include "cli/output.h"
#include "cli/project.h"
#include "cli/project_ask.h"
#include "cli/project_find.h"
#include "cli/run.h"

#define NO_MEMORY(e) err_set(e, ENOMEM, "run")

/* ---------------------------------------------------------------- the service, and what it depends on */

static json_t *request(const struct cli *cli, const struct args *o, json_t *services, struct err *e)
{
	json_t *body = project_request(cli, o, true, e);
	if (!body || json_object_set_new(body, "Services", services) < 0) {
		if (body)
			(void)NO_MEMORY(e);
		json_decref(body);
		return NULL;
	}
	return body;
}

static json_t *service_of(const json_t *model, const char *name)
{
	size_t i;
	json_t *s;
	json_array_foreach (json_object_get(model, "Services"), i, s)
		if (strcmp(row_text(s, "Name"), name) == 0)
			return s;
	return NULL;
}

static int start_dependencies(
	const struct cli *cli, const struct args *o, const json_t *service, struct err *e)
{
	auto_(json) json_t *names = json_array();
	size_t i;
	json_t *d;
	json_array_foreach (json_object_get(service, "DependsOn"), i, d)
		if (json_array_append(names, json_object_get(d, "Service")) < 0)
			return NO_MEMORY(e);
	if (json_array_size(names) == 0)
		return 0;
	auto_(json) json_t *body = request(cli, o, json_incref(names), e);
	if (!body)
		return -e->code;
	struct event_base *base = api_loop_new();
	struct progress *progress = NULL;
	int r = base ? progress_as_asked(cli, o, base, &progress, e) : NO_MEMORY(e);
	if (r == 0)
		r = project_ask(cli, base, "/berth/projects/up", body, progress, NULL, e);
	progress_free(progress);
	if (base)
		event_base_free(base);
	return r;
}

/* ---------------------------------------------------------------- its body, changed by the flags */

static const char *key_end(const char *pair)
{
	return pair + strcspn(pair, "=");
}

/* "K=V" in place of what the list has of K. */
static int set_env(json_t *list, const char *pair)
{
	size_t len = (size_t)(key_end(pair) - pair), i;
	json_t *old;
	json_array_foreach (list, i, old) {
		const char *text = json_string_value(old);
		if (text && (size_t)(key_end(text) - text) == len && strncmp(text, pair, len) == 0)
			return json_array_set_new(list, i, json_string(pair));
	}
	return json_array_append_new(list, json_string(pair));
}

static int add_env(const struct args *o, json_t *body, struct err *e)
{
	auto_(json) json_t *given = create_env(o, environ, e);
	json_t *list = json_object_get(body, "Env"), *pair;
	size_t i;
	if (!given)
		return -e->code;
	if (!json_is_array(list)) {
		list = json_array();
		if (json_object_set_new(body, "Env", list) < 0)
			return NO_MEMORY(e);
	}
	json_array_foreach (given, i, pair)
		if (set_env(list, json_string_value(pair)) < 0)
			return NO_MEMORY(e);
	return 0;
}

static int add_labels(const struct args *o, json_t *body, struct err *e)
{
	const struct option_value *v = option_list(o, "label");
	json_t *labels = json_object_get(body, "Labels");
	for (size_t i = 0; i < v->count; i++) {
		const char *pair = v->values[i], *end = key_end(pair);
		if (text_has_prefix(pair, "com.docker.compose"))
			return err_say(e, EINVAL, "label %s: com.docker.compose is reserved", pair);
		if (json_object_setn_new(
			    labels, pair, (size_t)(end - pair), json_string(*end ? end + 1 : "")) < 0)
			return err_say(e, EINVAL, "label %s: not UTF-8 text", pair);
	}
	/* Only what is asked for by hand counts it as one of the service's. */
	(void)json_object_del(labels, "com.docker.compose.config-hash");
	return json_object_set_new(labels, LABEL_ONEOFF, json_string("True")) < 0 ? NO_MEMORY(e) : 0;
}

static int add_volumes(const struct args *o, json_t *body, struct err *e)
{
	const struct option_value *v = option_list(o, "volume");
	json_t *host = json_object_get(body, "HostConfig");
	int r = 0;
	for (size_t i = 0; i < v->count && r == 0; i++)
		r = create_add_volume(body, host, v->values[i], e);
	return r;
}

static int set_text(const struct args *o, const char *option, json_t *body, const char *field, struct err *e)
{
	const char *value = option_string(o, option);
	return value && json_object_set_new(body, field, json_string(value)) < 0
		? err_say(e, EINVAL, "--%s: not UTF-8 text", option)
		: 0;
}

static int set_command(const struct args *o, json_t *body, struct err *e)
{
	const char *entrypoint = option_string(o, "entrypoint");
	auto_(json) json_t *cmd = json_array();
	for (size_t i = 1; i < o->words_len; i++)
		if (json_array_append_new(cmd, json_string(o->words[i])) < 0)
			return err_say(e, EINVAL, "argument '%s' is not UTF-8 text", o->words[i]);
	if (entrypoint &&
		(json_object_set_new(
			 body, "Entrypoint", *entrypoint ? json_pack("[s]", entrypoint) : json_array()) < 0 ||
			json_object_set_new(body, "Cmd", json_array()) < 0))
		return NO_MEMORY(e);
	return o->words_len > 1 && json_object_set(body, "Cmd", cmd) < 0 ? NO_MEMORY(e) : 0;
}

static int set_streams(const struct args *o, struct create *c, struct err *e)
{
	c->detach = option_bool(o, "detach");
	c->interactive = !c->detach && (!option_given(o, "interactive") || option_bool(o, "interactive"));
	c->tty = !c->detach && !option_bool(o, "no-tty") && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	c->remove = option_bool(o, "rm");
	c->sig_proxy = true;
	c->attach_stdin = c->interactive;
	c->attach_stdout = c->attach_stderr = !c->detach;
	const struct {
		const char *name;
		bool value;
	} all[] = { { "Tty", c->tty }, { "OpenStdin", c->interactive }, { "StdinOnce", c->interactive },
		{ "AttachStdin", c->interactive }, { "AttachStdout", !c->detach },
		{ "AttachStderr", !c->detach } };
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (json_object_set_new(c->body, all[i].name, json_boolean(all[i].value)) < 0)
			return NO_MEMORY(e);
	json_t *host = json_object_get(c->body, "HostConfig");
	if (!option_bool(o, "service-ports")) {
		(void)json_object_del(host, "PortBindings");
		(void)json_object_del(c->body, "ExposedPorts");
	}
	return json_object_set_new(host, "AutoRemove", json_boolean(c->remove)) < 0 ||
			json_object_set_new(host, "RestartPolicy", json_pack("{s:s}", "Name", "no")) < 0
		? NO_MEMORY(e)
		: 0;
}

/* "demo-web-run-0123456789ab" */
static int default_name(const char *project, const char *service, struct buf *out)
{
	unsigned char bytes[6];
	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -EIO;
	int r = buf_printf(out, "%s-%s-run-", project, service);
	for (size_t i = 0; i < sizeof(bytes) && r == 0; i++)
		r = buf_printf(out, "%02x", bytes[i]);
	return r;
}

static int change_body(const struct args *o, struct create *c, struct err *e)
{
	int r = set_command(o, c->body, e);
	if (r == 0)
		r = set_streams(o, c, e);
	if (r == 0)
		r = add_env(o, c->body, e);
	if (r == 0)
		r = add_labels(o, c->body, e);
	if (r == 0)
		r = add_volumes(o, c->body, e);
	if (r == 0)
		r = set_text(o, "user", c->body, "User", e);
	return r < 0 ? r : set_text(o, "workdir", c->body, "WorkingDir", e);
}

int verb_compose_run(const struct cli *cli, const struct args *o)
{
	auto_(create) struct create c = { 0 };
	auto_(buf) struct buf name = { 0 };
	auto_(json) json_t *model = NULL;
	struct err e;
	auto_(json) json_t *body = request(cli, o, json_pack("[s]", o->words[0]), &e);
	if (!body || api_call(cli, "POST", "/berth/projects/read", body, &model, &e) < 0)
		return output_error(&e, 1);
	const json_t *service = service_of(model, o->words[0]);
	if (!service) {
		(void)err_say(&e, ENOENT, "no such service: %s", o->words[0]);
		return output_error(&e, 1);
	}
	c.body = json_deep_copy(json_object_get(service, "Body"));
	c.name = option_string(o, "name");
	if (!c.name && default_name(row_text(model, "Name"), o->words[0], &name) == 0)
		c.name = name.data;
	if (!c.body || !c.name) {
		(void)NO_MEMORY(&e);
		return output_error(&e, 1);
	}
	if (change_body(o, &c, &e) < 0 ||
		(!option_bool(o, "no-deps") && start_dependencies(cli, o, service, &e) < 0))
		return output_error(&e, 1);
	return run_container(cli, &c);
}

const struct option_def *compose_run_options(void)
{
	static const struct option_def table[] = {
		{ 'd', "detach", OPT_BOOL, "Leave the container running in the background, print its id" },
		{ 0, "entrypoint", OPT_STRING, "Run this in place of the entrypoint" },
		{ 'e', "env", OPT_LIST, "Set an environment variable" },
		{ 0, "env-file", OPT_LIST, "Read environment variables from a file" },
		{ 'i', "interactive", OPT_BOOL, "Keep STDIN open (default true)" },
		{ 'l', "label", OPT_LIST, "Set a label" },
		{ 0, "name", OPT_STRING, "Name of the container" },
		{ 0, "no-deps", OPT_BOOL, "Do not start what the service depends on" },
		{ 'T', "no-tty", OPT_BOOL, "No terminal (default: one where STDIN and STDOUT are one)" },
		{ 0, "rm", OPT_BOOL, "Remove the container when it has ended" },
		{ 'P', "service-ports", OPT_BOOL, "With the ports of the service" },
		{ 'u', "user", OPT_STRING, "User: name|uid[:group|gid]" },
		{ 'v', "volume", OPT_LIST, "Bind a directory or volume" },
		{ 'w', "workdir", OPT_STRING, "Working directory in the container" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}
