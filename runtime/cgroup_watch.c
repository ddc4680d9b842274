/* Hearing of freezes and thaws, by whomsoever: the kernel tells inotify when cgroup.events changes. */
#include <errno.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/own.h"
#include "runtime/cgroup_private.h"

int cgroup_watch_open(struct err *e)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	return fd < 0 ? err_set(e, errno, "watch cgroups") : fd;
}

int cgroup_watch_add(int watch_fd, const struct cgroup *g, struct err *e)
{
	char path[64];
	if (g->dirfd < 0)
		return err_say(e, EOPNOTSUPP, "watch cgroup '%s': v1 tells nobody of a freeze", g->path);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/cgroup.events", g->dirfd);
	int wd = inotify_add_watch(watch_fd, path, IN_MODIFY);
	return wd < 0 ? err_set(e, errno, "watch cgroup '%s'", g->path) : wd;
}

void cgroup_watch_drop(int watch_fd, int watch)
{
	(void)inotify_rm_watch(watch_fd, watch); /* -EINVAL: it went with its group */
}

int cgroup_watch_read(int watch_fd, int *out, size_t room)
{
	_Alignas(struct inotify_event) char data[4096];
	size_t n = 0;
	/* Our watches are on files, so the events carry no names: what fits in room is sure to fit in data. */
	size_t want = room * sizeof(struct inotify_event) < sizeof(data) ? room * sizeof(struct inotify_event)
									 : sizeof(data);
	ssize_t len = read(watch_fd, data, want);
	if (len < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	for (char *p = data; p + sizeof(struct inotify_event) <= data + len && n < room;) {
		const struct inotify_event *ev = (const struct inotify_event *)(void *)p;
		p += sizeof(*ev) + ev->len;
		if (ev->mask & IN_Q_OVERFLOW)
			out[n++] = CGROUP_WATCH_ALL;
		else if (ev->mask & IN_MODIFY)
			out[n++] = ev->wd;
	}
	return (int)n;
}
