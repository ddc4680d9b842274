#include "supervisor/logfile.h"

#include <stdio.h>
#include <string.h>

#include "base/fault.h"

#define OUT_MAX	     (256 * 1024)
#define RECORD_EXTRA (CLOCK_TEXT_MAX + 16) /* of a record beside its text */
#define NOTICE_MAX   256
#define OUT_ROOM     (OUT_MAX + LOG_PIECE_MAX + RECORD_EXTRA + 2 * NOTICE_MAX)

static const char *const stream_names[LOG_STREAM_COUNT] = { "stdout", "stderr" };

/* ---------------------------------------------------------------- records */

/* One record being made: the unfinished line's text, then more. */
struct piece {
	char tag;
	size_t len;  /* of what is new */
	size_t used; /* the same with its newline */
};

/* The next record that data completes; false: it does not. */
static bool next_piece(size_t kept, const char *data, size_t len, struct piece *out)
{
	size_t room = LOG_PIECE_MAX - kept;
	const char *nl = memchr(data, '\n', len <= room ? len : room + 1);

	if (nl)
		*out = (struct piece){ 'F', (size_t)(nl - data), (size_t)(nl - data) + 1 };
	else if (len > room)
		*out = (struct piece){ 'P', room, room };
	else
		return false;
	return true;
}

/* There is room for one record more: OUT_ROOM was reserved. */
static void put(struct logfile *f, const void *data, size_t len)
{
	memcpy(f->out->data + f->out->len, data, len);
	f->out->len += len;
}

static void put_head(
	struct logfile *f, enum log_stream stream, int64_t time_ns, const char *tag, size_t tag_len)
{
	if (f->head_ns != time_ns || f->head_len == 0) {
		f->head_len = strlen(clock_format_rfc3339(time_ns, f->head));
		f->head_ns = time_ns;
	}
	put(f, f->head, f->head_len);
	put(f, stream == LOG_STDOUT ? " stdout " : " stderr ", 8);
	put(f, tag, tag_len);
}

static void put_record(struct logfile *f, enum log_stream stream, int64_t time_ns, char tag, const char *kept,
	size_t kept_len, const char *data, size_t len)
{
	char tag_text[2] = { tag, ' ' };

	put_head(f, stream, time_ns, tag_text, sizeof(tag_text));
	if (kept_len)
		put(f, kept, kept_len);
	put(f, data, len);
	put(f, "\n", 1);
}

static void put_notices(struct logfile *f, const struct logstate *s, int64_t now_ns)
{
	for (int i = 0; i < LOG_STREAM_COUNT; i++) {
		char text[NOTICE_MAX];
		if (s->lost[i] == 0)
			continue;
		int n = snprintf(text, sizeof(text), "berth: %llu bytes of %s dropped: %s\n",
			(unsigned long long)s->lost[i], stream_names[i], strerrordesc_np(s->lost_errno));
		put_head(f, LOG_STDERR, now_ns, "F" LOGFILE_LOST " ", sizeof("F" LOGFILE_LOST " ") - 1);
		put(f, text, (size_t)n);
	}
}

/* ---------------------------------------------------------------- writing */

/* Into the file, in a new one if it is full; or it is lost, bytes of this stream. */
static int append(struct logfile *f, struct logstate *s, enum log_stream stream, size_t bytes, struct err *e)
{
	struct logset *set = &f->set;
	int r = set->fd < 0 ? err_say(e, EBADF, "there is no log file") : 0;

	if (r == 0 && set->max_bytes > 0 && set->size > 0 &&
		set->size + (int64_t)f->out->len > set->max_bytes)
		r = logset_rotate(set, e);
	if (r == 0 && (r = logset_append(set, f->out->data, f->out->len)) < 0)
		(void)err_set(e, -r, "write log file");
	fault_point("log.written");
	if (r < 0) {
		s->lost[stream] += bytes;
		s->lost_errno = -r;
		return r;
	}
	s->pos = logset_end(set);
	memset(s->lost, 0, sizeof(s->lost));
	return 0;
}

/* How much may be gathered before it is written: a file holds no more than max_bytes, but for a single record. */
static size_t gather_max(const struct logfile *f)
{
	const struct logset *set = &f->set;
	int64_t left = set->max_bytes - set->size;

	if (set->max_bytes <= 0 || left >= OUT_MAX)
		return OUT_MAX;
	if (left <= 0)
		left = set->max_bytes; /* it will go to a new one */
	return left < OUT_MAX ? (size_t)left : OUT_MAX;
}

struct input {
	enum log_stream stream;
	const char *data;
	size_t len;
	int64_t now_ns;
};

/* As many records as go into one write, if there is any; done are the bytes of the input in them, which may be none when what
 * was kept is a whole piece. s is what holds when they are written. */
