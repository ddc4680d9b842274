#include "supervisor/daemon.h"

#include <event2/event.h>
#include <fcntl.h>
#include <grp.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/own.h"
#include "base/path.h"
#include "base/text.h"
#include "supervisor/container.h"
#include "supervisor/crash.h"
#include "supervisor/debt.h"
#include "supervisor/engine.h"
#include "supervisor/events.h"
#include "supervisor/keeper.h"
#include "supervisor/engine_options.h"
#include "supervisor/recover.h"
#include "supervisor/reload.h"
#include "supervisor/seccomp_cache.h"
#include "supervisor/store.h"
#include "supervisor/trim.h"
#include "supervisor/upgrade.h"
#include "supervisor/worker.h"

#define API_NAME      "api"  /* the listening socket in the keeper's table */
#define NAME_NAME     "name" /* there too: the claim on what is global to a host */
#define SOCKET_GROUP  "berth"
#define DEBT_TRIES    20
#define PATIENCE_NS   (2 * NS_PER_S)
#define LAST_WORDS_MS 200
#define NOFILE_MIN    256 /* ours, the keeper's, and a few dozen containers' */

struct daemon {
	struct engine *engine;
	int run_lock_fd, data_lock_fd, listen_fd;
	int64_t patience_ns; /* until when what is taken is waited for; 0: nothing was so far */
	bool has_socket;     /* the file at the socket's path is ours */
	int signal_fd;
	struct event *signal_event;
	struct trim *trim;
	unsigned asked_to_end;
	bool keeper_gone;
	int status;
};

/* ---------------------------------------------------------------- the end */

static void leave_loop(struct daemon *d)
{
	(void)event_base_loopbreak(d->engine->base);
}

/* Those who waited for the last end are told of it on their streams, which takes a few rounds more. */
static void all_ended(void *cookie, int r, const struct err *e)
{
	static const struct timeval last_words = { 0, LAST_WORDS_MS * 1000 };
	struct daemon *d = cookie;
	(void)r;
	(void)e;

	if (event_base_loopexit(d->engine->base, &last_words) < 0)
		leave_loop(d);
}

static void end_daemon(struct daemon *d, const char *why)
{
	if (++d->asked_to_end == 1) {
		log_info("stopping", "why=%s", why);
		containers_stop_all(d->engine, all_ended, d);
	} else {
		log_warn("stopping", "why=%s action=\"kill all\"", why);
		containers_kill_all(d->engine);
	}
}

