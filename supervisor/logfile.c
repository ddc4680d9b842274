#include "supervisor/logfile.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"

#define BATCH_MAX (256 * 1024)

static const char *const stream_names[LOG_STREAM_COUNT] = { "stdout", "stderr" };

/* A record that a crash tore has no newline; nobody may ever read it as one line with the next. */
static int cut_torn_line(int fd, int64_t *size)
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

int logfile_open(int dirfd, const char *name, struct buf *batch, struct logfile *out, struct err *e)
{
	auto_close int fd = openat(dirfd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
	struct stat st;

	if (fd < 0)
		return err_set(e, errno, "open log file %s", name);
	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "stat log file %s", name);
	if (!S_ISREG(st.st_mode))
		return err_say(e, EINVAL, "log file %s is not a regular file", name);
	int64_t size = st.st_size;
	int r = cut_torn_line(fd, &size);
	if (r < 0)
		return err_set(e, -r, "mend log file %s", name);
	*out = (struct logfile){ .fd = take_fd(&fd), .size = size, .batch = batch };
	return 0;
}

void logfile_close(struct logfile *f)
{
	own_close(&f->fd);
	for (int i = 0; i < LOG_STREAM_COUNT; i++)
		buf_done(&f->line[i].text);
}

/* Write the batch, or drop it whole: what a full disk takes must never be half a record. */
static void flush(struct logfile *f)
{
	size_t done = 0;
	int r = 0;

	while (done < f->batch->len) {
		ssize_t n =
			pwrite(f->fd, f->batch->data + done, f->batch->len - done, f->size + (int64_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			r = n < 0 ? -errno : -ENOSPC;
			break;
		}
		done += (size_t)n;
	}
	if (r < 0) {
		f->dropped_bytes += f->batch->len;
		f->error = f->error ? f->error : r;
		if (done > 0)
			(void)!ftruncate(
				f->fd, f->size); /* should that fail too, the next batch overwrites it */
	} else {
		f->size += (int64_t)f->batch->len;
	}
	buf_reset(f->batch);
}

/* One record: what was kept of the line, then more. */
static int add_record(
	struct logfile *f, enum log_stream stream, char tag, const char *more, size_t len, int64_t now_ns)
{
	struct logfile_line *l = &f->line[stream];

	if (l->time_ns == 0)
		l->time_ns = now_ns;
	if (f->prefix_ns != l->time_ns) {
		clock_format_rfc3339(l->time_ns, f->prefix);
		f->prefix_ns = l->time_ns;
	}
	char head[] = " stdout F ";
	memcpy(head + 1, stream_names[stream], 6);
	head[8] = tag;
	int r = buf_add(f->batch, f->prefix, strlen(f->prefix));
	if (r == 0)
		r = buf_add(f->batch, head, sizeof(head) - 1);
	if (r == 0 && l->text.len)
		r = buf_add(f->batch, l->text.data, l->text.len);
	if (r == 0 && len)
		r = buf_add(f->batch, more, len);
	if (r == 0)
		r = buf_add(f->batch, "\n", 1);
	buf_reset(&l->text);
	if (tag == 'F')
		l->time_ns = 0;
	if (f->batch->len >= BATCH_MAX)
		flush(f);
	return r;
}

/* Take the next record, or the unfinished rest, off data; returns how much that was. */
static ssize_t take_piece(
	struct logfile *f, enum log_stream stream, const char *data, size_t len, int64_t now_ns)
{
	struct logfile_line *l = &f->line[stream];
	size_t room = LOG_PIECE_MAX - l->text.len;
	const char *nl = memchr(data, '\n', len <= room ? len : room + 1);
	int r;

	if (nl) {
		r = add_record(f, stream, 'F', data, (size_t)(nl - data), now_ns);
		return r < 0 ? r : nl + 1 - data;
	}
	if (len <= room) {
		r = buf_add(&l->text, data, len);
		return r < 0 ? r : (ssize_t)len;
	}
	r = add_record(f, stream, 'P', data, room, now_ns);
	return r < 0 ? r : (ssize_t)room;
}

/* End of a call: what is batched goes out. */
static int finish(struct logfile *f, int r, struct err *e)
{
	flush(f);
	r = r < 0 ? r : f->error;
	f->error = 0;
	return r < 0 ? err_set(e, -r, "write log file") : 0;
}

int logfile_write(struct logfile *f, enum log_stream stream, const char *data, size_t len, int64_t now_ns,
	struct err *e)
{
	while (len > 0) {
		ssize_t n = take_piece(f, stream, data, len, now_ns);
		if (n < 0) {
			f->dropped_bytes += len;
			return finish(f, (int)n, e);
		}
		data += n;
		len -= (size_t)n;
	}
	return finish(f, 0, e);
}

int logfile_end(struct logfile *f, enum log_stream stream, int64_t now_ns, struct err *e)
{
	struct logfile_line *l = &f->line[stream];
	int r = 0;

	if (l->text.len > 0)
		r = add_record(f, stream, 'P', NULL, 0, now_ns);
	l->time_ns = 0;
	return finish(f, r, e);
}
