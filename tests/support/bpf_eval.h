/*
 * bpf_eval - what a seccomp program answers to one system call, without a kernel.
 *
 * Source:  seccomp(2), Documentation/networking/filter.rst: the instructions that libseccomp makes.
 * Errors:  UINT32_MAX for a program that the kernel would not take.
 */
#ifndef TESTS_SUPPORT_BPF_EVAL_H
#define TESTS_SUPPORT_BPF_EVAL_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline int bpf_jumps(const struct sock_filter *f, uint32_t a)
{
	switch (BPF_OP(f->code)) {
	case BPF_JEQ:
		return a == f->k;
	case BPF_JGT:
		return a > f->k;
	case BPF_JGE:
		return a >= f->k;
	case BPF_JSET:
		return (a & f->k) != 0;
	default:
		return -1;
	}
}

static inline uint32_t bpf_eval(const struct sock_filter *f, size_t n, const struct seccomp_data *d)
{
	uint32_t a = 0;
	for (size_t pc = 0; pc < n; pc++) {
		const struct sock_filter *i = &f[pc];
		switch (BPF_CLASS(i->code)) {
		case BPF_LD:
			if (i->k + 4 > sizeof(*d))
				return UINT32_MAX;
			memcpy(&a, (const char *)d + i->k, 4);
			break;
		case BPF_ALU:
			if (BPF_OP(i->code) != BPF_AND)
				return UINT32_MAX;
			a &= i->k;
			break;
		case BPF_JMP:
			if (BPF_OP(i->code) == BPF_JA) {
				pc += i->k;
			} else {
				int yes = bpf_jumps(i, a);
				if (yes < 0)
					return UINT32_MAX;
				pc += yes ? i->jt : i->jf;
			}
			break;
		case BPF_RET:
			return i->k;
		default:
			return UINT32_MAX;
		}
	}
	return UINT32_MAX;
}

#endif
