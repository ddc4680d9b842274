#include "supervisor/images.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/own.h"
#include "base/text.h"
#include "image/config.h"
#include "image/reference.h"
#include "supervisor/events.h"
#include "supervisor/images_file.h"
#include "supervisor/rootfs.h"
#include "supervisor/worker.h"

#define READ_MS	 (30 * 1000)
#define WRITE_MS (60 * 1000)

struct images {
	struct engine *engine;
	int dirfd;	     /* <data-root> */
	json_t *table;	     /* what holds */
	json_t *next;	     /* what a worker writes; NULL: none does */
	bool unsure;	     /* the last write failed: the file may be either */
	struct err not_ours; /* code != 0: the file is of a later version, and is left as it is */
	struct list waiting, flying;
};

/* Somebody's wish: names to their records, or to null for those that go. */
struct request {
	struct list link;
	json_t *set;
	done_fn done;
	void *cookie;
};

/* ---------------------------------------------------------------- looking up */

static void fill(const char *name, const json_t *v, struct image_record *out)
{
	*out = (struct image_record){
		.name = name,
		.source = json_string_value(json_object_get(v, "Source")),
		.id = json_string_value(json_object_get(v, "Id")),
		.created_ns = json_integer_value(json_object_get(v, "CreatedNs")),
		.config = json_object_get(v, "Config"),
	};
}

void *images_next(struct engine *en, void *at, struct image_record *out)
{
	json_t *table = en->images->table;

	at = at ? json_object_iter_next(table, at) : json_object_iter(table);
	if (at)
		fill(json_object_iter_key(at), json_object_iter_value(at), out);
	return at;
}

static bool find_name(struct engine *en, const char *text, struct image_record *out)
{
	struct reference ref;
	char name[REFERENCE_MAX + 1];

	if (reference_parse(text, &ref, NULL) < 0)
		return false;
	void *at = json_object_iter_at(en->images->table, reference_format(&ref, name));
	if (at)
		fill(json_object_iter_key(at), json_object_iter_value(at), out);
	return at != NULL;
}

/* 1: found, 0: not, -EINVAL: several images' ids begin so. */
static int find_id(struct engine *en, const char *text, struct image_record *out, struct err *e)
{
	const char *digits = text_has_prefix(text, "sha256:") ? text + strlen("sha256:") : text;
	struct image_record x;
	int found = 0;

	if (!*digits || digits[strspn(digits, "0123456789abcdef")])
		return 0;
	for (void *at = images_next(en, NULL, &x); at; at = images_next(en, at, &x)) {
		if (!text_has_prefix(x.id + strlen("sha256:"), digits))
			continue;
		if (found && strcmp(out->id, x.id) != 0)
			return err_say(e, EINVAL, "multiple IDs found with provided prefix: %s", text);
		*out = x;
		found = 1;
	}
	return found;
}

int images_find(struct engine *en, const char *text, struct image_record *out, struct err *e)
{
	struct reference ref;
	char name[REFERENCE_MAX + 1];
	struct err why;

	if (find_name(en, text, out))
		return 0;
	int r = find_id(en, text, out, e);
	if (r != 0)
		return r < 0 ? r : 0;
	if (text_has_prefix(text, "sha256:"))
		return err_say(e, ENOENT, "No such image: %s", text);
	if ((r = reference_parse(text, &ref, &why)) < 0)
		return err_say(
			e, -r, "%s (an image is dir:PATH, oci-bundle:PATH or the name of one)", why.text);
	return err_say(e, ENOENT,
		"No such image: %s (to give a root filesystem this name: berth image tag dir:PATH %s)",
		reference_format(&ref, name), text);
}

/* ---------------------------------------------------------------- writing */

static void begin(struct images *im);

static bool is_same_image(const json_t *a, const json_t *b)
{
	return json_equal(json_object_get(a, "Source"), json_object_get(b, "Source")) &&
		json_equal(json_object_get(a, "Id"), json_object_get(b, "Id"));
}

static void apply(json_t *table, json_t *set)
{
	const char *name;
	json_t *v;

	json_object_foreach (set, name, v) {
		if (json_is_null(v))
			(void)json_object_del(table, name); /* it may have gone meanwhile */
		else if (!is_same_image(json_object_get(table, name), v) &&
			json_object_set(table, name, v) < 0)
			abort();
	}
}

static void answer_all(struct images *im, int r, const struct err *e)
{
	list_each_safe (struct request, x, &im->flying, link) {
		list_remove(&x->link);
		engine_answer(im->engine, x->done, x->cookie, r, e);
		json_decref(x->set);
		free(x);
	}
}

static int write_job(void *cookie, int out_fd, struct err *e)
{
	const struct images *im = cookie;
	(void)out_fd;
	return images_file_write(im->dirfd, im->next, e);
}

