/*
 * fuzz_keeper - datagrams to the keeper. Input: records of {flags, length, bytes}; flag 1 gives a descriptor along, flag 2
 * puts the right version, an op in range and the right size on the bytes, so that most get past the first check.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

/* Not in the library: the keeper includes nothing of ours, and nothing of ours includes it. */
#include "init/descriptors.c"
#include "init/image.c"
#include "init/life.c"
#include "init/reap.c"
#include "init/say.c"
#include "init/serve.c"
#include "init/slots.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void send_one(struct keeper *k, const void *bytes, size_t len, bool with_fd)
{
	struct keeper_msg reply;
	int fd = with_fd ? dup(STDERR_FILENO) : -1, given = fd, reply_fd = -1;
	/* An exact allocation lets the sanitizer see a read past the end. */
	void *exact = malloc(len ? len : 1);

	assert(exact);
	if (len)
		memcpy(exact, bytes, len);
	if (serve_message(k, exact, len, &fd, &reply, &reply_fd)) {
		assert(len == sizeof(reply));
		assert(reply.version == KEEPER_PROTOCOL_VERSION && reply.status <= 0 && reply.status > -4096);
		assert(reply_fd < 0 || fcntl(reply_fd, F_GETFD) >= 0);
	}
	assert(fd == -1 || fd == given);
	if (fd >= 0)
		(void)close(fd);
	free(exact);
}

/* Leaves nothing for the next input. */
static void clear(struct keeper *k)
{
	char name[KEEPER_NAME_MAX + 1];
	struct keeper_msg_slot s;
	for (uint32_t cursor = 0; descriptors_next(&cursor, name);)
		assert(descriptors_drop(name) == 0);
	for (uint32_t cursor = 0; slots_next(&cursor, &s);)
		assert(slots_ack(s.pid, s.start_ticks) == 0);
	assert(!used && !in_use && !untold);
	drop(&k->image.next);
	drop(&k->image.previous);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct keeper k = { .image = { -1, -1, -1 } };
	uint64_t start = 0;
	int32_t parent;

	descriptors_init(8);
	life_init(&k.life, 0);
	life_started(&k.life, 1, 0);
	/* One exit that can be named: pid 1, start 1. */
	slots_record(&(struct keeper_msg_slot){ .pid = 1, .start_ticks = 1, .exited = 1 });
	assert(reap_look_at(getpid(), &parent, &start) == 0);
	while (size >= 2) {
		uint8_t flags = data[0];
		size_t len = data[1] < size - 2 ? data[1] : size - 2;
		struct keeper_msg msg = { 0 };
		data += 2;
		size -= 2;
		if (flags & 2) {
			memcpy(&msg, data, len < sizeof(msg) ? len : sizeof(msg));
			msg.version = KEEPER_PROTOCOL_VERSION;
			msg.op %= KEEPER_OP_COUNT + 1;
			send_one(&k, &msg, sizeof(msg), flags & 1);
		} else {
			send_one(&k, data, len, flags & 1);
		}
		data += len;
		size -= len;
	}
	clear(&k);
	return 0;
}
