#include "weights/checkpoint.h"

#include <algorithm>

#include "core/error.h"
#include "core/file_kind.h"
#include "core/text.h"
#include "weights/safetensors.h"
#include "weights/torch_checkpoint.h"

namespace quench::weights {
namespace {

constexpr std::string_view kPrefix = "model.";  ///< of the rows, in the models that are built here

/// Whether `inner` lies in a row of the model whose rows `outer` stands before: "model.22.cv2.0." in "model.".
bool in_row(std::string_view inner, std::string_view outer) {
  return inner.size() > outer.size() && inner.starts_with(outer) && inner[outer.size()] >= '0' &&
         inner[outer.size()] <= '9';
}

/// What stands before the rows' numbers, as the first convolutions' names say: "model.", "module.model.", "".
std::vector<std::string> prefixes_of(const NamedTensors& tensors) {
  std::vector<std::string> all, outer;
  for (const std::string first : {"0.conv.weight", "0.conv.conv.weight"}) {
    for (const auto& [name, tensor] : tensors) {
      if (!name.ends_with(first)) continue;
      const std::string prefix = name.substr(0, name.size() - first.size());
      if (!prefix.empty() && !prefix.ends_with('.')) continue;
      const bool words = prefix.find_first_of("0123456789") == std::string::npos;
      if (words || tensors.contains(prefix + "1.conv.weight")) all.push_back(prefix);
    }
  }
  for (const std::string& prefix : all) {
    if (std::ranges::none_of(all, [&](const std::string& other) { return in_row(prefix, other); })) {
      outer.push_back(prefix);
    }
  }
  return outer;
}

template <typename T>
std::map<std::string, T> renamed(std::map<std::string, T> named, std::string_view prefix) {
  std::map<std::string, T> out;
  for (auto& [name, value] : named) {
    const bool below = name.starts_with(prefix);
    out.emplace(below ? std::string(kPrefix) + name.substr(prefix.size()) : name, std::move(value));
  }
  return out;
}

/// Gives rows the names that they have in the models built here, whatever a file puts before them. Of several copies in
/// one file (a model and the mean of its weights) the mean is taken.
void name_rows(Checkpoint& checkpoint) {
  const std::vector<std::string> prefixes = prefixes_of(checkpoint.tensors);
  if (prefixes.empty()) return;
  const auto mean = std::ranges::find_if(
      prefixes, [](const std::string& prefix) { return lower(prefix).find("ema") != std::string::npos; });
  const std::string prefix =
      mean != prefixes.end() ? *mean : *std::ranges::min_element(prefixes, {}, &std::string::size);
  for (const std::string& other : prefixes) {
    if (other == prefix || other.empty()) continue;
    std::erase_if(checkpoint.tensors, [&](const auto& named) {
      return named.first.starts_with(other) && (prefix.size() < other.size() || !named.first.starts_with(prefix));
    });
  }
  if (prefix == kPrefix) return;
  checkpoint.tensors = renamed(std::move(checkpoint.tensors), prefix);
  checkpoint.convolutions = renamed(std::move(checkpoint.convolutions), prefix);
  checkpoint.norms = renamed(std::move(checkpoint.norms), prefix);
  checkpoint.activations = renamed(std::move(checkpoint.activations), prefix);
}

}  // namespace

Checkpoint read_checkpoint(std::string_view bytes, std::string_view where) {
  Checkpoint checkpoint;
  if (bytes.starts_with("PK")) {
    checkpoint = read_torch(bytes, where);
  } else if (bytes.size() > 8 && bytes[8] == '{') {
    checkpoint = read_safetensors(bytes, where);
  } else if (bytes.starts_with('\x80')) {
    fail(ErrorKind::unsupported,
         "[weights] expected a zip archive of torch.save, got a bare pickle, as torch before 1.6 wrote it: save it "
         "again with a newer torch ({})",
         where);
  } else {
    std::string kind = file_kind(bytes);
    if (kind.empty() && bytes.starts_with('\x08')) kind = "an ONNX model, as it seems, which needs no import";
    fail(ErrorKind::data, "[weights] expected a file of torch.save (.pt) or a .safetensors file, got {} ({})",
         kind.empty() ? "other bytes" : kind, where);
  }
  name_rows(checkpoint);
  return checkpoint;
}

}  // namespace quench::weights
