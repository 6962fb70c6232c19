#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "onnx/document.h"

namespace quench::onnx {

/// Values of the file's tensors `wanted`, computed plainly from those that are known: what a tail of operators makes
/// of a network's raw outputs. known: as read_constant gives them, the file's constants among them.
/// Throws Error{data} where an operator that is needed cannot be evaluated (evaluate.h), or its inputs do not fit.
std::vector<Tensor> run_tail(const Document& document, std::map<std::string, Tensor> known,
                             const std::vector<std::string>& wanted);

}  // namespace quench::onnx
