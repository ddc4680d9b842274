#include "supervisor/exec_session.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/own.h"
#include "supervisor/container.h"
#include "supervisor/detach.h"
#include "supervisor/events.h"
#include "supervisor/exec_run.h"
#include "supervisor/store.h"

#define COLLECT_NS (300 * NS_PER_S) /* an ended exec stays for one to two of these */

void exec_session_tell_end(struct exec_session *x, int exit_code)
{
	if (x->ended)
		take_ptr (&x->ended)(x->ended_cookie, exit_code);
}

static void session_free(struct exec_session *x)
{
	list_remove(&x->link);
	if (x->run)
		exec_run_free(x->run);
	exec_session_tell_end(x, -1);
	json_decref(x->body);
	free(x);
}

/* ---------------------------------------------------------------- create */

/* What the program was started with is read when somebody asks for the first time: most containers never see an exec. */
static int check_takes_exec(struct container *c, struct err *e)
{
	if (c->actual.restarting)
		return err_say(
			e, EBUSY, "Container %s is restarting, wait until the container is running", c->id);
	if (!c->actual.running || c->pidfd < 0 || c->exit || c->start)
		return err_say(e, EBUSY, "container %s is not running", c->id);
	if (container_is_frozen(c))
		return err_say(e, EBUSY, "Container %s is paused, unpause the container before exec", c->id);
	return c->spec ? 0 : store_load_spec(c, e);
}

static int check_strings(const json_t *body, const char *key, struct err *e)
{
	json_t *array;
	int r = json_get_array(body, "", key, &array, e);

	for (size_t i = 0; r == 0 && i < json_array_size(array); i++)
		if (!json_is_string(json_array_get(array, i)))
			r = err_say(e, EINVAL, "%s[%zu]: must be a string", key, i);
	return r;
}

static int parse_size(struct exec_session *x, struct err *e)
{
	json_t *size;
	int r = json_get_array(x->body, "", "ConsoleSize", &size, e);

	if (r < 0 || !size)
		return r;
	json_int_t h = json_integer_value(json_array_get(size, 0)),
		   w = json_integer_value(json_array_get(size, 1));
	if (json_array_size(size) != 2 || h < 0 || w < 0 || h > UINT16_MAX || w > UINT16_MAX)
		return err_say(e, EINVAL, "ConsoleSize: must be [height, width]");
	x->console_height = (uint16_t)h;
	x->console_width = (uint16_t)w;
	return 0;
}

static int check_process(const json_t *process, struct err *e)
{
	auto_(arena) struct arena *a = arena_new();
	struct spec_process p;

	return a ? spec_process_parse(process, a, &p, e) : err_set(e, ENOMEM, "create exec");
}

/* What docker's body has no word for. */
static int parse_berth(struct exec_session *x, struct err *e)
{
	json_t *berth = NULL, *process = NULL;
	const char *name = NULL;
	int r = json_get_object(x->body, "", "Berth", &berth, e);

	if (r < 0 || !berth ||
		(r = json_get_int(berth, "Berth", "TimeoutNs", 0, INT64_MAX, &x->timeout_ns, e)) < 0 ||
		(r = json_get_string(berth, "Berth", "Id", &name, e)) < 0 ||
		(r = json_get_object(berth, "Berth", "Process", &process, e)) < 0)
		return r;
	if (name && (!text_is_name(name) || strlen(name) > EXEC_NAME_MAX))
		return err_say(
			e, EINVAL, "Berth.Id: must be [a-zA-Z0-9][a-zA-Z0-9_.-]+, at most %d", EXEC_NAME_MAX);
	list_each (struct exec_session, other, &x->engine->execs, link)
		if (name && other->container == x->container && !other->has_exit_code && other->name &&
			strcmp(other->name, name) == 0)
			return err_say(e, EEXIST, "process %s of container %s exists already", name,
				x->container->id);
	x->name = name;
	x->process = process;
	return process ? check_process(process, e) : 0;
}

static int parse_body(struct exec_session *x, struct err *e)
{
	const char *text;
	struct detach d;
	int r;

	if (!json_is_object(x->body))
		return err_say(e, EINVAL, "the body must be an object");
	if (json_is_string(json_object_get(x->body, "Cmd"))) { /* docker takes one word for a list of one */
		json_t *one = json_pack("[O]", json_object_get(x->body, "Cmd"));
		if (!one || json_object_set_new(x->body, "Cmd", one) < 0)
			return err_set(e, ENOMEM, "Cmd");
	}
	if ((r = check_strings(x->body, "Cmd", e)) < 0 || (r = check_strings(x->body, "Env", e)) < 0)
		return r;
	if (json_array_size(json_object_get(x->body, "Cmd")) == 0)
		return err_say(e, EINVAL, "No exec command specified");
	if ((r = json_get_string(x->body, "", "User", &text, e)) < 0 ||
		(r = json_get_string(x->body, "", "WorkingDir", &text, e)) < 0)
		return r;
	text = NULL;
	if ((r = json_get_string(x->body, "", "DetachKeys", &text, e)) < 0 ||
		(r = detach_parse(text, &d, e)) < 0)
		return r;
	if ((r = json_get_bool(x->body, "", "Tty", &x->tty, e)) < 0 ||
		(r = json_get_bool(x->body, "", "AttachStdin", &x->attach_stdin, e)) < 0 ||
		(r = json_get_bool(x->body, "", "AttachStdout", &x->attach_stdout, e)) < 0 ||
		(r = json_get_bool(x->body, "", "AttachStderr", &x->attach_stderr, e)) < 0 ||
		(r = json_get_bool(x->body, "", "Privileged", &x->privileged, e)) < 0)
		return r;
	return (r = parse_berth(x, e)) < 0 ? r : parse_size(x, e);
}

