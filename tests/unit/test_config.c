#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/fields.h"
#include "base/json.h"
#include "supervisor/config.h"

#define ENTRY(t) cmocka_unit_test(t)
#define ID	 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static int parse(const char *text, struct config **out, struct err *e)
{
	auto_(json) json_t *body = json_parse(text, strlen(text), "body", e);
	if (!body)
		fail_msg("%s: %s", text, e->text);
	return config_parse(body, out, e);
}

static struct config *must_parse(const char *text)
{
	struct config *c = NULL;
	struct err e = { 0 };
	if (parse(text, &c, &e) < 0)
		fail_msg("%s: %s", text, e.text);
	return c;
}

static struct config *host(const char *members)
{
	char text[2048];
	(void)snprintf(
		text, sizeof(text), "{\"Image\":\"dir:/r\",\"Cmd\":[\"x\"],\"HostConfig\":{%s}}", members);
	return must_parse(text);
}

struct bad {
	const char *text; /* HostConfig members */
	int code;
	const char *want; /* whole text when it starts with '=', else a part of it */
};

static void check_bad(const struct bad *t, size_t n, bool in_host)
{
	for (size_t i = 0; i < n; i++) {
		struct config *c = NULL;
		struct err e = { 0 };
		char text[2048];
		(void)snprintf(text, sizeof(text), in_host ? "{\"HostConfig\":{%s}}" : "{%s}", t[i].text);
		int r = parse(text, &c, &e);
		bool same = t[i].want[0] == '=' ? strcmp(e.text, t[i].want + 1) == 0
						: strstr(e.text, t[i].want) != NULL;
		if (r != -t[i].code || r != -e.code || !same || c)
			fail_msg("%s: %d \"%s\", expected %d \"%s\"", text, r, e.text, -t[i].code, t[i].want);
	}
}

static void the_log(void **state)
{
	(void)state;
	static const struct bad t[] = {
		{ "\"LogConfig\":{\"Config\":{\"max-sise\":\"1m\"}}", EINVAL,
			"=HostConfig.LogConfig.Config: unknown log opt 'max-sise' for json-file log driver" },
		{ "\"LogConfig\":{\"Type\":\"none\",\"Config\":{\"max-size\":\"1m\"}}", EINVAL,
			"=HostConfig.LogConfig.Config: unknown log opt 'max-size' for none log driver" },
		{ "\"LogConfig\":{\"Config\":{\"max-size\":1}}", EINVAL, "max-size: must be a string" },
		{ "\"LogConfig\":{\"Config\":{\"max-size\":\"0\"}}", EINVAL, "max-size: \"0\" is no size" },
		{ "\"LogConfig\":{\"Config\":{\"max-size\":\"1q\"}}", EINVAL, "max-size: \"1q\" is no size" },
		{ "\"LogConfig\":{\"Config\":{\"max-size\":\"0x10\"}}", EINVAL, "is no size" },
		{ "\"LogConfig\":{\"Config\":{\"max-size\":\"1e9\"}}", EINVAL, "is no size" },
		{ "\"LogConfig\":{\"Config\":{\"max-size\":\"9999999999g\"}}", EINVAL, "is no size" },
		{ "\"LogConfig\":{\"Config\":{\"max-file\":\"0\"}}", EINVAL,
			"is not a number from 1 to 1000" },
		{ "\"LogConfig\":{\"Config\":{\"mode\":\"fast\"}}", EINVAL, "neither \"blocking\" nor" },
		{ "\"LogConfig\":{\"Config\":{\"compress\":\"true\"}}", EINVAL, "not compressed here" },
		{ "\"LogConfig\":{\"Config\":{\"tag\":\"x\"}}", EINVAL, "unknown log opt 'tag'" },
	};
	check_bad(t, ARRAY_LEN(t), true);
	static const struct bad memory[] = {
		{ "\"Berth\":{\"Logs\":\"volatile\"},\"HostConfig\":{\"LogConfig\":{\"Config\":{\"max-size\":\"-1\"}}}",
			EINVAL, "volatile logs are in memory" },
		{ "\"Berth\":{\"Logs\":\"ram\"}", EINVAL, "neither \"disk\" nor \"volatile\"" },
	};
	check_bad(memory, ARRAY_LEN(memory), false);
	static const struct {
		const char *config;
		int64_t bytes;
		int files;
	} good[] = {
		{ "{}", 10000000, 3 },
		{ "{\"max-size\":\"10m\"}", 10000000, 3 },
		{ "{\"max-size\":\"10MB\",\"max-file\":\"1\"}", 10000000, 1 },
		{ "{\"max-size\":\"1.5k\",\"max-file\":\"1000\"}", 1500, 1000 },
		{ "{\"max-size\":\"2 GiB\"}", 2000000000, 3 },
		{ "{\"max-size\":\"77\"}", 77, 3 },
		{ "{\"max-size\":\"-1\"}", 0, 3 },
		{ "{\"mode\":\"non-blocking\",\"max-buffer-size\":\"4m\",\"compress\":\"false\"}", 10000000,
			3 },
	};
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		char text[256];
		(void)snprintf(text, sizeof(text), "\"LogConfig\":{\"Type\":\"local\",\"Config\":%s}",
			good[i].config);
		struct config *c = host(text);
		assert_int_equal(c->log_max_bytes, good[i].bytes);
		assert_int_equal(c->log_max_files, good[i].files);
		assert_int_equal(c->log, CONFIG_LOG_FILE);
		config_free(c);
	}
	struct config *c = host("\"LogConfig\":{\"Type\":\"none\"}");
	assert_int_equal(c->log, CONFIG_LOG_NONE);
	config_free(c);
	c = must_parse("{\"Image\":\"dir:/r\",\"Berth\":{\"Logs\":\"volatile\"}}");
	assert_true(c->log_volatile);
	assert_int_equal(c->log_max_bytes * c->log_max_files, 2000000);
	config_free(c);
}

