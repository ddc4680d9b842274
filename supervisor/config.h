/*
 * config - what a container was declared to be: the body of Docker's create call, checked and kept.
 *
 * config_parse() reads a create body (compose builds the same body); config_complete() fills what only the
 * place it is made in knows: the id's hostname, what the image says, names of anonymous volumes. After both
 * the struct is never changed. config_body() is what the store keeps: config_parse() of it gives an equal
 * config.
 *
 * Source:  Docker Engine API, POST /containers/create (Config, HostConfig, NetworkingConfig); its limits and
 *          its texts. What Docker has no word for stands in a member "Berth":
 *            {"Upper": "disk"|"tmpfs", "Root": "overlay"|"shared",
 *             "UserMaps": {"Uid": [{"ContainerID", "HostID", "Size"}], "Gid": [...]},
 *             "Files": [{"Target", "Source" or "Content", "Uid", "Gid", "Mode"}]  made for each start, read-only inside
 *             "MountsFrom": [...]    as HostConfig.Mounts: what VolumesFrom meant when the container was made
 *             "PostStart", "PreStop": [{"Cmd", "User", "Privileged", "WorkingDir", "Env"}]  bodies of execs
 *             "StopGraceNs": integer                     compose's exact stop_grace_period
 *             "Image": {"Source", "Id", "Healthcheck"}   what Image stood for when config_complete() filled the gaps
 *             "Oci": {"Id": "x", "Spec": "config.json"}  what runs is exactly this; Docker's members only describe it
 *             "Volumes": {"/target": "name"}}            names config_complete() gave to anonymous volumes
 * Units:   bytes, microseconds, seconds, as the members' names have them. Unset numbers are SPEC_UNSET.
 * Owns:    every pointer lives in .arena or .doc; config_free() gives back both.
 * Errors:  -EINVAL: the text names the key, or is Docker's own where clients know it; -EOPNOTSUPP: "KEY: not
 *          built yet" or "... cannot be honoured". Both are the API's 400. Unknown keys are ignored, as Docker does.
 * Context: no I/O but /proc/sys/kernel/cap_last_cap; any thread of control.
 */
#ifndef SUPERVISOR_CONFIG_H
#define SUPERVISOR_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "runtime/spec.h"

#define CONFIG_STOP_TIMEOUT_S 10
#define CONFIG_SHM_BYTES      (INT64_C(64) << 20)
#define CONFIG_MEMORY_MIN     (INT64_C(6) << 20)
#define CONFIG_OCI_ID_MAX     128

enum config_restart {
	CONFIG_RESTART_NO,
	CONFIG_RESTART_ALWAYS,
	CONFIG_RESTART_UNLESS_STOPPED,
	CONFIG_RESTART_ON_FAILURE,
	CONFIG_RESTART_COUNT
};

enum config_ns_mode {
	CONFIG_NS_DEFAULT,   /* nothing said */
	CONFIG_NS_PRIVATE,   /* its own */
	CONFIG_NS_SHAREABLE, /* its own; others may join (ipc) */
	CONFIG_NS_NONE,	     /* its own and empty: net with a loopback only, ipc without /dev/shm */
	CONFIG_NS_HOST,
	CONFIG_NS_CONTAINER, /* of the container named by .container */
	CONFIG_NS_COUNT
};

struct config_ns {
	enum config_ns_mode mode;
	const char *container; /* id or name */
};

enum config_mount_type { CONFIG_MOUNT_BIND, CONFIG_MOUNT_VOLUME, CONFIG_MOUNT_TMPFS };

struct config_mount {
	enum config_mount_type type;
	const char *source; /* bind: absolute host path; volume: its name (NULL: anonymous and not completed
			       yet) */
	const char *target; /* absolute, lexically clean */
	bool read_only;
	bool anonymous;		   /* volume that goes away with its container */
	bool no_copy;		   /* volume: not filled with what the image has at target */
	bool create_source;	   /* bind: a missing source directory is made (-v does, --mount does not) */
	bool non_recursive;	   /* bind: without the mounts below source */
	bool ro_non_recursive;	   /* read_only: this mount only, what is below stays writable */
	unsigned long propagation; /* MS_*; 0: rprivate */
	const char *propagation_name; /* "rprivate", ... ; "" when nothing was said */
	const char *subpath;	      /* volume: a directory below its root; NULL */
	char **labels;	     /* volume: key, value, ..., NULL, for one that is made for it; may be NULL */
	const char *options; /* tmpfs: "size=64m,mode=1777", may be NULL */
	const char *mode;    /* inspect's Mode: the option string as given, "" */
};

