#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/caps.h"
#include "runtime/seccomp.h"
#include "tests/support/bpf_eval.h"

#define ALLOW	 SECCOMP_RET_ALLOW
#define ERR(n)	 (SECCOMP_RET_ERRNO | (n))
#define CAP(n)	 (UINT64_C(1) << (n))
#define HIGH	 (UINT64_C(1) << 32)
#define ENTRY(t) cmocka_unit_test(t)

static struct seccomp_prog compile(const char *text, size_t len, uint64_t caps)
{
	auto_(arena) struct arena *a = arena_new();
	struct spec_seccomp *s = NULL;
	struct seccomp_prog prog = { 0 };
	struct err e = { 0 };
	if (seccomp_parse_profile(text, len, caps, a, &s, &e) < 0 || seccomp_compile(s, &prog, &e) < 0)
		fail_msg("%s", e.text);
	return prog;
}

static struct seccomp_prog compile_default(uint64_t caps)
{
	size_t len;
	const char *text = seccomp_default_profile(&len);
	return compile(text, len, caps);
}

static uint32_t ask(const struct seccomp_prog *p, long nr, uint64_t a0, uint64_t a1)
{
	struct seccomp_data d = { .nr = (int)nr, .arch = seccomp_arch_native(), .args = { a0, a1 } };
	return bpf_eval(p->insns, p->n, &d);
}

static void default_profile_answers(void **state)
{
	(void)state;
	static const struct {
		long nr;
		uint64_t a0, a1;
		uint32_t without, with; /* CAP_SYS_ADMIN */
	} t[] = {
		{ SYS_read, 0, 0, ALLOW, ALLOW }, { SYS_execve, 0, 0, ALLOW, ALLOW },
		{ SYS_openat2, 0, 0, ALLOW, ALLOW }, { SYS_seccomp, 0, 0, ALLOW, ALLOW },
		{ SYS_landlock_restrict_self, 0, 0, ALLOW, ALLOW }, { SYS_chroot, 0, 0, ALLOW, ALLOW },
		{ SYS_ptrace, 0, 0, ALLOW, ALLOW }, { SYS_clone, SIGCHLD, 0, ALLOW, ALLOW },
		{ SYS_clone, 0x10000000 | SIGCHLD, 0, ERR(EPERM), ALLOW }, /* CLONE_NEWUSER */
		{ SYS_clone, 0x00020000 | SIGCHLD, 0, ERR(EPERM), ALLOW }, /* CLONE_NEWNS */
		{ SYS_clone, 0x02000000 | SIGCHLD, 0, ERR(EPERM), ALLOW }, /* CLONE_NEWCGROUP */
		{ SYS_clone3, 0, 0, ERR(ENOSYS), ALLOW }, { SYS_unshare, 0, 0, ERR(EPERM), ALLOW },
		{ SYS_setns, 0, 0, ERR(EPERM), ALLOW }, { SYS_mount, 0, 0, ERR(EPERM), ALLOW },
		{ SYS_bpf, 0, 0, ERR(EPERM), ALLOW }, { SYS_syslog, 0, 0, ERR(EPERM), ALLOW },
		{ SYS_reboot, 0, 0, ERR(EPERM), ERR(EPERM) }, { SYS_keyctl, 0, 0, ERR(EPERM), ERR(EPERM) },
		{ SYS_add_key, 0, 0, ERR(EPERM), ERR(EPERM) },
		{ SYS_userfaultfd, 0, 0, ERR(EPERM), ERR(EPERM) },
		{ SYS_io_uring_setup, 0, 0, ERR(EPERM), ERR(EPERM) },
		{ SYS_kexec_load, 0, 0, ERR(EPERM), ERR(EPERM) },
		{ SYS_swapon, 0, 0, ERR(EPERM), ERR(EPERM) },
		{ SYS_open_by_handle_at, 0, 0, ERR(EPERM), ERR(EPERM) },
		{ SYS_personality, 0, 0, ALLOW, ALLOW }, { SYS_personality, 8, 0, ALLOW, ALLOW },
		{ SYS_personality, 0x20008, 0, ALLOW, ALLOW },
		{ SYS_personality, 0xffffffff, 0, ALLOW, ALLOW },
		{ SYS_personality, 0x0040000, 0, ERR(EPERM), ERR(EPERM) }, /* ADDR_NO_RANDOMIZE */
		{ 600, 0, 0, ERR(ENOSYS), ERR(ENOSYS) },		   /* not in any kernel yet */
	};
	struct seccomp_prog without = compile_default(caps_docker_default());
	struct seccomp_prog with = compile_default(caps_docker_default() | CAP(CAP_SYS_ADMIN));
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		if (ask(&without, t[i].nr, t[i].a0, t[i].a1) != t[i].without ||
			ask(&with, t[i].nr, t[i].a0, t[i].a1) != t[i].with)
			fail_msg("syscall %ld(%#llx): %#x and %#x", t[i].nr, (unsigned long long)t[i].a0,
				ask(&without, t[i].nr, t[i].a0, t[i].a1),
				ask(&with, t[i].nr, t[i].a0, t[i].a1));
	}
	seccomp_prog_done(&without);
	seccomp_prog_done(&with);
}

