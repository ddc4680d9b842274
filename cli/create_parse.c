#include "cli/create.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/path.h"
#include "base/text.h"

#define LINES_MAX (1024 * 1024)

static char *absolute(const char *path)
{
	char cwd[PATH_MAX], joined[2 * PATH_MAX], clean[PATH_MAX];
	if (path[0] == '/')
		(void)snprintf(joined, sizeof(joined), "%s", path);
	else if (getcwd(cwd, sizeof(cwd)))
		(void)snprintf(joined, sizeof(joined), "%s/%s", cwd, path);
	else
		return NULL;
	return path_clean(joined, clean, sizeof(clean)) < 0 ? NULL : strdup(clean);
}

char *create_image(const char *image)
{
	static const char *const kinds[] = { "dir:", "oci-bundle:", "copy:" };
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!text_has_prefix(image, kinds[i]) || !image[strlen(kinds[i])])
			continue;
		auto_free char *path = absolute(image + strlen(kinds[i]));
		char *out = NULL;
		if (!path || asprintf(&out, "%s%s", kinds[i], path) < 0)
			return NULL;
		return out;
	}
	return strdup(image);
}

/* ---------------------------------------------------------------- volumes and mounts */

int create_add_volume(json_t *config, json_t *host, const char *spec, struct err *e)
{
	const char *colon = strchr(spec, ':');
	if (!*spec || colon == spec)
		return err_say(e, EINVAL, "invalid volume specification: '%s'", spec);
	if (!colon) {
		if (spec[0] != '/')
			return err_say(e, EINVAL,
				"invalid volume specification: '%s': mount path must be absolute", spec);
		return json_object_set_new(json_object_get(config, "Volumes"), spec, json_object()) < 0
			? err_set(e, ENOMEM, "volume %s", spec)
			: 0;
	}
	const char *target = colon + 1;
	size_t len = strcspn(target, ":");
	if (target[0] != '/' || len == 0)
		return err_say(
			e, EINVAL, "invalid volume specification: '%s': mount path must be absolute", spec);
	if (len == 1)
		return err_say(
			e, EINVAL, "invalid volume specification: '%s': destination can't be '/'", spec);
	json_t *binds = json_object_get(host, "Binds");
	if (spec[0] != '.')
		return json_array_append_new(binds, json_string(spec)) < 0
			? err_set(e, ENOMEM, "volume %s", spec)
			: 0;
	auto_free char *relative = strndup(spec, (size_t)(colon - spec));
	auto_free char *path = relative ? absolute(relative) : NULL;
	if (!path || json_array_append_new(binds, json_sprintf("%s%s", path, colon)) < 0)
		return err_set(e, path ? ENOMEM : errno, "volume %s", spec);
	return 0;
}

enum mount_kind { MOUNT_STRING, MOUNT_PATH, MOUNT_BOOL, MOUNT_BYTES, MOUNT_OCTAL, MOUNT_MAP, MOUNT_NOT_BOOL };

static const struct mount_key {
	const char *key, *object, *field;
	enum mount_kind kind;
} mount_keys[] = {
	{ "type", NULL, "Type", MOUNT_STRING },
	{ "source", NULL, "Source", MOUNT_PATH },
	{ "src", NULL, "Source", MOUNT_PATH },
	{ "target", NULL, "Target", MOUNT_STRING },
	{ "dst", NULL, "Target", MOUNT_STRING },
	{ "destination", NULL, "Target", MOUNT_STRING },
	{ "readonly", NULL, "ReadOnly", MOUNT_BOOL },
	{ "ro", NULL, "ReadOnly", MOUNT_BOOL },
	{ "rw", NULL, "ReadOnly", MOUNT_NOT_BOOL },
	{ "bind-propagation", "BindOptions", "Propagation", MOUNT_STRING },
	{ "bind-nonrecursive", "BindOptions", "NonRecursive", MOUNT_BOOL },
	{ "bind-create-mountpoint", "BindOptions", "CreateMountpoint", MOUNT_BOOL },
	{ "volume-nocopy", "VolumeOptions", "NoCopy", MOUNT_BOOL },
	{ "volume-subpath", "VolumeOptions", "Subpath", MOUNT_STRING },
	{ "volume-label", "VolumeOptions", "Labels", MOUNT_MAP },
	{ "tmpfs-size", "TmpfsOptions", "SizeBytes", MOUNT_BYTES },
	{ "tmpfs-mode", "TmpfsOptions", "Mode", MOUNT_OCTAL },
};

