/* The verbs as programs against a small daemon of the test's own: what they ask, print and return. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/http.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/cli.h"

/* ---------------------------------------------------------------- the daemon: a child process */

static struct event_base *base;
static struct http_request *waiting;
static struct http_stream *attached;
static bool failing;
static int exit_status = 7;
static int journal = -1; /* one line per request */

static void json_reply(struct http_request *rq, int status, const char *text)
{
	http_reply(rq, status, "application/json", text, strlen(text));
}

static void frame(struct http_stream *s, int stream, const char *data, size_t len)
{
	char head[8] = { (char)stream, 0, 0, 0, (char)(len >> 24), (char)(len >> 16), (char)(len >> 8),
		(char)len };
	(void)http_stream_write(s, head, sizeof(head));
	(void)http_stream_write(s, data, len);
	if (http_stream_pending(s) > 256 * 1024)
		http_stream_pause_read(s);
}

static void container_ends(int status)
{
	char text[64];
	exit_status = status;
	if (attached)
		http_stream_finish(take_ptr(&attached));
	(void)snprintf(text, sizeof(text), "{\"StatusCode\":%d}", exit_status);
	if (waiting) {
		http_reply_write(waiting, text, strlen(text));
		http_reply_end(take_ptr(&waiting));
	}
}

static void input(struct http_stream *s, const char *data, size_t len, void *cookie)
{
	(void)cookie;
	frame(s, 1, data, len);
}

static void input_end(struct http_stream *s, void *cookie)
{
	(void)cookie;
	frame(s, 2, "eof\n", 4);
	container_ends(exit_status);
}

static void input_drain(struct http_stream *s, void *cookie)
{
	(void)cookie;
	http_stream_resume_read(s);
}

static void client_left(struct http_stream *s, int r, void *cookie)
{
	(void)s;
	(void)r;
	(void)cookie;
	attached = NULL;
}

static const struct http_stream_ops echo = { input, input_end, input_drain, client_left };

static void waiter_left(struct http_request *rq, void *cookie)
{
	(void)cookie;
	waiting = NULL;
	http_drop(rq);
}

static void created(struct http_request *rq, const char *data, size_t len, int r, void *cookie)
{
	(void)cookie;
	if (r < 0)
		return;
	json_t *body = json_loadb(data, len, 0, NULL);
	const char *image = json_string_value(json_object_get(body, "Image"));
	failing = strcmp(image, "dir:/missing") == 0;
	if (strcmp(image, "nothing") == 0)
		json_reply(rq, 404, "{\"message\":\"No such image: nothing\"}");
	else
		json_reply(rq, 201, "{\"Id\":\"c0ffee\",\"Warnings\":[\"careful\"]}");
	json_decref(body);
}

static void handler(struct http_request *rq, void *cookie)
{
	const char *path = http_path(rq), *method = http_method(rq), *signal_name = http_query(rq, "signal");
	char line[512];
	int n = snprintf(line, sizeof(line), "%s %s%s%s\n", method, path, signal_name ? " " : "",
		signal_name ? signal_name : "");
	(void)cookie;
	(void)!write(journal, line, (size_t)n);
	if (strcmp(path, "/containers/create") == 0) {
		http_read_body(rq, 1 << 20, created, NULL);
	} else if (text_has_prefix(path, "/containers/c0ffee/attach") ||
		text_has_prefix(path, "/exec/e1/start")) {
		bool is_exec = path[1] == 'e';
		attached = http_hijack(rq, "application/vnd.docker.multiplexed-stream");
		http_stream_set(attached, &echo, NULL);
		if (is_exec)
			frame(attached, 1, "exec\n", 5);
	} else if (strcmp(path, "/containers/c0ffee/wait") == 0) {
		waiting = rq;
		http_reply_begin(rq, 200, "application/json", NULL);
		http_on_close(rq, waiter_left, NULL);
	} else if (strcmp(path, "/containers/c0ffee/start") == 0 && failing) {
		json_reply(rq, 400, "{\"message\":\"exec: \\\"x\\\": executable file not found in $PATH\"}");
	} else if (strcmp(path, "/containers/c0ffee/start") == 0) {
		http_reply(rq, 204, NULL, NULL, 0);
	} else if (strcmp(method, "DELETE") == 0) {
		http_reply(rq, 204, NULL, NULL, 0);
	} else if (strcmp(path, "/containers/c0ffee/kill") == 0) {
		int status = 128 + text_parse_signal(signal_name);
		http_reply(rq, 204, NULL, NULL, 0);
		container_ends(status);
	} else if (strcmp(path, "/containers/c0ffee/exec") == 0) {
		exit_status = 5;
		json_reply(rq, 201, "{\"Id\":\"e1\"}");
	} else if (strcmp(path, "/exec/e1/json") == 0) {
		json_reply(rq, 200, "{\"ExitCode\":5}");
	} else if (strcmp(path, "/containers/c0ffee/json") == 0) {
		json_reply(rq, 200,
			"{\"Name\":\"/web\",\"State\":{\"Pid\":42,\"Running\":true},\"Config\":{\"Tty\":false,"
			"\"OpenStdin\":true}}");
	} else if (strcmp(path, "/containers/c0ffee/logs") == 0) {
		http_reply(rq, 200, "application/vnd.docker.multiplexed-stream",
			"\1\0\0\0\0\0\0\4out\n\2\0\0\0\0\0\0\4err\n", 24);
	} else if (strcmp(path, "/berth/projects/up") == 0) {
		http_reply_begin(rq, 200, "application/json", NULL);
		http_reply_write(rq, "{\"Status\":\"Created\",\"Id\":\"d-a-1\"}\n{\"Err", 39);
		http_reply_write(rq, "or\":\"no room\"}\n", 15);
		http_reply_end(rq);
	} else if (strcmp(path, "/berth/projects/down") == 0) {
		json_reply(rq, 200, "{\"Done\":true}\n");
	} else {
		json_reply(rq, 404, "{\"message\":\"No such container: nope\"}");
	}
}

