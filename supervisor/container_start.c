#include "supervisor/container_start.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/own.h"
#include "base/sys.h"
#include "base/text.h"
#include "runtime/exec.h"
#include "runtime/spec.h"
#include "supervisor/answers.h"
#include "supervisor/attach.h"
#include "supervisor/config.h"
#include "supervisor/container_files.h"
#include "supervisor/container_hold.h"
#include "supervisor/container_root.h"
#include "supervisor/container_spec.h"
#include "supervisor/debt.h"
#include "supervisor/events.h"
#include "supervisor/keeper.h"
#include "supervisor/runs.h"
#include "supervisor/seccomp_cache.h"
#include "supervisor/stdio.h"
#include "supervisor/store.h"
#include "supervisor/waiter.h"

#define PHASE_NS   (10 * NS_PER_S)
#define LOOK_NS	   NS_PER_S
#define OVERALL_NS (30 * NS_PER_S)
#define REAP_NS	   (2 * NS_PER_S) /* for a killed launcher to be gone */

enum start_how { START_BY_USER, START_BY_POLICY, START_HOLD };

struct start_job {
	struct container *c;
	struct answers answers;
	bool by_policy, failing;
	bool hold; /* only the first half; .gate_fd until the launcher has it */
	int gate_fd;
	struct container_root root;
	int ends[3]; /* the container's ends of its pipes, until the launcher has them */
	struct launch launch;
	bool launched;
	struct event *readable, *deadline, *launcher_gone;
	int64_t until_ns, phase_until_ns, released_ns, released_mono_ns;
	bool has_exit; /* the process ended before we learned that it ran */
	struct keeper_exit exit;
	int exit_code; /* of a failed start */
};

/* ---------------------------------------------------------------- the job */

static void close_ends(struct start_job *job)
{
	for (int i = 0; i < 3; i++)
		own_close(&job->ends[i]);
	own_close(&job->gate_fd);
}

static void job_free(struct start_job *job)
{
	engine_event_free(&job->readable);
	engine_event_free(&job->deadline);
	engine_event_free(&job->launcher_gone);
	if (job->launched)
		launch_done(&job->launch);
	close_ends(job);
	container_root_done(&job->root);
	job->c->start = NULL;
	free(job);
}

static void arm_phase(struct start_job *job)
{
	int64_t now = clock_mono_ns(), left = job->until_ns - now;
	if (left > PHASE_NS)
		left = PHASE_NS;
	job->phase_until_ns = now + left;
	engine_timer_arm(job->deadline, job->released_ns && left > LOOK_NS ? LOOK_NS : left);
}

/* ---------------------------------------------------------------- failure */

/* What people and clients read: they look for docker's words for a program that is missing or cannot be run. */
void container_set_start_error(struct container *c, int exit_code, const char *argv0, const struct err *e)
{
	char text[ERR_TEXT_MAX];

	if (exit_code == 127 && argv0 && !strchr(argv0, '/'))
		snprintf(text, sizeof(text),
			"failed to start container: exec: \"%.200s\": executable file not found in $PATH",
			argv0);
	else if (exit_code == 127 && argv0)
		snprintf(text, sizeof(text),
			"failed to start container: exec: \"%.200s\": no such file or directory", argv0);
	else if (exit_code == 126 && argv0 && text_has_prefix(e->text, "exec: "))
		snprintf(text, sizeof(text),
			"failed to start container: exec: \"%.200s\": %spermission denied", argv0,
			e->code == EISDIR	     ? "is a directory: "
				: e->code == ENOEXEC ? "exec format error: "
						     : "");
	else
		snprintf(text, sizeof(text), "failed to start container: %.460s", e->text);
	state_note_start_error(&c->actual, exit_code, text);
}

