/*
 * fault - named places at which a test may kill this process or the supervisor that started it.
 *
 *     fault_point("launch.cloned");
 *
 * In a build with FAULTS=1 the environment variable BERTH_FAULT=NAME:self (SIGKILL to whoever comes there), NAME:stop
 * (SIGSTOP to it) or NAME:supervisor (SIGKILL to the process that called fault_arm()) arms one of them; otherwise all of
 * this is nothing. BERTH_FAULT is for the first supervisor of a keeper, BERTH_FAULT_THEN, where it is set, for the second.
 * The supervisor may be outside of the pid namespace in which the place is reached, so a small helper process does the
 * killing: fault_arm() forks it, and it ends with the last copy of fault_fd().
 *
 * Context: fault_point() is safe in forked children and freestanding code.
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <stddef.h>

#define FAULT_ENV 2
#define FAULT_MARK                                                                                           \
	"fault_point:" /* before each name in the program's image, so that a test finds them all there */

#ifdef BERTH_FAULTS
/* Called by the supervisor before it forks what has fault points. Does nothing unless NAME:supervisor is asked for. */
void fault_arm(void);
void fault_disarm(void);
/* A descriptor to keep open across close_range in children, -1: none. */
int fault_fd(void);
#define fault_point(name) fault_come_to(FAULT_MARK name)
void fault_come_to(const char *marked_name);
/* What a program executed afresh needs to go on with it: at most FAULT_ENV variables into envp, then NULL. */
void fault_env(char **envp);
#else
static inline void fault_arm(void)
{
}

static inline void fault_disarm(void)
{
}

static inline int fault_fd(void)
{
	return -1;
}

static inline void fault_point(const char *name)
{
	(void)name;
}

static inline void fault_env(char **envp)
{
	envp[0] = NULL;
}
#endif

#endif
