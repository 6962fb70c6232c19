#pragma once

/// QUENCH_API marks what libquench shows; all else in it is hidden. Everything public stands in the inline namespace
/// quench::v0, whose name changes where a new version does not fit programs that were built with an old one.
#if defined(__GNUC__)
#define QUENCH_API __attribute__((visibility("default")))
#else
#define QUENCH_API
#endif
