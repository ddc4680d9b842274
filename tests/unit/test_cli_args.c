/* Command lines: the option reader, and docker's create flags as a request body. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/complete.h"
#include "cli/create.h"
#include "cli/exec.h"

static char *const no_env[] = { NULL };
static char *const some_env[] = { (char[]){ "FROM=client" }, (char[]){ "EMPTY=" }, NULL };

#define ARGV(...) (char *[]){ __VA_ARGS__, NULL }, (int)(sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *))

static int read_args(struct args *out, struct err *e, char *const *argv, int argc)
{
	return args_parse(run_options(), argc, argv, true, out, e);
}

/* ---------------------------------------------------------------- the reader */

static void reads_as_docker(void **state)
{
	struct args a;
	struct err e;
	(void)state;
	assert_int_equal(read_args(&a, &e,
				 ARGV("-dit", "--name=web", "-e", "A=1", "-eB=2", "-e=C=3", "--rm",
					 "--memory", "64m", "-h", "box", "--cpus=1.5", "--init=false",
					 "dir:/x", "sh", "-c", "--name no")),
		0);
	assert_true(option_bool(&a, "detach") && option_bool(&a, "interactive") && option_bool(&a, "tty"));
	assert_true(option_bool(&a, "rm"));
	assert_true(option_given(&a, "init"));
	assert_false(option_bool(&a, "init"));
	assert_string_equal(option_string(&a, "name"), "web");
	assert_string_equal(option_string(&a, "hostname"), "box");
	assert_int_equal(option_list(&a, "env")->count, 3);
	assert_string_equal(option_list(&a, "env")->values[2], "C=3");
	assert_int_equal(option_number(&a, "memory", 0), 64 << 20);
	assert_int_equal(option_number(&a, "cpus", 0), 1500000000);
	assert_int_equal(option_number(&a, "pids-limit", -7), -7);
	assert_int_equal(a.words_len, 4);
	assert_string_equal(a.words[3], "--name no");
	assert_null(a.words[4]);
	args_done(&a);

	assert_int_equal(read_args(&a, &e, ARGV("--", "-image", "-d")), 0);
	assert_string_equal(a.words[0], "-image");
	assert_false(option_bool(&a, "detach"));
	args_done(&a);

	/* Where options and arguments may be mixed. */
	assert_int_equal(args_parse(stop_options(), 4, (char *[]){ "a", "-t", "3", "b" }, false, &a, &e), 0);
	assert_int_equal(a.words_len, 2);
	assert_int_equal(option_number(&a, "timeout", 0), 3);
	args_done(&a);

	assert_int_equal(read_args(&a, &e, ARGV("--help")), 0);
	assert_true(a.help);
	args_done(&a);
}

