#include "supervisor/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/io.h"
#include "base/json.h"
#include "base/own.h"
#include "supervisor/store_json.h"
#include "supervisor/store_write.h"
#include "supervisor/worker.h"

#define BATCH_MAX      48 /* containers; each has four descriptors open at the most */
#define BATCH_MS       (60 * 1000)
#define RETRY_FIRST_NS NS_PER_S
#define RETRY_MAX_NS   (60 * NS_PER_S)

struct store {
	struct engine *engine;
	struct list waiters;
	struct event *timer; /* the next batch */
	bool busy;	     /* a batch is under way */
	bool asked;	     /* somebody asked for another one meanwhile */
	/* All that is dirty is tried once before anything is tried again: what cannot be written keeps nothing else back. */
	unsigned round;	    /* never 0 */
	bool ends_round;    /* that which is under way, or the last one */
	bool was_asked;	    /* for this round; else it is one more try */
	struct err trouble; /* the first of this round; code 0: none */
	int64_t retry_ns;   /* 0: the last round was written */
};

struct waiter_of_store {
	struct list link;
	struct container *c; /* NULL: for all */
	bool flying;	     /* the batch under way has all that it waits for */
	done_fn done;
	void *cookie;
};

/* A worker's word about one container that it could not write. */
struct failure {
	char id[TEXT_ID_LEN + 1];
	struct err e;
};

/* ---------------------------------------------------------------- the worker's part */

static json_t *file_to_json(const struct container *c, int file)
{
	switch (1U << file) {
	case STORE_CONFIG:
		return store_config_to_json(c);
	case STORE_DESIRED:
		return store_desired_to_json(&c->desired);
	default:
		return store_result_to_json(c->result);
	}
}

static void fill_item(struct store_item *x, const struct container *c)
{
	*x = (struct store_item){ .id = c->id,
		.fresh = c->fresh,
		.gone = c->flying & STORE_GONE,
		.volumes = c->desired.remove_volumes };
	for (int f = 0; f < STORE_FILES; f++) {
		if (!(c->flying & 1U << f))
			continue;
		auto_(json) json_t *v = file_to_json(c, f);
		x->text[f] = v ? json_dumps(v, JSON_COMPACT) : NULL;
		if (!x->text[f])
			abort(); /* out of memory: the batch is tried again */
	}
}

static size_t fill_from(struct store_item *items, size_t n, const struct list *containers)
{
	list_each (struct container, c, containers, link)
		if (c->flying && n < BATCH_MAX)
			fill_item(&items[n++], c);
	return n;
}

static int write_batch(void *cookie, int out_fd, struct err *e)
{
	struct store *s = cookie;
	struct engine *en = s->engine;
	char path[4096];
	struct store_dirs dirs = { en->data_dirfd, en->trash_dirfd, path };
	struct store_item *items = calloc(BATCH_MAX, sizeof(*items));
	int r = 0;

	if (!items)
		return err_set(e, ENOMEM, "write records");
	snprintf(path, sizeof(path), "%s/containers", en->options.data_root);
	size_t n = fill_from(items, 0, &en->creating);
	n = fill_from(items, n, &en->containers);
	store_write(&dirs, items, n);
	for (size_t i = 0; i < n; i++) {
		struct failure f;
		if (items[i].r == 0)
			continue;
		memcpy(f.id, items[i].id, sizeof(f.id));
		f.e = items[i].e;
		if (r == 0)
			r = io_write_full(out_fd, &f, sizeof(f));
	}
	return r; /* the process ends here, and takes the items along */
}

/* ---------------------------------------------------------------- the loop's part */

static void next_batch(struct store *s);

static const struct failure *failure_of(const struct container *c, const struct failure *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(all[i].id, c->id) == 0)
			return &all[i];
	return NULL;
}

static void answer(struct store *s, struct waiter_of_store *w, int r, const struct err *e)
{
	list_remove(&w->link);
	engine_answer(s->engine, w->done, w->cookie, r, e);
	free(w);
}

static void answer_all_of(struct store *s, const struct container *c, const struct err *e)
{
	list_each_safe (struct waiter_of_store, w, &s->waiters, link)
		if (w->c == c && w->flying)
			answer(s, w, e ? -e->code : 0, e);
}

