/*
 * filters - the "filters" query of list calls: {"name":["a","b"]} or {"name":{"a":true}}.
 *
 * Values of one key are alternatives, keys must all match.
 * Owns:    struct filters owns the parsed document.
 * Errors:  -EINVAL with docker's text: malformed JSON ("invalid filter"), a key that is not known ("invalid filter 'x'").
 */
#ifndef SUPERVISOR_API_FILTERS_H
#define SUPERVISOR_API_FILTERS_H

#include <jansson.h>
#include <stdbool.h>

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

OWN_DEFINE(filters, struct filters, filters_done)

#endif
