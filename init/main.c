/*
 * berth-init - the keeper: PID 1, a unit's main process, or what `berth daemon` starts under.
 *
 *     berth-init [--] BERTH ARGS...
 *
 * Copies the program at the path BERTH into a sealed memfd and runs it as "berth supervise ARGS..." for as long as there is
 * something to supervise. It keeps what must outlive a supervisor - how children ended, and descriptors - and does nothing
 * else: no configuration, no policy, no allocation after the start. What the two say to each other is in protocol.h, when
 * a supervisor is started, replaced or given up in life.h.
 *
 * Exit status: what the supervisor said with STOPPING; 1 when the keeper gave up or could not start; 2 for a bad call.
 * As PID 1 it never exits. Signals of spawn_is_relayed() go on to the supervisor, all others are kept away.
 * When the keeper dies, the supervisor sees the end of its socket and ends what it runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init/descriptors.h"
#include "init/reap.h"
#include "init/say.h"
#include "init/serve.h"
#include "init/slots.h"
#include "init/spawn.h"

#define OWN_DESCRIPTORS 64 /* for the keeper's own and those in passing */
#define BATCH		64 /* children or datagrams taken before looking around again */
#define LAST_WORDS	1024
#define KILL_TIME	(5 * SAY_S)

static struct keeper keeper;
static int signals_fd = -1;
static int sock = -1;
static bool full; /* the supervisor's socket takes no more for now */

/* ---- the end */

/* PID 1 must not end; what is left of its work is that nobody stays a zombie. */
__attribute__((noreturn)) static void rest(void)
{
	siginfo_t info;
	for (;;)
		if (waitid(P_ALL, 0, &info, WEXITED | __WALL) < 0 && errno == ECHILD)
			(void)poll(NULL, 0, 1000);
}

static void on_fatal_signal(int sig)
{
	say("fatal signal ", say_number(sig), " in PID 1: only reaping from here on");
	if (sock >= 0)
		(void)close(sock); /* lets the supervisor end its containers in order */
	rest();
}

__attribute__((noreturn)) static void end(int status)
{
	if (getpid() != 1)
		_exit(status);
	say("the supervisor ended with status ", say_number(status), "; PID 1 stays");
	rest();
}

static void give_up(void)
{
	struct keeper_msg_slot ended;
	int64_t until = say_mono_ns() + KILL_TIME;

	say("asked to end and no supervisor comes up: killing what is left");
	do {
		while (reap_one(0, &ended))
			continue;
		bool any = reap_kill_children();
		if (!any && waitid(P_ALL, 0, NULL, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0)
			break;
		(void)poll(NULL, 0, 10);
	} while (say_mono_ns() < until);
	end(1);
}

/* ---- the supervisor */

static void start_supervisor(void)
{
	int64_t now = say_mono_ns();

	image_advance(&keeper.image);
	slots_set_all_told();
	int pid = spawn_supervisor(keeper.image.current, &sock);
	if (pid < 0) {
		say("start the supervisor: ", strerror(-pid));
		life_not_started(&keeper.life, now);
		return;
	}
	keeper.starts++;
	full = false;
	life_started(&keeper.life, pid, now);
	if (keeper.life.stop_signal)
		(void)kill(pid, keeper.life.stop_signal); /* its predecessor took the wish with it */
}

static void close_socket(void)
{
	if (sock >= 0)
		(void)close(sock); /* nobody reads it any more */
	sock = -1;
}

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

/* Returns the datagram's length, -1 when there is none; *fd is what came along, or -1. */
static ssize_t receive(void *data, size_t room, int *fd)
{
	union control control;
	struct iovec iov = { data, room };
	/* CMSG_LEN, not CMSG_SPACE: in its padding the kernel would pass a second descriptor. */
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = CMSG_LEN(sizeof(int)) };

	*fd = -1;
	ssize_t len = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = len < 0 ? NULL : CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
		c->cmsg_len != CMSG_LEN(sizeof(int)))
		return len;
	memcpy(fd, CMSG_DATA(c), sizeof(int));
	if (msg.msg_flags & MSG_CTRUNC) {
		(void)close(*fd); /* several came: which one is meant? */
		*fd = -1;
	}
	return len;
}

