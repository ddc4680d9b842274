#include "runtime/spec_codec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "base/own.h"
#include "runtime/seccomp.h"

#define AT(member) offsetof(struct spec, member)

static const char *const ns_names[SPEC_NS_COUNT] = {
	[SPEC_NS_PID] = "pid",
	[SPEC_NS_NET] = "network",
	[SPEC_NS_MNT] = "mount",
	[SPEC_NS_IPC] = "ipc",
	[SPEC_NS_UTS] = "uts",
	[SPEC_NS_USER] = "user",
	[SPEC_NS_CGROUP] = "cgroup",
	[SPEC_NS_TIME] = "time",
};

static const struct field linux_fields[] = {
	{ "cgroupsPath", FIELD_STRING, AT(cgroups_path), 0, 0 },
	{ "maskedPaths", FIELD_STRV, AT(masked_paths), 0, 0 },
	{ "readonlyPaths", FIELD_STRV, AT(readonly_paths), 0, 0 },
};
static const struct field map_fields[] = {
	{ "containerID", FIELD_U32, offsetof(struct spec_id_map, container_id), 0, UINT32_MAX },
	{ "hostID", FIELD_U32, offsetof(struct spec_id_map, host_id), 0, UINT32_MAX },
	{ "size", FIELD_U32, offsetof(struct spec_id_map, size), 0, UINT32_MAX },
};
static const struct field device_fields[] = {
	{ "path", FIELD_STRING, offsetof(struct spec_device, path), 0, 0 },
	{ "major", FIELD_I64, offsetof(struct spec_device, major), 0, UINT32_MAX },
	{ "minor", FIELD_I64, offsetof(struct spec_device, minor), 0, UINT32_MAX },
	{ "fileMode", FIELD_U32, offsetof(struct spec_device, mode), 0, 0177777 },
	{ "uid", FIELD_U32, offsetof(struct spec_device, uid), 0, INT64_C(4294967294) },
	{ "gid", FIELD_U32, offsetof(struct spec_device, gid), 0, INT64_C(4294967294) },
};
/* A clock's offset, by two members of struct spec. */
static const struct {
	const char *name;
	struct field fields[2];
} offsets[] = {
	{ "monotonic",
		{ { "secs", FIELD_I64, AT(monotonic_offset_s), INT64_MIN + 1, INT64_MAX },
			{ "nanosecs", FIELD_U32, AT(monotonic_offset_ns), 0, 999999999 } } },
	{ "boottime",
		{ { "secs", FIELD_I64, AT(boottime_offset_s), INT64_MIN + 1, INT64_MAX },
			{ "nanosecs", FIELD_U32, AT(boottime_offset_ns), 0, 999999999 } } },
};
static const struct field_refused refused[] = {
	{ "mountLabel", "SELinux labels cannot be honoured" },
	{ "intelRdt", "not built yet" },
	{ "personality", "not built yet" },
	{ "netDevices", "not built yet" },
	{ "memoryPolicy", "not built yet" },
};

static int read_namespace(const json_t *item, const char *path, struct spec *s, struct err *e)
{
	const char *type = NULL, *ns_path = NULL;
	int r = json_get_string(item, path, "type", &type, e);
	if (r == 0)
		r = json_get_string(item, path, "path", &ns_path, e);
	if (r < 0)
		return r;
	size_t i = 0;
	while (i < SPEC_NS_COUNT && (!type || strcmp(ns_names[i], type) != 0))
		i++;
	if (i == SPEC_NS_COUNT)
		return err_say(e, EINVAL, "%s.type: unknown namespace \"%s\"", path, type ? type : "");
	if (s->ns[i].mode != SPEC_NS_HOST)
		return err_say(e, EINVAL, "%s.type: \"%s\" is named twice", path, type);
	bool join = ns_path && *ns_path;
	s->ns[i].mode = join ? SPEC_NS_JOIN : SPEC_NS_NEW;
	s->ns[i].path = join ? arena_strdup(s->arena, ns_path) : NULL;
	return join && !s->ns[i].path ? err_set(e, ENOMEM, "%s", path) : 0;
}

