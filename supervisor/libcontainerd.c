#include "supervisor/libcontainerd.h"

#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/own.h"
#include "base/sys.h"
#include "runtime/cgroup.h"
#include "supervisor/config.h"
#include "supervisor/events.h"
#include "supervisor/exec_run.h"
#include "supervisor/input.h"
#include "supervisor/libcontainerd_event.h"
#include "supervisor/stdio.h"

/* ---------------------------------------------------------------- words */

static const char *const statuses[LC_STATUS_COUNT] = {
	[LC_UNKNOWN] = "unknown",
	[LC_CREATED] = "created",
	[LC_RUNNING] = "running",
	[LC_PAUSED] = "paused",
	[LC_PAUSING] = "pausing",
	[LC_STOPPED] = "stopped",
};

const char *lc_status_name(enum lc_status s)
{
	return statuses[s];
}

int lc_status_from_name(const char *word)
{
	for (int i = 0; i < LC_STATUS_COUNT; i++)
		if (strcmp(statuses[i], word) == 0)
			return i;
	return -EINVAL;
}

json_t *lc_version(void)
{
	json_t *events = json_array(), *words = json_array();

	for (int i = 0; i < LC_EVENT_COUNT; i++)
		(void)json_array_append_new(events, json_string(lc_event_name((enum lc_event)i)));
	for (int i = 0; i < LC_STATUS_COUNT; i++)
		(void)json_array_append_new(words, json_string(statuses[i]));
	return json_pack("{s:s, s:s, s:o, s:o}", "Version", BERTH_VERSION, "OciVersion", "1.2.0", "Events",
		events, "Statuses", words);
}

/* ---------------------------------------------------------------- handles */

const char *lc_id(const struct container *c)
{
	return c->config->oci_id ? c->config->oci_id : c->id;
}

struct container *lc_find(struct engine *en, const char *id, struct err *e)
{
	list_each (struct container, c, &en->containers, link)
		if (strcmp(lc_id(c), id) == 0 || strcmp(c->id, id) == 0)
			return c;
	(void)err_say(e, ENOENT, "could not find container %s", id);
	return NULL;
}

int lc_process(struct container *c, const char *id, struct exec_session **out, struct err *e)
{
	struct exec_session *found = NULL;

	if (!*id || strcmp(id, lc_id(c)) == 0 || strcmp(id, c->id) == 0) {
		*out = NULL;
		return 0;
	}
	list_each (struct exec_session, x, &c->engine->execs, link)
		if (x->container == c && (strcmp(x->id, id) == 0 || (x->name && strcmp(x->name, id) == 0)))
			found = x; /* the latest: an ended one's name may be used again */
	if (!found)
		return err_say(e, ENOENT, "could not find process %s of container %s", id, lc_id(c));
	*out = found;
	return 0;
}

static int no_process(const struct container *c, struct err *e)
{
	return err_say(e, ENOENT, "container %s has no process", lc_id(c));
}

static bool has_process(const struct container *c)
{
	return c->actual.pid > 0 && c->pidfd >= 0;
}

/* ---------------------------------------------------------------- state */

enum lc_status lc_status(const struct container *c)
{
	const struct actual *a = &c->actual;

	if (a->held || c->start)
		return LC_CREATED;
	if (a->running && a->pid) {
		if (!a->paused)
			return LC_RUNNING;
		return cgroup_is_frozen(&c->group, c->engine->cgroups) == 0 ? LC_PAUSING : LC_PAUSED;
	}
	return a->finished_ns != CLOCK_NEVER && !a->task_deleted ? LC_STOPPED : LC_UNKNOWN;
}

static json_t *time_text(int64_t real_ns)
{
	char text[CLOCK_TEXT_MAX];
	return json_string(clock_format_rfc3339(real_ns, text));
}

/* Adds how it ended, when it has. */
static json_t *with_end(json_t *o, const struct container *c)
{
	const struct actual *a = &c->actual;

	if (o && lc_status(c) == LC_STOPPED) {
		(void)json_object_set_new(o, "ExitCode", json_integer(a->exit_code));
		(void)json_object_set_new(o, "ExitedAt", time_text(a->finished_ns));
		(void)json_object_set_new(o, "OOMKilled", json_boolean(a->oom_killed));
	}
	return o;
}

json_t *lc_restore(const struct container *c)
{
	return with_end(json_pack("{s:b, s:i}", "Alive", has_process(c), "Pid", (int)c->actual.pid), c);
}

json_t *lc_describe(const struct container *c)
{
	return with_end(json_pack("{s:s, s:s, s:s, s:s, s:i, s:s}", "ID", lc_id(c), "EngineID", c->id, "Name",
				c->name, "Status", lc_status_name(lc_status(c)), "Pid", (int)c->actual.pid,
				"Error", c->actual.error),
		c);
}

/* ---------------------------------------------------------------- start and end */

void lc_start(struct container *c, done_fn done, void *cookie)
{
	struct err e;
	int r = 0;

	switch (lc_status(c)) {
	case LC_CREATED:
	case LC_UNKNOWN:
		if (c->actual.restarting)
			r = err_say(&e, EBUSY, "container %s is restarting", lc_id(c));
		break;
	case LC_STOPPED:
		r = err_say(
			&e, EBUSY, "the last task of container %s has ended and was not deleted", lc_id(c));
		break;
	default:
		r = err_say(&e, EBUSY, "container %s is running already", lc_id(c));
	}
	if (r < 0)
		engine_answer(c->engine, done, cookie, r, &e);
	else
		container_start(c, done, cookie);
}

