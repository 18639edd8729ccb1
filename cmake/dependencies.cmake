# SPDX-License-Identifier: Apache-2.0
# Debian's packages; docs/dependencies.md says why each is here. A module links what it owns (DESIGN: "the only user of").
find_package(Threads REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(spdlog 1.10 REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(yaml-cpp 0.7 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED COMPONENTS core)
if(HEARTH_TESTS)
  find_package(GTest 1.12 REQUIRED)
endif()
