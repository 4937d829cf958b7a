#include "core/base/pressure.h"

#include <gtest/gtest.h>

namespace dragstrip {
namespace {

TEST(Pressure, TheTotalOfSomebodyWaiting) {
  EXPECT_EQ(pressure_total("some avg10=0.00 avg60=0.15 avg300=1.27 total=4388\nfull avg10=0.00 total=1\n"),
            4388u);
  EXPECT_EQ(pressure_total("some avg10=99.00 avg60=0.15 avg300=1.27 total=0"), 0u);
}

TEST(Pressure, WhatSaysNothingIsNotZero) {
  for (const char* text : {"", "nonsense", "full avg10=0.00 total=1\n", "some total=", "some total=x\n"}) {
    EXPECT_EQ(pressure_total(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace dragstrip
