#include "runtime/rlimit.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

#include "base/own.h"
#include "base/text.h"

static const char *const names[] = {
	[RLIMIT_CPU] = "RLIMIT_CPU",
	[RLIMIT_FSIZE] = "RLIMIT_FSIZE",
	[RLIMIT_DATA] = "RLIMIT_DATA",
	[RLIMIT_STACK] = "RLIMIT_STACK",
	[RLIMIT_CORE] = "RLIMIT_CORE",
	[RLIMIT_RSS] = "RLIMIT_RSS",
	[RLIMIT_NPROC] = "RLIMIT_NPROC",
	[RLIMIT_NOFILE] = "RLIMIT_NOFILE",
	[RLIMIT_MEMLOCK] = "RLIMIT_MEMLOCK",
	[RLIMIT_AS] = "RLIMIT_AS",
	[RLIMIT_LOCKS] = "RLIMIT_LOCKS",
	[RLIMIT_SIGPENDING] = "RLIMIT_SIGPENDING",
	[RLIMIT_MSGQUEUE] = "RLIMIT_MSGQUEUE",
	[RLIMIT_NICE] = "RLIMIT_NICE",
	[RLIMIT_RTPRIO] = "RLIMIT_RTPRIO",
	[RLIMIT_RTTIME] = "RLIMIT_RTTIME",
};

#define PREFIX_LEN 7 /* "RLIMIT_" */

int rlimit_from_name(const char *name)
{
	bool oci = text_has_prefix(name, "RLIMIT_");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (oci ? strcmp(names[i], name) == 0 : strcasecmp(names[i] + PREFIX_LEN, name) == 0)
			return (int)i;
	}
	return -EINVAL;
}

const char *rlimit_name(int resource)
{
	return resource >= 0 && (size_t)resource < ARRAY_LEN(names) ? names[resource] : NULL;
}
