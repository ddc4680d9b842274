#include "runtime/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/sys.h"

static int new_tmpfs(struct err *e)
{
	auto_close int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	if (fs < 0)
		return err_set(e, errno, "open file system tmpfs");
	if (fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0755", 0) < 0 ||
		fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_set(e, errno, "make file system tmpfs");
	int fd = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	return fd < 0 ? err_set(e, errno, "make mount of tmpfs") : fd;
}

/* The file system as well as the mount: on a mount alone, an open for writing counts as a writer for the moment until it is
 * refused, and our execve in that moment fails with ETXTBSY. */
static int make_read_only(int mount)
{
	struct mount_attr ro = { .attr_set = MOUNT_ATTR_RDONLY };
	auto_close int fs = fspick(mount, "", FSPICK_EMPTY_PATH | FSPICK_CLOEXEC);

	if (fs < 0 || fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0 ||
		fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0 ||
		mount_setattr(mount, "", AT_EMPTY_PATH, &ro, sizeof(ro)) < 0)
		return -errno;
	return 0;
}

int sealed_program(const char *name, const void *data, size_t len, struct err *e)
{
	struct err why;
	auto_close int mount = new_tmpfs(&why);

	if (mount < 0)
		return io_memfd_sealed(name, data, len, true, e);
	auto_close int made = openat(mount, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0555);
	if (made < 0)
		return err_set(e, errno, "make program %s", name);
	int r = io_write_full(made, data, len);
	if (r == 0 && fchmod(made, 0555) < 0) /* the umask is the caller's */
		r = -errno;
	if (r < 0)
		return err_set(e, -r, "write program %s", name);
	own_close(&made); /* a writer would make the mount busy */
	if ((r = make_read_only(mount)) < 0)
		return err_set(e, -r, "make program %s read-only", name);
	int fd = openat(mount, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_set(e, errno, "open program %s", name) : fd;
}

bool sealed_is_unchangeable(int fd)
{
	struct statvfs st;
	return (fstatvfs(fd, &st) == 0 && st.f_flag & ST_RDONLY) || io_memfd_is_immutable(fd);
}
