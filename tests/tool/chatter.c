/*
 * chatter - writes text that can be told line by line, says in a file of its own how much that was, and compares a log with it.
 *
 *   chatter say TRUTH NAME MANNER PAUSE-US CODE [LIFE-MS]   in a container: until SIGTERM, or for about as long
 *   chatter check TRUTH NAME MANNER LOG-DIR                 outside: is every byte in the log, once and in its place?
 *
 *   lines    one line in a write                        bursts   hundreds of them in a write
 *   long     lines of up to 150 kB                      endless  words without a newline, ever
 *   both     lines, every third to standard error
 *
 * TRUTH is a file that only this program writes, one run after the other: whoever finds another one at work says so.
 *     start RUN STAMP                    STAMP: boot-time nanoseconds; both stand in each line of the run
 *     end RUN STAMP pieces=N blocked_ns=LONGEST code=CODE
 *     twice RUN
 * The text follows from NAME, RUN, STAMP and MANNER, so the number of pieces says all of it. The code is CODE + RUN - 1.
 *
 * What check prints: "NAME runs=N codes=C,C,... bytes=N blocked_ms=LONGEST"; or what is wrong, and exits with 1.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PIECE_MAX  (256 * 1024)
#define RECORD_MAX (16 * 1024) /* of a text in the log, supervisor/logfile.h */
#define RUNS_MAX   10000
#define NS_PER_S   1000000000LL

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	(void)fputc('\n', stderr);
	exit(1);
}

/* ---------------------------------------------------------------- the text */

enum manner { LINES, BURSTS, LONG, ENDLESS, BOTH, MANNER_COUNT };
static const char *const manner_names[MANNER_COUNT] = { "lines", "bursts", "long", "endless", "both" };
static const int pause_factors[MANNER_COUNT] = { 1, 10, 60, 1, 1 };

struct text {
	const char *name;
	enum manner manner;
	long run;
	int64_t stamp;
	long line; /* the next one */
	char piece[PIECE_MAX];
	size_t len;
	int fd;
};

static enum manner manner_of(const char *word)
{
	for (int i = 0; i < MANNER_COUNT; i++)
		if (strcmp(word, manner_names[i]) == 0)
			return (enum manner)i;
	fail("no such manner: %s", word);
}

static void add_line(struct text *t, size_t width)
{
	int n = snprintf(t->piece + t->len, 256, "%s run %ld of %" PRId64 " line %ld ", t->name, t->run,
		t->stamp, t->line);
	t->len += (size_t)n;
	for (size_t i = 0; i < width; i++) /* no part of a line looks like another part of it */
		t->piece[t->len++] = (char)('!' + (i + i / 93 + (size_t)t->line) % 93);
	t->piece[t->len++] = '\n';
	t->line++;
}

/* The next write: .piece, .len, .fd. */
static void next_piece(struct text *t)
{
	size_t at = (size_t)t->line;

	t->len = 0;
	t->fd = t->manner == BOTH && at % 3 == 0 ? STDERR_FILENO : STDOUT_FILENO;
	switch (t->manner) {
	case BURSTS:
		for (int i = 0; i < 200; i++)
			add_line(t, (at + (size_t)i) % 90);
		break;
	case LONG:
		add_line(t, (at + 1) * 7919 % 150000);
		break;
	case ENDLESS:
		add_line(t, at % 50);
		t->len--;
		break;
	case LINES:
	case BOTH:
	case MANNER_COUNT:
		add_line(t, at % 200);
		break;
	}
}

/* ---------------------------------------------------------------- saying it */

static volatile sig_atomic_t enough;

static void on_term(int sig)
{
	(void)sig;
	enough = 1;
}

static int64_t now_ns(clockid_t clock)
{
	struct timespec t;
	(void)clock_gettime(clock, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

__attribute__((format(printf, 2, 3))) static void note(int fd, const char *format, ...)
{
	char line[256];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (write(fd, line, (size_t)n) != n)
		_exit(253);
}

/* Returns how long it took. */
static int64_t put_piece(const struct text *t)
{
	int64_t begin = now_ns(CLOCK_MONOTONIC);

	for (size_t done = 0; done < t->len;) {
		ssize_t n = write(t->fd, t->piece + done, t->len - done);
		if (n > 0)
			done += (size_t)n;
		else if (errno != EINTR)
			_exit(254);
	}
	return now_ns(CLOCK_MONOTONIC) - begin;
}

static long count_starts(const char *path)
{
	char line[256];
	long n = 0;
	FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f))
		n += strncmp(line, "start ", 6) == 0;
	if (f)
		(void)fclose(f);
	return n;
}

