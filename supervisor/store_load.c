/* store_load - what the data root has, at a supervisor's start. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/own.h"
#include "base/path.h"
#include "supervisor/events.h"
#include "supervisor/store.h"
#include "supervisor/store_json.h"
#include "supervisor/store_write.h"

#define RECORD_MAX (8 << 20)

/* Returns NULL with -ENOENT in e when there is none. */
static json_t *read_json(int dirfd, const char *name, struct err *e)
{
	auto_(buf) struct buf text = { 0 };

	if (io_read_file(dirfd, name, RECORD_MAX, &text, e) < 0)
		return NULL;
	return json_parse(text.data ? text.data : "", text.len, name, e);
}

/* Out of the way, but there for whoever wants to know. One of a later version is left to that. */
static void set_aside(int dirfd, const char *id, const char *name, const struct err *e)
{
	char aside[64];

	snprintf(aside, sizeof(aside), "%s.damaged", name);
	bool moved = e->code != EPROTONOSUPPORT && renameat(dirfd, name, dirfd, aside) == 0;
	log_error("record-damaged", "container=%.12s file=%s err=\"%s\" action=\"%s\"", id, name, e->text,
		moved ? "set aside" : "ignored");
}

/* 1: read; 0: there is none; else e says what is wrong. */
static int load_file(int dirfd, const char *name, int (*parse)(const json_t *v, void *out, struct err *e),
	void *out, struct err *e)
{
	auto_(json) json_t *v = read_json(dirfd, name, e);

	if (!v)
		return e->code == ENOENT ? 0 : -e->code;
	int r = parse(v, out, e);
	return r < 0 ? r : 1;
}

static int parse_config(const json_t *v, void *out, struct err *e)
{
	return store_config_from_json(v, out, e);
}

static int parse_desired(const json_t *v, void *out, struct err *e)
{
	return store_desired_from_json(v, out, e);
}

static int parse_result(const json_t *v, void *out, struct err *e)
{
	return store_result_from_json(v, out, e);
}

struct running {
	struct actual actual;
	struct desired desired;
};

static int parse_state(const json_t *v, void *out, struct err *e)
{
	struct running *x = out;
	json_t *desired = NULL;
	int r = store_state_from_json(v, &x->actual, e);

	if (r == 0)
		r = json_get_object(v, "", "Desired", &desired, e);
	return r == 0 && desired ? store_desired_from_json(desired, &x->desired, e) : r;
}

/* ---------------------------------------------------------------- one container */

