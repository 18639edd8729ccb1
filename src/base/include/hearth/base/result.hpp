// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <utility>

#include "hearth/base/error.hpp"

namespace hearth {

/// A value or an Error. Expected failures (input, peer, model, disk) travel as values; exceptions come
/// from third parties only and are converted at the module's edge.
template <class T = void>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
  Result() = default;
};

/// `return fail(ErrorCode::not_found, "model 'x' is not here; try: hearth pull x");`
[[nodiscard]] inline std::unexpected<Error> fail(ErrorCode code, std::string message, std::string param = {}) {
  return std::unexpected<Error>{Error{code, std::move(message), std::move(param), {}}};
}
[[nodiscard]] inline std::unexpected<Error> fail(Error error) { return std::unexpected<Error>{std::move(error)}; }

}  // namespace hearth

#define HEARTH_CONCAT_(a, b) a##b
#define HEARTH_CONCAT(a, b) HEARTH_CONCAT_(a, b)
#define HEARTH_TRY_(tmp, ret, decl, expr)               \
  auto tmp = (expr);                                    \
  if (!tmp) ret ::hearth::fail(std::move(tmp).error()); \
  decl = *std::move(tmp)
#define HEARTH_CHECKED_(tmp, ret, expr) \
  if (auto tmp = (expr); !tmp) ret ::hearth::fail(std::move(tmp).error())

/// HEARTH_TRY(auto x, f());  x = value of f(), or return f()'s error. One statement, not an expression.
#define HEARTH_TRY(decl, expr) HEARTH_TRY_(HEARTH_CONCAT(try_, __LINE__), return, decl, expr)
/// The same inside a coroutine: HEARTH_CO_TRY(auto x, co_await f());
#define HEARTH_CO_TRY(decl, expr) HEARTH_TRY_(HEARTH_CONCAT(try_, __LINE__), co_return, decl, expr)
/// For Result<void>: HEARTH_CHECKED(f());
#define HEARTH_CHECKED(expr) HEARTH_CHECKED_(HEARTH_CONCAT(try_, __LINE__), return, expr)
#define HEARTH_CO_CHECKED(expr) HEARTH_CHECKED_(HEARTH_CONCAT(try_, __LINE__), co_return, expr)
