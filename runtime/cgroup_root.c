/* NAME's root in every hierarchy, and the leaf that keeps its parent free of processes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/own.h"
#include "base/text.h"
#include "runtime/cgroup_private.h"

OWN_DEFINE_PTR(cgroup_root, struct cgroup_root, cgroup_root_free)

static int read_layout(struct cgroup_layout *l, struct err *e)
{
	auto_(buf) struct buf mounts = { 0 }, own = { 0 };
	int r = io_read_file(AT_FDCWD, "/proc/self/mountinfo", 16 << 20, &mounts, e);
	if (r == 0)
		r = io_read_file(AT_FDCWD, "/proc/self/cgroup", 1 << 20, &own, e);
	if (r == 0)
		r = cgroup_layout_parse(mounts.data ? mounts.data : "", own.data ? own.data : "", l, e);
	return r;
}

static bool has_xattr_one(const char *path, const char *name)
{
	char value[4];
	return getxattr(path, name, value, sizeof(value)) == 1 && value[0] == '1';
}

/* Did systemd hand this group to us? trusted. since 236, user. (readable without privilege) since 251. */
static bool is_delegated(const struct cgroup_mount *m, const char *own)
{
	char path[sizeof(m->dir) + sizeof(m->own) + 1];
	(void)snprintf(path, sizeof(path), "%s/%s", m->dir, own);
	return own[0] && (has_xattr_one(path, "trusted.delegate") || has_xattr_one(path, "user.delegate"));
}

static bool is_hybrid(const struct cgroup_layout *l)
{
	for (int i = 0; i < l->n; i++)
		if (!l->mounts[i].v2)
			return true;
	return false;
}

/* The group to make NAME's root in, below the mount. On pure v2 that is our own group only when it was delegated to us: a
 * shell's session scope is systemd's, and holds the shell. */
static void choose_base(
	const struct cgroup_layout *l, const struct cgroup_mount *m, const char *name, char *out, size_t room)
{
	char own[sizeof(m->own)];
	(void)snprintf(own, sizeof(own), "%s", m->own);
	cgroup_layout_strip(own, name);
	bool stay = !m->v2 || is_hybrid(l) || is_delegated(m, own);
	(void)snprintf(out, room, "%s", stay ? own : "");
}

