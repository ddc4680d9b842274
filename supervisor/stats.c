#include "supervisor/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/own.h"

#define CPU_FIELDS 7 /* user nice system idle iowait irq softirq; what guests used is in user already */

/* ---------------------------------------------------------------- the host */

int stats_parse_cpu(const char *text, long ticks_per_s, uint64_t *out_ns)
{
	uint64_t v[CPU_FIELDS], sum = 0;

	if (sscanf(text,
		    "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
		    &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6]) != CPU_FIELDS ||
		ticks_per_s <= 0)
		return -EBADMSG;
	for (int i = 0; i < CPU_FIELDS; i++)
		sum += v[i];
	*out_ns = sum * (uint64_t)(NS_PER_S / ticks_per_s);
	return 0;
}

/* The first line alone: the file has one per CPU and the counts of all interrupts. */
int stats_read_host(struct stats_host *host, struct err *e)
{
	auto_close int fd = open("/proc/stat", O_RDONLY | O_CLOEXEC);
	char text[512];
	struct sysinfo info;
	uint64_t cpu_ns;
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n < 0)
		return err_set(e, errno, "read /proc/stat");
	text[n] = '\0';
	int r = stats_parse_cpu(text, sysconf(_SC_CLK_TCK), &cpu_ns);
	if (r < 0)
		return err_set(e, -r, "read /proc/stat");
	if (cpu_ns > host->cpu_ns)
		host->cpu_ns = cpu_ns;
	host->memory_bytes = sysinfo(&info) == 0 ? (uint64_t)info.totalram * info.mem_unit : 0;
	host->online_cpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	return 0;
}

/* ---------------------------------------------------------------- growing */

static void grow(const uint64_t *before, uint64_t *now)
{
	if (*before != UINT64_MAX && (*now == UINT64_MAX || *now < *before))
		*now = *before;
}

static struct cgroup_io_stat *find_device(struct cgroup_stats *s, const struct cgroup_io_stat *like)
{
	for (size_t i = 0; i < s->n_io; i++)
		if (s->io[i].major == like->major && s->io[i].minor == like->minor)
			return &s->io[i];
	if (s->n_io == CGROUP_IO_MAX)
		return NULL;
	s->io[s->n_io] = (struct cgroup_io_stat){ .major = like->major, .minor = like->minor };
	return &s->io[s->n_io++];
}

void stats_keep_growing(const struct stats_sample *before, struct stats_sample *now)
{
	const struct cgroup_stats *b = &before->group;
	struct cgroup_stats *n = &now->group;

	if (!before->taken || !now->taken || before->generation != now->generation)
		return;
	grow(&b->cpu_usage_ns, &n->cpu_usage_ns);
	grow(&b->cpu_user_ns, &n->cpu_user_ns);
	grow(&b->cpu_system_ns, &n->cpu_system_ns);
	grow(&b->cpu_periods, &n->cpu_periods);
	grow(&b->cpu_throttled_periods, &n->cpu_throttled_periods);
	grow(&b->cpu_throttled_ns, &n->cpu_throttled_ns);
	grow(&b->memory_max_usage, &n->memory_max_usage);
	for (size_t i = 0; i < b->n_io; i++) { /* a device that has gone keeps what it had */
		struct cgroup_io_stat *io = find_device(n, &b->io[i]);
		if (!io)
			continue;
		grow(&b->io[i].rbytes, &io->rbytes);
		grow(&b->io[i].wbytes, &io->wbytes);
		grow(&b->io[i].rios, &io->rios);
		grow(&b->io[i].wios, &io->wios);
	}
}

/* ---------------------------------------------------------------- docker's form */

static int set_number(json_t *o, const char *key, uint64_t v)
{
	if (v == UINT64_MAX)
		return 0;
	return json_object_set_new(o, key, json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v));
}

/* Members that clients reckon with: one that is not known is 0. */
static json_int_t known(uint64_t v)
{
	return v > INT64_MAX ? 0 : (json_int_t)v;
}

