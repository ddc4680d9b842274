/* Several files as one project: what is laid over what, extends, include. Documents in, the canonical one or the error
 * out; and whatever comes out is loaded again and must be the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/path.h"
#include "cli/yaml.h"
#include "supervisor/compose/compose.h"

#define FILES_MAX 6

/* Files whose names start with "-f " are those that are loaded; all are written. A "/" in a name makes a directory. In
 * want the directory of the test is DIR; without a brace it is the error. */
struct row {
	struct {
		const char *name, *text;
	} files[FILES_MAX];
	const char *want;
};

static char dir[64];

static void setup(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/compose-merge-XXXXXX");
	assert_non_null(mkdtemp(dir));
}

static void teardown(void)
{
	struct err e;
	assert_int_equal(path_remove_tree(AT_FDCWD, dir, &e), 0);
}

static void put(const char *name, const char *text)
{
	char path[256];
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	for (char *slash = path + strlen(dir) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		(void)mkdir(path, 0755); /* may be there */
		*slash = '/';
	}
	FILE *f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static char *with_dir(const char *text)
{
	struct buf out = { 0 };
	for (const char *at; (at = strstr(text, dir)); text = at + strlen(dir)) {
		assert_int_equal(buf_add(&out, text, (size_t)(at - text)), 0);
		assert_int_equal(buf_puts(&out, "DIR"), 0);
	}
	assert_int_equal(buf_puts(&out, text), 0);
	return buf_take(&out);
}

static const char *const env[] = { "HOME=/home/me", "SET=set", "BOTH=client", NULL };

/* The canonical document, as `config` prints it, is a compose file of its own, for the same project. */
static void check_again(const struct compose_project *c, const char *text)
{
	auto_(buf) struct buf yaml = { 0 };
	assert_int_equal(yaml_write(c->document, &yaml), 0);
	static const char *const files[] = { "-", NULL };
	const struct compose_request req = { .files = files,
		.stdin_text = yaml.data,
		.stdin_len = yaml.len,
		.project_directory = dir,
		.env = env,
		.canonical = true };
	auto_(compose) struct compose_project *again = NULL;
	struct err e = { 0 };
	if (compose_load(&req, &again, &e) < 0)
		fail_msg("%s\nagain: %s", yaml.data, e.text);
	auto_free char *text_again = json_dumps(again->document, JSON_COMPACT);
	assert_string_equal(text_again, text);
	assert_string_equal(again->name, c->name);
	assert_int_equal(again->n_services, c->n_services);
	for (size_t i = 0; i < c->n_services; i++)
		assert_string_equal(again->services[i].config_hash, c->services[i].config_hash);
	assert_int_equal(again->n_volumes, c->n_volumes);
	for (size_t i = 0; i < c->n_volumes; i++)
		assert_string_equal(again->volumes[i].name, c->volumes[i].name);
}

static bool check(const struct row *row)
{
	char paths[FILES_MAX][256];
	const char *list[FILES_MAX + 1] = { NULL };
	size_t n = 0;
	setup();
	for (size_t i = 0; i < FILES_MAX && row->files[i].name; i++) {
		const char *name = row->files[i].name;
		bool given = strncmp(name, "-f ", 3) == 0;
		put(name + (given ? 3 : 0), row->files[i].text);
		if (!given)
			continue;
		(void)snprintf(paths[n], sizeof(paths[n]), "%s/%s", dir, name + 3);
		list[n] = paths[n];
		n++;
	}
	const struct compose_request req = { .files = list, .name = "demo", .env = env, .canonical = true };
	auto_(compose) struct compose_project *c = NULL;
	struct err e = { 0 };
	int r = compose_load(&req, &c, &e);
	auto_free char *text = r < 0 ? strdup(e.text) : json_dumps(c->document, JSON_COMPACT);
	auto_free char *got = with_dir(text);
	bool same = strcmp(got, row->want) == 0;
	if (!same)
		print_error("%s %.300s\nwant %.2000s\ngot  %.2000s\n", row->files[0].name, row->files[0].text,
			row->want, got);
	else if (r == 0)
		check_again(c, text);
	teardown();
	return same;
}

static void check_all(const struct row *rows, size_t n)
{
	size_t wrong = 0;
	for (size_t i = 0; i < n; i++)
		wrong += !check(&rows[i]);
	assert_int_equal(wrong, 0);
}

#define A(keys)	   "services: {a: {image: 'dir:/r'" keys "}}\n"
#define OVER(keys) "services: {a: {" keys "}}\n"
#define IS(keys)   "{\"name\":\"demo\",\"services\":{\"a\":{\"image\":\"dir:/r\"" keys "}}}"

/* ---- several files ---- */

static void test_merge(void **state)
{
	(void)state;
	static const struct row rows[] = {
		/* words are replaced, a key without value changes nothing */
		{ { { "-f a", A(", hostname: one, user: me") }, { "-f b", OVER("hostname: two, user: ") } },
			IS(",\"hostname\":\"two\",\"user\":\"me\"") },
		/* commands are replaced whole, in every form */
		{ { { "-f a", A(", command: [a, b], entrypoint: x") },
			  { "-f b", OVER("command: c d, entrypoint: [y]") } },
			IS(",\"command\":\"c d\",\"entrypoint\":[\"y\"]") },
		/* mappings by key, whichever form they are written in */
		{ { { "-f a", A(", environment: [A=1, B=1], labels: {x: 1}, sysctls: [net.a=1]") },
			  { "-f b", OVER("environment: {B: 2, C: }, labels: [y=2], sysctls: {net.a: 2}") } },
			IS(",\"labels\":{\"x\":\"1\",\"y\":\"2\"},\"sysctls\":{\"net.a\":\"2\"},"
			   "\"environment\":{\"A\":\"1\",\"B\":\"2\"}") },
		/* lists are appended; what may be there once is */
		{ { { "-f a", A(", cap_add: [KILL], dns: 1.1.1.1, tmpfs: /a, expose: [80]") },
			  { "-f b",
				  OVER("cap_add: [KILL, CHOWN], dns: [2.2.2.2], tmpfs: [/b, /a], expose: [80, 81]") } },
			IS(",\"cap_add\":[\"KILL\",\"CHOWN\"],\"dns\":[\"1.1.1.1\",\"2.2.2.2\"],"
			   "\"tmpfs\":[\"/a\",\"/b\"],\"expose\":[\"80\",\"81\"]") },
		/* mounts and devices by their place in the container */
		{ { { "-f a", A(", volumes: ['/one:/data', '/two:/two'], devices: [/dev/a, /dev/b]") },
			  { "-f b",
				  OVER("volumes: ['/three:/data:ro', '/four:/four'], devices: ['/dev/c:/dev/a']") } },
			IS(",\"volumes\":[{\"type\":\"bind\",\"source\":\"/three\",\"target\":\"/data\",\"read_only\":true},"
			   "{\"type\":\"bind\",\"source\":\"/two\",\"target\":\"/two\"},"
			   "{\"type\":\"bind\",\"source\":\"/four\",\"target\":\"/four\"}],"
			   "\"devices\":[{\"source\":\"/dev/c\",\"target\":\"/dev/a\"},"
			   "{\"source\":\"/dev/b\",\"target\":\"/dev/b\"}]") },
		/* the last file of variables wins, also one that is there before */
		{ { { "-f a", A(", env_file: [one, two]") }, { "-f b", OVER("env_file: one") },
			  { "one", "X=1\nY=1\n" }, { "two", "X=2\nZ=2\n" } },
			IS(",\"environment\":{\"X\":\"1\",\"Y\":\"1\",\"Z\":\"2\"}") },
		/* numbers and switches in their own form */
		{ { { "-f a",
			  A(", user: 1000, hostname: '5', pids_limit: 7, oom_score_adj: '-5', cpus: 0.5, labels: {x: 5}") } },
			IS(",\"user\":\"1000\",\"hostname\":\"5\",\"pids_limit\":7,\"oom_score_adj\":-5,\"cpus\":\"0.5\","
			   "\"labels\":{\"x\":\"5\"}") },
		{ { { "-f a", A(", mem_limit: 64m, init: yes, mem_swappiness: '5'") },
			  { "-f b", OVER("mem_limit: 1gb, deploy: {resources: {limits: {cpus: 0.5}}}") } },
			IS(",\"mem_limit\":\"1073741824\",\"init\":true,\"mem_swappiness\":5,"
			   "\"deploy\":{\"resources\":{\"limits\":{\"cpus\":\"0.5\"}}}") },
		/* depends_on: a list is a mapping of the weakest kind */
		{ { { "-f a", "services: {a: {image: 'dir:/r', depends_on: [b]}, b: {image: 'dir:/r'}}\n" },
			  { "-f b", OVER("depends_on: {b: {condition: service_completed_successfully}}") } },
			"{\"name\":\"demo\",\"services\":{\"a\":{\"image\":\"dir:/r\",\"depends_on\":{\"b\":"
			"{\"condition\":\"service_completed_successfully\"}}},\"b\":{\"image\":\"dir:/r\"}}}" },
		/* what is not enabled is left out, also where it may be missing */
		{ { { "-f a",
			  "services: {a: {image: 'dir:/r', depends_on: {b: {required: false}, c: {}}},"
			  " b: {image: 'dir:/r', profiles: [p]}, c: {image: 'dir:/r'}}\n" } },
			"{\"name\":\"demo\",\"services\":{\"a\":{\"image\":\"dir:/r\",\"depends_on\":{\"c\":{}}},"
			"\"c\":{\"image\":\"dir:/r\"}}}" },
		/* ulimits: both forms, the later one */
		{ { { "-f a", A(", ulimits: {nofile: 5, nproc: {soft: 1, hard: 2}}") },
			  { "-f b", OVER("ulimits: {nofile: {soft: 1, hard: 3}, nproc: {hard: 4}}") } },
			IS(",\"ulimits\":{\"nofile\":{\"soft\":1,\"hard\":3},"
			   "\"nproc\":{\"soft\":1,\"hard\":4}}") },
		/* another driver has other options */
		{ { { "-f a", A(", logging: {driver: local, options: {max-size: 1m}}") },
			  { "-f b", OVER("logging: {options: {max-file: 3}}") } },
			IS(",\"logging\":{\"driver\":\"local\",\"options\":{\"max-size\":\"1m\",\"max-file\":\"3\"}}") },
		{ { { "-f a", A(", logging: {driver: local, options: {max-size: 1m}}") },
			  { "-f b", OVER("logging: {driver: none}") } },
			IS(",\"logging\":{\"driver\":\"none\"}") },
		/* three files, and what only the last one has */
		{ { { "-f a", A(", labels: {l: 1}") }, { "-f b", OVER("labels: {l: 2, m: 2}") },
			  { "-f c", OVER("labels: {m: 3}") } },
			IS(",\"labels\":{\"l\":\"2\",\"m\":\"3\"}") },
		{ { { "-f a", A("") }, { "-f b", "volumes: {v: {}, w: {name: x-w, labels: [k]}}\n" } },
			"{\"name\":\"demo\",\"services\":{\"a\":{\"image\":\"dir:/r\"}},\"volumes\":{\"v\":{\"name\":"
			"\"demo_v\"},\"w\":{\"name\":\"x-w\",\"labels\":{\"k\":null}}}}" },
		/* paths are relative to the first file's directory, whichever file they are in */
		{ { { "-f a", "services: {a: {image: 'dir:r', volumes: ['./x:/x']}}\n" },
			  { "-f sub/b", OVER("volumes: ['../y:/y', '~/z:/z'], env_file: e") },
			  { "e", "E=1\n" } },
			"{\"name\":\"demo\",\"services\":{\"a\":{\"image\":\"dir:DIR/r\",\"volumes\":["
			"{\"type\":\"bind\",\"source\":\"DIR/x\",\"target\":\"/x\"},"
			"{\"type\":\"bind\",\"source\":\"/tmp/y\",\"target\":\"/y\"},"
			"{\"type\":\"bind\",\"source\":\"/home/me/z\",\"target\":\"/z\"}],\"environment\":{\"E\":\"1\"}}}}" },
		/* variables are replaced per file and stay as they are after that */
		{ { { "-f a", A(", labels: {d: '$$SET ${SET} $${SET}'}, environment: ['P=$$x']") } },
			IS(",\"labels\":{\"d\":\"$$SET set $${SET}\"},\"environment\":{\"P\":\"$$x\"}") },
		/* errors name the file they are in */
		{ { { "-f a", A("") }, { "-f b", OVER("\n  hostnam: x") } },
			"b:2:3: services.a.hostnam: unknown key; did you mean hostname?" },
		{ { { "-f a", A("") }, { "-f b", OVER("\n  hostname: [x]") } },
			"b:2:13: services.a.hostname: must be a single value" },
	};
	check_all(rows, ARRAY_LEN(rows));
}

static void test_reset(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ { { "-f a", A(", hostname: one, dns: [1.1.1.1], labels: {x: 1, y: 1}") },
			  { "-f b",
				  OVER("hostname: !reset null, dns: !reset [], labels: {x: !reset , z: 2}") } },
			IS(",\"labels\":{\"y\":\"1\",\"z\":\"2\"}") },
		/* its value counts for nothing, however wrong it is */
		{ { { "-f a", A(", hostname: one") },
			  { "-f b", OVER("hostname: !reset {no: ['${U:?x}']}") } },
			IS("") },
		/* a whole service, a volume, a dependency, a variable of a list */
		{ { { "-f a",
			    "services: {a: {image: 'dir:/r', depends_on: [b], environment: [A=1, B=1]}, b: {image: x}}\n"
			    "volumes: {v: {}}\n" },
			  { "-f b",
				  "services: {a: {depends_on: {b: !reset }, environment: {A: !reset null}}, b: !reset }\n"
				  "volumes: {v: !reset null}\n" } },
			"{\"name\":\"demo\",\"services\":{\"a\":{\"image\":\"dir:/r\",\"depends_on\":{},"
			"\"environment\":{\"B\":\"1\"}}},\"volumes\":{}}" },
		/* a third file may set it again */
		{ { { "-f a", A(", hostname: one, labels: {x: 1}") },
			  { "-f b", OVER("hostname: !reset null, labels: !reset {}") },
			  { "-f c", OVER("hostname: three, labels: [z=3]") } },
			IS(",\"hostname\":\"three\",\"labels\":{\"z\":\"3\"}") },
		/* nothing there: nothing dropped */
		{ { { "-f a", A("") }, { "-f b", OVER("hostname: !reset null, deploy: {mode: !reset x}") } },
			IS(",\"deploy\":{}") },
		{ { { "-f a", A(", hostname: !reset x") } }, IS("") },
		{ { { "-f a", A("") }, { "-f b", OVER("dns: [!reset 1.1.1.1]") } },
			"b:1:22: services.a.dns[0]: !reset has no place in a list" },
		{ { { "-f a", A("") }, { "-f b", OVER("volumes: [{source: !reset x, target: /x}]") } },
			"b:1:26: services.a.volumes[0]: !reset has no place in a list" },
		/* !override */
		{ { { "-f a", A(", dns: [1.1.1.1], labels: {x: 1}, volumes: ['/a:/a'], depends_on: [a]") },
			  { "-f b",
				  OVER("dns: !override [2.2.2.2], labels: !override [y=2], "
				       "volumes: !override ['/b:/b'], depends_on: !override {}") } },
			IS(",\"dns\":[\"2.2.2.2\"],\"labels\":{\"y\":\"2\"},\"volumes\":[{\"type\":\"bind\","
			   "\"source\":\"/b\",\"target\":\"/b\"}],\"depends_on\":{}") },
		{ { { "-f a", A(", hostname: h, dns: [1.1.1.1]") },
			  { "-f b", "services: {a: !override {image: 'dir:/r', user: me}}\n" } },
			IS(",\"user\":\"me\"") },
		/* merges go on behind it */
		{ { { "-f a", A(", dns: [1.1.1.1]") }, { "-f b", OVER("dns: !override [2.2.2.2]") },
			  { "-f c", OVER("dns: [3.3.3.3]") } },
			IS(",\"dns\":[\"2.2.2.2\",\"3.3.3.3\"]") },
	};
	check_all(rows, ARRAY_LEN(rows));
}

