#include "supervisor/logbatch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"

#define MAGIC	 "berthlog"
#define LAYOUT	 1
#define SLOTS	 4096 /* as many as the keeper has for exits */
#define FILLER	 0xFF
#define NO_SLOT	 UINT32_MAX
#define UNKNOWN	 UINT32_MAX
#define TEXT_MAX (LOG_STREAM_COUNT * LOG_PIECE_MAX)

enum stage { STAGE_IDLE, STAGE_READING, STAGE_READ };

struct header {
	char magic[8];
	uint32_t layout, slots;
	uint32_t stage; /* enum stage */
	uint32_t slot, stream;
	uint32_t len; /* UNKNOWN while it is read */
	int64_t now_ns;
	uint32_t high; /* slots from here on were never used */
};

struct logslot {
	char id[TEXT_ID_LEN];
	uint32_t in_use, active; /* which state counts */
	struct logstate state[2];
};

/* As it is in the memory file; a multiple of the largest page we know of, so that holes are holes. */
struct layout {
	union {
		struct header header;
		char room[4096];
	};
	char block[LOGBATCH_MAX];
	struct logslot table[SLOTS];
	char texts[SLOTS][LOG_STREAM_COUNT][LOG_PIECE_MAX];
};

struct logbatch {
	int fd;
	struct layout *at;
	size_t dirty; /* bytes of the block that are not filler */
};

/* ---------------------------------------------------------------- the memory */

