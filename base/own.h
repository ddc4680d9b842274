/*
 * own - ownership in a scope: what a local acquires it gives back, on every path.
 *
 *     auto_close int fd = open(...);          closed when the scope ends
 *     out->fd = take_fd(&fd);                 unless it was taken
 *
 * Destructors accept NULL, -1 and already taken objects and keep errno, so that
 * `return err_set(e, errno, ...)` behind them reports the right cause. close() is
 * never retried: on Linux the descriptor is gone even when it fails.
 */
#ifndef BASE_OWN_H
#define BASE_OWN_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static inline void own_close(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;
		(void)close(*fd); /* nothing a reader of this scope could do about it */
		errno = saved;
		*fd = -1;
	}
}

static inline void own_free(void *pp)
{
	void **p = pp;
	free(*p); /* keeps errno since glibc 2.33 */
	*p = NULL;
}

static inline int take_fd(int *fd)
{
	int taken = *fd;
	*fd = -1;
	return taken;
}

#define take_ptr(p)                                                                                          \
	({                                                                                                   \
		__typeof__(*(p)) taken_ = *(p);                                                              \
		*(p) = NULL;                                                                                 \
		taken_;                                                                                      \
	})

#define auto_close __attribute__((cleanup(own_close)))
#define auto_free  __attribute__((cleanup(own_free)))

/* OWN_DEFINE(buf, struct buf, buf_done) makes own_buf() for values: auto_(buf) struct buf b = {0};
 * OWN_DEFINE_PTR(spec, struct spec, spec_free) makes own_spec() for pointers: auto_(spec) struct spec *s = NULL; */
#define OWN_DEFINE(name, type, fn)                                                                           \
	static inline void own_##name(type *v)                                                               \
	{                                                                                                    \
		int saved_ = errno;                                                                          \
		fn(v);                                                                                       \
		errno = saved_;                                                                              \
	}
#define OWN_DEFINE_PTR(name, type, fn)                                                                       \
	static inline void own_##name(type **v)                                                              \
	{                                                                                                    \
		int saved_ = errno;                                                                          \
		if (*v)                                                                                      \
			fn(*v);                                                                              \
		*v = NULL;                                                                                   \
		errno = saved_;                                                                              \
	}
#define auto_(name) __attribute__((cleanup(own_##name)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
