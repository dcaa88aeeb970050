# A thin layer over Meson. `make` builds; `make run` and `make test` also install what is missing.

BUILD ?= build
MODEL ?= tiny.en
FILE ?=
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
PREFIX ?= /usr/local

program := $(BUILD)/amanuensis
sources := $(shell find src apps include tests -name '*.[ch]' 2>/dev/null)

.DEFAULT_GOAL := build
.PHONY: build setup pull run test full sanitize tsan bench install format tidy lint clean

build: $(BUILD)/build.ninja
	ninja -C $(BUILD) -j $(JOBS)

$(BUILD)/build.ninja:
	meson setup $(BUILD)

setup:
	@sh tools/setup.sh

pull: build
	$(program) pull $(MODEL)

# Without FILE: a short recording that the machine has, or a spoken sentence.
run: setup
	@$(MAKE) --no-print-directory pull
	@file='$(FILE)'; \
	[ -n "$$file" ] || file=$$(sh tools/sample.sh $(BUILD)/sample.wav) || exit 1; \
	echo "$(program) --model $(MODEL) $$file"; \
	$(program) --model $(MODEL) -- "$$file"

test: setup
	@$(MAKE) --no-print-directory build
	python3 tools/run_tests.py $(BUILD) --setup quick

full: setup
	@$(MAKE) --no-print-directory build
	python3 tools/run_tests.py $(BUILD) --setup full

# AddressSanitizer and UndefinedBehaviorSanitizer; then ThreadSanitizer.
sanitize: setup
	[ -f $(BUILD)-asan/build.ninja ] || meson setup $(BUILD)-asan --buildtype=debugoptimized \
		-Db_sanitize=address,undefined -Db_lundef=false
	ninja -C $(BUILD)-asan -j $(JOBS)
	python3 tools/run_tests.py $(BUILD)-asan --setup sanitize

tsan: setup
	[ -f $(BUILD)-tsan/build.ninja ] || meson setup $(BUILD)-tsan --buildtype=debugoptimized \
		-Db_sanitize=thread -Db_lundef=false
	ninja -C $(BUILD)-tsan -j $(JOBS)
	python3 tools/run_tests.py $(BUILD)-tsan --setup sanitize

bench: pull
	@file='$(FILE)'; \
	[ -n "$$file" ] || file=$$(sh tools/sample.sh $(BUILD)/sample.wav) || exit 1; \
	$(program) bench --model $(MODEL) -- "$$file"

install: build
	meson install -C $(BUILD) --no-rebuild

format:
	clang-format -i $(sources)

tidy: build
	clang-tidy -p $(BUILD) --quiet $(filter-out tests/%,$(filter %.c,$(sources)))

lint:
	python3 tools/lint.py
	python3 tools/deps.py

clean:
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-tsan
