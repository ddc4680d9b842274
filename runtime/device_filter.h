/*
 * device_filter - which device nodes a control group may make and open.
 *
 * A list of rules is read as the OCI specification has it: nothing is allowed at first, and for each kind of access the
 * last rule that matches decides. cgroup v2 runs exactly that as a bpf program; cgroup v1's controller only knows a default
 * with exceptions, to which device_rules_reduce() brings a list where that is possible.
 *
 * Source:  OCI config-linux.md "Allowed Device list"; bpf(2), BPF_PROG_TYPE_CGROUP_DEVICE; cgroup-v1/devices.rst.
 * Owns:    struct device_rules owns .exceptions; device_rules_done().
 * Errors:  -EINVAL: a rule without sense; -EOPNOTSUPP: no bpf in this kernel (CONFIG_CGROUP_BPF, CAP_BPF), or a list that
 *          v1 cannot express; the text names the rule.
 */
#ifndef RUNTIME_DEVICE_FILTER_H
#define RUNTIME_DEVICE_FILTER_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/own.h"
#include "runtime/spec.h"

struct device_rules {
	bool default_allow;
	struct spec_device_rule *exceptions;
	size_t n;
};

int device_rules_reduce(
	const struct spec_device_rule *rules, size_t n, struct device_rules *out, struct err *e);
void device_rules_done(struct device_rules *l);
OWN_DEFINE(device_rules, struct device_rules, device_rules_done)

/* The program as instructions, malloc'd; returns their count. Pure. */
int device_filter_assemble(
	const struct spec_device_rule *rules, size_t n, struct bpf_insn **out, struct err *e);
/* Load it and attach it to a v2 group, beside whatever others attach (BPF_F_ALLOW_MULTI), in place of an earlier one of
 * ours: until the new one is on, the old one holds. */
int device_filter_attach(int cgroup_dirfd, const struct spec_device_rule *rules, size_t n, struct err *e);

#endif
