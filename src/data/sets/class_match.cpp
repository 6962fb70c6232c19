#include "data/sets/class_match.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <numeric>

#include "config/yaml.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/task.h"
#include "core/text.h"
#include "data/shards/shard_order.h"

namespace quench::data {
namespace {

constexpr size_t kShownWays = 3;

/// Other names of the same things, in COCO's papers and in VOC, as plain() writes them.
const std::map<std::string, std::string>& synonyms() {
  static const std::map<std::string, std::string> names{
      {"sofa", "couch"},           {"tvmonitor", "tv"},          {"television", "tv"},       {"aeroplane", "airplane"},
      {"motorbike", "motorcycle"}, {"mobilephone", "cellphone"}, {"hairdryer", "hairdrier"},
  };
  return names;
}

/// The name without case, blanks, underscores and hyphens.
std::string plain(const std::string& name) {
  std::string out = lower(name);
  std::erase_if(out, [](char c) { return c == ' ' || c == '_' || c == '-'; });
  return out;
}

std::string meaning(const std::string& name) {
  const std::string text = plain(name);
  const auto found = synonyms().find(text);
  return found == synonyms().end() ? text : found->second;
}

/// "0", "1", ... or "class_0", "class_1", ...
bool are_numbers(const std::vector<std::string>& names) {
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string number = std::to_string(i);
    if (names[i] != number && names[i] != "class_" + number) return false;
  }
  return !names.empty();
}

/// The one class of the model whose name becomes the same by `form`; none where there is none or several.
std::optional<int32_t> only_one(const std::vector<std::string>& model, const std::string& name,
                                std::string (*form)(const std::string&)) {
  std::optional<int32_t> found;
  for (size_t i = 0; i < model.size(); ++i) {
    if (form(model[i]) != form(name)) continue;
    if (found) return std::nullopt;
    found = static_cast<int32_t>(i);
  }
  return found;
}

std::optional<int32_t> place_of(const std::vector<std::string>& names, const std::string& name) {
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return static_cast<int32_t>(found - names.begin());
}

/// The class that a key of a class map means: a name, else a number.
std::optional<int32_t> named(const std::vector<std::string>& names, const std::string& key) {
  if (const auto place = place_of(names, key)) return place;
  int32_t number = -1;
  const auto [end, code] = std::from_chars(key.data(), key.data() + key.size(), number);
  const bool whole = code == std::errc() && end == key.data() + key.size();
  if (whole && number >= 0 && static_cast<size_t>(number) < names.size()) return number;
  return std::nullopt;
}

void require_one_each(const ClassMatch& match, const std::vector<std::string>& model,
                      const std::vector<std::string>& data) {
  std::map<int32_t, size_t> first;
  for (size_t i = 0; i < match.to_model.size(); ++i) {
    if (match.to_model[i] < 0) continue;
    const auto [earlier, added] = first.emplace(match.to_model[i], i);
    if (added) continue;
    fail(ErrorKind::data,
         "[data.classes] expected classes that differ, got '{}' and '{}', which both are the model's '{}': --class-map "
         "FILE says which is",
         data[earlier->second], data[i], model[static_cast<size_t>(match.to_model[i])]);
  }
}

/// A split whose classes are a model's.
class MatchedDataset : public Dataset, public InShardsOf {
 public:
  MatchedDataset(std::shared_ptr<const Dataset> base, std::vector<std::string> classes, std::vector<int32_t> to_model)
      : InShardsOf(base.get()), base_(std::move(base)), classes_(std::move(classes)), to_model_(std::move(to_model)) {}

  int64_t size() const override { return base_->size(); }
  const std::vector<std::string>& classes() const override { return classes_; }
  int32_t label(int64_t index) const override { return matched(base_->label(index)); }
  std::string task() const override { return base_->task(); }
  std::vector<Object> objects(int64_t index) const override { return matched(base_->objects(index)); }
  ImageInfo image(int64_t index) const override { return base_->image(index); }
  std::filesystem::path file(int64_t index) const override { return base_->file(index); }
  std::vector<LabelIssue> issues() const override { return base_->issues(); }
  Sample at(int64_t index) const override {
    Sample sample = base_->at(index);
    sample.label = matched(sample.label);
    sample.objects = matched(std::move(sample.objects));
    return sample;
  }
  std::string digest() const override {
    return sha256_hex(fmt::format("{} {} {}", base_->digest(), fmt::join(to_model_, ","), fmt::join(classes_, "\n")));
  }

