#include "supervisor/upgrade_check.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/own.h"
#include "base/sys.h"

#define ANSWER_NS                                                                                            \
	(20 * NS_PER_S) /* what takes milliseconds, on a small processor that is busy with other things */
#define PREFIX "berth version "

/* What comes before the entry point is the same in both classes. */
struct head {
	unsigned char ident[EI_NIDENT];
	uint16_t type, machine;
};

static int check_image(int fd, const char *path, struct err *e)
{
	struct head its, ours;
	auto_close int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	if (self < 0 || pread(self, &ours, sizeof(ours), 0) != sizeof(ours))
		return err_set(e, EIO, "read our own program");
	if (pread(fd, &its, sizeof(its), 0) != sizeof(its) || memcmp(its.ident, ELFMAG, SELFMAG) != 0)
		return err_say(e, EINVAL, "%s is not a program (no ELF file)", path);
	if (its.ident[EI_CLASS] != ours.ident[EI_CLASS] || its.ident[EI_DATA] != ours.ident[EI_DATA] ||
		its.machine != ours.machine)
		return err_say(e, EINVAL, "%s is a program for another kind of machine", path);
	return 0;
}

static _Noreturn void run(int image_fd, int out_fd)
{
	static char *const argv[] = { (char *)"berth", (char *)"--version", NULL }, *const envp[] = { NULL };
	struct rlimit cpu = { 10, 10 };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setsid();
	(void)setrlimit(RLIMIT_CPU, &cpu);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out_fd, STDOUT_FILENO) < 0 ||
		dup2(null, STDERR_FILENO) < 0)
		_exit(126);
	(void)sys_close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	(void)syscall(SYS_execveat, image_fd, "", argv, envp, AT_EMPTY_PATH);
	_exit(126);
}

/* Its output up to its end; -ETIMEDOUT. */
static int read_answer(int fd, char *out, size_t room, int64_t until_ns)
{
	size_t len = 0;

	for (;;) {
		int64_t left = until_ns - clock_mono_ns();
		struct pollfd p = { .fd = fd, .events = POLLIN };
		if (left <= 0 || poll(&p, 1, (int)(left / NS_PER_MS) + 1) == 0)
			return -ETIMEDOUT;
		ssize_t n = read(fd, out + len, room - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		len += (size_t)n;
		out[len] = '\0';
		if (n == 0 || len == room - 1)
			return 0;
	}
}

static int ask_version(int image_fd, const char *path, char version[UPGRADE_VERSION_MAX], struct err *e)
{
	char text[sizeof(PREFIX) + UPGRADE_VERSION_MAX] = "";
	int pipe_fds[2], status = 0;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_set(e, errno, "make a pipe");
	auto_close int in = pipe_fds[0], out = pipe_fds[1];
	pid_t pid = fork();
	if (pid < 0)
		return err_set(e, errno, "fork");
	if (pid == 0)
		run(image_fd, out);
	own_close(&out);
	int r = read_answer(in, text, sizeof(text), clock_mono_ns() + ANSWER_NS);
	if (r < 0)
		(void)kill(pid, SIGKILL);
	own_close(&in); /* one that says more is ended by that */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (r == -ETIMEDOUT)
		return err_say(e, ETIMEDOUT, "%s does not answer to --version within %d s", path,
			(int)(ANSWER_NS / NS_PER_S));
	if (r < 0)
		return err_set(e, -r, "ask %s for its version", path);
	char *line = text + strlen(PREFIX), *end = strchr(text, '\n');
	bool good = status == 0 && strncmp(text, PREFIX, strlen(PREFIX)) == 0 && end && end > line &&
		end[1] == '\0' && (size_t)(end - line) < UPGRADE_VERSION_MAX;
	for (const char *p = line; good && p < end; p++)
		good = *p > ' ' && *p < 0x7f && *p != '"';
	if (!good)
		return err_say(e, EINVAL, "%s is not a berth: it does not answer to --version as one", path);
	*end = '\0';
	memcpy(version, line, (size_t)(end - line) + 1);
	return 0;
}

int upgrade_check(const char *path, int *out_fd, char version[UPGRADE_VERSION_MAX], struct err *e)
{
	struct stat st;
	auto_close int from = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (from < 0)
		return err_set(e, errno, "open %s", path);
	if (fstat(from, &st) < 0)
		return err_set(e, errno, "inspect %s", path);
	if (!S_ISREG(st.st_mode))
		return err_say(e, EINVAL, "%s is not a regular file", path);
	if (!(st.st_mode & 0111))
		return err_say(e, EACCES, "%s is not executable", path);
	auto_close int fd = io_memfd_sealed_copy("berth", from, true, e);
	if (fd < 0)
		return err_wrap(e, fd, "copy %s", path);
	int r = check_image(fd, path, e);
	if (r == 0)
		r = ask_version(fd, path, version, e);
	if (r < 0)
		return r;
	*out_fd = take_fd(&fd);
	return 0;
}
