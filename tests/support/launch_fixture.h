/*
 * launch_fixture - a place for the tests of runtime/launch: busybox roots, a cgroup root, runs with their output caught,
 * and the check that each test leaves nothing behind.
 *
 * Include it in one test program; its main is `return launch_fixture_main(argc, argv, tests, ...)`.
 */
#ifndef TESTS_SUPPORT_LAUNCH_FIXTURE_H
#define TESTS_SUPPORT_LAUNCH_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/path.h"
#include "base/proc.h"
#include "runtime/exec.h"
#include "runtime/launch_exec.h"
#include "tests/support/sample.h"

static struct {
	char dir[PATH_MAX], root[PATH_MAX], outside[PATH_MAX]; /* outside: what no container may reach */
	struct launch_env *env;
	struct cgroup_root *cgroups;
	int mounts, fds, devnull;
} fix;

/* What one run came to. */
struct run {
	int code;	 /* exit code, or -errno when the launch failed */
	int failed_code; /* launch failed: docker's exit code */
	struct err e;
	char out[16384];
};

static inline int count_lines(const char *path)
{
	auto_(buf) struct buf text = { 0 };
	struct err e;
	int n = 0;
	assert_int_equal(io_read_file(AT_FDCWD, path, 4 << 20, &text, &e), 0);
	for (const char *p = text.data; p && *p; p++)
		n += *p == '\n';
	return n;
}

static inline int count_entries(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;
	assert_non_null(d);
	for (struct dirent *entry; (entry = readdir(d));)
		n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	(void)closedir(d);
	return n;
}

static inline char *under(char out[PATH_MAX], const char *dir, const char *name)
{
	assert_true(snprintf(out, PATH_MAX, "%s/%s", dir, name) < PATH_MAX);
	return out;
}

static inline void write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	assert_int_equal(io_write_full(fd, text, strlen(text)), 0);
	(void)close(fd);
}

static inline void read_back(const char *path, char *out, size_t room)
{
	assert_true(io_read_text(AT_FDCWD, path, out, room) >= 0);
}