static int open_place(const struct cgroup_layout *l, const struct cgroup_mount *m, const char *name,
	const char *parent, struct cgroup_place *out, struct err *e)
{
	char base[sizeof(m->own)] = "";
	auto_close int top = open(m->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		return err_set(e, errno, "open %s", m->dir);
	auto_close int above = -1;
	if (parent) {
		if (m->v2)
			(void)cgroup_v2_enable(top);
		above = cgroup_make_parents(top, parent, m->v2, m->controllers, e);
		if (above < 0)
			return err_wrap(e, above, "%s", m->dir);
	} else {
		choose_base(l, m, name, base, sizeof(base));
		above = cgroup_open_dir(top, base);
		if (above < 0)
			return err_set(e, -above, "open cgroup %s/%s", m->dir, base);
	}
	if (m->v2)
		(void)cgroup_v2_enable(above);
	int fd = cgroup_make_parents(above, name, m->v2, m->controllers, e);
	if (fd < 0)
		return err_wrap(e, fd, "%s%s%s", m->dir, *base ? "/" : "", base);
	/* Linux < 5.11: a v1 memory limit does not cover the groups below without this. */
	if (m->controllers & 1u << CG_MEMORY)
		(void)io_write_text(fd, "memory.use_hierarchy", "1");
	out->controllers = m->v2 ? cgroup_v2_enable(fd) : m->controllers;
	out->dirfd = fd;
	out->parent_dirfd = take_fd(&above);
	return 0;
}

static void find_homes(struct cgroup_root *r)
{
	for (int c = 0; c < CG_CONTROLLER_COUNT; c++) {
		r->home[c] = CG_HOME_NONE;
		for (int i = 0; i < r->n_v1; i++)
			if (r->v1[i].controllers & 1u << c)
				r->home[c] = i;
		/* v2 has no devices controller: a bpf program does it, in any group. */
		if (r->home[c] == CG_HOME_NONE && r->has_v2 &&
			(c == CG_DEVICES || r->v2.controllers & 1u << c))
			r->home[c] = CG_HOME_V2;
	}
}

/* Asked in NAME's root, for the top of v2 has no limits' files. */
static bool root_has_file(
	const struct cgroup_root *r, enum cgroup_controller c, const char *v1, const char *v2)
{
	int home = r->home[c];
	if (home == CG_HOME_NONE)
		return false;
	return home == CG_HOME_V2 ? cgroup_has_file(r->v2.dirfd, v2) : cgroup_has_file(r->v1[home].dirfd, v1);
}

static unsigned find_features(const struct cgroup_root *r)
{
	static const struct {
		enum cgroup_controller c;
		enum cgroup_feature f;
	} simple[] = {
		{ CG_CPU, CGROUP_HAS_CPU },
		{ CG_CPUSET, CGROUP_HAS_CPUSET },
		{ CG_MEMORY, CGROUP_HAS_MEMORY },
		{ CG_PIDS, CGROUP_HAS_PIDS },
		{ CG_IO, CGROUP_HAS_IO },
		{ CG_DEVICES, CGROUP_HAS_DEVICES },
	};
	unsigned f = 0;
	for (size_t i = 0; i < ARRAY_LEN(simple); i++)
		if (r->home[simple[i].c] != CG_HOME_NONE)
			f |= simple[i].f;
	if (root_has_file(r, CG_MEMORY, "memory.memsw.limit_in_bytes", "memory.swap.max"))
		f |= CGROUP_HAS_SWAP;
	if (root_has_file(r, CG_IO, "blkio.weight", "io.weight") ||
		root_has_file(r, CG_IO, "blkio.bfq.weight", "io.bfq.weight"))
		f |= CGROUP_HAS_IO_WEIGHT;
	if (r->has_v2 || r->home[CG_FREEZER] != CG_HOME_NONE)
		f |= CGROUP_HAS_FREEZE;
	if (r->has_v2 && cgroup_has_file(r->v2.dirfd, "cgroup.kill"))
		f |= CGROUP_HAS_KILL;
	return f;
}

int cgroup_root_open(const char *name, const char *parent, struct cgroup_root **out, struct err *e)
{
	if (!text_is_safe_id(name))
		return err_say(e, EINVAL, "name '%s': must be letters, digits and _ + - . only", name);
	int ret = parent ? cgroup_check_path(parent, sizeof(((struct cgroup_mount *)0)->own), e) : 0;
	if (ret < 0)
		return ret;
	auto_free struct cgroup_layout *l = calloc(1, sizeof(*l));
	auto_(cgroup_root) struct cgroup_root *r = calloc(1, sizeof(*r));
	if (!l || !r)
		return err_set(e, ENOMEM, "open cgroups");
	r->v2.dirfd = r->v2.parent_dirfd = -1;
	(void)snprintf(r->name, sizeof(r->name), "%s", name);
	ret = read_layout(l, e);
	for (int i = 0; ret == 0 && i < l->n; i++) {
		const struct cgroup_mount *m = &l->mounts[i];
		struct cgroup_place place;
		if (!m->v2 && r->n_v1 == CGROUP_V1_MAX)
			continue;
		ret = open_place(l, m, name, parent, &place, e);
		if (ret < 0)
			break;
		if (m->v2) {
			r->v2 = place;
			r->has_v2 = true;
		} else {
			r->v1[r->n_v1++] = place;
		}
	}
	if (ret < 0)
		return err_wrap(e, ret, "open cgroup root");
	find_homes(r);
	r->features = find_features(r);
	*out = take_ptr(&r);
	return 0;
}

void cgroup_root_free(struct cgroup_root *r)
{
	if (!r)
		return;
	own_close(&r->v2.dirfd);
	own_close(&r->v2.parent_dirfd);
	for (int i = 0; i < r->n_v1; i++) {
		own_close(&r->v1[i].dirfd);
		own_close(&r->v1[i].parent_dirfd);
	}
	free(r);
}

int cgroup_root_lock(struct cgroup_root *r, struct err *e)
{
	int root = r->has_v2 ? r->v2.dirfd : r->v1[0].dirfd;
	auto_close int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, errno, "open cgroup '%s'", r->name);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? err_say(e, EBUSY, "cgroup '%s' is in use", r->name)
					    : err_set(e, errno, "lock cgroup '%s'", r->name);
	return take_fd(&fd);
}

