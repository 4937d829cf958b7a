// A doubly linked list threaded through its elements: no allocation, removal without knowing the list, and
// an element that dies takes itself out. Owns nothing. An element is in one list per hook at a time.
#pragma once

#include "core/base/check.h"

namespace dragstrip {

class ListHook {
 public:
  ListHook() = default;
  ListHook(const ListHook&) = delete;
  ListHook& operator=(const ListHook&) = delete;
  ~ListHook() { unlink(); }

  [[nodiscard]] bool linked() const noexcept { return next_ != this; }
  void unlink() noexcept {
    prev_->next_ = next_;
    next_->prev_ = prev_;
    prev_ = next_ = this;
  }

 private:
  template <typename T, typename Hook>
  friend class IntrusiveList;
  ListHook* prev_ = this;
  ListHook* next_ = this;
};

// `Hook` is a class derived from ListHook (one per list that T can be in) of which T derives.
template <typename T, typename Hook>
class IntrusiveList {
 public:
  [[nodiscard]] bool empty() const noexcept { return !ends_.linked(); }
  [[nodiscard]] T* front() const noexcept { return empty() ? nullptr : element(ends_.next_); }
  void push_back(T& t) noexcept {
    ListHook& hook = static_cast<Hook&>(t);
    DRAGSTRIP_DEBUG_CHECK(!hook.linked());
    hook.prev_ = ends_.prev_;
    hook.next_ = &ends_;
    ends_.prev_->next_ = &hook;
    ends_.prev_ = &hook;
  }
  T* pop_front() noexcept {
    T* const t = front();
    if (t != nullptr) static_cast<Hook*>(t)->unlink();
    return t;
  }
  // Moves all elements of `from` behind ours.
  void splice_back(IntrusiveList& from) noexcept {
    if (from.empty()) return;
    ends_.prev_->next_ = from.ends_.next_;
    from.ends_.next_->prev_ = ends_.prev_;
    from.ends_.prev_->next_ = &ends_;
    ends_.prev_ = from.ends_.prev_;
    from.ends_.prev_ = from.ends_.next_ = &from.ends_;
  }

 private:
  static T* element(ListHook* hook) noexcept { return static_cast<T*>(static_cast<Hook*>(hook)); }
  ListHook ends_;
};

}  // namespace dragstrip
