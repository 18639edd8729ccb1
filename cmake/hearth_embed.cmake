# SPDX-License-Identifier: Apache-2.0
# hearth_embed(<source> <file>): <source> embeds <file> (#embed, seen from the repository's root). ccache does not look into
# embedded files, so their hash goes onto the command line, as HEARTH_EMBEDDED_SHA256.
function(hearth_embed source file)
  set(path "${CMAKE_SOURCE_DIR}/${file}")
  file(SHA256 "${path}" hash)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${path}")
  set_property(SOURCE "${source}" APPEND PROPERTY OBJECT_DEPENDS "${path}")
  set_property(SOURCE "${source}" APPEND PROPERTY COMPILE_DEFINITIONS "HEARTH_EMBEDDED_SHA256=\"${hash}\"")
endfunction()
