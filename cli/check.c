#include "cli/check.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/io.h"
#include "base/sys.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/output.h"

#define RAMFS_MAGIC   0x858458f6
#define OVERLAY_MAGIC 0x794c7630
#define DEFAULT_DATA  "/var/lib/berth"
#define SYS_FSOPEN_NR 430 /* the same on every architecture since 5.2 */

enum level { FINE, NOTE, MISSING };

struct report {
	bool missing;
};

static void say(struct report *r, enum level level, const char *name, const char *text)
{
	static const char *const marks[] = { [FINE] = "ok", [NOTE] = "note", [MISSING] = "MISSING" };
	(void)printf("%-8s %-20s %s\n", marks[level], name, text);
	if (level == MISSING)
		r->missing = true;
}

/* ---------------------------------------------------------------- parsing */

bool check_kernel_at_least(const char *release, int major, int minor)
{
	char *end;
	long a = strtol(release, &end, 10);
	long b = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
	return a > major || (a == major && b >= minor);
}

static bool has_option(const char *options, const char *word)
{
	size_t n = strlen(word);
	for (const char *p = options; p && *p;) {
		if (strncmp(p, word, n) == 0 && (p[n] == ',' || p[n] == '\0'))
			return true;
		p = strchr(p, ',');
		p = p ? p + 1 : NULL;
	}
	return false;
}

static void parse_mount(char *line, struct check_cgroups *out)
{
	/* id parent major:minor root point options fields... - type source super-options */
	static const char *const controllers[] = { "cpuset", "cpu", "cpuacct", "blkio", "memory", "devices",
		"freezer", "net_cls", "perf_event", "net_prio", "hugetlb", "pids", "rdma", "misc" };
	char point[256], type[32], source[64], super[512];
	char *dash = strstr(line, " - ");
	if (!dash || sscanf(line, "%*d %*d %*s %*s %255s", point) != 1 ||
		sscanf(dash + 3, "%31s %63s %511s", type, source, super) != 3)
		return;
	if (strcmp(type, "cgroup2") == 0 && !out->v2) {
		out->v2 = true;
		out->nsdelegate = has_option(super, "nsdelegate");
		(void)snprintf(out->v2_path, sizeof(out->v2_path), "%s", point);
	}
	for (size_t i = 0; strcmp(type, "cgroup") == 0 && i < sizeof(controllers) / sizeof(controllers[0]);
		i++) {
		size_t used = strlen(out->v1);
		if (has_option(super, controllers[i]) && !has_option(out->v1, controllers[i]))
			(void)snprintf(out->v1 + used, sizeof(out->v1) - used, "%s%s", used ? "," : "",
				controllers[i]);
	}
}

void check_parse_mounts(const char *mountinfo, struct check_cgroups *out)
{
	auto_free char *copy = strdup(mountinfo);
	*out = (struct check_cgroups){ 0 };
	for (char *line = copy, *next; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		parse_mount(line, out);
	}
}

/* ---------------------------------------------------------------- findings */

static void check_kernel(struct report *r)
{
	struct utsname un;
	char text[256];
	(void)uname(&un); /* cannot fail with a valid buffer */
	bool ok = check_kernel_at_least(un.release, 5, 10);
	(void)snprintf(text, sizeof(text), "%s%s", un.release, ok ? "" : ": berth needs Linux 5.10 or newer");
	say(r, ok ? FINE : MISSING, "kernel", text);
	if (ok && !check_kernel_at_least(un.release, 5, 12))
		say(r, NOTE, "idmapped mounts",
			"from 5.12 on: a root filesystem under user namespaces is copied and chowned instead");
	if (ok && !check_kernel_at_least(un.release, 5, 14))
		say(r, NOTE, "cgroup.kill", "from 5.14 on: groups are killed process by process instead");
}

