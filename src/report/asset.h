#pragma once

#include <string_view>

/// Files that the build embeds for report pages (cmake/Embed.cmake).
namespace quench::report::asset {

std::string_view echarts();       ///< minified JavaScript; empty where it was not at hand at build time
std::string_view page_style();    ///< page.css
std::string_view page_script();   ///< page.js
std::string_view table_script();  ///< page_tables.js
std::string_view layer_script();  ///< layers.js

}  // namespace quench::report::asset