static void docker_texts_for_resources(void **state)
{
	(void)state;
	static const struct bad t[] = {
		{ "\"Memory\":6291455", EINVAL, "=Minimum memory limit allowed is 6MB" },
		{ "\"Memory\":-1", EINVAL, "=Minimum memory limit allowed is 6MB" },
		{ "\"Memory\":\"x\"", EINVAL, "=HostConfig.Memory: must be a whole number" },
		{ "\"Memory\":8388608,\"MemorySwap\":8388607", EINVAL,
			"=Minimum memoryswap limit should be larger than memory limit, see usage" },
		{ "\"MemorySwap\":8388607", EINVAL,
			"=You should always set the Memory limit when using Memoryswap limit, see usage" },
		{ "\"MemorySwap\":-2", EINVAL, "HostConfig.MemorySwap" },
		{ "\"MemorySwappiness\":101", EINVAL,
			"=Invalid value: 101, valid memory swappiness range is 0-100" },
		{ "\"MemorySwappiness\":-2", EINVAL, "valid memory swappiness range is 0-100" },
		{ "\"Memory\":8388608,\"MemoryReservation\":8388609", EINVAL,
			"=Minimum memory limit can not be less than memory reservation limit, see usage" },
		{ "\"MemoryReservation\":5", EINVAL, "=Minimum memory reservation allowed is 6MB" },
		{ "\"NanoCpus\":1,\"CpuPeriod\":1000", EINVAL,
			"=Conflicting options: Nano CPUs and CPU Period cannot both be set" },
		{ "\"NanoCpus\":1,\"CpuQuota\":1000", EINVAL,
			"=Conflicting options: Nano CPUs and CPU Quota cannot both be set" },
		{ "\"NanoCpus\":9999999", EINVAL, "range of CPUs is from 0.01 to " },
		{ "\"NanoCpus\":-1", EINVAL, "range of CPUs is from 0.01 to " },
		{ "\"NanoCpus\":9223372036854775807", EINVAL, "range of CPUs is from 0.01 to " },
		{ "\"CpuPeriod\":999", EINVAL, "CPU cfs period can not be less than 1ms (i.e. 1000)" },
		{ "\"CpuPeriod\":1000001", EINVAL, "or larger than 1s (i.e. 1000000)" },
		{ "\"CpuQuota\":999", EINVAL, "=CPU cfs quota can not be less than 1ms (i.e. 1000)" },
		{ "\"CpusetCpus\":\"0-\"", EINVAL, "=Invalid value 0- for cpuset cpus" },
		{ "\"CpusetCpus\":\"3-1\"", EINVAL, "=Invalid value 3-1 for cpuset cpus" },
		{ "\"CpusetCpus\":\"1,\"", EINVAL, "=Invalid value 1, for cpuset cpus" },
		{ "\"CpusetMems\":\"a\"", EINVAL, "=Invalid value a for cpuset mems" },
		{ "\"BlkioWeight\":9", EINVAL, "=Range of blkio weight is from 10 to 1000" },
		{ "\"BlkioWeight\":1001", EINVAL, "=Range of blkio weight is from 10 to 1000" },
		{ "\"BlkioDeviceReadBps\":[{\"Path\":\"sda\",\"Rate\":1}]", EINVAL,
			"HostConfig.BlkioDeviceReadBps[0].Path" },
		{ "\"BlkioWeightDevice\":[{\"Path\":\"/d\",\"Weight\":9}]", EINVAL,
			"HostConfig.BlkioWeightDevice[0].Weight" },
		{ "\"OomScoreAdj\":1001", EINVAL,
			"=Invalid value 1001, range for oom score adj is [-1000, 1000]" },
		{ "\"ShmSize\":-1", EINVAL, "=SHM size can not be less than 0" },
		{ "\"DeviceRequests\":[{}]", EOPNOTSUPP, "=HostConfig.DeviceRequests: not built yet" },
		{ "\"CpuRealtimeRuntime\":1", EOPNOTSUPP, "HostConfig.CpuRealtimeRuntime" },
	};
	check_bad(t, ARRAY_LEN(t), true);
}

