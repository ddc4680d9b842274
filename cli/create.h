/*
 * create - docker's run and create flags as the body of POST /containers/create.
 *
 * Source:  docker's CLI (cli/command/container/opts.go) and the Engine API's container configuration.
 * Owns:    create_done() releases the body; strings point into argv or the arena of options.
 * Errors:  -EINVAL with docker's words, naming flag and value; -errno of a file that a flag names.
 */
#ifndef CLI_CREATE_H
#define CLI_CREATE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/args.h"

struct create {
	json_t *body;
	const char *name, *platform, *cidfile, *detach_keys;
	bool detach, interactive, tty, remove, sig_proxy;
	bool attach_stdin, attach_stdout, attach_stderr;
};

/* env is the client's environment ("K=V" vector): -e KEY takes its value from there. */
int create_build(const struct args *o, char *const *env, struct create *out, struct err *e);
void create_done(struct create *c);

/* "dir:rel" with the path made absolute; other images as they are. Caller frees. */
char *create_image(const char *image);

/* ---------------------------------------------------------------- the parts, for tests too */

/* -v, appended to HostConfig.Binds or Config.Volumes. */
int create_add_volume(json_t *config, json_t *host, const char *spec, struct err *e);
/* --mount type=bind,src=...,dst=... as an element of HostConfig.Mounts; a new reference. */
json_t *create_parse_mount(const char *spec, struct err *e);
/* --device HOST[:CONTAINER[:rwm]]. */
json_t *create_parse_device(const char *spec, struct err *e);
/* -p [ip:][host:]container[/proto], ranges too, into ExposedPorts and PortBindings. */
int create_add_port(json_t *exposed, json_t *bindings, const char *spec, struct err *e);
int create_add_expose(json_t *exposed, const char *spec, struct err *e);
/* name=soft[:hard] */
json_t *create_parse_ulimit(const char *spec, struct err *e);
/* no | always | unless-stopped | on-failure[:N] */
json_t *create_parse_restart(const char *spec, struct err *e);
/* The lines of an --env-file or --label-file, into a JSON array of "K=V"; keys alone are
 * taken from env or left out; with env NULL they are kept as they are. */
int create_read_lines(const char *path, char *const *env, json_t *out, struct err *e);
/* -e of run and exec together with --env-file, as a JSON array. */
json_t *create_env(const struct args *o, char *const *env, struct err *e);

OWN_DEFINE(create, struct create, create_done)

#endif
