/*
 * store - what a supervisor writes down so that the next one knows: <run-root>/containers/ID/.
 *
 *     config.json   id, name, time of creation, create body, and what is wanted (struct desired)
 *     state.json    what is (struct actual)
 *     spec.json     the runtime configuration of the present run
 *
 * Each is replaced whole (temporary file, rename), so a reader sees the old or the new one; store_load() removes the temporary
 * files that a death left. Both carry "Schema": 1; a member that is unknown is ignored, one that is missing has its default.
 *
 * Errors:  a file that is damaged is renamed to *.damaged and named in the log; it costs that container only.
 */
#ifndef SUPERVISOR_STORE_H
#define SUPERVISOR_STORE_H

#include "supervisor/container.h"

#define STORE_SCHEMA 1

/* Make the container's directory. */
int store_add(struct container *c, struct err *e);
int store_save_config(struct container *c, struct err *e);
int store_save_state(struct container *c, struct err *e);
int store_save_spec(struct container *c, struct err *e);
int store_load_spec(struct container *c, struct err *e);
void store_drop_spec(struct container *c);
/* The record is gone with the first: a directory without config.json is one that nobody was told of, or one of a container that is
 * no more. The second takes the directory too. */
int store_forget(struct engine *en, const char *id, struct err *e);
int store_remove(struct engine *en, const char *id, struct err *e);
/* Every record into en->containers; nothing else is done with them. */
int store_load(struct engine *en, struct err *e);

/* Pure: for the store itself and its tests. New references; parse leaves what is missing as it was. */
json_t *store_state_to_json(const struct actual *a);
int store_state_from_json(const json_t *v, struct actual *out, struct err *e);

#endif
