#include "figures/svg.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/escape_html.h"
#include "figures/shape_corners.h"

namespace quench::figures {
namespace {

std::string number(double value) {
  std::string text = fmt::format("{:.2f}", value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text == "-0" ? "0" : text;
}

class SvgWriter {
 public:
  explicit SvgWriter(const ColorNames& names) : names_(names) {}

  std::string write(const Figure& figure) {
    out_ = fmt::format(
        "<svg{3} width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" role=\"img\" aria-label=\"{2}\" "
        "font-family=\"system-ui, 'Helvetica Neue', Arial, sans-serif\">\n",
        number(figure.width), number(figure.height), escape_html(figure.title),
        names_.empty() ? " xmlns=\"http://www.w3.org/2000/svg\"" : "");  // HTML knows what svg is
    if (names_.empty()) {
      out_ +=
          "<title>" + escape_html(figure.title) + "</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n";
    }
    for (const auto& part : figure.parts) std::visit([&](const auto& one) { add(one); }, part);
    return out_ + "</svg>\n";
  }

 private:
  /// As `fill="#1a202c"`, or as a style where the page has a name for it.
  std::string paint(const char* what, const Color& color) const {
    const auto named = std::ranges::find(names_, color, &ColorNames::value_type::first);
    if (named != names_.end()) return fmt::format(" style=\"{}:{}\"", what, named->second);
    return fmt::format(" {}=\"#{:02x}{:02x}{:02x}\"", what, color.red, color.green, color.blue);
  }
  /// Both, in one style: an attribute may come once.
  std::string paint(const Color& fill, const Color& stroke) const {
    const auto css = [&](const Color& color) {
      const auto named = std::ranges::find(names_, color, &ColorNames::value_type::first);
      return named != names_.end() ? named->second
                                   : fmt::format("#{:02x}{:02x}{:02x}", color.red, color.green, color.blue);
    };
    return fmt::format(" style=\"fill:{};stroke:{}\"", css(fill), css(stroke));
  }
  static std::string dashes(const std::vector<double>& lengths) {
    if (lengths.empty()) return "";
    std::string list;
    for (const double length : lengths) list += (list.empty() ? "" : " ") + number(length);
    return " stroke-dasharray=\"" + list + "\"";
  }
  static std::string titled(const char* name, const std::string& note) {
    return note.empty() ? "/>\n" : fmt::format("><title>{}</title></{}>\n", escape_html(note), name);
  }
  static std::string points(const std::vector<Place>& places) {
    std::string list;
    for (const Place& place : places) list += (list.empty() ? "" : " ") + number(place.x) + "," + number(place.y);
    return list;
  }

  void add(const Line& line) {
    out_ += fmt::format("<polyline points=\"{}\" fill=\"none\" stroke-width=\"{}\" stroke-linejoin=\"round\"{}{}{}",
                        points(line.places), number(line.width), paint("stroke", line.color), dashes(line.dashes),
                        titled("polyline", line.note));
  }
  void add(const Area& area) {
    out_ += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"{}{}{}", number(area.corner.x),
                        number(area.corner.y), number(area.width), number(area.height), paint("fill", area.fill),
                        area.opacity < 1 ? fmt::format(" fill-opacity=\"{:.3f}\"", area.opacity) : "",
                        titled("rect", area.note));
  }
  void add(const Mark& mark) {
    std::string style = mark.hollow           ? fmt::format(" fill=\"none\"{}", paint("stroke", mark.edge))
                        : mark.edge_width > 0 ? paint(mark.fill, mark.edge)
                                              : paint("fill", mark.fill);
    if (mark.edge_width > 0) {
      style += fmt::format(" stroke-width=\"{}\"{}", number(mark.edge_width), dashes(mark.dashes));
    }
    const double half = mark.size / 2;
    std::vector<Place> outline = shape_corners(mark.shape);
    if (outline.empty()) {
      out_ += fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"{}\"{}/>\n", number(mark.center.x), number(mark.center.y),
                          number(half), style);
      return;
    }
    for (Place& corner : outline) corner = {mark.center.x + half * corner.x, mark.center.y + half * corner.y};
    out_ += fmt::format("<polygon points=\"{}\"{}/>\n", points(outline), style);
  }
  void add(const Text& text) {
    const char* anchor = text.anchor == Anchor::start ? "" : text.anchor == Anchor::middle ? "middle" : "end";
    out_ += fmt::format(
        "<text x=\"{}\" y=\"{}\" font-size=\"{}\"{}{}{}{}>{}</text>\n", number(text.baseline.x),
        number(text.baseline.y), number(text.size), paint("fill", text.color),
        *anchor == 0 ? "" : fmt::format(" text-anchor=\"{}\"", anchor), text.bold ? " font-weight=\"bold\"" : "",
        text.upwards ? fmt::format(" transform=\"rotate(-90 {} {})\"", number(text.baseline.x), number(text.baseline.y))
                     : "",
        escape_html(text.text));
  }

  const ColorNames& names_;
  std::string out_;
};

}  // namespace

std::string svg(const Figure& figure, const ColorNames& names) { return SvgWriter(names).write(figure); }

double estimated_width(const std::string& text, double size) {
  double letters = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0) == 0x80) continue;
    letters += byte >= 0xe3 ? 1 : byte == 'm' || byte == 'w' || (byte >= 'A' && byte <= 'Z') ? 0.72 : 0.55;
  }
  return letters * size;
}

}  // namespace quench::figures
