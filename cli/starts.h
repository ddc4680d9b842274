/*
 * starts - who of a project is started, as it happens, over the deaths of supervisors.
 *
 * Owns:    starts_free() gives back everything; not from inside fn.
 * Errors:  a daemon that does not come back ends it in silence: whoever follows logs is told by those.
 * Context: the loop's.
 */
#ifndef CLI_STARTS_H
#define CLI_STARTS_H

#include <event2/event.h>

#include "base/err.h"
#include "base/own.h"
#include "cli/cli.h"

struct starts;

/* fn for each start from now on, with the container's id; after a supervisor's death one may be told again. */
int starts_new(const struct cli *cli, struct event_base *base, const char *project,
	void (*fn)(void *cookie, const char *id), void *cookie, struct starts **out, struct err *e);
void starts_free(struct starts *s);

OWN_DEFINE_PTR(starts, struct starts, starts_free)

#endif