static void settle(struct container *c, const struct err *e)
{
	struct store *s = c->engine->store;

	if (e && c->flying & STORE_GONE) /* whoever removes it is told; what it is now counts again */
		c->dirty |= STORE_DESIRED;
	else if (e)
		c->dirty |= c->flying;
	else if (c->flying & STORE_RESULT && !(c->dirty & STORE_RESULT))
		own_free(&c->result);
	if (!e && c->flying & STORE_GONE)
		c->in_trash = true;
	c->flying = 0;
	if (c->in_trash ||
		(e && c->fresh)) { /* nothing to write it to; its creator is told, and forgets it */
		c->dirty = 0;
		list_each (struct waiter_of_store, w, &s->waiters, link)
			w->flying |= w->c == c;
	}
	answer_all_of(s, c, e);
}

static void settle_all(struct list *containers, const struct failure *failures, size_t n, const struct err *e)
{
	list_each_safe (struct container, c, containers, link) {
		if (!c->flying)
			continue;
		const struct failure *f = failure_of(c, failures, n);
		settle(c, e ? e : f ? &f->e : NULL);
	}
}

static bool anything_is_dirty(const struct engine *en)
{
	list_each (struct container, c, &en->creating, link)
		if (c->dirty)
			return true;
	list_each (struct container, c, &en->containers, link)
		if (c->dirty)
			return true;
	return false;
}

static void note_failure(struct store *s, const struct err *e)
{
	if (!s->retry_ns)
		log_error("store-failed", "err=\"%s\" action=\"tried again until it works\"", e->text);
	if (!s->retry_ns)
		s->retry_ns = RETRY_FIRST_NS;
	else if (!s->was_asked) /* what people ask for meanwhile puts nothing off */
		s->retry_ns = s->retry_ns < RETRY_MAX_NS / 2 ? s->retry_ns * 2 : RETRY_MAX_NS;
}

static void end_round(struct store *s)
{
	const struct err *e = s->trouble.code ? &s->trouble : NULL;

	if (e)
		note_failure(s, e);
	else if (s->retry_ns)
		log_info("store-works", "action=\"go on\"");
	if (!e)
		s->retry_ns = 0;
	answer_all_of(s, NULL, e);
	s->trouble.code = 0;
}

static void batch_done(void *cookie, int r, const struct err *e, const char *out, size_t out_len)
{
	struct store *s = cookie;
	struct engine *en = s->engine;
	size_t n = r == 0 ? out_len / sizeof(struct failure) : 0;
	auto_free struct failure *failures = calloc(n + 1, sizeof(*failures));

	if (!failures)
		abort();
	if (n)
		memcpy(failures, out, n * sizeof(*failures));
	s->busy = false;
	if (!s->trouble.code && (r < 0 || n))
		s->trouble = r < 0 ? *e : failures[0].e;
	settle_all(&en->creating, failures, n, r < 0 ? e : NULL);
	settle_all(&en->containers, failures, n, r < 0 ? e : NULL);
	if (s->ends_round)
		end_round(s);
	if (s->asked)
		next_batch(s);
	else if (anything_is_dirty(en))
		engine_timer_arm(s->timer, s->retry_ns);
}

static size_t take_dirty(const struct store *s, struct list *containers, size_t n)
{
	list_each (struct container, c, containers, link) {
		if (!c->dirty || c->tried == s->round || n == BATCH_MAX)
			continue;
		c->tried = s->round;
		c->flying = c->dirty;
		c->dirty = 0;
		n++;
	}
	return n;
}

static void begin_batch(evutil_socket_t fd, short what, void *cookie)
{
	struct store *s = cookie;
	struct engine *en = s->engine;
	int keep[] = { en->data_dirfd, en->trash_dirfd };
	struct worker_args args = { .what = "write records",
		.job = write_batch,
		.done = batch_done,
		.cookie = s,
		.deadline_ms = BATCH_MS,
		.keep_fds = keep,
		.n_keep_fds = ARRAY_LEN(keep) };
	struct err e;
	(void)fd;
	(void)what;

	if (s->ends_round)
		s->was_asked = s->asked;
	size_t n = take_dirty(s, &en->creating, 0);
	n = take_dirty(s, &en->containers, n);
	s->asked = n == BATCH_MAX; /* the rest, if there is one */
	s->ends_round = !s->asked;
	if (s->ends_round && ++s->round == 0)
		s->round = 1;
	list_each (struct waiter_of_store, w, &s->waiters, link)
		w->flying = w->c ? !w->c->dirty : s->ends_round;
	s->busy = true;
	fault_point("supervisor.store");
	int r = n ? worker_start(en->workers, &args, NULL, &e) : 0;
	if (r < 0 || n == 0)
		batch_done(s, r, &e, "", 0);
}

