/* What a container gets: its program's exit code, namespaces, mounts, devices, names. Needs root. */
#include "tests/support/launch_fixture.h"

#include <sys/mount.h>

static void exit_codes(void **state)
{
	static const struct {
		const char *args[4];
		int code; /* of the container, or of the refused launch */
		bool ran;
	} cases[] = {
		{ { "true" }, 0, true },
		{ { "/bin/sh", "-c", "exit 7" }, 7, true },
		{ { "/bin/sh", "-c", "kill -9 $$; kill -TERM $$; exit 3" }, 3,
			true }, /* pid 1 is deaf to itself */
		{ { "no-such-program" }, 127, false },
		{ { "/no/such/program" }, 127, false },
		{ { "/etc" }, 126, false },
		{ { "/etc/passwd" }, 126, false },
	};
	struct run r;
	(void)state;
	NEEDS_ROOT();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		run_spec(sample_spec(fix.root, cases[i].args), &r);
		if (cases[i].ran)
			expect_code(&r, cases[i].code);
		else
			assert_int_equal(r.failed_code, cases[i].code);
	}
}

static void killed_by_signal(void **state)
{
	struct run r;
	(void)state;
	NEEDS_ROOT();
	struct spec *s = shell_spec(fix.root, "kill -9 $$");
	s->init = true;
	run_spec(s, &r);
	expect_code(&r, 137);
	s = shell_spec(fix.root, "exit 9");
	s->init = true;
	run_spec(s, &r);
	expect_code(&r, 9);
}

static void own_link(const char *name, char *out, size_t room)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	ssize_t n = readlink(path, out, room - 1);
	assert_true(n > 0);
	out[n] = '\0';
}

static void namespaces_are_new(void **state)
{
	static const char *const names[] = { "pid", "net", "mnt", "ipc", "uts", "cgroup", "time" };
	char ours[64], script[512] = "";
	struct run r;
	(void)state;
	NEEDS_ROOT();
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		(void)snprintf(script + strlen(script), sizeof(script) - strlen(script),
			"readlink /proc/self/ns/%s;", names[i]);
	struct spec *s = shell_spec(fix.root, script);
	s->ns[SPEC_NS_TIME].mode = SPEC_NS_NEW;
	run_spec(s, &r);
	expect_code(&r, 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		own_link(names[i], ours, sizeof(ours));
		assert_null(strstr(r.out, ours));
		assert_non_null(strstr(r.out, names[i]));
	}
	run_spec(shell_spec(fix.root, "readlink /proc/self/ns/user; readlink /proc/self/ns/time"), &r);
	own_link("user", ours, sizeof(ours));
	assert_non_null(strstr(r.out, ours));
	own_link("time", ours, sizeof(ours));
	assert_non_null(strstr(r.out, ours));
}

static void starts_in_order(void **state)
{
	struct sample t = SAMPLE_NONE;
	struct err e = { 0 };
	uint64_t ticks;
	(void)state;
	NEEDS_ROOT();
	struct spec *s = shell_spec(fix.root, "exit 4");
	struct launch_args args = launch_args_of(s, -1);
	assert_int_equal(launch_begin(&args, &t.launch, &e), 0);
	assert_int_equal(launch_release(&t.launch, &e), -EINVAL); /* not before it is ready */
	assert_int_equal(sample_until(&t, LAUNCH_INIT, &e), 0);
	assert_true(t.init.pid > 0 && t.init.pidfd >= 0);
	assert_int_equal(proc_start_time(t.init.pid, &ticks), 0);
	assert_int_equal(ticks, t.init.start_ticks);
	assert_int_equal(sample_until(&t, LAUNCH_READY, &e), 0);
	char path[64];
	struct stat st;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)t.init.pid);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_ino, t.init.netns_inode);
	/* It waits: a start is the caller's to give. */
	usleep(50000);
	assert_int_equal(waitpid(t.init.pid, NULL, WNOHANG), 0);
	assert_int_equal(launch_release(&t.launch, &e), 0);
	assert_int_equal(sample_until(&t, LAUNCH_RUNNING, &e), 0);
	assert_int_equal(sample_end(&t, fix.cgroups, "c"), 4);
	spec_free(s);
}

