/*
 * floor - what the kernel alone charges: the very system calls that a job needs and nothing else.
 *
 * The yardstick of tests/bench/bench.c. Each call does the job once and returns 0, or -1 with errno.
 */
#ifndef TESTS_BENCH_FLOOR_H
#define TESTS_BENCH_FLOOR_H

#include <sys/types.h>

/* Make the groups' parents; root is a root filesystem with /bin/true. */
int floor_open(const char *name, const char *root);
void floor_close(void);
/* Six namespaces, docker's default mounts, masked and read-only paths, a cgroup per hierarchy, execve of /bin/true, wait, removal. */
int floor_start(void);
/* A process in a container of that kind that sleeps, for floor_exec(). */
pid_t floor_sleeper(void);
/* /bin/true in the namespaces and groups of that process. */
int floor_exec(pid_t sleeper);
void floor_sleeper_end(pid_t sleeper);

#endif
