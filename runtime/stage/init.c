#include "runtime/stage/init.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "base/fault.h"
#include "base/own.h"
#include "base/sys.h"

static const struct init_job *job_of(const struct stage_ctx *c)
{
	return ((const struct init *)c->priv)->job;
}

/* One byte from the launcher; it died when there is none, and then nobody wants this container any more. */
static int wait_launcher(struct stage_ctx *c, char wanted)
{
	char got = 0;
	ssize_t n;
	do
		n = read(job_of(c)->sync_fd, &got, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1 && got == wanted)
		return 0;
	return stage_say(c, n < 0 ? errno : EPIPE, "wait for the launcher", NULL);
}

static int enter_session(struct stage_ctx *c)
{
	(void)umask(
		0); /* modes below are meant as they are written; the plan's umask comes with the process */
	/* Always, terminal or not: nothing inside shares a session, and so a terminal, with whoever started us. */
	if (setsid() < 0)
		return stage_say(c, errno, "setsid", NULL);
	return 0;
}

static int tell_launcher(struct stage_ctx *c, uint64_t netns_inode)
{
	struct init_sync sync = { .netns_inode = netns_inode };
	if (send(job_of(c)->sync_fd, &sync, sizeof(sync), MSG_NOSIGNAL) != sizeof(sync))
		return stage_say(c, errno, "tell the launcher", NULL);
	return 0;
}

static int late_user_namespace(struct stage_ctx *c)
{
	if (unshare(CLONE_NEWUSER) < 0)
		return stage_say(c, errno, "unshare the user namespace", NULL);
	return tell_launcher(c, 0);
}

/* Whoever enters a user namespace keeps an id that it may not even know: become its root, with no groups of ours. */
static int enter_user_namespace(struct stage_ctx *c)
{
	const struct init_job *job = job_of(c);
	int r = 0;

	if (!job->user_ns)
		return 0;
	if (job->late_ns & CLONE_NEWUSER)
		r = late_user_namespace(c);
	else if (job->user_ns_fd >= 0 && setns(job->user_ns_fd, CLONE_NEWUSER) < 0)
		r = stage_say(c, errno, "join the user namespace", NULL);
	if (r == 0 && job->wait_maps)
		r = wait_launcher(c, INIT_SYNC_MAPPED);
	if (r < 0)
		return r;
	/* By raw calls: the libc's would signal threads that this fork does not have. */
	if (syscall(SYS_setgroups, 0, NULL) < 0 &&
		errno != EPERM) /* EPERM: setgroups is denied in a joined one */
		return stage_say(c, errno, "drop supplementary groups", NULL);
	if (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0)
		return stage_say(c, errno, "become root of the user namespace", NULL);
	unsigned rest = job->late_ns & ~(unsigned)CLONE_NEWUSER;
	if (rest && unshare((int)rest) < 0)
		return stage_say(c, errno, "unshare namespaces", NULL);
	if (!job->tell_netns)
		return 0;
	struct stat st;
	if (fstatat(job->proc_fd, "self/ns/net", &st, 0) < 0)
		return stage_say(c, errno, "inspect the network namespace", NULL);
	return tell_launcher(c, st.st_ino);
}

static int set_names(struct stage_ctx *c)
{
	const struct spec *spec = job_of(c)->spec;
	if (spec->hostname && sethostname(spec->hostname, strlen(spec->hostname)) < 0)
		return stage_say(c, errno, "set host name", spec->hostname);
	if (spec->domainname && setdomainname(spec->domainname, strlen(spec->domainname)) < 0)
		return stage_say(c, errno, "set domain name", spec->domainname);
	return 0;
}

/* "net.ipv4.ip_forward" to "sys/net/ipv4/ip_forward". A key with slashes is a path already, dots belong to names there. */
static int sysctl_path(const char *key, char *out, size_t room)
{
	static const char prefix[] = "sys/";
	size_t len = strlen(key);
	bool slashes = strchr(key, '/') && (!strchr(key, '.') || strchr(key, '/') < strchr(key, '.'));

	if (sizeof(prefix) + len > room)
		return -ENAMETOOLONG;
	memcpy(out, prefix, sizeof(prefix) - 1);
	for (size_t i = 0; i <= len; i++) {
		char ch = key[i];
		if (!slashes && ch == '.')
			ch = '/';
		else if (!slashes && ch == '/')
			ch = '.'; /* as sysctl(8) has it: net.ipv4.conf.eth0/100.forwarding */
		out[sizeof(prefix) - 1 + i] = ch;
	}
	return 0;
}

/* Through our own procfs: what is mounted at the container's /proc is the image's and its volumes' word (CVE-2025-52881).
 * These files act on the namespaces of whoever opens them, which are the container's by now. */
