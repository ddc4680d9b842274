/*
 * vclone - clone3 with CLONE_VM and CLONE_VFORK on a stack of its own: a child for an immediate execve, at the price of a
 * thread and not of a copied address space.
 *
 * Source:  clone(2), vfork(2).
 * Context: one thread; the caller is suspended until the child has executed or ended, and holds all signals blocked: a
 *          handler that ran in the child would run in the caller's memory. The child makes system calls only. Never for a
 *          child that enters a container before its execve: who can trace it there could write our memory.
 * Errors:  the child's pid or -errno.
 */
#ifndef RUNTIME_VCLONE_H
#define RUNTIME_VCLONE_H

#include <sys/types.h>

#include "base/sys.h"

/* fn's result is the child's exit code. Where there is no trampoline for this machine: fork semantics, so that what fn
 * writes is not seen by the caller. */
pid_t vclone(struct clone_args *args, int (*fn)(void *), void *cookie);

#endif
