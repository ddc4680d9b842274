/*
 * launcher - the forked process that prepares one container on the host's side: cgroup, root, the mounts' sources.
 *
 * What follows, from namespaces to the container's init, is in launcher_clone.c.
 */
#include "runtime/launch_int.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/sys.h"
#include "runtime/exec.h"
#include "runtime/launch_exec.h"
#include "runtime/mount.h"
#include "runtime/plan.h"

#define KEEP_MAX 64

static int by_value(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;
	return (x > y) - (x < y);
}

int launcher_close_others(int null_fd, int *const *fds, size_t n, struct err *e)
{
	int keep[KEEP_MAX];
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		if (*fds[i] < 0)
			continue;
		if (count == KEEP_MAX)
			return err_say(e, E2BIG, "descriptors: more than %d to keep", KEEP_MAX);
		if (*fds[i] < 3) {
			int moved = fcntl(*fds[i], F_DUPFD_CLOEXEC, 3);
			if (moved < 0)
				return err_set(e, errno, "descriptors: move %d", *fds[i]);
			*fds[i] = moved;
		}
		keep[count++] = *fds[i];
	}
	/* Something has to be at 0 to 2, or the next open() lands there and is taken for standard input. */
	for (int fd = 0; fd < 3; fd++) {
#ifdef __SANITIZE_ADDRESS__
		if (fd == 2)
			break; /* what a sanitizer has to say must be seen */
#endif
		if (dup2(null_fd, fd) < 0)
			return err_set(e, errno, "descriptors: null device at %d", fd);
	}
	qsort(keep, count, sizeof(keep[0]), by_value);
	unsigned from = 3;
	for (size_t i = 0; i < count; i++) {
		if ((unsigned)keep[i] > from)
			(void)sys_close_range(from, (unsigned)keep[i] - 1, 0);
		from = (unsigned)keep[i] + 1;
	}
	(void)sys_close_range(from, ~0U, 0);
	return 0;
}

static bool is_user_ns(const struct spec *spec)
{
	return spec->ns[SPEC_NS_USER].mode != SPEC_NS_HOST;
}

/* A configuration that limits devices means the default nodes to be usable all the same, as every runtime has it. */
static int set_devices(struct cgroup *g, struct cgroup_root *root, const struct spec *spec, struct err *e)
{
	static const struct spec_device_rule defaults[] = {
		{ .allow = true, .type = 'c', .major = -1, .minor = -1, .mknod = true },
		{ .allow = true, .type = 'b', .major = -1, .minor = -1, .mknod = true },
		{ true, 'c', 1, 3, true, true, true },
		{ true, 'c', 1, 5, true, true, true },
		{ true, 'c', 1, 7, true, true, true },
		{ true, 'c', 1, 8, true, true, true },
		{ true, 'c', 1, 9, true, true, true },
		{ true, 'c', 5, 0, true, true, true },
		{ true, 'c', 5, 1, true, true, true },
		{ true, 'c', 5, 2, true, true, true },
		{ true, 'c', 136, -1, true, true, true },
	};
	size_t n = spec->resources.n_devices;
	if (n == 0)
		return 0;
	auto_free struct spec_device_rule *rules = calloc(n + ARRAY_LEN(defaults), sizeof(*rules));
	if (!rules)
		return err_set(e, ENOMEM, "device rules");
	memcpy(rules, spec->resources.devices, n * sizeof(*rules));
	memcpy(rules + n, defaults, sizeof(defaults));
	return cgroup_set_devices(g, root, rules, n + ARRAY_LEN(defaults), e);
}

static int make_cgroup(struct launch_state *s, const struct launch_args *args, struct err *e)
{
	struct cgroup g = { .dirfd = -1 };
	int r = cgroup_create(args->cgroups, args->cgroup_path, &g, e);
	if (r < 0)
		return r;
	fault_point("launch.cgroup");
	r = cgroup_set_resources(&g, args->cgroups, &args->spec->resources, e);
	if (r == 0)
		r = set_devices(&g, args->cgroups, args->spec, e);
	if (r < 0)
		return r;
	r = cgroup_open_tasks(&g, s->init.tasks, e);
	if (r < 0)
		return r;
	s->init.n_tasks = r;
	s->cgroup_dirfd = g.dirfd; /* the v1 directories go with the other descriptors */
	return 0;
}

/* From here on we hold nothing but what this launch needs: a stopped init would otherwise keep the ends of other
 * containers' pipes, and a slow launcher the caller's clients. */
