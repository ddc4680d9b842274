/*
 * frame - docker's multiplexed stream: {stream, 0, 0, 0, length big-endian} and the bytes.
 *
 * Source:  Docker Engine API, "Stream format" of attach.
 */
#ifndef SUPERVISOR_FRAME_H
#define SUPERVISOR_FRAME_H

#include <stddef.h>

#define FRAME_HEADER 8

/* The last one is ours, and goes only to who asked for it: where in the log or the run we are, as text, so that a client whose
 * connection breaks can ask for the rest. */
enum frame_stream { FRAME_STDIN, FRAME_STDOUT, FRAME_STDERR, FRAME_ERROR, FRAME_POSITION };

static inline void frame_header(unsigned char head[FRAME_HEADER], enum frame_stream stream, size_t len)
{
	head[0] = (unsigned char)stream;
	head[1] = head[2] = head[3] = 0;
	head[4] = (unsigned char)(len >> 24);
	head[5] = (unsigned char)(len >> 16);
	head[6] = (unsigned char)(len >> 8);
	head[7] = (unsigned char)len;
}

#endif