static void next_batch(struct store *s)
{
	s->asked = true;
	if (!s->busy)
		engine_timer_arm(s->timer, 0); /* what else comes in this turn of the loop goes along */
}

static void wait_for(struct store *s, struct container *c, bool flying, done_fn done, void *cookie)
{
	struct waiter_of_store *w = calloc(1, sizeof(*w));

	if (!w)
		abort();
	*w = (struct waiter_of_store){ .c = c, .flying = flying, .done = done, .cookie = cookie };
	list_append(&s->waiters, &w->link);
}

void store_commit(struct container *c, unsigned what, done_fn done, void *cookie)
{
	struct store *s = c->engine->store;

	if (c->in_trash || (c->unannounced && !c->fresh))
		c->dirty = what = 0; /* there is nothing to write it to, or nothing yet */
	if (what & STORE_GONE)
		c->dirty = 0;
	c->dirty |= what;
	if (done && !c->dirty && !c->flying)
		engine_answer(c->engine, done, cookie, 0, NULL);
	else if (done)
		wait_for(s, c, !c->dirty, done, cookie);
	if (!c->dirty || (!done && !what))
		return;
	c->tried = 0;
	next_batch(s);
}

struct many {
	struct engine *engine;
	struct answers answers;
	struct err e; /* what the act itself said */
};

static void answer_many(void *cookie, int r, const struct err *e)
{
	struct many *m = cookie;

	if (m->e.code)
		answers_give(&m->answers, m->engine, -m->e.code, &m->e);
	else
		answers_give(&m->answers, m->engine, r, e);
	free(m);
}

void store_answer(struct container *c, struct answers *answers, int r, const struct err *e)
{
	struct many *m = calloc(1, sizeof(*m));

	if (!m)
		abort();
	m->engine = c->engine;
	answers_move(&m->answers, answers);
	if (r < 0 && e)
		m->e = *e;
	else if (r < 0)
		(void)err_set(&m->e, -r, "container %s", c->name);
	store_commit(c, 0, answer_many, m);
}

void store_set_result(
	struct container *c, int exit_code, bool oom_killed, bool interrupted, int64_t finished_ns)
{
	if (!c->result && !(c->result = malloc(sizeof(*c->result))))
		abort();
	*c->result = (struct result){
		.generation = c->actual.generation,
		.exit_code = exit_code,
		.started_ns = c->actual.started_ns,
		.finished_ns = finished_ns,
		.oom_killed = oom_killed,
		.interrupted = interrupted,
		.restart_count = c->actual.restart_count,
	};
	memcpy(c->result->error, c->actual.error, sizeof(c->result->error));
}

void store_settle(struct engine *en, done_fn done, void *cookie)
{
	struct store *s = en->store;

	if (!s->busy && !anything_is_dirty(en)) {
		engine_answer(en, done, cookie, 0, NULL);
		return;
	}
	wait_for(s, NULL, false, done, cookie);
	next_batch(s);
}

void store_release(struct container *c)
{
	struct store *s = c->engine->store;

	own_free(&c->result);
	list_each_safe (struct waiter_of_store, w, &s->waiters, link)
		if (w->c == c)
			answer(s, w, 0, NULL);
}

/* ---------------------------------------------------------------- open and close */

int store_open(struct engine *en, struct err *e)
{
	struct store *s = calloc(1, sizeof(*s));

	if (s)
		s->timer = evtimer_new(en->base, begin_batch, s);
	if (!s || !s->timer) {
		free(s);
		return err_set(e, ENOMEM, "open store");
	}
	s->engine = en;
	list_init(&s->waiters);
	s->round = 1;
	s->ends_round = true;
	en->store = s;
	return 0;
}

void store_close(struct engine *en)
{
	struct store *s = take_ptr(&en->store);

	if (!s)
		return;
	list_each_safe (struct waiter_of_store, w, &s->waiters, link)
		free(w);
	event_free(s->timer);
	free(s);
}
