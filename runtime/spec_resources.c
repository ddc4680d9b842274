#include "runtime/spec_codec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"

#define PATH	   "linux.resources"
#define AT(member) offsetof(struct spec_resources, member)

static const struct field memory_fields[] = {
	{ "limit", FIELD_I64, AT(memory_limit), -1, INT64_MAX },
	{ "reservation", FIELD_I64, AT(memory_reservation), -1, INT64_MAX },
	{ "swap", FIELD_I64, AT(memory_swap), -1, INT64_MAX },
	{ "swappiness", FIELD_I64, AT(memory_swappiness), 0, 100 },
	{ "disableOOMKiller", FIELD_TRISTATE, AT(memory_oom_kill_disable), 0, 0 },
};
static const struct field cpu_fields[] = {
	{ "shares", FIELD_I64, AT(cpu_shares), 0, INT64_MAX },
	{ "quota", FIELD_I64, AT(cpu_quota_us), -1, INT64_MAX },
	{ "period", FIELD_I64, AT(cpu_period_us), 0, INT64_MAX },
	{ "burst", FIELD_I64, AT(cpu_burst_us), 0, INT64_MAX },
	{ "idle", FIELD_I64, AT(cpu_idle), 0, 1 },
	{ "cpus", FIELD_STRING, AT(cpuset_cpus), 0, 0 },
	{ "mems", FIELD_STRING, AT(cpuset_mems), 0, 0 },
};
static const struct field pids_fields[] = {
	{ "limit", FIELD_I64, AT(pids_limit), -1, INT64_MAX },
};
static const struct field blkio_fields[] = {
	{ "weight", FIELD_I64, AT(blkio_weight), 0, 1000 },
};
static const struct {
	const char *name;
	const struct field *fields;
	size_t n;
} parts[] = {
	{ "memory", memory_fields, ARRAY_LEN(memory_fields) },
	{ "cpu", cpu_fields, ARRAY_LEN(cpu_fields) },
	{ "pids", pids_fields, ARRAY_LEN(pids_fields) },
	{ "blockIO", blkio_fields, ARRAY_LEN(blkio_fields) },
};

static const struct {
	const char *name;
	size_t list, count;
} throttles[] = {
	{ "throttleReadBpsDevice", AT(read_bps), AT(n_read_bps) },
	{ "throttleWriteBpsDevice", AT(write_bps), AT(n_write_bps) },
	{ "throttleReadIOPSDevice", AT(read_iops), AT(n_read_iops) },
	{ "throttleWriteIOPSDevice", AT(write_iops), AT(n_write_iops) },
};
static const struct field throttle_fields[] = {
	{ "major", FIELD_I64, offsetof(struct spec_throttle, major), 0, UINT32_MAX },
	{ "minor", FIELD_I64, offsetof(struct spec_throttle, minor), 0, UINT32_MAX },
	{ "rate", FIELD_U64, offsetof(struct spec_throttle, rate), 0, 0 },
};
static const struct field weight_fields[] = {
	{ "major", FIELD_I64, offsetof(struct spec_weight_device, major), 0, UINT32_MAX },
	{ "minor", FIELD_I64, offsetof(struct spec_weight_device, minor), 0, UINT32_MAX },
	{ "weight", FIELD_U16, offsetof(struct spec_weight_device, weight), 0, 1000 },
	{ "leafWeight", FIELD_U16, offsetof(struct spec_weight_device, leaf_weight), 0, 1000 },
};

static const struct field_refused refused[] = {
	{ "hugepageLimits", "not built yet" },
	{ "rdma", "not built yet" },
	{ "network", "net_cls and net_prio are not built yet" },
};
static const struct field_refused refused_memory[] = {
	{ "kernel", "the kernel has no such limit any more" },
	{ "kernelTCP", "not built yet" },
};
static const struct field_refused refused_cpu[] = {
	{ "realtimeRuntime", "not built yet" },
	{ "realtimePeriod", "not built yet" },
};
static const struct field_refused refused_blkio[] = {
	{ "leafWeight", "not built yet" },
};

static int read_throttle(const json_t *item, const char *path, struct arena *a, void *to, struct err *e)
{
	return fields_read(item, path, throttle_fields, ARRAY_LEN(throttle_fields), a, to, e);
}

static int read_weight(const json_t *item, const char *path, struct arena *a, void *to, struct err *e)
{
	return fields_read(item, path, weight_fields, ARRAY_LEN(weight_fields), a, to, e);
}

static int read_blkio_devices(const json_t *blkio, struct arena *a, struct spec_resources *res, struct err *e)
{
	const char *path = PATH ".blockIO";
	int r = fields_read_list(blkio, path, "weightDevice", sizeof(*res->weight_devices), read_weight, a,
		&res->weight_devices, &res->n_weight_devices, e);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(throttles); i++)
		r = fields_read_list(blkio, path, throttles[i].name, sizeof(struct spec_throttle),
			read_throttle, a, (char *)res + throttles[i].list,
			(size_t *)(void *)((char *)res + throttles[i].count), e);
	return r;
}

