/* seals PATH: says whether the file can be written to by anybody: "sealed", or why it is not. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>

int main(int argc, char **argv)
{
	int want = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	int fd = argc == 2 ? open(argv[1], O_RDONLY) : -1;
	if (fd < 0) {
		perror("usage: seals PATH");
		return 2;
	}
	int seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0) {
		perror("no file in memory");
		return 1;
	}
	if ((seals & want) != want) {
		printf("seals %#x, not %#x\n", (unsigned)seals, (unsigned)want);
		return 1;
	}
	puts("sealed");
	return 0;
}