/* A file that is made for each start and bound read-only. */
struct config_file {
	const char *target;
	const char *source, *content; /* one of them: the host's file to copy, or the text itself */
	uint32_t uid, gid, mode;      /* as the container sees them */
};

struct config_device {
	const char *host, *container; /* paths */
	bool read, write, mknod;
};

/* What is set per block device, looked up by path when the container starts. */
enum config_io {
	CONFIG_IO_WEIGHT,
	CONFIG_IO_READ_BPS,
	CONFIG_IO_WRITE_BPS,
	CONFIG_IO_READ_IOPS,
	CONFIG_IO_WRITE_IOPS,
	CONFIG_IO_COUNT
};
struct config_io_device {
	enum config_io kind;
	const char *path;
	uint64_t value;
};

enum config_seccomp { CONFIG_SECCOMP_DEFAULT, CONFIG_SECCOMP_UNCONFINED, CONFIG_SECCOMP_PROFILE };
enum config_upper { CONFIG_UPPER_DISK, CONFIG_UPPER_TMPFS };
enum config_root { CONFIG_ROOT_OVERLAY, CONFIG_ROOT_SHARED };
enum config_hook { CONFIG_HOOK_POST_START, CONFIG_HOOK_PRE_STOP, CONFIG_HOOK_COUNT };
enum config_log { CONFIG_LOG_FILE, CONFIG_LOG_NONE };

struct config {
	struct arena *arena;
	json_t *doc; /* the normalised create body */

	const char *image;					/* as the user wrote it, never NULL */
	const char *hostname, *domainname, *user, *working_dir; /* "" when not said */
	char **entrypoint, **cmd;				/* NULL-terminated; NULL: not said */
	char **env;						/* "K=V" or "K" (remove K), never NULL */
	char **labels;						/* key, value, ..., NULL; never NULL */
	bool tty, open_stdin, stdin_once, attach_stdin, attach_stdout, attach_stderr;
	uint16_t console_width, console_height; /* 0: not said */
	int stop_signal;			/* 0: not said; ask config_stop_signal() */
	int64_t stop_timeout_s;			/* SPEC_UNSET: not said; -1: for ever */
	int64_t stop_grace_ns;			/* SPEC_UNSET: not said; else it wins over stop_timeout_s */

	enum config_restart restart;
	int64_t restart_max; /* on-failure only; 0: no limit */
	bool auto_remove, init, privileged, readonly_rootfs, no_new_privileges;
	struct config_ns ns[SPEC_NS_COUNT]; /* pid, ipc, uts, cgroup, net, user; the others stay DEFAULT */
	const char *network;		    /* HostConfig.NetworkMode, "default" when not said */
	char **cap_add, **cap_drop;	    /* never NULL; checked, as written */
	enum config_seccomp seccomp;
	const char *seccomp_profile;	       /* CONFIG_SECCOMP_PROFILE: its JSON text */
	char **masked_paths, **readonly_paths; /* NULL: the defaults; an empty list: none */
	struct config_mount *mounts; /* binds, mounts, volumes, tmpfs; sorted so that a parent comes before
					what is in it */
	size_t n_mounts;
	struct config_file *files;
	size_t n_files;
	struct config_device *devices;
	size_t n_devices;
	struct spec_device_rule *device_rules; /* DeviceCgroupRules */
	size_t n_device_rules;
	struct spec_rlimit *rlimits;
	size_t n_rlimits;
	struct spec_sysctl *sysctls;
	size_t n_sysctls;
	char **group_add; /* never NULL */
	char **extra_hosts, **dns, **dns_search,
		**dns_options;	   /* "H:IP", ...; never NULL: for who writes /etc/hosts and resolv.conf */
	char **annotations;	   /* key, value, ..., NULL; never NULL */
	int64_t oom_score_adj;	   /* SPEC_UNSET: not said */
	int64_t shm_bytes;	   /* CONFIG_SHM_BYTES when not said */
	const char *cgroup_parent; /* "" */
	struct spec_resources
		resources; /* without devices of any kind; NanoCPUs already as quota and period */
	struct config_io_device *io_devices;
	size_t n_io_devices;

