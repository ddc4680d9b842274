/*
 * rt - run a container by runtime/launch alone, without supervisor or keeper: for tests and benchmarks.
 *
 * usage (root): rt [-r ROOTFS | -c CONFIG.json] [-g GROUP] [-n ROUNDS] [-u] [-i] [ARGS...]
 *   -r  the sample container over this root; ARGS are what it runs (default: true)
 *   -u  with a user namespace   -i  with the reaper   -p  in the host's pid namespace
 *   -n  so often; prints median, p10 and p90 of one run, from launch_begin() to the removed cgroup, then the medians of its
 *       parts
 * Ends as the container ended; 125 when it did not start.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/own.h"
#include "runtime/launch_exec.h"
#include "tests/support/sample.h"

struct options {
	const char *root, *config, *group;
	int rounds;
	bool user_ns, init, host_pid;
};

static int parse(int argc, char **argv, struct options *o)
{
	int opt;
	while ((opt = getopt(argc, argv, "+r:c:g:n:uip")) != -1) {
		switch (opt) {
		case 'r':
			o->root = optarg;
			break;
		case 'c':
			o->config = optarg;
			break;
		case 'g':
			o->group = optarg;
			break;
		case 'n':
			o->rounds = atoi(optarg);
			break;
		case 'u':
			o->user_ns = true;
			break;
		case 'i':
			o->init = true;
			break;
		case 'p':
			o->host_pid = true;
			break;
		default:
			return -1;
		}
	}
	return o->root || o->config ? 0 : -1;
}

static int load(const struct options *o, char **args, struct spec **out, struct err *e)
{
	static const char *const nothing[] = { "true", NULL };
	auto_(buf) struct buf text = { 0 };

	if (o->config) {
		int r = io_read_file(AT_FDCWD, o->config, 4 << 20, &text, e);
		return r < 0 ? r : spec_parse(text.data, text.len, ".", out, e);
	}
	*out = sample_spec(o->root, *args ? (const char *const *)args : nothing);
	if (o->user_ns)
		sample_new_user_ns(*out);
	if (o->host_pid)
		(*out)->ns[SPEC_NS_PID].mode = SPEC_NS_HOST;
	(*out)->init = o->init;
	return 0;
}

static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static int64_t median(int64_t *took, int n)
{
	qsort(took, (size_t)n, sizeof(*took), by_time);
	return took[n / 2] / 1000;
}

static int measure(const struct launch_args *args, int rounds, struct err *e)
{
	static const char *const names[SAMPLE_MARKS] = { "forked", "init", "ready", "running", "reaped",
		"removed" };
	auto_free int64_t *took = calloc((size_t)rounds * (SAMPLE_MARKS + 1), sizeof(*took));
	if (!took)
		return err_set(e, ENOMEM, "times");
	for (int i = 0; i < rounds; i++) {
		int64_t start = clock_mono_ns(), before = start;
		int r = sample_run(args, e);
		if (r != 0)
			return r;
		took[i] = clock_mono_ns() - start;
		for (int k = 0; k < SAMPLE_MARKS; k++) {
			took[(k + 1) * rounds + i] = sample_marks[k] - before;
			before = sample_marks[k];
		}
	}
	long long all = median(took, rounds);
	(void)printf("rounds %d median %lld us p10 %lld p90 %lld:", rounds, all,
		(long long)(took[rounds / 10] / 1000), (long long)(took[rounds * 9 / 10] / 1000));
	for (int k = 0; k < SAMPLE_MARKS; k++)
		(void)printf(" %s %lld", names[k], (long long)median(took + (k + 1) * rounds, rounds));
	(void)printf("\n");
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = { .group = "rt" };
	struct launch_env *env = NULL;
	struct cgroup_root *cgroups = NULL;
	auto_(spec) struct spec *spec = NULL;
	struct err e = { 0 };

	if (argc > 1 && strcmp(argv[1], LAUNCH_EXEC_VERB) == 0)
		return launch_exec_main(argc - 1, argv + 1);
	if (parse(argc, argv, &o) < 0) {
		(void)fprintf(stderr,
			"usage: rt [-r ROOTFS | -c CONFIG] [-g GROUP] [-n ROUNDS] [-uip] [ARGS...]\n");
		return 125;
	}
	int r = load(&o, argv + optind, &spec, &e);
	if (r == 0)
		r = launch_env_open(&env, &e);
	if (r == 0)
		r = cgroup_root_open(o.group, NULL, &cgroups, &e);
	if (r == 0) {
		char id[32];
		(void)snprintf(id, sizeof(id), "rt%d", (int)getpid());
		struct launch_args args = {
			.env = env,
			.spec = spec,
			.id = id,
			.cgroups = cgroups,
			.cgroup_path = id,
			.launcher_cgroup_fd = -1,
			.stdio = { 0, 1, 2 },
			.keep_fd = -1,
		};
		r = o.rounds > 0 ? measure(&args, o.rounds, &e) : sample_run(&args, &e);
		struct err ignored;
		(void)cgroup_root_remove(cgroups, &ignored); /* another of this name may still run in it */
	}
	if (e.code)
		(void)fprintf(stderr, "rt: %s\n", e.text);
	cgroup_root_free(cgroups);
	launch_env_free(env);
	return r < 0 ? 125 : r;
}
