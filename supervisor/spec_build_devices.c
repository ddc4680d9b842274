#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/own.h"
#include "supervisor/spec_build_parts.h"

#define DEPTH_MAX 8 /* of directories below /dev */

/* Growing lists in the spec's arena. */
struct nodes {
	struct arena *a;
	struct spec_device *v;
	size_t n, room;
};

static int add_node(struct nodes *l, const char *path, const struct stat *st)
{
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 16;
		struct spec_device *more = arena_calloc(l->a, room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		if (l->n)
			memcpy(more, l->v, l->n * sizeof(*more));
		l->v = more;
		l->room = room;
	}
	struct spec_device *d = &l->v[l->n++];
	*d = (struct spec_device){ .path = arena_strdup(l->a, path),
		.type = S_ISBLK(st->st_mode) ? 'b' : 'c',
		.major = major(st->st_rdev),
		.minor = minor(st->st_rdev),
		.mode = st->st_mode & 07777,
		.uid = st->st_uid,
		.gid = st->st_gid };
	return d->path ? 0 : -ENOMEM;
}

static bool is_device(const struct stat *st)
{
	return S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode);
}

/* What is the container's own below /dev. */
static bool is_own_name(const char *name)
{
	static const char *const own[] = { "pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev",
		"console", "ptmx" };
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (strcmp(own[i], name) == 0)
			return true;
	return false;
}

