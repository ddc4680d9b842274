#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"

static enum log_level threshold = LOG_LEVEL_INFO;
static unsigned long dropped;
static char last_line[512]; /* for who has to say what came before a crash */
static const char *const names[LOG_LEVEL_COUNT] = { "debug", "info", "warn", "error" };

void log_set_level(enum log_level level)
{
	threshold = level;
}

int log_parse_level(const char *name, enum log_level *out)
{
	for (int i = 0; i < LOG_LEVEL_COUNT; i++) {
		if (strcasecmp(name, names[i]) == 0) {
			*out = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *log_last(void)
{
	return last_line;
}

void log_at(enum log_level level, const char *event, const char *fmt, ...)
{
	if (level < threshold)
		return;
	char time[CLOCK_TEXT_MAX], line[1400];
	int len = snprintf(line, sizeof(line), "time=%s level=%s event=%s ",
		clock_format_rfc3339(clock_real_ns(), time), names[level], event);
	if (dropped)
		len += snprintf(line + len, sizeof(line) - (size_t)len, "dropped_lines=%lu ", dropped);
	va_list ap;
	va_start(ap, fmt);
	int more = vsnprintf(line + len, sizeof(line) - (size_t)len - 1, fmt, ap);
	va_end(ap);
	len += more < 0 ? 0 : more;
	if (len > (int)sizeof(line) - 2)
		len = (int)sizeof(line) - 2;
	for (int i = 0; i < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	size_t kept = (size_t)len < sizeof(last_line) - 1 ? (size_t)len : sizeof(last_line) - 1;
	memcpy(last_line, line, kept);
	last_line[kept] = '\0';
	line[len++] = '\n';
	ssize_t n;
	do
		n = write(STDERR_FILENO, line, (size_t)len);
	while (n < 0 && errno == EINTR);
	dropped = n == len ? 0 : dropped + 1;
}
