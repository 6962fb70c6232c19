#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

/// A drawing of lines, marks and texts, apart from what draws it and into which file.
namespace quench::figures {

/// Parts of 255.
struct Color {
  uint8_t red = 0, green = 0, blue = 0;
  bool operator==(const Color&) const = default;
};

/// In points (1/72 inch), from the upper left corner.
struct Place {
  double x = 0, y = 0;
};

struct Line {
  std::vector<Place> places;  ///< two or more
  double width = 1;
  Color color;
  std::vector<double> dashes = {};  ///< lengths of ink and gap, in turn; empty: drawn through
  std::string note = {};            ///< shown by a page where the line is pointed at
};

/// A filled rectangle.
struct Area {
  Place corner;  ///< the upper left one
  double width = 0, height = 0;
  Color fill;
  double opacity = 1;     ///< in [0,1]
  std::string note = {};  ///< shown by a page where it is pointed at
};

enum class Shape { circle, square, triangle, diamond, wedge, cross, pentagon };
inline constexpr int kShapes = 7;

struct Mark {
  Shape shape = Shape::circle;
  Place center;
  double size = 6;  ///< width of the box that it fits in
  Color fill, edge;
  double edge_width = 0;  ///< 0: no edge
  std::vector<double> dashes = {};
  bool hollow = false;  ///< edge alone
};

enum class Anchor { start, middle, end };

struct Text {
  std::string text;  ///< UTF-8
  Place baseline;
  double size = 8;  ///< of the font
  Anchor anchor = Anchor::start;
  Color color;
  bool bold = false;
  bool upwards = false;  ///< turned by 90 degrees, to be read from below
};

struct Figure {
  std::string title;  ///< for the file's metadata
  double width = 360, height = 270;
  std::vector<std::variant<Line, Mark, Text, Area>> parts;  ///< later ones cover earlier ones
};

}  // namespace quench::figures
