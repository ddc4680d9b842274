/*
 * project_ask - up and down as the daemon carries them out, with its progress.
 *
 * Errors:  what the daemon says; -EPROTO when it breaks off before it was done.
 * Context: runs the loop of base until the answer is complete.
 */
#ifndef CLI_PROJECT_ASK_H
#define CLI_PROJECT_ASK_H

#include <event2/event.h>
#include <jansson.h>

#include "base/err.h"
#include "cli/cli.h"
#include "cli/progress.h"

/* *done (may be NULL): the last line, the caller's. */
int project_ask(const struct cli *cli, struct event_base *base, const char *target, const json_t *body,
	struct progress *progress, json_t **done, struct err *e);

#endif