static void on_signal(evutil_socket_t fd, short what, void *cookie)
{
	struct signalfd_siginfo info;
	struct daemon *d = cookie;
	(void)what;

	while (read(fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo != SIGHUP)
			end_daemon(d, info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM");
		else if (d->engine->reload)
			reload_signalled(d->engine->reload);
	}
}

static void on_keeper_exit(void *cookie, const struct keeper_exit *x)
{
	struct daemon *d = cookie;

	list_each (struct container, c, &d->engine->containers, link) {
		if (c->actual.pid == x->pid && c->actual.start_ticks == x->start_ticks) {
			container_on_exit(c, x);
			return;
		}
	}
	(void)keeper_ack(
		d->engine->keeper, x->pid, x->start_ticks, NULL); /* a start that was undone: nobody asks */
}

static void on_keeper_gone(void *cookie)
{
	struct daemon *d = cookie;

	log_error("keeper-gone", "action=\"destroy all and exit\"");
	d->keeper_gone = true;
	d->status = 1;
	leave_loop(d);
}

/* Without the keeper no exit is told any more: everything goes by force, and is waited for here. */
static void destroy_all(struct engine *en)
{
	struct err e;

	list_each (struct container, c, &en->containers, link) {
		if (cgroup_remove(en->cgroups, c->id, 5000, &e) < 0)
			log_error("destroy", "container=%.12s err=\"%s\"", c->id, e.text);
	}
}

static void remove_files(struct daemon *d)
{
	struct engine *en = d->engine;
	struct err e;
	char path[4096];

	list_each (struct container, c, &en->containers, link)
		(void)store_remove(en, c->id, NULL); /* the data root has all that is to stay */
	events_remove(en);
	upgrade_forget(en);
	recover_policy_forget(en);
	crash_forget(en->options.run_root);
	if (d->has_socket && unlink(en->options.socket) < 0 && errno != ENOENT)
		log_warn("remove-socket", "err=\"%s\"", strerrordesc_np(errno));
	snprintf(path, sizeof(path), "%s/supervisor.pid", en->options.run_root);
	(void)unlink(path);
	snprintf(path, sizeof(path), "%s/supervisor.lock", en->options.run_root);
	(void)unlink(path);
	snprintf(path, sizeof(path), "%s/containers", en->options.run_root);
	(void)rmdir(path); /* not empty: records that were set aside stay for their reader */
	for (int i = 0; i < DEBT_TRIES && debt_pay(en) > 0; i++)
		usleep(100 * 1000);
	if (en->workers)
		worker_pool_free(en->workers);
	en->workers = NULL;
	if (!en->cgroups)
		return;
	if (cgroup_remove(en->cgroups, "launch", 2000, &e) < 0 || cgroup_root_remove(en->cgroups, &e) < 0)
		log_warn("remove-groups", "err=\"%s\"", e.text);
}

/* ---------------------------------------------------------------- the start */

/* Who was killed a moment ago holds what is his for some milliseconds more. Called for as long as something is taken. */
static bool may_become_free(int64_t *until_ns)
{
	if (!*until_ns)
		*until_ns = clock_mono_ns() + PATIENCE_NS;
	bool more = clock_mono_ns() < *until_ns;
	if (more)
		usleep(10 * 1000);
	return more;
}

/* 1: it is ours; 0: who held it has removed the file meanwhile. */
static int lock_file(int *lock_fd, const char *path, int64_t *until_ns, struct err *e)
{
	/* A lock of this process: that of an open file would be held on by a launcher that was stopped when we died. */
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct stat ours, there;

	own_close(lock_fd);
	*lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*lock_fd < 0)
		return err_set(e, errno, "open %s", path);
	while (fcntl(*lock_fd, F_SETLK, &whole) < 0) {
		if (errno != EAGAIN && errno != EACCES)
			return err_set(e, errno, "lock %s", path);
		if (!may_become_free(until_ns))
			return err_say(e, EBUSY, "%s is locked", path);
	}
	return fstat(*lock_fd, &ours) == 0 && lstat(path, &there) == 0 && ours.st_ino == there.st_ino;
}

static int lock_root(int *lock_fd, const char *root, const char *what, const char *option, int64_t *until_ns,
	struct err *e)
{
	char path[4096];
	int r;

	snprintf(path, sizeof(path), "%s/supervisor.lock", root);
	do
		r = path_mkdirs(root, 0711, e);
	while (r == 0 && (r = lock_file(lock_fd, path, until_ns, e)) == 0);
	if (r == -EBUSY)
		return err_say(e, EBUSY, "%s %s is in use by another berth daemon (choose another %s)", what,
			root, option);
	return r < 0 ? r : 0;
}

static int lock_roots(struct daemon *d, const struct engine_options *o, struct err *e)
{
	int64_t *until = &d->patience_ns;
	int r = lock_root(&d->run_lock_fd, o->run_root, "run root", "--run-root", until, e);
	return r < 0 ? r : lock_root(&d->data_lock_fd, o->data_root, "data root", "--data-root", until, e);
}

/* Two daemons of one name would take each other's groups for strays. The keeper alone holds the lock on the group, for as
 * long as it lives: no child of ours can hold it on. */
static int claim_name(struct daemon *d, struct err *e)
{
	struct engine *en = d->engine;
	auto_close int held = keeper_get_fd(en->keeper, NAME_NAME, NULL);

	if (held >= 0)
		return 0; /* by a former supervisor of this keeper */
	auto_close int fd = -1;
	while ((fd = cgroup_root_lock(en->cgroups, e)) == -EBUSY && may_become_free(&d->patience_ns))
		;
	if (fd == -EBUSY)
		return err_say(e, EBUSY, "name %s is in use by another berth daemon (choose another --name)",
			en->options.name);
	return fd < 0 ? fd : keeper_put_fd(en->keeper, NAME_NAME, fd, e);
}

