/* The pure parts of the client's output: frames, detach keys, templates, tables, prefixes, progress, times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/check.h"
#include "cli/cli.h"
#include "cli/follow.h"
#include "cli/frames.h"
#include "cli/logs.h"
#include "cli/output.h"
#include "cli/project.h"
#include "cli/ps.h"
#include "cli/template.h"
#include "cli/terminal.h"

/* ---------------------------------------------------------------- frames */

static void collect(enum frame_stream stream, const char *data, size_t len, void *cookie)
{
	struct buf *streams = cookie;
	assert_int_equal(buf_add(&streams[stream], data, len), 0);
}

static void frames_in_any_pieces(void **state)
{
	static const char bytes[] =
		"\1\0\0\0\0\0\0\5hello\2\0\0\0\0\0\0\3err\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\2!\n\3\0\0\0\0\0\0\1E";
	(void)state;
	for (size_t piece = 1; piece <= sizeof(bytes); piece++) {
		struct frames f = { 0 };
		struct buf streams[4] = { 0 };
		for (size_t at = 0; at < sizeof(bytes) - 1; at += piece) {
			size_t n = sizeof(bytes) - 1 - at < piece ? sizeof(bytes) - 1 - at : piece;
			assert_int_equal(frames_feed(&f, bytes + at, n, collect, streams), 0);
		}
		assert_string_equal(streams[FRAME_STDOUT].data, "hello!\n");
		assert_string_equal(streams[FRAME_STDERR].data, "err");
		assert_string_equal(streams[FRAME_ERROR].data, "E");
		for (int i = 0; i < 4; i++)
			buf_done(&streams[i]);
	}
	struct frames f = { 0 };
	struct buf streams[4] = { 0 };
	assert_int_equal(frames_feed(&f, "plain text", 10, collect, streams), -EPROTO);
	assert_int_equal(frames_feed(&f, bytes, sizeof(bytes) - 1, collect, streams), -EPROTO);
	assert_null(streams[FRAME_STDOUT].data);
}

/* ---------------------------------------------------------------- detach keys */

static size_t type(struct detach_keys *d, const char *in, char *out, bool *detached)
{
	size_t n = detach_keys_filter(d, in, strlen(in), out, detached);
	out[n] = '\0';
	return n;
}

static void detach(void **state)
{
	struct detach_keys d;
	struct err e;
	char out[64];
	bool detached;
	(void)state;
	assert_int_equal(detach_keys_parse(NULL, &d, &e), 0);
	assert_int_equal(type(&d, "a\x10", out, &detached), 1);
	assert_false(detached);
	assert_int_equal(type(&d, "b\x10\x10", out, &detached), 3);
	assert_string_equal(out,
		"\x10"
		"b\x10");
	assert_int_equal(type(&d, "\x11z", out, &detached), 0);
	assert_true(detached);
	assert_int_equal(detach_keys_parse("ctrl-[,x", &d, &e), 0);
	assert_int_equal(type(&d, "1\033x", out, &detached), 1);
	assert_true(detached);
	assert_int_equal(detach_keys_parse("", &d, &e), 0);
	assert_int_equal(type(&d, "\x10\x11", out, &detached), 2);
	assert_false(detached);
	assert_int_equal(detach_keys_parse("ctrl-P", &d, &e), -EINVAL);
	assert_string_equal(e.text, "invalid detach keys (ctrl-P): unknown key 'ctrl-P'");
}

/* ---------------------------------------------------------------- templates */

