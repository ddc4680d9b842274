/* From files in a directory to a project: which files, names, variables, merging, profiles, order, and JSON and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/path.h"
#include "supervisor/compose/compose.h"

struct place {
	char dir[64];
	int dirfd;
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	assert_non_null(p);
	(void)snprintf(p->dir, sizeof(p->dir), "/tmp/compose-test-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	p->dirfd = open(p->dir, O_DIRECTORY | O_CLOEXEC);
	assert_true(p->dirfd >= 0);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	struct err e;
	(void)close(p->dirfd);
	assert_int_equal(path_remove_tree(AT_FDCWD, p->dir, &e), 0);
	free(p);
	return 0;
}

static void put(const struct place *p, const char *name, const char *text)
{
	struct err e;
	assert_int_equal(io_replace_file(p->dirfd, name, text, strlen(text), 0644, false, &e), 0);
}

/* Load the named files of the place (separated by blanks); the request's other members are the caller's. */
static int load(const struct place *p, const char *files, struct compose_request req,
	struct compose_project **out, struct err *e)
{
	static char paths[8][128];
	const char *list[9] = { NULL };
	size_t n = 0;
	while (*files && n < 8) {
		size_t len = strcspn(files, " ");
		(void)snprintf(paths[n], sizeof(paths[n]), "%s/%.*s", p->dir, (int)len, files);
		list[n] = paths[n];
		n++;
		files += len + (files[len] == ' ');
	}
	if (n)
		req.files = list;
	*out = NULL;
	return compose_load(&req, out, e);
}

static char *dump(const json_t *v)
{
	return v ? json_dumps(v, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) : strdup("-");
}

static void assert_host(const struct compose_service *s, const char *member, const char *want)
{
	auto_free char *got = dump(json_object_get(json_object_get(s->body, "HostConfig"), member));
	assert_string_equal(got, want);
}

static void assert_body(const struct compose_service *s, const char *member, const char *want)
{
	auto_free char *got = dump(json_object_get(s->body, member));
	assert_string_equal(got, want);
}

static const struct compose_request named = { .name = "demo" };

