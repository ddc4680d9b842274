#include "supervisor/exec_run.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/http.h"
#include "base/io.h"
#include "base/json.h"
#include "base/own.h"
#include "base/sys.h"
#include "supervisor/container.h"
#include "supervisor/debt.h"
#include "supervisor/events.h"
#include "supervisor/seccomp_cache.h"
#include "supervisor/spec_build.h"

#define START_NS (30 * NS_PER_S)
#define LOOK_NS	 NS_PER_S
#define DRAIN_NS (2 * NS_PER_S)
#define REAP_NS	 (2 * NS_PER_S)

static struct event *watch(struct exec_run *run, int fd, short what, event_callback_fn fn)
{
	struct event *ev = event_new(run->engine->base, fd, what, fn, run);
	if (!ev || (fd >= 0 && event_add(ev, NULL) < 0))
		abort();
	return ev;
}

/* -1: not our child any more, 0: still alive, 1: reaped. */
static int reap(int pidfd, int *out_code)
{
	siginfo_t info = { .si_pid = 0 };

	if (waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | __WALL) < 0)
		return -1;
	if (info.si_pid == 0)
		return 0;
	*out_code = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
	return 1;
}

static void answer(struct exec_run *run, int r, const struct err *e)
{
	engine_answer(run->engine, run->done, run->cookie, r, e);
	run->done = NULL;
}

/* The group goes when nobody is in it: what an exec left in the background lives on, as long as its container. */
static void leave_group(struct exec_run *run)
{
	if (!run->group.path[0])
		return;
	if (cgroup_is_populated(&run->group, run->engine->cgroups) == 0)
		(void)cgroup_remove_exec(
			&run->x->container->group, &run->group, NULL); /* else with the container's */
	cgroup_close(&run->group);
	run->group.path[0] = '\0';
}

static void kill_all(struct exec_run *run)
{
	struct err e;

	if (run->group.path[0] && cgroup_kill(&run->group, run->engine->cgroups, &e) < 0)
		log_warn("exec-kill-failed", "exec=%.12s err=\"%s\"", run->x->id, e.text);
	if (run->pidfd >= 0)
		(void)sys_pidfd_send_signal(
			run->pidfd, SIGKILL); /* it may have joined the container's group */
	if (run->stage_pidfd >= 0)
		(void)sys_pidfd_send_signal(run->stage_pidfd, SIGKILL);
}

void exec_run_free(struct exec_run *run)
{
	struct err e;
	int code;

	if (run->done) { /* a start that nobody will hear of again; its client still waits */
		(void)err_say(&e, EBUSY, "exec %s was not started: its container is gone", run->x->id);
		answer(run, -EBUSY, &e);
	}
	kill_all(run);
	if (run->stage_pidfd >= 0)
		(void)reap(run->stage_pidfd,
			&code); /* what is not dead yet is the keeper's to reap when we end */
	if (run->pidfd >= 0)
		(void)reap(run->pidfd, &code);
	engine_event_free(&run->report);
	engine_event_free(&run->deadline);
	engine_event_free(&run->timeout);
	engine_event_free(&run->stage_ended);
	engine_event_free(&run->ended);
	engine_event_free(&run->over);
	exec_io_close(run);
	if (run->begun)
		exec_done(&run->exec);
	leave_group(run);
	own_close(&run->stage_pidfd);
	own_close(&run->pidfd);
	run->x->run = NULL;
	free(run);
}

/* ---------------------------------------------------------------- the end */

static void on_ended(evutil_socket_t fd, short what, void *cookie);

/* The process of this pid is ours to reap; the report has nothing more to say. pidfd is taken, -1: opened here. */
static void adopt_payload(struct exec_run *run, pid_t pid, int pidfd)
{
	engine_event_free(&run->report);
	run->pidfd = pidfd >= 0 ? pidfd
		: pid > 0	? sys_pidfd_open(pid, 0)
				: -1; /* our child and not reaped: no other's */
	if (run->pidfd >= 0)
		run->ended = watch(run, run->pidfd, EV_READ | EV_PERSIST, on_ended);
}

static void set_code(struct exec_session *x, int code)
{
	char text[16], pid[16];

	snprintf(text, sizeof(text), "%d", code);
	x->running = false;
	x->has_exit_code = true;
	x->exit_code = code;
	x->ended_ns = clock_mono_ns();
	exec_session_collect_later(x->engine);
	exec_session_tell_end(x, code);
	snprintf(pid, sizeof(pid), "%d", (int)x->pid);
	events_emit(x->container, "exec_die", "execID", x->id, "exitCode", text, ".process",
		x->name ? x->name : x->id, ".pid", pid, NULL);
}

