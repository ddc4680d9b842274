/* base: errors, arenas, buffers, paths, files, clocks, words, the naming of processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "base/own.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/text.h"

static char dir[] = "/tmp/berth-test-base.XXXXXX";
static int dirfd_ = -1;

static int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	dirfd_ = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dirfd_ < 0;
}

static int remove_dir(void **state)
{
	(void)state;
	(void)close(dirfd_);
	return path_remove_tree(AT_FDCWD, dir, NULL);
}

static void errors_read_from_outside_in(void **state)
{
	(void)state;
	struct err e;
	assert_int_equal(err_set(&e, ENOENT, "open %s", "memory.max"), -ENOENT);
	assert_int_equal(err_wrap(&e, -e.code, "set memory limit"), -ENOENT);
	assert_int_equal(err_wrap(&e, -e.code, "start %s", "web"), -ENOENT);
	assert_string_equal(
		e.text, "start web: set memory limit: open memory.max: No such file or directory");
	assert_int_equal(e.code, ENOENT);
	assert_int_equal(err_say(&e, EINVAL, "no such signal: %s", "FOO"), -EINVAL);
	assert_string_equal(e.text, "no such signal: FOO");
	assert_int_equal(err_set(&e, 0, "a bug of ours"), -EIO);
	assert_int_equal(err_set(NULL, EPERM, "nobody listens"), -EPERM);
	(void)err_set(
		&e, ENOENT, "open %s", "a\x1b]0;x\x07\nb\x7f"); /* a file name that talks to a terminal */
	assert_string_equal(e.text, "open a?]0;x?\nb?: No such file or directory");
}

static void a_long_context_gives_way_to_the_cause(void **state)
{
	(void)state;
	struct err e;
	char context[ERR_TEXT_MAX * 2];
	memset(context, 'c', sizeof(context) - 1);
	context[sizeof(context) - 1] = '\0';
	(void)err_set(&e, ENOSPC, "%s", context);
	assert_true(strlen(e.text) < ERR_TEXT_MAX);
	assert_non_null(strstr(e.text, ": No space left on device"));
	(void)err_wrap(&e, -e.code, "%s", context);
	assert_true(strlen(e.text) < ERR_TEXT_MAX);
	assert_non_null(strstr(e.text, ": No space left on device"));
	(void)err_say(&e, EIO, "again: %s", e.text); /* its own text as an argument */
	assert_int_equal(strncmp(e.text, "again: ", 7), 0);
}

static void arenas_keep_what_they_gave(void **state)
{
	(void)state;
	auto_(arena) struct arena *a = arena_new();
	char *kept[500];
	for (int i = 0; i < 500; i++) {
		kept[i] = arena_printf(a, "string %d %*s", i, i * 20, "");
		assert_int_equal((uintptr_t)kept[i] % _Alignof(max_align_t), 0);
	}
	for (int i = 0; i < 500; i++) {
		char want[32];
		(void)snprintf(want, sizeof(want), "string %d ", i);
		assert_int_equal(strncmp(kept[i], want, strlen(want)), 0);
	}
	assert_false(arena_failed(a));
	assert_null(arena_calloc(a, SIZE_MAX / 2, 4));
	assert_true(arena_failed(a));
}

static void buffers_grow(void **state)
{
	(void)state;
	auto_(buf) struct buf b = { 0 };
	for (int i = 0; i < 1000; i++)
		assert_int_equal(buf_printf(&b, "%d,", i), 0);
	assert_int_equal(strlen(b.data), b.len);
	assert_int_equal(strncmp(b.data, "0,1,2,", 6), 0);
	assert_string_equal(b.data + b.len - 8, "998,999,");
	auto_free char *text = buf_take(&b);
	assert_int_equal(b.len, 0);
	assert_non_null(text);
}

static void lexical_paths(void **state)
{
	(void)state;
	static const struct {
		const char *in, *out;
	} cases[] = { { "/a//b/./c/../d", "/a/b/d" }, { "/../..", "/" }, { "a/../..", ".." },
		{ "../../a/..", "../.." }, { "", "." }, { "/", "/" }, { "a/b/", "a/b" }, { "./..", ".." },
		{ "/..a/...", "/..a/..." } };
	char out[PATH_MAX];
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_true(path_clean(cases[i].in, out, sizeof(out)) > 0);
		assert_string_equal(out, cases[i].out);
	}
	assert_int_equal(path_clean("/abc", out, 4), -ENAMETOOLONG);
	assert_true(path_is_clean_relative("a/b"));
	static const char *const unclean[] = { "", "/a", "a//b", "a/", "..", "a/../b", "./a", "a/." };
	for (size_t i = 0; i < ARRAY_LEN(unclean); i++)
		assert_false(path_is_clean_relative(unclean[i]));
}

