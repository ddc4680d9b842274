/* crash_report - the successor's side of crash.h: read, one line for the log, the last few kept. */
#include "supervisor/crash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/path.h"

#define REPORT	   "crash.report"
#define REPORT_MAX 16384

/* The value of "\nkey value\n", cut to room; quotes would end it in the log. */
static const char *value_of(const char *report, const char *key, char *out, size_t room)
{
	size_t len = strlen(key), n = 0;
	for (const char *p = report; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (strncmp(p, key, len) != 0 || (p[len] != ' ' && p[len] != '\n'))
			continue;
		for (p += len + (p[len] == ' '); *p && *p != '\n' && n + 1 < room; p++)
			out[n++] = *p == '"' ? '\'' : *p;
		break;
	}
	out[n] = '\0';
	return out;
}

static void describe(const char *report, const char *file, char line[CRASH_LINE_MAX])
{
	char signal[16], name[24], code[16], address[32], sender[16], version[64], pid[16], at[96],
		trace[420], last[240];
	(void)value_of(report, "address", address, sizeof(address));
	(void)value_of(report, "sender", sender, sizeof(sender));
	(void)snprintf(line, CRASH_LINE_MAX,
		"signal=%s name=%s %s%s%s%s version=%s pid=%s at=\"%s\" trace=\"%s\" last=\"%s\" file=\"%s\"",
		value_of(report, "signal", signal, sizeof(signal)),
		value_of(report, "name", name, sizeof(name)), *sender ? "sender=" : "code=",
		*sender ? sender : value_of(report, "code", code, sizeof(code)),
		*sender ? "" : " address=", *sender ? "" : address,
		value_of(report, "version", version, sizeof(version)),
		value_of(report, "pid", pid, sizeof(pid)), value_of(report, "at", at, sizeof(at)),
		value_of(report, "trace", trace, sizeof(trace)), value_of(report, "last", last, sizeof(last)),
		file);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int is_report(const struct dirent *d)
{
	return strncmp(d->d_name, "crash-", 6) == 0;
}

/* The names begin with the time, so the oldest come first. */
static void drop_old(const char *dir, int dirfd)
{
	struct dirent **list = NULL;
	int n = scandir(dir, &list, is_report, NULL);
	if (n < 0)
		return;
	auto_free char **names = calloc((size_t)n + 1, sizeof(*names));
	for (int i = 0; names && i < n; i++)
		names[i] = list[i]->d_name;
	if (names)
		qsort(names, (size_t)n, sizeof(*names), compare_names);
	for (int i = 0; names && i < n - CRASH_KEEP; i++)
		(void)unlinkat(dirfd, names[i], 0); /* tried again after the next crash */
	for (int i = 0; i < n; i++)
		free(list[i]);
	free(list);
}

static int keep(const char *data_root, const char *report, size_t len, char *file, size_t room, struct err *e)
{
	char dir[PATH_MAX], name[64], time[24], pid[16];

	(void)snprintf(dir, sizeof(dir), "%s/crash", data_root);
	(void)snprintf(name, sizeof(name), "crash-%s-%s.txt", value_of(report, "time", time, sizeof(time)),
		value_of(report, "pid", pid, sizeof(pid)));
	int r = strchr(name, '/') ? err_say(e, EBADMSG, "%s: not a report", REPORT)
				  : path_mkdirs(dir, 0700, e);
	if (r < 0)
		return r;
	auto_close int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dirfd < 0)
		return err_set(e, errno, "open %s", dir);
	r = io_replace_file(dirfd, name, report, len, 0600, false, e);
	if (r < 0)
		return r;
	(void)snprintf(file, room, "crash/%s", name);
	drop_old(dir, dirfd);
	return 0;
}

int crash_collect(const char *run_root, const char *data_root, char line[CRASH_LINE_MAX], struct err *e)
{
	auto_(buf) struct buf report = { 0 };
	char file[80] = "";
	auto_close int dirfd = open(run_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*e = (struct err){ 0 };
	if (dirfd < 0 || io_read_file(dirfd, REPORT, REPORT_MAX, &report, NULL) < 0 || report.len == 0)
		return 0;
	(void)keep(data_root, report.data, report.len, file, sizeof(file), e);
	(void)unlinkat(dirfd, REPORT, 0); /* or it would be told again */
	describe(report.data, file, line);
	return 1;
}

void crash_forget(const char *run_root)
{
	auto_close int dirfd = open(run_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd >= 0)
		(void)unlinkat(dirfd, REPORT, 0); /* there may be none */
}
