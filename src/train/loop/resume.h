#pragma once

namespace quench::train {

/// What a training does about a checkpoint that lies in its folder.
enum class Resume {
  never,          ///< starts anew, and writes over it
  or_fail,        ///< goes on from it; one of another run is an error, since whoever named the folder may want it
  or_start_anew,  ///< goes on from it; one of another run is put aside: for folders that are named by a key of all
                  ///< settings, where it can only be what another version of the program left
};

}  // namespace quench::train
