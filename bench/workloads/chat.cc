#include "bench/workloads/chat.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/codec/message.h"

namespace dragstrip {

namespace {
constexpr std::uint32_t kTopicNumbers = 1u << 12;  // what the header has room for
}

ChatWorker::ChatWorker(const WorkerSetup& setup) : LoadWorker(setup), payload_(plan_.payload_bytes) {
  DRAGSTRIP_CHECK(plan_.payload_bytes >= kMessageHeaderSize);
  plan_rooms();
  plan_publishes();
}

void ChatWorker::plan_rooms() {
  members_.resize(slots_.size());
  std::uint32_t trackers = 0;
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
    const std::uint32_t number = slots_[slot].client / plan_.room_size;
    if (rooms_.empty() || rooms_.back().number != number) {
      rooms_.push_back({number, slot, 0, plan_.topic + "-" + std::to_string(number)});
    }
    members_[slot].room = static_cast<std::uint32_t>(rooms_.size() - 1);
    members_[slot].place = rooms_.back().size++;
  }
  for (Member& member : members_) {
    member.trackers = trackers;
    trackers += rooms_[member.room].size;
  }
  trackers_.resize(trackers);
}

void ChatWorker::plan_publishes() {
  constexpr std::uint32_t kNotMine = ~0u;
  std::vector<std::uint32_t> slot_of_client(plan_.clients, kNotMine);
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) slot_of_client[slots_[slot].client] = slot;
  std::vector<std::uint32_t> counts(slots_.size());
  for (Schedule schedule(plan_.schedule); schedule.peek() < plan_.total();) {
    const std::uint32_t slot = slot_of_client[chat_user(plan_, schedule.index())];
    const Duration offset = schedule.next();
    if (slot == kNotMine) continue;
    Publish& publish = publishes_.emplace_back();
    publish.offset_ns = offset.count();
    publish.slot = slot;
    publish.seq = counts[slot]++;
  }
  std::uint32_t first = 0;
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
    members_[slot].first = members_[slot].next = members_[slot].end = first;
    first += counts[slot];
  }
  by_member_.resize(publishes_.size());
  for (std::uint32_t i = 0; i < publishes_.size(); ++i) by_member_[members_[publishes_[i].slot].end++] = i;
}

void ChatWorker::subscribe(Slot& slot) {
  const Member& member = members_[index_of(slot)];
  slot.channel->subscribe(rooms_[member.room].topic, member.last);
}

void ChatWorker::on_begin() {
  pump();
}

// ------------------------------------------------------------------------------------------ publishing

void ChatWorker::pump() {
  if (!offering()) return;
  while (next_due_ < publishes_.size()) {
    Publish& publish = publishes_[next_due_];
    const Instant intended = intended_of(publish);
    if (intended >= recorder_.window_to()) return;
    const Instant now = host_.stamp();
    if (intended > now) return wake_at(intended);
    // Its user was busy when it became due: that wait is not ours.
    const Member& member = members_[publish.slot];
    const bool had_to_wait = member.busy && member.busy_since < intended;
    publish.release.noticed = had_to_wait ? intended : now;
    recorder_.acted(intended, publish.release.noticed);
    ++next_due_;
    ++pending_;
    release_next(publish.slot);
  }
}

// Releases the member's next publish when it is due and the one before it has ended.
void ChatWorker::release_next(std::uint32_t slot) {
  Member& member = members_[slot];
  if (member.busy || member.pausing || member.next == member.end || slots_[slot].state != Slot::State::up)
    return;
  const std::uint32_t index = by_member_[member.next];
  if (index >= next_due_) return;
  Publish& publish = publishes_[index];
  ++member.next;
  member.busy = true;
  publish.released = true;
  const Instant intended = intended_of(publish);
  member.busy_since = host_.stamp();
  publish.release.due = member.free_since;
  publish.release.released = member.busy_since;
  recorder_.released(intended, publish.release.slip(intended), member.busy_since);
  MessageHeader header;
  header.run = plan_.run;
  header.publisher = slots_[slot].client + 1;
  header.seq = publish.seq;
  header.intended = intended;
  header.topic = rooms_[member.room].number % kTopicNumbers;
  write_message(payload_, header);
  slots_[slot].channel->publish(index, rooms_[member.room].topic, {payload_.data(), payload_.size()},
                                intended);
}

