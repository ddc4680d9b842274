/*
 * frames - the multiplexed stream of a container without a terminal, decoded as it comes.
 *
 * Source:  Engine API, "Attach to a container": byte 0 the stream, bytes 4-7 the big-endian length, then the payload.
 *          FRAME_POSITION comes only when it was asked for (supervisor/frame.h).
 * Errors:  -EPROTO: a header that is none; nothing more can be decoded.
 */
#ifndef CLI_FRAMES_H
#define CLI_FRAMES_H

#include <stddef.h>
#include <stdint.h>

enum frame_stream { FRAME_STDIN, FRAME_STDOUT, FRAME_STDERR, FRAME_ERROR, FRAME_POSITION };

struct frames {
	unsigned char header[8];
	size_t have;   /* bytes of the header */
	uint32_t left; /* bytes of the payload still to come */
	int broken;
};

typedef void (*frames_fn)(enum frame_stream stream, const char *data, size_t len, void *cookie);
/* fn gets each piece of payload as it is there; pieces of one frame are not joined. */
int frames_feed(struct frames *f, const char *data, size_t len, frames_fn fn, void *cookie);

#endif
