/*
 * keys - every key of a compose file: its form, whether it is built, and who takes it.
 *
 * Source:  the Compose specification (compose-spec.json). A key that is not built yet is an error that says so; adding
 *          it means a row's status and handler, nothing else.
 */
#ifndef COMPOSE_KEYS_H
#define COMPOSE_KEYS_H

#include "supervisor/compose/schema.h"

/* Each table ends with a NULL name. */
const struct key *keys_document(void);
const struct key *keys_service(void);
const struct key *keys_depends_on(void);
const struct key *keys_extends(void);

#endif
