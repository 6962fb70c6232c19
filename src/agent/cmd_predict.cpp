#include <algorithm>
#include <iostream>
#include <map>
#include <set>

#include "agent/commands.h"
#include "agent/model_file.h"
#include "agent/pictures.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json_text.h"
#include "core/processors.h"
#include "core/text.h"
#include "metrics/latency.h"
#include "picture_files/encode.h"
#include "pixels/marks.h"
#include "prediction/form.h"
#include "runtime/registry.h"

namespace quench::agent {
namespace {

namespace fs = std::filesystem;

constexpr std::ptrdiff_t kMostKept = 1 << 20;

/// The times of each part, over the latest million pictures.
class Clockwork {
 public:
  /// Of a picture's part, from `start` on; returns now.
  int64_t note(const char* part, int64_t start) {
    const int64_t now = now_ns();
    add(part, now - start);
    return now;
  }
  void add(const std::string& part, int64_t time_ns) {
    if (!times_.contains(part)) parts_.push_back(part);
    std::vector<int64_t>& all = times_[part];
    if (all.size() == kMostKept) all.erase(all.begin(), all.begin() + kMostKept / 2);  // a camera runs for days
    all.push_back(time_ns);
  }
  int64_t last(const std::string& part) const { return times_.at(part).back(); }
  /// {"decode": {"p50_ns": .., "mean_ns": ..}, ..}, in the order of the work.
  Json summary() const {
    Json out = Json::object();
    for (const std::string& part : parts_) {
      const metrics::LatencySummary summary = metrics::summarize(times_.at(part));
      out[part] = {{"p50_ns", summary.p50_ns}, {"mean_ns", summary.mean_ns}};
    }
    return out;
  }

 private:
  std::vector<std::string> parts_;
  std::map<std::string, std::vector<int64_t>> times_;
};

/// Where drawn pictures go.
class Drawings {
 public:
  explicit Drawings(const Json& folder) {
    if (!folder.is_string()) return;
    folder_ = folder.get<std::string>();
    require_writable(folder_);
  }
  bool wanted() const { return !folder_.empty(); }

  void write(const Picture& picture, const Tensor& pixels, const prediction::Prediction& said,
             const prediction::Predictor& predictor) {
    fs::path name = picture.name;
    if (picture.frame >= 0) name = fmt::format("{}_{:06}.jpg", picture.name, picture.frame);
    const bool png = lower(name.extension().string()) == ".png";
    if (lower(name.extension().string()) == ".ppm") name.replace_extension(".jpg");
    if (!names_.insert(name).second) {
      fail(ErrorKind::config, "[agent.predict] expected sources with different names, got {} twice", name.string());
    }
    std::error_code ignored;
    if (!picture.file.empty() && fs::equivalent(folder_ / name, picture.file, ignored)) {
      fail(ErrorKind::config, "[agent.predict] {} would replace what is read: choose another folder with --draw",
           picture.file.string());
    }
    std::vector<pixels::Mark> marks;
    for (const models::Detection& found : said.detections) {
      marks.push_back({found.box, found.label, text(found.label, found.score, predictor)});
    }
    if (!said.top.empty()) {
      const prediction::ClassScore& best = said.top.front();
      marks.push_back({Box{0, 0, 1, 1}, best.label, text(best.label, best.score, predictor), false});
    }
    const Tensor drawn = pixels::draw_marks(pixels, marks);
    write_file(folder_ / name, png ? picture_files::encode_png(drawn) : picture_files::encode_jpeg(drawn));
  }

 private:
  static std::string text(int32_t label, float score, const prediction::Predictor& predictor) {
    return fmt::format("{} {:.2f}", predictor.class_name(label), score);
  }

