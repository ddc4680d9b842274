#include "supervisor/container_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/own.h"
#include "supervisor/config.h"
#include "supervisor/container.h"

#define HOST_FILE_MAX (1 << 20)

static const char *const names[CONTAINER_FILES] = { "hosts", "hostname", "resolv.conf" };

static int hosts(const struct container *c, struct buf *out)
{
	static const char loopback[] =
		"127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\n"
		"ff00::0\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n";
	bool host = strcmp(c->config->network, "host") == 0;
	int r = 0;

	if (!host || io_read_file(AT_FDCWD, "/etc/hosts", HOST_FILE_MAX, out, NULL) < 0)
		r = buf_puts(out, loopback);
	for (char **x = c->config->extra_hosts; r == 0 && *x;
		x++) { /* "NAME:ADDRESS" or "NAME=ADDRESS", the address may have colons */
		size_t n = strcspn(*x, "=:");
		if ((*x)[n])
			r = buf_printf(out, "%s\t%.*s\n", *x + n + 1, (int)n, *x);
	}
	return r;
}

static int hostname(const struct container *c, struct buf *out)
{
	return buf_printf(out, "%s\n", c->config->hostname);
}

static int list_line(struct buf *out, const char *word, char **items)
{
	int r = *items ? buf_puts(out, word) : 0;

	for (char **x = items; r == 0 && *x; x++)
		r = buf_printf(out, " %s", *x);
	return r == 0 && *items ? buf_puts(out, "\n") : r;
}

static int resolv_conf(const struct container *c, struct buf *out)
{
	const struct config *config = c->config;
	int r = 0;

	if (!*config->dns && io_read_file(AT_FDCWD, "/etc/resolv.conf", HOST_FILE_MAX, out, NULL) < 0)
		buf_reset(out); /* the host has none: nor has the container */
	for (char **x = config->dns; r == 0 && *x; x++)
		r = buf_printf(out, "nameserver %s\n", *x);
	if (r == 0)
		r = list_line(out, "search", config->dns_search);
	return r == 0 ? list_line(out, "options", config->dns_options) : r;
}

static int write_file(int dirfd, const char *name, const struct buf *text, struct err *e)
{
	const char *data = text->data ? text->data : "";
	auto_(buf) struct buf there = { 0 };

	if (io_read_file(dirfd, name, text->len, &there, NULL) == 0 && there.len == text->len &&
		memcmp(there.data ? there.data : "", data, text->len) == 0)
		return 0;
	return io_replace_file(dirfd, name, data, text->len, 0644, false, e);
}

int container_files_write(struct container *c, char *out_paths[CONTAINER_FILES], struct err *e)
{
	static int (*const fill[CONTAINER_FILES])(
		const struct container *c, struct buf *out) = { hosts, hostname, resolv_conf };
	/* Root inside writes what it likes to them, as far as the file system goes. So they are with the writable layer, and
	 * not in the run root, which is memory and holds the records of all containers. */
	if (mkdirat(c->engine->data_dirfd, c->id, 0700) < 0 && errno != EEXIST)
		return err_set(e, errno, "make directory of %.12s", c->id);
	auto_close int dirfd = openat(c->engine->data_dirfd, c->id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = dirfd < 0 ? err_set(e, errno, "open directory of %.12s", c->id) : 0;

	for (int i = 0; i < CONTAINER_FILES; i++)
		out_paths[i] = NULL;
	for (int i = 0; r == 0 && i < CONTAINER_FILES; i++) {
		auto_(buf) struct buf text = { 0 };
		if (fill[i](c, &text) < 0 ||
			asprintf(&out_paths[i], "%s/containers/%s/%s", c->engine->options.data_root, c->id,
				names[i]) < 0) {
			out_paths[i] = NULL;
			r = err_set(e, ENOMEM, "write /etc/%s", names[i]);
		} else {
			r = write_file(dirfd, names[i], &text, e);
		}
	}
	for (int i = 0; r < 0 && i < CONTAINER_FILES; i++)
		own_free(&out_paths[i]);
	return r;
}
