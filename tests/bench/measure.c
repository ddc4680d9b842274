#include "tests/bench/measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/http.h"

void measure_die(const char *what, const char *why)
{
	(void)fprintf(stderr, "bench: %s: %s\n", what, why);
	exit(1);
}

void measure_call(
	const char *socket, const char *method, const char *target, const char *body, struct buf *answer)
{
	struct err e;
	int status;

	buf_reset(answer);
	if (http_call(socket, method, target, body, body ? strlen(body) : 0, &status, answer, &e) < 0)
		measure_die(target, e.text);
	if (status >= 400)
		measure_die(target, answer->data ? answer->data : "refused");
}

void measure_add(struct measured *m, int64_t took_ns)
{
	if (m->n == ROUNDS_MAX)
		measure_die("a row", "too many rounds");
	m->took[m->n++] = took_ns;
}

static int by_time(const void *x, const void *y)
{
	int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
	return (a > b) - (a < b);
}

int64_t measure_percentile(struct measured *m, int part)
{
	qsort(m->took, (size_t)m->n, sizeof(m->took[0]), by_time);
	return m->n ? m->took[m->n * part / 100] : 0;
}
