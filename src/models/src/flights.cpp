// SPDX-License-Identifier: Apache-2.0
#include "flights.hpp"

#include <optional>
#include <utility>
#include <vector>

#include "hearth/async/mailbox.hpp"

namespace hearth::models {
namespace {

constexpr std::size_t kProgressKept = 64;  // for a follower that is slow to read; more is dropped

using ProgressBox = async::Mailbox<Progress>;

bool merge_progress(Progress& last, Progress& next) {
  if (last.status != next.status || last.digest != next.digest) return false;
  last = std::move(next);
  return true;
}

// A follower that leaves takes no more progress.
struct Seat {
  std::shared_ptr<ProgressBox> box;
  ~Seat() { box->close(); }
};

}  // namespace

struct Flights::Flight {
  std::mutex mutex;
  std::vector<std::shared_ptr<ProgressBox>> followers;
  std::optional<Progress> last;
  std::optional<Result<>> outcome;  // none when the leader was cancelled

  void tell(const Progress& progress) {
    const std::lock_guard lock{mutex};
    last = progress;
    for (const auto& follower : followers) follower->push(progress, merge_progress);
  }
};

// Ends the flight however the leader's coroutine ends.
class Flights::Lead {
 public:
  Lead(Flights& flights, std::string key, std::shared_ptr<Flight> flight)
      : flights_{flights}, key_{std::move(key)}, flight_{std::move(flight)} {}
  Lead(const Lead&) = delete;
  Lead& operator=(const Lead&) = delete;
  ~Lead() {
    {
      const std::lock_guard lock{flights_.mutex_};
      flights_.flights_.erase(key_);
    }
    const std::lock_guard lock{flight_->mutex};
    for (const auto& follower : flight_->followers) follower->close();
  }
  void finish(const Result<>& outcome) {
    const std::lock_guard lock{flight_->mutex};
    flight_->outcome = outcome;
  }

 private:
  Flights& flights_;
  std::string key_;
  std::shared_ptr<Flight> flight_;
};

Task<Result<>> Flights::async_run(std::string key, OnProgress progress, Work work) {
  while (true) {
    std::shared_ptr<Flight> flight;
    std::shared_ptr<ProgressBox> box;
    const auto executor = co_await asio::this_coro::executor;
    {
      const std::lock_guard lock{mutex_};
      auto& slot = flights_[key];
      if (slot) {
        box = std::make_shared<ProgressBox>(executor, kProgressKept);
        const std::lock_guard flight_lock{slot->mutex};
        if (slot->last) box->push(*slot->last);
        slot->followers.push_back(box);
      } else {
        slot = std::make_shared<Flight>();
      }
      flight = slot;
    }
    if (!box) {
      Lead lead{*this, key, flight};
      OnProgress tell = [flight, progress](const Progress& p) {
        if (progress) progress(p);
        flight->tell(p);
      };
      auto outcome = co_await work(std::move(tell));
      lead.finish(outcome);
      co_return outcome;
    }
    const Seat seat{box};
    while (auto next = co_await box->async_receive()) {
      if (progress) progress(*next);
    }
    const std::lock_guard lock{flight->mutex};
    if (flight->outcome) co_return *flight->outcome;
  }
}

}  // namespace hearth::models
