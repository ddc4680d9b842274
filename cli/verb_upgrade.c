/* upgrade: another program for the daemon's supervisor, whose trial is waited for. */
#include "cli/cli.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/api.h"
#include "cli/output.h"

#define LOOK_US	   100000
#define GIVE_UP_NS (120 * NS_PER_S)

/* The file that was named, or the one that we are ourselves: whoever has just installed a new berth calls that. */
static int find_program(const char *word, char out[PATH_MAX], struct err *e)
{
	static const char deleted[] = " (deleted)";

	if (word)
		return realpath(word, out) ? 0 : err_set(e, errno, "%s", word);
	ssize_t len = readlink("/proc/self/exe", out, PATH_MAX - 1);
	if (len < 0)
		return err_set(e, errno, "find our own program: /proc/self/exe");
	out[len] = '\0';
	if ((size_t)len > strlen(deleted) && strcmp(out + len - strlen(deleted), deleted) == 0)
		return err_say(e, ENOENT, "our own program was removed meanwhile: name the one to change to");
	return 0;
}

static const char *text_at(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

/* 1: not decided yet; 0 and 1 otherwise are in *code. */
static bool is_decided(const json_t *status, bool detach, bool *told, int *code)
{
	const char *state = text_at(status, "State");

	*code = 0;
	if (strcmp(state, "rolled-back") == 0) {
		(void)fprintf(stderr, "berth: %s was taken back: %s. %s runs again.\n", text_at(status, "To"),
			text_at(status, "Reason"), text_at(status, "Version"));
		*code = 1;
		return true;
	}
	bool trial = strcmp(state, "trial") == 0;
	if (!trial && strcmp(state, "kept") != 0)
		return false;
	if (!*told)
		(void)printf("%s -> %s\n", text_at(status, "From"), text_at(status, "To"));
	(void)fflush(stdout);
	*told = true;
	return !trial || detach;
}

/* The supervisor goes away under us, so a connection that fails is nothing but a reason to look again. */
static int await(const struct cli *cli, bool detach, struct err *e)
{
	int64_t until_ns = clock_mono_ns() + GIVE_UP_NS;
	bool told = false;
	int code;

	while (clock_mono_ns() < until_ns) {
		auto_(json) json_t *status = NULL;
		int r = api_call(cli, "GET", "/berth/upgrade", NULL, &status, e);
		if (r >= 0 && is_decided(status, detach, &told, &code))
			return code;
		if (r == -ENOENT) { /* one that does not know the call yet is another one */
			(void)printf("the daemon runs a version without 'berth upgrade' now\n");
			return 0;
		}
		(void)usleep(LOOK_US);
	}
	(void)err_say(e, ETIMEDOUT, "berth: the daemon does not say how it went; see its log");
	return output_error(e, 1);
}

int verb_upgrade(const struct cli *cli, const struct args *o)
{
	char path[PATH_MAX];
	struct err e;
	auto_(json) json_t *body = NULL, *begun = NULL;
	int r = find_program(o->words_len ? o->words[0] : NULL, path, &e);

	if (r < 0) {
		(void)fprintf(stderr, "berth: ");
		return output_error(&e, 1);
	}
	body = json_pack("{s:s}", "Path", path);
	r = body ? api_call(cli, "POST", "/berth/upgrade", body, &begun, &e)
		 : err_say(&e, EINVAL, "berth: %s is not UTF-8", path);
	if (r < 0)
		return output_error(&e, 1);
	return await(cli, option_bool(o, "detach"), &e);
}

const struct option_def *upgrade_options(void)
{
	static const struct option_def table[] = {
		{ 'd', "detach", OPT_BOOL, "Do not wait for the end of the new program's trial" },
		{ 0, NULL, OPT_BOOL, NULL },
	};
	return table;
}
