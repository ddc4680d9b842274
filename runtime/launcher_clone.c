/*
 * launcher_clone - from what the launcher has prepared to a container's init that is on record.
 */
#include "runtime/launch_int.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/io.h"
#include "base/proc.h"
#include "base/sys.h"

_Noreturn void launcher_fail(struct launch_state *s, int r, const struct err *e)
{
	struct launch_failed_msg m = { .type = LAUNCH_MSG_FAILED,
		.err = -r,
		.exit_code = 128,
		.pid = s->pid == s->helper_pid ? 0 : s->pid };

	if (s->pidfd >= 0)
		(void)sys_pidfd_send_signal(s->pidfd, SIGKILL);
	memcpy(m.text, e->text, sizeof(m.text));
	(void)io_send(
		s->init.report_fd, &m, sizeof(m), NULL, 0); /* nobody there: then nobody wants to know */
	_exit(1);
}

/* The caller has gone: what it does not know of must not come to life. */
static void end_if_alone(struct launch_state *s)
{
	struct pollfd p = { .fd = s->init.report_fd, .events = POLLIN };
	if (poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR))) {
		if (s->pidfd >= 0)
			(void)sys_pidfd_send_signal(s->pidfd, SIGKILL);
		_exit(1);
	}
}

/* The clone3 flag would freeze the offsets before anybody could write them: unshare, write, and the child enters. */
static int make_time_namespace(const struct launch_state *s, struct err *e)
{
	const struct spec *spec = s->init.spec;
	char text[128];

	if (unshare(CLONE_NEWTIME) < 0)
		return err_set(e, errno, "namespaces: unshare time");
	if (!spec->boottime_offset_s && !spec->boottime_offset_ns && !spec->monotonic_offset_s &&
		!spec->monotonic_offset_ns)
		return 0;
	(void)snprintf(text, sizeof(text), "monotonic %lld %u\nboottime %lld %u\n",
		(long long)spec->monotonic_offset_s, spec->monotonic_offset_ns,
		(long long)spec->boottime_offset_s, spec->boottime_offset_ns);
	int r = io_write_text(s->init.proc_fd, "self/timens_offsets", text);
	return r < 0 ? err_set(e, -r, "namespaces: set time offsets") : 0;
}

/* The user namespace comes last: with it we give up our rights over all the others. The cgroup namespace is the init's,
 * for it has to be in its group before. */
static int join_namespaces(struct launch_state *s, struct err *e)
{
	static const enum spec_ns order[] = { SPEC_NS_NET, SPEC_NS_IPC, SPEC_NS_UTS, SPEC_NS_PID,
		SPEC_NS_TIME, SPEC_NS_USER };
	static const char *const names[SPEC_NS_COUNT] = { "pid", "network", "mount", "ipc", "uts", "user",
		"cgroup", "time" };

	if (s->init.spec->ns[SPEC_NS_TIME].mode == SPEC_NS_NEW) {
		int r = make_time_namespace(s, e);
		if (r < 0)
			return r;
	}
	if (setns(s->mntns_fd, CLONE_NEWNS) < 0)
		return err_set(e, errno, "namespaces: enter the mount namespace");
	own_close(&s->mntns_fd);
	if (s->outside) {
		s->init.pid_ns_fd = take_fd(&s->join_fds[SPEC_NS_PID]);
		s->init.user_ns_fd = take_fd(&s->join_fds[SPEC_NS_USER]);
	}
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		int *fd = &s->join_fds[order[i]];
		if (*fd >= 0 && setns(*fd, (int)spec_ns_clone_flag(order[i])) < 0)
			return err_set(e, errno, "namespaces: join the %s namespace", names[order[i]]);
		own_close(fd);
	}
	s->init.cgroup_ns_fd = take_fd(&s->join_fds[SPEC_NS_CGROUP]);
	return 0;
}

/* Limits and scores that a process in a user namespace has no right to: ours go over to it by the fork. */
static int prepare_user_namespace(struct launch_state *s, struct err *e)
{
	struct stage_ctx c;
	if (!s->init.user_ns)
		return 0;
	stage_init(&c, s->init.plan, -1);
	int r = stage_raise_limits(&c);
	if (r == 0)
		r = stage_set_oom_score(&c, s->init.proc_fd);
	return r < 0 ? err_set(e, -r, "%s", c.text) : 0;
}

