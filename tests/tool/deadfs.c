/*
 * deadfs - a file system that never answers, as one of a server that is gone.
 *
 *   deadfs DIRECTORY     mounts it there, says "mounted", and sits on every question until it is ended
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char options[128];
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (argc != 2 || fd < 0) {
		perror("deadfs");
		return 2;
	}
	(void)snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (mount("deadfs", argv[1], "fuse", MS_NOSUID | MS_NODEV, options) < 0) {
		perror("deadfs: mount");
		return 2;
	}
	(void)puts("mounted");
	(void)fflush(stdout);
	for (;;)
		(void)pause();
}
