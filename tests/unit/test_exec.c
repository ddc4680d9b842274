/* exec: the stage program in a container made by hand. Needs root; each case starts from a running box and leaves it as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <inttypes.h>
#include <stdlib.h>
#include <grp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/xattr.h>
#include <termios.h>

#include "runtime/exec.h"
#include "runtime/sealed.h"
#include "runtime/stage/stage.h"
#include "tests/unit/box.h"

#define ALL_CAPS    (~UINT64_C(0))
#define DOCKER_CAPS UINT64_C(0x00000000a80425fb)

static struct box box;
static char *const default_env[] = { "PATH=/bin:/sbin", NULL };

struct outcome {
	int code;	 /* exit code; -1: EXEC_FAILED, -2: begin failed */
	int failed_code; /* docker's code of an EXEC_FAILED */
	struct err err;
	char text[8192]; /* what it wrote to 1 and 2 */
};

static uint64_t own_caps(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = { 0 };
	(void)syscall(SYS_capget, &head, d);
	return d[0].permitted | (uint64_t)d[1].permitted << 32;
}

static struct spec_process process_of(char **args)
{
	uint64_t caps = own_caps() & DOCKER_CAPS;
	return (struct spec_process){ .args = args,
		.env = (char **)default_env,
		.cwd = "/",
		.umask = SPEC_UNSET,
		.oom_score_adj = SPEC_UNSET,
		.caps = { .bounding = caps, .effective = caps, .permitted = caps } };
}

static struct spec_process shell(const char *script)
{
	static char *args[] = { "sh", "-c", NULL, NULL };
	args[2] = (char *)script;
	return process_of(args);
}

/* One event, waited for. */
static int next_event(struct exec *x, struct exec_result *r, struct err *e)
{
	struct pollfd p = { .fd = x->report_fd, .events = POLLIN };
	for (;;) {
		int got = exec_receive(x, r, e);
		if (got != -EAGAIN)
			return got;
		if (poll(&p, 1, BOX_DEADLINE_MS) != 1)
			return -ETIMEDOUT;
	}
}

static struct exec_args args_for(const struct spec_process *p, const int stdio[3])
{
	return (struct exec_args){ .process = p,
		.join_ns = (uint32_t)box.ns,
		.init_pidfd = box.pidfd,
		.cgroup = &box.group,
		.stdio = { stdio[0], stdio[1], stdio[2] },
		.chown_pipes = true };
}

static struct outcome run_with(const struct spec_process *p, const struct seccomp_prog *prog)
{
	static struct outcome o;
	struct exec x;
	struct exec_result r;
	int out[2];

	memset(&o, 0, sizeof(o));
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	struct exec_args a = args_for(p, (int[]){ -1, out[1], out[1] });
	a.seccomp = prog;
	int begun = exec_begin(&a, &x, &o.err);
	(void)close(out[1]);
	if (begun < 0) {
		(void)close(out[0]);
		o.code = -2;
		return o;
	}
	assert_int_equal(next_event(&x, &r, &o.err), 0);
	assert_int_equal(box_wait(x.stage_pid), r.event == EXEC_RUNNING || r.pid > 0 ? 0 : r.exit_code);
	if (r.event == EXEC_RUNNING) {
		assert_true(box_read_all(out[0], o.text, sizeof(o.text)));
		o.code = box_wait(r.pid);
		(void)close(r.pidfd);
	} else {
		assert_int_equal(r.event, EXEC_FAILED);
		o.code = -1;
		o.failed_code = r.exit_code;
		if (r.pid > 0)
			assert_int_equal(box_wait(r.pid), r.exit_code);
	}
	exec_done(&x);
	(void)close(out[0]);
	return o;
}

static struct outcome run(const struct spec_process *p)
{
	return run_with(p, NULL);
}

static void expect(const char *script, const char *text)
{
	struct spec_process p = shell(script);
	struct outcome o = run(&p);
	if (o.code != 0)
		fail_msg("%s: code %d, %s, %s", script, o.code, o.err.text, o.text);
	assert_string_equal(o.text, text);
}

static void exit_codes(void **state)
{
	(void)state;
	char *args[] = { "true", NULL };
	struct spec_process p = process_of(args);
	assert_int_equal(run(&p).code, 0);
	p = shell("exit 7");
	assert_int_equal(run(&p).code, 7);
	p = shell("kill -9 $$");
	assert_int_equal(run(&p).code, 137);
}

static void environment(void **state)
{
	(void)state;
	char *args[] = { "env", NULL };
	char *env[] = { "PATH=/bin", "A=b c", "EMPTY=", "HOME=", NULL };
	struct spec_process p = process_of(args);
	p.env = env;
	p.user = "web";
	struct outcome o = run(&p);
	assert_string_equal(o.text, "PATH=/bin\nA=b c\nEMPTY=\nHOME=/home/web\n");
	env[3] = "HOME=/mine";
	o = run(&p);
	assert_string_equal(o.text, "PATH=/bin\nA=b c\nEMPTY=\nHOME=/mine\n");
	p.user = "4242";
	env[3] = NULL;
	o = run(&p);
	assert_string_equal(o.text, "PATH=/bin\nA=b c\nEMPTY=\nHOME=/\n");
}

