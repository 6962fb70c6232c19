#include "score/answer_bytes.h"

namespace quench::score {
namespace {

bool are_floats(const Box& box) {
  for (const double value : {box.x1, box.y1, box.x2, box.y2}) {
    if (static_cast<double>(static_cast<float>(value)) != value) return false;
  }
  return true;
}

void write_box(ByteWriter& out, const Box& box, bool floats) {
  for (const double value : {box.x1, box.y1, box.x2, box.y2}) {
    floats ? out.real(static_cast<float>(value)) : out.real(value);
  }
}

Box read_box(ByteReader& in, bool floats) {
  Box box;
  for (double* value : {&box.x1, &box.y1, &box.x2, &box.y2}) *value = floats ? in.real_float() : in.real_double();
  return box;
}

}  // namespace

void write_answer(ByteWriter& out, const Answer& answer) {
  out.number(answer.verdict.prediction);
  out.number(answer.verdict.ahead);
  out.number(static_cast<int64_t>(answer.detections.size()));
  for (const models::Detection& found : answer.detections) {
    const bool floats = are_floats(found.box);
    out.number(2 * int64_t{found.label} + (floats ? 1 : 0));
    write_box(out, found.box, floats);
    out.real(found.score);
  }
}

Answer read_answer(ByteReader& in) {
  Answer answer;
  answer.verdict.prediction = static_cast<int32_t>(in.number());
  answer.verdict.ahead = static_cast<int32_t>(in.number());
  for (int64_t left = in.count(); left > 0; --left) {
    models::Detection& found = answer.detections.emplace_back();
    const int64_t label = in.number();
    found.label = static_cast<int32_t>(label >> 1);
    found.box = read_box(in, (label & 1) != 0);
    found.score = in.real_float();
  }
  return answer;
}

void write_truth(ByteWriter& out, const Truth& truth) {
  out.number(truth.label);
  const Letterbox& fitted = truth.letterbox;
  for (const int value : {fitted.image_height, fitted.image_width, fitted.canvas_height, fitted.canvas_width,
                          fitted.height, fitted.width, fitted.top, fitted.left}) {
    out.number(value);
  }
  out.real(fitted.gain);
  out.number(static_cast<int64_t>(truth.objects.size()));
  for (const Object& object : truth.objects) {
    out.number(object.label);
    out.number(object.crowd ? 1 : 0);
    write_box(out, object.box, false);
    out.real(object.area);
  }
}

Truth read_truth(ByteReader& in) {
  Truth truth;
  truth.label = static_cast<int32_t>(in.number());
  Letterbox& fitted = truth.letterbox;
  for (int* value : {&fitted.image_height, &fitted.image_width, &fitted.canvas_height, &fitted.canvas_width,
                     &fitted.height, &fitted.width, &fitted.top, &fitted.left}) {
    *value = static_cast<int>(in.number());
  }
  fitted.gain = in.real_double();
  for (int64_t left = in.count(); left > 0; --left) {
    Object& object = truth.objects.emplace_back();
    object.label = static_cast<int32_t>(in.number());
    object.crowd = in.number() != 0;
    object.box = read_box(in, false);
    object.area = in.real_double();
  }
  return truth;
}

}  // namespace quench::score
