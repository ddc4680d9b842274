/* What a group has used, as struct cgroup_stats has it. A file that is not there leaves its numbers unknown. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "runtime/cgroup_private.h"

static uint64_t scaled(uint64_t v, uint64_t factor)
{
	return v == UINT64_MAX ? v : v * factor;
}

static void read_cpu_v2(int dirfd, struct cgroup_stats *s)
{
	s->cpu_usage_ns = scaled(cgroup_read_keyed(dirfd, "cpu.stat", "usage_usec"), 1000);
	s->cpu_user_ns = scaled(cgroup_read_keyed(dirfd, "cpu.stat", "user_usec"), 1000);
	s->cpu_system_ns = scaled(cgroup_read_keyed(dirfd, "cpu.stat", "system_usec"), 1000);
	s->cpu_periods = cgroup_read_keyed(dirfd, "cpu.stat", "nr_periods");
	s->cpu_throttled_periods = cgroup_read_keyed(dirfd, "cpu.stat", "nr_throttled");
	s->cpu_throttled_ns = scaled(cgroup_read_keyed(dirfd, "cpu.stat", "throttled_usec"), 1000);
}

static void read_cpuacct_v1(int dirfd, struct cgroup_stats *s)
{
	long ticks = sysconf(_SC_CLK_TCK);
	uint64_t tick_ns = 1000000000 / (uint64_t)(ticks > 0 ? ticks : 100);
	s->cpu_usage_ns = cgroup_read_number(dirfd, "cpuacct.usage");
	s->cpu_user_ns = scaled(cgroup_read_keyed(dirfd, "cpuacct.stat", "user"), tick_ns);
	s->cpu_system_ns = scaled(cgroup_read_keyed(dirfd, "cpuacct.stat", "system"), tick_ns);
}

static void read_cpu_v1(int dirfd, struct cgroup_stats *s)
{
	s->cpu_periods = cgroup_read_keyed(dirfd, "cpu.stat", "nr_periods");
	s->cpu_throttled_periods = cgroup_read_keyed(dirfd, "cpu.stat", "nr_throttled");
	s->cpu_throttled_ns = cgroup_read_keyed(dirfd, "cpu.stat", "throttled_time");
}

static void read_memory_v2(int dirfd, struct cgroup_stats *s)
{
	s->memory_usage = cgroup_read_number(dirfd, "memory.current");
	s->memory_limit = cgroup_read_number(dirfd, "memory.max");
	s->memory_max_usage = cgroup_read_number(dirfd, "memory.peak"); /* Linux 5.19 */
	s->memory_inactive_file = cgroup_read_keyed(dirfd, "memory.stat", "inactive_file");
	s->memory_anon = cgroup_read_keyed(dirfd, "memory.stat", "anon");
	s->memory_file = cgroup_read_keyed(dirfd, "memory.stat", "file");
	s->memory_swap = cgroup_read_number(dirfd, "memory.swap.current");
}

static void read_memory_v1(int dirfd, struct cgroup_stats *s)
{
	s->memory_usage = cgroup_read_number(dirfd, "memory.usage_in_bytes");
	s->memory_limit = cgroup_read_number(dirfd, "memory.limit_in_bytes");
	s->memory_max_usage = cgroup_read_number(dirfd, "memory.max_usage_in_bytes");
	s->memory_inactive_file = cgroup_read_keyed(dirfd, "memory.stat", "total_inactive_file");
	s->memory_anon = cgroup_read_keyed(dirfd, "memory.stat", "total_rss");
	s->memory_file = cgroup_read_keyed(dirfd, "memory.stat", "total_cache");
	s->memory_swap = cgroup_read_keyed(dirfd, "memory.stat", "total_swap");
}

static void read_pids(int dirfd, struct cgroup_stats *s)
{
	s->pids_current = cgroup_read_number(dirfd, "pids.current");
	s->pids_limit = cgroup_read_number(dirfd, "pids.max");
}

static struct cgroup_io_stat *find_device(struct cgroup_stats *s, uint32_t major, uint32_t minor)
{
	for (size_t i = 0; i < s->n_io; i++)
		if (s->io[i].major == major && s->io[i].minor == minor)
			return &s->io[i];
	if (s->n_io == CGROUP_IO_MAX)
		return NULL;
	s->io[s->n_io] = (struct cgroup_io_stat){ .major = major, .minor = minor };
	return &s->io[s->n_io++];
}

