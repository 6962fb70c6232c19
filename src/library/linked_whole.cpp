// A shared library has a source of its own; all else of libquench.so is quench_library, taken whole.