/* The code is stored, stage and payload are reaped: nothing is left but to close. */
static void finish_when_done(struct exec_run *run)
{
	if (run->x->has_exit_code && !run->report && run->stage_pidfd < 0 && run->pidfd < 0 &&
		exec_io_is_drained(run))
		exec_run_free(run);
}

void exec_run_drained(struct exec_run *run)
{
	finish_when_done(run);
}

/* A failed start whose processes do not end: an unreaped one would hold back the container's own end. */
static bool is_unreaped(struct exec_run *run)
{
	struct exec_result res = { .pidfd = -1, .console_fd = -1 };

	if (run->report &&
		exec_look(&run->exec, &res, NULL) == 0) /* somebody in the container holds our socket open */
		adopt_payload(run, res.pid, res.pidfd);
	kill_all(run);
	return run->stage_pidfd >= 0 || run->pidfd >= 0;
}

static void on_over(evutil_socket_t fd, short what, void *cookie)
{
	struct exec_run *run = cookie;
	(void)fd;
	(void)what;

	bool stalled = exec_io_is_stalled(run) && run->stream;
	if (!stalled && !is_unreaped(run)) {
		exec_run_free(run);
		return;
	}
	if (!stalled)
		exec_io_close(run); /* nobody waits for what may never be reaped */
	engine_timer_arm(run->over, DRAIN_NS);
}

static void on_stage_ended(evutil_socket_t fd, short what, void *cookie)
{
	struct exec_run *run = cookie;
	int code;
	(void)fd;
	(void)what;

	if (reap(run->stage_pidfd, &code) == 0)
		return;
	engine_event_free(&run->stage_ended);
	own_close(&run->stage_pidfd);
	finish_when_done(run);
}

/* Dead, and not ours to reap before the tracer that it has inside the container lets it go. The descriptor stays readable: look
 * at it by the clock instead. How it ended is told by its status meanwhile (field 52 of proc(5)'s stat, as wait has it). */
static void held_by_tracer(struct exec_run *run)
{
	char path[32], text[1024];
	int code = 255;

	engine_event_free(&run->ended);
	run->ended = watch(run, -1, 0, on_ended);
	engine_timer_arm(run->ended, LOOK_NS);
	if (run->x->has_exit_code)
		return;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)run->x->pid);
	const char *last = io_read_text(AT_FDCWD, path, text, sizeof(text)) > 0 ? strrchr(text, ' ') : NULL;
	if (last) {
		int status = (int)strtol(last + 1, NULL, 10);
		code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	set_code(run->x, code);
	if (!run->over)
		run->over = watch(run, -1, 0, on_over);
	engine_timer_arm(run->over, DRAIN_NS);
}

static void on_ended(evutil_socket_t fd, short what, void *cookie)
{
	struct exec_run *run = cookie;
	int code = 255;
	(void)fd;
	(void)what;

	if (reap(run->pidfd, &code) == 0) {
		held_by_tracer(run);
		return;
	}
	fault_point("supervisor.exec-ended");
	engine_event_free(&run->ended);
	own_close(&run->pidfd);
	if (run->x->has_exit_code) { /* of a start that failed, or known before we could reap it */
		finish_when_done(run);
		return;
	}
	set_code(run->x, code);
	if (!run->over)
		run->over = watch(run, -1, 0, on_over);
	engine_timer_arm(run->over, DRAIN_NS);
	finish_when_done(run);
}

/* ---------------------------------------------------------------- the start */

static void start_failed(struct exec_run *run, int code, const struct err *cause)
{
	struct exec_session *x = run->x;
	const char *argv0 = json_string_value(json_array_get(json_object_get(x->body, "Cmd"), 0));
	struct err e = { .code = EINVAL };
	char text[ERR_TEXT_MAX + 8];

	if (code == 127)
		(void)err_say(&e, EINVAL, "exec failed: exec: \"%.300s\": %s", argv0,
			strchr(argv0, '/') ? "no such file or directory"
					   : "executable file not found in $PATH");
	else if (code == 126 && (cause->code == EACCES || cause->code == EISDIR || cause->code == ENOEXEC))
		(void)err_say(&e, EINVAL, "exec failed: exec: \"%.300s\": %spermission denied", argv0,
			cause->code == EISDIR		 ? "is a directory: "
				: cause->code == ENOEXEC ? "exec format error: "
							 : "");
	else
		(void)err_say(&e, cause->code == EBUSY || cause->code == EINVAL ? cause->code : EIO,
			"exec failed: %s", cause->text);
	log_warn("exec-failed", "exec=%.12s container=%.12s err=\"%s\"", x->id, x->container->id, e.text);
	snprintf(text, sizeof(text), "%s\r\n", e.text);
	engine_event_free(&run->deadline);
	exec_io_say(run, text);
	set_code(x, code);
	answer(run, -e.code, &e);
	kill_all(run);
	exec_io_close(run);
	if (!run->over)
		run->over = watch(run, -1, 0, on_over);
	engine_timer_arm(run->over, REAP_NS);
	finish_when_done(run);
}

