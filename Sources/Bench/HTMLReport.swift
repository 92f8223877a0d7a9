internal import Glibc
internal import Wire

/// A measurement as one page of HTML with nothing outside it: no script, no font, no picture that a
/// browser would have to fetch.
package struct HTMLReport: Sendable {
  private let measurement: Measurement
  private let verdicts: [Verdict]
  private let title: String

  /// - Parameter title: what was measured and when.
  package init(_ measurement: Measurement, verdicts: [Verdict], title: String) {
    self.measurement = measurement
    self.verdicts = verdicts
    self.title = title
  }

  /// The page.
  package var html: String {
    """
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta http-equiv="Content-Security-Policy" content="\(Self.policy)">
    <title>\(HTMLText.escaped(title))</title>
    <style>\(Self.style)</style>
    </head>
    <body>
    <h1>\(HTMLText.escaped(title))</h1>
    \(headline)
    \(verdictList)
    \(section("Throughput over time", throughput))
    \(section("Latency by percentile", latency))
    \(section("CPU by thread, µs \(measurement.unit.name)", threads))
    \(section("Pending deliveries over time", depth))
    \(section("Memory and CPU over time", memory))
    \(section("All figures", figures))
    \(section("What was asked for", settings))
    </body>
    </html>

    """
  }

  private func section(_ title: String, _ content: String) -> String {
    "<section><h2>\(HTMLText.escaped(title))</h2>\n\(content)</section>"
  }

  private var headline: String {
    let m = measurement
    let cards: [(String, String)] = [
      ("deliveries a second", FigureText.number(m.deliveriesPerSecond)),
      ("µs of CPU a delivery", m.cpuMicrosPerDelivery.map(FigureText.number) ?? "–"),
      ("lag p99", m.lag.map { FigureText.duration($0.quantile(0.99)) } ?? "–"),
      ("acknowledge p99", FigureText.duration(m.acknowledgement.quantile(0.99))),
      ("lost", m.lost.map { "\($0)" } ?? "–"),
      ("peak memory", Quantity.sizeText(m.peakBytes)),
    ]
    let items = cards.map { "<div><b>\($0.1)</b><span>\($0.0)</span></div>" }
    return "<div class=\"cards\">\(items.joined())</div>"
  }

  private var verdictList: String {
    guard !verdicts.isEmpty else { return "" }
    let items = verdicts.map { verdict in
      let value = verdict.value.map { FigureText.text($0, verdict.threshold.unit) } ?? "–"
      let text = verdict.holds ? "\(verdict.threshold.name): \(value), as it must" : verdict.text
      return "<li class=\"\(verdict.holds ? "good" : "bad")\">\(HTMLText.escaped(text))</li>"
    }
    return section("Thresholds", "<ul>\(items.joined())</ul>")
  }

  private var throughput: String {
    let timeline = measurement.timeline
    return Chart(
      x: .seconds, y: .perSecond,
      series: [
        Series("deliveries received a second", timeline.rates { Double($0.delivered) }),
        Series("events acknowledged a second", timeline.rates { Double($0.acknowledged) }),
      ]
    ).svg
  }

  private var depth: String {
    let points = measurement.timeline.points.map { ($0.seconds, Double($0.depth)) }
    return Chart(
      x: .seconds, y: Chart.Axis("pending deliveries"),
      series: [Series("accepted, not received", points)]
    ).svg
  }

  private var memory: String {
    let timeline = measurement.timeline
    let resident = timeline.points.map { ($0.seconds, Double($0.residentBytes) / 1_048_576) }
    return Chart(
      x: .seconds, y: Chart.Axis("MiB, and hundredths of a core"),
      series: [
        Series("resident memory, MiB", resident),
        Series("CPU, % of a core", timeline.rates { $0.cpuSeconds * 100 }),
      ]
    ).svg
  }

  /// Percentiles over nines: as far to the right as there are times to tell them from.
  private var latency: String {
    var x = Chart.Axis("percentile")
    x.text = { PercentileText.text(nines: $0) }
    x.ticks = [PercentileText.nines(0.5), 1, 2, 3, 4]
    var y = Chart.Axis("time")
    y.isLogarithmic = true
    y.text = { FigureText.duration($0) }
    var series = [Series("acknowledge", ladder(measurement.acknowledgement))]
    if let lag = measurement.lag { series.append(Series("delivery lag", ladder(lag))) }
    if let slip = measurement.slip { series.append(Series("publisher late", ladder(slip))) }
    return Chart(x: x, y: y, series: series).svg
  }

  private func ladder(_ times: Latencies) -> [(x: Double, y: Double)] {
    guard times.count > 0 else { return [] }
    let last = min(4, max(1, log10(Double(times.count))))
    return stride(from: 0.0, through: last, by: 0.05).map { nines in
      (nines, max(times.quantile(1 - pow(10, -nines)), 1e-6))
    }
  }

  private var threads: String {
    guard let use = measurement.use, measurement.unit.count > 0 else {
      return "<p class=\"none\">Not measured.</p>"
    }
    let micros = measurement.perUnit(1e6)
    let most = use.threads.map { ($0.userSeconds + $0.systemSeconds) * micros }.max() ?? 0
    let rows = use.threads.map { thread in
      row(thread, user: thread.userSeconds * micros, system: thread.systemSeconds * micros, most)
    }
    return """
      <table><tr><th>thread</th><th class="n f0t">user</th><th class="n f1t">system</th>\
      <th></th></tr>
      \(rows.joined(separator: "\n"))</table>
      """
  }

  /// - Parameter most: what fills the bar.
  private func row(
    _ thread: ProcessUse.Thread, user: Double, system: Double, _ most: Double
  ) -> String {
    let scale = most > 0 ? 100 / most : 0
    let (width, rest) = (Chart.place(user * scale), Chart.place(system * scale))
    return """
      <tr><th>\(HTMLText.escaped(thread.name))</th>\
      <td class="n">\(FigureText.fixed(user, 3))</td>\
      <td class="n">\(FigureText.fixed(system, 3))</td>\
      <td class="bar"><svg viewBox="0 0 100 8" preserveAspectRatio="none">\
      <rect class="f0" x="0" y="0" width="\(width)" height="8"/>\
      <rect class="f1" x="\(width)" y="0" width="\(rest)" height="8"/></svg></td></tr>
      """
  }

  private var figures: String {
    let rows = FigureTable.rows(of: measurement).map {
      "<tr><th>\(HTMLText.escaped($0.name))</th><td>\(HTMLText.escaped($0.value))</td></tr>"
    }
    return "<table>\(rows.joined(separator: "\n"))</table>"
  }

  private var settings: String {
    let rows = measurement.settings.map {
      "<tr><th>\(HTMLText.escaped($0.name))</th><td>\(HTMLText.escaped($0.value))</td></tr>"
    }
    return "<table>\(rows.joined(separator: "\n"))</table>"
  }

  private static let policy = "default-src 'none'; style-src 'unsafe-inline'"

  private static let style = """
    :root{color-scheme:light dark;--ink:#1d2430;--dim:#68707d;--line:#dfe3e8;--paper:#fff;\
    --c0:#2563c9;--c1:#d9772b;--c2:#2e9e6b;--c3:#9b4dca}
    @media(prefers-color-scheme:dark){:root{--ink:#e7eaef;--dim:#98a1ae;--line:#333b46;\
    --paper:#14181e;--c0:#6ea1f5;--c1:#f0a566;--c2:#5fcf9c;--c3:#c793ea}}
    body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);\
    max-width:760px;margin:2rem auto;padding:0 1rem}
    h1{font-size:1.4rem}h2{font-size:1.05rem;margin:2rem 0 .5rem}
    .cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(160px,1fr));gap:.75rem}
    .cards div{border:1px solid var(--line);border-radius:8px;padding:.6rem .8rem}
    .cards b{display:block;font-size:1.35rem}.cards span,.none{color:var(--dim)}
    svg{width:100%;height:auto}svg text{font-size:11px;fill:var(--dim)}
    text.x{text-anchor:middle}text.y{text-anchor:end;dominant-baseline:middle}
    .grid{stroke:var(--line)}polyline{fill:none;stroke-width:1.6}
    .s0{stroke:var(--c0)}.s1{stroke:var(--c1)}.s2{stroke:var(--c2)}.s3{stroke:var(--c3)}
    .f0{fill:var(--c0)}.f1{fill:var(--c1)}.f2{fill:var(--c2)}.f3{fill:var(--c3)}
    .f0t{color:var(--c0)}.f1t{color:var(--c1)}
    table{border-collapse:collapse;width:100%}th{text-align:left;font-weight:normal;\
    color:var(--dim)}th,td{padding:.2rem .8rem .2rem 0;border-bottom:1px solid var(--line);\
    vertical-align:top}
    .n{text-align:right}.bar{width:55%}.bar svg{height:.7rem}
    .good::marker{content:"✓ ";color:var(--c2)}.bad::marker{content:"✗ ";color:#d33}
    """
}

extension Chart.Axis {
  fileprivate static var seconds: Chart.Axis { Chart.Axis("seconds from the start") }
  fileprivate static var perSecond: Chart.Axis { Chart.Axis("a second") }
}

/// Percentiles by their nines: 2 is the 99th.
enum PercentileText {
  static func nines(_ fraction: Double) -> Double { -log10(1 - fraction) }

  static func text(nines: Double) -> String {
    if nines < 0.99 { return "p50" }
    let count = Int(nines.rounded())
    return count <= 2
      ? "p" + String(repeating: "9", count: count == 1 ? 1 : 2) + (count == 1 ? "0" : "")
      : "p99." + String(repeating: "9", count: count - 2)
  }
}
