#include "supervisor/recover.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/own.h"
#include "base/sys.h"
#include "base/text.h"
#include "runtime/exec.h"
#include "runtime/stage/plan.h"
#include "supervisor/attach.h"
#include "supervisor/config.h"
#include "supervisor/container.h"
#include "supervisor/container_hold.h"
#include "supervisor/container_start.h"
#include "supervisor/debt.h"
#include "supervisor/events.h"
#include "supervisor/exec_session.h"
#include "supervisor/keeper.h"
#include "supervisor/runs.h"
#include "supervisor/stdio.h"
#include "supervisor/store.h"
#include "supervisor/volumes.h"

#define LEFTOVERS_NAME	"leftovers"
#define LAUNCH_GROUP	"launch"
#define LEFTOVERS_MS	2000
#define GROUP_REMOVE_MS 2000
#define LAST_STEPS_MS	500
#define WAY_OUT_MS	2000

/* ---------------------------------------------------------------- leftovers */

static void say_who_is_left(struct engine *en)
{
	auto_free pid_t *pids = NULL;
	struct err e;
	int n = cgroup_pids(&en->launch_group, en->cgroups, &pids, &e);

	for (int i = 0; i < n; i++)
		log_warn("leftover", "pid=%d action=\"go on without it\"", (int)pids[i]);
	if (n <= 0)
		log_warn("leftover", "pid=unknown action=\"go on without it\"");
}

/* The pipe of our predecessors ends when the last of their launchers and workers has. */
static void wait_for_end(struct engine *en, int fd)
{
	int64_t until = clock_mono_ns() + LEFTOVERS_MS * NS_PER_MS;

	for (;;) {
		int64_t left_ms = (until - clock_mono_ns()) / NS_PER_MS;
		struct pollfd p = { .fd = fd, .events = POLLIN };
		if (left_ms <= 0) {
			say_who_is_left(en);
			return;
		}
		if (poll(&p, 1, (int)left_ms) > 0 && (p.revents & (POLLHUP | POLLERR)))
			return;
		if (p.revents & POLLIN) { /* nobody writes; should one, it is thrown away */
			char sink[64];
			(void)!read(fd, sink, sizeof(sink));
		}
	}
}

int recover_leftovers(struct engine *en, struct err *e)
{
	auto_close int old = keeper_get_fd(en->keeper, LEFTOVERS_NAME, NULL);
	int fds[2];
	struct err busy;

	if (old >= 0) {
		if (cgroup_open(en->cgroups, LAUNCH_GROUP, &en->launch_group, NULL) == 0) {
			(void)cgroup_kill(&en->launch_group, en->cgroups, NULL); /* the pipe's end tells */
			wait_for_end(en, old);
			cgroup_close(&en->launch_group);
			en->launch_group = (struct cgroup){ .dirfd = -1 };
		}
	}
	if (cgroup_remove(en->cgroups, LAUNCH_GROUP, LEFTOVERS_MS, &busy) < 0)
		log_warn("leftover", "err=\"%s\" action=\"use the group as it is\"", busy.text);
	int r = cgroup_create(en->cgroups, LAUNCH_GROUP, &en->launch_group, e);
	if (r == -EBUSY)
		r = cgroup_open(en->cgroups, LAUNCH_GROUP, &en->launch_group, e);
	if (r < 0)
		return err_wrap(e, r, "group of launchers");
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_set(e, errno, "make pipe");
	r = keeper_put_fd(en->keeper, LEFTOVERS_NAME, fds[0], e);
	own_close(&fds[0]);
	en->leftovers_fd = fds[1];
	return r;
}

/* ---------------------------------------------------------------- one container */

static void forget_process(struct container *c)
{
	stdio_drop_kept(c);
	store_drop_spec(c);
}

/* Kill by identity, never by number alone. */
static void kill_process(const struct container *c)
{
	const struct actual *a = &c->actual;

	if (a->pid == 0 || strcmp(a->boot_id, c->engine->boot_id) != 0)
		return;
	auto_close int pidfd = proc_open(a->pid, a->start_ticks);
	if (pidfd >= 0)
		(void)sys_pidfd_send_signal(pidfd, SIGKILL); /* dead is as good */
}

