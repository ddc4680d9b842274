#include "supervisor/volumes.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/io.h"
#include "base/json.h"
#include "base/path.h"
#include "base/text.h"
#include "supervisor/config.h"
#include "supervisor/container.h"
#include "supervisor/events.h"
#include "supervisor/volume_deletion.h"
#include "supervisor/worker.h"

#define NAME_MAX_LEN 128 /* text_is_safe_id() */
#define BATCH_MAX    64
#define BATCH_MS     (60 * 1000)

struct volumes {
	struct engine *engine;
	struct list all;
	int dirfd;
	struct event *timer; /* the next batch */
	bool busy;	     /* a batch is under way */
};

/* A worker's word about one that it could not make or remove. */
struct failure {
	char name[NAME_MAX_LEN + 1];
	struct err e;
};

static void free_volume(struct volume *v)
{
	list_remove(&v->link);
	volume_record_done(&v->record);
	free(v->name);
	free(v);
}

static struct volume *find(const struct engine *en, const char *name, enum volume_state state)
{
	if (!en->volumes)
		return NULL;
	list_each (struct volume, v, &en->volumes->all, link)
		if (v->state == state && strcmp(v->name, name) == 0)
			return v;
	return NULL;
}

/* record is taken. */
static struct volume *add(
	struct engine *en, const char *name, enum volume_state state, struct volume_record *record)
{
	struct volume *v = calloc(1, sizeof(*v));
	struct list *before = &en->volumes->all;

	if (!v || !(v->name = strdup(name)))
		abort();
	v->state = state;
	v->record = *record;
	*record = (struct volume_record){ 0 };
	list_each (struct volume, other, &en->volumes->all, link) {
		if (strcmp(other->name, name) > 0) {
			before = &other->link;
			break;
		}
	}
	list_append(before, &v->link);
	return v;
}

/* ---------------------------------------------------------------- looking */

struct volume *volumes_find(const struct engine *en, const char *name)
{
	return find(en, name, VOLUME_READY);
}

struct volume *volumes_next(const struct engine *en, const struct volume *v)
{
	const struct list *head = &en->volumes->all, *at = v ? v->link.next : head->next;

	for (; at != head; at = at->next) {
		struct volume *next = list_entry(at, struct volume, link);
		if (next->state == VOLUME_READY)
			return next;
	}
	return NULL;
}

bool volumes_is_anonymous(const struct volume *v)
{
	return json_object_get(v->record.labels, VOLUME_ANONYMOUS) != NULL;
}

static bool uses(const struct container *c, const char *name)
{
	for (size_t i = 0; c->config && i < c->config->n_mounts; i++) {
		const struct config_mount *m = &c->config->mounts[i];
		if (m->type == CONFIG_MOUNT_VOLUME && m->source && strcmp(m->source, name) == 0)
			return true;
	}
	return false;
}

static size_t count_users(
	const struct engine *en, const char *name, const struct container *but, struct buf *ids)
{
	const struct list *lists[] = { &en->containers, &en->creating };
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		list_each (const struct container, c, lists[i], link) {
			if (c == but || !uses(c, name))
				continue;
			if (ids)
				(void)buf_printf(ids, "%s%s", n ? ", " : "", c->id); /* or fewer of them */
			n++;
		}
	}
	return n;
}

size_t volumes_users(const struct engine *en, const char *name)
{
	return count_users(en, name, NULL, NULL);
}

int volumes_check_name(const char *name, struct err *e)
{
	if (strlen(name) == 1)
		return err_say(e, EINVAL,
			"create %s: volume name is too short, names should be at least two alphanumeric characters",
			name);
	if (text_is_name(name) && text_is_safe_id(name))
		return 0;
	return err_say(e, EINVAL,
		"create %.130s: \"%.130s\" includes invalid characters for a local volume name, only "
		"\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path",
		name, name);
}

/* ---------------------------------------------------------------- a batch: the worker's part */

static int carry_out(int dirfd, const struct volume *v, struct err *e)
{
	if (v->state == VOLUME_GOING && !v->unwritten)
		return volume_drop(dirfd, v->name, v->trash, e);
	auto_(json) json_t *record = volume_record_to_json(&v->record);
	auto_free char *text = record ? json_dumps(record, JSON_COMPACT) : NULL;
	if (!text)
		return err_set(e, ENOMEM, "create %s", v->name);
	return (v->unwritten ? volume_adopt : volume_put)(dirfd, v->name, text, e);
}

static int write_batch(void *cookie, int out_fd, struct err *e)
{
	const struct volumes *x = cookie;
	int r = 0;

	list_each (const struct volume, v, &x->all, link) {
		struct failure f = { .e.code = 0 };
		if (!v->flying || carry_out(x->dirfd, v, &f.e) == 0)
			continue;
		snprintf(f.name, sizeof(f.name), "%s", v->name);
		if ((r = io_write_full(out_fd, &f, sizeof(f))) < 0)
			return err_set(e, -r, "write volumes");
	}
	if (fsync(x->dirfd) < 0)
		return err_set(e, errno, "sync the directory of volumes");
	fault_point("volume.written");
	return 0;
}

