/*
 * top - the processes of a container as ps shows them.
 *
 * What is mostly asked for is made from /proc: "-ef" (the default), "aux", and "-o LIST" or "-eo LIST" of the columns that
 * columns() below knows. Any other argument goes to the host's ps, whose lines are kept if their pid is one of ours.
 *
 * Source:  proc(5); ps(1) of procps, for titles and forms; docker's answer {"Titles": [...], "Processes": [[...]]}.
 * Errors:  -EINVAL: no such column; no PID among them ("Couldn't find PID field in ps output", as docker says); a heading that
 *          would make another column look like it. -EOPNOTSUPP: the arguments need ps and this host has none.
 * Context: blocks (files, NSS, a program): for a worker. A process that ended meanwhile is left out.
 */
#ifndef SUPERVISOR_TOP_H
#define SUPERVISOR_TOP_H

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* args NULL or "": "-ef". A new object; NULL with e on failure. */
json_t *top_list(const pid_t *pids, size_t n, const char *args, struct err *e);

/* Parts of it, for tests. proc_dirfd stands for /proc. 0: args are not ours, else 1 and the answer, or -errno. */
int top_from_proc(int proc_dirfd, const pid_t *pids, size_t n, const char *args, int64_t now_ns, json_t **out,
	struct err *e);
/* Of ps's output: the heading's words, and the lines of these pids. */
int top_from_ps(char *text, const pid_t *pids, size_t n, json_t **out, struct err *e);
/* As docker checks them: "-o x=PID" would pass another number off as the pid. */
int top_check_args(const char *args, struct err *e);

#endif