static void refuses_as_docker(void **state)
{
	static const struct {
		const char *words[3], *text;
	} cases[] = {
		{ { "--nmae", "x" }, "unknown flag: --nmae (did you mean --name?)" },
		{ { "--qqqqqqqqqqqqqqqqqqqqqqqqqq" }, "unknown flag: --qqqqqqqqqqqqqqqqqqqqqqqqqq" },
		{ { "-name", "x" }, "unknown shorthand flag: 'n' in -name (did you mean --name?)" },
		{ { "-dz" }, "unknown shorthand flag: 'z' in -dz" },
		{ { "--name" }, "flag needs an argument: --name" },
		{ { "-e" }, "flag needs an argument: 'e' in -e" },
		{ { "-m", "lots" },
			"invalid argument \"lots\" for \"-m, --memory\" flag: must be a size such as 512k, 64m or 2g" },
		{ { "--cpus=1.x" },
			"invalid argument \"1.x\" for \"--cpus\" flag: must be a number such as 0.5" },
		{ { "--rm=perhaps" },
			"invalid argument \"perhaps\" for \"--rm\" flag: must be true or false" },
		{ { "--pids-limit=1e3" },
			"invalid argument \"1e3\" for \"--pids-limit\" flag: must be a whole number" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct args a;
		struct err e = { 0 };
		int n = 0;
		while (n < 3 && cases[i].words[n])
			n++;
		assert_int_equal(read_args(&a, &e, (char *const *)cases[i].words, n), -EINVAL);
		assert_string_equal(e.text, cases[i].text);
	}
}

static void globals(void **state)
{
	struct cli cli;
	struct err e;
	(void)state;
	assert_int_equal(cli_parse_globals(2, (char *[]){ "berth", "ps" }, NULL, &cli, &e), 1);
	assert_string_equal(cli.socket, "/run/berth/berth.sock");
	assert_int_equal(cli_parse_globals(2, (char *[]){ "berth", "ps" }, "unix:///e", &cli, &e), 1);
	assert_string_equal(cli.socket, "/e");
	assert_int_equal(
		cli_parse_globals(4, (char *[]){ "berth", "-H", "unix:///a/b", "ps" }, "unix:///e", &cli, &e),
		3);
	assert_string_equal(cli.socket, "/a/b");
	assert_int_equal(
		cli_parse_globals(3, (char *[]){ "berth", "--host=tcp://x", "ps" }, NULL, &cli, &e), -EINVAL);
	assert_string_equal(e.text, "unable to parse host 'tcp://x': only unix:///PATH is supported");
	assert_int_equal(cli_parse_globals(2, (char *[]){ "berth", "-H" }, NULL, &cli, &e), -EINVAL);
}

static void check_option_table(const struct option_def *table)
{
	for (const struct option_def *d = table; d->long_name; d++) {
		assert_non_null(d->help);
		for (const struct option_def *other = d + 1; other->long_name; other++) {
			assert_string_not_equal(d->long_name, other->long_name);
			assert_true(!d->short_name || d->short_name != other->short_name);
		}
	}
}

static void check_verbs(const struct verb *table)
{
	for (const struct verb *v = table; v->name; v++) {
		assert_true(v->usage && v->summary && v->options && (v->run || v->raw));
		assert_true(v->min_args <= v->max_args);
		check_option_table(v->options());
		for (const struct verb *other = v + 1; other->name; other++)
			assert_string_not_equal(v->name, other->name);
	}
}

static void verb_table(void **state)
{
	(void)state;
	check_verbs(cli_verbs());
	for (const struct verb_group *g = cli_groups(); g->name; g++) {
		assert_non_null(g->summary);
		check_option_table(g->options());
		check_verbs(g->verbs());
		for (const struct verb *v = cli_verbs(); v->name; v++)
			assert_string_not_equal(g->name, v->name);
	}
}

/* Without a daemon: what the tables alone know. */
static void completions(void **state)
{
	static const struct {
		const char *words[6], *want;
	} cases[] = {
		{ { "ren" }, "rename\tRename a container\n" },
		{ { "--ho" }, "--host\tThe daemon's socket\n" },
		{ { "-H", "unix:///x", "compose", "unp" }, "unpause\tLet them run again\n" },
		{ { "compose", "-p", "x", "rm", "--st" }, "--stop\tStop the containers first\n" },
		{ { "compose", "--ansi", "al" }, "always\t\n" },
		{ { "run", "-it", "--restart", "unl" }, "unless-stopped\t\n" },
		{ { "run", "--rm", "-v", "" }, ":file\n" },
		{ { "run", "image", "--r" }, ":file\n" }, /* the container's own flags */
		{ { "stop", "--", "--t" }, "" },
		{ { "kill", "-sTERM", "--sig" }, "--signal\tSignal to send (default KILL)\n" },
		{ { "completion", "z" }, "zsh\t\n" },
		{ { "completion", "zsh", "" }, "" },
		{ { "nothing", "" }, ":file\n" },
	};
	struct cli cli = { .socket = "/nowhere" };
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out = { 0 };
		int n = 0;
		while (n < 6 && cases[i].words[n])
			n++;
		assert_int_equal(complete(&cli, n, (char *const *)cases[i].words, &out), 0);
		assert_string_equal(out.data ? out.data : "", cases[i].want);
		buf_done(&out);
	}
}

/* ---------------------------------------------------------------- create */

static json_t *body_of(char *const *argv, int argc)
{
	struct args a;
	struct err e = { 0 };
	struct create c = { 0 };
	if (read_args(&a, &e, argv, argc) < 0 || create_build(&a, some_env, &c, &e) < 0)
		fail_msg("%s", e.text);
	args_done(&a);
	return c.body;
}

