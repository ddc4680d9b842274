/*
 * follow - the output of several containers on ours, each line behind its container's name, until all have ended.
 */
#ifndef CLI_FOLLOW_H
#define CLI_FOLLOW_H

#include <jansson.h>

#include "cli/cli.h"

/* containers: [{"Id","Name","Service"}] of project. Ctrl-C stops them, a second one kills. Returns the exit status: 0
 * when all have ended by themselves, 130 after Ctrl-C, 1 for an error (said). */
int follow_project(const struct cli *cli, const char *project, const json_t *containers);

/* One container's bytes as whole lines with a prefix; for tests. */
struct prefixer {
	const char *name;
	int width;
	struct buf line;
};
int prefixer_feed(struct prefixer *p, const char *data, size_t len, struct buf *out);
/* The last line, when it has no end. */
int prefixer_end(struct prefixer *p, struct buf *out);

#endif