static void docker_texts_for_the_rest(void **state)
{
	(void)state;
	static const struct bad t[] = {
		{ "\"RestartPolicy\":{\"Name\":\"always\",\"MaximumRetryCount\":1}", EINVAL,
			"=invalid restart policy: maximum retry count cannot be used with restart policy 'always'" },
		{ "\"RestartPolicy\":{\"Name\":\"\",\"MaximumRetryCount\":1}", EINVAL,
			"with restart policy 'no'" },
		{ "\"RestartPolicy\":{\"Name\":\"on-failure\",\"MaximumRetryCount\":-1}", EINVAL,
			"=invalid restart policy: maximum retry count cannot be negative" },
		{ "\"RestartPolicy\":{\"Name\":\"never\"}", EINVAL,
			"invalid restart policy: unknown policy 'never'" },
		{ "\"AutoRemove\":true,\"RestartPolicy\":{\"Name\":\"always\"}", EINVAL,
			"=can't create 'AutoRemove' container with restart policy" },
		{ "\"CapAdd\":[\"NET_ADMINN\"]", EINVAL,
			"=invalid CapAdd: unknown capability: \"NET_ADMINN\"" },
		{ "\"CapDrop\":[\"CAP_\"]", EINVAL, "invalid CapDrop" },
		{ "\"CapAdd\":[1]", EINVAL, "=HostConfig.CapAdd[0]: must be a string" },
		{ "\"SecurityOpt\":[\"label=type:x\"]", EOPNOTSUPP, "cannot be honoured" },
		{ "\"SecurityOpt\":[\"apparmor=docker-default\"]", EOPNOTSUPP, "cannot be honoured" },
		{ "\"SecurityOpt\":[\"no-new-privileges:maybe\"]", EINVAL, "invalid --security-opt" },
		{ "\"SecurityOpt\":[\"seccomp\"]", EINVAL, "invalid --security-opt" },
		{ "\"SecurityOpt\":[\"selinux=x\"]", EINVAL, "invalid --security-opt 2: \"selinux=x\"" },
		{ "\"PidMode\":\"private\"", EINVAL, "=invalid PID mode: private" },
		{ "\"IpcMode\":\"x\"", EINVAL, "=invalid IPC mode: x" },
		{ "\"UTSMode\":\"container:a\"", EINVAL, "=invalid UTS mode: container:a" },
		{ "\"CgroupnsMode\":\"x\"", EINVAL, "=invalid cgroup namespace mode: x" },
		{ "\"UsernsMode\":\"private\"", EINVAL, "=invalid user namespace mode: private" },
		{ "\"NetworkMode\":\"web\"", EOPNOTSUPP, "networks are not built yet" },
		{ "\"NetworkMode\":\"container:\"", EINVAL, "=invalid network mode: container:" },
		{ "\"PortBindings\":{\"80/tcp\":[{\"HostPort\":\"1\"}]}", EOPNOTSUPP,
			"=HostConfig.PortBindings: not built yet" },
		{ "\"PublishAllPorts\":true", EOPNOTSUPP, "=HostConfig.PublishAllPorts: not built yet" },
		{ "\"Links\":[\"a:b\"]", EOPNOTSUPP, "=HostConfig.Links: not built yet" },
		{ "\"LogConfig\":{\"Type\":\"syslog\"}", EINVAL,
			"=HostConfig.LogConfig.Type: logger: no log driver named 'syslog' is registered" },
		{ "\"Runtime\":\"kata\"", EINVAL, "=unknown or invalid runtime name: kata" },
		{ "\"Sysctls\":{\"kernel.core_pattern\":\"|x\"}", EINVAL,
			"sysctl \"kernel.core_pattern\" is not in a separate kernel namespace" },
		{ "\"Sysctls\":{\"net.ipv4.ip_forward+x\":\"1\"}", EINVAL, "is not the name of a sysctl" },
		{ "\"Sysctls\":{\"net../../kernel.x\":\"1\"}", EINVAL, "is not the name of a sysctl" },
		{ "\"Sysctls\":{\"vm.swappiness\":\"1\"}", EINVAL, "is not in a separate kernel namespace" },
		{ "\"NetworkMode\":\"host\",\"Sysctls\":{\"net.ipv4.ip_forward\":\"1\"}", EINVAL,
			"not allowed in host network namespace" },
		{ "\"IpcMode\":\"host\",\"Sysctls\":{\"kernel.sem\":\"1\"}", EINVAL,
			"not allowed in host ipc namespace" },
		{ "\"Ulimits\":[{\"Name\":\"files\",\"Soft\":1,\"Hard\":1}]", EINVAL,
			"invalid ulimit type: files" },
		{ "\"Ulimits\":[{\"Name\":\"nofile\",\"Soft\":2,\"Hard\":1}]", EINVAL,
			"ulimit soft limit must be less than or equal to hard limit: 2 > 1" },
		{ "\"Ulimits\":[{\"Name\":\"nofile\",\"Soft\":-1,\"Hard\":1}]", EINVAL, "ulimit soft limit" },
		{ "\"Ulimits\":[{\"Name\":\"core\"},{\"Name\":\"core\"}]", EINVAL,
			"HostConfig.Ulimits[1]: named twice" },
		{ "\"Devices\":[{\"PathOnHost\":\"/dev/x\",\"CgroupPermissions\":\"rx\"}]", EINVAL,
			"=invalid device permissions: rx" },
		{ "\"DeviceCgroupRules\":[\"c 1:3\"]", EINVAL,
			"=invalid device cgroup rule format: 'c 1:3'" },
		{ "\"DeviceCgroupRules\":[\"d 1:3 r\"]", EINVAL, "invalid device cgroup rule format" },
		{ "\"DeviceCgroupRules\":[\"c 1*:3 r\"]", EINVAL, "invalid device cgroup rule format" },
		{ "\"ExtraHosts\":[\"a\\nb 6.6.6.6 c:1.2.3.4\"]", EINVAL, "HostConfig.ExtraHosts: " },
		{ "\"Dns\":[\"1.1.1.1\\nnameserver 6.6.6.6\"]", EINVAL, "is not one word" },
		{ "\"DnsSearch\":[\"a b\"]", EINVAL, "HostConfig.DnsSearch: \"a b\" is not one word" },
		{ "\"DnsOptions\":[\"\"]", EINVAL, "HostConfig.DnsOptions: \"\" is not one word" },
		{ "\"ExtraHosts\":[\"db\"]", EINVAL, "=bad format for add-host: \"db\"" },
	};
	check_bad(t, ARRAY_LEN(t), true);
}

