#include "calibration/compare.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "calibration/command.h"
#include "calibration/copies.h"
#include "calibration/outliers.h"
#include "calibration/pool.h"
#include "calibration/ranges.h"
#include "calibration/scoring.h"
#include "config/count_in.h"
#include "config/tables.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/text.h"
#include "graph/image_side.h"
#include "graph/quantized.h"
#include "models/task.h"
#include "quant/image_batches.h"
#include "quant/placement_settings.h"

namespace quench::calibration {
namespace {

/// Most influential pictures that are told of.
constexpr size_t kTold = 8;

/// A choice of pictures: positions among those that were looked at.
struct PictureSet {
  std::string choice;
  int64_t count = 0, excluded = 0;
  uint64_t seed = 0;
  std::vector<size_t> pictures;
};

class Comparison {
 public:
  Comparison(const graph::ModelFile& model, const data::Splits& data, const Json& settings, const LogSink& log,
             const CancelToken& cancel)
      : model_(model), data_(data), settings_(settings), log_(log), cancel_(cancel) {
    const bool has_labels = !data.train->classes().empty();  // pictures alone can be looked at
    if (has_labels || settings["compare"].get<bool>()) {
      models::require_fit(model.graph, data.train->task(), data.train->classes());
    }
    const config::OptionSet& known = config::quantize_options();
    quantization_ = known.checked(known.part_of(settings), "calibrate");
    placement_ = quant::place(model.graph, quant::placement_options(quantization_));
    if (placement_.groups.empty()) {
      fail(ErrorKind::config, "calibrate: expected layers that are quantized, got none ({})", model.path.string());
    }
    observers_ = texts("observers");
    choices_ = texts("choices");
    if (observers_.empty() || choices_.empty()) {
      fail(ErrorKind::config, "calibrate: expected one or more of {}, got none",
           observers_.empty() ? "observers" : "choices");
    }
    plan();
  }

  Findings run() {
    pictures_ = look_at_pictures(placement_, data_, pool_.looked_at, log_, cancel_);
    for (size_t i = 0; i < pictures_.size(); ++i) at_[pictures_[i].index] = i;
    choose_sets();
    tell_model();
    tell_pictures();
    if (settings_.at("compare").get<bool>()) {
      compare();
    } else {
      tell_same(ranges_of(placement_, pictures_, base().pictures, observers_, quantization_));
    }
    return std::move(out_);
  }

 private:
  std::vector<std::string> texts(const char* name) const {
    std::vector<std::string> out;
    for (const Json& entry : settings_.at(name)) {
      if (std::ranges::count(out, entry.get<std::string>()) == 0) out.push_back(entry);
    }
    return out;
  }

  std::vector<int64_t> numbers(const char* name) const {
    std::vector<int64_t> out;
    for (const std::string& text : texts(name)) {
      out.push_back(config::count_in(text, 1, fmt::format("calibrate: {}", name)));
    }
    std::ranges::sort(out);
    return out;
  }

  void plan() {
    const int side = graph::image_side(placement_.graph);
    const int64_t asked = quant::images_to_keep(settings_.at("candidates").get<int64_t>(), side, 1024);
    const bool chooses = settings_.at("compare").get<bool>();  // looking scores nothing, and excludes nothing
    const int64_t scored = chooses ? quant::images_to_keep(settings_.at("score_images").get<int64_t>(), side, 512) : 0;
    counts_ = numbers("counts");
    excluded_ = numbers("exclude");
    PoolSettings pool{settings_.at("calibration_seed").get<uint64_t>(), settings_.at("seeds").get<int64_t>(), asked,
                      scored};
    if (!counts_.empty()) pool.candidates = std::max(pool.candidates, counts_.back());
    pool_ = make_pool(*data_.train, pool);
    size_t most = pool_.candidates.front().size();
    for (const auto& candidates : pool_.candidates) most = std::min(most, candidates.size());
    const auto available = static_cast<int64_t>(most);
    if (counts_.empty()) counts_ = {std::max<int64_t>(available / 8, 1), std::max<int64_t>(available / 2, 1)};
    if (counts_.back() > available) {
      log_.warning(fmt::format("calibrate: {} training images are left to choose from: counts end there", available));
    }
    for (int64_t& count : counts_) count = std::min(count, available);
    counts_.erase(std::unique(counts_.begin(), counts_.end()), counts_.end());
    for (const int64_t excluded : excluded_) {
      if (!chooses || excluded < counts_.back()) continue;
      fail(ErrorKind::config, "calibrate: expected to exclude fewer than the {} pictures of a choice, got {}",
           counts_.back(), excluded);
    }
  }

