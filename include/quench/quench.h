#pragma once

/// All of quench's C++ library (docs/library.md). Any compiler of C++14 or later will do.
#include "quench/detection.h"
#include "quench/error.h"
#include "quench/image.h"
#include "quench/model.h"
#include "quench/version.h"
