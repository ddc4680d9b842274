/*
 * store_json - the store's files as JSON, both ways.
 *
 * Pure. New references; a reader leaves what is missing as it was, and writes nothing when it fails.
 * Errors:  -EINVAL names the member; -EPROTONOSUPPORT: a schema of a later version.
 */
#ifndef SUPERVISOR_STORE_JSON_H
#define SUPERVISOR_STORE_JSON_H

#include <jansson.h>

#include "supervisor/container.h"

json_t *store_state_to_json(const struct actual *a);
int store_state_from_json(const json_t *v, struct actual *out, struct err *e);
json_t *store_desired_to_json(const struct desired *d);
int store_desired_from_json(const json_t *v, struct desired *out, struct err *e);
bool store_desired_is_same(const struct desired *a, const struct desired *b);
json_t *store_result_to_json(const struct result *r);
int store_result_from_json(const json_t *v, struct result *out, struct err *e);

/* Id, name, time of creation, config (and desired, which schema 1 had in the same file). */
json_t *store_config_to_json(const struct container *c);
int store_config_from_json(const json_t *v, struct container *c, struct err *e);

#endif
