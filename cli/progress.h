/*
 * progress - what happens to a project's containers and volumes, on standard error: a block of lines that is drawn anew on a terminal,
 * " Container demo-web-1  Started" elsewhere.
 *
 * Source:  docker compose's --progress and --ansi; https://no-color.org.
 * Owns:    progress_free() leaves the last state of the block where it is, with its last seconds. NULL is fine everywhere.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <event2/event.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/own.h"
#include "cli/args.h"
#include "cli/cli.h"

enum progress_mode { PROGRESS_AUTO, PROGRESS_PLAIN, PROGRESS_TTY, PROGRESS_QUIET };

struct progress;

/* "--progress" as it was given, NULL: auto. -EINVAL. */
int progress_parse_mode(const char *text, enum progress_mode *out, struct err *e);
/* Are colours right on this descriptor? when is NULL, "auto", "always" or "never": -EINVAL otherwise. */
int progress_parse_ansi(const char *when, int fd, bool *colors, struct err *e);

/* base: where the clock of the block runs. */
int progress_new(
	struct event_base *base, enum progress_mode mode, bool colors, struct progress **out, struct err *e);
/* As --progress and --ansi of the verb or its group say. */
int progress_as_asked(const struct cli *cli, const struct args *o, struct event_base *base,
	struct progress **out, struct err *e);
void progress_free(struct progress *p);
/* kind is "Container", "Volume", ...; a status in "...ing" (but Running) or Recreate is under way, Error is one. */
void progress_say(struct progress *p, const char *kind, const char *name, const char *status);
void progress_warn(struct progress *p, const char *text);
/* Whatever is printed by others from here on comes below the block. */
void progress_rest(struct progress *p);

OWN_DEFINE_PTR(progress, struct progress, progress_free)

#endif
