// What somebody probably meant: the candidate with the smallest edit distance to a misspelt word. For the
// one-line errors about commands, flags, suite keys, rows and workloads.
//
// Never: guesses wildly. A candidate further away than a third of the word (at least 2 edits) is no
// suggestion.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace dragstrip {

// Optimal string alignment: insert, delete, replace, swap two neighbours, each costs 1.
std::size_t edit_distance(std::string_view a, std::string_view b);
// Empty when nothing is near. The first of equally near ones wins.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);
// "; did you mean 'X'?" or nothing, to be appended to an error.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace dragstrip
