# A thin layer over Meson. `make` builds; `make run` and `make test` also install what is missing.

BUILD ?= build
MODEL ?= tiny.en
FILE ?=
PORT ?= 9004
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
PREFIX ?= /usr/local

shared := $(or $(AMANUENSIS_SHARED),../shared)
program := $(BUILD)/amanuensis
sources := $(shell find src apps include tests -name '*.[ch]' 2>/dev/null)

.DEFAULT_GOAL := build
.PHONY: build setup pull run test test_model page_test full sanitize sanitize_recordings
.PHONY: tsan bench install deb check_arm format tidy lint clean

build: $(BUILD)/build.ninja
	ninja -C $(BUILD) -j $(JOBS)

$(BUILD)/build.ninja:
	meson setup $(BUILD)

setup:
	@sh tools/setup.sh

pull: build
	$(program) pull $(MODEL)

# With FILE it is transcribed, and that is all. Without: a short recording that the machine has, or
# a spoken sentence; then the server, until Ctrl-C.
run: setup
	@$(MAKE) --no-print-directory pull
	@file='$(FILE)'; \
	[ -n "$$file" ] || file=$$(sh tools/sample.sh $(BUILD)/sample.wav) || exit 1; \
	echo "$(program) --model $(MODEL) $$file"; \
	$(program) --model $(MODEL) -- "$$file" || exit; \
	[ -z '$(FILE)' ] || exit 0; \
	echo "$(program) serve --model $(MODEL) --port $(PORT) --data_dir $(BUILD)/data"; \
	echo 'Ctrl-C ends it. From another terminal:'; \
	echo "    curl -F file=@$$(realpath "$$file") http://localhost:$(PORT)/transcribe"; \
	exec $(program) serve --model $(MODEL) --port $(PORT) --data_dir $(BUILD)/data

# Tests transcribe with a real model: the shared one, else the one pulled here. Without a network
# those tests are skipped by name; under CI a missing model is a failure.
test full: setup
	@$(MAKE) --no-print-directory test_model
	AMANUENSIS_MODELS=$(abspath $(BUILD)/models) \
		python3 tools/run_tests.py $(BUILD) --setup $(if $(filter full,$@),full,quick)

# The web page in headless Chromium, which is too big to be installed for `make test`.
page_test: setup
	@sh tools/setup.sh packages-page.txt
	@$(MAKE) --no-print-directory test_model
	AMANUENSIS_MODELS=$(abspath $(BUILD)/models) \
		python3 tests/page/test_page.py $(program) --shots $(BUILD)/shots

test_model: build
	$(program) pull $(MODEL) --model_dir $(BUILD)/models \
		$(if $(wildcard $(shared)/models),--mirror file://$(abspath $(shared)/models)) \
		|| [ "$$CI" != true ]

$(BUILD)-asan/build.ninja:
	meson setup $(BUILD)-asan --buildtype=debugoptimized -Db_sanitize=address,undefined \
		-Db_lundef=false

# AddressSanitizer and UndefinedBehaviorSanitizer; then ThreadSanitizer.
sanitize: setup
	@$(MAKE) --no-print-directory $(BUILD)-asan/build.ninja
	ninja -C $(BUILD)-asan -j $(JOBS)
	python3 tools/run_tests.py $(BUILD)-asan --setup sanitize

# Every reader, writer and the word times on every shared recording; leaks count.
sanitize_recordings: $(BUILD)-asan/build.ninja
	ninja -C $(BUILD)-asan -j $(JOBS) amanuensis
	python3 tests/cli/every_recording.py $(BUILD)-asan/amanuensis

tsan: setup
	[ -f $(BUILD)-tsan/build.ninja ] || meson setup $(BUILD)-tsan --buildtype=debugoptimized \
		-Db_sanitize=thread -Db_lundef=false
	ninja -C $(BUILD)-tsan -j $(JOBS)
	python3 tools/run_tests.py $(BUILD)-tsan --setup sanitize

# The kernels of 64-bit ARM, cross-compiled and emulated.
check_arm:
	@sh tools/setup.sh packages-arm.txt
	sh tools/check_arm.sh $(abspath $(BUILD)-arm)

bench: pull
	@file='$(FILE)'; \
	[ -n "$$file" ] || file=$$(sh tools/sample.sh $(BUILD)/sample.wav) || exit 1; \
	$(program) bench --model $(MODEL) -- "$$file"

install: build
	meson install -C $(BUILD) --no-rebuild

# build/amanuensis_VERSION_ARCHITECTURE.deb
deb: build
	tools/make_deb.sh $(BUILD) $(BUILD)

format:
	clang-format -i $(sources)

tidy: build
	clang-tidy -p $(BUILD) --quiet $(filter-out tests/%,$(filter %.c,$(sources)))

lint:
	python3 tools/lint.py
	python3 tools/deps.py

clean:
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-tsan $(BUILD)-arm