/* A container to join: started, and kept until its end is asked for. */
static void start_holder(struct sample *t, struct spec **s, bool user_ns, const char *id)
{
	struct err e = { 0 };
	*t = SAMPLE_NONE;
	*s = shell_spec(fix.root, "sleep 60");
	(*s)->init = true; /* so that it heeds SIGTERM */
	if (user_ns)
		sample_new_user_ns(*s);
	struct launch_args args = launch_args_of(*s, -1);
	args.cgroup_path = id;
	assert_int_equal(launch_begin(&args, &t->launch, &e), 0);
	if (sample_until(t, LAUNCH_READY, &e) < 0 || launch_release(&t->launch, &e) < 0 ||
		sample_until(t, LAUNCH_RUNNING, &e) < 0)
		fail_msg("%s", e.text);
}

static void end_holder(struct sample *t, struct spec *s, const char *id)
{
	assert_int_equal(kill(t->init.pid, SIGKILL), 0);
	assert_int_equal(sample_end(t, fix.cgroups, id), 137);
	spec_free(s);
}

static void join(struct spec *s, enum spec_ns ns, const char *name, pid_t pid)
{
	s->ns[ns].mode = SPEC_NS_JOIN;
	s->ns[ns].path = arena_printf(s->arena, "/proc/%d/ns/%s", (int)pid, name);
}

static void ns_of(pid_t pid, const char *name, char out[64])
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, name);
	ssize_t n = readlink(path, out, 63);
	assert_true(n > 0);
	out[n] = '\0';
}

static void namespaces_are_joined(void **state)
{
	static const struct {
		enum spec_ns ns;
		const char *name;
	} all[] = { { SPEC_NS_NET, "net" }, { SPEC_NS_IPC, "ipc" }, { SPEC_NS_UTS, "uts" },
		{ SPEC_NS_CGROUP, "cgroup" }, { SPEC_NS_PID, "pid" }, { SPEC_NS_TIME, "time" } };
	struct sample holder;
	struct spec *hs;
	struct run r;
	char link[64], script[64], want[128];
	(void)state;
	NEEDS_ROOT();
	start_holder(&holder, &hs, false, "holder");
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		(void)snprintf(script, sizeof(script), "readlink /proc/self/ns/%s", all[i].name);
		struct spec *s = shell_spec(fix.root, script);
		s->hostname = NULL;
		join(s, all[i].ns, all[i].name, holder.init.pid);
		ns_of(holder.init.pid, all[i].name, link);
		(void)snprintf(want, sizeof(want), "%s\n", link);
		run_spec(s, &r);
		expect_output(&r, want);
	}
	/* A joined mount namespace is taken as it is, root included. */
	struct spec *s = shell_spec(fix.root, "readlink /proc/self/ns/mnt; ls -d /proc/1");
	s->hostname = NULL;
	join(s, SPEC_NS_MNT, "mnt", holder.init.pid);
	join(s, SPEC_NS_PID, "pid", holder.init.pid);
	ns_of(holder.init.pid, "mnt", link);
	(void)snprintf(want, sizeof(want), "%s\n/proc/1\n", link);
	run_spec(s, &r);
	expect_output(&r, want);

	/* What is no namespace, or not of this kind, or not there. */
	s = shell_spec(fix.root, "true");
	join(s, SPEC_NS_NET, "ipc", holder.init.pid);
	run_spec(s, &r);
	expect_refused(&r, "another type");
	s = shell_spec(fix.root, "true");
	s->ns[SPEC_NS_NET] = (struct spec_namespace){ SPEC_NS_JOIN, "/etc/passwd" };
	run_spec(s, &r);
	expect_refused(&r, "/etc/passwd is not a namespace");
	s = shell_spec(fix.root, "true");
	s->ns[SPEC_NS_NET] = (struct spec_namespace){ SPEC_NS_JOIN, "/no/such/file" };
	run_spec(s, &r);
	expect_refused(&r, "/no/such/file");
	end_holder(&holder, hs, "holder");
}

