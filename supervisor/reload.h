/*
 * reload - the compose files of `berth daemon -f`: read at the start, and whenever SIGHUP or POST /berth/reload asks for it.
 *
 * Each file is a project of its own. All are read before anything is done; when that is asked for by somebody, one that is wrong
 * changes nothing at all. At the start it is logged, and the others come up. What the files say is then compared with what exists: what
 * is new or has changed is made and started, what is gone from a file that made it is removed, and what is the same stays as it is, also
 * when it has ended or was stopped by a person.
 *
 * Owns:    the engine has one; reload_free() at its end.
 * Errors:  -EINVAL: the daemon has no files, or what is wrong with one; -EBUSY: they are being read already.
 * Context: the loop.
 */
#ifndef SUPERVISOR_RELOAD_H
#define SUPERVISOR_RELOAD_H

#include "supervisor/project.h"

struct reload;

/* At the daemon's start; without files there is nothing to do. */
int reload_open(struct engine *en, struct reload **out, struct err *e);
void reload_free(struct reload *rl);
/* report and done as for a project; result: {"Files": [...]}. */
int reload_start(
	struct reload *rl, project_report_fn report, project_done_fn done, void *cookie, struct err *e);
/* By a signal: how it went is logged. While one is under way another follows it. */
void reload_signalled(struct reload *rl);

#endif
