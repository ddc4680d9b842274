#include "supervisor/logread.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/text.h"
#include "supervisor/frame.h"
#include "supervisor/logfile.h"

#define BLOCK	      (64 * 1024)
#define BLOCKS_A_CALL 8 /* looked at in one call when nothing in them is wanted */
#define RECORD_MAX    (LOG_PIECE_MAX + 128)

struct logread {
	struct logread_options o;
	struct logplace place;
	char *details;
	int fd; /* the file in hand, -1: none */
	int64_t base;
	int64_t pos, end; /* next byte to read; no further than this (INT64_MAX: live) */
	int64_t missed;	  /* was deleted before we came there, not said yet */
	bool announced;	  /* where we begin */
	bool over;
	/* Looking for the start of the tail, from the end backwards. */
	bool seeking;
	int64_t seek_pos, lines;	  /* start of what was looked at; lines seen */
	bool in_line[LOG_STREAM_COUNT];	  /* backwards: the end of the line we are in was seen */
	bool open_line[LOG_STREAM_COUNT]; /* forwards: the last piece was a P, its line goes on */
	char block[BLOCK + RECORD_MAX];
};

struct record {
	const char *time, *text;
	size_t time_len, text_len;
	enum log_stream stream;
	bool full, lost;
};

int64_t logread_parse_tail(const char *text)
{
	int64_t n;

	if (!text || text_parse_int(text, 0, INT64_MAX, &n) < 0)
		return -1;
	return n;
}

int logread_parse_position(const char *text, struct logread_options *o)
{
	char number[32];
	size_t len = strcspn(text, ":");
	int64_t from;

	if (len >= sizeof(number))
		return -EINVAL;
	memcpy(number, text, len);
	number[len] = '\0';
	if (text_parse_int(number, 0, INT64_MAX / 2, &from) < 0 ||
		strspn(text + len, ":oe") != strlen(text + len))
		return -EINVAL;
	o->from = from;
	o->from_given = true;
	o->open_line[LOG_STDOUT] = strchr(text + len, 'o') != NULL;
	o->open_line[LOG_STDERR] = strchr(text + len, 'e') != NULL;
	return 0;
}

/* ---------------------------------------------------------------- files */

/* Take the file in hand that has the byte at r->pos (before: the byte before seek_pos). Returns 1, or 0 when there is none. */
static int enter(struct logread *r, bool before, struct err *e)
{
	auto_free struct logset_file *files = NULL;
	const struct logset_file *found = NULL;
	int n = logset_list(&r->place, &files, e);

	if (n < 0)
		return n;
	own_close(&r->fd);
	for (int i = 0; i < n && before; i++)
		if (files[i].size > 0 && files[i].base < r->seek_pos)
			found = &files[i];
	for (int i = n - 1; i >= 0 && !before; i--)
		if (files[i].live || files[i].base + files[i].size > r->pos)
			found = &files[i];
	if (!found)
		return 0;
	if (!before && found->base > r->pos) {
		r->missed += found->base - r->pos;
		r->pos = found->base;
	}
	int fd = logset_open_file(&r->place, found, e);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	r->fd = fd;
	r->base = found->base;
	return 1;
}

/* How far the file in hand goes, as a position. */
static int64_t file_end(const struct logread *r)
{
	struct stat st;
	return fstat(r->fd, &st) < 0 ? r->base : r->base + st.st_size;
}

static bool is_live(const struct logread *r)
{
	char path[sizeof(r->place.dir) + sizeof(LOGSET_LIVE) + 1];
	struct stat ours, live;

	(void)snprintf(path, sizeof(path), "%s/" LOGSET_LIVE, r->place.dir);
	return fstat(r->fd, &ours) == 0 && fstatat(r->place.dirfd, path, &live, AT_SYMLINK_NOFOLLOW) == 0 &&
		ours.st_ino == live.st_ino && ours.st_dev == live.st_dev;
}

/* Makes r->fd the file that has r->pos in it. 0: that is not written yet. */
static int find_more(struct logread *r, struct err *e)
{
	if (r->pos >= r->end)
		return 0;
	if (r->fd >= 0 && r->pos < file_end(r))
		return 1;
	if (r->fd >= 0 && is_live(r))
		return 0;
	int x = enter(r, false, e);
	return x <= 0 ? x : r->pos < file_end(r);
}

