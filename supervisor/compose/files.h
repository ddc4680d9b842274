/*
 * files - which files make up a project, what they are called, and the variables they may use.
 *
 * Everything ends up in struct load: .dir, .vars; project->working_dir, project->config_files.
 */
#ifndef COMPOSE_FILES_H
#define COMPOSE_FILES_H

#include "supervisor/compose/load.h"

struct file {
	const char *path; /* absolute, or "-" */
	const char *name; /* in errors */
};

/* The files of the request, or those found in its directory or above it. *out has *n of them. */
int files_find(struct load *l, struct file **out, size_t *n);
/* The client's variables, then .env (or the request's env_files) below them. */
int files_load_variables(struct load *l);
/* Read and parse one; an empty file is an error. */
int files_parse(struct load *l, const struct file *f, struct node **out);

#endif
