#include "data/sets/scenes.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/hash.h"
#include "core/rng.h"
#include "core/text.h"
#include "data/sets/cifar.h"
#include "data/sets/scene_paint.h"

namespace quench::data {
namespace {

constexpr const char* kName = "cifar100-scenes";
constexpr double kMostHidden = 0.4;  // share of an object that lies under others
constexpr double kMostRatio = 1.25;  // of the longer to the shorter side
constexpr int kTries = 40;           // places for one object, before the scene goes without it

Json value_of(const std::string& text) {
  int64_t integer = 0;
  const char* end = text.data() + text.size();
  if (const auto got = std::from_chars(text.data(), end, integer); got.ec == std::errc() && got.ptr == end) {
    return integer;
  }
  double number = 0;
  if (const auto got = std::from_chars(text.data(), end, number); got.ec == std::errc() && got.ptr == end) {
    return number;
  }
  return text;
}

Json to_json(const SceneSettings& settings) {
  return {{"canvas", settings.canvas},   {"train", settings.train},     {"test", settings.test},
          {"classes", settings.classes}, {"objects", settings.objects}, {"smallest", settings.smallest},
          {"largest", settings.largest}, {"overlap", settings.overlap}, {"seed", settings.seed}};
}

int default_smallest(int canvas) { return std::max(16, canvas * 3 / 40); }
int default_largest(int canvas) { return std::max(16, canvas * 2 / 5); }

class Layout {
 public:
  Layout(const SceneSettings& settings, Rng rng) : settings_(settings), rng_(std::move(rng)) {}

  /// A place for one more object, that leaves enough to be seen of all others and of itself; or nothing.
  bool place(Box& box) {
    for (int attempt = 0; attempt < kTries; ++attempt) {
      box = random_box();
      if (!fits(box)) continue;
      for (Placed& below : placed_) below.hidden += intersection(below.box, box);
      placed_.push_back({box, 0});
      return true;
    }
    return false;
  }
  Rng& rng() { return rng_; }

 private:
  struct Placed {
    Box box;
    double hidden;  ///< upper bound of the area under others
  };

  Box random_box() {
    const double size = std::exp(rng_.uniform(std::log(settings_.smallest), std::log(settings_.largest)));
    const double stretch = std::exp(rng_.uniform(-std::log(kMostRatio) / 2, std::log(kMostRatio) / 2));
    const auto side = [&](double value) {
      return std::clamp<int>(static_cast<int>(std::lround(value)), 16, settings_.canvas);
    };
    const int width = side(size * stretch), height = side(size / stretch);
    const auto left = static_cast<double>(rng_.below(settings_.canvas - width + 1));
    const auto top = static_cast<double>(rng_.below(settings_.canvas - height + 1));
    return {left, top, left + width, top + height};
  }

  bool fits(const Box& box) const {
    return std::all_of(placed_.begin(), placed_.end(), [&](const Placed& below) {
      const double shared = intersection(below.box, box);
      return shared <= settings_.overlap * std::min(below.box.area(), box.area()) &&
             below.hidden + shared <= kMostHidden * below.box.area();
    });
  }

