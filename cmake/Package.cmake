# Debian packages by CPack (`make package`): quench (the programs), libquench0 (the shared library), libquench-dev.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME quench)
set(CPACK_PACKAGE_VENDOR "the authors of quench")
set(CPACK_PACKAGE_CONTACT "the authors of quench <quench@localhost>")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/packages)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL program library development)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
# What each needs of other packages is read from what its files link. The libraries of others only, not of these.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CMAKE_BINARY_DIR})
set(library libquench${PROJECT_VERSION_MAJOR})

set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME quench)
set(CPACK_COMPONENT_PROGRAM_DESCRIPTION "prune, quantize and bench YOLO for the edge
 Trains YOLO models, compresses them, runs the real compressed arithmetic,
 measures it on the device and compares.")
set(CPACK_DEBIAN_PROGRAM_PACKAGE_RECOMMENDS "fonts-dejavu-core, openssh-client")

set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME ${library})
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_COMPONENT_LIBRARY_DESCRIPTION "models of quench in C++ programs (shared library)
 Loads an ONNX model that quench wrote, float or quantized, and says what it
 sees in a picture.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libquench-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "${library} (= ${PROJECT_VERSION})")
# What the static library leaves to its program.
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SUGGESTS "libprotobuf-dev, libfmt-dev, libmd-dev, zlib1g-dev")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "models of quench in C++ programs (headers and static library)
 Headers, the static library, and what find_package and pkg-config read.")

foreach(part program library development)
  string(TOUPPER ${part} name)
  install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION share/doc/${CPACK_DEBIAN_${name}_PACKAGE_NAME} RENAME copyright
          COMPONENT ${part})
endforeach()
include(CPack)
