/* What a task uses and which processes it has. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/own.h"
#include "runtime/cgroup.h"
#include "supervisor/libcontainerd.h"

static int check_group(const struct container *c, struct err *e)
{
	return c->actual.pid > 0 && c->group.path[0]
		? 0
		: err_say(e, ENOENT, "container %s has no process", lc_id(c));
}

static int out_of_memory(struct err *e)
{
	return err_set(e, ENOMEM, "look at container");
}

static json_t *number(uint64_t n)
{
	return n == UINT64_MAX ? json_null() : json_integer((json_int_t)n);
}

static json_t *io_of(const struct cgroup_stats *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->n_io; i++) {
		const struct cgroup_io_stat *io = &s->io[i];
		(void)json_array_append_new(list,
			json_pack("{s:i, s:i, s:o, s:o, s:o, s:o}", "Major", (int)io->major, "Minor",
				(int)io->minor, "ReadBytes", number(io->rbytes), "WriteBytes",
				number(io->wbytes), "Reads", number(io->rios), "Writes", number(io->wios)));
	}
	return list;
}

int lc_stats(const struct container *c, json_t **out, struct err *e)
{
	struct cgroup_stats s;
	char read[CLOCK_TEXT_MAX];
	int r = check_group(c, e);

	if (r < 0 || (r = cgroup_read_stats(&c->group, c->engine->cgroups, &s, e)) < 0)
		return r;
	*out = json_pack(
		"{s:s, s:{s:o, s:o, s:o, s:o, s:o, s:o}, s:{s:o, s:o, s:o, s:o, s:o, s:o, s:o}, s:{s:o, s:o}, s:o}",
		"Read", clock_format_rfc3339(clock_real_ns(), read), "Cpu", "UsageNs", number(s.cpu_usage_ns),
		"UserNs", number(s.cpu_user_ns), "KernelNs", number(s.cpu_system_ns), "Periods",
		number(s.cpu_periods), "ThrottledPeriods", number(s.cpu_throttled_periods), "ThrottledNs",
		number(s.cpu_throttled_ns), "Memory", "Usage", number(s.memory_usage), "Limit",
		number(s.memory_limit), "MaxUsage", number(s.memory_max_usage), "InactiveFile",
		number(s.memory_inactive_file), "Anon", number(s.memory_anon), "File", number(s.memory_file),
		"Swap", number(s.memory_swap), "Pids", "Current", number(s.pids_current), "Limit",
		number(s.pids_limit), "Io", io_of(&s));
	return *out ? 0 : out_of_memory(e);
}

int lc_pids(const struct container *c, json_t **out, struct err *e)
{
	auto_free pid_t *pids = NULL;
	int n = check_group(c, e);

	if (n < 0 || (n = cgroup_pids(&c->group, c->engine->cgroups, &pids, e)) < 0)
		return n;
	json_t *list = json_array();
	for (int i = 0; i < n; i++)
		(void)json_array_append_new(list, json_integer(pids[i]));
	*out = list;
	return list ? 0 : out_of_memory(e);
}

/* Fields of proc(5)'s stat, by their numbers there. */
static uint64_t stat_field(const char *after_comm, int number_of)
{
	for (int at = 3; *after_comm && at < number_of; at++) {
		after_comm += strcspn(after_comm, " ");
		after_comm += *after_comm == ' ';
	}
	return strtoull(after_comm, NULL, 10);
}

/* NULL: it has ended meanwhile. */
static json_t *process_of(pid_t pid, uint64_t tick_ns, uint64_t page)
{
	char path[32], text[1024];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (io_read_text(AT_FDCWD, path, text, sizeof(text)) < 0)
		return NULL;
	char *name = strchr(text, '('), *end = strrchr(text, ')');
	if (!name || !end || end[1] != ' ' || !end[2])
		return NULL;
	*end = '\0';
	const char *rest = end + 2, state[2] = { rest[0], '\0' };
	json_t *word = json_string(name + 1); /* its own choice, and so any bytes */
	return json_pack("{s:i, s:o, s:s, s:I, s:I, s:I}", "ProcessID", (int)pid, "Name",
		word ? word : json_string("?"), "State", state, "UserTimeNs",
		(json_int_t)(stat_field(rest, 14) * tick_ns), "KernelTimeNs",
		(json_int_t)(stat_field(rest, 15) * tick_ns), "MemoryBytes",
		(json_int_t)(stat_field(rest, 24) * page));
}

int lc_summary(const struct container *c, json_t **out, struct err *e)
{
	auto_free pid_t *pids = NULL;
	uint64_t tick_ns = (uint64_t)NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK);
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	int n = check_group(c, e);

	if (n < 0 || (n = cgroup_pids(&c->group, c->engine->cgroups, &pids, e)) < 0)
		return n;
	json_t *list = json_array();
	for (int i = 0; i < n; i++) {
		json_t *one = process_of(pids[i], tick_ns, page);
		if (one)
			(void)json_array_append_new(list, one);
	}
	*out = list;
	return list ? 0 : out_of_memory(e);
}
