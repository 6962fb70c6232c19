#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/log.h"
#include "record/record.h"

namespace quench::study {

/// A study's results in one file, a zip archive: records, page, outcomes, rounds of timings, the models that records
/// name, and a manifest with the SHA-256 of each.

/// Writes `file` from a folder of results (by rename, so that it is whole or not there). version: of this program.
/// Throws Error{config} for a folder in place of `file`, Error{io} for a folder without records or a record's model
/// that is missing, Error{data} for a model or outcomes whose content is not what its record says, naming them.
void write_archive(const std::filesystem::path& folder, const std::filesystem::path& file, const std::string& version,
                   const LogSink& log);

/// An archive that was read. Nothing in it is believed: file_faults() says what is not as it was written.
class Archive {
 public:
  /// Throws Error{io}, and Error{data} for a file that is no archive of a study.
  explicit Archive(const std::filesystem::path& file);

  /// What the manifest says: study, time, quench_version, host, files [{path, bytes, sha256}].
  const Json& manifest() const { return manifest_; }
  /// Files that are missing, unknown or changed, a sentence each; of records, those whose model or outcomes are not
  /// theirs. Empty: the archive is as it was written.
  std::vector<std::string> file_faults() const;
  /// The newest record of each cell that the study had.
  std::vector<record::Record> records() const;
  /// The content of a file. Throws Error{data} where there is none of this name.
  const std::string& content(const std::string& path) const;

 private:
  std::string where_;
  Json manifest_;
  std::map<std::string, std::string> files_;  ///< by path, manifest.json left out
};

}  // namespace quench::study
