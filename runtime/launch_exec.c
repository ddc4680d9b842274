#include "runtime/launch_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/io.h"
#include "base/text.h"
#include "runtime/launch_int.h"

#define RECORD_MAGIC 0x626c6578U

/* The record's memfd: this, then the ints of mount_fds and device_fds, then the hierarchies. Written and read by the same
 * program, so plain structs do; the pointers in .state are set anew. */
struct record {
	uint32_t magic;
	int config_fd, plan_fd;
	uint32_t n_mounts, n_devices; /* how many descriptors of each follow */
	struct launch_state state;
};

static int pass(int fd, struct err *e)
{
	if (fd < 0)
		return 0;
	int r = io_set_cloexec(fd, false);
	return r < 0 ? err_set(e, -r, "launch afresh: descriptor %d", fd) : 0;
}

static int pass_all(const struct launch_state *s, const struct record *rec, struct err *e)
{
	int single[] = { s->init.report_fd, s->init.root_fd, s->init.proc_fd, s->init.stage_fd,
		s->init.gate_fd, s->init.stdio[0], s->init.stdio[1], s->init.stdio[2], s->cgroup_dirfd,
		s->mntns_fd, s->keep_fd, rec->config_fd, rec->plan_fd, fault_fd() };
	int r = 0;
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(single); i++)
		r = pass(single[i], e);
	for (int i = 0; r == 0 && i < s->init.n_tasks; i++)
		r = pass(s->init.tasks[i], e);
	for (size_t i = 0; r == 0 && i < SPEC_NS_COUNT; i++)
		r = pass(s->join_fds[i], e);
	for (size_t i = 0; r == 0 && i < rec->n_mounts; i++)
		r = pass(s->init.mount_fds[i], e);
	for (size_t i = 0; r == 0 && i < rec->n_devices; i++)
		r = pass(s->init.device_fds[i], e);
	return r;
}

static int make_record(const struct launch_state *s, struct record *rec, struct err *e)
{
	auto_(buf) struct buf bytes = { 0 };
	int r = buf_add(&bytes, rec, sizeof(*rec));
	if (r == 0 && rec->n_mounts)
		r = buf_add(&bytes, s->init.mount_fds, rec->n_mounts * sizeof(int));
	if (r == 0 && rec->n_devices)
		r = buf_add(&bytes, s->init.device_fds, rec->n_devices * sizeof(int));
	if (r == 0 && s->init.n_hierarchies)
		r = buf_add(
			&bytes, s->init.hierarchies, s->init.n_hierarchies * sizeof(*s->init.hierarchies));
	if (r < 0)
		return err_set(e, -r, "launch afresh: record");
	return io_memfd_sealed("berth-launch", bytes.data, bytes.len, false, e);
}

int launch_exec_again(const struct launch_state *s, struct err *e)
{
	auto_(buf) struct buf config = { 0 };
	struct record rec = { .magic = RECORD_MAGIC, .config_fd = -1, .plan_fd = -1, .state = *s };
	char number[16];

	int r = spec_write(s->init.spec, &config, e);
	if (r < 0)
		return err_wrap(e, r, "launch afresh");
	rec.config_fd = io_memfd_sealed("berth-config", config.data, config.len, false, e);
	if (rec.config_fd < 0)
		return rec.config_fd;
	rec.plan_fd = io_memfd_sealed("berth-plan", s->init.plan, s->init.plan->size, false, e);
	if (rec.plan_fd < 0)
		return rec.plan_fd;
	rec.n_mounts = s->init.mount_fds ? (uint32_t)s->init.spec->n_mounts : 0;
	rec.n_devices = s->init.device_fds ? (uint32_t)(INIT_DEVICE_COUNT + s->init.spec->n_devices) : 0;
	int fd = make_record(s, &rec, e);
	if (fd < 0)
		return fd;
	r = pass(fd, e);
	if (r == 0)
		r = pass_all(s, &rec, e);
	if (r < 0)
		return r;
	(void)snprintf(number, sizeof(number), "%d", fd);
	/* What runs is what we are: /proc/self/exe is the sealed copy when we were started from one. */
	auto_close int self = openat(s->init.proc_fd, "self/exe", O_PATH | O_CLOEXEC);
	if (self < 0)
		return err_set(e, errno, "launch afresh: open /proc/self/exe");
	char *argv[] = { (char *)"berth", (char *)LAUNCH_EXEC_VERB, number, NULL };
	char *envp[FAULT_ENV + 1] = { NULL };
	fault_env(envp);
	(void)syscall(SYS_execveat, self, "", argv, envp, AT_EMPTY_PATH);
	return err_set(e, errno, "launch afresh: execute /proc/self/exe");
}

/* All of a memfd, mapped for good. */
static const void *map_fd(int fd, size_t *len)
{
	struct stat st;
	if (fstat(fd, &st) < 0 || st.st_size <= 0)
		return NULL;
	void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	*len = (size_t)st.st_size;
	(void)close(fd);
	return p == MAP_FAILED ? NULL : p;
}

/* Fills s from the record; its memory stays mapped. */
static int read_record(int fd, struct launch_state *s, struct err *e)
{
	size_t len = 0, config_len = 0, plan_len = 0;
	const struct record *rec = map_fd(fd, &len);

	if (!rec || len < sizeof(*rec) || rec->magic != RECORD_MAGIC)
		return err_say(e, EBADMSG, "launch afresh: not a record");
	*s = rec->state;
	size_t want = sizeof(*rec) + (rec->n_mounts + (size_t)rec->n_devices) * sizeof(int) +
		s->init.n_hierarchies * sizeof(struct init_hierarchy);
	if (len != want)
		return err_say(e, EBADMSG, "launch afresh: record of wrong size");
	const int *fds = (const int *)(rec + 1);
	s->init.mount_fds = fds;
	s->init.device_fds = rec->n_devices ? fds + rec->n_mounts : NULL;
	s->init.hierarchies =
		(const struct init_hierarchy *)(const void *)(fds + rec->n_mounts + rec->n_devices);

	const char *config = map_fd(rec->config_fd, &config_len);
	s->init.plan = map_fd(rec->plan_fd, &plan_len);
	if (!config || !s->init.plan)
		return err_say(e, EBADMSG, "launch afresh: no config or plan");
	int r = plan_check(s->init.plan, plan_len);
	if (r < 0)
		return err_set(e, -r, "launch afresh: plan");
	struct spec *spec = NULL;
	r = spec_parse(config, config_len, "/", &spec, e);
	if (r < 0)
		return err_wrap(e, r, "launch afresh");
	s->init.spec = spec;
	if (rec->n_mounts && spec->n_mounts != rec->n_mounts)
		return err_say(e, EBADMSG, "launch afresh: %zu mounts came over, not %u", spec->n_mounts,
			rec->n_mounts);
	return 0;
}

int launch_exec_main(int argc, char **argv)
{
	struct launch_state s = { .init.report_fd = -1, .pidfd = -1 };
	struct err e = { 0 };
	int64_t fd;

	/* exec made us dumpable again. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	if (argc != 2 || text_parse_int(argv[1], 3, 1 << 20, &fd) < 0)
		return 2;
	int r = read_record((int)fd, &s, &e);
	if (r < 0)
		launcher_fail(&s, r, &e);
	launcher_make_container(&s);
}
