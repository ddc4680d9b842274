/* swap DIR A B: exchanges two names in a directory, as fast as it can, until it is killed. */
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int fd = argc == 4 ? open(argv[1], O_RDONLY | O_DIRECTORY) : -1;
	if (fd < 0 || syscall(SYS_renameat2, fd, argv[2], fd, argv[3], RENAME_EXCHANGE) < 0) {
		perror("usage: swap DIR A B");
		return 2;
	}
	puts("swapping");
	(void)fflush(stdout);
	for (;;)
		(void)syscall(SYS_renameat2, fd, argv[2], fd, argv[3], RENAME_EXCHANGE);
}
