/* lines - N lines of 100 bytes to standard output, one write each, or in writes of up to BYTES. usage: lines N [BYTES] */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE	    100
#define AT_ONCE_MAX 65536

int main(int argc, char **argv)
{
	static char block[AT_ONCE_MAX];
	long left = argc > 1 ? atol(argv[1]) : 0, at_once = argc > 2 ? atol(argv[2]) : LINE;

	if (at_once < LINE || at_once > AT_ONCE_MAX)
		return 2;
	memset(block, 'x', sizeof(block));
	for (long i = LINE; i <= at_once; i += LINE)
		block[i - 1] = '\n';
	for (long n; left > 0; left -= n) {
		n = at_once / LINE < left ? at_once / LINE : left;
		if (write(STDOUT_FILENO, block, (size_t)n * LINE) != n * LINE)
			return 1;
	}
	return 0;
}
