# The front door. `make demo` and `make test` set up a fresh Debian 12 machine by themselves.
.PHONY: help setup release dev asan base test test-fast test-asan demo bench format clean

help:
	@echo "make demo     set up, build, and compare FP32, PTQ and QAT of a YOLO classifier (minutes)"
	@echo "make test     set up, build, run all tests"
	@echo "make release  build/release/quench        make dev   with debug symbols, warnings are errors"
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

test: release
	@ctest --preset release

test-fast: release
	@ctest --preset release -L fast

test-asan: asan
	@ctest --preset asan

demo: release
	@build/release/quench study run examples/demo.yaml --out results/demo

bench: setup
	@cmake --preset release -DQUENCH_BENCHMARKS=ON >/dev/null
	@cmake --build --preset release

format:
	@git ls-files '*.h' '*.cpp' | xargs clang-format -i

clean:
	@rm -rf build
