#include <errno.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/json.h"
#include "runtime/caps.h"
#include "supervisor/seccomp_cache.h"
#include "supervisor/spec_build.h"

#define ENTRY(t) cmocka_unit_test(t)
#define ID	 "0123456789abcdef"
#define SHORT	 "0123456789ab"

static char dir[] = "/tmp/test_spec_build.XXXXXX";

static int volume_path(
	void *cookie, const struct config_mount *m, struct arena *a, const char **out, struct err *e)
{
	(void)e;
	*out = arena_printf(a, "%s/%s", (const char *)cookie, m->source);
	return 0;
}

static int container_pid(void *cookie, const char *container, pid_t *out, struct err *e)
{
	(void)cookie;
	if (strcmp(container, "web") != 0)
		return err_say(e, ENOENT, "No such container: %s", container);
	*out = 4711;
	return 0;
}

static struct config *declare(const char *body)
{
	struct config *c = NULL;
	struct err e = { 0 };
	auto_(json) json_t *doc = json_parse(body, strlen(body), "body", &e);
	if (!doc || config_parse(doc, &c, &e) < 0 || config_complete(c, ID, NULL, &e) < 0)
		fail_msg("%s: %s", body, e.text);
	return c;
}

static struct spec_build_env env_of(const struct spec *bundle)
{
	return (struct spec_build_env){ .id = ID,
		.root_path = "/image",
		.bundle = bundle,
		.hosts_path = "/run/c/hosts",
		.hostname_path = "/run/c/hostname",
		.resolv_conf_path = "/run/c/resolv.conf",
		.volume_path = volume_path,
		.container_pid = container_pid,
		.cookie = dir };
}

static struct spec *build_on(const struct spec *bundle, const char *body)
{
	auto_(config) struct config *c = declare(body);
	struct spec_build_env env = env_of(bundle);
	struct spec *s = NULL;
	struct err e = { 0 };
	if (spec_build(c, &env, &s, &e) < 0)
		fail_msg("%s: %s", body, e.text);
	return s;
}

static struct spec *build(const char *host, const char *more)
{
	char body[2048];
	(void)snprintf(
		body, sizeof(body), "{\"Cmd\":[\"sh\",\"-c\",\"x\"],\"HostConfig\":{%s}%s}", host, more);
	return build_on(NULL, body);
}

static const struct spec_mount *mount_at(const struct spec *s, const char *destination)
{
	const struct spec_mount *found = NULL;
	for (size_t i = 0; i < s->n_mounts; i++)
		if (strcmp(s->mounts[i].destination, destination) == 0)
			found = &s->mounts[i];
	return found;
}

static bool has(char **v, const char *s)
{
	for (; v && *v; v++)
		if (strcmp(*v, s) == 0)
			return true;
	return false;
}

