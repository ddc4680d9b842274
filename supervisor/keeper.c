#include "supervisor/keeper.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/text.h"
#include "supervisor/keeper_private.h"

int keeper_exit_code(const struct keeper_exit *exit)
{
	return exit->code == CLD_EXITED ? exit->value : 128 + exit->value;
}

/* ---- exits and the end, told from the loop */

static struct keeper_exit from_slot(const struct keeper_msg_slot *s)
{
	return (struct keeper_exit){ .pid = s->pid,
		.start_ticks = s->start_ticks,
		.exited = s->exited,
		.code = s->code,
		.value = s->value,
		.real_ns = s->real_ns,
		.mono_ns = s->mono_ns };
}

static void tell_later(struct keeper *k)
{
	static const struct timeval now = { 0, 0 };
	if (k->later)
		(void)event_add(k->later, &now); /* fails without memory: the next read tells */
}

static int queue_exit(struct keeper *k, const struct keeper_msg_slot *slot)
{
	if (k->tail == k->room) {
		/* Behind KEEPER_SLOTS: slots that were freed and used again while nobody returned to the loop. */
		struct keeper_exit *more = reallocarray(k->queue, 2 * k->room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		k->queue = more;
		k->room *= 2;
	}
	k->queue[k->tail++] = from_slot(slot);
	tell_later(k);
	return 0;
}

static void unqueue_exit(struct keeper *k, pid_t pid, uint64_t start_ticks)
{
	size_t kept = k->head;
	for (size_t i = k->head; i < k->tail; i++)
		if (k->queue[i].pid != pid || k->queue[i].start_ticks != start_ticks)
			k->queue[kept++] = k->queue[i];
	k->tail = kept;
}

static void tell(struct keeper *k)
{
	k->telling = true;
	while (k->head < k->tail && !k->closed) {
		struct keeper_exit first = k->queue[k->head++];
		k->on_exit(k->cookie, &first);
	}
	if (!k->closed)
		k->head = k->tail = 0;
	if (k->gone && !k->gone_told && !k->closed) {
		k->gone_told = true;
		k->on_gone(k->cookie);
	}
	k->telling = false;
	if (k->closed)
		keeper_free(k);
}

static void mark_gone(struct keeper *k)
{
	k->gone = true;
	if (k->readable)
		(void)event_del(k->readable); /* an end stays readable for ever */
	tell_later(k);
}

/* ---- datagrams */

/* Receives one: 1 with the message, 0 when nothing is there, -errno. An exit is queued and counts as received. */
static int receive(struct keeper *k, struct keeper_msg *msg, int *fd)
{
	size_t n = 1;
	*fd = -1;
	ssize_t len = io_recv(k->sock, msg, sizeof(*msg), fd, &n, MSG_DONTWAIT);
	if (len == -EAGAIN)
		return 0;
	if (len == 0 || len == -ECONNRESET || len == -EPIPE) {
		mark_gone(k);
		return -EPIPE;
	}
	if (len < 0 && len != -EMSGSIZE)
		return (int)len;
	if (n == 0)
		*fd = -1;
	if (len != (ssize_t)sizeof(*msg) || msg->version != KEEPER_PROTOCOL_VERSION) {
		own_close(fd);
		return -EPROTO;
	}
	if (msg->op == KEEPER_OP_EXITED) {
		int r = queue_exit(k, &msg->u.slot);
		if (r < 0)
			return r; /* it stays recorded with the keeper */
	}
	return 1;
}

static void on_readable(evutil_socket_t sock, short events, void *cookie)
{
	struct keeper *k = cookie;
	(void)sock;
	(void)events;
	for (;;) {
		struct keeper_msg msg;
		auto_close int fd = -1; /* of an answer that came too late */
		int r = receive(k, &msg, &fd);
		if (r <= 0 && r != -EPROTO)
			break;
	}
	tell(k);
}

static void on_later(evutil_socket_t sock, short events, void *cookie)
{
	(void)sock;
	(void)events;
	tell(cookie);
}

static int wait_for(struct keeper *k, short events, int64_t deadline_ns)
{
	int64_t left_ns = deadline_ns - clock_mono_ns();
	struct pollfd p = { .fd = k->sock, .events = events };
	int n = left_ns <= 0 ? 0 : poll(&p, 1, (int)(left_ns / NS_PER_MS) + 1);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	return n == 0 && clock_mono_ns() >= deadline_ns ? -ETIMEDOUT : 0;
}

int keeper_send(struct keeper *k, const struct keeper_msg *msg, int fd, int64_t deadline_ns)
{
	for (;;) {
		int r = io_send(k->sock, msg, sizeof(*msg), &fd, fd >= 0 ? 1 : 0);
		if (r == -EPIPE || r == -ECONNRESET)
			mark_gone(k);
		if (r != -EAGAIN)
			return r;
		r = wait_for(k, POLLOUT, deadline_ns);
		if (r < 0)
			return r;
	}
}

int keeper_await(struct keeper *k, uint8_t op, uint32_t serial, struct keeper_msg *answer, int *fd,
	int64_t deadline_ns)
{
	for (;;) {
		auto_close int got_fd = -1;
		int r = receive(k, answer, &got_fd);
		if (r < 0)
			return r;
		if (r == 0) {
			r = wait_for(k, POLLIN, deadline_ns);
			if (r < 0)
				return r;
			continue;
		}
		/* Not ours: an exit, or the answer to a question that was given up. */
		if (answer->op == KEEPER_OP_EXITED || answer->serial != serial)
			continue;
		if (answer->op != op || answer->status > 0 || answer->status < -4095)
			return -EPROTO;
		*fd = take_fd(&got_fd);
		return 0;
	}
}

int keeper_say_no_answer(const struct keeper *k, int r, struct err *e)
{
	if (k->gone)
		return err_say(e, EPIPE, "the keeper is gone");
	if (r == -ETIMEDOUT)
		return err_say(e, ETIMEDOUT, "the keeper gave no answer within two seconds");
	if (r == -EPROTONOSUPPORT || r == -ENOSYS)
		return err_say(e, -r, "the keeper is older than this program and cannot do this: restart it");
	return err_set(e, -r, "ask the keeper");
}

int keeper_ask(struct keeper *k, struct keeper_msg *msg, int fd, int *out_fd, bool *said, struct err *e)
{
	auto_close int got_fd = -1;
	int64_t deadline_ns = clock_mono_ns() + KEEPER_ANSWER_TIME;
	uint8_t op = msg->op;

	*said = true;
	if (k->gone)
		return err_say(e, EPIPE, "the keeper is gone");
	msg->version = KEEPER_PROTOCOL_VERSION;
	msg->serial = ++k->serial;
	struct keeper_msg answer = { .status = 0 };
	int r = keeper_send(k, msg, fd, deadline_ns);
	if (r == 0)
		r = keeper_await(k, op, k->serial, &answer, &got_fd, deadline_ns);
	if (r == 0)
		r = answer.status;
	if (k->gone || r == -ETIMEDOUT || r == -EPROTONOSUPPORT || r == -ENOSYS)
		return keeper_say_no_answer(k, r, e);
	*said = false;
	*msg = answer;
	if (r == 0 && out_fd)
		*out_fd = take_fd(&got_fd);
	return r;
}

/* ---- life */

int keeper_env_fd(struct err *e)
{
	int64_t fd;
	const char *text = getenv(KEEPER_FD_ENV);
	if (!text)
		return err_say(
			e, ENOENT, "%s is not set: the supervisor is started by berth-init", KEEPER_FD_ENV);
	if (text_parse_int(text, 3, 1 << 20, &fd) < 0)
		return err_say(e, EINVAL, "%s: not a descriptor: %s", KEEPER_FD_ENV, text);
	int r = io_set_cloexec((int)fd, true);
	if (r < 0)
		return err_set(e, -r, "%s=%s", KEEPER_FD_ENV, text);
	(void)unsetenv(KEEPER_FD_ENV); /* fails for a bad name only */
	return (int)fd;
}

static int say_hello(struct keeper *k, struct err *e)
{
	struct keeper_msg msg = { .op = KEEPER_OP_HELLO };
	bool said;
	int r = keeper_ask(k, &msg, -1, NULL, &said, e);
	if (r < 0)
		return said ? r : err_set(e, -r, "greet the keeper");
	const struct keeper_msg_hello *h = &msg.u.hello;
	k->limits = (struct keeper_limits){ .nofile_soft = h->nofile_soft,
		.nofile_hard = h->nofile_hard,
		.slots = h->slots,
		.descriptors = h->descriptors,
		.starts = h->starts,
		.rolled_back = h->rolled_back,
		.stop_signal = (int)h->stop_signal,
		.trial = h->trial == 1,
		.last_code = h->last_code,
		.last_value = h->last_value,
		.last_lived_ms = h->last_lived_ms,
		.last_late = h->last_late == 1 };
	return 0;
}

static struct keeper *new_keeper(void)
{
	struct keeper *k = calloc(1, sizeof(*k));
	/* Room for every slot at once: an exit must not be lost for want of memory. Untouched, it takes none. */
	struct keeper_exit *queue = calloc(KEEPER_SLOTS, sizeof(*queue));
	if (!k || !queue) {
		free(k);
		free(queue);
		return NULL;
	}
	k->sock = -1;
	k->queue = queue;
	k->room = KEEPER_SLOTS;
	return k;
}

int keeper_open(int sock_fd, struct event_base *base, keeper_exit_fn on_exit, keeper_gone_fn on_gone,
	void *cookie, struct keeper **out, struct err *e)
{
	auto_close int sock = sock_fd;
	auto_(keeper) struct keeper *k = new_keeper();
	if (!k)
		return err_set(e, ENOMEM, "connect to the keeper");
	int r = io_set_nonblock(sock, true);
	if (r < 0)
		return err_set(e, -r, "the keeper's socket");
	k->sock = take_fd(&sock);
	k->on_exit = on_exit;
	k->on_gone = on_gone;
	k->cookie = cookie;
	if (base) {
		k->readable = event_new(base, k->sock, EV_READ | EV_PERSIST, on_readable, k);
		k->later = evtimer_new(base, on_later, k);
		if (!k->readable || !k->later || event_add(k->readable, NULL) < 0)
			return err_set(e, ENOMEM, "watch the keeper's socket");
	}
	r = say_hello(k, e);
	if (r < 0)
		return r;
	*out = take_ptr(&k);
	return 0;
}

void keeper_free(struct keeper *k)
{
	if (!k)
		return;
	if (k->readable)
		event_free(k->readable);
	if (k->later)
		event_free(k->later);
	k->readable = k->later = NULL;
	keeper_fetch_end(k);
	own_close(&k->sock);
	k->closed = true;
	if (k->telling)
		return; /* tell() does the rest */
	free(k->queue);
	free(k);
}

const struct keeper_limits *keeper_limits(const struct keeper *k)
{
	return &k->limits;
}

int keeper_ready(struct keeper *k, struct err *e)
{
	struct keeper_msg msg = { .op = KEEPER_OP_READY };
	bool said;
	int r = keeper_ask(k, &msg, -1, NULL, &said, e);
	return r < 0 && !said ? err_set(e, -r, "tell the keeper that we are ready") : r;
}

int keeper_stopping(struct keeper *k, int status, struct err *e)
{
	struct keeper_msg msg = { .op = KEEPER_OP_STOPPING, .status = status };
	bool said;
	int r = keeper_ask(k, &msg, -1, NULL, &said, e);
	return r < 0 && !said ? err_set(e, -r, "tell the keeper that we end") : r;
}

int keeper_replace(struct keeper *k, int image_fd, struct err *e)
{
	struct keeper_msg msg = { .op = KEEPER_OP_REPLACE };
	bool said;
	int r = keeper_ask(k, &msg, image_fd, NULL, &said, e);
	if (r == 0 || said)
		return r;
	if (r == -EINVAL)
		return err_say(e, EINVAL, "the keeper takes a new binary in a sealed memfd only");
	if (r == -ENOEXEC)
		return err_say(e, ENOEXEC, "the new binary is not an ELF program");
	if (r == -EBUSY)
		return err_say(e, EBUSY, "a replaced binary cannot be replaced again before it is ready");
	return err_set(e, -r, "hand the new binary to the keeper");
}

/* ---- exits */

int keeper_watch(struct keeper *k, pid_t pid, uint64_t start_ticks, struct err *e)
{
	struct keeper_msg msg = { .op = KEEPER_OP_WATCH,
		.u.slot = { .pid = pid, .start_ticks = start_ticks } };
	bool said;
	int r = keeper_ask(k, &msg, -1, NULL, &said, e);
	if (r == 0 || said)
		return r;
	if (r == -ENOSPC)
		return err_say(e, ENOSPC, "watch process %d: all %u exit slots of the keeper are in use",
			(int)pid, k->limits.slots);
	if (r == -ECHILD)
		return err_say(e, ECHILD, "watch process %d: it is not the keeper's child", (int)pid);
	return err_set(e, -r, "watch process %d", (int)pid);
}

int keeper_ack(struct keeper *k, pid_t pid, uint64_t start_ticks, struct err *e)
{
	struct keeper_msg msg = { .op = KEEPER_OP_ACK, .u.slot = { .pid = pid, .start_ticks = start_ticks } };
	bool said;
	int r = keeper_ask(k, &msg, -1, NULL, &said, e);
	if (r == 0 || said)
		return r;
	if (r == -ENOENT)
		return err_say(e, ENOENT, "acknowledge the exit of process %d: the keeper has no slot for it",
			(int)pid);
	return err_set(e, -r, "acknowledge the exit of process %d", (int)pid);
}

struct slots {
	struct keeper *keeper;
	struct keeper_exit *all;
	size_t n, room;
};

static int add_slot(void *cookie, const struct keeper_msg *msg, bool again)
{
	struct slots *s = cookie;

	if (!again && s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 16;
		struct keeper_exit *more = reallocarray(s->all, room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		s->all = more;
		s->room = room;
	}
	s->n += !again;
	s->all[s->n - 1] = from_slot(&msg->u.slot); /* again: it may have ended meanwhile */
	unqueue_exit(s->keeper, msg->u.slot.pid, msg->u.slot.start_ticks); /* told once: by this */
	return 0;
}

int keeper_slots(struct keeper *k, struct keeper_exit **out, size_t *out_n, struct err *e)
{
	struct slots s = { .keeper = k };
	struct keeper_walk w = { .entry = add_slot, .cookie = &s };
	int r = keeper_walk(k, KEEPER_OP_SLOT, &w, e);

	if (r < 0) {
		free(s.all);
		return err_wrap(e, r, "read the keeper's exit slots");
	}
	*out = s.all;
	*out_n = s.n;
	return 0;
}

int keeper_reap_hint(struct keeper *k, struct err *e)
{
	struct keeper_msg msg = { .op = KEEPER_OP_REAP };
	bool said;
	int r = keeper_ask(k, &msg, -1, NULL, &said, e);
	return r < 0 && !said ? err_set(e, -r, "ask the keeper to reap") : r;
}

int keeper_await_exit(
	struct keeper *k, pid_t pid, uint64_t start_ticks, struct keeper_exit *out, struct err *e)
{
	int64_t deadline_ns = clock_mono_ns() + KEEPER_ANSWER_TIME;

	for (;;) {
		for (size_t i = k->head; i < k->tail; i++) {
			if (k->queue[i].pid != pid || k->queue[i].start_ticks != start_ticks)
				continue;
			*out = k->queue[i];
			return 0;
		}
		if (clock_mono_ns() >= deadline_ns)
			return err_say(
				e, ETIMEDOUT, "the keeper does not say how process %d ended", (int)pid);
		/* The hint is answered before the dead are looked for: what it brings comes with the next one's answer. */
		int r = keeper_reap_hint(k, e);
		if (r == 0)
			r = wait_for(k, POLLIN, clock_mono_ns() + NS_PER_MS);
		if (r < 0 && r != -ETIMEDOUT)
			return r;
	}
}
