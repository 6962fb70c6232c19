#include "calibration/findings.h"

namespace quench::calibration {
namespace {

Json interval_json(const Interval& interval) {
  Json out{{"mean", interval.mean}};
  if (interval.half) out["half"] = *interval.half;
  return out;
}

Json entry_json(const Entry& entry, bool scored) {
  Json trials = Json::array();
  for (const Trial& trial : entry.trials) {
    Json one{{"seed", trial.seed},
             {"images", trial.images},
             {"ranges", trial.ranges},
             {"error", trial.error},
             {"loss", trial.loss}};
    if (trial.score) one["score"] = *trial.score;
    trials.push_back(one);
  }
  Json out{{"observer", entry.observer},
           {"choice", entry.choice},
           {"count", entry.count},
           {"excluded", entry.excluded},
           {"as_good", entry.as_good},
           {"trials", trials},
           {"loss", interval_json(entry.loss)},
           {"error_db", interval_json(entry.error_db)}};
  if (scored) out["score"] = interval_json(entry.score);
  return out;
}

Json picture_json(const PictureFinding& one) {
  Json out{
      {"index", one.index}, {"loss", one.loss},       {"deviation", one.deviation}, {"strangeness", one.strangeness},
      {"flat", one.flat},   {"strange", one.strange}, {"ends", one.ends},           {"share", one.share}};
  if (!one.name.empty()) out["name"] = one.name;
  if (one.copy_of) {
    out["copy_of"] = *one.copy_of;
    out["exact"] = one.exact;
  }
  return out;
}

}  // namespace

Json to_json(const Findings& findings) {
  Json pictures = Json::array(), same = Json::array(), entries = Json::array();
  for (const PictureFinding& one : findings.findings) pictures.push_back(picture_json(one));
  for (const SameRanges& one : findings.same) {
    same.push_back({{"observer", one.observer}, {"as", one.as}, {"equal", one.equal}, {"groups", one.groups}});
  }
  for (const Entry& entry : findings.entries) {
    entries.push_back(entry_json(entry, findings.float_score.has_value()));
  }
  Json out{{"form", "quench calibrate 1"}, {"model", findings.model},     {"model_sha256", findings.model_sha256},
           {"data", findings.data},        {"images", findings.pictures}, {"histogram_bytes", findings.bytes},
           {"loss", findings.float_loss},  {"groups", findings.groups},   {"base_images", findings.base},
           {"pictures", pictures},         {"same_ranges", same},         {"settings", findings.settings}};
  if (findings.score_images == 0) return out;
  out["score_images"] = findings.score_images;
  out["score_name"] = findings.score_name;
  if (findings.float_score) out["score"] = *findings.float_score;
  out["combinations"] = findings.combinations;
  out["different"] = findings.different;
  out["entries"] = entries;
  out["recommended"] = {{"pictures", findings.recommended_pictures}, {"command", findings.command}};
  return out;
}

}  // namespace quench::calibration