/* Get or make obj[key], an object. */
static json_t *member_object(json_t *obj, const char *key)
{
	json_t *member = json_object_get(obj, key);
	if (!member && json_object_set_new(obj, key, json_object()) == 0)
		member = json_object_get(obj, key);
	return member;
}

static int query_bool(const char *value, bool *out)
{
	if (!value || strcmp(value, "1") == 0 || strcasecmp(value, "true") == 0)
		*out = true;
	else if (strcmp(value, "0") == 0 || strcasecmp(value, "false") == 0)
		*out = false;
	else
		return -EINVAL;
	return 0;
}

static json_t *mount_value(const struct mount_key *k, const char *value, bool is_bind, struct err *e)
{
	int64_t number = 0;
	bool b = true;
	char *end;
	if (k->kind != MOUNT_BOOL && k->kind != MOUNT_NOT_BOOL && (!value || !*value)) {
		(void)err_say(e, EINVAL, "invalid argument for --mount: field '%s' must be a key=value pair",
			k->key);
		return NULL;
	}
	switch (k->kind) {
	case MOUNT_BOOL:
	case MOUNT_NOT_BOOL:
		if (query_bool(value, &b) == 0)
			return json_boolean(b == (k->kind == MOUNT_BOOL));
		break;
	case MOUNT_BYTES:
		if (text_parse_bytes(value, &number) == 0)
			return json_integer(number);
		break;
	case MOUNT_OCTAL:
		number = strtol(value, &end, 8);
		if (!*end && number >= 0 && number <= 07777)
			return json_integer(number);
		break;
	case MOUNT_PATH:
		if (is_bind && value[0] == '.') {
			auto_free char *path = absolute(value);
			return path ? json_string(path) : NULL;
		}
		return json_string(value);
	default:
		return json_string(value);
	}
	(void)err_say(e, EINVAL, "invalid argument for --mount: invalid value for %s: %s", k->key, value);
	return NULL;
}

static int add_mount_field(json_t *mount, char *field, bool is_bind, struct err *e)
{
	char *value = strchr(field, '=');
	if (value)
		*value++ = '\0';
	for (size_t i = 0; i < sizeof(mount_keys) / sizeof(mount_keys[0]); i++) {
		const struct mount_key *k = &mount_keys[i];
		if (strcasecmp(k->key, field) != 0)
			continue;
		json_t *where = k->object ? member_object(mount, k->object) : mount;
		json_t *v = mount_value(k, value, is_bind, e);
		if (!v)
			return -EINVAL;
		if (k->kind != MOUNT_MAP)
			return json_object_set_new(where, k->field, v);
		const char *pair = json_string_value(v), *eq = strchr(pair, '=');
		auto_free char *key = strndup(pair, strcspn(pair, "="));
		int r = json_object_set_new(
			member_object(where, k->field), key ? key : "", json_string(eq ? eq + 1 : ""));
		json_decref(v);
		return r;
	}
	return err_say(e, EINVAL, "invalid argument for --mount: unexpected key '%s'", field);
}

