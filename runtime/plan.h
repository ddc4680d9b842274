/*
 * plan - the host's side of the stage: what a process is to be as flat bytes, and what the stage reports as an error.
 *
 * Layout:  runtime/stage/plan.h. Everything comes from a parsed spec_process; no descriptor and no address is in it.
 * Owns:    nothing; plan_build() appends to the caller's buf, which must be empty so that its first byte is the plan's.
 * Errors:  -EINVAL with the member's name; -E2BIG when arguments and environment do not fit PLAN_MAX; -ENOMEM.
 */
#ifndef RUNTIME_PLAN_H
#define RUNTIME_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "runtime/seccomp.h"
#include "runtime/spec.h"
#include "runtime/stage/stage.h"

/* What the process is not asked but the way it is started. */
struct plan_extra {
	bool reaper;	      /* init: true */
	bool chown_pipes;     /* the pipes among stdio were made by us */
	bool no_home;	      /* leave HOME alone even when the environment has none */
	uint32_t join_ns;     /* exec: CLONE_NEW* */
	uint32_t n_tasks;     /* exec: v1 tasks descriptors */
	uint32_t stdio_given; /* exec: bit n for descriptor n */
};

/* seccomp and extra may be NULL. */
int plan_build(const struct spec_process *process, const struct seccomp_prog *seccomp,
	const struct plan_extra *extra, struct buf *out, struct err *e);

/* A STAGE_FAILED message as it came over the socket. It may have been written by somebody inside the container, so nothing
 * in it is believed: returns a valid -errno, the text without control characters, *exit_code one of 126, 127, 128. */
int plan_error(const struct stage_msg *m, int *exit_code, struct err *e);
/* The same for text alone: control characters become '?', file names of an image among them. */
void plan_clean_text(char *text);
/* The descriptor of a STAGE_CONSOLE message: the master end of a pseudoterminal? Anything else was sent by somebody inside, and
 * reading it might never return. */
bool plan_is_console(int fd);

#endif