/* A root of its own, sharing busybox with the first one. */
static inline void make_root(const char *name, char out[PATH_MAX])
{
	static const char *const applets[] = { "sh", "cat", "ls", "echo", "true", "sleep", "mount", "id",
		"hostname", "stat", "touch", "mkdir", "readlink", "grep", "wc", "chmod", "kill", "env",
		"test", "ip", "ps", "tr", "pwd", "head", "umount", "uptime", "chroot", "setsid", "tty",
		"stty", "cut", "printf", "find" };
	char path[PATH_MAX], from[PATH_MAX];

	under(out, fix.dir, name);
	assert_int_equal(mkdir(out, 0755), 0);
	assert_int_equal(mkdir(under(path, out, "bin"), 0755), 0);
	assert_int_equal(mkdir(under(path, out, "etc"), 0755), 0);
	write_file(under(path, out, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n", 0644);
	(void)under(path, out, "bin/busybox");
	assert_int_equal(link(under(from, fix.dir, "busybox"), path), 0);
	for (size_t i = 0; i < ARRAY_LEN(applets); i++) {
		assert_int_equal(symlink("busybox", under(path, under(from, out, "bin"), applets[i])), 0);
	}
}

static inline int fixture_open(void **state)
{
	char path[PATH_MAX], name[64];
	struct err e;
	(void)state;

	if (geteuid() != 0 || access("/bin/busybox", X_OK) < 0)
		return 0; /* each test skips itself, with the reason */
	strcpy(fix.dir, "/tmp/berth-launch-XXXXXX");
	assert_non_null(mkdtemp(fix.dir));
	assert_int_equal(chmod(fix.dir, 0755), 0);
	int from = open("/bin/busybox", O_RDONLY | O_CLOEXEC);
	int to = open(under(path, fix.dir, "busybox"), O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	struct stat st;
	assert_true(from >= 0 && to >= 0 && fstat(from, &st) == 0);
	assert_int_equal(copy_file_range(from, NULL, to, NULL, (size_t)st.st_size, 0), st.st_size);
	(void)close(from);
	(void)close(to);
	make_root("root", fix.root);
	assert_int_equal(mkdir(under(fix.outside, fix.dir, "outside"), 0777), 0);
	(void)snprintf(name, sizeof(name), "berth-test-%d", (int)getpid());
	if (launch_env_open(&fix.env, &e) < 0 || cgroup_root_open(name, NULL, &fix.cgroups, &e) < 0)
		fail_msg("%s", e.text);
	if (exec_stage_fd(&e) < 0)
		fail_msg("%s", e.text);
	/* Orphans of a caller that died are ours to see. */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	return 0;
}

static inline int fixture_close(void **state)
{
	struct err e = { 0 };
	(void)state;
	if (!fix.env)
		return 0;
	assert_int_equal(cgroup_root_remove(fix.cgroups, &e), 0);
	cgroup_root_free(fix.cgroups);
	launch_env_free(fix.env);
	assert_int_equal(path_remove_tree(AT_FDCWD, fix.dir, &e), 0);
	return 0;
}

static inline int test_begin(void **state)
{
	struct stat st;
	(void)state;
	if (!fix.env)
		return 0;
	assert_int_equal(stat("/dev/null", &st), 0);
	fix.devnull = (int)st.st_mode;
	fix.mounts = count_lines("/proc/self/mountinfo");
	fix.fds = count_entries("/proc/self/fd");
	return 0;
}

/* Kill and remove what a test has left, so that it is that test's failure and not also the next one's. */
static inline int clear_leftovers(void)
{
	struct err e;
	char **groups = NULL;
	int n = cgroup_root_list(fix.cgroups, &groups, &e);
	for (int i = 0; i < n; i++) {
		struct cgroup g;
		print_message("left: cgroup %s\n", groups[i]);
		if (cgroup_open(fix.cgroups, groups[i], &g, &e) == 0) {
			(void)cgroup_kill(&g, fix.cgroups, &e);
			cgroup_close(&g);
		}
	}
	bool child = waitpid(-1, NULL, n > 0 ? 0 : WNOHANG) >= 0 || errno != ECHILD;
	if (n > 0)
		while (waitpid(-1, NULL, 0) > 0)
			;
	for (int i = 0; i < n; i++)
		(void)cgroup_remove(fix.cgroups, groups[i], 5000, &e);
	cgroup_list_free(groups);
	return n != 0 || child ? -1 : 0;
}

/* Nothing is left: processes, groups, mounts, descriptors; nothing was done to the outside or to the host's devices. */
static inline int test_end(void **state)
{
	struct stat st;
	(void)state;
	if (!fix.env)
		return 0;
	assert_int_equal(clear_leftovers(), 0);
	assert_int_equal(count_lines("/proc/self/mountinfo"), fix.mounts);
	assert_int_equal(count_entries("/proc/self/fd"), fix.fds);
	assert_int_equal(count_entries(fix.outside), 0);
	assert_int_equal(stat("/dev/null", &st), 0);
	assert_int_equal((int)st.st_mode, fix.devnull);
	return 0;
}

#define NEEDS_ROOT()                                                                                         \
	do {                                                                                                 \
		if (!fix.env) {                                                                              \
			print_message("skipped: needs root and /bin/busybox\n");                             \
			skip();                                                                              \
		}                                                                                            \
	} while (0)

static inline struct spec *shell_spec(const char *root, const char *script)
{
	const char *const args[] = { "/bin/sh", "-c", script, NULL };
	return sample_spec(root, args);
}

static inline struct launch_args launch_args_of(const struct spec *s, int stdio)
{
	return (struct launch_args){
		.env = fix.env,
		.spec = s,
		.id = "c",
		.cgroups = fix.cgroups,
		.cgroup_path = "c",
		.launcher_cgroup_fd = -1,
		.stdio = { -1, stdio, stdio },
		.keep_fd = -1,
		.own_pipes = true,
	};
}

static inline void drain(int fd, char *out, size_t room)
{
	size_t len = 0;
	ssize_t n;
	while (len < room - 1 && (n = read(fd, out + len, room - 1 - len)) > 0)
		len += (size_t)n;
	out[len] = '\0';
}

/* Run to the end with standard output and error caught (at most a pipe full). Frees s. */
static inline void run_spec(struct spec *s, struct run *r)
{
	int p[2];
	*r = (struct run){ 0 };
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	struct launch_args args = launch_args_of(s, p[1]);
	int code = sample_run(&args, &r->e);
	(void)close(p[1]);
	drain(p[0], r->out, sizeof(r->out));
	(void)close(p[0]);
	r->code = r->e.code ? -r->e.code : code;
	r->failed_code = r->e.code ? code : 0;
	spec_free(s);
}

static inline void expect_code(const struct run *r, int code)
{
	if (r->code != code)
		fail_msg("exit code %d, not %d: %s\n%s", r->code, code, r->e.text, r->out);
}

static inline void expect_output(const struct run *r, const char *text)
{
	expect_code(r, 0);
	if (strcmp(r->out, text) != 0)
		fail_msg("it said:\n%s\nnot:\n%s", r->out, text);
}

static inline void expect_refused(const struct run *r, const char *word)
{
	if (r->code >= 0)
		fail_msg("it ran, with exit code %d: %s", r->code, r->out);
	if (!strstr(r->e.text, word))
		fail_msg("refused, but with: %s", r->e.text);
}

#define launch_test(fn) cmocka_unit_test_setup_teardown(fn, test_begin, test_end)

/* A macro, for cmocka counts the array. launch-exec: this program stands in for berth. */
#define LAUNCH_TEST_MAIN(tests)                                                                              \
	int main(int argc, char **argv)                                                                      \
	{                                                                                                    \
		if (argc > 1 && strcmp(argv[1], LAUNCH_EXEC_VERB) == 0)                                      \
			return launch_exec_main(argc - 1, argv + 1);                                         \
		(void)alarm(240);                                                                            \
		return cmocka_run_group_tests(tests, fixture_open, fixture_close);                           \
	}

#endif
