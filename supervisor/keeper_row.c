#include "base/clock.h"
#include "base/io.h"
#include "supervisor/keeper_private.h"

/* Sends what the socket takes; the first one is waited for when nothing is on its way. */
static int send_row(struct keeper *k, const struct keeper_row *row, enum keeper_op op, uint32_t first,
	size_t *asked, size_t answered, int64_t deadline_ns)
{
	for (; *asked < row->n; (*asked)++) {
		struct keeper_msg msg = { .version = KEEPER_PROTOCOL_VERSION,
			.op = (uint8_t)op,
			.serial = first + (uint32_t)*asked };
		row->question(row->cookie, *asked, &msg);
		int r = *asked == answered ? keeper_send(k, &msg, -1, deadline_ns)
					   : io_send(k->sock, &msg, sizeof(msg), NULL, 0);
		if (r == -EAGAIN)
			return 0; /* an answer makes room */
		if (r < 0)
			return r;
	}
	return 0;
}

int keeper_ask_row(struct keeper *k, enum keeper_op op, const struct keeper_row *row, struct err *e)
{
	uint32_t first = k->serial + 1;
	size_t asked = 0;
	int r = 0;

	k->serial += (uint32_t)row->n;
	for (size_t answered = 0; r == 0 && answered < row->n && !k->gone; answered++) {
		auto_close int fd = -1;
		struct keeper_msg answer = { .op = 0 };
		int64_t deadline_ns = clock_mono_ns() + KEEPER_ANSWER_TIME;
		r = send_row(k, row, op, first, &asked, answered, deadline_ns);
		if (r < 0)
			break;
		r = keeper_await(k, (uint8_t)op, first + (uint32_t)answered, &answer, &fd, deadline_ns);
		if (r == 0 && (answer.status == -EPROTONOSUPPORT || answer.status == -ENOSYS))
			r = answer.status;
		else if (r == 0)
			r = row->answer(row->cookie, &answer, &fd);
	}
	return r < 0 || k->gone ? keeper_say_no_answer(k, r, e) : 0;
}

/* ---- tables of the keeper, walked by a cursor */

#define WALK_STEP 16

static void walk_question(void *cookie, size_t i, struct keeper_msg *msg)
{
	const struct keeper_walk *w = cookie;
	msg->cursor = w->base + (uint32_t)i;
}

static int walk_answer(void *cookie, const struct keeper_msg *msg, int *fd)
{
	struct keeper_walk *w = cookie;
	(void)fd;

	if (msg->status == -ENOENT)
		w->ended = true;
	if (msg->status < 0)
		return msg->status == -ENOENT ? 0 : msg->status;
	if (msg->cursor <= w->base || msg->cursor < w->last)
		return -EPROTO; /* it would not end */
	bool again = msg->cursor == w->last;
	w->last = msg->cursor;
	return w->entry(w->cookie, msg, again);
}

int keeper_walk(struct keeper *k, enum keeper_op op, struct keeper_walk *w, struct err *e)
{
	const struct keeper_row row = { WALK_STEP, walk_question, walk_answer, w };
	int r = 0;

	while (r == 0 && !w->ended) {
		w->base = w->last;
		r = keeper_ask_row(k, op, &row, e);
	}
	return r;
}
