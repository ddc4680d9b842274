#include "runtime/launch_gate.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"

int launch_gate_make(int dirfd, const char *name, struct err *e)
{
	if (mkfifoat(dirfd, name, 0600) < 0)
		return err_set(e, errno, "gate: make '%s'", name);
	int fd = openat(dirfd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		int r = err_set(e, errno, "gate: open '%s'", name);
		launch_gate_remove(dirfd, name);
		return r;
	}
	return fd;
}

int launch_gate_open(int dirfd, const char *name, struct err *e)
{
	struct stat st;
	auto_close int fd = openat(dirfd, name, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENXIO ? err_say(e, ESRCH, "gate: nobody waits at '%s'", name)
				      : err_set(e, errno, "gate: open '%s'", name);
	if (fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode))
		return err_say(e, EINVAL, "gate: '%s' is no FIFO", name);
	if (write(fd, "g", 1) != 1)
		return errno == EPIPE ? err_say(e, ESRCH, "gate: nobody waits at '%s'", name)
				      : err_set(e, errno, "gate: write to '%s'", name);
	return 0;
}

void launch_gate_remove(int dirfd, const char *name)
{
	(void)unlinkat(dirfd, name, 0);
}
