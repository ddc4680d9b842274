/*
 * err - what went wrong, as a number for the program and a sentence for a person.
 *
 * A function that can fail returns 0 (or a count or descriptor where its header
 * says so) or -errno, and fills the caller's struct err. The object is built at
 * the failing site and given context on the way up:
 *
 *     return err_set(e, errno, "open %s", path);      "open memory.max: No such file or directory"
 *     return err_wrap(e, r, "start %s", name);        "start web: open memory.max: No such ..."
 *     return err_say(e, EINVAL, "no such signal: %s", s);   a whole sentence, nothing appended
 *
 * Owns:    nothing: fixed size, no allocation, on the caller's stack. e may be NULL.
 * Errors:  the return value is always -e->code and never 0; a code of 0 is our own
 *          bug and becomes EIO. When the text is too long the context is cut at the
 *          front, so the cause stays whole.
 * Text:    for a terminal too, and what it names may be a file of an attacker's: control characters become '?'.
 * Context: any, forked children included (vsnprintf and strerrordesc_np only).
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#define ERR_TEXT_MAX 512

struct err {
	int code; /* positive errno */
	char text[ERR_TEXT_MAX];
};

int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int err_say(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int err_wrap(struct err *e, int r, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
