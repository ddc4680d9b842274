#include "supervisor/store_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/io.h"
#include "base/own.h"

static const char *const names[STORE_FILES] = { "config.json", "desired.json", "result.json" };
static const char *const temps[STORE_FILES] = { ".config.json.new", ".desired.json.new", ".result.json.new" };

const char *store_file_name(int file)
{
	return names[file];
}

void store_trash_name(const char *id, bool volumes, char out[TEXT_ID_LEN + 3])
{
	snprintf(out, TEXT_ID_LEN + 3, "%.*s%s", TEXT_ID_LEN, id, volumes ? ".v" : "");
}

static void fail(struct store_item *x, const struct store_dirs *dirs, const char *act, const char *name)
{
	if (x->r == 0)
		x->r = err_set(&x->e, errno, "%s %s/%s%s%s", act, dirs->path, x->id, *name ? "/" : "", name);
}

static void open_item(struct store_item *x, const struct store_dirs *dirs)
{
	bool writes = x->text[0] || x->text[1] || x->text[2];

	x->r = 0;
	x->dirfd = -1;
	for (int f = 0; f < STORE_FILES; f++)
		x->fds[f] = -1;
	if (x->fresh && mkdirat(dirs->containers_fd, x->id, 0700) < 0 && errno != EEXIST)
		fail(x, dirs, "make", "");
	if (x->r == 0 && writes &&
		(x->dirfd = openat(
			 dirs->containers_fd, x->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
		fail(x, dirs, "open", "");
}

static void write_temps(struct store_item *x, const struct store_dirs *dirs)
{
	for (int f = 0; x->r == 0 && f < STORE_FILES; f++) {
		if (!x->text[f])
			continue;
		x->fds[f] = openat(
			x->dirfd, temps[f], O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
		int r = x->fds[f] < 0 ? -errno : io_write_full(x->fds[f], x->text[f], strlen(x->text[f]));
		if (r < 0) {
			errno = -r;
			fail(x, dirs, "write", names[f]);
		}
	}
}

static void sync_temps(struct store_item *x, const struct store_dirs *dirs)
{
	for (int f = 0; f < STORE_FILES; f++) {
		if (x->fds[f] >= 0 && x->r == 0 && fsync(x->fds[f]) < 0)
			fail(x, dirs, "write", names[f]);
		own_close(&x->fds[f]);
	}
}

static void rename_temps(struct store_item *x, const struct store_dirs *dirs)
{
	for (int f = 0; x->r == 0 && f < STORE_FILES; f++)
		if (x->text[f] && renameat(x->dirfd, temps[f], x->dirfd, names[f]) < 0)
			fail(x, dirs, "write", names[f]);
	if (x->r == 0 && x->dirfd >= 0 && fsync(x->dirfd) < 0)
		fail(x, dirs, "sync", "");
}

/* An earlier try may have got so far. */
static bool is_in_trash(const struct store_dirs *dirs, const char *name)
{
	return errno == ENOENT && faccessat(dirs->trash_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void move_to_trash(struct store_item *x, const struct store_dirs *dirs)
{
	char name[TEXT_ID_LEN + 3];

	if (x->r < 0 || !x->gone)
		return;
	store_trash_name(x->id, x->volumes, name);
	if (renameat(dirs->containers_fd, x->id, dirs->trash_fd, name) < 0 && !is_in_trash(dirs, name))
		fail(x, dirs, "remove", "");
}

static void sync_roots(const struct store_dirs *dirs, struct store_item *items, size_t n)
{
	bool containers = false, trash = false;

	for (size_t i = 0; i < n; i++) {
		trash |= items[i].r == 0 && items[i].gone;
		containers |= items[i].r == 0 && (items[i].gone || items[i].fresh);
	}
	int failed = trash && fsync(dirs->trash_fd) < 0 ? errno : 0;
	if (!failed && containers && fsync(dirs->containers_fd) < 0)
		failed = errno;
	for (size_t i = 0; failed && i < n; i++) {
		errno = failed;
		if (items[i].gone || items[i].fresh)
			fail(&items[i], dirs, "sync the directory of", "");
	}
}

/* What a failed item leaves would take room where there is none. */
static void undo(struct store_item *x, const struct store_dirs *dirs)
{
	for (int f = 0; x->r < 0 && x->dirfd >= 0 && f < STORE_FILES; f++) {
		if (x->text[f])
			(void)unlinkat(x->dirfd, temps[f], 0);
		if (x->text[f] && x->fresh)
			(void)unlinkat(x->dirfd, names[f], 0);
	}
	if (x->r < 0 && x->fresh)
		(void)unlinkat(dirs->containers_fd, x->id, AT_REMOVEDIR);
	own_close(&x->dirfd);
}

void store_write(const struct store_dirs *dirs, struct store_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		open_item(&items[i], dirs);
	for (size_t i = 0; i < n; i++)
		write_temps(&items[i], dirs);
	fault_point("worker.store");
	for (size_t i = 0; i < n; i++)
		sync_temps(&items[i], dirs);
	for (size_t i = 0; i < n; i++)
		rename_temps(&items[i], dirs);
	for (size_t i = 0; i < n; i++)
		move_to_trash(&items[i], dirs);
	sync_roots(dirs, items, n);
	for (size_t i = 0; i < n; i++)
		undo(&items[i], dirs);
	fault_point("worker.stored");
}
