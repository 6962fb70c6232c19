#include "cli/bench_streams.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>

#include "cli/bench_picture.h"
#include "cli/bench_session.h"
#include "cli/print.h"
#include "cli/reading_settings.h"
#include "config/tables.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/printable.h"
#include "core/text.h"
#include "metrics/latency.h"
#include "picture_files/decode.h"
#include "platform/bench.h"
#include "platform/host.h"
#include "platform/watch.h"
#include "prediction/form.h"
#include "runtime/measure.h"
#include "runtime/streams.h"

namespace quench::cli {
namespace {

using config::Option;
using config::OptionSet;
using T = config::OptionType;

/// One stream's own model. What it reads and writes no other stream touches.
struct StreamLine {
  std::unique_ptr<prediction::Engine> engine;
  std::unique_ptr<prediction::Predictor> predictor;  ///< end to end
  Tensor pixels;
  prediction::Prediction said;                ///< of the latest picture
  std::unique_ptr<runtime::Session> session;  ///< the model alone
  Tensor input;
};

/// A model in a runtime, as often as there are streams.
struct StreamedModel {
  const graph::ModelFile* model;
  std::string runtime;
  std::vector<std::string> stages;
  std::vector<std::unique_ptr<StreamLine>> lines;
  std::vector<std::string> notes;  ///< what the runtime made of the model
  std::optional<Error> refusal;
  runtime::StreamedSamples samples;

