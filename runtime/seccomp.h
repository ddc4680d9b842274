/*
 * seccomp - from a profile to the bytes the kernel loads.
 *
 * Source:  seccomp(2); libseccomp; OCI config-linux.md "seccomp"; Docker's profile format (archMap, includes/excludes by
 *          capability, architecture and minimal kernel).
 * Owns:    struct seccomp_prog owns its instructions. Building costs 0.7-7 ms: build once per (profile, capabilities)
 *          and keep the program; loading is one prctl/seccomp call by the stage.
 * Errors:  -EINVAL with the member's path; an unknown action, operator or architecture is an error; a syscall name that
 *          this libseccomp does not know is skipped, as every runtime does.
 */
#ifndef RUNTIME_SECCOMP_H
#define RUNTIME_SECCOMP_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/spec.h"

struct seccomp_prog {
	struct sock_filter *insns;
	size_t n;
	uint32_t flags; /* SECCOMP_FILTER_FLAG_* for seccomp(2) */
};

/* Parse Docker's JSON format into OCI form for a container with these bounding capabilities. Into a. */
int seccomp_parse_profile(const char *text, size_t len, uint64_t caps, struct arena *a,
	struct spec_seccomp **out, struct err *e);
/* Parse the "linux.seccomp" object of a config.json; used by spec_parse(). */
struct json_t;
int seccomp_parse_oci(const struct json_t *obj, struct arena *a, struct spec_seccomp **out, struct err *e);
/* Compile with the binary tree optimisation. no_new_privs is left to the caller (SCMP_FLTATR_CTL_NNP off). */
int seccomp_compile(const struct spec_seccomp *s, struct seccomp_prog *out, struct err *e);
void seccomp_prog_done(struct seccomp_prog *p);
/* Our own default profile (configs/seccomp.json), linked into the program. Not NUL-terminated. */
const char *seccomp_default_profile(size_t *out_len);

OWN_DEFINE(seccomp_prog, struct seccomp_prog, seccomp_prog_done)

#endif
