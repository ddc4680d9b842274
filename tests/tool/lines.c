/* lines - N lines of 100 bytes to standard output, one write each. usage: lines N */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char line[100];

	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\n';
	for (long n = argc > 1 ? atol(argv[1]) : 0; n > 0; n--)
		if (write(STDOUT_FILENO, line, sizeof(line)) != sizeof(line))
			return 1;
	return 0;
}
