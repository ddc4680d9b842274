/* up: bring a project up, and in the foreground show what it says until it ends or is to end. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/api.h"
#include "cli/compose.h"
#include "cli/follow.h"
#include "cli/output.h"
#include "cli/project.h"
#include "cli/project_ask.h"
#include "cli/project_find.h"
#include "cli/project_options.h"
#include "cli/reconnect.h"
#include "cli/starts.h"
#include "cli/up_end.h"

struct up {
	const struct cli *cli;
	const struct args *o;
	struct event_base *base;
	struct progress *progress;
	struct follow *follow;
	json_t *done;	  /* the daemon's last word: {"Project", "Containers"} */
	json_t *followed; /* those of its containers that are shown, by number */
	char *project;
	json_t *services; /* by name: those that are brought up */
	int64_t began_ns;

	struct starts *starts;
	struct run {
		bool started;	  /* somebody has, since we last looked */
		int64_t begun_ns; /* when what has ended had been started; 0: its output is followed */
	} * runs;		  /* of each that is shown */
	struct up_end *end;	  /* NULL: in the background */
	int code;
};

static void up_done(struct up *up)
{
	up_end_free(up->end);
	starts_free(up->starts);
	free(up->runs);
	follow_free(up->follow);
	progress_free(up->progress);
	if (up->base)
		event_base_free(up->base);
	json_decref(up->done);
	json_decref(up->followed);
	json_decref(up->services);
	free(up->project);
}

OWN_DEFINE(up, struct up, up_done)

/* ---------------------------------------------------------------- whose output */

