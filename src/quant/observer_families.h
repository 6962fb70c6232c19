#pragma once

#include <memory>

#include "quant/observer.h"

namespace quench::quant {

/// Smallest and largest value of all batches.
std::unique_ptr<Observer> minmax_observer();

/// Exponential moving average of each batch's smallest and largest value, starting at the first batch's
/// (Jacob et al. 2018, section 3.1): m <- (1 - c) * m + c * batch, c = 0.1.
std::unique_ptr<Observer> moving_average_observer();

/// The values between the (100 - p) / 2 and the 100 - (100 - p) / 2 percentile (Wu et al. 2020, section 3.3, there
/// one-sided on |x|): two-sided, from the histogram, linear within a bin. p = 100 is minmax. Symmetric: p of |x|.
std::unique_ptr<Observer> percentile_observer(double percentile);

/// The range whose quantization has the least mean squared error over the histogram (Nagel et al. 2021, section 3.1,
/// equation 11; Banner et al. 2019). Asymmetric: search over both ends.
/// before_silu: the error is that of silu of the values.
std::unique_ptr<Observer> mse_observer(bool before_silu);

/// The range that loses the least information: least KL divergence between the clipped histogram and its quantized form
/// (Migacz 2017, "8-bit Inference with TensorRT", slides 20-27). Deviation: asymmetric ranges search over both ends
/// with 2^bits levels and fold outliers into both end bins; the slides have |x| and one threshold, which symmetric
/// uses.
std::unique_ptr<Observer> entropy_observer();

/// The range that is best for a density, not for the values themselves (ACIQ: Banner et al. 2019, section 3): the
/// values are taken as Laplace's or the normal density about their mean, whichever their mean absolute deviation fits
/// better, and the range mean -+ alpha within the observed values has the least
///
///   E(alpha) = error of what is cut off, by the density + span^2 / (12 4^bits)
///
/// Laplace, b: b^2 exp(-alpha / b) a side (equation 5); normal, sigma: (sigma^2 + alpha^2) / 2 erfc(alpha / (sqrt(2)
/// sigma)) - sigma alpha exp(-alpha^2 / 2 sigma^2) / sqrt(2 pi) a side. Deviation: a side that the observed values do
/// not reach is not cut and takes no steps, where the paper has formulas of its own for values behind ReLU.
std::unique_ptr<Observer> aciq_observer();

}  // namespace quench::quant
