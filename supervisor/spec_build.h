/*
 * spec_build - from what the user declared to what the runtime does: struct config to struct spec.
 *
 * Fills in Docker's defaults: mounts, masked and read-only paths, the 14 capabilities, device rules,
 * environment, sysctls. With a bundle its own configuration is the base and what the user declared wins over
 * it.
 *
 * Source:  Docker's default OCI specification; OCI runtime-spec config.md and config-linux.md.
 * Owns:    the spec owns everything in it, nothing points into the config or the environment afterwards.
 * Errors:  -EINVAL, -ENOENT (a device of the host that is not there), what the callbacks return.
 * Context: the loop: it looks at devices, volumes and thermal_throttle directories of the host, and at nothing of the user's
 *          that may be on a file system which does not answer; spec_build_check_sources() does, in the launcher.
 * Not:     seccomp. spec.seccomp is only what a bundle brings; ask seccomp_cache for the program of a config and
 *          its spec.
 */
#ifndef SUPERVISOR_SPEC_BUILD_H
#define SUPERVISOR_SPEC_BUILD_H

#include <sys/types.h>

#include "runtime/seccomp.h"
#include "runtime/spec.h"
#include "supervisor/config.h"

struct spec_build_env {
	const char *id;
	const char *root_path;	   /* absolute: the image's directory */
	const struct spec *bundle; /* oci-bundle: its parsed config.json, NULL otherwise */
	/* Files made for this container, bound over /etc/hosts, /etc/hostname, /etc/resolv.conf; NULL: not
	 * bound. */
	const char *hosts_path, *hostname_path, *resolv_conf_path;
	const char *configs_dir; /* of the config's files, by number; NULL when it has none */
	/* The directory of a volume (m->source is its name); the text goes to a. */
	int (*volume_path)(
		void *cookie, const struct config_mount *m, struct arena *a, const char **out, struct err *e);
	/* Pid of the init of a running container by id or name, as "container:X" needs it. */
	int (*container_pid)(void *cookie, const char *container, pid_t *out, struct err *e);
	void *cookie;
};

/* Are the sources of binds there? Makes the missing directories that may be made. -EINVAL: one is not there. It may block. */
int spec_build_check_sources(const struct config *c, struct err *e);

int spec_build(const struct config *c, const struct spec_build_env *env, struct spec **out, struct err *e);

/* A further process in a container of this spec, Docker's exec. Strings may stay the caller's. */
struct spec_build_exec {
	char **cmd;	  /* NULL-terminated, not empty */
	char **env;	  /* on top of the container's; may be NULL */
	const char *user; /* "" or NULL: the container's */
	const char *cwd;  /* "" or NULL: the container's */
	bool tty, privileged;
	uint16_t width, height;
};
int spec_build_exec(const struct spec *s, const struct spec_build_exec *x, struct arena *a,
	struct spec_process *out, struct err *e);

#endif