static void docker_texts_at_the_top(void **state)
{
	(void)state;
	static const struct bad t[] = {
		{ "\"HostConfig\":[]", EINVAL, "=HostConfig: must be an object" },
		{ "\"Tty\":1", EINVAL, "=Tty: must be true or false" },
		{ "\"Env\":[\"=x\"]", EINVAL, "=invalid environment variable: =x" },
		{ "\"Env\":\"A=b\"", EINVAL, "=Env: must be a list" },
		{ "\"Cmd\":[1]", EINVAL, "=Cmd[0]: must be a string" },
		{ "\"WorkingDir\":\"tmp\"", EINVAL,
			"=the working directory 'tmp' is invalid, it needs to be an absolute path" },
		{ "\"StopSignal\":\"SIGFOO\"", EINVAL, "=invalid signal: SIGFOO" },
		{ "\"Hostname\":\"a123456789a123456789a123456789a123456789a123456789a123456789abcde\"",
			EINVAL, "invalid hostname format" },
		{ "\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"]}", EOPNOTSUPP, "=Healthcheck: not built yet" },
		{ "\"MacAddress\":\"02:00:00:00:00:01\"", EOPNOTSUPP, "=MacAddress: not built yet" },
		{ "\"Hostname\":\"a\",\"HostConfig\":{\"NetworkMode\":\"container:b\"}", EINVAL,
			"=conflicting options: hostname and the network mode" },
		{ "\"Hostname\":\"a\",\"HostConfig\":{\"UTSMode\":\"host\"}", EINVAL,
			"=conflicting options: hostname and the UTS mode" },
		{ "\"NetworkingConfig\":{\"EndpointsConfig\":{\"web\":{}}}", EOPNOTSUPP,
			"networks are not built yet" },
		{ "\"NetworkingConfig\":{\"EndpointsConfig\":{\"default\":{\"Aliases\":[\"a\"]}}}",
			EOPNOTSUPP, "Aliases" },
		{ "\"Berth\":{\"Upper\":\"ram\"}", EINVAL,
			"=Berth.Upper: \"ram\" is neither \"disk\" nor \"tmpfs\"" },
		{ "\"Berth\":{\"PostStart\":[{\"Cmd\":[]}]}", EINVAL,
			"Berth.PostStart[0].Cmd: must be a list that is not empty" },
		{ "\"Berth\":{\"PreStop\":[{\"Cmd\":[\"a\",1]}]}", EINVAL,
			"Berth.PreStop[0].Cmd[1]: must be a string" },
		{ "\"Berth\":{\"PreStop\":{}}", EINVAL, "Berth.PreStop" },
		{ "\"Berth\":{\"Files\":[{\"Content\":\"\"}]}", EINVAL,
			"Berth.Files[0].Target: must be an absolute path in the container" },
		{ "\"Berth\":{\"Files\":[{\"Target\":\"/x/..\",\"Content\":\"\"}]}", EINVAL,
			"Berth.Files[0].Target: must be an absolute path in the container" },
		{ "\"Berth\":{\"Files\":[{\"Target\":\"/x\"}]}", EINVAL,
			"Berth.Files[0]: needs Source or Content, and not both" },
		{ "\"Berth\":{\"Files\":[{\"Target\":\"/x\",\"Content\":\"\",\"Source\":\"/y\"}]}", EINVAL,
			"Berth.Files[0]: needs Source or Content, and not both" },
		{ "\"Berth\":{\"Files\":[{\"Target\":\"/x\",\"Source\":\"y\"}]}", EINVAL,
			"Berth.Files[0].Source: must be an absolute path" },
		{ "\"Berth\":{\"Files\":[{\"Target\":\"/x\",\"Content\":\"\"},{\"Target\":\"//x\",\"Content\":\"\"}]}",
			EINVAL, "Duplicate mount point: /x" },
		{ "\"Berth\":{\"Files\":[{\"Target\":\"/x\",\"Content\":\"\"}]},\"HostConfig\":{\"Tmpfs\":{\"/x\":\"\"}}",
			EINVAL, "Duplicate mount point: /x" },
		{ "\"Berth\":{\"UserMaps\":{\"Uid\":[{\"HostID\":1,\"Size\":1}]}}", EINVAL,
			"Uid and Gid are both needed" },
		{ "\"Berth\":{\"UserMaps\":{\"Uid\":[{\"HostID\":1}]}}", EINVAL,
			"Berth.UserMaps.Uid[0].Size: missing" },
	};
	check_bad(t, ARRAY_LEN(t), false);
}

static void docker_texts_for_mounts(void **state)
{
	(void)state;
	static const struct bad t[] = {
		{ "\"Binds\":[\"\"]", EINVAL, "=invalid volume specification: ''" },
		{ "\"Binds\":[\"/a:/b:ro:x\"]", EINVAL, "=invalid volume specification: '/a:/b:ro:x'" },
		{ "\"Binds\":[\"/a:\"]", EINVAL, "invalid volume specification" },
		{ "\"Binds\":[\"/a:b\"]", EINVAL, "mount path must be absolute" },
		{ "\"Binds\":[\"/a:/\"]", EINVAL, "destination can't be '/'" },
		{ "\"Binds\":[\"/a:/b/..\"]", EINVAL, "destination can't be '/'" },
		{ "\"Binds\":[\"/a:/b:rx\"]", EINVAL, "invalid mode: rx" },
		{ "\"Binds\":[\"/a:/b:ro,rw\"]", EINVAL, "invalid mode: ro,rw" },
		{ "\"Binds\":[\"/a:/b:rshared,slave\"]", EINVAL, "invalid mode" },
		{ "\"Binds\":[\"/a:/b:nocopy\"]", EINVAL, "invalid mode" },
		{ "\"Binds\":[\"./a:/b\"]", EINVAL, "includes invalid characters for a local volume name" },
		{ "\"Binds\":[\"../../etc:/b\"]", EINVAL, "includes invalid characters" },
		{ "\"Binds\":[\"/a:/b\",\"/c:/b/\"]", EINVAL, "=Duplicate mount point: /b" },
		{ "\"Binds\":[\"/a:/b\"],\"Tmpfs\":{\"/b\":\"\"}", EINVAL, "=Duplicate mount point: /b" },
		{ "\"Mounts\":[{\"Type\":\"bind\",\"Target\":\"/b\"}]", EINVAL,
			"=invalid mount config for type \"bind\": field Source must not be empty" },
		{ "\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/b\"}]", EINVAL,
			"=invalid mount config for type \"bind\": field Target must not be empty" },
		{ "\"Mounts\":[{\"Type\":\"tmpfs\",\"Source\":\"/b\",\"Target\":\"/b\"}]", EINVAL,
			"=invalid mount config for type \"tmpfs\": field Source must not be specified" },
		{ "\"Mounts\":[{\"Type\":\"npipe\",\"Target\":\"/b\"}]", EINVAL,
			"mount type unknown: \"npipe\"" },
		{ "\"Mounts\":[{\"Type\":\"image\",\"Source\":\"x\",\"Target\":\"/b\"}]", EOPNOTSUPP,
			"not built yet" },
		{ "\"Mounts\":[{\"Type\":\"volume\",\"Source\":\"vv\",\"Target\":\"/b\",\"VolumeOptions\":{\"Subpath\":\"../x\"}}]",
			EINVAL, "subpath must be a relative path within the volume" },
		{ "\"Mounts\":[{\"Type\":\"volume\",\"Source\":\"vv\",\"Target\":\"/b\",\"VolumeOptions\":{\"DriverConfig\":{"
		  "\"Name\":\"nfs\"}}}]",
			EOPNOTSUPP, "DriverConfig: not built yet" },
		{ "\"Mounts\":[{\"Type\":\"tmpfs\",\"Target\":\"/b\",\"TmpfsOptions\":{\"Options\":[[\"x\",\"1\"]]}}]",
			EINVAL, "invalid tmpfs option [\"x=1\"]" },
		{ "\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/a\",\"Target\":\"/b\",\"BindOptions\":{"
		  "\"ReadOnlyNonRecursive\":true}}]",
			EINVAL, "mount is not read-only" },
		{ "\"Tmpfs\":{\"/b\":\"siez=1m\"}", EINVAL,
			"=HostConfig.Tmpfs: invalid tmpfs option [\"siez=1m\"]" },
		{ "\"Tmpfs\":{\"/b\":\"rbind\"}", EINVAL, "invalid tmpfs option" },
		{ "\"VolumeDriver\":\"nfs\"", EOPNOTSUPP, "HostConfig.VolumeDriver" },
	};
	check_bad(t, ARRAY_LEN(t), true);
}

