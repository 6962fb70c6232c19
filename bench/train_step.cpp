// Training steps of yolov5n-cls: a plain torch::nn float32 loop against GraphModule with fused kernels and optimizer.
//   train_step [rounds=10] [steps=10] [batch=128] [imgsz=64] [threads=2]
//   [only=all|plain|plain-nhwc|ours|ours-blas-default|unfused] [clock=wall|cpu]
// On a machine that does other work, threads=1 and clock=cpu give figures that stay meaningful.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cstdlib>

#include "interleave.h"
#include "models/spec.h"
#include "nn/blas.h"
#include "nn/graph_module.h"
#include "nn/kernels/sgd.h"
#include "plain_loop.h"

namespace {

using quench::bench::Data;
using quench::bench::kDecay;
using quench::bench::kMomentum;
using quench::bench::kRate;
using quench::bench::loss_of;
using quench::bench::PlainLoop;
using torch::Tensor;

class OurLoop {
 public:
  OurLoop(const quench::graph::Graph& graph, bool fused) : module_(graph, {torch::kCPU, true, fused}) {
    module_.train(true);
    for (auto& [name, tensor] : module_.parameters()) {
      parameters_.push_back(tensor);
      velocity_.push_back(at::zeros_like(tensor));
    }
  }
  double step(const Data& data) {
    namespace kernels = quench::nn::kernels;
    for (Tensor& p : parameters_) p.mutable_grad().reset();
    const Tensor loss = loss_of(module_.forward(data.images.permute({0, 3, 1, 2}))[0], data.labels);
    loss.backward();
    std::vector<kernels::SgdSpan> spans;
    std::vector<Tensor> gradients;
    for (size_t i = 0; i < parameters_.size(); ++i) {
      Tensor& p = parameters_[i];
      Tensor gradient = p.grad();
      if (gradient.strides() != p.strides()) gradient = at::empty_like(p).copy_(gradient);
      gradients.push_back(gradient);
      spans.push_back({p.data_ptr<float>(), gradient.data_ptr<float>(), velocity_[i].data_ptr<float>(), p.numel()});
    }
    kernels::sgd_step(spans, {kRate, kMomentum, kDecay, true}, {at::get_num_threads(), kernels::best_isa()});
    return loss.item<double>();
  }

 private:
  quench::nn::GraphModule module_;
  std::vector<Tensor> parameters_, velocity_;
};

}  // namespace

int main(int argc, char** argv) {
  const auto number = [&](int i, int fallback) { return argc > i ? std::atoi(argv[i]) : fallback; };
  const int rounds = number(1, 10), steps = number(2, 10), batch = number(3, 128), imgsz = number(4, 64);
  at::set_num_threads(number(5, 2));
  const std::string only = argc > 6 ? argv[6] : "all";
  const auto clock =
      argc > 7 && std::string(argv[7]) == "cpu" ? quench::bench::Clock::processor : quench::bench::Clock::wall;

  quench::models::BuildOptions options;
  for (int i = 0; i < 100; ++i) options.classes.push_back(std::to_string(i));
  options.imgsz = imgsz;
  const quench::graph::Graph graph = quench::models::build("yolov5n-cls", options);

  torch::manual_seed(1);
  const Data data{at::randint(0, 256, {batch, imgsz, imgsz, 3}, torch::kByte),
                  at::randint(0, 100, {batch}, torch::kLong)};
  PlainLoop plain(graph, false), plain_nhwc(graph, true);
  OurLoop ours(graph, true), unfused(graph, false);
  std::printf("first losses: plain %.6f  plain channels-last %.6f  ours %.6f  unfused %.6f\n", plain.step(data),
              plain_nhwc.step(data), ours.step(data), unfused.step(data));
  std::vector<quench::bench::Contender> contenders;
  const auto add = [&](const char* name, auto& loop) {
    if (only == "all" || only == name) contenders.push_back({name, [&] { loop.step(data); }});
  };
  const int threads = at::get_num_threads();
  add("plain", plain);
  add("plain-nhwc", plain_nhwc);
  add("ours-blas-default", ours);
  if (only == "all" || only == "ours") {  // as the program runs it: OpenBLAS on one thread
    contenders.push_back({"ours", [&] {
                            quench::nn::set_blas_threads(1);
                            ours.step(data);
                            quench::nn::set_blas_threads(threads);
                          }});
  }
  add("unfused", unfused);
  quench::bench::interleave(contenders, rounds, steps, batch, clock);
  return 0;
}