/* Everything of the start is gone; state.error and exit code are set. */
static void settle_failure(struct container *c, bool by_policy)
{
	if (!by_policy)
		c->desired.run = false;
	restart_settle(c,
		&(struct state_end){ .generation = c->actual.generation,
			.start_failed = true,
			.exit_code = c->actual.exit_code,
			.finished_ns = clock_real_ns(),
			.next_try_ns = CLOCK_NEVER },
		0);
	if (!c->actual.restarting) {
		c->desired.run = false;
		store_set_result(c, c->actual.exit_code, false, false, c->actual.finished_ns);
		store_commit(c, STORE_RESULT, NULL, NULL);
	}
	container_save_state(c);
	log_warn("start-failed", "container=%.12s name=%s exit_code=%d err=\"%s\" action=%s", c->id, c->name,
		c->actual.exit_code, c->actual.error, c->actual.restarting ? "restart" : "none");
	waiter_wake_exit(c);
	if (!c->config->auto_remove)
		runs_note(c);
	stop_after_start(c);
	if (c->actual.restarting)
		restart_arm(c);
	else if (c->config->auto_remove && !c->remove)
		container_remove(c, true, true, NULL, NULL);
	else
		attach_close_all(c);
}

static void failure_cleared(void *cookie)
{
	struct start_job *job = cookie;
	struct container *c = job->c;
	struct answers answers;
	bool by_policy = job->by_policy;
	struct err why = { .code = job->exit_code == 126 || job->exit_code == 127 ? EINVAL : EIO };

	answers_move(&answers, &job->answers);
	job_free(job);
	memcpy(why.text, c->actual.error, sizeof(why.text));
	settle_failure(c, by_policy);
	store_answer(c, &answers, -why.code, &why);
}

static void launcher_is_gone(evutil_socket_t fd, short what, void *cookie)
{
	struct start_job *job = cookie;
	(void)fd;
	(void)what;

	engine_event_free(&job->launcher_gone);
	if (job->launched)
		launch_done(&job->launch);
	job->launched = false;
	group_clear(job->c, failure_cleared, job);
}

static void start_fail(struct start_job *job, int exit_code, const struct err *e)
{
	struct container *c = job->c;
	struct actual *a = &c->actual;
	auto_free char *argv0 = c->spec && c->spec->process.args ? strdup(c->spec->process.args[0]) : NULL;
	struct timeval reap = { .tv_sec = REAP_NS / NS_PER_S };

	if (job->failing)
		return;
	job->failing = true;
	job->exit_code = exit_code;
	engine_event_free(&job->readable);
	engine_event_free(&job->deadline);
	close_ends(job);
	if (c->pidfd >= 0)
		(void)sys_pidfd_send_signal(c->pidfd, SIGKILL); /* it may be gone */
	if (a->pid)
		(void)keeper_ack(
			c->engine->keeper, a->pid, a->start_ticks, NULL); /* nobody asks how it ended */
	stdio_free(c);
	container_close_process(c);
	hold_drop(c);
	store_drop_spec(c);
	container_set_start_error(c, exit_code, argv0, e);
	if (!job->launched || job->launch.launcher_pidfd < 0) {
		group_clear(c, failure_cleared, job);
		return;
	}
	/* The launcher may be making the group just now: it goes first. */
	(void)sys_pidfd_send_signal(job->launch.launcher_pidfd, SIGKILL);
	job->launcher_gone =
		event_new(c->engine->base, job->launch.launcher_pidfd, EV_READ, launcher_is_gone, job);
	if (!job->launcher_gone || event_add(job->launcher_gone, &reap) < 0)
		abort();
}

void start_abort(struct container *c, const char *why)
{
	struct err e;

	(void)err_say(&e, ECANCELED, "%s", why);
	if (c->start)
		start_fail(c->start, 128, &e);
}

void container_start_was_lost(struct container *c)
{
	struct err e;

	(void)err_say(&e, ECANCELED, "the supervisor ended during the start");
	container_set_start_error(c, 128, NULL, &e);
	settle_failure(c, c->desired.run);
}