/* The member at "HostConfig.Binds" as compact text equals want. */
static void member_is(json_t *body, const char *path, const char *want)
{
	char copy[128];
	json_t *v = body;
	(void)snprintf(copy, sizeof(copy), "%s", path);
	for (char *p = strtok(copy, "."); p; p = strtok(NULL, "."))
		v = json_object_get(v, p);
	char *text = v ? json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS) : strdup("missing");
	if (strcmp(text, want) != 0)
		fail_msg("%s: %s instead of %s", path, text, want);
	free(text);
}

static void bodies(void **state)
{
	(void)state;
	json_t *b = body_of(ARGV("-i", "--rm", "-e", "FROM", "-e", "GONE", "-e", "A=b=c", "-v", "/a:/b:ro",
		"-v", "vol:/v", "-v", "/anon", "--tmpfs", "/t:size=1m", "--tmpfs", "/u", "--device",
		"/dev/null:/dev/n:r", "--ulimit", "nofile=10:20", "--restart=", "--cap-add", "NET_ADMIN",
		"--security-opt", "no-new-privileges", "-m", "1g", "--memory-swap", "-1", "--cpus", "0.5",
		"--sysctl", "a.b=1", "-l", "x=y", "-l", "bare", "--net", "host", "--entrypoint", "/bin/sh",
		"--shm-size", "1m", "--device-read-bps", "/dev/x:1mb", "-p", "127.0.0.1:80:8080",
		"--health-cmd", "true", "--health-interval", "1m30s", "--log-opt", "max-size=1m", "dir:/r",
		"-c", "echo"));
	member_is(b, "Image", "\"dir:/r\"");
	member_is(b, "Cmd", "[\"-c\",\"echo\"]");
	member_is(b, "Entrypoint", "[\"/bin/sh\"]");
	member_is(b, "Env", "[\"FROM=client\",\"GONE\",\"A=b=c\"]");
	member_is(b, "OpenStdin", "true");
	member_is(b, "StdinOnce", "true");
	member_is(b, "AttachStdin", "true");
	member_is(b, "Tty", "false");
	member_is(b, "Labels", "{\"bare\":\"\",\"x\":\"y\"}");
	member_is(b, "Volumes", "{\"/anon\":{}}");
	member_is(b, "ExposedPorts", "{\"8080/tcp\":{}}");
	member_is(b, "Healthcheck", "{\"Interval\":90000000000,\"Test\":[\"CMD-SHELL\",\"true\"]}");
	member_is(b, "HostConfig.AutoRemove", "true");
	member_is(b, "HostConfig.Binds", "[\"/a:/b:ro\",\"vol:/v\"]");
	member_is(b, "HostConfig.Tmpfs", "{\"/t\":\"size=1m\",\"/u\":\"\"}");
	member_is(b, "HostConfig.Devices",
		"[{\"CgroupPermissions\":\"r\",\"PathInContainer\":\"/dev/n\",\"PathOnHost\":\"/dev/null\"}]");
	member_is(b, "HostConfig.Ulimits", "[{\"Hard\":20,\"Name\":\"nofile\",\"Soft\":10}]");
	member_is(b, "HostConfig.RestartPolicy", "{\"MaximumRetryCount\":0,\"Name\":\"no\"}");
	member_is(b, "HostConfig.CapAdd", "[\"NET_ADMIN\"]");
	member_is(b, "HostConfig.SecurityOpt", "[\"no-new-privileges\"]");
	member_is(b, "HostConfig.Memory", "1073741824");
	member_is(b, "HostConfig.MemorySwap", "-1");
	member_is(b, "HostConfig.NanoCpus", "500000000");
	member_is(b, "HostConfig.Sysctls", "{\"a.b\":\"1\"}");
	member_is(b, "HostConfig.NetworkMode", "\"host\"");
	member_is(b, "HostConfig.ShmSize", "1048576");
	member_is(b, "HostConfig.BlkioDeviceReadBps", "[{\"Path\":\"/dev/x\",\"Rate\":1048576}]");
	member_is(b, "HostConfig.PortBindings",
		"{\"8080/tcp\":[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"80\"}]}");
	member_is(b, "HostConfig.LogConfig", "{\"Config\":{\"max-size\":\"1m\"},\"Type\":\"\"}");
	member_is(b, "HostConfig.Memory2", "missing");
	json_decref(b);

	/* What is not given is not sent, so that the daemon's defaults hold. */
	b = body_of(ARGV("-d", "dir:/r"));
	member_is(b, "Cmd", "null");
	member_is(b, "Entrypoint", "missing");
	member_is(b, "AttachStdout", "false");
	member_is(b, "HostConfig.Memory", "missing");
	member_is(b, "HostConfig.Init", "missing");
	member_is(b, "Env", "[]");
	json_decref(b);
}

