#pragma once

#include "card/session.h"

namespace vlltr::tensorflow {

constexpr Way kWays[] = {Way::kByItself, Way::kInFunction};

/** Ends the test unless each value is the expected one, within `tolerance` of the largest and `least`. */
void near(const std::string& what, const Floats& got, const Floats& expected, double tolerance,
          double least = 0);

/** An op that ended has nothing under way, well or badly. */
void settled();

/** The op failed, and says so. */
void refused(const Status& status, const char* word);

// One file an op.
void testAdamw(Session& session);
void testAttention(Session& session);
void testContrastive(Session& session);

}  // namespace vlltr::tensorflow
