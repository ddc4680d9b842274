/* fuzz_passwd - "user[:group]" NUL passwd NUL group: whatever the files hold, an answer within bounds or a sentence. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *passwd = size ? memchr(text, '\0', size) : NULL;
	if (!passwd || passwd == text)
		return 0;
	passwd++;
	size_t left = size - (size_t)(passwd - text), passwd_len = left;
	const char *group = left ? memchr(passwd, '\0', left) : NULL;
	struct stage_file files[2] = { { passwd, passwd_len }, { NULL, 0 } };
	if (group) {
		files[0].len = (size_t)(group - passwd);
		files[1] = (struct stage_file){ group + 1, left - files[0].len - 1 };
	}
	char *args[] = { "true", NULL };
	struct spec_process s = {
		.args = args, .cwd = "/", .user = text, .umask = SPEC_UNSET, .oom_score_adj = SPEC_UNSET
	};
	auto_(buf) struct buf bytes = { 0 };
	struct stage_ctx c;
	if (plan_build(&s, NULL, NULL, &bytes, NULL) < 0)
		return 0;
	stage_init(&c, (const void *)bytes.data, -1);
	if (stage_match_user(&c, files[0], files[1]) == 0)
		assert(c.uid <= PLAN_ID_MAX && c.gid <= PLAN_ID_MAX && c.n_groups <= PLAN_GROUPS &&
			strlen(c.home) < sizeof(c.home));
	else
		assert(c.text[0]);
	return 0;
}
