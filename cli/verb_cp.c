/* cp: files between a container and here, by docker's rules for what is copied where. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/path.h"
#include "cli/cli.h"
#include "cli/cp_paths.h"
#include "cli/cp_stream.h"
#include "cli/output.h"

#define LINKS_MAX 10
#define BLOCK	  (16 * 1024)
#define APART	  __attribute__((noinline)) /* its paths are not on the stack of who calls it */

struct copy {
	const struct cli *cli;
	const char *container;
	const char *from, *to;
	bool follow, ids, quiet;
};

static void say_copied(const struct copy *k, uint64_t bytes, const char *prefix, const char *to)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };
	double n = (double)bytes;
	size_t i = 0;

	for (; n >= 1000 && i + 1 < ARRAY_LEN(units); i++)
		n /= 1000;
	if (!k->quiet)
		(void)fprintf(stderr, "Successfully copied %.3g%s to %s%s%s\n", n, units[i], prefix,
			*prefix ? ":" : "", to);
}

/* Absolute; what stands at its end stays there. */
static int absolute(const char *path, char out[PATH_MAX], struct err *e)
{
	char here[PATH_MAX], joined[2 * PATH_MAX];

	if (*path == '/')
		(void)snprintf(joined, sizeof(joined), "%s", path);
	else if (getcwd(here, sizeof(here)))
		(void)snprintf(joined, sizeof(joined), "%s/%s", here, path);
	else
		return err_set(e, errno, "getwd");
	int len = path_clean(joined, out, PATH_MAX - 2);
	if (len < 0)
		return err_set(e, -len, "%.200s", path);
	const char *tail = cp_ends_with_dot(path) ? "/." : cp_ends_with_slash(path) ? "/" : "";
	(void)strcat(out, len == 1 && *tail ? tail + 1 : tail);
	return 0;
}

/* ---------------------------------------------------------------- out of the container */

/* What is at the destination, links followed; nothing need be there but the directory above. */
APART static int look_at_destination(const char *path, struct cp_info *out, struct err *e)
{
	char target[PATH_MAX], dir[PATH_MAX], base[NAME_MAX + 1], next[PATH_MAX];
	struct stat st;

	*out = (struct cp_info){ 0 };
	(void)snprintf(out->path, sizeof(out->path), "%s", path);
	int r = lstat(out->path, &st) < 0 ? -errno : 0;
	for (int i = 0; r == 0 && S_ISLNK(st.st_mode); i++) {
		if (i > LINKS_MAX)
			return err_say(e, ELOOP, "too many symlinks in %s", path);
		ssize_t len = readlink(out->path, target, sizeof(target) - 1);
		if (len < 0)
			return err_set(e, errno, "readlink %s", out->path);
		target[len] = '\0';
		if (cp_join_link(out->path, target, next) < 0)
			return err_set(e, ENAMETOOLONG, "readlink %s", out->path);
		memcpy(out->path, next, sizeof(next));
		r = lstat(out->path, &st) < 0 ? -errno : 0;
	}
	if (r == 0) {
		out->exists = true;
		out->is_dir = S_ISDIR(st.st_mode);
		return out->is_dir || S_ISREG(st.st_mode)
			? 0
			: err_say(e, EINVAL,
				  "invalid output path: \"%s\" must be a directory or a regular file", path);
	}
	if (r != -ENOENT)
		return err_set(e, -r, "lstat %s", out->path);
	if (cp_split_path(out->path, dir, base) < 0)
		return err_set(e, ENAMETOOLONG, "%.200s", path);
	if (stat(dir, &st) < 0)
		return err_say(e, ENOENT, "invalid output path: directory \"%s\" does not exist", dir);
	return S_ISDIR(st.st_mode) ? 0 : err_say(e, ENOTDIR, "not a directory");
}

APART static int print_archive(const struct copy *k, struct err *e)
{
	auto_(cp_stream) struct cp_stream s = { 0 };
	char block[BLOCK];
	ssize_t n;
	int r = cp_stream_get(&s, k->cli, k->container, k->from, NULL, e);

	while (r == 0 && (n = cp_stream_read(&s, block, sizeof(block))) != 0) {
		if (n < 0)
			return err_set(e, (int)-n, "read the archive");
		r = io_write_full(STDOUT_FILENO, block, (size_t)n);
		if (r == -EPIPE)
			output_reader_gone();
		if (r < 0)
			return err_set(e, -r, "write the archive");
	}
	return r;
}