int lc_signal(struct container *c, struct exec_session *x, int sig, struct err *e)
{
	int pidfd = !x ? c->pidfd : x->run ? x->run->pidfd : -1;
	char number[16];

	if (pidfd < 0 || (x ? x->has_exit_code : c->exit != NULL))
		return x ? err_say(e, ENOENT, "process %s has ended, or was not started",
				   x->name ? x->name : x->id)
			 : no_process(c, e);
	if (sys_pidfd_send_signal(pidfd, sig) < 0)
		return errno == ESRCH ? err_say(e, ENOENT, "the process has ended")
				      : err_set(e, errno, "signal container %s", lc_id(c));
	if (!x) {
		snprintf(number, sizeof(number), "%d", sig);
		events_emit(c, "kill", "signal", number, NULL);
	}
	return 0;
}

int lc_delete_task(struct container *c, json_t **out, struct err *e)
{
	struct actual *a = &c->actual;

	switch (lc_status(c)) {
	case LC_STOPPED:
		break;
	case LC_UNKNOWN:
		return a->restarting ? err_say(e, EBUSY, "container %s is restarting", lc_id(c))
				     : err_say(e, ENOENT, "container %s has no task", lc_id(c));
	default:
		return err_say(e, EBUSY, "container %s has a process: end it first", lc_id(c));
	}
	json_t *o = json_pack("{s:i, s:o}", "ExitCode", a->exit_code, "ExitedAt", time_text(a->finished_ns));
	if (!o)
		return err_set(e, ENOMEM, "delete task");
	a->task_deleted = true;
	container_save_state(c);
	*out = o;
	return 0;
}

void lc_delete(struct container *c, bool force, done_fn done, void *cookie)
{
	struct err e;

	if (!force && (c->actual.held || c->start || c->exit)) {
		int r = err_say(&e, EBUSY, "container %s has a process: end it first", lc_id(c));
		engine_answer(c->engine, done, cookie, r, &e);
		return;
	}
	container_remove(c, force, true, done, cookie);
}

/* ---------------------------------------------------------------- processes of exec */

static json_t *exec_body(const char *id, const json_t *process, bool use_stdin, bool use_output)
{
	bool tty = json_is_true(json_object_get(process, "terminal"));
	json_t *args = json_object_get(process, "args");

	return json_pack("{s:O, s:b, s:b, s:b, s:b, s:{s:s, s:O}}", "Cmd", args ? args : json_null(), "Tty",
		tty, "AttachStdin", use_stdin, "AttachStdout", use_output, "AttachStderr", use_output,
		"Berth", "Id", id, "Process", process);
}

int lc_exec(struct container *c, const char *id, const json_t *process, bool use_stdin, bool use_output,
	struct exec_session **out, struct err *e)
{
	if (!has_process(c))
		return no_process(c, e);
	if (strcmp(id, lc_id(c)) == 0 || strcmp(id, c->id) == 0)
		return err_say(e, EEXIST, "process %s of container %s exists already", id, lc_id(c));
	if (json_array_size(json_object_get(process, "args")) == 0)
		return err_say(e, EINVAL, "process.args: must not be empty");
	auto_(json) json_t *body = exec_body(id, process, use_stdin, use_output);
	return body ? exec_session_create(c, body, out, e) : err_set(e, ENOMEM, "create exec");
}

void lc_exec_start(struct exec_session *x, struct http_stream *stream, done_fn done, void *cookie)
{
	struct exec_start_options o = { .detach = !stream, .tty = x->tty };

	exec_session_start(x, &o, stream, done, cookie);
}

/* ---------------------------------------------------------------- terminal and input */

int lc_resize(struct container *c, struct exec_session *x, unsigned width, unsigned height, struct err *e)
{
	if (x)
		return exec_session_resize(x, width, height, e);
	return has_process(c) ? container_resize(c, width, height, e) : no_process(c, e);
}

int lc_close_stdin(struct container *c, struct exec_session *x, struct err *e)
{
	if (x && (!x->run || x->has_exit_code))
		return err_say(
			e, ENOENT, "process %s has ended, or was not started", x->name ? x->name : x->id);
	if (!x && !has_process(c))
		return no_process(c, e);
	if (x ? x->tty : c->config->tty)
		return err_say(e, EINVAL, "a terminal's input has no end");
	if (x && x->run->input)
		input_end(x->run->input);
	if (!x)
		stdio_end_input(c);
	return 0;
}

/* ---------------------------------------------------------------- freezer and limits */

void lc_pause(struct container *c, done_fn done, void *cookie)
{
	container_pause(c, done, cookie);
}

void lc_resume(struct container *c, done_fn done, void *cookie)
{
	container_unpause(c, done, cookie);
}

int lc_update(struct container *c, const json_t *resources, struct err *e)
{
	auto_(arena) struct arena *a = arena_new();
	struct spec_resources res;
	int r = a ? spec_resources_parse(resources, a, &res, e) : err_set(e, ENOMEM, "update");

	if (r < 0)
		return r;
	if (res.n_devices)
		return err_say(e, EINVAL, "devices: those of a task are not changed");
	if (!has_process(c))
		return no_process(c, e);
	r = cgroup_set_resources(&c->group, c->engine->cgroups, &res, e);
	if (r == -ENOENT) /* a controller, not a container */
		r = -(e->code = EINVAL);
	if (r < 0)
		return err_wrap(e, r, "update container %s", lc_id(c));
	events_emit(c, "update", NULL);
	return 0;
}
