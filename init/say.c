#include "init/say.h"

#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const char *say_number(int64_t n)
{
	static char texts[4][24];
	static unsigned turn;
	char *p = texts[turn++ % 4] + 23;
	uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;

	*p = '\0';
	do
		*--p = (char)('0' + rest % 10);
	while (rest /= 10);
	if (n < 0)
		*--p = '-';
	return p;
}

void say_line(const char *const *parts)
{
	char line[400] = "berth-init: ";
	size_t len = strlen(line);

	for (; *parts; parts++)
		for (const char *part = *parts; *part && len < sizeof(line) - 1; part++)
			line[len++] = (unsigned char)*part < 0x20 ? '?' : *part;
	line[len++] = '\n';

	/* The description is shared with others, so it stays blocking; a pipe that polls writable takes a line whole. */
	struct pollfd room = { .fd = STDERR_FILENO, .events = POLLOUT };
	if (poll(&room, 1, 0) == 1 && (room.revents & POLLOUT))
		(void)!write(STDERR_FILENO, line, len); /* there is nowhere to report it */
}

static int64_t now(clockid_t id)
{
	struct timespec ts = { 0 };
	(void)clock_gettime(id, &ts); /* cannot fail for a clock that exists */
	return (int64_t)ts.tv_sec * SAY_S + ts.tv_nsec;
}

int64_t say_mono_ns(void)
{
	return now(CLOCK_BOOTTIME);
}

int64_t say_real_ns(void)
{
	return now(CLOCK_REALTIME);
}
