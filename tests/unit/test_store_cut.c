/*
 * Power cuts: every system call by which the store's worker changes the data root is recorded, in order; for each place between two
 * of them, everything that a disk may hold there is made and read by store_load(): what was synced, with each choice of what was
 * not. Whatever was acknowledged before the cut must be there, what was not must be there wholly or not at all.
 *
 * The model of a disk: contents are durable when the file was synced, else they are empty, torn or whole; an entry of a directory is
 * durable when that directory was synced, else it may be there or not, in any order; a rename within a directory is atomic; one from
 * a directory to another may be found in both, but never in neither.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/json.h"
#include "base/path.h"
#include "supervisor/config.h"
#include "supervisor/container.h"
#include "supervisor/store.h"
#include "supervisor/worker.h"

#define OPS_MAX	  1024
#define PATH_ROOM 256
#define DATA_ROOM 2048
#define PENDING_ALL                                                                                          \
	6 /* so many not synced: every choice of them; with more, those that differ from all or none by a few */

enum kind { OP_MKDIR, OP_CREATE, OP_WRITE, OP_SYNC, OP_RENAME, OP_UNLINK, OP_BEGIN, OP_ACK };

struct op {
	enum kind kind;
	int step;
	char path[PATH_ROOM], to[PATH_ROOM]; /* below the data root */
	size_t len;
	char data[DATA_ROOM];
};

/* Shared with the workers, who append to it. */
static struct tape {
	bool on;
	size_t n;
	struct op ops[OPS_MAX];
} * tape;

static char data_root[PATH_ROOM];

/* ---------------------------------------------------------------- the tape */

static struct op *record(enum kind kind, const char *path)
{
	if (tape->n == OPS_MAX)
		abort();
	struct op *o = &tape->ops[tape->n];
	memset(o, 0, sizeof(*o));
	o->kind = kind;
	snprintf(o->path, sizeof(o->path), "%s", path);
	tape->n++;
	return o;
}

static bool path_of_fd(int fd, char *out, size_t room)
{
	char link[64];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, out, room - 1);
	if (n < 0)
		return false;
	out[n] = '\0';
	return true;
}

/* Is it below the data root's containers or trash? Then out is its path there. */
static bool ours(int dirfd, const char *path, char out[PATH_ROOM])
{
	char dir[PATH_ROOM * 2] = "", all[PATH_ROOM * 4];
	size_t root = strlen(data_root);

	if (!tape || !tape->on)
		return false;
	if ((!path || *path != '/') && !path_of_fd(dirfd, dir, sizeof(dir)))
		return false;
	snprintf(all, sizeof(all), "%s%s%s", dir, path && *path != '/' ? "/" : "", path ? path : "");
	if (strncmp(all, data_root, root) != 0 || all[root] != '/')
		return false;
	if (strncmp(all + root, "/containers", 11) != 0 && strncmp(all + root, "/trash", 6) != 0)
		return false;
	snprintf(out, PATH_ROOM, "%s", all + root + 1);
	return true;
}

/* In place of libc's: the calls of libberth.a are bound to these. */
int openat(int dirfd, const char *path, int flags, ...)
{
	char at[PATH_ROOM];
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if (flags & (O_CREAT | __O_TMPFILE))
		mode = va_arg(ap, mode_t);
	va_end(ap);
	int fd = (int)syscall(SYS_openat, dirfd, path, flags, mode);
	if (fd >= 0 && (flags & O_CREAT) && ours(dirfd, path, at))
		(void)record(OP_CREATE, at);
	return fd;
}

ssize_t write(int fd, const void *data, size_t len)
{
	char at[PATH_ROOM];
	ssize_t n = syscall(SYS_write, fd, data, len);

	if (n > 0 && tape && tape->on && ours(fd, NULL, at)) {
		struct op *o = record(OP_WRITE, at);
		if ((size_t)n > DATA_ROOM)
			abort();
		memcpy(o->data, data, (size_t)n);
		o->len = (size_t)n;
	}
	return n;
}

int fsync(int fd)
{
	char at[PATH_ROOM];

	if (ours(fd, NULL, at))
		(void)record(OP_SYNC, at);
	return 0; /* the machine that runs this is not switched off */
}

