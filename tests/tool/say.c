/*
 * say - text that is the same each time, to compare what arrives with.
 * usage: say lines|bursts|long|endless|both COUNT [PAUSE-US]
 *   lines    numbered lines, one write each        bursts  the same, hundreds in a write
 *   long     lines of up to 150 kB                  endless words without a newline, ever
 *   both     lines, every third to standard error
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char text[1 << 18];

static void say(int fd, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = write(fd, text + done, len - done);
		if (n <= 0)
			exit(1);
		done += (size_t)n;
	}
}

static size_t line(size_t at, long i, size_t width)
{
	int n = snprintf(text + at, 64, "line %ld ", i);
	memset(text + at + n, 'a' + (int)(i % 26), width);
	text[at + (size_t)n + width] = '\n';
	return (size_t)n + width + 1;
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	long count = argc > 2 ? atol(argv[2]) : 0, pause_us = argc > 3 ? atol(argv[3]) : 0;

	for (long i = 0; i < count; i++) {
		size_t len = 0;
		if (strcmp(how, "bursts") == 0)
			for (int j = 0; j < 300; j++)
				len += line(len, i * 300 + j, (size_t)(j % 90));
		else if (strcmp(how, "long") == 0)
			len = line(0, i, (size_t)(i * 7919 % 150000));
		else if (strcmp(how, "endless") == 0)
			len = line(0, i, (size_t)(i % 50)) - 1;
		else
			len = line(0, i, (size_t)(i % 100));
		say(strcmp(how, "both") == 0 && i % 3 == 0 ? STDERR_FILENO : STDOUT_FILENO, len);
		if (pause_us)
			usleep((useconds_t)pause_us);
	}
	return 0;
}
