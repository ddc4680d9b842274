/*
 * rlimit - names of resource limits.
 *
 * Source:  getrlimit(2); OCI config.md ("RLIMIT_NOFILE") and Docker's ulimits ("nofile").
 * Errors:  -EINVAL for a name that is none.
 */
#ifndef RUNTIME_RLIMIT_H
#define RUNTIME_RLIMIT_H

/* RLIMIT_* of "RLIMIT_NOFILE" (upper case only) or "nofile". */
int rlimit_from_name(const char *name);
/* "RLIMIT_NOFILE"; NULL when there is no such limit. Behind the underscore stands Docker's name in capitals. */
const char *rlimit_name(int resource);

#endif
