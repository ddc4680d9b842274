#include "supervisor/container.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/own.h"
#include "base/path.h"
#include "supervisor/config.h"
#include "supervisor/container_image.h"
#include "supervisor/container_volumes.h"
#include "supervisor/events.h"
#include "supervisor/logfollow.h"
#include "supervisor/names.h"
#include "supervisor/runs.h"
#include "supervisor/stdio.h"
#include "supervisor/store.h"
#include "supervisor/volumes_from.h"

/* ---------------------------------------------------------------- looking up */

struct container *container_by_id(struct engine *en, const char *id)
{
	list_each (struct container, c, &en->containers, link)
		if (strcmp(c->id, id) == 0)
			return c;
	return NULL;
}

struct container *container_by_name(struct engine *en, const char *name)
{
	name += *name == '/';
	list_each (struct container, c, &en->containers, link)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

/* Those that are being made have theirs already. */
static const struct container *holder_of(struct engine *en, const char *name)
{
	list_each (struct container, c, &en->creating, link)
		if (strcmp(c->name, name) == 0)
			return c;
	return container_by_name(en, name);
}

struct container *container_find(struct engine *en, const char *ref, struct err *e)
{
	size_t len = strlen(ref);
	struct container *found = container_by_id(en, ref);

	if (!found)
		found = container_by_name(en, ref);
	if (found)
		return found;
	list_each (struct container, c, &en->containers, link) {
		if (len == 0 || strncmp(c->id, ref, len) != 0)
			continue;
		if (found) {
			(void)err_say(e, EINVAL, "multiple IDs found with provided prefix: %s", ref);
			return NULL;
		}
		found = c;
	}
	if (!found)
		(void)err_say(e, ENOENT, "No such container: %s", ref);
	return found;
}

/* ---------------------------------------------------------------- making and freeing */

struct container *container_new(struct engine *en, const char *id)
{
	struct container *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	list_init(&c->link);
	list_init(&c->attachments);
	list_init(&c->followers);
	list_init(&c->waiters);
	list_init(&c->runs);
	c->engine = en;
	c->pidfd = c->group.dirfd = -1;
	c->created_ns = clock_real_ns();
	snprintf(c->id, sizeof(c->id), "%s", id);
	state_init(&c->actual);
	memcpy(c->actual.boot_id, en->boot_id, sizeof(c->actual.boot_id));
	return c;
}

void container_close_process(struct container *c)
{
	pause_unwatch(c);
	own_close(&c->pidfd);
	if (c->group.path[0])
		cgroup_close(&c->group);
	c->group = (struct cgroup){ .dirfd = -1 };
	spec_free(take_ptr(&c->spec));
}

void container_free(struct container *c)
{
	if (!c)
		return;
	list_remove(&c->link);
	logfollow_forget(c);
	store_release(c);
	if (c->held)
		launch_done(c->held); /* the keeper has it too */
	free(c->held);
	stdio_leave(c);
	container_close_process(c);
	restart_cancel(c);
	engine_event_free(&c->hold);
	config_free(c->config);
	runs_free(c);
	free(c);
}

void container_save_state(struct container *c)
{
	struct err e;

	if (store_save_state(c, &e) < 0)
		log_error("record-not-written", "container=%.12s err=\"%s\" action=\"go on\"", c->id, e.text);
}

void container_save_desired(struct container *c)
{
	container_save_state(c);
	store_commit(c, STORE_DESIRED, NULL, NULL);
}

/* ---------------------------------------------------------------- create */

static bool name_taken(void *cookie, const char *name)
{
	return holder_of(cookie, name) != NULL;
}

int container_set_name(struct container *c, const char *name, struct err *e)
{
	if (!name || !*name) {
		if (!names_random(name_taken, c->engine, c->name, sizeof(c->name)))
			snprintf(c->name, sizeof(c->name), "%.12s", c->id);
		return 0;
	}
	name += *name == '/';
	if (!text_is_name(name) || strlen(name) > CONTAINER_NAME_MAX)
		return err_say(e, EINVAL,
			"Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", name);
	const struct container *holder = holder_of(c->engine, name);
	if (holder)
		return err_say(e, EEXIST,
			"Conflict. The container name \"/%s\" is already in use by container \"%s\". You have to remove (or rename) "
			"that container to be able to reuse that name.",
			name, holder->id);
	snprintf(c->name, sizeof(c->name), "%s", name);
	return 0;
}

/* The body, and what the image adds to it. */
static int complete_config(struct container *c, const json_t *body, struct err *e)
{
	auto_(json) json_t *resolved = NULL;
	int r = volumes_from_resolve(c->engine, body, &resolved, e);

	if (r < 0 || (r = config_parse(resolved ? resolved : body, &c->config, e)) < 0)
		return r;
	return container_image_complete(c, e);
}

static int add_warnings(const struct config *config, json_t *warnings)
{
	static const char no_network[] =
		"networks are not built yet: the container gets a private loopback only";
	static const char no_health[] =
		"health checks are not built yet: the image's is kept with the container and not run";
	bool asks = strcmp(config->network, "default") == 0 || strcmp(config->network, "bridge") == 0;

	if (asks && json_array_append_new(warnings, json_string(no_network)) < 0)
		return -ENOMEM;
	return config->image_health ? json_array_append_new(warnings, json_string(no_health)) : 0;
}

struct creation {
	struct container *c;
	done_fn done;
	void *cookie;
};

/* What a batch that could not even say what it did may have left. */
static void drop_creation(struct container *c)
{
	struct engine *en = c->engine;

	(void)store_remove(en, c->id, NULL);
	(void)path_remove_tree(en->data_dirfd, c->id, NULL); /* a few small files at the most */
	container_free(c);
}

static void created(void *cookie, int r, const struct err *e)
{
	struct creation x = *(struct creation *)cookie;
	struct engine *en = x.c->engine;

	free(cookie);
	if (r < 0) {
		container_volumes_unmake(x.c);
		drop_creation(x.c);
	} else {
		x.c->fresh = false;
		list_remove(&x.c->link);
		list_append(&en->containers, &x.c->link);
		events_announce(x.c);
	}
	x.done(x.cookie, r, e);
}

/* Its volumes after it: those of a creation that a death cuts short belong to somebody who can be removed. */
static void recorded(void *cookie, int r, const struct err *e)
{
	const struct creation *x = cookie;

	fault_point("supervisor.created");
	if (r < 0 || container_volumes_are_there(x->c))
		created(cookie, r, e);
	else
		container_volumes_make(x->c, created, cookie);
}

/* What it is to be, and its place in the run root. */
static int new_record(struct engine *en, const char *id, const char *name, const json_t *body,
	struct container **out, struct err *e)
{
	char random[TEXT_ID_LEN + 1];
	int r = id ? 0 : text_random_id(random);