  fs::path folder_;
  std::set<fs::path> names_;
};

CameraWish wish_of(const std::string& size) {
  const size_t cross = size.find('x');
  CameraWish wish;
  try {
    if (cross == std::string::npos) throw std::invalid_argument("");
    wish = {std::stoi(size.substr(0, cross)), std::stoi(size.substr(cross + 1))};
    if (wish.width < 1 || wish.height < 1 || wish.width > 16384 || wish.height > 16384) throw std::out_of_range("");
  } catch (const std::logic_error&) {
    fail(ErrorKind::config, "--camera-size: expected WIDTHxHEIGHT, as 640x480, got '{}'", size);
  }
  return wish;
}

}  // namespace

int run_predict(const program::Invocation& invocation, const program::Environment& environment) {
  const Json options = settings_of(invocation);
  const std::vector<std::string> sources = options["source"];
  if (sources.empty()) {
    fail(ErrorKind::config, "quench-agent predict: expected --source PICTURE, FOLDER, LIST, TAR or CAMERA, got none");
  }
  const bool tabs = options["format"] == "tab";
  if (tabs && options["exact"].get<bool>()) {
    fail(ErrorKind::config, "quench-agent predict: --exact is of --format jsonl; lines of --format tab are rounded");
  }
  Drawings drawings(options["draw"]);
  const graph::ModelFile model = read_model(invocation.inputs.at(0));
  const std::unique_ptr<PictureSource> source =
      open_pictures(sources, wish_of(options["camera_size"]), environment.log);
  const runtime::Registry registry = runtime::base_registry(environment.places);
  const runtime::Runtime& runtime = registry.require(options["runtime"]);
  runtime::SessionOptions session = session_options(options);
  if (session.threads == 0) session.threads = usable_processors();
  prediction::Engine engine(runtime, model, session);
  for (const std::string& note : engine.session().notes()) environment.log.info(runtime.name() + ": " + note);
  prediction::Predictor predictor(engine, options);

  const int64_t limit = options["limit"], known = source->count();
  const int64_t total = known < 0 ? limit : limit > 0 ? std::min(limit, known) : known;
  Clockwork times;
  int64_t images = 0, failed = 0, found = 0;
  const int64_t start = now_ns();
  for (int64_t at = 0; (limit == 0 || at < limit) && !environment.cancel->cancelled(); ++at) {
    const std::optional<Picture> picture = source->next();
    if (!picture) break;
    Tensor pixels;
    int64_t clock = now_ns();
    try {
      pixels = picture->decode();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::data && error.kind() != ErrorKind::io) throw;
      environment.log.warning(fmt::format("left out: {}", error.what()));
      ++failed;
      continue;
    }
    if (picture->capture_ns >= 0) times.add("capture", picture->capture_ns);
    times.note("decode", clock);
    const prediction::Prediction said = predictor.predict(pixels);
    times.add("preprocess", said.preprocess_ns);
    times.add("inference", said.inference_ns);
    times.add("postprocess", said.postprocess_ns);
    clock = now_ns();
    if (drawings.wanted()) {
      drawings.write(*picture, pixels, said, predictor);
      times.note("draw", clock);
    }
    if (tabs) {
      std::cout << prediction::tab_text(picture->name, picture->frame, said, predictor) << std::flush;
    } else {
      Json line = prediction::to_json(picture->name, picture->frame, said, predictor, !options["exact"].get<bool>());
      if (drawings.wanted()) line["draw_ns"] = times.last("draw");
      line["decode_ns"] = times.last("decode");
      if (picture->capture_ns >= 0) line["capture_ns"] = picture->capture_ns;
      std::cout << json_text(line) << "\n" << std::flush;
    }
    ++images;
    found += static_cast<int64_t>(said.detections.size());
    environment.log.show_step({"predict", at + 1, total, static_cast<double>(now_ns() - start) / 1e9, "images"});
  }
  const double seconds = static_cast<double>(now_ns() - start) / 1e9;
  if (tabs) {
    environment.log.info(fmt::format("{} in {:.2f} s, {} left out", counted(images, "picture"), seconds, failed));
  } else {
    const Json summary{{"model", model.path.string()},
                       {"model_sha256", model.sha256},
                       {"runtime", runtime.name()},
                       {"threads", session.threads},
                       {"images", images},
                       {"failed", failed},
                       {"found", predictor.detects() ? Json(found) : Json()},
                       {"seconds", seconds},
                       {"images_per_second", images == 0 ? Json() : Json(static_cast<double>(images) / seconds)},
                       {"parts", times.summary()}};
    std::cout << json_text(Json{{"summary", summary}}) << "\n";
  }
  if (environment.cancel->cancelled() && known >= 0) return program::kInterrupted;  // a camera's end is such
  return failed > 0 ? program::kCellFailed : program::kOk;
}

}  // namespace quench::agent
