#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "data/pictures/image_source.h"
#include "data/pictures/video.h"
#include "inference/annotated.h"

namespace quench::inference {

/// Writes what was found into a folder, in the forms that are wanted.
///
/// images  the annotated images under their own names; of a video or camera one annotated video, `NAME.mp4` or `.avi`
/// txt     labels/NAME.txt for each image, even where nothing was found (prediction/form.h: yolo_text); NAME without
///         extension, unless two images would share it; of a frame `NAME_000012.txt`
/// json    predictions.json: one list of all objects (prediction/form.h: found_json), each with image_id and file_name
///         (and frame); image_id is the number that is the file's name where all names are different numbers (as COCO's
///         are), else the image's place in the source
class PredictionFiles {
 public:
  /// forms: of `images`, `txt`, `json`; none: nothing is written. Throws Error{config} for another form, or where an
  /// annotated image would replace one that is read; Error{io} where the folder cannot be written.
  PredictionFiles(std::filesystem::path folder, const std::vector<std::string>& forms, const data::ImageSource& source,
                  const Vocabulary& words);

  /// index: the image's place in the source.
  void add(const data::SourceImage& image, int64_t index, const Prediction& prediction);
  /// Writes predictions.json and ends the video. Without it neither stays.
  void finish();

  /// What was written, for a message: "image files", "out/clip.mp4", ...
  std::vector<std::string> written() const;

 private:
  bool wanted(const std::string& form) const { return forms_.contains(form); }
  void refuse_to_replace(const data::ImageSource& source) const;
  void number(const data::ImageSource& source);
  std::string label_name(const data::SourceImage& image) const;
  void add_picture(const data::SourceImage& image, const Prediction& prediction);
  void add_rows(const data::SourceImage& image, int64_t index, const Prediction& prediction);

  std::filesystem::path folder_;
  std::set<std::string> forms_;
  const Vocabulary& words_;
  double frames_per_second_ = 0;
  std::map<std::string, int> stems_;    ///< names without extension, and how many images share each
  std::map<std::string, int64_t> ids_;  ///< image_id by name, where names are numbers
  Json rows_ = Json::array();
  std::unique_ptr<data::VideoWriter> video_;
  int64_t pictures_ = 0, labels_ = 0;
};

}  // namespace quench::inference
