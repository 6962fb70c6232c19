# Toolchain: Debian's cross compiler for 64-bit ARM. The baseline is ARMv8.0, which every such processor has (Cortex-A53,
# A57, A72): only files that are compiled for more by name hold more, and run where the processor has it.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_CXX_FLAGS_INIT "-march=armv8-a")