static void answer(const struct keeper_msg *reply, int fd)
{
	union control control;
	struct iovec iov = { (void *)reply, sizeof(*reply) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	/* There was room; it fails when the supervisor is gone. */
	(void)sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Receives one datagram and answers it. False: nothing there. */
static bool serve_one(void)
{
	struct pollfd room = { .fd = sock, .events = POLLOUT };
	char data[sizeof(struct keeper_msg) + 1]; /* one more shows that it is too long */
	struct keeper_msg reply;
	int fd, reply_fd;

	/* A socket full of exits has no room for the answer, so the question waits until they are read. */
	full = poll(&room, 1, 0) != 1 || !(room.revents & POLLOUT);
	if (full)
		return false;
	ssize_t len = receive(data, sizeof(data), &fd);
	if (len < 0 || (len == 0 && (room.revents & POLLHUP)))
		return false;
	if (serve_message(&keeper, data, (size_t)len, &fd, &reply, &reply_fd))
		answer(&reply, reply_fd);
	if (fd >= 0)
		(void)close(fd); /* was not asked for */
	return true;
}

static void tell_exits(void)
{
	const struct keeper_msg_slot *slot;

	while (sock >= 0 && (slot = slots_untold())) {
		struct keeper_msg event = { .version = KEEPER_PROTOCOL_VERSION, .op = KEEPER_OP_EXITED };
		event.u.slot = *slot;
		full = send(sock, &event, sizeof(event), MSG_DONTWAIT | MSG_NOSIGNAL) < 0;
		if (full)
			return; /* it stays untold until there is room, or until the next supervisor reads all */
		slots_set_told(slot);
	}
}

static void supervisor_died(const struct keeper_msg_slot *how)
{
	/* Its last words first: STOPPING, for one. */
	for (int i = 0; i < LAST_WORDS && sock >= 0 && serve_one(); i++)
		continue;
	close_socket();
	keeper.last_code = how->code;
	keeper.last_value = how->value;
	keeper.last_lived_ms = (uint32_t)((how->mono_ns - keeper.life.started_ns) / SAY_MS);
	keeper.last_late = keeper.life.late;
	bool rolled_back = life_died(&keeper.life, how->mono_ns);
	if (rolled_back) {
		keeper.rolled_back++;
		image_roll_back(&keeper.image);
	}
	if (keeper.life.ended)
		return;
	int64_t wait_ms = (keeper.life.spawn_at_ns - how->mono_ns) / SAY_MS;
	say("supervisor ", say_number(how->pid),
		how->code == CLD_EXITED ? " ended with status " : " was killed by signal ",
		say_number(how->value), rolled_back ? " on its trial: back to the previous binary" : "",
		"; next start in ", say_number(wait_ms), " ms");
}

/* ---- the loop */

/* Returns true when there may be more. */
static bool take_dead_children(void)
{
	struct keeper_msg_slot ended;

	for (int i = 0; i < BATCH; i++) {
		if (!reap_one(keeper.life.pid, &ended))
			return false;
		if (ended.pid == keeper.life.pid)
			supervisor_died(&ended);
	}
	return true;
}

static void take_signals(void)
{
	struct signalfd_siginfo info;

	while (read(signals_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		int sig = (int)info.ssi_signo;
		if ((sig == SIGTERM || sig == SIGINT) && getpid() != 1)
			life_stop_wanted(&keeper.life, sig, say_mono_ns());
		if (spawn_is_relayed(sig) && keeper.life.pid)
			(void)kill(keeper.life.pid,
				sig); /* a zombie of ours at worst: the pid is not another's */
	}
}

static void take_datagrams(short events)
{
	for (int i = 0; i < BATCH && serve_one(); i++)
		continue;
	/* Hung up and nothing more to read: an empty datagram alone looks like the end too, but does not hang up. */
	struct pollfd rest_of_it = { .fd = sock, .events = POLLIN };
	char byte;
	if ((events & POLLHUP) && poll(&rest_of_it, 1, 0) == 1 &&
		recv(sock, &byte, 1, MSG_DONTWAIT | MSG_PEEK) <= 0) {
		close_socket();
		life_deaf(&keeper.life, say_mono_ns());
	}
}

static int poll_time(int64_t until, bool more)
{
	if (more)
		return 0;
	if (until == LIFE_NEVER)
		return -1;
	int64_t ms = (until - say_mono_ns() + SAY_MS - 1) / SAY_MS;
	return ms < 0 ? 0 : ms > 60000 ? 60000 : (int)ms;
}

__attribute__((noreturn)) static void loop(void)
{
	bool more = false;

	/* A watchdog's next ping and a one-shot child's deadline join life_next() in setting the wait. */
	for (;;) {
		int64_t until;
		switch (life_next(&keeper.life, say_mono_ns(), &until)) {
		case LIFE_SPAWN:
			start_supervisor();
			continue;
		case LIFE_KILL:
			say("supervisor ", say_number(keeper.life.pid),
				" does not answer its deadline: killed");
			(void)kill(keeper.life.pid, SIGKILL);
			continue;
		case LIFE_ACCEPT:
			image_accept(&keeper.image);
			continue;
		case LIFE_GIVE_UP:
			give_up();
			continue;
		case LIFE_END:
			end(keeper.life.status);
		case LIFE_WAIT:
			break;
		}
		struct pollfd fds[] = { { .fd = signals_fd, .events = POLLIN },
			{ .fd = sock, .events = full ? POLLOUT : POLLIN } };
		if (poll(fds, 2, poll_time(until, more)) < 0)
			continue; /* EINTR after a stop and continue */
		if (fds[0].revents)
			take_signals();
		if (fds[1].revents && sock >= 0)
			take_datagrams(fds[1].revents);
		more = take_dead_children();
		tell_exits();
	}
}

/* ---- the start */

static void open_standard_descriptors(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/* The lowest free number is this one. Without /dev/null a directory does: it takes no write either. */
		if (open("/dev/null", O_RDWR) < 0)
			(void)open("/", O_RDONLY | O_DIRECTORY);
	}
	/* What the starter left open is not ours. */
	(void)syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0);
}

static void take_over_signals(void)
{
	sigset_t all;

	/* SIGCHLD ignored by our starter would make every exit vanish. */
	for (int sig = 1; sig <= 64; sig++)
		(void)signal(sig, SIG_DFL); /* those that cannot be changed need no change */
	memset(&all, 0xff, sizeof(all));    /* with those that a libc keeps for itself */
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP };
	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++) {
		sigdelset(&all, fatal[i]);
		if (getpid() == 1)
			(void)signal(fatal[i], on_fatal_signal);
	}
	(void)sigprocmask(SIG_SETMASK, &all, NULL); /* fails for a bad first argument only */
	signals_fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
}