  /// Of those that could be read.
  std::vector<size_t> positions(const std::vector<int64_t>& indices) const {
    std::vector<size_t> out;
    for (const int64_t index : indices) {
      if (const auto found = at_.find(index); found != at_.end()) out.push_back(found->second);
    }
    if (out.empty()) fail(ErrorKind::data, "calibrate: expected pictures that can be read, got none");
    return out;
  }

  std::vector<size_t> by_loss(std::vector<size_t> candidates, int64_t count, bool hard) const {
    std::ranges::stable_sort(candidates, [&](size_t a, size_t b) {
      return hard ? pictures_[a].loss > pictures_[b].loss : pictures_[a].loss < pictures_[b].loss;
    });
    candidates.resize(std::min(candidates.size(), static_cast<size_t>(count)));
    std::ranges::sort(candidates);
    return candidates;
  }

  void choose_sets() {
    const auto first = settings_.at("calibration_seed").get<uint64_t>();
    const auto pictures_of = [&](const std::string& choice, int64_t count, size_t i) {
      if (choice == "random") return positions(random_choice(*data_.train, count, first + i, pool_.held_out));
      return by_loss(positions(pool_.candidates[i]), count, choice == "hard");
    };
    base_ = {"random", counts_.back(), 0, first, pictures_of("random", counts_.back(), 0)};
    if (!settings_.at("compare").get<bool>()) return;
    for (const std::string& choice : choices_) {
      for (const int64_t count : counts_) {
        for (size_t i = 0; i < pool_.candidates.size(); ++i) {
          sets_.push_back({choice, count, 0, first + i, pictures_of(choice, count, i)});
        }
      }
    }
    for (const int64_t excluded : excluded_) {
      for (size_t i = 0; i < pool_.candidates.size(); ++i) {
        sets_.push_back({"random", counts_.back(), excluded, first + i,
                         without_most_influential(pictures_, pictures_of("random", counts_.back(), i), excluded)});
      }
    }
  }

  const PictureSet& base() const { return base_; }

  void tell_model() {
    out_.model = model_.path.string();
    out_.model_sha256 = model_.sha256;
    out_.data = settings_.value("data", data_.name);
    out_.pictures = static_cast<int64_t>(pictures_.size());
    out_.bytes = histogram_bytes(pictures_);
    for (const Picture& picture : pictures_) out_.float_loss += picture.loss / static_cast<double>(pictures_.size());
    out_.groups = static_cast<int64_t>(placement_.groups.size());
    out_.base = static_cast<int64_t>(base().pictures.size());
    out_.settings = quantization_;
    for (const char* name : {"observers", "choices", "counts", "exclude", "seeds", "candidates", "score_images"}) {
      out_.settings[name] = settings_.at(name);
    }
  }

