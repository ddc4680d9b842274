#include <errno.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/json_wide.h"
#include "runtime/caps.h"
#include "runtime/rlimit.h"
#include "runtime/spec.h"

#define ENTRY(t) cmocka_unit_test(t)

/* Every member that the writer knows, none of them at its default. */
static const char full[] =
	"{\"ociVersion\":\"1.2.1\",\"hostname\":\"h\",\"domainname\":\"d\",\"root\":{\"path\":\"/r\",\"readonly\":true},"
	"\"process\":{\"terminal\":true,\"args\":[\"a\",\"b\"],\"env\":[\"A=1\"],\"cwd\":\"/w\",\"noNewPrivileges\":true,"
	"\"oomScoreAdj\":-5,\"consoleSize\":{\"width\":80,\"height\":24},\"user\":{\"uid\":1,\"gid\":2,\"umask\":63,"
	"\"additionalGids\":[3,4]},\"berth\":{\"user\":\"u:g\",\"groupAdd\":[\"x\"]},"
	"\"capabilities\":{\"bounding\":[\"CAP_CHOWN\",\"CAP_KILL\"],\"effective\":[\"CAP_KILL\"],"
	"\"inheritable\":[\"CAP_CHOWN\"],\"permitted\":[\"CAP_CHOWN\",\"CAP_KILL\"],\"ambient\":[\"CAP_CHOWN\"]},"
	"\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":5,\"hard\":18446744073709551615}]},"
	"\"mounts\":[{\"destination\":\"/p\",\"type\":\"proc\",\"source\":\"proc\",\"options\":[\"nosuid\",\"exec\"]},"
	"{\"destination\":\"/b\",\"type\":\"bind\",\"source\":\"/s\",\"options\":[\"rbind\",\"ro\",\"rslave\",\"rro\","
	"\"x-berth.file\"]},{\"destination\":\"/t\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"strictatime\","
	"\"tmpcopyup\",\"mode=755\",\"size=5k\"]}],"
	"\"linux\":{\"cgroupsPath\":\"/c\",\"maskedPaths\":[\"/m\"],\"readonlyPaths\":[],\"namespaces\":[{\"type\":\"pid\"},"
	"{\"type\":\"network\",\"path\":\"/proc/1/ns/net\"},{\"type\":\"mount\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},"
	"{\"type\":\"user\"},{\"type\":\"cgroup\"},{\"type\":\"time\"}],"
	"\"uidMappings\":[{\"containerID\":0,\"hostID\":1000,\"size\":10}],"
	"\"gidMappings\":[{\"containerID\":0,\"hostID\":2000,\"size\":20}],"
	"\"devices\":[{\"type\":\"b\",\"path\":\"/dev/x\",\"major\":8,\"minor\":1,\"fileMode\":432,\"uid\":1,\"gid\":2}],"
	"\"timeOffsets\":{\"monotonic\":{\"secs\":-4,\"nanosecs\":5},\"boottime\":{\"secs\":6,\"nanosecs\":7}},"
	"\"sysctl\":{\"net.a\":\"1\"},\"rootfsPropagation\":\"rslave\","
	"\"resources\":{\"memory\":{\"limit\":1,\"reservation\":2,\"swap\":-1,\"swappiness\":4,\"disableOOMKiller\":true},"
	"\"cpu\":{\"shares\":1,\"quota\":2,\"period\":3,\"burst\":4,\"idle\":1,\"cpus\":\"0\",\"mems\":\"1\"},"
	"\"pids\":{\"limit\":9},\"blockIO\":{\"weight\":10,\"weightDevice\":[{\"major\":1,\"minor\":2,\"weight\":3,"
	"\"leafWeight\":4}],\"throttleReadBpsDevice\":[{\"major\":1,\"minor\":2,\"rate\":18446744073709551614}],"
	"\"throttleWriteBpsDevice\":[{\"major\":1,\"minor\":3,\"rate\":4}],"
	"\"throttleReadIOPSDevice\":[{\"major\":1,\"minor\":4,\"rate\":5}],"
	"\"throttleWriteIOPSDevice\":[{\"major\":1,\"minor\":5,\"rate\":6}]},"
	"\"devices\":[{\"allow\":false,\"type\":\"a\",\"access\":\"rwm\"},{\"allow\":true,\"type\":\"c\",\"access\":\"r\","
	"\"major\":1,\"minor\":3}],\"unified\":{\"memory.high\":\"5\"}},"
	"\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,\"architectures\":[\"SCMP_ARCH_X86\"],"
	"\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\"],\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":0,"
	"\"args\":[{\"index\":1,\"value\":18446744073709551615,\"valueTwo\":3,\"op\":\"SCMP_CMP_MASKED_EQ\"}]}]}},"
	"\"annotations\":{\"k\":\"v\"},\"berth\":{\"init\":true}}";

