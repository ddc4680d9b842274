/*
 * text - small words that people write: sizes, numbers, names, ids, signals.
 *
 * Source:  the Compose specification (byte values), signal(7), docker's name rules.
 * Units:   bytes, multiples of 1024.
 * Errors:  -EINVAL: not of this form; -ERANGE: does not fit.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The whole string, decimal, no sign but '-', no blanks, within [min, max]. */
int text_parse_int(const char *s, int64_t min, int64_t max, int64_t *out);
int text_parse_uint(const char *s, uint64_t max, uint64_t *out);
/* "64m", "1.5gb", "100" (bytes); b k kb m mb g gb t tb p pb, any case. */
int text_parse_bytes(const char *s, int64_t *out_bytes);
/* Docker's booleans in queries: false is "", 0, no, false, none (any case); all else is true. */
bool text_query_bool(const char *s);
/* Signal by number ("9") or name, with or without SIG, any case, RTMIN+n, RTMAX-n. 0 and unknown are -EINVAL. */
int text_parse_signal(const char *s);
/* "SIGTERM"; "SIGRTMIN+3"; NULL when there is no such signal. The buffer is the caller's (32 bytes). */
const char *text_signal_name(int sig, char out[32]);

/* [a-zA-Z0-9][a-zA-Z0-9_.-]+ : names of containers and volumes. */
bool text_is_name(const char *s);
/* [A-Za-z0-9_+-][A-Za-z0-9_+.-]{0,127}: ids and other names that become parts of host paths. */
bool text_is_safe_id(const char *s);

/* 64 lowercase hex digits from the kernel's random pool. */
#define TEXT_ID_LEN 64
int text_random_id(char out[TEXT_ID_LEN + 1]);

bool text_has_prefix(const char *s, const char *prefix);
/* "K=V": pointer to V, or NULL when s is not of key K. */
const char *text_env_value(const char *s, const char *key);

/* Of n names the one nearest to a misspelt word, or NULL when none is near. */
const char *text_nearest(const char *word, const char *const *names, size_t n);

#endif