 private:
  int32_t matched(int32_t label) const {
    return label < 0 ? label : std::max<int32_t>(-1, to_model_.at(static_cast<size_t>(label)));
  }
  std::vector<Object> matched(std::vector<Object> objects) const {
    for (Object& object : objects) object.label = matched(object.label);
    std::erase_if(objects, [](const Object& object) { return object.label < 0; });
    return objects;
  }

  std::shared_ptr<const Dataset> base_;
  std::vector<std::string> classes_;
  std::vector<int32_t> to_model_;
};

/// How many objects (or images) of each class there are.
std::vector<int64_t> counts_of(const Dataset& split) {
  std::vector<int64_t> counts(split.classes().size());
  const bool objects = labels_of(split.task()) == Labels::objects;
  for (int64_t i = 0; i < split.size(); ++i) {
    if (!objects) {
      if (split.label(i) >= 0) ++counts.at(static_cast<size_t>(split.label(i)));
      continue;
    }
    for (const Object& object : split.objects(i)) ++counts.at(static_cast<size_t>(object.label));
  }
  return counts;
}

std::shared_ptr<const Dataset> matched_split(const std::shared_ptr<const Dataset>& split,
                                             const std::vector<std::string>& model, const ClassMatch& match) {
  std::shared_ptr<const Dataset> base = split;
  if (labels_of(split->task()) == Labels::image_class) {
    std::vector<int64_t> left_out;
    for (int64_t i = 0; i < split->size(); ++i) {
      const int32_t label = split->label(i);
      if (label >= 0 && match.to_model.at(static_cast<size_t>(label)) < 0) left_out.push_back(i);
    }
    if (!left_out.empty()) base = without(split, left_out);
  }
  return std::make_shared<MatchedDataset>(std::move(base), model, match.to_model);
}

std::vector<std::string> notes_of(const ClassMatch& match, const std::vector<std::string>& model,
                                  const std::vector<std::string>& data) {
  std::vector<std::string> notes;
  if (match.by_number) {
    if (are_numbers(model)) return notes;  // a model without names: there is no other way
    notes.push_back(fmt::format("classes: the data's {} are the model's by number (names: {}, ... and {}, ...)",
                                data.size(), data.front(), model.front()));
    return notes;
  }
  if (!match.ways.empty()) {
    const size_t shown = std::min(match.ways.size(), kShownWays);
    notes.push_back(fmt::format("classes: {} matched by name: {}{}",
                                counted(std::ssize(match.ways), "class is", "classes are"),
                                fmt::join(match.ways.begin(), match.ways.begin() + static_cast<ptrdiff_t>(shown), ", "),
                                shown < match.ways.size() ? ", ..." : ""));
  }
  std::vector<std::string> absent;
  for (size_t i = 0; i < data.size(); ++i) {
    if (match.to_model[i] < 0) absent.push_back(data[i]);
  }
  if (!absent.empty()) {
    notes.push_back(fmt::format("classes: {} left out: {}",
                                counted(std::ssize(absent), "class of the data is", "classes of the data are"),
                                fmt::join(absent, ", ")));
  }
  const auto known = std::ranges::count_if(match.to_model, [](int32_t to) { return to >= 0; });
  if (const auto unknown = std::ssize(model) - known; unknown > 0) {
    notes.push_back(
        fmt::format("classes: the data have {} of the model's {}; what it finds of the others counts for "
                    "nothing",
                    known, model.size()));
  }
  if (notes.empty()) notes.push_back("classes: those of the data are the model's in another order, matched by name");
  return notes;
}

}  // namespace

ClassMap read_class_map(const std::filesystem::path& file) {
  const Json map = config::read_yaml(file);
  if (!map.is_object() || map.empty()) {
    fail(ErrorKind::config,
         "[data.classes] expected lines of `name in the data: name in the model`, got another value "
         "({})",
         file.string());
  }
  ClassMap out;
  for (const auto& [key, value] : map.items()) {
    if (value.is_structured()) {
      fail(ErrorKind::config, "[data.classes] expected a name (or ~) for '{}', got another value ({})", key,
           file.string());
    }
    out[key] =
        value.is_null() ? std::nullopt : std::optional(value.is_string() ? value.get<std::string>() : value.dump());
  }
  return out;
}

