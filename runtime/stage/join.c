/* The joiner: reads its plan, enters the container's namespaces, clones the process as a child of whoever started us. */
#include "runtime/stage/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "base/sys.h"
#include "runtime/vclone.h"

#define PLAN_SMALL (64U << 10)

const struct plan *stage_read_plan(int fd)
{
	static char small[PLAN_SMALL] __attribute__((aligned(16)));
	char *bytes = small;
	ssize_t n = pread(fd, small, sizeof(small), 0);

	if (n == (ssize_t)sizeof(small)) { /* there may be more */
		struct stat st;
		if (fstat(fd, &st) < 0 || st.st_size > PLAN_MAX)
			return NULL;
		bytes = mmap(
			NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (bytes == MAP_FAILED)
			return NULL;
		n = pread(fd, bytes, (size_t)st.st_size, 0);
	}
	return n > 0 && plan_check(bytes, (size_t)n) == 0 ? (const struct plan *)(void *)bytes : NULL;
}

/* The first page of the memfd, where pids go. By a mapping, and not by write(2), so that RLIMIT_FSIZE does not matter. */
static struct plan *map_answer(void)
{
	void *page = mmap(NULL, sizeof(struct plan), PROT_READ | PROT_WRITE, MAP_SHARED, STAGE_FD_PLAN, 0);
	return page == MAP_FAILED ? NULL : page;
}

/* So the memfd never enters the container: no fork copies the mapping. */
static int keep_answer(struct plan *answer)
{
	if (!answer || madvise(answer, sizeof(*answer), MADV_DONTFORK) < 0)
		return -errno;
	(void)close(STAGE_FD_PLAN);
	return 0;
}

/* What only a process outside the user namespace may do; both are inherited. */
static int set_limits_outside(struct stage_ctx *c)
{
	if (c->plan->flags & PLAN_OOM_SCORE) {
		auto_close int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (proc_fd < 0)
			return stage_say(c, errno, "open", "/proc");
		int r = stage_set_oom_score(c, proc_fd);
		if (r < 0)
			return r;
	}
	return c->plan->join_ns & CLONE_NEWUSER ? stage_raise_limits(c) : 0;
}

static int enter(struct stage_ctx *c)
{
	/* One call for all: the kernel enters the user namespace first and leaves us where we were if any is refused. */
	int r = c->plan->join_ns ? setns(STAGE_FD_INIT, (int)c->plan->join_ns) : 0;
	while (r < 0 && errno == EUSERS) { /* whose heir we are is on his way out still */
		(void)sched_yield();
		r = setns(STAGE_FD_INIT, (int)c->plan->join_ns);
	}
	if (r < 0) {
		if (errno == ESRCH)
			return stage_tell(c, ESRCH, 0, "the container has ended", NULL);
		return stage_say(c, errno, "enter the container's namespaces", NULL);
	}
	(void)close(STAGE_FD_INIT);
	if (!(c->plan->join_ns & CLONE_NEWUSER))
		return 0;
#ifdef SYS_setresuid32
	if (syscall(SYS_setresgid32, 0, 0, 0) < 0 || syscall(SYS_setresuid32, 0, 0, 0) < 0)
#else
	if (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0)
#endif
		return stage_say(c, errno, "become root of the user namespace", NULL);
	/* The kernel made us dumpable or not by what the ids were; nobody inside may look before execve. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return 0;
}

/* The payload joins the v1 groups itself: by descriptors opened beforehand, which is the quick way. */
static int step_tasks(struct stage_ctx *c)
{
	for (uint32_t i = 0; i < c->plan->n_tasks; i++) {
		if (write(STAGE_FD_TASKS + (int)i, "0", 1) < 0)
			return stage_say(c, errno, "join a control group", NULL);
		(void)close(STAGE_FD_TASKS + (int)i);
	}
	return 0;
}

static int step_root(struct stage_ctx *c)
{
	c->root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return c->root_fd < 0 ? stage_say(c, errno, "open", "/") : 0;
}

static _Noreturn void payload(struct stage_ctx *c)
{
	static const struct stage_step first[] = { { "cgroup", step_tasks },
		{ "terminal", stage_new_session } };

	stage_run(c, first, sizeof(first) / sizeof(first[0]));
	stage_run(c, stage_exec_steps, stage_exec_count);
	_exit(128); /* not reached: the last step executes or fails */
}

/* All that takes rights is done here, by a process which the container's pid namespace does not show. Whoever in there has
 * SYS_PTRACE may stop and rewrite the payload from its first instant on, and finds in it no more than he has himself. */
static void become(struct stage_ctx *c)
{
	static const struct stage_step first[] = { { "root", step_root } };

	c->joins = true;
	for (int i = 0; i < 3; i++)
		c->stdio[i] = c->plan->stdio_given >> i & 1 ? i : -1;
	stage_run(c, first, 1);
	stage_run(c, stage_prepare_steps, stage_prepare_count);
	stage_run(c, stage_become_steps, stage_become_count);
}

static _Noreturn void join(struct plan *answer)
{
	static const struct stage_step outside[] = { { "limits", set_limits_outside }, { "setns", enter } };
	const struct plan *plan;
	struct stage_ctx c;

	plan = stage_read_plan(STAGE_FD_PLAN);
	if (!plan)
		_exit(128);
	stage_init(&c, plan, STAGE_FD_REPORT);
	int r = keep_answer(answer);
	if (r < 0) {
		(void)stage_say(&c, -r, "map the plan", NULL);
		stage_fail(&c, "plan", -r);
	}
	stage_run(&c, outside, sizeof(outside) / sizeof(outside[0]));

	become(&c);

	/* The kernel stores the pid before the child's first instruction, so whatever the child reports comes after it.
	 * CLONE_PARENT takes our exit signal, SIGCHLD. Not clone3: a filter cannot look into its arguments, so docker's
	 * profile refuses it. */
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | CLONE_PARENT_SETTID, 0, &answer->out_pid, 0, 0);
	if (pid < 0) {
		int err = errno;
		(void)stage_say(&c, err, "clone the process", NULL);
		stage_fail(&c, "clone", err);
	}
	if (pid == 0)
		payload(&c);
	_exit(0);
}

/* CVE-2016-9962: from here on nobody in the container can trace us or open what we hold. */
static void hide(void)
{
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* cannot fail with this argument */
}

_Noreturn void stage_join_main(void)
{
	hide();
	(void)close(STAGE_FD_GROUP);
	join(map_answer());
}

/* Who started us is gone. Whoever came after him may have killed the exec's group before we were in it. */
static bool is_orphan(void)
{
	struct pollfd p = { .fd = STAGE_FD_REPORT };
	return poll(&p, 1, 0) > 0;
}

_Noreturn void stage_enter_main(void)
{
	hide();
	struct plan *answer = map_answer();
	if (!answer)
		_exit(errno);
	answer->out_stage = 0; /* in memory now: the kernel's own store cannot fail */
	struct clone_args args = { .flags = CLONE_PARENT | CLONE_PARENT_SETTID | CLONE_INTO_CGROUP,
		.parent_tid = (uint64_t)(uintptr_t)&answer->out_stage,
		.cgroup = STAGE_FD_GROUP };
	int r = vclone_heir(&args);
	if (r < 0)
		_exit(-r);
	(void)close(STAGE_FD_GROUP);
	if (is_orphan())
		_exit(128);
	join(answer);
}