/* ---- extends ---- */

static void test_extends(void **state)
{
	(void)state;
	static const struct row rows[] = {
		/* in the same file, by name and by mapping; chains; order does not matter */
		{ { { "-f f",
			  "services:\n  a: {extends: b, labels: {x: 2}}\n  b: {extends: {service: c}, dns: [2.2.2.2]}\n"
			  "  c: {image: 'dir:/r', dns: 1.1.1.1, labels: {x: 1, y: 1}, command: [c]}\n" } },
			"{\"name\":\"demo\",\"services\":{"
			"\"a\":{\"image\":\"dir:/r\",\"dns\":[\"1.1.1.1\",\"2.2.2.2\"],\"labels\":{\"x\":\"2\",\"y\":\"1\"},"
			"\"command\":[\"c\"]},"
			"\"b\":{\"image\":\"dir:/r\",\"dns\":[\"1.1.1.1\",\"2.2.2.2\"],\"labels\":{\"x\":\"1\",\"y\":\"1\"},"
			"\"command\":[\"c\"]},"
			"\"c\":{\"image\":\"dir:/r\",\"dns\":[\"1.1.1.1\"],\"labels\":{\"x\":\"1\",\"y\":\"1\"},"
			"\"command\":[\"c\"]}}}" },
		/* of another file, whose paths start where it lies; only the service asked for is looked at there */
		{ { { "-f f",
			    "services: {a: {extends: {file: sub/base.yaml, service: web}, command: [x]}}\n" },
			  { "sub/base.yaml",
				  "wrong: 1\nservices:\n  other: {wrong: '${U:?x}'}\n"
				  "  web: {image: 'dir:r', command: [y], env_file: e, volumes: ['./d:/d', '../u:/u']}\n" },
			  { "sub/e", "E=$SET\n" } },
			"{\"name\":\"demo\",\"services\":{\"a\":{\"image\":\"dir:DIR/sub/r\",\"command\":[\"x\"],\"volumes\":["
			"{\"type\":\"bind\",\"source\":\"DIR/sub/d\",\"target\":\"/d\"},"
			"{\"type\":\"bind\",\"source\":\"DIR/u\",\"target\":\"/u\"}],\"environment\":{\"E\":\"set\"}}}}" },
		/* a chain over three directories, both of the same name */
		{ { { "-f f", "services: {a: {extends: {file: x/f, service: a}, env_file: e}}\n" },
			  { "x/f", "services: {a: {extends: {file: ../y/f, service: a}, env_file: e}}\n" },
			  { "y/f", A(", env_file: e, volumes: ['./v:/v']") }, { "e", "E=1\n" },
			  { "x/e", "E=2\nX=2\n" }, { "y/e", "E=3\nX=3\nY=3\n" } },
			IS(",\"volumes\":[{\"type\":\"bind\",\"source\":\"DIR/y/v\",\"target\":\"/v\"}],"
			   "\"environment\":{\"E\":\"1\",\"X\":\"2\",\"Y\":\"3\"}") },
		/* the base's list first; what may be there once is; what replaces does */
		{ { { "-f f",
			  "services: {a: {extends: b, cap_add: [KILL, CHOWN], tmpfs: [/t], volumes: ['/n:/d']}, "
			  "b: {image: 'dir:/r', cap_add: [KILL], tmpfs: [/s], volumes: ['/o:/d']}}\n" } },
			"{\"name\":\"demo\",\"services\":{\"a\":{\"image\":\"dir:/r\",\"cap_add\":[\"KILL\",\"CHOWN\"],"
			"\"tmpfs\":[\"/s\",\"/t\"],\"volumes\":[{\"type\":\"bind\",\"source\":\"/n\",\"target\":\"/d\"}]},"
			"\"b\":{\"image\":\"dir:/r\",\"cap_add\":[\"KILL\"],\"tmpfs\":[\"/s\"],\"volumes\":[{\"type\":"
			"\"bind\",\"source\":\"/o\",\"target\":\"/d\"}]}}}" },
		/* own !reset and !override speak to the base, and to the file below as well */
		{ { { "-f f",
			  "services: {a: {extends: b, hostname: !reset null, dns: !override [2.2.2.2]}, "
			  "b: {image: 'dir:/r', hostname: h, dns: [1.1.1.1], user: me}}\n" } },
			"{\"name\":\"demo\",\"services\":{\"a\":{\"image\":\"dir:/r\",\"dns\":[\"2.2.2.2\"],\"user\":\"me\"},"
			"\"b\":{\"image\":\"dir:/r\",\"hostname\":\"h\",\"dns\":[\"1.1.1.1\"],\"user\":\"me\"}}}" },
		/* the base's !override was for its own base */
		{ { { "-f f", A(", dns: [9.9.9.9]") },
			  { "-f g", "services: {a: {extends: {file: b, service: b}}}\n" },
			  { "b", "services: {b: {extends: c, dns: !override [2.2.2.2]}, c: {dns: [1.1.1.1]}}\n" } },
			IS(",\"dns\":[\"9.9.9.9\",\"2.2.2.2\"]") },
		/* a file laid over may add extends: its base is complete before it is laid over */
		{ { { "-f f", A(", hostname: h") },
			  { "-f g", "services: {a: {extends: {file: b, service: b}}}\n" },
			  { "b", "services: {b: {hostname: base, user: u}}\n" } },
			IS(",\"hostname\":\"base\",\"user\":\"u\"") },
		/* names of other resources are taken as they are, and must be declared here */
		{ { { "-f f", "services: {a: {extends: {file: b, service: b}}}\n" },
			  { "b", "services: {b: {image: 'dir:/r', volumes: ['v:/v']}}\nvolumes: {v: {}}\n" } },
			"b:1:43: services.a.volumes[0]: volume v is not declared under volumes: (a path starts with /, ./ or "
			"~/)" },
		{ { { "-f f", "services: {a: {extends: {file: b, service: b}}}\n" },
			  { "b", "services: {b: {image: 'dir:/r', depends_on: [c]}, c: {}}\n" } },
			"b:1:46: services.a: depends on c, which does not exist" },
		/* wrong */
		{ { { "-f f", "services: {a: {extends: x}}\n" } },
			"f:1:25: services.a.extends: service \"x\" not found in f" },
		{ { { "-f f", "services: {a: {extends: {service: x, file: b}}}\n" },
			  { "b", "services: {}\n" } },
			"f:1:35: services.a.extends: service \"x\" not found in b" },
		{ { { "-f f", "services: {a: {extends: {service: x, file: none}}}\n" } },
			"f:1:44: services.a.extends: open DIR/none: No such file or directory" },
		{ { { "-f f", "services: {a: {extends: {service: x, file: b}}}\n" },
			  { "b", "services: {x: {user: [1]}}\n" } },
			"b:1:22: services.x.user: must be a single value" },
		{ { { "-f f", "services: {a: {extends: {service: x, file: b}}}\n" },
			  { "b", "services: [\n" } },
			"f:1:44: services.a.extends: b:2:1: did not find expected node content (while parsing a flow node, "
			"line 2)" },
		{ { { "-f f", "services: {a: {extends: {service: x, file: b}}}\n" },
			  { "b", "services: {x: 5}\n" } },
			"b:1:15: services.x: must be a mapping" },
		{ { { "-f f", "services: {a: {extends: {file: b}}}\n" } },
			"f:1:25: services.a.extends: service is missing" },
		{ { { "-f f", "services: {a: {extends: [b]}}\n" } },
			"f:1:25: services.a.extends: must be the name of a service or a mapping" },
		{ { { "-f f", "services: {a: {extends: {service: b, fil: b}}}\n" } },
			"f:1:38: services.a.extends.fil: unknown key; did you mean file?" },
		{ { { "-f f", "services: {a: {extends: a}}\n" } },
			"f:1:25: services.a.extends: circular reference: a (f) -> a (f)" },
		{ { { "-f f", "services: {a: {extends: b}, b: {extends: c}, c: {extends: b}}\n" } },
			"f:1:59: services.c.extends: circular reference: b (f) -> c (f) -> b (f)" },
		{ { { "-f f", "services: {a: {extends: {file: g, service: b}}}\n" },
			  { "g", "services: {b: {extends: {file: h, service: c}}}\n" },
			  { "h", "services: {c: {extends: {file: g, service: b}}}\n" } },
			"h:1:25: services.c.extends: circular reference: b (g) -> c (h) -> b (g)" },
		{ { { "-f f", "services: {a: {extends: {file: f, service: a}}}\n" } },
			"f:1:25: services.a.extends: circular reference: a (f) -> a (f)" },
	};
	check_all(rows, ARRAY_LEN(rows));
}

