/*
 * store - what is written down, so that the next supervisor or the next boot knows.
 *
 *     <data-root>/containers/ID/  config.json   id, name, time of creation, create body
 *                                 desired.json  what is wanted of it (struct desired)
 *                                 result.json   the last run that ended and was not restarted (struct result)
 *     <run-root>/containers/ID/   state.json    what is (struct actual), and what is wanted as of this moment
 *                                 spec.json     the runtime configuration of the present run
 *     <data-root>/trash/          directories of removed containers, until their deletion is through
 *
 * A container exists when its config.json does. Files of the data root are replaced by temporary file, fsync, rename and fsync
 * of the directory; those of the run root (a tmpfs) by rename alone, at once. Each carries "Schema"; the former one is read
 * too, a higher one is refused for that container and left as it is. An unknown member is ignored, a missing one has its default.
 *
 * Group commit: store_commit() marks files as dirty; one worker at a time writes all that is dirty, of all containers; what comes
 * meanwhile is the next batch. When it fails, all who wait are answered with the file's name and the cause; the file stays dirty
 * and is tried again with the next batch, or after 1 s doubling to 60 s.
 *
 * Errors:  a damaged file is renamed to *.damaged and named in the log. Of config.json it costs the container, of the others
 *          what they say: then it counts as not wanted to run, and as ended with 255.
 * Context: the loop, but for store_load.c's, which may block: at the start.
 */
#ifndef SUPERVISOR_STORE_H
#define SUPERVISOR_STORE_H

#include "supervisor/answers.h"
#include "supervisor/container.h"

#define STORE_SCHEMA	 2
#define STORE_SCHEMA_MIN 1

enum store_what {
	STORE_CONFIG = 1 << 0,
	STORE_DESIRED = 1 << 1,
	STORE_RESULT = 1 << 2, /* c->result, which the store frees when it is written */
	STORE_GONE = 1 << 3,   /* its directory is moved to the trash: after this it does not come back */
};

int store_open(struct engine *en, struct err *e);
/* Who waits is not answered any more. */
void store_close(struct engine *en);

/* These files of c, as they are in memory when the batch begins, and all that waits for it already, are to be durable; then done
 * is answered: 0, or -errno and what could not be written. what 0: only wait for what is under way. done may be NULL. */
void store_commit(struct container *c, unsigned what, done_fn done, void *cookie);
/* store_commit(c, 0, ...) for several: each gets r and e when r < 0, else what the store says. Empties answers. */
void store_answer(struct container *c, struct answers *answers, int r, const struct err *e);
/* The run that just ended (the rest of it is in c->actual), into c->result; STORE_RESULT writes it. */
void store_set_result(
	struct container *c, int exit_code, bool oom_killed, bool interrupted, int64_t finished_ns);
/* When nothing is dirty, or has just been tried in vain. */
void store_settle(struct engine *en, done_fn done, void *cookie);
/* c is about to be freed: who waits for it is answered by 0. */
void store_release(struct container *c);

/* The run root's. store_add: a directory for it, unless there is one. */
int store_add(struct container *c, struct err *e);
int store_save_state(struct container *c, struct err *e);
int store_save_spec(struct container *c, struct err *e);
int store_load_spec(struct container *c, struct err *e);
void store_drop_spec(struct container *c);
/* Nothing of it is left in the run root. */
int store_remove(struct engine *en, const char *id, struct err *e);

/* Every container of the data root, and what the trash still has, into en->containers; nothing else is done with them.
 * What was never acknowledged is moved to the trash, temporary files are deleted. */
int store_load(struct engine *en, struct err *e);

#endif
