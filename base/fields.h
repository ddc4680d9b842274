/*
 * fields - JSON objects to C structs and back, by tables.
 *
 *     static const struct field memory[] = {
 *             { "limit", FIELD_I64, offsetof(struct spec_resources, memory_limit), -1, INT64_MAX },
 *     };
 *     r = fields_read(obj, "linux.resources.memory", memory, ARRAY_LEN(memory), arena, res, e);
 *     r = fields_write(res, memory, ARRAY_LEN(memory), obj);
 *
 * The same table serves both ways, so what is written is what will be read.
 *
 * Source:  RFC 8259; base/json.h for the reading of one member.
 * Owns:    strings and lists go to the arena; json values written belong to the object.
 * Errors:  -EINVAL with the member's path; -ENOMEM. A missing or null member leaves the struct as it is.
 */
#ifndef BASE_FIELDS_H
#define BASE_FIELDS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

#define FIELD_UNSET INT64_MIN

enum field_type {
	FIELD_STRING,	/* const char *; written unless NULL */
	FIELD_STRV,	/* char **, NULL-terminated; written unless NULL */
	FIELD_BOOL,	/* bool; written when true */
	FIELD_TRISTATE, /* int64_t 0, 1 or FIELD_UNSET, true or false in JSON */
	FIELD_I64,	/* int64_t within min..max; written unless FIELD_UNSET */
	FIELD_U64,	/* uint64_t of any size; written always */
	FIELD_U32,	/* uint32_t within min..max; written unless 0 */
	FIELD_U16,	/* uint16_t within min..max; written unless 0 */
	FIELD_TYPE_COUNT
};

struct field {
	const char *name;
	enum field_type type;
	size_t offset;
	int64_t min, max;
};

int fields_read(const json_t *obj, const char *path, const struct field *f, size_t n, struct arena *a,
	void *to, struct err *e);
int fields_write(const void *from, const struct field *f, size_t n, json_t *obj);

/* A list of strings: NULL when missing; [] is an empty vector. */
int fields_read_strv(
	const json_t *obj, const char *path, const char *key, struct arena *a, char ***out, struct err *e);
/* An object of strings: key, value, ..., NULL, in the document's order; NULL when missing. */
int fields_read_map(
	const json_t *obj, const char *path, const char *key, struct arena *a, char ***out, struct err *e);
json_t *fields_strv_json(char *const *v);
json_t *fields_map_json(char *const *kv);

/* A list of objects, each read into one zeroed item of item_size by the function, which gets "path.key[i]". */
typedef int fields_item_fn(const json_t *item, const char *path, struct arena *a, void *to, struct err *e);
int fields_read_list(const json_t *obj, const char *path, const char *key, size_t item_size,
	fields_item_fn *read, struct arena *a, void *out_items, size_t *out_n, struct err *e);

/* Members that are known and cannot be honoured: an error "path.key: reason" unless missing or empty
 * (null, false, 0, "", [], {}). */
struct field_refused {
	const char *name, *reason;
};
int fields_refuse(
	const json_t *obj, const char *path, const struct field_refused *r, size_t n, struct err *e);
bool fields_is_empty(const json_t *v);

/* "path.key" or "key" at the top. */
#define FIELD_PATH_MAX 256
const char *fields_path(char out[FIELD_PATH_MAX], const char *path, const char *key);

#endif
