#include "supervisor/changes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/own.h"
#include "supervisor/worker.h"

#define DEPTH_MAX  1024
#define LINE_BYTES 22 /* of {"Path":"","Kind":0}, */

struct listing {
	const struct changes_args *a;
	json_t *out;
	size_t bytes;	 /* of .out as text, about */
	struct buf path; /* of where we are */
	struct err *e;
};

/* One directory of the layer, and the one that it lies over. */
struct level {
	int upper, lower; /* lower -1: nothing is there, or nothing shows through */
	int covered;	  /* what an opaque directory hides; -1: none */
	bool said;	  /* that it is modified */
	bool made_places; /* something in it was made by a start */
	size_t at;	  /* where in the list its own line belongs */
};

/* ---------------------------------------------------------------- lines */

static int fail(struct listing *l, int code, const char *what)
{
	return err_set(l->e, code, "%s %s", what, l->path.len ? l->path.data : "/");
}

static json_t *text_of(const char *bytes)
{
	json_t *text = json_string(bytes);
	if (text)
		return text;
	auto_free char *copy = strdup(bytes); /* no text: shown with '?' */
	for (char *c = copy; c && *c; c++)
		if (*c & 0x80)
			*c = '?';
	return copy ? json_string(copy) : NULL;
}

static int say_at(struct listing *l, size_t at, const char *path, enum changes_kind kind)
{
	/* More than would be taken as an answer is not gathered either: a container decides how much there is. */
	l->bytes += strlen(path) + LINE_BYTES;
	if (l->bytes > WORKER_OUTPUT_MAX)
		return err_say(l->e, EFBIG, "the list of changes is longer than %d bytes", WORKER_OUTPUT_MAX);
	json_t *line = json_pack("{s:o, s:i}", "Path", text_of(path), "Kind", (int)kind);
	return !line || json_array_insert_new(l->out, at, line) < 0 ? fail(l, ENOMEM, "list the changes of")
								    : 0;
}

/* The directory's own line, before what is in it. The root has none. */
static int say_directory(struct listing *l, struct level *v, size_t path_len)
{
	auto_free char *path = NULL;

	if (v->said || path_len == 0)
		return 0;
	v->said = true;
	path = strndup(l->path.data, path_len);
	return path ? say_at(l, v->at, path, CHANGES_MODIFIED) : fail(l, ENOMEM, "list the changes of");
}

static int say(struct listing *l, struct level *v, size_t dir_len, enum changes_kind kind)
{
	int r = kind == CHANGES_MODIFIED ? 0 : say_directory(l, v, dir_len);
	return r < 0 ? r : say_at(l, json_array_size(l->out), l->path.data, kind);
}

/* ---------------------------------------------------------------- looking */

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

static bool is_opaque(int fd)
{
	char value[2];
	return fgetxattr(fd, "trusted.overlay.opaque", value, sizeof(value)) == 1 && value[0] == 'y';
}

static bool same_owner(const struct changes_args *a, const struct stat *up, const struct stat *low)
{
	return up->st_uid == tar_id_host(a->ids.uids, a->ids.n_uids, low->st_uid) &&
		up->st_gid == tar_id_host(a->ids.gids, a->ids.n_gids, low->st_gid);
}

