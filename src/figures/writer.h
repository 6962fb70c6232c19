#pragma once

#include <string>

#include "figures/figure.h"

namespace quench::figures {

/// Draws figures into files of a vector format; texts in the system's sans-serif font. They stand in a library of their
/// own (libquench_figures.so, Cairo), which is opened when a figure is drawn.
struct Writer {
  /// Width of a text in points.
  double (*text_width)(const std::string& text, double size, bool bold);
  /// The content of a file. Throws Error{internal} where Cairo fails.
  std::string (*svg)(const Figure& figure);
  std::string (*pdf)(const Figure& figure);
};

/// Throws Error{unsupported} where the library is not there: quench was built without Cairo.
const Writer& writer();

/// The name under which the library shows its Writer.
inline constexpr const char* kWriterEntry = "quench_figure_writer";

}  // namespace quench::figures