static void capabilities_open_their_calls(void **state)
{
	(void)state;
	static const struct {
		int cap;
		long nr;
	} t[] = {
		{ CAP_DAC_READ_SEARCH, SYS_open_by_handle_at },
		{ CAP_SYS_BOOT, SYS_reboot },
		{ CAP_SYS_CHROOT, SYS_chroot },
		{ CAP_SYS_MODULE, SYS_init_module },
		{ CAP_SYS_PACCT, SYS_acct },
		{ CAP_SYS_PTRACE, SYS_kcmp },
		{ CAP_SYS_TIME, SYS_settimeofday },
		{ CAP_SYS_TTY_CONFIG, SYS_vhangup },
		{ CAP_SYS_NICE, SYS_mbind },
		{ CAP_SYSLOG, SYS_syslog },
		{ CAP_BPF, SYS_bpf },
		{ CAP_PERFMON, SYS_perf_event_open },
	};
	struct seccomp_prog none = compile_default(0);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct seccomp_prog p = compile_default(CAP(t[i].cap));
		assert_int_equal(ask(&none, t[i].nr, 0, 0), ERR(EPERM));
		assert_int_equal(ask(&p, t[i].nr, 0, 0), ALLOW);
		seccomp_prog_done(&p);
	}
	seccomp_prog_done(&none);
}

/* The kernel reads the family as an int: 40 + 2^32 is AF_VSOCK too. */
static void socket_families(void **state)
{
	(void)state;
	struct seccomp_prog p = compile_default(caps_docker_default());
	for (uint64_t family = 0; family < 64; family++) {
		uint32_t want = family == 38 || family == 40 || family >= 48 ? ERR(EPERM) : ALLOW;
		assert_int_equal(ask(&p, SYS_socket, family, 0), want);
		assert_int_equal(ask(&p, SYS_socket, family | HIGH, 0), want);
	}
	assert_int_equal(ask(&p, SYS_socket, 0xffffffff, 0), ERR(EPERM));
	seccomp_prog_done(&p);
}

/* CVE-2017-5226 (keys pushed into the terminal), CVE-2019-10063 (the same past a filter that compares 64 bits). */
static void terminal_injection_cve_2017_5226_cve_2019_10063(void **state)
{
	(void)state;
	struct seccomp_prog p = compile_default(caps_docker_default());
	for (uint64_t request = 0; request < 0x10000; request++) {
		uint32_t want = request == 0x5412 || request == 0x541c ? ERR(EPERM) : ALLOW;
		if (ask(&p, SYS_ioctl, 0, request) != want || ask(&p, SYS_ioctl, 0, request | HIGH) != want)
			fail_msg("ioctl %#llx", (unsigned long long)request);
	}
	for (int bit = 16; bit < 32; bit++)
		assert_int_equal(ask(&p, SYS_ioctl, 0, 0x5412 | UINT64_C(1) << bit), ALLOW);
	seccomp_prog_done(&p);
}

static void compat_architectures_are_known(void **state)
{
	(void)state;
#ifdef __x86_64__
	struct seccomp_prog p = compile_default(caps_docker_default());
	struct seccomp_data d = { .nr = 3, .arch = AUDIT_ARCH_I386 }; /* read */
	assert_int_equal(bpf_eval(p.insns, p.n, &d), ALLOW);
	d.nr = 21; /* mount */
	assert_int_equal(bpf_eval(p.insns, p.n, &d), ERR(EPERM));
	d = (struct seccomp_data){ .nr = 165 | 0x40000000, .arch = AUDIT_ARCH_X86_64 }; /* x32's mount */
	assert_int_equal(bpf_eval(p.insns, p.n, &d), ERR(EPERM));
	d = (struct seccomp_data){ .nr = 0, .arch = AUDIT_ARCH_AARCH64 };
	assert_int_equal(bpf_eval(p.insns, p.n, &d), SECCOMP_RET_KILL_THREAD);
	seccomp_prog_done(&p);
#endif
}