/* More than the vectors that are there without asking the kernel, and a plan of more than one read. */
static void large_environment(void **state)
{
	(void)state;
	enum { COUNT = 2000 };
	static char text[COUNT][128];
	static char *env[COUNT + 2];
	for (int i = 0; i < COUNT; i++) {
		(void)snprintf(text[i], sizeof(text[i]), "V%d=%090d", i, i);
		env[i] = text[i];
	}
	env[COUNT] = "PATH=/bin";
	struct spec_process p = shell("test ${#V1999} = 90 && env | grep -c ^V");
	p.env = env;
	struct outcome o = run(&p);
	assert_int_equal(o.code, 0);
	assert_string_equal(o.text, "2000\n");
}

static void working_directory(void **state)
{
	(void)state;
	struct spec_process p = shell("pwd");
	p.cwd = "/work";
	assert_string_equal(run(&p).text, "/work\n");
	p.cwd = "/absent";
	struct outcome o = run(&p);
	assert_int_equal(o.code, -1);
	assert_int_equal(o.failed_code, 126);
	assert_string_equal(o.err.text,
		"chdir to cwd (\"/absent\") set in config.json failed: no such file or directory");
	p.cwd = "/bin/sh";
	o = run(&p);
	assert_string_equal(
		o.err.text, "chdir to cwd (\"/bin/sh\") set in config.json failed: not a directory");
}

/* No working directory may reach a directory of the host's, whichever descriptor is open in the caller. */
static void cwd_cve_2024_21626(void **state)
{
	(void)state;
	char cwd[64];
	int fds[30], n = 0;
	for (; n < 30; n++) /* careless ones: not close-on-exec */
		assert_true((fds[n] = open("/", O_RDONLY | O_DIRECTORY)) >= 0);
	for (int i = 0; i < 40; i++) {
		(void)snprintf(cwd, sizeof(cwd), "/proc/self/fd/%d", i);
		struct spec_process p = shell("pwd");
		p.cwd = cwd;
		struct outcome o = run(&p);
		assert_int_equal(o.code, -1);
		(void)snprintf(cwd, sizeof(cwd), "/proc/self/fd/%d/tmp", i);
		o = run(&p);
		assert_int_equal(o.code, -1);
	}
	char link[128];
	(void)snprintf(link, sizeof(link), "/proc/%d/root/work/link", (int)box.pid);
	assert_int_equal(symlink("/proc/self/fd/7/../..", link), 0);
	struct spec_process p = shell("pwd");
	p.cwd = "/work/link";
	assert_int_equal(run(&p).code, -1);
	(void)unlink(link);
	p.cwd = "/../../../work/../..";
	assert_string_equal(run(&p).text, "/\n");
	while (n-- > 0)
		(void)close(fds[n]);
}

