# SPDX-License-Identifier: Apache-2.0
# Warnings, sanitizers, linker, compiler cache. `hearth_warnings` is linked by our own targets only.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  message(FATAL_ERROR
    "g++ ${CMAKE_CXX_COMPILER_VERSION} destroys temporaries twice inside co_await expressions; "
    "use clang 19 (cmake --preset dev does)")
endif()

find_program(HEARTH_CCACHE ccache)
if(HEARTH_CCACHE)
  # Sloppiness: ccache cannot see through a precompiled header otherwise. Base dir: clones share results.
  set(_launcher "${CMAKE_COMMAND}" -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime
    "CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}" CCACHE_NOHASHDIR=1 "${HEARTH_CCACHE}")
  set(CMAKE_C_COMPILER_LAUNCHER "${_launcher}" CACHE STRING "" FORCE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${_launcher}" CACHE STRING "" FORCE)
endif()

find_program(HEARTH_MOLD mold)
if(HEARTH_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_library(hearth_warnings INTERFACE)
target_compile_options(hearth_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual -Wnull-dereference
  -Wno-missing-designated-field-initializers  # leaving a field at its default is what designators are for
  -Werror)

if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(hearth_warnings INTERFACE "SHELL:-Xclang -fno-pch-timestamp")  # for ccache
endif()

if(HEARTH_SANITIZE STREQUAL "address")
  set(_flags -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
elseif(HEARTH_SANITIZE STREQUAL "thread")
  set(_flags -fsanitize=thread -fno-omit-frame-pointer)
endif()
if(_flags)
  # Our own code only: libllama is trusted here and would be ten times slower.
  target_compile_options(hearth_warnings INTERFACE ${_flags})
  add_link_options(${_flags})
endif()