static void test_merge(void **state)
{
	struct place *p = *state;
	struct err e;
	auto_(compose) struct compose_project *c = NULL;
	put(p, "a.yaml",
		"services:\n  web:\n    image: dir:r\n    command: [a, b]\n    environment: [A=1, B=1]\n    cap_add: [KILL]\n"
		"    volumes: ['./one:/data', './two:/two']\n    tmpfs: /run\n    dns: 1.1.1.1\n    labels: {x: 1}\n"
		"    deploy: {resources: {limits: {memory: 64m, cpus: 1}}}\n    devices: [/dev/a]\n    depends_on: [db]\n"
		"    extra_hosts: ['h=1.1.1.1']\n    sysctls: {net.a: 1}\n    mem_swappiness: 1\n    hostname: one\n"
		"  db:\n    image: dir:r\n");
	put(p, "b.yaml",
		"services:\n  web:\n    command: c d\n    environment: {B: 2, C: 3}\n    cap_add: [KILL, CHOWN]\n"
		"    volumes: [{type: bind, source: ./three, target: /data, read_only: true}, './four:/four']\n"
		"    tmpfs: [/tmp]\n    dns: [2.2.2.2]\n    labels: [y=2]\n"
		"    deploy: {resources: {limits: {memory: 65m}}}\n    devices: ['/dev/b:/dev/a']\n"
		"    depends_on: {db: {condition: service_completed_successfully}}\n"
		"    extra_hosts: {h: 2.2.2.2}\n    sysctls: !override [net.b=2]\n    mem_swappiness: !reset null\n"
		"    hostname:\n  more:\n    image: dir:m\n");
	assert_int_equal(load(p, "a.yaml b.yaml", named, &c, &e), 0);
	assert_int_equal(c->n_services, 3);
	const struct compose_service *web = &c->services[1];
	assert_string_equal(web->name, "web");
	assert_body(web, "Cmd", "[\"c\",\"d\"]");
	assert_body(web, "Env", "[\"A=1\",\"B=2\",\"C=3\"]");
	assert_body(web, "Hostname", "\"one\""); /* a key without value sets nothing */
	assert_host(web, "CapAdd", "[\"KILL\",\"CHOWN\"]");
	assert_host(web, "Tmpfs", "{\"/run\":\"\",\"/tmp\":\"\"}");
	assert_host(web, "Dns", "[\"1.1.1.1\",\"2.2.2.2\"]");
	assert_host(web, "ExtraHosts", "[\"h:1.1.1.1\",\"h:2.2.2.2\"]");
	assert_host(web, "Memory", "68157440");
	assert_host(web, "NanoCpus", "1000000000");
	assert_host(web, "Sysctls", "{\"net.b\":\"2\"}");
	assert_host(web, "MemorySwappiness", "-");
	assert_host(web, "Devices",
		"[{\"CgroupPermissions\":\"rwm\",\"PathInContainer\":\"/dev/a\",\"PathOnHost\":\"/dev/b\"}]");
	json_t *mounts = json_object_get(json_object_get(web->body, "HostConfig"), "Mounts");
	static const char *const targets[] = { "/data", "/two", "/four" };
	assert_int_equal(json_array_size(mounts), 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(
			json_string_value(json_object_get(json_array_get(mounts, i), "Target")), targets[i]);
	assert_true(json_is_true(json_object_get(json_array_get(mounts, 0), "ReadOnly")));
	assert_int_equal(web->n_depends_on, 1);
	assert_int_equal(web->depends_on[0].condition, COMPOSE_COMPLETED);
	json_t *labels = json_object_get(web->body, "Labels");
	assert_string_equal(json_string_value(json_object_get(labels, "x")), "1");
	assert_string_equal(json_string_value(json_object_get(labels, "y")), "2");

	/* Each file's errors carry its own name. */
	auto_(compose) struct compose_project *list = NULL;
	put(p, "l.yaml", "services: {web: {command: [z]}}\n");
	assert_int_equal(load(p, "a.yaml l.yaml", named, &list, &e), 0);
	assert_body(&list->services[1], "Cmd", "[\"z\"]"); /* a list replaces a list too */
	put(p, "c.yaml", "services: {web: {tty: [1]}}\n");
	struct compose_project *none;
	assert_int_equal(load(p, "a.yaml c.yaml", named, &none, &e), -EINVAL);
	assert_string_equal(e.text, "c.yaml:1:23: services.web.tty: must be a single value");
}

static void test_anchors(void **state)
{
	struct place *p = *state;
	struct err e;
	auto_(compose) struct compose_project *c = NULL;
	put(p, "f.yaml",
		"x-base: &base\n  image: dir:r\n  environment: &env {A: 1, V: '${V:-$$v}'}\n  mem_limit: 64m\n"
		"services:\n  a: *base\n  b:\n    <<: *base\n    environment:\n      <<: *env\n      A: 2\n");
	assert_int_equal(load(p, "f.yaml", named, &c, &e), 0);
	assert_body(&c->services[0], "Env", "[\"A=1\",\"V=$v\"]");
	assert_body(&c->services[1], "Env", "[\"A=2\",\"V=$v\"]");
	assert_host(&c->services[1], "Memory", "67108864");
}

static void test_variables(void **state)
{
	struct place *p = *state;
	struct err e;
	auto_(compose) struct compose_project *c = NULL;
	static const char *const env[] = { "A=client", "E=", NULL };
	struct compose_request req = { .name = "demo", .env = env };

	put(p, "f.yaml",
		"services:\n  a:\n    image: dir:r\n    command: ['$A', '$B', '$C', '${E:-e}', $COMPOSE_PROJECT_NAME]\n"
		"    env_file: [one.env, {path: raw.env, format: raw}, {path: none.env, required: false}]\n"
		"    environment: {Y: over, B: }\n");
	put(p, ".env", "A=dotenv\nB=from-$A\nC='$A'\nBARE\n");
	put(p, "one.env", "X=$B\nX2=$X!\nY=1\nZ=\nA\nGONE\n");
	put(p, "raw.env", "R='$A' # not\n");
	assert_int_equal(load(p, "f.yaml", req, &c, &e), 0);
	assert_body(&c->services[0], "Cmd", "[\"client\",\"from-client\",\"$A\",\"e\",\"demo\"]");
	assert_body(&c->services[0], "Env",
		"[\"X=from-client\",\"X2=from-client!\",\"Y=over\",\"Z=\",\"A=client\",\"R='$A' # not\","
		"\"B=from-client\"]");

	/* --env-file takes the place of .env */
	char path[128];
	const char *const files[] = { path, NULL };
	(void)snprintf(path, sizeof(path), "%s/other.env", p->dir);
	put(p, "other.env", "B=other\n");
	req.env_files = files;
	auto_(compose) struct compose_project *d = NULL;
	assert_int_equal(load(p, "f.yaml", req, &d, &e), 0);
	assert_body(&d->services[0], "Cmd", "[\"client\",\"other\",\"\",\"e\",\"demo\"]");

	static const struct {
		const char *file, *text, *want;
	} bad[] = {
		{ ".env", "=x\n", ".env:1: a line must be VARIABLE=value" },
		{ "one.env", "X='\n",
			"f.yaml:5:16: services.a.env_file: one.env:1: a ' without its closing '" },
		{ "f.yaml", "services:\n  a:\n    image: dir:r\n    user: ${U:?who}\n",
			"f.yaml:4:11: services.a.user: required variable U is missing a value: who" },
		{ "f.yaml", "services:\n  a:\n    image: dir:r\n    command: [a, '${A']\n",
			"f.yaml:4:18: services.a.command[1]: \"${\" without its \"}\"; write $$ for a dollar sign" },
		{ "f.yaml", "services:\n  a:\n    image: dir:r\n    env_file: gone.env\n",
			"f.yaml:4:15: services.a.env_file: open " },
	};
	req.env_files = NULL;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct compose_project *none;
		put(p, bad[i].file, bad[i].text);
		assert_int_equal(load(p, "f.yaml", req, &none, &e), -EINVAL);
		if (strncmp(e.text, bad[i].want, strlen(bad[i].want)) != 0)
			fail_msg("want %s, got %s", bad[i].want, e.text);
		put(p, ".env", "");
	}
}

