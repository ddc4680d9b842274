/*
 * spec - what one container is to be: the OCI runtime configuration, parsed.
 *
 * This struct is the only input of runtime/. spec_parse() makes it from a config.json; the supervisor
 * fills the same struct from what its user declared; spec_write() turns it back into config.json (a launch
 * that must not carry the supervisor's memory passes it that way).
 *
 * Source:  opencontainers/runtime-spec 1.2, config.md and config-linux.md.
 * Units:   bytes, microseconds (cpu quota and period), as the field names of the specification have them.
 *          Optional numbers use SPEC_UNSET; -1 is the specification's "unlimited" where it has one.
 * Owns:    every pointer points into .arena; spec_free() gives back all of it. A builder may keep strings of a
 *          longer-lived owner in the struct too.
 * Errors:  -EINVAL and the member's path ("linux.resources.memory.limit: must be a whole number"). Unknown members are
 *          ignored, as the specification demands; known ones that cannot be honoured are errors.
 */
#ifndef RUNTIME_SPEC_H
#define RUNTIME_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define SPEC_UNSET INT64_MIN

struct json_t;

enum spec_ns {
	SPEC_NS_PID,
	SPEC_NS_NET,
	SPEC_NS_MNT,
	SPEC_NS_IPC,
	SPEC_NS_UTS,
	SPEC_NS_USER,
	SPEC_NS_CGROUP,
	SPEC_NS_TIME,
	SPEC_NS_COUNT
};

enum spec_ns_mode { SPEC_NS_HOST, SPEC_NS_NEW, SPEC_NS_JOIN }; /* HOST: not listed, the runtime's own */

struct spec_namespace {
	enum spec_ns_mode mode;
	const char *path; /* JOIN only: /proc/PID/ns/..., opened by the launcher */
};

struct spec_id_map {
	uint32_t container_id, host_id, size;
};

struct spec_env {
	char **v; /* "K=V", NULL-terminated */
};

struct spec_rlimit {
	int resource;	     /* RLIMIT_* */
	uint64_t soft, hard; /* RLIM_INFINITY for unlimited */
};

/* Bit n is capability n (linux/capability.h). */
struct spec_caps {
	uint64_t bounding, effective, inheritable, permitted, ambient;
};

struct spec_process {
	bool terminal;
	uint16_t console_width, console_height; /* 0: not set */
	char **args; /* NULL-terminated; NULL only for a config.json without process */
	char **env;
	const char *cwd;
	/* Either the numbers (config.json) or, when user is not NULL, docker's "user[:group]", looked up inside the root. */
	uint32_t uid, gid;
	int64_t umask; /* SPEC_UNSET: 022 */
	const char *user;
	uint32_t *additional_gids;
	size_t n_additional_gids;
	char **group_add; /* names or numbers looked up inside the root, NULL-terminated; may be NULL */
	struct spec_caps caps;
	struct spec_rlimit *rlimits;
	size_t n_rlimits;
	bool no_new_privileges;
	int64_t oom_score_adj; /* SPEC_UNSET: inherit */
};

/* Bits of struct spec_mount.flags: MS_* of mount(2) for what they cover; recursive read-only (rro) and friends apart. */
struct spec_mount {
	const char *destination; /* absolute, inside the container */
	const char *type;   /* "bind", "tmpfs", "proc", ...; "bind" whenever bind or rbind is an option */
	const char *source; /* bind: a path of the host's; may be NULL */
	const char *
		subpath; /* bind: the part of source that is meant, found at the mount, no symlink on the way; or NULL.
				Not in a config.json: for sources that containers can change */
	unsigned long flags; /* MS_BIND, MS_REC, MS_RDONLY, MS_NOSUID, ... to set */
	unsigned long clear; /* the same, explicitly taken away ("rw", "exec", ...) */
	bool recursive_ro;   /* "rro": the whole tree, through mount_setattr(2) */
	unsigned long
		propagation; /* MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_UNBINDABLE, with MS_REC; 0: MS_PRIVATE | MS_REC */
	bool copy_up;	     /* "tmpcopyup": a tmpfs that starts with what the image has there */
	bool source_is_file; /* hint for a bind source that the supervisor made: mount point is a file */
	const char *data;    /* file system options left over, "size=65536k,mode=755", may be NULL */
};

struct spec_device {
	const char *path; /* in the container */
	char type;	  /* 'c', 'b', 'p' (u counts as c) */
	int64_t major, minor;
	uint32_t mode, uid, gid;
};

struct spec_device_rule {
	bool allow;
	char type;	      /* 'a', 'b', 'c' */
	int64_t major, minor; /* -1: any */
	bool read, write, mknod;
};

struct spec_throttle {
	int64_t major, minor;
	uint64_t rate;
};

