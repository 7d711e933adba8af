// SPDX-License-Identifier: Apache-2.0

#include "orders.h"

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace shop {
namespace {

constexpr std::string_view kHeader =
    "order_id,customer,sku,quantity,unit_price_cents";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";  // UTF-8's.
constexpr size_t kFields = 5;
constexpr size_t kLineMax = 4096;
constexpr size_t kNameMax = 64;

absl::Status Malformed(const std::string& why) {
  return absl::InvalidArgumentError(why);
}

// A quoted field: `*rest` stands behind the opening quote.
absl::StatusOr<std::string> TakeQuoted(std::string_view* rest) {
  std::string field;
  for (;;) {
    const size_t quote = rest->find('"');
    if (quote == std::string_view::npos)
      return Malformed("a quote is not closed on this line");
    field.append(rest->substr(0, quote));
    rest->remove_prefix(quote + 1);
    if (rest->empty() || rest->front() != '"') break;
    field.push_back('"');
    rest->remove_prefix(1);
  }
  if (!rest->empty() && rest->front() != ',')
    return Malformed("something follows a closing quote");
  return field;
}

absl::StatusOr<std::string> TakePlain(std::string_view* rest) {
  const std::string_view field = rest->substr(0, rest->find(','));
  if (field.find('"') != std::string_view::npos)
    return Malformed("a quote inside a field that is not quoted");
  rest->remove_prefix(field.size());
  return std::string(field);
}

absl::StatusOr<std::vector<std::string>> Split(std::string_view line) {
  std::vector<std::string> fields;
  for (;;) {
    const bool quoted = !line.empty() && line.front() == '"';
    if (quoted) line.remove_prefix(1);
    absl::StatusOr<std::string> field =
        quoted ? TakeQuoted(&line) : TakePlain(&line);
    if (!field.ok()) return field.status();
    fields.push_back(*std::move(field));
    if (line.empty()) return fields;
    line.remove_prefix(1);  // The comma.
  }
}

absl::StatusOr<std::string> Name(const char* what, std::string field) {
  if (field.empty()) return Malformed(absl::StrCat(what, " is empty"));
  if (field.size() > kNameMax)
    return Malformed(absl::StrCat(what, " has ", field.size(),
                                  " bytes; at most ", kNameMax,
                                  " are allowed"));
  for (const char c : field)
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f')
      return Malformed(absl::StrCat(what, " holds a control character"));
  return field;
}

absl::StatusOr<int64_t> Number(const char* what, const std::string& field,
                               int64_t at_least) {
  int64_t value = 0;
  const char* const end = field.data() + field.size();
  const auto [stopped, error] = std::from_chars(field.data(), end, value);
  if (error == std::errc::result_out_of_range)
    return Malformed(absl::StrCat(what, " does not fit into 64 bits"));
  if (error != std::errc() || stopped != end)
    return Malformed(absl::StrCat(what, " is not a whole number"));
  if (value < at_least)
    return Malformed(
        absl::StrCat(what, " is ", value, "; at least ", at_least));
  return value;
}

// FNV-1a. Tells one file from another; guards against nobody.
uint64_t Digest(std::string_view text) {
  uint64_t digest = 0xcbf29ce484222325;
  for (const char c : text)
    digest = (digest ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return digest;
}

}  // namespace

absl::StatusOr<Order> ParseOrder(std::string_view line) {
  if (line.size() > kLineMax)
    return Malformed(absl::StrCat("the line has ", line.size(),
                                  " bytes; at most ", kLineMax));
  if (line.empty()) return Malformed("the line is empty");
  absl::StatusOr<std::vector<std::string>> fields = Split(line);
  if (!fields.ok()) return fields.status();
  if (fields->size() != kFields)
    return Malformed(
        absl::StrCat(fields->size(), " fields instead of ", kFields));

  absl::StatusOr<std::string> id = Name("order_id", (*fields)[0]);
  if (!id.ok()) return id.status();
  absl::StatusOr<std::string> customer = Name("customer", (*fields)[1]);
  if (!customer.ok()) return customer.status();
  absl::StatusOr<std::string> sku = Name("sku", (*fields)[2]);
  if (!sku.ok()) return sku.status();
  const absl::StatusOr<int64_t> quantity = Number("quantity", (*fields)[3], 1);
  if (!quantity.ok()) return quantity.status();
  const absl::StatusOr<int64_t> price =
      Number("unit_price_cents", (*fields)[4], 0);
  if (!price.ok()) return price.status();

  Order order;
  order.id = *std::move(id);
  order.customer = *std::move(customer);
  order.sku = *std::move(sku);
  order.quantity = *quantity;
  if (__builtin_mul_overflow(*quantity, *price, &order.cents))
    return Malformed(absl::StrCat("the amount ", *quantity, " x ", *price,
                                  " does not fit into 64 bits"));
  return order;
}

OrdersFile ParseOrders(std::string_view text) {
  OrdersFile file;
  file.digest = Digest(text);
  if (text.substr(0, kByteOrderMark.size()) == kByteOrderMark)
    text.remove_prefix(kByteOrderMark.size());
  absl::flat_hash_map<std::string, size_t> line_of;  // Of each order_id.
  for (size_t number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size() < text.size() ? line.size() + 1
                                                 : line.size());
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (number == 1 && line == kHeader) continue;
    absl::StatusOr<Order> order = ParseOrder(line);
    if (!order.ok()) {
      file.malformed.push_back({number, std::string(order.status().message())});
      continue;
    }
    const auto [first, is_new] = line_of.try_emplace(order->id, number);
    if (is_new) {
      file.orders.push_back(*std::move(order));
    } else {
      file.duplicates.push_back(
          {number, absl::StrCat("order_id ", order->id,
                                " was used before, on line ", first->second)});
    }
  }
  return file;
}

absl::StatusOr<OrdersFile> ReadOrders(const std::string& path) {
  std::FILE* const in = std::fopen(path.c_str(), "rb");
  if (in == nullptr)
    return absl::NotFoundError(
        absl::StrCat("cannot open ", path, ": ", std::strerror(errno)));
  std::string text;
  char buffer[1 << 16];
  size_t size = 0;
  while ((size = std::fread(buffer, 1, sizeof buffer, in)) > 0)
    text.append(buffer, size);
  const int error = std::ferror(in) != 0 ? errno : 0;
  std::fclose(in);
  if (error != 0)
    return absl::UnavailableError(
        absl::StrCat("cannot read ", path, ": ", std::strerror(error)));
  return ParseOrders(text);
}

}  // namespace shop
