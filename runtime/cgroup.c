#include "runtime/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "runtime/cgroup_private.h"

OWN_DEFINE(cgroup, struct cgroup, cgroup_close)

/* The next component of *p, which moves past it; false at the end. */
static bool next_part(const char **p, char part[160])
{
	size_t len = strcspn(*p, "/");
	if (len == 0 || len >= 160)
		return false;
	memcpy(part, *p, len);
	part[len] = '\0';
	*p += len;
	if (**p == '/')
		(*p)++;
	return true;
}

int cgroup_check_path(const char *path, size_t room, struct err *e)
{
	char part[160];
	const char *p = path;
	bool good = *path && strlen(path) < room && path[strlen(path) - 1] != '/';
	while (good && *p)
		good = next_part(&p, part) && text_is_safe_id(part);
	return good ? 0
		    : err_say(e, EINVAL,
			      "cgroup path '%s': each part must be letters, digits and _ + - . only", path);
}

int cgroup_open_dir(int dirfd, const char *path)
{
	int fd = openat(dirfd, *path ? path : ".", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int cgroup_make_parents(int dirfd, const char *path, bool v2, unsigned controllers, struct err *e)
{
	auto_close int at = cgroup_open_dir(dirfd, "");
	if (at < 0)
		return err_set(e, -at, "open cgroup");
	char part[160];
	while (next_part(&path, part)) {
		bool made = mkdirat(at, part, 0755) == 0;
		if (!made && errno != EEXIST)
			return err_set(e, errno, "make cgroup '%s'", part);
		auto_close int next = cgroup_open_dir(at, part);
		if (next < 0)
			return err_set(e, -next, "open cgroup '%s'", part);
		int r = 0;
		if (v2)
			(void)cgroup_v2_enable(next); /* what is not there shows when a limit needs it */
		else if (controllers & 1u << CG_CPUSET)
			r = cgroup_v1_init_cpuset(at, next, e);
		if (r < 0)
			return r;
		own_close(&at);
		at = take_fd(&next);
	}
	return take_fd(&at);
}

/* "ID/berth.3" */
static bool is_exec_path(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash || !text_has_prefix(slash, "/berth.") || !slash[7])
		return false;
	return slash[7 + strspn(slash + 7, "0123456789")] == '\0';
}

static void container_of_exec(const char *path, char *out, size_t room)
{
	(void)snprintf(out, room, "%.*s", (int)(strrchr(path, '/') - path), path);
}

void cgroup_close(struct cgroup *g)
{
	own_close(&g->dirfd);
	for (int i = 0; i < g->n_v1; i++)
		own_close(&g->v1_dirfd[i]);
	g->n_v1 = 0;
}

static int begin(const struct cgroup_root *r, const char *path, struct cgroup *g, struct err *e)
{
	*g = (struct cgroup){ .dirfd = -1 };
	int ret = cgroup_check_path(path, sizeof(g->path), e);
	if (ret < 0)
		return ret;
	memcpy(g->path, path, strlen(path) + 1);
	g->n_v1 = r->n_v1;
	for (int i = 0; i < g->n_v1; i++)
		g->v1_dirfd[i] = -1;
	g->v1_shared = is_exec_path(path) && r->n_v1 > 0;
	return 0;
}

static int create_at(int above, const char *name, const char *path, bool cpuset_v1, struct err *e)
{
	int r = mkdirat(above, name, 0755) < 0 ? -errno : 0;
	if (r == -EEXIST) { /* a leftover with its old limits and counters */
		r = cgroup_tree_remove(above, name);
		if (r == -EBUSY)
			return err_say(e, EBUSY, "cgroup '%s' exists and has processes in it", path);
		if (r == 0)
			r = mkdirat(above, name, 0755) < 0 ? -errno : 0;
	}
	if (r < 0)
		return err_set(e, -r, "make cgroup '%s'", path);
	auto_close int fd = cgroup_open_dir(above, name);
	r = fd < 0 ? err_set(e, -fd, "open cgroup '%s'", path) : 0;
	if (r == 0 && cpuset_v1)
		r = cgroup_v1_init_cpuset(above, fd, e);
	if (r < 0) {
		(void)unlinkat(above, name, AT_REMOVEDIR); /* best effort: the first error counts */
		return r;
	}
	return take_fd(&fd);
}

/* One hierarchy's directory of a new group. exec: the parent must be there and gets no controllers for its children,
 * since it has processes. */
static int create_in(const struct cgroup_place *place, const char *path, bool v2, bool exec, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char parents[256];
	(void)snprintf(parents, sizeof(parents), "%.*s", slash ? (int)(slash - path) : 0, path);
	auto_close int above = exec ? cgroup_open_dir(place->dirfd, parents)
				    : cgroup_make_parents(place->dirfd, parents, v2, place->controllers, e);
	if (above < 0)
		return exec ? err_set(e, -above, "open cgroup '%s'", parents) : above;
	return create_at(
		above, slash ? slash + 1 : path, path, !v2 && place->controllers & 1u << CG_CPUSET, e);
}

static int open_shared_v1(const struct cgroup_root *r, struct cgroup *g, struct err *e)
{
	char container[sizeof(g->path)];
	container_of_exec(g->path, container, sizeof(container));
	for (int i = 0; i < r->n_v1; i++) {
		int fd = cgroup_open_dir(r->v1[i].dirfd, container);
		if (fd < 0 && fd != -ENOENT)
			return err_set(e, -fd, "open cgroup '%s'", container);
		g->v1_dirfd[i] = fd < 0 ? -1 : fd;
	}
	return 0;
}

int cgroup_create(struct cgroup_root *r, const char *path, struct cgroup *out, struct err *e)
{
	auto_(cgroup) struct cgroup g = { .dirfd = -1 };
	int ret = begin(r, path, &g, e);
	if (ret < 0)
		return ret;
	if (r->has_v2) {
		ret = create_in(&r->v2, path, true, is_exec_path(path), e);
		if (ret < 0)
			return ret;
		g.dirfd = ret;
	}
	ret = 0;
	if (g.v1_shared)
		ret = open_shared_v1(r, &g, e);
	int made = 0;
	for (; !g.v1_shared && made < r->n_v1; made++) {
		ret = create_in(&r->v1[made], path, false, false, e);
		if (ret < 0)
			break;
		g.v1_dirfd[made] = ret;
	}
	if (ret < 0) {
		if (r->has_v2)
			(void)unlinkat(r->v2.dirfd, path, AT_REMOVEDIR); /* best effort, all of these */
		while (made-- > 0)
			(void)unlinkat(r->v1[made].dirfd, path, AT_REMOVEDIR);
		return ret;
	}
	*out = g;
	g = (struct cgroup){ .dirfd = -1 };
	return 0;
}

int cgroup_create_exec(const struct cgroup *container, const struct cgroup_root *r, unsigned n,
	struct cgroup *out, struct err *e)
{
	auto_(cgroup) struct cgroup g = { .dirfd = -1, .v1_shared = r->n_v1 > 0 };
	if (snprintf(g.path, sizeof(g.path), "%s/berth.%u", container->path, n) >= (int)sizeof(g.path))
		return err_say(e, ENAMETOOLONG, "make cgroup '%s/berth.%u'", container->path, n);
	for (; g.n_v1 < container->n_v1; g.n_v1++) {
		int fd = container->v1_dirfd[g.n_v1];
		g.v1_dirfd[g.n_v1] = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (fd >= 0 && g.v1_dirfd[g.n_v1] < 0)
			return err_set(e, errno, "copy the descriptor of cgroup '%s'", container->path);
	}
	if (r->has_v2) {
		if (container->dirfd < 0)
			return err_say(e, ENOENT, "open cgroup '%s': it is gone", container->path);
		g.dirfd = create_at(container->dirfd, strrchr(g.path, '/') + 1, g.path, false, e);
		if (g.dirfd < 0)
			return g.dirfd;
	}
	*out = g;
	g = (struct cgroup){ .dirfd = -1 };
	return 0;
}

int cgroup_remove_exec(const struct cgroup *container, const struct cgroup *exec, struct err *e)
{
	if (exec->dirfd < 0 || container->dirfd < 0)
		return 0;
	int r = cgroup_tree_remove(container->dirfd, strrchr(exec->path, '/') + 1);
	return r < 0 ? err_set(e, -r, "remove cgroup '%s'", exec->path) : 0;
}

int cgroup_open(struct cgroup_root *r, const char *path, struct cgroup *out, struct err *e)
{
	auto_(cgroup) struct cgroup g = { .dirfd = -1 };
	int ret = begin(r, path, &g, e);
	if (ret < 0)
		return ret;
	bool any = false;
	if (r->has_v2) {
		int fd = cgroup_open_dir(r->v2.dirfd, path);
		if (fd < 0 && fd != -ENOENT)
			return err_set(e, -fd, "open cgroup '%s'", path);
		g.dirfd = fd < 0 ? -1 : fd;
		any = fd >= 0;
	}
	if (g.v1_shared) {
		ret = open_shared_v1(r, &g, e);
		if (ret < 0)
			return ret;
		any = any || !r->has_v2;
	}
	for (int i = 0; !g.v1_shared && i < r->n_v1; i++) {
		int fd = cgroup_open_dir(r->v1[i].dirfd, path);
		if (fd < 0 && fd != -ENOENT)
			return err_set(e, -fd, "open cgroup '%s'", path);
		g.v1_dirfd[i] = fd < 0 ? -1 : fd;
		any = any || fd >= 0;
	}
	if (!any)
		return err_set(e, ENOENT, "open cgroup '%s'", path);
	*out = g;
	g = (struct cgroup){ .dirfd = -1 };
	return 0;
}

int cgroup_home(const struct cgroup *g, const struct cgroup_root *r, enum cgroup_controller c, bool *out_v2)
{
	int home = r->home[c];
	*out_v2 = home == CG_HOME_V2;
	if (home == CG_HOME_V2)
		return g->dirfd;
	return home >= 0 && home < g->n_v1 ? g->v1_dirfd[home] : -1;
}

/* A group path below place's root, by its parent's descriptor. */
static int remove_in(const struct cgroup_place *place, const char *path)
{
	char parents[256];
	const char *slash = strrchr(path, '/');
	(void)snprintf(parents, sizeof(parents), "%.*s", slash ? (int)(slash - path) : 0, path);
	auto_close int above = cgroup_open_dir(place->dirfd, parents);
	if (above < 0)
		return above == -ENOENT ? 0 : above;
	return cgroup_tree_remove(above, slash ? slash + 1 : path);
}

static int remove_everywhere(struct cgroup_root *r, const char *path)
{
	int worst = r->has_v2 ? remove_in(&r->v2, path) : 0;
	for (int i = 0; !is_exec_path(path) && i < r->n_v1; i++) {
		int one = remove_in(&r->v1[i], path);
		if (one < 0)
			worst = one;
	}
	return worst;
}

/* Normally everything inside is dead by now and the first try is all there is to do. */
static int remove_once(struct cgroup_root *r, const char *path)
{
	struct cgroup g;
	int ret = remove_everywhere(r, path);
	if (ret != -EBUSY)
		return ret;
	ret = cgroup_open(r, path, &g, NULL);
	if (ret < 0)
		return ret == -ENOENT ? 0 : ret;
	/* What could not be killed stays busy, and that is the answer. Once v2's group is gone this kills by the list of the
	 * first v1 group that is left, so what moved out of v2 by itself dies in a later round. */
	(void)cgroup_kill(&g, r, NULL);
	cgroup_close(&g);
	return remove_everywhere(r, path);
}

int cgroup_remove(struct cgroup_root *r, const char *path, int timeout_ms, struct err *e)
{
	struct cgroup g;
	int ret = begin(r, path, &g, e);
	if (ret < 0)
		return ret;
	int64_t deadline = clock_mono_ns() + timeout_ms * NS_PER_MS;
	int64_t pause_ns = NS_PER_MS / 4; /* a killed process is gone within a tick or two */
	for (;;) {
		ret = remove_once(r, path);
		int64_t now = clock_mono_ns();
		if (ret != -EBUSY || now >= deadline)
			break;
		int64_t left = deadline - now;
		struct timespec ts = { 0, pause_ns < left ? pause_ns : left };
		(void)nanosleep(&ts, NULL); /* early is fine */
		if (pause_ns < 20 * NS_PER_MS)
			pause_ns *= 2;
	}
	if (ret == -EBUSY)
		return err_say(e, EBUSY, "remove cgroup '%s': processes are still in it", path);
	return ret < 0 ? err_set(e, -ret, "remove cgroup '%s'", path) : 0;
}