  void tell_pictures() {
    std::vector<PictureFinding> all(pictures_.size());
    const std::vector<double> strange = strangeness(pictures_);
    std::vector<const Look*> looks;
    for (size_t i = 0; i < pictures_.size(); ++i) {
      const Picture& picture = pictures_[i];
      PictureFinding& one = all[i];
      one.index = picture.index;
      one.name = picture.name;
      one.loss = picture.loss;
      one.deviation = picture.look.deviation;
      one.strangeness = strange[i];
      one.flat = picture.look.deviation < kFlat;
      one.strange = strange[i] > kStrange;
      looks.push_back(&picture.look);
    }
    for (const Copy& copy : copies_among(looks)) {
      all[copy.picture].copy_of = pictures_[copy.of].index;
      all[copy.picture].exact = copy.exact;
    }
    std::vector<Influence> most = influences(pictures_, base().pictures);
    most.resize(std::min(most.size(), kTold));
    for (const Influence& one : most) {
      all[one.picture].ends = one.ends;
      all[one.picture].share = one.share;
    }
    out_.findings = std::move(all);
  }

  void tell_same(const std::vector<Ranges>& of_base) {
    for (size_t a = 0; a < observers_.size(); ++a) {
      for (size_t b = a + 1; b < observers_.size(); ++b) {
        out_.same.push_back({observers_[b], observers_[a], equal_groups(of_base[a], of_base[b]), out_.groups});
      }
    }
  }

  void compare() {
    std::vector<Ranges> different;
    std::map<std::pair<size_t, size_t>, size_t> ranges_at;  // of a set and an observer
    for (size_t s = 0; s < sets_.size(); ++s) {
      cancel_.check();
      log_.show_progress(fmt::format("calibrate: ranges of choice {} of {}", s + 1, sets_.size()));
      const std::vector<Ranges> found = ranges_of(placement_, pictures_, sets_[s].pictures, observers_, quantization_);
      for (size_t o = 0; o < observers_.size(); ++o) {
        const auto known = std::ranges::find(different, found[o]);
        ranges_at[{s, o}] = static_cast<size_t>(known - different.begin());
        if (known == different.end()) different.push_back(found[o]);
      }
    }
    tell_same(ranges_of(placement_, pictures_, base().pictures, observers_, quantization_));
    out_.combinations = static_cast<int64_t>(ranges_at.size());
    out_.different = static_cast<int64_t>(different.size());
    log_.info(fmt::format("calibrate: {}, {} of different ranges, are scored on {}",
                          counted(out_.combinations, "combination"), out_.different,
                          counted(static_cast<int64_t>(pool_.held_out.size()), "training image")));
    scoring_ = score_ranges(model_.graph, placement_, different, data_, pool_.held_out, quantization_, log_, cancel_);
    out_.score_images = scoring_.images;
    out_.score_name = scoring_.score_name;
    out_.float_score = scoring_.float_score;
    make_entries(ranges_at);
    rank();
    recommend();
  }

  void make_entries(const std::map<std::pair<size_t, size_t>, size_t>& ranges_at) {
    for (size_t o = 0; o < observers_.size(); ++o) {
      for (size_t s = 0; s < sets_.size(); ++s) {
        const PictureSet& set = sets_[s];
        const bool follows = s > 0 && set.choice == sets_[s - 1].choice && set.count == sets_[s - 1].count &&
                             set.excluded == sets_[s - 1].excluded;
        if (!follows) out_.entries.push_back({observers_[o], set.choice, set.count, set.excluded, {}, {}, {}, {}});
        const size_t ranges = ranges_at.at({s, o});
        const bits::Effect& effect = scoring_.of[ranges].effect;
        std::optional<double> score;
        if (out_.float_score && effect.score) score = *out_.float_score + *effect.score;
        out_.entries.back().trials.push_back(
            {set.seed, static_cast<int64_t>(set.pictures.size()), ranges, effect.error, effect.loss, score});
      }
    }
    for (Entry& entry : out_.entries) {
      std::vector<double> scores, losses, decibels;
      for (const Trial& trial : entry.trials) {
        if (trial.score) scores.push_back(*trial.score);
        losses.push_back(trial.loss);
        decibels.push_back(-10 * std::log10(std::max(trial.error, 1e-30)));
      }
      if (!scores.empty()) entry.score = interval_of(scores);
      entry.loss = interval_of(losses);
      entry.error_db = interval_of(decibels);
    }
  }