/* One kill of its group, and nothing that it started is left. */
static void on_timeout(evutil_socket_t fd, short what, void *cookie)
{
	struct exec_run *run = cookie;
	(void)fd;
	(void)what;

	log_info("exec-timeout", "exec=%.12s container=%.12s after_ms=%lld action=kill", run->x->id,
		run->x->container->id, (long long)(run->x->timeout_ns / NS_PER_MS));
	kill_all(run);
}

void exec_session_limit(struct exec_session *x, int64_t timeout_ns)
{
	struct exec_run *run = x->run;

	x->timeout_ns = timeout_ns;
	if (!run || !x->running)
		return; /* from its start on, then */
	if (!run->timeout)
		run->timeout = watch(run, -1, 0, on_timeout);
	engine_timer_arm(run->timeout, timeout_ns);
}

static void on_running(struct exec_run *run, const struct exec_result *res)
{
	struct exec_session *x = run->x;

	engine_event_free(&run->deadline);
	adopt_payload(run, res->pid, res->pidfd);
	x->running = true;
	x->pid = res->pid;
	fault_point("supervisor.exec-running");
	exec_session_say(x, "exec_start");
	if (x->timeout_ns)
		exec_session_limit(x, x->timeout_ns);
	answer(run, 0, NULL);
	exec_io_start(run);
}

static void on_deadline(evutil_socket_t fd, short what, void *cookie)
{
	struct exec_run *run = cookie;
	struct exec_result res = { .pidfd = -1, .console_fd = -1 };
	struct err e;
	(void)fd;
	(void)what;

	if (exec_look(&run->exec, &res, NULL) == 0) {
		on_running(run, &res);
		return;
	}
	if (clock_mono_ns() < run->until_ns) {
		engine_timer_arm(run->deadline, LOOK_NS);
		return;
	}
	(void)err_say(&e, ETIMEDOUT, "the start took too long");
	start_failed(run, 126, &e);
}

/* What comes after the start was given up: only whom to reap. */
static void after_failure(struct exec_run *run, int r, struct exec_result *res)
{
	own_close(&res->console_fd);
	if (r < 0)
		engine_event_free(&run->report);
	else if (res->event != EXEC_CONSOLE)
		adopt_payload(run, res->pid, res->pidfd);
	finish_when_done(run);
}

static void on_report(evutil_socket_t fd, short what, void *cookie)
{
	struct exec_run *run = cookie;
	struct exec_result res = { .pidfd = -1, .console_fd = -1 };
	struct err e;
	int r = exec_receive(&run->exec, &res, &e);
	(void)fd;
	(void)what;

	if (r == -EAGAIN)
		return;
	if (run->x->has_exit_code) {
		after_failure(run, r, &res);
		return;
	}
	if (r == 0 && res.event == EXEC_CONSOLE)
		r = exec_io_set_console(run, res.console_fd, &e);
	else if (r == 0 && res.event == EXEC_RUNNING)
		on_running(run, &res);
	else if (r == 0)
		adopt_payload(run, res.pid, -1);
	if (r < 0 || res.event == EXEC_FAILED)
		start_failed(run, r == 0 && res.exit_code == 127 ? 127 : 126, &e);
}

/* What of the container's init is not ours. */
static uint32_t join_bits(const struct spec *s)
{
	uint32_t bits = 0;

	for (int i = 0; i < SPEC_NS_COUNT; i++)
		if (s->ns[i].mode != SPEC_NS_HOST)
			bits |= (uint32_t)spec_ns_clone_flag((enum spec_ns)i);
	return bits;
}

/* A NULL-terminated vector of a JSON array's strings. */
static char **strings(struct arena *a, const json_t *array)
{
	size_t n = json_array_size(array);
	char **v = arena_calloc(a, n + 1, sizeof(*v));

	for (size_t i = 0; v && i < n; i++)
		v[i] = arena_strdup(a, json_string_value(json_array_get(array, i)));
	return v;
}

static int build_process(
	struct exec_session *x, struct container *c, struct arena *a, struct spec_process *out, struct err *e)
{
	if (x->process)
		return spec_process_parse(x->process, a, out, e);
	struct spec_build_exec in = {
		.cmd = strings(a, json_object_get(x->body, "Cmd")),
		.env = strings(a, json_object_get(x->body, "Env")),
		.user = json_string_value(json_object_get(x->body, "User")),
		.cwd = json_string_value(json_object_get(x->body, "WorkingDir")),
		.tty = x->tty,
		.privileged = x->privileged,
		.width = x->console_width,
		.height = x->console_height,
	};

