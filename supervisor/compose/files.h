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
/* Those of one file into *into, but for what *first has. */
int files_add_variables(struct load *l, const char *path, const char *name, bool required,
	const struct vars *first, struct vars *into);
/* The name by which errors call a file: relative to the project's directory where it lies in there. */
const char *files_display_name(const struct load *l, const char *path);
/* Read and parse one; an empty file is an error. */
int files_parse(struct load *l, const struct file *f, struct node **out);

#endif
