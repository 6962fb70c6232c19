#include "cli/report_options.h"

namespace quench::cli {

using config::Option;
using config::OptionSet;
using T = config::OptionType;

OptionSet report_options() {
  return OptionSet(
      {Option{"title", T::text, nullptr, "title of the page"},
       Option{"columns", T::text_list, Json::array(),
              "columns of a table (table, csv, md, latex), in this order: Model,Method,Top-1,p50; default: all "
              "that say something (csv: every field of the records)"},
       Option{"seeds",
              T::text,
              "mean",
              "rows of a table that differ in their seed alone: their mean with its standard deviation, or each",
              {"mean", "each"}},
       Option{"rows", T::text, "all", "rows of a table: all, measured or forecast", {"all", "measured", "forecast"}},
       Option{"charts", T::text, nullptr, "folder to write every chart to, each as SVG and as PDF"},
       Option{"chart_axis",
              T::text,
              "auto",
              "axis of the costs: auto is logarithmic where they span more than a factor of 6",
              {"auto", "linear", "log"}},
       Option{"chart_place", T::text, "all",
              "what runs the models of charts: native, or \"native, 2 threads\"; all: every runtime and "
              "number of "
              "threads"},
       Option{"chart_width", T::number, 360.0, "width of a chart in points (1/72 inch)", {}, 150, 2000},
       Option{"chart_height", T::number, 270.0, "height of a chart in points", {}, 120, 2000},
       Option{"bibtex", T::text, nullptr, "file to write the papers behind the models, data and methods to (BibTeX)"}});
}

}  // namespace quench::cli
