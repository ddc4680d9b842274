#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "base/path.h"
#include "base/sys.h"
#include "base/text.h"
#include "supervisor/spec_build_parts.h"

#define BIND_ALL (MS_BIND | MS_REC)

/* Docker's, in its order: each must find its parent mounted. */
static const struct spec_mount defaults[] = {
	{ .destination = "/proc",
		.type = "proc",
		.source = "proc",
		.flags = MS_NOSUID | MS_NOEXEC | MS_NODEV },
	{ .destination = "/dev",
		.type = "tmpfs",
		.source = "tmpfs",
		.flags = MS_NOSUID | MS_STRICTATIME,
		.data = "mode=755,size=65536k" },
	{ .destination = "/dev/pts",
		.type = "devpts",
		.source = "devpts",
		.flags = MS_NOSUID | MS_NOEXEC,
		.data = "newinstance,ptmxmode=0666,mode=0620,gid=5" },
	{ .destination = "/sys",
		.type = "sysfs",
		.source = "sysfs",
		.flags = MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY },
	{ .destination = "/sys/fs/cgroup",
		.type = "cgroup",
		.source = "cgroup",
		.flags = MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY },
	{ .destination = "/dev/mqueue",
		.type = "mqueue",
		.source = "mqueue",
		.flags = MS_NOSUID | MS_NOEXEC | MS_NODEV },
	{ .destination = "/dev/shm",
		.type = "tmpfs",
		.source = "shm",
		.flags = MS_NOSUID | MS_NOEXEC | MS_NODEV },
};

struct list {
	struct spec_mount *v;
	size_t n;
};

static bool at(const struct spec_mount *m, const char *destination)
{
	return strcmp(m->destination, destination) == 0;
}

/* The host's own file system in place of one that the kernel would not let us mount anew. */
static void use_hosts(struct spec_mount *m)
{
	*m = (struct spec_mount){ .destination = m->destination,
		.type = "bind",
		.source = m->destination,
		.flags = BIND_ALL | (m->flags & (MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY)) };
}

/* A default mount as this container has it; false: not at all. */
static bool adapt(const struct spec_build_ctx *x, struct spec_mount *m)
{
	const struct spec *s = x->s;
	bool user_ns = s->ns[SPEC_NS_USER].mode == SPEC_NS_NEW;
	bool host_ipc = s->ns[SPEC_NS_IPC].mode == SPEC_NS_HOST;
	if (x->c->privileged && (at(m, "/sys") || at(m, "/sys/fs/cgroup")))
		m->flags &= ~(unsigned long)MS_RDONLY;
	/* procfs, sysfs and mqueue belong to a namespace: only its owner's root may mount them. */
	if (user_ns && at(m, "/proc") && s->ns[SPEC_NS_PID].mode == SPEC_NS_HOST)
		use_hosts(m);
	if (user_ns && at(m, "/sys") && s->ns[SPEC_NS_NET].mode == SPEC_NS_HOST)
		use_hosts(m);
	/* A host that has it nowhere mounted still has the queues: mounted anew, they are the host's too. */
	if (host_ipc && at(m, "/dev/mqueue") && access(m->destination, F_OK) < 0)
		return !user_ns;
	if (host_ipc && (at(m, "/dev/mqueue") || at(m, "/dev/shm")))
		use_hosts(m);
	else if (at(m, "/dev/shm"))
		m->data = arena_printf(x->a, "mode=1777,size=%lld", (long long)x->c->shm_bytes);
	return !(at(m, "/dev/shm") && x->c->ns[SPEC_NS_IPC].mode == CONFIG_NS_NONE);
}

/* Is this default's place taken by what the user mounts there, or above it on /dev? */
static bool is_taken(const struct config *c, const char *destination)
{
	for (size_t i = 0; i < c->n_mounts; i++) {
		const char *target = c->mounts[i].target;
		if (strcmp(target, destination) == 0 ||
			(strcmp(target, "/dev") == 0 && text_has_prefix(destination, "/dev/")))
			return true;
	}
	return false;
}

static void add_base(
	const struct spec_build_ctx *x, const struct spec_mount *from, size_t n, bool bundle, struct list *l)
{
	for (size_t i = 0; i < n; i++) {
		struct spec_mount m = from[i];
		if (!is_taken(x->c, m.destination) && (bundle || adapt(x, &m)))
			l->v[l->n++] = m;
	}
}

/* ---- the user's */

static int check_source(const struct config_mount *m, struct err *e)
{
	struct stat st;
	if (stat(m->source, &st) == 0)
		return 0;
	if (errno == ENOENT && m->create_source)
		return path_mkdirs(m->source, 0755, e);
	if (errno == ENOENT)
		return err_say(e, EINVAL,
			"invalid mount config for type \"bind\": bind source path does not exist: %s",
			m->source);
	return err_set(e, errno, "bind source %s", m->source);
}

int spec_build_check_sources(const struct config *c, struct err *e)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < c->n_mounts; i++)
		if (c->mounts[i].type == CONFIG_MOUNT_BIND)
			r = check_source(&c->mounts[i], e);
	return r;
}

