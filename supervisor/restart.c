#include "supervisor/restart.h"

static bool policy_says_again(const struct restart_run *run)
{
	bool failed = run->start_failed || run->exit_code != 0;

	switch (run->policy) {
	case CONFIG_RESTART_ALWAYS:
	case CONFIG_RESTART_UNLESS_STOPPED:
		return true;
	case CONFIG_RESTART_ON_FAILURE:
		return failed && (run->max == 0 || run->count < run->max);
	case CONFIG_RESTART_NO:
	case CONFIG_RESTART_COUNT:
		break;
	}
	return false;
}

bool restart_decide(const struct restart_run *run, int64_t *out_delay_ns)
{
	if (run->stopped_by_user || run->daemon_stopping || !policy_says_again(run))
		return false;
	if (run->delay_ns == 0 || (!run->start_failed && run->ran_ns >= RESTART_RESET_NS))
		*out_delay_ns = RESTART_DELAY_FIRST_NS;
	else if (run->delay_ns >= RESTART_DELAY_MAX_NS / 2)
		*out_delay_ns = RESTART_DELAY_MAX_NS;
	else
		*out_delay_ns = run->delay_ns * 2;
	return true;
}

bool restart_at_boot(
	enum config_restart policy, int64_t max, int64_t count, int exit_code, bool stopped_by_user)
{
	struct restart_run run = { .policy = policy, .max = max, .count = count, .exit_code = exit_code };

	return policy_says_again(&run) && (policy == CONFIG_RESTART_ALWAYS || !stopped_by_user);
}
