// Sums of gradients over processes: buckets, parameters that some or all processes have no gradient for, backward
// passes that would run over different operations.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "collectives/join.h"
#include "processes/free_port.h"
#include "processes_testing.h"
#include "train/loop/gradient_sums.h"

namespace quench::train {
namespace {

using torch::Tensor;

void together(int count, const std::function<void(processes::Group&)>& work) {
  if (!collectives::why_not().empty()) GTEST_SKIP() << collectives::why_not();
  const int port = processes::free_port();
  const std::vector<int> codes = run_ranks(count, [&](int rank) {
    at::set_num_threads(1);
    work(*collectives::join({rank, count, rank, "127.0.0.1", port}, {.join_seconds = 30}));
  });
  EXPECT_EQ(codes, std::vector<int>(static_cast<size_t>(count), 0));
}

Tensor leaf(std::vector<int64_t> shape) { return at::ones(shape).set_requires_grad(true); }

TEST(GradientSums, AreThoseOfAllProcesses) {
  together(3, [](processes::Group& group) {
    const Tensor a = leaf({4, 3, 2, 2}).detach().contiguous(at::MemoryFormat::ChannelsLast).set_requires_grad(true);
    const Tensor b = leaf({7}), c = leaf({1});
    GradientSums sums({{"a", a}, {"b", b}, {"c", c}}, group, 64);  // 16 floats a bucket: `a` alone is more
    for (int step = 0; step < 3; ++step) {
      for (const Tensor& parameter : {a, b, c}) parameter.mutable_grad().reset();
      sums.begin();
      const double own = group.rank() + 1 + step;
      (a.sum() * own + b.square().sum() + c.sum() * 2 * own).backward();
      sums.finish();
      const double all = 6 + 3 * step;
      EXPECT_TRUE(at::allclose(a.grad(), at::full_like(a, all)));
      EXPECT_TRUE(at::allclose(b.grad(), at::full_like(b, 6.0)));
      EXPECT_TRUE(at::allclose(c.grad(), at::full_like(c, 2 * all)));
      EXPECT_EQ(a.grad().strides(), a.strides());
      EXPECT_EQ(sums.buckets(), 2);
    }
  });
}

// The order in which gradients come differs between processes, too.
TEST(GradientSums, OnesThatAreMissingCountAsNothing) {
  together(2, [](processes::Group& group) {
    const Tensor all = leaf({3}), some = leaf({3}), none = leaf({3});
    GradientSums sums({{"all", all}, {"none", none}, {"some", some}}, group, 8);
    for (int step = 0; step < 2; ++step) {
      for (const Tensor& parameter : {all, some, none}) parameter.mutable_grad().reset();
      sums.begin();
      Tensor loss = all.sum();
      if (!group.leads()) loss = (some * 5).sum() + loss;
      loss.backward();
      sums.finish();
      EXPECT_TRUE(at::allclose(all.grad(), at::full({3}, 2.0f)));
      EXPECT_TRUE(at::allclose(some.grad(), at::full({3}, 5.0f)));
      EXPECT_FALSE(none.grad().defined());
    }
  });
}

// Passes before begin() add up in the gradient and are summed with it, once.
TEST(GradientSums, OfSeveralPassesAreSummedOnce) {
  together(2, [](processes::Group& group) {
    const Tensor a = leaf({2});
    GradientSums sums({{"a", a}}, group);
    for (int step = 0; step < 2; ++step) {
      a.mutable_grad().reset();
      a.sum().backward();
      sums.begin();
      (a * 10).sum().backward();
      sums.finish();
      EXPECT_TRUE(at::allclose(a.grad(), at::full({2}, 22.0f)));
    }
  });
}

TEST(GradientsOfAll, ReachWhatTheLossLeavesOut) {
  together(1, [](processes::Group&) {
    const Tensor x = leaf({2}), y = leaf({2});
    const std::vector<Tensor> values = with_gradients_of_all({x * 2, y * 3});
    EXPECT_TRUE(at::equal(values[1], at::full({2}, 3.0f)));
    values[0].sum().backward();
    EXPECT_TRUE(at::equal(x.grad(), at::full({2}, 2.0f)));
    ASSERT_TRUE(y.grad().defined());
    EXPECT_TRUE(at::equal(y.grad(), at::zeros({2})));
  });
}

}  // namespace
}  // namespace quench::train