/* One field of a CSV line: "a,""b,c""" has the fields a and b,c. Unquotes in place, returns the next field or NULL. */
static char *next_field(char *text)
{
	char *to = text;
	bool quoted = *text == '"';
	if (quoted)
		text++;
	for (; *text; text++) {
		if (quoted && text[0] == '"' && text[1] == '"') {
			*to++ = *text++;
		} else if (quoted && *text == '"') {
			quoted = false;
		} else if (!quoted && *text == ',') {
			*to = '\0';
			return text + 1;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
	return NULL;
}

json_t *create_parse_mount(const char *spec, struct err *e)
{
	auto_free char *copy = strdup(spec);
	json_t *mount = json_object();
	bool is_bind = strstr(spec, "type=bind") != NULL;
	(void)err_set(e, ENOMEM, "mount %s", spec); /* in case it is that; every other failure says its own */
	int r = copy && mount ? 0 : -ENOMEM;
	for (char *field = copy, *next; r == 0 && field; field = next) {
		next = next_field(field);
		r = add_mount_field(mount, field, is_bind, e);
	}
	if (r == 0 && !json_object_get(mount, "Type"))
		r = json_object_set_new(mount, "Type", json_string("volume"));
	if (r == 0 && !json_object_get(mount, "Target"))
		r = err_say(e, EINVAL, "invalid argument for --mount: target is required");
	const char *type = json_string_value(json_object_get(mount, "Type"));
	if (r == 0 && strcmp(type, "bind") == 0 && !json_object_get(mount, "Source"))
		r = err_say(e, EINVAL, "invalid argument for --mount: source is required for type=bind");
	if (r == 0)
		return mount;
	json_decref(mount);
	return NULL;
}

/* ---------------------------------------------------------------- devices, limits, restart */

static bool is_device_mode(const char *s)
{
	return *s && strspn(s, "rwm") == strlen(s);
}

json_t *create_parse_device(const char *spec, struct err *e)
{
	auto_free char *copy = strdup(spec);
	const char *host = copy, *inside = NULL, *mode = "rwm";
	char *colon = copy ? strchr(copy, ':') : NULL;
	if (colon) {
		*colon++ = '\0';
		char *second = strchr(colon, ':');
		if (second)
			*second++ = '\0';
		if (!second && is_device_mode(colon)) {
			mode = colon;
		} else {
			inside = colon;
			mode = second ? second : mode;
		}
	}
	if (!copy || !*host || !is_device_mode(mode) || (inside && inside[0] != '/')) {
		(void)err_say(e, EINVAL, "invalid device specification: %s", spec);
		return NULL;
	}
	return json_pack("{s:s,s:s,s:s}", "PathOnHost", host, "PathInContainer", inside ? inside : host,
		"CgroupPermissions", mode);
}

static int parse_limit(const char *s, int64_t *out)
{
	if (strcmp(s, "unlimited") == 0)
		*out = -1;
	else
		return text_parse_int(s, -1, INT64_MAX, out);
	return 0;
}

json_t *create_parse_ulimit(const char *spec, struct err *e)
{
	auto_free char *copy = strdup(spec);
	char *soft = copy ? strchr(copy, '=') : NULL;
	int64_t low, high;
	if (!soft || soft == copy) {
		(void)err_say(e, EINVAL, "invalid ulimit argument: %s", spec);
		return NULL;
	}
	*soft++ = '\0';
	char *hard = strchr(soft, ':');
	if (hard)
		*hard++ = '\0';
	if (parse_limit(soft, &low) < 0 || parse_limit(hard ? hard : soft, &high) < 0) {
		(void)err_say(e, EINVAL, "invalid ulimit argument: %s", spec);
		return NULL;
	}
	if (high != -1 && (low > high || low == -1)) {
		(void)err_say(
			e, EINVAL, "ulimit soft limit must be less than or equal to hard limit: %s", spec);
		return NULL;
	}
	return json_pack("{s:s,s:I,s:I}", "Name", copy, "Soft", (json_int_t)low, "Hard", (json_int_t)high);
}

json_t *create_parse_restart(const char *spec, struct err *e)
{
	static const char *const names[] = { "no", "always", "unless-stopped", "on-failure" };
	size_t len = strcspn(spec, ":");
	int64_t count = 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i]) != len || strncmp(names[i], spec, len) != 0)
			continue;
		if (spec[len] && text_parse_int(spec + len + 1, 0, INT32_MAX, &count) < 0)
			break;
		if (spec[len] && strcmp(names[i], "on-failure") != 0) {
			(void)err_say(e, EINVAL,
				"invalid restart policy: maximum retry count cannot be used with '%s'",
				names[i]);
			return NULL;
		}
		return json_pack("{s:s,s:I}", "Name", names[i], "MaximumRetryCount", (json_int_t)count);
	}
	(void)err_say(e, EINVAL, "invalid restart policy: %s", spec);
	return NULL;
}

