#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/keeper_private.h"

/* One request about a name; what is for the error text. */
static int ask_name(struct keeper *k, enum keeper_op op, const char *what, const char *name, int fd,
	int *out_fd, struct err *e)
{
	struct keeper_msg msg = { .op = (uint8_t)op };
	size_t len = strlen(name);
	bool said;

	if (len > KEEPER_NAME_MAX)
		return err_say(
			e, EINVAL, "%s '%s': the name is longer than %d bytes", what, name, KEEPER_NAME_MAX);
	memcpy(msg.u.name, name, len);
	int r = keeper_ask(k, &msg, fd, out_fd, &said, e);
	if (r == 0 || said)
		return r;
	if (r == -EINVAL)
		return err_say(e, EINVAL, "%s '%s': not a name of [A-Za-z0-9._:@+-]", what, name);
	if (r == -ENOENT)
		return err_say(e, ENOENT, "%s '%s': the keeper has no descriptor of this name", what, name);
	if (r == -ENOSPC)
		return err_say(e, ENOSPC, "%s '%s': the keeper's table of %u descriptors is full", what, name,
			k->limits.descriptors);
	return err_set(e, -r, "%s '%s'", what, name);
}

int keeper_put_fd(struct keeper *k, const char *name, int fd, struct err *e)
{
	if (fd < 0)
		return err_set(e, EBADF, "keep descriptor '%s'", name);
	return ask_name(k, KEEPER_OP_PUT, "keep descriptor", name, fd, NULL, e);
}

int keeper_drop_fd(struct keeper *k, const char *name, struct err *e)
{
	return ask_name(k, KEEPER_OP_DROP, "drop descriptor", name, -1, NULL, e);
}

void keeper_names_free(char **names)
{
	for (size_t i = 0; names && names[i]; i++)
		free(names[i]);
	free(names);
}

struct names {
	char **all;
	size_t n;
};

static int add_name(void *cookie, const struct keeper_msg *msg, bool again)
{
	struct names *names = cookie;

	if (again)
		return 0;
	if (!memchr(msg->u.name, '\0', sizeof(msg->u.name)))
		return -EPROTO;
	char **more = reallocarray(names->all, names->n + 2, sizeof(*more));
	if (!more)
		return -ENOMEM;
	names->all = more;
	more[names->n + 1] = NULL;
	more[names->n] = strdup(msg->u.name);
	return more[names->n++] ? 0 : -ENOMEM;
}

int keeper_list_fds(struct keeper *k, char ***out, struct err *e)
{
	struct names names = { .all = calloc(1, sizeof(char *)) };
	struct keeper_walk w = { .entry = add_name, .cookie = &names };
	int r = names.all ? keeper_walk(k, KEEPER_OP_LIST, &w, e) : err_set(e, ENOMEM, "memory");

	if (r < 0) {
		keeper_names_free(names.all);
		return err_wrap(e, r, "list the keeper's descriptors");
	}
	*out = names.all;
	return 0;
}

/* ---- many at once */

static int by_name(const void *x, const void *y)
{
	return strcmp(((const struct keeper_fetched *)x)->name, ((const struct keeper_fetched *)y)->name);
}

static void fetch_question(void *cookie, size_t i, struct keeper_msg *msg)
{
	const struct keeper *k = cookie;
	memcpy(msg->u.name, k->fetched[i].name, strlen(k->fetched[i].name));
}

static int fetch_answer(void *cookie, const struct keeper_msg *msg, int *fd)
{
	struct keeper *k = cookie;
	size_t i = k->n_fetched++;

	if (msg->status == 0)
		k->fetched[i].fd = take_fd(fd);
	return 0; /* one that is missing is missed by who wants it */
}

int keeper_fetch(struct keeper *k, char *const *names, struct err *e)
{
	size_t n = 0;

	keeper_fetch_end(k);
	while (names[n])
		n++;
	if (n == 0)
		return 0;
	if (!(k->fetched = calloc(n, sizeof(*k->fetched))))
		return err_set(e, ENOMEM, "take descriptors");
	for (size_t i = 0; i < n; i++) {
		snprintf(k->fetched[i].name, sizeof(k->fetched[i].name), "%s", names[i]);
		k->fetched[i].fd = -1;
	}
	qsort(k->fetched, n, sizeof(*k->fetched), by_name);
	const struct keeper_row row = { n, fetch_question, fetch_answer, k };
	int r = keeper_ask_row(k, KEEPER_OP_GET, &row, e);
	return r < 0 ? err_wrap(e, r, "take descriptors") : 0;
}

void keeper_fetch_end(struct keeper *k)
{
	for (size_t i = 0; i < k->n_fetched; i++)
		own_close(&k->fetched[i].fd);
	free(k->fetched);
	k->fetched = NULL;
	k->n_fetched = 0;
}

/* -1: it was not fetched. */
static int take_fetched(struct keeper *k, const char *name)
{
	struct keeper_fetched key = { .fd = -1 };

	if (!k->n_fetched || strlen(name) >= sizeof(key.name))
		return -1;
	memcpy(key.name, name, strlen(name) + 1);
	struct keeper_fetched *f = bsearch(&key, k->fetched, k->n_fetched, sizeof(*f), by_name);
	return f ? take_fd(&f->fd) : -1;
}

int keeper_get_fd(struct keeper *k, const char *name, struct err *e)
{
	int fd = take_fetched(k, name);
	if (fd >= 0)
		return fd;
	int r = ask_name(k, KEEPER_OP_GET, "take descriptor", name, -1, &fd, e);
	if (r == 0 && fd < 0)
		return err_say(e, EPROTO, "take descriptor '%s': none came with the answer", name);
	return r < 0 ? r : fd;
}
