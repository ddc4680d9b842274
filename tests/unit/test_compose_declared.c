/* One row per form of what the document declares for its services: configs, secrets and volumes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "supervisor/compose/compose.h"
#include "supervisor/config.h"

static int load(const char *yaml, struct compose_project **out, struct err *e)
{
	static const char *const files[] = { "-", NULL }, *const names[] = { "compose.yaml", NULL };
	static const char *const env[] = { "HOME=/home/me", "TOKEN=very secret", "BAD=\xff", NULL };
	const struct compose_request req = { .files = files,
		.file_names = names,
		.stdin_text = yaml,
		.stdin_len = strlen(yaml),
		.project_directory = "/srv/app",
		.env = env };
	return compose_load(&req, out, e);
}

static char *member_text(const struct compose_project *p, const char *member)
{
	const json_t *v = p->services[0].body;
	char part[64];
	while (v && *member) {
		size_t n = strcspn(member, ".");
		(void)snprintf(part, sizeof(part), "%.*s", (int)n, member);
		v = json_object_get(v, part);
		member += n + (member[n] == '.');
	}
	return v ? json_dumps(v, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) : strdup("-");
}

#define HEAD "services:\n  web:\n    image: dir:root\n"
#define BIND(source, target)                                                                                 \
	"[{\"ReadOnly\":true,\"Source\":\"" source "\",\"Target\":\"" target "\",\"Type\":\"bind\"}]"
#define TOKENS "secrets: {token: {environment: TOKEN}, key: {file: ./key.pem}}\n"
#define CONFS  "configs: {conf: {file: ~/c}, text: {content: 'hello $HOME'}}\n"

/* Lines of the service, indented by four, then lines of the document; member NULL: want is the error. */
static const struct row {
	const char *keys, *document, *member, *want;
} rows[] = {
	/* secrets */
	{ "    secrets: [key]\n", TOKENS, "HostConfig.Mounts", BIND("/srv/app/key.pem", "/run/secrets/key") },
	{ "    secrets: [{source: key, target: pem}]\n", TOKENS, "HostConfig.Mounts",
		BIND("/srv/app/key.pem", "/run/secrets/pem") },
	{ "    secrets: [{source: key, target: /etc//ssl/pem}]\n", TOKENS, "HostConfig.Mounts",
		BIND("/srv/app/key.pem", "/etc/ssl/pem") },
	{ "    secrets: [{source: key, mode: 0440, uid: '7'}]\n", TOKENS, "Berth.Files",
		"[{\"Gid\":0,\"Mode\":288,\"Secret\":true,\"Source\":\"/srv/app/key.pem\",\"Target\":\"/run/secrets/key\","
		"\"Uid\":7}]" },
	{ "    secrets: [token]\n", TOKENS, "Berth.Files",
		"[{\"Content\":\"very secret\",\"Gid\":0,\"Mode\":292,\"Secret\":true,\"Target\":\"/run/secrets/token\","
		"\"Uid\":0}]" },
	{ "    secrets: [{source: token, mode: 0777, gid: 5}]\n", TOKENS, "Berth.Files",
		"[{\"Content\":\"very secret\",\"Gid\":5,\"Mode\":365,\"Secret\":true,\"Target\":\"/run/secrets/token\","
		"\"Uid\":0}]" },
	{ "    secrets: []\n", TOKENS, "Berth", "-" },
	{ "    secrets: [other]\n", TOKENS, NULL,
		"compose.yaml:4:15: services.web.secrets[0]: refers to undefined secret other" },
	{ "    secrets: [key, {source: token, target: key}]\n", TOKENS, NULL,
		"compose.yaml:4:44: services.web.secrets[1]: /run/secrets/key is a mount point twice" },
	{ "    tmpfs: /x\n    secrets: [{source: key, target: ''}]\n", TOKENS, NULL,
		"compose.yaml:5:37: services.web.secrets[0]: is empty" },
	{ "    secrets: [{source: key, target: /}]\n", TOKENS, NULL,
		"compose.yaml:4:37: services.web.secrets[0]: \"/\" is no path of a file in the container" },
	{ "    secrets: [{target: x}]\n", TOKENS, NULL,
		"compose.yaml:4:15: services.web.secrets[0]: source is missing" },
	{ "    secrets: [{source: key, uid: root}]\n", TOKENS, NULL,
		"compose.yaml:4:34: services.web.secrets[0]: \"root\" must be a number" },
	{ "    secrets: [{source: key, uid: 4294967295}]\n", TOKENS, NULL,
		"compose.yaml:4:34: services.web.secrets[0]: \"4294967295\" must be a number" },
	{ "    secrets: [{source: key, mode: 8}]\n", TOKENS, NULL,
		"compose.yaml:4:35: services.web.secrets[0]: \"8\" must be an octal mode such as 1777" },
	{ "    secrets: [{source: key, moode: 8}]\n", TOKENS, NULL,
		"compose.yaml:4:29: services.web.secrets[0].moode: unknown key; did you mean mode?" },
	{ "    secrets: key\n", TOKENS, NULL, "compose.yaml:4:14: services.web.secrets: must be a list" },
	{ "    secrets: [gone]\n", "secrets: {gone: {environment: GONE}}\n", NULL,
		"compose.yaml:5:31: services.web.secrets[0]: environment variable \"GONE\" required by secret \"gone\" is "
		"not set" },
	{ "    secrets: [bad]\n", "secrets: {bad: {environment: BAD}}\n", NULL,
		"compose.yaml:4:15: services.web.secrets[0]: a value is not valid UTF-8" },
	{ "    secrets: [out]\n", "secrets: {out: {external: true}}\n", NULL,
		"compose.yaml:4:15: services.web.secrets[0]: unsupported external secret out: there is no store of them "
		"here" },
	{ "", "secrets: {out: {external: true}}\n", "Berth", "-" },
	{ "", "secrets: {out: {external: true, file: x}}\n", NULL,
		"compose.yaml:4:16: secrets.out: an external one has a name only" },
	{ "", "secrets: {none: {}}\n", NULL,
		"compose.yaml:4:17: secrets.none: needs one of file, environment and content" },
	{ "    secrets: [none]\n", "secrets: {none: {}}\n", NULL,
		"compose.yaml:5:17: secrets.none: needs one of file, environment and content" },
	{ "", "secrets: {x: {content: y}}\n", NULL, "compose.yaml:4:15: secrets.x.content: unknown key" },
	{ "", "secrets: {x: {file: y, driver: vault}}\n", NULL,
		"compose.yaml:4:24: secrets.x.driver: drivers of secrets are not built yet" },
	{ "", "secrets: {x: {file: y, labels: [a]}}\n", "Berth", "-" },
	/* configs */
	{ "    configs: [conf]\n", CONFS, "HostConfig.Mounts", BIND("/home/me/c", "/conf") },
	{ "    configs: [{source: conf, target: etc/c}]\n", CONFS, "HostConfig.Mounts",
		BIND("/home/me/c", "/etc/c") },
	{ "    configs: [text]\n", CONFS, "Berth.Files",
		"[{\"Content\":\"hello /home/me\",\"Gid\":0,\"Mode\":292,\"Target\":\"/text\",\"Uid\":0}]" },
	{ "    configs: [{source: conf, target: /c, gid: '3'}]\n", CONFS, "Berth.Files",
		"[{\"Gid\":3,\"Mode\":292,\"Source\":\"/home/me/c\",\"Target\":\"/c\",\"Uid\":0}]" },
	{ "    configs: [{source: conf, target: /c}]\n    volumes: ['./x:/v']\n", CONFS, "HostConfig.Mounts",
		"[{\"BindOptions\":{\"CreateMountpoint\":true},\"Source\":\"/srv/app/x\",\"Target\":\"/v\",\"Type\":"
		"\"bind\"},{\"ReadOnly\":true,\"Source\":\"/home/me/c\",\"Target\":\"/c\",\"Type\":\"bind\"}]" },
	{ "    configs: [{source: conf, target: /v}]\n    volumes: ['./x:/v']\n", CONFS, NULL,
		"compose.yaml:4:38: services.web.configs[0]: /v is a mount point twice" },
	{ "    configs: [nothing]\n", CONFS, NULL,
		"compose.yaml:4:15: services.web.configs[0]: refers to undefined config nothing" },
	{ "", "configs: {c: {file: a, content: b}}\n", NULL,
		"compose.yaml:4:14: configs.c: has more than one of file, environment and content" },
	/* volumes */
	{ "    volumes: ['data:/data']\n",
		"volumes: {data: {driver: local, driver_opts: {type: none, o: bind, device: ./d}}}\n",
		"HostConfig.Mounts",
		"[{\"BindOptions\":{\"NonRecursive\":true},\"Source\":\"/srv/app/d\",\"Target\":\"/data\",\"Type\":\"bind\"}]" },
	{ "    volumes: ['data:/data:ro']\n",
		"volumes: {data: {driver_opts: [type=none, 'o=rbind,rslave', device=/d]}}\n",
		"HostConfig.Mounts",
		"[{\"BindOptions\":{\"Propagation\":\"rslave\"},\"ReadOnly\":true,\"Source\":\"/d\",\"Target\":\"/data\","
		"\"Type\":\"bind\"}]" },
	{ "    volumes: ['data:/data']\n",
		"volumes: {data: {driver_opts: {type: none, o: 'bind,ro', device: /d}}}\n",
		"HostConfig.Mounts",
		"[{\"BindOptions\":{\"NonRecursive\":true},\"ReadOnly\":true,\"Source\":\"/d\",\"Target\":\"/data\",\"Type\":"
		"\"bind\"}]" },
	{ "    volumes: ['data:/data']\n",
		"volumes: {data: {driver_opts: {type: tmpfs, o: 'size=1m,uid=7,noexec', device: tmpfs}}}\n",
		"HostConfig.Mounts",
		"[{\"Target\":\"/data\",\"TmpfsOptions\":{\"Options\":[[\"exec\"],[\"suid\"],[\"dev\"],[\"size\",\"1m\"],"
		"[\"uid\",\"7\"],[\"noexec\"]]},\"Type\":\"tmpfs\"}]" },
	{ "    volumes: ['data:/data']\n  db:\n    image: dir:root\n    volumes: ['data:/d']\n",
		"volumes: {data: {driver_opts: {type: tmpfs, device: tmpfs}}}\n", NULL,
		"compose.yaml:4:15: services.web.volumes[0]: volume data is a tmpfs that db mounts too: sharing one is not "
		"built yet\ncompose.yaml:7:15: services.db.volumes[0]: volume data is a tmpfs that web mounts too: sharing "
		"one is not built yet" },
	{ "    scale: 2\n    volumes: ['data:/data']\n",
		"volumes: {data: {driver_opts: {type: tmpfs, device: tmpfs}}}\n", NULL,
		"compose.yaml:5:15: services.web: volume data is a tmpfs, which several containers cannot share yet" },
	{ "", "volumes: {data: {driver_opts: {type: none, o: bind}}}\n", NULL,
		"compose.yaml:4:31: volumes.data.driver_opts: missing required option: \"device\"" },
	{ "", "volumes: {data: {driver_opts: {o: bind, device: /x}}}\n", NULL,
		"compose.yaml:4:31: volumes.data.driver_opts: missing required option: \"type\"" },
	{ "", "volumes: {data: {driver_opts: {type: none, o: bind, device: /x, foo: bar}}}\n", NULL,
		"compose.yaml:4:65: volumes.data.driver_opts: invalid option: \"foo\"" },
	{ "", "volumes: {data: {driver_opts: {type: nfs, o: addr=x, device: ':/x'}}}\n", NULL,
		"compose.yaml:4:38: volumes.data: \"nfs\": only binds (type: none, o: bind) and tmpfs are built yet" },
	{ "", "volumes: {data: {driver_opts: {type: tmpfs, o: 'size=1m,foo', device: x}}}\n", NULL,
		"compose.yaml:4:48: volumes.data: \"foo\" is not built yet or unknown here" },
	{ "", "volumes: {data: {driver: vault}}\n", NULL,
		"compose.yaml:4:26: volumes.data: \"vault\": volume drivers other than local are not built yet" },
	{ "", "volumes: {data: {external: true, labels: [a]}}\n", NULL,
		"compose.yaml:4:42: volumes.data: an external volume has a name only" },
	{ "    volumes: [{type: volume, source: data, target: /d, volume: {subpath: x}}]\n",
		"volumes: {data: {driver_opts: {type: none, o: bind, device: /x}}}\n", NULL,
		"compose.yaml:4:74: services.web.volumes[0]: a part of a volume with driver_opts is not built yet" },
};