/* ---------------------------------------------------------------- a batch: the loop's part */

static void next_batch(struct volumes *x)
{
	if (!x->busy)
		engine_timer_arm(x->timer, 0); /* what else comes in this turn of the loop goes along */
}

static void say(struct engine *en, const struct volume *v, const char *action)
{
	events_emit_object(en, "volume", action, v->name, "driver", "local", NULL);
}

/* It stays. Who wanted it anew meanwhile has what he wants. v may be freed. */
static void stay(struct engine *en, struct volume *v)
{
	struct volume *twin = find(en, v->name, VOLUME_NEW);

	if (!twin) {
		v->state = VOLUME_READY;
		v->container = NULL;
		return;
	}
	volume_record_done(&twin->record);
	twin->record = v->record;
	v->record = (struct volume_record){ 0 };
	twin->state = VOLUME_READY;
	answers_give(&twin->answers, en, 0, NULL);
	free_volume(v);
}

static void gone(struct engine *en, struct volume *v)
{
	say(en, v, "destroy");
	free_volume(v);
	next_batch(en->volumes); /* one of the same name may have waited for that */
}

static void settle(struct engine *en, struct volume *v, const struct err *e, struct volume_deletion *d)
{
	v->flying = false;
	if (v->unwritten) { /* whatever is wanted of it by now comes with the next batch */
		v->unwritten = false;
		if (e)
			log_warn("record-not-written", "volume=%s err=\"%s\" action=\"go on\"", v->name,
				e->text);
	} else if (e) {
		answers_give(&v->answers, en, -e->code, e);
		if (v->state == VOLUME_GOING)
			stay(en, v);
		else
			free_volume(v);
	} else if (v->state == VOLUME_NEW) {
		v->state = VOLUME_READY;
		say(en, v, "create");
		answers_give(&v->answers, en, 0, NULL);
	} else {
		volume_deletion_add(d, v->trash, &v->answers);
		gone(en, v);
	}
}

static void batch_done(void *cookie, int r, const struct err *e, const char *out, size_t out_len)
{
	struct volumes *x = cookie;
	struct engine *en = x->engine;
	size_t n = r < 0 ? 0 : out_len / sizeof(struct failure);
	auto_free struct failure *failures = calloc(n + 1, sizeof(*failures));
	struct volume_deletion *d = volume_deletion_new(en, x->dirfd);

	if (!failures)
		abort();
	if (n)
		memcpy(failures, out, n * sizeof(*failures));
	x->busy = false;
	list_each_safe (struct volume, v, &x->all, link) {
		const struct err *why = r < 0 ? e : NULL;
		for (size_t i = 0; v->flying && i < n; i++)
			if (strcmp(failures[i].name, v->name) == 0)
				why = &failures[i].e;
		if (v->flying)
			settle(en, v, why, d);
	}
	fault_point("volume.told");
	volume_deletion_start(d);
	next_batch(x);
}

/* One whose name is still that of another, which goes, waits. */
static size_t take_waiting(struct volumes *x)
{
	size_t n = 0;

	list_each (struct volume, v, &x->all, link) {
		bool makes = v->state == VOLUME_NEW && !find(x->engine, v->name, VOLUME_GOING);
		bool goes = v->state == VOLUME_GOING && !v->container && !v->unwritten;
		v->flying = n < BATCH_MAX && (makes || goes || v->unwritten);
		n += v->flying;
	}
	return n;
}

static void begin_batch(evutil_socket_t fd, short what, void *cookie)
{
	struct volumes *x = cookie;
	struct worker_args args = { .what = "write volumes",
		.job = write_batch,
		.done = batch_done,
		.cookie = x,
		.deadline_ms = BATCH_MS,
		.keep_fds = &x->dirfd,
		.n_keep_fds = 1 };
	struct err e;
	(void)fd;
	(void)what;

	if (x->busy || take_waiting(x) == 0)
		return;
	x->busy = true;
	int r = worker_start(x->engine->workers, &args, NULL, &e);
	if (r < 0)
		batch_done(x, r, &e, "", 0);
}

/* ---------------------------------------------------------------- made and removed */

void volumes_create(
	struct engine *en, const char *name, json_t *labels, json_t *options, done_fn done, void *cookie)
{
	auto_(volume_record) struct volume_record record = { clock_real_ns(), labels, options };
	struct volume *v = find(en, name, VOLUME_NEW);

	if (!v && volumes_find(en, name)) {
		engine_answer(en, done, cookie, 0, NULL);
		return;
	}
	if (!v)
		v = add(en, name, VOLUME_NEW, &record);
	answers_add(&v->answers, done, cookie);
	next_batch(en->volumes);
}

static void remove_but(
	struct engine *en, const char *name, const struct container *but, done_fn done, void *cookie)
{
	struct volume *v = volumes_find(en, name);
	auto_(buf) struct buf ids = { 0 };
	struct err e;
	int r = 0;