static int say(const char *truth, struct text *t, long pause_us, int code, long life_ms)
{
	struct sigaction sa = { .sa_handler = on_term };
	int fd = open(truth, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	int64_t longest_ns = 0;
	long pieces = 0;

	if (fd < 0)
		return 253;
	(void)sigaction(SIGTERM, &sa, NULL);
	t->run = count_starts(truth) + 1;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		note(fd, "twice %ld\n", t->run);
		return 252;
	}
	t->stamp = now_ns(CLOCK_BOOTTIME);
	note(fd, "start %ld %" PRId64 "\n", t->run, t->stamp);
	/* Not all at once: half of it to one and a half. */
	int64_t end_ns = life_ms
		? now_ns(CLOCK_MONOTONIC) + life_ms * 500000 + t->stamp / 1000 % (life_ms * 1000) * 1000
		: INT64_MAX;
	while (!enough && now_ns(CLOCK_MONOTONIC) < end_ns) {
		next_piece(t);
		int64_t took_ns = put_piece(t);
		if (took_ns > longest_ns)
			longest_ns = took_ns;
		pieces++;
		(void)usleep((useconds_t)(pause_us * pause_factors[t->manner]));
	}
	code = (int)((code + t->run - 1) & 255);
	note(fd, "end %ld %" PRId64 " pieces=%ld blocked_ns=%" PRId64 " code=%d\n", t->run, t->stamp, pieces,
		longest_ns, code);
	return code;
}

/* ---------------------------------------------------------------- checking it */

struct run {
	int64_t stamp, blocked_ns;
	long pieces;
	int code;
};
static struct run runs[RUNS_MAX];
static long runs_count;

static void read_truth(const char *path, const char *name)
{
	char line[256];
	bool open = false;
	FILE *f = fopen(path, "re");

	if (!f)
		fail("%s: %s: %s", name, path, strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		struct run r = { 0 };
		long run;
		if (sscanf(line, "start %ld %" SCNd64, &run, &r.stamp) == 2 && !open &&
			run == runs_count + 1 && run < RUNS_MAX) {
			runs[runs_count++] = r;
			open = true;
		} else if (sscanf(line, "end %ld %" SCNd64 " pieces=%ld blocked_ns=%" SCNd64 " code=%d", &run,
				   &r.stamp, &r.pieces, &r.blocked_ns, &r.code) == 5 &&
			open && run == runs_count && r.stamp == runs[run - 1].stamp) {
			runs[run - 1] = r;
			open = false;
		} else {
			fail("%s: the truth has after run %ld: %s", name, runs_count, line);
		}
	}
	(void)fclose(f);
	if (open)
		fail("%s: run %ld did not come to its end", name, runs_count);
}

/* What one stream has to be, from the first run to the last. */
struct stream {
	int fd;
	long run, pieces; /* pieces of this run that were made */
	struct text text;
	size_t at;	  /* in the piece */
	uint64_t offset;  /* in all of it */
	bool ended_short; /* the last record says that its stream had ended */
};

/* The next piece of this stream, of a run that is begun if need be; *crossed says so. */
static bool fetch(struct stream *s, bool *crossed)
{
	*crossed = false;
	for (;;) {
		while (s->run > 0 && s->pieces < runs[s->run - 1].pieces) {
			next_piece(&s->text);
			s->pieces++;
			s->at = 0;
			if (s->text.fd == s->fd)
				return true;
		}
		if (s->run == runs_count)
			return false;
		s->text.stamp = runs[s->run].stamp;
		s->text.run = ++s->run;
		s->text.line = s->pieces = 0;
		*crossed = true;
	}
}

static void expect(struct stream *s, const char *data, size_t len, const char *where)
{
	while (len > 0) {
		bool crossed;
		if (s->at == s->text.len || s->run == 0) {
			if (!fetch(s, &crossed))
				fail("%s: more than was written: %.60s", where, data);
			if (s->ended_short && !crossed)
				fail("%s: a line of run %ld was broken before: %.60s", where, s->run, data);
		} else if (s->ended_short) {
			fail("%s: a line of run %ld was broken before: %.60s", where, s->run, data);
		}
		s->ended_short = false;
		size_t n = s->text.len - s->at < len ? s->text.len - s->at : len;
		if (memcmp(s->text.piece + s->at, data, n) != 0)
			fail("%s: byte %" PRIu64 " of the stream, run %ld: is \"%.60s\", not \"%.60s\"",
				where, s->offset, s->run, data, s->text.piece + s->at);
		s->at += n;
		s->offset += n;
		data += n;
		len -= n;
	}
}