  const SceneSettings& settings_;
  Rng rng_;
  std::vector<Placed> placed_;
};

}  // namespace

const config::OptionSet& scene_options() {
  using T = config::OptionType;
  static const config::OptionSet options({
      {"canvas", T::integer, 320, "side of a scene in pixels", {}, 64, 2048},
      {"train", T::integer, 8000, "training scenes", {}, 1, 1e9},
      {"test", T::integer, 1000, "test scenes", {}, 1, 1e9},
      {"classes", T::integer, 20, "100: CIFAR-100's classes; 20: its superclasses; 1: object", {}, 1, 100},
      {"objects", T::integer, 8, "a scene has 1 to N objects", {}, 1, 64},
      {"smallest", T::integer, nullptr, "smallest object in pixels; default 0.075 of the canvas", {}, 16, 2048},
      {"largest", T::integer, nullptr, "largest object in pixels; default 0.4 of the canvas", {}, 16, 2048},
      {"overlap", T::number, 0.25, "share of the smaller of two boxes that both may hold", {}, 0, 0.4},
      {"seed", T::integer, 0, "of pictures, places and backgrounds", {}, 0, 4294967295.0},
  });
  return options;
}

SceneSettings parse_scene_settings(std::string_view suffix) {
  Json given = Json::object();
  for (const std::string& part : split_text(suffix, ',')) {
    const size_t equals = part.find('=');
    if (equals == std::string::npos) {
      fail(ErrorKind::config, "{}: expected key=value, got '{}'", kName, part);
    }
    const std::string key = part.substr(0, equals);
    if (given.contains(key)) fail(ErrorKind::config, "{}: expected each key once, got '{}' again", kName, key);
    given[key] = value_of(part.substr(equals + 1));
  }
  const Json values = scene_options().checked(given, kName);
  SceneSettings out;
  out.canvas = values["canvas"].get<int>();
  out.train = values["train"].get<int64_t>();
  out.test = values["test"].get<int64_t>();
  out.classes = values["classes"].get<int>();
  out.objects = values["objects"].get<int>();
  out.smallest = values["smallest"].is_null() ? default_smallest(out.canvas) : values["smallest"].get<int>();
  out.largest = values["largest"].is_null() ? default_largest(out.canvas) : values["largest"].get<int>();
  out.overlap = values["overlap"].get<double>();
  out.seed = values["seed"].get<uint64_t>();
  if (out.classes != 1 && out.classes != 20 && out.classes != 100) {
    fail(ErrorKind::config, "{}: expected 1, 20 or 100 for 'classes', got {}", kName, out.classes);
  }
  if (out.smallest > out.largest || out.largest > out.canvas) {
    fail(ErrorKind::config, "{}: expected smallest <= largest <= canvas, got {}, {} and {}", kName, out.smallest,
         out.largest, out.canvas);
  }
  return out;
}

std::string scenes_name(const SceneSettings& settings) {
  SceneSettings plain;
  plain.canvas = settings.canvas;
  plain.smallest = default_smallest(settings.canvas);
  plain.largest = default_largest(settings.canvas);
  const Json mine = to_json(settings), usual = to_json(plain);
  std::string suffix;
  for (const auto& [key, value] : mine.items()) {
    const bool say = key == "canvas" ? settings.canvas != SceneSettings().canvas : value != usual[key];
    if (say) suffix += fmt::format("{}{}={}", suffix.empty() ? ":" : ",", key, value.dump());
  }
  return kName + suffix;
}

Scenes::Scenes(std::shared_ptr<const Dataset> pictures, const SceneSettings& settings, std::string split, int64_t size)
    : pictures_(std::move(pictures)),
      settings_(settings),
      split_(std::move(split)),
      size_(size),
      classes_(settings.classes == 1 ? std::vector<std::string>{"object"} : pictures_->classes()),
      grain_(grain_table(settings.seed)) {
  ensure(pictures_->size() > 0 && size > 0, "[data.scenes] expected pictures and scenes, got {} and {}",
         pictures_->size(), size);
}

std::vector<ScenePart> Scenes::parts(int64_t index) const {
  ensure(index >= 0 && index < size_, "[data.scenes] expected an index below {}, got {}", size_, index);
  Layout layout(settings_, Rng(settings_.seed, "scenes." + split_ + ".parts", static_cast<uint64_t>(index)));
  std::vector<ScenePart> out;
  for (uint64_t left = 1 + layout.rng().below(static_cast<uint64_t>(settings_.objects)); left > 0; --left) {
    Box box;
    if (!layout.place(box)) continue;
    const auto picture = static_cast<int64_t>(layout.rng().below(static_cast<uint64_t>(pictures_->size())));
    const int32_t label = settings_.classes == 1 ? 0 : pictures_->label(picture);
    out.push_back({picture, {box, label, false, box.area()}});
  }
  return out;
}

std::vector<Object> Scenes::objects(int64_t index) const {
  std::vector<Object> out;
  for (const ScenePart& part : parts(index)) out.push_back(part.object);
  return out;
}

ImageInfo Scenes::image(int64_t index) const {
  ensure(index >= 0 && index < size_, "[data.scenes] expected an index below {}, got {}", size_, index);
  return {index, fmt::format("{}-{:06}", split_, index), settings_.canvas, settings_.canvas};
}

Tensor Scenes::background(int64_t index) const {
  Rng rng(settings_.seed, "scenes." + split_ + ".background", static_cast<uint64_t>(index));
  const auto source = static_cast<int64_t>(rng.below(static_cast<uint64_t>(pictures_->size())));
  const Tensor photo = pictures_->at(source).pixels;
  Tensor out(DType::u8, {settings_.canvas, settings_.canvas, 3});
  paint_background(rng, photo.values<uint8_t>().data(), static_cast<int>(photo.shape()[0]), grain_,
                   {out.mutable_values<uint8_t>().data(), settings_.canvas});
  return out;
}

Sample Scenes::at(int64_t index) const {
  Sample sample{background(index), -1, {}};
  const Canvas canvas{sample.pixels.mutable_values<uint8_t>().data(), settings_.canvas};
  for (const ScenePart& part : parts(index)) {
    const Tensor picture = pictures_->at(part.picture).pixels;
    const Box& box = part.object.box;
    paint_picture(picture.values<uint8_t>().data(), static_cast<int>(picture.shape()[0]),
                  static_cast<int>(picture.shape()[1]), canvas, static_cast<int>(box.x1), static_cast<int>(box.y1),
                  static_cast<int>(box.width()), static_cast<int>(box.height()));
    sample.objects.push_back(part.object);
  }
  return sample;
}

std::string Scenes::digest() const {
  return sha256_hex(fmt::format("scenes 1 {} {} {} {}", split_, size_, to_json(settings_).dump(), pictures_->digest()));
}

Splits make_scenes(const Splits& pictures, const SceneSettings& settings) {
  return {scenes_name(settings), std::make_shared<Scenes>(pictures.train, settings, "train", settings.train),
          std::make_shared<Scenes>(pictures.test, settings, "test", settings.test), false};
}

Splits open_scenes(const SceneSettings& settings, const std::filesystem::path& root,
                   const std::shared_ptr<FileDigests>& digests) {
  return make_scenes(open_cifar(settings.classes == 20 ? cifar100_coarse_layout() : cifar100_layout(), root, digests),
                     settings);
}

}  // namespace quench::data
