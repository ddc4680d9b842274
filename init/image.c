#include "init/image.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "init/protocol.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif
#define SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

static int create(void)
{
	/* MFD_EXEC is known since 6.3, where a kernel may refuse memfds that do not say; older ones answer EINVAL. */
	long fd = syscall(SYS_memfd_create, "berth", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
	if (fd < 0 && errno == EINVAL)
		fd = syscall(SYS_memfd_create, "berth", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd < 0 ? -errno : (int)fd;
}

static int fill(int fd, int from)
{
	off_t at = 0;
	for (;;) {
		ssize_t n = sendfile(fd, from, &at, 1 << 20);
		if (n == 0)
			break;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
	/* F_SEAL_EXEC: since 6.3. */
	if (fcntl(fd, F_ADD_SEALS, SEALS | F_SEAL_EXEC) < 0 && fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		return -errno;
	return 0;
}

static int check(int fd)
{
	char magic[4];
	int seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || (seals & SEALS) != SEALS)
		return -EINVAL;
	if (pread(fd, magic, sizeof(magic), 0) != sizeof(magic) ||
		memcmp(magic, "\177ELF", sizeof(magic)) != 0)
		return -ENOEXEC;
	return 0;
}

static void drop(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* memory only */
	*fd = -1;
}

/* Out of the way of the numbers that a supervisor starts with. */
static int move_up(int fd)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, KEEPER_FD + 1);
	return high < 0 ? -errno : high;
}

int image_open(struct image *image, const char *path)
{
	*image = (struct image){ -1, -1, -1 };
	int from = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (from < 0)
		return -errno;
	int fd = create();
	int r = fd < 0 ? fd : fill(fd, from);
	if (r == 0)
		r = check(fd);
	if (r == 0)
		r = move_up(fd);
	drop(&fd);
	(void)close(from); /* read only */
	if (r < 0)
		return r;
	image->current = r;
	return 0;
}

int image_set_next(struct image *image, int fd)
{
	int r = check(fd);
	if (r == 0)
		r = move_up(fd);
	if (r < 0)
		return r;
	drop(&fd);
	drop(&image->next);
	image->next = r;
	return 0;
}

void image_advance(struct image *image)
{
	if (image->next < 0)
		return;
	drop(&image->previous);
	image->previous = image->current;
	image->current = image->next;
	image->next = -1;
}

void image_roll_back(struct image *image)
{
	if (image->previous < 0)
		return;
	drop(&image->current);
	image->current = image->previous;
	image->previous = -1;
}

void image_accept(struct image *image)
{
	drop(&image->previous);
}
