// One order per topic over several workers, each with its own thread, host, hub and server.
//
// Worker 0 keeps the order. What is published on another worker goes to it by mail; it numbers the message
// in its own log and mails it to all others, whose logs therefore grow in the same order to the same
// numbers. POST /publish and /feed are answered by worker 0's router, through the worker that was asked: its
// subscribers hear of a message before its publisher has the answer, as with one worker.
//
// A group of one must not be made: a server without it pays one comparison with nullptr per publish.
//
// Threads: everything of a Worker runs on its own thread, except that boxes are filled from the others'.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "servers/hub.h"
#include "servers/mailbox.h"
#include "servers/pool.h"
#include "servers/router.h"

namespace dragstrip {

class WorkerGroup {
 public:
  class Worker;

  explicit WorkerGroup(std::size_t workers);  // at least 2
  ~WorkerGroup();
  WorkerGroup(const WorkerGroup&) = delete;
  WorkerGroup& operator=(const WorkerGroup&) = delete;

  // Before any thread runs. `bell` makes on_mail(index) run on the worker's thread.
  void join(std::size_t index, Hub& hub, Router& router, Mailbox::Bell& bell);
  void on_mail(std::size_t index);
  // The worker reads no more mail: its thread ends. Without this the others would wait for room in its box.
  void leave(std::size_t index);
  [[nodiscard]] std::size_t size() const noexcept { return workers_.size(); }

 private:
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace dragstrip
