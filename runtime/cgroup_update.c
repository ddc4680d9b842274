/* New limits for a group in which processes run: all of them, or none. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/own.h"
#include "runtime/cgroup_private.h"

/* Every file that cgroup_set_resources() writes and that keeps one value. */
static const struct limit_file {
	enum cgroup_controller c;
	bool v2;
	const char *name;
} files[] = {
	{ CG_MEMORY, true, "memory.max" },
	{ CG_MEMORY, true, "memory.low" },
	{ CG_MEMORY, true, "memory.swap.max" },
	{ CG_CPU, true, "cpu.weight" },
	{ CG_CPU, true, "cpu.max" },
	{ CG_CPUSET, true, "cpuset.cpus" },
	{ CG_CPUSET, true, "cpuset.mems" },
	{ CG_PIDS, true, "pids.max" },
	{ CG_IO, true, "io.bfq.weight" },
	{ CG_IO, true, "io.weight" },
	{ CG_MEMORY, false, "memory.memsw.limit_in_bytes" },
	{ CG_MEMORY, false, "memory.limit_in_bytes" },
	{ CG_MEMORY, false, "memory.soft_limit_in_bytes" },
	{ CG_CPU, false, "cpu.shares" },
	{ CG_CPU, false, "cpu.cfs_period_us" },
	{ CG_CPU, false, "cpu.cfs_quota_us" },
	{ CG_CPUSET, false, "cpuset.cpus" },
	{ CG_CPUSET, false, "cpuset.mems" },
	{ CG_PIDS, false, "pids.max" },
	{ CG_IO, false, "blkio.weight" },
	{ CG_IO, false, "blkio.bfq.weight" },
};

struct saved {
	int dirfd; /* -1: there is no such file */
	char text[256];
};

static void save(const struct cgroup *g, const struct cgroup_root *r, struct saved s[ARRAY_LEN(files)])
{
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		bool v2;
		int dirfd = cgroup_home(g, r, files[i].c, &v2);
		s[i].dirfd = -1;
		if (dirfd < 0 || v2 != files[i].v2 ||
			io_read_text(dirfd, files[i].name, s[i].text, sizeof(s[i].text)) < 0)
			continue;
		s[i].text[strcspn(s[i].text, "\n")] =
			'\0'; /* of weights the default's line; we never set the others here */
		s[i].dirfd = dirfd;
	}
}

/* Twice: a file may refuse what another one, written later, makes possible. */
static void restore(const struct saved s[ARRAY_LEN(files)])
{
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < ARRAY_LEN(files); i++) {
			char now[256];
			if (s[i].dirfd < 0 || io_read_text(s[i].dirfd, files[i].name, now, sizeof(now)) < 0)
				continue;
			now[strcspn(now, "\n")] = '\0';
			if (strcmp(now, s[i].text) != 0) /* an empty cpuset is written as an empty line */
				(void)io_write_text(s[i].dirfd, files[i].name, *s[i].text ? s[i].text : "\n");
		}
	}
}

/* v2 takes a limit below what is in use, and kills for it. v1 refuses; so do we. */
static int check_memory(
	const struct cgroup *g, const struct cgroup_root *r, const struct spec_resources *res, struct err *e)
{
	bool v2;
	int dirfd = cgroup_home(g, r, CG_MEMORY, &v2);
	if (dirfd < 0 || !v2 || res->memory_limit <= 0) /* SPEC_UNSET is below 0 */
		return 0;
	uint64_t used = cgroup_read_number(dirfd, "memory.current");
	uint64_t cache = cgroup_read_keyed(dirfd, "memory.stat", "file");
	uint64_t shared = cgroup_read_keyed(dirfd, "memory.stat", "shmem");
	if (used == UINT64_MAX || cache == UINT64_MAX || shared == UINT64_MAX || cache < shared)
		return 0;
	cache -= shared; /* what can be given back without swap */
	used = used > cache ? used - cache : 0;
	if (used <= (uint64_t)res->memory_limit)
		return 0;
	return err_say(
		e, EBUSY, "set memory limit: %" PRIu64 " bytes are in use and could not be reclaimed", used);
}

int cgroup_update_resources(
	struct cgroup *g, struct cgroup_root *r, const struct spec_resources *res, struct err *e)
{
	struct saved before[ARRAY_LEN(files)];
	int ret = check_memory(g, r, res, e);
	if (ret < 0)
		return ret;
	save(g, r, before);
	ret = cgroup_set_resources(g, r, res, e);
	if (ret < 0)
		restore(before);
	return ret;
}