/* ---------------------------------------------------------------- progress */

static int on_init(struct start_job *job, struct launch_result *res, struct err *e)
{
	struct container *c = job->c;
	struct actual *a = &c->actual;

	c->pidfd = res->pidfd;
	a->pid = res->pid;
	a->start_ticks = res->start_ticks;
	a->netns_inode = res->netns_inode;
	memcpy(a->boot_id, c->engine->boot_id, sizeof(a->boot_id));
	fault_point("supervisor.init");
	int r = store_save_state(c, e); /* what runs without a record is destroyed by the next supervisor */
	fault_point("supervisor.recorded");
	if (r == 0)
		r = cgroup_open(c->engine->cgroups, c->id, &c->group, e);
	if (r == 0)
		r = keeper_watch(c->engine->keeper, a->pid, a->start_ticks, e);
	fault_point("supervisor.watched");
	return r;
}

/* The first half is whole. */
static void on_held(struct start_job *job)
{
	struct container *c = job->c;
	struct answers answers;
	bool has_exit = job->has_exit;
	struct keeper_exit x = job->exit;

	job->launched = false; /* it is the container's now */
	answers_move(&answers, &job->answers);
	job_free(job);
	answers_give(&answers, c->engine, 0, NULL);
	if (has_exit)
		container_on_exit(c, &x);
	else
		stop_after_start(c);
}

static int on_ready(struct start_job *job, struct err *e)
{
	job->released_ns = clock_real_ns();
	job->released_mono_ns = clock_mono_ns();
	job->c->actual.released_mono_ns = job->released_mono_ns;
	int r = store_save_state(
		job->c, e); /* what may have begun is taken up by the next supervisor, never undone */
	fault_point("supervisor.ready");
	if (r == 0)
		r = launch_release(&job->launch, e);
	fault_point("supervisor.released");
	return r;
}

static void on_running(struct start_job *job)
{
	struct container *c = job->c;
	struct answers answers;
	bool has_exit = job->has_exit;
	struct keeper_exit x = job->exit;

	(void)state_set_running(&c->actual, job->released_ns, job->released_mono_ns);
	c->actual.unsaid |= EVENTS_START;
	spec_free(take_ptr(&c->spec)); /* an exec finds it in the run root */
	container_save_state(c);
	hold_drop(c);
	fault_point("supervisor.running");
	answers_move(&answers, &job->answers);
	job_free(job);
	stdio_start(c);
	events_announce(c);
	fault_point("supervisor.told-start");
	pause_watch(c);
	store_answer(c, &answers, 0, NULL);
	if (has_exit)
		container_on_exit(c, &x);
	else
		stop_after_start(c);
}

/* Returns 1 to go on reading, 0 when the job is over or nothing is there. */
static int receive_one(struct start_job *job)
{
	struct launch_result res = { .pidfd = -1, .console_fd = -1 };
	struct err e;
	int r = launch_receive(&job->launch, &res, &e);

	if (r == -EAGAIN)
		return 0;
	if (r == 0) {
		switch (res.event) {
		case LAUNCH_INIT:
			r = on_init(job, &res, &e);
			break;
		case LAUNCH_CONSOLE:
			r = stdio_set_console(job->c, res.console_fd, &e);
			break;
		case LAUNCH_READY:
			if (!job->hold) {
				r = on_ready(job, &e);
			} else if ((r = hold_begin(job->c, &job->launch, &e)) == 0) {
				on_held(job);
				return 0;
			}
			break;
		case LAUNCH_RUNNING:
			on_running(job);
			return 0;
		case LAUNCH_FAILED:
			start_fail(job, res.exit_code ? res.exit_code : 128, &e);
			return 0;
		}
	}
	if (r < 0) {
		start_fail(job, 128, &e);
		return 0;
	}
	arm_phase(job);
	return 1;
}

