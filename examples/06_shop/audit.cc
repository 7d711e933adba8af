// SPDX-License-Identifier: Apache-2.0

#include "audit.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "evidence.h"
#include "trivet/ring/ring_diff.h"

namespace shop {
namespace {

// The questions, each one finding. The first thing that is wrong is told, the
// rest counted.
class Auditor {
 public:
  Auditor(const Options& options, const OrdersFile& orders,
          const Evidence& evidence, const trivet::HashRing& ring)
      : options_(options),
        orders_(orders.orders),
        evidence_(evidence),
        ring_(ring),
        rows_(RowsOf(orders.orders)) {
    for (const Order& order : orders_) by_id_[order.id] = &order;
  }

  std::vector<Finding> Run() {
    return {Verdicts(), Atomicity(), Durability(), Refusals(), Money(),
            Stock(),    Replicas(),  Isolation(),  Ranges(),   Doubt()};
  }

 private:
  class Question {
   public:
    explicit Question(std::string name) { finding_.name = std::move(name); }
    void Wrong(std::string what) {
      if (wrong_++ == 0) first_ = std::move(what);
    }
    Finding Answer(std::string text) {
      finding_.passed = wrong_ == 0;
      finding_.text = std::move(text);
      if (wrong_ == 1) finding_.text = first_;
      if (wrong_ > 1)
        finding_.text = absl::StrCat(first_, ", and ", wrong_ - 1, " more");
      return finding_;
    }

   private:
    Finding finding_;
    std::string first_;
    size_t wrong_ = 0;
  };

  // The copies of a row that the ring asks for; null: this one is missing.
  std::vector<const Row*> Copies(const std::string& key) const {
    std::vector<const Row*> copies;
    for (const std::string& node : PlaceOf(ring_, key).nodes) {
      const auto files = evidence_.nodes.find(node);
      copies.push_back(files == evidence_.nodes.end()
                           ? nullptr
                           : files->second.book.Find(key));
    }
    return copies;
  }
  std::vector<const Row*> CopiesOfBoth(const Order& order) const {
    std::vector<const Row*> copies = Copies(AccountKey(order));
    for (const Row* copy : Copies(StockKey(order))) copies.push_back(copy);
    return copies;
  }
  static bool HasOrder(const Row* copy, const std::string& order) {
    return copy != nullptr && copy->orders.contains(order);
  }
  std::optional<Verdict> VerdictOn(const Order& order) const {
    const auto found = evidence_.outcomes.verdicts.find(order.id);
    if (found == evidence_.outcomes.verdicts.end()) return std::nullopt;
    return found->second;
  }
  size_t CountVerdicts(Verdict verdict) const {
    size_t count = 0;
    for (const auto& [order, one] : evidence_.outcomes.verdicts)
      count += one == verdict ? 1 : 0;
    return count;
  }

  Finding Verdicts() {
    Question question("every order decided");
    for (const Order& order : orders_)
      if (!VerdictOn(order).has_value())
        question.Wrong(absl::StrCat("order ", order.id, " has no verdict"));
    for (const auto& [order, verdict] : evidence_.outcomes.verdicts)
      if (!by_id_.contains(order))
        question.Wrong(absl::StrCat("a verdict on ", order, ", no order"));
    if (!evidence_.outcomes.problem.empty())
      question.Wrong(evidence_.outcomes.problem);
    return question.Answer(absl::StrFormat(
        "%d orders: %d sold, %d without funds, %d without stock",
        orders_.size(), CountVerdicts(Verdict::kSold),
        CountVerdicts(Verdict::kNoMoney), CountVerdicts(Verdict::kNoStock)));
  }

  Finding Atomicity() {
    Question question("atomicity");
    size_t whole = 0;
    for (const Order& order : orders_) {
      const std::vector<const Row*> copies = CopiesOfBoth(order);
      const auto applied = static_cast<size_t>(std::count_if(
          copies.begin(), copies.end(),
          [&](const Row* copy) { return HasOrder(copy, order.id); }));
      if (applied == copies.size()) ++whole;
      if (applied != 0 && applied != copies.size())
        question.Wrong(absl::StrCat("order ", order.id, " is on ", applied,
                                    " of ", copies.size(), " copies"));
    }
    return question.Answer(absl::StrFormat(
        "%d orders on all copies of both rows, %d on none, 0 in part", whole,
        orders_.size() - whole));
  }

