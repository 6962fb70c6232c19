// libquench_figures.so: figures drawn by Cairo, as SVG and as PDF.
#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <cairo.h>

#include <cmath>
#include <functional>
#include <memory>
#include <numbers>

#include "core/error.h"
#include "figures/shape_corners.h"
#include "figures/writer.h"

namespace quench::figures {
namespace {

using Surface = std::unique_ptr<cairo_surface_t, decltype(&cairo_surface_destroy)>;
using Context = std::unique_ptr<cairo_t, decltype(&cairo_destroy)>;

void require(cairo_status_t status) {
  ensure(status == CAIRO_STATUS_SUCCESS, "[figures] Cairo: {}", cairo_status_to_string(status));
}

void set_color(cairo_t* cairo, const Color& color) {
  cairo_set_source_rgb(cairo, color.red / 255.0, color.green / 255.0, color.blue / 255.0);
}

void set_stroke(cairo_t* cairo, const Color& color, double width, const std::vector<double>& dashes) {
  set_color(cairo, color);
  cairo_set_line_width(cairo, width);
  cairo_set_dash(cairo, dashes.data(), static_cast<int>(dashes.size()), 0);
}

void set_font(cairo_t* cairo, double size, bool bold) {
  cairo_select_font_face(cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                         bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(cairo, size);
}

double width_of(cairo_t* cairo, const std::string& text) {
  cairo_text_extents_t extents;
  cairo_text_extents(cairo, text.c_str(), &extents);
  return extents.x_advance;
}

void draw(cairo_t* cairo, const Line& line) {
  set_stroke(cairo, line.color, line.width, line.dashes);
  for (const Place& place : line.places) cairo_line_to(cairo, place.x, place.y);
  cairo_stroke(cairo);
}

void draw(cairo_t* cairo, const Mark& mark) {
  const double half = mark.size / 2;
  const std::vector<Place> outline = shape_corners(mark.shape);
  if (outline.empty()) cairo_arc(cairo, mark.center.x, mark.center.y, half, 0, 2 * std::numbers::pi);
  for (const Place& corner : outline) {
    cairo_line_to(cairo, mark.center.x + half * corner.x, mark.center.y + half * corner.y);
  }
  cairo_close_path(cairo);
  if (!mark.hollow) {
    set_color(cairo, mark.fill);
    cairo_fill_preserve(cairo);
  }
  if (mark.edge_width > 0) {
    set_stroke(cairo, mark.edge, mark.edge_width, mark.dashes);
    cairo_stroke_preserve(cairo);
  }
  cairo_new_path(cairo);
}

void draw(cairo_t* cairo, const Area& area) {
  cairo_set_source_rgba(cairo, area.fill.red / 255.0, area.fill.green / 255.0, area.fill.blue / 255.0, area.opacity);
  cairo_rectangle(cairo, area.corner.x, area.corner.y, area.width, area.height);
  cairo_fill(cairo);
}

void draw(cairo_t* cairo, const Text& text) {
  cairo_save(cairo);
  set_color(cairo, text.color);
  set_font(cairo, text.size, text.bold);
  cairo_move_to(cairo, text.baseline.x, text.baseline.y);
  if (text.upwards) cairo_rotate(cairo, -std::numbers::pi / 2);
  const double share = text.anchor == Anchor::start ? 0 : text.anchor == Anchor::middle ? 0.5 : 1;
  cairo_rel_move_to(cairo, -share * width_of(cairo, text.text), 0);
  cairo_show_text(cairo, text.text.c_str());
  cairo_restore(cairo);
  cairo_new_path(cairo);
}

cairo_status_t append(void* closure, const unsigned char* data, unsigned int length) {
  static_cast<std::string*>(closure)->append(reinterpret_cast<const char*>(data), length);
  return CAIRO_STATUS_SUCCESS;
}

using Create = std::function<cairo_surface_t*(std::string*)>;

std::string drawn(const Figure& figure, const Create& create) {
  std::string out;
  {
    const Surface surface(create(&out), &cairo_surface_destroy);
    require(cairo_surface_status(surface.get()));
    const Context cairo(cairo_create(surface.get()), &cairo_destroy);
    cairo_set_source_rgb(cairo.get(), 1, 1, 1);
    cairo_paint(cairo.get());
    cairo_set_line_join(cairo.get(), CAIRO_LINE_JOIN_ROUND);
    for (const auto& part : figure.parts) std::visit([&](const auto& one) { draw(cairo.get(), one); }, part);
    require(cairo_status(cairo.get()));
    cairo_surface_finish(surface.get());
    require(cairo_surface_status(surface.get()));
  }
  return out;
}

std::string as_svg(const Figure& figure) {
  return drawn(figure, [&](std::string* out) {
    cairo_surface_t* surface = cairo_svg_surface_create_for_stream(&append, out, figure.width, figure.height);
    cairo_svg_surface_set_document_unit(surface, CAIRO_SVG_UNIT_PT);
    return surface;
  });
}

std::string as_pdf(const Figure& figure) {
  return drawn(figure, [&](std::string* out) {
    cairo_surface_t* surface = cairo_pdf_surface_create_for_stream(&append, out, figure.width, figure.height);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_TITLE, figure.title.c_str());
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATOR, "quench");
    return surface;
  });
}

double width_alone(const std::string& text, double size, bool bold) {
  static const Surface surface(cairo_image_surface_create(CAIRO_FORMAT_A8, 1, 1), &cairo_surface_destroy);
  const Context cairo(cairo_create(surface.get()), &cairo_destroy);
  set_font(cairo.get(), size, bold);
  return width_of(cairo.get(), text);
}

}  // namespace
}  // namespace quench::figures

extern "C" __attribute__((visibility("default"))) const quench::figures::Writer quench_figure_writer;
const quench::figures::Writer quench_figure_writer{&quench::figures::width_alone, &quench::figures::as_svg,
                                                   &quench::figures::as_pdf};
