#include "weights/checkpoint.h"

#include <algorithm>

#include "core/error.h"
#include "weights/safetensors.h"
#include "weights/torch_checkpoint.h"

namespace quench::weights {
namespace {

template <typename T>
std::map<std::string, T> without_prefix(std::map<std::string, T> named, std::string_view prefix) {
  std::map<std::string, T> out;
  for (auto& [name, value] : named) {
    out.emplace(name.starts_with(prefix) ? name.substr(prefix.size()) : name, std::move(value));
  }
  return out;
}

/// Takes `prefix` off every name where all tensors' names start with `marker`.
void strip(Checkpoint& checkpoint, std::string_view marker, std::string_view prefix) {
  const auto marked = [&](const auto& named) { return named.first.starts_with(marker); };
  if (checkpoint.tensors.empty() || !std::ranges::all_of(checkpoint.tensors, marked)) return;
  checkpoint.tensors = without_prefix(std::move(checkpoint.tensors), prefix);
  checkpoint.convolutions = without_prefix(std::move(checkpoint.convolutions), prefix);
  checkpoint.norms = without_prefix(std::move(checkpoint.norms), prefix);
  checkpoint.activations = without_prefix(std::move(checkpoint.activations), prefix);
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
         "again "
         "with a newer torch ({})",
         where);
  } else {
    fail(ErrorKind::data, "[weights] expected a file of torch.save (.pt) or a .safetensors file, got other bytes ({})",
         where);
  }
  strip(checkpoint, "module.", "module.");
  strip(checkpoint, "model.model.", "model.");
  return checkpoint;
}

}  // namespace quench::weights