  Finding Durability() {
    Question question("durability");
    for (const Order& order : orders_) {
      const bool is_sold = VerdictOn(order) == Verdict::kSold;
      for (const Row* copy : CopiesOfBoth(order))
        if (HasOrder(copy, order.id) != is_sold) {
          question.Wrong(is_sold
                             ? absl::StrCat("order ", order.id,
                                            " was reported and is not there")
                             : absl::StrCat("order ", order.id,
                                            " is there and was not sold"));
          break;
        }
    }
    return question.Answer("what was reported is there, and nothing else");
  }

  Finding Refusals() {
    Question question("refusals");
    for (const Order& order : orders_) {
      const std::optional<Verdict> verdict = VerdictOn(order);
      if (!verdict.has_value() || verdict == Verdict::kSold) continue;
      const bool is_money = verdict == Verdict::kNoMoney;
      const int64_t need = is_money ? order.cents : order.quantity;
      for (const Row* copy :
           Copies(is_money ? AccountKey(order) : StockKey(order)))
        if (copy != nullptr && copy->left >= need)
          question.Wrong(absl::StrCat("order ", order.id, " needed ", need,
                                      " and was refused, but ", copy->left,
                                      " are left"));
    }
    return question.Answer("no refused order could be filled even now");
  }

  // Every copy of every row, from the orders it says it holds.
  template <typename Check>
  void ForEachCopy(bool accounts, Check check) const {
    for (const std::string& key : rows_)
      if (IsAccount(key) == accounts)
        for (const Row* copy : Copies(key))
          if (copy != nullptr) check(key, *copy);
  }
  int64_t Taken(const Row& row, int64_t Order::*what) const {
    int64_t sum = 0;
    for (const std::string& id : row.orders)
      if (const auto found = by_id_.find(id); found != by_id_.end())
        sum += found->second->*what;
    return sum;
  }

  Finding Money() {
    Question question("money");
    ForEachCopy(true, [&](const std::string& key, const Row& row) {
      const int64_t expected =
          options_.opening_balance - Taken(row, &Order::cents);
      if (row.left != expected || row.left < 0)
        question.Wrong(
            absl::StrCat(key, " has ", row.left, " cents, not ", expected));
    });
    ForEachCopy(false, [&](const std::string& key, const Row& row) {
      if (row.earned != Taken(row, &Order::cents))
        question.Wrong(absl::StrCat(key, " earned ", row.earned, " cents, not ",
                                    Taken(row, &Order::cents)));
    });
    const Totals totals = Sum();
    const auto opening =
        static_cast<int64_t>(totals.accounts) * options_.opening_balance;
    if (totals.balances + totals.earned != opening)
      question.Wrong(absl::StrCat(totals.balances, " + ", totals.earned,
                                  " cents, not ", opening));
    return question.Answer(absl::StrCat(totals.balances, " left + ",
                                        totals.earned, " earned = ", opening,
                                        " cents at the opening"));
  }

  Finding Stock() {
    Question question("stock");
    ForEachCopy(false, [&](const std::string& key, const Row& row) {
      const int64_t expected =
          options_.opening_stock - Taken(row, &Order::quantity);
      if (row.left != expected || row.left < 0)
        question.Wrong(
            absl::StrCat(key, " has ", row.left, " units, not ", expected));
    });
    const Totals totals = Sum();
    int64_t sold = 0;
    for (const Order& order : orders_)
      if (VerdictOn(order) == Verdict::kSold) sold += order.quantity;
    const auto opening =
        static_cast<int64_t>(totals.stocks) * options_.opening_stock;
    if (totals.units + sold != opening)
      question.Wrong(
          absl::StrCat(totals.units, " + ", sold, " units, not ", opening));
    return question.Answer(absl::StrCat(totals.units, " left + ", sold,
                                        " sold = ", opening,
                                        " units at the opening"));
  }

  struct Totals {
    size_t accounts = 0, stocks = 0;
    int64_t balances = 0, earned = 0, units = 0;
  };
  Totals Sum() const {  // Over the first copy of each row.
    Totals totals;
    for (const std::string& key : rows_) {
      const Row* const copy = Copies(key).front();
      ++(IsAccount(key) ? totals.accounts : totals.stocks);
      if (copy == nullptr) continue;
      (IsAccount(key) ? totals.balances : totals.units) += copy->left;
      totals.earned += copy->earned;
    }
    return totals;
  }

