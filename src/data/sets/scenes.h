#pragma once

#include <string_view>

#include "config/option.h"
#include "data/sets/dataset.h"
#include "data/sets/file_digests.h"

namespace quench::data {

/// How the scenes are made. In a data set's name: `cifar100-scenes:canvas=224,train=4000`.
struct SceneSettings {
  int canvas = 320;  ///< side in pixels
  int64_t train = 8000;
  int64_t test = 1000;
  int classes = 20;       ///< 100: CIFAR-100's; 20: its superclasses; 1: "object"
  int objects = 8;        ///< a scene has 1 to so many
  int smallest = 24;      ///< geometric mean of an object's sides, in pixels: drawn log-uniformly from
  int largest = 128;      ///<   smallest to largest; default 0.075 and 0.4 of the canvas
  double overlap = 0.25;  ///< at most this share of the smaller of two boxes lies in both
  uint64_t seed = 0;
  bool operator==(const SceneSettings&) const = default;
};

/// The settings' table: names, bounds, help.
const config::OptionSet& scene_options();

/// What follows `cifar100-scenes:`, "" for the defaults. Throws Error{config} for an unknown key (nearest named), a key
/// given twice, a value out of range.
SceneSettings parse_scene_settings(std::string_view suffix);

/// "cifar100-scenes", with the settings that are not the default's.
std::string scenes_name(const SceneSettings& settings);

/// A picture that lies in a scene.
struct ScenePart {
  int64_t picture = 0;  ///< index in the set of pictures
  Object object;        ///< box at whole pixels
};

/// One split of scenes: pictures (whole ones, resized bilinearly, ratio of sides 0.8 to 1.25) pasted at random places
/// on a random background. Nothing is stored: at() draws a scene, a pure function of (pictures, settings, split,
/// index). Boxes are exact: all pixels of a box are the picture's (or those of one above it), all others the
/// background's. Of each object at least 60% is seen.
class Scenes : public Dataset {
 public:
  /// pictures: square, all of one size. split: name of the random streams.
  Scenes(std::shared_ptr<const Dataset> pictures, const SceneSettings& settings, std::string split, int64_t size);

  int64_t size() const override { return size_; }
  const std::vector<std::string>& classes() const override { return classes_; }
  int32_t label(int64_t) const override { return -1; }
  std::string task() const override { return "detect"; }
  std::vector<Object> objects(int64_t index) const override;
  ImageInfo image(int64_t index) const override;
  Sample at(int64_t index) const override;
  std::string digest() const override;

  /// What lies in a scene, the lowest first.
  std::vector<ScenePart> parts(int64_t index) const;
  /// The scene without its parts: [canvas,canvas,3] uint8.
  Tensor background(int64_t index) const;

 private:
  std::shared_ptr<const Dataset> pictures_;
  SceneSettings settings_;
  std::string split_;
  int64_t size_;
  std::vector<std::string> classes_;
  std::vector<int8_t> grain_;
};

/// Both splits; training scenes of training pictures only, test scenes of test pictures only.
Splits make_scenes(const Splits& pictures, const SceneSettings& settings);

/// `cifar100-scenes`: make_scenes() of CIFAR-100 below root. Throws as open_cifar().
Splits open_scenes(const SceneSettings& settings, const std::filesystem::path& root,
                   const std::shared_ptr<FileDigests>& digests = nullptr);

}  // namespace quench::data
