#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/json.h"
#include "figures/figure.h"

namespace quench::report {

/// A drawing of a page.
struct PageDrawing {
  std::string file;  ///< name without extension, of letters, digits and _
  figures::Figure figure;
  std::string note = {};  ///< below it
  bool large = false;     ///< shown at its own size, in a frame that scrolls; else at most half of the page wide
};

/// A table of a page. Cells are texts, numbers or null (shown as "-"; in CSV nothing).
struct PageTable {
  std::string file;  ///< name without extension
  std::string title, note;
  std::vector<std::vector<Json>> rows;  ///< the first the head; columns of numbers align right
  bool shown = true;                    ///< else it is a file alone
};

/// Pictures that belong together, and what is said of them.
struct PagePicture {
  std::vector<std::pair<std::string, std::string>> panels;  ///< title, and the bytes of a JPEG or PNG
  std::string caption;
};

/// A part of a page, under its title; empty ones are left out.
struct PagePart {
  std::string title, note;
  std::vector<PageDrawing> drawings;
  std::vector<PageTable> tables;
  std::vector<PagePicture> pictures;
};

struct PageTile {
  std::string title, value, note;
};

/// A page of figures in large, drawings, tables and pictures.
struct FigurePage {
  std::string title;
  std::vector<std::pair<std::string, std::string>> facts;  ///< what it was made of: "Model", "yolov5n.onnx"
  std::vector<std::string> notes;                          ///< said on the page's face
  std::vector<PageTile> tiles;
  std::vector<PagePart> parts;
  std::vector<std::string> foot;  ///< how the figures are defined
};

/// One self-contained HTML page with all in it: it needs no network and no other file.
std::string figure_page(const FigurePage& page);

/// A name, and the content of a file of that name.
using NamedFile = std::pair<std::string, std::string>;

/// NAME.svg of every drawing, NAME.csv of every table.
std::vector<NamedFile> files_of(const FigurePage& page);

}  // namespace quench::report
