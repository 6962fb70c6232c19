#pragma once

#include <string>
#include <string_view>

namespace quench::pixels {

/// How a picture that is not square becomes the square that a model sees.
enum class Shaping {
  short_side,  ///< resized so that its short side fits, then cropped at its centre
  square,      ///< cropped at its centre to a square, which is then resized
  stretch,     ///< resized to a square whatever its proportions, then cropped at its centre
  none,        ///< cropped at its centre alone
};

/// How values between pixels are found.
enum class Resampling {
  own,                 ///< bilinear when enlarging, area when shrinking (pixels/fit.h): what quench trains with
  bilinear,            ///< bilinear, also when shrinking (pixels/resize.h)
  bilinear_antialias,  ///< a triangle as wide as a pixel of the result (pixels/resample.h); likewise the next two
  bicubic_antialias,
  lanczos_antialias,
};

/// How a classifier's pictures are prepared. The default is quench's own way; models that others trained may have
/// another one.
struct Preparation {
  Shaping shaping = Shaping::short_side;
  Resampling resampling = Resampling::own;
  /// A side is resized to `side` pixels where `crop` are kept, in proportion where the model's input is not `crop`.
  int side = 1, crop = 1;

  bool operator==(const Preparation&) const = default;
  /// Whether it is quench's own.
  bool is_own() const { return *this == Preparation{}; }
};

/// Throws Error{config} where a picture cannot be prepared so: quench's own filter shapes by the short side alone and
/// resizes to the model's input; the bilinear one without antialias does not go with the short side; sides are 1 to
/// 8192 pixels.
void check(const Preparation& preparation);

/// What metadata `preparation` of a model and the header of a sample pack hold: one line of JSON, equal for equal ones,
/// `{"shape":"short_side","filter":"bilinear_antialias","side":256,"crop":224}`; empty for quench's own.
std::string to_text(const Preparation& preparation);

/// Inverse of to_text. Throws Error{data} naming `where` for another text, and for one that check() refuses.
Preparation preparation_from(std::string_view text, std::string_view where);

/// For a person: "the short side resized to 256 pixels where 224 are kept (bilinear, antialiased), the centre cropped".
std::string described(const Preparation& preparation);

}  // namespace quench::pixels