static int close_others(struct launch_state *s, const struct launch_args *args, struct err *e)
{
	int *fds[KEEP_MAX];
	int cookies[16], joined[SPEC_NS_COUNT], fault = fault_fd(), null_fd = args->env->null_fd;
	size_t n = 0;

	if (args->n_cookie_fds > ARRAY_LEN(cookies) || args->n_joined > ARRAY_LEN(joined))
		return err_say(e, E2BIG, "descriptors: more than %zu for the root", ARRAY_LEN(cookies));
	fds[n++] = &s->init.report_fd;
	fds[n++] = &s->init.proc_fd;
	fds[n++] = &s->init.stage_fd;
	fds[n++] = &s->init.gate_fd;
	fds[n++] = &s->cgroup_dirfd;
	fds[n++] = &s->mntns_fd;
	fds[n++] = &s->keep_fd;
	fds[n++] = &fault;
	for (size_t i = 0; i < 3; i++)
		fds[n++] = &s->init.stdio[i];
	for (int i = 0; i < s->init.n_tasks; i++)
		fds[n++] = &s->init.tasks[i];
	for (size_t i = 0; i < args->n_cookie_fds; i++) {
		cookies[i] = args->cookie_fds[i];
		fds[n++] = &cookies[i];
	}
	for (size_t i = 0; i < args->n_joined; i++) {
		joined[i] = args->joined_pidfds[i];
		fds[n++] = &joined[i];
	}
	return launcher_close_others(null_fd, fds, n, e);
}

static int open_namespace(enum spec_ns ns, const char *path, struct err *e)
{
	struct statfs fs;
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return err_set(e, errno, "namespaces: open %s", path);
	if (fstatfs(fd, &fs) < 0 || fs.f_type != NSFS_MAGIC)
		return err_say(e, EINVAL, "namespaces: %s is not a namespace", path);
	int type = ioctl(fd, NS_GET_NSTYPE);
	if (type < 0)
		return err_set(e, errno, "namespaces: inspect %s", path);
	if ((uint64_t)type != spec_ns_clone_flag(ns))
		return err_say(e, EINVAL, "namespaces: %s is a namespace of another type", path);
	return take_fd(&fd);
}

/* Opened first of all: later the paths would mean something else. */
static int open_namespaces(struct launch_state *s, const struct spec *spec, struct err *e)
{
	if (spec->ns[SPEC_NS_MNT].mode == SPEC_NS_HOST)
		return err_say(e, EINVAL, "namespaces: a container needs a mount namespace, new or joined");
	for (enum spec_ns ns = 0; ns < SPEC_NS_COUNT; ns++) {
		if (spec->ns[ns].mode != SPEC_NS_JOIN)
			continue;
		if (!spec->ns[ns].path)
			return err_say(e, EINVAL, "namespaces: one to join has no path");
		s->join_fds[ns] = open_namespace(ns, spec->ns[ns].path, e);
		if (s->join_fds[ns] < 0)
			return s->join_fds[ns];
	}
	if (s->join_fds[SPEC_NS_MNT] >= 0) {
		own_close(&s->mntns_fd);
		s->mntns_fd = take_fd(&s->join_fds[SPEC_NS_MNT]);
	}
	return 0;
}

/* A path by pid may have become another process's. What has not been reaped by now still had its pid when the namespaces were
 * opened. */
static int check_joined(const struct launch_args *args, struct err *e)
{
	for (size_t i = 0; i < args->n_joined; i++) {
		if (sys_pidfd_send_signal(args->joined_pidfds[i], 0) < 0 && errno == ESRCH)
			return err_say(e, ESRCH, "namespaces: the container to join has ended");
		(void)close(args->joined_pidfds[i]);
	}
	return 0;
}

static int make_root(struct launch_state *s, const struct launch_args *args, struct err *e)
{
	const struct spec *spec = args->spec;
	if (!args->make_root) {
		s->init.root_fd = mount_open_root(spec->root_path, spec->rootfs_propagation, e);
		return s->init.root_fd < 0 ? err_wrap(e, s->init.root_fd, "root") : 0;
	}
	s->init.root_fd = args->make_root(args->cookie, e);
	if (s->init.root_fd < 0)
		return err_wrap(e, s->init.root_fd, "root");
	return mount_settle_root(s->init.root_fd, spec->rootfs_propagation, e);
}

