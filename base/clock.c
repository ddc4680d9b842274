#include "base/clock.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ZERO_TIME "0001-01-01T00:00:00Z"

static int64_t now(clockid_t id)
{
	struct timespec ts;
	(void)clock_gettime(id, &ts); /* cannot fail for a clock that exists */
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int64_t clock_mono_ns(void)
{
	return now(CLOCK_BOOTTIME);
}

int64_t clock_real_ns(void)
{
	return now(CLOCK_REALTIME);
}

char *clock_format_rfc3339(int64_t real_ns, char out[CLOCK_TEXT_MAX])
{
	if (real_ns == CLOCK_NEVER)
		return strcpy(out, ZERO_TIME);
	int64_t s = real_ns / NS_PER_S, ns = real_ns % NS_PER_S;
	if (ns < 0) {
		ns += NS_PER_S;
		s--;
	}
	time_t t = (time_t)s;
	struct tm tm;
	if (!gmtime_r(&t, &tm) || strftime(out, CLOCK_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		return strcpy(out, ZERO_TIME);
	size_t len = strlen(out);
	(void)snprintf(out + len, CLOCK_TEXT_MAX - len, ".%09dZ", (int)ns);
	return out;
}

/* Up to nine digits of a fraction as nanoseconds, further ones dropped; p stands behind the point. */
static const char *parse_fraction(const char *p, int64_t *out_ns)
{
	int64_t ns = 0, scale = NS_PER_S;
	if (!isdigit((unsigned char)*p))
		return NULL;
	for (; isdigit((unsigned char)*p); p++) {
		scale /= 10;
		ns += (*p - '0') * scale;
	}
	*out_ns = ns;
	return p;
}

static int to_ns(int64_t s, int64_t ns, int64_t *out)
{
	int64_t total;
	if (__builtin_mul_overflow(s, NS_PER_S, &total) || __builtin_add_overflow(total, ns, &total))
		return -ERANGE;
	*out = total;
	return 0;
}

static int two_digits(const char *p)
{
	return isdigit((unsigned char)p[0]) && isdigit((unsigned char)p[1]) ? (p[0] - '0') * 10 + p[1] - '0'
									    : -1;
}

int clock_parse_rfc3339(const char *text, int64_t *out_real_ns)
{
	if (strcmp(text, ZERO_TIME) == 0) {
		*out_real_ns = CLOCK_NEVER;
		return 0;
	}
	static const char shape[] = "dddd-dd-ddTdd:dd:dd";
	for (size_t i = 0; i < sizeof(shape) - 1; i++)
		if (shape[i] == 'd' ? !isdigit((unsigned char)text[i]) : text[i] != shape[i])
			return -EINVAL;
	struct tm tm = { .tm_year = two_digits(text) * 100 + two_digits(text + 2) - 1900,
		.tm_mon = two_digits(text + 5) - 1,
		.tm_mday = two_digits(text + 8),
		.tm_hour = two_digits(text + 11),
		.tm_min = two_digits(text + 14),
		.tm_sec = two_digits(text + 17) };
	if (tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 ||
		tm.tm_min > 59 || tm.tm_sec > 60)
		return -EINVAL;
	const char *p = text + sizeof(shape) - 1;
	int64_t ns = 0;
	if (*p == '.' && !(p = parse_fraction(p + 1, &ns)))
		return -EINVAL;
	int64_t offset = 0;
	if (*p == 'Z') {
		p++;
	} else if (*p == '+' || *p == '-') {
		int hours = two_digits(p + 1);
		if (hours < 0 || p[3] != ':')
			return -EINVAL;
		int minutes = two_digits(p + 4);
		if (minutes < 0)
			return -EINVAL;
		offset = (hours * 60 + minutes) * 60 * (*p == '-' ? -1 : 1);
		p += 6;
	} else {
		return -EINVAL;
	}
	if (*p)
		return -EINVAL;
	return to_ns((int64_t)timegm(&tm) - offset, ns, out_real_ns);
}

int clock_parse_timestamp(const char *text, int64_t *out_real_ns)
{
	bool negative = *text == '-';
	const char *p = text + negative;
	if (!isdigit((unsigned char)*p))
		return -EINVAL;
	char *end;
	errno = 0;
	long long s = strtoll(p, &end, 10);
	if (*end && *end != '.')
		return clock_parse_rfc3339(text, out_real_ns);
	if (errno)
		return -ERANGE;
	int64_t ns = 0;
	if (*end == '.') {
		const char *rest = parse_fraction(end + 1, &ns);
		if (!rest || *rest)
			return -EINVAL;
	}
	return negative ? to_ns(-s, -ns, out_real_ns) : to_ns(s, ns, out_real_ns);
}

int clock_parse_duration(const char *text, int64_t *out_ns)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = { { "us", NS_PER_US }, { "ms", NS_PER_MS }, { "s", NS_PER_S }, { "m", 60 * NS_PER_S },
		{ "h", 3600 * NS_PER_S } };
	int64_t total = 0;
	const char *p = text;

	if (!*p)
		return -EINVAL;
	while (*p) {
		if (!isdigit((unsigned char)*p))
			return -EINVAL;
		char *end;
		errno = 0;
		long long whole = strtoll(p, &end, 10);
		if (errno)
			return -ERANGE;
		int64_t fraction = 0;
		p = end;
		if (*p == '.' && !(p = parse_fraction(p + 1, &fraction)))
			return -EINVAL;
		size_t len = strspn(p, "abcdefghijklmnopqrstuvwxyz");
		int64_t unit = 0;
		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
			if (strlen(units[i].name) == len && strncmp(p, units[i].name, len) == 0)
				unit = units[i].ns;
		if (!unit)
			return -EINVAL;
		int64_t part;
		if (__builtin_mul_overflow((int64_t)whole, unit, &part) ||
			__builtin_add_overflow(total, part, &total))
			return -ERANGE;
		/* fraction is in 1e-9 of the unit; hours overflow neither side: 3600e9 * 1e9 needs 128 bits */
		part = (int64_t)((__int128)fraction * unit / NS_PER_S);
		if (__builtin_add_overflow(total, part, &total))
			return -ERANGE;
		p += len;
	}
	*out_ns = total;
	return 0;
}

char *clock_human_duration(int64_t ns, char *out, size_t room)
{
	long long s = ns / NS_PER_S;
	long long m = s / 60;
	long long h = (ns + 1800 * NS_PER_S) / (3600 * NS_PER_S); /* rounded */

	if (s < 1)
		(void)snprintf(out, room, "Less than a second");
	else if (s == 1)
		(void)snprintf(out, room, "1 second");
	else if (s < 60)
		(void)snprintf(out, room, "%lld seconds", s);
	else if (m == 1)
		(void)snprintf(out, room, "About a minute");
	else if (m < 60)
		(void)snprintf(out, room, "%lld minutes", m);
	else if (h == 1)
		(void)snprintf(out, room, "About an hour");
	else if (h < 48)
		(void)snprintf(out, room, "%lld hours", h);
	else if (h < 24 * 7 * 2)
		(void)snprintf(out, room, "%lld days", h / 24);
	else if (h < 24 * 30 * 2)
		(void)snprintf(out, room, "%lld weeks", h / 24 / 7);
	else if (h < 24 * 365 * 2)
		(void)snprintf(out, room, "%lld months", h / 24 / 30);
	else
		(void)snprintf(out, room, "%lld years", h / 24 / 365);
	return out;
}
