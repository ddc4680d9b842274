/*
 * vclone - clone3 with CLONE_VM: children at the price of a thread and not of a copied address space. One with CLONE_VFORK on a
 * stack of its own, for an immediate execve; one that takes the caller's place.
 *
 * Source:  clone(2), vfork(2).
 * Context: one thread. Of vclone(): the caller is suspended until the child has executed or ended, and holds all signals blocked: a
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

/* The child goes on with our memory and on our stack, and we end with 0 that very moment, having touched neither: returns 0,
 * in the child; -errno: there is none, in the caller. Until our end is through, the memory has two users for the kernel, so
 * that setns(2) says EUSERS to a time namespace. No signal may have a handler. */
pid_t vclone_heir(struct clone_args *args);

#endif
