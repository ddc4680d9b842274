#include "cli/man.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/own.h"

/* ---------------------------------------------------------------- pieces */

/* Text that troff would take for something else: '-' is a hyphen to it, '\' an escape, '.' and ''' at a line's begin a request. */
static int text(struct buf *out, const char *s)
{
	int r = *s == '.' || *s == '\'' ? buf_puts(out, "\\&") : 0;
	for (; *s && r == 0; s++)
		r = *s == '-' ? buf_puts(out, "\\-") : *s == '\\' ? buf_puts(out, "\\e") : buf_add(out, s, 1);
	return r;
}

static int line(struct buf *out, const char *before, const char *s, const char *behind)
{
	int r = buf_puts(out, before);
	if (r == 0)
		r = text(out, s);
	return r < 0 ? r : buf_puts(out, behind);
}

/* title: "berth compose ps" */
static int head(struct buf *out, const char *title, const char *summary)
{
	int r = buf_puts(out, ".TH ");
	for (const char *p = title; *p && r == 0; p++)
		r = *p == ' ' ? buf_puts(out, "\\-") : buf_printf(out, "%c", toupper((unsigned char)*p));
	if (r == 0)
		r = buf_puts(out, " 1 \"\" \"berth " BERTH_VERSION "\" \"berth\"\n.SH NAME\n");
	for (const char *p = title; *p && r == 0; p++)
		r = *p == ' ' ? buf_puts(out, "\\-") : buf_add(out, p, 1);
	return r < 0 ? r : line(out, " \\- ", summary, "\n");
}

static int options(struct buf *out, const struct option_def *table)
{
	static const char *const values[OPT_TYPE_COUNT] = { [OPT_STRING] = "string",
		[OPT_LIST] = "list",
		[OPT_INT] = "int",
		[OPT_BYTES] = "bytes",
		[OPT_DURATION] = "duration",
		[OPT_NUMBER] = "decimal" };
	int r = buf_puts(out, ".SH OPTIONS\n");
	for (const struct option_def *d = table; d->long_name && r == 0; d++) {
		r = buf_puts(out, ".TP\n");
		if (r == 0 && d->short_name)
			r = buf_printf(out, "\\fB\\-%c\\fR, ", d->short_name);
		if (r == 0)
			r = line(out, "\\fB\\-\\-", d->long_name, "\\fR");
		if (r == 0 && values[d->type])
			r = buf_printf(out, " \\fI%s\\fR", values[d->type]);
		if (r == 0)
			r = line(out, "\n", d->help, "\n");
	}
	return r < 0 ? r : buf_puts(out, ".TP\n\\fB\\-\\-help\\fR\nPrint a summary of these\n");
}

static int verbs(struct buf *out, const struct verb *table)
{
	int r = buf_puts(out, ".SH VERBS\n");
	for (const struct verb *v = table; v->name && r == 0; v++) {
		r = line(out, ".TP\n\\fB", v->name, "\\fR ");
		if (r == 0)
			r = line(out, "", v->usage, "\n");
		if (r == 0)
			r = line(out, "", v->summary, "\n");
	}
	return r;
}

/* ---------------------------------------------------------------- pages */

int man_verb(const struct verb_group *group, const struct verb *v, struct buf *out)
{
	char title[128];
	(void)snprintf(
		title, sizeof(title), "berth %s%s%s", group ? group->name : "", group ? " " : "", v->name);
	int r = head(out, title, v->summary);
	if (r == 0)
		r = line(out, ".SH SYNOPSIS\n\\fB", title, "\\fR ");
	if (r == 0)
		r = line(out, "", v->usage, "\n");
	if (r == 0)
		r = options(out, v->options());
	if (r == 0)
		r = buf_puts(out, ".SH SEE ALSO\n\\fBberth\\fR(1)");
	if (r == 0 && group)
		r = line(out, ", \\fBberth\\-", group->name, "\\fR(1)");
	return r < 0 ? r : buf_puts(out, "\n");
}

static const char about_berth[] =
	".SH DESCRIPTION\n"
	"berth starts containers from root filesystems and compose files, watches over them and answers for them. One\n"
	"supervisor, \\fBberth daemon\\fR, has them in its care; the other verbs ask it, by a socket that docker's clients\n"
	"can use as well. Verbs, flags, messages and exit codes are docker's and compose's where they have them.\n"
	".SH OPTIONS\n"
	".TP\n\\fB\\-H\\fR, \\fB\\-\\-host\\fR \\fIunix://PATH\\fR\nThe daemon's socket\n"
	".TP\n\\fB\\-v\\fR, \\fB\\-\\-version\\fR\nPrint the version\n"
	".TP\n\\fB\\-\\-help\\fR\nPrint a summary\n";

