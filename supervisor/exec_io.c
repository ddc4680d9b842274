/* The stream of one exec: frames or a raw terminal, back-pressure both ways. */
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/http.h"
#include "base/io.h"
#include "base/own.h"
#include "supervisor/container.h"
#include "supervisor/events.h"
#include "supervisor/exec_run.h"
#include "supervisor/frame.h"
#include "supervisor/input.h"

#define BEHIND_MAX (1024 * 1024)

static void send_piece(struct exec_run *run, enum frame_stream stream, const void *data, size_t len)
{
	unsigned char head[FRAME_HEADER];

	if (!run->x->tty) {
		frame_header(head, stream, len);
		(void)http_stream_write(
			run->stream, head, sizeof(head)); /* a peer that is gone is told by on_close */
	}
	(void)http_stream_write(run->stream, data, len);
}

void exec_io_say(struct exec_run *run, const char *text)
{
	if (run->stream)
		send_piece(run, FRAME_STDOUT, text, strlen(text));
}

/* ---------------------------------------------------------------- from the process */

static void end_out(struct exec_out *o)
{
	if (o->readable)
		event_free(o->readable);
	o->readable = NULL;
	own_close(&o->fd);
}

static void set_reading(struct exec_run *run, bool on)
{
	for (int i = 0; i < 2; i++) {
		if (run->out[i].readable && on)
			event_add(run->out[i].readable, NULL);
		else if (run->out[i].readable)
			event_del(run->out[i].readable);
	}
}

static void on_readable(evutil_socket_t fd, short what, void *cookie)
{
	struct exec_out *o = cookie;
	struct exec_run *run = o->run;
	ssize_t n = read(fd, run->engine->block, ENGINE_BLOCK);
	(void)what;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		end_out(o);
		if (exec_io_is_drained(run))
			exec_run_drained(run);
		return;
	}
	if (!run->stream)
		return; /* the client has left it: it goes on, unheard */
	send_piece(run, o == &run->out[1] ? FRAME_STDERR : FRAME_STDOUT, run->engine->block, (size_t)n);
	if (http_stream_pending(run->stream) > BEHIND_MAX) { /* it stalls nobody but itself */
		run->stalled = true;
		set_reading(run, false);
	}
}

static int set_out(struct exec_run *run, int i, int fd, struct err *e)
{
	struct exec_out *o = &run->out[i];
	int r = io_set_nonblock(fd, true);

	if (r < 0)
		return err_set(e, -r, "prepare output");
	o->readable = event_new(run->engine->base, fd, EV_READ | EV_PERSIST, on_readable, o);
	if (!o->readable)
		return err_set(e, ENOMEM, "prepare output");
	o->fd = fd;
	return 0;
}

bool exec_io_is_drained(const struct exec_run *run)
{
	return run->out[0].fd < 0 && run->out[1].fd < 0;
}

bool exec_io_is_stalled(const struct exec_run *run)
{
	return run->stalled;
}

/* ---------------------------------------------------------------- from the client */

static void input_ready(void *cookie)
{
	struct exec_run *run = cookie;

	if (run->stream && run->input_paused) {
		run->input_paused = false;
		http_stream_resume_read(run->stream);
	}
}

/* The client is no longer there: output is read on and thrown away. */
static void leave(struct exec_run *run)
{
	run->stalled = false;
	set_reading(run, true);
}

static void on_data(struct http_stream *s, const char *data, size_t len, void *cookie)
{
	struct exec_run *run = cookie;
	auto_(buf) struct buf keys = { 0 };
	int r = 0;
	(void)s;

	if (!run->input)
		return;
	if (run->x->tty) {
		r = detach_feed(&run->detach, data, len, &keys);
		data = keys.data;
		len = keys.len;
	}
	input_write(run->input, data, len);
	if (r != 0) {
		struct container *c = r > 0 ? run->x->container : NULL;
		if (c)
			events_emit(c, "exec_detach", "execID", run->x->id, NULL);
		http_stream_finish(take_ptr(&run->stream));
		leave(run);
	} else if (input_is_full(run->input)) {
		run->input_paused = true;
		http_stream_pause_read(run->stream);
	}
}

