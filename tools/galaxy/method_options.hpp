// The options of posterior methods that `sample` and `coverage` share.
#pragma once

#include "tools/common/command_line.hpp"
#include "tools/inference/methods.hpp"

namespace lookback::tools {

void add_method_options(Command& command, MethodOptions& options);

} // namespace lookback::tools