  std::string name() const { return fmt::format("{} / {}", printable_line(model->path.string()), runtime); }
};

constexpr char kInference[] = "inference";

runtime::Stream run_alone(StreamLine& line) {
  return [&line](std::span<int64_t> stages_ns) {
    const int64_t start = now_ns();
    const std::vector<Tensor> outputs = line.session->run(line.input);
    stages_ns[0] = now_ns() - start;
  };
}

/// What `predict` does with a picture, from the bytes of its file on.
runtime::Stream run_end_to_end(StreamLine& line, const BenchPicture& picture) {
  return [&line, &picture](std::span<int64_t> stages_ns) {
    const int64_t start = now_ns();
    line.pixels = picture_files::decode_picture(picture.bytes, picture.name, std::move(line.pixels));
    stages_ns[0] = now_ns() - start;
    line.said = line.predictor->predict(line.pixels);
    stages_ns[1] = line.said.preprocess_ns;
    stages_ns[2] = line.said.inference_ns;
    stages_ns[3] = line.said.postprocess_ns - line.said.suppression_ns;
    if (stages_ns.size() > 4) stages_ns[4] = line.said.suppression_ns;
  };
}

void require_image_by_image(const runtime::Session& session, const std::string& runtime) {
  if (!session.times_itself()) return;
  fail(ErrorKind::unsupported,
       "[cli.bench] expected a runtime that runs image by image, got '{}', which times itself in a program of its own",
       runtime);
}

/// Loads a model for one stream.
std::unique_ptr<StreamLine> open_line(const StreamedModel& entry, const runtime::Runtime& runtime,
                                      const Json& options) {
  auto line = std::make_unique<StreamLine>();
  if (options["end_to_end"]) {
    line->engine = std::make_unique<prediction::Engine>(runtime, *entry.model, bench_session(options));
    require_image_by_image(line->engine->session(), entry.runtime);
    Json settings = reading_options().part_of(options);
    settings["imgsz"] = 0;
    line->predictor = std::make_unique<prediction::Predictor>(*line->engine, settings);
  } else {
    line->session = runtime.load(*entry.model, bench_session(options));
    require_image_by_image(*line->session, entry.runtime);
    line->input = runtime::to_input(runtime::noise_image(entry.model->graph), line->session->input_dtype());
  }
  return line;
}

/// All streams of an entry, each of which has run once; says what the runtime made of the model.
runtime::StreamedWork open_entry(StreamedModel& entry, const BenchPicture& picture, const Json& options,
                                 const program::Environment& environment, const runtime::Registry& registry) {
  const runtime::Runtime& runtime = registry.require(entry.runtime);
  runtime::StreamedWork work;
  for (int64_t i = 0; i < options["streams"].get<int64_t>(); ++i) {
    environment.cancel->check();
    StreamLine& line = *entry.lines.emplace_back(open_line(entry, runtime, options));
    work.streams.push_back(options["end_to_end"] ? run_end_to_end(line, picture) : run_alone(line));
  }
  StreamLine& first = *entry.lines.front();
  entry.stages = {kInference};
  if (first.predictor) {
    entry.stages = {"decode", "preprocess", kInference, "postprocess"};
    if (first.predictor->detects()) {
      entry.stages.back() = "boxes";
      entry.stages.push_back("nms");
    }
  }
  work.stages = entry.stages.size();
  std::vector<int64_t> unused(work.stages);
  for (const runtime::Stream& stream : work.streams) stream(unused);
  entry.notes = (first.engine ? first.engine->session() : *first.session).notes();
  for (const std::string& note : entry.notes) environment.log.info(entry.name() + ": " + note);
  return work;
}

/// Times of one stage, or of several.
struct StagePart {
  std::string stage;
  metrics::LatencySummary latency;
  double share = 0;  ///< of the whole time, by means
};

/// The stages, the whole, and end to end what is beyond the model's run.
std::vector<StagePart> stage_parts(const StreamedModel& entry) {
  std::vector<StagePart> parts;
  const bool several = entry.stages.size() > 1;
  const metrics::LatencySummary total =
      metrics::summarize(several ? entry.samples.total_ns : entry.samples.stages_ns.front());
  const auto add = [&](const std::string& name, std::vector<int64_t> samples) {
    const metrics::LatencySummary latency = metrics::summarize(std::move(samples));
    parts.push_back({name, latency, static_cast<double>(latency.mean_ns) / static_cast<double>(total.mean_ns)});
  };
  for (size_t i = 0; i < entry.stages.size(); ++i) add(entry.stages[i], entry.samples.stages_ns[i]);
  if (!several) return parts;
  add("total", entry.samples.total_ns);
  const auto inference = static_cast<size_t>(std::ranges::find(entry.stages, kInference) - entry.stages.begin());
  std::vector<int64_t> beyond = entry.samples.total_ns;
  for (size_t i = 0; i < beyond.size(); ++i) beyond[i] -= entry.samples.stages_ns[inference][i];
  add("beyond inference", std::move(beyond));
  return parts;
}

/// How much is added to the model's own time, as a share of it, by medians.
double of_inference(const std::vector<StagePart>& parts) {
  const StagePart& inference = *std::ranges::find(parts, kInference, &StagePart::stage);
  return static_cast<double>(parts.back().latency.p50_ns) / static_cast<double>(inference.latency.p50_ns);
}

Json to_json(const StagePart& part) {
  return {{"p50_ns", part.latency.p50_ns},
          {"p90_ns", part.latency.p90_ns},
          {"p99_ns", part.latency.p99_ns},
          {"mean_ns", part.latency.mean_ns},
          {"share", part.share}};
}

Json to_json(const StreamedModel& entry, const BenchPicture& picture, const Json& options, const std::string& version) {
  Json out{{"model", entry.model->path.string()},
           {"model_sha256", entry.model->sha256},
           {"runtime", entry.runtime},
           {"threads", options["threads"]},
           {"streams", options["streams"]},
           {"host", platform::one_line(platform::detect_host())},
           {"quench_version", version},
           {"config", options},
           {"status", entry.refusal ? "unsupported" : "ok"},
           {"reason", entry.refusal ? Json(entry.refusal->what()) : Json()}};
  if (options["end_to_end"]) out["picture"] = to_json(picture);
  if (entry.refusal) return out;
  const std::vector<StagePart> parts = stage_parts(entry);
  out["notes"] = entry.notes;
  out["samples"] = entry.samples.total_ns.size();
  out["images_per_second"] = entry.samples.images_per_second;
  out["stages"] = Json::object();
  for (size_t i = 0; i < entry.stages.size(); ++i) out["stages"][parts[i].stage] = to_json(parts[i]);
  if (!options["end_to_end"]) return out;
  out["total"] = to_json(parts[entry.stages.size()]);
  out["beyond_inference"] = to_json(parts.back());
  out["beyond_inference"]["of_inference"] = of_inference(parts);
  const StreamLine& line = *entry.lines.front();
  out[line.predictor->detects() ? "detections" : "top"] = prediction::found_json(line.said, *line.predictor);
  return out;
}

std::vector<std::vector<std::string>> stage_rows(const std::vector<StreamedModel>& entries, const Json& options) {
  const auto ms = [](int64_t ns) { return fmt::format("{:.3f}", static_cast<double>(ns) / 1e6); };
  std::vector<std::vector<std::string>> rows{
      {"model", "runtime", "threads", "streams", "stage", "p50 ms", "p90 ms", "p99 ms", "share %", "images/s"}};
  for (const StreamedModel& entry : entries) {
    std::vector<std::string> about{entry.model->path.string(), entry.runtime, options["threads"].dump(),
                                   options["streams"].dump()};
    if (entry.refusal) {
      about.insert(about.end(), {"unsupported", "-", "-", "-", "-", "-"});
      rows.push_back(about);
      continue;
    }
    for (const StagePart& part : stage_parts(entry)) {
      std::vector<std::string> row = about;
      const bool whole = part.stage == "total" || entry.stages.size() == 1;
      row.insert(row.end(), {part.stage, ms(part.latency.p50_ns), ms(part.latency.p90_ns), ms(part.latency.p99_ns),
                             fmt::format("{:.1f}", 100 * part.share),
                             whole ? fmt::format("{:.1f}", entry.samples.images_per_second) : "-"});
      rows.push_back(row);
    }
  }
  return rows;
}

/// Behind the table, a line an entry.
std::string stream_summary(const StreamedModel& entry, const BenchPicture& picture, const Json& options) {
  if (entry.refusal) return fmt::format("{}: {}\n", entry.name(), printable_line(entry.refusal->what()));
  std::string text = fmt::format("{}: {:.1f} images/s", entry.name(), entry.samples.images_per_second);
  const std::vector<StagePart> parts = stage_parts(entry);
  if (options["end_to_end"]) {
    const StreamLine& line = *entry.lines.front();
    text += fmt::format("; beyond inference {:.3f} ms, {:.1f} % of it; picture: {}; found: {}",
                        static_cast<double>(parts.back().latency.p50_ns) / 1e6, 100 * of_inference(parts),
                        described(picture), printable_line(prediction::found_text(line.said, *line.predictor)));
  }
  return text + "\n";
}

}  // namespace

OptionSet streams_options() {
  std::vector<Option> of_pictures = reading_options().options();
  for (Option& option : of_pictures) option.help = "--end-to-end: " + option.help;
  return OptionSet({Option{"end_to_end", T::boolean, false,
                           "from a picture file's bytes to boxes or classes, with the time of every stage"},
                    Option{"picture", T::text, nullptr,
                           "--end-to-end: JPEG, PNG or PPM (default: a JPEG of 1920x1080 that is made)"},
                    Option{"streams",
                           T::integer,
                           1,
                           "images at once, each run by a model of its own with --threads threads: images a second",
                           {},
                           1,
                           1024}}) +
         OptionSet(std::move(of_pictures));
}

bool wants_streams(const Json& options) { return options["end_to_end"] || options["streams"] > 1; }

void check_streams(const Json& options, const Json& given) {
  if (wants_streams(options)) {
    if (options["profile"]) {
      fail(ErrorKind::config, "bench --profile: expected neither --end-to-end nor --streams beside it");
    }
    if (options["device"] != "host") {
      fail(ErrorKind::config, "bench --end-to-end, --streams: expected this machine, got the device {}",
           options["device"].dump());
    }
  }
  if (options["end_to_end"]) return;
  if (given.contains("picture")) fail(ErrorKind::config, "bench --picture: expected --end-to-end beside it");
  const OptionSet of_pictures = reading_options();
  for (const Option& option : of_pictures.options()) {
    if (given.contains(option.name)) fail(ErrorKind::config, "bench: '{}' goes with --end-to-end", option.name);
  }
}

int run_bench_streams(const std::vector<graph::ModelFile>& models, const Json& options,
                      const program::Environment& environment, const runtime::Registry& registry) {
  const BenchPicture picture = options["end_to_end"] ? bench_picture(options) : BenchPicture{};
  std::vector<StreamedModel> entries;
  for (const graph::ModelFile& model : models) {
    for (const Json& runtime : options["runtime"]) entries.push_back({&model, runtime, {}, {}, {}, {}, {}});
  }
  std::vector<runtime::StreamedWork> works;
  std::vector<StreamedModel*> running;
  for (StreamedModel& entry : entries) {
    try {
      works.push_back(open_entry(entry, picture, options, environment, registry));
      running.push_back(&entry);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::unsupported) throw;
      entry.refusal = error;
    }
  }
  platform::Watch watch;
  platform::Conditions conditions;
  runtime::StreamOptions measure;
  measure.min_samples = options["min_samples"];
  measure.min_seconds = options["min_seconds"];
  measure.before_samples = [&] { watch.begin(); };
  measure.after_samples = [&] { conditions = watch.end(); };
  std::vector<runtime::StreamedSamples> samples = runtime::measure_streams(works, measure, *environment.cancel);
  if (!works.empty()) platform::tell_conditions(conditions, environment.log);
  for (size_t i = 0; i < running.size(); ++i) {
    running[i]->samples = std::move(samples[i]);
    if (!running[i]->samples.stable) environment.log.warning(running[i]->name() + ": not stable after warm-up");
  }
  const std::string format = options["format"];
  if (format.starts_with("json")) {
    Json list = Json::array();
    for (const StreamedModel& entry : entries) list.push_back(to_json(entry, picture, options, environment.version));
    std::cout << render_objects(list, format);
  } else {
    std::cout << render_rows(stage_rows(entries, options), format);
  }
  if (format == "table") {
    for (const StreamedModel& entry : entries) std::cout << stream_summary(entry, picture, options);
  }
  return running.size() == entries.size() ? program::kOk : program::kCellFailed;
}

}  // namespace quench::cli
