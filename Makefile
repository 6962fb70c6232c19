# The front door. `make demo` and `make test` set up a fresh Debian 12 machine by themselves.
.PHONY: help setup release dev asan base agent test-agent test-cluster test test-fast test-asan demo bench bench-peers bench-training bench-scale install package format clean

help:
	@echo "make demo     set up, build, and compare FP32, PTQ and QAT of a YOLO classifier (minutes)"
	@echo "make test     set up, build, run all tests"
	@echo "make release  build/release/quench        make dev   with debug symbols, warnings are errors"
	@echo "make agent    build/agent-aarch64/quench-agent and build/agent/quench-agent (docs/agent.md)"
	@echo "make install  the programs and the C++ library, below PREFIX=/usr/local (docs/library.md)"
	@echo "make package  Debian packages: quench, libquench0, libquench-dev"
	@echo "make bench-training  training beside Ultralytics, in turn (docs/training-speed.md)"
	@echo "make bench-peers  latency beside other runtimes of PyPI, in turn (docs/results/speed)"
	@echo "make bench-scale  a program that plays studies and trainings on many nodes, by SimGrid (docs/scale.md)"
	@echo "make base     without LibTorch and OpenCV  make asan  base with sanitizers"

setup:
	@scripts/setup.sh

release dev: setup
	@cmake --preset $@ >/dev/null
	@cmake --build --preset $@

base asan:
	@scripts/setup.sh --base
	@cmake --preset $@ >/dev/null
	@cmake --build --preset $@

# The device agent, for 64-bit ARM and for this machine: one static file each.
agent:
	@scripts/setup.sh --agent
	@cmake --preset agent-aarch64 >/dev/null
	@cmake --build --preset agent-aarch64
	@cmake --preset agent >/dev/null
	@cmake --build --preset agent

# For the tests. Where the packages cannot be had, ARM's tests are skipped, and `make test` says so at its end.
test-agent:
	@mkdir -p build && rm -f build/arm-not-tested
	@if scripts/setup.sh --agent; then \
	  cmake --preset agent-aarch64 >/dev/null && \
	  cmake --build --preset agent-aarch64 --target quench-agent quench-native-digest; \
	else \
	  rm -rf build/agent-aarch64; \
	  echo "make: the tests for ARM did not run: no cross compiler or QEMU (scripts/setup.sh --agent)" \
	    >build/arm-not-tested; \
	fi

# For the tests. Where Slurm or sshd cannot be had, the tests that start them say that they were skipped.
test-cluster:
	@scripts/setup.sh --tests || echo "make: the tests of Slurm and of devices by ssh do not run (scripts/setup.sh --tests)"

test: release test-agent test-cluster
	@ctest --preset release; code=$$?; grep -h '^not run: ' build/release/Testing/Temporary/LastTest.log | sort -u; \
	if [ -f build/arm-not-tested ]; then cat build/arm-not-tested; fi; exit $$code

test-fast: release
	@ctest --preset release -L fast

test-asan: asan
	@ctest --preset asan

demo: setup
	@cmake --preset release >/dev/null
	@cmake --build --preset release --target quench
	@build/release/quench study run examples/demo.yaml --out results/demo

bench: setup
	@cmake --preset release -DQUENCH_BENCHMARKS=ON >/dev/null
	@cmake --build --preset release

# Beside the runtimes of PyPI, which lie in environments of Python below build/peers; ARGS=--help (docs/results/speed/README.md).
bench-peers:
	@command -v python3 >/dev/null || { echo "make: bench-peers needs python3: apt-get install python3-venv" >&2; exit 2; }
	@scripts/setup.sh
	@cmake --preset release >/dev/null
	@cmake --build --preset release --target quench
	@python3 bench/peers/bench_peers.py $(ARGS)

# Training beside Ultralytics with PyPI's PyTorch (docs/training-speed.md).
bench-training:
	@command -v python3 >/dev/null || { echo "make: bench-training needs python3: apt-get install python3-venv" >&2; exit 2; }
	@scripts/setup.sh
	@cmake --preset release >/dev/null
	@cmake --build --preset release --target quench
	@python3 bench/peers/bench_training.py $(ARGS)

# By SimGrid, a simulator: a program of its own, which quench does not need (docs/scale.md).
bench-scale:
	@test -e /usr/include/simgrid/s4u.hpp || { echo "make: bench-scale needs SimGrid: apt-get install libsimgrid-dev" >&2; exit 2; }
	@cmake -S bench/scale -B build/scale -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
	@cmake --build build/scale

PREFIX ?= /usr/local
installed = quench quench-agent quench_shared quench_static

install: setup
	@cmake --preset release >/dev/null
	@cmake --build --preset release --target $(installed)
	@DESTDIR="$(DESTDIR)" cmake --install build/release --prefix "$(PREFIX)"

# build/release/packages/*.deb.
package: setup
	@cmake --preset release >/dev/null
	@cmake --build --preset release --target $(installed)
	@cd build/release && cpack

format:
	@git ls-files '*.h' '*.cpp' | xargs clang-format -i

clean:
	@rm -rf build
