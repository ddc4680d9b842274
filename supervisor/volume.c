#include "supervisor/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/io.h"
#include "base/json.h"
#include "base/path.h"
#include "base/text.h"

#define RECORD	   "volume.json"
#define RECORD_MAX (8 << 20)
#define SCHEMA	   1

/* ---------------------------------------------------------------- the record */

void volume_record_done(struct volume_record *r)
{
	json_decref(r->labels);
	json_decref(r->options);
	*r = (struct volume_record){ 0 };
}

json_t *volume_record_to_json(const struct volume_record *r)
{
	return json_pack("{s:i, s:I, s:O*, s:O*}", "Schema", SCHEMA, "CreatedNs", (json_int_t)r->created_ns,
		"Labels", r->labels, "Options", r->options);
}

static int read_strings(const json_t *v, const char *key, json_t **out, struct err *e)
{
	json_t *o = NULL, *text;
	const char *name;
	int r = json_get_object(v, "", key, &o, e);

	if (r < 0)
		return r;
	json_object_foreach (o, name, text)
		if (!json_is_string(text))
			return err_say(e, EINVAL, "%s.%.64s: must be a string", key, name);
	*out = json_incref(o);
	return 0;
}

int volume_record_from_json(const json_t *v, struct volume_record *out, struct err *e)
{
	auto_(volume_record) struct volume_record x = { 0 };
	int64_t schema = SCHEMA;
	int r = json_get_int(v, "", "Schema", 1, INT32_MAX, &schema, e);

	if (r == 0 && schema > SCHEMA)
		return err_say(e, EPROTONOSUPPORT, "Schema: %lld is of a later version", (long long)schema);
	if (r == 0)
		r = json_get_int(v, "", "CreatedNs", INT64_MIN, INT64_MAX, &x.created_ns, e);
	if (r == 0)
		r = read_strings(v, "Labels", &x.labels, e);
	if (r == 0)
		r = read_strings(v, "Options", &x.options, e);
	if (r < 0)
		return r;
	*out = x;
	x = (struct volume_record){ 0 };
	return 0;
}

/* ---------------------------------------------------------------- places */

int volume_path(const char *data_root, const char *name, char out[PATH_MAX], struct err *e)
{
	if (!text_is_safe_id(name))
		return err_say(e, EINVAL,
			"volume name \"%.64s\" is invalid: only [a-zA-Z0-9_+.-] are allowed", name);
	if (snprintf(out, PATH_MAX, "%s/volumes/%s/_data", data_root, name) >= PATH_MAX)
		return err_set(e, ENAMETOOLONG, "volume %s", name);
	return 0;
}

int volume_make(const char *data_root, const char *name, struct err *e)
{
	char path[PATH_MAX], parent[PATH_MAX];
	int r = volume_path(data_root, name, path, e);
	if (r < 0)
		return r;
	/* Nobody but root reaches what images brought with them, setuid programs among it. */
	(void)snprintf(parent, sizeof(parent), "%s/volumes", data_root);
	r = path_mkdirs(parent, 0700, e);
	return r < 0 ? r : path_mkdirs(path, 0755, e);
}

static int hidden_name(const char *suffix, char out[VOLUME_TRASH_MAX])
{
	char id[TEXT_ID_LEN + 1];
	int r = text_random_id(id);

	if (r == 0)
		(void)snprintf(out, VOLUME_TRASH_MAX, ".%s.%s", id, suffix);
	return r;
}

int volume_trash_name(char out[VOLUME_TRASH_MAX])
{
	return hidden_name("removed", out);
}

/* ---------------------------------------------------------------- in and out */

/* All that a volume begins with, below the name temp; durable but for that name. */
static int build(int dirfd, const char *temp, const char *record, struct err *e)
{
	if (mkdirat(dirfd, temp, 0755) < 0)
		return err_set(e, errno, "make directory");
	auto_close int fd = openat(dirfd, temp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || mkdirat(fd, "_data", 0755) < 0)
		return err_set(e, errno, "make directory");
	return io_replace_file(fd, RECORD, record, strlen(record), 0600, true, e);
}