int logread_open(
	const struct logplace *place, const struct logread_options *o, struct logread **out, struct err *e)
{
	auto_(logread) struct logread *r = calloc(1, sizeof(*r));
	auto_free struct logset_file *files = NULL;

	if (!r)
		return err_set(e, ENOMEM, "read log");
	r->fd = -1;
	r->place = *place;
	r->o = *o;
	r->o.details = NULL;
	if (o->details && !(r->details = strdup(o->details)))
		return err_set(e, ENOMEM, "read log");
	int n = logset_list(place, &files, e);
	if (n < 0)
		return n;
	int64_t first = n ? files[0].base : 0, end = n ? files[n - 1].base + files[n - 1].size : 0;
	r->end = o->live ? INT64_MAX : end;
	if (o->to >= 0 && o->to < r->end)
		r->end = o->to;
	r->seeking = o->tail > 0 && !o->from_given;
	r->seek_pos = end;
	r->pos = o->from_given ? o->from : o->tail == 0 ? end : first;
	memcpy(r->open_line, o->open_line, sizeof(r->open_line));
	*out = take_ptr(&r);
	return 0;
}

void logread_free(struct logread *r)
{
	if (!r)
		return;
	own_close(&r->fd);
	free(r->details);
	free(r);
}

bool logread_is_over(const struct logread *r)
{
	return r->over;
}

uint64_t logread_left_to_skip(const struct logread *r, enum log_stream stream)
{
	return r->o.skip[stream];
}

/* ---------------------------------------------------------------- records */

/* line is one record without its newline. false: not of the format. */
static bool parse_record(const char *line, size_t len, struct record *out)
{
	static const char lost[] = LOGFILE_LOST;
	const char *end = line + len, *blank = memchr(line, ' ', len);

	if (!blank || blank - line >= CLOCK_TEXT_MAX)
		return false;
	const char *p = blank + 1;
	if (end - p < 9 || (memcmp(p, "stdout ", 7) != 0 && memcmp(p, "stderr ", 7) != 0))
		return false;
	const char *tag = p + 7, *tag_end = memchr(tag, ' ', (size_t)(end - tag));
	if ((tag[0] != 'P' && tag[0] != 'F') || !tag_end || (tag[1] != ' ' && tag[1] != ':'))
		return false;
	*out = (struct record){
		.time = line,
		.time_len = (size_t)(blank - line),
		.text = tag_end + 1,
		.text_len = (size_t)(end - tag_end - 1),
		.stream = p[3] == 'o' ? LOG_STDOUT : LOG_STDERR,
		.full = tag[0] == 'F',
		.lost = (size_t)(tag_end - tag) == sizeof(lost) &&
			memcmp(tag + 1, lost, sizeof(lost) - 1) == 0,
	};
	return true;
}

static int64_t record_time(const struct record *rec)
{
	char text[CLOCK_TEXT_MAX];
	int64_t t;

	memcpy(text, rec->time, rec->time_len);
	text[rec->time_len] = '\0';
	return clock_parse_rfc3339(text, &t) < 0 ? CLOCK_NEVER : t;
}

static bool stream_wanted(const struct logread *r, const struct record *rec)
{
	return rec->stream == LOG_STDOUT ? r->o.use_stdout : r->o.use_stderr;
}

static bool time_wanted(struct logread *r, const struct record *rec)
{
	if (r->o.since_ns == CLOCK_NEVER && r->o.until_ns == CLOCK_NEVER)
		return true;
	int64_t t = record_time(rec);
	if (r->o.until_ns != CLOCK_NEVER && t > r->o.until_ns) {
		r->over |= !r->seeking && r->o.live;
		return false;
	}
	return r->o.since_ns == CLOCK_NEVER || t >= r->o.since_ns;
}

/* ---------------------------------------------------------------- backwards */

/* Over one record: true when the tail begins behind it. */
static bool count_back(struct logread *r, const struct record *rec)
{
	if (!stream_wanted(r, rec) || !time_wanted(r, rec))
		return false;
	bool ends_line = rec->full || !r->in_line[rec->stream];
	if (ends_line && r->lines == r->o.tail)
		return true;
	if (ends_line)
		r->lines++;
	r->in_line[rec->stream] = true;
	return false;
}

