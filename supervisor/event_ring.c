#include "supervisor/event_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/log.h"
#include "base/text.h"

#define FILE_NOW     "events"
#define FILE_OLD     "events.old"
#define FILE_DAMAGED "events.damaged"
#define HEAD_MAX     128
#define PIECE	     (32 * 1024)
#define FILE_MAX     (64 << 20)

struct event_ring {
	int dirfd, fd; /* fd: events, for writing */
	char instance[EVENT_RING_INSTANCE_LEN + 1];
	uint64_t next, first,
		old_first; /* first numbers of the two files; old_first 0: there is no older one */
	off_t size;
	void (*before_drop)(void *cookie);
	void *cookie;
};

struct event_reader {
	struct event_ring *ring;
	int fd; /* -1: none is open */
	uint64_t file_first, next;
	off_t at;	 /* of what is read next */
	struct buf text; /* what was read; the first done bytes are behind us */
	size_t done;
};

/* ---------------------------------------------------------------- the forms */

struct head {
	char instance[EVENT_RING_INSTANCE_LEN + 1];
	uint64_t first;
};

static int parse_head(const char *text, struct head *out)
{
	char instance[EVENT_RING_INSTANCE_LEN + 1];
	uint64_t first;
	int len = 0;

	if (sscanf(text, "berth-events 1 %16[0-9a-f] %" SCNu64 "%n", instance, &first, &len) != 2 ||
		strlen(instance) != EVENT_RING_INSTANCE_LEN || first == 0 ||
		(text[len] != '\n' && text[len] != '\0'))
		return -EBADMSG;
	memcpy(out->instance, instance, sizeof(out->instance));
	out->first = first;
	return 0;
}

/* Splits the line in place. */
static int parse_line(char *text, size_t len, struct event_line *out)
{
	char *p = text, *word[5];
	char *end;

	for (int i = 0; i < 5; i++) {
		word[i] = p;
		char *blank = memchr(p, ' ', len - (size_t)(p - text));
		if (!blank || blank == p)
			return -EBADMSG;
		*blank = '\0';
		p = blank + 1;
	}
	out->seq = strtoull(word[0], &end, 10);
	if (*end)
		return -EBADMSG;
	out->generation = strtoull(word[1], &end, 10);
	if (*end)
		return -EBADMSG;
	out->code = (int)strtol(word[2], &end, 10);
	if (*end)
		return -EBADMSG;
	out->id = word[3];
	out->action = word[4];
	out->json = p;
	out->len = len - (size_t)(p - text);
	return 0;
}

/* ---------------------------------------------------------------- opening */

