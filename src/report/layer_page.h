#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace quench::report {

/// One line or row of marks of a plot by layer.
struct LayerSeries {
  std::string name;
  std::vector<std::optional<double>> values;  ///< as many as the page has layers
};

/// A figure of each layer, drawn over the layers in order.
struct LayerPlot {
  std::string title, unit;
  bool logarithmic = false;  ///< values of 0 and below are left out then
  std::vector<LayerSeries> series;
};

/// A page about the layers of one model.
struct LayerPage {
  std::string title;
  std::vector<std::pair<std::string, std::string>> facts;  ///< what it was made of: "Model", "yolov5n.onnx"
  std::vector<std::string> notes;                          ///< said on the page's face
  std::vector<std::string> layers;
  std::vector<LayerPlot> plots;
  std::vector<std::vector<std::string>> rows;  ///< a table, the first row its head; columns of numbers align right
};

/// One self-contained HTML page; it needs no network. Without ECharts in the build plots are left out.
std::string layer_page(const LayerPage& page);

}  // namespace quench::report