/* Each call with arguments that are refused before anything happens; ENOSYS (or a filter's EPERM) says no. */
static void check_calls(struct report *r)
{
	static const struct {
		const char *name;
		long number;
		long args[4];
		const char *without;
	} calls[] = {
		{ "clone3", SYS_clone3, { 0, 0, 0, 0 }, "containers cannot be started" },
		{ "openat2", SYS_openat2, { -1, 0, 0, 0 },
			"paths inside a container's root cannot be followed safely" },
		{ "close_range", SYS_close_range, { 1, 0, 0, 0 },
			"descriptors cannot be kept from containers" },
		{ "mount API", SYS_FSOPEN_NR, { 0, 0, 0, 0 },
			"root filesystems cannot be assembled detached" },
	};
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		long n = syscall(calls[i].number, calls[i].args[0], calls[i].args[1], calls[i].args[2],
			calls[i].args[3]);
		bool ok = n >= 0 || errno != ENOSYS;
		say(r, ok ? FINE : MISSING, calls[i].name, ok ? "present" : calls[i].without);
	}
	auto_close int pidfd = sys_pidfd_open(getpid(), 0);
	say(r, pidfd >= 0 ? FINE : MISSING, "pidfd",
		pidfd >= 0 ? "present" : "processes cannot be held safely");
	unsigned action = SECCOMP_RET_ERRNO;
	bool filter = syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
	say(r, filter ? FINE : MISSING, "seccomp filter",
		filter ? "present" : "containers cannot be confined (CONFIG_SECCOMP_FILTER)");
}

static bool lists_controller(const char *path, const char *name, char *all, size_t room)
{
	char file[320];
	(void)snprintf(file, sizeof(file), "%s/cgroup.controllers", path);
	if (io_read_text(AT_FDCWD, file, all, room) < 0)
		return false;
	for (char *p = strtok(all, " "); p; p = strtok(NULL, " "))
		if (strcmp(p, name) == 0)
			return true;
	return false;
}

static void check_cgroups(struct report *r)
{
	static const char *const wanted[] = { "memory", "cpu", "cpuset", "pids", "io" };
	auto_(buf) struct buf mounts = { 0 };
	struct check_cgroups c;
	struct err e;
	if (io_read_file(AT_FDCWD, "/proc/self/mountinfo", 1 << 22, &mounts, &e) < 0) {
		say(r, MISSING, "/proc", e.text);
		return;
	}
	check_parse_mounts(mounts.data ? mounts.data : "", &c);
	if (!c.v2 && !c.v1[0]) {
		say(r, MISSING, "cgroups", "not mounted: mount -t cgroup2 -o nsdelegate none /sys/fs/cgroup");
		return;
	}
	if (!c.v2)
		say(r, NOTE, "cgroup v2",
			"not mounted: freezing and killing of whole containers use version 1");
	else
		say(r, c.nsdelegate ? FINE : NOTE, "cgroup v2",
			c.nsdelegate
				? c.v2_path
				: "mounted without nsdelegate: a container may move processes out of its own group");
	if (c.v1[0])
		say(r, FINE, "cgroup v1", c.v1);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		char all[512], text[128];
		const char *v1_name = strcmp(wanted[i], "io") == 0 ? "blkio" : wanted[i];
		bool v2 = c.v2 && lists_controller(c.v2_path, wanted[i], all, sizeof(all)),
		     v1 = has_option(c.v1, v1_name);
		(void)snprintf(text, sizeof(text),
			v2	     ? "version 2"
				: v1 ? "version 1"
				     : "no such limit can be set");
		(void)snprintf(all, sizeof(all), "%s controller", wanted[i]);
		say(r, v2 || v1 ? FINE : NOTE, all, text);
	}
}

static void check_filesystems(struct report *r)
{
	auto_(buf) struct buf text = { 0 };
	/* As root this loads the module, so that the list below is true. */
	long fd = syscall(SYS_FSOPEN_NR, "overlay", 1);
	bool overlay = fd >= 0;
	if (fd >= 0)
		(void)close((int)fd);
	struct err e;
	if (!overlay && io_read_file(AT_FDCWD, "/proc/filesystems", 1 << 16, &text, &e) == 0 && text.data)
		overlay = strstr(text.data, "\toverlay\n") != NULL;
	say(r, overlay ? FINE : MISSING, "overlayfs",
		overlay ? "present"
			: "containers of one root filesystem cannot have files of their own (CONFIG_OVERLAY_FS)");
}

