/*
 * launch_gate - the FIFO before which a held init waits for its start (struct launch_args.hold).
 *
 * It is a name in a directory of the caller's, opened before the init enters its mount namespace. The init holds both ends, so
 * it waits on, whoever dies; and whoever can open the name can start it: another process, much later, too. The init closes it
 * before it executes its program, so a byte for one that was let go already finds nobody.
 *
 * Source:  fifo(7): O_RDWR never blocks on Linux, O_WRONLY | O_NONBLOCK without a reader is ENXIO.
 * Owns:    the descriptor of launch_gate_make() is the caller's; it is CLOEXEC and blocking, as the init wants it.
 * Errors:  -EEXIST: there is such a name; -ESRCH from open: nobody waits (let go already, or dead).
 */
#ifndef RUNTIME_LAUNCH_GATE_H
#define RUNTIME_LAUNCH_GATE_H

#include "base/err.h"

/* Make the FIFO and open it. */
int launch_gate_make(int dirfd, const char *name, struct err *e);
/* Let the init go. */
int launch_gate_open(int dirfd, const char *name, struct err *e);
/* The name goes; one that waits is not let go by that. A missing one is fine. */
void launch_gate_remove(int dirfd, const char *name);

#endif
