#include <set>

#include "runtime/onnxruntime.h"

namespace quench::runtime {

Int8Count count_int8(const std::map<std::string, int64_t>& operators) {
  static const std::set<std::string, std::less<>> kInt8Convs{"QLinearConv", "ConvInteger"};
  static const std::set<std::string, std::less<>> kFloatConvs{"Conv", "FusedConv"};
  static const std::set<std::string, std::less<>> kInt8Linears{"QGemm", "QLinearMatMul", "MatMulInteger",
                                                               "DynamicQuantizeMatMul", "MatMulIntegerToFloat"};
  static const std::set<std::string, std::less<>> kFloatLinears{"Gemm", "FusedGemm", "MatMul", "FusedMatMul"};
  Int8Count result;
  for (const auto& [name, count] : operators) {
    const std::string type = name.substr(name.rfind('.') + 1);  // npos + 1 is 0
    if (kInt8Convs.contains(type)) result.convs_int8 += count;
    if (kInt8Convs.contains(type) || kFloatConvs.contains(type)) result.convs += count;
    if (kInt8Linears.contains(type)) result.linears_int8 += count;
    if (kInt8Linears.contains(type) || kFloatLinears.contains(type)) result.linears += count;
  }
  return result;
}

}  // namespace quench::runtime
