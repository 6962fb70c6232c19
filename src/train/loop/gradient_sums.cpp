#include "train/loop/gradient_sums.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <span>

#include "core/error.h"

namespace quench::train {
namespace {

using torch::Tensor;
using torch::autograd::variable_list;

/// Passes all gradients on if one of them is there. (An autograd::Function takes no list of values in LibTorch 1.13.)
class PassAll : public torch::autograd::Node {
 public:
  variable_list apply(variable_list&& gradients) override {
    for (size_t i = 0; i < gradients.size(); ++i) {
      if (!gradients[i].defined()) gradients[i] = input_metadata(i).zeros_like();
    }
    return std::move(gradients);
  }
};

/// Called when a leaf's gradient is there.
class AfterGradient : public torch::autograd::FunctionPostHook {
 public:
  explicit AfterGradient(std::function<void()> call) : call_(std::move(call)) {}
  variable_list operator()(const variable_list& outputs, const variable_list&) override {
    call_();
    return outputs;
  }

 private:
  std::function<void()> call_;
};

}  // namespace

struct GradientSums::State {
  /// Some gradients one behind another, then 1 for each that is there: the sum says how many processes have it.
  struct Bucket {
    std::vector<size_t> members;  ///< of parameters
    std::vector<int64_t> offsets;
    int64_t values = 0;
    Tensor buffer;
    size_t missing = 0;  ///< gradients that are not there yet
    std::unique_ptr<processes::Pending> pending;
  };

  processes::Group& group;
  int64_t bucket_bytes;
  std::vector<Tensor> parameters;
  std::vector<std::shared_ptr<torch::autograd::Node>> accumulators;  // the hooks live with them
  std::vector<size_t> order;  // in which the gradients came, until there are buckets
  std::vector<Bucket> buckets;
  std::vector<size_t> bucket_of;
  size_t begun = 0;  // buckets whose sum has begun
  bool listening = false;
  std::exception_ptr error;  // of a hook: autograd would make another exception of it

  void came(size_t parameter);
  void order_buckets();
  void add_bucket();
  void fill(Bucket& bucket) const;
  void begin_ready(bool all);
  void take(Bucket& bucket) const;
  Tensor part(const Bucket& bucket, size_t i) const;
};

void GradientSums::State::came(size_t parameter) {
  if (!listening || error) return;
  if (buckets.empty()) {
    order.push_back(parameter);
    return;
  }
  --buckets[bucket_of[parameter]].missing;
  try {
    begin_ready(false);
  } catch (...) {
    error = std::current_exception();
  }
}

/// By the order of rank 0; parameters without a gradient come last.
void GradientSums::State::order_buckets() {
  std::vector<int64_t> own(order.begin(), order.end());
  const auto* data = reinterpret_cast<const char*>(own.data());
  const std::string bytes = group.broadcast({data, own.size() * sizeof(int64_t)});
  std::vector<int64_t> wanted(bytes.size() / sizeof(int64_t));
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(wanted.data()));
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (std::ranges::count(wanted, static_cast<int64_t>(i)) == 0) wanted.push_back(static_cast<int64_t>(i));
  }
  bucket_of.resize(parameters.size());
  add_bucket();
  for (const int64_t next : wanted) {
    const auto parameter = static_cast<size_t>(next);
    const int64_t values = parameters.at(parameter).numel();
    const bool full = (buckets.back().values + values) * static_cast<int64_t>(sizeof(float)) > bucket_bytes;
    if (full && !buckets.back().members.empty()) add_bucket();
    Bucket& bucket = buckets.back();
    bucket_of[parameter] = buckets.size() - 1;
    bucket.members.push_back(parameter);
    bucket.offsets.push_back(bucket.values);
    bucket.values += values;
  }
  for (State::Bucket& bucket : buckets) {
    bucket.buffer = at::empty({bucket.values + static_cast<int64_t>(bucket.members.size())},
                              parameters[bucket.members[0]].options().requires_grad(false));
  }
}