static void on_launch(evutil_socket_t fd, short what, void *cookie)
{
	struct start_job *job = cookie;
	(void)fd;
	(void)what;

	while (receive_one(job))
		;
}

static void on_deadline(evutil_socket_t fd, short what, void *cookie)
{
	struct start_job *job = cookie;
	pid_t pid = job->c->actual.pid;
	struct err e;
	(void)fd;
	(void)what;

	/* A neighbour in a shared pid namespace that may trace can hold the launch's socket open: the program runs all the same. */
	if (job->released_ns && pid > 0 && exec_past_execve(pid) == 1) {
		on_running(job);
		return;
	}
	if (clock_mono_ns() < job->phase_until_ns) {
		engine_timer_arm(job->deadline, LOOK_NS);
		return;
	}
	(void)err_say(&e, ETIMEDOUT, "the start took too long");
	start_fail(job, 128, &e);
}

void start_on_exit(struct container *c, const struct keeper_exit *x)
{
	struct start_job *job = c->start;

	job->has_exit = true;
	job->exit = *x;
	if (!job->failing)
		on_launch(
			-1, 0, job); /* what the launch said before its end is there by now, or never comes */
}

/* ---------------------------------------------------------------- the beginning */

static int watch_launch(struct start_job *job, struct err *e)
{
	job->readable =
		event_new(job->c->engine->base, job->launch.sock, EV_READ | EV_PERSIST, on_launch, job);
	if (!job->readable || event_add(job->readable, NULL) < 0)
		return err_set(e, ENOMEM, "watch the launch");
	return 0;
}

static int launch(struct start_job *job, struct err *e)
{
	int joined[SPEC_NS_COUNT];
	struct container *c = job->c;
	struct engine *en = c->engine;
	const struct seccomp_prog *seccomp = NULL;
	int r = seccomp_cache_get(en->seccomp, c->config, c->spec, &seccomp, e);

	if (r < 0)
		return r;
	struct launch_args args = {
		.env = en->launch_env,
		.spec = c->spec,
		.id = c->id,
		.cgroups = en->cgroups,
		.cgroup_path = c->id,
		.launcher_cgroup_fd = en->launch_group.dirfd,
		.seccomp = seccomp,
		.stdio = { job->ends[0], job->ends[1], job->ends[2] },
		.own_pipes = true,
		.keep_fd = en->leftovers_fd,
		.clone_parent = true,
		.hold = job->hold,
		.make_root = c->config->oci_spec ? NULL : container_root_make,
		.prepare = c->config->oci_spec ? NULL : container_root_prepare,
		.cookie = &job->root,
		.joined_pidfds = joined,
		.n_joined = container_spec_joined(c, joined),
	};
	if (job->hold && (r = job->gate_fd = hold_make_gate(c, e)) < 0)
		return r;
	args.gate_fd = job->gate_fd;
	if ((r = launch_begin(&args, &job->launch, e)) < 0)
		return r;
	job->launched = true;
	close_ends(job);
	return watch_launch(job, e);
}

static int prepare_and_launch(struct start_job *job, struct err *e)
{
	struct container *c = job->c;
	int r = c->config->oci_spec ? 0 : container_root_open(c, &job->root, e);

	if (r == 0)
		r = container_spec_build(c, &job->root.image, e);
	fault_point("supervisor.spec");
	if (r == 0)
		r = stdio_open(c, job->ends, e);
	fault_point("supervisor.stdio");
	if (r == 0)
		r = launch(job, e);
	/* Meanwhile the launcher works: what only a container that runs has need of. */
	if (r == 0)
		r = store_save_spec(c, e);
	if (r == 0)
		r = stdio_keep(c, e);
	fault_point("supervisor.kept");
	return r;
}

static struct start_job *job_new(struct container *c, done_fn done, void *cookie)
{
	struct start_job *job = calloc(1, sizeof(*job));