/* A directory inside a volume, whose contents are a container's to arrange: no symlink on the way may lead elsewhere. */
static int check_subpath(const char *root, const struct config_mount *m, bool *is_file, struct err *e)
{
	struct stat st;
	auto_close int dirfd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return err_set(e, errno, "open volume %s", m->source);
	auto_close int fd = sys_openat2(
		dirfd, m->subpath, O_PATH, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, errno, "volume %s: subpath %s", m->source, m->subpath);
	*is_file = !S_ISDIR(st.st_mode);
	return 0;
}

static int find_source(
	const struct spec_build_ctx *x, const struct config_mount *m, const char **out, struct err *e)
{
	if (m->type == CONFIG_MOUNT_BIND) {
		*out = arena_strdup(x->a, m->source);
		return *out ? 0 : spec_build_no_memory(e);
	}
	if (!m->source || !x->env->volume_path)
		return err_say(e, EINVAL, "volume at %s: has no directory", m->target);
	return x->env->volume_path(x->env->cookie, m, x->a, out, e);
}

static int build_bind(
	const struct spec_build_ctx *x, const struct config_mount *m, struct spec_mount *to, struct err *e)
{
	const char *source = NULL;
	int r = find_source(x, m, &source, e);
	if (r < 0)
		return r;
	to->type = "bind";
	to->source = source;
	if (m->subpath) { /* only seen here: the launcher goes there again, by descriptor */
		to->subpath = arena_strdup(x->a, m->subpath);
		r = check_subpath(source, m, &to->source_is_file, e);
		if (r < 0 || !to->subpath)
			return r < 0 ? r : spec_build_no_memory(e);
	}
	to->flags = m->non_recursive ? MS_BIND : BIND_ALL;
	to->propagation = m->propagation;
	if (m->read_only) {
		to->flags |= MS_RDONLY;
		to->recursive_ro = !m->non_recursive && !m->ro_non_recursive;
	}
	return 0;
}

static int build_tmpfs(
	const struct spec_build_ctx *x, const struct config_mount *m, struct spec_mount *to, struct err *e)
{
	to->type = to->source = "tmpfs";
	to->flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | (m->read_only ? MS_RDONLY : 0);
	char *words = arena_strdup(x->a, m->options ? m->options : ""), *save = NULL;
	char **options = words ? arena_calloc(x->a, strlen(words) / 2 + 2, sizeof(*options)) : NULL;
	size_t n = 0;
	if (!options)
		return spec_build_no_memory(e);
	for (char *word = strtok_r(words, ",", &save); word; word = strtok_r(NULL, ",", &save))
		options[n++] = word;
	int r = spec_mount_options(x->a, options, to, e);
	return r < 0 ? err_wrap(e, r, "tmpfs at %s", m->target) : 0;
}

static int add_declared(const struct spec_build_ctx *x, struct list *l, struct err *e)
{
	for (size_t i = 0; i < x->c->n_mounts; i++) {
		const struct config_mount *m = &x->c->mounts[i];
		struct spec_mount *to = &l->v[l->n++];
		to->destination = arena_strdup(x->a, m->target);
		if (!to->destination)
			return spec_build_no_memory(e);
		int r = m->type == CONFIG_MOUNT_TMPFS ? build_tmpfs(x, m, to, e) : build_bind(x, m, to, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- /etc/hostname and the like */

static void add_files(const struct spec_build_ctx *x, struct list *l)
{
	const struct {
		const char *source, *destination;
	} files[] = { { x->env->resolv_conf_path, "/etc/resolv.conf" },
		{ x->env->hostname_path, "/etc/hostname" }, { x->env->hosts_path, "/etc/hosts" } };
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		bool taken = false;
		for (size_t j = 0; j < l->n; j++)
			taken = taken || at(&l->v[j], files[i].destination);
		if (!files[i].source || taken)
			continue;
		l->v[l->n++] = (struct spec_mount){ .destination = files[i].destination,
			.type = "bind",
			.source = arena_strdup(x->a, files[i].source),
			.flags = BIND_ALL | (x->c->readonly_rootfs ? MS_RDONLY : 0),
			.source_is_file = true };
	}
}

/* They are written when the launch has begun. */
static void add_configs(const struct spec_build_ctx *x, struct list *l)
{
	for (size_t i = 0; x->env->configs_dir && i < x->c->n_files; i++)
		l->v[l->n++] = (struct spec_mount){ .destination = arena_strdup(x->a, x->c->files[i].target),
			.type = "bind",
			.source = arena_printf(x->a, "%s/%zu", x->env->configs_dir, i),
			.flags = BIND_ALL | MS_RDONLY,
			.source_is_file = true };
}

int spec_build_mounts(const struct spec_build_ctx *x, struct err *e)
{
	struct spec *s = x->s;
	bool bundle = x->env->bundle && s->n_mounts;
	const struct spec_mount *base = bundle ? s->mounts : defaults;
	size_t n_base = bundle ? s->n_mounts : ARRAY_LEN(defaults);
	struct list l = { .v = arena_calloc(
				  x->a, n_base + x->c->n_mounts + x->c->n_files + 4, sizeof(*l.v)) };
	if (!l.v)
		return spec_build_no_memory(e);
	add_base(x, base, n_base, bundle, &l);
	int r = add_declared(x, &l, e);
	if (r < 0)
		return r;
	add_configs(x, &l);
	add_files(x, &l);
	s->mounts = l.v;
	s->n_mounts = l.n;
	return arena_failed(x->a) ? spec_build_no_memory(e) : 0;
}
