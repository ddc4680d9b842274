/* Limits. Ranges that depend on the machine (its CPUs, its memory) are checked where the container is made. */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "supervisor/compose/service.h"

#define MIN_MEMORY (6 * 1024 * 1024) /* less does not hold a process that starts */

int resources_cpus(struct load *l, const struct key *k, const struct node *v)
{
	int64_t nano;
	int r = value_nano(l, v, &nano);
	if (r < 0)
		return r;
	if (nano != 0 && nano < 10000000)
		return load_fail(l, v, "\"%.60s\" is below 0.01, the least that can be given", v->text);
	return service_put(l, v, k->member, json_integer(nano));
}

int resources_cpuset(struct load *l, const struct key *k, const struct node *v)
{
	const char *s = v->text;

	(void)k;
	for (;;) {
		size_t n = strspn(s, "0123456789");
		if (n == 0 || n > 5)
			break;
		s += n;
		if (*s == '-') {
			n = strspn(++s, "0123456789");
			if (n == 0 || n > 5)
				break;
			s += n;
		}
		if (!*s)
			return service_put_text(l, v, "HostConfig.CpusetCpus", v->text);
		if (*s++ != ',')
			break;
	}
	return load_fail(l, v, "\"%.60s\" must be a list of CPUs such as 0-3,5", v->text);
}

/* 0 is not set, -1 is without limit. */
int resources_memswap(struct load *l, const struct key *k, const struct node *v)
{
	int64_t bytes = -1;
	int r = strcmp(v->text, "-1") == 0 ? 0 : value_bytes(l, v, &bytes);

	(void)k;
	if (r < 0 || bytes == 0)
		return r;
	return service_put(l, v, "HostConfig.MemorySwap", json_integer(bytes));
}

int resources_pids(struct load *l, const struct key *k, const struct node *v)
{
	int64_t n;
	int r = value_int(l, v, -1, INT32_MAX, &n);
	return r < 0 ? r : service_put(l, v, k->member, json_integer(n));
}

static int device_path(struct load *l, const struct node *item, const char **out)
{
	const struct node *path = node_get(item, "path");
	*out = path->text;
	return *path->text == '/' ? 0 : load_fail(l, path, "\"%.80s\" must be an absolute path", path->text);
}

int resources_weight_devices(struct load *l, const struct key *k, const struct node *v)
{
	auto_(json) json_t *list = json_array();
	for (size_t i = 0; i < v->n; i++) {
		const struct node *weight = node_get(v->items[i], "weight");
		const char *path;
		int64_t n;
		int r = device_path(l, v->items[i], &path);
		if (r == 0)
			r = weight ? value_int(l, weight, 10, 1000, &n)
				   : load_fail(l, v->items[i], "weight is missing");
		if (r < 0)
			return r;
		json_t *one = json_pack("{s:s, s:I}", "Path", path, "Weight", (json_int_t)n);
		if (json_array_append_new(list, one) < 0)
			return load_fail_memory(l);
	}
	return service_put(l, v, k->member, take_ptr(&list));
}

static int rates(struct load *l, const struct key *k, const struct node *v, bool bytes)
{
	auto_(json) json_t *list = json_array();
	for (size_t i = 0; i < v->n; i++) {
		const struct node *rate = node_get(v->items[i], "rate");
		const char *path;
		int64_t n;
		int r = device_path(l, v->items[i], &path);
		if (r == 0)
			r = !rate	? load_fail(l, v->items[i], "rate is missing")
				: bytes ? value_bytes(l, rate, &n)
					: value_int(l, rate, 0, INT64_MAX, &n);
		if (r < 0)
			return r;
		json_t *one = json_pack("{s:s, s:I}", "Path", path, "Rate", (json_int_t)n);
		if (json_array_append_new(list, one) < 0)
			return load_fail_memory(l);
	}
	return service_put(l, v, k->member, take_ptr(&list));
}

int resources_rate_bytes(struct load *l, const struct key *k, const struct node *v)
{
	return rates(l, k, v, true);
}

int resources_rate_count(struct load *l, const struct key *k, const struct node *v)
{
	return rates(l, k, v, false);
}

/* The number at member, 0 when it is not set. */
static int64_t number(const struct load *l, const char *member)
{
	return json_integer_value(service_get(l, member));
}

int resources_check(struct load *l)
{
	int64_t memory = number(l, "HostConfig.Memory"), swap = number(l, "HostConfig.MemorySwap");
	const struct node *at = l->svc->node;

	if (memory != 0 && memory < MIN_MEMORY)
		return load_fail(l, at, "the memory limit is below 6m, the least that can be given");
	if (swap > 0 && memory == 0)
		return load_fail(l, at, "memswap_limit needs mem_limit");
	if (swap > 0 && swap < memory)
		return load_fail(
			l, at, "memswap_limit is memory and swap together and cannot be below mem_limit");
	if (memory != 0 && number(l, "HostConfig.MemoryReservation") > memory)
		return load_fail(l, at, "the memory reservation is above the memory limit");
	if (number(l, "HostConfig.NanoCpus") != 0 &&
		(number(l, "HostConfig.CpuQuota") != 0 || number(l, "HostConfig.CpuPeriod") != 0))
		return load_fail(l, at, "cpus says the same as cpu_quota and cpu_period: use one of them");
	return 0;
}