static void test_rows(void **state)
{
	(void)state;
	int wrong = 0;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		char yaml[4096];
		struct err e = { 0 };
		auto_(compose) struct compose_project *p = NULL;
		(void)snprintf(yaml, sizeof(yaml), HEAD "%s%s", r->keys, r->document);
		int rc = load(yaml, &p, &e);
		auto_free char *got = rc == 0 && r->member ? member_text(p, r->member)
							   : strdup(rc < 0 ? e.text : "no error");
		bool ok = strcmp(got, r->want) == 0 && (rc < 0) == !r->member;
		/* What compose makes, create takes. */
		auto_(config) struct config *config = NULL;
		if (ok && rc == 0 && config_parse(p->services[0].body, &config, &e) < 0) {
			free(take_ptr(&got));
			got = strdup(e.text);
			ok = false;
		}
		if (!ok) {
			print_error("row %zu:\n%s%s  want %s\n  got  %s\n", i, r->keys, r->document, r->want,
				got);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

/* The service's own labels win over its files', a later file over an earlier one. */
static void test_label_file(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want;
	} t[] = {
		{ "# comment\na=1\nb='two words'\nhome=$HOME\nbare\n",
			"{\"a\":\"own\",\"b\":\"two words\",\"bare\":\"\",\"home\":\"/home/me\",\"own\":\"\"}" },
		{ "com.docker.compose.project=x\n", NULL },
		{ "a='open\n", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char file[] = "/tmp/compose-labels-XXXXXX", yaml[512];
		struct err e;
		auto_(compose) struct compose_project *p = NULL;
		auto_close int fd = mkstemp(file);
		assert_true(fd >= 0);
		assert_int_equal(write(fd, t[i].text, strlen(t[i].text)), strlen(t[i].text));
		(void)snprintf(
			yaml, sizeof(yaml), HEAD "    label_file: %s\n    labels: [a=own, own]\n", file);
		int r = load(yaml, &p, &e);
		assert_int_equal(unlink(file), 0);
		assert_int_equal(r, t[i].want ? 0 : -EINVAL);
		if (r < 0) {
			assert_non_null(strstr(e.text, "compose.yaml:4:17: services.web.label_file: "));
			continue;
		}
		json_t *labels = json_object_get(p->services[0].body, "Labels"), *v;
		const char *key;
		void *next;
		json_object_foreach_safe(labels, next, key, v) if (strncmp(key, "com.docker.compose", 18) ==
			0) assert_int_equal(json_object_del(labels, key), 0);
		auto_free char *got = json_dumps(labels, JSON_COMPACT | JSON_SORT_KEYS);
		assert_string_equal(got, t[i].want);
	}
	struct err e;
	struct compose_project *p = NULL;
	assert_int_equal(load(HEAD "    label_file: [none]\n", &p, &e), -EINVAL);
	assert_string_equal(e.text,
		"compose.yaml:4:18: services.web.label_file: open /srv/app/none: No such file or directory");
}

/* What a file of the host holds is not the service's; what the document or a variable says is. */
static void test_hash(void **state)
{
	(void)state;
	static const char *const yaml[] = {
		HEAD "    secrets: [token]\n" TOKENS,
		HEAD "    secrets: [{source: token}]\n" TOKENS "x-comment: 1\n",
		HEAD "    secrets: [token]\nsecrets: {token: {environment: HOME}}\n",
		HEAD "    secrets: [{source: token, mode: 0400}]\n" TOKENS,
	};
	char first[65] = "";
	for (size_t i = 0; i < ARRAY_LEN(yaml); i++) {
		struct err e;
		auto_(compose) struct compose_project *p = NULL;
		assert_int_equal(load(yaml[i], &p, &e), 0);
		if (i == 0)
			(void)snprintf(first, sizeof(first), "%s", p->services[0].config_hash);
		else if (i == 1)
			assert_string_equal(p->services[0].config_hash, first);
		else
			assert_string_not_equal(p->services[0].config_hash, first);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_label_file),
		cmocka_unit_test(test_hash),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
