#include "cli/predict_remote.h"

#include <algorithm>
#include <cmath>

#include "cli/remote.h"
#include "config/tables.h"
#include "core/error.h"
#include "core/file.h"
#include "core/printable.h"
#include "core/tar_header.h"
#include "core/text.h"
#include "data/sets/image_folder.h"
#include "picture_files/decode.h"
#include "picture_files/encode.h"

namespace quench::cli {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMostBytes = int64_t{4} << 30;  ///< of pictures that are sent at once

/// The images as a tar, each named by its place in the source.
std::string archive_of(const std::vector<fs::path>& files, int64_t limit) {
  std::string tar;
  for (size_t i = 0; i < files.size() && (limit == 0 || static_cast<int64_t>(i) < limit); ++i) {
    std::string bytes = read_file(files[i]), kind = picture_files::picture_kind(bytes);
    if (kind != "jpeg" && kind != "png") {
      try {
        bytes = picture_files::encode_png(data::read_image(files[i]));
      } catch (const Error&) {
        continue;  // who asks for it here is told
      }
      kind = "png";
    }
    if (static_cast<int64_t>(tar.size() + bytes.size()) > kMostBytes) {
      fail(ErrorKind::config, "predict: expected at most {} GiB of pictures for a device at once: set --limit",
           kMostBytes >> 30);
    }
    const auto size = static_cast<int64_t>(bytes.size());
    tar += make_tar_header(fmt::format("{:08}.{}", i, kind), size) + bytes;
    tar.append(tar_padding(size), '\0');
  }
  return tar.append(2 * kTarBlock, '\0');
}

double number(const Json& object, const char* key, double least, double most) {
  const auto found = object.find(key);
  const double value = found != object.end() && found->is_number() ? found->get<double>() : std::nan("");
  if (value >= least && value <= most) return value;
  fail(ErrorKind::data, "[predict] expected '{}' from {:g} to {:g} in the device's answer", key, least, most);
}

constexpr double kMostPixels = 65535, kMostLabels = 1e6, kMostTime = 1e15;

/// An image's line (docs/agent.md).
inference::Prediction prediction_of(const Json& line) {
  inference::Prediction out;
  out.height = static_cast<int64_t>(number(line, "height", 1, kMostPixels));
  out.width = static_cast<int64_t>(number(line, "width", 1, kMostPixels));
  out.preprocess_ns = static_cast<int64_t>(number(line, "preprocess_ns", 0, kMostTime));
  out.inference_ns = static_cast<int64_t>(number(line, "inference_ns", 0, kMostTime));
  out.postprocess_ns = static_cast<int64_t>(number(line, "postprocess_ns", 0, kMostTime));
  const bool detects = line.contains("detections");
  const Json& list = line.at(detects ? "detections" : "top");
  if (!list.is_array()) fail(ErrorKind::data, "[predict] expected a list of what was found in the device's answer");
  for (const Json& found : list) {
    const auto label = static_cast<int32_t>(number(found, "category_id", 0, kMostLabels));
    const auto score = static_cast<float>(number(found, "score", 0, 1));
    if (!detects) {
      out.top.push_back({label, score});
      continue;
    }
    const Json box = found.value("bbox", Json());
    if (!box.is_array() || box.size() != 4 ||
        !std::ranges::all_of(box, [](const Json& value) { return value.is_number(); })) {
      fail(ErrorKind::data, "[predict] expected a bbox of four numbers in the device's answer");
    }
    const double x = box[0], y = box[1], width = box[2], height = box[3];
    out.detections.push_back({{x, y, x + width, y + height}, score, label});
  }
  return out;
}

/// "00000012.png" -> 12; -1 for another name.
int64_t place_of(const Json& line) {
  const std::string name = line.at("file_name").is_string() ? line.at("file_name").get<std::string>() : "";
  const bool digits =
      name.size() > 8 && std::all_of(name.begin(), name.begin() + 8, [](char c) { return c >= '0' && c <= '9'; });
  return digits ? std::stoll(name.substr(0, 8)) : -1;
}

}  // namespace

RemotePredictions::RemotePredictions(const data::ImageSource& source, const graph::ModelFile& model,
                                     const Json& options, const program::Environment& environment) {
  if (source.kind() != data::ImageSource::Kind::images) {
    fail(ErrorKind::config,
         "predict: expected images with --device: for a camera of the device, run `quench-agent predict` there");
  }
  remote::RemoteAgent device = connect(options, environment);
  remote::AgentRequest request;
  request.command = "predict";
  request.models.push_back(remote::RemoteFile::of_bytes(model.path.string(), model.bytes));
  request.source = remote::RemoteFile::of_bytes("pictures", archive_of(source.files(), options["limit"]));
  request.settings = config::predict_options().without({"source", "save", "limit"}).part_of(options);
  for (const char* key : {"runtime", "threads"}) request.settings[key] = options[key];
  request.settings["exact"] = true;
  try {
    for (const Json& line : device.run(request).lines) {
      if (line.contains("summary")) {
        summary_ = line["summary"];
      } else if (const int64_t place = place_of(line); place >= 0) {
        said_[place] = prediction_of(line);
      }
    }
  } catch (const Json::exception& error) {
    fail(ErrorKind::data, "{}: expected what quench-agent predict prints, got another answer: {}", device.name(),
         printable_line(error.what()));
  }
  if (!summary_.is_object()) fail(ErrorKind::data, "{}: expected a summary of quench-agent predict", device.name());
  environment.log.info(pace_text(summary_, device.name()));
}

std::optional<inference::Prediction> RemotePredictions::of(const data::SourceImage& image, int64_t index) const {
  const auto found = said_.find(index);
  if (found == said_.end()) return std::nullopt;  // a warning of the agent has said why
  if (found->second.height != image.pixels.shape()[0] || found->second.width != image.pixels.shape()[1]) {
    fail(ErrorKind::data, "[predict] expected {}x{} pixels of {} there, got {}x{}", image.pixels.shape()[0],
         image.pixels.shape()[1], image.name, found->second.height, found->second.width);
  }
  return found->second;
}

std::string pace_text(const Json& summary, const std::string& device) {
  const auto pace = summary.find("images_per_second");
  if (pace == summary.end() || !pace->is_number()) return device + ": no image went through the model";
  std::string parts;
  const Json all = summary.value("parts", Json::object());
  for (const char* part : {"decode", "preprocess", "inference", "postprocess"}) {
    if (!all.is_object() || !all.contains(part) || !all[part].is_object()) continue;
    const Json mean_ns = all[part].value("mean_ns", Json());
    if (!mean_ns.is_number()) continue;
    parts += fmt::format("{}{} {:.1f}", parts.empty() ? "" : ", ", part, mean_ns.get<double>() / 1e6);
  }
  return fmt::format("{}: {:.1f} images a second; mean ms: {}", device, pace->get<double>(), parts);
}

}  // namespace quench::cli
