#include "supervisor/logread.h"

#include <fcntl.h>
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
	int fd;
	int64_t pos, end; /* next byte to read; end of what was there at the start (INT64_MAX: live) */
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
	bool full;
};

int64_t logread_parse_tail(const char *text)
{
	int64_t n;

	if (!text || text_parse_int(text, 0, INT64_MAX, &n) < 0)
		return -1;
	return n;
}

int logread_open(const char *path, const struct logread_options *o, struct logread **out, struct err *e)
{
	auto_(logread) struct logread *r = calloc(1, sizeof(*r));
	struct stat st = { .st_size = 0 };

	if (!r)
		return err_set(e, ENOMEM, "read log file");
	r->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (r->fd < 0 && errno != ENOENT)
		return err_set(e, errno, "open log file %s", path);
	if (r->fd >= 0 && fstat(r->fd, &st) < 0)
		return err_set(e, errno, "stat log file %s", path);
	r->o = *o;
	r->end = o->live ? INT64_MAX : st.st_size;
	r->seeking = o->tail > 0;
	r->seek_pos = st.st_size;
	r->pos = o->tail == 0 ? st.st_size : 0;
	*out = take_ptr(&r);
	return 0;
}

void logread_free(struct logread *r)
{
	if (!r)
		return;
	own_close(&r->fd);
	free(r);
}

/* line is one record without its newline. false: not of the format. */
static bool parse_record(const char *line, size_t len, struct record *out)
{
	const char *blank = memchr(line, ' ', len);

	if (!blank || blank - line >= CLOCK_TEXT_MAX)
		return false;
	size_t rest = len - (size_t)(blank + 1 - line);
	const char *p = blank + 1;
	if (rest < 9 || (memcmp(p, "stdout ", 7) != 0 && memcmp(p, "stderr ", 7) != 0))
		return false;
	if ((p[7] != 'P' && p[7] != 'F') || p[8] != ' ')
		return false;
	*out = (struct record){
		.time = line,
		.time_len = (size_t)(blank - line),
		.text = p + 9,
		.text_len = rest - 9,
		.stream = p[3] == 'o' ? LOG_STDOUT : LOG_STDERR,
		.full = p[7] == 'F',
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

static bool time_wanted(const struct logread *r, const struct record *rec)
{
	if (r->o.since_ns == CLOCK_NEVER && r->o.until_ns == CLOCK_NEVER)
		return true;
	int64_t t = record_time(rec);
	return (r->o.since_ns == CLOCK_NEVER || t >= r->o.since_ns) &&
		(r->o.until_ns == CLOCK_NEVER || t <= r->o.until_ns);
}

/* Backwards over one record: true when the tail begins behind it. */
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
	int64_t from = r->seek_pos > BLOCK ? r->seek_pos - BLOCK : 0;
	size_t len = (size_t)(r->seek_pos - from);
	ssize_t n = len ? pread(r->fd, r->block, len, from) : 0;

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
			r->pos = from + (int64_t)end;
			r->seeking = false;
			return 0;
		}
		end = start;
	}
	if (end == (size_t)n && from > 0)
		end = 0; /* a block without any newline is no log of ours: pass over it */
	r->seek_pos = from + (int64_t)end;
	if (r->seek_pos == 0) {
		r->seeking = false;
		r->pos = 0;
	}
	return 0;
}

static int emit(struct logread *r, const struct record *rec, struct buf *out)
{
	bool stamp = r->o.timestamps && !r->open_line[rec->stream];
	size_t len = (stamp ? rec->time_len + 1 : 0) + rec->text_len + (rec->full ? 1 : 0);
	int x = 0;

	r->open_line[rec->stream] = !rec->full;
	if (len == 0)
		return 0;
	if (r->o.framed) {
		unsigned char head[FRAME_HEADER];
		frame_header(head, rec->stream == LOG_STDOUT ? FRAME_STDOUT : FRAME_STDERR, len);
		x = buf_add(out, head, sizeof(head));
	}
	if (x == 0 && stamp)
		x = buf_add(out, rec->time, rec->time_len + 1); /* with its blank */
	if (x == 0)
		x = buf_add(out, rec->text, rec->text_len);
	if (x == 0 && rec->full)
		x = buf_add(out, "\n", 1);
	return x;
}

/* One block forwards: 1 something was there, 0 the end. */
static int read_on(struct logread *r, struct buf *out, struct err *e)
{
	int64_t left = r->end - r->pos;
	size_t room = left < (int64_t)sizeof(r->block) ? (size_t)left : sizeof(r->block);
	ssize_t n = room ? pread(r->fd, r->block, room, r->pos) : 0;

	if (n < 0)
		return err_set(e, errno, "read log file");
	size_t start = 0;
	while (start < (size_t)n) {
		const char *nl = memchr(r->block + start, '\n', (size_t)n - start);
		struct record rec;
		if (!nl)
			break;
		size_t len = (size_t)(nl - r->block) - start;
		if (parse_record(r->block + start, len, &rec) && stream_wanted(r, &rec) &&
			time_wanted(r, &rec)) {
			int x = emit(r, &rec, out);
			if (x < 0)
				return err_set(e, -x, "read log file");
		}
		start += len + 1;
	}
	if (start == 0 && (size_t)n == sizeof(r->block))
		start = (size_t)n; /* no record is that long: not ours */
	r->pos += (int64_t)start;
	return start > 0;
}

int logread_next(struct logread *r, struct buf *out, struct err *e)
{
	size_t before = out->len;

	if (r->fd < 0)
		return 0;
	for (int i = 0; i < BLOCKS_A_CALL && out->len == before; i++) {
		bool seeking = r->seeking;
		int x = seeking ? seek_back(r, e) : read_on(r, out, e);
		if (x < 0 || (x == 0 && !seeking))
			return x;
	}
	return 1;
}