/* Every device node below a directory; dirfd is ours to close. */
static int walk(struct nodes *l, int dirfd, const char *path, int depth)
{
	DIR *dir = fdopendir(dirfd);
	if (!dir) {
		(void)close(dirfd);
		return -errno;
	}
	int r = 0;
	for (struct dirent *d; r == 0 && (d = readdir(dir));) {
		struct stat st;
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 ||
			(depth == 0 && is_own_name(d->d_name)))
			continue;
		if (fstatat(dirfd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue; /* unplugged meanwhile */
		char *below = arena_printf(l->a, "%s/%s", path, d->d_name);
		if (!below) {
			r = -ENOMEM;
		} else if (is_device(&st)) {
			r = add_node(l, below, &st);
		} else if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX) {
			int fd = openat(dirfd, d->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			if (fd >= 0)
				r = walk(l, fd, below, depth + 1);
		}
	}
	(void)closedir(dir);
	return r;
}

static int add_rule(struct spec_resources *res, size_t room, struct spec_device_rule rule)
{
	if (res->n_devices >= room)
		return -ENOMEM;
	res->devices[res->n_devices++] = rule;
	return 0;
}

/* What Docker's containers may use: any node may be made, the harmless ones be opened. */
static int add_default_rules(struct spec_resources *res, size_t room, bool deny_first)
{
	static const struct spec_device_rule rules[] = {
		{ false, 'a', -1, -1, true, true, true }, { true, 'c', -1, -1, false, false, true },
		{ true, 'b', -1, -1, false, false, true }, { true, 'c', 1, 3, true, true, true }, /* null */
		{ true, 'c', 1, 5, true, true, true },						  /* zero */
		{ true, 'c', 1, 7, true, true, true },						  /* full */
		{ true, 'c', 1, 8, true, true, true },						  /* random */
		{ true, 'c', 1, 9, true, true, true },	   /* urandom */
		{ true, 'c', 5, 0, true, true, true },	   /* tty */
		{ true, 'c', 5, 1, true, true, true },	   /* console */
		{ true, 'c', 5, 2, true, true, true },	   /* ptmx */
		{ true, 'c', 136, -1, true, true, true },  /* pts */
		{ false, 'c', 10, 229, true, true, true }, /* fuse */
	};
	int r = 0;
	for (size_t i = deny_first ? 0 : 1; r == 0 && i < ARRAY_LEN(rules); i++)
		r = add_rule(res, room, rules[i]);
	return r;
}

/* One declared device: a node, or a directory with all nodes below it. */
static int add_declared(struct nodes *l, const struct config_device *d, struct err *e)
{
	struct stat st;
	int r = 0;
	if (stat(d->host, &st) < 0)
		return err_set(e, errno,
			"error gathering device information while adding custom device \"%s\"", d->host);
	if (is_device(&st)) {
		r = add_node(l, d->container, &st);
	} else if (S_ISDIR(st.st_mode)) {
		int fd = open(d->host, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = fd < 0 ? -errno : walk(l, fd, d->container, 1);
	} else {
		return err_say(e, EINVAL,
			"error gathering device information while adding custom device \"%s\": not a device node",
			d->host);
	}
	return r < 0 ? err_set(e, -r, "add device \"%s\"", d->host) : 0;
}

static struct spec_device_rule rule_of(const struct spec_device *node, const struct config_device *d)
{
	return (struct spec_device_rule){ true, node->type, node->major, node->minor, d->read, d->write,
		d->mknod };
}

static int build_nodes(const struct spec_build_ctx *x, struct nodes *l, size_t *first_of, struct err *e)
{
	if (x->c->privileged) {
		int fd = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		int r = fd < 0 ? -errno : walk(l, fd, "/dev", 0);
		if (r < 0)
			return err_set(e, -r, "read the host's /dev");
	}
	for (size_t i = 0; i < x->c->n_devices; i++) {
		first_of[i] = l->n;
		int r = add_declared(l, &x->c->devices[i], e);
		if (r < 0)
			return r;
	}
	first_of[x->c->n_devices] = l->n;
	return 0;
}

static int build_rules(const struct spec_build_ctx *x, const struct nodes *l, const size_t *first_of)
{
	struct spec_resources *res = &x->s->resources;
	size_t old = res->n_devices, room = old + l->n + x->c->n_device_rules + 16;
	struct spec_device_rule *rules = arena_calloc(x->a, room, sizeof(*rules));
	if (!rules)
		return -ENOMEM;
	if (old)
		memcpy(rules, res->devices, old * sizeof(*rules));
	res->devices = rules;
	if (x->c->privileged) {
		res->n_devices = 0;
		return add_rule(res, room, (struct spec_device_rule){ true, 'a', -1, -1, true, true, true });
	}
	int r = add_default_rules(res, room, old == 0);
	for (size_t i = 0; r == 0 && i < x->c->n_devices; i++)
		for (size_t j = first_of[i]; r == 0 && j < first_of[i + 1]; j++)
			r = add_rule(res, room, rule_of(&l->v[j], &x->c->devices[i]));
	for (size_t i = 0; r == 0 && i < x->c->n_device_rules; i++)
		r = add_rule(res, room, x->c->device_rules[i]);
	return r;
}

/* ---- limits of block devices */

static int add_io(const struct spec_build_ctx *x, const struct config_io_device *d, struct err *e)
{
	struct spec_resources *res = &x->s->resources;
	struct spec_throttle *const lists[CONFIG_IO_COUNT] = { NULL, res->read_bps, res->write_bps,
		res->read_iops, res->write_iops };
	size_t *const counts[CONFIG_IO_COUNT] = { &res->n_weight_devices, &res->n_read_bps, &res->n_write_bps,
		&res->n_read_iops, &res->n_write_iops };
	struct stat st;
	if (stat(d->path, &st) < 0)
		return err_set(e, errno, "HostConfig: block device %s", d->path);
	if (!S_ISBLK(st.st_mode))
		return err_say(e, EINVAL, "HostConfig: %s is not a block device", d->path);
	size_t i = (*counts[d->kind])++;
	if (d->kind == CONFIG_IO_WEIGHT)
		res->weight_devices[i] = (struct spec_weight_device){
			.major = major(st.st_rdev), .minor = minor(st.st_rdev), .weight = (uint16_t)d->value
		};
	else
		lists[d->kind][i] = (struct spec_throttle){ major(st.st_rdev), minor(st.st_rdev), d->value };
	return 0;
}

/* Room for all that is declared behind what a bundle has. */
static int grow_io(const struct spec_build_ctx *x)
{
	struct spec_resources *res = &x->s->resources;
	size_t more = x->c->n_io_devices;
	struct {
		struct spec_throttle **list;
		size_t n;
	} lists[] = { { &res->read_bps, res->n_read_bps }, { &res->write_bps, res->n_write_bps },
		{ &res->read_iops, res->n_read_iops }, { &res->write_iops, res->n_write_iops } };
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		struct spec_throttle *v = arena_calloc(x->a, lists[i].n + more, sizeof(*v));
		if (v && lists[i].n)
			memcpy(v, *lists[i].list, lists[i].n * sizeof(*v));
		*lists[i].list = v;
	}
	struct spec_weight_device *w = arena_calloc(x->a, res->n_weight_devices + more, sizeof(*w));
	if (w && res->n_weight_devices)
		memcpy(w, res->weight_devices, res->n_weight_devices * sizeof(*w));
	res->weight_devices = w;
	return arena_failed(x->a) ? -ENOMEM : 0;
}

int spec_build_devices(const struct spec_build_ctx *x, struct err *e)
{
	struct spec *s = x->s;
	struct nodes l = { .a = x->a };
	size_t *first_of = arena_calloc(x->a, x->c->n_devices + 1, sizeof(*first_of));
	if (!first_of)
		return spec_build_no_memory(e);
	int r = build_nodes(x, &l, first_of, e);
	if (r < 0)
		return r;
	if (build_rules(x, &l, first_of) < 0)
		return spec_build_no_memory(e);
	if (l.n) {
		struct spec_device *all = arena_calloc(x->a, s->n_devices + l.n, sizeof(*all));
		if (!all)
			return spec_build_no_memory(e);
		if (s->n_devices)
			memcpy(all, s->devices, s->n_devices * sizeof(*all));
		memcpy(all + s->n_devices, l.v, l.n * sizeof(*all));
		s->devices = all;
		s->n_devices += l.n;
	}
	if (x->c->n_io_devices && grow_io(x) < 0)
		return spec_build_no_memory(e);
	for (size_t i = 0; r == 0 && i < x->c->n_io_devices; i++)
		r = add_io(x, &x->c->io_devices[i], e);
	return r;
}