  Finding Replicas() {
    Question question("replicas");
    for (const std::string& key : rows_) {
      const std::vector<const Row*> copies = Copies(key);
      for (const Row* copy : copies) {
        if (copy == nullptr)
          question.Wrong(absl::StrCat("a copy of ", key, " is missing"));
        else if (copies[0] != nullptr && (copy->left != copies[0]->left ||
                                          copy->earned != copies[0]->earned ||
                                          copy->orders != copies[0]->orders))
          question.Wrong(absl::StrCat("the copies of ", key, " differ"));
      }
    }
    for (const auto& [node, files] : evidence_.nodes)
      for (const NamedRow& row :
           files.book.Rows([](const std::string&) { return true; }))
        if (!PlaceOf(ring_, row.first).Names(node))
          question.Wrong(absl::StrCat(node, " keeps ", row.first,
                                      ", which lives elsewhere"));
    return question.Answer(
        absl::StrFormat("%d rows, each on its %d nodes of %d, equal",
                        rows_.size(), kReplicas, ring_.nodes().size()));
  }

  Finding Isolation() {
    Question question("isolation");
    if (evidence_.outcomes.halves > 0)
      question.Wrong(absl::StrCat("a reader saw one half of an order, ",
                                  evidence_.outcomes.halves, " times"));
    return question.Answer(
        absl::StrFormat("%d looks at orders under way, 0 halves seen",
                        evidence_.outcomes.looks));
  }

  // Whether each change of membership moved what Diff says, and nothing else.
  Finding Ranges() {
    Question question("moved ranges");
    std::string text;
    const Membership& members = evidence_.membership;
    for (size_t i = 0; i < members.changes.size(); ++i) {
      const Change& change = members.changes[i];
      const auto before = RingOf(members.After(i));
      const auto after = RingOf(members.After(i + 1));
      if (!before.ok() || !after.ok() || !change.Finished()) {
        question.Wrong(
            absl::StrCat("the change by ", change.node, " is not finished"));
        continue;
      }
      const auto diff = trivet::Diff(*before, *after, kReplicas);
      const int64_t rows = RowsMoved(*before, *after, diff, &question);
      if (change.ranges != diff.size() || change.rows_moved != rows)
        question.Wrong(absl::StrCat(change.node, ": ", change.ranges,
                                    " ranges with ", change.rows_moved,
                                    " rows moved; Diff says ", diff.size(),
                                    " with ", rows));
      absl::StrAppend(
          &text, text.empty() ? "" : "; ", change.node,
          change.kind == Change::kJoined ? " joined: " : " rebuilt: ",
          diff.size(), " ranges, ", rows, " rows");
    }
    return question.Answer(text.empty() ? "none"
                                        : text + "; as Diff says, none else");
  }

  int64_t RowsMoved(const trivet::HashRing& before,
                    const trivet::HashRing& after,
                    const std::vector<trivet::RangeTransfer>& diff,
                    Question* question) const {
    int64_t moved = 0;
    for (const std::string& key : rows_) {
      const trivet::Token token = after.TokenOf(key);
      const Place was = PlaceOf(before, key);
      for (const std::string& node : PlaceOf(after, key).nodes) {
        const bool is_new = !was.Names(node);
        const bool in_diff =
            std::any_of(diff.begin(), diff.end(), [&](const auto& transfer) {
              return transfer.to == node && transfer.range.Contains(token);
            });
        if (is_new != in_diff)
          question->Wrong(absl::StrCat("Diff is wrong about ", key));
        moved += is_new ? 1 : 0;
      }
    }
    return moved;
  }

  Finding Doubt() {
    Question question("nobody in doubt");
    for (const auto& [node, files] : evidence_.nodes) {
      if (files.in_doubt > 0)
        question.Wrong(absl::StrCat(files.in_doubt, " transactions at ", node,
                                    " wait for a decision"));
      if (const size_t held = files.book.Reserved().size(); held > 0)
        question.Wrong(absl::StrCat(held, " reservations left at ", node));
    }
    return question.Answer("no transaction undecided, nothing reserved");
  }

  const Options& options_;
  const std::vector<Order>& orders_;
  const Evidence& evidence_;
  const trivet::HashRing& ring_;
  const std::vector<std::string> rows_;
  absl::flat_hash_map<std::string, const Order*> by_id_;
};

}  // namespace

std::vector<Finding> Audit(trivet::Executor* executor, const Options& options,
                           const OrdersFile& orders) {
  const absl::StatusOr<Evidence> evidence =
      ReadEvidence(executor, options, orders);
  if (!evidence.ok())
    return {{"files", false, std::string(evidence.status().message())}};
  const Membership& members = evidence->membership;
  const absl::StatusOr<trivet::HashRing> ring =
      RingOf(members.After(members.changes.size()));
  if (!ring.ok())
    return {{"files", false, std::string(ring.status().message())}};
  return Auditor(options, orders, *evidence, *ring).Run();
}

}  // namespace shop