/* One block backwards. Sets .seeking to false, .pos to the tail's start, when it is found. */
static int seek_back(struct logread *r, struct err *e)
{
	int x = r->fd >= 0 && r->base < r->seek_pos ? 1 : enter(r, true, e);

	if (x < 0)
		return x;
	if (x == 0) { /* that was the oldest file */
		r->pos = r->seek_pos;
		r->seeking = false;
		return 0;
	}
	int64_t file_pos = r->seek_pos - r->base, from = file_pos > BLOCK ? file_pos - BLOCK : 0;
	ssize_t n = pread(r->fd, r->block, (size_t)(file_pos - from), from);
	if (n < 0)
		return err_set(e, errno, "read log file");
	/* seek_pos is a record's start, so the block ends with a newline (or the file's torn end). */
	size_t end = (size_t)n;
	while (end > 0) {
		const char *nl = end > 1 ? memrchr(r->block, '\n', end - 1) : NULL;
		size_t start = nl ? (size_t)(nl + 1 - r->block) : 0;
		struct record rec;
		if (!nl && from > 0)
			break; /* its start is in the block before */
		if (r->block[end - 1] == '\n' && parse_record(r->block + start, end - 1 - start, &rec) &&
			count_back(r, &rec)) {
			r->pos = r->base + from + (int64_t)end;
			r->seeking = false;
			return 0;
		}
		end = start;
	}
	if (end == (size_t)n && from > 0)
		end = 0; /* a block without any newline is no log of ours: pass over it */
	r->seek_pos = r->base + from + (int64_t)end;
	return 0;
}

/* ---------------------------------------------------------------- forwards */

static int add_frame(const struct logread *r, enum frame_stream stream, size_t len, struct buf *out)
{
	unsigned char head[FRAME_HEADER];

	if (!r->o.framed)
		return 0;
	frame_header(head, stream, len);
	return buf_add(out, head, sizeof(head));
}

static int say_where(const struct logread *r, struct buf *out)
{
	char text[40];
	int n = snprintf(text, sizeof(text), "%lld:%s%s", (long long)r->pos,
		r->open_line[LOG_STDOUT] ? "o" : "", r->open_line[LOG_STDERR] ? "e" : "");
	int x = add_frame(r, FRAME_POSITION, (size_t)n, out);
	return x < 0 ? x : buf_add(out, text, (size_t)n);
}

static int say_missed(struct logread *r, struct buf *out)
{
	char text[128];
	int n = snprintf(text, sizeof(text),
		"berth: %lld bytes of the log were rotated away before they were read\n",
		(long long)r->missed);
	r->missed = 0;
	int x = add_frame(r, r->o.use_stderr ? FRAME_STDERR : FRAME_STDOUT, (size_t)n, out);
	return x < 0 ? x : buf_add(out, text, (size_t)n);
}

/* Of the bytes that this record stands for, those that the client has not got. */
static int emit_counted(struct logread *r, const struct record *rec, struct buf *out)
{
	uint64_t len = rec->text_len + rec->full, *skip = &r->o.skip[rec->stream];
	uint64_t left_out = *skip < len ? *skip : len;

	*skip -= left_out;
	if (left_out == len)
		return 0;
	size_t text_out = left_out < rec->text_len ? (size_t)left_out : rec->text_len;
	int x = add_frame(
		r, rec->stream == LOG_STDOUT ? FRAME_STDOUT : FRAME_STDERR, (size_t)(len - left_out), out);
	if (x == 0)
		x = buf_add(out, rec->text + text_out, rec->text_len - text_out);
	if (x == 0 && rec->full)
		x = buf_add(out, "\n", 1);
	return x;
}

