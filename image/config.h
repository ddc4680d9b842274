/*
 * config - what an image says about the programs in it: /etc/berth-image.json of a root filesystem.
 *
 * The file is docker's image configuration as `docker inspect -f '{{json .Config}}' IMAGE` prints it:
 *
 *     { "Cmd": ["redis-server"], "Env": ["LANG=C"], "User": "redis", "Volumes": { "/data": {} } }
 *
 * Cmd, Entrypoint, Env, ExposedPorts, Healthcheck, Labels, Shell, StopSignal, User, Volumes and WorkingDir count; what
 * docker says of a container or of a build there (Hostname, Tty, OnBuild, ...) is passed over; anything else is an error,
 * so that a slip does not go unseen.
 *
 * Source:  Docker Engine API, ImageConfig; OCI image-spec, config.md.
 * Units:   nanoseconds (Healthcheck).
 * Owns:    JSON results are new references, in canonical form: only what counts and is not empty.
 * Errors:  -EINVAL: the text names file and key; -EFBIG: more than a megabyte; else what keeps it from being read. A root
 *          without the file has the configuration {}.
 * Context: reads a file that an image's author wrote: it is reached within its root, and nothing but a regular file is opened.
 */
#ifndef IMAGE_CONFIG_H
#define IMAGE_CONFIG_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"

#define IMAGE_CONFIG_PATH "/etc/berth-image.json"
#define IMAGE_ID_LEN	  71 /* "sha256:" and 64 hex digits */

int image_config_read(const char *root, json_t **out, struct err *e);
/* what names the text in errors. */
int image_config_parse(const char *text, size_t len, const char *what, json_t **out, struct err *e);
/* The id of an image: a digest of where its files are (image_source_format()) and its canonical configuration. */
int image_config_id(const char *source, const json_t *config, char out[IMAGE_ID_LEN + 1]);

#endif
