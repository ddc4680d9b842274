/* Who the process is: bounding set, groups, ids, capabilities, no_new_privs, seccomp. System calls are made directly: the
 * libc's wrappers of setresuid and friends would signal threads that do not exist here. */
#include "runtime/stage/stage.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/sys.h"

/* The plain numbers take 16-bit ids on 32-bit machines. */
#ifdef SYS_setresuid32
#define NR_SETRESUID SYS_setresuid32
#define NR_SETRESGID SYS_setresgid32
#define NR_SETGROUPS SYS_setgroups32
#define NR_GETGROUPS SYS_getgroups32
#else
#define NR_SETRESUID SYS_setresuid
#define NR_SETRESGID SYS_setresgid
#define NR_SETGROUPS SYS_setgroups
#define NR_GETGROUPS SYS_getgroups
#endif

int stage_drop_bounding(struct stage_ctx *c)
{
	char number[24];
	for (unsigned long cap = 0; cap < 64; cap++) {
		if (c->plan->cap_bounding >> cap & 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		if (errno == EINVAL)
			break; /* past the kernel's last one */
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 0)
			return stage_say(c, EPERM, "drop from the bounding set capability",
				stage_number((int64_t)cap, number));
	}
	return 0;
}

int stage_set_groups(struct stage_ctx *c)
{
	/* Always, and before the ids: the caller's own groups must not leak in. */
	if (syscall(NR_SETGROUPS, (size_t)c->n_groups, c->groups) < 0) {
		if (errno != EPERM || c->n_groups > 0 || syscall(NR_GETGROUPS, 0, NULL) != 0)
			return stage_say(c, errno, "set supplementary groups", NULL);
		/* denied in this user namespace, but there is none to take away */
	}
	if (syscall(NR_SETRESGID, c->gid, c->gid, c->gid) < 0) {
		char number[24];
		return stage_say(c, errno, "become group", stage_number(c->gid, number));
	}
	return 0;
}

/* execve takes all capabilities from a user that is not root but the ambient ones, so only for those (and for inheritable
 * ones, which can only be given by who has them) is it worth to carry them across the change. */
static bool keeps_caps(const struct stage_ctx *c)
{
	return c->uid != 0 && (c->plan->cap_ambient || c->plan->cap_inheritable);
}

int stage_set_ids(struct stage_ctx *c)
{
	char number[24];
	if (keeps_caps(c) && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return stage_say(c, errno, "keep capabilities", NULL);
	if (syscall(NR_SETRESUID, c->uid, c->uid, c->uid) < 0)
		return stage_say(c, errno, "become user", stage_number(c->uid, number));
	return 0;
}

static int missing_cap(struct stage_ctx *c, uint64_t wanted)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct now[2] = { 0 };
	char number[24];

	if (syscall(SYS_capget, &head, now) < 0)
		return stage_say(c, errno, "read capabilities", NULL);
	wanted &= ~(now[0].permitted | (uint64_t)now[1].permitted << 32);
	if (!wanted)
		return stage_say(c, EPERM, "set capabilities", NULL);
	return stage_tell(c, EPERM, 0, "set capabilities: number ",
		stage_number(__builtin_ctzll(wanted), number), " is not ours to give", NULL);
}

int stage_set_caps(struct stage_ctx *c)
{
	const struct plan *p = c->plan;
	bool none = c->uid != 0 && !keeps_caps(c);
	uint64_t effective = none ? 0 : p->cap_effective, permitted = none ? 0 : p->cap_permitted;
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ (uint32_t)effective, (uint32_t)permitted, (uint32_t)p->cap_inheritable },
		{ (uint32_t)(effective >> 32), (uint32_t)(permitted >> 32),
			(uint32_t)(p->cap_inheritable >> 32) },
	};

	if (syscall(SYS_capset, &head, data) < 0)
		return errno == EPERM ? missing_cap(c, permitted)
				      : stage_say(c, errno, "set capabilities", NULL);
	/* capset has just taken away all ambient ones that are not both permitted and inheritable. */
	if (permitted & p->cap_inheritable && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return stage_say(c, errno, "clear ambient capabilities", NULL);
	for (unsigned long cap = 0; cap < 64; cap++) {
		char number[24];
		if (p->cap_ambient >> cap & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return stage_say(
				c, errno, "raise ambient capability", stage_number((int64_t)cap, number));
	}
	return 0;
}

int stage_set_no_new_privs(struct stage_ctx *c)
{
	if (c->plan->flags & PLAN_NO_NEW_PRIVS && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return stage_say(c, errno, "set no_new_privs", NULL);
	return 0;
}

static int load_seccomp(struct stage_ctx *c)
{
	const struct plan *p = c->plan;
	struct sock_fprog prog = { .len = (unsigned short)p->seccomp_count,
		.filter = (void *)((const char *)p + p->seccomp_off) };

	int r = stage_send(c, STAGE_AT_EXEC, -1);
	if (r < 0 || p->seccomp_count == 0)
		return r;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, p->seccomp_flags, &prog) < 0)
		return stage_say(c, errno, "load the system call filter", NULL);
	return 0;
}

/* Needs CAP_SYS_ADMIN, which ids and capabilities are about to take away. */
int stage_load_seccomp_early(struct stage_ctx *c)
{
	return c->plan->flags & PLAN_NO_NEW_PRIVS ? 0 : load_seccomp(c);
}

int stage_load_seccomp_late(struct stage_ctx *c)
{
	return c->plan->flags & PLAN_NO_NEW_PRIVS ? load_seccomp(c) : 0;
}
