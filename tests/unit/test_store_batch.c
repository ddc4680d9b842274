/* The store's batches, by real workers: what cannot be written keeps nothing else from being written, nor anybody from an answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/path.h"
#include "supervisor/store.h"
#include "supervisor/worker.h"

#define CONTAINERS  110 /* more than two batches */
#define UNWRITABLE  100 /* the first ones */
#define DEADLINE_NS (60 * NS_PER_S)

static char dir[64];
static struct engine en;

struct told {
	int calls, r;
};

static int set_up(void **state)
{
	struct err e;
	(void)state;

	strcpy(dir, "/tmp/berth-batch.XXXXXX");
	memset(&en, 0, sizeof(en));
	log_set_level(LOG_LEVEL_COUNT);
	list_init(&en.containers);
	list_init(&en.creating);
	en.base = event_base_new();
	if (!en.base || !mkdtemp(dir))
		return -1;
	en.options.data_root = dir;
	en.data_dirfd = en.trash_dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return en.data_dirfd < 0 || store_open(&en, &e) < 0 ||
			worker_pool_open(en.base, -1, -1, &en.workers, &e) < 0
		? -1
		: 0;
}

static int tear_down(void **state)
{
	(void)state;
	list_each_safe (struct container, c, &en.containers, link) {
		list_remove(&c->link);
		store_release(c);
		free(c);
	}
	store_close(&en);
	worker_pool_free(en.workers);
	event_base_free(en.base);
	own_close(&en.data_dirfd);
	return path_remove_tree(AT_FDCWD, dir, NULL);
}

static void on_told(void *cookie, int r, const struct err *e)
{
	struct told *t = cookie;

	assert_true((r < 0) == (e != NULL));
	t->calls++;
	t->r = r;
}

static struct container *make(int n)
{
	char id[TEXT_ID_LEN + 1];

	snprintf(id, sizeof(id), "%064x", (unsigned)n);
	struct container *c = container_new(&en, id);
	assert_non_null(c);
	list_append(&en.containers, &c->link);
	if (n >= UNWRITABLE)
		assert_int_equal(mkdirat(en.data_dirfd, id, 0700), 0);
	return c;
}

static bool all_told(const struct told *told, int n)
{
	for (int i = 0; i < n; i++)
		if (told[i].calls == 0)
			return false;
	return true;
}

static void await(const struct told *told, int n)
{
	int64_t until = clock_mono_ns() + DEADLINE_NS;

	while (!all_told(told, n)) {
		if (clock_mono_ns() > until)
			fail_msg("not all were answered");
		struct timeval tick = { 0, 100 * 1000 };
		(void)event_base_loopexit(en.base, &tick);
		(void)event_base_dispatch(en.base);
	}
}

static void test_what_cannot_be_written_keeps_nothing_back(void **state)
{
	struct told told[CONTAINERS] = { 0 }, settled = { 0 };
	struct container *all[CONTAINERS];
	(void)state;

	for (int i = 0; i < CONTAINERS; i++) {
		all[i] = make(i);
		store_commit(all[i], STORE_DESIRED, on_told, &told[i]);
	}
	await(told, CONTAINERS);
	for (int i = 0; i < CONTAINERS; i++) {
		assert_int_equal(told[i].calls, 1);
		assert_true((told[i].r < 0) == (i < UNWRITABLE));
		assert_true((all[i]->dirty != 0) == (i < UNWRITABLE));
	}
	/* A daemon's end waits for one try of all that is left, and is told what came of it. */
	store_settle(&en, on_told, &settled);
	await(&settled, 1);
	assert_true(settled.r < 0);
	/* It is tried again by itself until it works. */
	for (int i = 0; i < UNWRITABLE; i++)
		assert_int_equal(mkdirat(en.data_dirfd, all[i]->id, 0700), 0);
	memset(told, 0, sizeof(told));
	for (int i = 0; i < CONTAINERS; i++)
		store_commit(all[i], 0, on_told, &told[i]);
	await(told, CONTAINERS);
	for (int i = 0; i < CONTAINERS; i++)
		assert_int_equal(told[i].r, 0);
	memset(&settled, 0, sizeof(settled));
	store_settle(&en, on_told, &settled);
	await(&settled, 1);
	assert_int_equal(settled.r, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_what_cannot_be_written_keeps_nothing_back, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
