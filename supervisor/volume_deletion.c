#include "supervisor/volume_deletion.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/path.h"
#include "supervisor/volume.h"
#include "supervisor/worker.h"

struct volume_deletion {
	struct engine *engine;
	int dirfd;
	char (*names)[VOLUME_TRASH_MAX];
	size_t n;
	struct answers answers;
};

struct volume_deletion *volume_deletion_new(struct engine *en, int dirfd)
{
	struct volume_deletion *d = calloc(1, sizeof(*d));

	if (!d)
		abort();
	d->engine = en;
	d->dirfd = dirfd;
	return d;
}

void volume_deletion_add(struct volume_deletion *d, const char *name, struct answers *answers)
{
	void *more = reallocarray(d->names, d->n + 1, sizeof(*d->names));

	if (!more)
		abort();
	d->names = more;
	snprintf(d->names[d->n++], VOLUME_TRASH_MAX, "%s", name);
	if (answers)
		answers_append(&d->answers, answers);
}

static int delete_all(void *cookie, int out_fd, struct err *e)
{
	const struct volume_deletion *d = cookie;
	int first = 0;
	(void)out_fd;

	for (size_t i = 0; i < d->n; i++) {
		int r = path_remove_tree(d->dirfd, d->names[i], first ? NULL : e);
		first = first ? first : r; /* the others go all the same */
	}
	return first;
}

static void deleted(void *cookie, int r, const struct err *e, const char *out, size_t out_len)
{
	struct volume_deletion *d = cookie;
	(void)out;
	(void)out_len;

	if (r < 0)
		log_warn("volume-trash", "err=\"%s\" action=\"again at the next start\"", e->text);
	answers_give(&d->answers, d->engine, 0, NULL);
	free(d->names);
	free(d);
}

void volume_deletion_start(struct volume_deletion *d)
{
	struct worker_args args = { .what = "deletion of volumes",
		.job = delete_all,
		.done = deleted,
		.cookie = d,
		.keep_fds = &d->dirfd,
		.n_keep_fds = 1 };
	struct err e;
	int r = d->n ? worker_start(d->engine->workers, &args, NULL, &e) : 0;

	if (r < 0 || d->n == 0)
		deleted(d, r, &e, "", 0);
}
