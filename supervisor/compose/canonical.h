/*
 * canonical - a loaded project as one compose document, for people and for other programs.
 *
 * One file instead of several: variables replaced (a dollar sign is $$ again), extends and include carried out, every
 * key in its long form, paths absolute, the environment with its files' variables, volumes with their real names.
 * Loading it with the same profiles gives the same project again, to the last config hash.
 *
 * Errors:  as load_fail(); -ENOMEM.
 */
#ifndef COMPOSE_CANONICAL_H
#define COMPOSE_CANONICAL_H

#include "supervisor/compose/load.h"

/* document is the merged one, whose services are in l->project already; those that are not there are left out. */
int canonical_document(struct load *l, const struct node *document, json_t **out);

#endif