int volume_adopt(int dirfd, const char *name, const char *record, struct err *e)
{
	auto_close int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_set(e, errno, "open %s", name);
	if (mkdirat(fd, "_data", 0755) < 0 && errno != EEXIST)
		return err_set(e, errno, "make directory");
	return io_replace_file(fd, RECORD, record, strlen(record), 0600, true, e);
}

int volume_put(int dirfd, const char *name, const char *record, struct err *e)
{
	char temp[VOLUME_TRASH_MAX];
	int r = hidden_name("new", temp);

	if (r < 0)
		return err_set(e, -r, "create %s", name);
	r = build(dirfd, temp, record, e);
	fault_point("volume.put");
	if (r == 0 && renameat(dirfd, temp, dirfd, name) == 0)
		return 0;
	if (r == 0)
		r = errno == EEXIST || errno == ENOTEMPTY ? volume_adopt(dirfd, name, record, e)
							  : err_set(e, errno, "rename");
	(void)path_remove_tree(dirfd, temp, NULL); /* if it stays, the next start finds it */
	return r < 0 ? err_wrap(e, r, "create %s", name) : 0;
}

int volume_drop(int dirfd, const char *name, const char *trash, struct err *e)
{
	if (renameat(dirfd, name, dirfd, trash) < 0 && errno != ENOENT)
		return err_set(e, errno, "remove %s", name);
	fault_point("volume.drop");
	return 0;
}

int volume_remove(const char *data_root, const char *name, struct err *e)
{
	char path[PATH_MAX], trash[VOLUME_TRASH_MAX];
	int r = volume_path(data_root, name, path, e);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/volumes", data_root);
	auto_close int dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return errno == ENOENT ? 0 : err_set(e, errno, "open %s", path);
	if ((r = volume_trash_name(trash)) < 0)
		return err_set(e, -r, "remove %s", name);
	r = volume_drop(dirfd, name, trash, e);
	return r < 0 ? r : path_remove_tree(dirfd, trash, e);
}

/* ---------------------------------------------------------------- read again */

static int read_record(int fd, struct volume_record *out, struct err *e)
{
	auto_(buf) struct buf text = { 0 };
	int r = io_read_file(fd, RECORD, RECORD_MAX, &text, e);

	if (r < 0)
		return r;
	auto_(json) json_t *v = json_parse(text.data ? text.data : "", text.len, RECORD, e);
	return v ? volume_record_from_json(v, out, e) : -e->code;
}

/* Of one that was made before there were records. */
static int guess_record(int fd, const char *name, struct volume_record *out, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "volume %s", name);
	*out = (struct volume_record){ .created_ns = st.st_mtim.tv_sec * NS_PER_S + st.st_mtim.tv_nsec };
	if (strlen(name) != TEXT_ID_LEN || strspn(name, "0123456789abcdef") != TEXT_ID_LEN)
		return 0;
	out->labels = json_pack("{s:s}", VOLUME_ANONYMOUS, "");
	return out->labels ? 0 : err_set(e, ENOMEM, "volume %s", name);
}

int volume_load(int dirfd, const char *name, struct volume_record *out, struct err *e)
{
	auto_close int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct err again;

	if (fd < 0)
		return err_set(e, errno, "volume %s", name);
	io_remove_unreplaced(fd);
	int r = read_record(fd, out, e);
	if (r == 0)
		return 0;
	bool damaged = r != -ENOENT;
	if (io_is_damage(-r))
		(void)renameat(fd, RECORD, fd, RECORD ".damaged"); /* as it is, it would be said again */
	if ((r = guess_record(fd, name, out, &again)) < 0) {
		*e = again;
		return r;
	}
	return damaged;
}
