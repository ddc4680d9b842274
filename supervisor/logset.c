#include "supervisor/logset.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/own.h"
#include "supervisor/logfile.h"

#define DIGITS	       20
#define PATH_MAX_BYTES (TEXT_ID_LEN + 8 + 1 + sizeof(LOGSET_LIVE) + DIGITS + 2)

static const char *live_path(const struct logplace *p, char out[PATH_MAX_BYTES])
{
	(void)snprintf(out, PATH_MAX_BYTES, "%s/" LOGSET_LIVE, p->dir);
	return out;
}

static const char *rotated_path(const struct logplace *p, int64_t base, char out[PATH_MAX_BYTES])
{
	(void)snprintf(out, PATH_MAX_BYTES, "%s/" LOGSET_LIVE ".%0*lld", p->dir, DIGITS, (long long)base);
	return out;
}

/* ---------------------------------------------------------------- listing */

static int64_t base_of(const char *name)
{
	int64_t base;

	if (!text_has_prefix(name, LOGSET_LIVE ".") || strlen(name) != strlen(LOGSET_LIVE ".") + DIGITS)
		return -1;
	name += strlen(LOGSET_LIVE ".");
	if (strspn(name, "0123456789") != DIGITS || text_parse_int(name, 0, INT64_MAX / 2, &base) < 0)
		return -1;
	return base;
}

static int by_base(const void *x, const void *y)
{
	const struct logset_file *a = x, *b = y;
	return (a->base > b->base) - (a->base < b->base);
}