static int open_new(struct event_ring *r, struct err *e)
{
	char head[HEAD_MAX];
	int n = snprintf(head, sizeof(head), "berth-events 1 %s %" PRIu64 "\n", r->instance, r->next);
	int ret = io_replace_file(r->dirfd, FILE_NOW, head, (size_t)n, 0600, false, e);

	if (ret < 0)
		return ret;
	own_close(&r->fd);
	r->fd = openat(r->dirfd, FILE_NOW, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	if (r->fd < 0)
		return err_set(e, errno, "open %s", FILE_NOW);
	r->first = r->next;
	r->size = n;
	return 0;
}

static int begin_instance(struct event_ring *r, struct err *e)
{
	char id[TEXT_ID_LEN + 1];
	int ret = text_random_id(id);

	if (ret < 0)
		return err_set(e, -ret, "make instance id of events");
	memcpy(r->instance, id, EVENT_RING_INSTANCE_LEN);
	r->instance[EVENT_RING_INSTANCE_LEN] = '\0';
	r->next = 1;
	r->old_first = 0;
	(void)unlinkat(r->dirfd, FILE_OLD, 0); /* of another instance */
	return open_new(r, e);
}

/* Reads a whole file and checks it: the number behind its last line, and how much of it is whole lines. */
static int check_file(const char *name, struct buf *text, struct head *head, uint64_t *next, size_t *whole)
{
	char *line = text->data, *end;

	if (!line || !(end = strchr(line, '\n')) || parse_head(line, head) < 0)
		return -EBADMSG;
	*next = head->first;
	for (line = end + 1; (end = memchr(line, '\n', (size_t)(text->data + text->len - line)));
		line = end + 1) {
		struct event_line x;
		*end = '\0';
		if (parse_line(line, (size_t)(end - line), &x) < 0 || x.seq < *next) {
			log_error("events-damaged", "file=%s offset=%zu", name, (size_t)(line - text->data));
			return -EBADMSG;
		}
		*next = x.seq + 1;
	}
	*whole = (size_t)(line - text->data);
	return 0;
}

/* 0: taken up; -ENOENT: there is none; -EBADMSG: not usable. */
static int take_up(struct event_ring *r)
{
	auto_(buf) struct buf now = { 0 }, old = { 0 };
	struct head head, old_head;
	uint64_t next = 0, old_next = 0;
	size_t whole = 0, old_whole = 0;
	struct err e;
	int has_old = io_read_file(r->dirfd, FILE_OLD, FILE_MAX, &old, &e);
	int has = io_read_file(r->dirfd, FILE_NOW, FILE_MAX, &now, &e);

	if (has == -ENOENT && has_old == -ENOENT)
		return -ENOENT;
	if (has_old >= 0 && check_file(FILE_OLD, &old, &old_head, &old_next, &old_whole) < 0)
		return -EBADMSG;
	if (has >= 0 && check_file(FILE_NOW, &now, &head, &next, &whole) < 0)
		return -EBADMSG;
	if (has < 0 && (has != -ENOENT || has_old < 0))
		return -EBADMSG;
	if (has_old >= 0 && (has < 0 || strcmp(head.instance, old_head.instance) == 0))
		r->old_first = old_head.first;
	memcpy(r->instance, has >= 0 ? head.instance : old_head.instance, sizeof(r->instance));
	if (has < 0) { /* between the two steps of a change of files */
		r->next = old_next;
		return open_new(r, &e) < 0 ? -EBADMSG : 0;
	}
	r->next = next;
	r->first = head.first;
	r->size = (off_t)whole;
	r->fd = openat(r->dirfd, FILE_NOW, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	return r->fd < 0 || ftruncate(r->fd, r->size) < 0 ? -EBADMSG : 0;
}

int event_ring_open(
	int dirfd, void (*before_drop)(void *cookie), void *cookie, struct event_ring **out, struct err *e)
{
	auto_(event_ring) struct event_ring *r = calloc(1, sizeof(*r));

	if (!r)
		return err_set(e, ENOMEM, "open events");
	r->dirfd = dirfd;
	r->fd = -1;
	r->before_drop = before_drop;
	r->cookie = cookie;
	int ret = take_up(r);
	if (ret == -EBADMSG) {
		own_close(&r->fd);
		(void)renameat(
			dirfd, FILE_NOW, dirfd, FILE_DAMAGED); /* or the older one is what is damaged */
		log_error(
			"events-damaged", "action=\"set aside as %s, a new instance begins\"", FILE_DAMAGED);
	}
	if (ret < 0 && (ret = begin_instance(r, e)) < 0)
		return ret;
	*out = take_ptr(&r);
	return 0;
}

void event_ring_free(struct event_ring *r)
{
	if (!r)
		return;
	own_close(&r->fd);
	free(r);
}

void event_ring_remove(struct event_ring *r)
{
	(void)unlinkat(r->dirfd, FILE_NOW, 0); /* what is not there is fine */
	(void)unlinkat(r->dirfd, FILE_OLD, 0);
}

const char *event_ring_instance(const struct event_ring *r)
{
	return r->instance;
}

uint64_t event_ring_next(const struct event_ring *r)
{
	return r->next;
}

uint64_t event_ring_oldest(const struct event_ring *r)
{
	return r->old_first ? r->old_first : r->first;
}

/* ---------------------------------------------------------------- writing */

static int change_files(struct event_ring *r, struct err *e)
{
	if (r->old_first && r->before_drop)
		r->before_drop(r->cookie);
	if (renameat(r->dirfd, FILE_NOW, r->dirfd, FILE_OLD) < 0 && errno != ENOENT)
		return err_set(e, errno, "rename %s", FILE_NOW);
	r->old_first = r->first;
	return open_new(r, e);
}

int event_ring_add(struct event_ring *r, uint64_t generation, int code, const char *id, const char *action,
	const char *json, size_t len, uint64_t *seq, struct err *e)
{
	auto_(buf) struct buf line = { 0 };
	int ret = 0;

	if (r->next - r->first >= EVENT_RING_ENTRIES ||
		(r->next > r->first && r->size + (off_t)len > EVENT_RING_BYTES))
		ret = change_files(r, e);
	*seq = r->next++;
	if (ret < 0)
		return ret;
	if (buf_printf(&line, "%" PRIu64 " %" PRIu64 " %d %s %s ", *seq, generation, code, id, action) < 0 ||
		buf_add(&line, json, len) < 0 || buf_puts(&line, "\n") < 0)
		return err_set(e, ENOMEM, "write event");
	ret = io_write_full(r->fd, line.data, line.len);
	if (ret < 0) {
		(void)!ftruncate(r->fd, r->size); /* half a line would spoil the next one */
		return err_set(e, -ret, "write %s", FILE_NOW);
	}
	r->size += (off_t)line.len;
	return 0;
}

char *event_ring_format_cursor(const struct event_ring *r, uint64_t seq, char out[EVENT_CURSOR_MAX])
{
	snprintf(out, EVENT_CURSOR_MAX, "%s-%" PRIu64, r->instance, seq);
	return out;
}

int event_ring_parse_cursor(const struct event_ring *r, const char *text, uint64_t *seq, struct err *e)
{
	char instance[EVENT_RING_INSTANCE_LEN + 1];
	uint64_t n;
	int len = 0;

	if (sscanf(text, "%16[0-9a-f]-%" SCNu64 "%n", instance, &n, &len) != 2 || text[len] ||
		strlen(instance) != EVENT_RING_INSTANCE_LEN)
		return err_say(e, EINVAL, "cursor: \"%.64s\" is not one of ours", text);
	if (strcmp(instance, r->instance) != 0 || n >= r->next)
		return 0;
	*seq = n;
	return 1;
}

int event_ring_find_place(const struct event_ring *r, const char *text, uint64_t *next, struct err *e)
{
	uint64_t seq;

	*next = r->next;
	if (!text || !*text)
		return 0;
	int ret = event_ring_parse_cursor(r, text, &seq, e);
	if (ret < 0)
		return ret;
	*next = ret ? seq + 1 : event_ring_oldest(r);
	return !ret;
}

/* ---------------------------------------------------------------- reading */

int event_reader_new(struct event_ring *r, uint64_t from, struct event_reader **out, struct err *e)
{
	struct event_reader *rd = calloc(1, sizeof(*rd));

	if (!rd)
		return err_set(e, ENOMEM, "read events");
	rd->ring = r;
	rd->fd = -1;
	rd->next = from;
	*out = rd;
	return 0;
}

void event_reader_free(struct event_reader *rd)
{
	if (!rd)
		return;
	own_close(&rd->fd);
	buf_done(&rd->text);
	free(rd);
}

/* The file in which the next one is, or the older one when that has been dropped. */
static int open_file(struct event_reader *rd, struct err *e)
{
	const struct event_ring *r = rd->ring;
	bool old = r->old_first && rd->next < r->first;
	const char *name = old ? FILE_OLD : FILE_NOW;

	own_close(&rd->fd);
	buf_reset(&rd->text);
	rd->done = 0;
	rd->at = 0;
	rd->file_first = old ? r->old_first : r->first;
	rd->fd = openat(r->dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return rd->fd < 0 ? err_set(e, errno, "open %s", name) : 0;
}

/* Appends to what was read: 1, or 0 at the end of the file. */
static int read_more(struct event_reader *rd, struct err *e)
{
	if (rd->done > 0) {
		memmove(rd->text.data, rd->text.data + rd->done, rd->text.len - rd->done);
		rd->text.len -= rd->done;
		rd->done = 0;
	}
	if (buf_reserve(&rd->text, PIECE) < 0)
		return err_set(e, ENOMEM, "read events");
	ssize_t n = pread(rd->fd, rd->text.data + rd->text.len, PIECE, rd->at);
	if (n < 0)
		return err_set(e, errno, "read events");
	rd->text.len += (size_t)n;
	rd->text.data[rd->text.len] = '\0';
	rd->at += n;
	return n > 0;
}

/* The next whole line: 1, or 0 when there is none. */
static int next_line(struct event_reader *rd, char **line, size_t *len, struct err *e)
{
	size_t looked = 0;

	for (;;) {
		char *start = rd->text.data + rd->done;
		size_t have = rd->text.len - rd->done;
		char *end = have > looked ? memchr(start + looked, '\n', have - looked) : NULL;
		if (end) {
			*end = '\0';
			*line = start;
			*len = (size_t)(end - start);
			rd->done += *len + 1;
			return 1;
		}
		looked = have;
		int r = read_more(rd, e);
		if (r <= 0)
			return r;
	}
}

int event_reader_next(struct event_reader *rd, struct event_line *out, struct err *e)
{
	char *line;
	size_t len;

	for (;;) {
		if (rd->next >= rd->ring->next)
			return 0;
		int r = rd->fd < 0 ? open_file(rd, e) : 0;
		if (r < 0 || (r = next_line(rd, &line, &len, e)) < 0)
			return r;
		if (r == 0) { /* the end of this file: go on in the next one */
			if (rd->file_first == rd->ring->first)
				return 0; /* numbers that could not be written */
			if (rd->next < rd->ring->first && rd->file_first == rd->ring->old_first)
				rd->next = rd->ring->first;
			own_close(&rd->fd);
			continue;
		}
		if (parse_line(line, len, out) < 0 || out->seq < rd->next)
			continue; /* the head, or one that is known already */
		rd->next = out->seq + 1;
		return 1;
	}
}