/* "c", "b", "a"; missing is all. */
static int read_rule(const json_t *item, const char *path, struct arena *a, void *to, struct err *e)
{
	struct spec_device_rule *rule = to;
	const char *type = "a", *access = "rwm";
	(void)a;
	*rule = (struct spec_device_rule){ .major = -1, .minor = -1 };
	int r = json_get_bool(item, path, "allow", &rule->allow, e);
	if (r == 0)
		r = json_get_string(item, path, "type", &type, e);
	if (r == 0)
		r = json_get_string(item, path, "access", &access, e);
	if (r == 0)
		r = json_get_int(item, path, "major", -1, UINT32_MAX, &rule->major, e);
	if (r == 0)
		r = json_get_int(item, path, "minor", -1, UINT32_MAX, &rule->minor, e);
	if (r < 0)
		return r;
	if (!*type)
		type = "a";
	if (strlen(type) != 1 || !strchr("abcu", *type))
		return err_say(e, EINVAL, "%s.type: \"%s\" is not one of a, b, c", path, type);
	rule->type = (char)(*type == 'u' ? 'c' : *type);
	if (!*access)
		access = "rwm";
	if (access[strspn(access, "rwm")])
		return err_say(e, EINVAL, "%s.access: \"%s\" is not made of r, w, m", path, access);
	rule->read = strchr(access, 'r') != NULL;
	rule->write = strchr(access, 'w') != NULL;
	rule->mknod = strchr(access, 'm') != NULL;
	return 0;
}

static int read_part(
	const json_t *obj, size_t i, struct arena *a, struct spec_resources *res, json_t **out, struct err *e)
{
	char where[FIELD_PATH_MAX];
	*out = NULL;
	int r = json_get_object(obj, PATH, parts[i].name, out, e);
	if (r == 0 && *out)
		r = fields_read(*out, fields_path(where, PATH, parts[i].name), parts[i].fields, parts[i].n, a,
			res, e);
	return r;
}

int spec_resources_read(const json_t *obj, struct arena *a, struct spec_resources *res, struct err *e)
{
	json_t *part[ARRAY_LEN(parts)] = { NULL };
	int r = fields_refuse(obj, PATH, refused, ARRAY_LEN(refused), e);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(parts); i++)
		r = read_part(obj, i, a, res, &part[i], e);
	if (r == 0 && part[0])
		r = fields_refuse(part[0], PATH ".memory", refused_memory, ARRAY_LEN(refused_memory), e);
	if (r == 0 && part[1])
		r = fields_refuse(part[1], PATH ".cpu", refused_cpu, ARRAY_LEN(refused_cpu), e);
	if (r == 0 && part[3])
		r = fields_refuse(part[3], PATH ".blockIO", refused_blkio, ARRAY_LEN(refused_blkio), e);
	if (r == 0 && part[3])
		r = read_blkio_devices(part[3], a, res, e);
	if (r == 0)
		r = fields_read_list(obj, PATH, "devices", sizeof(*res->devices), read_rule, a, &res->devices,
			&res->n_devices, e);
	if (r == 0)
		r = fields_read_map(obj, PATH, "unified", a, &res->unified, e);
	for (char **kv = res->unified; r == 0 && kv && kv[0]; kv += 2)
		if (strchr(kv[0], '/') || !strchr(kv[0], '.') || kv[0][0] == '.')
			r = err_say(
				e, EINVAL, PATH ".unified: \"%s\" is not the name of a cgroup file", kv[0]);
	return r;
}

static json_t *items_json(const void *items, size_t n, size_t size, const struct field *f, size_t n_fields)
{
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++) {
		json_t *item = json_object();
		(void)fields_write((const char *)items + i * size, f, n_fields, item);
		(void)json_array_append_new(list, item);
	}
	return list;
}

static int write_blkio_devices(const struct spec_resources *res, json_t *obj)
{
	int r = spec_put(obj, "weightDevice",
		items_json(res->weight_devices, res->n_weight_devices, sizeof(*res->weight_devices),
			weight_fields, ARRAY_LEN(weight_fields)));
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(throttles); i++) {
		const struct spec_throttle *list;
		memcpy(&list, (const char *)res + throttles[i].list, sizeof(list));
		size_t n = *(const size_t *)(const void *)((const char *)res + throttles[i].count);
		r = spec_put(obj, throttles[i].name,
			items_json(list, n, sizeof(*list), throttle_fields, ARRAY_LEN(throttle_fields)));
	}
	return r;
}

static json_t *rules_json(const struct spec_resources *res)
{
	json_t *list = json_array();
	for (size_t i = 0; i < res->n_devices; i++) {
		const struct spec_device_rule *rule = &res->devices[i];
		char access[4] = "", *p = access;
		if (rule->read)
			*p++ = 'r';
		if (rule->write)
			*p++ = 'w';
		if (rule->mknod)
			*p++ = 'm';
		*p = '\0';
		json_t *item = json_pack("{s:b, s:s#, s:s}", "allow", rule->allow, "type", &rule->type,
			(size_t)1, "access", access);
		if (rule->major >= 0)
			(void)json_object_set_new(item, "major", json_integer(rule->major));
		if (rule->minor >= 0)
			(void)json_object_set_new(item, "minor", json_integer(rule->minor));
		(void)json_array_append_new(list, item);
	}
	return list;
}

int spec_resources_write(const struct spec_resources *res, json_t *obj)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(parts); i++) {
		json_t *part = json_object();
		r = fields_write(res, parts[i].fields, parts[i].n, part);
		if (r == 0 && parts[i].fields == blkio_fields)
			r = write_blkio_devices(res, part);
		if (r == 0)
			r = spec_put(obj, parts[i].name, part);
	}
	if (r == 0)
		r = spec_put(obj, "devices", rules_json(res));
	if (r == 0 && res->unified)
		r = spec_put(obj, "unified", fields_map_json(res->unified));
	return r;
}