	if (r < 0)
		return err_set(e, -r, "make container id");
	if (en->stopping)
		return err_say(e, EBUSY, "the daemon is stopping");
	struct container *c = container_new(en, id ? id : random);
	if (!c)
		return err_set(e, ENOMEM, "create container");
	if ((r = container_set_name(c, name, e)) < 0 || (r = complete_config(c, body, e)) < 0) {
		container_free(c);
		return r;
	}
	r = store_add(c, e);
	fault_point("supervisor.added");
	c->actual.unsaid = EVENTS_CREATE;
	if (r < 0 || (r = store_save_state(c, e)) < 0) {
		drop_creation(c);
		return r;
	}
	fault_point("supervisor.create");
	*out = c;
	return 0;
}

int container_create(struct engine *en, const char *name, const json_t *body, struct container **out,
	json_t **warnings, done_fn done, void *cookie, struct err *e)
{
	auto_(json) json_t *list = json_array();
	auto_free struct creation *x = malloc(sizeof(*x));
	struct container *c;
	int r = list && x ? new_record(en, NULL, name, body, &c, e) : err_set(e, ENOMEM, "create container");

	if (r < 0)
		return r;
	if (add_warnings(c->config, list) < 0) {
		drop_creation(c);
		return err_set(e, ENOMEM, "create container");
	}
	c->fresh = true;
	list_append(&en->creating, &c->link);
	*x = (struct creation){ c, done, cookie };
	store_commit(c, STORE_CONFIG, recorded, take_ptr(&x));
	*out = c;
	*warnings = take_ptr(&list);
	return 0;
}

int container_make(struct engine *en, const char *id, const char *name, const json_t *body,
	struct container **out, struct err *e)
{
	struct container *c;

	if (id && container_by_id(en, id))
		return err_say(e, EEXIST, "Conflict. The container id \"%s\" is already in use", id);
	int r = new_record(en, id, name, body, &c, e);
	if (r < 0)
		return r;
	c->unannounced = true;
	list_append(&en->containers, &c->link);
	*out = c;
	return 0;
}

static void acknowledged(void *cookie, int r, const struct err *e)
{
	struct creation x = *(struct creation *)cookie;

	free(cookie);
	fault_point("supervisor.created");
	x.c->fresh = false;
	if (r == 0) {
		x.c->unannounced = false;
		events_announce(x.c);
	}
	x.done(x.cookie, r, e);
}

void container_acknowledge(struct container *c, done_fn done, void *cookie)
{
	struct creation *x = malloc(sizeof(*x));

	if (!x)
		abort();
	*x = (struct creation){ c, done, cookie };
	c->fresh = true; /* from here on there is something to write */
	store_commit(c, STORE_CONFIG | STORE_DESIRED | (c->result ? STORE_RESULT : 0), acknowledged, x);
}

int container_resize(struct container *c, unsigned width, unsigned height, struct err *e)
{
	if (!c->config->tty)
		return err_say(e, EINVAL, "container %s has no terminal", c->name);
	if (width > UINT16_MAX || height > UINT16_MAX)
		return err_say(e, EINVAL, "terminal size %ux%u is out of range", width, height);
	c->console_width = (uint16_t)width;
	c->console_height = (uint16_t)height;
	if (c->actual.starting)
		return 0; /* it is set when the terminal comes */
	if (!c->actual.running || c->actual.restarting)
		return err_say(e, EBUSY, "container %s is not running", c->name);
	int r = stdio_resize(c, width, height, e);
	if (r == 0) {
		char h[16], w[16];
		snprintf(h, sizeof(h), "%u", height);
		snprintf(w, sizeof(w), "%u", width);
		events_emit(c, "resize", "height", h, "width", w, NULL);
	}
	return r;
}