static void pid_namespace_of_the_host(void **state)
{
	struct run r;
	char link[64], want[80];
	(void)state;
	NEEDS_ROOT();
	struct spec *s = shell_spec(fix.root, "readlink /proc/self/ns/pid");
	s->ns[SPEC_NS_PID].mode = SPEC_NS_HOST;
	own_link("pid", link, sizeof(link));
	(void)snprintf(want, sizeof(want), "%s\n", link);
	run_spec(s, &r);
	expect_output(&r, want);
	/* A failure comes back through the second program too. */
	static const char *const missing[] = { "no-such-program", NULL };
	s = sample_spec(fix.root, missing);
	s->ns[SPEC_NS_PID].mode = SPEC_NS_HOST;
	run_spec(s, &r);
	assert_int_equal(r.failed_code, 127);
}

static void user_namespace(void **state)
{
	struct run r;
	(void)state;
	NEEDS_ROOT();
	struct spec *s = shell_spec(fix.root,
		"id -u; tr -s ' ' </proc/self/uid_map; cat /proc/self/setgroups;"
		"echo x >/dev/null; echo $?; head -c1 /dev/zero | wc -c; stat -c %U /dev/shm");
	sample_new_user_ns(s);
	run_spec(s, &r);
	expect_output(&r, "0\n 0 100000 65536\nallow\n0\n1\nroot\n");
	s = shell_spec(fix.root,
		"grep -c . /proc/self/mountinfo >/dev/null; cat /proc/self/oom_score_adj; ls /mnt/new");
	sample_new_user_ns(s);
	s->process.oom_score_adj = 500;
	(void)sample_mount(s, "/mnt/new", "tmpfs", "tmpfs", 0,
		NULL); /* made by the launcher: the root is not the user's */
	run_spec(s, &r);
	expect_output(&r, "500\n");
}

static void user_namespace_is_joined(void **state)
{
	struct sample holder;
	struct spec *hs;
	struct run r;
	char user[64], net[64], want[200];
	(void)state;
	NEEDS_ROOT();
	start_holder(&holder, &hs, true, "holder");
	ns_of(holder.init.pid, "user", user);
	ns_of(holder.init.pid, "net", net);
	struct spec *s =
		shell_spec(fix.root, "readlink /proc/self/ns/user; readlink /proc/self/ns/net; id -u");
	join(s, SPEC_NS_USER, "user", holder.init.pid);
	join(s, SPEC_NS_NET, "net", holder.init.pid);
	(void)snprintf(want, sizeof(want), "%s\n%s\n0\n", user, net);
	run_spec(s, &r);
	expect_output(&r, want);
	end_holder(&holder, hs, "holder");

	/* A new one beside a joined pid namespace: the kernel does not clone that, the init unshares. */
	start_holder(&holder, &hs, false, "holder");
	s = shell_spec(fix.root, "id -u; tr -s ' ' </proc/self/uid_map; readlink /proc/self/ns/pid");
	sample_new_user_ns(s);
	join(s, SPEC_NS_PID, "pid", holder.init.pid);
	/* It may not mount a proc of a pid namespace that is not its own: the host's is bound. */
	s->mounts[0].type = "bind";
	s->mounts[0].source = "/proc";
	s->mounts[0].flags |= MS_BIND | MS_REC;
	s->masked_paths = s->readonly_paths = NULL;
	ns_of(holder.init.pid, "pid", user);
	(void)snprintf(want, sizeof(want), "0\n 0 100000 65536\n%s\n", user);
	run_spec(s, &r);
	expect_output(&r, want);
	end_holder(&holder, hs, "holder");
}

