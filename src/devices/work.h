#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "devices/device.h"
#include "graph/graph.h"

namespace quench::devices {

/// What one layer asks of a machine for one image. Sizes are in elements: bytes follow from the precision.
struct LayerWork {
  int64_t positions = 0;    ///< of the output: height x width
  int64_t kernel_area = 0;  ///< 0 for layers without multiplications
  int64_t groups = 1;
  int64_t in_channels = 0;     ///< a group
  int64_t out_channels = 0;    ///< a group
  int64_t input_elements = 0;  ///< of all inputs together
  int64_t elements_moved = 0;  ///< inputs read, outputs and weights, each once
  bool strided = false;        ///< a convolution that moves by more than one position
  bool quantized = false;      ///< its weights are integers in the file

  int64_t weight_elements() const { return kernel_area * groups * in_channels * out_channels; }
  int64_t output_elements() const { return positions * groups * out_channels; }  ///< of layers that multiply
  int64_t macs() const { return positions * weight_elements(); }
};

/// What a whole model asks for.
struct ModelWork {
  std::vector<LayerWork> layers;
  int64_t weight_elements = 0;
  int64_t arena_elements = 0;  ///< most activations that are alive at a time, in order of the nodes
  bool convolutional = true;   ///< no layer sees the whole image: all maps grow with it
  bool quantized = false;      ///< graph::is_quantized
  bool symmetric_int8 = true;  ///< all that is quantized is int8 around zero point 0, as TensorRT takes it
  std::string target;          ///< runtime that a quantized file was made for; empty where it does not say

  int64_t macs() const;
};

/// Fold over the graph. Batch norm and activations are fused into the layer before them, concat, split and flatten move
/// nothing (producers write in place): what engines for deployment do. Throws Error{data} for weights of another form.
ModelWork work_of(const graph::Graph& graph);

/// The work of a convolutional model at an image `times` as long and wide, from its work at a size that all of its
/// strides divide: maps grow by times^2, weights stay.
ModelWork enlarged(ModelWork work, int64_t times);

/// Bytes that the model needs of a device's memory: weights and the activations alive at a time.
int64_t memory_need(const ModelWork& work, Precision precision);

int64_t bytes_of(Precision precision);

}  // namespace quench::devices