void exec_session_say(struct exec_session *x, const char *word)
{
	auto_(buf) struct buf action = { 0 };
	char pid[16];
	const json_t *arg;
	size_t i;

	int r = buf_printf(&action, "%s:", word);
	json_array_foreach (json_object_get(x->body, "Cmd"), i, arg)
		r |= buf_printf(&action, " %s", json_string_value(arg));
	if (r < 0)
		abort();
	snprintf(pid, sizeof(pid), "%d", (int)x->pid);
	events_emit(x->container, action.data, "execID", x->id, ".process", x->name ? x->name : x->id, ".pid",
		pid, NULL);
}

int exec_session_create(struct container *c, const json_t *body, struct exec_session **out, struct err *e)
{
	int r = check_takes_exec(c, e);

	if (r < 0)
		return r;
	struct exec_session *x = calloc(1, sizeof(*x));
	if (!x)
		return err_set(e, ENOMEM, "create exec");
	list_init(&x->link);
	x->engine = c->engine;
	x->container = c;
	x->body = json_deep_copy(body);
	r = x->body ? parse_body(x, e) : err_set(e, ENOMEM, "create exec");
	if (r == 0 && (r = text_random_id(x->id)) < 0)
		r = err_set(e, -r, "make exec id");
	if (r < 0) {
		session_free(x);
		return r;
	}
	list_append(&c->engine->execs, &x->link);
	exec_session_say(x, "exec_create");
	*out = x;
	return 0;
}

struct exec_session *exec_session_find(struct engine *en, const char *id, struct err *e)
{
	list_each (struct exec_session, x, &en->execs, link)
		if (strcmp(x->id, id) == 0)
			return x;
	(void)err_say(e, ENOENT, "No such exec instance: %s", id);
	return NULL;
}

int exec_session_check_start(struct exec_session *x, struct err *e)
{
	if (x->has_exit_code)
		return err_say(e, EBUSY, "exec instance %s has already run", x->id);
	if (x->started)
		return err_say(e, EBUSY, "exec instance %s is already running", x->id);
	return check_takes_exec(x->container, e);
}

int exec_session_resize(struct exec_session *x, unsigned width, unsigned height, struct err *e)
{
	if (!x->tty)
		return err_say(e, EINVAL, "exec instance %s has no terminal", x->id);
	if (x->has_exit_code)
		return err_say(e, EBUSY, "exec instance %s is not running", x->id);
	if (width > UINT16_MAX || height > UINT16_MAX)
		return err_say(e, EINVAL, "terminal size %ux%u is out of range", width, height);
	x->console_width = (uint16_t)width;
	x->console_height = (uint16_t)height;
	return x->run ? exec_io_resize(x->run, width, height, e) : 0;
}

json_t *exec_session_ids(const struct container *c)
{
	json_t *ids = NULL;

	list_each (struct exec_session, x, &c->engine->execs, link) {
		if (!x->running || x->container != c)
			continue;
		ids = ids ? ids : json_array();
		if (!ids || json_array_append_new(ids, json_string(x->id)) < 0)
			break;
	}
	return ids ? ids : json_null();
}

/* ---------------------------------------------------------------- the end */

static void collect(evutil_socket_t fd, short what, void *cookie)
{
	struct engine *en = cookie;
	int64_t now = clock_mono_ns();
	bool more = false;
	(void)fd;
	(void)what;

	list_each_safe (struct exec_session, x, &en->execs, link) {
		if (!x->has_exit_code || x->run)
			continue;
		if (now - x->ended_ns >= COLLECT_NS)
			session_free(x);
		else
			more = true;
	}
	if (more)
		engine_timer_arm(en->exec_timer, COLLECT_NS);
}

void exec_session_collect_later(struct engine *en)
{
	if (!en->exec_timer && !(en->exec_timer = evtimer_new(en->base, collect, en)))
		abort();
	if (!evtimer_pending(en->exec_timer, NULL))
		engine_timer_arm(en->exec_timer, COLLECT_NS);
}

void exec_session_container_ended(struct container *c)
{
	list_each (struct exec_session, x, &c->engine->execs, link)
		if (x->run && x->container == c)
			(void)exec_session_kill(
				x, NULL); /* the container's own group is killed next anyway */
}

void exec_session_forget_container(struct container *c)
{
	list_each_safe (struct exec_session, x, &c->engine->execs, link)
		if (x->container == c)
			session_free(x);
}

void exec_session_free_all(struct engine *en)
{
	list_each_safe (struct exec_session, x, &en->execs, link)
		session_free(x);
	if (en->exec_timer)
		event_free(en->exec_timer);
	en->exec_timer = NULL;
}
