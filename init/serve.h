/*
 * serve - answers one datagram of the supervisor: a table of requests.
 *
 * Whatever the bytes are, the answer is a reply or none; nothing here ends the keeper, starts or kills a process.
 */
#ifndef INIT_SERVE_H
#define INIT_SERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/image.h"
#include "init/life.h"
#include "init/protocol.h"

struct keeper {
	struct life life;
	struct image image;
	uint64_t nofile_soft, nofile_hard; /* as they were found */
	uint32_t starts, refused, rolled_back;
	int32_t last_code, last_value; /* how the last supervisor ended */
	uint32_t last_lived_ms;
	bool last_late;
};

/* data, len: the datagram; *fd: the one descriptor that came with it or -1, set to -1 when it was taken. True: *reply is to
 * be sent, with a copy of *reply_fd unless that is -1. */
bool serve_message(
	struct keeper *k, const void *data, size_t len, int *fd, struct keeper_msg *reply, int *reply_fd);

#endif