static struct spec *must_parse(const char *text)
{
	struct spec *s = NULL;
	struct err e = { 0 };
	if (spec_parse(text, strlen(text), "/bundle", &s, &e) < 0)
		fail_msg("%s", e.text);
	return s;
}

/* What was written is, as a document, what was read: nothing is lost and nothing is made up. */
static void every_member_survives_the_way_round(void **state)
{
	(void)state;
	auto_(spec) struct spec *s = must_parse(full);
	auto_(buf) struct buf out = { 0 };
	struct err e = { 0 };
	assert_int_equal(spec_validate(s, &e), 0);
	assert_int_equal(spec_write(s, &out, &e), 0);
	json_t *before = json_parse_wide(full, strlen(full), "before", &e);
	json_t *after = json_parse_wide(out.data, out.len, "after", &e);
	if (!json_equal(before, after))
		fail_msg("%s", out.data);
	json_decref(before);
	json_decref(after);
	auto_(spec) struct spec *again = must_parse(out.data);
	auto_(buf) struct buf second = { 0 };
	assert_int_equal(spec_write(again, &second, &e), 0);
	assert_string_equal(out.data, second.data);
}

static void members_land_in_their_fields(void **state)
{
	(void)state;
	auto_(spec) struct spec *s = must_parse(full);
	assert_string_equal(s->root_path, "/r");
	assert_true(s->root_readonly && s->init && s->process.terminal && s->process.no_new_privileges);
	assert_int_equal(s->process.console_width, 80);
	assert_int_equal(s->process.uid, 1);
	assert_int_equal(s->process.gid, 2);
	assert_int_equal(s->process.umask, 077);
	assert_int_equal(s->process.n_additional_gids, 2);
	assert_int_equal(s->process.additional_gids[1], 4);
	assert_string_equal(s->process.user, "u:g");
	assert_true(s->process.caps.bounding == (1u << CAP_CHOWN | 1u << CAP_KILL));
	assert_true(s->process.caps.ambient == 1u << CAP_CHOWN);
	assert_int_equal(s->process.rlimits[0].resource, RLIMIT_NOFILE);
	assert_true(s->process.rlimits[0].hard == RLIM_INFINITY);
	assert_int_equal(s->mounts[0].flags, MS_NOSUID);
	assert_int_equal(s->mounts[0].clear, MS_NOEXEC);
	assert_int_equal(s->mounts[1].flags, MS_BIND | MS_REC | MS_RDONLY);
	assert_int_equal(s->mounts[1].propagation, MS_SLAVE | MS_REC);
	assert_true(s->mounts[1].recursive_ro && s->mounts[1].source_is_file && s->mounts[2].copy_up);
	assert_string_equal(s->mounts[2].data, "mode=755,size=5k");
	assert_int_equal(s->ns[SPEC_NS_NET].mode, SPEC_NS_JOIN);
	assert_string_equal(s->ns[SPEC_NS_NET].path, "/proc/1/ns/net");
	assert_int_equal(s->uid_maps[0].host_id, 1000);
	assert_int_equal(s->monotonic_offset_s, -4);
	assert_int_equal(s->boottime_offset_ns, 7);
	assert_int_equal(s->devices[0].mode, 0660);
	assert_int_equal(s->rootfs_propagation, MS_SLAVE | MS_REC);
	assert_int_equal(s->resources.memory_swap, -1);
	assert_int_equal(s->resources.memory_oom_kill_disable, 1);
	assert_true(s->resources.read_bps[0].rate == UINT64_MAX - 1);
	assert_int_equal(s->resources.devices[0].major, -1);
	assert_string_equal(s->resources.unified[1], "5");
	assert_true(s->seccomp->rules[0].args[0].value == UINT64_MAX);
	assert_string_equal(s->sysctls[0].key, "net.a");
}

