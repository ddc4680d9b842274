/*
 * compose - from compose files to a project whose services are ready-made create bodies.
 *
 * A service's body is what a client would send to POST /containers/create (Docker's field names), so that the API and
 * compose have one way of making a container. What Docker's body has no word for stands in its member "Berth":
 *     StopGraceNs  integer, the exact stop_grace_period (StopTimeout is whole seconds, rounded up)
 *     Upper        "tmpfs" or "disk"; Root: "shared" or "overlay" (x-berth)
 * "Cmd": [] and "Entrypoint": [] mean cleared: the image's own is not used. Every service without network_mode gets
 * NetworkMode "none", a private loopback. Labels com.docker.compose.* name project, service, number, config hash, files
 * and dependencies ("db:service_started:false,...", the last word is restart).
 *
 * Source:  the Compose specification; api/swagger.yaml of moby for the bodies.
 * Units:   bytes, nanoseconds, as the body's members have them.
 * Owns:    compose_project owns its arena and its JSON values; compose_free() gives all of it back.
 * Errors:  -EINVAL: the files are wrong; the text has up to ten lines "compose.yaml:7:5: services.web.memory: unknown
 *          key; did you mean mem_limit?". -ENOENT and the like: a file cannot be read. -ENOMEM.
 * Context: reads files and may be slow: a worker process, not the loop. It changes nothing.
 */
#ifndef COMPOSE_COMPOSE_H
#define COMPOSE_COMPOSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

#define COMPOSE_MAX_BYTES    (1024 * 1024) /* of one file */
#define COMPOSE_MAX_FILES    32
#define COMPOSE_MAX_SERVICES 1000
#define COMPOSE_MAX_WARNINGS 100

/* All vectors are NULL-terminated and may be NULL; every path is absolute. */
struct compose_request {
	const char *const *files; /* "-" is stdin_text; none: looked for in project_directory and above it */
	/* Nobody named files: those of COMPOSE_FILE in this directory's .env come before .files; NULL: they were named. */
	const char *default_from;
	const char *const *
		file_names; /* as the user gave them, for errors; NULL: relative to the project's directory */
	const char *stdin_text;
	size_t stdin_len;
	const char *project_directory; /* NULL: the first file's directory */
	const char *name;	      /* NULL: COMPOSE_PROJECT_NAME, the file's name:, the directory's name */
	const char *const *env_files; /* in place of .env in the project's directory */
	const char *const *profiles;  /* besides COMPOSE_PROFILES; "*" is all */
	const char *const *services;  /* only these and what they depend on; none: all that are enabled */
	const char *const *env;	      /* "K=V" of the client */
	bool canonical;		      /* fill project.document */
};

enum compose_condition { COMPOSE_STARTED, COMPOSE_COMPLETED, COMPOSE_HEALTHY, COMPOSE_CONDITION_COUNT };

struct compose_dependency {
	const char *service;
	enum compose_condition condition;
	bool required;
	bool restart; /* when up replaces that one's container, ours is restarted */
};

struct compose_service {
	const char *name, *container_name, *config_hash;
	json_t *body;
	struct compose_dependency
		*depends_on; /* those that are part of this project, implied ones included */
	size_t n_depends_on;
	unsigned
		scale; /* how many there are of its service; each is one of the project's services, with a number in its
			   labels and its container's name */
	bool attach; /* up in the foreground shows its output */
};

struct compose_volume {
	const char *key, *name;
	bool external; /* must exist, is never removed */
	json_t *labels;
};

/* A name of x-berth-images. */
struct compose_image {
	const char *name, *source; /* "web:latest", "dir:/srv/web" */
};

struct compose_project {
	struct arena *arena;
	const char *name, *working_dir;
	char **config_files;
	char **warnings;
	char **declared; /* every service of the files, disabled and unselected ones too: a container of any other is an orphan */
	struct compose_service *services; /* in start order */
	size_t n_services;
	json_t *scales; /* {"web": 3}: how many containers each service has, of those that were asked for; 0 too */
	struct compose_volume *volumes;
	size_t n_volumes;
	struct compose_image *images;
	size_t n_images;
	json_t *document; /* the canonical compose file when it was asked for; not part of compose_to_json() */
};

int compose_load(const struct compose_request *req, struct compose_project **out, struct err *e);
/* An empty project in memory of its own, for who knows only a name; NULL when memory is out. */
struct compose_project *compose_new(void);
void compose_free(struct compose_project *p);

/* The project as JSON (a worker's answer, and what `config` prints), and back. */
json_t *compose_to_json(const struct compose_project *p);
int compose_from_json(const json_t *json, struct compose_project **out, struct err *e);

/* "service_started"; -EINVAL when there is no such condition. */
const char *compose_condition_name(enum compose_condition c);
int compose_parse_condition(const char *name, enum compose_condition *out);

OWN_DEFINE_PTR(compose, struct compose_project, compose_free)

#endif
