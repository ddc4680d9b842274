#include "runtime/cgroup_convert.h"

#include <errno.h>

#include "runtime/spec.h"

/* Not log2() and exp2(): no other code of ours needs the maths library, and each one costs every start. */
static double log_2(double x)
{
	double result = 0, bit = 0.5;
	for (; x >= 2; x /= 2)
		result += 1;
	for (int i = 0; i < 50; i++, bit /= 2) {
		x *= x;
		if (x >= 2) {
			x /= 2;
			result += bit;
		}
	}
	return result;
}

static double power_of_10(double y)
{
	double t = y * 2.302585092994045684, sum = 1, term = 1; /* e^(y ln 10) */
	for (int i = 1; i < 80; i++) {
		term *= t / i;
		sum += term;
	}
	return sum;
}

uint64_t cgroup_weight_of_shares(uint64_t shares)
{
	if (shares <= 2)
		return 1;
	if (shares >= 262144)
		return 10000;
	double l = log_2((double)shares);
	double weight = power_of_10((l * l + 125 * l) / 612 - 7.0 / 34);
	uint64_t whole = (uint64_t)(weight + 1e-9); /* 1024 is 100, not a rounding error more */
	return weight > (double)whole + 1e-9 ? whole + 1 : whole;
}

uint64_t cgroup_io_weight_of_blkio(uint64_t weight)
{
	if (weight <= 10)
		return 1;
	return weight >= 1000 ? 10000 : 1 + (weight - 10) * 9999 / 990;
}

int cgroup_swap_of_sum(int64_t memory, int64_t memory_and_swap, int64_t *out, struct err *e)
{
	bool memory_set = memory != SPEC_UNSET && memory != 0;
	bool sum_set = memory_and_swap != SPEC_UNSET && memory_and_swap != 0;
	if (!sum_set) {
		/* v1 takes the sum away with the memory limit. */
		*out = memory_set && memory < 0 ? -1 : SPEC_UNSET;
		return 0;
	}
	if (memory_and_swap < 0) {
		*out = -1;
		return 0;
	}
	if (!memory_set)
		return err_say(e, EINVAL, "memory+swap limit: a memory limit must be set with it");
	if (memory > 0 && memory_and_swap < memory)
		return err_say(e, EINVAL,
			"memory+swap limit: must not be below the memory limit, which is part of it");
	*out = memory < 0 ? memory_and_swap : memory_and_swap - memory;
	return 0;
}
