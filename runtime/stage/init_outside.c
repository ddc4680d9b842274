/*
 * init_outside - the init of a container that joins a pid namespace with others in it, made outside of that namespace.
 *
 * Whoever is in there with the right to trace (SYS_PTRACE, no user namespace) may stop and rewrite a process from its first
 * instant on. So all that takes rights is done by a process which that namespace does not show. When ids, capabilities and
 * filter are the payload's, it clones the payload into the namespace, which waits there for its release, and ends.
 *
 * Only a procfs of that namespace could not be had from outside before Linux 6.18, with its option "pidns": who opens one is
 * who it shows. There a short-lived process goes in that can do nothing but that: with CAP_SYS_ADMIN alone, one descriptor,
 * and a filter that leaves it fsopen, sendmsg and exit. What it opened is configured and mounted outside.
 *
 * Source:  pid_namespaces(7), ptrace(2), seccomp(2), fsopen(2); Documentation/filesystems/proc.rst for "pidns".
 */
#include "runtime/stage/init.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/own.h"
#include "base/sys.h"

#if defined(__x86_64__)
#define OWN_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCH AUDIT_ARCH_AARCH64
#elif defined(__arm__)
#define OWN_ARCH AUDIT_ARCH_ARM
#elif defined(__i386__)
#define OWN_ARCH AUDIT_ARCH_I386
#elif defined(__riscv) && __riscv_xlen == 64
#define OWN_ARCH AUDIT_ARCH_RISCV64
#endif

#define OPENER_FD 3

static const struct init_job *job_of(const struct stage_ctx *c)
{
	return ((const struct init *)c->priv)->job;
}

/* ---- a procfs of the namespace, before Linux 6.18 */

#define ALLOW(nr)                                                                                            \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static int confine_opener(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2] = { { .effective = 1U << CAP_SYS_ADMIN,
		.permitted = 1U << CAP_SYS_ADMIN } };
#ifdef OWN_ARCH
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCH, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		ALLOW(SYS_fsopen),
		ALLOW(SYS_sendmsg),
		ALLOW(SYS_exit),
		ALLOW(SYS_exit_group),
		ALLOW(SYS_wait4),
		/* One more of the same kind, and into no namespace. */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SIGCHLD, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog prog = { .len = sizeof(code) / sizeof(code[0]), .filter = code };
#endif

	if (syscall(SYS_capset, &head, caps) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
#ifdef OWN_ARCH
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0 ? -errno : 0;
#else
	return -ENOSYS; /* a filter without the architecture's name would keep nothing out */
#endif
}

/* By the plain call: the libc's sendmsg may be another one. */
static void send_fd(int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	char byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };

	memset(&control, 0, sizeof(control));
	struct cmsghdr *h = CMSG_FIRSTHDR(&msg);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &fd, sizeof(int));
	(void)syscall(SYS_sendmsg, OPENER_FD, &msg, MSG_NOSIGNAL); /* else: the reader sees the end */
}

/* Outside still. Its child is in the namespace, and has nothing but the socket. */
static _Noreturn void run_opener(int pid_ns_fd, int sock)
{
	if (setns(pid_ns_fd, CLONE_NEWPID) < 0 || dup3(sock, OPENER_FD, O_CLOEXEC) < 0 ||
		sys_close_range(OPENER_FD + 1, ~0U, 0) < 0 || confine_opener() < 0)
		_exit(1);
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (pid == 0) {
		int fd = (int)syscall(SYS_fsopen, "proc", FSOPEN_CLOEXEC);
		if (fd >= 0)
			send_fd(fd);
		(void)syscall(SYS_exit_group, fd < 0);
	}
	if (pid > 0)
		(void)syscall(SYS_wait4, pid, NULL, 0, NULL);
	for (;;)
		(void)syscall(SYS_exit_group, 0);
}