static int read_namespaces(const json_t *obj, struct spec *s, struct err *e)
{
	json_t *list = NULL, *item;
	size_t i;
	int r = json_get_array(obj, "linux", "namespaces", &list, e);
	if (r < 0 || !list)
		return r;
	json_array_foreach (list, i, item) {
		char path[64];
		(void)snprintf(path, sizeof(path), "linux.namespaces[%zu]", i);
		if (!json_is_object(item))
			return err_say(e, EINVAL, "%s: must be an object", path);
		r = read_namespace(item, path, s, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_map(const json_t *item, const char *path, struct arena *a, void *to, struct err *e)
{
	return fields_read(item, path, map_fields, ARRAY_LEN(map_fields), a, to, e);
}

static int read_device(const json_t *item, const char *path, struct arena *a, void *to, struct err *e)
{
	struct spec_device *d = to;
	const char *type = "";
	d->mode = 0666;
	int r = json_get_string(item, path, "type", &type, e);
	if (r == 0)
		r = fields_read(item, path, device_fields, ARRAY_LEN(device_fields), a, d, e);
	if (r < 0)
		return r;
	if (strlen(type) != 1 || !strchr("bcup", *type))
		return err_say(e, EINVAL, "%s.type: \"%s\" is not one of b, c, u, p", path, type);
	d->type = (char)(*type == 'u' ? 'c' : *type);
	if (!d->path || *d->path != '/')
		return err_say(e, EINVAL, "%s.path: must be an absolute path", path);
	return 0;
}

static int read_time_offsets(const json_t *obj, struct spec *s, struct err *e)
{
	json_t *times = NULL, *clock;
	char where[FIELD_PATH_MAX];
	int r = json_get_object(obj, "linux", "timeOffsets", &times, e);
	for (size_t i = 0; r == 0 && times && i < ARRAY_LEN(offsets); i++) {
		clock = NULL;
		r = json_get_object(times, "linux.timeOffsets", offsets[i].name, &clock, e);
		if (r == 0 && clock)
			r = fields_read(clock, fields_path(where, "linux.timeOffsets", offsets[i].name),
				offsets[i].fields, ARRAY_LEN(offsets[i].fields), s->arena, s, e);
	}
	return r;
}

static int read_sysctls(const json_t *obj, struct spec *s, struct err *e)
{
	char **kv = NULL;
	int r = fields_read_map(obj, "linux", "sysctl", s->arena, &kv, e);
	if (r < 0 || !kv)
		return r;
	size_t n = 0;
	while (kv[2 * n])
		n++;
	s->sysctls = arena_calloc(s->arena, n + 1, sizeof(*s->sysctls));
	if (!s->sysctls)
		return err_set(e, ENOMEM, "linux.sysctl");
	for (size_t i = 0; i < n; i++)
		s->sysctls[i] = (struct spec_sysctl){ kv[2 * i], kv[2 * i + 1] };
	s->n_sysctls = n;
	return 0;
}

static int read_propagation(const json_t *obj, struct spec *s, struct err *e)
{
	const char *name = "";
	int r = json_get_string(obj, "linux", "rootfsPropagation", &name, e);
	if (r < 0 || !*name)
		return r;
	if (spec_propagation_from_name(name, &s->rootfs_propagation) < 0)
		return err_say(e, EINVAL, "linux.rootfsPropagation: unknown \"%s\"", name);
	return 0;
}

static int read_lists(const json_t *obj, struct spec *s, struct err *e)
{
	int r = fields_read_list(obj, "linux", "uidMappings", sizeof(*s->uid_maps), read_map, s->arena,
		&s->uid_maps, &s->n_uid_maps, e);
	if (r == 0)
		r = fields_read_list(obj, "linux", "gidMappings", sizeof(*s->gid_maps), read_map, s->arena,
			&s->gid_maps, &s->n_gid_maps, e);
	if (r == 0)
		r = fields_read_list(obj, "linux", "devices", sizeof(*s->devices), read_device, s->arena,
			&s->devices, &s->n_devices, e);
	return r;
}

int spec_linux_read(const json_t *obj, struct spec *s, struct err *e)
{
	json_t *part = NULL;
	int r = fields_refuse(obj, "linux", refused, ARRAY_LEN(refused), e);
	if (r == 0)
		r = fields_read(obj, "linux", linux_fields, ARRAY_LEN(linux_fields), s->arena, s, e);
	if (r == 0)
		r = read_namespaces(obj, s, e);
	if (r == 0)
		r = read_lists(obj, s, e);
	if (r == 0)
		r = read_time_offsets(obj, s, e);
	if (r == 0)
		r = read_sysctls(obj, s, e);
	if (r == 0)
		r = read_propagation(obj, s, e);
	if (r == 0)
		r = json_get_object(obj, "linux", "resources", &part, e);
	if (r == 0 && part)
		r = spec_resources_read(part, s->arena, &s->resources, e);
	part = NULL;
	if (r == 0)
		r = json_get_object(obj, "linux", "seccomp", &part, e);
	if (r == 0 && part) {
		r = seccomp_parse_oci(part, s->arena, &s->seccomp, e);
		if (r < 0)
			return err_wrap(e, r, "linux.seccomp");
	}
	return r;
}

static json_t *namespaces_json(const struct spec *s)
{
	json_t *list = json_array();
	for (size_t i = 0; i < SPEC_NS_COUNT; i++) {
		if (s->ns[i].mode == SPEC_NS_HOST)
			continue;
		json_t *item = json_pack("{s:s}", "type", ns_names[i]);
		if (s->ns[i].mode == SPEC_NS_JOIN)
			(void)json_object_set_new(item, "path", json_string(s->ns[i].path));
		(void)json_array_append_new(list, item);
	}
	return list;
}

static json_t *maps_json(const struct spec_id_map *maps, size_t n)
{
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(list,
			json_pack("{s:I, s:I, s:I}", "containerID", (json_int_t)maps[i].container_id,
				"hostID", (json_int_t)maps[i].host_id, "size", (json_int_t)maps[i].size));
	return list;
}

static json_t *devices_json(const struct spec *s)
{
	json_t *list = json_array();
	for (size_t i = 0; i < s->n_devices; i++) {
		json_t *item = json_pack("{s:s#}", "type", &s->devices[i].type, (size_t)1);
		(void)fields_write(&s->devices[i], device_fields, ARRAY_LEN(device_fields), item);
		if (!s->devices[i].mode) /* 0 is a mode, and not what a missing one means */
			(void)json_object_set_new(item, "fileMode", json_integer(0));
		(void)json_array_append_new(list, item);
	}
	return list;
}

static json_t *time_offsets_json(const struct spec *s)
{
	json_t *times = json_object();
	for (size_t i = 0; i < ARRAY_LEN(offsets); i++) {
		json_t *clock = json_object();
		(void)fields_write(s, offsets[i].fields, ARRAY_LEN(offsets[i].fields), clock);
		if (fields_is_empty(json_object_get(clock, "secs")))
			(void)json_object_del(clock, "secs");
		(void)spec_put(times, offsets[i].name, clock);
	}
	return times;
}

static json_t *sysctls_json(const struct spec *s)
{
	json_t *map = json_object();
	for (size_t i = 0; i < s->n_sysctls; i++)
		(void)json_object_set_new(map, s->sysctls[i].key, json_string(s->sysctls[i].value));
	return map;
}

int spec_linux_write(const struct spec *s, json_t *obj)
{
	json_t *resources = json_object(), *seccomp = json_object();
	int r = fields_write(s, linux_fields, ARRAY_LEN(linux_fields), obj);
	if (r == 0)
		r = spec_put(obj, "namespaces", namespaces_json(s));
	if (r == 0)
		r = spec_put(obj, "uidMappings", maps_json(s->uid_maps, s->n_uid_maps));
	if (r == 0)
		r = spec_put(obj, "gidMappings", maps_json(s->gid_maps, s->n_gid_maps));
	if (r == 0)
		r = spec_put(obj, "devices", devices_json(s));
	if (r == 0)
		r = spec_put(obj, "timeOffsets", time_offsets_json(s));
	if (r == 0)
		r = spec_put(obj, "sysctl", sysctls_json(s));
	if (r == 0 && s->rootfs_propagation)
		r = spec_put(
			obj, "rootfsPropagation", json_string(spec_propagation_name(s->rootfs_propagation)));
	if (r == 0)
		r = spec_resources_write(&s->resources, resources);
	if (r == 0)
		r = spec_put(obj, "resources", json_incref(resources));
	if (r == 0 && s->seccomp)
		r = spec_seccomp_write(s->seccomp, seccomp);
	if (r == 0)
		r = spec_put(obj, "seccomp", json_incref(seccomp));
	json_decref(resources);
	json_decref(seccomp);
	return r;
}
