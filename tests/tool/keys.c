/* keys TERMINAL TEXT: pushes text into a terminal's input, as if it was typed (TIOCSTI). Exit code: 0 pushed, 3 the terminal
 * is not to be had, 4 it is, but the kernel refuses to push. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	int fd = open(argv[1], O_RDWR | O_NOCTTY);
	if (fd < 0) {
		perror(argv[1]);
		return 3;
	}
	for (char *p = argv[2]; *p; p++)
		if (ioctl(fd, TIOCSTI, p) < 0) {
			perror("TIOCSTI");
			return 4;
		}
	puts("pushed");
	return 0;
}
