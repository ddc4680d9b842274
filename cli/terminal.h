/*
 * terminal - the user's terminal in raw mode, and put back on every way out; detach keys.
 *
 * Source:  termios(3); docker's --detach-keys grammar: single characters or ctrl-[a-z@[\]^_], separated by commas.
 * Owns:    one terminal per program: its settings are put back by terminal_restore(), by exit(3), and by the signals
 *          that end the program.
 */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define DETACH_KEYS_MAX	    16
#define DETACH_KEYS_DEFAULT "ctrl-p,ctrl-q"

int terminal_set_raw(int fd, struct err *e);
/* Safe in a signal handler; nothing to do is fine. */
void terminal_restore(void);
/* Rows and columns; false when fd is no terminal. */
bool terminal_size(int fd, unsigned *rows, unsigned *columns);

struct detach_keys {
	unsigned char keys[DETACH_KEYS_MAX];
	size_t len; /* 0: never */
	size_t seen;
};

/* text NULL: the default. */
int detach_keys_parse(const char *text, struct detach_keys *out, struct err *e);
/* Filters input in place: keys that may begin the sequence are held until it is clear that they do not. out holds
 * len + DETACH_KEYS_MAX bytes. Returns the length to send; *detached when the sequence is complete. */
size_t detach_keys_filter(struct detach_keys *d, const char *in, size_t len, char *out, bool *detached);

#endif
