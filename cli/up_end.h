/*
 * up_end - how up in the foreground ends a project: Ctrl-C stops its containers in order, a second one kills them, a third one leaves.
 *
 * Owns:    up_end_free() gives back the signals and what is under way; progress and base are borrowed.
 * Context: the loop of base, which goes on meanwhile: what is stopped says its last words.
 */
#ifndef CLI_UP_END_H
#define CLI_UP_END_H

#include <event2/event.h>
#include <jansson.h>

#include "base/err.h"
#include "base/own.h"
#include "cli/cli.h"
#include "cli/progress.h"

#define EXIT_INTERRUPTED 130

struct up_end;

/* From here on SIGINT and SIGTERM are ours. timeout: "?t=" of the stops, or NULL; project: its name; services: an object with
 * the names of those that are brought up. */
int up_end_new(const struct cli *cli, struct event_base *base, struct progress *progress, const char *project,
	json_t *services, const char *timeout, struct up_end **out, struct err *e);
void up_end_free(struct up_end *end);
/* Stop all that runs of these services, for a reason of ours. */
void up_end_begin(struct up_end *end);
/* Was it interrupted? Is it ending, for this reason or another? Are all stopped? */
bool up_end_interrupted(const struct up_end *end);
bool up_end_begun(const struct up_end *end);
bool up_end_over(const struct up_end *end);
/* It is over, though not all could be stopped: that has been said. */
bool up_end_stuck(const struct up_end *end);
/* Run the loop until it is over. */
void up_end_wait(struct up_end *end);

OWN_DEFINE_PTR(up_end, struct up_end, up_end_free)

#endif