static void users(void **state)
{
	(void)state;
	static const struct {
		const char *user, *id;
	} cases[] = {
		{ "root", "uid=0(root) gid=0(root) groups=0(root)\n" },
		{ "web", "uid=1000(web) gid=1001(webgroup) groups=1001(webgroup),1002(log),1003(audio)\n" },
		{ "1000", "uid=1000(web) gid=1001(webgroup) groups=1001(webgroup),1002(log),1003(audio)\n" },
		{ "web:video", "uid=1000(web) gid=1004(video) groups=1004(video)\n" },
		{ "1:1", "uid=1 gid=1 groups=1\n" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct spec_process p = shell("id");
		p.user = cases[i].user;
		struct outcome o = run(&p);
		assert_int_equal(o.code, 0);
		assert_string_equal(o.text, cases[i].id);
	}
	struct spec_process p = shell("id -u");
	p.user = "4294967296";
	struct outcome o = run(&p);
	assert_int_equal(o.code, -1);
	assert_string_equal(o.err.text, "user \"4294967296\": ids are 0 to 4294967294");
	p.user = "foo";
	o = run(&p);
	assert_string_equal(o.err.text, "unable to find user foo: no matching entries in passwd file");
}

/* CVE-2022-36109: the caller's own groups do not come along. */
static void groups_cve_2022_36109(void **state)
{
	(void)state;
	gid_t ours[] = { 0, 4, 27, 1234 }, old[64];
	int n = getgroups(64, old);
	assert_int_equal(setgroups(4, ours), 0);
	struct spec_process p = shell("grep Groups /proc/self/status");
	p.uid = 5;
	p.gid = 6;
	struct outcome o = run(&p);
	assert_string_equal(o.text, "Groups:\t \n");
	uint32_t more[] = { 77 };
	p.additional_gids = more;
	p.n_additional_gids = 1;
	o = run(&p);
	assert_string_equal(o.text, "Groups:\t77 \n");
	assert_int_equal(setgroups((size_t)n, old), 0);
}

static uint64_t status_mask(const char *text, const char *key)
{
	const char *at = strstr(text, key);
	assert_non_null(at);
	return strtoull(at + strlen(key) + 1, NULL, 16);
}

/* CVE-2016-8867, CVE-2022-29162: exactly what was asked, whatever our own sets are. */
static void capabilities_cve_2022_29162(void **state)
{
	(void)state;
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct old[2], d[2];
	assert_int_equal(syscall(SYS_capget, &head, old), 0);
	memcpy(d, old, sizeof(d));
	d[0].inheritable = d[0].permitted; /* a careless caller's */
	d[1].inheritable = d[1].permitted;
	assert_int_equal(syscall(SYS_capset, &head, d), 0);

	uint64_t docker = own_caps() & DOCKER_CAPS, net = UINT64_C(1) << CAP_NET_BIND_SERVICE;
	struct spec_process p = shell("cat /proc/self/status");
	struct outcome o = run(&p);
	assert_int_equal(status_mask(o.text, "CapBnd:"), docker);
	assert_int_equal(status_mask(o.text, "CapEff:"), docker);
	assert_int_equal(status_mask(o.text, "CapPrm:"), docker);
	assert_int_equal(status_mask(o.text, "CapInh:"), 0);
	assert_int_equal(status_mask(o.text, "CapAmb:"), 0);

	p.uid = 1000;
	o = run(&p);
	assert_int_equal(status_mask(o.text, "CapBnd:"), docker);
	assert_int_equal(status_mask(o.text, "CapEff:"), 0);
	assert_int_equal(status_mask(o.text, "CapPrm:"), 0);
	assert_int_equal(status_mask(o.text, "CapInh:"), 0);

	p.caps.inheritable = p.caps.ambient = net;
	o = run(&p);
	assert_int_equal(o.code, 0);
	assert_int_equal(status_mask(o.text, "CapEff:"), net);
	assert_int_equal(status_mask(o.text, "CapPrm:"), net);
	assert_int_equal(status_mask(o.text, "CapInh:"), net);
	assert_int_equal(status_mask(o.text, "CapAmb:"), net);

	p = shell("cat /proc/self/status");
	p.caps = (struct spec_caps){ 0 };
	o = run(&p);
	assert_int_equal(status_mask(o.text, "CapBnd:"), 0);
	assert_int_equal(status_mask(o.text, "CapEff:"), 0);
	assert_int_equal(syscall(SYS_capset, &head, old), 0);

	uint64_t missing = ~own_caps() & ((UINT64_C(1) << 41) - 1);
	if (missing) { /* what we lack cannot be given, and we say which */
		char word[32];
		p.caps.permitted = p.caps.effective = missing & -missing;
		(void)snprintf(word, sizeof(word), "number %d ", __builtin_ctzll(missing));
		o = run(&p);
		assert_int_equal(o.code, -1);
		assert_non_null(strstr(o.err.text, word));
	}
}

/* A filter that denies one call, by whichever way no_new_privs allows it. */
static void seccomp(void **state)
{
	(void)state;
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdirat, 2, 0),
#ifdef SYS_mkdir
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdir, 1, 0),
#else
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdirat, 1, 0),
#endif
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOTTY),
	};
	struct seccomp_prog prog = { insns, sizeof(insns) / sizeof(insns[0]), 0 };
	for (int nnp = 0; nnp < 2; nnp++)
		for (uint32_t uid = 0; uid < 2000; uid += 1000) {
			struct spec_process p = shell(
				"mkdir /tmp/x 2>&1; grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status");
			p.no_new_privileges = nnp;
			p.uid = uid;
			p.caps = (struct spec_caps){ 0 };
			struct outcome o = run_with(&p, &prog);
			assert_int_equal(o.code, 0);
			assert_non_null(strstr(o.text, "Inappropriate ioctl"));
			assert_non_null(strstr(o.text, "Seccomp:\t2\n"));
			assert_non_null(strstr(o.text, nnp ? "NoNewPrivs:\t1\n" : "NoNewPrivs:\t0\n"));
		}
	/* A filter that forbids to report still lets a good start be told from a bad one. */
	struct sock_filter mute[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sendto, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	prog = (struct seccomp_prog){ mute, 4, 0 };
	struct spec_process p = shell("exit 3");
	assert_int_equal(run_with(&p, &prog).code, 3);
	insns[0].code = 0xffff; /* not a filter */
	prog = (struct seccomp_prog){ insns, 5, 0 };
	struct outcome o = run_with(&p, &prog);
	assert_int_equal(o.code, -1);
	assert_non_null(strstr(o.err.text, "seccomp: load the system call filter"));
}

static void limits(void **state)
{
	(void)state;
	struct spec_rlimit l[] = { { RLIMIT_NOFILE, 50, 60 }, { RLIMIT_FSIZE, 0, 0 } };
	struct spec_process p = shell("ulimit -n; ulimit -Hn; ulimit -f");
	p.rlimits = l;
	p.n_rlimits = 2;
	p.umask = 027;
	assert_string_equal(run(&p).text, "50\n60\n0\n");

	p = shell("umask; cat /proc/self/oom_score_adj");
	p.umask = 027;
	p.oom_score_adj = 500;
	assert_string_equal(run(&p).text, "0027\n500\n");

	if (own_caps() >> CAP_SYS_RESOURCE & 1)
		return;
	struct rlimit now;
	assert_int_equal(getrlimit(RLIMIT_CORE, &now), 0);
	struct rlimit less = { 0, 4096 };
	if (now.rlim_max < 4096)
		return;
	pid_t pid = fork(); /* lowered for good, so in a child */
	if (pid == 0) {
		(void)setrlimit(RLIMIT_CORE, &less);
		struct spec_rlimit more = { RLIMIT_CORE, 0, 8192 };
		p = shell("true");
		p.rlimits = &more;
		p.n_rlimits = 1;
		struct outcome o = run(&p);
		_exit(o.code == -1 && strstr(o.err.text, "needs CAP_SYS_RESOURCE") ? 0 : 1);
	}
	assert_int_equal(box_wait(pid), 0);
}

