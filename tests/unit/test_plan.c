/* plan_build and plan_check: what goes in comes out, every bent offset is seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "runtime/plan.h"

static char *args[] = { "sh", "-c", "exit 7", NULL };
static char *env[] = { "PATH=/bin", "A=b c", NULL };
static char *group_add[] = { "audio", "12", NULL };

static struct spec_process sample(void)
{
	static uint32_t gids[] = { 5, 6 };
	static struct spec_rlimit limits[] = { { RLIMIT_NOFILE, 64, 128 } };
	return (struct spec_process){ .args = args,
		.env = env,
		.cwd = "/work",
		.user = "web:video",
		.group_add = group_add,
		.additional_gids = gids,
		.n_additional_gids = 2,
		.rlimits = limits,
		.n_rlimits = 1,
		.umask = SPEC_UNSET,
		.oom_score_adj = -5,
		.no_new_privileges = true,
		.caps = { 1, 2, 7, 13, 29 },
		.terminal = true,
		.console_width = 80,
		.console_height = 25 };
}

static void round_trip(void **state)
{
	(void)state;
	struct spec_process s = sample();
	struct sock_filter insns[] = { BPF_STMT(BPF_RET | BPF_K, 0x7fff0000) };
	struct seccomp_prog prog = { insns, 1, 2 };
	struct plan_extra x = {
		.reaper = true, .chown_pipes = true, .join_ns = 0x20000, .n_tasks = 3, .stdio_given = 5
	};
	auto_(buf) struct buf b = { 0 };
	struct err e = { 0 };

	assert_int_equal(plan_build(&s, &prog, &x, &b, &e), 0);
	const struct plan *p = (const void *)b.data;
	assert_int_equal(p->size, b.len);
	assert_int_equal(plan_check(b.data, b.len), 0);
	assert_int_equal(p->args.count, 3);
	assert_string_equal(plan_string_at(p, p->args, 2), "exit 7");
	assert_int_equal(p->env.count, 2);
	assert_string_equal(plan_string_at(p, p->env, 1), "A=b c");
	assert_string_equal(plan_string_at(p, p->group_add, 1), "12");
	assert_string_equal(plan_string(p, p->cwd_off), "/work");
	assert_string_equal(plan_string(p, p->user_off), "web:video");
	assert_int_equal(p->flags,
		PLAN_TERMINAL | PLAN_NO_NEW_PRIVS | PLAN_OOM_SCORE | PLAN_REAPER | PLAN_LOOKUP_USER |
			PLAN_SET_HOME | PLAN_CHOWN_PIPES);
	assert_int_equal(p->umask, 022);
	assert_int_equal(p->n_groups, 2);
	assert_int_equal(p->groups[1], 6);
	assert_int_equal(p->oom_score_adj, -5);
	assert_int_equal(p->rlimits[0].resource, RLIMIT_NOFILE);
	assert_int_equal(p->rlimits[0].hard, 128);
	assert_int_equal(p->cap_bounding, 1);
	assert_int_equal(p->cap_ambient, 5); /* those that are inheritable and permitted too */
	assert_int_equal(p->seccomp_count, 1);
	assert_int_equal(p->seccomp_flags, 2);
	assert_memory_equal(b.data + p->seccomp_off, insns, sizeof(insns));
	assert_int_equal(p->join_ns, 0x20000);
	assert_int_equal(p->n_tasks, 3);
	assert_int_equal(p->stdio_given, 5);
}

static void home_is_only_looked_up_when_missing(void **state)
{
	(void)state;
	struct spec_process s = sample();
	char *with[] = { "HOME=/x", NULL }, *empty[] = { "HOME=/x", "HOME=", NULL };
	auto_(buf) struct buf a = { 0 }, b = { 0 };

	s.env = with;
	assert_int_equal(plan_build(&s, NULL, NULL, &a, NULL), 0);
	assert_false(((const struct plan *)(const void *)a.data)->flags & PLAN_SET_HOME);
	s.env = empty;
	assert_int_equal(plan_build(&s, NULL, NULL, &b, NULL), 0);
	assert_true(((const struct plan *)(const void *)b.data)->flags & PLAN_SET_HOME);
}

static void refuse(struct spec_process s, const char *word)
{
	auto_(buf) struct buf b = { 0 };
	struct err e = { 0 };
	assert_true(plan_build(&s, NULL, NULL, &b, &e) < 0);
	if (!strstr(e.text, word))
		fail_msg("'%s' does not name '%s'", e.text, word);
}