static void images(void **state)
{
	char cwd[PATH_MAX], want[PATH_MAX + 64];
	(void)state;
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	(void)snprintf(want, sizeof(want), "dir:%s/a/c", strcmp(cwd, "/") == 0 ? "" : cwd);
	char *image = create_image("dir:a/./b/../c");
	assert_string_equal(image, want);
	free(image);
	json_t *config = json_object(), *host = json_pack("{s:[]}", "Binds");
	(void)snprintf(want, sizeof(want), "[\"%s/a:/b:ro\",\"vol:/v\"]", strcmp(cwd, "/") == 0 ? "" : cwd);
	assert_int_equal(create_add_volume(config, host, "./a:/b:ro", NULL), 0);
	assert_int_equal(create_add_volume(config, host, "vol:/v", NULL), 0);
	member_is(host, "Binds", want);
	json_decref(config);
	json_decref(host);
	image = create_image("oci-bundle:/x");
	assert_string_equal(image, "oci-bundle:/x");
	free(image);
	image = create_image("redis:7");
	assert_string_equal(image, "redis:7");
	free(image);
}

static void create_refusals(void **state)
{
	static const struct {
		const char *flag, *value, *text;
	} cases[] = {
		{ "-v", "/a:b", "invalid volume specification: '/a:b': mount path must be absolute" },
		{ "-v", "/a:/", "invalid volume specification: '/a:/': destination can't be '/'" },
		{ "--mount", "type=bind,dst=/x",
			"invalid argument for --mount: source is required for type=bind" },
		{ "--mount", "src=a", "invalid argument for --mount: target is required" },
		{ "--mount", "typ=bind", "invalid argument for --mount: unexpected key 'typ'" },
		{ "--mount", "dst=/x,ro=maybe", "invalid argument for --mount: invalid value for ro: maybe" },
		{ "--device", "/dev/x:/y:q", "invalid device specification: /dev/x:/y:q" },
		{ "--ulimit", "nofile", "invalid ulimit argument: nofile" },
		{ "--ulimit", "nofile=20:10",
			"ulimit soft limit must be less than or equal to hard limit: nofile=20:10" },
		{ "--restart", "often", "invalid restart policy: often" },
		{ "--restart", "always:3",
			"invalid restart policy: maximum retry count cannot be used with 'always'" },
		{ "-p", "99999:1", "invalid hostPort: 99999" },
		{ "-p", "1/icmp", "invalid proto: icmp" },
		{ "-p", "1-2:1-3", "invalid ranges specified for container and host Ports: 1-3 and 1-2" },
		{ "-e", "=x", "invalid environment variable: =x" },
		{ "--platform", "windows/amd64", "--platform windows/amd64: only linux runs here" },
		{ "-a", "stdlog",
			"invalid argument \"stdlog\" for \"-a, --attach\" flag: valid streams are STDIN, STDOUT "
			"and STDERR" },
		{ "--device-read-bps", "/dev/x",
			"invalid device rate: /dev/x (must be <device-path>:<number>[<unit>])" },
		{ "--security-opt", "seccomp=/nonexistent",
			"opening seccomp profile (/nonexistent) failed: open /nonexistent: No such file or directory" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct args a;
		struct err e = { 0 };
		struct create c = { 0 };
		char *argv[] = { (char *)cases[i].flag, (char *)cases[i].value, "dir:/" };
		assert_int_equal(read_args(&a, &e, argv, 3), 0);
		assert_true(create_build(&a, no_env, &c, &e) < 0);
		assert_string_equal(e.text, cases[i].text);
		assert_null(c.body);
		args_done(&a);
	}
}

static void files_of_lines(void **state)
{
	static const char text[] = "\xef\xbb\xbf# comment\n\nA=1\r\n  B=x y \nFROM\nGONE\nEMPTY\n";
	char path[] = "/tmp/test_cli.XXXXXX";
	struct err e;
	(void)state;
	int fd = mkstemp(path);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	json_t *list = json_array();
	assert_int_equal(create_read_lines(path, some_env, list, &e), 0);
	char *got = json_dumps(list, JSON_COMPACT);
	assert_string_equal(got, "[\"A=1\",\"B=x y \",\"FROM=client\",\"EMPTY=\"]");
	free(got);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, "OK=1\nA B=2\n", 11, 0), 11);
	assert_int_equal(create_read_lines(path, some_env, list, &e), -EINVAL);
	assert_non_null(strstr(e.text, "line 2: variable 'A B' contains whitespaces"));
	json_decref(list);
	(void)close(fd);
	(void)unlink(path);
}

