/* archive_confine - what the process gives up once it is in the container's root. */
#include <errno.h>
#include <linux/securebits.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/capability.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "runtime/archive_int.h"

#define DATA_MAX (512U << 20)

/* Files of any owner, with any owner, mode and attribute. */
static const cap_value_t kept[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_FSETID,
	CAP_SETFCAP, CAP_MKNOD };

static int give_up_capabilities(void)
{
	cap_t caps = cap_init();
	int r = caps ? 0 : -ENOMEM;

	if (r == 0 &&
		(cap_set_flag(caps, CAP_PERMITTED, ARRAY_LEN(kept), kept, CAP_SET) < 0 ||
			cap_set_flag(caps, CAP_EFFECTIVE, ARRAY_LEN(kept), kept, CAP_SET) < 0))
		r = -errno;
	/* Those that this process was never given cannot be kept. */
	cap_t own = r == 0 ? cap_get_proc() : NULL;
	for (size_t i = 0; own && i < ARRAY_LEN(kept); i++) {
		cap_flag_value_t has = CAP_CLEAR;
		(void)cap_get_flag(own, kept[i], CAP_PERMITTED, &has);
		if (has == CAP_CLEAR) {
			(void)cap_set_flag(caps, CAP_PERMITTED, 1, &kept[i], CAP_CLEAR);
			(void)cap_set_flag(caps, CAP_EFFECTIVE, 1, &kept[i], CAP_CLEAR);
		}
	}
	if (r == 0 && cap_set_proc(caps) < 0)
		r = -errno;
	(void)cap_free(own);
	(void)cap_free(caps);
	return r;
}

/* What is made in a file system of the container's user namespace must belong to one of its ids. */
static int take_file_ids(const struct tar_id_maps *ids)
{
	uint32_t uid = tar_id_host(ids->uids, ids->n_uids, 0), gid = tar_id_host(ids->gids, ids->n_gids, 0);

	if (uid == UINT32_MAX || gid == UINT32_MAX || (uid == 0 && gid == 0))
		return 0;
	if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) < 0) /* the capabilities stay */
		return -errno;
	(void)setfsgid(gid);
	(void)setfsuid(uid);
	return (uint32_t)setfsuid((uid_t)-1) == uid ? 0 : -EPERM;
}

#ifdef __SANITIZE_ADDRESS__
static int filter_calls(void)
{
	return 0; /* a sanitizer has calls of its own to make */
}
#else
static const int allowed[] = { SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev),
	SCMP_SYS(close), SCMP_SYS(lseek), SCMP_SYS(_llseek), SCMP_SYS(fcntl), SCMP_SYS(fcntl64),
	SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(stat), SCMP_SYS(fstat), SCMP_SYS(lstat),
	SCMP_SYS(stat64), SCMP_SYS(fstat64), SCMP_SYS(lstat64), SCMP_SYS(newfstatat), SCMP_SYS(fstatat64),
	SCMP_SYS(statx), SCMP_SYS(statfs), SCMP_SYS(fstatfs), SCMP_SYS(fstatfs64), SCMP_SYS(getdents),
	SCMP_SYS(getdents64), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(mkdir), SCMP_SYS(mkdirat),
	SCMP_SYS(mknod), SCMP_SYS(mknodat), SCMP_SYS(link), SCMP_SYS(linkat), SCMP_SYS(symlink),
	SCMP_SYS(symlinkat), SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(rmdir), SCMP_SYS(renameat2),
	SCMP_SYS(fchown), SCMP_SYS(fchown32), SCMP_SYS(fchownat), SCMP_SYS(fchmod), SCMP_SYS(fchmodat),
	SCMP_SYS(utimensat), SCMP_SYS(utimensat_time64), SCMP_SYS(ftruncate), SCMP_SYS(ftruncate64),
	SCMP_SYS(fgetxattr), SCMP_SYS(fsetxattr), SCMP_SYS(lsetxattr), SCMP_SYS(brk), SCMP_SYS(mmap),
	SCMP_SYS(mmap2), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(getrandom),
	SCMP_SYS(futex), SCMP_SYS(futex_time64), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigreturn),
	SCMP_SYS(restart_syscall), SCMP_SYS(exit), SCMP_SYS(exit_group) };

static int filter_calls(void)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = f ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(allowed); i++)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, allowed[i], 0);
	if (r == 0)
		r = seccomp_load(f); /* sets no_new_privs */
	seccomp_release(f);
	return r == -ECANCELED ? -EPERM : r;
}
#endif

int archive_confine(const struct archive_args *a, pid_t parent, struct err *e)
{
	struct rlimit files;
	int r = take_file_ids(&a->ids);

	if (r == 0)
		r = give_up_capabilities();
	if (r < 0)
		return err_set(e, -r, "archive: give up rights");
	/* A change of ids takes it away. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	(void)signal(SIGPIPE, SIG_IGN); /* who reads has gone: an error like others */
	(void)umask(0);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max; /* each level of a tree takes one */
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
#ifndef __SANITIZE_ADDRESS__
	/* How many names there are and how long is up to the container. */
	const struct rlimit data = { DATA_MAX, DATA_MAX };
	if (setrlimit(RLIMIT_DATA, &data) < 0)
		return err_set(e, errno, "archive: limit memory");
#endif
	r = filter_calls();
	return r < 0 ? err_set(e, -r, "archive: filter system calls") : 0;
}
