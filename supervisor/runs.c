#include "supervisor/runs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/own.h"
#include "supervisor/container.h"
#include "supervisor/container_log.h"

#define RUNS_FILE "runs.json"
#define FILE_MAX  (1 << 20)

static void end_free(struct run_end *x)
{
	list_remove(&x->link);
	free(x->reason);
	free(x->output);
	free(x);
}

static void keep(struct container *c, struct run_end *x)
{
	size_t n = 0;

	list_append(&c->runs, &x->link);
	list_each (struct run_end, other, &c->runs, link)
		n += other != NULL;
	if (n > RUNS_KEPT)
		end_free(list_entry(c->runs.next, struct run_end, link));
}

/* ---------------------------------------------------------------- the last lines */

/* "<time> <stream> <P|F> <text>": the text, or NULL for what is no such line or was said before. */
static const char *text_of(const char *line, const char *end, int64_t since_ns, bool *out_whole)
{
	char time[CLOCK_TEXT_MAX];
	const char *blank = memchr(line, ' ', (size_t)(end - line));
	int64_t at;

	if (!blank || (size_t)(blank - line) >= sizeof(time))
		return NULL;
	memcpy(time, line, (size_t)(blank - line));
	time[blank - line] = '\0';
	const char *tag = memchr(blank + 1, ' ', (size_t)(end - blank - 1));
	if (!tag || end - tag < 3 || tag[2] != ' ' || clock_parse_rfc3339(time, &at) < 0 || at < since_ns)
		return NULL;
	*out_whole = tag[1] != 'P';
	return tag + 3;
}

/* Where the last n lines begin; an unfinished one at the end counts. */
static size_t last_lines(const char *text, size_t len, int n)
{
	for (size_t at = len; at > 0; at--)
		if (at < len && text[at - 1] == '\n' && n-- == 1)
			return at;
	return 0;
}

char *runs_last_lines(const char *log, size_t len, int64_t since_ns)
{
	auto_(buf) struct buf text = { 0 };
	const char *end = log + len;
	int r = 0;

	for (const char *line = log, *next; r == 0 && line < end; line = next + 1) {
		bool whole = true;
		next = memchr(line, '\n', (size_t)(end - line));
		if (!next)
			break; /* torn */
		const char *said = text_of(line, next, since_ns, &whole);
		if (!said)
			continue;
		r = buf_add(&text, said, (size_t)(next - said));
		if (r == 0 && whole)
			r = buf_add(&text, "\n", 1);
	}
	if (r < 0)
		return NULL;
	if (text.len == 0)
		return strdup("");
	size_t from = last_lines(text.data, text.len, RUNS_LINES);
	if (text.len - from > RUNS_OUTPUT_MAX)
		from = text.len - RUNS_OUTPUT_MAX;
	while (from < text.len && ((unsigned char)text.data[from] & 0xc0) == 0x80)
		from++; /* not from within a character */
	return strndup(text.data + from, text.len - from);
}

/* What is no UTF-8 cannot be shown. */
static void make_printable(char *text)
{
	json_t *probe = json_string(text);

	if (!probe)
		for (; *text; text++)
			if ((unsigned char)*text >= 0x80)
				*text = '?';
	json_decref(probe);
}

static char *read_output(const struct container *c)
{
	auto_free char *path = container_log_path(c);
	auto_free char *piece = malloc(RUNS_READ_MAX);
	struct stat st;

	if (!path || !piece)
		return NULL;
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		return strdup("");
	ssize_t n =
		pread(fd, piece, RUNS_READ_MAX, st.st_size > RUNS_READ_MAX ? st.st_size - RUNS_READ_MAX : 0);
	if (n <= 0)
		return strdup("");
	for (ssize_t i = 0; i < n; i++)
		if (!piece[i])
			piece[i] = '?';
	char *text = runs_last_lines(piece, (size_t)n, c->actual.started_ns);
	if (text)
		make_printable(text);
	return text;
}

/* ---------------------------------------------------------------- one more */

static char *reason_of(const struct actual *a, bool start_failed)
{
	char *text = NULL;

	if (start_failed)
		return strdup(a->error);
	if (a->oom_killed)
		return strdup("out of memory");
	return asprintf(&text, "exit code %d", a->exit_code) < 0 ? NULL : text;
}