static bool gather(struct logfile *f, const struct input *in, struct logstate *s, size_t *out_done)
{
	size_t max = gather_max(f), kept = s->line[in->stream].len, done = 0;
	bool any = false;
	const char *text = kept ? logslot_text(f->batch, f->slot, in->stream) : NULL;
	int64_t *time_ns = &s->line[in->stream].time_ns;
	struct piece p;

	while ((!any || f->out->len < max) && next_piece(kept, in->data + done, in->len - done, &p)) {
		size_t need = sizeof("2026-01-02T03:04:05.000000006Z stdout F ") + kept + p.len;
		if (any && f->out->len + need > max)
			break;
		any = true;
		if (*time_ns == 0)
			*time_ns = in->now_ns;
		put_record(f, in->stream, *time_ns, p.tag, text, kept, in->data + done, p.len);
		if (p.tag == 'F')
			*time_ns = 0;
		done += p.used;
		kept = 0;
	}
	s->line[in->stream].len = (uint32_t)kept;
	*out_done = done;
	return any;
}

/* One step: some records to the file, or the rest of the input to the unfinished line. Returns what of the input that was;
 * -errno with *out_done set when it was dropped. */
static int take_some(struct logfile *f, const struct input *in, size_t *out_done, struct err *e)
{
	struct logstate s = logslot_state(f->slot);
	size_t kept = s.line[in->stream].len;
	size_t done;
	int r = 0;

	f->out->len = 0;
	put_notices(f, &s, in->now_ns);
	if (gather(f, in, &s, &done)) {
		r = append(f, &s, in->stream, done + kept, e);
	} else {
		done = in->len;
		memcpy(logslot_text(f->batch, f->slot, in->stream) + kept, in->data, done);
		s.line[in->stream].len = (uint32_t)(kept + done);
	}
	s.raw[in->stream] += done;
	s.used += (uint32_t)done;
	logslot_set_state(f->slot, &s);
	*out_done = done;
	return r;
}

int logfile_write(struct logfile *f, enum log_stream stream, const char *data, size_t len, int64_t now_ns,
	struct err *e)
{
	struct input in = { stream, data, len, now_ns };
	int worst = 0;

	if (f->discards) {
		struct logstate s = logslot_state(f->slot);
		s.raw[stream] += len;
		s.used += (uint32_t)len;
		logslot_set_state(f->slot, &s);
		return 0;
	}
	while (in.len > 0) {
		struct err why;
		size_t done;
		int r = take_some(f, &in, &done, &why);
		if (r < 0 && worst == 0) {
			worst = r;
			if (e)
				*e = why;
		}
		in.data += done;
		in.len -= done;
	}
	return worst;
}

int logfile_end(struct logfile *f, enum log_stream stream, int64_t now_ns, struct err *e)
{
	struct logstate s = logslot_state(f->slot);
	size_t kept = s.line[stream].len;
	int64_t time_ns = s.line[stream].time_ns ? s.line[stream].time_ns : now_ns;
	int r = 0;

	f->out->len = 0;
	put_notices(f, &s, now_ns);
	if (kept > 0)
		put_record(f, stream, time_ns, 'P', logslot_text(f->batch, f->slot, stream), kept, "", 0);
	if (f->out->len > 0)
		r = append(f, &s, stream, kept, e);
	s.line[stream].len = 0;
	s.line[stream].time_ns = 0;
	logslot_set_state(f->slot, &s);
	return r;
}

uint64_t logfile_lost(const struct logfile *f)
{
	struct logstate s = logslot_state(f->slot);
	return s.lost[LOG_STDOUT] + s.lost[LOG_STDERR];
}

/* ---------------------------------------------------------------- life */

/* The file ends where the state says: what is behind is half a batch, which is written again. */
static void fit(struct logfile *f, struct logstate *s)
{
	if (logset_truncate(&f->set, s->pos) < 0)
		s->pos = logset_end(&f->set); /* somebody else has cut it: go on from there */
}

int logfile_open(const struct logplace *place, const struct logset_limits *limits, struct logbatch *batch,
	struct logslot *slot, struct buf *out, struct logfile *f, struct err *e)
{
	struct logstate s = logslot_state(slot);
	bool fresh = s.pos == LOGSTATE_NEW;
	int r = 0;

	*f = (struct logfile){ .set.fd = -1, .discards = !limits, .batch = batch, .slot = slot, .out = out };
	if (buf_reserve(out, OUT_ROOM) < 0)
		abort();
	if (!limits)
		return 0;
	if ((r = logset_open(place, limits, fresh, &f->set, e)) < 0) {
		f->set.fd = -1;
		return r;
	}
	if (fresh)
		s.pos = logset_end(&f->set);
	else
		fit(f, &s);
	logslot_set_state(slot, &s);
	return 0;
}

int logfile_finish_batch(struct logfile *f, struct err *e)
{
	enum log_stream stream;
	size_t len;
	int64_t now_ns;
	int r = 0;

	if (!logbatch_pending(f->batch, f->slot, &stream, &len, &now_ns))
		return 0;
	size_t used = logslot_state(f->slot).used;
	if (used < len)
		r = logfile_write(f, stream, logbatch_block(f->batch) + used, len - used, now_ns, e);
	logbatch_done(f->batch);
	return r;
}

void logfile_close(struct logfile *f)
{
	logset_close(&f->set);
}
