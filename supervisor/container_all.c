/* The daemon's end for its containers: all stopped at once, each with its own signal and grace; those that go with their run are
 * removed, the others stay in the data root, for the next start. */
#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "supervisor/config.h"
#include "supervisor/container.h"
#include "supervisor/hooks.h"
#include "supervisor/store.h"

struct all_job {
	struct engine *engine;
	unsigned left; /* answers that are still to come */
	bool removing;
	done_fn done;
	void *cookie;
};

static void begin_round(struct all_job *job);

static void one_done(void *cookie, int r, const struct err *e)
{
	struct all_job *job = cookie;

	if (r < 0 && r != -EALREADY && r != -EBUSY)
		log_warn("end-container", "err=\"%s\" action=\"go on\"", e->text);
	if (--job->left > 0)
		return;
	if (!job->removing) {
		job->removing = true;
		begin_round(job);
		return;
	}
	store_settle(job->engine, job->done, job->cookie);
	free(job);
}

static bool goes_with_its_run(const struct container *c)
{
	return c->remove || (c->config->auto_remove && c->actual.started_ns != CLOCK_NEVER);
}

static void begin_round(struct all_job *job)
{
	job->left = 1; /* ours, so that an empty list is answered too */
	list_each (struct container, c, &job->engine->containers, link) {
		if (job->removing && !goes_with_its_run(c))
			continue;
		job->left++;
		if (job->removing)
			container_remove_or_join(c, true, one_done, job);
		else if (c->actual.held)
			container_kill(c, SIGKILL, one_done, job); /* nobody's program runs in it */
		else
			hooks_stop_at_end(c, one_done, job);
	}
	engine_answer(job->engine, one_done, job, 0, NULL);
}

void containers_stop_all(struct engine *en, done_fn done, void *cookie)
{
	struct all_job *job = calloc(1, sizeof(*job));

	if (!job)
		abort();
	en->stopping = true;
	job->engine = en;
	job->done = done;
	job->cookie = cookie;
	begin_round(job);
}

void containers_kill_all(struct engine *en)
{
	list_each (struct container, c, &en->containers, link)
		container_kill(c, SIGKILL, NULL, NULL);
}