void recover_clear_group(struct container *c)
{
	struct err e;

	if (cgroup_remove(c->engine->cgroups, c->id, GROUP_REMOVE_MS, &e) < 0)
		debt_add_group(c->engine, c->id);
}

static void undo_start(struct container *c)
{
	log_warn("start-undone", "container=%.12s name=%s", c->id, c->name);
	kill_process(c);
	recover_clear_group(c);
	forget_process(c);
	container_start_was_lost(c);
}

/* An exec of the dead supervisor has nobody to read it or to wait for it. */
static void end_execs(struct container *c)
{
	struct stat st;

	if (fstat(c->group.dirfd, &st) == 0 && st.st_nlink == 2)
		return; /* kernfs counts: no group is below it */
	int fd = c->group.dirfd >= 0 ? openat(c->group.dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		own_close(&fd);
		return;
	}
	for (struct dirent *x; (x = readdir(d));) {
		char path[sizeof(c->group.path)];
		struct err e;
		if (!text_has_prefix(x->d_name, "berth."))
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", c->id, x->d_name) < (int)sizeof(path) &&
			cgroup_remove(c->engine->cgroups, path, GROUP_REMOVE_MS, &e) < 0)
			log_warn("exec-left", "group=%s err=\"%s\"", path, e.text);
	}
	closedir(d);
}

/* 1: it lives and is ours again. watched: the keeper has a slot for it. */
static int take_up(struct container *c, bool watched)
{
	struct actual *a = &c->actual;
	struct err e;

	if (a->pid == 0 || strcmp(a->boot_id, c->engine->boot_id) != 0)
		return 0;
	c->pidfd = proc_open(a->pid, a->start_ticks);
	if (cgroup_open(c->engine->cgroups, c->id, &c->group, &e) < 0)
		c->group = (struct cgroup){ .dirfd = -1 };
	if (stdio_adopt(c, &e) < 0)
		log_warn(
			"taken-up-in-part", "container=%.12s err=\"%s\" action=\"no output\"", c->id, e.text);
	if (c->stdio && !a->held)
		stdio_start(c);
	if (c->pidfd < 0)
		return 0; /* dead: its slot says how */
	end_execs(c);
	if (!watched && keeper_watch(c->engine->keeper, a->pid, a->start_ticks, &e) < 0) {
		log_error("not-watched", "container=%.12s err=\"%s\" action=end", c->id, e.text);
		kill_process(c);
		return 0;
	}
	c->n_exec = 0;
	log_info("taken-up", "container=%.12s name=%s pid=%d", c->id, c->name, (int)a->pid);
	pause_take_up(c);
	return 1;
}

static const struct keeper_exit *slot_of(const struct container *c, const struct keeper_exit *slots, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slots[i].pid == c->actual.pid && slots[i].start_ticks == c->actual.start_ticks)
			return &slots[i];
	return NULL;
}

/* What has a slot and died since the slots were read is told by the keeper, as any exit is. */
static void recover_run(struct container *c, const struct keeper_exit *slot)
{
	int alive = take_up(c, slot != NULL);

	/* It was being stopped or restarted: that goes on even when it has ended meanwhile. */
	if (c->actual.stop_until_ns || (alive && !c->desired.run))
		stop_take_up(c);
	if (slot && slot->exited)
		container_on_exit(c, slot);
	else if (!alive && !slot)
		container_on_lost(c);
}

/* One that was let go needs a moment for its last steps; one that was not sees that we are gone, and ends. */
static bool is_past_execve(pid_t pid)
{
	int64_t until = clock_mono_ns() + LAST_STEPS_MS * NS_PER_MS;
	int r;

	while ((r = exec_past_execve(pid)) == 0 && clock_mono_ns() < until)
		(void)poll(NULL, 0, 1);
	return r == 1;
}

static bool ended_unreleased(const struct keeper_exit *slot)
{
	return slot->exited && slot->code == CLD_EXITED && slot->value == PLAN_EXIT_UNRELEASED;
}