static void nothing_leads_out_of_a_root(void **state)
{
	(void)state;
	struct err e;
	assert_int_equal(mkdirat(dirfd_, "root", 0755), 0);
	auto_close int root = openat(dirfd_, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(symlinkat("/../../outside", root, "absolute"), 0);
	assert_int_equal(symlinkat("../../outside", root, "relative"), 0);
	assert_int_equal(symlinkat("/proc/self/root", root, "magic"), 0);
	auto_close int a = path_mkdirs_in_root(root, "absolute/deep", 0755, &e);
	assert_int_equal(a, -ENOENT); /* a symlink to nothing is not replaced */
	assert_int_equal(mkdirat(root, "outside", 0755), 0);
	auto_close int b = path_mkdirs_in_root(root, "absolute/deep", 0755, &e);
	auto_close int c = path_mkfile_in_root(root, "relative/file", 0644, &e);
	assert_true(b >= 0 && c >= 0);
	assert_int_equal(faccessat(root, "outside/deep", F_OK, 0), 0);
	assert_int_equal(faccessat(root, "outside/file", F_OK, 0), 0);
	assert_int_equal(faccessat(dirfd_, "outside", F_OK, 0), -1);
}

static void removal_does_not_follow(void **state)
{
	(void)state;
	struct err e;
	auto_close int kept = openat(dirfd_, "kept", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(kept >= 0);
	assert_int_equal(mkdirat(dirfd_, "tree", 0755), 0);
	assert_int_equal(symlinkat("../kept", dirfd_, "tree/link"), 0);
	assert_int_equal(symlinkat("..", dirfd_, "tree/up"), 0);
	char deep[400] = "tree";
	for (int i = 0; i < 150; i++) {
		strcat(deep, "/d");
		assert_int_equal(mkdirat(dirfd_, deep, 0755), 0);
	}
	assert_int_equal(path_remove_tree(dirfd_, "tree", &e), 0);
	assert_int_equal(faccessat(dirfd_, "tree", F_OK, 0), -1);
	assert_int_equal(faccessat(dirfd_, "kept", F_OK, 0), 0);
	assert_int_equal(path_remove_tree(dirfd_, "tree", &e), 0); /* missing is fine */
}

static void files_are_replaced_whole_and_read_with_a_limit(void **state)
{
	(void)state;
	struct err e;
	auto_(buf) struct buf b = { 0 };
	assert_int_equal(io_replace_file(dirfd_, "file", "first", 5, 0600, false, &e), 0);
	assert_int_equal(io_replace_file(dirfd_, "file", "second", 6, 0600, true, &e), 0);
	assert_int_equal(io_read_file(dirfd_, "file", 100, &b, &e), 0);
	assert_string_equal(b.data, "second");
	assert_int_equal(io_read_file(dirfd_, "file", 3, &b, &e), -EFBIG);

	/* What a death before the rename leaves is told from what others may be called. */
	static const char *const made[] = { ".file.new", ".other.new", "file.new", ".new", ".file.old" };
	for (size_t i = 0; i < ARRAY_LEN(made); i++)
		assert_int_equal(mknodat(dirfd_, made[i], S_IFREG | 0600, 0), 0);
	io_remove_unreplaced(dirfd_);
	for (size_t i = 0; i < ARRAY_LEN(made); i++)
		assert_int_equal(faccessat(dirfd_, made[i], F_OK, 0), i < 2 ? -1 : 0);
	assert_int_equal(faccessat(dirfd_, "file", F_OK, 0), 0);
	assert_int_equal(faccessat(dirfd_, ".file.new", F_OK, 0), -1);
	assert_int_equal(mkfifoat(dirfd_, "fifo", 0600), 0);
	assert_int_equal(io_read_file(dirfd_, "fifo", 100, &b, &e), -EINVAL);
	assert_int_equal(io_read_file(AT_FDCWD, dir, 100, &b, &e), -EISDIR);
	assert_int_equal(io_read_file(dirfd_, "missing", 100, &b, &e), -ENOENT);
}

static void sealed_memory_cannot_change(void **state)
{
	(void)state;
	struct err e;
	auto_close int fd = io_memfd_sealed("test", "content", 7, false, &e);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	char path[40];
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	auto_close int again = open(path, O_RDWR | O_CLOEXEC);
	assert_true(again < 0 || pwrite(again, "x", 1, 0) == -1);
}

static void descriptors_pass_and_none_is_lost(void **state)
{
	(void)state;
	int pair[2], got[IO_PASS_MAX];
	char data[16];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	int sent[3] = { pair[0], pair[1], dirfd_ };
	assert_int_equal(io_send(pair[0], "hello", 5, sent, 3), 0);
	size_t n = IO_PASS_MAX;
	assert_int_equal(io_recv(pair[1], data, sizeof(data), got, &n, 0), 5);
	assert_int_equal(n, 3);
	int lowest = got[0];
	for (size_t i = 0; i < n; i++) {
		assert_true(fcntl(got[i], F_GETFD) & FD_CLOEXEC);
		(void)close(got[i]);
	}
	assert_int_equal(io_send(pair[0], "hello", 5, sent, 3), 0);
	n = 1; /* no room: all that came is closed */
	assert_int_equal(io_recv(pair[1], data, sizeof(data), got, &n, 0), -EMSGSIZE);
	auto_close int next = dup(dirfd_);
	assert_true(next <= lowest);
	assert_int_equal(io_send(pair[0], "too long for it", 15, NULL, 0), 0);
	assert_int_equal(io_recv(pair[1], data, 4, NULL, NULL, 0), -EMSGSIZE);
	(void)close(pair[0]);
	assert_int_equal(io_recv(pair[1], data, sizeof(data), NULL, NULL, 0), 0);
	(void)close(pair[1]);
}

static void durations(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t ns; /* < 0: the error */
	} cases[] = { { "10s", 10 * NS_PER_S }, { "1h5m30s20ms", 3930020 * NS_PER_MS },
		{ "1.5s", 1500 * NS_PER_MS }, { "40us", 40 * NS_PER_US }, { "0s", 0 }, { "", -EINVAL },
		{ "10", -EINVAL }, { "s", -EINVAL }, { "-1s", -EINVAL }, { "1d", -EINVAL },
		{ "1.s", -EINVAL }, { "9999999999999h", -ERANGE }, { "99999999999999999999s", -ERANGE } };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t ns = -1;
		int r = clock_parse_duration(cases[i].text, &ns);
		assert_int_equal(r < 0 ? r : ns, cases[i].ns);
	}
}