static int receive_fd(int sock)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	/* CMSG_LEN: no room for a second one. */
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = CMSG_LEN(sizeof(int)) };
	ssize_t n;
	int fd = -1;

	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	struct cmsghdr *h = n == 1 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (h && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS &&
		h->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(h), sizeof(int));
	return fd;
}

static int proc_from_within(struct stage_ctx *c)
{
	int pair[2], status;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return stage_say(c, errno, "make a socket pair", NULL);
	auto_close int ours = pair[0], theirs = pair[1];
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (pid < 0)
		return stage_say(c, errno, "fork", NULL);
	if (pid == 0)
		run_opener(job_of(c)->pid_ns_fd, theirs);
	own_close(&theirs);
	auto_close int fd = receive_fd(ours);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	/* No other file system knows this word, so it is one of proc: the opener could be made to open another kind. */
	if (fd < 0 || fsconfig(fd, FSCONFIG_SET_STRING, "hidepid", "0", 0) < 0)
		return stage_tell(c, EPERM, 0,
			"no proc file system could be opened in the pid namespace to join", NULL);
	return take_fd(&fd);
}

static int open_proc(struct stage_ctx *c)
{
	auto_close int fd = fsopen("proc", FSOPEN_CLOEXEC);
	if (fd < 0)
		return stage_say(c, errno, "open file system", "proc");
	if (fsconfig(fd, FSCONFIG_SET_FD, "pidns", NULL, job_of(c)->pid_ns_fd) == 0)
		return take_fd(&fd);
	if (errno != EINVAL) /* the word is not known */
		return stage_say(c, errno, "name the pid namespace of", "proc");
	return proc_from_within(c);
}

int init_outside_enter(struct stage_ctx *c)
{
	struct init *init = c->priv;
	const struct init_job *job = init->job;

	if (job->pid_ns_fd < 0)
		return 0;
	for (size_t i = 0; job->mount_fds && i < job->spec->n_mounts; i++) {
		const char *type = job->spec->mounts[i].type;
		if (job->mount_fds[i] >= 0 || !type || strcmp(type, "proc") != 0)
			continue;
		if (init->n_proc == INIT_PROC_MAX)
			return stage_tell(c, E2BIG, 0, "too many mounts of type proc", NULL);
		int fd = open_proc(c);
		if (fd < 0)
			return fd;
		init->proc_fds[init->n_proc++] = fd;
	}
	/* Our children will be in there; we never are. Before a user namespace takes the right to it. */
	if (setns(job->pid_ns_fd, CLONE_NEWPID) < 0)
		return stage_say(c, errno, "join the pid namespace", NULL);
	(void)close(job->pid_ns_fd);
	return 0;
}

/* ---- the payload */

static _Noreturn void payload(struct stage_ctx *c)
{
	static const struct stage_step first[] = { { "terminal", stage_new_session } };

	stage_wait_for_release(c);
	fault_point("init.released");
	stage_run(c, first, 1);
	stage_run(c, stage_exec_steps, stage_exec_count);
	_exit(128); /* not reached: the last step executes or fails */
}

_Noreturn void init_outside_become(struct stage_ctx *c)
{
	int32_t *out_pid = job_of(c)->out_pid;

	/* Where the launcher learns of its pid, and trusts what it reads: the payload must not have it. */
	if (madvise(out_pid, sizeof(*out_pid), MADV_DONTFORK) < 0) {
		int err = errno;
		(void)stage_say(c, err, "keep a page", NULL);
		stage_fail(c, "clone", err);
	}
	stage_run(c, stage_become_steps, stage_become_count);
	/* As in join.c: written before the child's first instruction, and a call that filters know. */
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | CLONE_PARENT_SETTID, 0, out_pid, 0, 0);
	if (pid < 0) {
		int err = errno;
		(void)stage_say(c, err, "clone the process", NULL);
		stage_fail(c, "clone", err);
	}
	if (pid == 0)
		payload(c);
	_exit(0);
}
