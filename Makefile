# berth - see README.md. The targets people use: all deps demo check soak bench lint install clean.

B       ?= build
CC      ?= gcc
CFLAGS  ?= -O2 -g
VERSION := $(shell cat VERSION)
PREFIX  ?= /usr/local

WARN := -Wall -Wextra -Wshadow -Wvla -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wstack-usage=65536
ifdef CI
WARN += -Werror
endif
ifdef WERROR
WARN += -Werror
endif
ifdef SAN
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
endif
ifdef FAULTS
DEFS += -DBERTH_FAULTS
endif

# Includes are written from the root of the tree.
CPPFLAGS_ALL := -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 -I. -DBERTH_VERSION='"$(VERSION)"' \
                -DBERTH_LIBEXECDIR='"$(PREFIX)/libexec/berth"' -DBERTH_DATADIR='"$(PREFIX)/share/berth"' $(DEFS) $(CPPFLAGS)
# All symbols are bound once, at the start: else every forked launcher looks up, and copies the tables, anew.
# Relocations are packed (a linker that cannot says so and goes on), and what nobody calls is left out.
LDFLAGS_ALL  := -Wl,-z,relro,-z,now,-z,pack-relative-relocs,--gc-sections $(LDFLAGS)
CFLAGS_ALL   := -std=gnu11 $(WARN) $(CFLAGS) $(SANFLAGS) -fstack-protector-strong -ffunction-sections -fdata-sections
LIBS         := -lseccomp -lcap -levent_core -lhttp_parser -ljansson -lyaml

# The keeper and the stage program are static and small: musl where it exists, else the libc at hand.
MACHINE := $(shell $(CC) -dumpmachine)
ifneq ($(shell command -v musl-gcc 2>/dev/null),)
SMALL_CC    := musl-gcc -idirafter /usr/include -idirafter /usr/include/$(MACHINE)
else
SMALL_CC    := $(CC)
endif
SMALL_FLAGS := -std=gnu11 $(WARN) -Os -g -static -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections \
               -Wl,--gc-sections -Wl,-z,norelro -Wl,-z,noseparate-code -Wl,--build-id=none -fno-stack-protector

