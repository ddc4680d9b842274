/* One row per form of a key: what of a service becomes what of its create body, or which error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "supervisor/compose/compose.h"
#include "supervisor/config.h"

static int load(const char *yaml, struct compose_project **out, struct err *e)
{
	static const char *const files[] = { "-", NULL }, *const names[] = { "compose.yaml", NULL };
	static const char *const env[] = { "HOME=/home/me", "HOSTVAR=from host", "BAD=\xff", NULL };
	const struct compose_request req = { .files = files,
		.file_names = names,
		.stdin_text = yaml,
		.stdin_len = strlen(yaml),
		.project_directory = "/srv/app",
		.env = env };
	return compose_load(&req, out, e);
}

/* The member of the first service's body as compact JSON; "-" when it is not there. */
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
#define TAIL "volumes: {data: {}, ext: {external: true}, named: {name: my-volume}}\n"

/* keys are the lines of the service, already indented by four; member NULL: want is the error (HEAD is three lines). */
static const struct row {
	const char *keys, *member, *want;
} rows[] = {
	/* image and command */
	{ "", "Image", "\"dir:/srv/app/root\"" },
	{ "", "HostConfig.NetworkMode", "\"none\"" },
	{ "    command: redis-server --port 1 'a b'\n", "Cmd",
		"[\"redis-server\",\"--port\",\"1\",\"a b\"]" },
	{ "    command: [sh, -c, 'exit 7', 5]\n", "Cmd", "[\"sh\",\"-c\",\"exit 7\",\"5\"]" },
	{ "    command: []\n", "Cmd", "[]" },
	{ "    command: \"\"\n", "Cmd", "[]" },
	{ "    command: null\n", "Cmd", "-" },
	{ "    command: \"a 'b\"\n", NULL, "compose.yaml:4:14: services.web.command: a quote is not closed" },
	{ "    command: {a: b}\n", NULL,
		"compose.yaml:4:14: services.web.command: must be a list of strings" },
	{ "    entrypoint: /init\n", "Entrypoint", "[\"/init\"]" },
	{ "    entrypoint: []\n", "Entrypoint", "[]" },
	{ "    working_dir: /tmp\n", "WorkingDir", "\"/tmp\"" },
	{ "    working_dir: tmp\n", NULL,
		"compose.yaml:4:18: services.web.working_dir: \"tmp\" must be an absolute path" },
	/* users and names */
	{ "    user: 1000:100\n", "User", "\"1000:100\"" },
	{ "    user: www-data\n", "User", "\"www-data\"" },
	{ "    user: 4294967296\n", NULL,
		"compose.yaml:4:11: services.web.user: \"4294967296\" must be UID or NAME, and :GID or :GROUP if wanted" },
	{ "    user: 4294967295\n", NULL,
		"compose.yaml:4:11: services.web.user: \"4294967295\" must be UID or NAME, and :GID or :GROUP if wanted" },
	{ "    user: -1\n", NULL,
		"compose.yaml:4:11: services.web.user: \"-1\" must be UID or NAME, and :GID or :GROUP if wanted" },
	{ "    user: ''\n", NULL,
		"compose.yaml:4:11: services.web.user: \"\" must be UID or NAME, and :GID or :GROUP if wanted" },
	{ "    user: 'a:'\n", NULL,
		"compose.yaml:4:11: services.web.user: \"a:\" must be UID or NAME, and :GID or :GROUP if wanted" },
	{ "    hostname: db.example\n", "Hostname", "\"db.example\"" },
	{ "    hostname: -db\n", NULL,
		"compose.yaml:4:15: services.web.hostname: \"-db\" is no host name (letters, digits and -, parts joined by dots)" },
	{ "    domainname: example.org\n", "Domainname", "\"example.org\"" },
	{ "    container_name: x\n", NULL,
		"compose.yaml:4:21: services.web.container_name: \"x\" is no name: two or more of [a-zA-Z0-9_.-], a letter "
		"or digit first" },
	/* switches */
	{ "    tty: true\n", "Tty", "true" },
	{ "    stdin_open: \"true\"\n", "OpenStdin", "true" },
	{ "    init: false\n", "HostConfig.Init", "false" },
	{ "    privileged: yes\n", "HostConfig.Privileged", "true" },
	{ "    read_only: True\n", "HostConfig.ReadonlyRootfs", "true" },
	{ "    read_only: 1\n", NULL,
		"compose.yaml:4:16: services.web.read_only: \"1\" must be true or false" },
	{ "    tty: perhaps\n", NULL,
		"compose.yaml:4:10: services.web.tty: \"perhaps\" must be true or false" },
	{ "    init: [true]\n", NULL, "compose.yaml:4:11: services.web.init: must be a single value" },
	{ "    privileged: {a: b}\n", NULL,
		"compose.yaml:4:17: services.web.privileged: must be a single value" },
	{ "    attach: sometimes\n", NULL,
		"compose.yaml:4:13: services.web.attach: \"sometimes\" must be true or false" },
	{ "    domainname: a..b\n", NULL,
		"compose.yaml:4:17: services.web.domainname: \"a..b\" is no host name (letters, digits and -, parts joined by "
		"dots)" },
	/* environment */
	{ "    environment: {A: 1.50, B: yes, C: 010, D: '', HOSTVAR: , GONE: }\n", "Env",
		"[\"A=1.50\",\"B=yes\",\"C=010\",\"D=\",\"HOSTVAR=from host\"]" },
	{ "    environment: [A=1, A=2, HOSTVAR, GONE, B=x=y]\n", "Env",
		"[\"A=2\",\"HOSTVAR=from host\",\"B=x=y\"]" },
	{ "    environment: [BAD]\n", NULL,
		"compose.yaml:4:18: services.web.environment: a value is not valid UTF-8" },
	{ "    environment: ['=x']\n", NULL,
		"compose.yaml:4:19: services.web.environment: item 1 must be KEY=VALUE or KEY" },
	{ "    environment: {A: [1]}\n", NULL,
		"compose.yaml:4:22: services.web.environment: A must be a single value" },
	{ "    environment: {A=B: 1}\n", NULL,
		"compose.yaml:4:19: services.web.environment: \"A=B\" is no name of a variable" },
	/* labels */
	{ "    annotations: [a=b]\n", "HostConfig.Annotations", "{\"a\":\"b\"}" },
	{ "    annotations: {a: [b]}\n", NULL,
		"compose.yaml:4:22: services.web.annotations: a must be a single value" },
	{ "    annotations: [a]\n", NULL, "compose.yaml:4:19: services.web.annotations: a has no value" },
	{ "    labels: 5\n", NULL,
		"compose.yaml:4:13: services.web.labels: must be a mapping or a list of KEY=VALUE" },
	{ "    labels: {com.docker.compose.project: x}\n", NULL,
		"compose.yaml:4:42: services.web.labels: com.docker.compose.project: labels that start with "
		"com.docker.compose are reserved" },
	/* life */
	{ "    restart: always\n", "HostConfig.RestartPolicy",
		"{\"MaximumRetryCount\":0,\"Name\":\"always\"}" },
	{ "    restart: \"no\"\n", "HostConfig.RestartPolicy", "{\"MaximumRetryCount\":0,\"Name\":\"no\"}" },
	{ "    restart: no\n", "HostConfig.RestartPolicy", "{\"MaximumRetryCount\":0,\"Name\":\"no\"}" },
	{ "    restart: false\n", "HostConfig.RestartPolicy", "{\"MaximumRetryCount\":0,\"Name\":\"no\"}" },
	{ "    restart: on-failure:3\n", "HostConfig.RestartPolicy",
		"{\"MaximumRetryCount\":3,\"Name\":\"on-failure\"}" },
	{ "    restart: on-failure\n", "HostConfig.RestartPolicy",
		"{\"MaximumRetryCount\":0,\"Name\":\"on-failure\"}" },
	{ "    restart: on-failure:x\n", NULL,
		"compose.yaml:4:14: services.web.restart: \"on-failure:x\": on-failure: takes a number of tries" },
	{ "    restart: yes\n", NULL,
		"compose.yaml:4:14: services.web.restart: yes is a boolean to YAML; did you mean always?" },
	{ "    restart: sometimes\n", NULL,
		"compose.yaml:4:14: services.web.restart: \"sometimes\" must be one of: no always on-failure "
		"unless-stopped" },
	{ "    stop_signal: QUIT\n", "StopSignal", "\"QUIT\"" },
	{ "    stop_signal: SIGFOO\n", NULL,
		"compose.yaml:4:18: services.web.stop_signal: no such signal: SIGFOO" },
	{ "    stop_grace_period: 1m30s\n", "StopTimeout", "90" },
	{ "    stop_grace_period: 1500ms\n", "StopTimeout", "2" },
	{ "    stop_grace_period: 1500ms\n", "Berth.StopGraceNs", "1500000000" },
	{ "    stop_grace_period: 10\n", NULL,
		"compose.yaml:4:24: services.web.stop_grace_period: \"10\" must be a duration with units such as 1m30s or "
		"500ms" },
	{ "    scale: 1\n", "Image", "\"dir:/srv/app/root\"" },
	{ "    scale: 3\n    deploy: {replicas: 3, mode: replicated}\n", "Image", "\"dir:/srv/app/root\"" },
	{ "    scale: 2\n    deploy: {replicas: 3}\n", NULL,
		"compose.yaml:5:24: services.web.deploy.replicas: can't set distinct values on 'scale' and 'deploy.replicas'" },
	{ "    deploy: {mode: global}\n", "Image", "\"dir:/srv/app/root\"" },
	{ "    deploy: {mode: global, replicas: 1}\n", NULL,
		"compose.yaml:4:38: services.web.deploy.mode: replicas can only be used with replicated mode" },
	{ "    deploy: {mode: odd}\n", NULL,
		"compose.yaml:4:20: services.web.deploy.mode: \"odd\" must be one of: replicated global" },
	{ "    scale: -1\n", NULL, "compose.yaml:4:12: services.web.scale: -1 is not between 0 and 1000" },
	{ "    container_name: one\n    scale: 2\n", NULL,
		"compose.yaml:5:12: services.web.scale: can't set container_name and scale as container name must be unique" },
	{ "    container_name: one\n    deploy: {replicas: 2}\n", NULL,
		"compose.yaml:5:24: services.web.deploy.replicas: can't set container_name and deploy.replicas as container "
		"name must be unique" },
	{ "    container_name: one\n    scale: 1\n", "Image", "\"dir:/srv/app/root\"" },
	{ "    platform: windows\n", NULL,
		"compose.yaml:4:15: services.web.platform: \"windows\": only linux containers run here" },
	{ "    platform: linux/pdp11\n", NULL,
		"compose.yaml:4:15: services.web.platform: \"linux/pdp11\": this machine is" },
	{ "    platform: linux\n    pull_policy: every_3d\n", "Image", "\"dir:/srv/app/root\"" },
	{ "    pull_policy: every_1w2d12h\n", "Image", "\"dir:/srv/app/root\"" },
	{ "    pull_policy: every_day\n", NULL,
		"compose.yaml:4:18: services.web.pull_policy: \"every_day\" must be one of: always never missing "
		"if_not_present daily weekly every_DURATION" },
	{ "    pull_policy: perhaps\n", NULL,
		"compose.yaml:4:18: services.web.pull_policy: \"perhaps\" must be one of: always never missing "
		"if_not_present daily weekly every_DURATION" },
	{ "    expose: [80, '90-91/udp']\n", "ExposedPorts", "{\"80/tcp\":{},\"90/udp\":{},\"91/udp\":{}}" },
	{ "    expose: ['80/foo']\n", NULL,
		"compose.yaml:4:14: services.web.expose: \"80/foo\" must be PORT or FROM-TO, and /tcp, /udp or /sctp if "
		"wanted" },
	{ "    logging: {driver: json-file, options: [max-size=1m]}\n", "HostConfig.LogConfig.Config",
		"{\"max-size\":\"1m\"}" },
	{ "    logging: {options: {max-size: much}}\n", NULL, "compose.yaml:3:5: services.web: " },
	{ "    logging: json-file\n", NULL, "compose.yaml:4:14: services.web.logging: must be a mapping" },
	{ "    logging: {drive: x}\n", NULL,
		"compose.yaml:4:15: services.web.logging.drive: unknown key; did you mean driver?" },
	{ "    expose: 80-81/sctp\n", "ExposedPorts", "{\"80/sctp\":{},\"81/sctp\":{}}" },
	{ "    expose: ['91-90']\n", NULL,
		"compose.yaml:4:14: services.web.expose: \"91-90\" must be PORT or FROM-TO" },
	{ "    logging: {driver: json-file}\n", "HostConfig.LogConfig", "{\"Type\":\"json-file\"}" },
	{ "    logging: {driver: berth}\n", "HostConfig.LogConfig", "{\"Type\":\"json-file\"}" },
	{ "    logging: {driver: syslog}\n", NULL,
		"compose.yaml:4:23: services.web.logging.driver: \"syslog\" must be one of: berth json-file local none" },
	{ "    logging: {driver: none}\n", "HostConfig.LogConfig", "{\"Type\":\"none\"}" },
	{ "    logging: {driver: local, options: {max-size: 10m, max-file: 2}}\n", "HostConfig.LogConfig",
		"{\"Config\":{\"max-file\":\"2\",\"max-size\":\"10m\"},\"Type\":\"json-file\"}" },
	{ "    x-berth: {logs: volatile}\n", "Berth", "{\"Logs\":\"volatile\"}" },
	{ "    x-berth: {upper: tmpfs, root: shared}\n", "Berth",
		"{\"Root\":\"shared\",\"Upper\":\"tmpfs\"}" },
	{ "    x-berth: {uper: tmpfs}\n", NULL,
		"compose.yaml:4:15: services.web.x-berth.uper: unknown key; did you mean upper?" },
	{ "    x-other: {uper: tmpfs}\n", "Berth", "-" },
	/* hooks */
	{ "    post_start: [{command: sh -c 'exit 3', user: root, working_dir: /tmp, privileged: true, environment: [A=1, "
	  "HOSTVAR, GONE]}]\n",
		"Berth.PostStart",
		"[{\"Cmd\":[\"sh\",\"-c\",\"exit 3\"],\"Env\":[\"A=1\",\"HOSTVAR=from host\"],\"Privileged\":true,\"User\":"
		"\"root\",\"WorkingDir\":\"/tmp\"}]" },
	{ "    pre_stop: [{command: [a, b], environment: {C: 1}}, {command: c}]\n", "Berth.PreStop",
		"[{\"Cmd\":[\"a\",\"b\"],\"Env\":[\"C=1\"]},{\"Cmd\":[\"c\"]}]" },
	{ "    pre_stop: []\n", "Berth", "-" },
	{ "    pre_stop: [{user: root}]\n", NULL,
		"compose.yaml:4:16: services.web.pre_stop[0]: command is missing" },
	{ "    pre_stop: [{command: []}]\n", NULL, "compose.yaml:4:26: services.web.pre_stop[0]: is empty" },
	{ "    pre_stop: [{command: 'a \"b'}]\n", NULL,
		"compose.yaml:4:26: services.web.pre_stop[0]: a quote is not closed" },
	{ "    pre_stop: [{command: a, user: -1}]\n", NULL,
		"compose.yaml:4:35: services.web.pre_stop[0]: \"-1\" must be UID or NAME, and :GID or :GROUP if wanted" },
	{ "    pre_stop: [{command: a, working_dir: x}]\n", NULL,
		"compose.yaml:4:42: services.web.pre_stop[0]: \"x\" must be an absolute path" },
	{ "    pre_stop: [{command: a, privileged: maybe}]\n", NULL,
		"compose.yaml:4:41: services.web.pre_stop[0]: \"maybe\" must be true or false" },
	{ "    pre_stop: [{command: a, tty: true}]\n", NULL,
		"compose.yaml:4:29: services.web.pre_stop[0].tty: unknown key" },
	{ "    pre_stop: [a]\n", NULL, "compose.yaml:4:16: services.web.pre_stop[0]: must be a mapping" },
	{ "    pre_start: [{command: a}]\n", NULL,
		"compose.yaml:4:5: services.web.pre_start: containers that run before a start are not built yet" },
	/* namespaces */
	{ "    network_mode: host\n", "HostConfig.NetworkMode", "\"host\"" },
	{ "    network_mode: container:abc\n", "HostConfig.NetworkMode", "\"container:abc\"" },
	{ "    network_mode: bridge\n", NULL,
		"compose.yaml:4:19: services.web.network_mode: \"bridge\" is not built yet or unknown; possible here: none "
		"host service container (as service:NAME, container:NAME)" },
	{ "    network_mode: service:web\n", NULL,
		"compose.yaml:4:19: services.web.network_mode: a service cannot join itself" },
	{ "    network_mode: service:db\n", NULL,
		"compose.yaml:4:19: services.web.network_mode: there is no service db" },
	{ "    pid: host\n", "HostConfig.PidMode", "\"host\"" },
	{ "    pid: service\n", NULL,
		"compose.yaml:4:10: services.web.pid: \"service\" is not built yet or unknown; possible here: host service "
		"container (as service:NAME, container:NAME)" },
	{ "    ipc: shareable\n", "HostConfig.IpcMode", "\"shareable\"" },
	{ "    ipc: none\n", "HostConfig.IpcMode", "\"none\"" },
	{ "    userns_mode: host\n", "HostConfig.UsernsMode", "\"host\"" },
	{ "    userns_mode: private\n", NULL,
		"compose.yaml:4:18: services.web.userns_mode: \"private\" is not built yet or unknown; possible here: host" },
	{ "    deploy: {labels: [a=b]}\n", "Labels.a", "-" },
	{ "    uts: host\n", "HostConfig.UTSMode", "\"host\"" },
	{ "    cgroup: private\n", "HostConfig.CgroupnsMode", "\"private\"" },
	{ "    cgroup: service:x\n", NULL,
		"compose.yaml:4:13: services.web.cgroup: \"service:x\" is not built yet or unknown; possible here: host "
		"private" },
	{ "    ipc: container:a\n", "HostConfig.IpcMode", "\"container:a\"" },
	{ "    ipc: public\n", NULL,
		"compose.yaml:4:10: services.web.ipc: \"public\" is not built yet or unknown; possible here: host none private "
		"shareable service container (as service:NAME, container:NAME)" },
	{ "    ipc: 'container:'\n", NULL,
		"compose.yaml:4:10: services.web.ipc: \"container:\" is not built yet or unknown" },
	{ "    uts: private\n", NULL,
		"compose.yaml:4:10: services.web.uts: \"private\" is not built yet or unknown; possible here: host" },
	{ "    pid: service:web\n", NULL,
		"compose.yaml:4:10: services.web.pid: a service cannot join itself" },
	/* privileges */
	{ "    cap_drop: ALL\n", "HostConfig.CapDrop", "[\"ALL\"]" },
	{ "    security_opt: [no-new-privileges]\n", "HostConfig.SecurityOpt", "[\"no-new-privileges\"]" },
	{ "    security_opt: ['no-new-privileges:maybe']\n", NULL,
		"compose.yaml:4:20: services.web.security_opt: \"no-new-privileges:maybe\": true or false" },
	{ "    security_opt: [apparmor=unconfined, seccomp=builtin]\n", "HostConfig.SecurityOpt",
		"[\"seccomp=builtin\"]" },
	{ "    group_add: {audio: 1}\n", NULL,
		"compose.yaml:4:16: services.web.group_add: must be a list of strings" },
	{ "    devices: [{source: /dev/a, target: /dev/b}]\n", "HostConfig.Devices",
		"[{\"CgroupPermissions\":\"rwm\",\"PathInContainer\":\"/dev/b\",\"PathOnHost\":\"/dev/a\"}]" },
	{ "    devices: [{source: /dev/a}]\n", NULL,
		"compose.yaml:4:15: services.web.devices[0]: target is missing" },
	{ "    devices: [dev/a]\n", NULL,
		"compose.yaml:4:15: services.web.devices[0]: the device on the host must be an absolute path" },
	{ "    device_cgroup_rules: c 1:3 rwm\n", "HostConfig.DeviceCgroupRules", "[\"c 1:3 rwm\"]" },
	{ "    ulimits: [nofile=5]\n", NULL,
		"compose.yaml:4:14: services.web.ulimits: must be a mapping of limits" },
	{ "    ulimits: {nofile: many}\n", NULL,
		"compose.yaml:4:23: services.web.ulimits.nofile: \"many\" must be a whole number" },
	{ "    ulimits: {nofile: {soft: 1, hard: 2, odd: 3}}\n", NULL,
		"compose.yaml:4:42: services.web.ulimits.nofile: unknown key odd; soft and hard are possible" },
	{ "    sysctls: {net.core.somaxconn: 5}\n", "HostConfig.Sysctls", "{\"net.core.somaxconn\":\"5\"}" },
	{ "    cap_add: [NET_ADMIN, cap_chown, ALL, NET_ADMIN]\n", "HostConfig.CapAdd",
		"[\"NET_ADMIN\",\"cap_chown\",\"ALL\"]" },
	{ "    cap_drop: [NET_RAWW]\n", NULL,
		"compose.yaml:4:16: services.web.cap_drop: no such capability: NET_RAWW" },
	{ "    security_opt: ['no-new-privileges:true', 'seccomp:unconfined', 'label=disable']\n",
		"HostConfig.SecurityOpt", "[\"no-new-privileges\",\"seccomp=unconfined\"]" },
	{ "    security_opt: [systempaths=unconfined]\n", "HostConfig.MaskedPaths", "[]" },
	{ "    security_opt: ['label=type:x']\n", NULL,
		"compose.yaml:4:20: services.web.security_opt: \"label=type:x\" cannot be honoured: AppArmor and SELinux "
		"labels are not supported" },
	{ "    security_opt: [apparmor=docker]\n", NULL,
		"compose.yaml:4:20: services.web.security_opt: \"apparmor=docker\" cannot be honoured: AppArmor and SELinux "
		"labels are not supported" },
	{ "    security_opt: [magic]\n", NULL,
		"compose.yaml:4:20: services.web.security_opt: unknown security option \"magic\"" },
	{ "    security_opt: [seccomp=none.json]\n", NULL,
		"compose.yaml:4:20: services.web.security_opt: open /srv/app/none.json: No such file or directory" },
	{ "    group_add: [audio, 44]\n", "HostConfig.GroupAdd", "[\"audio\",\"44\"]" },
	{ "    device_cgroup_rules: ['c 1:3 mr', 'a *:* rwm']\n", "HostConfig.DeviceCgroupRules",
		"[\"c 1:3 mr\",\"a *:* rwm\"]" },
	{ "    device_cgroup_rules: ['c 1 mr']\n", NULL,
		"compose.yaml:4:27: services.web.device_cgroup_rules: \"c 1 mr\" must be like \"c 1:3 rwm\"" },
	{ "    devices: [/dev/a, '/dev/b:/dev/c:r', '/dev/d:rw']\n", "HostConfig.Devices",
		"[{\"CgroupPermissions\":\"rwm\",\"PathInContainer\":\"/dev/a\",\"PathOnHost\":\"/dev/a\"},"
		"{\"CgroupPermissions\":\"r\",\"PathInContainer\":\"/dev/c\",\"PathOnHost\":\"/dev/b\"},"
		"{\"CgroupPermissions\":\"rw\",\"PathInContainer\":\"/dev/d\",\"PathOnHost\":\"/dev/d\"}]" },
	{ "    devices: [vendor/class=x]\n", NULL,
		"compose.yaml:4:15: services.web.devices[0]: \"vendor/class=x\": devices by their CDI name are not built yet" },
	{ "    devices: [{source: /dev/a, target: /dev/b, permissions: q}]\n", NULL,
		"compose.yaml:4:61: services.web.devices[0]: \"q\" must be some of r, w and m" },
	{ "    ulimits: {nproc: 10, nofile: {soft: 5, hard: -1}}\n", "HostConfig.Ulimits",
		"[{\"Hard\":10,\"Name\":\"nproc\",\"Soft\":10},{\"Hard\":-1,\"Name\":\"nofile\",\"Soft\":5}]" },
	{ "    ulimits: {nofile: {soft: 6, hard: 5}}\n", NULL,
		"compose.yaml:4:23: services.web.ulimits.nofile: soft is above hard" },
	{ "    ulimits: {files: 1}\n", NULL,
		"compose.yaml:4:22: services.web.ulimits.files: unknown limit; possible: core" },
	{ "    ulimits: {nofile: {soft: 1}}\n", NULL,
		"compose.yaml:4:23: services.web.ulimits.nofile: needs soft and hard" },
	{ "    sysctls: [net.core.somaxconn=1024]\n", "HostConfig.Sysctls",
		"{\"net.core.somaxconn\":\"1024\"}" },
	{ "    sysctls: {net.core.somaxconn: }\n", NULL,
		"compose.yaml:4:35: services.web.sysctls: net.core.somaxconn has no value" },
	{ "    sysctls: {kernel.panic: 1}\n", NULL,
		"compose.yaml:3:5: services.web: HostConfig.Sysctls: sysctl \"kernel.panic\" is not in a separate kernel "
		"namespace" },
	{ "    network_mode: container:x\n    hostname: a\n", NULL,
		"compose.yaml:3:5: services.web: conflicting options: hostname and the network mode" },
	{ "    tmpfs: /x\n    volumes: ['./a:/x']\n", NULL,
		"compose.yaml:3:5: services.web: Duplicate mount point: /x" },
	{ "    tmpfs: '/x:size=1m,odd'\n", NULL,
		"compose.yaml:3:5: services.web: HostConfig.Tmpfs: invalid tmpfs option [\"odd\"]" },
	/* names */
	{ "    extra_hosts: ['a=1.2.3.4', 'b:::1', 'c=[::2]']\n", "HostConfig.ExtraHosts",
		"[\"a:1.2.3.4\",\"b:::1\",\"c:::2\"]" },
	{ "    extra_hosts: {a: [1.2.3.4, '::1'], b: 5.6.7.8}\n", "HostConfig.ExtraHosts",
		"[\"a:1.2.3.4\",\"a:::1\",\"b:5.6.7.8\"]" },
	{ "    extra_hosts: [a=1.2.3]\n", NULL,
		"compose.yaml:4:19: services.web.extra_hosts: \"1.2.3\" is no address" },
	{ "    extra_hosts: [a=host-gateway]\n", NULL,
		"compose.yaml:4:19: services.web.extra_hosts: host-gateway: networks are not built yet" },
	{ "    dns: 8.8.8.8\n", "HostConfig.Dns", "[\"8.8.8.8\"]" },
	{ "    dns: [here]\n", NULL, "compose.yaml:4:11: services.web.dns: \"here\" is no address" },
	{ "    dns_search: [a.example, b.example]\n", "HostConfig.DnsSearch",
		"[\"a.example\",\"b.example\"]" },
	{ "    dns_opt: [ndots:2]\n", "HostConfig.DnsOptions", "[\"ndots:2\"]" },
	/* mounts */
	{ "    volumes: [./conf:/etc/conf:ro]\n", "HostConfig.Mounts",
		"[{\"BindOptions\":{\"CreateMountpoint\":true},\"ReadOnly\":true,\"Source\":\"/srv/app/conf\",\"Target\":"
		"\"/etc/conf\",\"Type\":\"bind\"}]" },
	{ "    volumes: ['~/x:/x:rslave']\n", "HostConfig.Mounts",
		"[{\"BindOptions\":{\"CreateMountpoint\":true,\"Propagation\":\"rslave\"},\"Source\":\"/home/me/x\","
		"\"Target\":\"/x\",\"Type\":\"bind\"}]" },
	{ "    volumes: ['../up/./x:/x/']\n", "HostConfig.Mounts",
		"[{\"BindOptions\":{\"CreateMountpoint\":true},\"Source\":\"/srv/up/x\",\"Target\":\"/x\",\"Type\":\"bind\"}]" },
	{ "    volumes: [data:/data, ext:/ext, 'named:/n:nocopy']\n", "HostConfig.Mounts",
		"[{\"Source\":\"app_data\",\"Target\":\"/data\",\"Type\":\"volume\"},{\"Source\":\"ext\",\"Target\":\"/ext\","
		"\"Type\":\"volume\"},{\"Source\":\"my-volume\",\"Target\":\"/n\",\"Type\":\"volume\",\"VolumeOptions\":"
		"{\"NoCopy\":true}}]" },
	{ "    volumes: [{type: tmpfs, target: /t, tmpfs: {size: 1m, mode: 1777}}]\n", "HostConfig.Mounts",
		"[{\"Target\":\"/t\",\"TmpfsOptions\":{\"Mode\":1023,\"SizeBytes\":1048576},\"Type\":\"tmpfs\"}]" },
	{ "    volumes: [{type: bind, source: /a, target: /b, read_only: true, bind: {create_host_path: false, recursive: "
	  "disabled}}]\n",
		"HostConfig.Mounts",
		"[{\"BindOptions\":{\"CreateMountpoint\":false,\"NonRecursive\":true},\"ReadOnly\":true,\"Source\":\"/a\","
		"\"Target\":\"/b\",\"Type\":\"bind\"}]" },
	{ "    volumes: [nodata:/data]\n", NULL,
		"compose.yaml:4:15: services.web.volumes[0]: volume nodata is not declared under volumes: (a path starts with "
		"/, ./ or ~/)" },
	{ "    volumes: [/data]\n", "HostConfig.Mounts", "[{\"Target\":\"/data\",\"Type\":\"volume\"}]" },
	{ "    volumes: [{type: volume, target: /data, volume: {nocopy: true}}]\n", "HostConfig.Mounts",
		"[{\"Target\":\"/data\",\"Type\":\"volume\",\"VolumeOptions\":{\"NoCopy\":true}}]" },
	{ "    volumes: [{type: volume, target: /data, volume: {subpath: a}}]\n", NULL,
		"compose.yaml:4:63: services.web.volumes[0]: a part of a volume needs the volume's name" },
	{ "    volumes: [{type: npipe, source: a, target: /b}, /data]\n", "HostConfig.Mounts",
		"[{\"Target\":\"/data\",\"Type\":\"volume\"}]" },
	{ "    volumes: [{type: bind, source: /a, target: /b, bind: {selinux: z}, consistency: cached}]\n",
		"HostConfig.Mounts",
		"[{\"BindOptions\":{\"CreateMountpoint\":true},\"Source\":\"/a\",\"Target\":\"/b\",\"Type\":\"bind\"}]" },
	{ "    volumes: [{type: bind, source: /a, target: /b, bind: {propagation: odd}}]\n", NULL,
		"compose.yaml:4:72: services.web.volumes[0]: \"odd\" must be one of: private rprivate shared rshared slave "
		"rslave" },
	{ "    volumes: [{type: bind, source: /a, target: /b, read_only: true, bind: {recursive: readonly}}]\n",
		"HostConfig.Mounts",
		"[{\"BindOptions\":{\"CreateMountpoint\":true,\"ReadOnlyForceRecursive\":true},\"ReadOnly\":true,\"Source\":"
		"\"/a\",\"Target\":\"/b\",\"Type\":\"bind\"}]" },
	{ "    volumes: [{type: bind, target: /b}]\n", NULL,
		"compose.yaml:4:15: services.web.volumes[0]: a bind needs its source" },
	{ "    volumes: [{type: tmpfs, source: x, target: /b}]\n", NULL,
		"compose.yaml:4:37: services.web.volumes[0]: a tmpfs has no source" },
	{ "    volumes: [{source: data, target: /b}]\n", NULL,
		"compose.yaml:4:15: services.web.volumes[0]: type is missing (bind, volume or tmpfs)" },
	{ "    volumes: ['data:data']\n", NULL,
		"compose.yaml:4:15: services.web.volumes[0]: \"data\" must be an absolute path in the container" },
	{ "    volumes: ['./a:/']\n", NULL,
		"compose.yaml:4:15: services.web.volumes[0]: the container's root cannot be a mount point" },
	{ "    volumes: ['./a:/x/..//.']\n", NULL,
		"compose.yaml:4:15: services.web.volumes[0]: the container's root cannot be a mount point" },
	{ "    volumes: ['./a:/x', './b:/x/']\n", NULL,
		"compose.yaml:4:25: services.web.volumes[1]: /x is a mount point twice" },
	{ "    volumes: ['./a:/x:rx']\n", NULL,
		"compose.yaml:4:15: services.web.volumes[0]: unknown option \"rx\"" },
	{ "    volumes: ['a:b:c:d']\n", NULL,
		"compose.yaml:4:15: services.web.volumes[0]: \"a:b:c:d\" must be SOURCE:TARGET or SOURCE:TARGET:OPTIONS" },
	{ "    volumes: [{type: image, source: x, target: /x}]\n", NULL,
		"compose.yaml:4:22: services.web.volumes[0]: \"image\" is not built yet or unknown; possible: bind volume "
		"tmpfs" },
	{ "    volumes: [{type: volume, source: data, target: /x, volume: {subpath: y/z}}]\n",
		"HostConfig.Mounts",
		"[{\"Source\":\"app_data\",\"Target\":\"/x\",\"Type\":\"volume\",\"VolumeOptions\":{\"Subpath\":\"y/z\"}}]" },
	{ "    volumes: [{type: volume, source: data, target: /x, volume: {subpath: ../z}}]\n", NULL,
		"compose.yaml:4:74: services.web.volumes[0]: \"../z\" must be a relative path within the volume" },
	{ "    volumes: [{type: volume, source: data, target: /x, volume: {labels: [a]}}]\n", NULL,
		"compose.yaml:4:65: services.web.volumes[0].volume.labels: labels of a mount's volume are not built yet" },
	{ "    volumes: [{type: volume, source: data}]\n", NULL,
		"compose.yaml:4:15: services.web.volumes[0]: target is missing" },
	{ "    volumes_from: [web]\n", NULL,
		"compose.yaml:4:20: services.web.volumes_from: a service cannot take its own volumes" },
	{ "    volumes_from: [none]\n", NULL,
		"compose.yaml:4:20: services.web.volumes_from: there is no service none" },
	{ "    volumes_from: ['container:a:rx']\n", NULL,
		"compose.yaml:4:20: services.web.volumes_from: \"container:a:rx\" must be SERVICE or container:NAME, and :ro or "
		":rw if wanted" },
	{ "    volumes_from: ['container:a', 'container:b:ro']\n", "HostConfig.VolumesFrom",
		"[\"a:rw\",\"b:ro\"]" },
	{ "    tmpfs: /run:size=1m,mode=755\n", "HostConfig.Tmpfs", "{\"/run\":\"size=1m,mode=755\"}" },
	{ "    tmpfs: [/run, /tmp]\n", "HostConfig.Tmpfs", "{\"/run\":\"\",\"/tmp\":\"\"}" },
	{ "    tmpfs: run\n", NULL,
		"compose.yaml:4:12: services.web.tmpfs: \"run\" must be an absolute path in the container" },
	{ "    tmpfs: '/run:uid=5,gid=6,exec'\n", "HostConfig.Tmpfs", "{\"/run\":\"uid=5,gid=6,exec\"}" },
	{ "    shm_size: all\n", NULL,
		"compose.yaml:4:15: services.web.shm_size: \"all\" must be a size such as 64m or 1.5gb" },
	{ "    shm_size: 64m\n", "HostConfig.ShmSize", "67108864" },
	/* resources */
	{ "    mem_limit: 1.5gb\n", "HostConfig.Memory", "1610612736" },
	{ "    mem_limit: 67108864\n", "HostConfig.Memory", "67108864" },
	{ "    mem_limit: 1m\n", NULL,
		"compose.yaml:3:5: services.web: the memory limit is below 6m, the least that can be given" },
	{ "    mem_limit: much\n", NULL,
		"compose.yaml:4:16: services.web.mem_limit: \"much\" must be a size such as 64m or 1.5gb" },
	{ "    mem_limit: 64m\n    memswap_limit: -1\n", "HostConfig.MemorySwap", "-1" },
	{ "    mem_limit: 64m\n    memswap_limit: 0\n", "HostConfig.MemorySwap", "-" },
	{ "    memswap_limit: 64m\n", NULL, "compose.yaml:3:5: services.web: memswap_limit needs mem_limit" },
	{ "    mem_limit: 64m\n    memswap_limit: 32m\n", NULL,
		"compose.yaml:3:5: services.web: memswap_limit is memory and swap together and cannot be below mem_limit" },
	{ "    mem_limit: 64m\n    mem_reservation: 65m\n", NULL,
		"compose.yaml:3:5: services.web: the memory reservation is above the memory limit" },
	{ "    mem_swappiness: 0\n", "HostConfig.MemorySwappiness", "0" },
	{ "    mem_swappiness: 101\n", NULL,
		"compose.yaml:4:21: services.web.mem_swappiness: 101 is not between 0 and 100" },
	{ "    mem_swappiness: 010\n", NULL,
		"compose.yaml:4:21: services.web.mem_swappiness: 010 is octal to some YAML readers and decimal to others" },
	{ "    cpus: 0.5\n", "HostConfig.NanoCpus", "500000000" },
	{ "    cpus: '1.123456789'\n", "HostConfig.NanoCpus", "1123456789" },
	{ "    cpus: .25\n", "HostConfig.NanoCpus", "250000000" },
	{ "    cpus: 1e3\n", NULL,
		"compose.yaml:4:11: services.web.cpus: \"1e3\" must be a number such as 0.5" },
	{ "    cpus: 0.001\n", NULL,
		"compose.yaml:4:11: services.web.cpus: \"0.001\" is below 0.01, the least that can be given" },
	{ "    cpus: 1\n    cpu_quota: 1000\n", NULL,
		"compose.yaml:3:5: services.web: cpus says the same as cpu_quota and cpu_period: use one of them" },
	{ "    cpu_shares: 512\n", "HostConfig.CpuShares", "512" },
	{ "    cpu_quota: 50000\n    cpu_period: 100000\n", "HostConfig.CpuQuota", "50000" },
	{ "    cpuset: 0-3,5\n", "HostConfig.CpusetCpus", "\"0-3,5\"" },
	{ "    cpuset: 0-3,\n", NULL,
		"compose.yaml:4:13: services.web.cpuset: \"0-3,\" must be a list of CPUs such as 0-3,5" },
	{ "    cpu_shares: -1\n", NULL,
		"compose.yaml:4:17: services.web.cpu_shares: -1 is not between 0 and 262144" },
	{ "    cpu_period: 1000001\n", NULL,
		"compose.yaml:4:17: services.web.cpu_period: 1000001 is not between 0 and 1000000" },
	{ "    cpu_quota: half\n", NULL,
		"compose.yaml:4:16: services.web.cpu_quota: \"half\" must be a whole number" },
	{ "    mem_reservation: 32m\n", "HostConfig.MemoryReservation", "33554432" },
	{ "    pids_limit: many\n", NULL,
		"compose.yaml:4:17: services.web.pids_limit: \"many\" must be a whole number" },
	{ "    oom_score_adj: '500'\n", "HostConfig.OomScoreAdj", "500" },
	{ "    oom_kill_disable: 0\n", NULL,
		"compose.yaml:4:23: services.web.oom_kill_disable: \"0\" must be true or false" },
	{ "    blkio_config: {device_read_iops: [{path: sda, rate: 3}]}\n", NULL,
		"compose.yaml:4:46: services.web.blkio_config.device_read_iops: \"sda\" must be an absolute path" },
	{ "    blkio_config: {device_write_bps: [{path: /dev/sda}]}\n", NULL,
		"compose.yaml:4:39: services.web.blkio_config.device_write_bps: rate is missing" },
	{ "    blkio_config: {weight_device: [{weight: 20}]}\n", NULL,
		"compose.yaml:4:36: services.web.blkio_config.weight_device[0]: path is missing" },
	{ "    blkio_config: {weight_device: [{path: /dev/sda, weight: 2}]}\n", NULL,
		"compose.yaml:4:61: services.web.blkio_config.weight_device: 2 is not between 10 and 1000" },
	{ "    deploy: {resources: {limits: {pids: -2}}}\n", NULL,
		"compose.yaml:4:41: services.web.deploy.resources.limits.pids: -2 is not between -1 and 2147483647" },
	{ "    cpus: 1\n    deploy: {resources: {limits: {cpus: 1.5}}}\n", NULL,
		"compose.yaml:5:41: services.web.deploy.resources.limits.cpus: must agree with the other key that sets NanoCpus" },
	{ "    pids_limit: -1\n", "HostConfig.PidsLimit", "-1" },
	{ "    oom_kill_disable: true\n", "HostConfig.OomKillDisable", "true" },
	{ "    oom_score_adj: -1001\n", NULL,
		"compose.yaml:4:20: services.web.oom_score_adj: -1001 is not between -1000 and 1000" },
	{ "    blkio_config: {weight: 300, device_read_bps: [{path: /dev/sda, rate: 1m}]}\n",
		"HostConfig.BlkioDeviceReadBps", "[{\"Path\":\"/dev/sda\",\"Rate\":1048576}]" },
	{ "    blkio_config: {device_write_iops: [{path: /dev/sda, rate: 30}]}\n",
		"HostConfig.BlkioDeviceWriteIOps", "[{\"Path\":\"/dev/sda\",\"Rate\":30}]" },
	{ "    blkio_config: {weight_device: [{path: /dev/sda, weight: 20}]}\n",
		"HostConfig.BlkioWeightDevice", "[{\"Path\":\"/dev/sda\",\"Weight\":20}]" },
	{ "    blkio_config: {weight: 5}\n", NULL,
		"compose.yaml:4:28: services.web.blkio_config.weight: 5 is not between 10 and 1000" },
	{ "    deploy: {resources: {limits: {cpus: '0.5', memory: 64m, pids: 9}, reservations: {memory: 32m}}}\n",
		"HostConfig",
		"{\"Memory\":67108864,\"MemoryReservation\":33554432,\"NanoCpus\":500000000,\"NetworkMode\":\"none\","
		"\"PidsLimit\":9}" },
	{ "    mem_limit: 64m\n    deploy: {resources: {limits: {memory: 64m}}}\n", "HostConfig.Memory",
		"67108864" },
	{ "    mem_limit: 64m\n    deploy: {resources: {limits: {memory: 65m}}}\n", NULL,
		"compose.yaml:5:43: services.web.deploy.resources.limits.memory: must agree with the other key that sets "
		"Memory" },
	{ "    deploy: {resources: {reservations: {devices: []}}}\n", NULL,
		"compose.yaml:4:41: services.web.deploy.resources.reservations.devices: device reservations are not built yet" },
	/* not built, unknown, without meaning */
	{ "    ports: ['80:80']\n", NULL,
		"compose.yaml:4:5: services.web.ports: published ports are not built yet" },
	{ "    healthcheck: {test: x}\n", NULL,
		"compose.yaml:4:5: services.web.healthcheck: health checks are not built yet" },
	{ "    networks: [a]\n", NULL,
		"compose.yaml:4:5: services.web.networks: networks are not built yet" },
	{ "    memory: 5m\n", NULL,
		"compose.yaml:4:5: services.web.memory: unknown key; did you mean mem_limit?" },
	{ "    enviroment: {A: 1}\n", NULL,
		"compose.yaml:4:5: services.web.enviroment: unknown key; did you mean environment?" },
	{ "    comand: x\n", NULL,
		"compose.yaml:4:5: services.web.comand: unknown key; did you mean command?" },
	{ "    frobnicate_everything: 1\n", NULL,
		"compose.yaml:4:5: services.web.frobnicate_everything: unknown key" },
	{ "    deploy: {resources: {limits: {mem: 1}}}\n", NULL,
		"compose.yaml:4:35: services.web.deploy.resources.limits.mem: unknown key" },
	{ "    deploy: {update_config: {parallelism: 2}}\n", NULL,
		"compose.yaml:4:14: services.web.deploy.update_config: rolling updates are not built yet" },
	{ "    deploy: {restart_policy: {condition: any}}\n", NULL,
		"compose.yaml:4:14: services.web.deploy.restart_policy: restart policies of tasks (restart: works) are not built yet" },
	{ "    build: {context: ., args: {a: b}}\n    develop: {watch: []}\n    credential_spec: {file: x}\n    cpu_count: 2\n"
	  "    cpu_percent: 5\n    runtime: runc\n    pull_policy: build\n    deploy: {placement: {constraints: []}}\n",
		"Image", "\"dir:/srv/app/root\"" },
	{ "    isolation: hyperv\n", "Image", "\"dir:/srv/app/root\"" },
	/* depends_on */
	{ "    depends_on: [db]\n", NULL,
		"compose.yaml:4:18: services.web: depends on db, which does not exist" },
	{ "    depends_on: {db: {required: false}}\n", "Image", "\"dir:/srv/app/root\"" },
	{ "    depends_on: {db: {condition: service_healthy}}\n", NULL,
		"compose.yaml:4:34: services.web.depends_on.db: service_healthy: health checks are not built yet" },
	{ "    depends_on: {db: {condition: soon}}\n", NULL,
		"compose.yaml:4:34: services.web.depends_on.db: \"soon\" must be service_started or "
		"service_completed_successfully" },
	{ "    depends_on: {db: {condition: service_started, restart: true}}\n  db: {image: 'dir:r'}\n",
		"Image", "\"dir:/srv/app/r\"" },
	{ "    depends_on: {db: {restart: perhaps}}\n", NULL,
		"compose.yaml:4:32: services.web.depends_on.db: \"perhaps\" must be true or false" },
	{ "    depends_on: [web]\n", NULL,
		"compose.yaml:3:5: services: services depend on each other: web -> web" },
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
		(void)snprintf(yaml, sizeof(yaml), HEAD "%s" TAIL, r->keys);
		int rc = load(yaml, &p, &e);
		auto_free char *got = rc == 0 && r->member ? member_text(p, r->member)
							   : strdup(rc < 0 ? e.text : "no error");
		bool ok = r->member ? rc == 0 && strcmp(got, r->want) == 0
				    : rc < 0 && rc == -e.code && strncmp(got, r->want, strlen(r->want)) == 0;
		/* What compose makes, create takes. */
		auto_(config) struct config *config = NULL;
		if (ok && rc == 0 && config_parse(p->services[0].body, &config, &e) < 0) {
			free(take_ptr(&got));
			got = strdup(e.text);
			ok = false;
		}
		if (!ok) {
			print_error("row %zu:\n%s  want %s\n  got  %s\n", i, r->keys, r->want, got);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

/* ---- other images ---- */

static void test_images(void **state)
{
	(void)state;
	static const struct {
		const char *image, *want;
	} t[] = {
		{ "oci-bundle:/b", "\"oci-bundle:/b\"" },
		{ "dir:~/root", "\"dir:/home/me/root\"" },
		{ "dir:../x//y", "\"dir:/srv/x/y\"" },
		{ "redis:7", "\"redis:7\"" },
		{ "example.org:5000/me/redis", "\"example.org:5000/me/redis\"" },
		{ "Redis", NULL },
		{ "copy:/x", NULL },
		{ "dir:", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char yaml[200];
		struct err e;
		auto_(compose) struct compose_project *p = NULL;
		(void)snprintf(yaml, sizeof(yaml), "services:\n  web:\n    image: '%s'\n", t[i].image);
		int rc = load(yaml, &p, &e);
		assert_int_equal(rc, t[i].want ? 0 : -EINVAL);
		if (!t[i].want) {
			assert_non_null(strstr(e.text, "compose.yaml:3:12: services.web.image: "));
			continue;
		}
		auto_free char *got = member_text(p, "Image");
		assert_string_equal(got, t[i].want);
	}
	struct err e;
	struct compose_project *p = NULL;
	assert_int_equal(load("services: {web: {tty: true}}\n", &p, &e), -EINVAL);
	assert_string_equal(e.text, "compose.yaml:1:17: services.web: image is missing");
}

static void test_labels(void **state)
{
	(void)state;
	struct err e;
	auto_(compose) struct compose_project *p = NULL;
	assert_int_equal(load(HEAD "    labels: [mine, a=b]\n", &p, &e), 0);
	const json_t *labels = json_object_get(p->services[0].body, "Labels");
	static const struct {
		const char *key, *value;
	} t[] = { { "mine", "" }, { "a", "b" }, { "com.docker.compose.project", "app" },
		{ "com.docker.compose.service", "web" }, { "com.docker.compose.container-number", "1" },
		{ "com.docker.compose.oneoff", "False" }, { "com.docker.compose.depends_on", "" },
		{ "com.docker.compose.project.working_dir", "/srv/app" },
		{ "com.docker.compose.project.config_files", "-" } };
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		assert_string_equal(json_string_value(json_object_get(labels, t[i].key)), t[i].value);
	assert_int_equal(json_object_size(labels), ARRAY_LEN(t) + 1);
	assert_string_equal(json_string_value(json_object_get(labels, "com.docker.compose.config-hash")),
		p->services[0].config_hash);
	assert_int_equal(strlen(p->services[0].config_hash), 64);
	assert_string_equal(p->services[0].container_name, "app-web-1");
}

/* The hash follows what the container is, not how or where it is written. */
static void test_config_hash(void **state)
{
	(void)state;
	static const char *const same[] = {
		HEAD "    environment: [A=1]\n    mem_limit: 64m\n",
		"# a comment\n" HEAD
		"    mem_limit: 67108864\n    environment: {A: 1}\n    depends_on: {x: {required: false}}\n",
	};
	static const char *const other[] = {
		HEAD "    environment: [A=2]\n    mem_limit: 64m\n",
		HEAD "    environment: [A=1]\n    mem_limit: 65m\n",
		HEAD "    environment: [A=1]\n    mem_limit: 64m\n    container_name: else\n",
	};
	char first[65] = "";
	for (size_t i = 0; i < ARRAY_LEN(same) + ARRAY_LEN(other); i++) {
		struct err e;
		auto_(compose) struct compose_project *p = NULL;
		const char *yaml = i < ARRAY_LEN(same) ? same[i] : other[i - ARRAY_LEN(same)];
		assert_int_equal(load(yaml, &p, &e), 0);
		if (i == 0)
			(void)snprintf(first, sizeof(first), "%s", p->services[0].config_hash);
		else if (i < ARRAY_LEN(same))
			assert_string_equal(p->services[0].config_hash, first);
		else
			assert_string_not_equal(p->services[0].config_hash, first);
	}
}

/* A service that is wanted several times is as many services; none at all is none, and still one of the files'. */
static void test_scale(void **state)
{
	(void)state;
	struct err e;
	auto_(compose) struct compose_project *p = NULL, *again = NULL;
	assert_int_equal(
		load("services:\n  none: {image: 'dir:r', scale: 0}\n  web:\n    image: dir:r\n    scale: 3\n"
		     "    depends_on: [none]\n  one: {image: 'dir:r', network_mode: 'service:web'}\n",
			&p, &e),
		0);
	auto_(json) json_t *model = compose_to_json(p);
	assert_int_equal(compose_from_json(model, &again, &e), 0);
	static const struct {
		const char *name, *container, *number;
	} want[] = { { "web", "app-web-1", "1" }, { "web", "app-web-2", "2" }, { "web", "app-web-3", "3" },
		{ "one", "app-one-1", "1" } };
	assert_int_equal(again->n_services, ARRAY_LEN(want));
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		const struct compose_service *s = &again->services[i];
		assert_string_equal(s->name, want[i].name);
		assert_string_equal(s->container_name, want[i].container);
		assert_string_equal(json_string_value(json_object_get(json_object_get(s->body, "Labels"),
					    "com.docker.compose.container-number")),
			want[i].number);
		assert_string_equal(s->config_hash, again->services[i < 3 ? 0 : 3].config_hash);
	}
	auto_free char *scales = json_dumps(again->scales, JSON_COMPACT | JSON_SORT_KEYS);
	assert_string_equal(scales, "{\"none\":0,\"one\":1,\"web\":3}");
	assert_string_equal(again->declared[0], "none");
	struct compose_project *none = NULL;
	assert_int_equal(
		load("services:\n  a: {image: 'dir:r', scale: 600}\n  b: {image: 'dir:r', scale: 600}\n",
			&none, &e),
		-EINVAL);
	assert_string_equal(e.text, "more than 1000 containers");
	assert_int_equal(
		load("services:\n  a: {image: 'dir:r', scale: 2}\n  b: {image: 'dir:r', container_name: app-a-2}\n",
			&none, &e),
		-EINVAL);
	assert_string_equal(e.text, "services a and b: both have a container app-a-2");
}

static void test_warnings(void **state)
{
	(void)state;
	struct err e;
	auto_(compose) struct compose_project *p = NULL;
	assert_int_equal(
		load("version: '3'\nservices:\n  a:\n    image: dir:r\n    build: .\n    restart: no\n"
		     "    environment: ['X=$NOTSET$NOTSET']\n  b:\n    image: dir:r\n    command: $NOTSET\n",
			&p, &e),
		0);
	static const char *const want[] = {
		"compose.yaml:7: The \"NOTSET\" variable is not set. Defaulting to a blank string.",
		"compose.yaml:1: version: ignored: it is obsolete and chooses nothing",
		"compose.yaml:4: services.a.build: ignored: images are not built here",
		"compose.yaml:6: services.a.restart: without quotes no is a boolean to YAML; taken as \"no\"",
		"no networks: each service has a private loopback and cannot reach the others (network_mode: host or "
		"service:NAME shares one)",
	};
	size_t n = 0;
	for (; p->warnings[n]; n++)
		assert_string_equal(p->warnings[n], n < ARRAY_LEN(want) ? want[n] : "no more");
	assert_int_equal(n, ARRAY_LEN(want));
}

/* Several mistakes are told at once, and never more than fit. */
static void test_many_errors(void **state)
{
	(void)state;
	struct err e;
	struct compose_project *p = NULL;
	assert_int_equal(load(HEAD "    ports: [80]\n    memory: 5m\n    tty: maybe\n", &p, &e), -EINVAL);
	assert_string_equal(e.text,
		"compose.yaml:4:5: services.web.ports: published ports are not built yet\n"
		"compose.yaml:5:5: services.web.memory: unknown key; did you mean mem_limit?");
	auto_(buf) struct buf text = { 0 };
	assert_int_equal(buf_puts(&text, HEAD), 0);
	for (int i = 0; i < 500; i++)
		assert_int_equal(buf_printf(&text, "    unknown_key_%d: 1\n", i), 0);
	assert_int_equal(load(text.data, &p, &e), -EINVAL);
	assert_null(p);
	const char *last = strrchr(e.text, '\n');
	assert_non_null(last);
	assert_non_null(strstr(last, ": unknown key")); /* cut between lines only */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_images),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_config_hash),
		cmocka_unit_test(test_scale),
		cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_many_errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
