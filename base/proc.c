#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/own.h"
#include "base/sys.h"

int proc_parse_start_time(const char *stat, uint64_t *out_ticks)
{
	/* The command, field 2, may hold spaces and brackets: count on from its last one. */
	const char *p = strrchr(stat, ')');
	if (!p)
		return -EBADMSG;
	for (int field = 2; field < 22; field++) {
		p = strchr(p, ' ');
		if (!p)
			return -EBADMSG;
		p++;
	}
	char *end;
	errno = 0;
	unsigned long long ticks = strtoull(p, &end, 10);
	if (errno || end == p || (*end != ' ' && *end != '\0'))
		return -EBADMSG;
	*out_ticks = ticks;
	return 0;
}

int proc_start_time(pid_t pid, uint64_t *out_ticks)
{
	char path[32], stat[1024];
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	int n = io_read_text(AT_FDCWD, path, stat, sizeof(stat));
	if (n == -ENOENT)
		return -ESRCH;
	return n < 0 ? n : proc_parse_start_time(stat, out_ticks);
}

int proc_open(pid_t pid, uint64_t start_ticks)
{
	auto_close int pidfd = sys_pidfd_open(pid, 0);
	if (pidfd < 0)
		return -errno;
	uint64_t now_ticks;
	int r = proc_start_time(pid, &now_ticks);
	if (r < 0)
		return r;
	return now_ticks == start_ticks ? take_fd(&pidfd) : -ESRCH;
}

int proc_boot_id(char out[BOOT_ID_LEN + 1])
{
	int n = io_read_text(AT_FDCWD, "/proc/sys/kernel/random/boot_id", out, BOOT_ID_LEN + 1);
	return n < 0 ? n : n == BOOT_ID_LEN ? 0 : -EBADMSG;
}
