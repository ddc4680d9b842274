#include "init/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "init/protocol.h"
#include "init/say.h"

_Static_assert(KEEPER_FD == 3, "the text below");
static char fd_text[] = KEEPER_FD_ENV "=3";
static char name_text[] = "berth";
static char verb_text[] = "supervise";

static char **child_argv, **child_envp;

bool spawn_is_relayed(int sig)
{
	static const int plain[] = { SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGTERM, SIGPWR };
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (sig == plain[i])
			return true;
	/* By number, not SIGRTMIN: libcs disagree about how many of the first ones they keep for themselves. */
	return sig >= 35 && sig <= 64;
}

int spawn_init(char **argv, char **envp)
{
	size_t count = 0;
	while (envp[count])
		count++;
	/* The one thing whose size is not known beforehand; it stays for life. */
	char **copy = mmap(NULL, (count + 2) * sizeof(*copy), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (copy == MAP_FAILED)
		return -errno;
	size_t n = 0;
	for (size_t i = 0; i < count; i++)
		if (strncmp(envp[i], KEEPER_FD_ENV "=", sizeof(KEEPER_FD_ENV)) != 0)
			copy[n++] = envp[i];
	copy[n++] = fd_text;
	argv[0] = name_text;
	argv[1] = verb_text;
	child_argv = argv;
	child_envp = copy;
	return 0;
}

static void reset_signals(void)
{
	sigset_t blocked;

	/* Handlers go with execve, but what was ignored stays so. */
	for (int sig = 1; sig <= 64; sig++)
		(void)signal(sig, SIG_DFL); /* those that cannot be changed need no change */
	sigemptyset(&blocked);
	for (int sig = 1; sig <= 64; sig++)
		if (spawn_is_relayed(sig))
			sigaddset(&blocked, sig);
	(void)sigprocmask(SIG_SETMASK, &blocked, NULL); /* fails for a bad first argument only */
}

__attribute__((noreturn)) static void run_child(int image_fd, int sock)
{
	reset_signals();
	(void)setsid(); /* fails for a group leader only, which a new child is not */
	if (sock == KEEPER_FD)
		(void)fcntl(sock, F_SETFD, 0);
	else
		(void)dup2(sock, KEEPER_FD);
	/* All else is CLOEXEC; this is for what the keeper's own starter may have left open. */
	(void)syscall(SYS_close_range, KEEPER_FD + 1, ~0U, 4 /* CLOSE_RANGE_CLOEXEC: since 5.11 */);
	(void)syscall(SYS_execveat, image_fd, "", child_argv, child_envp, AT_EMPTY_PATH);
	say("execute the supervisor: ", strerror(errno));
	_exit(127);
}

int spawn_supervisor(int image_fd, int *out_sock)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	/* fork() by hand: with the libc's come its locks and thread handling, a tenth of the whole program. */
	struct clone_args how = { .exit_signal = SIGCHLD };
	pid_t pid = (pid_t)syscall(SYS_clone3, &how, sizeof(how));
	if (pid == 0)
		run_child(image_fd, pair[1]);
	int r = pid < 0 ? -errno : pid;
	(void)close(pair[1]); /* the child's */
	if (r < 0)
		(void)close(pair[0]); /* unused */
	else
		*out_sock = pair[0];
	return r;
}
