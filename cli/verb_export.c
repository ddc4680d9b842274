/* export: a container's files as a tar archive, without what is mounted in it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "cli/api.h"
#include "cli/cli.h"
#include "cli/output.h"

struct exporting {
	struct remote remote;
	int fd;
	int r; /* of our output */
};

static void on_data(struct remote *r, const char *data, size_t len)
{
	struct exporting *x = r->cookie;
	if (x->r == 0)
		x->r = io_write_full(x->fd, data, len);
	if (x->r < 0)
		http_client_pause(r->client);
}

static int receive(const struct cli *cli, const char *container, int fd, struct err *e)
{
	auto_(buf) struct buf target = { 0 };
	struct exporting x = { .fd = fd, .remote = { .on_data = on_data } };
	struct event_base *base = api_loop_new();
	int r = base ? api_target(&target, "/containers/%s/export", container) : -ENOMEM;

	x.remote.cookie = &x;
	if (r < 0)
		r = err_set(e, -r, "export");
	else
		r = remote_start(&x.remote, cli, base, "GET", target.data, NULL, false, e);
	while (r == 0 && x.r == 0 && !x.remote.ended)
		if (event_base_loop(base, EVLOOP_ONCE) != 0)
			r = err_set(e, EIO, "run the event loop");
	if (x.r == -EPIPE)
		output_reader_gone();
	if (r == 0)
		r = x.r < 0 ? err_set(e, -x.r, "write the archive") : remote_wait_end(&x.remote, e);
	remote_done(&x.remote);
	if (base)
		event_base_free(base);
	return r < 0 ? r : 0;
}

static int check_output(const char *path, struct err *e)
{
	char dir[PATH_MAX];
	struct stat st;
	const char *slash = strrchr(path, '/');
	int n = snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");

	if (n >= (int)sizeof(dir) || stat(dir, &st) < 0)
		return err_say(e, ENOENT, "invalid output path: directory \"%s\" does not exist", dir);
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode) && !S_ISFIFO(st.st_mode))
		return err_say(
			e, EISDIR, "invalid output path: \"%s\" must be a directory or a regular file", path);
	return 0;
}

/* A new file takes the place of what is there when it is whole. */
static int to_file(const struct cli *cli, const char *container, const char *path, struct err *e)
{
	char fresh[PATH_MAX];
	struct stat st;
	int r = check_output(path, e);

	if (r < 0)
		return r;
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		auto_close int there = open(path, O_WRONLY | O_CLOEXEC);
		return there < 0 ? err_set(e, errno, "open %s", path) : receive(cli, container, there, e);
	}
	if (snprintf(fresh, sizeof(fresh), "%s.XXXXXX", path) >= (int)sizeof(fresh))
		return err_set(e, ENAMETOOLONG, "open %s", path);
	auto_close int fd = mkostemp(fresh, O_CLOEXEC);
	if (fd < 0)
		return err_set(e, errno, "create %s", fresh);
	r = receive(cli, container, fd, e);
	if (r == 0 && rename(fresh, path) < 0)
		r = err_set(e, errno, "rename %s to %s", fresh, path);
	if (r < 0)
		(void)unlink(fresh);
	return r;
}

int verb_export(const struct cli *cli, const struct args *o)
{
	const char *path = option_string(o, "output");
	struct err e;
	int r;

	if (path && *path)
		r = to_file(cli, o->words[0], path, &e);
	else if (isatty(STDOUT_FILENO))
		r = err_say(
			&e, EINVAL, "cowardly refusing to save to a terminal. Use the -o flag or redirect");
	else
		r = receive(cli, o->words[0], STDOUT_FILENO, &e);
	return r < 0 ? output_error(&e, 1) : 0;
}

const struct option_def *export_options(void)
{
	static const struct option_def table[] = {
		{ 'o', "output", OPT_STRING, "Write to a file, not to standard output" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}