static void test_files(void **state)
{
	struct place *p = *state;
	struct err e;
	struct compose_project *c;
	char sub[128];
	(void)snprintf(sub, sizeof(sub), "%s/sub", p->dir);
	assert_int_equal(mkdir(sub, 0755), 0);

	struct compose_request req = { .name = "demo", .project_directory = sub };
	assert_int_equal(load(p, "", req, &c, &e), -ENOENT);
	assert_non_null(strstr(e.text, "no compose.yaml in "));
	put(p, "docker-compose.yml", "services: {old: {image: dir:r}}\n");
	put(p, "compose.yml", "services: {a: {image: dir:r}}\n");
	put(p, "compose.override.yml", "services: {a: {hostname: over}}\n");
	assert_int_equal(load(p, "", req, &c, &e), 0); /* found above, with its override */
	assert_string_equal(c->working_dir, p->dir);
	assert_string_equal(c->services[0].name, "a");
	assert_body(&c->services[0], "Hostname", "\"over\"");
	assert_non_null(strstr(c->config_files[1], "compose.override.yml"));
	char image[128];
	(void)snprintf(image, sizeof(image), "\"dir:%s/r\"", p->dir);
	assert_body(&c->services[0], "Image", image);
	compose_free(c);

	assert_int_equal(load(p, "gone.yaml", named, &c, &e), -ENOENT);
	assert_int_equal(load(p, "sub", named, &c, &e), -EISDIR);
	assert_int_equal(mkfifoat(p->dirfd, "fifo", 0600), 0);
	assert_int_equal(load(p, "fifo", named, &c, &e), -EINVAL); /* does not wait for a writer */
	auto_(buf) struct buf big = { 0 };
	for (int i = 0; i < 40000; i++)
		assert_int_equal(buf_puts(&big, "# a comment that is long enough\n"), 0);
	put(p, "big.yaml", big.data);
	assert_int_equal(load(p, "big.yaml", named, &c, &e), -EFBIG);

	static const struct {
		const char *text, *want;
	} bad[] = {
		{ "", "f.yaml: the file is empty" },
		{ "[a]\n", "f.yaml:1:1: must be a mapping with services:" },
		{ "services: {}\n", "f.yaml: no services" },
		{ "name: x\n", "f.yaml: no services" },
		{ "services: [a]\n", "f.yaml:1:11: services: must be a mapping of names" },
		{ "services: {a: 1}\n", "f.yaml:1:15: services.a: must be a mapping" },
		{ "services: {'a b': {image: dir:r}}\n",
			"f.yaml:1:12: services: \"a b\" is no name for a service: [a-zA-Z0-9][a-zA-Z0-9._-]*, 63 at most" },
		{ "service: {}\n", "f.yaml:1:1: service: unknown key; did you mean services?" },
		{ "networks: {}\n", "f.yaml:1:1: networks: networks are not built yet" },
		{ "models: {}\n", "f.yaml:1:1: models: models are not built yet" },
		{ "services: {a: {image: web}}\nx-berth-images: {web: redis:7}\n",
			"f.yaml:2:23: x-berth-images.web: \"redis:7\" is not dir:PATH or oci-bundle:PATH" },
		{ "services: {a: {image: web}}\nx-berth-images: {Web: dir:web}\n",
			"f.yaml:2:23: x-berth-images.Web: invalid reference format: repository name (Web) must be "
			"lowercase" },
		{ "services: {a: {image: web}}\nx-berth-images: {'dir:web': dir:web}\n",
			"f.yaml:2:29: x-berth-images.dir:web: \"dir:web\" would be read as a path" },
		{ "services: {a: {image: web}}\nx-berth-images: {web: }\n",
			"f.yaml:2:23: x-berth-images.web: what it names is missing: dir:PATH or oci-bundle:PATH" },
		{ "services: {a: {image: dir:r}}\nvolumes: {v: {driver: nfs}}\n",
			"f.yaml:2:23: volumes.v: \"nfs\": volume drivers other than local are not built yet" },
		{ "services: {a: {image: dir:r}}\nvolumes: {v: {name: ../x}}\n",
			"f.yaml:2:14: volumes.v: \"../x\" is no name for a volume: [a-zA-Z0-9][a-zA-Z0-9_.-]+" },
		{ "services: {a: {image: dir:r, container_name: demo-b-1}, b: {image: dir:r}}\n",
			"f.yaml:1:46: services.a.container_name: service b has this container name already" },
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		put(p, "f.yaml", bad[i].text);
		assert_int_equal(load(p, "f.yaml", named, &c, &e), -EINVAL);
		assert_string_equal(e.text, bad[i].want);
	}
}

