// Objects that are used again: the pool grows to the largest number in use at once and allocates nothing
// afterwards. It owns them all; taken ones must not outlive it. Not thread-safe.
#pragma once

#include <memory>
#include <utility>
#include <vector>

namespace dragstrip {

template <typename T>
class Pool {
 public:
  // `make` returns a std::unique_ptr<T>; it is called only when no used object is there.
  template <typename Make>
  T& take(Make&& make) {
    if (free_.empty()) {
      all_.push_back(std::forward<Make>(make)());
      free_.reserve(all_.capacity());
      return *all_.back();
    }
    T& again = *free_.back();
    free_.pop_back();
    return again;
  }
  void give_back(T& object) { free_.push_back(&object); }
  // Every object that was ever made, those that wait for use included. `use` may give back and take.
  template <typename Use>
  void for_each(Use&& use) {
    for (std::size_t i = 0; i < all_.size(); ++i) use(*all_[i]);
  }
  [[nodiscard]] std::size_t in_use() const noexcept { return all_.size() - free_.size(); }

 private:
  std::vector<std::unique_ptr<T>> all_;
  std::vector<T*> free_;
};

}  // namespace dragstrip
