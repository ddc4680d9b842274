/* The processes in a group: joining, listing, freezing, killing, and hearing of those that the kernel killed. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/own.h"
#include "base/sys.h"
#include "base/text.h"
#include "runtime/cgroup_private.h"

int cgroup_open_tasks(const struct cgroup *g, int fds[CGROUP_V1_MAX], struct err *e)
{
	int n = 0;
	for (int i = 0; i < g->n_v1; i++) {
		if (g->v1_dirfd[i] < 0)
			continue;
		fds[n] = openat(g->v1_dirfd[i], "tasks", O_WRONLY | O_CLOEXEC);
		if (fds[n] < 0) {
			int r = err_set(e, errno, "open tasks of cgroup '%s'", g->path);
			while (n-- > 0)
				(void)close(fds[n]);
			return r;
		}
		n++;
	}
	return n;
}

int cgroup_attach(const struct cgroup *g, pid_t pid, struct err *e)
{
	char text[16];
	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	int r = g->dirfd >= 0 ? io_write_text(g->dirfd, "cgroup.procs", text) : 0;
	for (int i = 0; r == 0 && i < g->n_v1; i++)
		if (g->v1_dirfd[i] >= 0)
			r = io_write_text(g->v1_dirfd[i], "cgroup.procs", text);
	return r < 0 ? err_set(e, -r, "move process %d into cgroup '%s'", (int)pid, g->path) : 0;
}

/* The directory whose processes are the group's: v2's, else one of v1 that is the group's own. */
static int members_dir(const struct cgroup *g, const struct cgroup_root *r)
{
	if (g->dirfd >= 0)
		return g->dirfd;
	if (g->v1_shared)
		return r->has_v2 ? -ENOENT : -EOPNOTSUPP;
	for (int i = 0; i < g->n_v1; i++)
		if (g->v1_dirfd[i] >= 0)
			return g->v1_dirfd[i];
	return -ENOENT;
}

/* ---- freezing */

static int freezer_dir(const struct cgroup *g, const struct cgroup_root *r)
{
	bool v2;
	int dirfd = g->v1_shared ? -1 : cgroup_home(g, r, CG_FREEZER, &v2);
	return dirfd >= 0 && !v2 ? dirfd : -EOPNOTSUPP;
}

int cgroup_freeze(const struct cgroup *g, const struct cgroup_root *r, bool frozen, struct err *e)
{
	int ret;
	if (g->dirfd >= 0) {
		ret = io_write_text(g->dirfd, "cgroup.freeze", frozen ? "1" : "0");
	} else {
		ret = freezer_dir(g, r);
		if (ret >= 0)
			ret = io_write_text(ret, "freezer.state", frozen ? "FROZEN" : "THAWED");
	}
	return ret < 0 ? err_set(e, -ret, "%s cgroup '%s'", frozen ? "freeze" : "thaw", g->path) : 0;
}

int cgroup_is_frozen(const struct cgroup *g, const struct cgroup_root *r)
{
	if (g->dirfd >= 0) {
		uint64_t v = cgroup_read_keyed(g->dirfd, "cgroup.events", "frozen");
		return v == UINT64_MAX ? -ENOENT : v == 1;
	}
	char state[16];
	int dirfd = freezer_dir(g, r);
	if (dirfd < 0)
		return dirfd;
	int len = io_read_text(dirfd, "freezer.state", state, sizeof(state));
	return len < 0 ? len : strcmp(state, "FROZEN") == 0;
}

int cgroup_is_freeze_asked(const struct cgroup *g, const struct cgroup_root *r)
{
	int dirfd = g->dirfd >= 0 ? g->dirfd : freezer_dir(g, r);
	if (dirfd < 0)
		return dirfd;
	uint64_t v = cgroup_read_number(dirfd, g->dirfd >= 0 ? "cgroup.freeze" : "freezer.self_freezing");
	return v == UINT64_MAX ? -ENOENT : v == 1;
}

/* ---- listing */

struct pid_list {
	pid_t *v;
	size_t n, room;
};