static void check_namespaces(struct report *r)
{
	char text[32] = "0";
	int64_t max = 0;
	if (access("/proc/self/ns/user", F_OK) == 0 &&
		io_read_text(AT_FDCWD, "/proc/sys/user/max_user_namespaces", text, sizeof(text)) > 0)
		(void)text_parse_int(text, 0, INT64_MAX, &max); /* what is no number allows none */
	say(r, max > 0 ? FINE : NOTE, "user namespaces",
		max > 0 ? "present" : "off: userns settings are refused");
	bool time_ns = access("/proc/self/ns/time", F_OK) == 0;
	say(r, time_ns ? FINE : NOTE, "time namespaces",
		time_ns ? "present" : "off: clock offsets are refused (CONFIG_TIME_NS)");
}

static void check_privileges(struct report *r)
{
	static const struct {
		int cap;
		const char *name;
		enum level level;
		const char *without;
	} caps[] = {
		{ CAP_SYS_ADMIN, "CAP_SYS_ADMIN", MISSING, "berth must run as root with it" },
		{ CAP_SYS_RESOURCE, "CAP_SYS_RESOURCE", NOTE,
			"hard limits cannot be raised: ulimits above ours and oom_score_adj below ours are refused" },
	};
	char text[4096];
	unsigned long long effective = 0;
	ssize_t n = io_read_text(AT_FDCWD, "/proc/self/status", text, sizeof(text));
	const char *line = n > 0 ? strstr(text, "CapEff:") : NULL;
	if (line)
		effective = strtoull(line + 7, NULL, 16);
	for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
		bool held = effective >> caps[i].cap & 1;
		say(r, held ? FINE : caps[i].level, caps[i].name, held ? "held" : caps[i].without);
	}
}

static void check_data_root(struct report *r, const char *data_root)
{
	char path[PATH_MAX], text[PATH_MAX + 128];
	struct statfs fs;
	(void)snprintf(path, sizeof(path), "%s", data_root);
	/* It may not be there yet: then its nearest parent says what it will be on. */
	int n;
	while ((n = statfs(path, &fs)) < 0 && errno == ENOENT && strrchr(path, '/') > path)
		*strrchr(path, '/') = '\0';
	if (n < 0 && statfs("/", &fs) < 0)
		return;
	const char *bad = (unsigned)fs.f_type == RAMFS_MAGIC ? "ramfs"
		: (unsigned)fs.f_type == OVERLAY_MAGIC	     ? "overlayfs"
							     : NULL;
	if (bad)
		(void)snprintf(text, sizeof(text),
			"%s is on %s, which cannot carry the containers' upper layers: use x-berth.upper: "
			"tmpfs or another --data-root",
			data_root, bad);
	else
		(void)snprintf(text, sizeof(text), "%s can carry the containers' upper layers", data_root);
	say(r, bad ? MISSING : FINE, "data root", text);
}

const struct option_def *check_options(void)
{
	static const struct option_def table[] = {
		{ 0, "data-root", OPT_STRING, "The daemon's data root (default " DEFAULT_DATA ")" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

static int check_all(const struct args *o)
{
	struct report r = { 0 };
	const char *data_root = option_string(o, "data-root");
	check_kernel(&r);
	check_calls(&r);
	check_cgroups(&r);
	check_filesystems(&r);
	check_namespaces(&r);
	check_privileges(&r);
	check_data_root(&r, data_root ? data_root : DEFAULT_DATA);
	return r.missing ? 1 : 0;
}

int check_main(int argc, char **argv)
{
	struct args o;
	struct err e;
	if (args_parse(check_options(), argc - 1, argv + 1, false, &o, &e) < 0)
		return print_usage_error("check", &e, 1);
	int code = check_all(&o);
	args_done(&o);
	return code;
}