	const char *image_source; /* "dir:/srv/web"; NULL: what .image says */
	const char *image_id;	  /* "sha256:..."; NULL: of a container made before images had ids */
	bool image_health;	  /* the image has a health check, which is kept and not run */

	const char *oci_id;   /* the name that libcontainerd's verbs know it by; NULL: made Docker's way */
	const char *oci_spec; /* a config.json, whose paths are absolute */

	const json_t *hooks[CONFIG_HOOK_COUNT]; /* arrays of exec bodies, or NULL; part of .doc */
	enum config_upper upper;
	enum config_root root;
	enum config_log log;
	bool log_volatile;		  /* the files are in the run root */
	int64_t log_max_bytes;		  /* of one log file; 0: no limit */
	int log_max_files;		  /* >= 1 */
	const char *log_labels, *log_env; /* names with commas between, of what goes with each line; NULL */
	struct spec_id_map *uid_maps, *gid_maps;
	size_t n_uid_maps, n_gid_maps;
};

/* What an image (or a bundle) says about the programs in it, and what it is; all members may be NULL or "". */
struct config_image {
	char **entrypoint, **cmd, **env;
	char **labels; /* key, value, ..., NULL */
	const char *user, *working_dir, *stop_signal, *hostname;
	char **volumes;	      /* targets */
	char **exposed_ports; /* "80/tcp" */
	const json_t *health; /* docker's Healthcheck */
	const char *source, *id;
};

int config_parse(const json_t *body, struct config **out, struct err *e);
/* Check against this host (cpus, cpuset) and fill the gaps, Docker's way: hostname from the first 12 of id, image's values where the user left gaps (its
 * env after the user's, entrypoint given => image's cmd dropped), names for anonymous volumes. image may be
 * NULL (dir:). Nothing left to run is "no command specified". Call once, after config_parse() of a new
 * container; not after one of config_body(). */
int config_complete(struct config *c, const char *id, const struct config_image *image, struct err *e);
/* What docker's update makes of c: a new config, checked against this host too. What the body leaves out, or says as 0, "" or null,
 * stays. -EBUSY: it does not go with what is there. */
int config_update(const struct config *c, const json_t *update, struct config **out, struct err *e);
/* The limits that differ, the others unset; what is no limit any more is named as that. Points into to. */
void config_changed_resources(const struct config *from, const struct config *to, struct spec_resources *out);
/* The image of an oci-bundle: points into the spec, which must outlive out. */
void config_image_from_spec(const struct spec *bundle, struct config_image *out);
/* The configuration of image/config.h: points into it and into the arena. */
int config_image_from_json(const json_t *config, struct arena *a, struct config_image *out, struct err *e);
/* The same back, without .hostname, .source and .id: a new reference, NULL: out of memory. */
json_t *config_image_to_json(const struct config_image *image);
/* What oci_spec says, checked; its cgroupsPath is left out. */
int config_parse_oci(const char *text, struct spec **out, struct err *e);
void config_free(struct config *c);

/* For the store: a borrowed create body. */
const json_t *config_body(const struct config *c);
/* inspect's two objects with every member Docker prints; new references. */
int config_to_json(const struct config *c, json_t **out_config, json_t **out_host_config, struct err *e);
/* inspect's Mounts; volume_root(cookie, name) gives a volume's directory (may be NULL: then Source is "").
 * New reference. */
int config_mounts_to_json(const struct config *c, const char *(*volume_root)(void *cookie, const char *name),
	void *cookie, json_t **out, struct err *e);

/* entrypoint and cmd as one vector in the config's arena; never empty after config_complete(). */
char **config_command(const struct config *c);
int config_stop_signal(const struct config *c);		/* SIGTERM when not said */
int64_t config_stop_timeout_s(const struct config *c);	/* 10 when not said; -1: for ever */
const char *config_restart_name(enum config_restart r); /* "no", "always", "unless-stopped", "on-failure" */
int config_restart_from_name(const char *name);		/* -EINVAL */
/* Value of a label, NULL when it has none. */
const char *config_label(const struct config *c, const char *key);

OWN_DEFINE_PTR(config, struct config, config_free)

#endif
