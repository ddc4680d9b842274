/* What images, volumes and configurations have done to other runtimes; named by CVE. Needs root. After each of these the
 * fixture checks that the directory outside of every root is still empty and that the host's mounts are as they were. */
#include "tests/support/launch_fixture.h"
#include "base/sys.h"
#include "runtime/launch_int.h"

#include <linux/capability.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

static void drop_mount(struct spec *s, const char *destination)
{
	size_t kept = 0;
	for (size_t i = 0; i < s->n_mounts; i++)
		if (strncmp(s->mounts[i].destination, destination, strlen(destination)) != 0)
			s->mounts[kept++] = s->mounts[i];
	s->n_mounts = kept;
}

/* CVE-2019-19921, CVE-2023-27561: /proc (/sys, /dev) of the image leads elsewhere. */
static void symlink_instead_of_proc(void **state)
{
	static const char *const names[] = { "proc", "sys", "dev" };
	char root[PATH_MAX], path[PATH_MAX], want[64];
	struct run r;
	(void)state;
	NEEDS_ROOT();
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(want, sizeof(want), "link-%s", names[i]);
		make_root(want, root);
		assert_int_equal(mkdir(under(path, root, "elsewhere"), 0755), 0);
		assert_int_equal(symlink("/elsewhere", under(path, root, names[i])), 0);
		run_spec(shell_spec(root, "true"), &r);
		(void)snprintf(want, sizeof(want), "must be a directory, not a symbolic link: /%s", names[i]);
		expect_refused(&r, want);
		assert_int_equal(count_entries(under(path, root, "elsewhere")), 0);
		write_file(under(path, root, names[i]), "", 0644);
	}
}

/* CVE-2026-41579: nodes, ptmx and the links of /dev on the host, with and without a mount there. */
static void symlink_instead_of_dev(void **state)
{
	char root[PATH_MAX], path[PATH_MAX], link[PATH_MAX + 16];
	struct run r;
	(void)state;
	NEEDS_ROOT();
	make_root("dev", root);
	(void)snprintf(link, sizeof(link), "../../..%s", fix.outside);
	assert_int_equal(symlink(link, under(path, root, "dev")), 0);
	for (int mounted = 0; mounted < 2; mounted++) {
		struct spec *s = shell_spec(root, "true");
		if (!mounted)
			drop_mount(s, "/dev");
		run_spec(s, &r);
		expect_refused(&r, "symbolic link: /dev");
	}
	/* The same by its absolute name. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink(fix.outside, path), 0);
	struct spec *s = shell_spec(root, "true");
	drop_mount(s, "/dev");
	run_spec(s, &r);
	expect_refused(&r, "symbolic link: /dev");
}

/* CVE-2015-1335, CVE-2019-18837, CVE-2021-30465, CVE-2024-45310: the place of a mount, or one that is to be made, leads out. */
static void symlink_at_a_mounts_place(void **state)
{
	char root[PATH_MAX], path[PATH_MAX], up[PATH_MAX + 32], src[PATH_MAX];
	struct run r;
	(void)state;
	NEEDS_ROOT();
	make_root("places", root);
	assert_int_equal(mkdir(under(src, fix.dir, "file-src"), 0755), 0);
	write_file(under(path, src, "f"), "", 0644);
	(void)snprintf(up, sizeof(up), "../../../../../../..%s", fix.outside);
	assert_int_equal(symlink(up, under(path, root, "relative")), 0);
	assert_int_equal(symlink(fix.outside, under(path, root, "absolute")), 0);
	assert_int_equal(symlink("/proc/1/root", under(path, root, "magic")), 0);
	(void)snprintf(up, sizeof(up), "%s/file", fix.outside);
	assert_int_equal(symlink(up, under(path, root, "file")), 0);

	static const char *const places[] = { "/relative/x/y", "/absolute/x/y", "/relative", "/absolute",
		"/magic/tmp/x" };
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		struct spec *s = shell_spec(root, "true");
		(void)sample_mount(s, places[i], "tmpfs", "tmpfs", 0, NULL);
		run_spec(s, &r); /* refused, or mounted at that name inside the root: both are fine */
		assert_int_equal(count_entries(fix.outside), 0);
	}
	(void)under(path, src, "f");
	for (int user_ns = 0; user_ns < 2; user_ns++) { /* there the launcher makes the places */
		struct spec *s = shell_spec(root, "true");
		if (user_ns)
			sample_new_user_ns(s);
		(void)sample_mount(s, "/file", "bind", path, MS_BIND, NULL);
		(void)sample_mount(s, "/absolute/new/file", "bind", path, MS_BIND, NULL);
		run_spec(s, &r);
		assert_int_equal(count_entries(fix.outside), 0);
	}
	/* A link that stays inside is followed, as people expect of /var/run. */
	assert_int_equal(mkdir(under(path, root, "run"), 0755), 0);
	assert_int_equal(symlink("/run", under(path, root, "var-run")), 0);
	struct spec *s = shell_spec(root, "grep -c ' /run ' /proc/self/mountinfo");
	(void)sample_mount(s, "/var-run", "tmpfs", "tmpfs", 0, NULL);
	run_spec(s, &r);
	expect_output(&r, "1\n");
}

