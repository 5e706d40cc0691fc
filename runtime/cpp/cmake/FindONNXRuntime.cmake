# ONNX Runtime: its headers, always; its library, where there is one to link.
#
#   ONNXRUNTIME_ROOT (a variable of CMake or of the environment): a directory with include/ and perhaps lib/
#   a system package (libonnxruntime-dev)
#   the wheel of Python's onnxruntime, for the library alone: it holds no headers
#
# Targets: ONNXRuntime::headers, and ONNXRuntime::onnxruntime where BERT_RUNTIME_LINK_ONNXRUNTIME asks for it.
find_path(ONNXRuntime_INCLUDE_DIR onnxruntime_c_api.h
  HINTS ${ONNXRUNTIME_ROOT} ENV ONNXRUNTIME_ROOT
  PATH_SUFFIXES include include/onnxruntime include/onnxruntime/core/session)

if(BERT_RUNTIME_LINK_ONNXRUNTIME)
  find_library(ONNXRuntime_LIBRARY onnxruntime HINTS ${ONNXRUNTIME_ROOT} ENV ONNXRUNTIME_ROOT PATH_SUFFIXES lib lib64)
  if(NOT ONNXRuntime_LIBRARY)
    find_package(Python3 QUIET COMPONENTS Interpreter)
    execute_process(
      COMMAND ${Python3_EXECUTABLE} -c
        "import importlib.util as u; print(u.find_spec('onnxruntime').submodule_search_locations[0])"
      OUTPUT_VARIABLE wheel OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    file(GLOB libraries ${wheel}/capi/libonnxruntime.so.*)
    list(GET libraries 0 library)
    set(ONNXRuntime_LIBRARY ${library} CACHE FILEPATH "ONNX Runtime's library" FORCE)
  endif()
  set(required_library ONNXRuntime_LIBRARY)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(ONNXRuntime REQUIRED_VARS ONNXRuntime_INCLUDE_DIR ${required_library}
  REASON_FAILURE_MESSAGE "set ONNXRUNTIME_ROOT, or run `make onnxruntime-headers`")

if(ONNXRuntime_FOUND AND NOT TARGET ONNXRuntime::headers)
  add_library(ONNXRuntime::headers INTERFACE IMPORTED)
  target_include_directories(ONNXRuntime::headers SYSTEM INTERFACE ${ONNXRuntime_INCLUDE_DIR})
  if(BERT_RUNTIME_LINK_ONNXRUNTIME)
    add_library(ONNXRuntime::onnxruntime UNKNOWN IMPORTED)
    set_target_properties(ONNXRuntime::onnxruntime PROPERTIES IMPORTED_LOCATION ${ONNXRuntime_LIBRARY})
  endif()
endif()
