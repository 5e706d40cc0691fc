# ONNX Runtime: its headers, always; its library, where BERT_RUNTIME_LINK_ONNXRUNTIME asks to link one.
#
#   ONNXRUNTIME_ROOT (a variable of CMake or of the environment): a directory with include/ and perhaps lib/
#   a system package (libonnxruntime-dev)
#   the wheel of Python's onnxruntime, for the library alone: it holds no headers. Python3_EXECUTABLE names the Python.
#
# Targets: ONNXRuntime::headers, and ONNXRuntime::onnxruntime where there is a library to link. Of a wheel's library
# ONNXRuntime_WHEEL_LINK is the link by which it is linked, in the build's own folder.
find_path(ONNXRuntime_INCLUDE_DIR onnxruntime_c_api.h
  HINTS ${ONNXRUNTIME_ROOT} ENV ONNXRUNTIME_ROOT
  PATH_SUFFIXES include include/onnxruntime include/onnxruntime/core/session)
set(ONNXRuntime_reason
  "there is no onnxruntime_c_api.h: set ONNXRUNTIME_ROOT to a directory with include/, or run make onnxruntime-headers")

# The library in the wheel of ${Python3_EXECUTABLE}, or nothing. A program that links it asks the system for
# libonnxruntime.so.1, which is what the library calls itself; the wheel has no file of that name, so a link gets it.
function(onnxruntime_of_wheel result)
  set(${result} "" PARENT_SCOPE)
  if(NOT Python3_EXECUTABLE)
    return()
  endif()
  execute_process(
    COMMAND ${Python3_EXECUTABLE} -c
      "import importlib.util as u; print(u.find_spec('onnxruntime').submodule_search_locations[0])"
    OUTPUT_VARIABLE wheel OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  file(GLOB libraries ${wheel}/capi/libonnxruntime.so.*)
  if(failed OR NOT libraries)
    return()
  endif()
  list(GET libraries 0 library)
  set(link ${CMAKE_BINARY_DIR}/onnxruntime/libonnxruntime.so.1)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/onnxruntime)
  file(CREATE_LINK ${library} ${link} SYMBOLIC)
  set(${result} ${link} PARENT_SCOPE)
endfunction()

if(BERT_RUNTIME_LINK_ONNXRUNTIME)
  find_library(ONNXRuntime_LIBRARY onnxruntime HINTS ${ONNXRUNTIME_ROOT} ENV ONNXRUNTIME_ROOT PATH_SUFFIXES lib lib64)
  if(NOT ONNXRuntime_LIBRARY)
    find_package(Python3 QUIET COMPONENTS Interpreter)
    onnxruntime_of_wheel(wheel_library)
    if(wheel_library)
      set(ONNXRuntime_LIBRARY ${wheel_library} CACHE FILEPATH "ONNX Runtime's library" FORCE)
    endif()
  endif()
  if(ONNXRuntime_LIBRARY STREQUAL "${CMAKE_BINARY_DIR}/onnxruntime/libonnxruntime.so.1")
    set(ONNXRuntime_WHEEL_LINK ${ONNXRuntime_LIBRARY})
  endif()
  set(required_library ONNXRuntime_LIBRARY)
  if(ONNXRuntime_INCLUDE_DIR)
    string(CONCAT ONNXRuntime_reason
      "there is no library to link, neither in ONNXRUNTIME_ROOT (${ONNXRUNTIME_ROOT}) nor in the system, and the "
      "Python '${Python3_EXECUTABLE}' has no onnxruntime: set ONNXRUNTIME_ROOT to a directory with "
      "lib/libonnxruntime.so, or Python3_EXECUTABLE to a Python that has the wheel, or leave "
      "BERT_RUNTIME_LINK_ONNXRUNTIME off")
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(ONNXRuntime REQUIRED_VARS ONNXRuntime_INCLUDE_DIR ${required_library}
  REASON_FAILURE_MESSAGE "${ONNXRuntime_reason}")

if(ONNXRuntime_FOUND AND NOT TARGET ONNXRuntime::headers)
  add_library(ONNXRuntime::headers INTERFACE IMPORTED)
  target_include_directories(ONNXRuntime::headers SYSTEM INTERFACE ${ONNXRuntime_INCLUDE_DIR})
  if(BERT_RUNTIME_LINK_ONNXRUNTIME)
    add_library(ONNXRuntime::onnxruntime UNKNOWN IMPORTED)
    set_target_properties(ONNXRuntime::onnxruntime PROPERTIES IMPORTED_LOCATION ${ONNXRuntime_LIBRARY})
  endif()
endif()