static pid_t start_swapper(const char *dir)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails must not leave it running */
	(void)alarm(60);
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (;;)
		(void)syscall(SYS_renameat2, fd, "place", fd, "link", RENAME_EXCHANGE);
}

/* CVE-2021-30465 as it was: another container of the same volume swaps the place for a link while it is being mounted. */
static void race_for_a_mounts_place(void **state)
{
	char volume[PATH_MAX], path[PATH_MAX], up[PATH_MAX + 32];
	struct run r;
	int started = 0, escaped = 0;
	(void)state;
	NEEDS_ROOT();
	assert_int_equal(mkdir(under(volume, fix.dir, "volume"), 0777), 0);
	assert_int_equal(mkdir(under(path, volume, "place"), 0777), 0);
	(void)snprintf(up, sizeof(up), "../../../../../../../..%s", fix.outside);
	assert_int_equal(symlink(up, under(path, volume, "link")), 0);
	pid_t swapper = start_swapper(volume);
	for (int i = 0; i < 60; i++) {
		struct spec *s = shell_spec(fix.root, "true");
		(void)sample_mount(s, "/vol", "bind", volume, MS_BIND | MS_REC, NULL);
		(void)sample_mount(s, "/vol/place/made", "tmpfs", "tmpfs", 0, NULL);
		run_spec(s, &r);
		started += r.code == 0;
		escaped += count_entries(fix.outside);
	}
	assert_int_equal(kill(swapper, SIGKILL), 0);
	(void)sample_reap(swapper);
	assert_int_equal(escaped, 0);
	assert_true(started > 0); /* or nothing was tried */
}

/* CVE-2025-31133: masks are made of the container's own /dev/null. */
static void masks_are_not_the_images(void **state)
{
	char root[PATH_MAX], dev[PATH_MAX], path[PATH_MAX];
	struct run r;
	(void)state;
	NEEDS_ROOT();
	make_root("masks", root);
	assert_int_equal(mkdir(under(dev, fix.dir, "fake-dev"), 0755), 0);
	static const char *const kinds[] = { "symlink", "file", "wrong device" };
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		(void)under(path, dev, "null");
		(void)unlink(path);
		if (i == 0)
			assert_int_equal(symlink("/proc/sys/kernel/core_pattern", path), 0);
		else if (i == 1)
			write_file(path, "contents", 0666);
		else
			assert_int_equal(mknod(path, S_IFCHR | 0666, makedev(1, 5)), 0);
		struct spec *s = shell_spec(root, "stat -c %t:%T /proc/interrupts; cat /proc/interrupts");
		drop_mount(s, "/dev");
		(void)sample_mount(s, "/dev", "bind", dev, MS_BIND, NULL);
		int null = open("/dev/null", O_RDWR | O_CLOEXEC), p[2];
		assert_int_equal(pipe2(p, O_CLOEXEC), 0);
		struct launch_args args = launch_args_of(s, p[1]);
		args.stdio[0] = null; /* the process itself would refuse that one */
		r = (struct run){ 0 };
		r.code = sample_run(&args, &r.e);
		(void)close(p[1]);
		(void)close(null);
		drain(p[0], r.out, sizeof(r.out));
		(void)close(p[0]);
		spec_free(s);
		expect_output(&r, "1:3\n");

		/* For its own streams it is not believed either (CVE-2026-88265). */
		s = shell_spec(root, "true");
		drop_mount(s, "/dev");
		(void)sample_mount(s, "/dev", "bind", dev, MS_BIND, NULL);
		run_spec(s, &r);
		if (r.code >= 0)
			fail_msg("%s for /dev/null was taken", kinds[i]);
	}
	/* Without any mount at /dev an image's impostor stops the start. */
	assert_int_equal(access(under(dev, root, "dev"), F_OK), 0);
	assert_int_equal(symlink("/proc/sys/kernel/core_pattern", under(path, root, "dev/null")), 0);
	struct spec *s = shell_spec(root, "true");
	drop_mount(s, "/dev");
	run_spec(s, &r);
	expect_refused(&r, "something else has the name of device null");
}

