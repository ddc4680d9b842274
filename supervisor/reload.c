#include "supervisor/reload.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/path.h"

/* One reading of all the files, and what followed from it. */
struct round {
	bool at_start;
	bool changing;	/* all have been read */
	size_t at;	/* which file */
	json_t *models; /* one for each, null: it is wrong */
	struct err first;
	project_report_fn report; /* NULL: nobody listens */
	project_done_fn done;
	void *cookie;
};

struct reload {
	struct engine *engine;
	json_t *files, *env; /* absolute; {"K": "V"} */
	struct round *round; /* NULL: none is under way */
	bool again;
};

static void next(struct reload *rl);

static const char *file_at(const struct reload *rl, size_t i)
{
	return json_string_value(json_array_get(rl->files, i));
}

static json_t *request_for(const struct reload *rl, size_t i)
{
	return json_pack("{s:[s], s:O, s:b, s:b}", "Files", file_at(rl, i), "Env", rl->env, "RemoveOrphans",
		1, "OwnOrphans", 1);
}

/* ---------------------------------------------------------------- a round */

static void round_free(struct round *round)
{
	if (!round)
		return;
	json_decref(round->models);
	free(round);
}

static void round_over(struct reload *rl)
{
	struct round *round = take_ptr(&rl->round);
	struct err e = round->first;

	if (e.code)
		log_error("reload-failed", "err=\"%s\"%s", e.text,
			round->changing ? "" : " action=\"nothing was changed\"");
	else
		log_info("reloaded", "files=%zu", json_array_size(rl->files));
	if (round->done) {
		auto_(json) json_t *result = json_pack("{s:O}", "Files", rl->files);
		round->done(round->cookie, -e.code, e.code ? &e : NULL, result);
	}
	round_free(round);
	if (rl->again) {
		rl->again = false;
		reload_signalled(rl);
	}
}

static void said(void *cookie, const char *what, const char *status, const char *warning)
{
	struct reload *rl = cookie;

	if (warning)
		log_warn("compose", "warning=\"%s\"", warning);
	else
		log_info("compose", "container=\"%s\" status=%s", what, status);
	if (rl->round->report)
		rl->round->report(rl->round->cookie, what, status, warning);
}

static void unsaid(void *cookie, const char *what, const char *status, const char *warning)
{
	(void)cookie, (void)what, (void)status,
		(void)warning; /* what is only read tells it when it is done */
}

static void failed(struct reload *rl, const struct err *e)
{
	struct round *round = rl->round;

	if (round->at_start)
		log_error("compose-failed", "file=%s err=\"%s\"", file_at(rl, round->at), e->text);
	if (!round->first.code) {
		round->first = *e;
		(void)err_wrap(&round->first, -e->code, "%s", file_at(rl, round->at));
	}
}

static void was_read(void *cookie, int r, const struct err *e, json_t *model)
{
	struct reload *rl = cookie;
	struct err memory;

	if (r == 0 && json_array_append(rl->round->models, model) < 0) {
		(void)err_set(&memory, ENOMEM, "read");
		r = -ENOMEM;
		e = &memory;
	}
	if (r < 0)
		failed(rl, e);
	if (r < 0 && !rl->round->at_start) {
		round_over(rl);
		return;
	}
	if (r < 0 && json_array_append_new(rl->round->models, json_null()) < 0) {
		round_over(rl);
		return;
	}
	rl->round->at++;
	next(rl);
}

static void was_carried_out(void *cookie, int r, const struct err *e, json_t *result)
{
	struct reload *rl = cookie;

	if (r < 0)
		failed(rl, e);
	else
		log_info("compose-up", "file=%s project=%s", file_at(rl, rl->round->at),
			json_string_value(json_object_get(result, "Project")));
	rl->round->at++;
	next(rl);
}

static int begin(struct reload *rl, struct err *e)
{
	struct round *round = rl->round;
	auto_(json) json_t *request = request_for(rl, round->at);

	if (!request)
		return err_set(e, ENOMEM, "read %s", file_at(rl, round->at));
	if (!round->changing)
		return project_start(rl->engine, PROJECT_READ, request, unsaid, was_read, rl, e);
	return project_start_model(rl->engine, PROJECT_RESUME, request,
		json_array_get(round->models, round->at), said, was_carried_out, rl, e);
}

