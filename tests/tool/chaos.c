/*
 * chaos - clients that ask one daemon for random things, all at once, leave in the middle, and kill its supervisor now and then.
 *
 * usage: chaos SOCKET IMAGE SUPERVISOR-PID-FILE COMPOSE-FILE CLIENTS OPERATIONS SEED KILLS SLOW [verbose]
 *
 * What must hold: each request is answered within 15 s (times SLOW), unless its client left or the supervisor was killed meanwhile;
 * an error has a text; none is an internal one (500); exit codes are between 0 and 255. In the end all containers can be removed.
 * Exit: 0 when all of that held, else 1; what did not is on standard error, a summary on standard output.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NAMES	    5
#define ANSWER_MS   15000
#define REPLY_ROOM  (1 << 20)
#define MAX_CLIENTS 64
#define LEN(a)	    (sizeof(a) / sizeof((a)[0]))

/* What the clients have in common. A request may break while begun != done, or when begun moved since it was sent. */
struct shared {
	volatile unsigned kills_begun, kills_done;
	volatile unsigned answered, left, broken, bad;
	volatile unsigned status[600];
};

static struct shared *shared;
static const char *socket_path, *image, *pid_file, *compose_file;
static int slow;
static bool verbose;
static uint64_t state; /* of the random numbers */

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static unsigned below(unsigned n)
{
	return (unsigned)((rnd() >> 16) % n);
}

static bool one_in(unsigned n)
{
	return below(n) == 0;
}

static long now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void sleep_ms(unsigned ms)
{
	usleep(ms * 1000);
}

__attribute__((format(printf, 1, 2))) static void bad(const char *format, ...)
{
	char text[1500];
	va_list ap;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	fprintf(stderr, "chaos: %s\n", text);
	__atomic_add_fetch(&shared->bad, 1, __ATOMIC_SEQ_CST);
}

/* ---------------------------------------------------------------- one connection */

struct call {
	int fd;
	long until_ms;
	unsigned kills_done; /* at its start */
	char *data;
	size_t len;
	int status; /* 0: none came */
	const char *body;
};

static char *room; /* REPLY_ROOM bytes, one call at a time */

static bool may_break(const struct call *c)
{
	return shared->kills_begun != c->kills_done;
}