void ChatWorker::finish_publish(Publish& publish, Outcome outcome, Instant at) {
  publish.done = true;
  --pending_;
  const Instant intended = intended_of(publish);
  // Late or not, it is in the log.
  if (outcome == Outcome::ok) owed_ += rooms_[members_[publish.slot].room].size - publish.heard;
  publish.outcome = outcome;
  if (outcome == Outcome::ok && at - intended > plan_.timeout) outcome = Outcome::timeout;
  if (!recorder_.in_window(intended)) return;
  ++report_.publishes.outcomes[static_cast<std::size_t>(outcome)];
}

void ChatWorker::on_done(Channel& channel, const Sample& sample, std::string_view) {
  const auto slot = static_cast<std::uint32_t>(channel.user);
  if (sample.op >= publishes_.size() || publishes_[sample.op].done || publishes_[sample.op].slot != slot)
    return;
  Publish& publish = publishes_[sample.op];
  publish.started = sample.started;
  publish.sent = sample.sent;
  finish_publish(publish, sample.outcome, sample.received);
  if (sample.outcome == Outcome::reset || sample.outcome == Outcome::refused) note_trouble();
  Member& member = members_[slot];
  member.busy = false;
  const Instant sent = std::max(sample.sent, publish.release.released);
  member.free_since = std::clamp(host_.turn_began(), std::min(sent, sample.received), sample.received);
  // A channel that is being lost says so next, and a dead server is not hammered.
  member.pausing = sample.outcome != Outcome::ok;
  release_next(slot);
  check_drained();
}

void ChatWorker::on_up(Slot& slot, Instant at) {
  members_[index_of(slot)].free_since = at;
  members_[index_of(slot)].pausing = false;
  if (offering()) release_next(index_of(slot));
}

void ChatWorker::on_down(Slot& slot, Instant at) {
  Member& member = members_[index_of(slot)];
  if (member.busy) {
    Publish& publish = publishes_[by_member_[member.next - 1]];
    if (!publish.done) finish_publish(publish, Outcome::reset, at);
  }
  member.busy = false;
}

void ChatWorker::on_tick(Instant now) {
  if (!offering()) return;
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
    Member& member = members_[slot];
    if (!member.pausing) continue;
    member.pausing = false;
    member.free_since = now;
    release_next(slot);
  }
}

// ------------------------------------------------------------------------------------------ hearing

ChatWorker::Publish* ChatWorker::find_publish(const Member& listener, const MessageView& view) {
  const ReadMessage read = read_message(view.payload);
  DeliveryCounts& counts = report_.deliveries;
  if (read.check == MessageCheck::corrupt) {
    ++counts.corrupt;
    return nullptr;
  }
  const MessageHeader& header = read.header;
  const Room& room = rooms_[listener.room];
  const std::uint32_t first_client = room.number * plan_.room_size;
  const std::uint32_t place = header.publisher - 1 - first_client;  // wraps around for those below
  if (read.check == MessageCheck::not_ours || header.run != plan_.run || header.publisher == 0 ||
      place >= room.size) {
    ++counts.foreign;
    return nullptr;
  }
  const Member& publisher = members_[room.first + place];
  if (header.seq < publisher.end - publisher.first) {
    Publish& publish = publishes_[by_member_[publisher.first + static_cast<std::uint32_t>(header.seq)]];
    if (publish.released && intended_of(publish) == header.intended) return &publish;
  }
  ++counts.corrupt;  // never said, or not like this
  return nullptr;
}

