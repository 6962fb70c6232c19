#include "train/loop/checkpoint.h"

#include <cstring>
#include <set>

#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"

namespace quench::train {
namespace {

constexpr std::string_view kMagic("QCKPT1\n\0", 8);
constexpr int kVersion = 2;
constexpr size_t kDigestSize = 64;
constexpr size_t kLengthSize = 8;

Json header_of(const Checkpoint& c) {
  Json tensors = Json::array();
  for (const auto& [name, tensor] : c.tensors) {
    tensors.push_back({{"name", name}, {"dtype", to_string(tensor.dtype())}, {"shape", tensor.shape()}});
  }
  return {{"version", kVersion},
          {"identity", c.identity},
          {"graph_sha256", c.graph_sha256},
          {"data_sha256", c.data_sha256},
          {"epoch", c.epoch},
          {"batch", c.batch},
          {"steps", c.steps},
          {"ema_steps", c.ema_steps},
          {"loss_sum", c.loss_sum},
          {"epoch_images", c.epoch_images},
          {"part_sums", scores_to_json(c.part_sums)},
          {"epoch_seconds", c.epoch_seconds},
          {"images", c.images},
          {"seconds", c.seconds},
          {"best_score", c.best_score},
          {"loss_scale", c.loss_scale},
          {"good_steps", c.good_steps},
          {"rows", rows_to_json(c.rows)},
          {"tensors", std::move(tensors)}};
}

void append_length(std::string& out, uint64_t length) {
  for (size_t i = 0; i < kLengthSize; ++i) out.push_back(static_cast<char>((length >> (8 * i)) & 0xff));
}

uint64_t read_length(std::string_view bytes) {
  uint64_t length = 0;
  for (size_t i = 0; i < kLengthSize; ++i) length |= uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  return length;
}

void read_header(const Json& header, Checkpoint& c) {
  if (header.at("version") != kVersion) {
    fail(ErrorKind::data, "[train.checkpoint] expected version {}, got {}", kVersion, header.at("version").dump());
  }
  c.identity = header.at("identity");
  c.graph_sha256 = header.at("graph_sha256");
  c.data_sha256 = header.at("data_sha256");
  c.epoch = header.at("epoch");
  c.batch = header.at("batch");
  c.steps = header.at("steps");
  c.ema_steps = header.at("ema_steps");
  c.loss_sum = header.at("loss_sum");
  c.epoch_images = header.at("epoch_images");
  if (header.contains("part_sums")) c.part_sums = scores_from_json(header["part_sums"]);
  c.epoch_seconds = header.at("epoch_seconds");
  c.images = header.at("images");
  c.seconds = header.at("seconds");
  c.best_score = header.at("best_score");
  c.loss_scale = header.at("loss_scale");
  c.good_steps = header.at("good_steps");
  c.rows = rows_from_json(header.at("rows"));
}

void read_tensors(const Json& list, std::string_view bytes, std::string_view where, Checkpoint& c) {
  for (const Json& entry : list) {
    const Shape shape = entry.at("shape").get<Shape>();
    const DType dtype = dtype_from(entry.at("dtype").get<std::string>());
    const auto count = static_cast<size_t>(element_count(shape));
    if (count > bytes.size() / size_of(dtype)) {
      fail(ErrorKind::data, "[train.checkpoint] {}: expected {} elements for {}, got {} bytes", where, count,
           entry.at("name").dump(), bytes.size());
    }
    Tensor tensor(dtype, shape);
    if (count > 0) std::memcpy(tensor.mutable_bytes(), bytes.data(), tensor.size_bytes());
    bytes.remove_prefix(tensor.size_bytes());
    c.tensors.emplace(entry.at("name").get<std::string>(), std::move(tensor));
  }
  if (!bytes.empty()) fail(ErrorKind::data, "[train.checkpoint] {}: {} bytes too many", where, bytes.size());
}

}  // namespace

std::string serialize(const Checkpoint& checkpoint) {
  const std::string header = header_of(checkpoint).dump();
  size_t total = kMagic.size() + kLengthSize + header.size() + kDigestSize;
  for (const auto& [name, tensor] : checkpoint.tensors) total += tensor.size_bytes();
  std::string out;
  out.reserve(total);
  out.append(kMagic);
  append_length(out, header.size());
  out.append(header);
  for (const auto& [name, tensor] : checkpoint.tensors) {
    if (!tensor.empty()) out.append(reinterpret_cast<const char*>(tensor.bytes()), tensor.size_bytes());
  }
  out.append(sha256_hex(out));
  return out;
}

Checkpoint parse_checkpoint(std::string_view bytes, std::string_view where) {
  const size_t fixed = kMagic.size() + kLengthSize + kDigestSize;
  if (bytes.size() < kMagic.size() || bytes.substr(0, kMagic.size()) != kMagic) {
    fail(ErrorKind::data, "[train.checkpoint] {} is not a checkpoint of quench", where);
  }
  const std::string_view body = bytes.substr(0, bytes.size() - std::min(bytes.size(), kDigestSize));
  if (bytes.size() < fixed || sha256_hex(body) != bytes.substr(body.size())) {
    fail(ErrorKind::data, "[train.checkpoint] {} is truncated or altered ({} bytes)", where, bytes.size());
  }
  const uint64_t length = read_length(body.substr(kMagic.size()));
  const std::string_view rest = body.substr(kMagic.size() + kLengthSize);
  if (length > rest.size()) fail(ErrorKind::data, "[train.checkpoint] {}: header of {} bytes is cut", where, length);
  const Json header = parse_json(rest.substr(0, length), where);
  Checkpoint checkpoint;
  try {
    read_header(header, checkpoint);
    read_tensors(header.at("tensors"), rest.substr(length), where, checkpoint);
  } catch (const Json::exception& error) {
    fail(ErrorKind::data, "[train.checkpoint] {}: unexpected header: {}", where, error.what());
  }
  return checkpoint;
}

void save_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint) {
  write_file(path, serialize(checkpoint));
}

Checkpoint load_checkpoint(const std::filesystem::path& path) {
  return parse_checkpoint(read_file(path), path.string());
}

std::string difference(const Checkpoint& saved, const Checkpoint& wanted, const char* told) {
  std::set<std::string> keys;
  for (const auto& [key, value] : saved.identity.items()) keys.insert(key);
  for (const auto& [key, value] : wanted.identity.items()) keys.insert(key);
  const auto text = [](const Json& json, const std::string& key) {
    return json.contains(key) ? json.at(key).dump() : std::string("the default");
  };
  const auto text_of = [&](const std::string& what, const std::string& before, const std::string& now) {
    return fmt::format(fmt::runtime(told), what, before, now);
  };
  for (const std::string& key : keys) {
    if (saved.identity.contains(key) && wanted.identity.contains(key) &&
        saved.identity.at(key) == wanted.identity.at(key)) {
      continue;
    }
    return text_of("`" + key + "`", text(saved.identity, key), text(wanted.identity, key));
  }
  if (saved.data_sha256 != wanted.data_sha256) return text_of("data", saved.data_sha256, wanted.data_sha256);
  if (saved.graph_sha256 != wanted.graph_sha256) {
    return text_of("the starting graph", saved.graph_sha256, wanted.graph_sha256);
  }
  return "";
}

}  // namespace quench::train
