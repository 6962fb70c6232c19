#include "train/loop/results_csv.h"

#include "core/error.h"
#include "core/file.h"

namespace quench::train {
namespace {

/// The value of a name as text; "" where the row has none.
std::string text_of(const score::Scores& scores, const std::string& name, int decimals) {
  for (const score::Score& score : scores) {
    if (score.name == name) return fmt::format("{:.{}f}", score.value, decimals);
  }
  return "";
}

std::vector<std::string> names_of(const std::vector<EpochRow>& rows, score::Scores EpochRow::*list) {
  std::vector<std::string> names;
  for (const EpochRow& row : rows) {
    for (const score::Score& score : row.*list) names.push_back(score.name);
    if (!names.empty()) break;
  }
  return names;
}

}  // namespace

Json scores_to_json(const score::Scores& scores) {
  Json json = Json::array();
  for (const score::Score& score : scores) json.push_back(Json::array({score.name, score.value}));
  return json;
}

score::Scores scores_from_json(const Json& json) {
  score::Scores scores;
  for (const Json& pair : json) scores.push_back({pair.at(0).get<std::string>(), pair.at(1).get<double>()});
  return scores;
}

std::string results_csv(const std::vector<EpochRow>& rows) {
  const std::vector<std::string> names = names_of(rows, &EpochRow::scores);
  const std::vector<std::string> parts = names_of(rows, &EpochRow::loss_parts);
  std::string text = "epoch,lr,train_loss,";
  for (const std::string& part : parts) text += part + ",";
  for (const std::string& name : names) text += name + ",";
  text += "images_per_second,seconds\n";
  for (const EpochRow& row : rows) {
    text += fmt::format("{},{:.6g},{:.6f},", row.epoch, row.lr, row.train_loss);
    for (const std::string& part : parts) text += text_of(row.loss_parts, part, 6) + ",";
    for (const std::string& name : names) text += text_of(row.scores, name, 4) + ",";
    text += fmt::format("{:.1f},{:.1f}\n", row.images_per_second, row.seconds);
  }
  return text;
}

void write_results(const std::filesystem::path& path, const std::vector<EpochRow>& rows) {
  write_file(path, results_csv(rows));
}

Json rows_to_json(const std::vector<EpochRow>& rows) {
  Json json = Json::array();
  for (const EpochRow& row : rows) {
    json.push_back(Json::array({row.epoch, row.lr, row.train_loss, scores_to_json(row.scores), row.images_per_second,
                                row.seconds, scores_to_json(row.loss_parts)}));
  }
  return json;
}

std::vector<EpochRow> rows_from_json(const Json& json) {
  try {
    std::vector<EpochRow> rows;
    for (const Json& row : json) {
      rows.push_back({row.at(0).get<int64_t>(), row.at(1).get<double>(), row.at(2).get<double>(),
                      scores_from_json(row.at(3)), row.at(4).get<double>(), row.at(5).get<double>()});
      if (row.size() > 6) rows.back().loss_parts = scores_from_json(row.at(6));  // earlier versions had none
    }
    return rows;
  } catch (const Json::exception& error) {
    fail(ErrorKind::data, "[train.results] expected rows of 7 values: {}", error.what());
  }
}

}  // namespace quench::train
