#include "init/reap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init/say.h"
#include "init/slots.h"

static const char *parse_number(const char *p, uint64_t *out)
{
	uint64_t n = 0;
	if (*p < '0' || *p > '9')
		return NULL;
	for (; *p >= '0' && *p <= '9'; p++)
		n = n * 10 + (uint64_t)(*p - '0');
	*out = n;
	return p;
}

int reap_parse_stat(const char *stat, int32_t *out_parent, uint64_t *out_start_ticks)
{
	/* "PID (COMM) S PPID ...": COMM may hold anything, so count from its last bracket, which ends field 2. */
	const char *p = strrchr(stat, ')');
	uint64_t parent = 0, start = 0;

	for (int field = 3; p && field <= 22; field++) {
		p = strchr(p, ' ');
		if (!p)
			break;
		p++;
		if ((field == 4 && !parse_number(p, &parent)) || (field == 22 && !parse_number(p, &start)))
			return -EBADMSG;
	}
	if (!p)
		return -EBADMSG;
	*out_parent = (int32_t)parent;
	*out_start_ticks = start;
	return 0;
}

int reap_look_at(int32_t pid, int32_t *out_parent, uint64_t *out_start_ticks)
{
	char path[40] = "/proc/", text[512];

	if (pid <= 0)
		return -ESRCH;
	strcat(strcat(path, say_number(pid)), "/stat");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	int r = n < 0 ? -errno : 0;
	(void)close(fd); /* read only */
	if (r < 0)
		return r;
	text[n] = '\0';
	return reap_parse_stat(text, out_parent, out_start_ticks);
}

bool reap_one(int32_t supervisor, struct keeper_msg_slot *out)
{
	siginfo_t info;
	int32_t parent;

	info.si_pid = 0;
	if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0 || info.si_pid == 0)
		return false;
	*out = (struct keeper_msg_slot){ .pid = info.si_pid,
		.exited = 1,
		.code = info.si_code,
		.value = info.si_status,
		.real_ns = say_real_ns(),
		.mono_ns = say_mono_ns() };
	if (reap_look_at(out->pid, &parent, &out->start_ticks) < 0)
		out->start_ticks = 0; /* no /proc: still known by its pid while it is a zombie */
	if (out->pid != supervisor)
		slots_record(out);
	/* Recorded: only now may its pid be given to another process. */
	(void)waitid(P_PID, (id_t)out->pid, &info, WEXITED | WNOHANG | __WALL);
	return true;
}

bool reap_kill_children(void)
{
	char text[4096];
	bool any = false;

	/* CONFIG_PROC_CHILDREN; where it is missing nobody is killed and the wait for them runs into its deadline. */
	int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	(void)close(fd); /* read only */
	text[n < 0 ? 0 : n] = '\0';
	for (const char *p = text; *p;) {
		uint64_t pid;
		const char *end = parse_number(p, &pid);
		if (!end || *end != ' ')
			break; /* cut by the buffer's end: the next call gets it */
		any = kill((pid_t)pid, SIGKILL) == 0 || any;
		p = end + 1;
	}
	return any;
}
