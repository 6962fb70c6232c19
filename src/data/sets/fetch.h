#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/cancel.h"
#include "core/log.h"

namespace quench::data {

/// A file of an official distribution.
struct RemoteFile {
  std::string url;  ///< folder, without the file's name
  std::string name;
  std::string md5;  ///< as published
};

/// How a set is fetched: its files go to <root>/<folder>; a tar.gz is unpacked into root and removed.
struct RemoteSet {
  std::string name;
  std::string folder;
  std::vector<std::string> contents;  ///< files that are in the folder once it is whole
  std::vector<RemoteFile> files;
};

/// Downloads `file` to `target`, on from what an earlier try left in `target`.part, and checks its MD5.
/// A part that turns out wrong is removed. Throws Error{io} naming host and reason where the network fails (the part
/// stays, for the next try), Error{data} for another checksum, Error{cancelled}.
void download(const RemoteFile& file, const std::filesystem::path& target, const LogSink& log,
              const CancelToken* cancel = nullptr);

/// Fetches a built-in set (cifar100, cifar10, fashion-mnist) below root; does nothing where it is there already.
/// base_url: a mirror that has all files in one folder, in place of the official addresses (http, https or file).
/// Returns the folder. Throws Error{config} for a set that cannot be fetched (nearest named), and download()'s errors.
std::filesystem::path fetch(const std::string& name, const std::filesystem::path& root, const LogSink& log,
                            const CancelToken* cancel = nullptr, const std::optional<std::string>& base_url = {});

/// The same for any set.
std::filesystem::path fetch(const RemoteSet& set, const std::filesystem::path& root, const LogSink& log,
                            const CancelToken* cancel = nullptr, const std::optional<std::string>& base_url = {});

/// 32 lower-case hex digits (RFC 1321; guards against damage, not against forgery). Throws Error{io}.
std::string md5_file(const std::filesystem::path& path);

}  // namespace quench::data
