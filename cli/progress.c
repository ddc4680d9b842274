#include "cli/progress.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "cli/project.h"
#include "cli/terminal.h"

#define TICK_MS	  100
#define ROWS_MIN  8
#define WIDTH_MIN 40

enum item_state { WORKING, DONE, FAILED };

struct item {
	char *text;   /* "Container demo-web-1" */
	char *status; /* "Starting" */
	enum item_state state;
	int64_t begin_ns, end_ns;
};

struct progress {
	bool live, colors, quiet;
	struct event *tick;
	struct item *items;
	size_t count;
	size_t drawn; /* lines of the block that stand on the screen */
};

/* ---------------------------------------------------------------- options */

int progress_parse_mode(const char *text, enum progress_mode *out, struct err *e)
{
	static const char *const names[] = { [PROGRESS_AUTO] = "auto",
		[PROGRESS_PLAIN] = "plain",
		[PROGRESS_TTY] = "tty",
		[PROGRESS_QUIET] = "quiet" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text ? text : "auto", names[i]) == 0) {
			*out = (enum progress_mode)i;
			return 0;
		}
	}
	return err_say(
		e, EINVAL, "unsupported --progress value \"%s\": must be auto, tty, plain or quiet", text);
}

static bool is_terminal(int fd)
{
	const char *term = getenv("TERM");
	return isatty(fd) && (!term || strcmp(term, "dumb") != 0);
}

int progress_parse_ansi(const char *when, int fd, bool *colors, struct err *e)
{
	const char *no = getenv("NO_COLOR");
	bool always = when && strcmp(when, "always") == 0, never = when && strcmp(when, "never") == 0;
	if (when && !always && !never && strcmp(when, "auto") != 0)
		return err_say(
			e, EINVAL, "unsupported --ansi value \"%s\": must be never, always or auto", when);
	*colors = always || (!never && !(no && *no) && is_terminal(fd));
	return 0;
}

/* ---------------------------------------------------------------- drawing */

static int add_line(
	const struct progress *p, const struct item *i, size_t width, unsigned columns, struct buf *out)
{
	static const char *const marks[] = { [WORKING] = "⠿", [DONE] = "✔", [FAILED] = "✘" };
	static const char *const paint[] = {
		[WORKING] = "\033[33m", [DONE] = "\033[32m", [FAILED] = "\033[31m"
	};
	int64_t end = i->end_ns ? i->end_ns : clock_mono_ns();
	char line[1024], age[32];
	(void)snprintf(age, sizeof(age), "%.1fs", (double)(end - i->begin_ns) / NS_PER_S);
	(void)snprintf(line, sizeof(line), "%-*s  %-10s", (int)width, i->text, i->status);
	size_t room = columns - 4 - strlen(age) - 1; /* the mark, the age and the blanks around them */
	size_t pad = strlen(line) < room ? room - strlen(line) : 0;
	return buf_printf(out, "\033[2K %s%s%s %.*s%*s%s\n", p->colors ? paint[i->state] : "",
		marks[i->state], p->colors ? "\033[0m" : "", (int)room, line, (int)pad, "", age);
}

static void erase(struct progress *p, struct buf *out)
{
	if (p->drawn)
		(void)buf_printf(out, "\033[%zuA\033[J", p->drawn); /* what memory lacks for is not erased */
	p->drawn = 0;
}

static void show(const struct buf *out)
{
	(void)fwrite(out->data, 1, out->len, stderr);
	(void)fflush(stderr);
}

static void draw(struct progress *p)
{
	auto_(buf) struct buf out = { 0 };
	unsigned rows = 0, columns = 0;
	size_t width = 0, done = 0;
	if (!terminal_size(STDERR_FILENO, &rows, &columns) || rows < ROWS_MIN || columns < WIDTH_MIN) {
		rows = rows < ROWS_MIN ? 24 : rows;
		columns = columns < WIDTH_MIN ? 80 : columns;
	}
	for (size_t i = 0; i < p->count; i++) {
		width = strlen(p->items[i].text) > width ? strlen(p->items[i].text) : width;
		done += p->items[i].state != WORKING;
	}
	size_t first = p->count > rows - 2 ? p->count - (rows - 2) : 0;
	erase(p, &out);
	int r = buf_printf(&out, "[+] Running %zu/%zu\n", done, p->count);
	for (size_t i = first; i < p->count && r == 0; i++)
		r = add_line(p, &p->items[i], width, columns, &out);
	p->drawn = 1 + p->count - first;
	if (r == 0)
		show(&out);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct progress *p = arg;
	(void)fd;
	(void)what;
	for (size_t i = 0; i < p->count && p->drawn; i++) {
		if (p->items[i].state == WORKING) {
			draw(p);
			return;
		}
	}
}