/* A service of many bases, and many services of one large base: an end, and no explosion. */
static void test_extends_limits(void **state)
{
	(void)state;
	auto_(buf) struct buf text = { 0 };
	assert_int_equal(buf_puts(&text, "services:\n"), 0);
	for (int i = 0; i < 200; i++)
		assert_int_equal(buf_printf(&text, "  s%d: {extends: s%d}\n", i, i + 1), 0);
	assert_int_equal(buf_puts(&text, "  s200: {image: 'dir:/r'}\n"), 0);
	assert_true(check(&(struct row){ { { "-f f", text.data } },
		"f:102:19: services.s100.extends: more than 100 services extend each other" }));

	buf_reset(&text);
	assert_int_equal(buf_puts(&text, "services:\n  big:\n    image: dir:/r\n    labels:\n"), 0);
	for (int i = 0; i < 4000; i++)
		assert_int_equal(buf_printf(&text, "      l%d: x\n", i), 0);
	for (int i = 0; i < 900; i++)
		assert_int_equal(buf_printf(&text, "  s%d: {extends: big}\n", i), 0);
	assert_true(check(&(struct row){ { { "-f f", text.data } },
		"f:4078:8: services.s73.extends: the document is too large once its services are extended" }));
}

/* Each of the files is small enough, all together are not. */
static void test_size_limits(void **state)
{
	(void)state;
	auto_(buf) struct buf nodes = { 0 }, bytes = { 0 }, list = { 0 };
	assert_int_equal(buf_puts(&nodes, "services: {}\nx-n:\n"), 0);
	for (int i = 0; i < 4000; i++)
		assert_int_equal(
			buf_puts(&nodes, " - [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]\n"), 0);
	assert_int_equal(buf_puts(&bytes, "services: {}\n"), 0);
	for (int i = 0; i < 30000; i++)
		assert_int_equal(buf_puts(&bytes, "# some thirty letters in a line\n"), 0);
	assert_true(check(&(struct row){
		{ { "-f f",
			  "include: [a, {path: a, project_directory: /x}, {path: a, project_directory: /y}, "
			  "{path: a, project_directory: /z}]\n" },
			{ "a", nodes.data } },
		"f:1:89: include[3]: a: too much in all files together" }));
	assert_int_equal(buf_puts(&list, "include:\n"), 0);
	for (int i = 0; i < 300; i++)
		assert_int_equal(buf_printf(&list, "  - a\n"), 0);
	assert_true(check(&(struct row){ { { "-f f", list.data }, { "a", bytes.data } },
		"f:10:5: include[8]: a: more than 8 MiB in all files together" }));
	assert_true(check(&(struct row){ { { "-f f", list.data }, { "a", "services: {}\n" } },
		"f:258:5: include[256]: more than 256 files by extends and include" }));
}