	if (arena_failed(a))
		return err_set(e, ENOMEM, "exec");
	return spec_build_exec(c->spec, &in, a, out, e);
}

static int make_group(struct exec_run *run, struct container *c, struct err *e)
{
	int r = cgroup_create_exec(&c->group, run->engine->cgroups, ++c->n_exec, &run->group, e);
	if (r < 0)
		run->group = (struct cgroup){ .dirfd = -1 };
	return r;
}

static int begin_exec(struct exec_run *run, struct container *c, const int ends[3], struct err *e)
{
	auto_(arena) struct arena *a = arena_new();
	const struct seccomp_prog *seccomp = NULL;
	struct spec_process process = { 0 };
	int r = a ? build_process(run->x, c, a, &process, e) : err_set(e, ENOMEM, "exec");

	if (r < 0 || (r = seccomp_cache_get(run->engine->seccomp, c->config, c->spec, &seccomp, e)) < 0)
		return r;
	if ((r = make_group(run, c, e)) < 0 && r != -EOPNOTSUPP)
		return r;
	fault_point("supervisor.exec");
	struct exec_args args = {
		.process = &process,
		.seccomp = seccomp,
		.join_ns = join_bits(c->spec),
		.init_pidfd = c->pidfd,
		.cgroup = run->group.path[0] ? &run->group : &c->group,
		.stdio = { ends[0], ends[1], ends[2] },
		.chown_pipes = true,
	};
	r = exec_begin(&args, &run->exec, e);
	if (r == -EOPNOTSUPP &&
		run->group.path[0]) { /* the payload made its group threaded: no process may be below it */
		leave_group(run);
		args.cgroup = &c->group;
		r = exec_begin(&args, &run->exec, e);
	}
	return r;
}

static int start(struct exec_run *run, struct container *c, struct err *e)
{
	int ends[3] = { -1, -1, -1 };
	int r = exec_io_open(run, ends, e);

	if (r == 0)
		r = detach_parse(
			json_string_value(json_object_get(run->x->body, "DetachKeys")), &run->detach, e);
	if (r == 0)
		r = begin_exec(run, c, ends, e);
	for (int i = 0; i < 3; i++)
		own_close(&ends[i]);
	if (r < 0)
		return r;
	run->begun = true;
	fault_point("supervisor.exec-begun");
	run->stage_pidfd = sys_pidfd_open(
		run->exec.stage_pid, 0); /* our child, and not reaped: it cannot be another's */
	if (run->stage_pidfd < 0)
		return err_set(e, errno, "watch the stage");
	run->stage_ended = watch(run, run->stage_pidfd, EV_READ | EV_PERSIST, on_stage_ended);
	run->report = watch(run, run->exec.report_fd, EV_READ | EV_PERSIST, on_report);
	run->deadline = watch(run, -1, 0, on_deadline);
	/* A container with SYS_PTRACE can hold a copy of the report open, so that its end tells nothing: look now and then. */
	run->until_ns = clock_mono_ns() + START_NS;
	engine_timer_arm(run->deadline, LOOK_NS);
	return 0;
}

void exec_session_start(struct exec_session *x, const struct exec_start_options *o,
	struct http_stream *stream, done_fn done, void *cookie)
{
	struct exec_run *run = calloc(1, sizeof(*run));
	struct err e;
	int r = exec_session_check_start(x, &e);

	if (!run)
		abort();
	if (r < 0) {
		if (stream)
			http_stream_finish(stream);
		free(run);
		engine_answer(x->engine, done, cookie, r, &e);
		return;
	}
	run->x = x;
	run->engine = x->engine;
	run->done = done;
	run->cookie = cookie;
	run->stream = stream;
	run->stage_pidfd = run->pidfd = run->console_fd = run->group.dirfd = -1;
	run->out[0] = (struct exec_out){ .run = run, .fd = -1 };
	run->out[1] = (struct exec_out){ .run = run, .fd = -1 };
	if (o->console_width && o->console_height) {
		x->console_width = o->console_width;
		x->console_height = o->console_height;
	}
	x->started = true;
	x->run = run;
	r = start(run, x->container, &e);
	if (r < 0)
		start_failed(run, 126, &e);
}

int exec_session_kill(struct exec_session *x, struct err *e)
{
	if (!x->run)
		return err_say(e, EBUSY, "exec %s is not running", x->id);
	if (!x->run->group.path[0]) {
		kill_all(x->run);
		return 0;
	}
	return cgroup_kill(&x->run->group, x->engine->cgroups, e);
}