int mkdirat(int dirfd, const char *path, mode_t mode)
{
	char at[PATH_ROOM];
	bool mine = ours(dirfd, path, at);
	int r = (int)syscall(SYS_mkdirat, dirfd, path, mode);

	if (r == 0 && mine)
		(void)record(OP_MKDIR, at);
	return r;
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	char at[PATH_ROOM], other[PATH_ROOM];
	bool mine = ours(from_fd, from, at) && ours(to_fd, to, other);
	int r = (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, 0);

	if (r == 0 && mine) {
		struct op *o = record(OP_RENAME, at);
		memcpy(o->to, other, sizeof(o->to));
	}
	return r;
}

int unlinkat(int dirfd, const char *path, int flags)
{
	char at[PATH_ROOM];
	bool mine = ours(dirfd, path, at);
	int r = (int)syscall(SYS_unlinkat, dirfd, path, flags);

	if (r == 0 && mine)
		(void)record(OP_UNLINK, at);
	return r;
}

/* ---------------------------------------------------------------- the disk */

#define NODES_MAX   256
#define ENTRIES_MAX 256
#define PENDING_MAX 64

struct node {
	bool dir, synced;
	size_t len;
	char data[DATA_ROOM];
};

struct entry {
	int dir, node;
	char name[128];
};

struct names {
	size_t n;
	struct entry of[ENTRIES_MAX];
};

/* One change of a directory: name is node's (-1: nobody's), and with it gone's old name goes. */
struct change {
	int dir, node;
	char name[128], gone[128];
	bool after; /* the other half of the change before it, and not without that */
};

static struct disk {
	size_t n_nodes, n_pending;
	struct node nodes[NODES_MAX];
	struct names now, synced;
	struct change pending[PENDING_MAX];
} disk;

static struct entry *find(struct names *names, int dir, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (names->of[i].dir == dir && strcmp(names->of[i].name, name) == 0)
			return &names->of[i];
	return NULL;
}

static void drop(struct names *names, int dir, const char *name)
{
	struct entry *e = find(names, dir, name);

	if (e)
		*e = names->of[--names->n];
}

static void apply(struct names *names, const struct change *c)
{
	if (c->gone[0])
		drop(names, c->dir, c->gone);
	drop(names, c->dir, c->name);
	if (c->node < 0)
		return;
	assert_true(names->n < ENTRIES_MAX);
	struct entry *e = &names->of[names->n++];
	e->dir = c->dir;
	e->node = c->node;
	memcpy(e->name, c->name, sizeof(e->name));
}

static int new_node(bool dir)
{
	assert_true(disk.n_nodes < NODES_MAX);
	disk.nodes[disk.n_nodes] = (struct node){ .dir = dir };
	return (int)disk.n_nodes++;
}

/* The node of a path; of its directory, with *last the name in it, when that is asked for. */
static int look_up(const char *path, const char **last)
{
	int node = 0;

	for (;;) {
		char part[128];
		size_t len = strcspn(path, "/");
		if (last && !path[len]) {
			*last = path;
			return node;
		}
		if (!*path)
			return node;
		snprintf(part, sizeof(part), "%.*s", (int)len, path);
		const struct entry *e = find(&disk.now, node, part);
		if (!e)
			return -1;
		node = e->node;
		path += len + (path[len] == '/');
	}
}

static void change(int dir, const char *name, int node, const char *gone)
{
	assert_true(disk.n_pending < PENDING_MAX);
	struct change *c = &disk.pending[disk.n_pending++];
	*c = (struct change){ .dir = dir, .node = node };
	snprintf(c->name, sizeof(c->name), "%s", name);
	snprintf(c->gone, sizeof(c->gone), "%s", gone ? gone : "");
	apply(&disk.now, c);
}

static bool other_half_is(size_t i, int dir)
{
	return i + 1 < disk.n_pending && disk.pending[i + 1].after && disk.pending[i + 1].dir == dir;
}

static void sync_dir(int dir)
{
	size_t kept = 0;

	for (size_t i = 0; i < disk.n_pending; i++) {
		if (disk.pending[i].dir == dir || other_half_is(i, dir)) {
			apply(&disk.synced, &disk.pending[i]);
			if (i + 1 < disk.n_pending)
				disk.pending[i + 1].after = false; /* its condition is met */
		} else {
			disk.pending[kept++] = disk.pending[i];
		}
	}
	disk.n_pending = kept;
}

static void play_rename(const struct op *o)
{
	const char *from, *to;
	int from_dir = look_up(o->path, &from), to_dir = look_up(o->to, &to);
	int node = find(&disk.now, from_dir, from)->node;

	if (from_dir == to_dir) {
		change(to_dir, to, node, from);
	} else {
		change(to_dir, to, node, NULL);
		change(from_dir, from, -1, NULL);
		disk.pending[disk.n_pending - 1].after = true;
	}
}

