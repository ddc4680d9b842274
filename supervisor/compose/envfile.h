/*
 * envfile - files of variables: .env, --env-file, and a service's env_file.
 *
 * Source:  the Compose specification, "env_file": VAR[=[VAL]] by line, # comments (inline only behind a blank),
 *          '...' literal but for \' (may span lines), "..." with \n \r \t \\ \" \$ and variables, unquoted trimmed with variables;
 *          "export " in front is dropped. The raw form takes lines as they are and knows no quotes.
 * Errors:  -EINVAL with "app.env:3: ..."; -ENOMEM; what the callback answers.
 */
#ifndef COMPOSE_ENVFILE_H
#define COMPOSE_ENVFILE_H

#include <stdbool.h>

#include "supervisor/compose/interpolate.h"

#define ENVFILE_MAX_BYTES (1024 * 1024)
#define ENVFILE_MAX_VARS  4096

struct envfile {
	const char *name; /* in errors */
	bool raw;
	struct interpolate *in; /* replaces variables; the lines before are seen by the lines behind */
	/* Each variable in order; value NULL when the line is only a name. */
	int (*add)(void *cookie, const char *key, const char *value);
	void *cookie;
};

int envfile_parse(const struct envfile *f, const char *text, size_t len, struct err *e);

#endif
