#include "supervisor/top.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/own.h"

#define DEFAULT_ARGS "-ef"
#define WORDS_MAX    64
#define OUTPUT_MAX   (8 << 20)
#define BLANKS	     " \t\n\v\f\r" /* ASCII, whatever the locale */

/* ---------------------------------------------------------------- ps's output */

/* The words of a line; the last takes the rest, its runs of blanks as one. */
static json_t *split(char *line, size_t max)
{
	auto_(json) json_t *words = json_array();
	auto_(buf) struct buf rest = { 0 };
	char *save = NULL;
	size_t n = 0;

	for (char *w = strtok_r(line, BLANKS, &save); w; w = strtok_r(NULL, BLANKS, &save)) {
		json_t *v;
		if (max == 0 || ++n < max) {
			v = json_string(w);
			if (json_array_append_new(words, v ? v : json_string("?")) < 0)
				return NULL;
		} else if (buf_printf(&rest, "%s%s", rest.len ? " " : "", w) < 0) {
			return NULL;
		}
	}
	if (rest.len) {
		json_t *v = json_stringn(rest.data, rest.len);
		if (json_array_append_new(words, v ? v : json_string("?")) < 0)
			return NULL;
	}
	return take_ptr(&words);
}

static bool is_listed(const char *text, const pid_t *pids, size_t n)
{
	char *end;
	long pid = text ? strtol(text, &end, 10) : 0;

	for (size_t i = 0; text && *text && !*end && i < n; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

int top_from_ps(char *text, const pid_t *pids, size_t n, json_t **out, struct err *e)
{
	char *save = NULL, *line = strtok_r(text, "\n", &save);
	auto_(json) json_t *titles = line ? split(line, 0) : json_array();
	auto_(json) json_t *rows = json_array();
	size_t pid_at = SIZE_MAX, i;
	json_t *title;

	json_array_foreach (titles, i, title)
		if (strcmp(json_string_value(title), "PID") == 0 && pid_at == SIZE_MAX)
			pid_at = i;
	if (pid_at == SIZE_MAX)
		return err_say(e, EINVAL, "Couldn't find PID field in ps output");
	while ((line = strtok_r(NULL, "\n", &save))) {
		auto_(json) json_t *row = split(line, json_array_size(titles));
		if (row && is_listed(json_string_value(json_array_get(row, pid_at)), pids, n) &&
			json_array_append(rows, row) < 0)
			return err_set(e, ENOMEM, "list processes");
	}
	*out = json_pack("{s:O, s:O}", "Titles", titles, "Processes", rows);
	return *out ? 0 : err_set(e, ENOMEM, "list processes");
}

/* ---------------------------------------------------------------- the host's ps */

int top_check_args(const char *args, struct err *e)
{
	for (const char *eq = strchr(args, '='); eq; eq = strchr(eq + 1, '=')) {
		const char *title = eq + 1 + strspn(eq + 1, BLANKS), *key = eq;
		while (key > args && !strchr(BLANKS ",", key[-1]))
			key--;
		if (strncmp(title, "PID", 3) == 0 && (eq - key != 3 || strncmp(key, "pid", 3) != 0))
			return err_say(e, EINVAL, "specifying \"%.*s=%.*s\" is not allowed", (int)(eq - key),
				key, (int)strcspn(title, BLANKS), title);
	}
	return 0;
}

/* Starts ps with stdout in a pipe: the read end, -errno. */
static int start_ps(char **argv, pid_t *pid)
{
	static char *const env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL };
	posix_spawn_file_actions_t actions;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	(void)setenv("PATH", env[0] + strlen("PATH="), 1); /* what posix_spawnp() looks in */
	(void)posix_spawn_file_actions_init(&actions);
	int r = posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, fds[1], STDERR_FILENO);
	if (r == 0)
		r = posix_spawnp(pid, "ps", &actions, NULL, argv, env);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(fds[1]);
	if (r == 0)
		return fds[0];
	(void)close(fds[0]);
	return -r;
}

static int read_all(int fd, struct buf *out)
{
	while (out->len < OUTPUT_MAX) {
		if (buf_reserve(out, 65536) < 0)
			return -ENOMEM;
		ssize_t n = read(fd, out->data + out->len, 65536);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return 0;
		out->len += n > 0 ? (size_t)n : 0;
		out->data[out->len] = '\0';
	}
	return -EFBIG;
}

static int run_ps(const char *args, struct buf *out, struct err *e)
{
	auto_free char *copy = strdup(args);
	char *argv[WORDS_MAX + 2] = { "ps" }, *save = NULL;
	size_t n = 1;
	pid_t pid;
	int status = 0;

	for (char *w = copy ? strtok_r(copy, BLANKS, &save) : NULL; w && n <= WORDS_MAX;
		w = strtok_r(NULL, BLANKS, &save))
		argv[n++] = w;
	auto_close int fd = start_ps(argv, &pid);
	if (fd == -ENOENT)
		return err_say(e, EOPNOTSUPP,
			"this host has no ps: of its arguments \"-ef\", \"aux\" and \"-o\" with usual columns are known, not \"%.100s\"",
			args);
	if (fd < 0)
		return err_set(e, -fd, "start ps");
	int r = read_all(fd, out);
	if (r < 0)
		(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	if (r < 0)
		return err_set(e, -r, "read ps");
	if (status != 0)
		return err_say(e, EINVAL, "ps: %.*s", out->data ? (int)strcspn(out->data, "\n") : 0,
			out->data ? out->data : "");
	return 0;
}

json_t *top_list(const pid_t *pids, size_t n, const char *args, struct err *e)
{
	auto_(buf) struct buf text = { 0 };
	json_t *out = NULL;

	if (!args || !args[strspn(args, BLANKS)])
		args = DEFAULT_ARGS;
	if (top_check_args(args, e) < 0)
		return NULL;
	auto_close int proc_dirfd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (proc_dirfd < 0) {
		(void)err_set(e, errno, "open /proc");
		return NULL;
	}
	int r = top_from_proc(proc_dirfd, pids, n, args, clock_real_ns(), &out, e);
	if (r == 0 && (r = run_ps(args, &text, e)) == 0)
		r = top_from_ps(text.data ? text.data : (char[]){ "" }, pids, n, &out, e);
	return r < 0 ? NULL : out;
}
