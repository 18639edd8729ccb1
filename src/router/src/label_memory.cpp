// SPDX-License-Identifier: Apache-2.0
#include "label_memory.hpp"

#include <algorithm>

#include "hearth/base/checksum.hpp"

namespace hearth::router {
namespace {

constexpr std::uint64_t kLabelBits = 3;  // 0: an empty slot, else the label and one
constexpr std::size_t kMostKeys = 64;    // of one request: its last messages
constexpr std::size_t kLong = 32;        // bytes that hardly two conversations share by chance

std::uint64_t joined(std::uint64_t a, std::uint64_t b) { return mixed(a * 0x9E3779B97F4A7C15ULL ^ b); }

std::uint64_t label_bits(std::uint64_t slot) { return slot & ((1U << kLabelBits) - 1); }
bool is_of(std::uint64_t slot, std::uint64_t key) { return slot != 0 && slot >> kLabelBits == key >> kLabelBits; }

}  // namespace

policy::Label LabelMemory::highest(std::span<const std::uint64_t> keys) const {
  policy::Label label = policy::Label::public_;
  for (const std::uint64_t key : keys) {
    for (const auto& way : sets_[key % sets_.size()]) {
      const std::uint64_t slot = way.load(std::memory_order_relaxed);
      if (is_of(slot, key)) label = std::max(label, static_cast<policy::Label>(label_bits(slot) - 1));
    }
  }
  return label;
}

void LabelMemory::put(std::span<const std::uint64_t> keys, policy::Label label) {
  if (label == policy::Label::public_) return;
  empty_.store(false, std::memory_order_relaxed);
  for (const std::uint64_t key : keys) {
    const std::uint64_t wanted = (key >> kLabelBits << kLabelBits) | (static_cast<std::uint64_t>(label) + 1);
    Set& set = sets_[key % sets_.size()];
    std::atomic<std::uint64_t>* place = nullptr;
    for (auto& way : set) {
      if (is_of(way.load(std::memory_order_relaxed), key)) place = &way;
    }
    if (place == nullptr) {
      place = &*std::ranges::min_element(
          set, {}, [](const auto& way) { return label_bits(way.load(std::memory_order_relaxed)); });
    }
    std::uint64_t before = place->load(std::memory_order_relaxed);
    const bool higher = !is_of(before, key) || label_bits(before) < label_bits(wanted);
    if (higher) place->compare_exchange_strong(before, wanted, std::memory_order_relaxed);
  }
}

std::vector<std::uint64_t> message_keys(std::string_view principal, std::string_view session,
                                        const inference::ChatRequest& request, Keys which) {
  std::vector<std::uint64_t> keys;
  const std::uint64_t who = hash_of(principal);
  std::uint64_t chain = who;
  for (const inference::Message& message : request.messages) {
    if (message.role != "user" && message.role != "tool") continue;
    if (which == Keys::history && &message == &request.messages.back()) break;
    std::uint64_t text = 0;
    std::size_t size = 0;
    for (const inference::ContentPart& part : message.content) {
      if (const auto* words = std::get_if<inference::TextPart>(&part)) {
        text = joined(text, hash_of(words->text));
        size += words->text.size();
      } else {
        const auto& image = std::get<inference::ImagePart>(part);
        text = joined(text, hash_of(image.bytes) ^ hash_of(image.url));
        size += image.bytes.size();
      }
    }
    chain = joined(chain, text);
    keys.push_back(size >= kLong ? joined(who, text) : chain);
  }
  if (keys.size() > kMostKeys) keys.erase(keys.begin(), keys.end() - kMostKeys);
  if (!session.empty()) keys.push_back(joined(who, hash_of(session) + 1));
  return keys;
}

}  // namespace hearth::router
