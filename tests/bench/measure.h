/*
 * measure - what the benchmarks share: a call of the API that must succeed, medians, and an end with a reason.
 *
 * Units:   nanoseconds of clock_mono_ns().
 */
#ifndef TESTS_BENCH_MEASURE_H
#define TESTS_BENCH_MEASURE_H

#include <stdint.h>

#include "base/buf.h"

#define ROUNDS_MAX 1000

/* One row of figures. */
struct measured {
	int64_t took[ROUNDS_MAX];
	int n;
};

_Noreturn void measure_die(const char *what, const char *why);
/* answer is emptied first; a status of 400 and more ends the program. */
void measure_call(
	const char *socket, const char *method, const char *target, const char *body, struct buf *answer);
void measure_add(struct measured *m, int64_t took_ns);
/* part of 100: 50 is the median. */
int64_t measure_percentile(struct measured *m, int part);

#endif