/* The record says that bytes are missing here, which whoever was attached then has got all the same. */
static int emit_lost(struct logread *r, const struct record *rec, struct buf *out)
{
	unsigned long long bytes = 0;
	char text[64], name[8] = "";

	(void)snprintf(text, sizeof(text), "%.*s", (int)(rec->text_len < 63 ? rec->text_len : 63), rec->text);
	if (sscanf(text, "berth: %llu bytes of %7s", &bytes, name) != 2)
		return 0;
	uint64_t *skip = &r->o.skip[strcmp(name, "stderr") == 0 ? LOG_STDERR : LOG_STDOUT];
	if (*skip >= bytes) {
		*skip -= bytes;
		return 0;
	}
	*skip = 0;
	int x = add_frame(r, FRAME_ERROR, rec->text_len + 1, out);
	if (x == 0)
		x = buf_add(out, rec->text, rec->text_len);
	return x < 0 ? x : buf_add(out, "\n", 1);
}

static int emit(struct logread *r, const struct record *rec, struct buf *out)
{
	bool first = !r->open_line[rec->stream];
	bool stamp = r->o.timestamps && first, details = r->details && first;
	size_t details_len = details ? strlen(r->details) : 0;
	size_t len = (stamp ? rec->time_len + 1 : 0) + (details ? details_len + 1 : 0) + rec->text_len +
		(rec->full ? 1 : 0);

	if (!rec->lost)
		r->open_line[rec->stream] = !rec->full;
	if (len == 0)
		return 0;
	int x = add_frame(r, rec->stream == LOG_STDOUT ? FRAME_STDOUT : FRAME_STDERR, len, out);
	if (x == 0 && stamp)
		x = buf_add(out, rec->time, rec->time_len + 1); /* with its blank */
	if (x == 0 && details)
		x = buf_add(out, r->details, details_len);
	if (x == 0 && details)
		x = buf_add(out, " ", 1);
	if (x == 0)
		x = buf_add(out, rec->text, rec->text_len);
	if (x == 0 && rec->full)
		x = buf_add(out, "\n", 1);
	return x;
}

static int take_record(struct logread *r, const char *line, size_t len, struct buf *out)
{
	struct record rec;

	if (!parse_record(line, len, &rec))
		return 0;
	if (r->o.counted && rec.lost)
		return emit_lost(r, &rec, out);
	if (!stream_wanted(r, &rec) || !time_wanted(r, &rec))
		return 0;
	return r->o.counted ? emit_counted(r, &rec, out) : emit(r, &rec, out);
}

/* One block forwards: 1 something was there, 0 the end. */
static int read_on(struct logread *r, struct buf *out, struct err *e)
{
	int x = find_more(r, e);

	if (x <= 0)
		return x;
	int64_t left = (r->end < file_end(r) ? r->end : file_end(r)) - r->pos;
	size_t room = left < (int64_t)sizeof(r->block) ? (size_t)left : sizeof(r->block);
	ssize_t n = pread(r->fd, r->block, room, r->pos - r->base);
	if (n < 0)
		return err_set(e, errno, "read log file");
	if (r->missed && (x = say_missed(r, out)) < 0)
		return err_set(e, -x, "read log file");
	size_t start = 0;
	while (start < (size_t)n && !r->over) {
		const char *nl = memchr(r->block + start, '\n', (size_t)n - start);
		if (!nl)
			break;
		size_t len = (size_t)(nl - r->block) - start;
		if ((x = take_record(r, r->block + start, len, out)) < 0)
			return err_set(e, -x, "read log file");
		start += len + 1;
	}
	if (start == 0 && ((size_t)n == sizeof(r->block) || !is_live(r)))
		start = (size_t)n; /* no record is that long, none goes on in the next file: not ours */
	r->pos += (int64_t)start;
	return start > 0 && !r->over;
}

int logread_next(struct logread *r, struct buf *out, struct err *e)
{
	size_t before = out->len;
	int x = 1;

	for (int i = 0; i < BLOCKS_A_CALL && out->len == before && x > 0; i++) {
		if (r->seeking) {
			if ((x = seek_back(r, e)) == 0)
				x = 1;
			continue;
		}
		if (r->o.positions && !r->announced) {
			r->announced = true;
			if (say_where(r, out) < 0)
				return err_set(e, ENOMEM, "read log file");
			before = out->len;
		}
		x = read_on(r, out, e);
	}
	if (x >= 0 && r->o.positions && out->len > before && say_where(r, out) < 0)
		return err_set(e, ENOMEM, "read log file");
	return x;
}