struct fixture {
	char dir[64], socket[96], journal[96];
	pid_t daemon;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	strcpy(f->dir, "/tmp/test_cli.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(f->socket, sizeof(f->socket), "%s/sock", f->dir);
	(void)snprintf(f->journal, sizeof(f->journal), "%s/journal", f->dir);
	strcpy(addr.sun_path, f->socket);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 16), 0);
	journal = open(f->journal, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	pid_t parent = getpid();
	f->daemon = fork();
	if (f->daemon == 0) {
		struct http_server *server;
		base = event_base_new();
		if (http_server_new(base, fd, handler, NULL, &server, NULL) < 0)
			_exit(1);
		while (getppid() == parent) {
			struct timeval tv = { 0, 100000 };
			(void)event_base_loopexit(base, &tv);
			(void)event_base_dispatch(base);
		}
		_exit(0);
	}
	(void)close(fd);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	(void)kill(f->daemon, SIGKILL);
	(void)waitpid(f->daemon, NULL, 0);
	(void)close(journal);
	(void)unlink(f->socket);
	(void)unlink(f->journal);
	(void)rmdir(f->dir);
	free(f);
	return 0;
}

/* ---------------------------------------------------------------- a verb: another child */

struct outcome {
	int code; /* -SIGNAL when one ended it */
	char out[8192], err[8192];
	size_t out_total;
	long max_rss_kib;
};

struct input_plan {
	const char *text; /* what is typed; NULL: a pipe that stays open */
	size_t zeros;	  /* bytes of zeros in place of it */
	int signal;	  /* sent to the verb after 200 ms */
	bool close_output;
	bool lazy; /* its output is read only after a second */
};

static void verb_child(const struct fixture *f, int in, int out, int err, char *const *argv)
{
	char *full[32] = { (char[]){ "berth" }, (char[]){ "-H" }, NULL };
	char host[128];
	int n = 3;
	(void)snprintf(host, sizeof(host), "unix://%s", f->socket);
	full[2] = host;
	for (; *argv && n < 31; argv++)
		full[n++] = *argv;
	(void)dup2(in, STDIN_FILENO);
	(void)dup2(out, STDOUT_FILENO);
	(void)dup2(err, STDERR_FILENO);
	for (int fd = 3; fd < 64; fd++)
		(void)close(fd);
	int code = cli_main(n, full);
	(void)fflush(stdout);
	_exit(code);
}