static void not_runnable(void **state)
{
	(void)state;
	static const struct {
		char *arg;
		int code;
		const char *text;
	} cases[] = {
		{ "foo", 127, "exec: \"foo\": executable file not found in $PATH" },
		{ "", 127, "exec: \"\": executable file not found in $PATH" },
		{ "/x", 127, "exec: \"/x\": stat /x: no such file or directory" },
		{ "./x", 127, "exec: \"./x\": stat ./x: no such file or directory" },
		{ "/etc", 126, "exec: \"/etc\": is a directory" },
		{ "/etc/passwd", 126, "exec: \"/etc/passwd\": permission denied" },
		{ "/work/garbage", 126, "exec: \"/work/garbage\": exec /work/garbage: exec format error" },
		{ "/work/script", 127,
			"exec: \"/work/script\": exec /work/script: no such file or directory" },
		{ "script", 127, "exec: \"script\": exec /work/script: no such file or directory" },
		{ "private", 126, "exec: \"private\": permission denied" },
	};
	char path[128];
	(void)snprintf(path, sizeof(path), "/proc/%d/root/work", (int)box.pid);
	box_write(path, "garbage", "\177ELF not");
	box_write(path, "script", "#!/no/such/interpreter\n");
	box_write(path, "private", "#!/bin/sh\n");
	int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(fchmodat(dir, "garbage", 0755, 0) | fchmodat(dir, "script", 0755, 0) |
			fchmodat(dir, "private", 0700, 0),
		0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *args[] = { cases[i].arg, NULL }, *env[] = { "PATH=/nowhere:/work", NULL };
		struct spec_process p = process_of(args);
		p.env = env;
		p.uid = 1000;
		struct outcome o = run(&p);
		assert_int_equal(o.code, -1);
		assert_string_equal(o.err.text, cases[i].text);
		assert_int_equal(o.failed_code, cases[i].code);
	}
	assert_int_equal(
		unlinkat(dir, "garbage", 0) | unlinkat(dir, "script", 0) | unlinkat(dir, "private", 0), 0);
	(void)close(dir);
}

static void terminal(void **state)
{
	(void)state;
	struct spec_process p = shell(
		"tty; stty size; stat -c '%u %g %a' $(tty); echo here >/dev/tty; read x; echo got $x; ps -o tty,comm | grep -c 136,0");
	struct exec x;
	struct exec_result r;
	struct err e = { 0 };
	char text[4096];

	p.terminal = true;
	p.console_width = 101;
	p.console_height = 37;
	p.uid = 1000;
	struct exec_args a = args_for(&p, (int[]){ -1, -1, -1 });
	assert_int_equal(exec_begin(&a, &x, &e), 0);
	assert_int_equal(next_event(&x, &r, &e), 0);
	if (r.event != EXEC_CONSOLE)
		fail_msg("%s", e.text);
	int master = r.console_fd;
	assert_int_equal(next_event(&x, &r, &e), 0);
	assert_int_equal(r.event, EXEC_RUNNING);
	size_t len = 0;
	do { /* what is typed is echoed at once, so not before the rest has been said */
		ssize_t n = read(master, text + len, sizeof(text) - 1 - len);
		assert_true(n > 0);
		len += (size_t)n;
		text[len] = '\0';
	} while (!strstr(text, "here\r\n"));
	assert_int_equal(write(master, "word\n", 5), 5);
	assert_true(box_read_all(master, text + len, sizeof(text) - len));
	assert_int_equal(box_wait(x.stage_pid), 0);
	assert_int_equal(box_wait(r.pid), 0);
	assert_non_null(strstr(text, "/dev/pts/0\r\n37 101\r\n1000 5 620\r\nhere\r\n"));
	assert_non_null(strstr(text, "got word\r\n"));
	(void)close(master);
	(void)close(r.pidfd);
	exec_done(&x);
}