/* Made by a start, where nothing was, and empty as it was made. */
static bool is_place(const char *path, const struct stat *st)
{
	static const char *const places[] = { "/dev", "/proc", "/sys", "/etc", "/etc/hosts", "/etc/hostname",
		"/etc/resolv.conf" };

	if (!S_ISDIR(st->st_mode) && (!S_ISREG(st->st_mode) || st->st_size))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (strcmp(path, places[i]) == 0)
			return true;
	return false;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_names(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

static bool has_name(char *const *names, size_t n, const char *name)
{
	return n && bsearch(&name, names, n, sizeof(*names), by_name);
}

/* Sorted; appended to what is there. */
static int read_names(int dirfd, char ***names, size_t *n)
{
	int r = 0, fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		r = -errno;
		own_close(&fd);
		return r;
	}
	for (struct dirent *x; r == 0 && (errno = 0, x = readdir(d)) != NULL;) {
		if (strcmp(x->d_name, ".") == 0 || strcmp(x->d_name, "..") == 0)
			continue;
		char **grown = realloc(*names, (*n + 1) * sizeof(*grown));
		if (grown)
			*names = grown;
		if (!grown || !(grown[*n] = strdup(x->d_name)))
			r = -ENOMEM;
		else
			++*n;
	}
	if (r == 0 && errno)
		r = -errno;
	(void)closedir(d);
	if (*n)
		qsort(*names, *n, sizeof(**names), by_name);
	return r;
}

/* ---------------------------------------------------------------- walking */

static int walk(struct listing *l, struct level *v, int depth);

/* A directory of the layer, over what there is below (low NULL: nothing). */
static int look_into(struct listing *l, struct level *v, const char *name, const struct stat *up,
	const struct stat *low, size_t dir_len, int depth)
{
	bool over = low && S_ISDIR(low->st_mode);
	struct level in = { -1, -1, -1, false, false, 0 };
	auto_close int upper = openat(v->upper, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	auto_close int lower =
		over ? openat(v->lower, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
	int r = 0;

	if (upper < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : fail(l, errno, "open");
	in.upper = upper;
	if (is_opaque(upper))
		in.covered = lower;
	else
		in.lower = lower;
	if (!over && is_place(l->path.data, up)) {
		v->made_places = true;
		in.said = true; /* never to be said */
		return strcmp(l->path.data, "/etc") == 0 ? walk(l, &in, depth + 1) : 0;
	}
	if (!over)
		r = say(l, v, dir_len, low ? CHANGES_MODIFIED : CHANGES_ADDED);
	in.said = !over;
	in.at = json_array_size(l->out);
	if (r == 0 && over && (up->st_mode != low->st_mode || !same_owner(l->a, up, low) || in.covered >= 0))
		r = say_directory(l, &in, l->path.len);
	if (r == 0)
		r = walk(l, &in, depth + 1);
	bool touched = over &&
		(up->st_mtim.tv_sec != low->st_mtim.tv_sec || up->st_mtim.tv_nsec != low->st_mtim.tv_nsec);
	return r < 0 || !touched || in.made_places ? r : say_directory(l, &in, l->path.len);
}

static int look(struct listing *l, struct level *v, const char *name, size_t dir_len, int depth)
{
	struct stat up, low;

	if (fstatat(v->upper, name, &up, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail(l, errno, "stat");
	int below = v->lower >= 0 ? v->lower : v->covered;
	bool there = below >= 0 && fstatat(below, name, &low, AT_SYMLINK_NOFOLLOW) == 0;
	if (is_whiteout(&up))
		return there ? say(l, v, dir_len, CHANGES_DELETED) : 0;
	if (S_ISDIR(up.st_mode)) {
		struct level as = *v;
		as.lower = below;
		int r = look_into(l, &as, name, &up, there ? &low : NULL, dir_len, depth);
		v->said = as.said;
		v->made_places = as.made_places;
		return r;
	}
	if (!there && is_place(l->path.data, &up)) {
		v->made_places = true;
		return 0;
	}
	return say(l, v, dir_len, there ? CHANGES_MODIFIED : CHANGES_ADDED);
}

static int walk(struct listing *l, struct level *v, int depth)
{
	size_t len = l->path.len, n = 0, n_own = 0;
	char **names = NULL, **own = NULL;

	if (depth > DEPTH_MAX)
		return fail(l, ELOOP, "nested too deep:");
	int r = read_names(v->upper, &own, &n_own);
	if (r == 0)
		r = read_names(v->upper, &names, &n);
	if (r == 0 && v->covered >= 0) /* what it hides and does not have itself is gone */
		r = read_names(v->covered, &names, &n);
	if (r < 0)
		r = fail(l, -r, "read directory");
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (i && strcmp(names[i], names[i - 1]) == 0)
			continue;
		if (buf_printf(&l->path, "/%s", names[i]) < 0)
			r = fail(l, ENOMEM, "list the changes of");
		else if (has_name(own, n_own, names[i]))
			r = look(l, v, names[i], len, depth);
		else
			r = say(l, v, len, CHANGES_DELETED);
		l->path.len = len;
		if (l->path.data)
			l->path.data[len] = '\0';
	}
	free_names(own, n_own);
	free_names(names, n);
	return r;
}

int changes_list(const struct changes_args *a, json_t **out, struct err *e)
{
	struct listing l = { .a = a, .out = json_array(), .e = e };
	auto_close int upper = open(a->upper, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool none = upper < 0 && errno == ENOENT;
	auto_close int lower = none ? -1 : open(a->lower, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct level top = { upper, lower, -1, true, false, 0 };
	int r = 0;

	if (!l.out)
		r = err_set(e, ENOMEM, "list changes");
	else if (upper < 0 && !none)
		r = err_set(e, errno, "open layer %s", a->upper);
	else if (!none && lower < 0)
		r = err_set(e, errno, "open %s", a->lower);
	if (r == 0 && !none)
		r = walk(&l, &top, 0);
	buf_done(&l.path);
	if (r < 0)
		json_decref(l.out);
	else
		*out = l.out;
	return r;
}