static void time_offsets(void **state)
{
	struct run r;
	double up = 0;
	struct timespec now;
	(void)state;
	NEEDS_ROOT();
	struct spec *s = shell_spec(fix.root, "cut -d' ' -f1 /proc/uptime");
	s->ns[SPEC_NS_TIME].mode = SPEC_NS_NEW;
	s->boottime_offset_s = 864000;
	run_spec(s, &r);
	expect_code(&r, 0);
	assert_int_equal(sscanf(r.out, "%lf", &up), 1);
	assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &now), 0);
	assert_in_range((unsigned long)up, (unsigned long)now.tv_sec + 864000 - 60,
		(unsigned long)now.tv_sec + 864000 + 60);
}

static void root_is_read_only(void **state)
{
	struct run r;
	(void)state;
	NEEDS_ROOT();
	struct spec *s = shell_spec(fix.root, "touch /x 2>&1; touch /dev/shm/y /dev/y && echo fine");
	s->root_readonly = true;
	run_spec(s, &r);
	expect_output(&r, "touch: /x: Read-only file system\nfine\n");
}

static void binds(void **state)
{
	char src[PATH_MAX], path[PATH_MAX], text[64];
	struct run r;
	(void)state;
	NEEDS_ROOT();
	assert_int_equal(mkdir(under(src, fix.dir, "src"), 0755), 0);
	assert_int_equal(mkdir(under(path, src, "sub"), 0755), 0);
	write_file(under(path, src, "file"), "hello", 0644);

	struct spec *s = shell_spec(fix.root,
		"cat /rw/file /ro/file /a/b/c; echo new >/rw/made; touch /ro/no 2>/dev/null || echo held;"
		"grep ' /ro ' /proc/self/mountinfo | cut -d' ' -f6; grep ' /noexec ' /proc/self/mountinfo | cut -d' ' -f6");
	(void)sample_mount(s, "/rw", "bind", src, MS_BIND | MS_REC, NULL);
	(void)sample_mount(s, "/ro", "bind", src, MS_BIND | MS_REC | MS_RDONLY, NULL);
	(void)sample_mount(s, "/a/b/c", "bind", path, MS_BIND, NULL);
	(void)sample_mount(
		s, "/noexec", "bind", src, MS_BIND | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME, NULL);
	run_spec(s, &r);
	expect_output(&r, "hellohellohelloheld\nro,relatime\nrw,nosuid,nodev,noexec,noatime\n");
	read_back(under(path, src, "made"), text, sizeof(text));
	assert_string_equal(text, "new");

	s = shell_spec(fix.root, "true");
	(void)sample_mount(s, "/data", "bind", "/no/such/source", MS_BIND, NULL);
	run_spec(s, &r);
	expect_refused(&r, "/data: open source /no/such/source: No such file or directory");
	s = shell_spec(fix.root, "true");
	(void)sample_mount(s, "/", "tmpfs", "tmpfs", 0, NULL);
	run_spec(s, &r);
	expect_refused(&r, "root itself");
}

/* "ro" is the top alone, "rro" all below it. */
static void recursive_read_only(void **state)
{
	char src[PATH_MAX], sub[PATH_MAX];
	struct run r;
	(void)state;
	NEEDS_ROOT();
	assert_int_equal(mkdir(under(src, fix.dir, "tree"), 0755), 0);
	assert_int_equal(mkdir(under(sub, src, "sub"), 0755), 0);
	assert_int_equal(mount("tmpfs", sub, "tmpfs", 0, NULL), 0);
	for (int rro = 0; rro < 2; rro++) {
		struct spec *s = shell_spec(
			fix.root, "touch /t/sub/x 2>/dev/null; echo $?; touch /t/x 2>/dev/null; echo $?");
		sample_mount(s, "/t", "bind", src, MS_BIND | MS_REC | MS_RDONLY, NULL)->recursive_ro = rro;
		run_spec(s, &r);
		expect_output(&r, rro ? "1\n1\n" : "0\n1\n");
	}
	assert_int_equal(umount2(sub, MNT_DETACH), 0);
}