/* With -L, a link's target in its place. */
APART static int follow_source(const struct copy *k, struct cp_info *from, struct err *e)
{
	char target[PATH_MAX];
	struct cp_stat st;
	int r = k->follow ? cp_stat(k->cli, k->container, k->from, &st, e) : 0;

	(void)snprintf(from->path, sizeof(from->path), "%s", k->from);
	if (r <= 0 || !st.is_link)
		return r < 0 ? r : 0;
	if (cp_join_link(k->from, st.link_target, target) < 0)
		return err_set(e, ENAMETOOLONG, "%.200s", k->from);
	return cp_rebase(k->from, target, from, e);
}

APART static int unpack(
	struct cp_stream *s, const struct cp_info *from, const struct cp_plan *plan, struct err *e)
{
	char above[PATH_MAX], base[NAME_MAX + 1];
	struct tar_reader reader = { .read = cp_stream_read, .cookie = s };
	auto_close int dir = open(plan->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct tar_unpack u = {
		.root_fd = dir, .dir = "", .no_overwrite_dir_non_dir = true, .no_owner = true
	};

	if (dir < 0)
		return err_set(e, errno, "open %s", plan->dir);
	if (cp_split_path(from->path, above, base) < 0)
		return err_set(e, ENAMETOOLONG, "%.200s", from->path);
	/* The archive begins with the name of what was asked for. */
	if (plan->rename || *from->rebase) {
		u.from = strcmp(base, "/") == 0 ? "" : base;
		u.to = plan->rename ? plan->to : from->rebase;
	}
	mode_t mask = umask(0);
	int r = tar_unpack(&u, &reader, e);
	(void)umask(mask);
	return r;
}

static int copy_out(const struct copy *k, struct err *e)
{
	auto_(cp_stream) struct cp_stream s = { 0 };
	static struct cp_info from, to; /* one copy for each run of the program; too large for the stack */
	static struct cp_plan plan;
	struct cp_stat st;
	char path[PATH_MAX];

	from.exists = true;
	if (strcmp(k->to, "-") == 0)
		return print_archive(k, e);
	int r = absolute(k->to, path, e);
	if (r == 0)
		r = look_at_destination(path, &to, e);
	if (r == 0)
		r = follow_source(k, &from, e);
	if (r == 0)
		r = cp_stream_get(&s, k->cli, k->container, from.path, &st, e);
	if (r < 0)
		return r;
	from.is_dir = st.is_dir;
	r = cp_plan(&from, &to, &plan, e);
	if (r == 0)
		r = unpack(&s, &from, &plan, e);
	if (r == 0)
		say_copied(k, s.bytes, "", path);
	return r;
}

/* ---------------------------------------------------------------- into the container */

/* What is at the destination, one link followed. */
APART static int stat_destination(const struct copy *k, struct cp_info *out, struct err *e)
{
	struct cp_stat st;
	int r = cp_stat(k->cli, k->container, k->to, &st, e);

	*out = (struct cp_info){ 0 };
	(void)snprintf(out->path, sizeof(out->path), "%s", k->to);
	if (r > 0 && st.is_link) {
		if (cp_join_link(k->to, st.link_target, out->path) < 0)
			return err_set(e, ENAMETOOLONG, "%.200s", k->to);
		r = cp_stat(k->cli, k->container, out->path, &st, e);
	}
	if (r <= 0)
		return 0; /* the directory above may be there; if it is not, or the container, that is said soon */
	if (st.is_special)
		return err_say(e, EINVAL, "destination \"%s:%s\" must be a directory or a regular file",
			k->container, k->to);
	out->exists = true;
	out->is_dir = st.is_dir;
	return 0;
}

/* The local source with the links on the way to it resolved, and with -L its own. */
APART static int look_at_source(const struct copy *k, const char *path, struct cp_info *out, struct err *e)
{
	char dir[PATH_MAX], resolved[PATH_MAX], whole[PATH_MAX + NAME_MAX + 2];
	const char *slash = strrchr(path, '/'), *base = slash + 1;
	struct stat st;
	int r;

	*out = (struct cp_info){ .exists = true };
	if (k->follow) {
		if (!realpath(path, resolved))
			return err_say(e, errno, "lstat %s: %s", path, strerror(errno));
		r = cp_rebase(path, resolved, out, e);
	} else {
		(void)snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path) + 1, path);
		if (!realpath(dir, resolved))
			return err_say(e, errno, "lstat %s: %s", dir, strerror(errno));
		(void)snprintf(whole, sizeof(whole), "%s/%s", resolved[1] ? resolved : "", base);
		if (strlen(whole) >= sizeof(out->path))
			return err_set(e, ENAMETOOLONG, "%.200s", path);
		memcpy(out->path, whole, strlen(whole) + 1);
		r = *base ? 0 : cp_rebase(path, resolved, out, e);
	}
	if (r < 0)
		return r;
	if (lstat(out->path, &st) < 0)
		return err_say(e, errno, "lstat %s: %s", out->path, strerror(errno));
	out->is_dir = S_ISDIR(st.st_mode);
	return 0;
}