static void numbers_become_limits(void **state)
{
	(void)state;
	auto_(config) struct config *c = host(
		"\"Memory\":67108864,\"NanoCpus\":1500000000,\"CpuShares\":512,\"PidsLimit\":100,\"CpusetCpus\":\"0-1,3\","
		"\"MemorySwappiness\":-1,\"OomKillDisable\":false,\"ShmSize\":1048576,\"OomScoreAdj\":-500,"
		"\"Ulimits\":[{\"Name\":\"nofile\",\"Soft\":10,\"Hard\":20},{\"Name\":\"core\",\"Soft\":-1,\"Hard\":-1}],"
		"\"DeviceCgroupRules\":[\"c *:3 rm\"],\"BlkioDeviceWriteIOps\":[{\"Path\":\"/dev/sda\",\"Rate\":7}]");
	assert_int_equal(c->resources.memory_limit, 67108864);
	assert_int_equal(c->resources.memory_swap, 2 * 67108864);
	assert_int_equal(c->resources.memory_swappiness, SPEC_UNSET);
	assert_int_equal(c->resources.memory_oom_kill_disable, 0);
	assert_int_equal(c->resources.cpu_period_us, 100000);
	assert_int_equal(c->resources.cpu_quota_us, 150000);
	assert_int_equal(c->resources.cpu_shares, 512);
	assert_int_equal(c->resources.pids_limit, 100);
	assert_string_equal(c->resources.cpuset_cpus, "0-1,3");
	assert_int_equal(c->shm_bytes, 1048576);
	assert_int_equal(c->oom_score_adj, -500);
	assert_int_equal(c->n_rlimits, 2);
	assert_int_equal(c->rlimits[0].resource, RLIMIT_NOFILE);
	assert_int_equal(c->rlimits[0].hard, 20);
	assert_true(c->rlimits[1].soft == RLIM_INFINITY);
	assert_int_equal(c->n_device_rules, 1);
	assert_int_equal(c->device_rules[0].major, -1);
	assert_true(c->device_rules[0].mknod && !c->device_rules[0].write);
	assert_int_equal(c->io_devices[0].kind, CONFIG_IO_WRITE_IOPS);
	assert_int_equal(c->io_devices[0].value, 7);
	auto_(config) struct config *none = host("\"PidsLimit\":-1,\"MemorySwap\":-1,\"Memory\":0");
	assert_int_equal(none->resources.pids_limit, SPEC_UNSET);
	assert_int_equal(none->resources.memory_swap, -1);
	assert_int_equal(none->resources.memory_limit, SPEC_UNSET);
	assert_int_equal(none->shm_bytes, CONFIG_SHM_BYTES);
}

static void modes_and_security(void **state)
{
	(void)state;
	auto_(config) struct config *c = host(
		"\"PidMode\":\"container:a\",\"IpcMode\":\"shareable\",\"UTSMode\":\"host\",\"NetworkMode\":\"none\","
		"\"CgroupnsMode\":\"host\",\"SecurityOpt\":[\"no-new-privileges\",\"seccomp={\\\"defaultAction\\\":1}\"],"
		"\"CapAdd\":[\"ALL\",\"cap_chown\"],\"RestartPolicy\":{\"Name\":\"on-failure\",\"MaximumRetryCount\":3},"
		"\"MaskedPaths\":[],\"Sysctls\":{\"net.core.somaxconn\":\"10\"}");
	assert_int_equal(c->ns[SPEC_NS_PID].mode, CONFIG_NS_CONTAINER);
	assert_string_equal(c->ns[SPEC_NS_PID].container, "a");
	assert_int_equal(c->ns[SPEC_NS_IPC].mode, CONFIG_NS_SHAREABLE);
	assert_int_equal(c->ns[SPEC_NS_UTS].mode, CONFIG_NS_HOST);
	assert_int_equal(c->ns[SPEC_NS_NET].mode, CONFIG_NS_NONE);
	assert_int_equal(c->ns[SPEC_NS_CGROUP].mode, CONFIG_NS_HOST);
	assert_true(c->no_new_privileges);
	assert_int_equal(c->seccomp, CONFIG_SECCOMP_PROFILE);
	assert_string_equal(c->seccomp_profile, "{\"defaultAction\":1}");
	assert_int_equal(c->restart, CONFIG_RESTART_ON_FAILURE);
	assert_int_equal(c->restart_max, 3);
	assert_non_null(c->masked_paths);
	assert_null(c->masked_paths[0]);
	assert_null(c->readonly_paths);
	assert_string_equal(c->sysctls[0].key, "net.core.somaxconn");
	for (int i = 0; i < CONFIG_RESTART_COUNT; i++)
		assert_int_equal(config_restart_from_name(config_restart_name((enum config_restart)i)), i);
}