/* ---------------------------------------------------------------- ports */

/* "80" or "80-90"; "" gives 0-0 when that is allowed. */
static int parse_ports(const char *s, int64_t *low, int64_t *high)
{
	auto_free char *copy = strdup(s);
	if (!copy)
		return -ENOMEM;
	char *dash = strchr(copy, '-');
	if (dash)
		*dash++ = '\0';
	if (text_parse_int(copy, 1, 65535, low) < 0 ||
		text_parse_int(dash ? dash : copy, 1, 65535, high) < 0 || *low > *high)
		return -EINVAL;
	return 0;
}

static const char *split_proto(char *spec)
{
	char *slash = strchr(spec, '/');
	if (!slash)
		return "tcp";
	*slash = '\0';
	for (char *p = slash + 1; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return slash + 1;
}

static bool is_proto(const char *s)
{
	return strcmp(s, "tcp") == 0 || strcmp(s, "udp") == 0 || strcmp(s, "sctp") == 0;
}

int create_add_expose(json_t *exposed, const char *spec, struct err *e)
{
	auto_free char *copy = strdup(spec);
	int64_t low, high;
	const char *proto = copy ? split_proto(copy) : "";
	if (!is_proto(proto) || parse_ports(copy, &low, &high) < 0)
		return err_say(e, EINVAL, "invalid port or port range for --expose: %s", spec);
	for (; low <= high; low++) {
		char key[32];
		(void)snprintf(key, sizeof(key), "%d/%s", (int)low, proto);
		if (json_object_set_new(exposed, key, json_object()) < 0)
			return err_set(e, ENOMEM, "expose %s", spec);
	}
	return 0;
}

/* "ip:host:container" from the right; the address may be [v6]. */
static void split_port(char *spec, const char **ip, const char **host, char **container)
{
	char *colon = strrchr(spec, ':');
	*ip = *host = "";
	*container = spec;
	if (!colon)
		return;
	*colon = '\0';
	*container = colon + 1;
	*host = spec;
	if ((colon = strrchr(spec, ':'))) {
		*colon = '\0';
		*host = colon + 1;
		*ip = spec;
	}
	size_t len = strlen(*ip);
	if (len > 1 && (*ip)[0] == '[' && (*ip)[len - 1] == ']') {
		spec[len - 1] = '\0';
		*ip = spec + 1;
	}
}

int create_add_port(json_t *exposed, json_t *bindings, const char *spec, struct err *e)
{
	auto_free char *copy = strdup(spec);
	const char *ip, *host;
	char *inside;
	int64_t low, high, host_low = 0, host_high = 0;
	if (!copy)
		return err_set(e, ENOMEM, "port %s", spec);
	split_port(copy, &ip, &host, &inside);
	const char *proto = split_proto(inside);
	if (!is_proto(proto))
		return err_say(e, EINVAL, "invalid proto: %s", proto);
	if (parse_ports(inside, &low, &high) < 0)
		return err_say(e, EINVAL, "invalid containerPort: %s", spec);
	if (*host && parse_ports(host, &host_low, &host_high) < 0)
		return err_say(e, EINVAL, "invalid hostPort: %s", host);
	if (*host && high != low && host_high - host_low != high - low)
		return err_say(e, EINVAL, "invalid ranges specified for container and host Ports: %s and %s",
			inside, host);
	for (int64_t i = 0; i <= high - low; i++) {
		char key[32], port[32] = "";
		(void)snprintf(key, sizeof(key), "%d/%s", (int)(low + i), proto);
		if (*host && high == low && host_high != host_low)
			(void)snprintf(port, sizeof(port), "%s", host); /* any of the range */
		else if (*host)
			(void)snprintf(port, sizeof(port), "%d", (int)(host_low + i));
		json_t *list = json_object_get(bindings, key);
		if (!list && json_object_set_new(bindings, key, json_array()) == 0)
			list = json_object_get(bindings, key);
		if (json_object_set_new(exposed, key, json_object()) < 0 ||
			json_array_append_new(list, json_pack("{s:s,s:s}", "HostIp", ip, "HostPort", port)) <
				0)
			return err_set(e, ENOMEM, "port %s", spec);
	}
	return 0;
}

/* ---------------------------------------------------------------- environment */

static const char *env_find(char *const *env, const char *key)
{
	for (; env && *env; env++)
		if (text_env_value(*env, key))
			return *env;
	return NULL;
}

static int add_line(char *line, const char *path, int number, char *const *env, json_t *out, struct err *e)
{
	line += strspn(line, " \t");
	if (!*line || *line == '#')
		return 0;
	size_t key_len = strcspn(line, "=");
	if (key_len == 0)
		return err_say(e, EINVAL, "%s: line %d: no variable name on line '%s'", path, number, line);
	if (strcspn(line, " \t") < key_len)
		return err_say(e, EINVAL, "%s: line %d: variable '%.*s' contains whitespaces", path, number,
			(int)key_len, line);
	const char *text = line[key_len] || !env ? line : env_find(env, line);
	if (text && json_array_append_new(out, json_string(text)) < 0)
		return err_say(e, EINVAL, "%s: line %d is not UTF-8", path, number);
	return 0;
}

int create_read_lines(const char *path, char *const *env, json_t *out, struct err *e)
{
	auto_(buf) struct buf text = { 0 };
	int r = io_read_file(AT_FDCWD, path, LINES_MAX, &text, e), number = 1;
	if (r < 0)
		return r;
	char *line = text.data ? text.data : (char[]){ "" };
	if (strncmp(line, "\xef\xbb\xbf", 3) == 0)
		line += 3;
	for (char *next; line; line = next, number++) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		size_t len = strlen(line);
		if (len > 0 && line[len - 1] == '\r')
			line[len - 1] = '\0';
		r = add_line(line, path, number, env, out, e);
		if (r < 0)
			return r;
	}
	return 0;
}

json_t *create_env(const struct args *o, char *const *env, struct err *e)
{
	json_t *out = json_array();
	int r = out ? 0 : err_set(e, ENOMEM, "environment");
	const struct option_value *files = option_list(o, "env-file"), *vars = option_list(o, "env");
	for (size_t i = 0; r == 0 && i < files->count; i++)
		r = create_read_lines(files->values[i], env, out, e);
	for (size_t i = 0; r == 0 && i < vars->count; i++) {
		const char *var = vars->values[i];
		if (!*var || *var == '=') {
			r = err_say(e, EINVAL, "invalid environment variable: %s", var);
			break;
		}
		/* A key without a value is sent as it is when we have none either: it removes the image's. */
		const char *found = strchr(var, '=') ? NULL : env_find(env, var);
		if (json_array_append_new(out, json_string(found ? found : var)) < 0)
			r = err_say(e, EINVAL, "environment variable '%s' is not UTF-8", var);
	}
	if (r == 0)
		return out;
	json_decref(out);
	return NULL;
}