static int add_pids(int dirfd, void *cookie)
{
	struct pid_list *l = cookie;
	auto_(buf) struct buf text = { 0 };
	int r = io_read_file(dirfd, "cgroup.procs", 64 << 20, &text, NULL);
	if (r == -EOPNOTSUPP) /* threaded: its processes are in its domain's list */
		return 0;
	if (r < 0)
		return r;
	for (char *p = text.data; p && *p;) {
		long pid = strtol(p, &p, 10);
		p += *p == '\n';
		if (pid <= 0) /* of a pid namespace that we cannot see into */
			continue;
		if (l->n == l->room) {
			size_t room = l->room ? l->room * 2 : 64;
			pid_t *grown = reallocarray(l->v, room, sizeof(*grown));
			if (!grown)
				return -ENOMEM;
			l->v = grown;
			l->room = room;
		}
		l->v[l->n++] = (pid_t)pid;
	}
	return 0;
}

static int list_pids(int dirfd, struct pid_list *out)
{
	*out = (struct pid_list){ 0 };
	int r = cgroup_tree_each(dirfd, add_pids, out);
	if (r < 0) {
		free(out->v);
		*out = (struct pid_list){ 0 };
	}
	return r;
}

int cgroup_pids(const struct cgroup *g, const struct cgroup_root *r, pid_t **out, struct err *e)
{
	struct pid_list l;
	int ret = members_dir(g, r);
	if (ret >= 0)
		ret = list_pids(ret, &l);
	if (ret < 0)
		return err_set(e, -ret, "list processes of cgroup '%s'", g->path);
	*out = l.v;
	return (int)l.n;
}

int cgroup_is_populated(const struct cgroup *g, const struct cgroup_root *r)
{
	if (g->dirfd >= 0) {
		uint64_t v = cgroup_read_keyed(g->dirfd, "cgroup.events", "populated");
		return v == UINT64_MAX ? -ENOENT : v == 1;
	}
	int dirfd = members_dir(g, r);
	return dirfd < 0 ? dirfd : cgroup_tree_has_processes(dirfd);
}

/* ---- killing */

static bool is_listed(const struct pid_list *l, pid_t pid)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i] == pid)
			return true;
	return false;
}

/* A pid read from a list may be another's by the time a signal is sent. So: take pidfds, read the list again, and signal
 * those that are still on it, for what a pidfd holds does not change. A few at a time, to spare descriptors. */
static int kill_some(int dirfd, const pid_t *pids, size_t n)
{
	int fds[32];
	size_t i;
	for (i = 0; i < n; i++)
		fds[i] = sys_pidfd_open(pids[i], 0);
	struct pid_list again;
	int r = list_pids(dirfd, &again);
	for (i = 0; i < n; i++) {
		if (r == 0 && fds[i] >= 0 && is_listed(&again, pids[i]))
			(void)sys_pidfd_send_signal(fds[i], SIGKILL); /* ESRCH: dead already */
		own_close(&fds[i]);
	}
	if (r == 0)
		free(again.v);
	return r;
}

/* The count of processes that were there, or -errno. */
static int kill_all_once(int dirfd)
{
	struct pid_list l;
	int r = list_pids(dirfd, &l);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < l.n; i += 32)
		r = kill_some(dirfd, l.v + i, l.n - i < 32 ? l.n - i : 32);
	free(l.v);
	return r < 0 ? r : (int)(l.n > 1000000 ? 1000000 : l.n);
}

/* Linux < 5.14, or no v2: hold a fork bomb still, kill what is there, let it go to die; again while there was something. */
static int kill_by_list(const struct cgroup *g, const struct cgroup_root *r, int dirfd)
{
	int found = 0;
	for (int round = 0; round < 20; round++) {
		(void)cgroup_freeze(g, r, true, NULL); /* without a freezer the rounds have to win the race */
		found = kill_all_once(dirfd);
		(void)cgroup_freeze(g, r, false, NULL);
		if (found <= 0)
			break;
		struct timespec ts = { 0, NS_PER_MS };
		(void)nanosleep(&ts, NULL);
	}
	return found < 0 ? found : 0;
}

