#include "data/sets/fetch.h"

#include <md5.h>

#include <algorithm>
#include <fstream>

#include "core/error.h"
#include "core/text.h"
#include "data/sets/tar.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCifarUrl = "https://www.cs.toronto.edu/~kriz/";
constexpr const char* kFashionUrl = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/";

std::vector<RemoteSet> remote_sets() {
  return {
      {"cifar100",
       "cifar-100-binary",
       {"train.bin", "test.bin", "fine_label_names.txt"},
       {{kCifarUrl, "cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8"}}},
      {"cifar10",
       "cifar-10-batches-bin",
       {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin",
        "test_batch.bin", "batches.meta.txt"},
       {{kCifarUrl, "cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"}}},
      {"fashion-mnist",
       "fashion-mnist",
       {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz"},
       {{kFashionUrl, "train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"},
        {kFashionUrl, "train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"},
        {kFashionUrl, "t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"},
        {kFashionUrl, "t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"}}},
  };
}

}  // namespace

std::string md5_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail(ErrorKind::io, "[data.fetch] cannot open {}", path.string());
  MD5_CTX context;
  MD5Init(&context);
  std::vector<char> block(1 << 16);
  while (file.read(block.data(), static_cast<std::streamsize>(block.size())) || file.gcount() > 0) {
    MD5Update(&context, reinterpret_cast<const uint8_t*>(block.data()), static_cast<size_t>(file.gcount()));
  }
  if (file.bad()) fail(ErrorKind::io, "[data.fetch] cannot read {}", path.string());
  char text[MD5_DIGEST_STRING_LENGTH];
  return MD5End(&context, text);
}

fs::path fetch(const RemoteSet& set, const fs::path& root, const LogSink& log, const CancelToken* cancel,
               const std::optional<std::string>& base_url) {
  const fs::path folder = root / set.folder;
  if (std::all_of(set.contents.begin(), set.contents.end(), [&](const auto& f) { return fs::exists(folder / f); })) {
    log.info(fmt::format("{} is already in {}", set.name, folder.string()));
    return folder;
  }
  for (RemoteFile file : set.files) {
    if (base_url) file.url = *base_url;
    if (!file.url.ends_with('/')) file.url += '/';
    const bool archive = file.name.ends_with(".tar.gz");
    const fs::path target = (archive ? root : folder) / file.name;
    if (!fs::exists(target) || md5_file(target) != file.md5) download(file, target, log, cancel);
    if (!archive) continue;
    log.info(fmt::format("unpacking {}", target.string()));
    unpack_tar_gz(target, root, cancel);
    fs::remove(target);
  }
  for (const std::string& file : set.contents) {
    if (!fs::exists(folder / file)) {
      fail(ErrorKind::data, "[data.fetch] expected {} to be in what was fetched, got no such file",
           (folder / file).string());
    }
  }
  log.info(fmt::format("{} is in {}", set.name, folder.string()));
  return folder;
}

fs::path fetch(const std::string& name, const fs::path& root, const LogSink& log, const CancelToken* cancel,
               const std::optional<std::string>& base_url) {
  std::vector<std::string> names;
  for (const RemoteSet& set : remote_sets()) {
    if (set.name == name) return fetch(set, root, log, cancel, base_url);
    names.push_back(set.name);
  }
  if (name == "cifar100-scenes") return fetch("cifar100", root, log, cancel, base_url);
  if (name == "shapes") fail(ErrorKind::config, "[data.fetch] shapes is built in: nothing to fetch");
  fail(ErrorKind::config, "[data.fetch] cannot fetch '{}'{}", name, suggestion(name, names));
}

}  // namespace quench::data
