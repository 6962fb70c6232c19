#include "pixels/preparation.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/json.h"

namespace quench::pixels {
namespace {

constexpr int kLargestSide = 8192;

template <typename T>
using Names = std::pair<T, const char*>;

constexpr std::array<Names<Shaping>, 4> kShapings{{{Shaping::short_side, "short_side"},
                                                   {Shaping::square, "square"},
                                                   {Shaping::stretch, "stretch"},
                                                   {Shaping::none, "none"}}};
constexpr std::array<Names<Resampling>, 5> kResamplings{{{Resampling::own, "own"},
                                                         {Resampling::bilinear, "bilinear"},
                                                         {Resampling::bilinear_antialias, "bilinear_antialias"},
                                                         {Resampling::bicubic_antialias, "bicubic_antialias"},
                                                         {Resampling::lanczos_antialias, "lanczos_antialias"}}};

template <typename All, typename T>
const char* name_of(const All& all, T value) {
  return std::ranges::find(all, value, [](const auto& entry) { return entry.first; })->second;
}

template <typename T, typename All>
std::optional<T> value_of(const All& all, const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_string()) return std::nullopt;
  const auto entry = std::ranges::find(all, found->template get<std::string>(),
                                       [](const auto& named) { return std::string(named.second); });
  return entry == all.end() ? std::nullopt : std::optional<T>(entry->first);
}

/// 0 where it is no side.
int side_of(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number_integer()) return 0;
  const auto side = found->get<int64_t>();
  return side >= 1 && side <= kLargestSide ? static_cast<int>(side) : 0;
}

std::string filter_text(Resampling resampling) {
  std::string name = name_of(kResamplings, resampling);
  const size_t ending = name.find("_antialias");
  if (ending == std::string::npos) return name + ", not antialiased";
  return name.substr(0, ending) + ", antialiased";
}

}  // namespace

void check(const Preparation& preparation) {
  const bool sides = preparation.side >= 1 && preparation.side <= kLargestSide && preparation.crop >= 1 &&
                     preparation.crop <= kLargestSide;
  const bool own = preparation.resampling == Resampling::own;
  const bool fits = own ? preparation.is_own() || preparation.shaping == Shaping::none
                        : preparation.resampling != Resampling::bilinear ||
                              (preparation.shaping != Shaping::short_side && preparation.side == preparation.crop);
  if (sides && fits) return;
  fail(ErrorKind::config, "[pixels.preparation] expected a way to prepare pictures, got shape {}, filter {}, {} of {}",
       name_of(kShapings, preparation.shaping), name_of(kResamplings, preparation.resampling), preparation.crop,
       preparation.side);
}

std::string to_text(const Preparation& preparation) {
  if (preparation.is_own()) return "";
  return Json{{"shape", name_of(kShapings, preparation.shaping)},
              {"filter", name_of(kResamplings, preparation.resampling)},
              {"side", preparation.side},
              {"crop", preparation.crop}}
      .dump();
}

Preparation preparation_from(std::string_view text, std::string_view where) {
  if (text.empty()) return {};
  const Json json = parse_json(text, where);
  const auto wrong = [&] {
    fail(ErrorKind::data, "[pixels.preparation] expected a way to prepare pictures, got {} ({})", text.substr(0, 200),
         where);
  };
  if (!json.is_object() || json.size() != 4) wrong();
  const auto shaping = value_of<Shaping>(kShapings, json, "shape");
  const auto resampling = value_of<Resampling>(kResamplings, json, "filter");
  if (!shaping || !resampling) wrong();
  const Preparation out{*shaping, *resampling, side_of(json, "side"), side_of(json, "crop")};
  try {
    check(out);
  } catch (const Error&) {
    wrong();
  }
  return out;
}

std::string described(const Preparation& preparation) {
  if (preparation.is_own()) return "quench's own way: the short side resized, the centre cropped";
  const std::string filter = filter_text(preparation.resampling);
  const std::string size = preparation.side == preparation.crop
                               ? ""
                               : fmt::format(" to {} pixels where {} are kept", preparation.side, preparation.crop);
  switch (preparation.shaping) {
    case Shaping::short_side: return fmt::format("the short side resized{} ({}), the centre cropped", size, filter);
    case Shaping::square: return fmt::format("the square at the centre resized{} ({})", size, filter);
    case Shaping::stretch: return fmt::format("resized to a square whatever the proportions{} ({})", size, filter);
    case Shaping::none: break;
  }
  return "the centre cropped, without resizing";
}

}  // namespace quench::pixels