static void templates(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "{{.State.Pid}}", "42" },
		{ "pid={{ .State.Pid }}, {{.Name}}!", "pid=42, /web!" },
		{ "{{json .State}}", "{\"Pid\":42,\"Running\":true}" },
		{ "{{json .}}",
			"{\"State\":{\"Pid\":42,\"Running\":true},\"Name\":\"/web\",\"Cmd\":[\"a\",\"b c\"],"
			"\"Nothing\":null,\"Labels\":{\"a\":\"1\"}}" },
		{ "{{.Cmd}} {{.State}} {{.Nothing}}", "[a b c] map[Pid:42 Running:true] <no value>" },
		{ "{{index .State \"Pid\"}} {{index .Cmd 1}}", "42 b c" },
		{ "<{{index .State \"Nope\"}}>", "<>" },
		{ "a\\tb\\n", "a\tb\n" },
		{ "{{.Labels.a}} {{.Labels.b}} {{json .Labels.b}}", "1 <no value> null" },
		{ "{ {.Name}}", "{ {.Name}}" },
	};
	static const struct {
		const char *text, *error;
	} bad[] = {
		{ "{{.State.Pit}}", "template: no field 'Pit' in '.State.Pit'" },
		{ "{{.Name.X}}", "template: no field 'X' in '.Name.X'" },
		{ "{{.Labels.b.X}}", "template: no field 'X' in '.Labels.b.X'" },
		{ "{{.Name", "template: unclosed action: {{.Name" },
		{ "{{index .Cmd 7}}", "template: index out of range: 7" },
	};
	struct err e;
	(void)state;
	json_t *o = json_pack("{s:{s:i,s:b},s:s,s:[s,s],s:n,s:{s:s}}", "State", "Pid", 42, "Running", 1,
		"Name", "/web", "Cmd", "a", "b c", "Nothing", "Labels", "a", "1");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out = { 0 };
		if (template_render(cases[i].text, o, &out, &e) < 0)
			fail_msg("%s", e.text);
		assert_string_equal(out.data, cases[i].want);
		buf_done(&out);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct buf out = { 0 };
		assert_int_equal(template_render(bad[i].text, o, &out, &e), -EINVAL);
		assert_string_equal(e.text, bad[i].error);
		buf_done(&out);
	}
	struct buf out = { 0 };
	assert_int_equal(template_render("{{range .Cmd}}", o, &out, &e), -EINVAL);
	assert_non_null(strstr(e.text, "cannot read '{{range .Cmd}}'"));
	buf_done(&out);
	json_decref(o);
}

/* ---------------------------------------------------------------- ps */