/* One that has no program any more is on its way out, which is waited for. */
static bool is_dead(const struct actual *a)
{
	auto_close int pidfd = proc_open(a->pid, a->start_ticks);
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	char exe[32];
	struct stat st;

	snprintf(exe, sizeof(exe), "/proc/%d/exe", (int)a->pid);
	return pidfd < 0 || poll(&p, 1, stat(exe, &st) < 0 ? WAY_OUT_MS : 0) == 1;
}

/* Its program runs or did, and the supervisor died before it could say so. */
static bool has_begun(const struct container *c, const struct keeper_exit *slot)
{
	const struct actual *a = &c->actual;
	struct keeper_exit ended;

	if (!slot || a->released_mono_ns == 0)
		return false;
	if (slot->exited)
		return !ended_unreleased(slot);
	if (!is_past_execve(a->pid))
		return false;
	/* A process that is gone counts as past it as well. */
	return !is_dead(a) ||
		keeper_await_exit(c->engine->keeper, a->pid, a->start_ticks, &ended, NULL) < 0 ||
		!ended_unreleased(&ended);
}

static void recover_begun(struct container *c, const struct keeper_exit *slot)
{
	struct actual *a = &c->actual;
	int64_t ago_ns = clock_mono_ns() - a->released_mono_ns;

	(void)state_set_running(a, clock_real_ns() - ago_ns, a->released_mono_ns);
	a->unsaid |= EVENTS_START;
	container_save_state(c);
	events_announce(c);
	recover_run(c, slot);
}

/* A run whose end is in the run root alone: the disk was full, or the supervisor died before it was written. */
static void record_again(struct container *c)
{
	const struct actual *a = &c->actual;
	bool ended = a->generation && !a->running && !a->starting && !c->desired.run;

	if (ended && !c->config->auto_remove && (!c->result || c->result->generation < a->generation)) {
		store_set_result(c, a->exit_code, a->oom_killed, a->interrupted, a->finished_ns);
		c->dirty |= STORE_RESULT;
	} else {
		own_free(&c->result);
	}
	store_commit(c, c->dirty, NULL, NULL);
}

/* Made and not started: it goes on waiting or, where its start was begun, goes through with that. */
static void recover_held(struct container *c, const struct keeper_exit *slot)
{
	bool letting_go = c->actual.starting, exited = slot && slot->exited,
	     alive = take_up(c, slot != NULL) == 1, lost;
	struct err e;

	lost = !alive && !slot;
	if (hold_take_up(c, &e) < 0) {
		log_error("not-taken-up", "container=%.12s err=\"%s\" action=end", c->id, e.text);
		kill_process(c);
		lost |= letting_go;
	}
	if (letting_go && lost) {
		if (slot)
			(void)keeper_ack(c->engine->keeper, c->actual.pid, c->actual.start_ticks, NULL);
		stdio_free(c);
		container_close_process(c);
		hold_drop(c);
		undo_start(c);
		return;
	}
	if (letting_go)
		container_release_again(c);
	if (exited)
		container_on_exit(c, slot);
	else if (lost)
		container_on_lost(c);
}

static void recover_one(struct container *c, const struct keeper_exit *slots, size_t n)
{
	struct actual *a = &c->actual;

	if (!c->has_state) {
		recover_after_boot(c);
		return;
	}
	record_again(c);
	const struct keeper_exit *slot = a->pid ? slot_of(c, slots, n) : NULL;

	c->taken_up_ns = clock_mono_ns();
	(void)state_forget_removal(a); /* begun again below */
	if (!a->held)
		hold_drop_stale(c);
	if (a->held) {
		recover_held(c, slot);
	} else if (a->starting && has_begun(c, slot)) {
		recover_begun(c, slot);
	} else if (a->starting) {
		if (slot)
			(void)keeper_ack(c->engine->keeper, a->pid, a->start_ticks, NULL);
		undo_start(c);
	} else if (a->running && !a->restarting) {
		recover_run(c, slot);
	} else {
		recover_clear_group(
			c); /* a run whose end was recorded, but maybe not all of it carried out */
		forget_process(c);
	}
	if (c->desired.removed)
		container_remove(c, true, c->config->auto_remove, NULL, NULL);
	else if (a->restarting && !c->start)
		restart_arm(c);
	else if (c->desired.run && !a->running && !a->starting && !a->held && !c->start && !c->exit)
		container_start_by_policy(c); /* between the two halves of a restart */
	else if (!a->running && !a->starting && c->config->auto_remove && a->started_ns != CLOCK_NEVER &&
		!c->remove && !attach_holds_removal(c))
		container_remove(c, true, true, NULL, NULL);
}