static int write_pid_file(const struct engine *en, struct err *e)
{
	char pid[32];
	auto_close int dirfd = open(en->options.run_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (dirfd < 0)
		return err_set(e, errno, "open %s", en->options.run_root);
	return io_replace_file(dirfd, "supervisor.pid", pid, strlen(pid), 0644, false, e);
}

static int open_kernel_side(struct daemon *d, struct err *e)
{
	struct engine *en = d->engine;
	const struct keeper_limits *limits = keeper_limits(en->keeper);
	pid_t us[2] = { getppid(), getpid() };
	int r = cgroup_enter_leaf(en->options.name, us, ARRAY_LEN(us), e);

	if (r < 0 || (r = cgroup_root_open(en->options.name, NULL, &en->cgroups, e)) < 0)
		return r;
	r = claim_name(d, e);
	if (r < 0) {
		cgroup_root_free(en->cgroups); /* it is not for us to tidy up */
		en->cgroups = NULL;
	}
	if (r < 0 || (r = recover_leftovers(en, e)) < 0)
		return r;
	if ((r = worker_pool_open(en->base, en->launch_group.dirfd, en->leftovers_fd, &en->workers, e)) < 0)
		return r;
	if ((r = launch_env_open(&en->launch_env, e)) < 0)
		return r;
	launch_env_set_nofile(en->launch_env, limits->nofile_soft);
	return seccomp_cache_new(NULL, 0, &en->seccomp, e);
}

/* By the file alone: the libc's own search loads other people's libraries, for good, and may ask the network. */
static gid_t socket_group(void)
{
	FILE *f = fopen("/etc/group", "re");
	gid_t gid = 0;

	for (struct group *g; f && gid == 0 && (g = fgetgrent(f));)
		if (strcmp(g->gr_name, SOCKET_GROUP) == 0)
			gid = g->gr_gid;
	if (f)
		(void)fclose(f);
	return gid;
}

/* A group named berth may use the API; without one root alone. */
static int open_to_group(const char *path, struct err *e)
{
	if (chown(path, 0, socket_group()) < 0 || chmod(path, 0660) < 0)
		return err_set(e, errno, "set owner of %s", path);
	return 0;
}

/* Is somebody listening there? Then it is another daemon's. */
static bool is_alive(const struct sockaddr_un *addr)
{
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return fd >= 0 && (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 || errno == EAGAIN);
}

static int make_socket(struct daemon *d, const char *path, struct err *e)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char dir[sizeof(addr.sun_path)];

	if (strlen(path) >= sizeof(addr.sun_path))
		return err_say(e, ENAMETOOLONG, "socket path %s is longer than %zu bytes", path,
			sizeof(addr.sun_path) - 1);
	memcpy(addr.sun_path, path, strlen(path) + 1);
	memcpy(dir, addr.sun_path, sizeof(dir));
	char *slash = strrchr(dir, '/');
	if (slash && slash != dir) {
		*slash = '\0';
		int r = path_mkdirs(dir, 0711, e);
		if (r < 0)
			return r;
	}
	bool taken;
	while ((taken = is_alive(&addr)) && may_become_free(&d->patience_ns))
		;
	if (taken)
		return err_say(e, EADDRINUSE, "socket %s is in use by another process", path);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set(e, errno, "remove old %s", path);
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t old = umask(0177);
	bool bound = fd >= 0 && bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0;
	int cause = errno;
	umask(old);
	if (!bound || listen(fd, 512) < 0)
		return err_set(e, bound ? errno : cause, "listen on %s", path);
	int r = open_to_group(path, e);
	return r < 0 ? r : take_fd(&fd);
}

