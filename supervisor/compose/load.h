/*
 * load - what the phases of one compose_load() share: memory, the place in the document, errors and warnings.
 *
 * Errors:  load_fail() records one line and answers -EINVAL; a walk goes on to the next key until LOAD_MAX_ERRORS are
 *          found (then -E2BIG, which stops it). Any other code stops at once. load_result() ends a phase.
 */
#ifndef COMPOSE_LOAD_H
#define COMPOSE_LOAD_H

#include "base/buf.h"
#include "supervisor/compose/compose.h"
#include "supervisor/compose/interpolate.h"
#include "supervisor/compose/node.h"

#define LOAD_MAX_ERRORS 10
#define LOAD_MAX_FILES	256		  /* by extends and include */
#define LOAD_MAX_NODES	300000		  /* of all files, and copied for extends */
#define LOAD_MAX_BYTES	(8 * 1024 * 1024) /* of all files */

struct service; /* the service being built, service.h */

struct load {
	struct arena *arena;
	const struct compose_request *req;
	struct compose_project *project;
	struct err *err;
	const char *dir;  /* the project's directory */
	struct vars vars; /* the client's environment and .env */
	size_t budget;	  /* nodes that may still be read or copied */
	size_t n_bytes;	  /* of all files so far */
	size_t n_files;	  /* read on behalf of extends and include */
	struct interpolate in;
	struct buf errors;
	int n_errors;
	char path[256];	       /* "services.web.ports" */
	const struct node *at; /* the value being interpolated, for warnings */
	size_t n_warnings, n_exposed;
	const struct node *services, *volumes; /* the merged document's */
	const struct node *configs, *secrets;
	const char **container_names; /* one per entry of services, made when first asked for */
	struct service *svc;
};

int load_fail(struct load *l, const struct node *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The same for a key's own place. */
int load_fail_key(struct load *l, const struct node *map, const struct node_entry *key, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
int load_fail_memory(struct load *l);
/* A warning is said once, whatever the number of places. */
int load_warn(struct load *l, const struct node *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* 0 when no error was recorded, else -EINVAL with all of them in the caller's err. */
int load_result(struct load *l);
/* May a walk go on after this? */
bool load_goes_on(int r);

/* Go one key or list item deeper; give what it returned back to load_leave(). */
size_t load_enter(struct load *l, const char *key);
size_t load_enter_item(struct load *l, size_t index);
void load_leave(struct load *l, size_t mark);

/* Replace the variables of every value of the tree. */
int load_interpolate(struct load *l, struct node *tree);
/* The variables that a value sees: those of its file. */
const struct vars *load_vars(const struct load *l, const struct node *at);
/* An absolute, clean path: relative ones start at the directory of at's file, ~ at HOME. */
int load_path(struct load *l, const struct node *at, const char *path, const char **out);

#endif
