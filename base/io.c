#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif

int io_read_full(int fd, void *data, size_t len)
{
	char *p = data;
	while (len) {
		ssize_t n = read(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EPIPE;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int io_write_full(int fd, const void *data, size_t len)
{
	const char *p = data;
	while (len) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int change_flag(int fd, int get, int set, int flag, bool on)
{
	int flags = fcntl(fd, get);
	if (flags < 0)
		return -errno;
	int wanted = on ? flags | flag : flags & ~flag;
	if (wanted != flags && fcntl(fd, set, wanted) < 0)
		return -errno;
	return 0;
}

int io_set_nonblock(int fd, bool on)
{
	return change_flag(fd, F_GETFL, F_SETFL, O_NONBLOCK, on);
}

int io_set_cloexec(int fd, bool on)
{
	return change_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC, on);
}

int io_read_file(int dirfd, const char *path, size_t max, struct buf *out, struct err *e)
{
	auto_close int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return err_set(e, errno, "open %s", path);
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "stat %s", path);
	if (S_ISDIR(st.st_mode))
		return err_set(e, EISDIR, "read %s", path);
	if (!S_ISREG(st.st_mode))
		return err_say(e, EINVAL, "read %s: not a regular file", path);
	size_t start = out->len;
	for (;;) {
		int r = buf_reserve(out, 4096);
		if (r < 0)
			return err_set(e, -r, "read %s", path);
		ssize_t n = read(fd, out->data + out->len, out->room - out->len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, errno, "read %s", path);
		if (n == 0)
			break;
		out->len += (size_t)n;
		out->data[out->len] = '\0';
		if (out->len - start > max)
			return err_say(e, EFBIG, "read %s: larger than %zu bytes", path, max);
	}
	out->data[out->len] = '\0';
	return 0;
}

bool io_is_damage(int code)
{
	return code == EINVAL || code == EBADMSG || code == EFBIG || code == EISDIR;
}

int io_read_text(int dirfd, const char *path, char *text, size_t room)
{
	auto_close int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	size_t len = 0;
	while (len < room - 1) {
		ssize_t n = read(fd, text + len, room - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	if (len && text[len - 1] == '\n')
		len--;
	text[len] = '\0';
	return (int)len;
}

int io_write_text(int dirfd, const char *path, const char *text)
{
	auto_close int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	size_t len = strlen(text);
	ssize_t n;
	do
		n = write(fd, text, len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

int io_replace_file(
	int dirfd, const char *name, const void *data, size_t len, mode_t mode, bool durable, struct err *e)
{
	char temp[300];
	if (snprintf(temp, sizeof(temp), ".%s.new", name) >= (int)sizeof(temp))
		return err_set(e, ENAMETOOLONG, "write %s", name);
	auto_close int fd = openat(dirfd, temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return err_set(e, errno, "create %s", temp);
	int r = io_write_full(fd, data, len);
	if (r == 0 && durable && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && renameat(dirfd, temp, dirfd, name) < 0)
		r = -errno;
	if (r < 0) {
		r = err_set(e, -r, "write %s", name);
		(void)unlinkat(dirfd, temp, 0); /* the old file is whole; the half-written one is of no use */
		return r;
	}
	if (durable) {
		auto_close int self = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (self < 0 || fsync(self) < 0)
			return err_set(e, errno, "sync the directory of %s", name);
	}
	return 0;
}

/* By the system call: a successor does this for every record, and a DIR would be 32 KiB and three calls more each time. */
void io_remove_unreplaced(int dirfd)
{
	_Alignas(struct dirent64) char block[2048];
	auto_close int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (ssize_t n; fd >= 0 && (n = getdents64(fd, block, sizeof(block))) > 0;) {
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *x = (const struct dirent64 *)(const void *)(block + at);
			size_t len = strlen(x->d_name);
			if (len > strlen("..new") && x->d_name[0] == '.' &&
				strcmp(x->d_name + len - 4, ".new") == 0)
				(void)unlinkat(
					fd, x->d_name, 0); /* if one stays, its successor overwrites it */
			at += x->d_reclen;
		}
	}
}

static int memfd_new(const char *name, bool executable, struct err *e)
{
	/* MFD_EXEC is known since 6.3, where a kernel may refuse memfds that do not say; older ones answer EINVAL. */
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | (executable ? MFD_EXEC : 0));
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return err_set(e, errno, "create memfd %s", name);
	return fd;
}

bool io_memfd_is_immutable(int fd)
{
	int flags = 0;
	return ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && flags & FS_IMMUTABLE_FL;
}

/* Seals keep the contents; owner, the set-id bits and file capabilities are anybody's who is root and sees a process of it at
 * /proc/PID/exe. Since 6.0, with CAP_LINUX_IMMUTABLE; who depends on it asks. */
static void make_immutable(int fd)
{
	int flags = 0;
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return;
	flags |= FS_IMMUTABLE_FL;
	(void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

static int memfd_seal(int fd, const char *name, struct err *e)
{
	int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK;
	/* F_SEAL_EXEC: since 6.3. */
	if (fcntl(fd, F_ADD_SEALS, seals | F_SEAL_EXEC | F_SEAL_SEAL) < 0 &&
		fcntl(fd, F_ADD_SEALS, seals | F_SEAL_SEAL) < 0)
		return err_set(e, errno, "seal memfd %s", name);
	make_immutable(fd);
	return 0;
}

int io_memfd_sealed(const char *name, const void *data, size_t len, bool executable, struct err *e)
{
	auto_close int fd = memfd_new(name, executable, e);
	if (fd < 0)
		return fd;
	int r = io_write_full(fd, data, len);
	if (r < 0)
		return err_set(e, -r, "fill memfd %s", name);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_set(e, errno, "rewind memfd %s", name);
	r = memfd_seal(fd, name, e);
	return r < 0 ? r : take_fd(&fd);
}

int io_memfd_sealed_copy(const char *name, int from_fd, bool executable, struct err *e)
{
	auto_close int fd = memfd_new(name, executable, e);
	if (fd < 0)
		return fd;
	off_t at = 0;
	for (;;) {
		ssize_t n = sendfile(fd, from_fd, &at, 1 << 20);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, errno, "copy into memfd %s", name);
		if (n == 0)
			break;
	}
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_set(e, errno, "rewind memfd %s", name);
	int r = memfd_seal(fd, name, e);
	return r < 0 ? r : take_fd(&fd);
}

int io_send(int sock, const void *data, size_t len, const int *fds, size_t n)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * IO_PASS_MAX)];
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n > IO_PASS_MAX)
		return -EMSGSIZE;
	if (n) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n);
	}
	ssize_t sent;
	do
		sent = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return -errno;
	return (size_t)sent == len ? 0 : -EMSGSIZE;
}

ssize_t io_recv(int sock, void *data, size_t room, int *fds, size_t *n, int flags)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * IO_PASS_MAX)];
	} control;
	struct iovec iov = { .iov_base = data, .iov_len = room };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	size_t fd_room = fds ? *n : 0, got = 0;
	bool spilled = false;

	ssize_t len;
	do
		len = recvmsg(sock, &msg, flags | MSG_CMSG_CLOEXEC);
	while (len < 0 && errno == EINTR);
	if (len < 0)
		return -errno;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (got < fd_room) {
				fds[got++] = fd;
			} else {
				(void)close(fd); /* not asked for */
				spilled = true;
			}
		}
	}
	if (spilled || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		for (size_t i = 0; i < got; i++)
			(void)close(fds[i]);
		if (n)
			*n = 0;
		return -EMSGSIZE;
	}
	if (n)
		*n = got;
	return len;
}