int cgroup_kill(const struct cgroup *g, const struct cgroup_root *r, struct err *e)
{
	int dirfd = members_dir(g, r);
	if (dirfd < 0)
		return err_set(e, -dirfd, "kill cgroup '%s'", g->path);
	int ret = g->dirfd >= 0 ? io_write_text(g->dirfd, "cgroup.kill", "1") : -ENOENT;
	/* No such file: an old kernel. EOPNOTSUPP: a threaded group, its domain would be meant. */
	if (ret == -ENOENT || ret == -EOPNOTSUPP)
		ret = kill_by_list(g, r, dirfd);
	return ret < 0 ? err_set(e, -ret, "kill cgroup '%s'", g->path) : 0;
}

/* ---- out of memory */

static int add_v1_oom(int dirfd, void *cookie)
{
	uint64_t n = cgroup_read_keyed(dirfd, "memory.oom_control", "oom_kill");
	if (n != UINT64_MAX)
		*(uint64_t *)cookie += n;
	return 0;
}

int cgroup_oom_kills(const struct cgroup *g, const struct cgroup_root *r, uint64_t *out)
{
	bool v2;
	int dirfd = cgroup_home(g, r, CG_MEMORY, &v2);
	if (dirfd < 0)
		return -ENOENT;
	if (v2) { /* counts the groups below too */
		uint64_t n = cgroup_read_keyed(dirfd, "memory.events", "oom_kill");
		if (n == UINT64_MAX)
			return -ENOENT;
		*out = n;
		return 0;
	}
	uint64_t sum = 0;
	int ret = cgroup_tree_each(dirfd, add_v1_oom, &sum);
	if (ret == 0)
		*out = sum;
	return ret;
}

static int open_oom_v1(int dirfd, struct cgroup_oom *out, struct err *e)
{
	auto_close int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	auto_close int control = openat(dirfd, "memory.oom_control", O_RDONLY | O_CLOEXEC);
	if (event < 0 || control < 0)
		return err_set(e, errno, "open memory.oom_control");
	char text[32];
	(void)snprintf(text, sizeof(text), "%d %d", event, control);
	int r = io_write_text(dirfd, "cgroup.event_control", text);
	if (r < 0)
		return err_set(e, -r, "write cgroup.event_control");
	out->fd = take_fd(&event);
	out->source_fd = take_fd(&control);
	return 0;
}

/* memory.events signals POLLPRI, which few event loops can ask for, and an inotify instance per container would run into
 * max_user_instances (128): an epoll set around it is readable like any other descriptor, and edge-triggered needs no read
 * of the file. */
static int open_oom_v2(int dirfd, struct cgroup_oom *out, struct err *e)
{
	auto_close int events = openat(dirfd, "memory.events", O_RDONLY | O_CLOEXEC);
	if (events < 0)
		return err_set(e, errno, "open memory.events");
	auto_close int set = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event want = { .events = EPOLLPRI | EPOLLET };
	if (set < 0 || epoll_ctl(set, EPOLL_CTL_ADD, events, &want) < 0)
		return err_set(e, errno, "watch memory.events");
	(void)epoll_wait(set, &want, 1, 0); /* a file that was never read counts as changed once */
	out->fd = take_fd(&set);
	out->source_fd = take_fd(&events);
	return 0;
}

int cgroup_oom_open(
	const struct cgroup *g, const struct cgroup_root *r, struct cgroup_oom *out, struct err *e)
{
	bool v2;
	int dirfd = cgroup_home(g, r, CG_MEMORY, &v2);
	if (dirfd < 0)
		return err_say(e, ENOENT, "watch for out of memory: this host has no memory controller");
	int ret = v2 ? open_oom_v2(dirfd, out, e) : open_oom_v1(dirfd, out, e);
	return ret < 0 ? err_wrap(e, ret, "watch cgroup '%s' for out of memory", g->path) : 0;
}

void cgroup_oom_drain(const struct cgroup_oom *o)
{
	uint64_t count;
	struct epoll_event got;
	if (epoll_wait(o->fd, &got, 1, 0) < 0) /* not an epoll set: v1's eventfd */
		(void)!read(o->fd, &count, sizeof(count));
}

void cgroup_oom_close(struct cgroup_oom *o)
{
	own_close(&o->fd);
	own_close(&o->source_fd);
}
