/*
 * options - the daemon's command line: a table of options with their defaults.
 *
 * Owns:    strings point into argv or are constants; options_done() frees what was made.
 * Errors:  -EINVAL, the text names the option.
 * Context: pure.
 */
#ifndef SUPERVISOR_OPTIONS_H
#define SUPERVISOR_OPTIONS_H

#include "supervisor/engine.h"

/* argv[0] is the verb. */
int options_parse(int argc, char **argv, struct engine_options *out, struct err *e);
void options_done(struct engine_options *o);

#endif