static void test_image_names(void **state)
{
	struct place *p = *state;
	struct err e;
	auto_(compose) struct compose_project *c = NULL, *again = NULL;
	put(p, "a.yaml",
		"x-berth-images: {web: 'dir:./web', 'docker.io/library/db:1': oci-bundle:/srv/db}\n"
		"services: {a: {image: 'web:latest'}}\n");
	put(p, "b.yaml", "x-berth-images: {web: 'dir:/srv/${X:-other}'}\nservices: {a: {image: db:1}}\n");
	assert_int_equal(load(p, "a.yaml", named, &c, &e), 0);
	assert_body(&c->services[0], "Image", "\"web:latest\"");
	assert_int_equal(c->n_images, 2);
	assert_string_equal(c->images[0].name, "web:latest");
	char want[128];
	(void)snprintf(want, sizeof(want), "dir:%s/web", p->dir);
	assert_string_equal(c->images[0].source, want);
	assert_string_equal(c->images[1].name, "db:1");
	assert_string_equal(c->images[1].source, "oci-bundle:/srv/db");
	compose_free(c);
	assert_int_equal(load(p, "a.yaml b.yaml", named, &c, &e), 0);
	assert_int_equal(c->n_images, 2);
	assert_string_equal(c->images[0].source, "dir:/srv/other");
	assert_body(&c->services[0], "Image", "\"db:1\"");
	auto_(json) json_t *model = compose_to_json(c);
	assert_int_equal(compose_from_json(model, &again, &e), 0);
	assert_int_equal(again->n_images, 2);
	assert_string_equal(again->images[0].name, "web:latest");
	assert_string_equal(again->images[0].source, "dir:/srv/other");
}