/* CVE-2019-16884: something mounted inside /proc, by its name or by a link that leads there. */
static void nothing_is_mounted_in_proc(void **state)
{
	char root[PATH_MAX], path[PATH_MAX], file[PATH_MAX];
	struct run r;
	(void)state;
	NEEDS_ROOT();
	make_root("proc-mounts", root);
	assert_int_equal(symlink("/proc", under(path, root, "alias")), 0);
	static const char *const places[] = { "/proc/self", "/proc/sys/kernel", "/proc//1", "//proc/1",
		"/alias/sys", "/alias/self/attr", "/bin/../proc/sys" };
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		struct spec *s = shell_spec(root, "true");
		(void)sample_mount(s, places[i], "tmpfs", "tmpfs", 0, NULL);
		run_spec(s, &r);
		expect_refused(&r, "nothing may be mounted inside /proc");
	}
	struct spec *s = shell_spec(root, "true");
	(void)sample_mount(s, "/proc", "bind", fix.outside, MS_BIND, NULL);
	run_spec(s, &r);
	expect_refused(&r, "only a proc file system");
	s = shell_spec(root, "true");
	drop_mount(s, "/proc");
	(void)sample_mount(s, "/proc/", "tmpfs", "tmpfs", 0, NULL);
	run_spec(s, &r);
	expect_refused(&r, "proc");
	/* What lxcfs provides is welcome. */
	write_file(under(file, fix.dir, "cpuinfo"), "one", 0644);
	s = shell_spec(root, "cat /proc/cpuinfo");
	(void)sample_mount(s, "/proc/cpuinfo", "bind", file, MS_BIND, NULL);
	run_spec(s, &r);
	expect_output(&r, "one");
}

static int read_in_netns(pid_t pid, const char *file)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		char text[16] = "";
		int ns = open(path, O_RDONLY);
		if (ns < 0 || setns(ns, CLONE_NEWNET) < 0 ||
			io_read_text(AT_FDCWD, file, text, sizeof(text)) < 0)
			_exit(99);
		_exit(atoi(text));
	}
	return sample_reap(child);
}