static const char *put_options(const struct copy *k)
{
	return k->ids ? "&noOverwriteDirNonDir=true&copyUIDGID=true" : "&noOverwriteDirNonDir=true";
}

APART static int send_stdin(const struct copy *k, const struct cp_info *to, struct err *e)
{
	auto_(cp_stream) struct cp_stream s = { 0 };
	char block[BLOCK];
	ssize_t n;

	if (!to->is_dir)
		return err_say(e, EINVAL, "destination \"%s:%s\" must be a directory", k->container, k->to);
	int r = cp_stream_put(&s, k->cli, k->container, to->path, put_options(k), e);
	if (r == 0)
		(void)cp_stream_flush(&s); /* the answer says what there is to be said */
	while (r == 0 && (n = read(STDIN_FILENO, block, sizeof(block))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, errno, "read standard input");
		if (cp_stream_write(&s, block, (size_t)n) < 0 || cp_stream_flush(&s) < 0)
			break; /* its answer says why */
	}
	return r < 0 ? r : cp_stream_end(&s, e);
}

APART static int send_files(
	const struct copy *k, const struct cp_info *from, const struct cp_plan *plan, struct err *e)
{
	auto_(cp_stream) struct cp_stream s = { 0 };
	char dir[PATH_MAX], base[NAME_MAX + 1];

	if (cp_split_path(from->path, dir, base) < 0)
		return err_set(e, ENAMETOOLONG, "%.200s", from->path);
	const char *name = plan->rename ? plan->to : *from->rebase ? from->rebase : base;
	struct tar_pack p = {
		.root_fd = AT_FDCWD,
		.path = from->path,
		.name = strcmp(name, "/") == 0 ? "" : name,
		.write = cp_stream_write,
		.cookie = &s,
	};
	int r = cp_stream_put(&s, k->cli, k->container, plan->dir, put_options(k), e);
	if (r == 0)
		r = tar_pack(&p, e);
	if (r == 0 || r == -EPIPE)
		r = cp_stream_end(&s, e);
	if (r == 0)
		say_copied(k, s.bytes, k->container, k->to);
	return r;
}

static int copy_in(const struct copy *k, struct err *e)
{
	static struct cp_info from, to;
	static struct cp_plan plan;
	char path[PATH_MAX];
	bool from_stdin = strcmp(k->from, "-") == 0;
	int r = from_stdin ? 0 : absolute(k->from, path, e);

	if (r == 0)
		r = stat_destination(k, &to, e);
	if (r == 0 && from_stdin)
		return send_stdin(k, &to, e);
	if (r == 0)
		r = look_at_source(k, path, &from, e);
	if (r == 0)
		r = cp_plan(&from, &to, &plan, e);
	return r < 0 ? r : send_files(k, &from, &plan, e);
}

/* ---------------------------------------------------------------- the verb */

int verb_cp(const struct cli *cli, const struct args *o)
{
	auto_free char *from = strdup(o->words[0]), *to = strdup(o->words[1]);
	const char *from_container = NULL, *to_container = NULL;
	struct copy k = {
		.cli = cli,
		.follow = option_bool(o, "follow-link"),
		.ids = option_bool(o, "archive"),
		.quiet = option_bool(o, "quiet"),
	};
	struct err e;
	int r = from && to ? 0 : err_set(&e, ENOMEM, "cp");

	if (r == 0) {
		cp_split_argument(from, &from_container, &k.from);
		cp_split_argument(to, &to_container, &k.to);
		k.container = from_container ? from_container : to_container;
		if (from_container && to_container)
			r = err_say(&e, EINVAL, "copying between containers is not supported");
		else if (!k.container)
			r = err_say(&e, EINVAL, "must specify at least one container source");
		else
			r = from_container ? copy_out(&k, &e) : copy_in(&k, &e);
	}
	return r < 0 ? output_error(&e, 1) : 0;
}

const struct option_def *cp_options(void)
{
	static const struct option_def table[] = {
		{ 'a', "archive", OPT_BOOL, "Give what is copied into a container to the container's user" },
		{ 'L', "follow-link", OPT_BOOL, "Copy what a symlink SRC_PATH leads to" },
		{ 'q', "quiet", OPT_BOOL, "Do not say what was copied" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}