DIRS   := base runtime runtime/stage net health image supervisor supervisor/api supervisor/compose cli
SRCS   := $(filter-out runtime/stage/main.c,$(foreach d,$(DIRS),$(wildcard $(d)/*.c)))
OBJS   := $(SRCS:%.c=$(B)/obj/%.o)
INIT_SRCS  := $(wildcard init/*.c)
STAGE_SRCS := runtime/stage/main.c runtime/stage/join.c runtime/stage/reap.c runtime/stage/process.c \
              runtime/stage/identity.c runtime/stage/program.c runtime/stage/user.c runtime/stage/plan_check.c \
              runtime/vclone.c
LIB    := $(B)/libberth.a
PROGS  := $(B)/berth $(B)/berth-init $(B)/berth-oci

.PHONY: all
all: $(PROGS)

# Built for size, unless somebody chose the optimisation himself, but for what every start, exec, probe and line of output goes
# through. The client's verbs have no crash report that would unwind them.
FAST := base/buf.c base/clock.c base/io.c base/text.c runtime/exec.c runtime/launch% runtime/plan.c runtime/vclone.c \
        runtime/stage/% supervisor/attach.c supervisor/exec_io.c supervisor/frame.c supervisor/log% supervisor/stdio.c
$(patsubst %.c,$(B)/obj/%.o,$(filter-out $(FAST),$(SRCS))): SIZE := $(if $(filter -O2,$(CFLAGS)),-Os)
$(patsubst %.c,$(B)/obj/%.o,$(filter cli/%,$(SRCS))): SIZE := $(if $(filter -O2,$(CFLAGS)),-Os -fno-asynchronous-unwind-tables)

$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(SIZE) -MMD -MP -c $< -o $@

# Objects are rebuilt when the flags change, so that one build directory never mixes two kinds.
$(B)/flags: FORCE
	@mkdir -p $(B)
	@echo '$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL)' | cmp -s - $@ || echo '$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL)' > $@
.PHONY: FORCE

$(LIB): $(OBJS) $(B)/obj/stage_image.o $(B)/obj/configs_image.o
	@rm -f $@
	ar qcsP $@ $^

$(B)/berth: $(B)/obj/main.o $(LIB)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $< $(LIB) $(LIBS)

$(B)/berth-oci: $(B)/berth
	ln -sf berth $@

$(B)/berth-init: $(INIT_SRCS) $(wildcard init/*.h) Makefile
	@mkdir -p $(@D)
	$(SMALL_CC) $(SMALL_FLAGS) -D_GNU_SOURCE -I. -DBERTH_VERSION='"$(VERSION)"' -o $@ $(INIT_SRCS)

$(B)/berth-stage: $(STAGE_SRCS) $(wildcard runtime/stage/*.h) base/sys.h base/own.h Makefile
	@mkdir -p $(@D)
	$(SMALL_CC) $(SMALL_FLAGS) -s -D_GNU_SOURCE -DSTAGE_PROGRAM -I. -o $@ $(STAGE_SRCS)

# The stage program as bytes: stage_image and stage_image_end.
$(B)/obj/stage_image.o: $(B)/berth-stage
	@mkdir -p $(@D)
	printf '.section .rodata\n.global stage_image\n.global stage_image_end\n.balign 16\nstage_image:\n.incbin "$<"\nstage_image_end:\n.byte 0\n.section .note.GNU-stack,"",%%progbits\n' | $(CC) -x assembler -c - -o $@

# The default seccomp profile as bytes: seccomp_default_json and seccomp_default_json_end.
$(B)/obj/configs_image.o: configs/seccomp.json | $(B)/flags
	@mkdir -p $(@D)
	printf '.section .rodata\n.global seccomp_default_json\n.global seccomp_default_json_end\nseccomp_default_json:\n.incbin "$<"\nseccomp_default_json_end:\n.byte 0\n.section .note.GNU-stack,"",%%progbits\n' | $(CC) -x assembler -c - -o $@

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

# ---------------------------------------------------------------- tests
UNIT := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/test_*.c))
FUZZ := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

$(B)/unit/%: tests/unit/%.c $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -MF $(B)/obj/$*.unit.d $(LDFLAGS) -o $@ $< -lcmocka $(LIB) $(LIBS)

$(B)/fuzz/replay_%: tests/fuzz/%.c tests/fuzz/replay.c $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS) -o $@ $< tests/fuzz/replay.c $(LIB) $(LIBS)

# A container by runtime/ alone: what the supervisor adds can be told apart from what a start costs.
$(B)/rt: tests/bench/rt.c tests/support/sample.h $(LIB)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $< $(LIB) $(LIBS)

$(B)/bench: tests/bench/bench.c tests/bench/floor.c tests/bench/floor.h tests/support/sample.h $(LIB)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ tests/bench/bench.c tests/bench/floor.c $(LIB) $(LIBS)

BENCHES := $(B)/bench_log $(B)/bench_recover $(B)/bench_restart
$(BENCHES): $(B)/bench_%: tests/bench/bench_%.c tests/bench/measure.c tests/bench/measure.h $(LIB)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $< tests/bench/measure.c $(LIB) $(LIBS)

.PHONY: units
units: $(UNIT) $(FUZZ:%=$(B)/fuzz/replay_%)

# Small programs that the integration suite runs inside and outside of containers: static, so that any root will do.
TOOLS := $(patsubst tests/tool/%.c,$(B)/tool/%,$(wildcard tests/tool/*.c))
$(B)/tool/%: tests/tool/%.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -std=gnu11 $(WARN) -O2 -static -o $@ $<
.PHONY: tools
tools: $(TOOLS)

# The same program with points at which a test may kill it (base/fault.h).
.PHONY: faults
faults:
	+$(MAKE) -s B=$(B)/faults FAULTS=1 all

.PHONY: check check-all check-unit check-it check-vm check-asan check-weak soak fuzz bench lint demo deps install
deps:
	@tests/deps
demo: deps
	@$(MAKE) -s all
	@tests/demo
check: deps
	@tests/check $(B) unit it vm
check-unit:
	@tests/check $(B) unit
check-it:
	@tests/check $(B) it
check-vm:
	@tests/check $(B) vm
check-asan:
	@tests/check $(B) asan
# Each test of security seen failing: takes long, for each is built and run on its own.
check-weak:
	@tests/check $(B) weak
# Random suites at full length: make soak N=1000 [SEED=...]
N    ?= 1000
SEED ?= $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')
soak: deps
	@BERTH_N=$(N) BERTH_SEED=$(SEED) tests/check $(B) unit it
fuzz: deps
	@tests/fuzz/run $(B) $(N)
bench: deps
	@$(MAKE) -s all $(B)/bench $(BENCHES) $(B)/tool/lines $(B)/tool/stamp
	@tests/bench/run $(B)
lint:
	@tests/lint

install: all
	install -D -m 755 $(B)/berth $(DESTDIR)$(PREFIX)/bin/berth
	ln -sf berth $(DESTDIR)$(PREFIX)/bin/berth-oci
	install -D -m 755 $(B)/berth-init $(DESTDIR)$(PREFIX)/libexec/berth/berth-init
	install -D -m 644 configs/seccomp.json $(DESTDIR)$(PREFIX)/share/berth/seccomp.json
	install -d $(addprefix $(DESTDIR)$(PREFIX)/share/,bash-completion/completions zsh/site-functions fish/vendor_completions.d man/man1)
	$(B)/berth completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/berth
	$(B)/berth completion zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_berth
	$(B)/berth completion fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/berth.fish
	$(B)/berth __man $(DESTDIR)$(PREFIX)/share/man/man1

.PHONY: clean
clean:
	rm -rf build build-*