/* ---------------------------------------------------------------- what happens */

static enum item_state state_of(const char *status)
{
	size_t n = strlen(status);
	if (strncmp(status, "Error", 5) == 0)
		return FAILED;
	if (strcmp(status, "Recreate") == 0)
		return WORKING;
	return n > 3 && strcmp(status + n - 3, "ing") == 0 && strcmp(status, "Running") != 0 ? WORKING : DONE;
}

static struct item *item_of(struct progress *p, const char *text)
{
	for (size_t i = 0; i < p->count; i++)
		if (strcmp(p->items[i].text, text) == 0)
			return &p->items[i];
	struct item *items = reallocarray(p->items, p->count + 1, sizeof(*items));
	char *copy = strdup(text);
	if (items)
		p->items = items;
	if (!items || !copy) {
		free(copy);
		return NULL;
	}
	items[p->count] = (struct item){ .text = copy, .state = DONE };
	return &items[p->count++];
}

void progress_say(struct progress *p, const char *kind, const char *name, const char *status)
{
	char text[512];
	if (!p || p->quiet)
		return;
	(void)snprintf(text, sizeof(text), "%s %s", kind, name);
	if (!p->live) {
		(void)fprintf(stderr, " %s  %s\n", text, status);
		return;
	}
	struct item *i = item_of(p, text);
	char *copy = strdup(status);
	if (!i || !copy) { /* a line less of the block */
		free(copy);
		return;
	}
	int64_t now = clock_mono_ns();
	enum item_state next = state_of(status);
	if (!i->begin_ns || (i->state == DONE && next == WORKING))
		i->begin_ns = now;
	i->end_ns = next == WORKING ? 0 : now;
	i->state = next;
	free(i->status);
	i->status = copy;
	draw(p);
}

void progress_warn(struct progress *p, const char *text)
{
	auto_(buf) struct buf out = { 0 };
	if (p && p->drawn) {
		erase(p, &out);
		show(&out);
	}
	(void)fprintf(stderr, "WARNING: %s\n", text);
	if (p && p->live && p->count)
		draw(p);
}

void progress_rest(struct progress *p)
{
	if (!p)
		return;
	if (p->drawn)
		draw(p);
	for (size_t i = 0; i < p->count; i++) {
		free(p->items[i].text);
		free(p->items[i].status);
	}
	p->count = p->drawn = 0;
}

/* ---------------------------------------------------------------- */

int progress_new(
	struct event_base *base, enum progress_mode mode, bool colors, struct progress **out, struct err *e)
{
	static const struct timeval tick = { 0, TICK_MS * 1000 };
	auto_(progress) struct progress *p = calloc(1, sizeof(*p));
	if (!p)
		return err_set(e, ENOMEM, "show progress");
	p->quiet = mode == PROGRESS_QUIET;
	p->live = mode == PROGRESS_TTY || (mode == PROGRESS_AUTO && is_terminal(STDERR_FILENO));
	p->colors = colors;
	if (p->live &&
		(!(p->tick = event_new(base, -1, EV_PERSIST, on_tick, p)) || event_add(p->tick, &tick) < 0))
		return err_set(e, ENOMEM, "show progress");
	*out = take_ptr(&p);
	return 0;
}

int progress_as_asked(const struct cli *cli, const struct args *o, struct event_base *base,
	struct progress **out, struct err *e)
{
	enum progress_mode mode = PROGRESS_AUTO;
	bool colors = false;
	int r = progress_parse_mode(project_option_last(o, cli->group, "progress"), &mode, e);
	if (r == 0)
		r = progress_parse_ansi(
			project_option_last(o, cli->group, "ansi"), STDERR_FILENO, &colors, e);
	return r < 0 ? r : progress_new(base, mode, colors, out, e);
}

void progress_free(struct progress *p)
{
	if (!p)
		return;
	progress_rest(p);
	if (p->tick)
		event_free(p->tick);
	free(p->items);
	free(p);
}