/* As the run root says, when it is of this boot. */
static void load_state(struct container *c)
{
	struct engine *en = c->engine;
	auto_close int dirfd = openat(en->run_dirfd, c->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct running x = { .desired = c->desired };
	struct err e;

	if (dirfd < 0)
		return;
	state_init(&x.actual);
	int r = load_file(dirfd, "state.json", parse_state, &x, &e);
	if (r < 0) {
		set_aside(dirfd, c->id, "state.json", &e);
		c->has_state = true;
		c->actual.generation = c->desired.generation;
		c->actual.started_ns = c->created_ns;
		c->actual.running = true; /* of what ran nothing is known: it is ended, and counts as lost */
		return;
	}
	if (r == 0 || strcmp(x.actual.boot_id, en->boot_id) != 0)
		return;
	c->has_state = true;
	c->actual = x.actual;
	if (!store_desired_is_same(&c->desired, &x.desired))
		c->dirty |= STORE_DESIRED;
	c->desired = x.desired;
}

/* The result is c's when there is one, to be applied by who knows whether its run is the last. */
static int load_result(struct container *c, int dirfd, struct err *e)
{
	struct result x = { .started_ns = CLOCK_NEVER, .finished_ns = CLOCK_NEVER };
	int r = load_file(dirfd, "result.json", parse_result, &x, e);

	if (r <= 0)
		return r;
	if (!(c->result = malloc(sizeof(x))))
		abort();
	*c->result = x;
	return 0;
}

static int load_parts(struct container *c, int dirfd, struct err *e)
{
	int r = load_file(dirfd, "config.json", parse_config, c, e);

	if (r <= 0) {
		if (r == 0)
			(void)err_say(e, ENOENT, "config.json: there is none");
		set_aside(dirfd, c->id, "config.json", e);
		return -e->code;
	}
	if ((r = load_file(dirfd, "desired.json", parse_desired, &c->desired, e)) == -EPROTONOSUPPORT) {
		set_aside(dirfd, c->id, "desired.json", e);
		return r;
	}
	if (r < 0) {
		set_aside(dirfd, c->id, "desired.json", e);
		c->dirty |= STORE_DESIRED;
	}
	if ((r = load_result(c, dirfd, e)) < 0) {
		set_aside(dirfd, c->id, "result.json", e);
		if (r == -EPROTONOSUPPORT)
			return r;
	}
	if (c->result && c->result->generation >= c->desired.generation)
		c->desired.run = false; /* that run has ended, and was not to be followed by another */
	return 0;
}

/* A write that a power cut or a death fell into; we are the one writer now. */
static void remove_unreplaced(struct engine *en, int dirfd, const char *id)
{
	auto_close int run_dirfd = openat(en->run_dirfd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	io_remove_unreplaced(dirfd);
	if (run_dirfd >= 0)
		io_remove_unreplaced(run_dirfd);
}

static bool is_there(int dirfd, const char *name)
{
	return faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A creation that was never acknowledged, or a layer without a record: nobody knows of it. */
static void discard(struct engine *en, const char *id)
{
	log_info("record-unfinished", "container=%.12s action=\"to the trash\"", id);
	if (renameat(en->data_dirfd, id, en->trash_dirfd, id) < 0 &&
		path_remove_tree(en->data_dirfd, id, NULL) < 0)
		log_warn("record-unfinished", "container=%.12s err=\"%s\" action=\"leave it\"", id,
			strerrordesc_np(errno));
}

static struct container *load_one(struct engine *en, int fd, const char *name)
{
	auto_close int dirfd = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char id[TEXT_ID_LEN + 1];
	struct err e;

	if (dirfd < 0)
		return NULL;
	snprintf(id, sizeof(id), "%.64s", name);
	remove_unreplaced(en, dirfd, id);
	if (!is_there(dirfd, "config.json")) {
		if (fd == en->data_dirfd && !is_there(dirfd, "config.json.damaged"))
			discard(en, id);
		return NULL;
	}
	struct container *c = container_new(en, id);
	if (!c)
		abort();
	c->in_trash = fd == en->trash_dirfd;
	if (load_parts(c, dirfd, &e) < 0) {
		container_free(c);
		return NULL;
	}
	if (c->in_trash) {
		c->desired.removed = true;
		c->desired.remove_volumes = strlen(name) > TEXT_ID_LEN;
	}
	load_state(c);
	return c;
}

/* ---------------------------------------------------------------- all of them */

/* Ordered by creation, as they were. */
static void insert(struct engine *en, struct container *c)
{
	struct list *before = &en->containers;

	list_each (struct container, other, &en->containers, link) {
		if (other->created_ns > c->created_ns) {
			before = &other->link;
			break;
		}
	}
	list_append(before, &c->link);
}

static int each_id(int dirfd, const char *what, void (*fn)(struct engine *en, int dirfd, const char *name),
	struct engine *en, struct err *e)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		int r = err_set(e, errno, "read %s", what);
		own_close(&fd);
		return r;
	}
	for (struct dirent *x; (x = readdir(d));)
		if (strspn(x->d_name, "0123456789abcdef") == TEXT_ID_LEN)
			fn(en, dirfd, x->d_name);
	closedir(d);
	return 0;
}

static void load_into(struct engine *en, int dirfd, const char *name)
{
	struct container *c = container_by_id(en, name) ? NULL : load_one(en, dirfd, name);

	if (!c)
		return;
	if (container_by_name(en,
		    c->name)) { /* a power cut between a rename and a creation: neither was acknowledged */
		log_warn("name-taken", "container=%.12s name=%s action=\"named by its id\"", c->id, c->name);
		snprintf(c->name, sizeof(c->name), "%.12s", c->id);
		c->dirty |= STORE_CONFIG;
	}
	insert(en, c);
}

/* Of a container that is not any more, or never was. */
static void drop_stray_record(struct engine *en, int dirfd, const char *name)
{
	if (container_by_id(en, name))
		return;
	events_finish_destroy(en, name);
	if (!is_there(en->data_dirfd, name)) /* one that was being made has begun its log */
		(void)path_remove_tree(en->log_dirfd, name, NULL);
	(void)path_remove_tree(dirfd, name, NULL); /* what is left is looked at again by the next one */
}

int store_load(struct engine *en, struct err *e)
{
	int r = each_id(en->data_dirfd, "data root", load_into, en, e);

	if (r == 0)
		r = each_id(en->trash_dirfd, "trash", load_into, en, e);
	return r < 0 ? r : each_id(en->run_dirfd, "run root", drop_stray_record, en, e);
}