static uint64_t clone_flags(struct launch_state *s)
{
	const struct spec *spec = s->init.spec;
	uint64_t flags = 0;

	for (enum spec_ns ns = 0; ns < SPEC_NS_COUNT; ns++)
		if (spec->ns[ns].mode == SPEC_NS_NEW && ns != SPEC_NS_TIME)
			flags |= spec_ns_clone_flag(ns);
	s->init.new_ns = (uint32_t)flags;
	/* A cgroup namespace's root is the group one is in when it is made: on v1 that is the init's own doing. */
	if ((flags & CLONE_NEWCGROUP) && (s->init.n_tasks || s->cgroup_dirfd < 0)) {
		s->init.cgroup_ns_late = true;
		flags &= ~(uint64_t)CLONE_NEWCGROUP;
	}
	/* The right to join a pid namespace goes with the entry into a user namespace. So the child does the one, then the
	 * other, and then makes what it is to own. */
	if (s->outside && spec->ns[SPEC_NS_USER].mode != SPEC_NS_HOST) {
		s->init.late_ns = (uint32_t)flags;
		if (s->init.cgroup_ns_late) {
			s->init.late_ns |= CLONE_NEWCGROUP;
			s->init.cgroup_ns_late = false;
		}
		flags = 0;
	}
	s->init.tell_netns = s->init.new_ns & CLONE_NEWNET &&
		(s->init.late_ns || spec->ns[SPEC_NS_USER].mode == SPEC_NS_JOIN);
	return flags;
}

/* The init is not our child, so it may be reaped and its pid be another's at any time. What was opened by it before this
 * answers 0 is the init's. */
static int still_there(const struct launch_state *s, struct err *e)
{
	return sys_pidfd_send_signal(s->pidfd, 0) < 0 && errno == ESRCH
		? err_say(e, ESRCH, "the container's init was killed")
		: 0;
}

static int write_map(const struct launch_state *s, const char *file, const struct spec_id_map *maps, size_t n,
	struct err *e)
{
	auto_(buf) struct buf text = { 0 };
	char path[64];

	for (size_t i = 0; i < n; i++)
		if (buf_printf(&text, "%u %u %u\n", maps[i].container_id, maps[i].host_id, maps[i].size) < 0)
			return err_set(e, ENOMEM, "user namespace: %s", file);
	(void)snprintf(path, sizeof(path), "%d/%s", (int)s->pid, file);
	auto_close int fd = openat(s->init.proc_fd, path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, errno, "user namespace: open %s", file);
	int r = still_there(s, e);
	if (r == 0 && write(fd, text.data, text.len) != (ssize_t)text.len) /* at once, or it is refused */
		r = err_set(e, errno, "user namespace: write %s", file);
	return r;
}

/* 1: the init has ended or is about to, and will say why when it is on record. */
static int receive_sync(int sync, struct init_sync *out, struct err *e)
{
	ssize_t n = recv(sync, out, sizeof(*out), 0);
	if (n < 0)
		return err_set(e, errno, "hear from the container's init");
	return n == sizeof(*out) ? 0 : 1;
}

static int send_sync(int sync, char byte, struct err *e)
{
	if (send(sync, &byte, 1, MSG_NOSIGNAL) != 1)
		return err_set(e, errno, "tell the container's init");
	return 0;
}

static int map_users(struct launch_state *s, int sync, struct err *e)
{
	const struct spec *spec = s->init.spec;
	struct init_sync got;
	int r = 0;

	if (!s->init.wait_maps)
		return 0;
	if (s->init.late_ns)
		r = receive_sync(sync, &got, e);
	if (r == 1)
		return 0;
	if (r == 0)
		r = write_map(s, "uid_map", spec->uid_maps, spec->n_uid_maps, e);
	if (r == 0)
		r = write_map(s, "gid_map", spec->gid_maps, spec->n_gid_maps, e);
	return r < 0 ? r : send_sync(sync, INIT_SYNC_MAPPED, e);
}

static int netns_inode(struct launch_state *s, int sync, uint64_t *out, struct err *e)
{
	struct init_sync got;
	struct stat st;
	char path[64];

	*out = 0;
	if (s->init.tell_netns) {
		int r = receive_sync(sync, &got, e);
		if (r == 0)
			*out = got.netns_inode;
		return r < 0 ? r : 0;
	}
	if (s->init.spec->ns[SPEC_NS_NET].mode == SPEC_NS_HOST)
		return 0;
	(void)snprintf(path, sizeof(path), "%d/ns/net", (int)s->pid);
	/* Gone already: it has reported why. */
	if (fstatat(s->init.proc_fd, path, &st, 0) == 0)
		*out = st.st_ino;
	return 0;
}

/* What it makes may end by itself or be reaped at any time, and the pid be another's: who it says to be must be a child of
 * our parent, in the namespace that was to be joined. */
static int check_payload(const struct launch_state *s, struct err *e)
{
	char path[64], text[1024];
	struct stat want, got;
	pid_t parent = 0;

	(void)snprintf(path, sizeof(path), "%d/stat", (int)s->pid);
	if (io_read_text(s->init.proc_fd, path, text, sizeof(text)) >= 0) {
		const char *end = strrchr(text, ')');
		if (!end || sscanf(end, ") %*c %d", &parent) != 1)
			parent = 0;
	}
	(void)snprintf(path, sizeof(path), "%d/ns/pid", (int)s->pid);
	if (parent != getppid() || fstat(s->init.pid_ns_fd, &want) < 0 ||
		fstatat(s->init.proc_fd, path, &got, 0) < 0 || want.st_ino != got.st_ino)
		return err_say(e, ESRCH, "the container's init was killed");
	return still_there(s, e);
}