/* Feed its input, read its outputs, until both have ended; at most 20 s. */
static void attend(struct outcome *o, const struct input_plan *plan, pid_t pid, int in, int out, int err)
{
	static char block[65536];
	size_t out_len = 0, err_len = 0, left = plan->zeros;
	int64_t start = clock_mono_ns();
	bool signalled = false;
	while (out >= 0 || err >= 0) {
		bool rest = plan->lazy && clock_mono_ns() - start < NS_PER_S;
		struct pollfd p[3] = { { .fd = rest ? -1 : out, .events = POLLIN },
			{ .fd = err, .events = POLLIN }, { .fd = left ? in : -1, .events = POLLOUT } };
		(void)poll(p, 3, 20);
		int64_t age = clock_mono_ns() - start;
		if (plan->signal && !signalled && age > 200 * NS_PER_MS)
			signalled = kill(pid, plan->signal) == 0;
		if (age > 20 * NS_PER_S)
			(void)kill(pid, SIGKILL);
		if (p[2].revents) {
			ssize_t n = write(in, block, left < 4096 ? left : 4096);
			left -= n > 0 ? (size_t)n : 0;
			if (left == 0)
				(void)close(in);
		}
		if (p[0].revents) {
			ssize_t n = read(out, block, sizeof(block));
			for (ssize_t i = 0; i < n && out_len + 1 < sizeof(o->out); i++)
				o->out[out_len++] = block[i];
			o->out_total += n > 0 ? (size_t)n : 0;
			memset(block, 0, sizeof(block));
			if (n <= 0)
				(void)close(take_fd(&out));
		}
		if (p[1].revents) {
			ssize_t n = read(err, o->err + err_len, sizeof(o->err) - 1 - err_len);
			err_len += n > 0 ? (size_t)n : 0;
			if (n <= 0)
				(void)close(take_fd(&err));
		}
	}
}

static struct outcome run_verb(struct fixture *f, const struct input_plan *plan, char *const *argv)
{
	struct outcome o = { 0 };
	int in[2], out[2], err[2], status = 0;
	struct rusage usage;
	assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC) | pipe2(err, O_CLOEXEC), 0);
	assert_int_equal(ftruncate(journal, 0), 0);
	pid_t pid = fork();
	if (pid == 0)
		verb_child(f, in[0], out[1], err[1], argv);
	(void)close(in[0]);
	(void)close(out[1]);
	(void)close(err[1]);
	(void)signal(SIGPIPE, SIG_IGN);
	if (plan->text) {
		(void)!write(in[1], plan->text, strlen(plan->text));
		(void)close(in[1]);
	}
	if (plan->close_output)
		(void)close(take_fd(&out[0]));
	attend(&o, plan, pid, in[1], out[0], err[0]);
	assert_int_equal(wait4(pid, &status, 0, &usage), pid);
	o.max_rss_kib = usage.ru_maxrss;
	o.code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
	if (!plan->text && !plan->zeros)
		(void)close(in[1]);
	return o;
}

