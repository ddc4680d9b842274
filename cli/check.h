/*
 * check - what this kernel can do for berth and what follows from it, one line per finding.
 *
 * Source:  the man pages of the calls probed; proc(5); kernel Documentation/admin-guide/cgroup-v2.rst.
 * Nothing is changed: calls are probed with arguments that the kernel must refuse.
 */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* `berth check [--data-root DIR]`; 1 when something that berth needs is missing. argv[0] is the verb. */
int check_main(int argc, char **argv);

struct check_cgroups {
	bool v2, nsdelegate;
	char v2_path[256];
	char v1[256]; /* "cpu,memory,..." in the order found */
};

/* From the text of /proc/self/mountinfo. */
void check_parse_mounts(const char *mountinfo, struct check_cgroups *out);
/* "5.10.0-8-amd64" at least 5.10? */
bool check_kernel_at_least(const char *release, int major, int minor);

#endif
