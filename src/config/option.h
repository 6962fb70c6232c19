#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace quench::config {

enum class OptionType { boolean, integer, number, text, text_list };

/// One setting: its CLI flag is `--name` (underscores become dashes), its study key and record key are `name`.
struct Option {
  std::string name;
  OptionType type = OptionType::text;
  Json default_value;                     ///< null: none; the program decides or it must be given
  std::string help;                       ///< one line, with unit and range
  std::vector<std::string> choices = {};  ///< of a list: of each of its texts
  std::optional<double> min = {};
  std::optional<double> max = {};
  /// Absent from effective values where it is not given: work that does not use it stays the work that it was.
  bool optional = false;
  std::string also = {};  ///< another flag of the CLI for it, without dashes
};

/// A table of settings: the one place that names, types, bounds, defaults and explains them.
class OptionSet {
 public:
  OptionSet() = default;
  OptionSet(std::vector<Option> options) : options_(std::move(options)) {}

  const std::vector<Option>& options() const { return options_; }
  const Option* find(std::string_view name) const;
  /// Both tables; a name in both is Error{internal}.
  OptionSet operator+(const OptionSet& other) const;
  /// The same table with another default.
  OptionSet with_default(std::string_view name, Json value) const;

  /// The table less the options of these names. A name that it does not have is Error{internal}.
  OptionSet without(const std::vector<std::string>& names) const;

  /// The options of these names alone. A name that it does not have is Error{internal}.
  OptionSet only(const std::vector<std::string>& names) const;

  /// The entries of `values` that this table names; keys of other tables are left out.
  Json part_of(const Json& values) const;

  /// Every option at its default, but for optional ones.
  Json defaults() const;

  /// `values` laid over the defaults; optional ones as far as they are given. Throws Error{config} naming `where` and
  /// the key for an unknown key (with the nearest), a wrong type, a value out of range or not among the choices.
  Json checked(const Json& values, std::string_view where) const;

 private:
  std::vector<Option> options_;
};

}  // namespace quench::config
