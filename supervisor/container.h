/*
 * container - one container as the supervisor knows it: looked up, created, started, stopped, killed, removed.
 *
 * The verbs that take time answer by a done_fn (engine.h). Errors are errno values that the API turns into HTTP codes:
 *   ENOENT 404, EEXIST and EBUSY 409, EINVAL 400, EALREADY 304 (already running, already stopped), EPERM 403, ENOSYS 501,
 *   else 500. Their texts are docker's where clients search for them.
 *
 * Order of an exit: code known -> log pipes drained (EOF or 2 s) -> state changed and written -> keeper told -> event ->
 *   waiters -> attached streams closed -> restart or auto-remove.
 * Owns:    its config, stdio, attachments, groups' descriptors and pidfd. A container is freed by its removal, from the loop:
 *          hold no pointer across a return to the loop but by id, or subscribe to "destroy".
 * Context: the loop.
 */
#ifndef SUPERVISOR_CONTAINER_H
#define SUPERVISOR_CONTAINER_H

#include <jansson.h>

#include "base/list.h"
#include "base/text.h"
#include "runtime/cgroup.h"
#include "supervisor/engine.h"
#include "supervisor/state.h"

struct config;
struct spec;
struct stdio;
struct start_job;
struct stop_job;
struct exit_job;
struct remove_job;
struct pause_job;
struct hook_job;

#define CONTAINER_NAME_MAX 255

struct container {
	struct list link;
	struct engine *engine;
	char id[TEXT_ID_LEN + 1];
	char name[CONTAINER_NAME_MAX + 1]; /* without the slash */
	int64_t created_ns;
	struct config *config; /* the create body, parsed */
	struct spec *spec;     /* of a start, and of a run that has seen an exec; else NULL */
	struct desired desired;
	struct actual actual;
	struct result *result;	/* to be written, or just read; else NULL */
	unsigned dirty, flying; /* enum store_what: not durable yet; of these, in the batch under way */
	unsigned tried; /* the round of the store that it was written in last, 0: it is asked for anew */
	bool fresh;	/* its creation is not durable yet: nobody but its creator knows of it */
	bool in_trash;	/* only what is left of it is to be deleted */
	bool has_state; /* when loaded: the run root has a record of this boot */

	struct cgroup group; /* closed while nothing runs */
	int freeze_watch;    /* number of the watch on its group, 0: none */
	int pidfd;	     /* of init, -1 */
	struct stdio *stdio; /* NULL while nothing runs */
	struct launch *held; /* container_hold.h; NULL: it is not held */
	bool has_gate;
	bool unannounced;	 /* nobody was told of it: container_make() */
	struct list attachments; /* struct attach.link */
	struct list followers;	 /* struct logfollower.link */
	bool resumed;		 /* a client that was cut off has come again */
	int64_t taken_up_ns;	 /* monotonic, when this supervisor took it over; 0: it did not */
	struct event *hold;	 /* removal by itself waits for clients that were cut off; NULL */
	struct list waiters;	 /* struct waiter.link */
	struct list runs;	 /* struct run_end.link */
	unsigned n_exec;	 /* for the names of exec groups */
	uint16_t console_width, console_height; /* asked for by resize, for the next start too */

	/* What is under way; NULL: nothing. */
	struct start_job *start;
	struct stop_job *stop;
	struct exit_job *exit;
	struct remove_job *remove;
	struct pause_job *pause;
	struct hook_job *pre_stop; /* hooks.h: a stop waits for it */
	bool restarting_by_user; /* between the two halves of a restart: neither policy nor auto-remove acts */
	struct event *restart_timer;
};

/* Full id, exact name (a leading slash is tolerated), unique id prefix. -ENOENT "No such container: X", -EINVAL "multiple IDs
 * found with provided prefix: X". */
struct container *container_find(struct engine *en, const char *ref, struct err *e);
/* By full id or NULL. */
struct container *container_by_id(struct engine *en, const char *id);
struct container *container_by_name(struct engine *en, const char *name);

/* body: docker's create body. name NULL: a random one. *warnings: an array the caller decrefs. -EEXIST: name in use. When it
 * returns 0, done is answered as soon as the container is on disk; with r < 0 *out is gone by then. Until then nobody finds it. */
int container_create(struct engine *en, const char *name, const json_t *body, struct container **out,
	json_t **warnings, done_fn done, void *cookie, struct err *e);
/* -EALREADY: it runs. In back-off it is started at once. A start that fails answers with the reason, and .actual has error and exit code (127, 126, 128): for the
 * first two the answer's code is EINVAL, as docker answers them by 400. */
void container_start(struct container *c, done_fn done, void *cookie);
/* container_create() in two, for one that is made whole before anybody is told. body has a "Berth": {"Oci"}; id NULL: a random
 * one, else 64 hex digits. What is made is in the list and does what any container does, but there is no event and a supervisor's
 * death takes it away; container_acknowledge() makes it last, container_remove() undoes it. */
int container_make(struct engine *en, const char *id, const char *name, const json_t *body,
	struct container **out, struct err *e);
void container_acknowledge(struct container *c, done_fn done, void *cookie);
/* The first half of a start: its init is made, with its groups, namespaces and mounts, and waits for container_start().
 * -EBUSY: it runs, is held or is being started. A failure leaves nothing of it; its texts and codes are container_start()'s. */