static void test_project_name(void **state)
{
	struct place *p = *state;
	static const char *const env[] = { "COMPOSE_PROJECT_NAME=from-env", "N=filed", NULL };
	static const char *const bad_env[] = { "COMPOSE_PROJECT_NAME=Bad", NULL };
	static const struct {
		const char *name, *const *env, *file, *want; /* want NULL: an error */
	} t[] = {
		{ "given", env, "name: in-file\n", "given" },
		{ NULL, env, "name: in-file\n", "from-env" },
		{ NULL, env + 1, "name: in-file\n", "in-file" },
		{ NULL, env + 1, "name: '${N}-$$x'\n", NULL },
		{ NULL, env + 1, "name: '${N}-x'\n", "filed-x" },
		{ "Upper", NULL, "", NULL },
		{ "-x", NULL, "", NULL },
		{ NULL, bad_env, "", NULL },
		{ NULL, NULL, "name: A B\n", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_(compose) struct compose_project *c = NULL;
		struct err e;
		char text[200];
		(void)snprintf(text, sizeof(text),
			"%sservices: {a: {image: dir:r, command: $COMPOSE_PROJECT_NAME}}\n", t[i].file);
		put(p, "f.yaml", text);
		struct compose_request req = { .name = t[i].name, .env = t[i].env };
		assert_int_equal(load(p, "f.yaml", req, &c, &e), t[i].want ? 0 : -EINVAL);
		if (!t[i].want)
			continue;
		assert_string_equal(c->name, t[i].want);
		auto_free char *cmd = NULL;
		assert_true(asprintf(&cmd, "[\"%s\"]", t[i].want) > 0);
		assert_body(&c->services[0], "Cmd", cmd);
	}
	char dir[128];
	(void)snprintf(dir, sizeof(dir), "%s/_My App.2", p->dir);
	assert_int_equal(mkdir(dir, 0755), 0);
	auto_(compose) struct compose_project *c = NULL;
	struct err e;
	put(p, "f.yaml", "services: {a: {image: dir:r}}\n");
	assert_int_equal(load(p, "f.yaml", (struct compose_request){ .project_directory = dir }, &c, &e), 0);
	assert_string_equal(c->name, "myapp2");
}

/* Two reasons to depend on one service: the stronger condition counts, and required wins. */
static void test_two_dependencies(void **state)
{
	struct place *p = *state;
	static const char *const keys[] = {
		"pid: 'service:b', depends_on: {b: {condition: service_completed_successfully, required: false}}",
		"depends_on: {b: {condition: service_completed_successfully, required: false}}, pid: 'service:b'",
	};
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct err e;
		auto_(compose) struct compose_project *c = NULL;
		char text[300];
		(void)snprintf(text, sizeof(text), "services: {a: {image: dir:r, %s}, b: {image: dir:r}}\n",
			keys[i]);
		put(p, "f.yaml", text);
		assert_int_equal(load(p, "f.yaml", named, &c, &e), 0);
		assert_int_equal(c->services[1].n_depends_on, 1);
		assert_int_equal(c->services[1].depends_on[0].condition, COMPOSE_COMPLETED);
		assert_true(c->services[1].depends_on[0].required);
	}
}

/* The names of the services in order, "a b c"; or the error. */
static void check_order(const struct place *p, const char *text, struct compose_request req, const char *want)
{
	struct err e;
	auto_(buf) struct buf got = { 0 };
	struct compose_project *c;
	req.name = "demo";
	put(p, "f.yaml", text);
	if (load(p, "f.yaml", req, &c, &e) < 0) {
		assert_int_equal(buf_puts(&got, e.text), 0);
	} else {
		for (size_t i = 0; i < c->n_services; i++)
			assert_int_equal(buf_printf(&got, "%s%s", i ? " " : "", c->services[i].name), 0);
		compose_free(c);
	}
	assert_string_equal(got.data ? got.data : "", want);
}

#define S(name, keys) "  " name ": {image: dir:r" keys "}\n"

static void test_order(void **state)
{
	struct place *p = *state;
	const struct compose_request all = { 0 };
	check_order(p, "services:\n" S("c", "") S("a", "") S("b", ""), all, "c a b");
	check_order(p, "services:\n" S("a", ", depends_on: [b, c]") S("b", ", depends_on: [c]") S("c", ""),
		all, "c b a");
	check_order(p, "services:\n" S("a", ", network_mode: 'service:b'") S("b", ""), all, "b a");
	check_order(p, "services:\n" S("a", ", pid: 'service:b', ipc: 'service:c'") S("b", "") S("c", ""),
		all, "b c a");
	check_order(p,
		"services:\n" S("a", ", depends_on: [b]") S("b", ", depends_on: [c]")
			S("c", ", depends_on: [b]"),
		all, "f.yaml:3:6: services: services depend on each other: b -> c -> b");
	check_order(p, "services:\n" S("a", ", depends_on: [b]") S("b", ", pid: 'service:a'"), all,
		"f.yaml:2:6: services: services depend on each other: a -> b -> a");

	static const char *const want_a[] = { "a", NULL }, *const want_none[] = { "zz", NULL };
	const struct compose_request only_a = { .services = want_a }, only_none = { .services = want_none };
	check_order(p, "services:\n" S("x", "") S("a", ", depends_on: [b]") S("b", ""), only_a, "b a");
	check_order(p, "services:\n" S("a", ""), only_none, "no such service: zz");

	/* A namespace of another service's container, by its container's name. */
	struct err e;
	auto_(compose) struct compose_project *c = NULL;
	put(p, "f.yaml",
		"services:\n" S("a", ", network_mode: 'service:b', pid: 'service:x'")
			S("b", ", container_name: bee") S("x", ""));
	assert_int_equal(load(p, "f.yaml", named, &c, &e), 0);
	assert_host(&c->services[2], "NetworkMode", "\"container:bee\"");
	assert_host(&c->services[2], "PidMode", "\"container:demo-x-1\"");
	assert_int_equal(c->services[2].n_depends_on, 2);
	assert_true(c->services[2].depends_on[0].required);
	assert_string_equal(json_string_value(json_object_get(json_object_get(c->services[2].body, "Labels"),
				    "com.docker.compose.depends_on")),
		"b:service_started:false,x:service_started:false");
}

