/*
 * engine_options - the daemon's command line: a table of options with their defaults.
 *
 * Owns:    strings point into argv or are constants; engine_options_done() frees what was made.
 * Errors:  -EINVAL, the text names the option.
 * Context: pure.
 */
#ifndef SUPERVISOR_ENGINE_OPTIONS_H
#define SUPERVISOR_ENGINE_OPTIONS_H

#include <stdio.h>

#include "supervisor/engine.h"

/* argv[0] is the verb. */
int engine_options_parse(int argc, char **argv, struct engine_options *out, struct err *e);
/* What `berth daemon --help` prints. */
void engine_options_help(FILE *to);
void engine_options_done(struct engine_options *o);

#endif
