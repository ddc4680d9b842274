/*
 * protocol - what the keeper and its supervisor say to each other.
 *
 * Datagrams of one fixed size over a SOCK_SEQPACKET pair, whose supervisor's end is open at KEEPER_FD (and named in the
 * environment as KEEPER_FD_ENV). The supervisor asks, the keeper answers each request once and in order, with the same op
 * and serial and a status of 0 or -errno. KEEPER_OP_EXITED alone comes unasked, with serial 0.
 *
 * The keeper of a host is replaced by a restart only, so it may be older than its supervisor: this layout is frozen. An op
 * it does not know is answered with -ENOSYS, another version with -EPROTONOSUPPORT; a datagram of another size is counted
 * and not answered. Nothing that arrives can end the keeper.
 *
 * Units:   start_ticks is field 22 of /proc/PID/stat; real_ns is CLOCK_REALTIME, mono_ns CLOCK_BOOTTIME.
 * Owns:    a descriptor that is passed is a copy; each side closes its own.
 */
#ifndef INIT_PROTOCOL_H
#define INIT_PROTOCOL_H

#include <stdint.h>

#define KEEPER_PROTOCOL_VERSION 1
#define KEEPER_FD		3
#define KEEPER_FD_ENV		"BERTH_KEEPER_FD"
#define KEEPER_SLOTS		4096  /* exit slots */
#define KEEPER_RING		64    /* last exits that nobody had named */
#define KEEPER_DESCRIPTORS	16384 /* fewer where RLIMIT_NOFILE is lower */
#define KEEPER_TRIAL_S		10    /* for a replaced binary to be ready, and then to stay alive */
#define KEEPER_NAME_MAX		95    /* bytes of a descriptor's name: [A-Za-z0-9._:@+-] */

enum keeper_op {
	/* -> hello: limits and history. The first thing a supervisor asks. */
	KEEPER_OP_HELLO = 1,
	/* The supervisor is up. A replaced binary is kept when it has been so for KEEPER_TRIAL_S. */
	KEEPER_OP_READY,
	/* status: the exit status. Nothing is left but to exit; when the supervisor has ended, the keeper ends with it. */
	KEEPER_OP_STOPPING,
	/* slot.pid, slot.start_ticks: record this child's exit. Naming it again is fine. When it is dead already and among
	 * the last KEEPER_RING, the slot is filled at once and EXITED follows.
	 * -ESRCH no such process; -ECHILD not the keeper's child; -ENOSPC all slots are in use. */
	KEEPER_OP_WATCH,
	/* slot.pid, slot.start_ticks: forget it, dead or not. -ENOENT no such slot. */
	KEEPER_OP_ACK,
	/* cursor (0 first) -> the next slot in use and the cursor behind it; -ENOENT at the end. An exit which was told by
	 * this answer is not told by EXITED any more. */
	KEEPER_OP_SLOT,
	/* Look for dead children now. */
	KEEPER_OP_REAP,
	/* name + one descriptor: keep it, in place of one of the same name. -ENOSPC the table is full. */
	KEEPER_OP_PUT,
	/* name -> a copy of the descriptor. -ENOENT no such name. */
	KEEPER_OP_GET,
	/* name: close it. -ENOENT no such name. */
	KEEPER_OP_DROP,
	/* cursor (0 first) -> the next name and the cursor behind it; -ENOENT at the end. */
	KEEPER_OP_LIST,
	/* One descriptor: a sealed memfd with the binary of the next supervisor, taken when this one ends. The present one is
	 * kept for the new one's trial: when that is not READY within KEEPER_TRIAL_S, or dies before it has been READY for as
	 * long, the present one comes back. Who asks for a successor has proved itself and is on trial no more.
	 * -EINVAL not an executable image or not sealed; -EBUSY the present one is not READY itself. */
	KEEPER_OP_REPLACE,
	KEEPER_OP_COUNT,
	/* slot: a watched child ended. Comes once to each supervisor; those that ended before it started are in SLOT. */
	KEEPER_OP_EXITED = 64,
};

struct keeper_msg_slot {
	int32_t pid;
	uint32_t exited; /* 0: still running, and the four below are 0 */
	uint64_t start_ticks;
	int32_t code;  /* CLD_EXITED, CLD_KILLED, CLD_DUMPED as waitid(2) gives it */
	int32_t value; /* exit code, or the signal */
	int64_t real_ns, mono_ns;
};

struct keeper_msg_hello {
	uint64_t nofile_soft, nofile_hard; /* RLIMIT_NOFILE as the keeper found it; payloads get it back */
	uint32_t slots, descriptors;	   /* room */
	uint32_t starts;		   /* supervisors started so far: 1 is the first */
	uint32_t refused;		   /* datagrams that made no sense */
	uint32_t rolled_back;		   /* replaced binaries that did not come up */
	uint32_t stop_signal;		   /* 0, or SIGTERM or SIGINT: the keeper was asked to end */
	/* Zero from a keeper that is older than these. */
	uint32_t trial;		       /* 1: this supervisor is a replaced binary's first */
	uint32_t last_lived_ms;	       /* how its predecessor ended: after so long, */
	int32_t last_code, last_value; /* CLD_* and the exit code or signal (0: there was none), */
	uint32_t last_late;	       /* 1: because the keeper killed it for not being READY in time */
};

struct keeper_msg {
	uint8_t version;
	uint8_t op;
	uint16_t zero;
	uint32_t serial;
	int32_t status;
	uint32_t cursor;
	union {
		struct keeper_msg_slot slot;
		struct keeper_msg_hello hello;
		char name[KEEPER_NAME_MAX + 1];
	} u;
};

_Static_assert(sizeof(struct keeper_msg) == 112, "the layout is frozen");

#endif