static void play(const struct op *o)
{
	const char *name = NULL;
	int dir = look_up(o->path, &name);
	const struct entry *e = dir < 0 || !name ? NULL : find(&disk.now, dir, name);
	struct node *n = e ? &disk.nodes[e->node] : NULL;

	switch (o->kind) {
	case OP_MKDIR:
		change(dir, name, new_node(true), NULL);
		break;
	case OP_CREATE:
		if (!e)
			change(dir, name, new_node(false), NULL);
		else
			n->len = n->synced = 0; /* truncated */
		break;
	case OP_WRITE:
		assert_true(n->len + o->len <= DATA_ROOM);
		memcpy(n->data + n->len, o->data, o->len);
		n->len += o->len;
		n->synced = false;
		break;
	case OP_SYNC:
		if (n->dir)
			sync_dir(e->node);
		else
			n->synced = true;
		break;
	case OP_RENAME:
		play_rename(o);
		break;
	case OP_UNLINK:
		change(dir, name, -1, NULL);
		break;
	case OP_BEGIN:
	case OP_ACK:
		break;
	}
}

enum torn { TORN_EMPTY, TORN_HALF, TORN_NONE, TORN_COUNT };

static void make_below(const struct names *names, int dir, int at_fd, enum torn torn)
{
	for (size_t i = 0; i < names->n; i++) {
		const struct entry *e = &names->of[i];
		const struct node *n = &disk.nodes[e->node];
		if (e->dir != dir)
			continue;
		if (n->dir) {
			if (mkdirat(at_fd, e->name, 0700) < 0 && errno != EEXIST)
				fail_msg("mkdir %s", e->name);
			int fd = openat(at_fd, e->name, O_RDONLY | O_DIRECTORY);
			make_below(names, e->node, fd, torn);
			close(fd);
			continue;
		}
		size_t len = n->synced || torn == TORN_NONE ? n->len : torn == TORN_HALF ? n->len / 2 : 0;
		int fd = openat(at_fd, e->name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		assert_int_equal(write(fd, n->data, len), len);
		close(fd);
	}
}

/* ---------------------------------------------------------------- what has to be there */

enum what { EXISTS, NAME, GENERATION, RUN, STOPPED, CODE, WHAT_COUNT };
static const char *const what_names[WHAT_COUNT] = { "exists", "name", "generation", "run", "stopped",
	"code" };

/* Container by container, what each step makes of it. Names are letters. */
#define CONTAINERS 4
static char ids[CONTAINERS][TEXT_ID_LEN + 1];
static struct fact {
	int container;
	enum what what;
	int step, value;
} facts[128];
static size_t n_facts;
static int n_steps;

static void fact(int container, enum what what, int value)
{
	facts[n_facts++] = (struct fact){ container, what, n_steps, value };
}

struct moment {
	bool begun[64], acked[64];
	bool deleted[CONTAINERS]; /* what was moved to the trash is being deleted */
};

static bool is_allowed(const struct moment *m, int container, enum what what, int value)
{
	bool allowed = value == 0; /* before any step */

	for (size_t i = 0; i < n_facts; i++) {
		const struct fact *f = &facts[i];
		if (f->container != container || f->what != what || !m->begun[f->step])
			continue;
		if (m->acked[f->step])
			allowed = f->value == value; /* whatever was before is over */
		else
			allowed |= f->value == value;
	}
	return allowed;
}

/* Its logs and volumes could never be removed by who finds no trace of it. */
static bool leaves_no_trace(const struct moment *m, int container, const struct container *c)
{
	bool made = false;

	for (size_t i = 0; i < n_facts; i++)
		made |= facts[i].container == container && facts[i].what == EXISTS && facts[i].value == 1 &&
			m->acked[facts[i].step];
	return made && !c && !m->deleted[container];
}

static int value_of(const struct container *c, enum what what)
{
	switch (what) {
	case EXISTS:
		return c && !c->in_trash;
	case NAME:
		return c->name[0];
	case GENERATION:
		return (int)c->desired.generation;
	case RUN:
		return c->desired.run;
	case STOPPED:
		return c->desired.stopped_by_user;
	case CODE:
		return c->result ? c->result->exit_code : 0;
	case WHAT_COUNT:
		break;
	}
	return -1;
}

static void check_one(const struct moment *m, struct engine *en, int i, size_t cut)
{
	const struct container *c = container_by_id(en, ids[i]);

	if (leaves_no_trace(m, i, c))
		fail_msg("cut before call %zu: container %d: neither there nor in the trash", cut, i);
	for (int w = 0; w < WHAT_COUNT; w++) {
		int value = value_of(c, (enum what)w);
		if (!is_allowed(m, i, (enum what)w, value))
			fail_msg("cut before call %zu: container %d: %s is %d", cut, i, what_names[w], value);
		if (w == EXISTS && !value)
			return;
	}
}

static void free_all(struct engine *en)
{
	list_each_safe (struct container, c, &en->containers, link)
		container_free(c);
}

static void no_strange_files(struct engine *en, size_t cut)
{
	char command[PATH_ROOM * 2];

	snprintf(command, sizeof(command),
		"test -z \"$(find %s/containers %s/trash -name '*.damaged' -o -name '.*.new')\"",
		en->options.data_root, en->options.data_root);
	if (system(command) != 0)
		fail_msg("cut before call %zu: damaged or temporary files", cut);
}

static void check(const struct moment *m, struct engine *en, size_t cut, bool files)
{
	struct err e;

	for (int again = 0; again < 2; again++) { /* a second death at once changes nothing */
		if (store_load(en, &e) < 0)
			fail_msg("cut before call %zu: %s", cut, e.text);
		for (int i = 0; i < CONTAINERS; i++)
			check_one(m, en, i, cut);
		free_all(en);
	}
	if (files)
		no_strange_files(en, cut);
}

/* ---------------------------------------------------------------- all states of a cut */

static size_t n_states;

static void try_state(struct engine *en, const struct moment *m, size_t cut, uint64_t chosen)
{
	bool torn_files = false;
	for (size_t i = 0; i < disk.n_nodes; i++)
		torn_files |= !disk.nodes[i].dir && !disk.nodes[i].synced;
	for (int torn = torn_files ? 0 : TORN_NONE; torn < TORN_COUNT; torn++) {
		static struct names names;
		names = disk.synced;
		for (size_t i = 0; i < disk.n_pending; i++) {
			bool half = i + 1 < disk.n_pending && disk.pending[i + 1].after &&
				chosen & UINT64_C(2) << i;
			if (half || chosen & UINT64_C(1) << i)
				apply(&names, &disk.pending[i]);
		}
		auto_close int root = open(en->options.data_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		make_below(&names, 0, root, (enum torn)torn);
		check(m, en, cut, n_states % 16 == 0);
		n_states++;
		for (const char *const *dir = (const char *const[]){ "containers", "trash", NULL }; *dir;
			dir++) {
			assert_int_equal(path_remove_tree(root, *dir, NULL), 0);
			assert_int_equal(mkdirat(root, *dir, 0700), 0);
		}
		own_close(&en->data_dirfd);
		own_close(&en->trash_dirfd);
		en->data_dirfd = openat(root, "containers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		en->trash_dirfd = openat(root, "trash", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
}

static void try_cut(struct engine *en, const struct moment *m, size_t cut)
{
	size_t n = disk.n_pending;
	uint64_t all = (UINT64_C(1) << n) - 1;

	if (n <= PENDING_ALL) {
		for (uint64_t chosen = 0; chosen <= all; chosen++)
			try_state(en, m, cut, chosen);
		return;
	}
	for (size_t i = 0; i <= n; i++) /* in order */
		try_state(en, m, cut, (UINT64_C(1) << i) - 1);
	for (size_t i = 0; i < n; i++) { /* one alone, one missing */
		try_state(en, m, cut, UINT64_C(1) << i);
		try_state(en, m, cut, all & ~(UINT64_C(1) << i));
	}
	for (int i = 0; i < 8; i++) /* the same ones each time */
		try_state(en, m, cut, all & (UINT64_C(0x9e3779b97f4a7c15) * (uint64_t)(i + 1) >> 7));
}

/* ---------------------------------------------------------------- what is recorded */

static struct engine *en;
static int unanswered;

static void acked(void *cookie, int r, const struct err *e)
{
	int step = (int)(intptr_t)cookie;

	if (r < 0)
		fail_msg("step %d: %s", step, e->text);
	record(OP_ACK, "")->step = step;
	unanswered--;
}

/* The facts that follow are this step's. */
static void *begin(void)
{
	n_steps++;
	record(OP_BEGIN, "")->step = n_steps;
	unanswered++;
	return (void *)(intptr_t)n_steps;
}

static void settle(void)
{
	while (unanswered > 0)
		assert_int_equal(event_base_loop(en->base, EVLOOP_ONCE), 0);
}

static struct container *create(int i, const char *name)
{
	auto_(json) json_t *body = json_pack("{s:s, s:[s]}", "Image", "dir:/", "Cmd", "true");
	struct container *c;
	json_t *warnings = NULL;
	struct err e;
	void *step = begin();

	if (container_create(en, name, body, &c, &warnings, acked, step, &e) < 0)
		fail_msg("%s", e.text);
	json_decref(warnings);
	memcpy(ids[i], c->id, sizeof(ids[i]));
	fact(i, EXISTS, 1);
	fact(i, NAME, *name);
	return c;
}

static void want(struct container *c, int i, bool run, bool stopped, unsigned generation)
{
	void *step = begin();

	c->desired.run = run;
	c->desired.stopped_by_user = stopped;
	c->desired.generation = generation;
	fact(i, RUN, run);
	fact(i, STOPPED, stopped);
	fact(i, GENERATION, (int)generation);
	store_commit(c, STORE_DESIRED, acked, step);
}

static void end_run(struct container *c, int i, int code)
{
	void *step = begin();

	c->actual.generation = c->desired.generation;
	store_set_result(c, code, false, false, 1);
	fact(i, CODE, code);
	fact(i, RUN, 0); /* the result says so */
	store_commit(c, STORE_RESULT, acked, step);
}

static void take_away(struct container *c, int i)
{
	void *step = begin();

	fact(i, EXISTS, 0);
	container_remove(c, false, true, acked, step);
}

/* One life after the other and several at once, so that batches have one item, and many of all kinds. */
static void live(void)
{
	struct container *a = create(0, "a1");
	settle();
	struct container *b = create(1, "b1"), *c = create(2, "c1");
	settle();
	want(a, 0, true, false, 1);
	settle();
	end_run(a, 0, 3);
	want(b, 1, true, false, 1);
	settle();
	void *step = begin();
	fact(0, NAME, 'z');
	container_rename(a, "z1", acked, step);
	want(b, 1, false, true, 1);
	settle();
	take_away(c, 2);
	struct container *d = create(3, "d1");
	want(a, 0, true, false, 2);
	settle();
	end_run(a, 0, 7);
	want(d, 3, true, false, 1);
	take_away(b, 1);
	settle();
	take_away(a, 0);
	settle();
}

static struct engine *open_engine(char dir[PATH_ROOM], char run[PATH_ROOM], char logs[PATH_ROOM])
{
	struct engine *out = NULL;
	struct err e;

	snprintf(dir, PATH_ROOM, "%s/berth-cut.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(dir));
	snprintf(run, PATH_ROOM, "%.200s/run", dir);
	snprintf(logs, PATH_ROOM, "%.200s/logs", dir);
	struct engine_options o = { .name = "cut", .data_root = dir, .run_root = run, .log_root = logs };
	if (engine_open(&o, &out, &e) < 0 || worker_pool_open(out->base, -1, -1, &out->workers, &e) < 0)
		fail_msg("%s", e.text);
	return out;
}

static void test_cut_at_each_call(void **state)
{
	char dir[PATH_ROOM], run[PATH_ROOM], logs[PATH_ROOM], run2[PATH_ROOM], logs2[PATH_ROOM];
	static struct moment m;
	(void)state;

	log_set_level(LOG_LEVEL_ERROR);
	tape = mmap(NULL, sizeof(*tape), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(tape != MAP_FAILED);
	en = open_engine(data_root, run, logs);
	tape->on = true;
	live();
	tape->on = false;
	engine_free(en);

	(void)new_node(true);
	change(0, "containers", new_node(true), NULL);
	change(0, "trash", new_node(true), NULL);
	sync_dir(0);
	struct engine *reader = open_engine(dir, run2, logs2);
	for (size_t i = 0; i < tape->n; i++) {
		const struct op *o = &tape->ops[i];
		play(o);
		for (int c = 0; c < CONTAINERS; c++)
			m.deleted[c] |= o->kind == OP_UNLINK && strstr(o->path, ids[c]) && o->path[0] == 't';
		m.begun[o->step] |= o->kind == OP_BEGIN;
		m.acked[o->step] |= o->kind == OP_ACK;
		try_cut(reader, &m, i + 1);
	}
	engine_free(reader);
	print_message("%zu calls, %zu states of the disk\n", tape->n, n_states);
	assert_true(tape->n > 60);
	assert_true(n_states > 500);
	assert_int_equal(path_remove_tree(AT_FDCWD, dir, NULL), 0);
	assert_int_equal(path_remove_tree(AT_FDCWD, data_root, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cut_at_each_call) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
