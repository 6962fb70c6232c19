# Md::md: libmd's message digests.
find_path(MD_INCLUDE_DIR sha256.h REQUIRED)
find_library(MD_LIBRARY md REQUIRED)
add_library(Md::md UNKNOWN IMPORTED)
set_target_properties(Md::md PROPERTIES IMPORTED_LOCATION ${MD_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${MD_INCLUDE_DIR})