static const struct config_mount *mount_at(const struct config *c, const char *target)
{
	for (size_t i = 0; i < c->n_mounts; i++)
		if (strcmp(c->mounts[i].target, target) == 0)
			return &c->mounts[i];
	fail_msg("no mount at %s", target);
	return NULL;
}

static void mounts_of_all_kinds(void **state)
{
	(void)state;
	auto_(config) struct config *c = must_parse(
		"{\"Volumes\":{\"/anon\":{},\"/b\":{}},\"HostConfig\":{"
		"\"Binds\":[\"/h/deep:/x/y/z\",\"/h/../host:/b:ro,rslave,z\",\"data:/d:nocopy\",\"/only\"],"
		"\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/s\",\"Target\":\"/x\",\"ReadOnly\":true,\"BindOptions\":{"
		"\"Propagation\":\"shared\",\"NonRecursive\":true}},"
		"{\"Type\":\"volume\",\"Source\":\"v1\",\"Target\":\"/x/y\",\"VolumeOptions\":{\"Subpath\":\"in/side\"}},"
		"{\"Type\":\"tmpfs\",\"Target\":\"/t2\",\"TmpfsOptions\":{\"SizeBytes\":4096,\"Mode\":448,\"Options\":[[\"exec\"]]}}],"
		"\"Tmpfs\":{\"/t1\":\"size=64m,mode=1770,exec\"}}}");
	assert_int_equal(c->n_mounts, 9);
	const struct config_mount *m = mount_at(c, "/b");
	assert_int_equal(m->type, CONFIG_MOUNT_BIND);
	assert_string_equal(m->source, "/host");
	assert_true(m->read_only && m->create_source);
	assert_int_equal(m->propagation, MS_SLAVE | MS_REC);
	assert_string_equal(m->mode, "ro,rslave,z");
	m = mount_at(c, "/d");
	assert_int_equal(m->type, CONFIG_MOUNT_VOLUME);
	assert_string_equal(m->source, "data");
	assert_true(m->no_copy && !m->anonymous);
	assert_true(mount_at(c, "/only")->anonymous);
	assert_true(mount_at(c, "/anon")->anonymous);
	m = mount_at(c, "/x");
	assert_true(m->read_only && m->non_recursive && !m->create_source);
	assert_int_equal(m->propagation, MS_SHARED);
	assert_string_equal(mount_at(c, "/x/y")->subpath, "in/side");
	assert_string_equal(mount_at(c, "/t1")->options, "size=64m,mode=1770,exec");
	assert_string_equal(mount_at(c, "/t2")->options, "exec,size=4096,mode=700");
	assert_string_equal(c->mounts[c->n_mounts - 1].target, "/x/y/z"); /* parents first */
	assert_string_equal(c->mounts[c->n_mounts - 2].target, "/x/y");
}

static void must_complete(struct config *c, const struct config_image *image)
{
	struct err e = { 0 };
	if (config_complete(c, ID, image, &e) < 0)
		fail_msg("%s", e.text);
}

static void command_of_user_and_image(void **state)
{
	(void)state;
	char *entry[] = { "ie", NULL }, *cmd[] = { "ic", NULL };
	const struct config_image image = { .entrypoint = entry, .cmd = cmd };
	static const struct {
		const char *body, *want;
	} t[] = {
		{ "{}", "ie ic " },
		{ "{\"Cmd\":[\"c\"]}", "ie c " },
		{ "{\"Cmd\":\"c\"}", "ie c " },
		{ "{\"Entrypoint\":[\"e\"]}", "e " },
		{ "{\"Entrypoint\":\"e\",\"Cmd\":[\"c\"]}", "e c " },
		{ "{\"Entrypoint\":[]}", "ic " },
		{ "{\"Entrypoint\":[\"\"],\"Cmd\":[\"c\"]}", "c " },
		{ "{\"Entrypoint\":null,\"Cmd\":null}", "ie ic " },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_(config) struct config *c = must_parse(t[i].body);
		char all[64] = "";
		must_complete(c, &image);
		for (char **v = config_command(c); *v; v++)
			strcat(strcat(all, *v), " ");
		assert_string_equal(all, t[i].want);
	}
	static const char *const nothing[] = { "{}", "{\"Cmd\":[]}", "{\"Entrypoint\":[\"\"]}",
		"{\"Cmd\":[\"\"]}" };
	for (size_t i = 0; i < ARRAY_LEN(nothing); i++) {
		auto_(config) struct config *c = must_parse(nothing[i]);
		struct err e = { 0 };
		assert_int_equal(config_complete(c, ID, NULL, &e), -EINVAL);
		assert_string_equal(e.text, "no command specified");
	}
}