static bool is_in(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static bool is_shown(const struct args *o, const json_t *c)
{
	const char *service = json_string_value(json_object_get(c, "Service"));
	const struct option_value *yes = option_list(o, "attach"), *no = option_list(o, "no-attach");
	if (!service || is_in(service, no->values, no->count))
		return false;
	if (yes->count > 0)
		return is_in(service, yes->values, yes->count);
	if (o->words_len > 0 && !option_bool(o, "attach-dependencies") &&
		!is_in(service, o->words, o->words_len))
		return false;
	return json_is_true(json_object_get(c, "Attach"));
}

/* GET /containers/ID/json, of the next supervisor when this one dies. */
static int inspect(const struct cli *cli, const char *id, json_t **out, struct err *e)
{
	struct reconnect rc = { .cli = cli, .was_made = true };
	auto_(buf) struct buf target = { 0 };
	int r = api_target(&target, "/containers/%s/json", id);
	if (r < 0)
		return err_set(e, -r, "inspect");
	do
		r = api_call(cli, "GET", target.data, NULL, out, e);
	while (r < 0 && (r = reconnect_after(&rc, r, e)) == 0);
	return r < 0 ? r : 0;
}

static int log_query(const struct up *up, const char *id, struct buf *target)
{
	char since[64];
	(void)snprintf(since, sizeof(since), "%lld.%09lld", (long long)(up->began_ns / NS_PER_S),
		(long long)(up->began_ns % NS_PER_S));
	int r = api_target(target, "/containers/%s/logs?stdout=1&stderr=1&follow=1", id);
	if (r == 0)
		r = api_query(target, "since", since);
	return r == 0 && option_bool(up->o, "timestamps") ? api_query(target, "timestamps", "1") : r;
}

static int follow_one(struct up *up, const json_t *c, struct err *e)
{
	auto_(buf) struct buf target = { 0 };
	auto_(json) json_t *info = NULL;
	const char *id = json_string_value(json_object_get(c, "Id"));
	const char *name = project_short_name(up->project, json_string_value(json_object_get(c, "Name")));
	int r = inspect(up->cli, id, &info, e);
	if (r < 0)
		return r;
	json_t *log = json_object_get(json_object_get(info, "HostConfig"), "LogConfig");
	if (strcmp(row_text(log, "Type"), "none") == 0)
		return follow_add_attached(up->follow, name, id,
			json_is_true(json_object_get(json_object_get(info, "Config"), "Tty")), e);
	r = log_query(up, id, &target);
	return r < 0 ? err_set(e, -r, "logs") : follow_add_log(up->follow, name, target.data, e);
}

static int follow_all(struct up *up, struct err *e)
{
	auto_(buf) struct buf names = { 0 };
	struct follow_setup setup = {
		.cli = up->cli, .base = up->base, .bare = option_bool(up->o, "no-log-prefix")
	};
	json_t *containers = json_object_get(up->done, "Containers"), *c;
	size_t i;
	int r = progress_parse_ansi(
		option_bool(up->o, "no-color") ? "never" : project_option_last(up->o, up->cli->group, "ansi"),
		STDOUT_FILENO, &setup.colors, e);
	if (r == 0)
		r = follow_new(&setup, &up->follow, e);
	up->followed = json_array();
	json_array_foreach (containers, i, c) {
		const char *name = json_string_value(json_object_get(c, "Name"));
		if (r < 0 || !name || !json_string_value(json_object_get(c, "Id")) || !is_shown(up->o, c))
			continue;
		name = project_short_name(up->project, name);
		follow_width(up->follow, strlen(name));
		if (buf_printf(&names, "%s%s", names.len ? ", " : "Attaching to ", name) < 0 ||
			json_array_append(up->followed, c) < 0)
			r = err_set(e, ENOMEM, "follow");
	}
	up->runs = calloc(json_array_size(up->followed) + 1, sizeof(*up->runs));
	if (r == 0 && !up->runs)
		r = err_set(e, ENOMEM, "follow");
	if (r == 0 && names.len)
		follow_say(up->follow, names.data);
	json_array_foreach (up->followed, i, c) {
		if (r >= 0)
			r = follow_one(up, c, e);
	}
	return r < 0 ? r : 0;
}

/* ---------------------------------------------------------------- who is started again */

static void on_start(void *cookie, const char *id)
{
	struct up *up = cookie;
	size_t i;
	json_t *c;
	json_array_foreach (up->followed, i, c)
		if (up->runs && strcmp(row_text(c, "Id"), id) == 0)
			up->runs[i].started = true;
}

static int64_t started_at(const json_t *info)
{
	int64_t at_ns = 0;
	const char *text = row_text(json_object_get(info, "State"), "StartedAt");
	return clock_parse_rfc3339(text, &at_ns) == 0 ? at_ns : 0;
}

static int go_on(struct up *up, size_t number, struct err *e)
{
	up->runs[number].begun_ns = 0;
	return follow_again(up->follow, number, e);
}

/* Those that had ended, and that a person has started again. We may be told of a start after its end. */
static int follow_started(struct up *up, struct err *e)
{
	int r = 0;
	for (size_t i = 0; i < json_array_size(up->followed) && r == 0; i++) {
		struct run *run = &up->runs[i];
		auto_(json) json_t *info = NULL;
		if (!run->started || !run->begun_ns)
			continue;
		run->started = false;
		if (inspect(up->cli, row_text(json_array_get(up->followed, i), "Id"), &info, e) == 0 &&
			started_at(info) > run->begun_ns)
			r = go_on(up, i, e);
	}
	return r;
}

/* ---------------------------------------------------------------- who has ended */

static void abort_all(struct up *up)
{
	if (up_end_begun(up->end))
		return;
	progress_rest(up->progress);
	(void)fprintf(stderr, "Aborting on container exit...\n");
	up_end_begin(up->end);
}

/* why: what its log ended by, 0 or -errno. */
static void tell_end(struct up *up, size_t number, int why)
{
	auto_(json) json_t *info = NULL;
	json_t *c = json_array_get(up->followed, number);
	const char *service = row_text(c, "Service"), *from = option_string(up->o, "exit-code-from");
	struct err e;
	char line[256];
	int r = inspect(up->cli, row_text(c, "Id"), &info, &e);
	const json_t *state = json_object_get(info, "State");
	up->runs[number].begun_ns = r < 0 ? INT64_MAX : started_at(info);
	if (r < 0 && r != -ENOENT) {
		int said = output_error(&e, 1);
		up->code = up->code ? up->code : said;
	}
	if (r < 0)
		return; /* it has been removed, or nobody is left to say */
	if (json_is_true(json_object_get(state, "Running"))) {
		if (why == 0 && go_on(up, number, &e) < 0)
			(void)output_error(&e, 1);
		return;
	}
	int code = (int)json_integer_value(json_object_get(state, "ExitCode"));
	(void)snprintf(line, sizeof(line), "%s exited with code %d",
		project_short_name(up->project, row_text(c, "Name")), code);
	follow_say(up->follow, line);
	bool ends = option_bool(up->o, "abort-on-container-exit") ||
		(from && !option_bool(up->o, "abort-on-container-failure")) ||
		(option_bool(up->o, "abort-on-container-failure") && code != 0);
	if (from ? strcmp(from, service) == 0 : ends && !up_end_begun(up->end))
		up->code = code;
	if (ends)
		abort_all(up);
}

static int watch(struct up *up, struct err *e)
{
	int r = 0;
	while (r == 0) {
		size_t number;
		int why;
		while (follow_ended(up->follow, &number, &why, e)) {
			if (why < 0 && why != -ENOENT)
				(void)output_error(e, 1);
			tell_end(up, number, why);
		}
		if (!up_end_begun(up->end) && (r = follow_started(up, e)) < 0)
			break;
		/* What was stopped says its last words before the daemon says that it has stopped. */
		bool ending = up_end_begun(up->end);
		bool over = up_end_stuck(up->end) || follow_open(up->follow) == 0;
		if (over && (!ending || up_end_over(up->end)) && !follow_pending(up->follow))
			break;
		r = follow_check(up->follow, e);
		if (r == 0 && event_base_loop(up->base, EVLOOP_ONCE) != 0)
			r = err_set(e, EIO, "run the event loop");
	}
	return r;
}

/* ---------------------------------------------------------------- the verb */

/* Fields of the request that are flags of ours. */
static int add_flags(const struct args *o, bool create_only, json_t *body, struct err *e)
{
	static const char *const flags[][2] = { { "force-recreate", "ForceRecreate" },
		{ "no-recreate", "NoRecreate" }, { "no-start", "NoStart" }, { "no-deps", "NoDeps" },
		{ "remove-orphans", "RemoveOrphans" } };
	int r = 0;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]) && r == 0; i++)
		r = json_object_set_new(body, flags[i][1], json_boolean(option_bool(o, flags[i][0])));
	if (r == 0 && create_only)
		r = json_object_set_new(body, "NoStart", json_true());
	if (r == 0 && option_given(o, "timeout"))
		r = json_object_set_new(body, "Timeout", json_integer(option_number(o, "timeout", 0)));
	return r < 0 ? err_set(e, ENOMEM, "up") : 0;
}

