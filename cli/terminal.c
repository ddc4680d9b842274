#include "cli/terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

static struct termios saved;
static volatile sig_atomic_t raw_fd_plus_one; /* 0: nothing to put back */

void terminal_restore(void)
{
	int fd = raw_fd_plus_one - 1;
	raw_fd_plus_one = 0;
	if (fd >= 0)
		(void)tcsetattr(
			fd, TCSANOW, &saved); /* the terminal may be gone: then there is nothing to restore */
}

static void on_fatal(int sig)
{
	terminal_restore();
	(void)raise(sig); /* SA_RESETHAND: this time it ends the program */
}

int terminal_set_raw(int fd, struct err *e)
{
	/* The loop takes the signals that it proxies; these end the program whatever it does. */
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL };
	static bool registered;
	struct termios raw;
	if (tcgetattr(fd, &saved) < 0)
		return err_set(e, errno, "read the terminal's settings");
	if (!registered) {
		registered = true;
		(void)atexit(terminal_restore);
		for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++) {
			struct sigaction sa = { .sa_handler = on_fatal,
				.sa_flags = (int)(SA_RESETHAND | SA_NODEFER) };
			(void)sigaction(fatal[i], &sa, NULL);
		}
	}
	raw = saved;
	cfmakeraw(&raw);
	raw_fd_plus_one = fd + 1;
	if (tcsetattr(fd, TCSANOW, &raw) < 0) {
		int r = err_set(e, errno, "set the terminal to raw mode");
		raw_fd_plus_one = 0;
		return r;
	}
	return 0;
}

bool terminal_size(int fd, unsigned *rows, unsigned *columns)
{
	struct winsize ws;
	if (ioctl(fd, TIOCGWINSZ, &ws) < 0)
		return false;
	*rows = ws.ws_row;
	*columns = ws.ws_col;
	return true;
}

/* ---------------------------------------------------------------- detach keys */

static int parse_key(const char *text, size_t len, unsigned char *out)
{
	if (len == 1) {
		*out = (unsigned char)text[0];
		return 0;
	}
	if (len != 6 || strncmp(text, "ctrl-", 5) != 0)
		return -EINVAL;
	char c = text[5];
	if (c >= 'a' && c <= 'z')
		*out = (unsigned char)(c - 'a' + 1);
	else if (c == '@')
		*out = 0;
	else if (c == '[' || c == '\\' || c == ']' || c == '^' || c == '_')
		*out = (unsigned char)(c - '@');
	else
		return -EINVAL;
	return 0;
}

int detach_keys_parse(const char *text, struct detach_keys *out, struct err *e)
{
	struct detach_keys d = { .len = 0 };
	if (!text)
		text = DETACH_KEYS_DEFAULT;
	for (const char *p = text; *p;) {
		size_t n = strcspn(p, ",");
		if (d.len == DETACH_KEYS_MAX || parse_key(p, n, &d.keys[d.len]) < 0)
			return err_say(
				e, EINVAL, "invalid detach keys (%s): unknown key '%.*s'", text, (int)n, p);
		d.len++;
		p += n;
		p += *p == ',';
	}
	*out = d;
	return 0;
}

size_t detach_keys_filter(struct detach_keys *d, const char *in, size_t len, char *out, bool *detached)
{
	size_t n = 0;
	*detached = false;
	for (size_t i = 0; i < len; i++) {
		if (d->len == 0) {
			out[n++] = in[i];
			continue;
		}
		if ((unsigned char)in[i] != d->keys[d->seen]) {
			memcpy(out + n, d->keys, d->seen);
			n += d->seen;
			d->seen = 0;
		}
		if ((unsigned char)in[i] != d->keys[d->seen]) {
			out[n++] = in[i];
			continue;
		}
		if (++d->seen == d->len) {
			d->seen = 0;
			*detached = true;
			return n;
		}
	}
	return n;
}