/* "TIME STREAM TAG TEXT\n" */
static void check_record(struct stream *streams, char *line, size_t len, const char *where)
{
	char time[64], stream[16], tag[16];
	int head = 0;

	if (len < 2 || line[len - 1] != '\n' || memchr(line, '\0', len))
		fail("%s: no whole record: %.60s", where, line);
	if (sscanf(line, "%63s %15s %15s%n", time, stream, tag, &head) != 3 || line[head] != ' ' ||
		!isdigit((unsigned char)time[0]) || time[strlen(time) - 1] != 'Z' ||
		(strcmp(stream, "stdout") != 0 && strcmp(stream, "stderr") != 0) ||
		(strcmp(tag, "F") != 0 && strcmp(tag, "P") != 0))
		fail("%s: not a record: %.60s", where, line);
	struct stream *s = &streams[stream[3] == 'o' ? 0 : 1];
	const char *text = line + head + 1;
	size_t text_len = len - (size_t)head - 1;
	bool piece = tag[0] == 'P';
	if (text_len - 1 > RECORD_MAX)
		fail("%s: a record of %zu bytes", where, text_len - 1);
	expect(s, text, text_len - piece, where); /* the newline of an F was written by the container */
	if (piece && text_len - 1 < RECORD_MAX)
		s->ended_short = true;
}

static uint64_t check_file(struct stream *streams, int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	char where[300], *line = NULL;
	size_t size = 0;
	uint64_t total = 0;

	if (!f)
		fail("%s: %s", name, strerror(errno));
	for (long i = 1;; i++) {
		ssize_t n = getline(&line, &size, f);
		if (n < 0)
			break;
		(void)snprintf(where, sizeof(where), "%s of %s, record %ld", name, streams[0].text.name, i);
		check_record(streams, line, (size_t)n, where);
		total += (uint64_t)n;
	}
	free(line);
	(void)fclose(f);
	return total;
}

static int is_rotated(const struct dirent *d)
{
	return strncmp(d->d_name, "0.log.", 6) == 0;
}

static int check(const char *name, enum manner manner, const char *log_dir)
{
	static struct stream streams[2];
	struct dirent **files;
	uint64_t position = 0;
	int64_t blocked_ns = 0;
	bool crossed;
	int dirfd = open(log_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int n = scandir(log_dir, &files, is_rotated, alphasort);

	if (dirfd < 0 || n < 0)
		fail("%s: %s: %s", name, log_dir, strerror(errno));
	for (int i = 0; i < 2; i++) {
		streams[i].fd = STDOUT_FILENO + i;
		streams[i].text.name = name;
		streams[i].text.manner = manner;
	}
	for (int i = 0; i < n; i++) {
		if (strtoull(files[i]->d_name + 6, NULL, 10) != position)
			fail("%s: file %s begins elsewhere, not at %" PRIu64, name, files[i]->d_name,
				position);
		position += check_file(streams, dirfd, files[i]->d_name);
		free(files[i]);
	}
	free(files);
	(void)check_file(streams, dirfd, "0.log");
	(void)close(dirfd);
	for (int i = 0; i < 2; i++)
		if (streams[i].at < streams[i].text.len || fetch(&streams[i], &crossed))
			fail("%s: stream %d ends after %" PRIu64 " bytes, in run %ld of %ld", name, i + 1,
				streams[i].offset, streams[i].run, runs_count);
	(void)printf("%s runs=%ld codes=", name, runs_count);
	for (long i = 0; i < runs_count; i++) {
		(void)printf("%s%d", i ? "," : "", runs[i].code);
		if (runs[i].blocked_ns > blocked_ns)
			blocked_ns = runs[i].blocked_ns;
	}
	(void)printf(" bytes=%" PRIu64 " blocked_ms=%" PRId64 "\n", streams[0].offset + streams[1].offset,
		blocked_ns / 1000000);
	return 0;
}

int main(int argc, char **argv)
{
	static struct text text;

	if (argc >= 7 && strcmp(argv[1], "say") == 0) {
		text.name = argv[3];
		text.manner = manner_of(argv[4]);
		return say(argv[2], &text, atol(argv[5]), atoi(argv[6]), argc > 7 ? atol(argv[7]) : 0);
	}
	if (argc == 6 && strcmp(argv[1], "check") == 0) {
		read_truth(argv[2], argv[3]);
		return check(argv[3], manner_of(argv[4]), argv[5]);
	}
	(void)fprintf(stderr,
		"usage: chatter say TRUTH NAME MANNER PAUSE-US CODE [LIFE-MS]\n"
		"       chatter check TRUTH NAME MANNER LOG-DIR\n");
	return 2;
}
