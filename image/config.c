#include "image/config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/fields.h"
#include "base/io.h"
#include "base/json.h"
#include "base/own.h"
#include "base/path.h"
#include "base/sha256.h"
#include "base/text.h"

#define FILE_MAX (1 << 20)

struct reader {
	const json_t *from;
	json_t *to;
	struct arena *arena;
	struct err *err;
};

static int put(struct reader *rd, const char *key, json_t *v)
{
	return json_object_set_new(rd->to, key, v) < 0 ? err_set(rd->err, ENOMEM, "read %s", key) : 0;
}

/* ---------------------------------------------------------------- members by kind */

static int read_strings(struct reader *rd, const char *key)
{
	const json_t *v = json_object_get(rd->from, key);
	char **list = NULL;

	if (json_is_string(v) && *json_string_value(v)) /* one word, as docker's clients may send it */
		return put(rd, key, json_pack("[O]", v));
	int r = json_is_string(v) ? 0 : fields_read_strv(rd->from, "", key, rd->arena, &list, rd->err);
	return r < 0 || !list || !*list ? r : put(rd, key, fields_strv_json(list));
}

static int read_env(struct reader *rd, const char *key)
{
	char **list = NULL;
	int r = fields_read_strv(rd->from, "", key, rd->arena, &list, rd->err);

	for (char **v = list; r == 0 && v && *v; v++)
		if (!strchr(*v, '=') || **v == '=')
			return err_say(rd->err, EINVAL, "Env: \"%.80s\" is not NAME=VALUE", *v);
	return r < 0 || !list || !*list ? r : put(rd, key, fields_strv_json(list));
}

static int read_word(struct reader *rd, const char *key)
{
	const char *word = "";
	int r = json_get_string(rd->from, "", key, &word, rd->err);

	return r < 0 || !*word ? r : put(rd, key, json_string(word));
}

static int read_path(struct reader *rd, const char *key)
{
	const char *path = json_string_value(json_object_get(rd->from, key));

	if (path && *path && *path != '/')
		return err_say(rd->err, EINVAL, "%s: \"%.200s\" is not an absolute path", key, path);
	return read_word(rd, key);
}

static int read_signal(struct reader *rd, const char *key)
{
	const char *name = json_string_value(json_object_get(rd->from, key));

	if (name && *name && text_parse_signal(name) < 0)
		return err_say(rd->err, EINVAL, "%s: invalid signal: %.32s", key, name);
	return read_word(rd, key);
}

static int read_labels(struct reader *rd, const char *key)
{
	char **map = NULL;
	int r = fields_read_map(rd->from, "", key, rd->arena, &map, rd->err);

	return r < 0 || !map || !*map ? r : put(rd, key, fields_map_json(map));
}

/* {"/data": {}}: only the keys say something. */
static int read_keys(struct reader *rd, const char *key, bool (*fits)(const char *name), const char *what)
{
	auto_(json) json_t *set = json_object();
	json_t *from = NULL, *v;
	const char *name;
	int r = json_get_object(rd->from, "", key, &from, rd->err);

	if (r < 0 || json_object_size(from) == 0)
		return r;
	json_object_foreach (from, name, v) {
		if (!fits(name))
			return err_say(rd->err, EINVAL, "%s: \"%.200s\" is not %s", key, name, what);
		if (json_object_set_new(set, name, json_object()) < 0)
			return err_set(rd->err, ENOMEM, "read %s", key);
	}
	return put(rd, key, take_ptr(&set));
}

static bool is_absolute(const char *path)
{
	return *path == '/' && strlen(path) > 1;
}

static int read_volumes(struct reader *rd, const char *key)
{
	return read_keys(rd, key, is_absolute, "an absolute path");
}

/* 80, 80/tcp, 8000-8010/udp */
static bool is_port(const char *s)
{
	for (int i = 0; i < 2; i++) {
		size_t n = strspn(s, "0123456789");
		if (n == 0 || n > 5)
			return false;
		s += n;
		if (i == 1 || *s != '-')
			break;
		s++;
	}
	return !*s || strcmp(s, "/tcp") == 0 || strcmp(s, "/udp") == 0 || strcmp(s, "/sctp") == 0;
}

static int read_ports(struct reader *rd, const char *key)
{
	return read_keys(rd, key, is_port, "PORT or PORT/PROTOCOL");
}