static uint32_t raise_descriptor_limit(void)
{
	struct rlimit limit = { 1024, 1024 };

	(void)prlimit(0, RLIMIT_NOFILE, NULL, &limit); /* cannot fail for a limit that exists */
	keeper.nofile_soft = limit.rlim_cur;
	keeper.nofile_hard = limit.rlim_max;
	limit.rlim_cur = limit.rlim_max;
	if (prlimit(0, RLIMIT_NOFILE, &limit, NULL) < 0)
		limit.rlim_cur = (rlim_t)keeper.nofile_soft;
	if (limit.rlim_cur > KEEPER_DESCRIPTORS + OWN_DESCRIPTORS)
		return KEEPER_DESCRIPTORS;
	return limit.rlim_cur > OWN_DESCRIPTORS ? (uint32_t)limit.rlim_cur - OWN_DESCRIPTORS : 0;
}

int main(int argc, char **argv, char **envp)
{
	int at = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1;

	open_standard_descriptors();
	if (argc <= at || argv[at][0] == '-') {
		say("usage: berth-init [--] BERTH ARGS...");
		end(2);
	}
	take_over_signals();
	if (signals_fd < 0) {
		say("signalfd: ", strerror(errno));
		end(1);
	}
	descriptors_init(raise_descriptor_limit());
	int r = image_open(&keeper.image, argv[at]);
	if (r < 0) {
		say("load ", argv[at], ": ", strerror(-r));
		end(1);
	}
	r = spawn_init(argv + at - 1, envp);
	if (r < 0) {
		say("start: ", strerror(-r));
		end(1);
	}
	(void)prctl(PR_SET_NAME, "berth-init");
	(void)prctl(PR_SET_DUMPABLE, 0); /* the descriptors in here are not for others */
	if (getpid() != 1)
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	life_init(&keeper.life, say_mono_ns());
	loop();
}
