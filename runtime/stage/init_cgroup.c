/*
 * init_cgroup - joining the container's groups, and showing them at /sys/fs/cgroup.
 *
 * Source:  cgroups(7), cgroup_namespaces(7).
 */
#include "runtime/stage/init.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/own.h"
#include "base/path.h"
#include "base/sys.h"

static const struct init_job *job_of(const struct stage_ctx *c)
{
	return ((const struct init *)c->priv)->job;
}

int init_join_cgroups(struct stage_ctx *c)
{
	const struct init_job *job = job_of(c);
	for (int i = 0; i < job->n_tasks; i++) {
		/* "0" is whoever writes; a pid would have to be looked up and wait for readers (5-15 ms). */
		if (write(job->tasks[i], "0", 1) != 1)
			return stage_say(c, errno, "join cgroup", NULL);
		(void)close(job->tasks[i]);
	}
	if (job->cgroup_ns_late && unshare(CLONE_NEWCGROUP) < 0)
		return stage_say(c, errno, "unshare the cgroup namespace", NULL);
	/* Never before the group is entered: from inside it could not be reached where nsdelegate is on. */
	if (job->cgroup_ns_fd >= 0) {
		if (setns(job->cgroup_ns_fd, CLONE_NEWCGROUP) < 0)
			return stage_say(c, errno, "join the cgroup namespace", NULL);
		(void)close(job->cgroup_ns_fd);
	}
	return 0;
}

static int attach(struct stage_ctx *c, const struct spec_mount *m, int target, const char *type,
	const char *data, uint64_t attr)
{
	auto_close int tree = init_new_fs(c, type, type, data, attr);
	if (tree < 0)
		return tree;
	int r = init_move_mount(tree, target);
	return r < 0 ? stage_say(c, -r, "attach", m->destination) : 0;
}

/* "cpu,cpuacct" is also found by "cpu" and "cpuacct". */
static int link_controllers(struct stage_ctx *c, int dir, const struct init_hierarchy *h)
{
	char name[sizeof(h->name)];
	if (h->v2 || !strchr(h->name, ','))
		return 0;
	for (const char *p = h->name; *p;) {
		size_t len = strcspn(p, ",");
		memcpy(name, p, len);
		name[len] = '\0';
		if (len && symlinkat(h->name, dir, name) < 0 && errno != EEXIST)
			return stage_say(c, errno, "make link", name);
		p += len + (p[len] == ',');
	}
	return 0;
}

static int attach_hierarchy(struct stage_ctx *c, const struct spec_mount *m, int dir,
	const struct init_hierarchy *h, uint64_t attr)
{
	if (mkdirat(dir, h->name, 0755) < 0)
		return stage_say(c, errno, "make directory for cgroup hierarchy", h->name);
	auto_close int target = openat(dir, h->name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0)
		return stage_say(c, errno, "open directory of cgroup hierarchy", h->name);
	int r = attach(c, m, target, h->v2 ? "cgroup2" : "cgroup", h->options, attr);
	return r < 0 ? r : link_controllers(c, dir, h);
}

/* On a v2 host cgroup2 itself; else a small tmpfs with each hierarchy in its directory, read-only as they are. */
int init_mount_cgroup(struct stage_ctx *c, const struct spec_mount *m, int target_fd)
{
	const struct init_job *job = job_of(c);
	uint64_t attr = init_mount_attr(m->flags);

	if (job->n_hierarchies == 0 || strcmp(m->type, "cgroup2") == 0)
		return attach(c, m, target_fd, "cgroup2", m->data, attr);

	auto_close int tmpfs =
		init_new_fs(c, "tmpfs", "cgroup", "mode=755", attr & ~(uint64_t)MOUNT_ATTR_RDONLY);
	if (tmpfs < 0)
		return tmpfs;
	int r = init_move_mount(tmpfs, target_fd);
	if (r < 0)
		return stage_say(c, -r, "attach", m->destination);
	for (size_t i = 0; i < job->n_hierarchies; i++) {
		r = attach_hierarchy(c, m, tmpfs, &job->hierarchies[i], attr);
		if (r < 0)
			return r;
	}
	struct mount_attr ro = { .attr_set = MOUNT_ATTR_RDONLY };
	if ((attr & MOUNT_ATTR_RDONLY) && mount_setattr(tmpfs, "", AT_EMPTY_PATH, &ro, sizeof(ro)) < 0)
		return stage_say(c, errno, "make read-only", m->destination);
	return 0;
}