static int prepare_mounts(struct launch_state *s, const struct spec *spec, struct err *e)
{
	/* Whoever does not own its cgroup namespace may not mount its groups, but it may have a view of the host's. */
	bool bind_cgroup = is_user_ns(spec) && spec->ns[SPEC_NS_CGROUP].mode == SPEC_NS_HOST;
	int *trees = calloc(spec->n_mounts + 1, sizeof(*trees));
	if (!trees)
		return err_set(e, ENOMEM, "mounts");
	s->init.mount_fds = trees;
	for (size_t i = 0; i < spec->n_mounts; i++) {
		const struct spec_mount *m = &spec->mounts[i];
		trees[i] = -1;
		if (mount_is_prepared(m))
			trees[i] = mount_prepare(m, s->init.root_fd, e);
		else if (bind_cgroup && m->type &&
			(strcmp(m->type, "cgroup") == 0 || strcmp(m->type, "cgroup2") == 0))
			trees[i] = mount_prepare_cgroup(m, e);
		else
			continue;
		if (trees[i] < 0)
			return err_wrap(e, trees[i], "mounts");
	}
	if (is_user_ns(spec))
		mount_make_points(spec, trees, s->init.root_fd);
	return 0;
}

/* Nodes made inside a user namespace do not work: the host's are bound there. */
static int prepare_devices(struct launch_state *s, const struct spec *spec, struct err *e)
{
	char path[64] = "/dev/";
	if (!is_user_ns(spec))
		return 0;
	int *trees = calloc(INIT_DEVICE_COUNT + spec->n_devices, sizeof(*trees));
	if (!trees)
		return err_set(e, ENOMEM, "devices");
	s->init.device_fds = trees;
	for (size_t i = 0; i < INIT_DEVICE_COUNT; i++) {
		strcpy(path + 5, init_devices[i].name);
		trees[i] = mount_prepare_device(path, 'c', init_devices[i].major, init_devices[i].minor, e);
		if (trees[i] < 0)
			return trees[i];
	}
	for (size_t i = 0; i < spec->n_devices; i++) {
		const struct spec_device *d = &spec->devices[i];
		int *tree = &trees[INIT_DEVICE_COUNT + i];
		*tree = -1;
		if (d->type == 'p')
			continue;
		*tree = mount_prepare_device(d->path, d->type, (unsigned)d->major, (unsigned)d->minor, e);
		if (*tree < 0)
			return *tree;
	}
	return 0;
}

/* A sysctl acts on the namespaces of the init: one that belongs to none of the container's own would be the host's. */
static int check_sysctls(const struct spec *spec, struct err *e)
{
	static const struct {
		const char *prefix;
		enum spec_ns ns;
	} allowed[] = {
		{ "net.", SPEC_NS_NET },
		{ "kernel.msg", SPEC_NS_IPC },
		{ "kernel.sem", SPEC_NS_IPC },
		{ "kernel.shm", SPEC_NS_IPC },
		{ "fs.mqueue.", SPEC_NS_IPC },
		{ "kernel.hostname", SPEC_NS_UTS },
		{ "kernel.domainname", SPEC_NS_UTS },
	};
	for (size_t i = 0; i < spec->n_sysctls; i++) {
		const char *key = spec->sysctls[i].key;
		char dotted[128];
		bool ok = false;
		size_t len = strlen(key);
		if (len >= sizeof(dotted) || strstr(key, "..") || strstr(key, "//"))
			return err_say(e, EINVAL, "sysctls: %.100s: not a name", key);
		for (size_t k = 0; k <= len; k++)
			dotted[k] = key[k] == '/' ? '.' : key[k];
		for (size_t k = 0; k < ARRAY_LEN(allowed) && !ok; k++)
			ok = strncmp(dotted, allowed[k].prefix, strlen(allowed[k].prefix)) == 0 &&
				spec->ns[allowed[k].ns].mode != SPEC_NS_HOST;
		if (!ok)
			return err_say(e, EPERM,
				"sysctls: %s does not belong to a namespace of this container", key);
	}
	if ((spec->hostname || spec->domainname) && spec->ns[SPEC_NS_UTS].mode == SPEC_NS_HOST)
		return err_say(e, EINVAL, "hostname: the container has no uts namespace of its own");
	return 0;
}

static int64_t host_id_of_root(const struct spec_id_map *maps, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (maps[i].container_id == 0)
			return maps[i].host_id;
	return -1;
}

/* Pipes of ours are to become the container user's. From inside a user namespace that is possible only for what belongs
 * to one of its ids: its root, who gives it on. False: they stay as they are. */