static void save(const struct container *c)
{
	auto_(json) json_t *list = runs_to_json(c);
	auto_free char *text = list ? json_dumps(list, JSON_COMPACT) : NULL;
	auto_close int dirfd =
		openat(c->engine->run_dirfd, c->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct err e;

	if (!text)
		(void)err_set(&e, ENOMEM, "write %s", RUNS_FILE);
	else if (dirfd < 0)
		(void)err_set(&e, errno, "open record");
	else if (io_replace_file(dirfd, RUNS_FILE, text, strlen(text), 0600, false, &e) == 0)
		return;
	log_warn("runs-not-written", "container=%.12s err=\"%s\" action=\"go on\"", c->id, e.text);
}

void runs_note(struct container *c)
{
	const struct actual *a = &c->actual;
	bool start_failed = a->error[0] != '\0'; /* a run that was one has none */
	struct run_end *x = calloc(1, sizeof(*x));

	if (!x)
		return;
	list_init(&x->link);
	x->generation = a->generation;
	x->exit_code = a->exit_code;
	x->oom_killed = a->oom_killed && !start_failed;
	x->started_ns = start_failed ? CLOCK_NEVER : a->started_ns;
	x->finished_ns = start_failed ? clock_real_ns() : a->finished_ns;
	x->reason = reason_of(a, start_failed);
	x->output = start_failed ? strdup("") : read_output(c);
	if (!x->reason || !x->output) {
		end_free(x);
		return;
	}
	make_printable(x->reason);
	keep(c, x);
	save(c);
}

const struct run_end *runs_last(const struct container *c)
{
	return list_empty(&c->runs) ? NULL : list_entry(c->runs.prev, struct run_end, link);
}

const char *runs_last_line(const struct container *c, char out[RUNS_LINE_MAX + 1])
{
	const struct run_end *x = runs_last(c);

	if (!x)
		return NULL;
	size_t len = strlen(x->output), from;
	while (len > 0 && (unsigned char)x->output[len - 1] <= ' ')
		len--;
	for (from = len; from > 0 && x->output[from - 1] != '\n';)
		from--;
	const char *line = len ? x->output + from : x->reason;
	len = len ? len - from : strlen(line);
	if (len > RUNS_LINE_MAX)
		for (len = RUNS_LINE_MAX; len > 0 && ((unsigned char)line[len] & 0xc0) == 0x80;)
			len--; /* not within a character */
	(void)snprintf(out, RUNS_LINE_MAX + 1, "%.*s", (int)len, line);
	return out;
}

void runs_free(struct container *c)
{
	list_each_safe (struct run_end, x, &c->runs, link)
		end_free(x);
}

/* ---------------------------------------------------------------- as JSON */

json_t *runs_to_json(const struct container *c)
{
	auto_(json) json_t *list = json_array();
	char started[CLOCK_TEXT_MAX], finished[CLOCK_TEXT_MAX];

	list_each (struct run_end, x, &c->runs, link)
		if (json_array_append_new(list,
			    json_pack("{s:I, s:i, s:b, s:s, s:s, s:s, s:s}", "Generation",
				    (json_int_t)x->generation, "ExitCode", x->exit_code, "OOMKilled",
				    x->oom_killed, "StartedAt", clock_format_rfc3339(x->started_ns, started),
				    "FinishedAt", clock_format_rfc3339(x->finished_ns, finished), "Reason",
				    x->reason, "Output", x->output)) < 0)
			return NULL;
	return take_ptr(&list);
}

static int load_one(struct container *c, const json_t *v, struct err *e)
{
	const char *started = "", *finished = "", *reason = "", *output = "";
	int64_t generation = 0, code = 0;
	struct run_end *x = calloc(1, sizeof(*x));
	int r;

	if (!x)
		return err_set(e, ENOMEM, "%s", RUNS_FILE);
	list_init(&x->link);
	if ((r = json_get_int(v, "", "Generation", INT64_MIN, INT64_MAX, &generation, e)) == 0 &&
		(r = json_get_int(v, "", "ExitCode", INT32_MIN, INT32_MAX, &code, e)) == 0 &&
		(r = json_get_bool(v, "", "OOMKilled", &x->oom_killed, e)) == 0 &&
		(r = json_get_string(v, "", "StartedAt", &started, e)) == 0 &&
		(r = json_get_string(v, "", "FinishedAt", &finished, e)) == 0 &&
		(r = json_get_string(v, "", "Reason", &reason, e)) == 0 &&
		(r = json_get_string(v, "", "Output", &output, e)) == 0 &&
		((r = clock_parse_rfc3339(started, &x->started_ns)) < 0 ||
			(r = clock_parse_rfc3339(finished, &x->finished_ns)) < 0))
		r = err_set(e, -r, "time of a run");
	x->generation = (uint64_t)generation;
	x->exit_code = (int)code;
	x->reason = strdup(reason ? reason : "");
	x->output = strdup(output ? output : "");
	if (r == 0 && (!x->reason || !x->output))
		r = err_set(e, ENOMEM, "%s", RUNS_FILE);
	if (r < 0)
		end_free(x);
	else
		keep(c, x);
	return r;
}

void runs_load(struct container *c)
{
	auto_close int dirfd =
		openat(c->engine->run_dirfd, c->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	auto_(buf) struct buf text = { 0 };
	struct err e;
	size_t i;
	json_t *v;

	if (dirfd < 0 || (faccessat(dirfd, RUNS_FILE, F_OK, 0) < 0 && errno == ENOENT))
		return;
	int r = io_read_file(dirfd, RUNS_FILE, FILE_MAX, &text, &e);
	auto_(json) json_t *list =
		r < 0 ? NULL : json_parse(text.data ? text.data : "", text.len, RUNS_FILE, &e);
	json_array_foreach (list, i, v)
		if (load_one(c, v, &e) < 0)
			break;
	if (!list || i < json_array_size(list))
		log_warn("record-damaged",
			"container=%.12s file=%s err=\"%s\" action=\"go on without the rest\"", c->id,
			RUNS_FILE, e.text);
}
