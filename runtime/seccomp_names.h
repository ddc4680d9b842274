/*
 * seccomp_names - the words of seccomp profiles and libseccomp's numbers (private to runtime/seccomp*.c).
 *
 * Source:  OCI config-linux.md "seccomp"; seccomp_rule_add(3), seccomp_arch_add(3).
 * Errors:  false: no such word. The *_name functions answer NULL for a number without one.
 */
#ifndef RUNTIME_SECCOMP_NAMES_H
#define RUNTIME_SECCOMP_NAMES_H

#include <stdbool.h>
#include <stdint.h>

/* Actions without the number in their lower 16 bits. */
bool seccomp_action_from_name(const char *name, uint32_t *out);
const char *seccomp_action_name(uint32_t action);
bool seccomp_action_has_number(uint32_t action); /* errno, trace */

bool seccomp_op_from_name(const char *name, int *out);
const char *seccomp_op_name(int op);
bool seccomp_arch_from_name(const char *name, uint32_t *out);
const char *seccomp_arch_name(uint32_t arch);
bool seccomp_flag_from_name(const char *name, uint32_t *out);
const char *seccomp_flag_name(uint32_t flag);
/* Docker's word for the machine we run on ("amd64"), and its SCMP_ARCH_ name. */
const char *seccomp_native_docker_name(void);
const char *seccomp_native_name(void);

#endif