static bool give_pipes(const struct launch_state *s, const struct launch_args *args)
{
	const struct spec *spec = args->spec;
	struct stat st;

	if (!args->own_pipes || !is_user_ns(spec))
		return args->own_pipes;
	int64_t uid = host_id_of_root(spec->uid_maps, spec->n_uid_maps);
	int64_t gid = host_id_of_root(spec->gid_maps, spec->n_gid_maps);
	if (uid < 0 || gid < 0)
		return false;
	for (size_t i = 0; i < 3; i++) {
		int fd = s->init.stdio[i];
		if (fd >= 0 && fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) &&
			fchown(fd, (uid_t)uid, (gid_t)gid) < 0)
			return false;
	}
	return true;
}

static int build_plan(struct launch_state *s, const struct launch_args *args, struct err *e)
{
	auto_(buf) struct buf plan = { 0 };
	/* Where others are already it would not be the one that orphans come to. */
	struct plan_extra extra = { .reaper = args->spec->init && !s->outside,
		.chown_pipes = give_pipes(s, args) };
	if (!args->spec->process.args)
		return err_say(e, EINVAL, "process.args: there is nothing to run");
	int r = plan_build(&args->spec->process, args->seccomp, &extra, &plan, e);
	if (r < 0)
		return r;
	s->init.plan =
		(const struct plan *)(const void *)take_ptr(&plan.data); /* as long as this process lives */
	return 0;
}

static void describe(struct launch_state *s, const struct launch_args *args, int stage_fd, int sock)
{
	const struct launch_env *env = args->env;
	const struct spec *spec = args->spec;

	*s = (struct launch_state){
		.init = {
			.spec = spec,
			.report_fd = sock,
			.sync_fd = -1,
			.root_fd = -1,
			.proc_fd = env->proc_fd,
			.stage_fd = stage_fd,
			.plan_fd = -1,
			.cgroup_ns_fd = -1,
			.gate_fd = args->hold ? args->gate_fd : -1,
			.pid_ns_fd = -1,
			.user_ns_fd = -1,
			.hierarchies = env->hierarchies,
			.n_hierarchies = env->n_hierarchies,
			.nofile_soft = env->nofile_soft,
			.user_ns = is_user_ns(spec),
			.wait_maps = spec->ns[SPEC_NS_USER].mode == SPEC_NS_NEW,
		},
		.cgroup_dirfd = -1,
		.mntns_fd = env->mntns_fd,
		.keep_fd = args->keep_fd,
		.clone_parent = args->clone_parent,
		.outside = spec->ns[SPEC_NS_PID].mode == SPEC_NS_JOIN,
		.pidfd = -1,
	};
	for (size_t i = 0; i < SPEC_NS_COUNT; i++)
		s->join_fds[i] = -1;
	for (size_t i = 0; i < 3; i++)
		s->init.stdio[i] = spec->process.terminal ? -1 : args->stdio[i];
}

static int prepare(struct launch_state *s, const struct launch_args *args, struct err *e)
{
	const struct spec *spec = args->spec;
	bool joined = spec->ns[SPEC_NS_MNT].mode == SPEC_NS_JOIN;
	int r = check_sysctls(spec, e);

	if (r == 0)
		r = make_cgroup(s, args, e);
	if (r == 0)
		r = close_others(s, args, e);
	if (r == 0)
		r = open_namespaces(s, spec, e);
	if (r == 0)
		r = check_joined(args, e);
	if (r == 0)
		r = build_plan(s, args, e);
	if (r < 0 || joined)
		return r;
	r = make_root(s, args, e);
	if (r == 0 && args->prepare)
		r = args->prepare(args->cookie, s->init.root_fd, e);
	fault_point("launch.root");
	if (r == 0)
		r = prepare_mounts(s, spec, e);
	if (r == 0)
		r = prepare_devices(s, spec, e);
	fault_point("launch.mounts");
	for (size_t i = 0; i < args->n_cookie_fds; i++)
		(void)close(args->cookie_fds[i]);
	return r;
}

_Noreturn void launcher_run(const struct launch_args *args, int stage_fd, int sock)
{
	struct launch_state s;
	struct err e = { 0 };

	describe(&s, args, stage_fd, sock);
	fault_point("launch.begun");
	int r = prepare(&s, args, &e);
	/* Others will be able to look at the init before it has become the payload, so it must not be a copy of us. */
	if (r == 0 && args->spec->ns[SPEC_NS_PID].mode != SPEC_NS_NEW)
		r = launch_exec_again(&s, &e);
	if (r < 0)
		launcher_fail(&s, r, &e);
	launcher_make_container(&s);
}
