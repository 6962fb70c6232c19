#pragma once

#include "data/index/set_memory.h"
#include "data/sets/dataset.h"

namespace quench::data {

/// A COCO instances file. Categories become classes 0..n-1 by ascending id; category_ids() has the ids. Boxes are kept
/// as they are, in pixels; crowds keep their mark. Images are looked for beside the file, in images/, and, where the
/// file is in a folder of its own (annotations/), in ../images/<split>/, ../<split>/, ../images/ and other sub-folders
/// of ../images/, where <split> is what follows the last `_` of the file's name. Images without boxes are background.
///
/// A file whose name holds `train` with a file beside it whose name says `val` instead gives both splits; else the file
/// is both (same_images). Issues, all of the file as a whole: an annotation is left out that has no readable box
/// ("numbers"), refers to an image or category that is not there ("reference"), has a size of 0 or below ("size") or is
/// outside its image ("outside"); a box that reaches more than a pixel over the border is clipped ("clipped"). An image
/// is left out, with its objects, whose file is missing or does not decode, or whose id was seen before ("image");
/// where its size is not what the file says, the image's own counts ("image_size").
/// `memory` keeps what was read of a large set: the files are read again where one of them, or a picture, has changed.
///
/// Throws Error{io} where the file or all images are missing (places named), Error{data} as read_coco_json(), and where
/// both splits' categories differ.
Splits open_coco(const std::filesystem::path& file, std::shared_ptr<SetMemory> memory = nullptr);

/// The instances file of a folder with images/ and annotations/ but no labels/: the one for training, else the only
/// one; empty where there is none.
std::filesystem::path coco_file_of(const std::filesystem::path& folder);

}  // namespace quench::data