struct spec_weight_device {
	int64_t major, minor;
	uint16_t weight, leaf_weight; /* 0: not set */
};

struct spec_resources {
	/* memory, bytes; swap is the v1 sum of memory and swap, as the specification has it */
	int64_t memory_limit, memory_reservation, memory_swap, memory_swappiness;
	int64_t memory_oom_kill_disable; /* 0, 1 or SPEC_UNSET */
	int64_t cpu_shares, cpu_quota_us, cpu_period_us, cpu_burst_us, cpu_idle;
	const char *cpuset_cpus, *cpuset_mems; /* NULL: not set */
	int64_t pids_limit;		       /* <= 0 is unlimited, SPEC_UNSET not set */
	int64_t blkio_weight;
	struct spec_weight_device *weight_devices;
	size_t n_weight_devices;
	struct spec_throttle *read_bps, *write_bps, *read_iops, *write_iops;
	size_t n_read_bps, n_write_bps, n_read_iops, n_write_iops;
	struct spec_device_rule *devices;
	size_t n_devices;
	char **unified; /* key, value, key, value, ..., NULL; cgroup v2 files written as they are; may be NULL */
};

struct spec_seccomp_arg {
	unsigned index;
	uint64_t value, value_two;
	int op; /* SCMP_CMP_* */
};

struct spec_seccomp_rule {
	char **names;
	uint32_t action; /* SCMP_ACT_*, errno folded in */
	struct spec_seccomp_arg *args;
	size_t n_args;
};

struct spec_seccomp {
	uint32_t default_action;
	uint32_t *architectures; /* SCMP_ARCH_* */
	size_t n_architectures;
	uint32_t flags; /* SECCOMP_FILTER_FLAG_* */
	struct spec_seccomp_rule *rules;
	size_t n_rules;
};

struct spec_sysctl {
	const char *key, *value; /* "net.ipv4.ip_forward", dots */
};

struct spec {
	struct arena *arena;
	const char *oci_version;
	const char *hostname, *domainname; /* NULL: not set */
	const char *root_path;		   /* absolute */
	bool root_readonly;
	unsigned long rootfs_propagation; /* 0: MS_PRIVATE | MS_REC */
	struct spec_process process;
	struct spec_mount *mounts; /* in order */
	size_t n_mounts;
	struct spec_namespace ns[SPEC_NS_COUNT];
	struct spec_id_map *uid_maps, *gid_maps;
	size_t n_uid_maps, n_gid_maps;
	int64_t boottime_offset_s, monotonic_offset_s; /* time namespace */
	uint32_t boottime_offset_ns, monotonic_offset_ns;
	struct spec_device *devices; /* beyond the default nodes */
	size_t n_devices;
	const char *cgroups_path; /* below the runtime's root; NULL: the id */
	struct spec_resources resources;
	struct spec_seccomp *seccomp; /* NULL: no filter */
	struct spec_sysctl *sysctls;
	size_t n_sysctls;
	char **masked_paths, **readonly_paths; /* NULL-terminated, may be NULL */
	char **annotations;		       /* key, value, ..., NULL; may be NULL */
	bool init;			       /* berth's: our reaper is pid 1 and the process its child */
};

/* All numbers unset, every namespace HOST, an arena ready; NULL when memory is out. */
struct spec *spec_new(void);
void spec_free(struct spec *s);
/* bundle_dir resolves a relative root.path. text is config.json. */
int spec_parse(const char *text, size_t len, const char *bundle_dir, struct spec **out, struct err *e);
/* config.json of this spec, appended to out; spec_parse() of it gives an equal spec. */
int spec_write(const struct spec *s, struct buf *out, struct err *e);
/* Parts of a config.json by themselves: the object of a process (checked as spec_validate() does) or of linux.resources.
 * What is read goes to a. */
int spec_process_parse(const struct json_t *obj, struct arena *a, struct spec_process *out, struct err *e);
int spec_resources_parse(
	const struct json_t *obj, struct arena *a, struct spec_resources *out, struct err *e);
/* Parse one mount's options ("ro,nosuid,size=64k" split at commas by the caller) into m. Docker's and mount(8)'s words. */
int spec_mount_options(struct arena *a, char *const *options, struct spec_mount *m, struct err *e);
/* "rslave" and the like; -EINVAL, NULL: no such word. */
int spec_propagation_from_name(const char *name, unsigned long *out);
const char *spec_propagation_name(unsigned long flags);
/* Everything that can be checked without touching the system: args present, cwd absolute, ids in range, maps not empty, ... */
int spec_validate(const struct spec *s, struct err *e);

/* CLONE_NEW* of clone(2) and setns(2). */
uint64_t spec_ns_clone_flag(enum spec_ns ns);

OWN_DEFINE_PTR(spec, struct spec, spec_free)

#endif