void container_hold(struct container *c, done_fn done, void *cookie);
/* sig 0: its own stop signal; timeout_ns < 0: wait for ever; CONTAINER_TIMEOUT_DEFAULT: its own or the daemon's. -EALREADY: it
 * does not run. Several callers may stop at once; all are answered at the exit. */
#define CONTAINER_TIMEOUT_DEFAULT INT64_MIN
void container_stop(struct container *c, int sig, int64_t timeout_ns, done_fn done, void *cookie);
/* The same for who has asked before and lost the answer with a supervisor: a stop that goes on is waited for and not begun anew. */
void container_stop_again(struct container *c, int sig, int64_t timeout_ns, done_fn done, void *cookie);
void container_restart(struct container *c, int sig, int64_t timeout_ns, done_fn done, void *cookie);
/* What CONTAINER_TIMEOUT_DEFAULT means for it; -1: for ever. */
int64_t container_grace_ns(const struct container *c);
/* Its exit is under way (c->exit): answered when that is through, and policy does not start it again. No signal, no event. */
void container_await_exit(struct container *c, done_fn done, void *cookie);
/* SIGKILL answers after the exit, any other signal at once. -EBUSY: it does not run. */
void container_kill(struct container *c, int sig, done_fn done, void *cookie);
/* Freezes all that runs in it; answers when it stands still. -EBUSY: it does not run, or is paused already. */
void container_pause(struct container *c, done_fn done, void *cookie);
void container_unpause(struct container *c, done_fn done, void *cookie);
/* Paused, or about to be: what is put into it now does not run. */
bool container_is_frozen(const struct container *c);
/* -EBUSY: running without force, or a removal is already in progress. */
void container_remove(struct container *c, bool force, bool volumes, done_fn done, void *cookie);
/* By force; a removal that is in progress already is waited for, and its answer is ours. */
void container_remove_or_join(struct container *c, bool volumes, done_fn done, void *cookie);
/* -EINVAL: not a name, or the one that it has; -EEXIST: another's. */
void container_rename(struct container *c, const char *name, done_fn done, void *cookie);
/* body: docker's update. All of it or, after an error, none. */
void container_update(struct container *c, const json_t *body, done_fn done, void *cookie);
int container_resize(struct container *c, unsigned width, unsigned height, struct err *e);
/* Ends every container at the daemon's end (its own signal and grace, all at once); done when none runs and all is durable. */
void containers_stop_all(struct engine *en, done_fn done, void *cookie);
/* No grace: cgroup kill of all, waited for. */
void containers_kill_all(struct engine *en);

/* Between the container_*.c files (and recover.c, stdio.c). */
struct container *container_new(struct engine *en, const char *id);
/* "" and NULL: a random one. -EEXIST with docker's text. */
int container_set_name(struct container *c, const char *name, struct err *e);
/* Forgets it; what it has in the kernel and the keeper stays. */
void container_free(struct container *c);
/* The record as it is now to the run root; a failure is logged, and is no reason to stop. */
void container_save_state(struct container *c);
/* After a change of .desired: the same, and to the data root in the background (store_commit() or store_answer() wait for that). */
void container_save_desired(struct container *c);
/* Of the init process: what the kernel and the keeper need to be told. */
void container_close_process(struct container *c);

struct keeper_exit;
/* The keeper has the exit of this container's init. */
void container_on_exit(struct container *c, const struct keeper_exit *x);
/* The same for a process of which nobody can say how it ended. */
void container_on_lost(struct container *c);
/* Its output was read to the end. */
void container_on_drained(struct container *c);
/* While its start is under way. */
void start_on_exit(struct container *c, const struct keeper_exit *x);
void start_abort(struct container *c, const char *why);
/* A supervisor died while it stopped (or restarted) this one: the grace goes on, or the kill follows. */
void stop_take_up(struct container *c);
/* The start is over, either way: a stop may have been waiting for that. */
void stop_after_start(struct container *c);
/* The run is over; exit code and time are in .actual. */
void stop_after_exit(struct container *c);

/* Would policy start it again after such a run? */
bool restart_follows(const struct container *c, const struct state_end *end, int64_t ran_ns);
/* A run or a start is over as end says, but for what policy makes of it: that is decided here, and the state is set.
 * restart_arm() follows when all know. */
void restart_settle(struct container *c, const struct state_end *end, int64_t ran_ns);
void restart_arm(struct container *c);
void restart_cancel(struct container *c);
/* Its group is there: hear of a freeze by others. */
void pause_watch(struct container *c);
/* The same for one that ran before this supervisor did: frozen again if that is wanted; else what the kernel says holds. */
void pause_take_up(struct container *c);
void pause_unwatch(struct container *c);
/* A signal is to end it, so it must get it: thaw. A pause that is under way is called off. */
void pause_end(struct container *c);
/* The process is gone. */
void pause_after_exit(struct container *c);
/* Of the engine: the descriptor that all watches share. */
void pause_open(struct engine *en); /* a failure is logged */
void pause_close(struct engine *en);
/* Remove the group now or, when something in it is still dying, within 2 s; done is called from the loop either way. */
void group_clear(struct container *c, void (*done)(void *cookie), void *cookie);

#endif
