/*
 * crash - what a supervisor that dies of a fatal signal leaves behind for its successor.
 *
 * No core file is ever written (we are not dumpable), so the handler writes a short report to a file of the run root that was
 * opened beforehand: signal, address, version and build id, the return addresses as OBJECT+OFFSET (for addr2line), the last
 * line of the log. Then the signal does what it does by default. The successor logs the report and keeps the last
 * CRASH_KEEP of them below <data-root>/crash.
 *
 * Source:  sigaction(2), sigaltstack(2), signal-safety(7), backtrace(3): its library is loaded when we arm.
 * Context: one process arms once. A forked child writes nothing: its handlers are at their defaults, or it is found to be
 *          another process.
 */
#ifndef SUPERVISOR_CRASH_H
#define SUPERVISOR_CRASH_H

#include <stddef.h>

#include "base/err.h"

#define CRASH_KEEP     5
#define CRASH_LINE_MAX 1024

int crash_arm(const char *run_root, struct err *e);
/* Handlers at their defaults, the file closed. */
void crash_disarm(void);

/* What a predecessor has left: 1 with a line of key=value for the log, 0 for nothing. The report moves to data_root; when it
 * cannot be kept there, e says why (and code is set), and the line is there all the same. */
int crash_collect(const char *run_root, const char *data_root, char line[CRASH_LINE_MAX], struct err *e);
/* At an orderly end: the file goes. */
void crash_forget(const char *run_root);

#endif
