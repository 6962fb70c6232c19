// Every runtime against the plain executor, over one list of cases. A runtime that is not at hand, or a case that it
// does not support, is reported as skipped with the reason.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "conformance_cases.h"
#include "core/error.h"
#include "core/hash.h"
#include "graph/onnx_write.h"
#include "reference_executor.h"

namespace quench::runtime::conformance {
namespace {

constexpr double kFloatTolerance = 1e-4;  // of the largest output
constexpr double kStepSlack = 1e-3;       // of a step, for the float arithmetic around integers

const std::vector<Entry>& all_runtimes() {
  static const auto all = runtimes();
  return all;
}
const std::vector<Case>& all_cases() {
  static const auto all = [] {
    auto joined = cases();
    for (Case& one : pruned_cases()) joined.push_back(std::move(one));
    return joined;
  }();
  return all;
}

graph::ModelFile file_of(const graph::Graph& graph) {
  graph::ModelFile file{"case.onnx", write_onnx(graph), "", graph};
  file.sha256 = sha256_hex(file.bytes);
  return file;
}

double largest_value(const Tensor& tensor) {
  double largest = 0;
  for (const float value : tensor.values<float>()) largest = std::max(largest, std::abs(static_cast<double>(value)));
  return largest;
}

/// One image of a batch.
Tensor image_of(const Tensor& batch, int64_t index) {
  Shape shape = batch.shape();
  const size_t bytes = batch.size_bytes() / static_cast<size_t>(shape[0]);
  shape[0] = 1;
  Tensor image(batch.dtype(), shape);
  std::copy_n(batch.bytes() + static_cast<size_t>(index) * bytes, bytes, image.mutable_bytes());
  return image;
}

class Conformance : public testing::TestWithParam<std::tuple<size_t, size_t>> {
 protected:
  const Runtime& runtime() const { return *all_runtimes()[std::get<0>(GetParam())].runtime; }
  const Case& test_case() const { return all_cases()[std::get<1>(GetParam())]; }

  /// nullptr where the runtime cannot; `reason_` says why.
  std::unique_ptr<Session> load(int threads) {
    const Availability availability = runtime().availability();
    if (!availability.available) {
      reason_ = runtime().name() + ": " + availability.reason;
      return nullptr;
    }
    try {
      return runtime().load(
          file_of(test_case().graph),
          {.threads = threads, .profile_path = "", .isa = all_runtimes()[std::get<0>(GetParam())].isa});
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::unsupported) throw;
      reason_ = error.what();
      return nullptr;
    }
  }

  void expect_near(const std::vector<Tensor>& got, const std::vector<Tensor>& expected) const {
    const graph::Graph& graph = test_case().graph;
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
      ASSERT_EQ(got[i].shape(), expected[i].shape());
      ASSERT_EQ(got[i].dtype(), DType::f32);
      const double difference = graph::reference::largest_difference(got[i], expected[i]);
      double allowed = kFloatTolerance * std::max(1e-3, largest_value(expected[i]));
      if (test_case().steps > 0) {
        const double step = graph.edge(graph.outputs[i]).quant->scale[0];
        allowed = step * (test_case().steps + kStepSlack);
      }
      EXPECT_LE(difference, allowed) << "output " << i;
    }
  }

  std::string reason_;
};

TEST_P(Conformance, EqualsTheReference) {
  const auto session = load(1);
  if (session == nullptr) GTEST_SKIP() << reason_;
  EXPECT_EQ(session->input_dtype(), test_case().graph.edge(test_case().graph.inputs[0]).dtype);
  for (const int64_t batch : {1, 3}) {
    const auto inputs = graph::reference::random_inputs(test_case().graph, batch, 23);
    const graph::Graph& reference = test_case().reference;
    const auto expected = graph::reference::execute(reference.nodes.empty() ? test_case().graph : reference, inputs);
    for (const Tensor& output : expected) {
      const auto values = output.values<float>();
      const auto [low, high] = std::minmax_element(values.begin(), values.end());
      ASSERT_LT(*low, *high) << "the case shows nothing: all outputs are equal";
    }
    expect_near(session->run(inputs[0]), expected);
  }
}

TEST_P(Conformance, RunsAreRepeatableAndImagesIndependent) {
  const auto session = load(2);
  if (session == nullptr) GTEST_SKIP() << reason_;
  const Tensor batch = graph::reference::random_inputs(test_case().graph, 3, 29)[0];
  const auto together = session->run(batch);
  EXPECT_EQ(session->run(batch), together);
  const auto alone = session->run(image_of(batch, 1));
  std::vector<Tensor> second;
  for (const Tensor& output : together) second.push_back(image_of(output, 1));
  expect_near(alone, second);
}

TEST_P(Conformance, RefusesOtherInputs) {
  const auto session = load(1);
  if (session == nullptr) GTEST_SKIP() << reason_;
  const graph::Edge& edge = test_case().graph.edge(test_case().graph.inputs[0]);
  Shape wide = edge.shape;
  ++wide[3];
  Shape none = edge.shape;
  none[0] = 0;
  const Tensor bad[] = {Tensor(edge.dtype, wide), Tensor(edge.dtype, none), Tensor(edge.dtype, {1, 3}),
                        Tensor(DType::i32, edge.shape)};
  for (const Tensor& input : bad) {
    try {
      session->run(input);
      ADD_FAILURE() << "took " << to_string(input.dtype()) << " " << to_string(input.shape());
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data) << error.what();
    }
  }
}

// A case that a runtime refuses is skipped above: without this a runtime that refuses all of them would pass.
class Support : public testing::TestWithParam<size_t> {};

TEST_P(Support, TakesNearlyAllCases) {
  const Entry& entry = all_runtimes()[GetParam()];
  const Availability availability = entry.runtime->availability();
  if (!availability.available) GTEST_SKIP() << entry.runtime->name() << ": " << availability.reason;
  size_t taken = 0;
  std::string refused;
  for (const Case& one : all_cases()) {
    try {
      entry.runtime->load(file_of(one.graph), {.threads = 1, .profile_path = "", .isa = entry.isa});
      ++taken;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::unsupported) << one.name;
      refused += "\n" + one.name + ": " + error.what();
    }
  }
  EXPECT_GE(taken * 10, all_cases().size() * 9) << refused;
  std::cout << taken << " of " << all_cases().size() << refused << "\n";
}

std::string runtime_name_of(const testing::TestParamInfo<size_t>& info) {
  std::string name = all_runtimes()[info.param].runtime->name() + "_" + all_runtimes()[info.param].isa;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, Support, testing::Range<size_t>(0, all_runtimes().size()), runtime_name_of);

std::string name_of(const testing::TestParamInfo<std::tuple<size_t, size_t>>& info) {
  const Entry& entry = all_runtimes()[std::get<0>(info.param)];
  std::string name = entry.runtime->name() + "_" + entry.isa + "_" + all_cases()[std::get<1>(info.param)].name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, Conformance,
                         testing::Combine(testing::Range<size_t>(0, all_runtimes().size()),
                                          testing::Range<size_t>(0, all_cases().size())),
                         name_of);

}  // namespace
}  // namespace quench::runtime::conformance
