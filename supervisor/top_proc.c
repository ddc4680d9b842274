/* The processes of a container, from /proc. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/own.h"
#include "base/text.h"
#include "supervisor/top.h"

#define COLUMNS_MAX 32
#define CELL_MAX    64
#define FILE_MAX    (128 * 1024)

struct process {
	pid_t pid;
	char state, comm[64];
	long long ppid, pgrp, session, tty, tpgid, utime, stime, priority, nice, threads, start, vsize, rss;
	unsigned uid;
	struct buf command;
	/* of the host */
	int64_t now_s, boot_s;
	long long ticks, page_kib, memory_kib;
};

static void process_done(struct process *p)
{
	buf_done(&p->command);
}

OWN_DEFINE(process, struct process, process_done)

/* ---------------------------------------------------------------- reading */

static int parse_stat(char *text, struct process *p)
{
	char *open = strchr(text, '('), *close = strrchr(text, ')');

	if (!open || !close || close < open)
		return -EBADMSG;
	*close = '\0';
	snprintf(p->comm, sizeof(p->comm), "%s", open + 1);
	int n = sscanf(close + 2,
		"%c %lld %lld %lld %lld %lld %*u %*u %*u %*u %*u %lld %lld %*d %*d %lld %lld %lld %*d %lld %lld %lld",
		&p->state, &p->ppid, &p->pgrp, &p->session, &p->tty, &p->tpgid, &p->utime, &p->stime,
		&p->priority, &p->nice, &p->threads, &p->start, &p->vsize, &p->rss);
	return n == 14 ? 0 : -EBADMSG;
}

static int read_command(int dirfd, struct process *p)
{
	int r = io_read_file(dirfd, "cmdline", FILE_MAX, &p->command, NULL);

	if (r < 0 && r != -EFBIG)
		return r;
	while (p->command.len > 0 && p->command.data[p->command.len - 1] == '\0')
		p->command.len--;
	for (size_t i = 0; i < p->command.len; i++)
		if ((unsigned char)p->command.data[i] < ' ' || p->command.data[i] == 0x7f)
			p->command.data[i] = p->command.data[i] ? '?' : ' ';
	return p->command.len ? 0 : buf_printf(&p->command, "[%s]", p->comm); /* a zombie, as ps has it */
}

