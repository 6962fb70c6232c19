#include "inference/shared_answers.h"

#include "data/loading/left_out.h"
#include "score/answer_bytes.h"

namespace quench::inference {
namespace {

constexpr const char* kShareForm = "share of answers 1";

}  // namespace

void SharedAnswers::add(const score::Answer& answer, const Truth& truth) {
  score::write_answer(answers_, answer);
  score::write_truth(answers_, truth);
  ++images_;
}

std::string SharedAnswers::take(const std::vector<LeftOutImage>& left_out) {
  ByteWriter out(kShareForm);
  data::write_left_out(out, left_out);
  out.number(images_);
  out.text(answers_.bytes());
  return out.take();
}

std::vector<LeftOutImage> add_shares(const std::vector<std::string>& shares, score::Scorer& scorer) {
  std::vector<LeftOutImage> left_out;
  for (const std::string& bytes : shares) {
    ByteReader share(bytes, kShareForm);
    data::merge_left_out(left_out, data::read_left_out(share));
    const int64_t images = share.number();
    const std::string answers = share.text();
    ByteReader in(answers, SharedAnswers::kForm);
    for (int64_t i = 0; i < images; ++i) {
      const score::Answer answer = score::read_answer(in);
      scorer.add(answer, score::read_truth(in));
    }
  }
  return left_out;
}

}  // namespace quench::inference