static bool has_image(json_t *table, const char *id)
{
	const char *name;
	json_t *v;

	json_object_foreach (table, name, v)
		if (strcmp(json_string_value(json_object_get(v, "Id")), id) == 0)
			return true;
	return false;
}

static void announce(struct engine *en, json_t *before, json_t *now)
{
	const char *name;
	json_t *v;

	json_object_foreach (now, name, v)
		if (!is_same_image(json_object_get(before, name), v))
			events_emit_object(en, "image", "tag", json_string_value(json_object_get(v, "Id")),
				"name", name, NULL);
	json_object_foreach (before, name, v) {
		const char *id = json_string_value(json_object_get(v, "Id"));
		if (json_object_get(now, name))
			continue;
		events_emit_object(en, "image", "untag", id, "name", name, NULL);
		if (!has_image(now, id))
			events_emit_object(en, "image", "delete", id, "name", id, NULL);
	}
}

static void written(void *cookie, int r, const struct err *e, const char *out, size_t len)
{
	struct images *im = cookie;
	(void)out;
	(void)len;

	im->unsure = r < 0;
	if (r < 0) {
		log_error("images-not-written", "err=\"%s\" action=\"tell who asked\"", e->text);
		json_decref(take_ptr(&im->next));
	} else {
		auto_(json) json_t *before = im->table;
		im->table = take_ptr(&im->next);
		announce(im->engine, before, im->table);
	}
	answer_all(im, r, e);
	begin(im);
}

/* All that waits, at once; what comes meanwhile is the next. */
static void begin(struct images *im)
{
	struct worker_args args = { .what = "write the names of images",
		.job = write_job,
		.done = written,
		.cookie = im,
		.deadline_ms = WRITE_MS,
		.keep_fds = &im->dirfd,
		.n_keep_fds = 1 };
	struct err e;

	if (im->next || list_empty(&im->waiting))
		return;
	json_t *next = json_copy(im->table); /* records are never changed, so they are shared */
	if (!next)
		abort();
	list_each_safe (struct request, x, &im->waiting, link) {
		list_remove(&x->link);
		list_append(&im->flying, &x->link);
		apply(next, x->set);
	}
	if (!im->unsure && json_equal(next, im->table)) {
		json_decref(next);
		answer_all(im, 0, NULL);
		return;
	}
	im->next = next;
	int r = worker_start(im->engine->workers, &args, NULL, &e);
	if (r < 0) {
		json_decref(take_ptr(&im->next));
		answer_all(im, r, &e);
	}
}

/* set is taken. */
static void ask(struct engine *en, json_t *set, done_fn done, void *cookie)
{
	struct request *x = calloc(1, sizeof(*x));

	if (!x || !set)
		abort();
	*x = (struct request){ .set = set, .done = done, .cookie = cookie };
	list_append(en->images->not_ours.code ? &en->images->flying : &en->images->waiting, &x->link);
	if (en->images->not_ours.code)
		answer_all(en->images, -en->images->not_ours.code, &en->images->not_ours);
	else
		begin(en->images);
}

void images_untag(struct engine *en, const char *const *names, size_t n, done_fn done, void *cookie)
{
	json_t *set = json_object();

	for (size_t i = 0; i < n; i++)
		if (json_object_set_new(set, names[i], json_null()) < 0)
			abort();
	ask(en, set, done, cookie);
}

/* ---------------------------------------------------------------- naming one */

struct tagging {
	struct engine *engine;
	json_t *names; /* {"web:latest": "dir:/srv/web"} */
	done_fn done;
	void *cookie;
};

static void tagging_end(struct tagging *t, int r, const struct err *e)
{
	if (r < 0)
		engine_answer(t->engine, t->done, t->cookie, r, e);
	json_decref(t->names);
	free(t);
}

static int read_one(const char *source, json_t **out, struct err *e)
{
	auto_(rootfs) struct rootfs root = { 0 };
	int r = rootfs_resolve(source, &root, e);

	if (r == 0)
		r = rootfs_describe(&root, e);
	if (r < 0)
		return r;
	*out = json_pack("{s:s, s:s, s:O}", "Source", root.name, "Id", root.id, "Config", root.config);
	return *out ? 0 : err_say(e, EINVAL, "image %s: its path is not UTF-8", source);
}

static int read_job(void *cookie, int out_fd, struct err *e)
{
	const struct tagging *t = cookie;
	auto_(json) json_t *set = json_object();
	const char *name;
	json_t *source, *record = NULL;
	int r = 0;

	json_object_foreach (t->names, name, source) {
		r = read_one(json_string_value(source), &record, e);
		if (r < 0)
			return r;
		if (json_object_set_new(set, name, record) < 0)
			return err_set(e, ENOMEM, "read images");
	}
	auto_free char *text = json_dumps(set, JSON_COMPACT);
	r = text ? io_write_full(out_fd, text, strlen(text)) : -ENOMEM;
	return r < 0 ? err_set(e, -r, "read images") : 0;
}

