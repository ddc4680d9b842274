/* store_run - the run root's part of the store: what a supervisor leaves to its successor of the same boot. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/json.h"
#include "base/own.h"
#include "base/path.h"
#include "runtime/spec.h"
#include "supervisor/store.h"
#include "supervisor/store_json.h"

#define SPEC_MAX (8 << 20)

static int container_dir(const struct container *c, struct err *e)
{
	int fd = openat(c->engine->run_dirfd, c->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_set(e, errno, "open record of %.12s", c->id) : fd;
}

static int save(struct container *c, const char *name, json_t *v, struct err *e)
{
	auto_(json) json_t *owned = v;
	auto_free char *text = v ? json_dumps(owned, JSON_COMPACT) : NULL;
	auto_close int dirfd = -1;

	if (!text)
		return err_set(e, ENOMEM, "write %s of %.12s", name, c->id);
	if ((dirfd = container_dir(c, e)) < 0)
		return dirfd;
	int r = io_replace_file(dirfd, name, text, strlen(text), 0600, false, e);
	return r < 0 ? err_wrap(e, r, "record of %.12s", c->id) : 0;
}

int store_add(struct container *c, struct err *e)
{
	if (mkdirat(c->engine->run_dirfd, c->id, 0700) < 0 && errno != EEXIST)
		return err_set(e, errno, "make record of %.12s", c->id);
	return 0;
}

int store_save_state(struct container *c, struct err *e)
{
	auto_(json) json_t *v = store_state_to_json(&c->actual);

	/* A supervisor may die before the batch that has it is through. */
	if (v && json_object_set_new(v, "Desired", store_desired_to_json(&c->desired)) < 0)
		return err_set(e, ENOMEM, "write state.json of %.12s", c->id);
	return save(c, "state.json", take_ptr(&v), e);
}

int store_save_spec(struct container *c, struct err *e)
{
	auto_(buf) struct buf text = { 0 };
	auto_close int dirfd = -1;
	int r = spec_write(c->spec, &text, e);

	if (r < 0)
		return r;
	if ((dirfd = container_dir(c, e)) < 0)
		return dirfd;
	return io_replace_file(dirfd, "spec.json", text.data, text.len, 0600, false, e);
}

int store_load_spec(struct container *c, struct err *e)
{
	auto_(buf) struct buf text = { 0 };
	auto_close int dirfd = container_dir(c, e);

	if (dirfd < 0)
		return dirfd;
	int r = io_read_file(dirfd, "spec.json", SPEC_MAX, &text, e);
	return r < 0 ? r : spec_parse(text.data ? text.data : "", text.len, "/", &c->spec, e);
}

void store_drop_spec(struct container *c)
{
	auto_close int dirfd = container_dir(c, NULL);
	if (dirfd >= 0)
		(void)unlinkat(dirfd, "spec.json", 0); /* a stale one is harmless: only a live run reads it */
}

int store_remove(struct engine *en, const char *id, struct err *e)
{
	return path_remove_tree(en->run_dirfd, id, e);
}
