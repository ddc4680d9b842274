/*
 * select - which services of the document are wanted, and in which order they start.
 *
 * Source:  the Compose specification, "Profiles" and depends_on: without a profile always on; asking for a service by
 *          name enables it and its profiles; a dependency that is disabled makes the model invalid, unless it is not
 *          required. Dependencies first; services that do not depend on each other keep the document's order.
 */
#ifndef COMPOSE_SELECT_H
#define COMPOSE_SELECT_H

#include "supervisor/compose/load.h"

/* Builds every wanted service and leaves them in project->services, in start order. */
int select_services(struct load *l);

#endif
