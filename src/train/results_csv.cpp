#include "train/results_csv.h"

#include "core/error.h"
#include "core/file.h"

namespace quench::train {
namespace {

std::string text_of(const std::optional<double>& value) { return value ? fmt::format("{:.4f}", *value) : ""; }

Json json_of(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

std::optional<double> optional_of(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return json.get<double>();
}

}  // namespace

std::string results_csv(const std::vector<EpochRow>& rows) {
  std::string text = "epoch,lr,train_loss,top1,top5,images_per_second,seconds\n";
  for (const EpochRow& row : rows) {
    text += fmt::format("{},{:.6g},{:.6f},{},{},{:.1f},{:.1f}\n", row.epoch, row.lr, row.train_loss, text_of(row.top1),
                        text_of(row.top5), row.images_per_second, row.seconds);
  }
  return text;
}

void write_results(const std::filesystem::path& path, const std::vector<EpochRow>& rows) {
  write_file(path, results_csv(rows));
}

Json rows_to_json(const std::vector<EpochRow>& rows) {
  Json json = Json::array();
  for (const EpochRow& row : rows) {
    json.push_back(Json::array(
        {row.epoch, row.lr, row.train_loss, json_of(row.top1), json_of(row.top5), row.images_per_second, row.seconds}));
  }
  return json;
}

std::vector<EpochRow> rows_from_json(const Json& json) {
  try {
    std::vector<EpochRow> rows;
    for (const Json& row : json) {
      rows.push_back({row.at(0).get<int64_t>(), row.at(1).get<double>(), row.at(2).get<double>(),
                      optional_of(row.at(3)), optional_of(row.at(4)), row.at(5).get<double>(),
                      row.at(6).get<double>()});
    }
    return rows;
  } catch (const Json::exception& error) {
    fail(ErrorKind::data, "[train.results] expected rows of 7 values: {}", error.what());
  }
}

}  // namespace quench::train