static void tmpfs_and_copy_up(void **state)
{
	char root[PATH_MAX], path[PATH_MAX];
	struct run r;
	(void)state;
	NEEDS_ROOT();
	make_root("copyup", root);
	assert_int_equal(mkdir(under(path, root, "data"), 0750), 0);
	assert_int_equal(mkdir(under(path, root, "data/d"), 0700), 0);
	write_file(under(path, root, "data/d/f"), "text", 0640);
	assert_int_equal(chown(path, 5, 6), 0);
	assert_int_equal(symlink("/etc/passwd", under(path, root, "data/l")), 0);
	struct spec *s = shell_spec(root,
		"cat /data/d/f; stat -c ' %u:%g %a' /data/d/f; readlink /data/l; echo new >/data/d/f;"
		"stat -c '%a' /data /t; grep ' /t ' /proc/self/mountinfo | cut -d' ' -f6");
	sample_mount(s, "/data", "tmpfs", "tmpfs", MS_NOSUID, "size=1m")->copy_up = true;
	(void)sample_mount(s, "/t", "tmpfs", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=64k,mode=1770");
	run_spec(s, &r);
	expect_output(&r, "text 5:6 640\n/etc/passwd\n750\n1770\nrw,nosuid,nodev,noexec,relatime\n");
	char text[16];
	read_back(under(path, root, "data/d/f"), text, sizeof(text));
	assert_string_equal(text, "text"); /* the image is as it was */
	s = shell_spec(root, "true");
	(void)sample_mount(s, "/t", "tmpfs", "tmpfs", 0, "no-such-option=1");
	run_spec(s, &r);
	expect_refused(&r, "no-such-option");
}

static void paths_are_hidden(void **state)
{
	struct run r;
	(void)state;
	NEEDS_ROOT();
	run_spec(
		shell_spec(fix.root,
			"cat /proc/interrupts /proc/timer_list | wc -c; ls /sys/firmware | wc -l; chmod 0 /proc/interrupts 2>&1;"
			"chmod 0 /sys/firmware 2>&1; echo 0 2>/dev/null >/proc/sys/kernel/panic || echo held; stat -c %t:%T /proc/keys"),
		&r);
	expect_output(&r,
		"0\n0\nchmod: /proc/interrupts: Read-only file system\n"
		"chmod: /sys/firmware: Read-only file system\nheld\n1:3\n");
}

static void names_and_sysctls(void **state)
{
	static const struct spec_sysctl good[] = { { "net.ipv4.ip_forward", "1" },
		{ "kernel.shmmni", "1234" }, { "net/ipv4/ip_default_ttl", "99" } };
	static const char *const bad[] = { "kernel.core_pattern", "kernel.panic", "vm.swappiness", "net..x",
		"net.ipv4./../../kernel/panic", "kernel/core_pattern", "fs.file-max" };
	struct run r;
	(void)state;
	NEEDS_ROOT();
	struct spec *s = shell_spec(fix.root,
		"hostname; cat /proc/sys/kernel/domainname /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmni "
		"/proc/sys/net/ipv4/ip_default_ttl; ip a | grep -c 'LOOPBACK,UP'");
	s->hostname = "box", s->domainname = "example.org";
	s->sysctls = (struct spec_sysctl *)good, s->n_sysctls = ARRAY_LEN(good);
	run_spec(s, &r);
	expect_output(&r, "box\nexample.org\n1\n1234\n99\n1\n");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct spec_sysctl one = { bad[i], "1" };
		s = shell_spec(fix.root, "true");
		s->sysctls = &one, s->n_sysctls = 1;
		run_spec(s, &r);
		expect_refused(&r, "sysctls");
	}
	struct spec_sysctl one = { "net.ipv4.ip_forward", "1" };
	s = shell_spec(fix.root, "true");
	s->sysctls = &one, s->n_sysctls = 1;
	s->ns[SPEC_NS_NET].mode = SPEC_NS_HOST;
	run_spec(s, &r);
	expect_refused(&r, "net.ipv4.ip_forward does not belong");
}

