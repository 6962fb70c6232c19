# cmake -DOUTPUT=libquench.a -DWHOLE=a.a -DARCHIVES="b.a;c.a" -DLINKER=... -DOBJCOPY=... -DNM=... -DAR=... -P StaticLibrary.cmake
#
# Makes a static library of one object, in which all names but the public ones (quench::v0) are its own: a program that
# links it may have other versions of what is in it. Names become local, but for those that GCC marks as unique in a
# process, of which objcopy makes nothing: these get other names.
function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE code OUTPUT_VARIABLE said ERROR_VARIABLE said)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${ARGV}: ${said}")
  endif()
endfunction()

set(object ${OUTPUT}.o)
file(REMOVE ${OUTPUT})
run(${LINKER} -r --force-group-allocation -o ${object} --whole-archive ${WHOLE} --no-whole-archive
    --start-group ${ARCHIVES} --end-group)
execute_process(COMMAND ${NM} --defined-only ${object} OUTPUT_VARIABLE names COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[0-9a-f]+ u [^\n]+" unique "${names}")
set(list "")
foreach(line IN LISTS unique)
  string(REGEX REPLACE "^[0-9a-f]+ u " "" name "${line}")
  string(APPEND list "${name} quench_own${name}\n")
endforeach()
file(WRITE ${OUTPUT}.names "${list}")
run(${OBJCOPY} --wildcard "--keep-global-symbol=_ZN*6quench2v0*" "--keep-global-symbol=_ZT[ISV]N6quench2v05ErrorE"
    --redefine-syms=${OUTPUT}.names ${object})
run(${AR} qcs ${OUTPUT} ${object})
file(REMOVE ${object} ${OUTPUT}.names)
