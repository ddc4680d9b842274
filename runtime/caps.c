#include "runtime/caps.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/text.h"

#define BIT(cap) (UINT64_C(1) << (cap))

static const char *const names[] = {
	[CAP_CHOWN] = "CAP_CHOWN",
	[CAP_DAC_OVERRIDE] = "CAP_DAC_OVERRIDE",
	[CAP_DAC_READ_SEARCH] = "CAP_DAC_READ_SEARCH",
	[CAP_FOWNER] = "CAP_FOWNER",
	[CAP_FSETID] = "CAP_FSETID",
	[CAP_KILL] = "CAP_KILL",
	[CAP_SETGID] = "CAP_SETGID",
	[CAP_SETUID] = "CAP_SETUID",
	[CAP_SETPCAP] = "CAP_SETPCAP",
	[CAP_LINUX_IMMUTABLE] = "CAP_LINUX_IMMUTABLE",
	[CAP_NET_BIND_SERVICE] = "CAP_NET_BIND_SERVICE",
	[CAP_NET_BROADCAST] = "CAP_NET_BROADCAST",
	[CAP_NET_ADMIN] = "CAP_NET_ADMIN",
	[CAP_NET_RAW] = "CAP_NET_RAW",
	[CAP_IPC_LOCK] = "CAP_IPC_LOCK",
	[CAP_IPC_OWNER] = "CAP_IPC_OWNER",
	[CAP_SYS_MODULE] = "CAP_SYS_MODULE",
	[CAP_SYS_RAWIO] = "CAP_SYS_RAWIO",
	[CAP_SYS_CHROOT] = "CAP_SYS_CHROOT",
	[CAP_SYS_PTRACE] = "CAP_SYS_PTRACE",
	[CAP_SYS_PACCT] = "CAP_SYS_PACCT",
	[CAP_SYS_ADMIN] = "CAP_SYS_ADMIN",
	[CAP_SYS_BOOT] = "CAP_SYS_BOOT",
	[CAP_SYS_NICE] = "CAP_SYS_NICE",
	[CAP_SYS_RESOURCE] = "CAP_SYS_RESOURCE",
	[CAP_SYS_TIME] = "CAP_SYS_TIME",
	[CAP_SYS_TTY_CONFIG] = "CAP_SYS_TTY_CONFIG",
	[CAP_MKNOD] = "CAP_MKNOD",
	[CAP_LEASE] = "CAP_LEASE",
	[CAP_AUDIT_WRITE] = "CAP_AUDIT_WRITE",
	[CAP_AUDIT_CONTROL] = "CAP_AUDIT_CONTROL",
	[CAP_SETFCAP] = "CAP_SETFCAP",
	[CAP_MAC_OVERRIDE] = "CAP_MAC_OVERRIDE",
	[CAP_MAC_ADMIN] = "CAP_MAC_ADMIN",
	[CAP_SYSLOG] = "CAP_SYSLOG",
	[CAP_WAKE_ALARM] = "CAP_WAKE_ALARM",
	[CAP_BLOCK_SUSPEND] = "CAP_BLOCK_SUSPEND",
	[CAP_AUDIT_READ] = "CAP_AUDIT_READ",
	[CAP_PERFMON] = "CAP_PERFMON",
	[CAP_BPF] = "CAP_BPF",
	[CAP_CHECKPOINT_RESTORE] = "CAP_CHECKPOINT_RESTORE",
};
_Static_assert(ARRAY_LEN(names) <= 64, "a set is one word");

int caps_from_name(const char *name)
{
	if (strncasecmp(name, "CAP_", 4) == 0)
		name += 4;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcasecmp(names[i] + 4, name) == 0)
			return (int)i;
	return -EINVAL;
}

const char *caps_name(int cap)
{
	return cap >= 0 && (size_t)cap < ARRAY_LEN(names) ? names[cap] : NULL;
}

uint64_t caps_all(void)
{
	char text[16];
	int64_t last;
	/* Without /proc (early boot): what this header knows; the stage masks what the kernel does not have. */
	if (io_read_text(AT_FDCWD, "/proc/sys/kernel/cap_last_cap", text, sizeof(text)) <= 0 ||
		text_parse_int(text, 0, 63, &last) < 0)
		last = (int64_t)ARRAY_LEN(names) - 1;
	return last == 63 ? UINT64_MAX : BIT(last + 1) - 1;
}

uint64_t caps_own(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	if (syscall(SYS_capget, &header, data) < 0)
		return 0;
	uint64_t own = data[0].permitted | (uint64_t)data[1].permitted << 32;
	for (int cap = 0; cap < 64; cap++)
		if ((own & BIT(cap)) && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 1)
			own &= ~BIT(cap);
	return own;
}

uint64_t caps_docker_default(void)
{
	return BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FSETID) | BIT(CAP_FOWNER) | BIT(CAP_MKNOD) |
		BIT(CAP_NET_RAW) | BIT(CAP_SETGID) | BIT(CAP_SETUID) | BIT(CAP_SETFCAP) | BIT(CAP_SETPCAP) |
		BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_SYS_CHROOT) | BIT(CAP_KILL) | BIT(CAP_AUDIT_WRITE);
}

/* The bits of a list; *all when ALL is in it. */
static int list_bits(const char *const *list, const char *what, uint64_t *out, bool *all, struct err *e)
{
	*out = 0;
	*all = false;
	for (; list && *list; list++) {
		if (strcasecmp(*list, "ALL") == 0) {
			*all = true;
			continue;
		}
		int cap = caps_from_name(*list);
		if (cap < 0)
			return err_say(e, EINVAL, "invalid %s: unknown capability: \"%s\"", what, *list);
		*out |= BIT(cap);
	}
	return 0;
}

int caps_tweak(uint64_t base, const char *const *add, const char *const *drop, uint64_t *out, struct err *e)
{
	uint64_t added, dropped;
	bool add_all, drop_all;
	int r = list_bits(add, "CapAdd", &added, &add_all, e);
	if (r == 0)
		r = list_bits(drop, "CapDrop", &dropped, &drop_all, e);
	if (r < 0)
		return r;
	/* Docker's order: add ALL takes away only the drops; drop ALL leaves only the adds; else base, drops, adds. */
	if (add_all)
		*out = caps_all() & ~dropped;
	else if (drop_all)
		*out = added;
	else
		*out = (base & ~dropped) | added;
	return 0;
}