static int set_sysctls(struct stage_ctx *c)
{
	const struct init_job *job = job_of(c);
	char path[256];
	struct statfs fs;

	for (size_t i = 0; i < job->spec->n_sysctls; i++) {
		const struct spec_sysctl *s = &job->spec->sysctls[i];
		int r = sysctl_path(s->key, path, sizeof(path));
		if (r < 0)
			return stage_say(c, -r, "set sysctl", s->key);
		auto_close int fd = sys_openat2(job->proc_fd, path, O_WRONLY | O_NOFOLLOW, 0,
			RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
		if (fd < 0)
			return stage_say(c, errno, "open sysctl", s->key);
		if (fstatfs(fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
			return stage_say(c, EXDEV, "open sysctl", s->key);
		size_t len = strlen(s->value);
		ssize_t n = write(fd, s->value, len);
		if (n < 0 || (size_t)n != len)
			return stage_say(c, n < 0 ? errno : EINVAL, "set sysctl", s->key);
	}
	return 0;
}

static int loopback_up(struct stage_ctx *c)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	if (!(job_of(c)->new_ns & CLONE_NEWNET))
		return 0;
	auto_close int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s < 0)
		return stage_say(c, errno, "open a socket for", "lo");
	if (ioctl(s, SIOCSIFFLAGS, &ifr) < 0)
		return stage_say(c, errno, "bring up", "lo");
	return 0;
}

/* The supervisor's soft limit is raised for its own many descriptors; a payload gets what it would have had. */
static int restore_limits(struct stage_ctx *c)
{
	const struct init_job *job = job_of(c);
	struct rlimit rl;
	if (!job->nofile_soft)
		return 0;
	if (getrlimit(RLIMIT_NOFILE, &rl) < 0)
		return stage_say(c, errno, "read the limit of open files", NULL);
	if (rl.rlim_cur <= job->nofile_soft)
		return 0;
	rl.rlim_cur = job->nofile_soft;
	if (setrlimit(RLIMIT_NOFILE, &rl) < 0)
		return stage_say(c, errno, "restore the limit of open files", NULL);
	return 0;
}

/* Nothing may be said about this container before the supervisor has it on record. */
static int wait_recorded(struct stage_ctx *c)
{
	return wait_launcher(c, INIT_SYNC_RECORDED);
}

static const struct stage_step init_steps[] = {
	{ "cgroups", init_join_cgroups },
	{ "pid namespace", init_outside_enter },
	{ "user namespace", enter_user_namespace },
	{ "session", enter_session },
	{ "root", init_attach_root },
	{ "mounts", init_mounts },
	{ "devices", init_devices_step },
	{ "masked paths", init_hide_paths },
	{ "pivot", init_pivot },
	{ "root", init_root_flags },
	{ "names", set_names },
	{ "network", loopback_up },
	{ "sysctls", set_sysctls },
	{ "limits", restore_limits },
};

/* Between the terminal, which the process steps open, and the limits that they end with. */
static const struct stage_step console_steps[] = {
	{ "console", init_bind_console },
};

/* A joined mount namespace is taken as it is: its root, its mounts, its masks. */
static const struct stage_step joined_steps[] = {
	{ "cgroups", init_join_cgroups },
	{ "pid namespace", init_outside_enter },
	{ "user namespace", enter_user_namespace },
	{ "session", enter_session },
	{ "names", set_names },
	{ "network", loopback_up },
	{ "sysctls", set_sysctls },
	{ "limits", restore_limits },
};

static const struct stage_step recorded_steps[] = {
	{ "launcher", wait_recorded },
};

/* As stage_run(), but a failure is told only when the supervisor knows that there is an init: it has to reap us. */
static void run_unrecorded(struct stage_ctx *c, const struct stage_step *steps, size_t n, bool recorded)
{
	char got;
	for (size_t i = 0; i < n; i++) {
		int r = steps[i].run(c);
		if (r == 0)
			continue;
		(void)shutdown(
			job_of(c)->sync_fd, SHUT_WR); /* the launcher need not wait for what we had to say */
		while (!recorded && read(job_of(c)->sync_fd, &got, 1) == 1 && got != INIT_SYNC_RECORDED)
			;
		stage_fail(c, steps[i].name, -r);
	}
}

static void prepare_process(struct stage_ctx *c)
{
	size_t i = 0;
	while (i < stage_prepare_count && strcmp(stage_prepare_steps[i].name, "stdio") != 0)
		i++;
	stage_run(c, stage_prepare_steps, i);
	stage_run(c, console_steps, ARRAY_LEN(console_steps));
	stage_run(c, stage_prepare_steps + i, stage_prepare_count - i);
}

/* Handlers of whoever we were forked from are cleared by CLONE_CLEAR_SIGHAND, what it ignores is not. */
static void reset_signals(void)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;
	for (int sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &dfl, NULL); /* SIGKILL, SIGSTOP and the libc's own refuse */
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

_Noreturn void init_run(const struct init_job *job)
{
	struct init init = { .job = job };
	struct stage_ctx c;
	bool outside = job->pid_ns_fd >= 0;

	stage_init(&c, job->plan, job->report_fd);
	c.priv = &init;
	/* In a user namespace the launcher has done what it is for: there we are not the owner of our own files in it. */
	c.proc_fd = job->user_ns ? -1 : job->proc_fd;
	c.root_fd = job->root_fd;
	c.reaper_fd = job->stage_fd;
	c.gate_fd = job->gate_fd;
	memcpy(c.stdio, job->stdio, sizeof(c.stdio));

	c.joins = outside;

	reset_signals();
	fault_point("init.cloned");
	if (outside) /* known to whoever has to reap us, and no more: it is the payload that goes on record */
		stage_run(&c, recorded_steps, ARRAY_LEN(recorded_steps));
	if (job->root_fd >= 0) {
		run_unrecorded(&c, init_steps, ARRAY_LEN(init_steps), outside);
	} else {
		run_unrecorded(&c, joined_steps, ARRAY_LEN(joined_steps), outside);
		c.root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (c.root_fd < 0)
			stage_fail(&c, "root", errno);
	}
	fault_point("init.mounted");
	if (!outside)
		run_unrecorded(&c, recorded_steps, ARRAY_LEN(recorded_steps), false);
	fault_point("init.recorded");
	prepare_process(&c);
	fault_point("init.prepared");
	if (outside)
		init_outside_become(&c);
	if (stage_send(&c, STAGE_READY, -1) < 0)
		_exit(1);
	stage_wait_for_release(&c);
	c.gate_fd = -1; /* goes with the other descriptors */
	fault_point("init.released");
	stage_run(&c, stage_become_steps, stage_become_count);
	stage_run(&c, stage_exec_steps, stage_exec_count);
	_exit(1);
}