/* "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6" */
static void add_io_v2(char *line, struct cgroup_stats *s)
{
	uint32_t major, minor;
	if (sscanf(line, "%" SCNu32 ":%" SCNu32, &major, &minor) != 2)
		return;
	struct cgroup_io_stat *io = find_device(s, major, minor);
	char *save = NULL;
	for (char *word = strtok_r(line, " ", &save); io && word; word = strtok_r(NULL, " ", &save)) {
		uint64_t v;
		if (sscanf(word, "rbytes=%" SCNu64, &v) == 1)
			io->rbytes = v;
		else if (sscanf(word, "wbytes=%" SCNu64, &v) == 1)
			io->wbytes = v;
		else if (sscanf(word, "rios=%" SCNu64, &v) == 1)
			io->rios = v;
		else if (sscanf(word, "wios=%" SCNu64, &v) == 1)
			io->wios = v;
	}
}

/* "8:0 Read 1"; the file says whether that is bytes or requests. */
static void add_io_v1(const char *line, bool bytes, struct cgroup_stats *s)
{
	uint32_t major, minor;
	uint64_t v;
	char what[16];
	if (sscanf(line, "%" SCNu32 ":%" SCNu32 " %15s %" SCNu64, &major, &minor, what, &v) != 4)
		return;
	bool read = strcmp(what, "Read") == 0;
	if (!read && strcmp(what, "Write") != 0)
		return;
	struct cgroup_io_stat *io = find_device(s, major, minor);
	if (io && bytes)
		*(read ? &io->rbytes : &io->wbytes) = v;
	else if (io)
		*(read ? &io->rios : &io->wios) = v;
}

enum io_file { IO_V2, IO_V1_BYTES, IO_V1_REQUESTS };

static void read_io(int dirfd, const char *file, enum io_file kind, struct cgroup_stats *s)
{
	auto_(buf) struct buf text = { 0 };
	if (io_read_file(dirfd, file, 1 << 20, &text, NULL) < 0 || !text.data)
		return;
	char *save = NULL;
	for (char *line = strtok_r(text.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (kind == IO_V2)
			add_io_v2(line, s);
		else
			add_io_v1(line, kind == IO_V1_BYTES, s);
	}
}

int cgroup_read_stats(
	const struct cgroup *g, const struct cgroup_root *r, struct cgroup_stats *out, struct err *e)
{
	struct cgroup_stats s;
	bool v2;
	memset(&s, 0xff, sizeof(s)); /* every number unknown */
	s.n_io = 0;
	if (g->dirfd < 0 && g->n_v1 == 0)
		return err_set(e, ENOENT, "read statistics of cgroup '%s'", g->path);

	int dirfd = cgroup_home(g, r, CG_CPUACCT, &v2);
	if (dirfd >= 0)
		read_cpuacct_v1(dirfd, &s);
	dirfd = cgroup_home(g, r, CG_CPU, &v2);
	if (dirfd >= 0 && !v2)
		read_cpu_v1(dirfd, &s);
	else if (g->dirfd >= 0 &&
		s.cpu_usage_ns == UINT64_MAX) /* times are there without the controller too */
		read_cpu_v2(g->dirfd, &s);

	dirfd = cgroup_home(g, r, CG_MEMORY, &v2);
	if (dirfd >= 0)
		(v2 ? read_memory_v2 : read_memory_v1)(dirfd, &s);
	dirfd = cgroup_home(g, r, CG_PIDS, &v2);
	if (dirfd >= 0)
		read_pids(dirfd, &s);
	dirfd = cgroup_home(g, r, CG_IO, &v2);
	if (dirfd >= 0 && v2) {
		read_io(dirfd, "io.stat", IO_V2, &s);
	} else if (dirfd >= 0) {
		read_io(dirfd, "blkio.throttle.io_service_bytes_recursive", IO_V1_BYTES, &s);
		read_io(dirfd, "blkio.throttle.io_serviced_recursive", IO_V1_REQUESTS, &s);
	}
	*out = s;
	return 0;
}