static void mounts(void **state)
{
	struct err e;
	(void)state;
	json_t *m = create_parse_mount("type=bind,src=/a,\"dst=/b,c\",readonly,bind-propagation=rslave", &e);
	member_is(m, "Source", "\"/a\"");
	member_is(m, "Target", "\"/b,c\"");
	member_is(m, "ReadOnly", "true");
	member_is(m, "BindOptions", "{\"Propagation\":\"rslave\"}");
	json_decref(m);
	m = create_parse_mount("dst=/x,type=tmpfs,tmpfs-size=2m,tmpfs-mode=1770", &e);
	member_is(m, "TmpfsOptions", "{\"Mode\":1016,\"SizeBytes\":2097152}");
	json_decref(m);
	m = create_parse_mount("target=/v,volume-nocopy,volume-label=a=b,volume-label=c", &e);
	member_is(m, "Type", "\"volume\"");
	member_is(m, "VolumeOptions", "{\"Labels\":{\"a\":\"b\",\"c\":\"\"},\"NoCopy\":true}");
	json_decref(m);

	json_t *exposed = json_object(), *bindings = json_object();
	assert_int_equal(create_add_port(exposed, bindings, "[::1]:8000-8001:80-81/udp", &e), 0);
	assert_int_equal(create_add_port(exposed, bindings, "9000-9010:90", &e), 0);
	assert_int_equal(create_add_port(exposed, bindings, "70", &e), 0);
	member_is(bindings, "81/udp", "[{\"HostIp\":\"::1\",\"HostPort\":\"8001\"}]");
	member_is(bindings, "90/tcp", "[{\"HostIp\":\"\",\"HostPort\":\"9000-9010\"}]");
	member_is(bindings, "70/tcp", "[{\"HostIp\":\"\",\"HostPort\":\"\"}]");
	json_decref(exposed);
	json_decref(bindings);
}

static void exec_bodies(void **state)
{
	struct args a;
	struct err e;
	(void)state;
	assert_int_equal(args_parse(exec_options(), 9,
				 (char *[]){ "-it", "-u", "0:0", "-w", "/x", "-eA=1", "web", "sh", "-l" },
				 true, &a, &e),
		0);
	json_t *b = exec_body(&a, no_env, &e);
	member_is(b, "Cmd", "[\"sh\",\"-l\"]");
	member_is(b, "Env", "[\"A=1\"]");
	member_is(b, "User", "\"0:0\"");
	member_is(b, "WorkingDir", "\"/x\"");
	member_is(b, "Tty", "true");
	member_is(b, "AttachStdin", "true");
	json_decref(b);
	args_done(&a);
	assert_int_equal(args_parse(exec_options(), 3, (char *[]){ "-di", "web", "sh" }, true, &a, &e), 0);
	b = exec_body(&a, no_env, &e);
	member_is(b, "AttachStdin", "false");
	member_is(b, "AttachStdout", "false");
	json_decref(b);
	args_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_as_docker),
		cmocka_unit_test(refuses_as_docker),
		cmocka_unit_test(globals),
		cmocka_unit_test(verb_table),
		cmocka_unit_test(completions),
		cmocka_unit_test(bodies),
		cmocka_unit_test(images),
		cmocka_unit_test(create_refusals),
		cmocka_unit_test(files_of_lines),
		cmocka_unit_test(mounts),
		cmocka_unit_test(exec_bodies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