	if (!v)
		r = err_say(&e, ENOENT, "get %.130s: no such volume", name);
	else if (count_users(en, name, but, &ids) > 0)
		r = err_say(&e, EBUSY, "remove %s: volume is in use - [%s]", name, ids.data ? ids.data : "");
	else if ((r = volume_trash_name(v->trash)) < 0)
		r = err_set(&e, -r, "remove %s", name);
	if (r < 0) {
		engine_answer(en, done, cookie, r, &e);
		return;
	}
	v->state = VOLUME_GOING;
	answers_add(&v->answers, done, cookie);
	next_batch(en->volumes);
}

void volumes_remove(struct engine *en, const char *name, done_fn done, void *cookie)
{
	remove_but(en, name, NULL, done, cookie);
}

void volumes_discard(const struct container *c, const char *name)
{
	remove_but(c->engine, name, c, NULL, NULL);
}

void volumes_note(struct engine *en, const char *name, bool anonymous)
{
	auto_(volume_record) struct volume_record record = { .created_ns = clock_real_ns() };

	if (volumes_find(en, name) || find(en, name, VOLUME_NEW) || find(en, name, VOLUME_GOING))
		return;
	if (anonymous && !(record.labels = json_pack("{s:s}", VOLUME_ANONYMOUS, "")))
		abort();
	add(en, name, VOLUME_READY, &record)->unwritten = true;
	next_batch(en->volumes);
}

/* ---------------------------------------------------------------- with their container */

void volumes_take_along(const struct container *c, const char *name)
{
	struct engine *en = c->engine;
	struct volume *v = volumes_find(en, name);

	if (!v || count_users(en, name, c, NULL) > 0)
		return;
	v->state = VOLUME_GOING;
	v->container = c;
}

bool volumes_goes_with(const struct container *c, const char *name)
{
	const struct volume *v = find(c->engine, name, VOLUME_GOING);

	return v && v->container == c;
}

void volumes_taken(const struct container *c, bool is_gone)
{
	struct engine *en = c->engine;

	if (!en->volumes)
		return;
	list_each_safe (struct volume, v, &en->volumes->all, link) {
		if (v->container != c)
			continue;
		if (is_gone)
			gone(en, v);
		else
			stay(en, v);
	}
}

/* ---------------------------------------------------------------- open and close */

static void load_one(struct engine *en, const char *name)
{
	auto_(volume_record) struct volume_record record = { 0 };
	struct err e;
	int r = volume_load(en->volumes->dirfd, name, &record, &e);

	if (r == -ENOTDIR || r == -ELOOP)
		return; /* not ours */
	if (r != 0)
		log_error("record-damaged", "volume=%s err=\"%s\" action=\"%s\"", name, e.text,
			r < 0			       ? "ignore the volume"
				: io_is_damage(e.code) ? "set aside"
						       : "ignored");
	if (r >= 0)
		(void)add(en, name, VOLUME_READY, &record);
}

/* What a death has left of the makings and removals before us goes in the background. */
static int load_all(struct engine *en, struct err *e)
{
	struct volume_deletion *left = NULL;
	int fd = openat(en->volumes->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		int r = err_set(e, errno, "read volumes");
		own_close(&fd);
		return r;
	}
	for (struct dirent *x; (x = readdir(d));) {
		if (text_is_safe_id(x->d_name)) {
			load_one(en, x->d_name);
		} else if (*x->d_name == '.' && x->d_name[1] && strcmp(x->d_name, "..") != 0 &&
			strlen(x->d_name) < VOLUME_TRASH_MAX) {
			if (!left)
				left = volume_deletion_new(en, en->volumes->dirfd);
			volume_deletion_add(left, x->d_name, NULL);
		}
	}
	closedir(d);
	if (left)
		volume_deletion_start(left);
	return 0;
}

int volumes_open(struct engine *en, struct err *e)
{
	struct volumes *x = calloc(1, sizeof(*x));
	char path[PATH_MAX];

	if (!x)
		return err_set(e, ENOMEM, "open volumes");
	x->engine = en;
	x->dirfd = -1;
	list_init(&x->all);
	en->volumes = x;
	if (snprintf(path, sizeof(path), "%s/volumes", en->options.data_root) >= (int)sizeof(path))
		return err_set(e, ENAMETOOLONG, "%s", en->options.data_root);
	/* Nobody but root reaches what images brought with them, setuid programs among it. */
	int r = path_mkdirs(path, 0700, e);
	if (r < 0)
		return r;
	if ((x->dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return err_set(e, errno, "open %s", path);
	auto_close int parent = open(en->options.data_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0 || fsync(parent) < 0)
		return err_set(e, errno, "sync %s", en->options.data_root);
	if (!(x->timer = evtimer_new(en->base, begin_batch, x)))
		return err_set(e, ENOMEM, "open volumes");
	return load_all(en, e);
}

void volumes_close(struct engine *en)
{
	struct volumes *x = take_ptr(&en->volumes);

	if (!x)
		return;
	list_each_safe (struct volume, v, &x->all, link) {
		answers_drop(&v->answers);
		free_volume(v);
	}
	engine_event_free(&x->timer);
	own_close(&x->dirfd);
	free(x);
}
