#include "data/index/sections.h"

namespace quench::data {

std::vector<std::string> Texts::all() const {
  std::vector<std::string> out;
  out.reserve(size());
  for (size_t i = 0; i < size(); ++i) out.emplace_back(at(i));
  return out;
}

Texts next_texts(SectionReader& reader) {
  Texts texts;
  texts.ends = reader.next<uint64_t>();
  texts.characters = reader.next<char>();
  uint64_t before = 0;
  for (const uint64_t end : texts.ends) {
    if (end < before || end > texts.characters.size()) {
      fail(ErrorKind::data, "[data.index] expected texts that end in order, got {} after {}", end, before);
    }
    before = end;
  }
  return texts;
}

}  // namespace quench::data