/* CVE-2026-88265: a file that is not the null device is never taken for it, and never written to. */
static void null_cve_2026_88265(void **state)
{
	(void)state;
	static const char *const tricks[] = { "ln -s /work/file /dev/null", "touch /dev/null",
		"mknod /dev/null c 1 5", "mkfifo /dev/null", "mkdir /dev/null" };
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/%d/root/dev", (int)box.pid);
	int dev = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(renameat(dev, "null", dev, "saved"), 0);
	for (size_t i = 0; i < sizeof(tricks) / sizeof(tricks[0]); i++) {
		char script[160];
		struct err e = { 0 };
		struct exec x;
		struct exec_result r;
		int zero = open("/dev/zero", O_RDWR | O_CLOEXEC);
		(void)snprintf(script, sizeof(script), "touch /work/file; %s", tricks[i]);
		struct spec_process make = shell(script);
		struct exec_args a = args_for(&make, (int[]){ zero, zero, zero });
		assert_int_equal(exec_begin(&a, &x, &e), 0);
		assert_int_equal(next_event(&x, &r, &e), 0);
		assert_int_equal(r.event, EXEC_RUNNING);
		assert_int_equal(box_wait(x.stage_pid), 0);
		assert_int_equal(box_wait(r.pid), 0);
		exec_done(&x);
		(void)close(r.pidfd);
		(void)close(zero);

		struct spec_process p = shell("true");
		struct outcome o = run(&p);
		assert_int_equal(o.code, -1);
		assert_non_null(strstr(o.err.text, "/dev/null"));
		if (unlinkat(dev, "null", i == 4 ? AT_REMOVEDIR : 0) < 0)
			fail_msg("%s: %s", script, strerror(errno));
	}
	assert_int_equal(renameat(dev, "saved", dev, "null"), 0);
	(void)close(dev);
	struct spec_process p = shell("cat; echo x >/dev/null; stat -c %F:%t:%T /dev/null");
	assert_string_equal(run(&p).text, "character special file:1:3\n");
}

/* CVE-2015-3627, CVE-2016-9962: 0, 1, 2 and the directory that ls itself opens. */
static void descriptors_cve_2016_9962(void **state)
{
	(void)state;
	int junk[60];
	for (int i = 0; i < 60; i++)
		junk[i] = open("/", O_RDONLY | O_DIRECTORY); /* not close-on-exec */
	expect("exec ls /proc/self/fd", "0\n1\n2\n3\n");
	for (int i = 0; i < 60; i++)
		(void)close(junk[i]);
}

/* The pipes that we made can be opened by name, by whoever the process is. */
static void pipes_are_the_users(void **state)
{
	(void)state;
	struct spec_process p = shell("echo two >/proc/self/fd/1; stat -Lc %u /proc/self/fd/2");
	p.uid = 1000;
	assert_string_equal(run(&p).text, "two\n1000\n");
}

static void many_without_a_leak(void **state)
{
	(void)state;
	const char *n_text = getenv("BERTH_N");
	int n = n_text && *n_text ? atoi(n_text) : 60;
	char *good[] = { "true", NULL }, *bad[] = { "missing", NULL };
	struct spec_process g = process_of(good), b = process_of(bad);
	assert_int_equal(run(&g).code, 0);
	int before = box_count_fds();
	for (int i = 0; i < n; i++) {
		assert_int_equal(run(&g).code, 0);
		if (i % 4 == 0)
			assert_int_equal(run(&b).code, -1);
	}
	assert_int_equal(box_count_fds(), before);
	siginfo_t si;
	assert_int_equal(waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT),
		0);				       /* box is there, nothing else has ended */
	expect("set -- /proc/[0-9]*; echo $#", "2\n"); /* pid 1 and this shell */
}

static void joins_the_groups(void **state)
{
	(void)state;
	struct spec_process p = shell("exec sleep 100");
	struct exec x;
	struct exec_result r;
	struct err e = { 0 };
	char path[64], name[64], text[4096];
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct exec_args a = args_for(&p, (int[]){ null, null, null });
	(void)close(null);
	null = a.stdio[0] = a.stdio[1] = a.stdio[2] = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_int_equal(exec_begin(&a, &x, &e), 0);
	assert_int_equal(next_event(&x, &r, &e), 0);
	assert_int_equal(r.event, EXEC_RUNNING);
	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)r.pid);
	assert_true(io_read_text(AT_FDCWD, path, text, sizeof(text)) > 0);
	(void)snprintf(name, sizeof(name), "berth-box-%d", (int)getpid());
	int found = 0;
	for (char *at = text; (at = strstr(at, name)); at++)
		found++;
	assert_int_equal(found, box.n_groups);
	assert_int_equal(exec_past_execve(r.pid), 1);
	assert_int_equal(sys_pidfd_send_signal(r.pidfd, SIGKILL), 0);
	assert_int_equal(box_wait(r.pid), 137);
	assert_int_equal(box_wait(x.stage_pid), 0);
	(void)close(null);
	(void)close(r.pidfd);
	exec_done(&x);
}

/* Is this text anywhere in the memory of a process? */
static bool memory_has(pid_t pid, const char *text, size_t len)
{
	static char chunk[1 << 16];
	char path[64], line[512];
	bool found = false;
	(void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	FILE *maps = fopen(path, "re");
	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	int mem = open(path, O_RDONLY | O_CLOEXEC);
	assert_non_null(maps);
	assert_true(mem >= 0);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long from, to;
		assert_int_equal(sscanf(line, "%lx-%lx", &from, &to), 2);
		if (to - from > 64UL << 20)
			continue; /* a sanitizer's own tables */
		for (unsigned long at = from; at < to; at += sizeof(chunk) - 64) {
			size_t want = to - at < sizeof(chunk) ? to - at : sizeof(chunk);
			ssize_t n = pread(mem, chunk, want, (off_t)at);
			if (n > 0 && memmem(chunk, (size_t)n, text, len))
				found = true;
		}
	}
	(void)fclose(maps);
	(void)close(mem);
	return found;
}

