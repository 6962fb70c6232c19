#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "devices/catalog.h"

namespace quench::study {

/// What a study to begin with is for.
struct StarterRequest {
  std::string name;                  ///< of the study; empty: made of data and model
  std::vector<std::string> models;   ///< by name, of one task
  std::string data;                  ///< as --data takes it
  std::vector<std::string> devices;  ///< "host", an address (ssh://...), or a device file's name
  int64_t imgsz = 0;                 ///< 0: by the data
  int64_t side = 0;                  ///< of the data's images; 0: not known
  std::string about_data;            ///< what the data hold, for a comment; empty: not known
  std::filesystem::path data_root;   ///< where fetched weights are looked for
};

/// A study file with a comment on every line: what the request asks for, with the settings that people change first.
/// check_study takes it. Throws Error{config} for unknown models and devices, and for models of different tasks.
std::string starter_file(const StarterRequest& request, const devices::Catalog& catalog);

}  // namespace quench::study
