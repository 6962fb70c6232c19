// The interpreter's cost: forward of yolov5n-cls by GraphModule (fused kernels off) against the same network
// hand-written as torch::nn modules, both channels-last, evaluation mode.
//   forward_overhead [rounds=20] [steps=20] [batch=1] [imgsz=64] [threads=2] [clock=wall|cpu]
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cstdlib>

#include "interleave.h"
#include "models/spec.h"
#include "nn/graph_module.h"
#include "nn_plain_yolov5.h"

int main(int argc, char** argv) {
  const auto number = [&](int i, int fallback) { return argc > i ? std::atoi(argv[i]) : fallback; };
  const int rounds = number(1, 20), steps = number(2, 20), batch = number(3, 1), imgsz = number(4, 64);
  at::set_num_threads(number(5, 2));
  const auto clock =
      argc > 6 && std::string(argv[6]) == "cpu" ? quench::bench::Clock::processor : quench::bench::Clock::wall;
  quench::models::BuildOptions options;
  for (int i = 0; i < 100; ++i) options.classes.push_back(std::to_string(i));
  options.imgsz = imgsz;
  const quench::graph::Graph graph = quench::models::build("yolov5n-cls", options);

  torch::NoGradGuard no_grad;
  quench::plain::Yolov5nCls plain(100);
  quench::plain::copy_weights(graph, *plain);
  for (torch::Tensor& p : plain->parameters()) {
    if (p.dim() == 4) p.set_data(p.contiguous(at::MemoryFormat::ChannelsLast));
  }
  plain->eval();
  quench::nn::GraphModule module(graph, {torch::kCPU, true, false});
  quench::nn::GraphModule fused(graph, {torch::kCPU, true, true});
  const torch::Tensor x = at::rand({batch, 3, imgsz, imgsz}).contiguous(at::MemoryFormat::ChannelsLast);
  std::printf("largest difference: %g\n", (plain->forward(x) - module.forward(x)[0]).abs().max().item<double>());
  quench::bench::interleave({{"torch::nn", [&] { plain->forward(x); }},
                             {"GraphModule", [&] { module.forward(x); }},
                             {"GraphModule fused", [&] { fused.forward(x); }}},
                            rounds, steps, batch, clock);
  return 0;
}
