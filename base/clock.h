/*
 * clock - the two clocks, and times as text.
 *
 * Source:  clock_gettime(2); RFC 3339; the Compose specification's durations.
 * Units:   int64_t nanoseconds everywhere: monotonic (CLOCK_BOOTTIME, counts on through suspend) for
 *          intervals, real (since 1970, UTC) for what people read. CLOCK_NEVER is "no such time".
 * Errors:  -EINVAL: the text is not a time or duration; -ERANGE: it does not fit.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define NS_PER_US   INT64_C(1000)
#define NS_PER_MS   INT64_C(1000000)
#define NS_PER_S    INT64_C(1000000000)
#define CLOCK_NEVER INT64_MIN

int64_t clock_mono_ns(void);
int64_t clock_real_ns(void);

/* "2026-01-02T03:04:05.000000006Z", always nine digits; CLOCK_NEVER is Go's zero time "0001-01-01T00:00:00Z". */
#define CLOCK_TEXT_MAX 40
char *clock_format_rfc3339(int64_t real_ns, char out[CLOCK_TEXT_MAX]);
/* RFC 3339 with any fraction and offset; the zero time gives CLOCK_NEVER. */
int clock_parse_rfc3339(const char *text, int64_t *out_real_ns);
/* Unix "seconds[.nanos]" or RFC 3339, as Docker's API takes them. */
int clock_parse_timestamp(const char *text, int64_t *out_real_ns);
/* Compose duration: concatenated <number><us|ms|s|m|h>, decimals allowed, no sign, no bare number. */
int clock_parse_duration(const char *text, int64_t *out_ns);
/* docker's words for an age ("About a minute", "3 weeks"): behaviour of go-units' HumanDuration. */
char *clock_human_duration(int64_t ns, char *out, size_t room);

#endif