static json_t *cpu_to_json(const struct stats_sample *s)
{
	const struct cgroup_stats *g = &s->group;
	auto_(json) json_t *o = json_pack("{s:{s:I, s:I, s:I}, s:{s:I, s:I, s:I}}", "cpu_usage",
		"total_usage", known(g->cpu_usage_ns), "usage_in_kernelmode", known(g->cpu_system_ns),
		"usage_in_usermode", known(g->cpu_user_ns), "throttling_data", "periods",
		known(g->cpu_periods), "throttled_periods", known(g->cpu_throttled_periods), "throttled_time",
		known(g->cpu_throttled_ns));

	if (!o || !s->taken)
		return take_ptr(&o);
	return set_number(o, "system_cpu_usage", s->host.cpu_ns) < 0 ||
			set_number(o, "online_cpus", s->host.online_cpus) < 0
		? NULL
		: take_ptr(&o);
}

static json_t *memory_to_json(const struct stats_sample *s, bool v1)
{
	static const char *const names[2][3] = { { "inactive_file", "anon", "file" },
		{ "total_inactive_file", "total_rss", "total_cache" } };
	const struct cgroup_stats *g = &s->group;
	const uint64_t values[] = { g->memory_inactive_file, g->memory_anon, g->memory_file };
	uint64_t limit = g->memory_limit < s->host.memory_bytes ? g->memory_limit : s->host.memory_bytes;
	auto_(json) json_t *o = json_object();
	json_t *stats = json_object();
	int r = 0;

	if (!s->taken) {
		json_decref(stats);
		return take_ptr(&o);
	}
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		r |= set_number(stats, names[v1][i], values[i]);
	r |= v1 ? set_number(stats, "total_swap", g->memory_swap) : 0;
	r |= set_number(o, "usage", g->memory_usage) | set_number(o, "max_usage", g->memory_max_usage);
	r |= json_object_set_new(o, "stats", stats) | set_number(o, "limit", limit);
	return r ? NULL : take_ptr(&o);
}

static int add_io(json_t *list, const struct cgroup_io_stat *io, const char *op, uint64_t v)
{
	return v == UINT64_MAX
		? 0
		: json_array_append_new(list,
			  json_pack("{s:I, s:I, s:s, s:I}", "major", (json_int_t)io->major, "minor",
				  (json_int_t)io->minor, "op", op, "value", known(v)));
}

static json_t *io_to_json(const struct stats_sample *s)
{
	auto_(json) json_t *bytes = json_array();
	auto_(json) json_t *requests = json_array();
	int r = 0;

	for (size_t i = 0; s->taken && i < s->group.n_io; i++) {
		const struct cgroup_io_stat *io = &s->group.io[i];
		r |= add_io(bytes, io, "read", io->rbytes) | add_io(bytes, io, "write", io->wbytes);
		r |= add_io(requests, io, "read", io->rios) | add_io(requests, io, "write", io->wios);
	}
	return r ? NULL
		 : json_pack("{s:O, s:O}", "io_service_bytes_recursive", bytes, "io_serviced_recursive",
			   requests);
}

static json_t *pids_to_json(const struct stats_sample *s)
{
	auto_(json) json_t *o = json_object();

	if (s->taken &&
		(set_number(o, "current", s->group.pids_current) < 0 ||
			set_number(o, "limit", s->group.pids_limit) < 0))
		return NULL;
	return take_ptr(&o);
}

json_t *stats_to_json(const char *id, const char *name, const struct stats_sample *before,
	const struct stats_sample *now, bool v1)
{
	static const struct stats_sample none;
	char read[CLOCK_TEXT_MAX], preread[CLOCK_TEXT_MAX];

	if (before->generation != now->generation) /* the numbers of another run */
		before = &none;
	(void)clock_format_rfc3339(now->taken ? now->time_ns : CLOCK_NEVER, read);
	(void)clock_format_rfc3339(before->taken ? before->time_ns : CLOCK_NEVER, preread);
	return json_pack("{s:s, s:s, s:s, s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:{}, s:{}}", "id", id, "name",
		name, "read", read, "preread", preread, "num_procs", 0, "pids_stats", pids_to_json(now),
		"cpu_stats", cpu_to_json(now), "precpu_stats", cpu_to_json(before), "memory_stats",
		memory_to_json(now, v1), "blkio_stats", io_to_json(now), "storage_stats", "networks");
}
