#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

int text_parse_int(const char *s, int64_t min, int64_t max, int64_t *out)
{
	const char *digits = s + (*s == '-');
	if (!isdigit((unsigned char)*digits))
		return -EINVAL;
	char *end;
	errno = 0;
	long long v = strtoll(s, &end, 10);
	if (*end)
		return -EINVAL;
	if (errno || v < min || v > max)
		return -ERANGE;
	*out = v;
	return 0;
}

int text_parse_uint(const char *s, uint64_t max, uint64_t *out)
{
	if (!isdigit((unsigned char)*s))
		return -EINVAL;
	char *end;
	errno = 0;
	unsigned long long v = strtoull(s, &end, 10);
	if (*end)
		return -EINVAL;
	if (errno || v > max)
		return -ERANGE;
	*out = v;
	return 0;
}

int text_parse_bytes(const char *s, int64_t *out_bytes)
{
	static const char units[] = "kmgtp";
	if (!isdigit((unsigned char)*s))
		return -EINVAL;
	char *end;
	errno = 0;
	long long whole = strtoll(s, &end, 10);
	if (errno)
		return -ERANGE;
	int64_t fraction = 0, scale = 1; /* fraction / scale */
	if (*end == '.') {
		end++;
		if (!isdigit((unsigned char)*end))
			return -EINVAL;
		for (; isdigit((unsigned char)*end); end++)
			if (scale < 1000000)
				fraction = fraction * 10 + (*end - '0'), scale *= 10;
	}
	while (*end == ' ')
		end++;
	int shift = 0;
	if (*end && tolower((unsigned char)*end) != 'b') {
		const char *u = strchr(units, tolower((unsigned char)*end));
		if (!u)
			return -EINVAL;
		shift = 10 * (int)(u - units + 1);
		end++;
	}
	if (tolower((unsigned char)*end) == 'b')
		end++;
	if (*end)
		return -EINVAL;
	__int128 total = ((__int128)whole << shift) + (((__int128)fraction << shift) / scale);
	if (total > INT64_MAX)
		return -ERANGE;
	*out_bytes = (int64_t)total;
	return 0;
}

bool text_query_bool(const char *s)
{
	static const char *const no[] = { "", "0", "no", "false", "none" };
	if (!s)
		return false;
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		if (strcasecmp(s, no[i]) == 0)
			return false;
	return true;
}

int text_parse_signal(const char *s)
{
	int64_t v;
	if (isdigit((unsigned char)*s))
		return text_parse_int(s, 1, SIGRTMAX, &v) < 0 ? -EINVAL : (int)v;
	if (strncasecmp(s, "SIG", 3) == 0)
		s += 3;
	if (strncasecmp(s, "RTMIN", 5) == 0 || strncasecmp(s, "RTMAX", 5) == 0) {
		bool from_max = tolower((unsigned char)s[4]) == 'x';
		int base = from_max ? SIGRTMAX : SIGRTMIN;
		if (!s[5])
			return base;
		if (s[5] != (from_max ? '-' : '+') || !isdigit((unsigned char)s[6]) ||
			text_parse_int(s + 6, 0, SIGRTMAX - SIGRTMIN, &v) < 0)
			return -EINVAL;
		return from_max ? base - (int)v : base + (int)v;
	}
	for (int sig = 1; sig < SIGRTMIN; sig++) {
		const char *name = sigabbrev_np(sig);
		if (name && strcasecmp(name, s) == 0)
			return sig;
	}
	if (strcasecmp(s, "IOT") == 0)
		return SIGABRT;
	if (strcasecmp(s, "CLD") == 0)
		return SIGCHLD;
	if (strcasecmp(s, "POLL") == 0)
		return SIGPOLL;
	return -EINVAL;
}

const char *text_signal_name(int sig, char out[32])
{
	if (sig >= SIGRTMIN && sig <= SIGRTMAX) {
		(void)snprintf(out, 32, sig == SIGRTMIN ? "SIGRTMIN" : "SIGRTMIN+%d", sig - SIGRTMIN);
		return out;
	}
	const char *name = sig > 0 ? sigabbrev_np(sig) : NULL;
	if (!name)
		return NULL;
	(void)snprintf(out, 32, "SIG%s", name);
	return out;
}

bool text_is_name(const char *s)
{
	if (!isalnum((unsigned char)*s) || !s[1])
		return false;
	for (const char *p = s + 1; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("_.-", *p))
			return false;
	return true;
}

bool text_is_safe_id(const char *s)
{
	size_t len = strlen(s);
	if (len == 0 || len > 128 || (!isalnum((unsigned char)*s) && !strchr("_+-", *s)))
		return false;
	for (const char *p = s; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("_+.-", *p))
			return false;
	return true;
}

int text_random_id(char out[TEXT_ID_LEN + 1])
{
	unsigned char bytes[TEXT_ID_LEN / 2];
	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes)) /* never short for this little */
		return -EIO;
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

bool text_has_prefix(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

const char *text_env_value(const char *s, const char *key)
{
	size_t len = strlen(key);
	return strncmp(s, key, len) == 0 && s[len] == '=' ? s + len + 1 : NULL;
}

/* ---------------------------------------------------------------- suggestions */

/* Levenshtein, names of up to 63 characters. */
static size_t distance(const char *a, const char *b)
{
	size_t row[64], la = strlen(a), lb = strlen(b);
	if (la >= 64 || lb >= 64)
		return 64;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);
			diagonal = row[j];
			best = best < row[j] + 1 ? best : row[j] + 1;
			row[j] = best < row[j - 1] + 1 ? best : row[j - 1] + 1;
		}
	}
	return row[lb];
}

const char *text_nearest(const char *word, const char *const *names, size_t n)
{
	size_t limit = strlen(word) / 3 + 1, best = limit + 1;
	const char *found = NULL;
	for (size_t i = 0; i < n; i++) {
		size_t d = distance(word, names[i]);
		if (d < best) {
			best = d;
			found = names[i];
		}
	}
	return found;
}
