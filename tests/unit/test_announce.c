/* Exactly once: the record says that an event is not out until the ring has it, also when the ring saves the records on its way. */
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

#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/path.h"
#include "supervisor/config.h"
#include "supervisor/container.h"
#include "supervisor/event_ring.h"
#include "supervisor/events.h"
#include "supervisor/store.h"

static char dir[64];
static struct engine en;

static int set_up(void **state)
{
	struct err e;
	(void)state;

	strcpy(dir, "/tmp/berth-announce.XXXXXX");
	memset(&en, 0, sizeof(en));
	log_set_level(LOG_LEVEL_COUNT);
	list_init(&en.containers);
	list_init(&en.creating);
	list_init(&en.subscribers);
	if (!mkdtemp(dir))
		return -1;
	en.options.run_root = dir;
	en.run_dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return en.run_dirfd < 0 ? -1 : events_open(&en, &e);
}

static int tear_down(void **state)
{
	(void)state;
	list_each_safe (struct container, c, &en.containers, link) {
		list_remove(&c->link);
		config_free(c->config);
		free(c);
	}
	events_close(&en);
	own_close(&en.run_dirfd);
	return path_remove_tree(AT_FDCWD, dir, NULL);
}

static struct container *make(void)
{
	auto_(json) json_t *body = json_pack("{s:s, s:[s]}", "Image", "dir:/", "Cmd", "true");
	struct container *c =
		container_new(&en, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
	struct err e;

	assert_non_null(c);
	if (config_parse(body, &c->config, &e) < 0 || store_add(c, &e) < 0 || store_save_state(c, &e) < 0)
		fail_msg("%s", e.text);
	list_append(&en.containers, &c->link);
	return c;
}

static int unsaid_on_record(const struct container *c)
{
	auto_(buf) struct buf text = { 0 };
	auto_close int fd = openat(en.run_dirfd, c->id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(io_read_file(fd, "state.json", 1 << 20, &text, NULL) < 0, 0);
	auto_(json) json_t *v = json_parse(text.data, text.len, "state.json", NULL);
	return (int)json_integer_value(json_object_get(v, "Unsaid"));
}

static void test_a_record_that_is_saved_while_the_ring_makes_room(void **state)
{
	struct container *c = make();
	(void)state;

	/* The next event makes room: the records are saved, the older file goes, the event is written. */
	while (event_ring_next(en.events) <= 2 * EVENT_RING_ENTRIES)
		events_emit(c, "kill", "signal", "1", NULL);
	assert_int_equal(event_ring_oldest(en.events), 1);
	assert_int_equal(unsaid_on_record(c), 0);
	c->actual.unsaid = EVENTS_DIE;
	events_announce(c);
	assert_int_equal(event_ring_oldest(en.events), EVENT_RING_ENTRIES + 1);
	/* A death right before the write would have found this. */
	assert_int_equal(unsaid_on_record(c), EVENTS_DIE);
	assert_int_equal(c->actual.unsaid, 0);
	/* And who finds it after the write asks the ring. */
	c->actual.unsaid = EVENTS_DIE;
	uint64_t next = event_ring_next(en.events);
	events_recover(&en);
	assert_int_equal(c->actual.unsaid, 0);
	assert_int_equal(event_ring_next(en.events), next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_a_record_that_is_saved_while_the_ring_makes_room, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
