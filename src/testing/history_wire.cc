// SPDX-License-Identifier: Apache-2.0

#include "src/testing/history_wire.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/internal/bytes.h"
#include "trivet/testing/history.h"
#include "trivet/testing/violations.h"

namespace trivet {
inline namespace v0_1 {
namespace internal {
namespace {

using testing::History;
using testing::SimFault;
using testing::Violations;

std::string Text(ByteReader* reader) {
  return std::string(reader->Bytes(SIZE_MAX));
}

void Put(const std::vector<std::string>& texts, ByteWriter* writer) {
  writer->Varint(texts.size());
  for (const std::string& text : texts) writer->Bytes(text);
}

std::vector<std::string> Texts(ByteReader* reader) {
  std::vector<std::string> texts;
  for (uint64_t left = reader->Varint(); left > 0 && reader->ok(); --left) {
    texts.push_back(Text(reader));
  }
  return texts;
}

void Put(const SimFault& fault, ByteWriter* writer) {
  writer->Bytes(fault.kind);
  writer->Bytes(fault.id);
  writer->Bytes(fault.text);
}

SimFault Fault(ByteReader* reader) {
  SimFault fault;
  fault.kind = Text(reader);
  fault.id = Text(reader);
  fault.text = Text(reader);
  return fault;
}

// "AC1: it commits" was added as "AC1", "it commits". Those that are counted
// alone came behind the ones that are kept.
Violations ViolationsOf(ByteReader* reader) {
  Violations violations;
  const uint64_t count = reader->Varint();
  for (const std::string& one : Texts(reader)) {
    const size_t colon = one.find(": ");
    violations.Add(one.substr(0, colon), one.substr(colon + 2));
  }
  while (violations.count() < count) violations.Add("", "");
  return violations;
}

History HistoryOf(ByteReader* reader) {
  History history;
  history.violations = ViolationsOf(reader);
  history.configuration = Text(reader);
  history.classes = Texts(reader);
  for (uint64_t left = reader->Varint(); left > 0 && reader->ok(); --left) {
    history.faults.push_back(Fault(reader));
  }
  history.left_out = Texts(reader);
  history.trace = Text(reader);
  history.hash = reader->U64();
  history.events = reader->U64();
  for (uint64_t left = reader->Varint(); left > 0 && reader->ok(); --left) {
    std::string name = Text(reader);
    history.counters[std::move(name)] = reader->Varint();
  }
  return history;
}

// What a message begins with.
enum class Kind : uint8_t { kBegun, kFault, kEnded };

std::string Message(Kind kind) { return {static_cast<char>(kind)}; }

}  // namespace

std::string BegunMessage(uint64_t seed) {
  std::string message = Message(Kind::kBegun);
  ByteWriter(&message).U64(seed);
  return message;
}

std::string FaultMessage(const SimFault& fault) {
  std::string message = Message(Kind::kFault);
  ByteWriter writer(&message);
  Put(fault, &writer);
  return message;
}

std::string EndedMessage(uint64_t seed, const History& history) {
  std::string message = Message(Kind::kEnded);
  ByteWriter writer(&message);
  writer.U64(seed);
  writer.Varint(history.violations.count());
  Put(history.violations.list(), &writer);
  writer.Bytes(history.configuration);
  Put(history.classes, &writer);
  writer.Varint(history.faults.size());
  for (const SimFault& fault : history.faults) Put(fault, &writer);
  Put(history.left_out, &writer);
  writer.Bytes(history.trace);
  writer.U64(history.hash);
  writer.U64(history.events);
  writer.Varint(history.counters.size());
  for (const auto& [name, count] : history.counters) {
    writer.Bytes(name);
    writer.Varint(count);
  }
  return message;
}

bool Hear(std::string_view message, HistoryHeard* heard) {
  ByteReader reader(message);
  const auto kind = static_cast<Kind>(reader.U8());
  if (kind == Kind::kBegun) *heard = {};
  if (kind == Kind::kFault) {
    heard->history.faults.push_back(Fault(&reader));
  } else {
    heard->seed = reader.U64();
  }
  if (kind == Kind::kEnded) {
    heard->history = HistoryOf(&reader);
    heard->ended = true;
  }
  return reader.Finished();
}

}  // namespace internal
}  // namespace v0_1
}  // namespace trivet
