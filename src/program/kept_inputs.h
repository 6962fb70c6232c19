#pragma once

#include "program/command.h"

namespace quench::program {

/// Throws Error{config} where a command would write over what it reads: an input, a file that a setting names (data,
/// weights to start from, a reference), or a file that is a part of a folder of either: records, models and outcomes of
/// a study, and whatever lies in the folder of a data set but models, pages and packs. What a command makes of a folder
/// may lie in it, and is written anew.
void require_inputs_kept(const Invocation& invocation);

}  // namespace quench::program
