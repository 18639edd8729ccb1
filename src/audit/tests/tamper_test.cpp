// SPDX-License-Identifier: Apache-2.0
// Somebody with an editor: whatever is changed, removed, moved, added or cut off is found.
#include <gmock/gmock.h>

#include <fstream>
#include <functional>

#include "chain.hpp"
#include "hearth/audit/audit_log.hpp"
#include "hearth/base/id.hpp"

namespace hearth::audit {
namespace {

using ::testing::HasSubstr;

using Lines = std::vector<std::string>;

struct TamperTest : ::testing::Test {
  std::filesystem::path home = std::filesystem::temp_directory_path() / random_id("hearth-tamper-");
  TamperTest() {
    std::filesystem::create_directories(home);
    const auto log = AuditLog::open({.home = home}).value().release();
    for (int i = 0; i < 40; ++i) log->append({.request = "req_" + std::to_string(i), .label = "public"});
    delete log;
  }
  ~TamperTest() override { std::filesystem::remove_all(home); }

  std::filesystem::path file() const { return segments_of(home).front().second; }
  Lines read() const {
    std::ifstream in{file()};
    Lines lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }
  void write(const Lines& lines) const {
    std::ofstream out{file(), std::ios::trunc};
    for (const std::string& line : lines) out << line << '\n';
  }
  std::string found(const std::function<void(Lines&)>& change) const {
    const Lines before = read();
    Lines lines = before;
    change(lines);
    write(lines);
    const auto verdict = verify(home);
    write(before);
    EXPECT_TRUE(verify(home)) << "as it was";
    return verdict ? "nothing" : verdict.error().message;
  }
};

TEST_F(TamperTest, EveryByteCounts) {
  const Lines lines = read();
  for (std::size_t i = 0; i < lines.size(); i += 7) {
    for (std::size_t at = 0; at < lines[i].size(); at += 5) {
      const auto flip = [&](Lines& changed) { changed[i][at] = changed[i][at] == 'x' ? 'y' : 'x'; };
      EXPECT_NE(found(flip), "nothing") << "line " << i << ", byte " << at;
    }
  }
  EXPECT_THAT(found([](Lines& l) { l[4].replace(l[4].find("public"), 6, "secret"); }), HasSubstr("was changed"));
}

TEST_F(TamperTest, LinesThatAreMissingMovedOrAdded) {
  EXPECT_THAT(found([](Lines& l) { l.erase(l.begin() + 9); }), HasSubstr("some are missing"));
  EXPECT_THAT(found([](Lines& l) { l.erase(l.begin()); }), HasSubstr("no record says that those before were pruned"));
  EXPECT_THAT(found([](Lines& l) { std::swap(l[3], l[4]); }), HasSubstr("were moved"));
  EXPECT_THAT(found([](Lines& l) { l.insert(l.begin() + 5, l[5]); }), HasSubstr("were moved"));
  EXPECT_THAT(found([](Lines& l) { l.insert(l.begin() + 5, "hello"); }), HasSubstr("is no record"));
  EXPECT_THAT(found([](Lines& l) { l.pop_back(); }), HasSubstr("the end was cut off"));
  EXPECT_THAT(found([](Lines& l) { l.clear(); }), HasSubstr("the end was cut off"));
}

TEST_F(TamperTest, AChainThatWasMadeAnewIsNotTheSignedOne) {
  const auto again = [](Lines& lines) {
    std::string prev{kGenesis};
    for (std::size_t i = 0; i < lines.size(); ++i) {
      lines[i] = line_of({.request = "req_" + std::to_string(i), .label = "internal"}, i + 1, prev);
      prev = hash_of(lines[i]);
    }
  };
  EXPECT_THAT(found(again), HasSubstr("is not the record that was signed"));
}

TEST_F(TamperTest, TheHeadCannotBeMovedBack) {
  const std::filesystem::path head = folder_of(home) / "head.json";
  std::ifstream in{head};
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  text.replace(text.find("\"seq\":40"), 8, "\"seq\":30");
  std::ofstream{head, std::ios::trunc} << text;
  EXPECT_THAT(verify(home).error().message, HasSubstr("not signed with this home's key"));
  std::filesystem::remove(head);
  EXPECT_THAT(verify(home).error().message, HasSubstr("head.json is missing"));
}

TEST_F(TamperTest, ALogThatWasCutIsNotGoneOnWith) {
  Lines lines = read();
  lines.resize(10);
  write(lines);
  const auto log = AuditLog::open({.home = home});
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, ErrorCode::corrupt_data);
  EXPECT_THAT(log.error().message, HasSubstr("its end was cut off"));
}

TEST_F(TamperTest, AnEmptySegmentWithoutWhatWasBeforeItIsNoBeginning) {
  std::filesystem::remove(file());
  std::filesystem::remove(folder_of(home) / "head.json");
  std::ofstream{folder_of(home) / segment_name(41)};
  const auto log = AuditLog::open({.home = home});
  ASSERT_FALSE(log);
  EXPECT_THAT(log.error().message, HasSubstr("is empty and what was before it is gone"));
}

TEST_F(TamperTest, AnotherKeyIsNoKey) {
  const std::filesystem::path other = home / "other";
  std::filesystem::create_directories(other);
  {
    const auto log = AuditLog::open({.home = other});
  }
  std::filesystem::copy_file(other / "audit.pub", home / "audit.pub",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(verify(home).error().message, HasSubstr("not signed"));
}

}  // namespace
}  // namespace hearth::audit
