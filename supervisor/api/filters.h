/*
 * filters - the "filters" query of list calls: {"name":["a","b"]} or {"name":{"a":true}}.
 *
 * Values of one key are alternatives, keys must all match.
 * Owns:    struct filters owns the parsed document.
 * Errors:  -EINVAL with docker's text: malformed JSON ("invalid filter"), a key that is not known ("invalid filter 'x'"), a value that is
 *          not ("invalid filter 'x=[y]'").
 */
#ifndef SUPERVISOR_API_FILTERS_H
#define SUPERVISOR_API_FILTERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/own.h"

struct filters {
	json_t *doc; /* {"key": ["value", ...]}, NULL: no filter */
};

/* text NULL or "": none. known: the keys this call takes, NULL-terminated. */
int filters_parse(const char *text, const char *const *known, struct filters *out, struct err *e);
void filters_done(struct filters *f);
bool filters_has(const struct filters *f, const char *key);
/* True when the key is not filtered on, or test(value, cookie) holds for one of its values. */
bool filters_match(const struct filters *f, const char *key,
	bool (*test)(const char *value, const void *cookie), const void *cookie);
/* Is one of the values exactly this? True when the key is not filtered on. */
bool filters_match_word(const struct filters *f, const char *key, const char *word);
/* "key" or "key=value" against labels key, value, ..., NULL: all values of the filter "label" must hold. */
bool filters_match_labels(const struct filters *f, const char *key, char *const *labels);
/* The same against an object of strings, which may be NULL. */
bool filters_match_label_object(const struct filters *f, const char *key, const json_t *labels);
/* Does a filter's value fit a name: a part of it, ^ and $ bind, a slash before it does not count? A test for filters_match(). */
bool filters_name_fits(const char *value, const void *name);
/* The one value of key as docker reads booleans there: 1, true, 0, false. *out stays when it is not filtered on. */
int filters_get_bool(const struct filters *f, const char *key, bool *out, struct err *e);
/* "until": a time, or a duration before now_ns; CLOCK_NEVER when it is not filtered on. */
int filters_get_until(const struct filters *f, int64_t now_ns, int64_t *out_ns, struct err *e);

OWN_DEFINE(filters, struct filters, filters_done)

#endif