static char *requests(void)
{
	static char text[4096];
	ssize_t n = pread(journal, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

#define V(...)                                                                                               \
	(char *[])                                                                                           \
	{                                                                                                    \
		__VA_ARGS__, NULL                                                                            \
	}

static void run_streams(void **state)
{
	struct fixture *f = *state;
	struct outcome o =
		run_verb(f, &(struct input_plan){ .text = "hello" }, V("run", "-i", "dir:/r", "cat"));
	assert_string_equal(o.out, "hello");
	assert_string_equal(o.err, "WARNING: careful\neof\n");
	assert_int_equal(o.code, 7);
	/* Attached and waited for before it was started. */
	assert_string_equal(requests(),
		"POST /containers/create\nPOST /containers/c0ffee/attach\nPOST /containers/c0ffee/wait\n"
		"POST /containers/c0ffee/start\n");

	o = run_verb(f, &(struct input_plan){ .text = "" }, V("run", "-d", "dir:/r"));
	assert_string_equal(o.out, "c0ffee\n");
	assert_int_equal(o.code, 0);
}

static void run_failures(void **state)
{
	struct fixture *f = *state;
	struct input_plan none = { .text = "" };
	struct outcome o = run_verb(f, &none, V("run", "--rm", "dir:/missing", "x"));
	assert_int_equal(o.code, 127);
	assert_non_null(strstr(o.err,
		"berth: Error response from daemon: exec: \"x\": executable file not found in $PATH\n"));
	assert_non_null(strstr(requests(), "DELETE /containers/c0ffee\n"));
	o = run_verb(f, &none, V("run", "nothing"));
	assert_int_equal(o.code, 125);
	assert_non_null(strstr(o.err, "berth: Error response from daemon: No such image: nothing\n"));
	o = run_verb(f, &none, V("run", "-it", "dir:/r"));
	assert_int_equal(o.code, 1);
	assert_string_equal(o.err, "the input device is not a TTY\n");
	assert_string_equal(requests(), "");
	o = run_verb(f, &none, V("run", "--nonsense", "dir:/r"));
	assert_int_equal(o.code, 125);
	o = run_verb(f, &none, V("-H", "unix:///nonexistent/s", "ps"));
	assert_int_equal(o.code, 1);
	assert_non_null(strstr(o.err, "Cannot connect to the berth daemon at unix:///nonexistent/s"));
}

static void signals(void **state)
{
	struct fixture *f = *state;
	struct outcome o = run_verb(f, &(struct input_plan){ .signal = SIGTERM }, V("run", "-i", "dir:/r"));
	assert_non_null(strstr(requests(), "POST /containers/c0ffee/kill SIGTERM\n"));
	assert_int_equal(o.code, 143);
	o = run_verb(
		f, &(struct input_plan){ .signal = SIGINT }, V("run", "-i", "--sig-proxy=false", "dir:/r"));
	assert_int_equal(o.code, -SIGINT);
	/* A reader that goes ends the client as any filter. */
	o = run_verb(
		f, &(struct input_plan){ .zeros = 1 << 20, .close_output = true }, V("run", "-i", "dir:/r"));
	assert_int_equal(o.code, -SIGPIPE);
	assert_string_equal(o.err, "WARNING: careful\n");
}

static void long_stream(void **state)
{
	struct fixture *f = *state;
	size_t size = 48 << 20;
	struct outcome small =
		run_verb(f, &(struct input_plan){ .zeros = 1 << 16 }, V("run", "-i", "dir:/r"));
	struct input_plan much = { .zeros = size, .lazy = true };
	struct outcome large = run_verb(f, &much, V("run", "-i", "dir:/r"));
	assert_int_equal(large.code, 7);
	assert_int_equal(large.out_total, size);
#ifndef __SANITIZE_ADDRESS__
	assert_true(large.max_rss_kib < small.max_rss_kib + 4096);
#else
	(void)small;
#endif
}

static void other_verbs(void **state)
{
	struct fixture *f = *state;
	struct input_plan none = { .text = "" }, typed = { .text = "in" };
	struct outcome o = run_verb(f, &typed, V("exec", "-i", "c0ffee", "sh"));
	assert_string_equal(o.out, "exec\nin");
	assert_int_equal(o.code, 5);
	o = run_verb(f, &none, V("exec", "nope", "sh"));
	assert_int_equal(o.code, 1);
	assert_string_equal(o.err, "Error response from daemon: No such container: nope\n");
	o = run_verb(f, &none, V("logs", "c0ffee"));
	assert_string_equal(o.out, "out\n");
	assert_string_equal(o.err, "err\n");
	o = run_verb(f, &none, V("inspect", "-f", "{{.State.Pid}}", "c0ffee", "nope"));
	assert_string_equal(o.out, "42\n");
	assert_string_equal(o.err, "Error: No such object: nope\n");
	assert_int_equal(o.code, 1);
	o = run_verb(f, &none, V("kill", "-s", "HUP", "c0ffee", "nope"));
	assert_string_equal(o.out, "c0ffee\n");
	assert_string_equal(requests(), "POST /containers/c0ffee/kill HUP\nPOST /containers/nope/kill HUP\n");
	assert_int_equal(o.code, 1);
	o = run_verb(f, &typed, V("attach", "c0ffee"));
	assert_string_equal(o.out, "in");
	o = run_verb(f, &none, V("up", "-d", "-f", "/x.yaml"));
	assert_string_equal(o.err, " Container d-a-1  Created\nno room\n");
	assert_int_equal(o.code, 1);
	o = run_verb(f, &none, V("down", "-p", "d"));
	assert_int_equal(o.code, 0);
	o = run_verb(f, &none, V("rnu"));
	assert_int_equal(o.code, 1);
	assert_non_null(strstr(o.err, "Did you mean 'run'?"));
	o = run_verb(f, &none, V("run", "--help"));
	assert_int_equal(o.code, 0);
	assert_non_null(strstr(o.out, "Usage:  berth run [OPTIONS] IMAGE"));
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = { T(run_streams), T(run_failures), T(signals), T(long_stream),
		T(other_verbs) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
