/*
 * json - jansson with errors that name the place.
 *
 * Source:  RFC 8259; jansson's documentation.
 * Owns:    json_parse returns a new reference (json_decref by the caller, or auto_(json));
 *          the getters return borrowed values that live as long as the object.
 * Errors:  -EINVAL with "HostConfig.Memory: must be a whole number" and the like.
 *          A missing or null member is not an error: the out value stays as it was.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/own.h"

/* Strict: one value, no duplicate keys, no NUL in strings; what names the document in errors. At most depth 2048 (jansson's). */
json_t *json_parse(const char *text, size_t len, const char *what, struct err *e);

/* path is the object's own place ("HostConfig"), "" at the top. */
int json_get_string(const json_t *obj, const char *path, const char *key, const char **out, struct err *e);
int json_get_bool(const json_t *obj, const char *path, const char *key, bool *out, struct err *e);
int json_get_int(const json_t *obj, const char *path, const char *key, int64_t min, int64_t max, int64_t *out,
	struct err *e);
/* Borrowed; *out NULL when missing or null. */
int json_get_object(const json_t *obj, const char *path, const char *key, json_t **out, struct err *e);
int json_get_array(const json_t *obj, const char *path, const char *key, json_t **out, struct err *e);

OWN_DEFINE_PTR(json, json_t, json_decref)

#endif
