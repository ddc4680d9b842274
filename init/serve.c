#include "init/serve.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "init/descriptors.h"
#include "init/reap.h"
#include "init/say.h"
#include "init/slots.h"

struct call {
	struct keeper *keeper;
	const struct keeper_msg *in;
	struct keeper_msg *reply;
	int *fd;      /* came with it */
	int reply_fd; /* goes with the answer */
};

static int serve_hello(struct call *c)
{
	const struct keeper *k = c->keeper;
	c->reply->u.hello = (struct keeper_msg_hello){ .nofile_soft = k->nofile_soft,
		.nofile_hard = k->nofile_hard,
		.slots = KEEPER_SLOTS,
		.descriptors = descriptors_limit(),
		.starts = k->starts,
		.refused = k->refused,
		.rolled_back = k->rolled_back,
		.stop_signal = (uint32_t)k->life.stop_signal,
		.trial = k->life.trial,
		.last_lived_ms = k->last_lived_ms,
		.last_code = k->last_code,
		.last_value = k->last_value,
		.last_late = k->last_late };
	return 0;
}

static int serve_ready(struct call *c)
{
	life_ready(&c->keeper->life, say_mono_ns());
	return 0;
}

static int serve_stopping(struct call *c)
{
	c->keeper->life.stopping = true;
	c->keeper->life.status = c->in->status & 0xff;
	return 0;
}

static int serve_watch(struct call *c)
{
	int32_t pid = c->in->u.slot.pid, parent;
	uint64_t start = c->in->u.slot.start_ticks, now_start;

	if (slots_has(pid, start))
		return 0;
	int r = slots_watch_dead(pid, start);
	if (r != -ESRCH)
		return r;
	/* A zombie that was not taken yet is still in /proc, so nobody falls between the two looks. */
	r = reap_look_at(pid, &parent, &now_start);
	if (r < 0)
		return r;
	if (now_start != start)
		return -ESRCH;
	return parent == getpid() ? slots_watch(pid, start) : -ECHILD;
}

static int serve_ack(struct call *c)
{
	return slots_ack(c->in->u.slot.pid, c->in->u.slot.start_ticks);
}

static int serve_slot(struct call *c)
{
	c->reply->cursor = c->in->cursor;
	return slots_next(&c->reply->cursor, &c->reply->u.slot) ? 0 : -ENOENT;
}

static int serve_nothing(struct call *c)
{
	(void)c; /* children are looked for after every datagram */
	return 0;
}

static int serve_put(struct call *c)
{
	int r = *c->fd < 0 ? -EBADF : descriptors_put(c->in->u.name, *c->fd);
	if (r == 0)
		*c->fd = -1;
	return r;
}

static int serve_get(struct call *c)
{
	int fd = descriptors_get(c->in->u.name);
	if (fd < 0)
		return fd;
	c->reply_fd = fd;
	return 0;
}

static int serve_drop(struct call *c)
{
	return descriptors_drop(c->in->u.name);
}

static int serve_list(struct call *c)
{
	c->reply->cursor = c->in->cursor;
	return descriptors_next(&c->reply->cursor, c->reply->u.name) ? 0 : -ENOENT;
}

static int serve_replace(struct call *c)
{
	struct keeper *k = c->keeper;
	if (*c->fd < 0)
		return -EBADF;
	if (!k->life.ready)
		return -EBUSY; /* what would be rolled back to? */
	int r = image_set_next(&k->image, *c->fd);
	if (r < 0)
		return r;
	*c->fd = -1;
	life_replaced(&k->life);
	return 0;
}

static int (*const requests[KEEPER_OP_COUNT])(struct call *) = {
	[KEEPER_OP_HELLO] = serve_hello,
	[KEEPER_OP_READY] = serve_ready,
	[KEEPER_OP_STOPPING] = serve_stopping,
	[KEEPER_OP_WATCH] = serve_watch,
	[KEEPER_OP_ACK] = serve_ack,
	[KEEPER_OP_SLOT] = serve_slot,
	[KEEPER_OP_REAP] = serve_nothing,
	[KEEPER_OP_PUT] = serve_put,
	[KEEPER_OP_GET] = serve_get,
	[KEEPER_OP_DROP] = serve_drop,
	[KEEPER_OP_LIST] = serve_list,
	[KEEPER_OP_REPLACE] = serve_replace,
};

bool serve_message(
	struct keeper *k, const void *data, size_t len, int *fd, struct keeper_msg *reply, int *reply_fd)
{
	struct keeper_msg in;
	struct call c = { .keeper = k, .in = &in, .reply = reply, .fd = fd, .reply_fd = -1 };

	if (len != sizeof(in)) {
		k->refused++;
		return false;
	}
	memcpy(&in, data, sizeof(in));
	memset(reply, 0, sizeof(*reply));
	reply->version = KEEPER_PROTOCOL_VERSION;
	reply->op = in.op;
	reply->serial = in.serial;
	if (in.version != KEEPER_PROTOCOL_VERSION)
		reply->status = -EPROTONOSUPPORT;
	else if (in.op >= KEEPER_OP_COUNT || !requests[in.op])
		reply->status = -ENOSYS;
	else
		reply->status = requests[in.op](&c);
	if (reply->status == -EPROTONOSUPPORT || reply->status == -ENOSYS)
		k->refused++;
	*reply_fd = c.reply_fd;
	return true;
}
