/*
 * cp_stream - an archive from the daemon or to it, at the pace of who is slower, and what the daemon says of a path.
 *
 * Owns:    cp_stream_done() frees all. Between begin and done the stream must stay where it is.
 * Errors:  those of cli/api.h.
 * Context: each call runs the loop until it has what it wants.
 */
#ifndef CLI_CP_STREAM_H
#define CLI_CP_STREAM_H

#include <stdint.h>
#include <sys/types.h>

#include "base/tar_unpack.h"
#include "cli/api.h"

struct cp_stat {
	bool is_dir, is_link, is_special; /* special: neither a directory nor a file nor a link */
	char link_target[4096];
};

struct cp_stream {
	const struct cli *cli;
	struct event_base *base;
	struct http_client *client;
	int status; /* 0: no answer yet */
	bool ended, paused;
	struct err err; /* .code != 0: the connection failed */
	struct buf data;
	size_t taken;	/* of data */
	uint64_t bytes; /* of the archive, in either direction */
};

/* HEAD. 1: there it is; 0: nothing is there. */
int cp_stat(
	const struct cli *cli, const char *container, const char *path, struct cp_stat *out, struct err *e);
/* GET; out may be NULL. */
int cp_stream_get(struct cp_stream *s, const struct cli *cli, const char *container, const char *path,
	struct cp_stat *out, struct err *e);
/* Cookie: the stream. */
ssize_t cp_stream_read(void *cookie, void *data, size_t len);
/* PUT, with more of the query: "&copyUIDGID=true". */
int cp_stream_put(struct cp_stream *s, const struct cli *cli, const char *container, const char *path,
	const char *more, struct err *e);
/* Cookie: the stream. -EPIPE: the daemon has answered already. */
int cp_stream_write(void *cookie, const void *data, size_t len);
/* All of it has left, before who calls waits for something else. -EPIPE as above. */
int cp_stream_flush(struct cp_stream *s);
/* The daemon's answer to what was put. */
int cp_stream_end(struct cp_stream *s, struct err *e);
void cp_stream_done(struct cp_stream *s);

OWN_DEFINE(cp_stream, struct cp_stream, cp_stream_done)

#endif
