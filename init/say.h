/*
 * say - one line to standard error, and the clock: what the keeper needs of a libc's stdio and no more.
 *
 *     say("supervisor ", say_number(pid), " was killed");
 *
 * Never blocks: a line that the reader of standard error has no room for is dropped. Not reentrant; say_number() has
 * four buffers, so a line may hold four numbers.
 */
#ifndef INIT_SAY_H
#define INIT_SAY_H

#include <stddef.h>
#include <stdint.h>

#define SAY_MS INT64_C(1000000)
#define SAY_S  INT64_C(1000000000)

void say_line(const char *const *parts);
#define say(...) say_line((const char *const[]){ __VA_ARGS__, NULL })
const char *say_number(int64_t n);

int64_t say_mono_ns(void);
int64_t say_real_ns(void);

#endif