/* set is taken: records, which get their time here. */
static void take(struct tagging *t, json_t *set)
{
	const char *name;
	json_t *record;

	json_object_foreach (set, name, record)
		if (json_object_set_new(record, "CreatedNs", json_integer(clock_real_ns())) < 0)
			abort();
	ask(t->engine, set, t->done, t->cookie);
}

static void was_read(void *cookie, int r, const struct err *e, const char *out, size_t len)
{
	struct tagging *t = cookie;
	struct err why;

	if (r == 0) {
		json_t *set = json_parse(out, len, "images", &why);
		if (set)
			take(t, set);
		else
			r = -why.code;
		e = &why;
	}
	tagging_end(t, r, e);
}

void images_tag_all(struct engine *en, json_t *names, done_fn done, void *cookie)
{
	struct tagging *t = calloc(1, sizeof(*t));
	struct err e;

	if (!t)
		abort();
	*t = (struct tagging){ .engine = en, .names = json_incref(names), .done = done, .cookie = cookie };
	struct worker_args args = {
		.what = "read images", .job = read_job, .done = was_read, .cookie = t, .deadline_ms = READ_MS
	};
	int r = worker_start(en->workers, &args, NULL, &e);
	if (r < 0)
		tagging_end(t, r, &e);
}

/* One more name for an image that has one. */
static int tag_again(
	struct engine *en, const char *from, const char *name, done_fn done, void *cookie, struct err *e)
{
	struct image_record x;
	int r = images_find(en, from, &x, e);

	if (r < 0)
		return r;
	ask(en,
		json_pack("{s:{s:s, s:s, s:O, s:I}}", name, "Source", x.source, "Id", x.id, "Config",
			x.config, "CreatedNs", (json_int_t)clock_real_ns()),
		done, cookie);
	return 0;
}

void images_tag(struct engine *en, const char *from, const char *text, done_fn done, void *cookie)
{
	char name[REFERENCE_MAX + 1];
	struct reference ref;
	struct err e;
	int r = image_source_is_local(text)
		? err_say(&e, EINVAL, "invalid reference format: %.200s would be read as a path", text)
		: reference_parse(text, &ref, &e);

	if (r == 0) {
		auto_(json) json_t *one = json_pack("{s:s}", reference_format(&ref, name), from);
		if (!one)
			r = err_say(&e, EINVAL, "image: its path is not UTF-8");
		else if (image_source_is_local(from))
			images_tag_all(en, one, done, cookie);
		else
			r = tag_again(en, from, name, done, cookie, &e);
	}
	if (r < 0)
		engine_answer(en, done, cookie, r, &e);
}

/* ---------------------------------------------------------------- open and close */

/* A damaged one goes out of the way, and is there for whoever wants to know. */
static void set_aside(struct images *im, const struct err *e)
{
	bool later = e->code == EPROTONOSUPPORT;
	bool moved = !later && renameat(im->dirfd, IMAGES_FILE, im->dirfd, IMAGES_FILE ".damaged") == 0;

	if (later)
		im->not_ours = *e;
	log_error("record-damaged", "file=%s err=\"%s\" action=\"%s\"", IMAGES_FILE, e->text,
		moved ? "set aside" : "ignored");
}

int images_open(struct engine *en, struct err *e)
{
	struct images *im = calloc(1, sizeof(*im));
	struct err why;

	if (!im)
		return err_set(e, ENOMEM, "open images");
	en->images = im;
	im->engine = en;
	list_init(&im->waiting);
	list_init(&im->flying);
	im->dirfd = open(en->options.data_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (im->dirfd < 0)
		return err_set(e, errno, "open %s", en->options.data_root);
	io_remove_unreplaced(im->dirfd);
	int r = images_file_read(im->dirfd, &im->table, &why);
	if (r < 0 && !io_is_damage(why.code) && why.code != EPROTONOSUPPORT) {
		*e = why; /* another time it may be read */
		return r;
	}
	if (r < 0) {
		set_aside(im, &why);
		im->table = json_object();
	}
	return im->table ? 0 : err_set(e, ENOMEM, "open images");
}

static void forget(struct list *requests)
{
	list_each_safe (struct request, x, requests, link) {
		list_remove(&x->link);
		json_decref(x->set);
		free(x);
	}
}

void images_close(struct engine *en)
{
	struct images *im = take_ptr(&en->images);

	if (!im)
		return;
	forget(&im->waiting);
	forget(&im->flying);
	json_decref(im->next);
	json_decref(im->table);
	own_close(&im->dirfd);
	free(im);
}
