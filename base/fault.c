#include "base/fault.h"

#ifdef BERTH_FAULTS

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/own.h"
#include "base/sys.h"

static int killer_fd = -1; /* our end of the socket to the helper */

/* What follows "NAME:" in BERTH_FAULT when it names this place (any place for NULL), else NULL. */
static const char *asked_for(const char *name)
{
	const char *value = getenv("BERTH_FAULT");
	const char *colon = value ? strrchr(value, ':') : NULL;
	if (!colon)
		return NULL;
	size_t len = (size_t)(colon - value);
	if (name && (strlen(name) != len || strncmp(name, value, len) != 0))
		return NULL;
	return colon + 1;
}

static _Noreturn void run_killer(int fd, pid_t target)
{
	char byte;
	(void)sys_close_range(0, (unsigned)fd - 1, 0);
	(void)sys_close_range((unsigned)fd + 1, ~0U, 0);
	if (read(fd, &byte, 1) == 1)
		(void)kill(target, SIGKILL);
	_exit(0);
}

void fault_arm(void)
{
	const char *what = asked_for(NULL);
	int pair[2];
	if (!what || strcmp(what, "supervisor") != 0 || killer_fd >= 0)
		return;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		abort(); /* a test build that cannot do what it is asked for must not look like success */
	pid_t target = getpid();
	pid_t pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0)
		run_killer(pair[1], target);
	(void)close(pair[1]);
	killer_fd = pair[0];
}

void fault_disarm(void)
{
	own_close(&killer_fd);
}

int fault_fd(void)
{
	const char *inherited = getenv("BERTH_FAULT_FD");
	return killer_fd < 0 && inherited ? atoi(inherited) : killer_fd;
}

void fault_env(char **envp)
{
	static char what[256], fd[32];
	const char *value = getenv("BERTH_FAULT");
	envp[0] = NULL;
	if (!value || snprintf(what, sizeof(what), "BERTH_FAULT=%s", value) >= (int)sizeof(what))
		return;
	(void)snprintf(fd, sizeof(fd), "BERTH_FAULT_FD=%d", killer_fd);
	envp[0] = what;
	envp[1] = killer_fd >= 0 ? fd : NULL;
	envp[2] = NULL;
}

void fault_come_to(const char *marked_name)
{
	const char *what = asked_for(marked_name + strlen(FAULT_MARK));
	if (!what)
		return;
	if (strcmp(what, "self") == 0) {
		(void)syscall(SYS_kill, (pid_t)syscall(SYS_getpid), SIGKILL);
		_exit(137); /* pid 1 of a pid namespace is deaf to its own SIGKILL */
	}
	if (strcmp(what, "stop") == 0)
		(void)syscall(SYS_kill, (pid_t)syscall(SYS_getpid), SIGSTOP);
	char byte = 0;
	/* The second read ends when the helper has killed and gone, so that what follows here runs without a supervisor. */
	int fd = fault_fd();
	if (strcmp(what, "supervisor") == 0 && fd >= 0 && send(fd, &byte, 1, MSG_NOSIGNAL) == 1)
		(void)!read(fd, &byte, 1);
}

#endif