static void times_survive_the_way_to_text_and_back(void **state)
{
	(void)state;
	static const int64_t times[] = { 0, 1, NS_PER_S - 1, 1767323045 * NS_PER_S + 6, -NS_PER_S - 5,
		CLOCK_NEVER };
	char text[CLOCK_TEXT_MAX];
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		int64_t back = 99;
		assert_int_equal(clock_parse_rfc3339(clock_format_rfc3339(times[i], text), &back), 0);
		assert_true(back == times[i]);
	}
	int64_t t;
	assert_int_equal(clock_parse_timestamp("12.5", &t), 0);
	assert_int_equal(t, 12500 * NS_PER_MS);
	assert_int_equal(clock_parse_timestamp("2026-01-02T03:04:05+01:00", &t), 0);
	assert_string_equal(clock_format_rfc3339(t, text), "2026-01-02T02:04:05.000000000Z");
	static const char *const bad[] = { "", "x", "1.", "2026-13-01T00:00:00Z", "2026-01-01 00:00:00Z",
		"2026-01-01T00:00:00", "2026-01-01T00:00:00Zz", "99999999999999999999" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_true(clock_parse_timestamp(bad[i], &t) < 0);
}

static void ages_in_dockers_words(void **state)
{
	(void)state;
	static const struct {
		int64_t s;
		const char *words;
	} cases[] = { { 0, "Less than a second" }, { 1, "1 second" }, { 59, "59 seconds" },
		{ 60, "About a minute" }, { 119, "About a minute" }, { 120, "2 minutes" },
		{ 3599, "59 minutes" }, { 3600, "About an hour" }, { 5400, "2 hours" },
		{ 47 * 3600 + 1440, "47 hours" }, { 13 * 86400, "13 days" }, { 20 * 86400, "2 weeks" },
		{ 90 * 86400, "3 months" }, { 800 * 86400, "2 years" } };
	char text[64];
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(
			clock_human_duration(cases[i].s * NS_PER_S, text, sizeof(text)), cases[i].words);
}