static int check_flags(const struct args *o, struct err *e)
{
	static const char *const alone[][2] = { { "detach", "abort-on-container-exit" },
		{ "detach", "abort-on-container-failure" }, { "detach", "exit-code-from" },
		{ "detach", "attach" }, { "detach", "attach-dependencies" },
		{ "no-start", "abort-on-container-exit" }, { "no-start", "exit-code-from" },
		{ "force-recreate", "no-recreate" },
		{ "abort-on-container-exit", "abort-on-container-failure" } };
	for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++)
		if (option_given(o, alone[i][0]) && option_given(o, alone[i][1]))
			return err_say(e, EINVAL, "--%s and --%s are incompatible", alone[i][0], alone[i][1]);
	return 0;
}

static int check_exit_service(struct up *up, struct err *e)
{
	const char *from = option_string(up->o, "exit-code-from");
	size_t i;
	json_t *c;
	json_array_foreach (json_object_get(up->done, "Containers"), i, c)
		if (from && strcmp(row_text(c, "Service"), from) == 0)
			return 0;
	return from ? err_say(e, ENOENT, "no such service: %s", from) : 0;
}

/* An object with the names of the services that this is about: those that are asked for, and what they depend on unless that is
 * left out. */
static json_t *services_of(const json_t *body, const json_t *model)
{
	json_t *named = json_object_get(body, "Services"), *name;
	size_t i;
	if (!json_is_true(json_object_get(body, "NoDeps")) || json_array_size(named) == 0)
		return json_incref(json_object_get(model, "Scales"));
	json_t *services = json_object();
	json_array_foreach (named, i, name)
		(void)json_object_set_new(services, json_string_value(name), json_true());
	return services;
}

/* The name is needed before the daemon has told it: an interruption looks for the containers by it. */
static int learn_name(struct up *up, const json_t *body, struct err *e)
{
	auto_(json) json_t *model = NULL;
	int r = api_call(up->cli, "POST", "/berth/projects/config", body, &model, e);
	if (r < 0)
		return r;
	up->project = strdup(row_text(model, "Name"));
	up->services = services_of(body, model);
	return up->project && up->services ? 0 : err_set(e, ENOMEM, "up");
}

