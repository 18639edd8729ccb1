# SPDX-License-Identifier: Apache-2.0
# Chat templates and the reading of answers, over llama.cpp's `common`.
set(HEARTH_ENGINE_CHAT_SOURCES
  src/chat_format.cpp src/chat_format_grammar.cpp src/chat_format_input.cpp
  src/chat_stream.cpp src/chat_stream_parser.cpp src/tool_schema.cpp)

function(hearth_engine_chat_tests)
  hearth_test(engine_chat_test
    SOURCES tests/chat_format_test.cpp tests/chat_stream_test.cpp tests/chat_templates_test.cpp
    DEPS hearth::engine llama-common llama)
  if(TARGET engine_chat_test)
    # libllama's own grammar matcher, which has no public door.
    target_include_directories(engine_chat_test SYSTEM PRIVATE "${HEARTH_LLAMA_SOURCE_DIR}/src")
  endif()
endfunction()
cmake_language(DEFER CALL hearth_engine_chat_tests)  # after hearth_module(engine)