void ChatWorker::on_message(Channel& channel, const MessageView& view, Instant received) {
  Member& member = members_[channel.user];
  if (view.seq != 0) member.last = view.seq;
  Publish* const publish = find_publish(member, view);
  if (publish == nullptr) return;
  recorder_.received_in_window(received);
  DeliveryCounts& counts = report_.deliveries;
  SeqTracker& got = trackers_[member.trackers + members_[publish->slot].place];
  const Arrived how = got.accept(publish->seq);
  if (how == Arrived::duplicate) {
    ++counts.duplicate;
    return;
  }
  if (how == Arrived::reordered) ++counts.reordered;
  ++publish->heard;
  if (publish->done && publish->outcome == Outcome::ok) --owed_;
  const Instant intended = intended_of(*publish);
  if (recorder_.in_window(intended)) {
    ++counts.unique;
    const Split split = split_of(channel, *publish, received);
    recorder_.finished(intended, Outcome::ok, received, kUnset, view.payload.size(), &split);
  }
  check_drained();
}

// Where a publish has an answer of its own, members may hear it before its publisher has been told.
Split ChatWorker::split_of(const Channel& hearer, const Publish& publish, Instant received) const {
  Instant started = publish.started;
  Instant sent = publish.sent;
  const Channel* const channel = slots_[publish.slot].channel.get();
  if (const Sample* running = publish.done || channel == nullptr ? nullptr : channel->under_way()) {
    if (&publishes_[running->op] == &publish) {
      started = running->started;
      sent = running->sent;
    }
  }
  Cutter cutter = cut_sending(intended_of(publish), publish.release, started, sent, received);
  if (!plan_.row->push) {
    const Channel::Asked asked = hearer.asked();
    cut_asking(cutter, asked.due, asked.at, asked.every);
  }
  return cutter.finish(host_.turn_began());
}

void ChatWorker::on_lagged(Channel& channel, Cursor oldest, Instant) {
  Member& member = members_[channel.user];
  if (oldest == 0 || oldest - 1 <= member.last) return;
  member.lag_budget += oldest - 1 - member.last;
  member.last = oldest - 1;
}

// ------------------------------------------------------------------------------------------ the end

bool ChatWorker::drained() const {
  const bool all_due =
      next_due_ == publishes_.size() || intended_of(publishes_[next_due_]) >= recorder_.window_to();
  return all_due && pending_ == 0 && owed_ == 0;
}

void ChatWorker::settle(Instant now) {
  for (Publish& publish : publishes_) {
    const Instant intended = intended_of(publish);
    if (!recorder_.in_window(intended)) continue;
    ++report_.publishes.scheduled;
    if (!publish.done) {
      const Outcome outcome = now - intended >= plan_.timeout ? Outcome::timeout : Outcome::abandoned;
      ++report_.publishes.outcomes[static_cast<std::size_t>(outcome)];
    }
    const Room& room = rooms_[members_[publish.slot].room];
    recorder_.scheduled(intended, room.size);
    report_.deliveries.due += room.size;
    settle_deliveries(publish, now);
  }
}

// Gives every delivery of `publish` that did not arrive its outcome.
void ChatWorker::settle_deliveries(const Publish& publish, Instant now) {
  const Instant intended = intended_of(publish);
  const Member& publisher = members_[publish.slot];
  const Room& room = rooms_[publisher.room];
  for (std::uint32_t slot = room.first; slot < room.first + room.size; ++slot) {
    Member& member = members_[slot];
    const SeqTracker& got = trackers_[member.trackers + publisher.place];
    if (got.has(publish.seq)) continue;
    if (!slots_[slot].was_up) {
      recorder_.finished(intended, Outcome::refused, now);
    } else if (publish.done && publish.outcome != Outcome::ok) {
      recorder_.finished(intended, publish.outcome, now);
    } else if (publish.done && member.lag_budget > 0) {
      --member.lag_budget;
      ++report_.deliveries.lagged;
      recorder_.finished(intended, Outcome::lagged, now);
    } else if (publish.done && publish.seq < got.high()) {
      ++report_.deliveries.lost;  // accepted, and a later one of the same publisher came
      recorder_.finished(intended, Outcome::lost, now);
    } else {
      recorder_.unanswered(intended, now);
    }
  }
}

}  // namespace dragstrip
