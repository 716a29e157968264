// Errors. Bad input or usage is an Error whose message is one sentence: what was given, what was
// expected, and where it helps the fix. Tools print it and exit with 2; anything else exits with 1.
#pragma once

#include <sstream>
#include <stdexcept>

namespace lookback {

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class... Parts> [[noreturn]] void fail(const Parts&... parts) {
  std::ostringstream sentence;
  (sentence << ... << parts);
  throw Error(sentence.str());
}

template <class... Parts> void require(bool condition, const Parts&... parts) {
  if (!condition) [[unlikely]]
    fail(parts...);
}

} // namespace lookback