/* Until the helper has ended: then there is an init, or its failure was told. */
static int await_payload(struct launch_state *s, struct err *e)
{
	struct pollfd p[] = { { .fd = s->pidfd, .events = POLLIN }, { .fd = s->init.report_fd } };

	while (poll(p, ARRAY_LEN(p), -1) < 0)
		if (errno != EINTR)
			return err_set(e, errno, "wait for the container's init");
	end_if_alone(s);
	s->pid = *s->init.out_pid;
	own_close(&s->pidfd);
	if (s->pid == 0)
		_exit(1);
	s->pidfd = sys_pidfd_open(s->pid, 0);
	if (s->pidfd < 0)
		return err_say(e, ESRCH, "the container's init was killed");
	return check_payload(s, e);
}

/* The caller has to know whom to reap before that one can fail. */
static int tell_helper(struct launch_state *s, int sync, struct err *e)
{
	struct launch_helper_msg m = { .type = LAUNCH_MSG_HELPER, .pid = s->pid };

	s->helper_pid = s->pid;
	int r = io_send(s->init.report_fd, &m, sizeof(m), NULL, 0);
	if (r < 0)
		return err_set(e, -r, "report the container's init");
	return send_sync(sync, INIT_SYNC_RECORDED, e);
}

/* In its name: it waits in the midst of others, and its filter may forbid to speak. */
static int say_ready(struct launch_state *s, struct err *e)
{
	struct stage_msg m = { .type = STAGE_READY };
	int r = io_send(s->init.report_fd, &m, sizeof(m), NULL, 0);
	return r < 0 ? err_set(e, -r, "report the container's init") : 0;
}

static int record(struct launch_state *s, int sync, struct err *e)
{
	struct launch_init_msg m = { .type = LAUNCH_MSG_INIT };
	char path[32], stat[1024];

	int r = s->outside ? await_payload(s, e) : 0;
	if (r == 0)
		r = netns_inode(s, sync, &m.netns_inode, e);
	if (r < 0)
		return r;
	m.pid = s->pid;
	(void)snprintf(path, sizeof(path), "%d/stat", (int)s->pid);
	r = io_read_text(s->init.proc_fd, path, stat, sizeof(stat));
	if (r >= 0)
		r = proc_parse_start_time(stat, &m.start_ticks);
	if (r < 0)
		return err_set(e, -r, "read the start time of the container's init");
	if ((r = still_there(s, e)) < 0)
		return r;
	r = io_send(s->init.report_fd, &m, sizeof(m), &s->pidfd, 1);
	if (r < 0)
		return err_set(e, -r, "report the container's init");
	fault_point("launch.recorded");
	return s->outside ? say_ready(s, e) : send_sync(sync, INIT_SYNC_RECORDED, e);
}

/* In the container's init. What it must not have of ours goes at once: the rest is closed before its payload runs. */
static _Noreturn void become_init(struct launch_state *s, int sync, int launcher_sync)
{
	(void)close(launcher_sync);
	own_close(&s->keep_fd);
	own_close(&s->cgroup_dirfd);
	s->init.sync_fd = sync;
	init_run(&s->init);
}

static int clone_init(struct launch_state *s, int sync[2], struct err *e)
{
	int pidfd = -1;
	struct clone_args args = {
		/* With CLONE_PARENT the signal is that of our own exit; naming one is refused. */
		.flags = clone_flags(s) | CLONE_PARENT | CLONE_PIDFD,
		.pidfd = (uintptr_t)&pidfd,
	};
	if (s->cgroup_dirfd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (unsigned)s->cgroup_dirfd;
	}
	pid_t pid = sys_clone3(&args);
	if (pid < 0)
		return err_set(e, errno, "clone the container's init");
	if (pid == 0)
		become_init(s, sync[1], sync[0]);
	s->pid = pid;
	s->pidfd = pidfd;
	(void)close(sync[1]);
	return 0;
}

static int map_answer(struct launch_state *s, struct err *e)
{
	void *page = mmap(
		NULL, sizeof(*s->init.out_pid), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return err_set(e, errno, "map a page");
	s->init.out_pid = page;
	return 0;
}

_Noreturn void launcher_make_container(struct launch_state *s)
{
	struct err e = { 0 };
	int sync[2] = { -1, -1 };

	int r = prepare_user_namespace(s, &e);
	if (r == 0 && s->outside)
		r = map_answer(s, &e);
	if (r == 0)
		r = join_namespaces(s, &e);
	if (r == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sync) < 0)
		r = err_set(&e, errno, "make a socket pair");
	end_if_alone(s);
	fault_point("launch.joined");
	if (r == 0)
		r = clone_init(s, sync, &e);
	fault_point("launch.cloned");
	if (r == 0 && s->outside)
		r = tell_helper(s, sync[0], &e);
	if (r == 0)
		r = map_users(s, sync[0], &e);
	if (r == 0)
		r = record(s, sync[0], &e);
	if (r < 0)
		launcher_fail(s, r, &e);
	_exit(0);
}
