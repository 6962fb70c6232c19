# quench_embed(OUT NAMESPACE name=file ...)
#
# Writes a C++ source into the build folder, and its path into OUT: for each `name=file` a function
# `std::string_view NAMESPACE::name()` with the file's bytes, put into the object by the assembler (takes no time to
# compile). An empty file name gives an empty text.
function(quench_embed OUT NAMESPACE)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/embedded.cpp)
  set(text "#include <string_view>\n\n")
  set(files)
  foreach(entry IN LISTS ARGN)
    string(REGEX MATCH "^([a-z_]+)=(.*)$" matched "${entry}")
    set(name "${CMAKE_MATCH_1}")
    set(file "${CMAKE_MATCH_2}")
    if("${file}" STREQUAL "")
      string(APPEND text "namespace ${NAMESPACE} {\nstd::string_view ${name}() { return {}; }\n}\n")
      continue()
    endif()
    list(APPEND files ${file})
    string(APPEND text
      "__asm__(\".pushsection .rodata\\n\"\n"
      "        \".global quench_embedded_${name}\\n.global quench_embedded_${name}_end\\n\"\n"
      "        \"quench_embedded_${name}:\\n.incbin \\\"${file}\\\"\\n\"\n"
      "        \"quench_embedded_${name}_end:\\n.byte 0\\n.popsection\\n\");\n"
      "extern \"C\" const char quench_embedded_${name}[], quench_embedded_${name}_end[];\n"
      "namespace ${NAMESPACE} {\nstd::string_view ${name}() {\n"
      "  return {quench_embedded_${name}, static_cast<size_t>(quench_embedded_${name}_end - quench_embedded_${name})};\n"
      "}\n}\n")
  endforeach()
  file(CONFIGURE OUTPUT ${source} CONTENT "${text}" @ONLY)
  # By itself: compiled as one with others it would not be made again where a file changes.
  set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS "${files}" SKIP_UNITY_BUILD_INCLUSION ON)
  set(${OUT} ${source} PARENT_SCOPE)
endfunction()
