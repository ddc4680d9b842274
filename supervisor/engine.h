/*
 * engine - everything of one daemon: its options, its loop, and the containers and execs it looks after.
 *
 * Owns:    the event base, the directory descriptors, the keeper's connection, the containers and execs (freed with it).
 *          One engine per process; nothing here is global.
 * Units:   nanoseconds, as base/clock.h.
 * Context: the loop's one thread. Nothing that is reachable from here blocks; what may block is a worker's.
 */
#ifndef SUPERVISOR_ENGINE_H
#define SUPERVISOR_ENGINE_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/own.h"
#include "base/proc.h"
#include "runtime/cgroup.h"
#include "runtime/launch.h"
#include "runtime/seccomp.h"

struct container;
struct event_ring;
struct http_server;
struct images;
struct keeper;
struct logbatch;
struct reload;
struct stats_clock;
struct store;
struct volumes;
struct worker_pool;
struct upgrade;

#define ENGINE_BLOCK (64 * 1024)

struct engine_options {
	const char *name;      /* prefix of what is global to a host: "berth" */
	const char *data_root; /* absolute */
	const char *run_root;
	const char *log_root;
	const char *socket; /* path of the API's socket */
	char **files;	    /* compose files, NULL-terminated; may be NULL */
	enum log_level log_level;
	int64_t stop_timeout_ns;	   /* for a container that names none */
	char *made_log_root, *made_socket; /* engine_options_done() frees these and .files */
};

/* Verbs that take time answer by one of these: r is 0 or -errno and e then says why (NULL on success). It is called from
 * the loop exactly once, never from inside the verb. */
typedef void (*done_fn)(void *cookie, int r, const struct err *e);

struct engine {
	struct event_base *base;
	struct engine_options options;
	char boot_id[BOOT_ID_LEN + 1];
	int run_dirfd;	 /* <run-root>/containers */
	int data_dirfd;	 /* <data-root>/containers */
	int trash_dirfd; /* <data-root>/trash */
	int log_dirfd;	 /* <log-root> */

	struct keeper *keeper;
	struct cgroup_root *cgroups;
	struct cgroup launch_group; /* NAME/launch: launchers and workers */
	int leftovers_fd;	    /* write end that each of them holds */
	struct worker_pool *workers;
	struct launch_env *launch_env;
	struct seccomp_cache *seccomp;
	struct store *store;
	struct volumes *volumes;
	unsigned pruning; /* kinds of objects that are being pruned: bits by api/prune.c */
	struct images *images;

	struct upgrade *upgrade; /* NULL: nothing of that kind */
	struct reload *reload;	 /* the compose files of -f */
	struct http_server *api;
	struct stats_clock *stats; /* NULL while nobody asks for statistics */
	struct list containers;	   /* struct container.link, oldest first */
	struct list creating;	   /* those that are not durable yet: only their names count */
	struct list execs;	   /* struct exec_session.link */
	struct list tombs;	   /* exit records of removed containers, a minute each */
	struct list subscribers;   /* struct engine_subscriber.link */
	struct event_ring *events;
	int events_dirfd;  /* <run-root> */
	struct list debts; /* groups that could not be removed yet, tried again until they are */
	struct event *debt_timer, *exec_timer;
	int freeze_fd; /* tells of groups that were frozen or thawed, -1: this host cannot */
	struct event *freeze_event;
	struct logbatch *log_batch;
	struct buf log_records; /* shared by all log files, empty between calls */
	char *block;		/* ENGINE_BLOCK bytes that every read of an exec's pipe goes through */
	bool stopping;		/* no start, no restart any more */
};

/* Directories and the loop; no keeper, no cgroups yet (daemon.c opens those in its order). */
int engine_open(const struct engine_options *options, struct engine **out, struct err *e);
void engine_free(struct engine *en);

/* Run fn(cookie) from the loop, after what is going on now. Cannot fail: out of memory here ends the supervisor, whose
 * successor takes up where it was. */
void engine_later(struct engine *en, void (*fn)(void *cookie), void *cookie);
/* Answer a verb from the loop; e is copied. */
void engine_answer(struct engine *en, done_fn done, void *cookie, int r, const struct err *e);
/* A one-shot timer made with this fires after delay_ns (>= 0). */
void engine_timer_arm(struct event *timer, int64_t delay_ns);
/* Free an event and forget it; NULL is fine. */
void engine_event_free(struct event **ev);

/* Put together elsewhere: the API's listener (supervisor/api/). */
int api_start(struct engine *en, int listen_fd, struct err *e);
void api_stop(struct engine *en); /* closes what clients have open */

OWN_DEFINE_PTR(engine, struct engine, engine_free)

#endif