static const char berth_end[] =
	".SH EXIT STATUS\n"
	"0; 1 for an error, 125 for a wrong command line. \\fBrun\\fR and \\fBexec\\fR end with the code of the program, or with\n"
	"125 when berth itself failed, 126 when the program cannot be run and 127 when there is none.\n"
	".SH ENVIRONMENT\n"
	".TP\n\\fBBERTH_HOST\\fR\nThe daemon's socket, unix://PATH\n"
	".TP\n\\fBCOMPOSE_PROJECT_NAME\\fR, \\fBCOMPOSE_PROFILES\\fR\nName and profiles of a compose project\n"
	".TP\n\\fBNO_COLOR\\fR\nNo colours, where it is not empty\n"
	".SH FILES\n"
	".TP\n\\fI" CLI_DEFAULT_SOCKET "\\fR\nThe socket\n"
	".TP\n\\fI/var/lib/berth\\fR\nContainers, volumes and logs\n";

static int groups(struct buf *out)
{
	int r = buf_puts(out, ".SH GROUPS OF VERBS\n");
	for (const struct verb_group *g = cli_groups(); g->name && r == 0; g++) {
		r = line(out, ".TP\n\\fB", g->name, "\\fR\n");
		if (r == 0)
			r = line(out, "", g->summary, "\n");
	}
	return r;
}

int man_group(const struct verb_group *group, struct buf *out)
{
	char title[128] = "berth";
	if (group)
		(void)snprintf(title, sizeof(title), "berth %s", group->name);
	int r = head(
		out, title, group ? group->summary : "containers from root filesystems and compose files");
	if (r == 0)
		r = line(out, ".SH SYNOPSIS\n\\fB", title,
			group ? "\\fR [OPTIONS] VERB\n" : "\\fR [\\-H unix://PATH] VERB [OPTIONS]\n");
	if (r == 0)
		r = group ? options(out, group->options()) : buf_puts(out, about_berth);
	if (r == 0)
		r = verbs(out, group ? group->verbs() : cli_verbs());
	if (r == 0 && !group)
		r = buf_puts(out,
			".TP\n\\fBdaemon\\fR [OPTIONS]\nBe the supervisor: see \\fBberth daemon \\-\\-help\\fR\n");
	if (r == 0 && !group)
		r = groups(out);
	if (r == 0 && !group)
		r = buf_puts(out, berth_end);
	return r < 0 || !group ? r : buf_puts(out, ".SH SEE ALSO\n\\fBberth\\fR(1)\n");
}

/* ---------------------------------------------------------------- files */

static int put_file(const char *dir, const char *name, const struct buf *page, struct err *e)
{
	char path[PATH_MAX];
	(void)snprintf(path, sizeof(path), "%s/%s.1", dir, name);
	auto_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int r = fd < 0 ? -errno : io_write_full(fd, page->data, page->len);
	return r < 0 ? err_set(e, -r, "write %s", path) : 0;
}

/* v NULL: the group's own page. */
static int put_page(const char *dir, const struct verb_group *g, const struct verb *v, struct err *e)
{
	auto_(buf) struct buf page = { 0 };
	char name[128];
	(void)snprintf(name, sizeof(name), "berth%s%s%s%s", g ? "-" : "", g ? g->name : "", v ? "-" : "",
		v ? v->name : "");
	int r = v ? man_verb(g, v, &page) : man_group(g, &page);
	return r < 0 ? err_set(e, -r, "write %s", name) : put_file(dir, name, &page, e);
}

int man_write(const char *dir, struct err *e)
{
	int r = put_page(dir, NULL, NULL, e);
	for (const struct verb *v = cli_verbs(); v->name && r == 0; v++)
		r = put_page(dir, NULL, v, e);
	for (const struct verb_group *g = cli_groups(); g->name && r == 0; g++) {
		r = put_page(dir, g, NULL, e);
		for (const struct verb *v = g->verbs(); v->name && r == 0; v++)
			r = put_page(dir, g, v, e);
	}
	return r;
}