#define MIN(more) "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"rootfs\"}" more "}"

static void small_documents(void **state)
{
	(void)state;
	auto_(spec) struct spec *s =
		must_parse(MIN(",\"hooks\":{\"prestart\":[]},\"windows\":null,\"mounts\":[{\"destination\":"
			       "\"x\",\"source\":\"d\",\"options\":[\"bind\",\"mode=1\"]}],\"unknown\":{}"));
	assert_string_equal(s->root_path, "/bundle/rootfs");
	assert_null(s->process.args);
	assert_int_equal(s->process.umask, SPEC_UNSET);
	assert_int_equal(s->resources.memory_limit, SPEC_UNSET);
	assert_int_equal(s->ns[SPEC_NS_PID].mode, SPEC_NS_HOST);
	assert_string_equal(s->mounts[0].destination, "/x");
	assert_string_equal(s->mounts[0].source, "/bundle/d");
	assert_string_equal(s->mounts[0].type, "bind");
}

#define PROCESS(more) MIN(",\"process\":{" more "}")
#define LINUX(more)   MIN(",\"linux\":{" more "}")
#define RES(more)     LINUX("\"resources\":{" more "}")

static void bad_documents_name_the_member(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want;
	} t[] = {
		{ "", "config.json: line 1" },
		{ "[]", "config.json: must be an object" },
		{ "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"/r\"", "config.json: line 1" },
		{ "{\"a\":1,\"a\":2}", "duplicate" },
		{ "{\"a\":\"\\u0000\"}", "config.json: line 1" },
		{ "{\"a\":\"\\u0001wide:5\"}", "reserved mark" },
		{ "{\"a\":18446744073709551616}", "too big integer" },
		{ "{}", "ociVersion" },
		{ "{\"ociVersion\":\"2.0.0\",\"root\":{\"path\":\"/r\"}}", "ociVersion: 2.0.0 is not 1.x" },
		{ "{\"ociVersion\":1}", "ociVersion" },
		{ "{\"ociVersion\":\"1.0.0\"}", "root: missing" },
		{ "{\"ociVersion\":\"1.0.0\",\"root\":{}}", "root.path: missing" },
		{ MIN(",\"hooks\":{\"poststop\":[{\"path\":\"/x\"}]}"), "hooks.poststop: not built yet" },
		{ MIN(",\"vm\":{\"kernel\":{}}"), "vm: virtual machines" },
		{ MIN(",\"zos\":{\"namespaces\":[]}"), "zos:" },
		{ MIN(",\"mounts\":{}"), "mounts: must be a list" },
		{ MIN(",\"mounts\":[1]"), "mounts[0]: must be an object" },
		{ MIN(",\"mounts\":[{}]"), "mounts[0].destination: missing" },
		{ MIN(",\"mounts\":[{\"destination\":\"/x\"}]"), "mounts[0].type: missing" },
		{ MIN(",\"mounts\":[{\"destination\":\"/x\",\"type\":\"bind\"}]"),
			"mounts[0].source: missing" },
		{ MIN(",\"mounts\":[{\"destination\":\"/x\",\"type\":\"tmpfs\",\"options\":[\"remount\"]}]"),
			"mounts[0].options: mount option \"remount\"" },
		{ MIN(",\"mounts\":[{\"destination\":\"/x\",\"type\":\"tmpfs\",\"options\":[\"a,b\"]}]"),
			"holds a comma" },
		{ MIN(",\"mounts\":[{\"destination\":\"/x\",\"uidMappings\":[{}]}]"),
			"mounts[0].uidMappings" },
		{ PROCESS("\"args\":\"x\""), "process.args: must be a list" },
		{ PROCESS("\"env\":[null]"), "process.env[0]: must be a string" },
		{ PROCESS("\"user\":{\"uid\":-1}"), "process.user.uid" },
		{ PROCESS("\"user\":{\"uid\":4294967295}"), "process.user.uid" },
		{ PROCESS("\"user\":{\"uid\":\"0\"}"), "process.user.uid: must be a whole number" },
		{ PROCESS("\"user\":{\"additionalGids\":[4294967295]}"), "process.user.additionalGids[0]" },
		{ PROCESS("\"capabilities\":{\"bounding\":[\"CAP_CHOWN\",\"CAP_NOT\"]}"),
			"process.capabilities.bounding[1]: unknown capability \"CAP_NOT\"" },
		{ PROCESS("\"capabilities\":{\"ambient\":[\"chown\"]}"), "unknown capability \"chown\"" },
		{ PROCESS("\"rlimits\":[{\"type\":\"nofile\",\"soft\":1,\"hard\":1}]"),
			"process.rlimits[0].type" },
		{ PROCESS("\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":1}]"),
			"soft and hard are needed" },
		{ PROCESS("\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":-1,\"hard\":1}]"),
			"process.rlimits[0].soft" },
		{ PROCESS("\"oomScoreAdj\":1001"), "process.oomScoreAdj" },
		{ PROCESS("\"apparmorProfile\":\"x\""), "process.apparmorProfile: AppArmor" },
		{ PROCESS("\"selinuxLabel\":\"x\""), "process.selinuxLabel" },
		{ PROCESS("\"consoleSize\":{\"width\":65536}"), "process.consoleSize.width" },
		{ LINUX("\"namespaces\":[{\"type\":\"net\"}]"),
			"linux.namespaces[0].type: unknown namespace \"net\"" },
		{ LINUX("\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"pid\"}]"), "named twice" },
		{ LINUX("\"devices\":[{\"type\":\"x\",\"path\":\"/dev/x\"}]"), "linux.devices[0].type" },
		{ LINUX("\"devices\":[{\"type\":\"c\",\"path\":\"x\"}]"), "linux.devices[0].path" },
		{ LINUX("\"intelRdt\":{\"closID\":\"x\"}"), "linux.intelRdt: not built yet" },
		{ LINUX("\"rootfsPropagation\":\"x\""), "linux.rootfsPropagation" },
		{ LINUX("\"sysctl\":{\"a\":1}"), "linux.sysctl.a: must be a string" },
		{ LINUX("\"timeOffsets\":{\"monotonic\":{\"nanosecs\":1000000000}}"),
			"linux.timeOffsets.monotonic.nanosecs" },
		{ LINUX("\"seccomp\":{\"defaultAction\":\"x\"}"),
			"linux.seccomp: defaultAction: unknown action" },
		{ RES("\"memory\":{\"limit\":\"x\"}"),
			"linux.resources.memory.limit: must be a whole number" },
		{ RES("\"memory\":{\"limit\":18446744073709551615}"), "linux.resources.memory.limit" },
		{ RES("\"memory\":{\"kernel\":5}"), "linux.resources.memory.kernel" },
		{ RES("\"memory\":[]"), "linux.resources.memory: must be an object" },
		{ RES("\"pids\":{\"limit\":1.5}"), "linux.resources.pids.limit" },
		{ RES("\"hugepageLimits\":[{}]"), "linux.resources.hugepageLimits" },
		{ RES("\"devices\":[{\"allow\":true,\"type\":\"x\"}]"), "linux.resources.devices[0].type" },
		{ RES("\"devices\":[{\"access\":\"x\"}]"), "linux.resources.devices[0].access" },
		{ RES("\"unified\":{\"../x.y\":\"1\"}"), "not the name of a cgroup file" },
		{ RES("\"blockIO\":{\"throttleReadBpsDevice\":[{\"rate\":-1}]}"),
			"throttleReadBpsDevice[0].rate" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct spec *s = NULL;
		struct err e = { 0 };
		int r = spec_parse(t[i].text, strlen(t[i].text), "/b", &s, &e);
		if (r >= 0 || r != -e.code || s || !strstr(e.text, t[i].want))
			fail_msg("%s: %d \"%s\", expected \"%s\"", t[i].text, r, e.text, t[i].want);
	}
}

