/*
 * sample - a container as docker makes it by default, for tests and benchmarks of runtime/launch, and one way to run it.
 *
 * The mounts, capabilities, masked and read-only paths of behaviour that people know; namespaces pid, net, mnt, ipc, uts,
 * cgroup; no seccomp filter. sample_run() is its own parent (clone_parent off), as an OCI runtime is.
 */
#ifndef TESTS_SUPPORT_SAMPLE_H
#define TESTS_SUPPORT_SAMPLE_H

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "base/arena.h"
#include "base/clock.h"
#include "runtime/caps.h"
#include "runtime/launch.h"
#include "runtime/spec.h"

static inline struct spec_mount *sample_mount(struct spec *s, const char *dst, const char *type,
	const char *src, unsigned long flags, const char *data)
{
	struct spec_mount *grown = arena_calloc(s->arena, s->n_mounts + 1, sizeof(*grown));
	if (s->n_mounts)
		memcpy(grown, s->mounts, s->n_mounts * sizeof(*grown));
	struct spec_mount *m = &grown[s->n_mounts++];
	*m = (struct spec_mount){
		.destination = arena_strdup(s->arena, dst),
		.type = type,
		.source = arena_strdup(s->arena, src),
		.flags = flags,
		.data = arena_strdup(s->arena, data),
	};
	s->mounts = grown;
	return m;
}

static inline struct spec *sample_spec(const char *root, const char *const *args)
{
	static const char *const env[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL
	};
	static const char *const masked[] = { "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore",
		"/proc/keys", "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list",
		"/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware", NULL };
	static const char *const readonly[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
		"/proc/sysrq-trigger", NULL };
	const unsigned long tight = MS_NOSUID | MS_NOEXEC | MS_NODEV;
	struct spec *s = spec_new();

	if (!s)
		abort();
	s->root_path = arena_strdup(s->arena, root);
	s->hostname = "sample";
	s->process.args = arena_strv(s->arena, args, -1);
	s->process.env = arena_strv(s->arena, env, -1);
	s->process.cwd = "/";
	s->process.caps.bounding = s->process.caps.effective = s->process.caps.permitted =
		caps_docker_default();
	static const enum spec_ns own[] = { SPEC_NS_PID, SPEC_NS_NET, SPEC_NS_MNT, SPEC_NS_IPC, SPEC_NS_UTS,
		SPEC_NS_CGROUP };
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		s->ns[own[i]].mode = SPEC_NS_NEW;
	sample_mount(s, "/proc", "proc", "proc", tight, NULL);
	sample_mount(s, "/dev", "tmpfs", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k");
	sample_mount(s, "/dev/pts", "devpts", "devpts", MS_NOSUID | MS_NOEXEC,
		"newinstance,ptmxmode=0666,mode=0620,gid=5");
	sample_mount(s, "/sys", "sysfs", "sysfs", tight | MS_RDONLY, NULL);
	sample_mount(s, "/sys/fs/cgroup", "cgroup", "cgroup", tight | MS_RDONLY, NULL);
	sample_mount(s, "/dev/mqueue", "mqueue", "mqueue", tight, NULL);
	sample_mount(s, "/dev/shm", "tmpfs", "shm", tight, "mode=1777,size=67108864");
	s->masked_paths = arena_strv(s->arena, masked, -1);
	s->readonly_paths = arena_strv(s->arena, readonly, -1);
	return s;
}

static inline void sample_new_user_ns(struct spec *s)
{
	s->ns[SPEC_NS_USER].mode = SPEC_NS_NEW;
	s->uid_maps = arena_calloc(s->arena, 1, sizeof(*s->uid_maps));
	s->gid_maps = arena_calloc(s->arena, 1, sizeof(*s->gid_maps));
	s->uid_maps[0] = s->gid_maps[0] = (struct spec_id_map){ 0, 100000, 65536 };
	s->n_uid_maps = s->n_gid_maps = 1;
}

/* When the last sample_run() came to each point, clock_mono_ns(). */
enum sample_mark {
	SAMPLE_BEGUN,
	SAMPLE_INIT,
	SAMPLE_READY,
	SAMPLE_RUNNING,
	SAMPLE_REAPED,
	SAMPLE_REMOVED,
	SAMPLE_MARKS
};
static int64_t sample_marks[SAMPLE_MARKS];

struct sample {
	struct launch launch;
	struct launch_result init; /* LAUNCH_INIT */
	int console_fd;
	int exit_code; /* of a failed launch */
};

/* Go on until this event (or LAUNCH_FAILED) comes; 0, or -errno with e: a launch that failed is its error. */
static inline int sample_until(struct sample *t, enum launch_event wanted, struct err *e)
{
	for (;;) {
		struct launch_result got;
		int r = launch_receive(&t->launch, &got, e);
		if (r == -EAGAIN) {
			struct pollfd p = { .fd = t->launch.sock, .events = POLLIN };
			if (poll(&p, 1, 20000) == 0)
				return err_say(e, ETIMEDOUT, "the launch hangs");
			*e = (struct err){ 0 };
			continue;
		}
		if (r < 0)
			return r;
		if (got.event == LAUNCH_INIT)
			t->init = got, sample_marks[SAMPLE_INIT] = clock_mono_ns();
		if (got.event == LAUNCH_CONSOLE)
			t->console_fd = got.console_fd;
		if (got.event == LAUNCH_FAILED) {
			t->exit_code = got.exit_code;
			if (got.pid > 0)
				t->init.pid = got.pid;
			return -e->code;
		}
		if (got.event == wanted)
			return 0;
	}
}

static inline int sample_reap(pid_t pid)
{
	int status = 0;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* End whatever there is of it, reap, close, remove the group. The init's exit code, -1 without one. */
static inline int sample_end(struct sample *t, struct cgroup_root *cgroups, const char *id)
{
	int status = -1;
	launch_done(&t->launch);
	(void)sample_reap(t->launch.launcher_pid);
	if (t->launch.helper_pid > 0)
		(void)sample_reap(t->launch.helper_pid);
	if (t->init.pid > 0)
		status = sample_reap(t->init.pid);
	sample_marks[SAMPLE_REAPED] = clock_mono_ns();
	own_close(&t->init.pidfd);
	own_close(&t->console_fd);
	struct err e = { 0 };
	return cgroup_remove(cgroups, id, 5000, &e) < 0 ? -e.code : status;
}

#define SAMPLE_NONE                                                                                          \
	((struct sample){                                                                                    \
		.launch = { .sock = -1, .launcher_pidfd = -1 }, .init = { .pidfd = -1 }, .console_fd = -1 })

/* From begin to the exit code; a launch that fails: its exit code, with e filled. */
static inline int sample_run(const struct launch_args *args, struct err *e)
{
	struct sample t = SAMPLE_NONE;
	int r = launch_begin(args, &t.launch, e);
	if (r < 0)
		return r;
	sample_marks[SAMPLE_BEGUN] = clock_mono_ns();
	r = sample_until(&t, LAUNCH_READY, e);
	sample_marks[SAMPLE_READY] = clock_mono_ns();
	if (r == 0)
		r = launch_release(&t.launch, e);
	if (r == 0)
		r = sample_until(&t, LAUNCH_RUNNING, e);
	sample_marks[SAMPLE_RUNNING] = clock_mono_ns();
	int code = sample_end(&t, args->cgroups, args->cgroup_path);
	sample_marks[SAMPLE_REMOVED] = clock_mono_ns();
	return r < 0 ? t.exit_code : code;
}

#endif
