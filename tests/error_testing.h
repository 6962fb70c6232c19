#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "core/error.h"

namespace quench {

/// Kind and message of the Error that a call throws; a failure of the test where it throws none.
template <typename Function>
std::pair<ErrorKind, std::string> error_of(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return {error.kind(), error.what()};
  }
  ADD_FAILURE() << "expected an Error";
  return {ErrorKind::internal, ""};
}

}  // namespace quench