	if (!job || !(job->deadline = evtimer_new(c->engine->base, on_deadline, job)))
		abort();
	job->c = c;
	job->ends[0] = job->ends[1] = job->ends[2] = job->gate_fd = -1;
	job->until_ns = clock_mono_ns() + OVERALL_NS;
	answers_add(&job->answers, done, cookie);
	c->start = job;
	return job;
}

static void start_begin(struct container *c, enum start_how how, done_fn done, void *cookie)
{
	struct start_job *job = job_new(c, done, cookie);
	struct err e;

	job->by_policy = how == START_BY_POLICY;
	job->hold = how == START_HOLD;
	restart_cancel(c);
	debt_forget_group(
		c->engine, c->id); /* the launch makes it anew: to pay now would kill what runs in it */
	fault_arm();
	(void)state_set_starting(&c->actual); /* who calls has asked */
	int r = store_save_state(c, &e);
	fault_point("supervisor.starting");
	if (r == 0)
		r = prepare_and_launch(job, &e);
	if (r < 0)
		start_fail(job, 128, &e);
	else
		arm_phase(job);
}

/* The second half of a held one's start. */
static void start_release(struct container *c, done_fn done, void *cookie)
{
	struct start_job *job = job_new(c, done, cookie);
	struct err e;

	job->released_ns = clock_real_ns();
	job->released_mono_ns = clock_mono_ns();
	job->launched = true;
	int r = hold_end(c, &job->launch, &e);
	if (r == 0)
		r = watch_launch(job, &e);
	if (r < 0)
		start_fail(job, 128, &e);
	else
		arm_phase(job);
}

void container_release_again(struct container *c)
{
	start_release(c, NULL, NULL);
}

void container_hold(struct container *c, done_fn done, void *cookie)
{
	struct err e;
	int r = 0;

	if (c->remove || c->actual.removing || c->actual.dead)
		r = err_say(&e, EBUSY, "container is marked for removal and cannot be started");
	else if (c->engine->stopping)
		r = err_say(&e, EBUSY, "the daemon is stopping");
	else if (c->start || c->exit || c->actual.held || c->actual.running)
		r = err_say(&e, EBUSY, "container %s has a process already", c->name);
	if (r < 0)
		engine_answer(c->engine, done, cookie, r, &e);
	else
		start_begin(c, START_HOLD, done, cookie);
}

void container_start(struct container *c, done_fn done, void *cookie)
{
	struct actual *a = &c->actual;
	struct err e;
	int r = 0;

	if (a->paused)
		r = err_say(&e, EBUSY, "cannot start a paused container, try unpause instead");
	else if (a->removing || a->dead || c->remove)
		r = err_say(&e, EBUSY, "container is marked for removal and cannot be started");
	else if (c->engine->stopping)
		r = err_say(&e, EBUSY, "the daemon is stopping");
	else if (!c->start && a->running && !a->restarting)
		r = err_say(&e, EALREADY, "container %s is already running", c->name);
	if (r < 0) {
		engine_answer(c->engine, done, cookie, r, &e);
		return;
	}
	container_want_run(c);
	if (c->start)
		answers_add(&c->start->answers, done, cookie);
	else if (c->held)
		start_release(c, done, cookie);
	else
		start_begin(c, START_BY_USER, done, cookie);
}

void container_want_run(struct container *c)
{
	struct desired *d = &c->desired;

	d->run = true;
	d->stopped_by_user = d->paused = false;
	d->generation =
		c->actual.generation + !(c->start || c->held); /* of the run that begins, or is about to */
	d->asked_ns = clock_real_ns();
	c->actual.restart_count = 0;
	c->actual.delay_ns = 0;
	store_commit(c, STORE_DESIRED, NULL, NULL); /* the run root has it with the start's state */
}

void container_start_by_policy(struct container *c)
{
	start_begin(c, START_BY_POLICY, NULL, NULL);
}