  /// Those whose score cannot be told from the best one's come first, least error first; then the others, best score
  /// first. A difference of scores has a standard error of sqrt(d / n) at most, d the share of the n images on which
  /// the two disagree. Three of them are allowed for: the best of many rows is a lucky one.
  void rank() {
    constexpr double kErrors = 3;
    const Entry best = *std::ranges::max_element(out_.entries, {}, [](const Entry& one) { return one.score.mean; });
    const auto evaluation = [&](const Entry& one, size_t trial) -> const score::Evaluation& {
      return scoring_.of[one.trials.at(trial).ranges].evaluation;
    };
    for (Entry& entry : out_.entries) {
      double disagreement = 0;
      for (size_t i = 0; i < entry.trials.size(); ++i) {
        disagreement += 1 - score::agreement(evaluation(entry, i), evaluation(best, i));
      }
      disagreement /= static_cast<double>(entry.trials.size());
      entry.as_good = best.score.mean - entry.score.mean <=
                      kErrors * std::sqrt(disagreement / static_cast<double>(out_.score_images));
    }
    std::ranges::stable_sort(out_.entries, [](const Entry& a, const Entry& b) {
      if (a.as_good != b.as_good) return a.as_good;
      if (!a.as_good && a.score.mean != b.score.mean) return a.score.mean > b.score.mean;
      return a.error_db.mean > b.error_db.mean;
    });
  }

  void recommend() {
    const Entry& entry = out_.entries.front();
    for (const PictureSet& set : sets_) {
      if (set.choice != entry.choice || set.count != entry.count || set.excluded != entry.excluded ||
          set.seed != entry.trials.front().seed) {
        continue;
      }
      for (const size_t i : set.pictures) out_.recommended_pictures.push_back(pictures_[i].index);
    }
    Json settings = quantization_;
    settings["observer"] = entry.observer;
    settings["data"] = out_.data;
    for (const char* name : {"data_root", "train_limit"}) settings[name] = settings_.value(name, Json());
    const auto seed = static_cast<int64_t>(entry.trials.front().seed);
    const bool by_seed = out_.recommended_pictures ==
                         data::calibration_subset(*data_.train, entry.count, static_cast<uint64_t>(seed)).indices;
    std::string file;
    if (by_seed) {
      settings["calibration_images"] = entry.count;
      settings["calibration_seed"] = seed;
    } else {
      file = settings_.value("settings_file", Json()).is_null() ? "pictures.yaml"
                                                                : settings_.at("settings_file").get<std::string>();
      out_.settings_yaml = list_yaml(out_.recommended_pictures);
      settings.erase("calibration_seed");
    }
    out_.command = quantize_command(out_.model, settings, file);
  }

  const graph::ModelFile& model_;
  const data::Splits& data_;
  const Json& settings_;
  const LogSink& log_;
  const CancelToken& cancel_;
  Json quantization_;
  quant::Placement placement_;
  std::vector<std::string> observers_, choices_;
  std::vector<int64_t> counts_, excluded_;
  Pool pool_;
  std::vector<Picture> pictures_;
  std::map<int64_t, size_t> at_;  ///< position of an image among pictures_
  PictureSet base_;
  std::vector<PictureSet> sets_;
  Scoring scoring_;
  Findings out_;
};

}  // namespace

Findings compare(const graph::ModelFile& model, const data::Splits& data, const Json& settings, const LogSink& log,
                 const CancelToken& cancel) {
  if (graph::is_quantized(model.graph)) {
    fail(ErrorKind::config,
         "calibrate: expected a float model, got a quantized one ({}): give the model that it was made of",
         model.path.string());
  }
  const int64_t start_ns = now_ns();
  Findings out = Comparison(model, data, settings, log, cancel).run();
  log.info(fmt::format("calibrate: {} in {:.0f} s", counted(out.pictures, "picture"), seconds_since(start_ns)));
  return out;
}

}  // namespace quench::calibration