static void test_profiles(void **state)
{
	struct place *p = *state;
	static const char *const debug[] = { "debug", NULL }, *const every[] = { "*", NULL },
				 *const d[] = { "d", NULL };
	static const char *const env[] = { "COMPOSE_PROFILES=other,debug", NULL };
	const struct compose_request none = { 0 }, with = { .profiles = debug }, star = { .profiles = every },
				     named_d = { .services = d }, from_env = { .env = env };
	static const char text[] = "services:\n" S("a", "") S("d", ", profiles: [debug]")
		S("e", ", profiles: [x, debug]") S("f", ", profiles: x");
	check_order(p, text, none, "a");
	check_order(p, text, with, "a d e");
	check_order(p, text, from_env, "a d e");
	check_order(p, text, star, "a d e f");
	check_order(p, text, named_d, "d");
	static const char needs[] = "services:\n" S("a", ", depends_on: [d]") S("d", ", profiles: [debug]");
	check_order(p, needs, none, "f.yaml:2:34: services.a: depends on d, which no active profile enables");
	check_order(p, needs, with, "d a");
	check_order(p,
		"services:\n" S("a", ", depends_on: {d: {required: false}}") S("d", ", profiles: [debug]"),
		none, "a");
	check_order(p,
		"services:\n" S("d", ", profiles: [debug], depends_on: [e]") S("e", ", profiles: [debug]"),
		named_d, "e d");
	check_order(p, "services:\n" S("a", ", profiles: [x]"), none, "");
	check_order(p, "services:\n" S("a", "") S("b", ", profiles: [ok, a b, -x, '', x.y_z-1]"), none,
		"f.yaml:3:36: services.b.profiles: \"a b\" must match [a-zA-Z0-9][a-zA-Z0-9_.-]*\n"
		"f.yaml:3:41: services.b.profiles: \"-x\" must match [a-zA-Z0-9][a-zA-Z0-9_.-]*\n"
		"f.yaml:3:45: services.b.profiles: \"\" must match [a-zA-Z0-9][a-zA-Z0-9_.-]*");

	struct err e;
	auto_(compose) struct compose_project *c = NULL;
	put(p, "f.yaml", text);
	assert_int_equal(load(p, "f.yaml", named, &c, &e), 0);
	static const char *const declared[] = { "a", "d", "e", "f" }; /* none of them is an orphan */
	for (size_t i = 0; i < ARRAY_LEN(declared); i++)
		assert_string_equal(c->declared[i], declared[i]);
	assert_null(c->declared[4]);
}