/* The file at hand, or, when that was the last one, the first of the second half, or the end. */
static void next(struct reload *rl)
{
	struct round *round = rl->round;
	size_t n = json_array_size(rl->files);
	struct err e;

	if (round->at == n && !round->changing) {
		round->changing = true;
		round->at = 0;
	}
	while (round->changing && round->at < n && json_is_null(json_array_get(round->models, round->at)))
		round->at++;
	if (round->at == n) {
		round_over(rl);
	} else if (begin(rl, &e) < 0) {
		failed(rl, &e);
		round_over(rl);
	}
}

static int round_begin(struct reload *rl, bool at_start, project_report_fn report, project_done_fn done,
	void *cookie, struct err *e)
{
	struct round *round = calloc(1, sizeof(*round));

	if (round)
		*round = (struct round){ .at_start = at_start,
			.models = json_array(),
			.report = report,
			.done = done,
			.cookie = cookie };
	if (!round || !round->models) {
		round_free(round);
		return err_set(e, ENOMEM, "read the compose files");
	}
	rl->round = round;
	int r = begin(rl, e);
	if (r < 0)
		round_free(take_ptr(&rl->round));
	return r;
}

int reload_start(
	struct reload *rl, project_report_fn report, project_done_fn done, void *cookie, struct err *e)
{
	if (json_array_size(rl->files) == 0)
		return err_say(
			e, EINVAL, "the daemon was started without -f: there is no file to read again");
	if (rl->round)
		return err_say(e, EBUSY, "the daemon's files are being read already");
	return round_begin(rl, false, report, done, cookie, e);
}

void reload_signalled(struct reload *rl)
{
	struct err e;

	if (rl->round)
		rl->again = true;
	else if (json_array_size(rl->files) == 0)
		log_info("reload", "why=SIGHUP action=\"nothing: started without -f\"");
	else if (round_begin(rl, false, NULL, NULL, NULL, &e) < 0)
		log_error("reload-failed", "err=\"%s\" action=\"nothing was changed\"", e.text);
}

/* ---------------------------------------------------------------- the daemon's start */

static int add_file(struct reload *rl, const char *file, struct err *e)
{
	char cwd[PATH_MAX], joined[2 * PATH_MAX], clean[PATH_MAX];

	if (file[0] != '/' && !getcwd(cwd, sizeof(cwd)))
		return err_set(e, errno, "find the current directory");
	(void)snprintf(
		joined, sizeof(joined), "%s%s%s", file[0] == '/' ? "" : cwd, file[0] == '/' ? "" : "/", file);
	if (path_clean(joined, clean, sizeof(clean)) < 0)
		return err_say(e, ENAMETOOLONG, "%s: the path is too long", file);
	return json_array_append_new(rl->files, json_string(clean)) < 0
		? err_say(e, EINVAL, "%s: the path is not UTF-8 text", file)
		: 0;
}

static json_t *environment(void)
{
	extern char **environ;
	json_t *env = json_object();

	for (char **v = environ; env && v && *v; v++) {
		const char *eq = strchr(*v, '=');
		if (eq)
			(void)json_object_setn_new(env, *v, (size_t)(eq - *v),
				json_string(eq + 1)); /* not UTF-8: not passed on */
	}
	return env;
}

int reload_open(struct engine *en, struct reload **out, struct err *e)
{
	struct reload *rl = calloc(1, sizeof(*rl));
	int r = 0;

	if (!rl)
		return err_set(e, ENOMEM, "read the compose files");
	*rl = (struct reload){ .engine = en, .files = json_array(), .env = environment() };
	if (!rl->files || !rl->env)
		r = err_set(e, ENOMEM, "read the compose files");
	for (char **file = en->options.files; r == 0 && file && *file; file++)
		r = add_file(rl, *file, e);
	if (r == 0 && json_array_size(rl->files) > 0)
		r = round_begin(rl, true, NULL, NULL, NULL, e);
	if (r < 0)
		reload_free(rl);
	else
		*out = rl;
	return r;
}

void reload_free(struct reload *rl)
{
	if (!rl)
		return;
	round_free(rl->round);
	json_decref(rl->files);
	json_decref(rl->env);
	free(rl);
}