static void gaps_are_filled(void **state)
{
	(void)state;
	char *env[] = { "A=image", "B=image", NULL }, *labels[] = { "l", "image", "m", "image", NULL },
	     *volumes[] = { "/vol", NULL };
	const struct config_image image = { .env = env,
		.labels = labels,
		.volumes = volumes,
		.user = "iu",
		.working_dir = "/iw",
		.stop_signal = "SIGQUIT" };
	auto_(config) struct config *c =
		must_parse("{\"Image\":\"dir:/r\",\"Cmd\":[\"x\"],\"Env\":[\"A=user\"],\"User\":\"u\","
			   "\"Labels\":{\"l\":\"user\"}}");
	must_complete(c, &image);
	assert_string_equal(c->hostname, "0123456789ab");
	assert_string_equal(c->env[0], "A=user");
	assert_string_equal(c->env[1], "B=image");
	assert_null(c->env[2]);
	assert_string_equal(config_label(c, "l"), "user");
	assert_string_equal(config_label(c, "m"), "image");
	assert_null(config_label(c, "n"));
	assert_string_equal(c->user, "u");
	assert_string_equal(c->working_dir, "/iw");
	assert_int_equal(config_stop_signal(c), SIGQUIT);
	assert_int_equal(config_stop_timeout_s(c), 10);
	const struct config_mount *m = mount_at(c, "/vol");
	assert_true(m->anonymous);
	assert_int_equal(strlen(m->source), 64);
	/* What the store keeps gives the same again, name of the volume included. */
	struct config *again = NULL;
	struct err e = { 0 };
	assert_int_equal(config_parse(config_body(c), &again, &e), 0);
	assert_true(json_equal(config_body(c), config_body(again)));
	assert_string_equal(mount_at(again, "/vol")->source, m->source);
	assert_string_equal(again->hostname, c->hostname);
	config_free(again);
}

static void image_of(const char *text, struct arena *a, json_t **doc, struct config_image *out)
{
	struct err e = { 0 };
	*doc = json_loads(text, 0, NULL);
	assert_non_null(*doc);
	if (config_image_from_json(*doc, a, out, &e) < 0)
		fail_msg("%s", e.text);
}

static void image_by_its_configuration(void **state)
{
	(void)state;
	static const char text[] =
		"{\"Cmd\":[\"c\"],\"Entrypoint\":[\"e\"],\"Env\":[\"A=1\"],\"ExposedPorts\":{\"80/tcp\":{}},"
		"\"Healthcheck\":{\"Test\":[\"CMD\",\"true\"]},\"Labels\":{\"l\":\"v\"},\"StopSignal\":\"SIGQUIT\","
		"\"User\":\"u\",\"Volumes\":{\"/v\":{}},\"WorkingDir\":\"/w\"}";
	auto_(arena) struct arena *a = arena_new();
	auto_(json) json_t *doc = NULL;
	struct config_image image;
	image_of(text, a, &doc, &image);
	auto_(json) json_t *back = config_image_to_json(&image);
	assert_true(json_equal(doc, back));

	image.source = "dir:/srv/web";
	image.id = "sha256:0123";
	auto_(config) struct config *c =
		must_parse("{\"Image\":\"web\",\"ExposedPorts\":{\"81/tcp\":{}},\"Volumes\":{\"/own\":{}},"
			   "\"Berth\":{\"Image\":{\"Source\":\"dir:/elsewhere\",\"Id\":\"forged\"}}}");
	must_complete(c, &image);
	assert_string_equal(c->image, "web");
	assert_string_equal(c->image_source, "dir:/srv/web"); /* what a client says of it does not count */
	assert_string_equal(c->image_id, "sha256:0123");
	assert_true(c->image_health);
	assert_true(mount_at(c, "/own")->anonymous && mount_at(c, "/v")->anonymous);
	auto_free char *ports = json_dumps(json_object_get(config_body(c), "ExposedPorts"), JSON_COMPACT);
	assert_string_equal(ports, "{\"81/tcp\":{},\"80/tcp\":{}}");

	/* "No check" is the user's own, and a mount of his takes the place of the image's volume. */
	auto_(config) struct config *own = must_parse(
		"{\"Image\":\"web\",\"Healthcheck\":{\"Test\":[\"NONE\"]},\"HostConfig\":{\"Binds\":[\"/h:/v\"]}}");
	must_complete(own, &image);
	assert_false(own->image_health);
	assert_int_equal(mount_at(own, "/v")->type, CONFIG_MOUNT_BIND);
	assert_int_equal(own->n_mounts, 1);

	auto_(config) struct config *rest = must_parse("{\"Image\":\"web\",\"Healthcheck\":{\"Retries\":5}}");
	must_complete(rest, &image);
	assert_true(rest->image_health); /* he changes how the image's is run */

	auto_(json) json_t *nothing = NULL;
	image_of("{}", a, &nothing, &image);
	auto_(json) json_t *empty = config_image_to_json(&image);
	assert_int_equal(json_object_size(empty), 0);
}

static void hostname_follows_the_modes(void **state)
{
	(void)state;
	auto_(config) struct config *joined = host("\"NetworkMode\":\"container:a\"");
	must_complete(joined, NULL);
	assert_string_equal(joined->hostname, "");
	char name[128] = "";
	assert_int_equal(gethostname(name, sizeof(name) - 1), 0);
	auto_(config) struct config *c = host("\"NetworkMode\":\"host\"");
	must_complete(c, NULL);
	assert_string_equal(c->hostname, name);
}

static void cpus_of_this_host(void **state)
{
	(void)state;
	static const char *const t[] = { "\"NanoCpus\":8192000000000", "\"CpusetCpus\":\"8191\"" };
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		auto_(config) struct config *c =
			host(t[i]); /* a stored container is still read on a smaller host */
		struct err e = { 0 };
		assert_int_equal(config_complete(c, ID, NULL, &e), -EINVAL);
		assert_non_null(strstr(e.text, "available"));
	}
}