/* CVE-2025-52881: a sysctl written through the container's /proc lands in what the image has put there. */
static void sysctl_ignores_a_fake_proc(void **state)
{
	char root[PATH_MAX], path[PATH_MAX], text[64];
	struct spec_sysctl one = { "net.ipv4.ip_default_ttl", "77" };
	struct sample t = SAMPLE_NONE;
	struct err e = { 0 };
	(void)state;
	NEEDS_ROOT();
	make_root("fake-proc", root);
	static const char *const dirs[] = { "proc", "proc/sys", "proc/sys/net", "proc/sys/net/ipv4" };
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		assert_int_equal(mkdir(under(path, root, dirs[i]), 0755), 0);
	write_file(under(path, root, "proc/sys/net/ipv4/ip_default_ttl"), "fake", 0666);
	struct spec *s = shell_spec(root, "true");
	drop_mount(s, "/proc");
	s->masked_paths = s->readonly_paths = NULL;
	s->sysctls = &one, s->n_sysctls = 1;
	struct launch_args args = launch_args_of(s, -1);
	assert_int_equal(launch_begin(&args, &t.launch, &e), 0);
	if (sample_until(&t, LAUNCH_READY, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(read_in_netns(t.init.pid, "/proc/sys/net/ipv4/ip_default_ttl"), 77);
	assert_int_equal(launch_release(&t.launch, &e), 0);
	assert_int_equal(sample_until(&t, LAUNCH_RUNNING, &e), 0);
	assert_int_equal(sample_end(&t, fix.cgroups, "c"), 0);
	spec_free(s);
	read_back(path, text, sizeof(text));
	assert_string_equal(text, "fake");
}

static const char list_fds[] =
	"i=0; while [ $i -lt 300 ]; do [ -e /proc/$$/fd/$i ] && echo $i; i=$((i+1)); done; true";

/* CVE-2016-9962, CVE-2024-21626: descriptors of the caller, close-on-exec or not, and the way out by one of them. */
static void no_descriptor_leaks(void **state)
{
	struct run r;
	int fds[64];
	size_t n = 0;
	(void)state;
	NEEDS_ROOT();
	for (int fd = 3; fd < 64; fd++) /* some of them are the fixture's: directories of the host too */
		if (fcntl(fd, F_GETFD) < 0) {
			int dir = open("/", O_RDONLY | O_DIRECTORY);
			assert_true(dir >= 0);
			if (dir != fd) {
				assert_int_equal(dup2(dir, fd), fd);
				(void)close(dir);
			}
			fds[n++] = fd;
		}
	assert_true(n > 0);
	for (int kind = 0; kind < 4; kind++) {
		struct spec *s = shell_spec(fix.root, list_fds);
		if (kind == 1)
			s->init = true;
		if (kind == 2)
			s->ns[SPEC_NS_PID].mode = SPEC_NS_HOST;
		if (kind == 3)
			sample_new_user_ns(s);
		run_spec(s, &r);
		expect_output(&r, "0\n1\n2\n");
	}
	/* Nor does the reaper have any: it is pid 1 there. */
	struct spec *s = shell_spec(fix.root,
		"i=0; while [ $i -lt 300 ]; do [ -e /proc/1/fd/$i ] && echo $i; i=$((i+1)); done; true");
	s->init = true;
	s->process.caps.bounding = s->process.caps.effective = s->process.caps.permitted =
		caps_docker_default() | UINT64_C(1) << CAP_SYS_PTRACE;
	run_spec(s, &r);
	expect_code(&r, 0);
	assert_null(strstr(
		r.out, "\n3\n4\n5")); /* at most what stage_exec_reaper() hands over, all of it its own */

	char root[PATH_MAX], path[PATH_MAX];
	make_root("cwd", root);
	assert_int_equal(symlink("/proc/self/fd/7", under(path, root, "wd")), 0);
	static const char *const dirs[] = { "/proc/self/fd/7", "/proc/self/fd/8/..", "/wd", "/proc/self/cwd",
		"/proc/1/root" };
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		s = shell_spec(root, "pwd");
		s->process.cwd = dirs[i];
		run_spec(s, &r);
		if (r.code >= 0)
			fail_msg("cwd %s was taken: %s", dirs[i], r.out);
		assert_int_equal(r.failed_code, 126);
	}
	while (n)
		(void)close(fds[--n]);
}

/* CVE-2025-52565, CVE-2026-88264: /dev/console of the image is a link to somewhere. */
static void console_is_not_the_images(void **state)
{
	char root[PATH_MAX], path[PATH_MAX], target[PATH_MAX];
	struct run r;
	(void)state;
	NEEDS_ROOT();
	make_root("console", root);
	assert_int_equal(mkdir(under(path, root, "dev"), 0755), 0);
	assert_int_equal(symlink(under(target, fix.outside, "made"), under(path, root, "dev/console")), 0);
	struct spec *s = shell_spec(root, "true");
	drop_mount(s, "/dev");
	(void)sample_mount(s, "/dev/pts", "devpts", "devpts", MS_NOSUID | MS_NOEXEC,
		"newinstance,ptmxmode=0666,mode=0620,gid=5");
	s->process.terminal = true;
	run_spec(s, &r);
	expect_refused(&r, "console");
}

/* No container may change what the next one's masks are made of, nor the host's own devices. */
static void shared_objects_are_read_only(void **state)
{
	struct run r;
	(void)state;
	NEEDS_ROOT();
	struct spec *s = shell_spec(fix.root,
		"chmod 0 /proc/timer_list 2>/dev/null; touch /proc/acpi/x /sys/firmware/x 2>/dev/null; chmod 0 /proc/self/fd/0; true");
	run_spec(s, &r);
	expect_code(&r, 0);
	run_spec(shell_spec(fix.root, "stat -c %a /proc/timer_list; ls /sys/firmware | wc -l"), &r);
	expect_output(&r, "666\n0\n");
	/* Nor one that may make the mounts writable again. */
	s = shell_spec(fix.root,
		"mount -o remount,bind,rw /proc/acpi && touch /proc/acpi/x; mkdir /proc/acpi/d; chmod 777 /proc/acpi; true");
	s->process.caps.bounding |= UINT64_C(1) << CAP_SYS_ADMIN;
	s->process.caps.effective = s->process.caps.permitted = s->process.caps.bounding;
	run_spec(s, &r);
	expect_code(&r, 0);
	run_spec(shell_spec(fix.root, "stat -c %a /proc/acpi; ls /proc/acpi | wc -l"), &r);
	expect_output(&r, "555\n0\n");
}

/* CVE-2017-1002101, CVE-2021-25741: another container of the same volume swaps the part of it that is to be mounted. */
static void race_for_a_subpath(void **state)
{
	char volume[PATH_MAX], path[PATH_MAX], secrets[PATH_MAX], up[PATH_MAX + 32];
	struct run r;
	int started = 0;
	(void)state;
	NEEDS_ROOT();
	assert_int_equal(mkdir(under(volume, fix.dir, "parts"), 0777), 0);
	assert_int_equal(mkdir(under(secrets, fix.dir, "secrets"), 0777), 0);
	write_file(under(path, secrets, "secret"), "", 0644);
	assert_int_equal(mkdir(under(path, volume, "place"), 0777), 0);
	(void)snprintf(up, sizeof(up), "../secrets");
	assert_int_equal(symlink(up, under(path, volume, "link")), 0);
	pid_t swapper = start_swapper(volume);
	for (int i = 0; i < 60; i++) {
		struct spec *s = shell_spec(fix.root, "ls /part");
		struct spec_mount *m = sample_mount(s, "/part", "bind", volume, MS_BIND | MS_REC, NULL);
		m->subpath = "place";
		run_spec(s, &r);
		started += r.code == 0;
		if (strstr(r.out, "secret"))
			break;
	}
	assert_int_equal(kill(swapper, SIGKILL), 0);
	(void)sample_reap(swapper);
	assert_null(strstr(r.out, "secret"));
	assert_true(started > 0); /* or nothing was tried */
}

/* A pid is a name that passes on: what had it when the namespace was chosen has to have it still when it is opened. */
static void joined_pid_of_another(void **state)
{
	int p[2];
	(void)state;
	NEEDS_ROOT();
	for (int reaped = 0; reaped < 2; reaped++) {
		struct err e = { 0 };
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			for (;;)
				pause();
		}
		int pidfd = sys_pidfd_open(pid, 0);
		assert_true(pidfd >= 0);
		if (reaped) {
			assert_int_equal(kill(pid, SIGKILL), 0);
			(void)sample_reap(pid);
		}
		assert_int_equal(pipe2(p, O_CLOEXEC), 0);
		struct spec *s = shell_spec(fix.root, "true");
		/* "self" stands for the process that has got the pid since. */
		s->ns[SPEC_NS_IPC] = (struct spec_namespace){ SPEC_NS_JOIN, "/proc/self/ns/ipc" };
		struct launch_args args = launch_args_of(s, p[1]);
		args.joined_pidfds = &pidfd;
		args.n_joined = 1;
		int code = sample_run(&args, &e);
		if (!reaped)
			assert_int_equal(code, 0);
		else if (e.code != ESRCH || !strstr(e.text, "has ended"))
			fail_msg("%d: %s", code, e.text);
		spec_free(s);
		(void)close(p[0]);
		(void)close(p[1]);
		(void)close(pidfd);
		if (!reaped) {
			assert_int_equal(kill(pid, SIGKILL), 0);
			(void)sample_reap(pid);
		}
	}
}