ClassMatch match_classes(const std::vector<std::string>& model, const std::vector<std::string>& data,
                         const ClassMap& given) {
  ClassMatch match;
  match.to_model.assign(data.size(), ClassMatch::kNone);
  if (given.empty() && model != data && model.size() == data.size() && (are_numbers(model) || are_numbers(data))) {
    std::iota(match.to_model.begin(), match.to_model.end(), 0);
    match.by_number = true;
    return match;
  }
  std::vector<bool> said(data.size(), false);
  for (const auto& [from, to] : given) {
    const auto place = named(data, from);
    if (!place) {
      fail(ErrorKind::config, "[data.classes] expected classes of the data in the class map, got '{}'{}", from,
           suggestion(from, data));
    }
    const auto target = to ? named(model, *to) : std::nullopt;
    if (to && !target) {
      fail(ErrorKind::config, "[data.classes] expected classes of the model in the class map, got '{}'{}", *to,
           suggestion(*to, model));
    }
    match.to_model[static_cast<size_t>(*place)] = target.value_or(ClassMatch::kLeftOut);
    said[static_cast<size_t>(*place)] = true;
    if (target) match.ways.push_back(fmt::format("'{}' is '{}' by the class map", from, *to));
  }
  for (size_t i = 0; i < data.size(); ++i) {
    if (said[i]) continue;
    std::optional<int32_t> found = place_of(model, data[i]);
    if (!found) {
      found = only_one(model, data[i], plain);
      if (!found) found = only_one(model, data[i], meaning);
      if (found) match.ways.push_back(fmt::format("'{}' is '{}'", data[i], model[static_cast<size_t>(*found)]));
    }
    match.to_model[i] = found.value_or(ClassMatch::kNone);
  }
  require_one_each(match, model, data);
  return match;
}

Splits with_classes(Splits splits, const std::vector<std::string>& model, const ClassMap& given) {
  const std::vector<std::string> data = splits.train->classes();
  if (model.empty() || (model == data && given.empty())) return splits;
  const ClassMatch match = match_classes(model, data, given);
  const bool same_places = std::ranges::equal(match.to_model, [&] {
    std::vector<int32_t> places(data.size());
    std::iota(places.begin(), places.end(), 0);
    return places;
  }());
  if (!(same_places && match.by_number)) {
    const auto absent = std::ranges::find(match.to_model, ClassMatch::kNone);
    if (absent != match.to_model.end()) {
      for (const auto& split : {splits.train, splits.test, splits.validation}) {
        if (!split) continue;
        const std::vector<int64_t> counts = counts_of(*split);
        for (size_t i = 0; i < data.size(); ++i) {
          if (match.to_model[i] != ClassMatch::kNone || counts[i] == 0) continue;
          fail(ErrorKind::data,
               "[data.classes] expected classes of the model in the data, got class {}, '{}' ({}), which is none of "
               "the model's {}{}: --class-map FILE says which it is, or leaves it out ({})",
               i, data[i], counted(counts[i], "label"), model.size(), suggestion(data[i], model), splits.name);
        }
      }
    }
    if (std::ranges::none_of(match.to_model, [](int32_t to) { return to >= 0; })) {
      fail(ErrorKind::data,
           "[data.classes] expected classes of the model in the data, got none: the first is '{}' in the data and '{}' "
           "in the model: --class-map FILE says which is which ({})",
           data.empty() ? "" : data.front(), model.front(), splits.name);
    }
  }
  const std::vector<std::string> notes = notes_of(match, model, data);
  splits.notes.insert(splits.notes.end(), notes.begin(), notes.end());
  const bool same = splits.same_images || splits.test == splits.train;
  splits.train = matched_split(splits.train, model, match);
  splits.test = same ? splits.train : matched_split(splits.test, model, match);
  if (splits.validation) splits.validation = matched_split(splits.validation, model, match);
  return splits;
}

}  // namespace quench::data