static void inspect_shows_dockers_defaults(void **state)
{
	(void)state;
	auto_(config) struct config *c = must_parse(
		"{\"Image\":\"dir:/r\",\"Cmd\":\"x\",\"Nonsense\":1,\"HostConfig\":{\"Memory\":67108864,\"RestartPolicy\":{},"
		"\"Binds\":[\"/a:/b:ro\"],\"NetworkMode\":\"\"}}");
	json_t *config = NULL, *host_config = NULL, *mounts = NULL;
	struct err e = { 0 };
	assert_int_equal(config_to_json(c, &config, &host_config, &e), 0);
	assert_null(json_object_get(config, "Nonsense"));
	assert_null(json_object_get(config, "HostConfig"));
	assert_string_equal(json_string_value(json_array_get(json_object_get(config, "Cmd"), 0)), "x");
	assert_true(json_is_null(json_object_get(config, "Entrypoint")));
	assert_string_equal(json_string_value(json_object_get(host_config, "NetworkMode")), "default");
	assert_int_equal(json_integer_value(json_object_get(host_config, "MemorySwap")), 134217728);
	assert_int_equal(json_integer_value(json_object_get(host_config, "ShmSize")), 67108864);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(host_config, "RestartPolicy"), "Name")),
		"no");
	assert_int_equal(config_mounts_to_json(c, NULL, NULL, &mounts, &e), 0);
	json_t *m = json_array_get(mounts, 0);
	assert_string_equal(json_string_value(json_object_get(m, "Type")), "bind");
	assert_string_equal(json_string_value(json_object_get(m, "Mode")), "ro");
	assert_true(json_is_false(json_object_get(m, "RW")));
	assert_string_equal(json_string_value(json_object_get(m, "Propagation")), "rprivate");
	json_decref(config);
	json_decref(host_config);
	json_decref(mounts);
}

/* What the docker CLI sends for "run" with nothing but an image and a command. */
static void the_docker_clis_body_is_accepted(void **state)
{
	(void)state;
	auto_(config) struct config *c = must_parse(
		"{\"Hostname\":\"\",\"Domainname\":\"\",\"User\":\"\",\"AttachStdin\":false,\"AttachStdout\":true,"
		"\"AttachStderr\":true,\"Tty\":false,\"OpenStdin\":false,\"StdinOnce\":false,\"Env\":null,\"Cmd\":[\"true\"],"
		"\"Image\":\"web\",\"Volumes\":{},\"WorkingDir\":\"\",\"Entrypoint\":null,\"OnBuild\":null,\"Labels\":{},"
		"\"HostConfig\":{\"Binds\":null,\"ContainerIDFile\":\"\",\"LogConfig\":{\"Type\":\"\",\"Config\":{}},"
		"\"NetworkMode\":\"default\",\"PortBindings\":{},\"RestartPolicy\":{\"Name\":\"no\",\"MaximumRetryCount\":0},"
		"\"AutoRemove\":false,\"VolumeDriver\":\"\",\"VolumesFrom\":null,\"ConsoleSize\":[24,80],\"CapAdd\":null,"
		"\"CapDrop\":null,\"CgroupnsMode\":\"\",\"Dns\":[],\"DnsOptions\":[],\"DnsSearch\":[],\"ExtraHosts\":null,"
		"\"GroupAdd\":null,\"IpcMode\":\"\",\"Cgroup\":\"\",\"Links\":null,\"OomScoreAdj\":0,\"PidMode\":\"\","
		"\"Privileged\":false,\"PublishAllPorts\":false,\"ReadonlyRootfs\":false,\"SecurityOpt\":null,\"UTSMode\":\"\","
		"\"UsernsMode\":\"\",\"ShmSize\":0,\"Isolation\":\"\",\"CpuShares\":0,\"Memory\":0,\"NanoCpus\":0,"
		"\"CgroupParent\":\"\",\"BlkioWeight\":0,\"BlkioWeightDevice\":[],\"BlkioDeviceReadBps\":[],"
		"\"BlkioDeviceWriteBps\":[],\"BlkioDeviceReadIOps\":[],\"BlkioDeviceWriteIOps\":[],\"CpuPeriod\":0,"
		"\"CpuQuota\":0,\"CpuRealtimePeriod\":0,\"CpuRealtimeRuntime\":0,\"CpusetCpus\":\"\",\"CpusetMems\":\"\","
		"\"Devices\":[],\"DeviceCgroupRules\":null,\"DeviceRequests\":null,\"MemoryReservation\":0,\"MemorySwap\":0,"
		"\"MemorySwappiness\":-1,\"OomKillDisable\":false,\"PidsLimit\":0,\"Ulimits\":[],\"CpuCount\":0,\"CpuPercent\":0,"
		"\"IOMaximumIOps\":0,\"IOMaximumBandwidth\":0,\"MaskedPaths\":null,\"ReadonlyPaths\":null},"
		"\"NetworkingConfig\":{\"EndpointsConfig\":{\"default\":{\"IPAMConfig\":null,\"Links\":null,\"Aliases\":null,"
		"\"MacAddress\":\"\",\"DriverOpts\":null,\"GwPriority\":0,\"NetworkID\":\"\"}}}}");
	assert_int_equal(c->console_width, 80);
	assert_int_equal(c->console_height, 24);
	assert_int_equal(c->oom_score_adj, SPEC_UNSET);
	assert_null(c->masked_paths);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENTRY(the_log),
		ENTRY(docker_texts_for_resources),
		ENTRY(docker_texts_for_the_rest),
		ENTRY(docker_texts_at_the_top),
		ENTRY(docker_texts_for_mounts),
		ENTRY(numbers_become_limits),
		ENTRY(modes_and_security),
		ENTRY(mounts_of_all_kinds),
		ENTRY(command_of_user_and_image),
		ENTRY(gaps_are_filled),
		ENTRY(image_by_its_configuration),
		ENTRY(hostname_follows_the_modes),
		ENTRY(cpus_of_this_host),
		ENTRY(inspect_shows_dockers_defaults),
		ENTRY(the_docker_clis_body_is_accepted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