static void status_with_reason(void **state)
{
	static const struct {
		const char *row, *want;
	} table[] = {
		{ "{\"State\":\"exited\",\"Status\":\"Exited (1) 3 seconds ago\",\"Berth\":{\"LastLine\":\"no\\u001b route\"}}",
			"Exited (1) 3 seconds ago: no  route" },
		{ "{\"State\":\"exited\",\"Status\":\"Exited (0) 3 seconds ago\",\"Berth\":{\"LastLine\":\"done\"}}",
			"Exited (0) 3 seconds ago" },
		{ "{\"State\":\"running\",\"Status\":\"Up 3 seconds\",\"Berth\":{\"LastLine\":\"of before\"}}",
			"Up 3 seconds" },
		{ "{\"State\":\"restarting\",\"Status\":\"Restarting (1) 1 second ago\",\"Berth\":{\"LastLine\":\"\","
		  "\"NextTryAt\":\"1970-01-01T00:01:12Z\"}}",
			"Restarting (1) 1 second ago, next try in 12 seconds" },
		{ "{\"State\":\"restarting\",\"Status\":\"Restarting (1) 1 second ago\",\"Berth\":{\"LastLine\":"
		  "\"0123456789012345678901234567890123456789012345678901234567äöü\",\"NextTryAt\":\"1970-01-01T00:00:00Z\"}}",
			"Restarting (1) 1 second ago, next try in Less than a second: "
			"0123456789012345678901234567890123456789012345678901234567ä…" },
		{ "{\"State\":\"created\",\"Status\":\"Created\"}", "Created" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		json_t *c = json_loads(table[i].row, 0, NULL);
		json_t *row = ps_row(c, true, 60 * NS_PER_S);
		assert_string_equal(json_string_value(json_object_get(row, "FullStatus")), table[i].want);
		assert_string_equal(json_string_value(json_object_get(row, "Status")),
			json_string_value(json_object_get(c, "Status"))); /* docker's */
		json_decref(row);
		json_decref(c);
	}
}

static void tables(void **state)
{
	static const char text[] =
		"[{\"Id\":\"0123456789abcdef\",\"Names\":[\"/web\",\"/other/alias\"],\"Image\":\"dir:/r\",\"Command\":"
		"\"sh -c 'echo \\\"a very long line\\\"'\",\"Created\":1000,\"State\":\"running\",\"Status\":\"Up 5 minutes\","
		"\"Labels\":{\"a\":\"b\"},\"Ports\":[{\"IP\":\"0.0.0.0\",\"PrivatePort\":80,\"PublicPort\":8080,\"Type\":\"tcp\"},"
		"{\"PrivatePort\":53,\"Type\":\"udp\"}]}]";
	struct err e = { 0 };
	struct buf out = { 0 };
	(void)state;
	json_t *list = json_loads(text, 0, NULL), *rows = json_array();
	json_array_append_new(rows, ps_row(json_array_get(list, 0), true, (1000 + 7200) * NS_PER_S));
	assert_int_equal(ps_format(rows, NULL, &out, &e), 0);
	assert_string_equal(out.data,
		"CONTAINER ID   IMAGE     COMMAND                   CREATED       STATUS         PORTS                          NAMES\n"
		"0123456789ab   dir:/r    \"sh -c 'echo \\\"a very…\"   2 hours ago   Up 5 minutes   0.0.0.0:8080->80/tcp, 53/udp   "
		"web\n");
	buf_done(&out);
	assert_int_equal(ps_format(rows, "table {{.Names}}\\t{{.State}}", &out, &e), 0);
	assert_string_equal(out.data, "NAMES     STATE\nweb       running\n");
	buf_done(&out);
	assert_int_equal(ps_format(rows, "{{.ID}}={{.Labels}}", &out, &e), 0);
	assert_string_equal(out.data, "0123456789ab=a=b\n");
	buf_done(&out);
	assert_int_equal(ps_format(rows, "{{.Nope}}", &out, &e), -EINVAL);
	buf_done(&out);
	json_decref(rows);
	json_decref(list);

	struct option_value v = { .values = (const char *[]){ "status=exited", "status=dead", "label=a=b" },
		.count = 3 };
	json_t *filters;
	assert_int_equal(ps_filters(&v, &filters, &e), 0);
	char *got = json_dumps(filters, JSON_COMPACT);
	assert_string_equal(got, "{\"status\":[\"exited\",\"dead\"],\"label\":[\"a=b\"]}");
	free(got);
	json_decref(filters);
	v = (struct option_value){ .values = (const char *[]){ "running" }, .count = 1 };
	assert_int_equal(ps_filters(&v, &filters, &e), -EINVAL);
}

/* ---------------------------------------------------------------- projects */

static int count_line(const json_t *line, void *cookie)
{
	const char *id = json_string_value(json_object_get(line, "Id"));
	return buf_printf(cookie, "%s;", id ? id : "-");
}

static void progress(void **state)
{
	static const char text[] =
		"{\"Status\":\"Created\",\"Id\":\"demo-web-1\"}\r\n\n{\"Warning\":\"w\"}\n{\"Status\":\"x\"}\n";
	(void)state;
	for (size_t piece = 1; piece < sizeof(text); piece++) {
		struct json_lines l = { 0 };
		struct buf out = { 0 };
		for (size_t at = 0; at < sizeof(text) - 1; at += piece) {
			size_t n = sizeof(text) - 1 - at < piece ? sizeof(text) - 1 - at : piece;
			assert_int_equal(json_lines_feed(&l, text + at, n, count_line, &out), 0);
		}
		assert_string_equal(out.data, "demo-web-1;-;-;");
		buf_done(&out);
		json_lines_done(&l);
	}
	struct json_lines l = { 0 };
	struct buf out = { 0 };
	assert_int_equal(json_lines_feed(&l, "[1]\n", 4, count_line, &out), -EPROTO);
	json_lines_done(&l);
	assert_string_equal(project_short_name("demo", "demo-web-1"), "web-1");
	assert_string_equal(project_short_name("demo", "other"), "other");
	assert_string_equal(project_short_name(NULL, "x-1"), "x-1");
}

static void project_bodies(void **state)
{
	char dir[] = "/tmp/test_cli.XXXXXX", path[64];
	char *env[] = { (char[]){ "A=b" }, NULL };
	struct args a;
	struct err e;
	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(args_parse(up_options(), 0, (char *[]){ NULL }, false, &a, &e), 0);
	assert_null(project_body(&a, NULL, dir, env, NULL, true, &e));
	assert_int_equal(e.code, ENOENT);
	(void)snprintf(path, sizeof(path), "%s/docker-compose.yml", dir);
	(void)fclose(fopen(path, "w"));
	json_t *b = project_body(&a, NULL, dir, env, NULL, true, &e);
	assert_string_equal(json_string_value(json_array_get(json_object_get(b, "Files"), 0)), path);
	json_decref(b);
	args_done(&a);
	(void)unlink(path);
	(void)rmdir(dir);

	assert_int_equal(args_parse(up_options(), 9,
				 (char *[]){ "-f", "a/../c.yaml", "-f", "-", "-p", "n", "--env-file=/e",
					 "--profile=x", "web" },
				 false, &a, &e),
		0);
	b = project_body(&a, NULL, "/w", env, "services:", true, &e);
	char *got = json_dumps(b, JSON_COMPACT | JSON_SORT_KEYS);
	assert_string_equal(got,
		"{\"Env\":{\"A\":\"b\"},\"EnvFiles\":[\"/e\"],\"Files\":[\"/w/c.yaml\",\"-\"],\"Name\":\"n\",\"Profiles\":"
		"[\"x\"],\"ProjectDirectory\":\"\",\"Services\":[\"web\"],\"Stdin\":\"services:\"}");
	free(got);
	json_decref(b);
	args_done(&a);
}

static void prefixes(void **state)
{
	struct prefixer p = { .name = "web", .width = 5 };
	struct buf out = { 0 };
	(void)state;
	assert_int_equal(prefixer_feed(&p, "one\ntw", 6, &out), 0);
	assert_string_equal(out.data, "web    | one\n");
	assert_int_equal(prefixer_feed(&p, "o\n\nthree", 8, &out), 0);
	assert_string_equal(out.data, "web    | one\nweb    | two\nweb    | \n");
	buf_reset(&out);
	assert_int_equal(prefixer_end(&p, &out), 0);
	assert_string_equal(out.data, "web    | three\n");
	buf_reset(&out);
	struct prefixer painted = { .name = "db", .width = 3, .color = "<" }, bare = { 0 };
	assert_int_equal(prefixer_feed(&painted, "x\n", 2, &out), 0);
	assert_int_equal(prefixer_feed(&bare, "y\n", 2, &out), 0);
	assert_string_equal(out.data, "<db   | \033[0mx\ny\n");
	buf_done(&painted.line);
	buf_done(&bare.line);
	buf_reset(&out);
	/* A line without end is not kept for ever. */
	char *big = malloc(200000);
	memset(big, 'x', 200000);
	assert_int_equal(prefixer_feed(&p, big, 200000, &out), 0);
	assert_true(out.len > 190000 && p.line.len < 70000);
	free(big);
	buf_done(&out);
	buf_done(&p.line);
}

/* ---------------------------------------------------------------- times, check */

static void log_times(void **state)
{
	struct buf out = { 0 };
	struct err e;
	(void)state;
	assert_int_equal(logs_time("10m", 1000 * NS_PER_S, &out, &e), 0);
	assert_string_equal(out.data, "400.000000000");
	buf_reset(&out);
	assert_int_equal(logs_time("1970-01-01T00:01:00.5Z", 0, &out, &e), 0);
	assert_string_equal(out.data, "60.500000000");
	buf_reset(&out);
	assert_int_equal(logs_time("soon", 0, &out, &e), -EINVAL);
	buf_done(&out);
}

static void check_parsing(void **state)
{
	static const char mounts[] =
		"29 22 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n"
		"30 29 0:27 / /sys/fs/cgroup/unified rw shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
		"31 29 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
		"32 29 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\nnonsense\n";
	struct check_cgroups c;
	(void)state;
	check_parse_mounts(mounts, &c);
	assert_true(c.v2 && c.nsdelegate);
	assert_string_equal(c.v2_path, "/sys/fs/cgroup/unified");
	assert_string_equal(c.v1, "cpu,cpuacct,memory");
	check_parse_mounts("1 1 0:1 / / rw - ext4 /dev/x rw,memory\n", &c);
	assert_false(c.v2);
	assert_string_equal(c.v1, "");
	assert_true(check_kernel_at_least("5.10.0-8-amd64", 5, 10));
	assert_true(check_kernel_at_least("6.1.0", 5, 10));
	assert_false(check_kernel_at_least("5.9.16", 5, 10));
	assert_false(check_kernel_at_least("4.19", 5, 10));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_in_any_pieces),
		cmocka_unit_test(detach),
		cmocka_unit_test(templates),
		cmocka_unit_test(status_with_reason),
		cmocka_unit_test(tables),
		cmocka_unit_test(progress),
		cmocka_unit_test(project_bodies),
		cmocka_unit_test(prefixes),
		cmocka_unit_test(log_times),
		cmocka_unit_test(check_parsing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