static void devices(void **state)
{
	struct spec_device extra[] = { { "/dev/one", 'c', 1, 7, 0600, 3, 4 },
		{ "/dev/sub/fifo", 'p', 0, 0, 0644, 0, 0 } };
	struct run r;
	(void)state;
	NEEDS_ROOT();
	struct spec *s = shell_spec(fix.root,
		"stat -c '%F %t:%T %a %u:%g' /dev/one; stat -c %F /dev/sub/fifo;"
		"for d in null zero full random urandom tty; do stat -c '%n %t:%T %a' /dev/$d; done;"
		"for l in fd stdin ptmx core; do readlink /dev/$l; done");
	s->devices = extra, s->n_devices = ARRAY_LEN(extra);
	run_spec(s, &r);
	expect_output(&r,
		"character special file 1:7 600 3:4\nfifo\n/dev/null 1:3 666\n/dev/zero 1:5 666\n/dev/full 1:7 666\n"
		"/dev/random 1:8 666\n/dev/urandom 1:9 666\n/dev/tty 5:0 666\n/proc/self/fd\n/proc/self/fd/0\npts/ptmx\n"
		"/proc/kcore\n");
}

static void terminal(void **state)
{
	struct sample t = SAMPLE_NONE;
	struct err e = { 0 };
	char out[256];
	(void)state;
	NEEDS_ROOT();
	struct spec *s =
		shell_spec(fix.root, "tty; stty size; stat -c %t /dev/console; echo x >/dev/console");
	s->process.terminal = true;
	s->process.console_width = 100, s->process.console_height = 30;
	struct launch_args args = launch_args_of(s, -1);
	assert_int_equal(launch_begin(&args, &t.launch, &e), 0);
	if (sample_until(&t, LAUNCH_READY, &e) < 0)
		fail_msg("%s", e.text);
	assert_true(t.console_fd >= 0);
	assert_int_equal(launch_release(&t.launch, &e), 0);
	drain(t.console_fd, out, sizeof(out)); /* EIO when the last holder has gone */
	assert_string_equal(out, "/dev/pts/0\r\n30 100\r\n88\r\nx\r\n");
	assert_int_equal(sample_end(&t, fix.cgroups, "c"), 0);
	spec_free(s);
}

static int root_from_cookie(void *cookie, struct err *e)
{
	int fd = open_tree(AT_FDCWD, cookie, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	return fd >= 0 ? fd : err_set(e, errno, "open %s", (const char *)cookie);
}

static int prepare_from_cookie(void *cookie, int root_fd, struct err *e)
{
	(void)cookie;
	int fd = path_mkfile_in_root(root_fd, "/prepared", 0644, e);
	return fd < 0 ? fd : (void)close(fd), 0;
}

static int fail_prepare(void *cookie, int root_fd, struct err *e)
{
	(void)cookie;
	(void)root_fd;
	return err_say(e, ENOSPC, "volume data: no room");
}

static void callbacks(void **state)
{
	char root[PATH_MAX];
	struct err e = { 0 };
	(void)state;
	NEEDS_ROOT();
	make_root("callbacks", root);
	struct spec *s = shell_spec("/nowhere", "test -e /prepared");
	struct launch_args args = launch_args_of(s, -1);
	args.make_root = root_from_cookie;
	args.prepare = prepare_from_cookie;
	args.cookie = root;
	assert_int_equal(sample_run(&args, &e), 0);
	args.prepare = fail_prepare;
	assert_int_equal(sample_run(&args, &e), 128);
	assert_string_equal(e.text, "volume data: no room");
	spec_free(s);
}

static const struct CMUnitTest tests[] = {
	launch_test(exit_codes),
	launch_test(killed_by_signal),
	launch_test(namespaces_are_new),
	launch_test(starts_in_order),
	launch_test(namespaces_are_joined),
	launch_test(pid_namespace_of_the_host),
	launch_test(user_namespace),
	launch_test(user_namespace_is_joined),
	launch_test(time_offsets),
	launch_test(root_is_read_only),
	launch_test(binds),
	launch_test(recursive_read_only),
	launch_test(tmpfs_and_copy_up),
	launch_test(paths_are_hidden),
	launch_test(names_and_sysctls),
	launch_test(devices),
	launch_test(terminal),
	launch_test(callbacks),
};

LAUNCH_TEST_MAIN(tests)