static void freeze(bool on)
{
	for (int i = 0; i < box.n_groups; i++)
		if (strstr(box.group_path[i], "/freezer/")) {
			int fd = open(box.group_path[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
			assert_int_equal(io_write_text(fd, "freezer.state", on ? "FROZEN" : "THAWED"), 0);
			(void)close(fd);
		}
}

/* CVE-2016-9962: the process is held between entering the container and its execve (by a frozen v1 group), where an attacker
 * inside has all the time. It carries nothing of ours, and only who has CAP_SYS_PTRACE there may look at it at all. */
static void held_before_execve(uint64_t spy_caps)
{
	static char secret[64]; /* of our data, not a literal that a binary may hold */
	struct spec_process p = shell("exec sleep 100");
	struct exec x;
	struct exec_result r;
	struct err e = { 0 };
	bool has_freezer = false;

	for (int i = 0; i < box.n_groups; i++)
		has_freezer |= strstr(box.group_path[i], "/freezer/") != NULL;
	if (!has_freezer)
		skip();
	(void)snprintf(secret, sizeof(secret), "memory of the caller %d %d", (int)getpid(), 4711);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct exec_args a = args_for(&p, (int[]){ null, null, null });
	freeze(true);
	assert_int_equal(exec_begin(&a, &x, &e), 0);
	assert_int_equal(box_wait(x.stage_pid), 0);
	int32_t pid = 0;
	assert_int_equal(pread(x.plan_fd, &pid, sizeof(pid), offsetof(struct plan, out_pid)), sizeof(pid));
	assert_true(pid > 0);
	char path[64], text[512];
	for (int tries = 0;; tries++) { /* until it lies in the freezer */
		(void)snprintf(path, sizeof(path), "/proc/%d/wchan", (int)pid);
		if (io_read_text(AT_FDCWD, path, text, sizeof(text)) > 0 && strstr(text, "refrigerator"))
			break;
		(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
		if (tries > 50 && io_read_text(AT_FDCWD, path, text, sizeof(text)) > 0 &&
			strstr(text, "freezer:/berth-box"))
			break;
		assert_true(tries < 1000);
		(void)poll(NULL, 0, 2);
	}
	assert_int_equal(exec_receive(&x, &r, &e), -EAGAIN);
	assert_int_equal(exec_past_execve(pid), 0);
	assert_int_equal(exec_look(&x, &r, &e), -EAGAIN);
	assert_true(memory_has(getpid(), secret, strlen(secret)));
	assert_false(memory_has(pid, secret, strlen(secret)));
	static char maps[1 << 16]; /* nor is the way to the caller's answer mapped there */
	(void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	assert_true(io_read_text(AT_FDCWD, path, maps, sizeof(maps)) > 0);
	assert_non_null(strstr(maps, "berth-stage"));
	assert_null(strstr(maps, "memfd:berth-plan"));
	/* Whoever rewrites it has won nothing: it is the user's already. */
	uint64_t permitted = 1;
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	static char status[4096];
	assert_true(io_read_text(AT_FDCWD, path, status, sizeof(status)) > 0);
	assert_non_null(strstr(status, "CapPrm:"));
	assert_int_equal(sscanf(strstr(status, "CapPrm:"), "CapPrm: %" SCNx64, &permitted), 1);
	assert_true(permitted == p.caps.permitted);
	for (int fd = 0; fd < 64; fd++) { /* no descriptor of a memfd, a directory or a process */
		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
		ssize_t n = readlink(path, text, sizeof(text) - 1);
		text[n > 0 ? n : 0] = '\0';
		if (strstr(text, "memfd") || strstr(text, "pidfd"))
			fail_msg("descriptor %d is %s", fd, text);
		if (n > 0 && text[0] == '/' && !strstr(text, "/tasks") && strcmp(text, "/dev/null") != 0)
			fail_msg("descriptor %d is %s", fd, text);
	}

	/* from inside: not even the name of its program */
	struct cgroup frozen = box.group;
	box.group = (struct cgroup){ .dirfd = -1 };
	struct spec_process spy = shell(
		"for p in /proc/[0-9]*; do readlink $p/exe; ls $p/fd >/dev/null && echo $p; done 2>/dev/null | "
		"grep -c -e memfd -e berth; for p in /proc/[0-9]*; do grep -q PTRACE_ME $p/environ; done 2>/dev/null; true");
	spy.caps.bounding = spy.caps.effective = spy.caps.permitted = spy_caps;
	struct outcome o = run(&spy);
	box.group = frozen;
	assert_int_equal(o.code, 0);
	assert_string_equal(o.text, "0\n");

	/* a copy of the report socket, as a tracer could make one, holds nobody up */
	int pidfd = sys_pidfd_open(pid, 0);
	int copy = (int)syscall(SYS_pidfd_getfd, pidfd, STAGE_FD_REPORT, 0);
	assert_true(copy >= 0);
	(void)close(pidfd);
	freeze(false);
	for (int tries = 0; exec_past_execve(pid) == 0 && tries < 1000; tries++)
		(void)poll(NULL, 0, 2);
	assert_int_equal(exec_receive(&x, &r, &e), -EAGAIN);
	assert_int_equal(exec_look(&x, &r, &e), 0);
	assert_int_equal(r.event, EXEC_RUNNING);
	assert_int_equal(r.pid, pid);
	(void)close(copy);
	(void)kill(pid, SIGKILL);
	assert_int_equal(box_wait(pid), 137);
	(void)close(null);
	(void)close(r.pidfd);
	exec_done(&x);
}

static void held_before_execve_cve_2016_9962(void **state)
{
	(void)state;
	held_before_execve(own_caps() & DOCKER_CAPS);
}

/* The same against root of a user namespace, who has CAP_SYS_PTRACE and all others there. */
static void held_in_a_user_namespace_cve_2016_9962(void **state)
{
	(void)state;
	struct box outer = box, *inner = &box;
	if (box_open(inner, BOX_NS | CLONE_NEWUSER, NULL) < 0) {
		box_close(inner);
		box = outer;
		skip();
	}
	struct cgroup none = inner->group;
	inner->group = outer.group; /* with the freezer */
	inner->n_groups = outer.n_groups;
	memcpy(inner->group_path, outer.group_path, sizeof(outer.group_path));
	struct spec_process p = shell("test -e /proc/1/status");
	if (run(&p).code ==
		0) /* a host whose /proc is covered in part lets no user namespace mount its own */
		held_before_execve((UINT64_C(1) << 41) - 1);
	else
		print_message("no /proc in a user namespace here\n");
	inner->group = none;
	inner->n_groups = 0;
	box_close(inner);
	box = outer;
}

/* What a tracer could write into the report socket is not believed. */
static void forged_reports(void **state)
{
	(void)state;
	struct stage_msg m = { .type = STAGE_CONSOLE };
	struct exec_result r;
	struct err e = { 0 };
	int host = open("/etc/hostname", O_RDONLY | O_CLOEXEC);
	for (int round = 0; round < 4; round++) {
		int pair[2];
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
		struct exec x = { .report_fd = pair[0],
			.plan_fd = memfd_create("t", MFD_CLOEXEC),
			.phase = 1 /* terminal */ };
		int before = box_count_fds();
		m.type = round == 2 ? 99 : STAGE_CONSOLE;
		assert_int_equal(
			io_send(pair[1], &m, round == 1 ? 4 : sizeof(m), &host, round == 3 ? 0 : 1), 0);
		assert_int_equal(exec_receive(&x, &r, &e), 0);
		assert_int_equal(r.event, EXEC_FAILED);
		assert_int_equal(r.exit_code, 128);
		assert_int_equal(box_count_fds(), before); /* what was passed is closed */
		exec_done(&x);
		(void)close(pair[1]);
	}
	(void)close(host);
}

/* CVE-2019-5736: nothing inside can write to the program that entered. */
static void sealed_program_cve_2019_5736(void **state)
{
	(void)state;
	char path[64];
	int fd = exec_stage_fd(NULL);
	assert_true(fd >= 0);
	assert_int_equal(exec_stage_fd(NULL), fd);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	/* Not even opened: while somebody has it open for writing nobody can execute it. */
	assert_int_equal(open(path, O_RDWR | O_CLOEXEC), -1);
	assert_int_equal(errno, EROFS);
	assert_int_equal(open(path, O_WRONLY | O_TRUNC | O_CLOEXEC), -1);
	assert_int_equal(chmod(path, 0777), -1);
	/* Nor made to run as somebody else. */
	assert_true(sealed_is_unchangeable(fd));
	assert_int_equal(fchown(fd, 1, 1), -1);
	assert_int_equal(fchmod(fd, 06777), -1);
	assert_int_equal(
		fsetxattr(fd, "security.capability", "\1\0\0\2\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0", 20, 0), -1);
}

/* CVE-2019-5736: nor does trying to open it, over and over, hold up a single exec (ETXTBSY). */
static void sealed_program_under_siege(void **state)
{
	(void)state;
	char path[64];
	char *argv[] = { (char *)"stage", NULL }, *envp[] = { NULL };
	int fd = exec_stage_fd(NULL), busy = 0;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	pid_t sieger = fork();
	if (sieger == 0)
		for (;;)
			(void)!open(path, O_WRONLY | O_CLOEXEC);
	for (int i = 0; i < 5000; i++) {
		int status;
		pid_t pid = fork();
		if (pid == 0) {
			(void)execveat(fd, "", argv, envp, AT_EMPTY_PATH);
			_exit(errno == ETXTBSY ? 200 : 201);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		busy += WIFEXITED(status) && WEXITSTATUS(status) == 200;
	}
	(void)kill(sieger, SIGKILL);
	(void)waitpid(sieger, NULL, 0);
	assert_int_equal(busy, 0);
}

static void in_a_user_namespace(void **state)
{
	(void)state;
	struct box outer = box;
	if (box_open(&box, BOX_NS | CLONE_NEWUSER, NULL) < 0) {
		box_close(&box);
		box = outer;
		skip();
	}
	struct spec_rlimit l = { RLIMIT_NOFILE, 40, 50 };
	struct spec_process p = shell("id -u; ulimit -n; touch /work/f; stat -c %u /work/f; exit 3");
	p.oom_score_adj = 300;
	p.rlimits = &l;
	p.n_rlimits = 1;
	p.caps.bounding = p.caps.effective = p.caps.permitted =
		ALL_CAPS & ((UINT64_C(1) << 41) - 1); /* they are the namespace's */
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/work", box.root);
	(void)chown(path, 100000, 100000);
	struct outcome o = run(&p);
	if (o.code != 3)
		print_message("%s\n", o.err.text);
	assert_int_equal(o.code, 3);
	assert_string_equal(o.text, "0\n40\n0\n");
	p = shell("id -u");
	p.uid = 1000;
	p.gid = 1000;
	o = run(&p);
	assert_string_equal(o.text, "1000\n");
	p.uid = 70000; /* not mapped */
	o = run(&p);
	assert_int_equal(o.code, -1);
	box_close(&box);
	box = outer;
}

static void ended_container(void **state)
{
	(void)state;
	struct box outer = box;
	assert_int_equal(box_open(&box, BOX_NS, NULL), 0);
	(void)kill(box.pid, SIGKILL);
	struct pollfd p = { .fd = box.pidfd, .events = POLLIN };
	assert_int_equal(poll(&p, 1, BOX_DEADLINE_MS), 1);
	struct spec_process q = shell("true");
	struct outcome o = run(&q);
	assert_int_equal(o.code, -1);
	assert_string_equal(o.err.text, "the container has ended");
	box_close(&box);
	box = outer;
}

static int start(void **state)
{
	(void)state;
	return box_open(&box, BOX_NS, NULL);
}

/* A failed case may have left it frozen, and a frozen process cannot even be killed. */
static int thaw(void **state)
{
	(void)state;
	freeze(false);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	box_close(&box);
	return 0;
}

/* BENCH=N: the price of an exec of true, and of nothing but vfork and execve of it in the same place. */
static int cmp(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void measure(int n)
{
	int64_t *t = calloc((size_t)n, sizeof(*t));
	char *args[] = { "/bin/true", NULL };
	struct spec_process p = process_of(args);
	struct exec x;
	struct exec_result r;
	struct err e = { 0 };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	p.no_new_privileges = true;
	for (int i = 0; i < n; i++) {
		struct exec_args a = args_for(&p, (int[]){ null, null, null });
		int64_t from = box_now_us();
		assert_int_equal(exec_begin(&a, &x, &e), 0);
		assert_int_equal(next_event(&x, &r, &e), 0);
		assert_int_equal(r.event, EXEC_RUNNING);
		assert_int_equal(waitpid(x.stage_pid, NULL, 0), x.stage_pid);
		assert_int_equal(waitpid(r.pid, NULL, 0), r.pid);
		t[i] = box_now_us() - from;
		(void)close(r.pidfd);
		exec_done(&x);
	}
	qsort(t, (size_t)n, sizeof(*t), cmp);
	print_message("exec true: median %lld us, p10 %lld, p90 %lld of %d\n", (long long)t[n / 2],
		(long long)t[n / 10], (long long)t[n * 9 / 10], n);
	(void)close(null);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exit_codes),
		cmocka_unit_test(environment),
		cmocka_unit_test(large_environment),
		cmocka_unit_test(working_directory),
		cmocka_unit_test(cwd_cve_2024_21626),
		cmocka_unit_test(users),
		cmocka_unit_test(groups_cve_2022_36109),
		cmocka_unit_test(capabilities_cve_2022_29162),
		cmocka_unit_test(seccomp),
		cmocka_unit_test(limits),
		cmocka_unit_test(not_runnable),
		cmocka_unit_test(terminal),
		cmocka_unit_test(null_cve_2026_88265),
		cmocka_unit_test(descriptors_cve_2016_9962),
		cmocka_unit_test(pipes_are_the_users),
		cmocka_unit_test(joins_the_groups),
		cmocka_unit_test_teardown(held_before_execve_cve_2016_9962, thaw),
		cmocka_unit_test_teardown(held_in_a_user_namespace_cve_2016_9962, thaw),
		cmocka_unit_test(forged_reports),
		cmocka_unit_test(sealed_program_cve_2019_5736),
		cmocka_unit_test(sealed_program_under_siege),
		cmocka_unit_test(in_a_user_namespace),
		cmocka_unit_test(ended_container),
		cmocka_unit_test(many_without_a_leak),
	};
	if (!box_may_run()) {
		print_message("needs root and /bin/busybox: skipped\n");
		return 0;
	}
	const char *bench = getenv("BENCH");
	if (bench) {
		assert_int_equal(start(NULL), 0);
		measure(atoi(bench));
		return stop(NULL);
	}
	return cmocka_run_group_tests(tests, start, stop);
}