static int set_up(struct up *up, bool foreground, const json_t *body, struct err *e)
{
	up->base = api_loop_new();
	if (!up->base)
		return err_set(e, ENOMEM, "up");
	int r = progress_as_asked(up->cli, up->o, up->base, &up->progress, e);
	if (r == 0 && foreground)
		r = learn_name(up, body, e);
	if (r == 0 && foreground)
		r = starts_new(up->cli, up->base, up->project, on_start, up, &up->starts, e);
	return r == 0 && foreground ? up_end_new(up->cli, up->base, up->progress, up->project, up->services,
					      option_string(up->o, "timeout"), &up->end, e)
				    : r;
}

static int bring_up(const struct cli *cli, const struct args *o, bool create_only)
{
	auto_(up) struct up up = { .cli = cli, .o = o, .began_ns = clock_real_ns() };
	struct err e;
	bool foreground = !create_only && !option_bool(o, "detach") && !option_bool(o, "no-start");
	int r = create_only ? 0 : check_flags(o, &e);
	if (r < 0)
		return output_error(&e, 1);
	auto_(json) json_t *body = project_request(cli, o, true, &e);
	if (!body || add_flags(o, create_only, body, &e) < 0 || set_up(&up, foreground, body, &e) < 0)
		return output_error(&e, 1);
	r = project_ask(cli, up.base, "/berth/projects/up", body, up.progress, &up.done, &e);
	progress_rest(up.progress);
	if (foreground && up_end_interrupted(up.end)) {
		up_end_wait(up.end);
		up_end_begin(up.end); /* what came after the first look is stopped, too */
		up_end_wait(up.end);
		return EXIT_INTERRUPTED;
	}
	if (r < 0)
		return output_error(&e, 1);
	if (!foreground)
		return 0;
	if (r == 0)
		r = check_exit_service(&up, &e);
	if (r == 0)
		r = follow_all(&up, &e);
	if (r == 0)
		r = watch(&up, &e);
	if (r < 0)
		return output_error(&e, 1);
	if (up_end_interrupted(up.end))
		return EXIT_INTERRUPTED;
	return up_end_stuck(up.end) && !up.code ? 1 : up.code;
}

int verb_up(const struct cli *cli, const struct args *o)
{
	return bring_up(cli, o, false);
}

int verb_compose_create(const struct cli *cli, const struct args *o)
{
	return bring_up(cli, o, true);
}

const struct option_def *up_options(void)
{
	static const struct option_def table[] = {
		PROJECT_OPTIONS,
		{ 0, "abort-on-container-exit", OPT_BOOL, "Stop all as soon as one container has ended" },
		{ 0, "abort-on-container-failure", OPT_BOOL, "Stop all as soon as one container has failed" },
		{ 0, "attach", OPT_LIST, "Show the output of this service only" },
		{ 0, "attach-dependencies", OPT_BOOL, "Show the output of what the services depend on, too" },
		{ 'd', "detach", OPT_BOOL, "Leave the containers running in the background" },
		{ 0, "exit-code-from", OPT_STRING,
			"Exit with the code of this service's container, when it has ended and all are stopped" },
		{ 0, "force-recreate", OPT_BOOL, "Recreate containers though nothing has changed" },
		{ 0, "no-attach", OPT_LIST, "Do not show the output of this service" },
		{ 0, "no-color", OPT_BOOL, "No colours in the output" },
		{ 0, "no-deps", OPT_BOOL, "Leave out what the services depend on" },
		{ 0, "no-log-prefix", OPT_BOOL, "Lines without the name of their container" },
		{ 0, "no-recreate", OPT_BOOL, "Leave containers as they are that exist" },
		{ 0, "no-start", OPT_BOOL, "Create the containers, do not start them" },
		{ 0, "remove-orphans", OPT_BOOL, "Remove containers of services that the files do not name" },
		{ 't', "timeout", OPT_INT, "Seconds to wait before killing what is stopped" },
		{ 0, "timestamps", OPT_BOOL, "Show the time of each line" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

const struct option_def *compose_create_options(void)
{
	static const struct option_def table[] = {
		{ 0, "force-recreate", OPT_BOOL, "Recreate containers though nothing has changed" },
		{ 0, "no-recreate", OPT_BOOL, "Leave containers as they are that exist" },
		{ 0, "remove-orphans", OPT_BOOL, "Remove containers of services that the files do not name" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}