/* ---- include ---- */

#define DB "services: {db: {image: 'dir:r', volumes: ['./d:/d', 'v:/v']}}\nvolumes: {v: {}}\n"
#define DB_IS(at)                                                                                            \
	"\"db\":{\"image\":\"dir:DIR/" at "/r\",\"volumes\":[{\"type\":\"bind\",\"source\":\"DIR/" at        \
	"/d\",\"target\":\"/d\"},{\"type\":\"volume\",\"source\":\"v\",\"target\":\"/v\"}]}"
#define V_IS ",\"volumes\":{\"v\":{\"name\":\"demo_v\"}}}"

static void test_include(void **state)
{
	(void)state;
	static const struct row rows[] = {
		/* its own directory, its own .env, below ours */
		{ { { "-f f", "include: [sub/db.yaml]\n" A(", depends_on: [db]") }, { "sub/db.yaml", DB } },
			"{\"name\":\"demo\",\"services\":{\"a\":{\"image\":\"dir:/r\",\"depends_on\":{\"db\":{}}}," DB_IS(
				"sub") "}" V_IS },
		{ { { "-f f", "include: [{path: sub/g}]\nservices: {}\n" }, { ".env", "BOTH=x\nOURS=ours\n" },
			  { "sub/g",
				  A(", labels: {l: '$BOTH $OURS $THEIRS'}, environment: [BOTH, THEIRS], env_file: e") },
			  { "sub/.env", "BOTH=no\nOURS=no\nTHEIRS=theirs $OURS\n" },
			  { "sub/e", "E=$THEIRS\n" } },
			IS(",\"labels\":{\"l\":\"client ours theirs ours\"},"
			   "\"environment\":{\"E\":\"theirs ours\",\"BOTH\":\"client\",\"THEIRS\":\"theirs ours\"}") },
		/* the long form: several files, a directory, files of variables */
		{ { { "-f f",
			    "include:\n  - path: [sub/db.yaml, more.yaml]\n    project_directory: there\n"
			    "    env_file: [one.env, two.env]\n" },
			  { "sub/db.yaml", DB },
			  { "more.yaml", "services: {db: {labels: ['x=$X', 'y=$Y']}}\n" },
			  { "one.env", "X=1\nY=1\n" }, { "two.env", "Y=2\n" }, { "there/.env", "X=no\n" } },
			"{\"name\":\"demo\",\"services\":{\"db\":{\"image\":\"dir:DIR/there/r\",\"volumes\":[{\"type\":\"bind\","
			"\"source\":\"DIR/there/d\",\"target\":\"/d\"},{\"type\":\"volume\",\"source\":\"v\",\"target\":\"/v\"}],"
			"\"labels\":{\"x\":\"1\",\"y\":\"2\"}}}" V_IS },
		{ { { "-f f", "include: {}\n" A("") } }, "f:1:10: include: must be a list" },
		{ { { "-f f", "include: [{path: g, env_file: /dev/null}]\n" },
			  { "g", A(", user: '${X:-u}'") }, { ".env", "Y=1\n" } },
			IS(",\"user\":\"u\"") },
		/* include in what is included; extends in there; the second file changes what the first includes */
		{ { { "-f f", "include: [x/g]\n" }, { "-f o", OVER("user: over") },
			  { "x/g", "include: [y/h]\n" },
			  { "x/y/h", "services: {a: {extends: {file: ../b, service: b}}}\n" },
			  { "x/b", "services: {b: {image: 'dir:/r', user: base, working_dir: /w}}\n" } },
			IS(",\"user\":\"over\",\"working_dir\":\"/w\"") },
		/* the same by two ways is once */
		{ { { "-f f", "include: [x, y]\n" }, { "x", "include: [sub/db.yaml]\n" },
			  { "y", "include: [sub/db.yaml]\n" }, { "sub/db.yaml", DB } },
			"{\"name\":\"demo\",\"services\":{" DB_IS("sub") "}" V_IS },
		/* an !override in there has had its say in there */
		{ { { "-f f", A(", dns: [1.1.1.1]") }, { "-f o", "include: [g]\n" },
			  { "g", OVER("dns: !override [2.2.2.2]") } },
			IS(",\"dns\":[\"1.1.1.1\",\"2.2.2.2\"]") },
		/* a name that is taken */
		{ { { "-f f", "services: {a: {}}\ninclude: [g]\n" }, { "g", A(", user: u") } },
			"f:2:11: include[0]: services.a (g:1) conflicts with f:1; a file laid over this one may change it" },
		{ { { "-f f", "include: [x/g, y/g]\n" }, { "x/g", "services: {a: {image: 'dir:r'}}\n" },
			  { "y/g", "services: {a: {image: 'dir:r'}}\n" } },
			"f:1:16: include[1]: services.a (y/g:1) conflicts with x/g:1; a file laid over this one may change it" },
		/* errors in there are named as there */
		{ { { "-f f", "include: [sub/g]\n" A("") }, { "sub/g", "services:\n  b: {imag: x}\n" } },
			"sub/g:2:7: services.b.imag: unknown key; did you mean image?" },
		{ { { "-f f", "include: [sub/g]\n" A("") }, { "sub/g", "services: [\n" } },
			"f:1:11: include[0]: sub/g:2:1: did not find expected node content (while parsing a flow node, line "
			"2)" },
		{ { { "-f f", "include: [none]\n" A("") } },
			"f:1:11: include[0]: open DIR/none: No such file or directory" },
		{ { { "-f f", "include: [{path: g, env_file: none}]\n" A("") }, { "g", "services: {}\n" } },
			"f:1:31: include[0]: open DIR/none: No such file or directory" },
		{ { { "-f f", "include: [sub/g]\n" A("") }, { "sub/g", "services: {}\n" },
			  { "sub/.env", "A='\n" } },
			"f:1:11: include[0]: sub/.env:1: a ' without its closing '" },
		{ { { "-f f", "include: [{env_file: x}]\n" A("") } }, "f:1:11: include[0]: path is missing" },
		{ { { "-f f", "include: [{path: []}]\n" A("") } }, "f:1:18: include[0]: path is empty" },
		{ { { "-f f", "include: [{path: g, dir: x}]\n" A("") } },
			"f:1:21: include[0].dir: unknown key" },
		{ { { "-f f", "include: ['https://x/y.git']\n" A("") } },
			"f:1:11: include[0]: \"https://x/y.git\": only files of this machine can be included" },
		/* circles */
		{ { { "-f f", "include: [f]\n" A("") } },
			"f:1:11: include[0]: include cycle detected: f -> f" },
		{ { { "-f f", "include: [sub/g]\n" A("") }, { "sub/g", "include: [h]\n" },
			  { "sub/h", "include: ['../sub/g']\n" } },
			"sub/h:1:11: include[0]: include cycle detected: sub/g -> sub/h -> sub/g" },
	};
	check_all(rows, ARRAY_LEN(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_extends),
		cmocka_unit_test(test_extends_limits),
		cmocka_unit_test(test_size_limits),
		cmocka_unit_test(test_include),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
