/*
 * keeper_private - what the parts of the keeper's client share: keeper.c asks, keeper_row.c asks for many things at once,
 * keeper_fds.c knows the descriptors.
 */
#ifndef SUPERVISOR_KEEPER_PRIVATE_H
#define SUPERVISOR_KEEPER_PRIVATE_H

#include "init/protocol.h"
#include "supervisor/keeper.h"

#define KEEPER_ANSWER_TIME (2 * NS_PER_S)

/* A descriptor that was taken before anybody asked for it. */
struct keeper_fetched {
	char name[KEEPER_NAME_MAX + 1];
	int fd;
};

struct keeper {
	int sock;
	uint32_t serial;
	bool gone, gone_told;
	bool telling, closed; /* a callback may close us, while its caller still needs the memory */
	struct keeper_limits limits;
	struct event *readable, *later; /* NULL without a loop */
	keeper_exit_fn on_exit;
	keeper_gone_fn on_gone;
	void *cookie;
	struct keeper_exit *queue; /* [head, tail) */
	size_t head, tail, room;
	struct keeper_fetched *fetched; /* by name */
	size_t n_fetched;
};

/* msg is the question and becomes the answer. fd goes with it unless -1; *out_fd (may be NULL) is what comes back. The
 * keeper's own refusals are returned without a text, for the caller to say what they mean here; *said tells. */
int keeper_ask(struct keeper *k, struct keeper_msg *msg, int fd, int *out_fd, bool *said, struct err *e);

/* Its halves. Send waits for room. Await gives the answer to this serial, whatever its status. */
int keeper_send(struct keeper *k, const struct keeper_msg *msg, int fd, int64_t deadline_ns);
int keeper_await(struct keeper *k, uint8_t op, uint32_t serial, struct keeper_msg *answer, int *fd,
	int64_t deadline_ns);
int keeper_say_no_answer(const struct keeper *k, int r, struct err *e);

/* Questions of one kind, asked one behind the other without waiting for each answer: a hundred cost a few changes of
 * process and not a hundred. */
struct keeper_row {
	size_t n;
	void (*question)(void *cookie, size_t i, struct keeper_msg *msg);
	/* Takes *fd by setting it to -1. msg->status may be an error. Less than 0 ends the row. */
	int (*answer)(void *cookie, const struct keeper_msg *msg, int *fd);
	void *cookie;
};
int keeper_ask_row(struct keeper *k, enum keeper_op op, const struct keeper_row *row, struct err *e);

/* A table of the keeper, by a cursor. The next questions are asked before the answers say where the entries lie: most tables
 * have no holes. What lies behind a hole comes more than once. */
struct keeper_walk {
	uint32_t base, last; /* the cursor of the first question; behind what was seen last */
	bool ended;
	/* again: the same entry as before, as it is by now. */
	int (*entry)(void *cookie, const struct keeper_msg *msg, bool again);
	void *cookie;
};
int keeper_walk(struct keeper *k, enum keeper_op op, struct keeper_walk *w, struct err *e);

#endif
