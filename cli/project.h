/*
 * project - compose projects from the client's side: what is asked of the daemon, and its progress as lines.
 *
 * The daemon reads and judges the files; the client says which, from where and with what environment.
 */
#ifndef CLI_PROJECT_H
#define CLI_PROJECT_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/args.h"

/* The body of POST /berth/projects/up and config; files and directories made absolute against cwd. stdin_text is the
 * document of "-f -" or NULL. Without -f COMPOSE_FILE, or the first of compose.yaml, compose.yml, docker-compose.yaml,
 * docker-compose.yml in cwd or above it and its override file: -ENOENT when there is none and need_file is set. */
json_t *project_body(const struct args *o, const struct args *group, const char *cwd, char *const *env,
	const char *stdin_text, bool need_file, struct err *e);
/* An option of the project: where the verb has none, that of its group (NULL: it is of no group). */
const struct option_value *project_option(const struct args *o, const struct args *group, const char *name);
const char *project_option_last(const struct args *o, const struct args *group, const char *name);

/* JSON lines as they come: each whole line is given to fn; -EPROTO when one is no object, else fn's result. */
struct json_lines {
	struct buf rest;
};
int json_lines_feed(struct json_lines *l, const char *data, size_t len,
	int (*fn)(const json_t *line, void *cookie), void *cookie);
void json_lines_done(struct json_lines *l);

/* "demo-web-1" of project "demo" is "web-1". */
const char *project_short_name(const char *project, const char *name);

#endif
