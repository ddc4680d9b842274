#include "cli/cli.h"

/* What run and create have in common. */
#define CREATE_OPTIONS                                                                                       \
	{ 0, "add-host", OPT_LIST, "Add a host-to-IP mapping (host:ip)" },                                   \
		{ 0, "annotation", OPT_LIST, "Add an annotation to the container" },                         \
		{ 'a', "attach", OPT_LIST, "Attach to STDIN, STDOUT or STDERR" },                            \
		{ 0, "blkio-weight", OPT_INT, "Block IO weight, 10 to 1000, 0 to disable" },                 \
		{ 0, "blkio-weight-device", OPT_LIST, "Block IO weight of a device" },                       \
		{ 0, "cap-add", OPT_LIST, "Add a Linux capability" },                                        \
		{ 0, "cap-drop", OPT_LIST, "Drop a Linux capability" },                                      \
		{ 0, "cgroup-parent", OPT_STRING, "Parent cgroup of the container" },                        \
		{ 0, "cgroupns", OPT_STRING, "Cgroup namespace: host or private" },                          \
		{ 0, "cidfile", OPT_STRING, "Write the container's id to the file" },                        \
		{ 0, "cpu-period", OPT_INT, "CPU CFS period in microseconds" },                              \
		{ 0, "cpu-quota", OPT_INT, "CPU CFS quota in microseconds" },                                \
		{ 'c', "cpu-shares", OPT_INT, "CPU shares (relative weight)" },                              \
		{ 0, "cpus", OPT_NUMBER, "Number of CPUs" },                                                 \
		{ 0, "cpuset-cpus", OPT_STRING, "CPUs to run on (0-3, 0,1)" },                               \
		{ 0, "cpuset-mems", OPT_STRING, "Memory nodes to use (0-3, 0,1)" },                          \
		{ 0, "device", OPT_LIST, "Add a host device" },                                              \
		{ 0, "device-cgroup-rule", OPT_LIST, "Add a rule to the allowed devices" },                  \
		{ 0, "device-read-bps", OPT_LIST, "Limit the read rate of a device, bytes per second" },     \
		{ 0, "device-read-iops", OPT_LIST, "Limit the read rate of a device, IO per second" },       \
		{ 0, "device-write-bps", OPT_LIST, "Limit the write rate of a device, bytes per second" },   \
		{ 0, "device-write-iops", OPT_LIST, "Limit the write rate of a device, IO per second" },     \
		{ 0, "dns", OPT_LIST, "Name server" },                                                       \
		{ 0, "dns-option", OPT_LIST, "Option of the resolver" },                                     \
		{ 0, "dns-search", OPT_LIST, "Search domain" },                                              \
		{ 0, "domainname", OPT_STRING, "NIS domain name" },                                          \
		{ 0, "entrypoint", OPT_STRING, "Replace the image's entrypoint" },                           \
		{ 'e', "env", OPT_LIST, "Set an environment variable" },                                     \
		{ 0, "env-file", OPT_LIST, "Read environment variables from a file" },                       \
		{ 0, "expose", OPT_LIST, "Expose a port or a range of ports" },                              \
		{ 0, "group-add", OPT_LIST, "Add a supplementary group" },                                   \
		{ 0, "health-cmd", OPT_STRING, "Command that checks health" },                               \
		{ 0, "health-interval", OPT_DURATION, "Time between checks" },                               \
		{ 0, "health-retries", OPT_INT, "Failures in a row that make it unhealthy" },                \
		{ 0, "health-start-interval", OPT_DURATION, "Time between checks during the start period" }, \
		{ 0, "health-start-period", OPT_DURATION, "Time in which failures do not count" },           \
		{ 0, "health-timeout", OPT_DURATION, "Time one check may take" },                            \
		{ 'h', "hostname", OPT_STRING, "Host name of the container" },                               \
		{ 0, "init", OPT_BOOL, "Run an init that forwards signals and reaps" },                      \
		{ 'i', "interactive", OPT_BOOL, "Keep STDIN open even if not attached" },                    \
		{ 0, "ipc", OPT_STRING, "IPC namespace: private, shareable, host, none, container:X" },      \
		{ 'l', "label", OPT_LIST, "Set a label" },                                                   \
		{ 0, "label-file", OPT_LIST, "Read labels from a file" },                                    \
		{ 0, "log-driver", OPT_STRING, "Logging driver" },                                           \
		{ 0, "log-opt", OPT_LIST, "Option of the logging driver" },                                  \
		{ 'm', "memory", OPT_BYTES, "Memory limit" },                                                \
		{ 0, "memory-reservation", OPT_BYTES, "Memory soft limit" },                                 \
		{ 0, "memory-swap", OPT_BYTES, "Limit of memory plus swap, -1 for no limit" },               \
		{ 0, "memory-swappiness", OPT_INT, "Memory swappiness, 0 to 100" },                          \
		{ 0, "mount", OPT_LIST, "Attach a mount: type=bind,source=...,target=..." },                 \
		{ 0, "name", OPT_STRING, "Name of the container" },                                          \
		{ 0, "net", OPT_STRING, "The same as --network" },                                           \
		{ 0, "network", OPT_STRING, "Network: none, host, container:X" },                            \
		{ 0, "no-healthcheck", OPT_BOOL, "Disable the image's health check" },                       \
		{ 0, "oom-kill-disable", OPT_BOOL, "Disable the OOM killer" },                               \
		{ 0, "oom-score-adj", OPT_INT, "Adjust the preference of the OOM killer, -1000 to 1000" },   \
		{ 0, "pid", OPT_STRING, "PID namespace: host, container:X" },                                \
		{ 0, "pids-limit", OPT_INT, "Limit of processes, -1 for no limit" },                         \
		{ 0, "platform", OPT_STRING, "Platform (linux only)" },                                      \
		{ 0, "privileged", OPT_BOOL, "Give extended privileges to the container" },                  \
		{ 'p', "publish", OPT_LIST, "Publish a port of the container on the host" },                 \
		{ 'P', "publish-all", OPT_BOOL, "Publish all exposed ports on random ports" },               \
		{ 0, "pull", OPT_STRING, "Pull the image first: always, missing, never" },                   \
		{ 0, "read-only", OPT_BOOL, "Mount the root filesystem read-only" },                         \
		{ 0, "restart", OPT_STRING, "Restart policy: no, always, unless-stopped, on-failure[:N]" },  \
		{ 0, "rm", OPT_BOOL, "Remove the container when it exits" },                                 \
		{ 0, "runtime", OPT_STRING, "Runtime (accepted for docker's sake)" },                        \
		{ 0, "security-opt", OPT_LIST, "Security option: seccomp=FILE, no-new-privileges" },         \
		{ 0, "shm-size", OPT_BYTES, "Size of /dev/shm" },                                            \
		{ 0, "stop-signal", OPT_STRING, "Signal that stops the container" },                         \
		{ 0, "stop-timeout", OPT_INT, "Seconds before a stopped container is killed" },              \
		{ 0, "storage-opt", OPT_LIST, "Option of the storage" },                                     \
		{ 0, "sysctl", OPT_LIST, "Set a sysctl" },                                                   \
		{ 0, "tmpfs", OPT_LIST, "Mount a tmpfs: path[:options]" },                                   \
		{ 't', "tty", OPT_BOOL, "Allocate a terminal" },                                             \
		{ 0, "ulimit", OPT_LIST, "Limit: name=soft[:hard]" },                                        \
		{ 'u', "user", OPT_STRING, "User: name|uid[:group|gid]" },                                   \
		{ 0, "userns", OPT_STRING, "User namespace: host" },                                         \
		{ 0, "uts", OPT_STRING, "UTS namespace: host" },                                             \
		{ 'v', "volume", OPT_LIST, "Bind a file, directory or volume: source:target[:options]" },    \
		{ 0, "volume-driver", OPT_STRING, "Volume driver" },                                         \
		{ 0, "volumes-from", OPT_LIST, "Mount the volumes of another container" },                   \
	{                                                                                                    \
		'w', "workdir", OPT_STRING, "Working directory"                                              \
	}

const struct option_def *create_options(void)
{
	static const struct option_def table[] = {
		CREATE_OPTIONS,
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}

const struct option_def *run_options(void)
{
	static const struct option_def table[] = {
		CREATE_OPTIONS,
		{ 'd', "detach", OPT_BOOL, "Run in the background and print the container's id" },
		{ 0, "detach-keys", OPT_STRING, "Keys that detach from the container" },
		{ 0, "sig-proxy", OPT_BOOL, "Pass signals on to the process (default true)" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}