static bool is_still_at(int fd, const char *path)
{
	struct sockaddr_un addr = { 0 };
	socklen_t len = sizeof(addr);
	struct stat st;
	int listening = 0;
	socklen_t size = sizeof(listening);

	return getsockname(fd, (struct sockaddr *)&addr, &len) == 0 && strcmp(addr.sun_path, path) == 0 &&
		getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening &&
		lstat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* The keeper's copy outlives us: clients queue on it while a supervisor is replaced. */
static int open_socket(struct daemon *d, struct err *e)
{
	const char *path = d->engine->options.socket;
	int fd = keeper_get_fd(d->engine->keeper, API_NAME, NULL);

	if (fd >= 0 && !is_still_at(fd, path))
		own_close(&fd);
	if (fd < 0) {
		if ((fd = make_socket(d, path, e)) < 0)
			return fd;
		int r = keeper_put_fd(d->engine->keeper, API_NAME, fd, e);
		if (r < 0) {
			own_close(&fd);
			return r;
		}
	}
	d->listen_fd = fd;
	d->has_socket = true;
	return 0;
}

/* A handler rather than SIG_IGN: what is ignored would stay so past execve, in payloads too. */
static void ignore(int sig)
{
	(void)sig;
}

/* By a signalfd: a handler would run in forked children as well, on a pair that they inherited. */
static int watch_signals(struct daemon *d, struct err *e)
{
	struct sigaction nothing = { .sa_handler = ignore, .sa_flags = SA_RESTART };
	sigset_t wanted;

	(void)sigaction(SIGPIPE, &nothing, NULL);
	(void)sigaction(SIGHUP, &nothing,
		NULL); /* by then it is blocked here; in children there is nothing to read anew */
	(void)sigaction(SIGXFSZ, &nothing, NULL); /* a file size limit is a write error for us */
	sigemptyset(&wanted);
	sigaddset(&wanted, SIGTERM);
	sigaddset(&wanted, SIGINT);
	sigaddset(&wanted, SIGHUP);
	if (sigprocmask(SIG_SETMASK, &wanted, NULL) < 0)
		return err_set(e, errno, "block signals");
	d->signal_fd = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
	if (d->signal_fd < 0)
		return err_set(e, errno, "watch signals");
	d->signal_event = event_new(d->engine->base, d->signal_fd, EV_READ | EV_PERSIST, on_signal, d);
	return d->signal_event && event_add(d->signal_event, NULL) == 0 ? 0
									: err_set(e, ENOMEM, "watch signals");
}

static int open_keeper(struct daemon *d, struct err *e)
{
	int fd = keeper_env_fd(e);

	if (fd < 0)
		return fd;
	int r = keeper_open(fd, d->engine->base, on_keeper_exit, on_keeper_gone, d, &d->engine->keeper, e);
	if (r == 0 && keeper_limits(d->engine->keeper)->nofile_hard < NOFILE_MIN)
		r = err_say(e, EMFILE,
			"the hard limit of open files is %llu, berth needs %d (ulimit -n; LimitNOFILE= of a unit)",
			(unsigned long long)keeper_limits(d->engine->keeper)->nofile_hard, NOFILE_MIN);
#ifdef BERTH_FAULTS
	/* A fault strikes once, or no supervisor would ever come up again. The first successor may have one of its own. */
	const char *then = getenv("BERTH_FAULT_THEN");
	unsigned starts = r == 0 ? keeper_limits(d->engine->keeper)->starts : 1;
	if (starts > 1)
		(void)(then && starts == 2 ? setenv("BERTH_FAULT", then, 1) : unsetenv("BERTH_FAULT"));
#endif
	return r;
}

/* What killed our predecessor is told before anything else; what may kill us is prepared for. */
static int watch_for_crashes(const struct engine_options *o, struct err *e)
{
	char line[CRASH_LINE_MAX];

	if (crash_collect(o->run_root, o->data_root, line, e) > 0) {
		log_error("crashed", "%s", line);
		if (e->code)
			log_warn("keep-crash-report", "err=\"%s\"", e->text);
	}
	return crash_arm(o->run_root, e);
}

static int start_up(struct daemon *d, const struct engine_options *o, struct err *e)
{
	if (geteuid() != 0)
		return err_say(e, EPERM, "berth daemon must be started by root");
	int r = lock_roots(d, o, e);

	if (r < 0 || (r = engine_open(o, &d->engine, e)) < 0)
		return r;
	struct engine *en = d->engine;
	if ((r = open_keeper(d, e)) < 0 || (r = watch_for_crashes(o, e)) < 0 ||
		(r = watch_signals(d, e)) < 0 || (r = write_pid_file(en, e)) < 0)
		return r;
	if ((r = open_kernel_side(d, e)) < 0 || (r = recover_containers(en, e)) < 0)
		return r;
	if ((r = open_socket(d, e)) < 0)
		return r;
	if ((r = api_start(en, take_fd(&d->listen_fd), e)) < 0 || (r = reload_open(en, &en->reload, e)) < 0)
		return r;
	if ((r = keeper_ready(en->keeper, e)) < 0)
		return r;
	recover_policy(en);
	d->trim = trim_new(en);
	log_info("ready", "name=%s version=%s socket=%s pid=%d", o->name, BERTH_VERSION, o->socket,
		(int)getpid());
	upgrade_recover(en);
	if (keeper_limits(en->keeper)->stop_signal)
		end_daemon(d, "asked of a former supervisor");
	return 0;
}

static void daemon_done(struct daemon *d)
{
	if (d->signal_event)
		event_free(d->signal_event);
	own_close(&d->signal_fd);
	own_close(&d->listen_fd);
	if (d->engine)
		api_stop(d->engine);
	upgrade_done(d->engine);
	if (d->engine)
		reload_free(d->engine->reload);
	trim_free(d->trim);
	crash_disarm();
	engine_free(d->engine);
	own_close(&d->data_lock_fd);
	own_close(&d->run_lock_fd);
}

/* A daemon that could not start ends for good: started again it would fail again. What it found goes on without it. */
static void refuse(struct daemon *d, const struct err *e)
{
	log_error("start-failed", "err=\"%s\"", e->text);
	fprintf(stderr, "berth: %s\n", e->text);
	if (!d->engine || !d->engine->keeper || keeper_limits(d->engine->keeper)->starts != 1)
		return;
	bool runs = false;
	list_each (struct container, c, &d->engine->containers, link)
		runs |= c->actual.running || c->start;
	if (!runs)
		remove_files(d);
	(void)keeper_stopping(d->engine->keeper, 1, NULL);
}

/* After each fork the first write to a page copies it, on both sides. The fast bins of glibc are emptied all at once, by a
 * walk over the whole heap that falls on whoever asks for a large block next: mostly a launcher, which then copies it all. */
static void keep_heap_quiet(void)
{
	(void)mallopt(M_MXFAST, 0); /* refused: only slower */
}

int daemon_main(int argc, char **argv)
{
	struct daemon d = { .run_lock_fd = -1, .data_lock_fd = -1, .listen_fd = -1, .signal_fd = -1 };
	struct engine_options o;
	struct err e;

	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)prctl(PR_SET_NAME, "berth");
	keep_heap_quiet();
	(void)umask(022); /* modes of what containers see are ours to choose, not our caller's */
	if (engine_options_parse(argc, argv, &o, &e) < 0) {
		fprintf(stderr, "berth: %s\nSee 'berth daemon --help'.\n", e.text);
		return 2;
	}
	log_set_level(o.log_level);
	if (start_up(&d, &o, &e) < 0) {
		refuse(&d, &e);
		daemon_done(&d);
		return 1;
	}
	(void)event_base_dispatch(d.engine->base);
	if (d.keeper_gone)
		destroy_all(d.engine);
	remove_files(&d);
	log_info("ended", "status=%d", d.status);
	if (!d.keeper_gone)
		(void)keeper_stopping(d.engine->keeper, d.status, NULL);
	int status = d.status;
	daemon_done(&d);
	engine_options_done(&o);
	return status;
}