static int read_process(int proc_dirfd, pid_t pid, struct process *p)
{
	char name[16], text[4096];
	const char *uid;

	snprintf(name, sizeof(name), "%d", (int)pid);
	auto_close int dirfd = openat(proc_dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return -errno;
	p->pid = pid;
	int r = io_read_text(dirfd, "status", text, sizeof(text));
	if (r < 0 || !(uid = strstr(text, "\nUid:")))
		return r < 0 ? r : -EBADMSG;
	if (sscanf(uid, "\nUid: %*u %u", &p->uid) != 1)
		return -EBADMSG;
	if ((r = io_read_text(dirfd, "stat", text, sizeof(text))) < 0 || (r = parse_stat(text, p)) < 0)
		return r;
	return read_command(dirfd, p);
}

static long long number_after(int dirfd, const char *file, const char *key)
{
	char text[8192];
	const char *at = io_read_text(dirfd, file, text, sizeof(text)) > 0 ? strstr(text, key) : NULL;
	return at ? strtoll(at + strlen(key), NULL, 10) : 0;
}

/* btime stands behind lines that grow with the number of CPUs and interrupts. */
static long long boot_time(int proc_dirfd, int64_t now_s)
{
	char text[64];
	return io_read_text(proc_dirfd, "uptime", text, sizeof(text)) > 0 ? now_s - strtoll(text, NULL, 10)
									  : now_s;
}

/* ---------------------------------------------------------------- columns */

static int64_t started_s(const struct process *p)
{
	return p->boot_s + p->start / p->ticks;
}

static long long cpu_s(const struct process *p)
{
	return (p->utime + p->stime) / p->ticks;
}

static double cpu_percent(const struct process *p)
{
	long long alive = p->now_s - started_s(p);
	return alive > 0 ? (double)(p->utime + p->stime) * 100.0 / (double)p->ticks / (double)alive : 0;
}

static void put_user(const struct process *p, char *out)
{
	const struct passwd *pw = getpwuid(p->uid);

	if (pw)
		snprintf(out, CELL_MAX, "%s", pw->pw_name);
	else
		snprintf(out, CELL_MAX, "%u", p->uid);
}

static void put_uid(const struct process *p, char *out)
{
	snprintf(out, CELL_MAX, "%u", p->uid);
}

static void put_pid(const struct process *p, char *out)
{
	snprintf(out, CELL_MAX, "%d", (int)p->pid);
}

static void put_ppid(const struct process *p, char *out)
{
	snprintf(out, CELL_MAX, "%lld", p->ppid);
}

static void put_pgid(const struct process *p, char *out)
{
	snprintf(out, CELL_MAX, "%lld", p->pgrp);
}

static void put_sid(const struct process *p, char *out)
{
	snprintf(out, CELL_MAX, "%lld", p->session);
}

static void put_nice(const struct process *p, char *out)
{
	snprintf(out, CELL_MAX, "%lld", p->nice);
}

static void put_priority(const struct process *p, char *out)
{
	snprintf(out, CELL_MAX, "%lld", 39 - p->priority);
}

static void put_threads(const struct process *p, char *out)
{
	snprintf(out, CELL_MAX, "%lld", p->threads);
}

static void put_c(const struct process *p, char *out)
{
	double c = cpu_percent(p);
	snprintf(out, CELL_MAX, "%d", c > 99 ? 99 : (int)c);
}

static void put_cpu(const struct process *p, char *out)
{
	snprintf(out, CELL_MAX, "%.1f", cpu_percent(p));
}

static void put_mem(const struct process *p, char *out)
{
	snprintf(out, CELL_MAX, "%.1f",
		p->memory_kib ? (double)(p->rss * p->page_kib) * 100.0 / (double)p->memory_kib : 0.0);
}

static void put_vsz(const struct process *p, char *out)
{
	snprintf(out, CELL_MAX, "%lld", p->vsize / 1024);
}

static void put_rss(const struct process *p, char *out)
{
	snprintf(out, CELL_MAX, "%lld", p->rss * p->page_kib);
}

/* Major and minor as the kernel packs them (Documentation/admin-guide/devices.txt for the numbers). */
static void put_tty(const struct process *p, char *out)
{
	unsigned major = (unsigned)(p->tty >> 8) & 0xfff;
	unsigned minor = ((unsigned)p->tty & 0xff) | ((unsigned)(p->tty >> 12) & 0xfff00);

	if (major >= 136 && major <= 143)
		snprintf(out, CELL_MAX, "pts/%u", minor + (major - 136) * 256);
	else if (major == 4)
		snprintf(out, CELL_MAX, minor < 64 ? "tty%u" : "ttyS%u", minor < 64 ? minor : minor - 64);
	else
		snprintf(out, CELL_MAX, "?");
}

static void put_state(const struct process *p, char *out)
{
	snprintf(out, CELL_MAX, "%c", p->state);
}

static void put_stat(const struct process *p, char *out)
{
	snprintf(out, CELL_MAX, "%c%s%s%s%s", p->state,
		p->nice < 0	      ? "<"
			: p->nice > 0 ? "N"
				      : "",
		p->session == p->pid ? "s" : "", p->threads > 1 ? "l" : "", p->pgrp == p->tpgid ? "+" : "");
}

static void put_start(const struct process *p, char *out)
{
	time_t started = (time_t)started_s(p), now = (time_t)p->now_s;
	struct tm then, today;

	if (!localtime_r(&started, &then) || !localtime_r(&now, &today))
		snprintf(out, CELL_MAX, "-");
	else
		(void)strftime(out, CELL_MAX,
			then.tm_year != today.tm_year		? "%Y"
				: then.tm_yday != today.tm_yday ? "%b%d"
								: "%H:%M",
			&then);
}

static void put_clock(long long s, char *out)
{
	if (s >= 86400)
		snprintf(out, CELL_MAX, "%lld-%02lld:%02lld:%02lld", s / 86400, s / 3600 % 24, s / 60 % 60,
			s % 60);
	else
		snprintf(out, CELL_MAX, "%02lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
}

static void put_time(const struct process *p, char *out)
{
	put_clock(cpu_s(p), out);
}

static void put_bsdtime(const struct process *p, char *out)
{
	snprintf(out, CELL_MAX, "%lld:%02lld", cpu_s(p) / 60, cpu_s(p) % 60);
}

static void put_etime(const struct process *p, char *out)
{
	long long s = p->now_s - started_s(p);

	if (s >= 3600)
		put_clock(s, out);
	else
		snprintf(out, CELL_MAX, "%02lld:%02lld", s / 60, s % 60);
}

static const struct column {
	const char *name, *title;
	void (*put)(const struct process *p, char *out); /* NULL: the command line or the program's name */
} columns[] = {
	{ "user", "USER", put_user },
	{ "euser", "EUSER", put_user },
	{ "uname", "USER", put_user },
	{ "uid", "UID", put_uid },
	{ "pid", "PID", put_pid },
	{ "ppid", "PPID", put_ppid },
	{ "pgid", "PGID", put_pgid },
	{ "sid", "SID", put_sid },
	{ "sess", "SESS", put_sid },
	{ "ni", "NI", put_nice },
	{ "pri", "PRI", put_priority },
	{ "nlwp", "NLWP", put_threads },
	{ "c", "C", put_c },
	{ "pcpu", "%CPU", put_cpu },
	{ "%cpu", "%CPU", put_cpu },
	{ "pmem", "%MEM", put_mem },
	{ "%mem", "%MEM", put_mem },
	{ "vsz", "VSZ", put_vsz },
	{ "rss", "RSS", put_rss },
	{ "tty", "TT", put_tty },
	{ "tt", "TT", put_tty },
	{ "s", "S", put_state },
	{ "state", "S", put_state },
	{ "stat", "STAT", put_stat },
	{ "stime", "STIME", put_start },
	{ "start", "STARTED", put_start },
	{ "time", "TIME", put_time },
	{ "cputime", "TIME", put_time },
	{ "etime", "ELAPSED", put_etime },
	{ "comm", "COMMAND", NULL },
	{ "ucmd", "CMD", NULL },
	{ "cmd", "CMD", NULL },
	{ "args", "COMMAND", NULL },
	{ "command", "COMMAND", NULL },
};

/* Titles that the two usual forms have of their own. */
static const struct column full[] = { { "", "UID", put_user }, { "", "PID", put_pid },
	{ "", "PPID", put_ppid }, { "", "C", put_c }, { "", "STIME", put_start }, { "", "TTY", put_tty },
	{ "", "TIME", put_time }, { "cmd", "CMD", NULL } };
static const struct column bsd[] = { { "", "USER", put_user }, { "", "PID", put_pid },
	{ "", "%CPU", put_cpu }, { "", "%MEM", put_mem }, { "", "VSZ", put_vsz }, { "", "RSS", put_rss },
	{ "", "TTY", put_tty }, { "", "STAT", put_stat }, { "", "START", put_start },
	{ "", "TIME", put_bsdtime }, { "command", "COMMAND", NULL } };

/* ---------------------------------------------------------------- arguments */

static const struct column *find_column(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(columns); i++)
		if (strlen(columns[i].name) == len && strncmp(columns[i].name, name, len) == 0)
			return &columns[i];
	return NULL;
}

/* How many columns "pid,comm args" names; 0: one of them is not known here, ps may know it. */
static size_t parse_list(const char *list, const struct column *out[COLUMNS_MAX])
{
	size_t n = 0;

	for (const char *p = list; *p;) {
		size_t len = strcspn(p, ", ");
		const struct column *c = find_column(p, len);
		if (!c || n == COLUMNS_MAX)
			return 0;
		out[n++] = c;
		p += len;
		p += strspn(p, ", ");
	}
	return n;
}

static size_t take_all(const struct column *from, size_t n, const struct column *out[COLUMNS_MAX])
{
	for (size_t i = 0; i < n; i++)
		out[i] = &from[i];
	return n;
}

static size_t parse_args(const char *args, const struct column *out[COLUMNS_MAX])
{
	static const char *const lists[] = { "-eo", "-o", "axo", "-Ao", "-e -o", "o" };

	if (strcmp(args, "-ef") == 0)
		return take_all(full, ARRAY_LEN(full), out);
	if (strcmp(args, "aux") == 0 || strcmp(args, "-aux") == 0)
		return take_all(bsd, ARRAY_LEN(bsd), out);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		size_t len = strlen(lists[i]);
		if (strncmp(args, lists[i], len) == 0 && args[len] == ' ')
			return parse_list(args + len + strspn(args + len, " "), out);
	}
	return 0;
}

