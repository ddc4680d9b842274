/*
 * log - one line per decision, as key=value, to standard error. Only supervisor/ and main.c log.
 *
 *     log_warn("restart-failed", "container=%s next_ms=%lld err=\"%s\"", id, ms, e.text);
 *
 * Writes each line with one write(2); on a descriptor that would block the line is dropped and the
 * count of dropped lines is said by the next one that gets through. Control characters are escaped.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR, LOG_LEVEL_COUNT };

void log_set_level(enum log_level level);
/* Level by name; -EINVAL when unknown. */
int log_parse_level(const char *name, enum log_level *out);
void log_at(enum log_level level, const char *event, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The last line that was written, without its end; safe in a signal handler. */
const char *log_last(void);

#define log_debug(event, ...) log_at(LOG_LEVEL_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...)  log_at(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_warn(event, ...)  log_at(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define log_error(event, ...) log_at(LOG_LEVEL_ERROR, event, __VA_ARGS__)

#endif