/* ---------------------------------------------------------------- what has no record */

static bool belongs_to_a_run(struct engine *en, const char *name)
{
	const char *id = strchr(name, '.');
	char plain[TEXT_ID_LEN + 1];

	if (strcmp(name, LEFTOVERS_NAME) == 0 || !id)
		return true; /* not of this kind: the listening socket and the like */
	if (!text_has_prefix(name, "log.") && !text_has_prefix(name, "in.") &&
		!text_has_prefix(name, "tty.") && !text_has_prefix(name, "start."))
		return true;
	snprintf(plain, sizeof(plain), "%.64s", id + 1);
	struct container *c = container_by_id(en, plain);
	const struct actual *a = c ? &c->actual : NULL;
	return a && (a->held || (a->starting && a->released_mono_ns) || (a->running && !a->restarting));
}

/* What is kept for nobody is dropped. The rest is taken now, all at once: each taken when its turn comes would be a round trip
 * to the keeper, hundreds of them in a row. */
static void sort_kept(struct engine *en)
{
	auto_(keeper_names) char **names = NULL;
	struct err e;

	if (keeper_list_fds(en->keeper, &names, &e) < 0) {
		log_warn("strays", "err=\"%s\" action=\"leave them\"", e.text);
		return;
	}
	char **kept = names;
	for (char **n = names; *n; n++) {
		char *name = *n;
		*n = NULL;
		if (belongs_to_a_run(en, name)) {
			*kept++ = name;
			continue;
		}
		(void)keeper_drop_fd(en->keeper, name, NULL); /* gone is gone */
		free(name);
	}
	if (keeper_fetch(en->keeper, names, &e) < 0)
		log_warn("kept", "err=\"%s\" action=\"ask for each\"", e.text);
}

static void remove_stray_groups(struct engine *en)
{
	char **ids = NULL;
	struct err e;

	if (cgroup_root_list(en->cgroups, &ids, &e) < 0) {
		log_warn("stray-groups", "err=\"%s\" action=\"leave them\"", e.text);
		return;
	}
	for (char **id = ids; *id; id++) {
		if (strcmp(*id, LAUNCH_GROUP) == 0 || container_by_id(en, *id))
			continue;
		log_warn("stray-group", "group=%s action=remove", *id);
		if (cgroup_remove(en->cgroups, *id, GROUP_REMOVE_MS, &e) < 0)
			debt_add_group(en, *id);
	}
	cgroup_list_free(ids);
}

int recover_containers(struct engine *en, struct err *e)
{
	auto_free struct keeper_exit *slots = NULL;
	size_t n = 0;
	int r = keeper_slots(en->keeper, &slots, &n, e);

	if (r < 0 || (r = stdio_open_batch(en, e)) < 0 || (r = store_load(en, e)) < 0 ||
		(r = volumes_open(en, e)) < 0)
		return r;
	list_each (struct container, c, &en->containers, link)
		runs_load(c);
	remove_stray_groups(en);
	sort_kept(en);
	for (size_t i = 0; i < n; i++) {
		bool known = false;
		list_each (struct container, c, &en->containers, link)
			known |= c->actual.pid == slots[i].pid &&
				c->actual.start_ticks == slots[i].start_ticks;
		if (!known)
			(void)keeper_ack(en->keeper, slots[i].pid, slots[i].start_ticks,
				NULL); /* nobody asks any more */
	}
	events_recover(en);
	fault_point("recovery.slots");
	list_each (struct container, c, &en->containers, link)
		recover_one(c, slots, n);
	exec_session_recover(en);
	stdio_sweep_batch(en);
	recover_trash(en);
	keeper_fetch_end(en->keeper);
	return 0;
}
