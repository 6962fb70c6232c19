#include "data/shards/shard_index.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/json.h"
#include "core/json_text.h"
#include "data/index/mapped_file.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;

const char* const kShardsMagic = "quench shards 1";

std::string text_of(std::span<const char> characters) { return {characters.data(), characters.size()}; }

ShardSplit read_split(SectionReader& reader) {
  std::string digest = text_of(reader.next<char>());
  ShardSplit split{std::move(digest), PictureIndex(reader), {}, {}, {}};
  split.samples = reader.next<SampleEntry>();
  split.shard_of = reader.next<uint32_t>();
  const Texts names = next_texts(reader), sha256 = next_texts(reader);
  const auto sizes = reader.next<uint64_t>();
  const size_t shards = names.size();
  bool good = split.samples.size() == static_cast<size_t>(split.pictures.size()) && sizes.size() == shards &&
              sha256.size() == shards && split.shard_of.size() == split.samples.size() &&
              std::ranges::all_of(split.shard_of, [&](uint32_t shard) { return shard < shards; });
  for (size_t i = 0; good && i < shards; ++i) {
    const std::string name(names.at(i));
    good = fs::path(name).filename() == name && name.ends_with(".shard");
    split.shards.push_back({name, sizes[i], std::string(sha256.at(i))});
  }
  if (!good) fail(ErrorKind::data, "[data.shards] expected samples and shards that belong together, got others");
  return split;
}

}  // namespace

ShardIndex read_shard_index(const fs::path& folder) {
  const fs::path path = folder / kShardIndexName;
  const auto mapped = std::make_shared<const MappedFile>(path);
  if (mapped->bytes().empty()) {
    fail(ErrorKind::io, "[data.shards] expected the index of a packed set, got nothing ({})", path.string());
  }
  try {
    const std::span<const char> payload = payload_of(mapped->bytes(), kShardsMagic);
    if (payload.empty()) {
      fail(ErrorKind::data, "[data.shards] expected '{}', got another version or another file", kShardsMagic);
    }
    SectionReader reader(payload);
    const Json said = parse_json(text_of(reader.next<char>()), path.string());
    ShardIndex out;
    out.name = said.at("name").get<std::string>();
    out.form = said.at("form") == "pixels" ? SampleForm::pixels : SampleForm::files;
    out.same_images = said.at("same_images").get<bool>();
    out.has_validation = said.at("validation").get<bool>();
    out.notes = said.at("notes").get<std::vector<std::string>>();
    const size_t wanted = size_t{1} + !out.same_images + out.has_validation;
    while (!reader.at_end()) out.splits.push_back(read_split(reader));
    if (out.splits.size() != wanted) {
      fail(ErrorKind::data, "[data.shards] expected {} splits, got {}", wanted, out.splits.size());
    }
    out.bytes = mapped;
    return out;
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorKind::data, "[data.shards] expected the facts of a packed set, got {} ({})", error.what(), path.string());
  } catch (const Error& error) {
    fail(error.kind(), "{} ({})", error.what(), path.string());
  }
}

void write_shard_index(const fs::path& folder, const Splits& of, SampleForm form,
                       std::vector<ShardSplitBuilder> splits) {
  SectionWriter writer;
  size_t bytes = 1 << 16;
  for (const ShardSplitBuilder& split : splits) {
    bytes += split.pictures.size_bytes() + split.samples.size() * (sizeof(SampleEntry) + 4) + split.shards.size() * 256;
  }
  writer.reserve(bytes);
  writer.add(json_text(Json{{"name", of.name},
                            {"form", form == SampleForm::pixels ? "pixels" : "files"},
                            {"same_images", of.same_images},
                            {"validation", of.validation != nullptr},
                            {"notes", of.notes}}));
  for (ShardSplitBuilder& split : splits) {
    writer.add(std::string_view(split.digest));
    split.pictures.write(writer);
    writer.add(split.samples);
    writer.add(split.shard_of);
    TextsBuilder names, sha256;
    std::vector<uint64_t> sizes;
    for (const ShardFacts& shard : split.shards) {
      names.add(shard.name);
      sha256.add(shard.sha256);
      sizes.push_back(shard.size_bytes);
    }
    names.write(writer);
    sha256.write(writer);
    writer.add(sizes);
    split = {};
  }
  const std::string payload = writer.take();
  const KeptHeader header = header_of(kShardsMagic, payload);
  NewFile file(folder / kShardIndexName);
  file.write({reinterpret_cast<const char*>(&header), sizeof header});
  file.write(payload);
  file.commit();
}

}  // namespace quench::data