static int read_health(struct reader *rd, const char *key)
{
	static const char *const times[] = { "Interval", "Timeout", "StartPeriod", "StartInterval",
		"Retries" };
	auto_(json) json_t *health = json_object();
	json_t *from = NULL;
	char **test = NULL;
	int r = json_get_object(rd->from, "", key, &from, rd->err);

	if (r < 0 || json_object_size(from) == 0)
		return r;
	r = fields_read_strv(from, key, "Test", rd->arena, &test, rd->err);
	if (r == 0 && test && *test && json_object_set_new(health, "Test", fields_strv_json(test)) < 0)
		r = err_set(rd->err, ENOMEM, "read %s", key);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(times); i++) {
		int64_t n = 0;
		r = json_get_int(from, key, times[i], 0, INT64_MAX, &n, rd->err);
		if (r == 0 && n && json_object_set_new(health, times[i], json_integer(n)) < 0)
			r = err_set(rd->err, ENOMEM, "read %s", key);
	}
	return r < 0 || json_object_size(health) == 0 ? r : put(rd, key, take_ptr(&health));
}

/* ---------------------------------------------------------------- all of them */

static const struct {
	const char *key;
	int (*read)(struct reader *rd, const char *key); /* NULL: passed over */
} members[] = {
	{ "Cmd", read_strings },
	{ "Entrypoint", read_strings },
	{ "Env", read_env },
	{ "ExposedPorts", read_ports },
	{ "Healthcheck", read_health },
	{ "Labels", read_labels },
	{ "Shell", read_strings },
	{ "StopSignal", read_signal },
	{ "User", read_word },
	{ "Volumes", read_volumes },
	{ "WorkingDir", read_path },
	/* of a container, or of a build */
	{ "ArgsEscaped", NULL },
	{ "AttachStderr", NULL },
	{ "AttachStdin", NULL },
	{ "AttachStdout", NULL },
	{ "Domainname", NULL },
	{ "Hostname", NULL },
	{ "Image", NULL },
	{ "MacAddress", NULL },
	{ "NetworkDisabled", NULL },
	{ "OnBuild", NULL },
	{ "OpenStdin", NULL },
	{ "StdinOnce", NULL },
	{ "StopTimeout", NULL },
	{ "Tty", NULL },
};

static bool is_known(const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (strcmp(members[i].key, key) == 0)
			return true;
	return false;
}

static int read_members(struct reader *rd)
{
	const char *key;
	json_t *v;

	if (!json_is_object(rd->from))
		return err_say(rd->err, EINVAL, "must be an object");
	json_object_foreach ((json_t *)(uintptr_t)rd->from, key, v)
		if (!is_known(key))
			return err_say(rd->err, EINVAL, "%.80s: unknown key", key);
	int r = 0;
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(members); i++)
		if (members[i].read)
			r = members[i].read(rd, members[i].key);
	return r;
}

int image_config_parse(const char *text, size_t len, const char *what, json_t **out, struct err *e)
{
	auto_(json) json_t *from = json_parse(text, len, what, e);
	auto_(json) json_t *to = json_object();
	auto_(arena) struct arena *arena = arena_new();

	if (!from)
		return -EINVAL;
	if (!to || !arena)
		return err_set(e, ENOMEM, "%s", what);
	int r = read_members(&(struct reader){ from, to, arena, e });
	if (r < 0)
		return err_wrap(e, r, "%s", what);
	*out = take_ptr(&to);
	return 0;
}

int image_config_read(const char *root, json_t **out, struct err *e)
{
	auto_close int dirfd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_(buf) struct buf text = { 0 };
	char self[64], what[300];
	struct stat st;

	if (dirfd < 0)
		return err_set(e, errno, "open %s", root);
	(void)snprintf(what, sizeof(what), "%.240s%s", root, IMAGE_CONFIG_PATH);
	/* Looked at before it is opened: to open a device or a FIFO is to do something to it. */
	auto_close int fd = path_open_in_root(dirfd, IMAGE_CONFIG_PATH, O_PATH, 0);
	if (fd == -ENOENT || fd == -ENOTDIR) {
		*out = json_object();
		return *out ? 0 : err_set(e, ENOMEM, "%s", what);
	}
	if (fd < 0)
		return err_set(e, -fd, "open %s", what);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_say(e, EINVAL, "%s: is not a regular file", what);
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	int r = io_read_file(AT_FDCWD, self, FILE_MAX, &text, e);
	if (r < 0)
		return err_set(e, -r, "read %s", what);
	return image_config_parse(text.data ? text.data : "", text.len, what, out, e);
}

int image_config_id(const char *source, const json_t *config, char out[IMAGE_ID_LEN + 1])
{
	auto_(json) json_t *all = json_pack("{s:O, s:s}", "Config", config, "Source", source);
	auto_free char *text = all ? json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

	if (!text)
		return -ENOMEM;
	memcpy(out, "sha256:", strlen("sha256:"));
	sha256_hex(text, strlen(text), out + strlen("sha256:"));
	return 0;
}
