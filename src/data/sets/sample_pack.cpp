#include "data/sets/sample_pack.h"

#include <algorithm>

#include "core/clock.h"
#include "core/error.h"
#include "data/loading/loader.h"
#include "data/loading/stand_ins.h"
#include "data/sets/prepared.h"
#include "pack/file.h"

namespace quench::data {
namespace {

constexpr int kDetectSide = 640;  // what released detectors were trained at

int side_of(const Dataset& split, int imgsz) {
  if (imgsz > 0) return imgsz;
  if (labels_of(split.task()) == Labels::objects) return kDetectSide;
  const Shape shape = first_sample(split).pixels.shape();
  return static_cast<int>(std::min(shape.at(0), shape.at(1)));
}

pack::Image image_of(const Dataset& split, int64_t index, int side) {
  const ImageInfo info = split.image(index);
  return {info.id, info.name, letterbox(info.height, info.width, side, side), split.objects(index)};
}

pack::Header header_of(const Dataset& split, const PackOptions& options, int side) {
  pack::Header header;
  header.task = split.task();
  header.data = options.data;
  header.split = options.split;
  header.data_sha256 = split.digest();
  header.height = header.width = side;
  header.classes = split.classes();
  if (!header.has_objects()) header.preparation = pixels::to_text(options.preparation);
  for (int64_t i = 0; i < split.size(); ++i) {
    if (header.has_objects()) {
      header.images.push_back(image_of(split, i, side));
    } else {
      header.labels.push_back(split.label(i));
    }
  }
  return header;
}

/// The images' sizes were known before they were decoded.
void require_same(const pack::Image& said, const Letterbox& drawn) {
  if (said.letterbox == drawn) return;
  fail(ErrorKind::data, "[data.pack] expected an image of {}x{}, got {}x{} ({})", said.letterbox.image_height,
       said.letterbox.image_width, drawn.image_height, drawn.image_width, said.name);
}

/// Writes the split; where images cannot be read, `left_out` has them, and there is no file.
std::string write_images(const std::shared_ptr<const Dataset>& split, const pack::Header& header, LoaderOptions loading,
                         const std::filesystem::path& path, const LogSink& log, const CancelToken& cancel) {
  pack::Writer writer(path, header);
  Loader loader(split, loading);
  loader.start(0);
  int64_t shown_ns = now_ns(), done = 0;
  while (const auto batch = loader.next()) {
    cancel.check();
    for (size_t i = 0; i < batch->letterboxes.size(); ++i) {
      require_same(header.images.at(static_cast<size_t>(batch->indices[i])), batch->letterboxes[i]);
    }
    const Tensor planar = to_planar(batch->images);
    const std::span<const uint8_t> pixels = planar.values<uint8_t>();
    const auto bytes = static_cast<size_t>(header.image_bytes());
    for (size_t first = 0; first < pixels.size(); first += bytes, ++done) writer.add(pixels.subspan(first, bytes));
    if (now_ns() - shown_ns < 500'000'000) continue;
    shown_ns = now_ns();
    log.show_progress(fmt::format("packed {} of {} images", done, header.count()));
  }
  return loading.left_out->count() > 0 ? "" : writer.finish();
}

}  // namespace

std::string write_pack(std::shared_ptr<const Dataset> split, const PackOptions& options,
                       const std::filesystem::path& path, const LogSink& log, const CancelToken& cancel) {
  if (split->size() == 0) fail(ErrorKind::config, "[data.pack] expected at least one image, got an empty split");
  LoaderOptions loading;
  loading.imgsz = side_of(*split, options.imgsz);
  split = prepared(std::move(split), options.preparation, loading.imgsz);
  loading.batch = 8;
  loading.workers = options.workers;
  loading.left_out = std::make_shared<LeftOut>();
  const std::string sha256 = write_images(split, header_of(*split, options, loading.imgsz), loading, path, log, cancel);
  if (!sha256.empty()) return sha256;
  // The header, which comes first, counts images: once more, without those that cannot be read.
  const std::vector<LeftOutImage> left_out = loading.left_out->images();
  log.warning(to_text(left_out, split->size(), options.split + " images"));
  std::vector<int64_t> indices;
  for (const LeftOutImage& image : left_out) indices.push_back(image.index);
  const auto rest = without(split, indices);
  pack::Header header = header_of(*rest, options, loading.imgsz);
  header.data_sha256 = split->digest();
  loading.left_out = std::make_shared<LeftOut>();
  return write_images(rest, header, loading, path, log, cancel);
}

}  // namespace quench::data