static void dockers_defaults(void **state)
{
	(void)state;
	static const char *const order[] = { "/proc", "/dev", "/dev/pts", "/sys", "/sys/fs/cgroup",
		"/dev/mqueue", "/dev/shm", "/etc/resolv.conf", "/etc/hostname", "/etc/hosts" };
	auto_(spec) struct spec *s = build("", "");
	assert_string_equal(s->root_path, "/image");
	assert_string_equal(s->hostname, SHORT);
	assert_int_equal(s->n_mounts, ARRAY_LEN(order));
	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		assert_string_equal(s->mounts[i].destination, order[i]);
	assert_string_equal(mount_at(s, "/dev/shm")->data, "mode=1777,size=67108864");
	assert_true(mount_at(s, "/sys")->flags & MS_RDONLY);
	assert_true(mount_at(s, "/etc/hosts")->source_is_file);
	for (int ns = 0; ns < SPEC_NS_COUNT; ns++)
		if (ns != SPEC_NS_USER && ns != SPEC_NS_TIME)
			assert_int_equal(s->ns[ns].mode, SPEC_NS_NEW);
	assert_int_equal(s->ns[SPEC_NS_USER].mode, SPEC_NS_HOST);
	assert_true(s->process.caps.bounding == (caps_docker_default() & caps_own()));
	assert_true(s->process.caps.effective == s->process.caps.bounding);
	assert_true(s->process.caps.inheritable == 0 && s->process.caps.ambient == 0);
	assert_true(has(s->masked_paths, "/proc/kcore") && has(s->masked_paths, "/sys/firmware"));
	assert_true(has(s->readonly_paths, "/proc/sys"));
	assert_string_equal(
		s->process.env[0], "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	assert_string_equal(s->process.env[1], "HOSTNAME=" SHORT);
	assert_null(s->process.env[2]);
	assert_string_equal(s->process.cwd, "/");
	assert_string_equal(s->process.user, "0");
	assert_int_equal(s->n_sysctls, 2);
	assert_int_equal(s->n_devices, 0);
	assert_false(s->resources.devices[0].allow);
	assert_int_equal(s->resources.devices[0].type, 'a');
	assert_int_equal(s->resources.n_devices, 13);
	assert_null(s->seccomp);
}

static void environment(void **state)
{
	(void)state;
	auto_(spec) struct spec *s = build("",
		",\"Tty\":true,\"Env\":[\"PATH=/x\",\"A=1\",\"TERM\",\"A=2\"],\"User\":\"u\",\"WorkingDir\":\"/w\"");
	assert_string_equal(s->process.env[0], "PATH=/x");
	assert_string_equal(s->process.env[1], "HOSTNAME=" SHORT);
	assert_string_equal(s->process.env[2], "A=2");
	assert_null(s->process.env[3]);
	assert_string_equal(s->process.user, "u");
	assert_string_equal(s->process.cwd, "/w");
	assert_true(s->process.terminal);
}

static void privileged(void **state)
{
	(void)state;
	auto_(spec) struct spec *s = build("\"Privileged\":true", "");
	assert_null(s->masked_paths);
	assert_null(s->readonly_paths);
	assert_false(mount_at(s, "/sys")->flags & MS_RDONLY);
	assert_false(mount_at(s, "/sys/fs/cgroup")->flags & MS_RDONLY);
	assert_true(s->process.caps.bounding == (caps_all() & caps_own()));
	assert_int_equal(s->resources.n_devices, 1);
	assert_true(s->resources.devices[0].allow);
	bool null = false;
	for (size_t i = 0; i < s->n_devices; i++) {
		null = null || strcmp(s->devices[i].path, "/dev/null") == 0;
		assert_null(strstr(s->devices[i].path, "/dev/pts"));
	}
	assert_true(null);
}

static void namespaces(void **state)
{
	(void)state;
	auto_(spec) struct spec *s = build(
		"\"PidMode\":\"container:web\",\"NetworkMode\":\"host\",\"IpcMode\":\"host\",\"Init\":true,"
		"\"UTSMode\":\"host\",\"CgroupnsMode\":\"host\"",
		"");
	assert_int_equal(s->ns[SPEC_NS_PID].mode, SPEC_NS_JOIN);
	assert_string_equal(s->ns[SPEC_NS_PID].path, "/proc/4711/ns/pid");
	assert_int_equal(s->ns[SPEC_NS_NET].mode, SPEC_NS_HOST);
	assert_int_equal(s->ns[SPEC_NS_CGROUP].mode, SPEC_NS_HOST);
	assert_false(s->init);
	assert_null(s->hostname);
	assert_int_equal(s->n_sysctls, 0);
	assert_string_equal(mount_at(s, "/dev/shm")->type, "bind");
	assert_string_equal(
		mount_at(s, "/dev/mqueue")->type, access("/dev/mqueue", F_OK) == 0 ? "bind" : "mqueue");
	auto_(spec) struct spec *none = build("\"IpcMode\":\"none\",\"Init\":true", "");
	assert_null(mount_at(none, "/dev/shm"));
	assert_true(none->init);
	auto_(config) struct config *c =
		declare("{\"Cmd\":[\"x\"],\"HostConfig\":{\"NetworkMode\":\"container:db\"}}");
	struct spec_build_env env = env_of(NULL);
	struct spec *nothing = NULL;
	struct err e = { 0 };
	assert_int_equal(spec_build(c, &env, &nothing, &e), -ENOENT);
	assert_string_equal(e.text, "No such container: db");
	assert_null(nothing);
}

static void user_namespace(void **state)
{
	(void)state;
	auto_(spec) struct spec *s = build("\"NetworkMode\":\"host\"",
		",\"Berth\":{\"UserMaps\":{\"Uid\":[{\"HostID\":100000,\"Size\":65536}],"
		"\"Gid\":[{\"HostID\":200000,\"Size\":65536}]}}");
	assert_int_equal(s->ns[SPEC_NS_USER].mode, SPEC_NS_NEW);
	assert_int_equal(s->uid_maps[0].host_id, 100000);
	assert_int_equal(s->gid_maps[0].host_id, 200000);
	assert_string_equal(mount_at(s, "/sys")->type, "bind"); /* not ours to mount: the host's network */
	assert_string_equal(mount_at(s, "/proc")->type, "proc");
}

static void mounts(void **state)
{
	(void)state;
	char host[1024], path[128];
	(void)snprintf(path, sizeof(path), "%s/vol/in/side", dir);
	(void)snprintf(host, sizeof(host), "mkdir -p %s && touch %s/file", path, dir);
	assert_int_equal(system(host), 0);
	(void)snprintf(host, sizeof(host),
		"\"Binds\":[\"%s/made/here:/m:ro\",\"%s/file:/f\",\"vol:/v:nocopy\"],\"ShmSize\":4096,\"ReadonlyRootfs\":true,"
		"\"Mounts\":[{\"Type\":\"volume\",\"Source\":\"vol\",\"Target\":\"/s\",\"VolumeOptions\":{\"Subpath\":"
		"\"in/side\"}}],\"Tmpfs\":{\"/t\":\"size=5m,exec\",\"/dev/shm\":\"\"}",
		dir, dir);
	auto_(spec) struct spec *s = build(host, "");
	const struct spec_mount *m = mount_at(s, "/m");
	assert_int_equal(m->flags, MS_BIND | MS_REC | MS_RDONLY);
	assert_true(m->recursive_ro && !m->source_is_file);
	struct stat st;
	assert_int_equal(stat(m->source, &st), -1); /* not touched before the launch */
	assert_string_equal(mount_at(s, "/v")->source + strlen(dir), "/vol");
	assert_string_equal(mount_at(s, "/s")->source + strlen(dir), "/vol");
	assert_string_equal(mount_at(s, "/s")->subpath, "in/side");
	m = mount_at(s, "/t");
	assert_int_equal(m->flags, MS_NOSUID | MS_NODEV);
	assert_string_equal(m->data, "size=5m");
	size_t shm = 0;
	for (size_t i = 0; i < s->n_mounts; i++)
		shm += strcmp(s->mounts[i].destination, "/dev/shm") == 0;
	assert_int_equal(shm, 1); /* the user's in place of ours */
	assert_true(s->root_readonly && (mount_at(s, "/etc/hosts")->flags & MS_RDONLY));
}

static void sources_are_checked_by_themselves(void **state)
{
	char body[512], made[256];
	struct stat st;
	struct err e;
	(void)state;
	(void)snprintf(made, sizeof(made), "%s/to/be/made", dir);
	(void)snprintf(body, sizeof(body),
		"{\"Cmd\":[\"x\"],\"HostConfig\":{\"Binds\":[\"%s:/m\",\"vol:/v\"]}}", made);
	auto_(config) struct config *c = declare(body);
	assert_int_equal(spec_build_check_sources(c, &e), 0);
	assert_true(stat(made, &st) == 0 && S_ISDIR(st.st_mode)); /* -v makes what is missing */
	auto_(config) struct config *bad =
		declare("{\"Cmd\":[\"x\"],\"HostConfig\":{"
			"\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/no/such\",\"Target\":\"/x\"}]}}");
	assert_int_equal(spec_build_check_sources(bad, &e), -EINVAL);
	assert_string_equal(
		e.text, "invalid mount config for type \"bind\": bind source path does not exist: /no/such");
}

static void what_the_host_lacks_is_an_error(void **state)
{
	(void)state;
	char link[256];
	(void)snprintf(link, sizeof(link), "mkdir -p %s/vol && ln -sfn /etc %s/vol/out", dir, dir);
	assert_int_equal(system(link), 0);
	static const struct {
		const char *host, *want;
	} t[] = {
		{ "\"Devices\":[{\"PathOnHost\":\"/dev/no-such\"}]",
			"error gathering device information while adding custom device \"/dev/no-such\": No such file" },
		{ "\"Devices\":[{\"PathOnHost\":\"/etc/passwd\"}]", "\"/etc/passwd\": not a device node" },
		{ "\"BlkioDeviceReadBps\":[{\"Path\":\"/dev/null\",\"Rate\":1}]",
			"/dev/null is not a block device" },
		{ "\"Binds\":[\"/etc:/proc/attr\"]", "inside /proc" },
		{ "\"Mounts\":[{\"Type\":\"volume\",\"Source\":\"vol\",\"Target\":\"/s\",\"VolumeOptions\":{\"Subpath\":\"out\"}}]",
			"volume vol: subpath out" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char body[512];
		(void)snprintf(body, sizeof(body), "{\"Cmd\":[\"x\"],\"HostConfig\":{%s}}", t[i].host);
		auto_(config) struct config *c = declare(body);
		struct spec_build_env env = env_of(NULL);
		struct spec *s = NULL;
		struct err e = { 0 };
		int r = spec_build(c, &env, &s, &e);
		if (r >= 0 || r != -e.code || !strstr(e.text, t[i].want))
			fail_msg("%s: %d %s", body, r, e.text);
	}
}

static void devices_and_capabilities(void **state)
{
	(void)state;
	auto_(spec) struct spec *s = build(
		"\"Devices\":[{\"PathOnHost\":\"/dev/null\",\"PathInContainer\":\"/dev/nix\","
		"\"CgroupPermissions\":\"r\"}],\"DeviceCgroupRules\":[\"b 8:* rwm\"],"
		"\"CapDrop\":[\"ALL\"],\"CapAdd\":[\"CHOWN\"],\"Ulimits\":[{\"Name\":\"core\",\"Hard\":5}],"
		"\"Sysctls\":{\"net.ipv4.ip_unprivileged_port_start\":\"80\"},\"Memory\":8388608",
		"");
	assert_int_equal(s->n_devices, 1);
	assert_string_equal(s->devices[0].path, "/dev/nix");
	assert_int_equal(s->devices[0].major, 1);
	assert_int_equal(s->devices[0].minor, 3);
	assert_int_equal(s->resources.n_devices, 15);
	assert_true(s->resources.devices[13].read && !s->resources.devices[13].write);
	assert_int_equal(s->resources.devices[14].type, 'b');
	assert_true(s->process.caps.bounding == 1u << CAP_CHOWN);
	assert_int_equal(s->process.rlimits[0].resource, RLIMIT_CORE);
	assert_string_equal(s->sysctls[0].value, "80");
	assert_int_equal(s->resources.memory_limit, 8388608);
}

static const char bundle_text[] =
	"{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"rootfs\"},\"hostname\":\"bundled\",\"process\":{\"args\":[\"b\"],\"cwd\":"
	"\"/bw\",\"env\":[\"B=1\"],\"user\":{\"uid\":7,\"gid\":8},\"capabilities\":{\"bounding\":[\"CAP_KILL\"],\"permitted\":["
	"\"CAP_KILL\"]},\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":1,\"hard\":1},{\"type\":\"RLIMIT_CPU\",\"soft\":2,\"hard\":2}]},"
	"\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\"},{\"destination\":\"/data\",\"type\":\"tmpfs\"}],"
	"\"linux\":{\"maskedPaths\":[\"/mine\"],\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"uts\"}],"
	"\"resources\":{\"memory\":{\"limit\":99999999},\"pids\":{\"limit\":5}},"
	"\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"getpid\"],\"action\":\"SCMP_ACT_ERRNO\"}]}}}";

static void a_bundle_is_the_base(void **state)
{
	(void)state;
	struct err e = { 0 };
	struct config_image image;
	auto_(spec) struct spec *bundle = NULL;
	assert_int_equal(spec_parse(bundle_text, strlen(bundle_text), "/bundle", &bundle, &e), 0);
	config_image_from_spec(bundle, &image);
	auto_(json) json_t *body = json_loads(
		"{\"Image\":\"oci-bundle:/bundle\",\"HostConfig\":{\"PidsLimit\":9,\"Tmpfs\":{\"/data\":"
		"\"\"},\"Ulimits\":[{\"Name\":\"core\",\"Soft\":3,\"Hard\":3}]}}",
		0, NULL);
	auto_(config) struct config *c = NULL;
	assert_int_equal(config_parse(body, &c, &e), 0);
	assert_int_equal(config_complete(c, ID, &image, &e), 0);
	struct spec_build_env env = env_of(bundle);
	auto_(spec) struct spec *s = NULL;
	if (spec_build(c, &env, &s, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(s->hostname, "bundled");
	assert_string_equal(s->process.args[0], "b");
	assert_string_equal(s->process.cwd, "/bw");
	assert_true(has(s->process.env, "B=1"));
	assert_null(s->process.user);
	assert_int_equal(s->process.uid, 7);
	assert_true(s->process.caps.bounding == 1u << CAP_KILL);
	assert_int_equal(s->process.n_rlimits, 2);
	assert_int_equal(s->process.rlimits[0].soft, 3);
	assert_int_equal(s->ns[SPEC_NS_PID].mode, SPEC_NS_HOST);
	assert_true(has(s->masked_paths, "/mine"));
	assert_null(mount_at(s, "/dev"));
	assert_string_equal(mount_at(s, "/data")->source, "tmpfs");
	assert_int_equal(s->resources.pids_limit, 9);
	assert_int_equal(s->resources.memory_limit, 99999999);
	assert_string_equal(s->root_path, "/image");
	assert_non_null(s->seccomp);
}

static void exec_in_a_container(void **state)
{
	(void)state;
	auto_(spec) struct spec *s = build("", ",\"Env\":[\"A=1\"],\"User\":\"u\",\"WorkingDir\":\"/w\"");
	auto_(arena) struct arena *a = arena_new();
	char *cmd[] = { "ls", NULL }, *more[] = { "A=2", "B=3", NULL };
	struct spec_process p;
	struct err e = { 0 };
	struct spec_build_exec x = { .cmd = cmd, .env = more, .tty = true, .width = 9, .height = 8 };
	assert_int_equal(spec_build_exec(s, &x, a, &p, &e), 0);
	assert_string_equal(p.args[0], "ls");
	assert_true(has(p.env, "A=2") && has(p.env, "B=3") && has(p.env, "TERM=xterm") && !has(p.env, "A=1"));
	assert_string_equal(p.user, "u");
	assert_string_equal(p.cwd, "/w");
	assert_true(p.terminal && p.console_width == 9);
	assert_true(p.caps.bounding == s->process.caps.bounding);
	x = (struct spec_build_exec){ .cmd = cmd, .user = "1:2", .cwd = "/", .privileged = true };
	assert_int_equal(spec_build_exec(s, &x, a, &p, &e), 0);
	assert_string_equal(p.user, "1:2");
	assert_true(p.caps.bounding == (caps_all() & caps_own()));
	char *none[] = { NULL };
	x.cmd = none;
	assert_int_equal(spec_build_exec(s, &x, a, &p, &e), -EINVAL);
	assert_string_equal(e.text, "No exec command specified");
	x = (struct spec_build_exec){ .cmd = cmd, .cwd = "w" };
	assert_int_equal(spec_build_exec(s, &x, a, &p, &e), -EINVAL);
}

static const struct seccomp_prog *program(
	struct seccomp_cache *sc, const char *host, struct spec_seccomp *own)
{
	char body[256];
	const struct seccomp_prog *p = NULL;
	struct err e = { 0 };
	(void)snprintf(body, sizeof(body), "{\"Cmd\":[\"x\"],\"HostConfig\":{%s}}", host);
	auto_(config) struct config *c = declare(body);
	auto_(spec) struct spec *s = build_on(NULL, body);
	s->seccomp = own;
	if (seccomp_cache_get(sc, c, s, &p, &e) < 0)
		fail_msg("%s", e.text);
	return p;
}

static void programs_are_kept(void **state)
{
	(void)state;
	struct err e = { 0 };
	auto_(seccomp_cache) struct seccomp_cache *sc = NULL;
	assert_int_equal(seccomp_cache_new(NULL, 0, &sc, &e), 0);
	const struct seccomp_prog *first = program(sc, "", NULL);
	assert_non_null(first);
	const struct sock_filter *insns = first->insns;
	const struct seccomp_prog *other = program(sc, "\"CapDrop\":[\"SYS_CHROOT\"]", NULL);
	assert_true(other->insns != insns && other->n != 0);
	assert_true(program(sc, "", NULL)->insns == insns);
	assert_null(program(sc, "\"Privileged\":true", NULL));
	assert_null(program(sc, "\"SecurityOpt\":[\"seccomp=unconfined\"]", NULL));
	const struct seccomp_prog *allow = program(
		sc, "\"SecurityOpt\":[\"seccomp={\\\"defaultAction\\\":\\\"SCMP_ACT_ALLOW\\\"}\"]", NULL);
	assert_true(allow->n < 20);
	struct spec_seccomp own = { .default_action = 0x7fff0000U };
	const struct sock_filter *bundle = program(sc, "", &own)->insns;
	own.default_action = 0x7ffc0000U;
	assert_true(program(sc, "", &own)->insns != bundle);
	for (int i = 0; i < 40; i++) { /* more than it keeps: the default is used in between and stays */
		own.flags = (uint32_t)i << 8;
		assert_non_null(program(sc, "", &own));
		assert_true(program(sc, "", NULL)->insns == insns);
	}
	struct seccomp_cache *bad = NULL;
	assert_int_equal(seccomp_cache_new("{", 1, &bad, &e), -EINVAL);
	assert_null(bad);
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char command[128];
	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENTRY(dockers_defaults),
		ENTRY(environment),
		ENTRY(privileged),
		ENTRY(namespaces),
		ENTRY(user_namespace),
		ENTRY(mounts),
		ENTRY(sources_are_checked_by_themselves),
		ENTRY(what_the_host_lacks_is_an_error),
		ENTRY(devices_and_capabilities),
		ENTRY(a_bundle_is_the_base),
		ENTRY(exec_in_a_container),
		ENTRY(programs_are_kept),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