static void bad_input_is_named(void **state)
{
	(void)state;
	struct spec_process s = sample();
	s.args = (char *[]){ NULL };
	refuse(s, "process.args");
	s = sample();
	s.cwd = "work";
	refuse(s, "process.cwd");
	s = sample();
	s.user = NULL;
	s.uid = UINT32_MAX; /* -1 would leave us root */
	refuse(s, "process.user");
	s = sample();
	s.oom_score_adj = 1001;
	refuse(s, "oomScoreAdj");
	s = sample();
	s.umask = 01000;
	refuse(s, "umask");
	s = sample();
	uint32_t bad_gid = UINT32_MAX;
	s.additional_gids = &bad_gid;
	s.n_additional_gids = 1;
	refuse(s, "additionalGids");
	s = sample();
	s.n_additional_gids = PLAN_GROUPS + 1;
	refuse(s, "additionalGids");
	s = sample();
	struct spec_rlimit many[PLAN_RLIMITS + 1] = { 0 };
	s.rlimits = many;
	s.n_rlimits = PLAN_RLIMITS + 1;
	refuse(s, "rlimits");
	s = sample();
	char *huge = malloc(PLAN_MAX + 1);
	memset(huge, 'x', PLAN_MAX);
	huge[PLAN_MAX] = '\0';
	s.env = (char *[]){ huge, NULL };
	refuse(s, "environment");
	free(huge);
}

/* Any change of a size, offset or count is refused or leaves a plan whose every string is inside. */
static void bent_plans(void **state)
{
	(void)state;
	struct spec_process s = sample();
	auto_(buf) struct buf b = { 0 };
	assert_int_equal(plan_build(&s, NULL, NULL, &b, NULL), 0);
	for (size_t len = 0; len < b.len; len++)
		assert_int_equal(plan_check(b.data, len), -EBADMSG);

	const char *given = getenv("BERTH_SEED");
	unsigned seed = given && *given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL),
		 refused = 0;
	printf("seed %u\n", seed);
	for (int i = 0; i < 20000; i++) {
		char *copy = malloc(b.len);
		memcpy(copy, b.data, b.len);
		uint32_t value = (uint32_t)rand_r(&seed) % 3
			? (uint32_t)rand_r(&seed) % (uint32_t)(b.len + 16)
			: (uint32_t)rand_r(&seed) * 3;
		size_t at = (size_t)rand_r(&seed) % (b.len / 4);
		memcpy(copy + at * 4, &value, 4);
		const struct plan *p = (const void *)copy;
		if (plan_check(copy, b.len) == 0) {
			for (uint32_t k = 0; k < p->args.count; k++)
				assert_true(strlen(plan_string_at(p, p->args, k)) < b.len);
			for (uint32_t k = 0; k < p->env.count; k++)
				assert_true(strlen(plan_string_at(p, p->env, k)) < b.len);
			assert_true(strlen(plan_string(p, p->cwd_off)) < b.len);
		} else {
			refused++;
		}
		free(copy);
	}
	assert_true(refused > 100);
	struct plan *p = (void *)b.data;
	p->umask = 01000;
	assert_int_equal(plan_check(p, b.len), -EBADMSG);
	p->umask = 0;
	p->uid = UINT32_MAX;
	assert_int_equal(plan_check(p, b.len), -EBADMSG);
}

static void failures_are_not_believed(void **state)
{
	(void)state;
	struct stage_msg m = { .type = STAGE_FAILED, .err = ENOENT, .exit_code = 127, .whole = 1 };
	struct err e = { 0 };
	int code;

	strcpy(m.text, "exec: \"x\": executable file not found in $PATH");
	assert_int_equal(plan_error(&m, &code, &e), -ENOENT);
	assert_int_equal(code, 127);
	assert_string_equal(e.text, m.text);
	m.whole = 0;
	strcpy(m.step, "stdio");
	strcpy(m.text, "open /dev/null");
	(void)plan_error(&m, &code, &e);
	assert_string_equal(e.text, "stdio: open /dev/null: No such file or directory");

	memset(&m, '\n',
		sizeof(m)); /* as a container could forge it: no end, control characters, wild numbers */
	m.err = -1;
	assert_int_equal(plan_error(&m, &code, &e), -EPROTO);
	assert_int_equal(code, 128);
	assert_null(strpbrk(e.text, "\n\r\033"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(home_is_only_looked_up_when_missing),
		cmocka_unit_test(bad_input_is_named),
		cmocka_unit_test(bent_plans),
		cmocka_unit_test(failures_are_not_believed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
