# SPDX-License-Identifier: Apache-2.0
# Constrained output: constraints to GBNF. Included by CMakeLists.txt before the module is declared.
set(HEARTH_ENGINE_CONSTRAINT_HEADERS include/hearth/engine/answer_grammar.hpp include/hearth/engine/constraint.hpp include/hearth/engine/output_mask.hpp)
set(HEARTH_ENGINE_CONSTRAINT_SOURCES
  src/answer_grammar.cpp src/automaton.cpp src/constraint.cpp src/constraint_check.cpp src/constraint_gbnf.cpp src/constraint_rules.cpp
  src/constraint_rules_finish.cpp src/constraint_text.cpp src/mask_automaton.cpp src/mask_grammar.cpp src/mask_program.cpp src/output_mask.cpp src/regex_grammar.cpp src/regex_grammar_parser.cpp
  src/schema_annotations.cpp src/schema_applicators.cpp src/schema_document.cpp src/schema_format.cpp
  src/schema_grammar.cpp src/schema_keywords.cpp src/schema_listing.cpp src/schema_number.cpp src/schema_proof.cpp
  src/schema_shape.cpp src/schema_structure.cpp src/schema_structure_grammar.cpp src/token_index.cpp
  src/work_limit.cpp)

# The acceptor of these tests walks llama.cpp's own grammar, which has no public header.
hearth_test(engine_constraint_test
  SOURCES
    tests/answer_grammar_test.cpp tests/constraint_acceptor.cpp tests/constraint_test.cpp tests/constraint_gbnf_test.cpp tests/mask_test.cpp
    tests/schema_corpus_test.cpp tests/schema_grammar_test.cpp
  DEPS hearth::engine llama nlohmann_json::nlohmann_json TIMEOUT 300)
if(TARGET engine_constraint_test)
  target_include_directories(engine_constraint_test SYSTEM PRIVATE "${HEARTH_LLAMA_SOURCE_DIR}/src")
endif()