/* What a tracer in a shared pid namespace could write into a launch's socket is not believed. */
static void forged_reports(void **state)
{
	struct stage_msg console = { .type = STAGE_CONSOLE };
	struct launch_failed_msg said = {
		.type = LAUNCH_MSG_FAILED, .err = -5, .exit_code = 0, .text = "a\nlevel=error\x1b[2J"
	};
	struct launch_result r;
	(void)state;
	NEEDS_ROOT();
	for (int round = 0; round < 5; round++) {
		struct err e = { 0 };
		int pair[2], host = open("/etc/hostname", O_RDONLY | O_CLOEXEC);
		int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
		assert_true(host >= 0 && master >= 0);
		assert_int_equal(
			socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
		struct launch l = { .sock = pair[0],
			.launcher_pidfd = -1,
			.phase = 1 /* init */,
			.wants_console = round != 1 };
		if (round < 3)
			assert_int_equal(
				io_send(pair[1], &console, sizeof(console), round == 0 ? &host : &master, 1),
				0);
		else
			assert_int_equal(io_send(pair[1], &said, sizeof(said), NULL, 0), 0);
		assert_int_equal(launch_receive(&l, &r, &e), 0);
		if (round == 2) { /* once, and no more */
			assert_int_equal(r.event, LAUNCH_CONSOLE);
			(void)close(r.console_fd);
			assert_int_equal(io_send(pair[1], &console, sizeof(console), &master, 1), 0);
			assert_int_equal(launch_receive(&l, &r, &e), 0);
		}
		assert_int_equal(r.event, LAUNCH_FAILED);
		assert_int_equal(r.exit_code, 128);
		assert_int_equal(r.console_fd, -1);
		assert_true(e.code > 0);
		if (round >= 3)
			assert_string_equal(e.text, "a?level=error?[2J");
		launch_done(&l);
		(void)close(pair[1]);
		(void)close(host);
		(void)close(master);
	}
}

/* The reaper is one program for all containers, in reach of each as /proc/1/exe: root inside must not make it a set-user-id
 * program that takes the next container's launch, and every exec, for somebody else. */
static void reaper_is_nobodys_to_change(void **state)
{
	struct run r;
	(void)state;
	NEEDS_ROOT();
	struct spec *s = shell_spec(fix.root,
		"cd /proc/1; busybox chown 1:1 exe; chmod 6777 exe; busybox touch -t 202001010000 exe; true");
	s->init = true;
	run_spec(s, &r);
	expect_code(&r, 0);
	s = shell_spec(fix.root, "id -u; stat -L -c '%u %a' /proc/1/exe");
	s->init = true;
	run_spec(s, &r);
	expect_output(&r, "0\n0 555\n");
}

static const struct CMUnitTest tests[] = {
	launch_test(reaper_is_nobodys_to_change),
	launch_test(symlink_instead_of_proc),
	launch_test(symlink_instead_of_dev),
	launch_test(symlink_at_a_mounts_place),
	launch_test(race_for_a_mounts_place),
	launch_test(race_for_a_subpath),
	launch_test(joined_pid_of_another),
	launch_test(forged_reports),
	launch_test(masks_are_not_the_images),
	launch_test(nothing_is_mounted_in_proc),
	launch_test(sysctl_ignores_a_fake_proc),
	launch_test(no_descriptor_leaks),
	launch_test(console_is_not_the_images),
	launch_test(shared_objects_are_read_only),
};

LAUNCH_TEST_MAIN(tests)
