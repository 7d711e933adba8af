// SPDX-License-Identifier: Apache-2.0
//
// The report as a picture: the circle on the left, from twelve o'clock on
// clockwise, and the nodes on the right, each with a bar in its colour.
//
//   2 nodes, 320 points
//      .--aaa--.        a  [=======|==]  54 %      | is the fair share
//     b         a       b  [=======|]    46 %
//      '--bab--'
//
// With a change there are two bands and two bars, before and after.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/types/span.h"
#include "src/cli/ring_arcs.h"
#include "src/cli/ring_report.h"
#include "src/cli/text.h"
#include "trivet/ring/hash_ring.h"
#include "trivet/ring/placement.h"

namespace trivet {
inline namespace v0_1 {
namespace cli {
namespace {

constexpr double kPi = 3.14159265358979323846;

// --- Colours -----------------------------------------------------------------

// One of the three parts of the colour of this hue, in turns, and lightness.
int ColourPart(double hue, double lightness, double shift) {
  constexpr double kSaturation = 0.62;
  const double chroma = (1 - std::abs(2 * lightness - 1)) * kSaturation;
  const double place = std::fmod(hue + shift, 1.0) * 6;
  const double part =
      std::min(1.0, std::max(0.0, std::abs(place - 3) - 1)) - 0.5;
  return static_cast<int>(std::lround(255 * (lightness + chroma * part)));
}

// The golden ratio keeps the hues of neighbours, and of few nodes, far apart;
// lightness helps whom hues do not.
std::string ColourOf(size_t member) {
  constexpr double kLightness[] = {0.46, 0.58, 0.35};
  const double hue = 0.58 + 0.618033988749895 * static_cast<double>(member);
  const double lightness = kLightness[member % 3];
  return absl::StrFormat("#%02x%02x%02x", ColourPart(hue, lightness, 0),
                         ColourPart(hue, lightness, 2.0 / 3),
                         ColourPart(hue, lightness, 1.0 / 3));
}

// --- The circle --------------------------------------------------------------

constexpr double kCentreX = 310;
constexpr double kCentreY = 388;
constexpr double kRadius = 262;

struct Band {
  double radius;  // Of its middle.
  double width;
  size_t CircleArc::*owner;
};

// The part of a band between two places that are a quarter turn apart at most.
// What is a degree or less needs no curves.
void AppendSector(double begin, double end, const Band& band,
                  std::string* path) {
  const double outer = band.radius + band.width / 2;
  const double inner = band.radius - band.width / 2;
  const bool straight = end - begin < 1.0 / 360;
  const auto go = [&](const std::string& how, double radius, double turn) {
    absl::StrAppendFormat(path, "%s%.2f %.2f", how,
                          kCentreX + radius * std::sin(2 * kPi * turn),
                          kCentreY - radius * std::cos(2 * kPi * turn));
  };
  const auto curve = [&](double radius, int sweep) {
    return straight ? "L"
                    : absl::StrFormat("A%g %g 0 0 %d ", radius, radius, sweep);
  };
  go("M", outer, begin);
  go(curve(outer, 1), outer, end);
  go("L", inner, end);
  go(curve(inner, 0), inner, begin);
  path->append("Z");
}

void AppendArc(const CircleArc& arc, const Band& band, std::string* path) {
  const int parts = static_cast<int>(std::ceil(4 * (arc.end - arc.begin)));
  const double length = (arc.end - arc.begin) / parts;
  for (int i = 0; i < parts; ++i) {
    AppendSector(arc.begin + length * i, arc.begin + length * (i + 1), band,
                 path);
  }
}

// All arcs of one owner that move, or all that stay, are one path.
void PrintBand(const Circle& circle, const Band& band, bool pales,
               const std::vector<std::string>& ids, std::ostream& out) {
  std::vector<std::string> moving(ids.size());
  std::vector<std::string> staying(ids.size());
  for (const CircleArc& arc : circle.arcs) {
    auto& paths = arc.before == arc.after ? staying : moving;
    AppendArc(arc, band, &paths[arc.*band.owner]);
  }
  const auto print = [&](const std::vector<std::string>& paths,
                         const char* more) {
    for (size_t i = 0; i < ids.size(); ++i) {
      if (paths[i].empty()) continue;
      out << "<path fill=\"" << ColourOf(i) << "\"" << more << " d=\""
          << paths[i] << "\"><title>" << XmlText(Shown(ids[i]))
          << "</title></path>\n";
    }
  };
  print(staying, pales ? " opacity=\".22\"" : "");
  print(moving, "");
}

void PrintText(double x, double y, const char* style, const std::string& text,
               std::ostream& out) {
  out << absl::StreamFormat("<text x=\"%g\" y=\"%g\" class=\"%s\">", x, y,
                            style)
      << text << "</text>\n";
}

void PrintCircle(const RingReport& report, const Circle& circle,
                 const std::vector<std::string>& ids, std::ostream& out) {
  if (!report.change.has_value()) {
    PrintBand(circle, {kRadius - 45, 90, &CircleArc::before}, false, ids, out);
  } else {
    PrintBand(circle, {kRadius - 90, 54, &CircleArc::before}, true, ids, out);
    PrintBand(circle, {kRadius - 30, 60, &CircleArc::after}, true, ids, out);
    PrintText(kCentreX, kCentreY - 12, "m", "inner band: before", out);
    PrintText(kCentreX, kCentreY + 6, "m", "outer band: after", out);
    PrintText(kCentreX, kCentreY + 24, "m", "pale: stays where it is", out);
  }
  const double below = kCentreY + kRadius + 32;
  if (circle.sectors > 0) {
    PrintText(kCentreX, below, "m",
              absl::StrFormat("too many arcs to see: each of %d sectors is "
                              "coloured as most of it is",
                              circle.sectors),
              out);
  }
}

// --- The nodes ---------------------------------------------------------------

// A node as it is on one side of the change; the weight 0: not there.
struct Side {
  uint32_t weight = 0;
  double share = 0;
  double fair = 0;  // What its share would be.
};

struct Row {
  size_t member = 0;
  Side before;
  Side after;
};

std::vector<Row> RowsOf(const RingReport& report,
                        const std::vector<std::string>& ids) {
  std::vector<Row> rows(ids.size());
  for (size_t i = 0; i < rows.size(); ++i) rows[i].member = i;
  const auto fill = [&](const RingView& view, Side Row::*side) {
    double weights = 0;
    for (const RingNode& node : view.ring.nodes()) weights += node.weight;
    for (size_t n = 0; n < view.shares.size(); ++n) {
      const RingNode& node = view.ring.nodes()[n];
      const auto at = std::lower_bound(ids.begin(), ids.end(), node.id);
      rows[static_cast<size_t>(at - ids.begin())].*
          side = {node.weight, view.shares[n], node.weight / weights};
    }
  };
  fill(report.before, &Row::before);
  fill(report.change.has_value() ? report.change->after : report.before,
       &Row::after);
  return rows;
}

// Too many nodes to label: leaves those that change, and the most and the least
// loaded, in this order.
constexpr size_t kRowsMax = 240;
constexpr size_t kExtremes = 50;
void LeaveExtremes(std::vector<Row>* rows) {
  const auto rank = [](const Row& row) {
    const bool changes = row.before.weight != row.after.weight;
    const double load =
        row.after.weight == 0 ? 0 : row.after.share / row.after.fair;
    return std::make_tuple(changes, load, row.member);
  };
  std::sort(rows->begin(), rows->end(),
            [&](const Row& a, const Row& b) { return rank(a) > rank(b); });
  rows->erase(rows->begin() + kExtremes, rows->end() - kExtremes);
}

// How the rows are set: few and large in one column, or many and small.
struct Setting {
  explicit Setting(size_t rows)
      : small(rows > kLargeMax),
        columns(small ? (rows + kSmallMax - 1) / kSmallMax : 1),
        per_column((rows + columns - 1) / columns),
        height(small ? 11.6 : 22),
        label(small ? 112 : 168),
        bar(small ? 80 : 230),
        column(small ? 316 : 560),
        label_max(small ? 20 : 22) {}

  // In one column.
  static constexpr size_t kLargeMax = 25;
  static constexpr size_t kSmallMax = 48;

  bool small;
  size_t columns;
  size_t per_column;
  double height;
  double label;  // Widths.
  double bar;
  double column;
  size_t label_max;  // In characters.
};

constexpr double kRowsX = 640;
constexpr double kRowsY = 134;

std::string Percent(double share) {
  return absl::StrFormat("%.*f%%", share < 0.01 ? 4 : 2, 100 * share);
}

std::string ValueOf(const Row& row, bool changes) {
  const std::string before = Percent(row.before.share);
  const std::string after = Percent(row.after.share);
  if (!changes)
    return absl::StrFormat("%s, %.3f of fair", after,
                           row.after.share / row.after.fair);
  if (row.before.weight == 0) return "new: " + after;
  if (row.after.weight == 0) return before + ": gone";
  return absl::StrCat(before, " &#8594; ", after);
}

// The weight, if it says anything.
std::string WeightOf(const Row& row) {
  const uint32_t before = row.before.weight;
  const uint32_t after = row.after.weight;
  if (before != 0 && after != 0 && before != after)
    return absl::StrCat(" &#215;", before, "&#8594;", after);
  const uint32_t weight = std::max(before, after);
  return weight == 1 ? "" : absl::StrCat(" &#215;", weight);
}

void PrintRow(const Row& row, const std::string& id, const Setting& setting,
              bool changes, double scale, double x, double y,
              std::ostream& out) {
  const double bar_x = x + setting.label;
  const double height = setting.height * 0.68;
  const std::string colour = ColourOf(row.member);
  const std::string weight = WeightOf(row);
  const char* const style = setting.small ? "s" : "l";
  const double base = y + setting.height * 0.56;
  const size_t room = setting.label_max - (weight.empty() ? 0 : 4);
  const std::string shown = Shown(id);
  out << "<g><title>" << XmlText(shown) << "</title>\n";
  PrintText(x, base, style, XmlText(Fitted(shown, room)) + weight, out);
  const auto bar = [&](double top, double tall, double share,
                       const char* more) {
    out << absl::StreamFormat(
        "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" "
        "fill=\"%s\"%s/>\n",
        bar_x, top, share * scale, tall, colour, more);
  };
  if (changes) {
    bar(y, height * 0.42, row.before.share, " opacity=\".35\"");
    bar(y + height * 0.46, height * 0.54, row.after.share, "");
  } else {
    bar(y, height, row.after.share, "");
  }
  if (row.after.weight > 0) {
    out << absl::StreamFormat("<path class=\"f\" d=\"M%.2f %.2fV%.2f\"/>\n",
                              bar_x + row.after.fair * scale, y - 1,
                              y + height + 1);
  }
  PrintText(bar_x + setting.bar + 6, base, style, ValueOf(row, changes), out);
  out << "</g>\n";
}

void PrintRows(const std::vector<Row>& rows,
               const std::vector<std::string>& ids, const Setting& setting,
               bool changes, std::ostream& out) {
  double longest = 0;
  for (const Row& row : rows) {
    longest =
        std::max({longest, row.before.share, row.after.share, row.after.fair});
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    const size_t column = i / setting.per_column;
    const size_t line = i % setting.per_column;
    PrintRow(rows[i], ids[rows[i].member], setting, changes,
             setting.bar / longest,
             kRowsX + static_cast<double>(column) * setting.column,
             kRowsY + static_cast<double>(line) * setting.height, out);
  }
}

// Who gives how much to whom, where there is room for it below the rows.
void PrintPairs(const std::vector<Move>& pairs,
                const std::vector<std::string>& ids, size_t rows,
                std::ostream& out) {
  if (rows + 2 + pairs.size() > Setting::kLargeMax) return;
  const Setting setting(rows);
  double y = kRowsY + static_cast<double>(rows + 2) * setting.height;
  const auto node = [&](double x, const std::string& id) {
    const auto at = std::lower_bound(ids.begin(), ids.end(), id);
    out << absl::StreamFormat(
        "<rect x=\"%g\" y=\"%g\" width=\"11\" height=\"11\" fill=\"%s\"/>\n", x,
        y - 10.5, ColourOf(static_cast<size_t>(at - ids.begin())));
    PrintText(x + 17, y, "l", XmlText(Fitted(Shown(id), 22)), out);
  };
  for (const Move& pair : pairs) {
    node(kRowsX, pair.from);
    PrintText(kRowsX + setting.label, y, "l", "&#8594;", out);
    node(kRowsX + setting.label + 30, pair.to);
    PrintText(kRowsX + setting.label + setting.bar + 6, y, "l",
              absl::StrFormat("%s in %d arcs", Percent(pair.share), pair.arcs),
              out);
    y += setting.height;
  }
}

// --- All of it ---------------------------------------------------------------

std::string Summary(const RingView& view) {
  return absl::StrFormat("%d nodes, %d points, max/mean %.3f, min/mean %.3f",
                         view.ring.nodes().size(), view.ring.vnode_count(),
                         view.max_over_mean, view.min_over_mean);
}

std::string Subtitle(const RingReport& report) {
  if (!report.change.has_value()) {
    return absl::StrFormat("fingerprint %016x",
                           report.before.ring.Fingerprint());
  }
  const Moves& moves = report.change->moves;
  if (moves.replicas == 1)
    return absl::StrFormat("it moves %.3f%% of the keys, in %d arcs",
                           100 * moves.share, moves.transfers.size());
  return absl::StrFormat("it makes %.5f copies per key, in %d arcs",
                         moves.share, moves.transfers.size());
}

void PrintHead(const RingReport& report, double width, std::ostream& out) {
  constexpr double kHeight = 740;
  out << absl::StreamFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%g\" height=\"%g\" "
      "viewBox=\"0 0 %g %g\">\n",
      width, kHeight, width, kHeight);
  out << "<style>text{font-family:sans-serif;font-size:13px;fill:#222}"
         ".h{font-size:19px}.g{fill:#666}.m{fill:#666;text-anchor:middle}"
         ".s{font-size:9px}.f{stroke:#222;stroke-width:1.2;fill:none}"
         "</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n";
  PrintText(30, 42, "h", Summary(report.before), out);
  if (report.change.has_value()) {
    PrintText(30, 68, "h", "after the change: " + Summary(report.change->after),
              out);
  }
  PrintText(30, report.change.has_value() ? 92 : 66, "g", Subtitle(report),
            out);
}

}  // namespace

void PrintSvg(const RingReport& report, std::ostream& out) {
  const HashRing& before = report.before.ring;
  const bool changes = report.change.has_value();
  const HashRing& after = changes ? report.change->after.ring : before;
  const std::vector<std::string> ids = MembersOf(before, after);
  std::vector<Row> rows = RowsOf(report, ids);
  const bool all = rows.size() <= kRowsMax;
  if (!all) LeaveExtremes(&rows);
  const Setting setting(rows.size());

  const double width =
      kRowsX + 30 + static_cast<double>(setting.columns) * setting.column;
  PrintHead(report, width, out);
  PrintCircle(report, CircleOf(before, after), ids, out);
  PrintText(
      kRowsX, kRowsY - 20, "g",
      absl::StrCat(all ? ""
                       : absl::StrFormat("of %d nodes those that change, "
                                         "the most and the least loaded; ",
                                         ids.size()),
                   "a bar is a share, its tick the fair share"),
      out);
  PrintRows(rows, ids, setting, changes, out);
  if (report.change.has_value() && all)
    PrintPairs(report.change->moves.pairs, ids, rows.size(), out);
  out << "</svg>\n";
}

}  // namespace cli
}  // namespace v0_1
}  // namespace trivet