static void on_eof(struct http_stream *s, void *cookie)
{
	struct exec_run *run = cookie;
	(void)s;

	if (run->input && !run->x->tty)
		input_end(run->input);
}

static void on_drain(struct http_stream *s, void *cookie)
{
	struct exec_run *run = cookie;
	(void)s;

	if (run->stalled) {
		run->stalled = false;
		set_reading(run, true);
	}
}

static void on_close(struct http_stream *s, int r, void *cookie)
{
	struct exec_run *run = cookie;
	bool was_drained = exec_io_is_drained(run);
	(void)s;
	(void)r;

	run->stream = NULL;
	input_free(take_ptr(&run->input));
	if (run->x->tty) { /* the terminal is gone: the kernel hangs up */
		end_out(&run->out[0]);
		own_close(&run->console_fd);
		if (!was_drained)
			exec_run_drained(run);
		return;
	}
	leave(run);
}

static const struct http_stream_ops ops = { on_data, on_eof, on_drain, on_close };

/* ---------------------------------------------------------------- making and ending */

static int make_pipe(int *ours, int *theirs, bool input, struct err *e)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_set(e, errno, "make pipe");
	*ours = fds[input ? 1 : 0];
	*theirs = fds[input ? 0 : 1];
	return 0;
}

int exec_io_open(struct exec_run *run, int ends[3], struct err *e)
{
	const struct exec_session *x = run->x;
	bool want[2] = { x->attach_stdout, x->attach_stderr };
	int r = 0, ours = -1;

	if (x->tty || !run->stream)
		return 0;
	for (int i = 0; i < 2 && r == 0; i++) {
		if (!want[i])
			continue;
		if ((r = make_pipe(&ours, &ends[1 + i], false, e)) == 0 && (r = set_out(run, i, ours, e)) < 0)
			own_close(&ours);
	}
	if (r == 0 && x->attach_stdin && (r = make_pipe(&ours, &ends[0], true, e)) == 0 &&
		(r = input_new(run->engine->base, ours, input_ready, run, &run->input, e)) < 0)
		own_close(&ours);
	return r;
}

int exec_io_set_console(struct exec_run *run, int console_fd, struct err *e)
{
	auto_close int master = console_fd;
	auto_close int reader = fcntl(master, F_DUPFD_CLOEXEC, 0);
	auto_close int writer = fcntl(master, F_DUPFD_CLOEXEC, 0);

	if (reader < 0 || writer < 0)
		return err_set(e, errno, "copy terminal");
	int r = set_out(run, 0, reader, e);
	if (r < 0)
		return r;
	(void)take_fd(&reader);
	if (run->x->attach_stdin && run->stream) {
		if ((r = input_new(run->engine->base, writer, input_ready, run, &run->input, e)) < 0)
			return r;
		(void)take_fd(&writer);
	}
	run->console_fd = take_fd(&master);
	return run->x->console_width ? exec_io_resize(run, run->x->console_width, run->x->console_height, e)
				     : 0;
}

int exec_io_resize(struct exec_run *run, unsigned width, unsigned height, struct err *e)
{
	struct winsize size = { .ws_col = (unsigned short)width, .ws_row = (unsigned short)height };

	if (run->console_fd < 0)
		return 0; /* it is set when the terminal comes */
	return ioctl(run->console_fd, TIOCSWINSZ, &size) < 0 ? err_set(e, errno, "resize terminal") : 0;
}

void exec_io_start(struct exec_run *run)
{
	set_reading(run, true);
	if (run->stream)
		http_stream_set(run->stream, &ops, run);
}

void exec_io_close(struct exec_run *run)
{
	for (int i = 0; i < 2; i++)
		end_out(&run->out[i]);
	input_free(take_ptr(&run->input));
	own_close(&run->console_fd);
	if (run->stream)
		http_stream_finish(take_ptr(&run->stream));
}
