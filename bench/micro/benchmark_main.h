// The `main` of both Google Benchmark programs. All of the library's flags work; what 1.7.1 gets wrong does
// not:
//
//   what happened                               the library   here
//   a benchmark called SkipWithError            exit 0        exit 3
//   a filter that matches nothing               exit 0        exit 2
//   an unknown flag                             exit 1        exit 2
//   --benchmark_out cannot be written           exit 0        exit 5
//   a counter that is not a number              invalid JSON  exit 4, and left out of the file
//   a counter that is always 0, repetitions     bare NaN      its _cv is left out
//
// --benchmark_out is written when all is done, to a temporary file that is renamed: an old file stays whole.
#pragma once

namespace dragstrip::micro {

// `prepare` is called after the flags were understood, before the first benchmark runs; may be nullptr. It
// registers what depends on them and may throw UserError.
int benchmark_main(int argc, char** argv, void (*prepare)());

}  // namespace dragstrip::micro
