/* A debt is paid by killing what is in the group, but no longer once the group has been taken into use again. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/debt.h"

static struct engine engine;
static struct cgroup group;
static pid_t child;

static int set_up(void **state)
{
	char name[64];
	struct err e;
	(void)state;

	(void)snprintf(name, sizeof(name), "btdebt%d", (int)getpid());
	engine = (struct engine){ .base = event_base_new() };
	list_init(&engine.debts);
	if (cgroup_root_open(name, NULL, &engine.cgroups, &e) < 0 ||
		cgroup_create(engine.cgroups, "c", &group, &e) < 0) {
		print_message("%s\n", e.text);
		return -1;
	}
	child = fork();
	if (child == 0) {
		(void)alarm(30);
		for (;;)
			(void)pause();
	}
	return cgroup_attach(&group, child, &e);
}

static int tear_down(void **state)
{
	struct err e;
	(void)state;

	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	cgroup_close(&group);
	debt_forget_all(&engine);
	(void)cgroup_remove(engine.cgroups, "c", 2000, &e);
	int r = cgroup_root_remove(engine.cgroups, &e);
	cgroup_root_free(engine.cgroups);
	event_base_free(engine.base);
	return r;
}

/* Longer than the second after which a debt is tried again. */
static void run_loop(void)
{
	struct timeval end = { 1, 300000 };
	(void)event_base_loopexit(engine.base, &end);
	(void)event_base_dispatch(engine.base);
}

static void test_paid_by_force(void **state)
{
	(void)state;
	debt_add_group(&engine, "c");
	run_loop();
	int status = 0;
	assert_int_equal(waitpid(child, &status, WNOHANG), child);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	run_loop();
	assert_int_equal(debt_pay(&engine), 0);
}

static void test_forgotten_is_left_alone(void **state)
{
	(void)state;
	debt_add_group(&engine, "c");
	debt_add_group(&engine, "other");
	debt_forget_group(&engine, "c");
	run_loop();
	assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
	assert_true(list_empty(&engine.debts));
}

int main(void)
{
	if (geteuid() != 0) {
		print_message("[  SKIPPED ] test_debt: needs root\n");
		return 0;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_paid_by_force, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_forgotten_is_left_alone, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