int cgroup_root_remove(struct cgroup_root *r, struct err *e)
{
	int worst = r->has_v2 ? cgroup_tree_remove(r->v2.parent_dirfd, r->name) : 0;
	for (int i = 0; i < r->n_v1; i++) {
		int one = cgroup_tree_remove(r->v1[i].parent_dirfd, r->name);
		if (worst == 0)
			worst = one;
	}
	return worst < 0 ? err_set(e, -worst, "remove cgroup root '%s'", r->name) : 0;
}

bool cgroup_root_is_v2(const struct cgroup_root *r)
{
	return r->has_v2 && r->n_v1 == 0;
}

unsigned cgroup_root_features(const struct cgroup_root *r)
{
	return r->features;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int cgroup_root_list(const struct cgroup_root *r, char ***out, struct err *e)
{
	char **names = NULL;
	size_t n = 0;
	int ret = r->has_v2 ? cgroup_tree_names(r->v2.dirfd, &names, &n) : 0;
	for (int i = 0; ret == 0 && i < r->n_v1; i++)
		ret = cgroup_tree_names(r->v1[i].dirfd, &names, &n);
	char **grown = ret == 0 ? reallocarray(names, n + 1, sizeof(*names)) : NULL;
	if (!grown) {
		for (size_t i = 0; i < n; i++)
			free(names[i]);
		free(names);
		return err_set(e, ret ? -ret : ENOMEM, "list cgroups");
	}
	qsort(grown, n, sizeof(*grown), compare_names);
	size_t kept = 0;
	for (size_t i = 0; i < n; i++) {
		if (kept && strcmp(grown[kept - 1], grown[i]) == 0)
			free(grown[i]);
		else
			grown[kept++] = grown[i];
	}
	grown[kept] = NULL;
	*out = grown;
	return (int)kept;
}

void cgroup_list_free(char **list)
{
	for (char **p = list; p && *p; p++)
		free(*p);
	free(list);
}

/* Only the kernel's own root may have processes beside controllers for its children; it alone has no cgroup.type. */
static bool is_true_root(int dirfd)
{
	return !cgroup_has_file(dirfd, "cgroup.type");
}

int cgroup_enter_leaf(const char *name, const pid_t *pids, size_t n, struct err *e)
{
	auto_free struct cgroup_layout *l = calloc(1, sizeof(*l));
	if (!l)
		return err_set(e, ENOMEM, "enter cgroup leaf");
	int r = text_is_safe_id(name) ? read_layout(l, e) : err_say(e, EINVAL, "name '%s': not usable", name);
	if (r < 0 || is_hybrid(l))
		return r;
	const struct cgroup_mount *m = &l->mounts[0];
	char base[sizeof(m->own)], leaf[192];
	choose_base(l, m, name, base, sizeof(base));
	(void)snprintf(leaf, sizeof(leaf), "%s.supervisor", name);
	/* Somewhere else already (a session scope, the leaf): nothing of ours is in the way. */
	if (strcmp(base, m->own) != 0)
		return 0;
	auto_close int top = open(m->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_close int at = top < 0 ? -errno : cgroup_open_dir(top, base);
	if (at < 0)
		return err_set(e, -at, "open cgroup %s/%s", m->dir, base);
	if (is_true_root(at))
		return 0;
	if (mkdirat(at, leaf, 0755) < 0 && errno != EEXIST)
		return err_set(e, errno, "make cgroup '%s'", leaf);
	auto_close int fd = cgroup_open_dir(at, leaf);
	for (size_t i = 0; fd >= 0 && i < n; i++) {
		char pid[16];
		(void)snprintf(pid, sizeof(pid), "%d", (int)pids[i]);
		r = io_write_text(fd, "cgroup.procs", pid);
		if (r < 0 && r != -ESRCH)
			return err_set(e, -r, "move process %s to cgroup '%s'", pid, leaf);
	}
	return fd < 0 ? err_set(e, -fd, "open cgroup '%s'", leaf) : 0;
}
