/*
 * launch_exec - the launcher executed afresh: for a container whose init can be seen by others before it is a payload.
 *
 * A process that enters an existing pid namespace (pid: host, another container's) may be looked into by whoever is there
 * with the right to trace. So it must not be a copy of the caller, whose heap holds every other container's secrets. The
 * launcher hands its descriptors, the spec as config.json and the plan to a new run of this very program, which makes
 * the init from those alone.
 *
 * Source:  CVE-2016-9962; OCI config.md for the document.
 * Errors:  launch_exec_again() returns only on failure.
 */
#ifndef RUNTIME_LAUNCH_EXEC_H
#define RUNTIME_LAUNCH_EXEC_H

#include "base/err.h"

struct launch_state;

#define LAUNCH_EXEC_VERB "launch-exec"

int launch_exec_again(const struct launch_state *s, struct err *e);
/* The program's entry for `PROGRAM launch-exec FD`, called from main() before anything else is set up; argv[0] is the
 * verb. Does not come back but for a wrong call. */
int launch_exec_main(int argc, char **argv);

#endif