static void sizes_signals_names(void **state)
{
	(void)state;
	int64_t n;
	assert_true(text_parse_bytes("64m", &n) == 0 && n == 64 << 20);
	assert_true(text_parse_bytes("1.5GB", &n) == 0 && n == 3LL << 29);
	assert_true(text_parse_bytes("100", &n) == 0 && n == 100);
	assert_true(text_parse_bytes("2 kb", &n) == 0 && n == 2048);
	static const char *const bad_sizes[] = { "", "m", "-1", "1x", "1mm", "1.m", "99999999999t" };
	for (size_t i = 0; i < ARRAY_LEN(bad_sizes); i++)
		assert_true(text_parse_bytes(bad_sizes[i], &n) < 0);

	assert_int_equal(text_parse_signal("TERM"), SIGTERM);
	assert_int_equal(text_parse_signal("sigkill"), SIGKILL);
	assert_int_equal(text_parse_signal("9"), SIGKILL);
	assert_int_equal(text_parse_signal("RTMIN+3"), SIGRTMIN + 3);
	assert_int_equal(text_parse_signal("SIGRTMAX-1"), SIGRTMAX - 1);
	static const char *const bad_signals[] = { "0", "", "FOO", "-1", "65", "RTMIN+99", "RTMIN3",
		"SIGSIGTERM", "9x" };
	for (size_t i = 0; i < ARRAY_LEN(bad_signals); i++)
		assert_int_equal(text_parse_signal(bad_signals[i]), -EINVAL);
	for (int sig = 1; sig <= SIGRTMAX; sig++) {
		char name[32];
		if (text_signal_name(sig, name))
			assert_int_equal(text_parse_signal(name), sig);
	}

	assert_true(text_is_name("web-1.a_b"));
	assert_false(text_is_name("a") || text_is_name("-ab") || text_is_name("a/b") || text_is_name(""));
	assert_true(text_is_safe_id("+x.y"));
	assert_false(text_is_safe_id("..") || text_is_safe_id(".a") || text_is_safe_id("a/b") ||
		text_is_safe_id("a b") || text_is_safe_id(""));
	char first[TEXT_ID_LEN + 1], second[TEXT_ID_LEN + 1];
	assert_int_equal(text_random_id(first) | text_random_id(second), 0);
	assert_int_equal(strspn(first, "0123456789abcdef"), TEXT_ID_LEN);
	assert_string_not_equal(first, second);
	int64_t v;
	assert_int_equal(text_parse_int("+5", 0, 10, &v), -EINVAL);
	assert_int_equal(text_parse_int("11", 0, 10, &v), -ERANGE);
	assert_int_equal(text_parse_int("4294967296", 0, UINT32_MAX, &v), -ERANGE);
}

static void a_process_is_more_than_its_pid(void **state)
{
	(void)state;
	uint64_t start, odd;
	assert_int_equal(proc_start_time(getpid(), &start), 0);
	auto_close int fd = proc_open(getpid(), start);
	assert_true(fd >= 0);
	assert_int_equal(proc_open(getpid(), start + 1), -ESRCH);
	assert_int_equal(
		proc_parse_start_time("1 (a) b) S 1 1 1 0 -1 4 1 1 1 1 1 1 1 1 20 0 1 0 777 1 1", &odd), 0);
	assert_int_equal(odd, 777);
	assert_int_equal(proc_parse_start_time("1 (short) S 1 1", &odd), -EBADMSG);
	assert_int_equal(proc_parse_start_time("", &odd), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_read_from_outside_in),
		cmocka_unit_test(a_long_context_gives_way_to_the_cause),
		cmocka_unit_test(arenas_keep_what_they_gave),
		cmocka_unit_test(buffers_grow),
		cmocka_unit_test(lexical_paths),
		cmocka_unit_test(nothing_leads_out_of_a_root),
		cmocka_unit_test(removal_does_not_follow),
		cmocka_unit_test(files_are_replaced_whole_and_read_with_a_limit),
		cmocka_unit_test(sealed_memory_cannot_change),
		cmocka_unit_test(descriptors_pass_and_none_is_lost),
		cmocka_unit_test(durations),
		cmocka_unit_test(times_survive_the_way_to_text_and_back),
		cmocka_unit_test(ages_in_dockers_words),
		cmocka_unit_test(sizes_signals_names),
		cmocka_unit_test(a_process_is_more_than_its_pid),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