static void test_json(void **state)
{
	struct place *p = *state;
	struct err e;
	auto_(compose) struct compose_project *c = NULL, *again = NULL;
	put(p, "f.yaml",
		"services:\n" S("a",
			", attach: false, depends_on: {b: {condition: service_completed_successfully, restart: true}}")
			S("b", ", volumes: ['v:/v']") S("z",
				", profiles: [q]") "volumes: {v: {labels: [l]}, ww: {external: true}}\n");
	assert_int_equal(load(p, "f.yaml", named, &c, &e), 0);
	auto_(json) json_t *json = compose_to_json(c);
	assert_non_null(json);
	assert_int_equal(compose_from_json(json, &again, &e), 0);
	auto_(json) json_t *json_again = compose_to_json(again);
	assert_true(json_equal(json, json_again));
	assert_int_equal(again->n_services, 2);
	assert_string_equal(again->services[1].name, "a");
	assert_false(again->services[1].attach);
	assert_true(again->services[0].attach);
	assert_int_equal(again->services[1].depends_on[0].condition, COMPOSE_COMPLETED);
	assert_true(again->services[1].depends_on[0].required);
	assert_true(again->services[1].depends_on[0].restart);
	assert_string_equal(
		json_string_value(json_object_get(
			json_object_get(again->services[1].body, "Labels"), "com.docker.compose.depends_on")),
		"b:service_completed_successfully:true");
	assert_string_equal(again->volumes[0].name, "demo_v");
	assert_string_equal(
		json_string_value(json_object_get(again->volumes[0].labels, "com.docker.compose.volume")),
		"v");
	assert_true(again->volumes[1].external);
	assert_string_equal(again->volumes[1].name, "ww");
	assert_string_equal(again->working_dir, p->dir);
	assert_string_equal(again->declared[2], "z");

	/* Every member that is missing or of another type is an error that names it. */
	const char *key;
	json_t *value;
	json_object_foreach (json, key, value) {
		auto_(json) json_t *broken = json_copy(json);
		struct compose_project *none;
		assert_int_equal(json_object_set_new(broken, key, json_integer(5)), 0);
		assert_int_equal(compose_from_json(broken, &none, &e), -EINVAL);
		assert_non_null(strstr(e.text, key));
	}
	json_t *service = json_array_get(json_object_get(json, "Services"), 0);
	static const char *const members[] = { "Name", "ContainerName", "ConfigHash", "Body" };
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		auto_(json) json_t *kept = json_incref(json_object_get(service, members[i]));
		struct compose_project *none;
		assert_int_equal(json_object_del(service, members[i]), 0);
		assert_int_equal(compose_from_json(json, &none, &e), -EINVAL);
		assert_non_null(strstr(e.text, members[i]));
		assert_int_equal(json_object_set(service, members[i], kept), 0);
	}
	for (int i = 0; i < COMPOSE_CONDITION_COUNT; i++) {
		enum compose_condition back = COMPOSE_CONDITION_COUNT;
		assert_int_equal(
			compose_parse_condition(compose_condition_name((enum compose_condition)i), &back), 0);
		assert_int_equal(back, i);
	}
	assert_int_equal(compose_parse_condition("x", &(enum compose_condition){ 0 }), -EINVAL);
}

static void test_seccomp_file(void **state)
{
	struct place *p = *state;
	struct err e;
	auto_(compose) struct compose_project *c = NULL;
	put(p, "s.json", "{ \"defaultAction\":\n \"SCMP_ACT_ALLOW\" }");
	put(p, "f.yaml", "services:\n" S("a", ", security_opt: ['seccomp=./s.json']"));
	assert_int_equal(load(p, "f.yaml", named, &c, &e), 0);
	assert_host(&c->services[0], "SecurityOpt",
		"[\"seccomp={\\\"defaultAction\\\":\\\"SCMP_ACT_ALLOW\\\"}\"]");
	struct compose_project *none;
	put(p, "s.json", "{");
	assert_int_equal(load(p, "f.yaml", named, &none, &e), -EINVAL);
	assert_non_null(strstr(e.text, "f.yaml:2:36: services.a.security_opt: ./s.json: line 1"));
}

/* The examples that come with the project stay loadable. */
static void test_examples(void **state)
{
	(void)state;
	char *path = realpath("configs/compose/demo.yaml", NULL);
	assert_non_null(path); /* tests run from the top of the tree */
	const char *const files[] = { path, NULL }, *const env[] = { "DEMO_ROOTS=/roots", NULL };
	const struct compose_request req = { .files = files, .env = env };
	struct err e = { 0 };
	auto_(compose) struct compose_project *c = NULL;
	if (compose_load(&req, &c, &e) < 0)
		fail_msg("%s", e.text);
	free(path);
	assert_string_equal(c->name, "demo");
	assert_int_equal(c->n_services, 3);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_merge),
		TEST(test_anchors),
		TEST(test_variables),
		TEST(test_files),
		TEST(test_image_names),
		TEST(test_project_name),
		TEST(test_two_dependencies),
		TEST(test_order),
		TEST(test_profiles),
		TEST(test_json),
		TEST(test_seccomp_file),
		cmocka_unit_test(test_examples),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
