#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/json.h"
#include "base/own.h"
#include "runtime/cgroup.h"
#include "supervisor/api/api.h"
#include "supervisor/images.h"

const char *api_architecture(const struct utsname *u)
{
	static const struct {
		const char *machine, *go;
	} names[] = { { "x86_64", "amd64" }, { "aarch64", "arm64" }, { "armv7l", "arm" }, { "armv6l", "arm" },
		{ "i686", "386" } };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(u->machine, names[i].machine) == 0)
			return names[i].go;
	return u->machine;
}

static void api_version_text(char out[16], int minor)
{
	(void)snprintf(out, 16, "%d.%d", API_VERSION_MAJOR, minor);
}

static void ping(struct api_call *call)
{
	static const char *const headers[] = { "Builder-Version", "1", "Swarm", "inactive", "Cache-Control",
		"no-cache, no-store, must-revalidate", "Pragma", "no-cache", NULL };
	http_reply_headers(call->rq, 200, "text/plain; charset=utf-8", headers, "OK", 2);
	api_call_free(call);
}

static void version(struct api_call *call)
{
	struct utsname u;
	char newest[16], oldest[16];
	(void)uname(&u); /* cannot fail */
	api_version_text(newest, API_VERSION_MAX);
	api_version_text(oldest, API_VERSION_MIN);
	api_reply_json(call, 200,
		json_pack(
			"{s:{s:s}, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:s, s:s, s:[{s:s, s:s, s:{s:s, s:s, s:s, s:s, s:s}}]}",
			"Platform", "Name", "berth", "Version", BERTH_VERSION, "ApiVersion", newest,
			"MinAPIVersion", oldest, "Os", "linux", "Arch", api_architecture(&u), "KernelVersion",
			u.release, "Experimental", 0, "GitCommit", "", "GoVersion", "", "BuildTime", "",
			"Components", "Name", "Engine", "Version", BERTH_VERSION, "Details", "ApiVersion",
			newest, "MinAPIVersion", oldest, "Os", "linux", "Arch", api_architecture(&u),
			"KernelVersion", u.release));
}

/* A switch of the kernel's; one that is not there is off. */
static bool reads_one(const char *path)
{
	char c = 0;
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, &c, 1) == 1 && c == '1';
}

static int count_images(struct engine *en)
{
	struct image_record x;
	int n = 0;
	for (void *at = images_next(en, NULL, &x); at; at = images_next(en, at, &x))
		n++;
	return n;
}

static void info(struct api_call *call)
{
	struct engine *en = call->engine;
	struct utsname u;
	struct sysinfo mem;
	long running = 0, paused = 0, total = 0;

	(void)uname(&u);
	(void)sysinfo(&mem); /* neither can fail */
	list_each (struct container, c, &en->containers, link) {
		total++;
		if (c->actual.paused)
			paused++;
		else if (c->actual.running)
			running++;
	}
	bool v2 = cgroup_root_is_v2(en->cgroups);
	unsigned f = cgroup_root_features(en->cgroups);
	json_t *o = json_pack(
		"{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "ID",
		en->boot_id, "Name", u.nodename, "ServerVersion", BERTH_VERSION, "Containers",
		(json_int_t)total, "ContainersRunning", (json_int_t)running, "ContainersPaused",
		(json_int_t)paused, "ContainersStopped", (json_int_t)(total - running - paused), "Images",
		count_images(en), "Driver", "overlay", "LoggingDriver", "cri", "CgroupDriver", "cgroupfs",
		"CgroupVersion", v2 ? "2" : "1", "KernelVersion", u.release, "OperatingSystem", "Linux",
		"OSType", "linux", "Architecture", u.machine, "DockerRootDir", en->options.data_root);
	if (o)
		(void)json_object_update_new(o,
			json_pack(
				"{s:i, s:I, s:b, s:s, s:{s:{s:s}}, s:[s,s], s:{s:[s], s:[], s:[], s:[s,s,s]}, s:{s:s}, s:[]}",
				"NCPU", (int)sysconf(_SC_NPROCESSORS_ONLN), "MemTotal",
				(json_int_t)mem.totalram * mem.mem_unit, "LiveRestoreEnabled", 1,
				"DefaultRuntime", "berth", "Runtimes", "berth", "path", "berth",
				"SecurityOptions", "name=seccomp,profile=builtin", "name=cgroupns", "Plugins",
				"Volume", "local", "Network", "Authorization", "Log", "berth", "json-file",
				"local", "Swarm", "LocalNodeState", "inactive", "Warnings"));
	if (o)
		(void)json_object_update_new(o,
			json_pack("{s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b}", "MemoryLimit",
				(f & CGROUP_HAS_MEMORY) != 0, "SwapLimit", (f & CGROUP_HAS_SWAP) != 0,
				"CpuCfsPeriod", (f & CGROUP_HAS_CPU) != 0, "CpuCfsQuota",
				(f & CGROUP_HAS_CPU) != 0, "CPUShares", (f & CGROUP_HAS_CPU) != 0, "CPUSet",
				(f & CGROUP_HAS_CPUSET) != 0, "PidsLimit", (f & CGROUP_HAS_PIDS) != 0,
				"OomKillDisable", !v2 && (f & CGROUP_HAS_MEMORY), "IPv4Forwarding",
				reads_one("/proc/sys/net/ipv4/ip_forward"), "BridgeNfIptables",
				reads_one("/proc/sys/net/bridge/bridge-nf-call-iptables"),
				"BridgeNfIp6tables",
				reads_one("/proc/sys/net/bridge/bridge-nf-call-ip6tables")));
	api_reply_json(call, 200, o);
}

static const struct api_route routes[] = {
	{ "GET", "/_ping", ping },
	{ "HEAD", "/_ping", ping },
	{ "GET", "/version", version },
	{ "GET", "/info", info },
};
const struct api_routes api_system_routes = { routes, ARRAY_LEN(routes) };
