// The benchmark payload: what was written is read, one turned bit is noticed, CRC-32C in both forms and in
// any cut.
#include "core/codec/message.h"

#include "tests/fuzz/fuzz.h"

namespace dragstrip::fuzz {

void one_input(std::string_view input) {
  Input in(input);
  const unsigned seed = in.two_bytes();
  const std::string_view bytes = in.rest();

  const std::uint32_t crc = crc32c(bytes);
  FUZZ_CHECK(crc == crc32c_by_table(bytes), "the instruction and the table");
  for_each_cut(bytes.size(), seed, [&](const testing::Chunking& chunking) {
    std::uint32_t sum = 0;
    testing::deliver(bytes, chunking, [&sum](std::string_view piece) {
      sum = crc32c(piece, sum);
      return true;
    });
    FUZZ_CHECK(sum == crc, chunking.name);
  });

  const ReadMessage read = read_message(bytes);
  if (read.check == MessageCheck::ok) {
    // The filler is the receiver's to ignore, but the header has to survive being written again.
    std::string again(bytes.size(), '\0');
    write_message({again.data(), again.size()}, read.header);
    FUZZ_SAME(again.substr(0, kMessageHeaderSize - 6), std::string(bytes.substr(0, kMessageHeaderSize - 6)),
              "a header that was read and written again");
  }

  Random random(mix64(seed));
  MessageHeader header;
  header.run = static_cast<std::uint32_t>(random.below(1u << 18));
  header.publisher = static_cast<std::uint32_t>(random.below(1u << 18));
  header.seq = random.below(std::uint64_t{1} << 36);
  header.intended = instant_from_ns(static_cast<std::int64_t>(random.below(std::uint64_t{1} << 62)));
  header.topic = static_cast<std::uint32_t>(random.below(1u << 12));
  std::string payload(kMessageHeaderSize + bytes.size(), '\0');
  write_message({payload.data(), payload.size()}, header);
  const ReadMessage back = read_message(payload);
  FUZZ_CHECK(back.check == MessageCheck::ok, "written by us");
  FUZZ_CHECK(back.header.run == header.run && back.header.publisher == header.publisher &&
                 back.header.seq == header.seq && back.header.intended == header.intended &&
                 back.header.topic == header.topic,
             "the header");
  for (const char c : payload) FUZZ_CHECK(c > 0x20 && c < 0x7f && c != '\\', "text-safe");
  payload[random.below(payload.size())] ^= static_cast<char>(1u << random.below(8));
  FUZZ_CHECK(read_message(payload).check != MessageCheck::ok, "a turned bit");
}

}  // namespace dragstrip::fuzz