/* ---------------------------------------------------------------- the table */

static json_t *cell_of(const struct column *c, const struct process *p)
{
	char text[CELL_MAX] = "";

	if (c->put) {
		c->put(p, text);
		return json_string(text);
	}
	bool name = strcmp(c->name, "comm") == 0 || strcmp(c->name, "ucmd") == 0;
	json_t *v = name ? json_string(p->comm) : json_stringn(p->command.data, p->command.len);
	return v ? v : json_string("?"); /* arguments need not be UTF-8 */
}

static json_t *row_of(const struct column *const *cols, size_t n_cols, const struct process *p)
{
	auto_(json) json_t *row = json_array();

	for (size_t i = 0; row && i < n_cols; i++)
		if (json_array_append_new(row, cell_of(cols[i], p)) < 0)
			return NULL;
	return take_ptr(&row);
}

int top_from_proc(int proc_dirfd, const pid_t *pids, size_t n, const char *args, int64_t now_ns, json_t **out,
	struct err *e)
{
	const struct column *cols[COLUMNS_MAX];
	size_t n_cols = parse_args(args, cols);
	auto_(json) json_t *titles = json_array();
	auto_(json) json_t *rows = json_array();
	bool has_pid = false;

	if (n_cols == 0)
		return 0;
	for (size_t i = 0; i < n_cols; i++) {
		has_pid |= strcmp(cols[i]->title, "PID") == 0;
		if (json_array_append_new(titles, json_string(cols[i]->title)) < 0)
			return err_set(e, ENOMEM, "list processes");
	}
	if (!has_pid)
		return err_say(e, EINVAL, "Couldn't find PID field in ps output");
	const struct process host = { .now_s = now_ns / NS_PER_S,
		.boot_s = boot_time(proc_dirfd, now_ns / NS_PER_S),
		.ticks = sysconf(_SC_CLK_TCK),
		.page_kib = sysconf(_SC_PAGESIZE) / 1024,
		.memory_kib = number_after(proc_dirfd, "meminfo", "MemTotal:") };
	for (size_t i = 0; i < n; i++) {
		auto_(process) struct process p = host;
		if (read_process(proc_dirfd, pids[i], &p) < 0)
			continue; /* it has ended */
		if (json_array_append_new(rows, row_of(cols, n_cols, &p)) < 0)
			return err_set(e, ENOMEM, "list processes");
	}
	*out = json_pack("{s:O, s:O}", "Titles", titles, "Processes", rows);
	return *out ? 1 : err_set(e, ENOMEM, "list processes");
}
