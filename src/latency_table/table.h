#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "core/json.h"
#include "latency_table/surface.h"
#include "metrics/layer_shape.h"

namespace quench::latency_table {

/// What times depend on, beside the layer.
struct Machine {
  std::string device;  ///< "AMD EPYC (avx512_vnni)", or a board's address
  std::string runtime;
  int64_t threads = 1;
  std::string precision;  ///< fp32 or int8
  std::string version;    ///< of quench
  bool operator==(const Machine&) const = default;
};

/// Measured times of layers on one machine. A layer is its shape and its channels.
class Table {
 public:
  explicit Table(Machine machine) : machine_(std::move(machine)) {}

  const Machine& machine() const { return machine_; }
  /// Empty until they are known.
  const std::optional<Steps>& steps() const { return steps_; }
  void set_steps(Steps steps) { steps_ = steps; }
  bool has(const metrics::ShapedLayer& layer) const { return layers_.contains(key_of(layer)); }
  void add(const metrics::ShapedLayer& layer, Grid times) { layers_[key_of(layer)] = std::move(times); }
  /// Its time in ns at widths. Throws Error{internal} for a layer that is not there, or where steps are not known.
  std::function<double(int64_t in, int64_t out)> time_of(const metrics::ShapedLayer& layer) const;
  /// Latency of a whole model of these layers; empty where it was not measured.
  std::optional<double> model_ns(const std::vector<metrics::ShapedLayer>& layers) const;
  void set_model_ns(const std::vector<metrics::ShapedLayer>& layers, double ns);

  /// Names its content, in 12 hex digits.
  std::string id() const;

  bool operator==(const Table&) const = default;

 private:
  friend Json to_json(const Table& table);
  friend Table table_from(const Json& json, const std::string& where);
  static std::string key_of(const metrics::ShapedLayer& layer);
  static std::string key_of(const std::vector<metrics::ShapedLayer>& layers);

  Machine machine_;
  std::optional<Steps> steps_;
  std::map<std::string, Grid> layers_;    ///< by shape and channels
  std::map<std::string, double> models_;  ///< by hash of their layers
};

Json to_json(const Table& table);
/// Throws Error{data} naming `where` for what is none: also for times below 0 or not finite, and widths out of order.
Table table_from(const Json& json, const std::string& where);

/// Where the table of a machine is kept below a cache folder: latency/<12 digits of its hash>.json.
std::filesystem::path table_file(const std::filesystem::path& cache_folder, const Machine& machine);

}  // namespace quench::latency_table
