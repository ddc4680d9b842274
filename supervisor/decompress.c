#include "supervisor/decompress.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/sys.h"

#define NOBODY	 65534
#define HEAD_LEN 6
#define PAUSE_US 10000

const char *decompress_program(const void *head, size_t len)
{
	static const struct {
		const char *magic;
		size_t len;
		const char *program;
	} known[] = { { "\x1f\x8b", 2, "gzip" }, { "BZh", 3, "bzip2" }, { "\xfd\x37\x7a\x58\x5a", 5, "xz" },
		{ "\x28\xb5\x2f\xfd", 4, "zstd" } };

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (len >= known[i].len && memcmp(head, known[i].magic, known[i].len) == 0)
			return known[i].program;
	return NULL;
}

/* The first bytes of a pipe, which stay in it. */
static ssize_t look_ahead(int in_fd, char head[HEAD_LEN])
{
	for (;;) {
		struct pollfd p = { .fd = in_fd, .events = POLLIN };
		int pair[2];
		if (pipe2(pair, O_CLOEXEC) < 0)
			return -errno;
		auto_close int from = pair[0], to = pair[1];
		ssize_t n = tee(in_fd, to, HEAD_LEN, 0);
		if (n < 0 && errno != EINTR)
			return -errno;
		bool over = n == 0 || (poll(&p, 1, 0) > 0 && p.revents & POLLHUP);
		if (n == HEAD_LEN || over)
			return n > 0 ? read(from, head, HEAD_LEN) : 0;
		(void)usleep(PAUSE_US);
	}
}

/* In the child of the fork. */
__attribute__((noreturn)) static void become(
	const char *program, int in_fd, int out_fd, int failed_fd, pid_t parent)
{
	char *argv[] = { (char *)(uintptr_t)program, (char[]){ "-dc" }, NULL };
	char *envp[] = { NULL };
	int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC), failed = 0;

	if (dup2(in_fd, 0) < 0 || dup2(out_fd, 1) < 0 || dup2(null_fd, 2) < 0 || dup2(failed_fd, 3) < 0 ||
		io_set_cloexec(3, true) < 0 || sys_close_range(4, ~0U, 0) < 0)
		failed = errno;
	/* Without the right to (a test's) it runs as we do. */
	if (!failed && geteuid() == 0 &&
		(setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
			setresuid(NOBODY, NOBODY, NOBODY) < 0))
		failed = errno;
	if (!failed && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		failed = errno;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* after the change of ids, which takes it away */
	if (getppid() != parent)
		_exit(1);
	if (!failed) {
		(void)execvpe(program, argv, envp); /* libc's default path */
		failed = errno;
	}
	(void)io_write_full(3, &failed, sizeof(failed));
	_exit(1);
}

static int start(int in_fd, struct decompress *d, struct err *e)
{
	int data[2], fail[2], failed = 0;

	if (pipe2(data, O_CLOEXEC) < 0)
		return err_set(e, errno, "decompress the archive");
	auto_close int out = data[0], theirs = data[1];
	if (pipe2(fail, O_CLOEXEC) < 0)
		return err_set(e, errno, "decompress the archive");
	auto_close int failure = fail[0], their_failure = fail[1];
	pid_t parent = getpid(), pid = fork();
	if (pid < 0)
		return err_set(e, errno, "decompress the archive");
	if (pid == 0)
		become(d->program, in_fd, theirs, their_failure, parent);
	own_close(&their_failure);
	d->pid = pid;
	if (read(failure, &failed, sizeof(failed)) == (ssize_t)sizeof(failed)) {
		(void)waitpid(pid, NULL, 0);
		return failed == ENOENT
			? err_say(e, EOPNOTSUPP,
				  "the archive is compressed, and this host has no %s to read it", d->program)
			: err_set(e, failed, "decompress the archive: run %s", d->program);
	}
	d->fd = take_fd(&out);
	return 0;
}

int decompress_begin(int in_fd, struct decompress *out, struct err *e)
{
	char head[HEAD_LEN];
	ssize_t n = look_ahead(in_fd, head);

	*out = (struct decompress){ .fd = -1 };
	if (n < 0)
		return err_set(e, (int)-n, "read the archive");
	out->program = decompress_program(head, (size_t)n);
	return out->program ? start(in_fd, out, e) : 0;
}

int decompress_end(struct decompress *d, int r, struct err *e)
{
	int status = 0;

	if (d->fd < 0)
		return r;
	own_close(&d->fd);
	if (r < 0)
		(void)kill(d->pid, SIGKILL); /* our own child, not reaped yet */
	while (waitpid(d->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
		return r;
	return err_say(e, EINVAL, "the archive is damaged: %s could not read it", d->program);
}
