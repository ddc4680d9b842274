#include <stdio.h>
#include <unistd.h>

#include "base/own.h"
#include "supervisor/spec_build_parts.h"

static const char *const masked[] = { "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore",
	"/proc/keys", "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list",
	"/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware" };
static const char *const readonly[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
	"/proc/sysrq-trigger" };

/* Docker's list and each cpu's thermal_throttle: its counters tell the neighbours' load. */
static char **default_masked(struct arena *a)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	size_t n = 0, room = ARRAY_LEN(masked) + (cpus > 0 ? (size_t)cpus : 0) + 1;
	char **v = arena_calloc(a, room, sizeof(*v));
	for (; v && n < ARRAY_LEN(masked); n++)
		v[n] = arena_strdup(a, masked[n]);
	for (long cpu = 0; v && cpu < cpus; cpu++) {
		char path[80];
		(void)snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%ld/thermal_throttle", cpu);
		if (access(path, F_OK) == 0)
			v[n++] = arena_strdup(a, path);
	}
	return v;
}

int spec_build_paths(const struct spec_build_ctx *x, struct err *e)
{
	const struct config *c = x->c;
	struct spec *s = x->s;
	if (c->masked_paths)
		s->masked_paths = arena_strv(x->a, (const char *const *)c->masked_paths, -1);
	else if (c->privileged)
		s->masked_paths = NULL;
	else if (!x->env->bundle)
		s->masked_paths = default_masked(x->a);
	if (c->readonly_paths)
		s->readonly_paths = arena_strv(x->a, (const char *const *)c->readonly_paths, -1);
	else if (c->privileged)
		s->readonly_paths = NULL;
	else if (!x->env->bundle)
		s->readonly_paths = arena_strv(x->a, readonly, ARRAY_LEN(readonly));
	return arena_failed(x->a) ? spec_build_no_memory(e) : 0;
}