static int add_file(struct logset_file **files, size_t *n, const struct logset_file *file)
{
	struct logset_file *more = reallocarray(*files, *n + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	*files = more;
	more[(*n)++] = *file;
	return 0;
}

int logset_list(const struct logplace *place, struct logset_file **out, struct err *e)
{
	auto_free struct logset_file *files = NULL;
	size_t n = 0;
	struct stat st;
	int r = 0;
	int fd = openat(place->dirfd, place->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		r = fd < 0 && errno == ENOENT ? 0 : err_set(e, errno, "open log directory %s", place->dir);
		own_close(&fd);
		if (r == 0)
			*out = NULL;
		return r;
	}
	for (struct dirent *x; r == 0 && (x = readdir(d));) {
		int64_t base = base_of(x->d_name);
		if (base >= 0 && fstatat(fd, x->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
			r = add_file(&files, &n, &(struct logset_file){ base, st.st_size, false });
	}
	if (n > 1)
		qsort(files, n, sizeof(*files), by_base);
	int64_t end = n ? files[n - 1].base + files[n - 1].size : 0;
	if (r == 0 && fstatat(fd, LOGSET_LIVE, &st, AT_SYMLINK_NOFOLLOW) == 0)
		r = add_file(&files, &n, &(struct logset_file){ end, st.st_size, true });
	closedir(d);
	if (r < 0)
		return err_set(e, -r, "list log files");
	*out = take_ptr(&files);
	return (int)n;
}

int logset_open_file(const struct logplace *place, const struct logset_file *file, struct err *e)
{
	char path[PATH_MAX_BYTES];

	(void)(file->live ? live_path(place, path) : rotated_path(place, file->base, path));
	int fd = openat(place->dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return fd < 0 ? err_set(e, errno, "open log file %s", path) : fd;
}

/* ---------------------------------------------------------------- the live file */

/* A record that a crash tore has no newline; nobody may ever read it as one line with the next. */
static int cut_torn_record(int fd, int64_t *size)
{
	char tail[LOG_PIECE_MAX + 128];
	size_t len = *size < (int64_t)sizeof(tail) ? (size_t)*size : sizeof(tail);

	if (len == 0)
		return 0;
	ssize_t n = pread(fd, tail, len, *size - (int64_t)len);
	if (n != (ssize_t)len)
		return n < 0 ? -errno : -EIO;
	const char *end = memrchr(tail, '\n', len);
	int64_t keep = end ? *size - (int64_t)len + (end + 1 - tail) : *size - (int64_t)len;
	if (keep == *size)
		return 0;
	if (ftruncate(fd, keep) < 0)
		return -errno;
	*size = keep;
	return 0;
}

static int open_live(struct logset *s, struct err *e)
{
	char path[PATH_MAX_BYTES];
	struct stat st;
	auto_close int fd = openat(s->place.dirfd, live_path(&s->place, path),
		O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);

	if (fd < 0)
		return err_set(e, errno, "open log file %s", path);
	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "stat log file %s", path);
	if (!S_ISREG(st.st_mode))
		return err_say(e, EINVAL, "log file %s is not a regular file", path);
	s->size = st.st_size;
	s->fd = take_fd(&fd);
	return 0;
}

static int64_t rotated_end(const struct logplace *place, struct err *e)
{
	auto_free struct logset_file *files = NULL;
	int64_t end = 0;
	int n = logset_list(place, &files, e);

	for (int i = 0; i < n; i++)
		if (!files[i].live)
			end = files[i].base + files[i].size;
	return n < 0 ? n : end;
}

int logset_open(const struct logplace *place, const struct logset_limits *limits, bool mend,
	struct logset *out, struct err *e)
{
	struct logset s = {
		.place = *place, .fd = -1, .max_bytes = limits->max_bytes, .max_files = limits->max_files
	};

	if (mkdirat(place->dirfd, place->dir, 0700) < 0 && errno != EEXIST)
		return err_set(e, errno, "make log directory %s", place->dir);
	int64_t base = rotated_end(place, e);
	if (base < 0)
		return (int)base;
	s.base = base;
	int r = open_live(&s, e);
	if (r == 0 && mend && (r = cut_torn_record(s.fd, &s.size)) < 0) {
		logset_close(&s);
		return err_set(e, -r, "mend log file in %s", place->dir);
	}
	if (r == 0)
		*out = s;
	return r;
}

void logset_close(struct logset *s)
{
	own_close(&s->fd);
}

int logset_append(struct logset *s, const char *data, size_t len)
{
	size_t done = 0;
	int r = 0;

	while (done < len) {
		ssize_t n = pwrite(s->fd, data + done, len - done, s->size + (int64_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			r = n < 0 ? -errno : -ENOSPC;
			break;
		}
		done += (size_t)n;
	}
	if (r < 0) {
		if (done > 0)
			(void)!ftruncate(
				s->fd, s->size); /* should that fail too, the next one overwrites it */
		return r;
	}
	s->size += (int64_t)len;
	return 0;
}

int logset_truncate(struct logset *s, int64_t pos)
{
	if (pos < s->base || pos > logset_end(s))
		return -ERANGE;
	if (pos == logset_end(s))
		return 0;
	if (ftruncate(s->fd, pos - s->base) < 0)
		return -errno;
	s->size = pos - s->base;
	return 0;
}

/* ---------------------------------------------------------------- rotation */

/* The position outlives the file it belongs to. */
static int mark_end(const struct logset *s)
{
	char path[PATH_MAX_BYTES];
	auto_close int fd = openat(s->place.dirfd, rotated_path(&s->place, s->base, path),
		O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	return fd < 0 ? -errno : 0;
}

/* What is too old goes. What cannot be removed is tried again by the next rotation. */
static void prune(const struct logset *s)
{
	auto_free struct logset_file *files = NULL;
	char path[PATH_MAX_BYTES];

	if (s->max_files == 1 && mark_end(s) < 0)
		return;
	fault_point("log.marked");
	int n = logset_list(&s->place, &files, NULL) - 1; /* without the live one */
	int keep = s->max_files == 1 ? 1 : s->max_files - 1;
	for (int i = 0; i < n - keep; i++)
		if (unlinkat(s->place.dirfd, rotated_path(&s->place, files[i].base, path), 0) < 0)
			return;
}

int logset_rotate(struct logset *s, struct err *e)
{
	char from[PATH_MAX_BYTES], to[PATH_MAX_BYTES];
	struct logset next = *s;

	if (renameat(s->place.dirfd, live_path(&s->place, from), s->place.dirfd,
		    rotated_path(&s->place, s->base, to)) < 0)
		return err_set(e, errno, "rename log file %s", from);
	fault_point("log.renamed");
	next.fd = -1;
	next.base = logset_end(s);
	int r = open_live(&next, e);
	if (r < 0) {
		(void)renameat(s->place.dirfd, to, s->place.dirfd,
			from); /* else the next one who opens it goes on behind */
		return r;
	}
	fault_point("log.rotated");
	logset_close(s);
	*s = next;
	prune(s);
	return 0;
}