static void bad_profiles_name_the_place(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want;
	} t[] = {
		{ "", "seccomp profile: line" },
		{ "[]", "must be an object" },
		{ "{}", "defaultAction" },
		{ "{\"defaultAction\":\"SCMP_ACT_NONE\"}",
			"defaultAction: unknown action \"SCMP_ACT_NONE\"" },
		{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"action\":\"SCMP_ACT_ALLOW\"}]}",
			"syscalls[0].names" },
		{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"x\"],\"action\":\"y\"}]}",
			"syscalls[0].action" },
		{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],\"action\":"
		  "\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":6,\"op\":\"SCMP_CMP_EQ\"}]}]}",
			"syscalls[0].args[0].index" },
		{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],\"action\":"
		  "\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":0,\"op\":\"=\"}]}]}",
			"syscalls[0].args[0].op" },
		{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],\"action\":"
		  "\"SCMP_ACT_ERRNO\",\"includes\":{\"caps\":[\"CAP_X\"]}}]}",
			"syscalls[0].includes.caps[0]" },
		{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],\"action\":"
		  "\"SCMP_ACT_ERRNO\",\"includes\":{\"minKernel\":\"new\"}}]}",
			"syscalls[0].includes.minKernel" },
		{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_Z80\"]}",
			"architectures[0]" },
		{ "{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}", "listeners are not built yet" },
		{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/x\"}", "listenerPath" },
		{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"X\"]}", "flags[0]" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_(arena) struct arena *a = arena_new();
		struct spec_seccomp *s = NULL;
		struct err e = { 0 };
		int r = seccomp_parse_profile(t[i].text, strlen(t[i].text), 0, a, &s, &e);
		if (r >= 0 || r != -e.code || !strstr(e.text, t[i].want) || s)
			fail_msg("%s: %d %s", t[i].text, r, e.text);
	}
}

static void includes_and_excludes(void **state)
{
	(void)state;
	static const char profile[] =
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":5,\"syscalls\":["
		"{\"names\":[\"getpid\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":\"3.0\"}},"
		"{\"names\":[\"getppid\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":\"99.0\"}},"
		"{\"names\":[\"getuid\"],\"action\":\"SCMP_ACT_ALLOW\",\"excludes\":{\"minKernel\":\"3.0\"}},"
		"{\"names\":[\"getgid\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"arches\":[\"none\"]}},"
		"{\"names\":[\"geteuid\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"caps\":[\"CAP_KILL\",\"CAP_CHOWN\"]}},"
		"{\"names\":[\"getegid\"],\"action\":\"SCMP_ACT_ALLOW\",\"excludes\":{\"caps\":[\"CAP_KILL\"]}},"
		"{\"name\":\"getpgrp\",\"action\":\"SCMP_ACT_ALLOW\"},"
		"{\"names\":[\"no_such_call\"],\"action\":\"SCMP_ACT_ALLOW\"},"
		"{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
		"{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_EQ\"},{\"index\":0,\"value\":18446744073709551615,\"op\":\"SCMP_CMP_EQ\"}]}"
		"]}";
	struct seccomp_prog p = compile(profile, strlen(profile), CAP(CAP_KILL));
	assert_int_equal(ask(&p, SYS_getpid, 0, 0), ALLOW);
	assert_int_equal(ask(&p, SYS_getppid, 0, 0), ERR(5));
	assert_int_equal(ask(&p, SYS_getuid, 0, 0), ERR(5));
	assert_int_equal(ask(&p, SYS_getgid, 0, 0), ERR(5));
	assert_int_equal(ask(&p, SYS_geteuid, 0, 0), ERR(5));
	assert_int_equal(ask(&p, SYS_getegid, 0, 0), ERR(5));
	assert_int_equal(ask(&p, SYS_getpgrp, 0, 0), ALLOW);
	assert_int_equal(ask(&p, SYS_read, 1, 0), ALLOW); /* either comparison, as every runtime has it */
	assert_int_equal(ask(&p, SYS_read, UINT64_MAX, 0), ALLOW);
	assert_int_equal(ask(&p, SYS_read, 2, 0), ERR(5));
	seccomp_prog_done(&p);
}

/* A shell, a pipe, a child and threads' calls under the loaded program, in a child of ours. */
static void a_shell_runs_under_it(void **state)
{
	(void)state;
	struct seccomp_prog p = compile_default(caps_docker_default());
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct sock_fprog fprog = { .len = (unsigned short)p.n, .filter = p.insns };
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
			syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, p.flags, &fprog) < 0)
			_exit(90);
		if (syscall(SYS_clone3, NULL, 0) != -1 || errno != ENOSYS)
			_exit(91);
		if (unshare(CLONE_NEWUSER) != -1 || errno != EPERM)
			_exit(92);
		execl("/bin/sh", "sh", "-c",
			"x=$(echo a b | tr a-z A-Z | sort); ls / >/dev/null && [ \"$x\" = 'A B' ]",
			(char *)NULL);
		_exit(93);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	seccomp_prog_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENTRY(default_profile_answers),
		ENTRY(capabilities_open_their_calls),
		ENTRY(socket_families),
		ENTRY(terminal_injection_cve_2017_5226_cve_2019_10063),
		ENTRY(compat_architectures_are_known),
		ENTRY(bad_profiles_name_the_place),
		ENTRY(includes_and_excludes),
		ENTRY(a_shell_runs_under_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
