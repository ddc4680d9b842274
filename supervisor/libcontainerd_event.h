/*
 * libcontainerd_event - libcontainerd's face of what happened (events.h): its types, its members.
 *
 *     {"Type", "Seq", "Time", "ContainerID", "ProcessID", "Pid"}
 *     of an exit also "ExitCode", "ExitedAt" and, of the container's init, "OOMKilled", "Error"
 *
 * ProcessID is the container's own id for its init. Each action has one event, in the order in which things happened: create,
 * start and exit of a container are told exactly once, whoever dies when. "unknown" stands for Lost events that the ring has
 * dropped before the reader came to them.
 *
 * Source:  moby's libcontainerd/types (EventType, EventInfo). start comes after the process was let go, create when it waits
 *          for that; for docker's containers create is the record's, and has no pid.
 * Context: the loop.
 */
#ifndef SUPERVISOR_LIBCONTAINERD_EVENT_H
#define SUPERVISOR_LIBCONTAINERD_EVENT_H

#include <jansson.h>
#include <stdint.h>

struct event_line;

enum lc_event {
	LC_EVENT_UNKNOWN,
	LC_EVENT_EXIT,
	LC_EVENT_OOM,
	LC_EVENT_CREATE,
	LC_EVENT_START,
	LC_EVENT_EXEC_ADDED,
	LC_EVENT_EXEC_STARTED,
	LC_EVENT_PAUSED,
	LC_EVENT_RESUMED,
	LC_EVENT_COUNT
};

const char *lc_event_name(enum lc_event t);
/* A new reference; NULL: it is none of libcontainerd's. */
json_t *lc_event_of(const struct event_line *line);
json_t *lc_event_lost(uint64_t next_seq, uint64_t lost);

#endif