static void hostile_documents(void **state)
{
	(void)state;
	enum { DEEP = 200000 };
	char *deep = malloc(DEEP);
	struct spec *s = NULL;
	struct err e = { 0 };
	assert_non_null(deep);
	memset(deep, '[', DEEP);
	assert_int_equal(spec_parse(deep, DEEP, "/b", &s, &e), -EINVAL);
	assert_non_null(strstr(e.text, "depth"));
	memset(deep, 0, DEEP);
	assert_int_equal(spec_parse(deep, DEEP, "/b", &s, &e), -EINVAL);
	memset(deep, '9', DEEP);
	assert_int_equal(spec_parse(deep, DEEP, "/b", &s, &e), -EINVAL);
	free(deep);
	for (size_t cut = 0; cut < sizeof(full) - 1; cut++)
		assert_int_equal(spec_parse(full, cut, "/b", &s, &e), -EINVAL);
	assert_null(s);
}

static void validation(void **state)
{
	(void)state;
#define OK_PROCESS "\"process\":{\"args\":[\"a\"],\"cwd\":\"/\"}"
#define OK_NS	   "\"namespaces\":[{\"type\":\"mount\"}"
	static const struct {
		const char *text, *want;
	} t[] = {
		{ MIN(""), "process.args" },
		{ MIN(",\"process\":{\"args\":[]}"), "process.args" },
		{ MIN(",\"process\":{\"args\":[\"a\"],\"cwd\":\"x\"}"), "process.cwd" },
		{ MIN(",\"process\":{\"args\":[\"a\"],\"cwd\":\"/\",\"env\":[\"x\"]}"), "process.env[0]" },
		{ MIN("," OK_PROCESS), "new mount namespace" },
		{ MIN("," OK_PROCESS ",\"hostname\":\"x\",\"linux\":{" OK_NS "]}"),
			"hostname: needs a uts namespace" },
		{ MIN("," OK_PROCESS ",\"linux\":{" OK_NS ",{\"type\":\"user\"}]}"), "linux.uidMappings" },
		{ MIN("," OK_PROCESS ",\"linux\":{" OK_NS "],\"uidMappings\":[{\"size\":1}]}"),
			"no new user namespace" },
		{ MIN("," OK_PROCESS ",\"linux\":{" OK_NS
		      ",{\"type\":\"user\"}],\"uidMappings\":[{\"size\":2},{\"size\":1}],"
		      "\"gidMappings\":[{\"size\":1}]}"),
			"linux.uidMappings[1]: overlaps" },
		{ MIN("," OK_PROCESS ",\"linux\":{" OK_NS
		      ",{\"type\":\"user\"}],\"uidMappings\":[{\"size\":0}],"
		      "\"gidMappings\":[{\"size\":1}]}"),
			"linux.uidMappings[0].size" },
		{ MIN("," OK_PROCESS ",\"linux\":{" OK_NS "],\"timeOffsets\":{\"boottime\":{\"secs\":1}}}"),
			"linux.timeOffsets" },
		{ MIN("," OK_PROCESS ",\"linux\":{" OK_NS ",{\"type\":\"ipc\",\"path\":\"x\"}]}"),
			"path must be absolute" },
		{ MIN("," OK_PROCESS
		      ",\"mounts\":[{\"destination\":\"/proc/self/attr\",\"type\":\"tmpfs\"}],\"linux\":{" OK_NS
		      "]}"),
			"inside /proc" },
		{ MIN("," OK_PROCESS
		      ",\"mounts\":[{\"destination\":\"/a/..//proc\",\"type\":\"tmpfs\"}],\"linux\":{" OK_NS
		      "]}"),
			"inside /proc" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_(spec) struct spec *s = must_parse(t[i].text);
		struct err e = { 0 };
		int r = spec_validate(s, &e);
		if (r >= 0 || r != -e.code || !strstr(e.text, t[i].want))
			fail_msg("%s: %d \"%s\", expected \"%s\"", t[i].text, r, e.text, t[i].want);
	}
	auto_(spec) struct spec *s =
		must_parse(MIN("," OK_PROCESS ",\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\"},"
			       "{\"destination\":\"/proc/uptime\",\"type\":\"bind\",\"source\":\"/x\"}],"
			       "\"linux\":{" OK_NS "]}"));
	struct err e = { 0 };
	if (spec_validate(s, &e) < 0)
		fail_msg("%s", e.text);
}

static void names_of_capabilities_and_limits(void **state)
{
	(void)state;
	int n = 0;
	for (; caps_name(n); n++) {
		assert_int_equal(caps_from_name(caps_name(n)), n);
		assert_int_equal(caps_from_name(caps_name(n) + 4), n);
	}
	assert_int_equal(n, CAP_LAST_CAP + 1);
	assert_int_equal(caps_from_name("net_admin"), CAP_NET_ADMIN);
	assert_int_equal(caps_from_name("CAP_"), -EINVAL);
	assert_int_equal(caps_from_name(""), -EINVAL);
	assert_int_equal(__builtin_popcountll(caps_docker_default()), 14);
	for (n = 0; rlimit_name(n); n++) {
		assert_int_equal(rlimit_from_name(rlimit_name(n)), n);
		assert_int_equal(rlimit_from_name(rlimit_name(n) + 7), n);
	}
	assert_int_equal(n, RLIM_NLIMITS);
	assert_int_equal(rlimit_from_name("nofile"), RLIMIT_NOFILE);
	assert_int_equal(rlimit_from_name("RLIMIT_nofile"), -EINVAL);
}

static void adding_and_dropping_capabilities(void **state)
{
	(void)state;
	const uint64_t base = caps_docker_default(), chown = 1u << CAP_CHOWN, admin = 1u << CAP_SYS_ADMIN;
	const char *const all[] = { "all", NULL }, *const c[] = { "CHOWN", NULL },
			  *const s[] = { "CAP_SYS_ADMIN", NULL }, *const bad[] = { "X", NULL };
	const struct {
		const char *const *add, *const *drop;
		uint64_t want;
	} t[] = {
		{ NULL, NULL, base },
		{ s, NULL, base | admin },
		{ NULL, c, base & ~chown },
		{ c, all, chown },
		{ all, NULL, caps_all() },
		{ all, c, caps_all() & ~chown },
		{ NULL, all, 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		uint64_t out;
		struct err e = { 0 };
		assert_int_equal(caps_tweak(base, t[i].add, t[i].drop, &out, &e), 0);
		assert_true(out == t[i].want);
	}
	uint64_t out;
	struct err e = { 0 };
	assert_int_equal(caps_tweak(base, bad, NULL, &out, &e), -EINVAL);
	assert_string_equal(e.text, "invalid CapAdd: unknown capability: \"X\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENTRY(every_member_survives_the_way_round),
		ENTRY(members_land_in_their_fields),
		ENTRY(small_documents),
		ENTRY(bad_documents_name_the_member),
		ENTRY(hostile_documents),
		ENTRY(validation),
		ENTRY(names_of_capabilities_and_limits),
		ENTRY(adding_and_dropping_capabilities),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
