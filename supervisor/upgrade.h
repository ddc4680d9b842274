/*
 * upgrade - another program in our place: checked, handed to the keeper, taken up by who comes after us.
 *
 * A worker copies the file into a sealed memfd, looks whether it is a program for this machine and asks it for its version.
 * The keeper gets the copy; then we end as in a crash, without any farewell, and the successor recovers what there is. What
 * was asked for stands in <run-root>/upgrade.json, so that whoever comes next can say how it went:
 *
 *     under-way -> trial (the new one is up) -> kept (it has been for KEEPER_TRIAL_S)
 *               \-> rolled-back, with a reason: it did not come up in time, or died on its trial; the one before runs again
 *
 * Owns:    engine.upgrade, freed by upgrade_done().
 * Errors:  those of upgrade_start(): -EBUSY one is under way, or the daemon ends. By the callback: -ENOENT, -EACCES, -EINVAL,
 *          -ETIMEDOUT with a text that names the file.
 * Context: the loop.
 */
#ifndef SUPERVISOR_UPGRADE_H
#define SUPERVISOR_UPGRADE_H

#include <jansson.h>

#include "base/err.h"
#include "supervisor/engine.h"

/* Called once, from the loop; on success upgrade_leave() must follow when the answer is out. */
typedef void (*upgrade_done_fn)(void *cookie, int r, const struct err *e);

int upgrade_start(struct engine *en, const char *path, upgrade_done_fn done, void *cookie, struct err *e);
/* End in a moment, time enough for what was written to clients to leave. */
void upgrade_leave(struct engine *en);

/* {State, Version, Pid[, From, To, Path, Reason]}: State as above, or "none"; a new reference. */
json_t *upgrade_status(const struct engine *en);

/* At the start, when we are ready: finds out what became of an upgrade and logs it. */
void upgrade_recover(struct engine *en);
/* At an orderly end: the record goes. */
void upgrade_forget(struct engine *en);
void upgrade_done(struct engine *en);

#endif