void GradientSums::State::add_bucket() { buckets.emplace_back(); }

/// The place of a gradient in the bucket, laid out as its parameter.
Tensor GradientSums::State::part(const Bucket& bucket, size_t i) const {
  const Tensor& parameter = parameters[bucket.members[i]];
  const Tensor flat = bucket.buffer.narrow(0, bucket.offsets[i], parameter.numel());
  return parameter.is_non_overlapping_and_dense() ? flat.as_strided(parameter.sizes(), parameter.strides())
                                                  : flat.view(parameter.sizes());
}

void GradientSums::State::fill(Bucket& bucket) const {
  const at::NoGradGuard no_gradient;
  std::vector<float> there;
  for (size_t i = 0; i < bucket.members.size(); ++i) {
    const Tensor& gradient = parameters[bucket.members[i]].grad();
    gradient.defined() ? part(bucket, i).copy_(gradient) : part(bucket, i).zero_();
    there.push_back(gradient.defined() ? 1.0f : 0.0f);
  }
  bucket.buffer.narrow(0, bucket.values, static_cast<int64_t>(there.size())).copy_(at::tensor(there));
}

/// Begins the sums of the buckets that are ready, in order; all: of those that are not, too.
void GradientSums::State::begin_ready(bool all) {
  for (; begun < buckets.size() && (all || buckets[begun].missing == 0); ++begun) {
    fill(buckets[begun]);
    buckets[begun].pending = group.start_sum(buckets[begun].buffer);
  }
}

void GradientSums::State::take(Bucket& bucket) const {
  bucket.pending->wait();
  bucket.pending.reset();
  const Tensor there = bucket.buffer.narrow(0, bucket.values, static_cast<int64_t>(bucket.members.size())).cpu();
  for (size_t i = 0; i < bucket.members.size(); ++i) {
    if (there.data_ptr<float>()[i] == 0) continue;
    parameters[bucket.members[i]].mutable_grad() = part(bucket, i);
  }
}

GradientSums::GradientSums(const std::map<std::string, Tensor>& parameters, processes::Group& group,
                           int64_t bucket_bytes)
    : state_(std::make_shared<State>(State{group, bucket_bytes, {}, {}, {}, {}, {}, 0, false, {}})) {
  for (const auto& [name, value] : parameters) {
    ensure(value.scalar_type() == at::kFloat, "[train.gradient_sums] expected a float parameter, got another ({})",
           name);
    const size_t index = state_->parameters.size();
    state_->parameters.push_back(value);
    const auto accumulator = torch::autograd::impl::grad_accumulator(value);
    accumulator->add_post_hook(std::make_unique<AfterGradient>([state = std::weak_ptr(state_), index] {
      if (const auto alive = state.lock()) alive->came(index);
    }));
    state_->accumulators.push_back(accumulator);
  }
}

GradientSums::~GradientSums() = default;

void GradientSums::begin() {
  State& state = *state_;
  state.listening = true;
  state.begun = 0;
  state.error = nullptr;
  state.order.clear();
  for (State::Bucket& bucket : state.buckets) bucket.missing = bucket.members.size();
}

void GradientSums::finish() {
  State& state = *state_;
  state.listening = false;
  if (state.error) std::rethrow_exception(state.error);
  if (state.buckets.empty()) state.order_buckets();
  state.begin_ready(true);
  for (State::Bucket& bucket : state.buckets) state.take(bucket);
}

int64_t GradientSums::buckets() const { return static_cast<int64_t>(state_->buckets.size()); }

std::vector<Tensor> with_gradients_of_all(const std::vector<Tensor>& values) {
  const std::shared_ptr<torch::autograd::Node> node(new PassAll, torch::autograd::deleteNode);
  node->set_next_edges(torch::autograd::collect_next_edges(values));
  std::vector<Tensor> out;
  for (const Tensor& value : values) {
    out.push_back(value.detach());
    torch::autograd::create_gradient_edge(out.back(), node);
  }
  return out;
}

}  // namespace quench::train