static int dial(struct call *c)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval send_limit = { 15 * slow, 0 };

	*c = (struct call){ .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
		.until_ms = now_ms() + (long)ANSWER_MS * slow,
		.kills_done = shared->kills_done,
		.data = room };
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", socket_path);
	(void)setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &send_limit, sizeof(send_limit));
	if (connect(c->fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return 0;
	if (!may_break(c))
		bad("connect: %s", strerror(errno));
	close(c->fd);
	return -1;
}

static bool send_all(const struct call *c, const void *data, size_t len)
{
	for (const char *p = data; len > 0;) {
		ssize_t n = send(c->fd, p, len, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

/* One read: 1 something came, 0 the end, -1 the connection broke, -2 too late. What has no room is thrown away. */
static int take(struct call *c, long until_ms)
{
	char sink[4096];
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	long left = until_ms - now_ms();

	if (left <= 0 || poll(&p, 1, (int)left) == 0)
		return -2;
	size_t space = REPLY_ROOM - 1 - c->len;
	ssize_t n = space ? read(c->fd, c->data + c->len, space) : read(c->fd, sink, sizeof(sink));
	if (n <= 0)
		return n == 0 ? 0 : -1;
	if (space)
		c->len += (size_t)n;
	c->data[c->len] = '\0';
	return 1;
}

static bool parse_head(struct call *c)
{
	char *end = c->len ? strstr(c->data, "\r\n\r\n") : NULL;

	if (!end)
		return false;
	c->body = end + 4;
	return sscanf(c->data, "HTTP/1.1 %d", &c->status) == 1;
}

static bool send_request(
	struct call *c, const char *method, const char *target, const char *body, bool upgrade)
{
	char head[512];
	int n = snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: b\r\nContent-Length: %zu\r\n%s%s\r\n",
		method, target, body ? strlen(body) : 0, body ? "Content-Type: application/json\r\n" : "",
		upgrade ? "Connection: Upgrade\r\nUpgrade: tcp\r\n" : "Connection: close\r\n");
	return send_all(c, head, (size_t)n) && (!body || send_all(c, body, strlen(body)));
}

static void check_answer(struct call *c, const char *method, const char *target)
{
	if (c->status == 101)
		return;
	if (c->status < 200 || c->status > 599) {
		bad("%s %s: status %d", method, target, c->status);
		return;
	}
	__atomic_add_fetch(&shared->status[c->status], 1, __ATOMIC_SEQ_CST);
	const char *message = strstr(c->body, "\"message\":\"");
	if (c->status >= 400 && (!message || message[11] == '"'))
		bad("%s %s: %d without a text: %.200s", method, target, c->status, c->body);
	/* What no client can help: a user whom the image does not know, a start that another one has killed. */
	if (c->status >= 500 && !strstr(c->body, "\"failed to start container: ") &&
		!strstr(c->body, "\"exec failed: "))
		bad("%s %s: %d: %.400s", method, target, c->status, c->body);
	if (verbose && c->status >= 400)
		fprintf(stderr, "%d %s %s: %.300s\n", c->status, method, target, c->body);
}

static void hang_up(struct call *c)
{
	close(c->fd);
	c->fd = -1;
}

/* The headers of the answer are here: true. Else it has been told what was wrong, and the call is over. */
static bool await_head(struct call *c, const char *method, const char *target)
{
	int r = 1;

	while (!parse_head(c) && (r = take(c, c->until_ms)) > 0)
		;
	if (c->status)
		return true;
	if (r == -2)
		bad("%s %s: no answer in %d ms", method, target, ANSWER_MS * slow);
	else if (!may_break(c))
		bad("%s %s: the connection broke without an answer", method, target);
	else
		__atomic_add_fetch(&shared->broken, 1, __ATOMIC_SEQ_CST);
	hang_up(c);
	return false;
}

/* To the end of the connection. */
static bool await_end(struct call *c, const char *method, const char *target)
{
	int r;

	while ((r = take(c, c->until_ms)) > 0)
		;
	hang_up(c);
	if (r == 0)
		return true;
	if (r == -2)
		bad("%s %s: no end of the answer in %d ms; so far: %.300s", method, target, ANSWER_MS * slow,
			c->data);
	else if (!may_break(c))
		bad("%s %s: the connection broke in the answer", method, target);
	return false;
}

static void count_answer(void)
{
	__atomic_add_fetch(&shared->answered, 1, __ATOMIC_SEQ_CST);
}

/* A whole request. Returns the status, 0 when there is none. The body is in room. Now and then the client leaves at once. */
static int ask_surely(struct call *c, const char *method, const char *target, const char *body)
{
	if (dial(c) < 0)
		return 0;
	if (!send_request(c, method, target, body, false) && !may_break(c))
		bad("%s %s: cannot be sent", method, target);
	if (!await_head(c, method, target))
		return 0;
	bool whole = await_end(c, method, target);
	parse_head(c);
	if (whole)
		check_answer(c, method, target);
	count_answer();
	return whole ? c->status : 0;
}

static int ask(struct call *c, const char *method, const char *target, const char *body)
{
	if (!one_in(12))
		return ask_surely(c, method, target, body);
	if (dial(c) < 0)
		return 0;
	if (body && one_in(3)) { /* in the middle of its own request */
		char head[512];
		int n = snprintf(head, sizeof(head),
			"%s %s HTTP/1.1\r\nHost: b\r\nContent-Length: %zu\r\n\r\n{", method, target,
			strlen(body));
		(void)send_all(c, head, (size_t)n);
	} else {
		(void)send_request(c, method, target, body, false);
	}
	if (one_in(2))
		sleep_ms(below(30));
	hang_up(c);
	__atomic_add_fetch(&shared->left, 1, __ATOMIC_SEQ_CST);
	return 0;
}

/* ---------------------------------------------------------------- the verbs */

static const char *name(void)
{
	static const char *const names[NAMES] = { "c0", "c1", "c2", "c3", "c4" };
	return names[below(NAMES)];
}

static const char *pick(const char *const *from, size_t n)
{
	return from[below((unsigned)n)];
}
#define PICK(array) pick(array, LEN(array))

static const char *flag(unsigned n)
{
	return one_in(n) ? "true" : "false";
}

static void create(void)
{
	static const char *const commands[] = { "[\"true\"]", "[\"sh\",\"-c\",\"exit 3\"]",
		"[\"sleep\",\"600\"]", "[\"sleep\",\"600\"]",
		"[\"sh\",\"-c\",\"trap '' TERM; while :; do sleep 1; done\"]", "[\"cat\"]",
		"[\"no-such-program\"]", "[\"/etc\"]", "[\"sh\",\"-c\",\"sleep 300 & sleep 0.3\"]",
		"[\"sh\",\"-c\",\"setsid sleep 3 & exec sleep 0.1\"]",
		"[\"sh\",\"-c\",\"for i in $(seq 200); do echo line $i; echo err >&2; done; sleep 0.2; exit 5\"]",
		"[\"sh\",\"-c\",\"yes | head -c 3000000; sleep 1\"]",
		"[\"sh\",\"-c\",\"exec >&- 2>&-; sleep 2\"]",
		"[\"sh\",\"-c\",\"head -c 100000000 /dev/zero | tail\"]" };
	static const char *const policies[] = { "{}", "{}", "{\"Name\":\"no\"}", "{\"Name\":\"always\"}",
		"{\"Name\":\"on-failure\",\"MaximumRetryCount\":2}", "{\"Name\":\"unless-stopped\"}" };
	static const char *const users[] = { "", "", "", "", "1000", "alice", "no-such-user" };
	char body[1500], target[64], where[300];
	struct call c;

	snprintf(where, sizeof(where), "%s", image);
	if (one_in(20))
		snprintf(where, sizeof(where), "%s", one_in(2) ? "no-such-image" : "dir:/no/such/directory");
	snprintf(body, sizeof(body),
		"{\"Image\":\"%s\",\"Cmd\":%s,\"Tty\":%s,\"OpenStdin\":%s,\"StdinOnce\":%s,\"User\":\"%s\",\"StopTimeout\":1,"
		"\"Volumes\":{%s},\"HostConfig\":{\"NetworkMode\":\"none\",\"RestartPolicy\":%s,\"AutoRemove\":%s,"
		"\"Memory\":%s,\"Init\":%s}}",
		where, PICK(commands), flag(4), flag(3), flag(3), PICK(users),
		one_in(6) ? "\"/var/lib\":{}" : "", PICK(policies), flag(5), one_in(3) ? "33554432" : "0",
		flag(5));
	snprintf(target, sizeof(target), "/containers/create?name=%s", name());
	(void)ask(&c, "POST", target, body);
}

static void start(void)
{
	char target[64];
	struct call c;
	snprintf(target, sizeof(target), "/containers/%s/start", name());
	(void)ask(&c, "POST", target, NULL);
}

static void stop_or_restart(void)
{
	char target[64];
	struct call c;
	snprintf(target, sizeof(target), "/containers/%s/%s?t=%u%s", name(), one_in(3) ? "restart" : "stop",
		below(2), one_in(8) ? "&signal=HUP" : "");
	(void)ask(&c, "POST", target, NULL);
}

static void kill_(void)
{
	static const char *const signals[] = { "KILL", "TERM", "HUP", "USR1", "STOP", "CONT", "0", "64",
		"KILL" };
	char target[64];
	struct call c;
	snprintf(target, sizeof(target), "/containers/%s/kill?signal=%s", name(), PICK(signals));
	(void)ask(&c, "POST", target, NULL);
}

static void remove_(void)
{
	char target[64];
	struct call c;
	snprintf(target, sizeof(target), "/containers/%s%s", name(), one_in(4) ? "" : "?force=1&v=1");
	(void)ask(&c, "DELETE", target, NULL);
}

/* The number behind a key, or fallback. */
static long number(const char *text, const char *key, long fallback)
{
	const char *at = text ? strstr(text, key) : NULL;
	return at ? atol(at + strlen(key)) : fallback;
}

static void check_code(const char *what, long code)
{
	if (code < 0 || code > 255)
		bad("%s: exit code %ld", what, code);
}

static void look(void)
{
	struct call c;
	char target[64];
	switch (below(4)) {
	case 0:
		(void)ask(&c, "GET", "/containers/json?all=1", NULL);
		return;
	case 1:
		snprintf(target, sizeof(target), "/containers/%s/logs?stdout=1&stderr=1&tail=%u", name(),
			below(300));
		break;
	case 2:
		snprintf(target, sizeof(target), "/containers/%s/resize?w=%u&h=%u", name(), below(200),
			below(100));
		(void)ask(&c, "POST", target, NULL);
		return;
	default:
		snprintf(target, sizeof(target), "/containers/%s/json", name());
		if (ask(&c, "GET", target, NULL) == 200)
			check_code(target, number(c.body, "\"ExitCode\":", -1));
		return;
	}
	(void)ask(&c, "GET", target, NULL);
}

/* For some while, then it hangs up. */
static void wait_(void)
{
	static const char *const conditions[] = { "not-running", "next-exit", "removed" };
	char target[64];
	struct call c;
	int r = 1;

	snprintf(target, sizeof(target), "/containers/%s/wait?condition=%s", name(), PICK(conditions));
	if (dial(&c) < 0)
		return;
	(void)send_request(&c, "POST", target, NULL, false);
	if (!await_head(&c, "POST", target))
		return;
	long until = now_ms() + below(400);
	while ((r = take(&c, until)) > 0)
		;
	hang_up(&c);
	parse_head(&c);
	if (r == 0 && c.status == 200)
		check_code(target, number(c.body, "\"StatusCode\":", may_break(&c) ? 0 : -1));
	else if (r == 0)
		check_answer(&c, "POST", target);
	count_answer();
}

/* Talk on a stream for a while, or leave at once, or half-close and await its end when it must come. */
static void use_stream(struct call *c, const char *target, bool ends)
{
	static char zeros[20000];
	if (!await_head(c, "POST", target))
		return;
	if (c->status != 101) { /* a kept connection: it ends when we do */
		(void)shutdown(c->fd, SHUT_WR);
		if (await_end(c, "POST", target))
			check_answer(c, "POST", target);
		return;
	}
	count_answer();
	static const char *const typed[] = { "echo x\nexit 3\n",
		"\020\021" }; /* the second: ^P^Q, which detaches */
	const char *text = PICK(typed);
	if (one_in(3))
		(void)send_all(c, text, strlen(text));
	if (one_in(4))
		(void)send(c->fd, zeros, sizeof(zeros), MSG_DONTWAIT | MSG_NOSIGNAL);
	if (ends && one_in(2)) {
		(void)shutdown(c->fd, SHUT_WR);
		(void)await_end(c, "POST", target);
		return;
	}
	if (one_in(2)) {
		long until = now_ms() + below(200);
		while (take(c, until) > 0)
			;
	} else if (one_in(2)) {
		sleep_ms(below(100)); /* reads nothing */
	}
	hang_up(c);
	__atomic_add_fetch(&shared->left, 1, __ATOMIC_SEQ_CST);
}

static void attach(void)
{
	char target[96];
	struct call c;
	snprintf(target, sizeof(target), "/containers/%s/attach?stream=%d&stdin=%d&stdout=1&stderr=1&logs=%d",
		name(), !one_in(6), one_in(2), one_in(4));
	if (dial(&c) < 0)
		return;
	(void)send_request(&c, "POST", target, NULL, true);
	if (one_in(6))
		hang_up(&c);
	else
		use_stream(&c, target, strstr(target, "stream=0") != NULL);
}

static void exec(void)
{
	static const struct {
		const char *command;
		bool ends;
	} commands[] = { { "[\"true\"]", true }, { "[\"sh\",\"-c\",\"exit 9\"]", true },
		{ "[\"sleep\",\"0.2\"]", true }, { "[\"sh\",\"-c\",\"sleep 100 &\"]", true },
		{ "[\"sh\",\"-c\",\"sleep 100\"]", false }, { "[\"nope\"]", true }, { "[\"cat\"]", true },
		{ "[\"sh\",\"-c\",\"echo hi; cat >/dev/null; echo there\"]", true },
		{ "[\"sh\",\"-c\",\"yes | head -c 2000000\"]", true },
		{ "[\"sh\",\"-c\",\"setsid sleep 1 & kill -9 $$\"]", true } };
	unsigned which = below(LEN(commands));
	bool tty = one_in(4), detach = one_in(3);
	char body[600], target[160], id[80] = "";
	struct call c;

	snprintf(body, sizeof(body),
		"{\"Cmd\":%s,\"Tty\":%s,\"AttachStdin\":%s,\"AttachStdout\":true,\"AttachStderr\":%s,\"User\":\"%s\",\"WorkingDir\":\"%s\"}",
		commands[which].command, tty ? "true" : "false", detach ? "false" : flag(2), flag(2),
		one_in(10) ? "no-such-user" : "", one_in(10) ? "/nowhere" : "");
	bool takes_input = strstr(body, "\"AttachStdin\":true") != NULL;
	snprintf(target, sizeof(target), "/containers/%s/exec", name());
	if (ask(&c, "POST", target, body) != 201 || sscanf(c.body, "{\"Id\":\"%64[0-9a-f]", id) != 1)
		return;
	snprintf(target, sizeof(target), "/exec/%s/start", id);
	snprintf(body, sizeof(body), "{\"Detach\":%s,\"Tty\":%s}", detach ? "true" : "false",
		tty ? "true" : "false");
	if (detach) {
		(void)ask(&c, "POST", target, body);
	} else if (dial(&c) == 0) {
		(void)send_request(&c, "POST", target, body, true);
		/* A terminal has no end of input. */
		bool reads = strstr(commands[which].command, "cat") != NULL;
		use_stream(&c, target, commands[which].ends && !(reads && (tty || !takes_input)));
	}
	snprintf(target, sizeof(target), "/exec/%s/json", id);
	if (ask(&c, "GET", target, NULL) == 200)
		check_code(target, number(c.body, "\"ExitCode\":", 0));
}

static void project(void)
{
	char body[600];
	struct call c;
	snprintf(body, sizeof(body), "{\"Files\":[\"%s\"],\"Env\":{\"N\":\"%u\"}}", compose_file, below(2));
	int status = ask(&c, "POST", one_in(2) ? "/berth/projects/up" : "/berth/projects/down", body);
	if (status == 200 && !strstr(c.body, "\"Done\"") && !strstr(c.body, "\"Error\":\"") && !may_break(&c))
		bad("project: neither done nor an error: %.300s", c.body);
}

static void ping(void)
{
	struct call c;
	int status = ask_surely(&c, "GET", "/_ping", NULL);
	if (status != 200 && !may_break(&c))
		bad("ping: %d", status);
}

/* SIGKILL, and wait for the next one. */
static void kill_supervisor(void)
{
	int pid = 0, next = 0;
	FILE *f = fopen(pid_file, "re");

	if (!f || fscanf(f, "%d", &pid) != 1 || pid <= 1)
		bad("no pid in %s", pid_file);
	if (f)
		fclose(f);
	if (pid <= 1)
		return;
	shared->kills_begun++;
	(void)kill(pid, SIGKILL);
	long until = now_ms() + (long)ANSWER_MS * slow;
	struct call c;
	while (now_ms() < until) {
		sleep_ms(20);
		f = fopen(pid_file, "re");
		bool other = f && fscanf(f, "%d", &next) == 1 && next != pid;
		if (f)
			fclose(f);
		if (other && ask_surely(&c, "GET", "/_ping", NULL) == 200)
			break;
	}
	if (now_ms() >= until)
		bad("no new supervisor within %d ms", ANSWER_MS * slow);
	shared->kills_done = shared->kills_begun;
}

static const struct {
	void (*verb)(void);
	unsigned weight;
} verbs[] = { { create, 6 }, { start, 6 }, { stop_or_restart, 4 }, { kill_, 3 }, { remove_, 4 }, { look, 4 },
	{ wait_, 3 }, { attach, 4 }, { exec, 6 }, { project, 1 }, { ping, 1 } };

static void one_operation(void)
{
	unsigned sum = 0;
	for (size_t i = 0; i < LEN(verbs); i++)
		sum += verbs[i].weight;
	unsigned at = below(sum);
	for (size_t i = 0; i < LEN(verbs); i++) {
		if (at < verbs[i].weight) {
			verbs[i].verb();
			return;
		}
		at -= verbs[i].weight;
	}
}

static void be_client(unsigned number_, unsigned operations, unsigned kills)
{
	unsigned every = kills ? operations / (kills + 1) + 1 : 0;
	room = malloc(REPLY_ROOM);
	if (!room)
		exit(1);
	for (unsigned i = 1; i <= operations; i++) {
		if (number_ == 0 && every && i % every == 0)
			kill_supervisor();
		one_operation();
	}
}

/* ---------------------------------------------------------------- the end */

static void remove_everything(void)
{
	struct call c;
	char body[600], target[128];
	snprintf(body, sizeof(body), "{\"Files\":[\"%s\"],\"Env\":{}}", compose_file);
	(void)ask_surely(&c, "POST", "/berth/projects/down", body);
	for (int i = 0; i < 100; i++) {
		char id[80];
		if (ask_surely(&c, "GET", "/containers/json?all=1", NULL) != 200 ||
			!strstr(c.body, "\"Id\":\""))
			return;
		if (sscanf(strstr(c.body, "\"Id\":\""), "\"Id\":\"%64[0-9a-f]", id) != 1)
			break;
		snprintf(target, sizeof(target), "/containers/%s?force=1&v=1", id);
		int status = ask_surely(&c, "DELETE", target, NULL);
		if (status != 204 && status != 404 && status != 409)
			bad("%s: %d", target, status);
		if (status == 409)
			sleep_ms(100);
	}
	bad("containers are left");
}

int main(int argc, char **argv)
{
	if (argc < 10) {
		fprintf(stderr,
			"usage: chaos SOCKET IMAGE SUPERVISOR-PID-FILE COMPOSE-FILE CLIENTS OPERATIONS SEED KILLS SLOW [verbose]\n");
		return 2;
	}
	socket_path = argv[1];
	image = argv[2];
	pid_file = argv[3];
	compose_file = argv[4];
	unsigned clients = (unsigned)atoi(argv[5]), operations = (unsigned)atoi(argv[6]),
		 kills = (unsigned)atoi(argv[8]);
	uint64_t seed = strtoull(argv[7], NULL, 10);
	slow = atoi(argv[9]) > 0 ? atoi(argv[9]) : 1;
	verbose = argc > 10;
	if (clients < 1 || clients > MAX_CLIENTS)
		return 2;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 2;
	pid_t pids[MAX_CLIENTS];
	for (unsigned i = 0; i < clients; i++) {
		state = (seed + 1) * 0x9E3779B97F4A7C15ULL + i * 0xD1B54A32D192ED03ULL + 1;
		for (int j = 0; j < 10; j++)
			(void)rnd();
		if ((pids[i] = fork()) == 0) {
			be_client(i, operations / clients, kills);
			_exit(0);
		}
	}
	for (unsigned i = 0; i < clients; i++) {
		int status;
		if (waitpid(pids[i], &status, 0) < 0 || status != 0)
			bad("client %u ended with %d", i, status);
	}
	room = malloc(REPLY_ROOM);
	if (!room)
		return 2;
	remove_everything();
	printf("answered %u, left %u, broken by kills %u, kills %u, wrong %u; by status:", shared->answered,
		shared->left, shared->broken, shared->kills_done, shared->bad);
	for (unsigned i = 0; i < LEN(shared->status); i++)
		if (shared->status[i])
			printf(" %u:%u", i, shared->status[i]);
	printf("\n");
	return shared->bad != 0;
}