static int make_memory(struct err *e)
{
	auto_close int fd = memfd_create(LOGBATCH_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return err_set(e, errno, "make the log's memory");
	if (ftruncate(fd, sizeof(struct layout)) < 0 ||
		fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		return err_set(e, errno, "size the log's memory");
	return take_fd(&fd);
}

static int check(const struct layout *at, struct err *e)
{
	const struct header *h = &at->header;

	if (memcmp(h->magic, MAGIC, sizeof(h->magic)) != 0 || h->layout != LAYOUT || h->slots != SLOTS)
		return err_say(e, EPROTO, "the log's memory is of a form that is not known here");
	if (h->high > SLOTS || h->stage > STAGE_READ || h->stream >= LOG_STREAM_COUNT ||
		(h->stage != STAGE_IDLE && h->slot >= h->high) ||
		(h->len != UNKNOWN && h->len > LOGBATCH_MAX))
		return err_say(e, EPROTO, "the log's memory is damaged");
	for (uint32_t i = 0; i < h->high; i++) {
		const struct logslot *s = &at->table[i];
		const struct logstate *x = &s->state[s->active & 1];
		if (s->in_use &&
			(s->active > 1 || x->pos < LOGSTATE_NEW || x->used > LOGBATCH_MAX ||
				x->line[LOG_STDOUT].len > LOG_PIECE_MAX ||
				x->line[LOG_STDERR].len > LOG_PIECE_MAX))
			return err_say(e, EPROTO, "the log's memory is damaged");
	}
	return 0;
}

static void fill(struct logbatch *b)
{
	memset(b->at->block, FILLER, b->dirty);
	b->dirty = 0;
}

int logbatch_open(int fd, struct logbatch **out, struct err *e)
{
	auto_close int mem = fd;
	auto_(logbatch) struct logbatch *b = calloc(1, sizeof(*b));
	bool fresh = fd < 0;
	struct stat st;

	if (!b)
		return err_set(e, ENOMEM, "open the log's memory");
	b->fd = -1;
	if (fresh && (mem = make_memory(e)) < 0)
		return mem;
	if (fstat(mem, &st) < 0)
		return err_set(e, errno, "open the log's memory");
	if (st.st_size != sizeof(struct layout))
		return err_say(e, EPROTO, "the log's memory is of a form that is not known here");
	void *at = mmap(NULL, sizeof(struct layout), PROT_READ | PROT_WRITE, MAP_SHARED, mem, 0);
	if (at == MAP_FAILED)
		return err_set(e, errno, "map the log's memory");
	b->at = at;
	(void)madvise(at, sizeof(struct layout), MADV_DONTFORK);
	b->fd = take_fd(&mem);
	b->dirty = LOGBATCH_MAX;
	if (fresh) {
		memcpy(b->at->header.magic, MAGIC, sizeof(b->at->header.magic));
		b->at->header.layout = LAYOUT;
		b->at->header.slots = SLOTS;
	} else {
		int r = check(b->at, e);
		if (r < 0)
			return r;
	}
	if (b->at->header.stage == STAGE_IDLE)
		fill(b);
	/* A fault on the way from the pipe would leave bytes in both. Refused, we rely on there being no such lack of memory. */
	(void)mlock(b->at, offsetof(struct layout, table));
	*out = take_ptr(&b);
	return 0;
}

void logbatch_free(struct logbatch *b)
{
	if (!b)
		return;
	if (b->at)
		(void)munmap(b->at, sizeof(struct layout));
	own_close(&b->fd);
	free(b);
}

int logbatch_fd(const struct logbatch *b)
{
	return b->fd;
}

/* ---------------------------------------------------------------- slots */

struct logslot *logbatch_find(struct logbatch *b, const char *id)
{
	for (uint32_t i = 0; i < b->at->header.high; i++) {
		struct logslot *s = &b->at->table[i];
		if (s->in_use && memcmp(s->id, id, TEXT_ID_LEN) == 0)
			return s;
	}
	return NULL;
}

int logbatch_add(struct logbatch *b, const char *id, struct logslot **out, struct err *e)
{
	struct header *h = &b->at->header;
	struct logslot *s = logbatch_find(b, id);

	for (uint32_t i = 0; !s && i < h->high; i++)
		if (!b->at->table[i].in_use)
			s = &b->at->table[i];
	if (!s && h->high == SLOTS)
		return err_say(e, ENOSPC, "no more than %d containers can have a log at once", SLOTS);
	if (!s) {
		s = &b->at->table[h->high];
		h->high++;
	}
	if (!s->in_use) {
		memset(s, 0, sizeof(*s));
		memcpy(s->id, id, TEXT_ID_LEN);
		s->state[0].pos = LOGSTATE_NEW;
		__atomic_store_n(&s->in_use, 1, __ATOMIC_RELEASE);
	}
	*out = s;
	return 0;
}

void logbatch_drop(struct logbatch *b, struct logslot *slot)
{
	struct header *h = &b->at->header;
	size_t i = (size_t)(slot - b->at->table);

	if (h->stage != STAGE_IDLE && h->slot == i)
		logbatch_done(b);
	__atomic_store_n(&slot->in_use, 0, __ATOMIC_RELEASE);
	/* Long lines' pages go back. A machine whose kernel cannot do that keeps them for the next container. */
	(void)madvise(b->at->texts[i], sizeof(b->at->texts[i]), MADV_REMOVE);
}

void logbatch_sweep(struct logbatch *b, bool (*keep)(void *cookie, const char *id), void *cookie)
{
	for (uint32_t i = 0; i < b->at->header.high; i++) {
		struct logslot *s = &b->at->table[i];
		char id[TEXT_ID_LEN + 1];
		memcpy(id, s->id, TEXT_ID_LEN);
		id[TEXT_ID_LEN] = '\0';
		if (s->in_use && !keep(cookie, id))
			logbatch_drop(b, s);
	}
}

struct logstate logslot_state(const struct logslot *slot)
{
	return slot->state[slot->active];
}

void logslot_set_state(struct logslot *slot, const struct logstate *s)
{
	uint32_t other = !slot->active;

	slot->state[other] = *s;
	fault_point("log.state");
	__atomic_store_n(&slot->active, other, __ATOMIC_RELEASE);
}

char *logslot_text(struct logbatch *b, struct logslot *slot, enum log_stream stream)
{
	return b->at->texts[slot - b->at->table][stream];
}

/* ---------------------------------------------------------------- the block */

char *logbatch_block(struct logbatch *b)
{
	return b->at->block;
}

ssize_t logbatch_read(
	struct logbatch *b, struct logslot *slot, enum log_stream stream, int fd, int64_t now_ns)
{
	struct header *h = &b->at->header;

	if (h->stage != STAGE_IDLE)
		logbatch_done(b);
	slot->state[slot->active].used = 0;
	h->slot = (uint32_t)(slot - b->at->table);
	h->stream = stream;
	h->now_ns = now_ns;
	h->len = UNKNOWN;
	__atomic_store_n(&h->stage, STAGE_READING, __ATOMIC_RELEASE);
	ssize_t n = read(fd, b->at->block, LOGBATCH_MAX);
	int saved = errno;
	fault_point("log.read");
	if (n <= 0) {
		__atomic_store_n(&h->stage, STAGE_IDLE, __ATOMIC_RELEASE);
		return n < 0 ? -saved : 0;
	}
	b->dirty = (size_t)n;
	h->len = (uint32_t)n;
	__atomic_store_n(&h->stage, STAGE_READ, __ATOMIC_RELEASE);
	return n;
}

bool logbatch_pending(
	struct logbatch *b, const struct logslot *slot, enum log_stream *stream, size_t *len, int64_t *now_ns)
{
	struct header *h = &b->at->header;

	if (h->stage == STAGE_IDLE || &b->at->table[h->slot] != slot)
		return false;
	*len = h->stage == STAGE_READ && h->len != UNKNOWN ? h->len : LOGBATCH_MAX;
	while (h->stage == STAGE_READING && *len > 0 && (unsigned char)b->at->block[*len - 1] == FILLER)
		--*len;
	*stream = (enum log_stream)h->stream;
	*now_ns = h->now_ns;
	return true;
}

void logbatch_done(struct logbatch *b)
{
	struct header *h = &b->at->header;

	__atomic_store_n(&h->stage, STAGE_IDLE, __ATOMIC_RELEASE);
	fault_point("log.done");
	fill(b);
}
