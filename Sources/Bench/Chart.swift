internal import Wire

/// One line of a chart.
package struct Series: Sendable {
  package var name: String
  package var points: [(x: Double, y: Double)]

  package init(_ name: String, _ points: [(x: Double, y: Double)]) {
    self.name = name
    self.points = points
  }
}

/// A chart as SVG text, to stand within a page of HTML.
package struct Chart: Sendable {
  /// How values of an axis are spread and written.
  package struct Axis: Sendable {
    package var title: String
    package var isLogarithmic = false
    package var text: @Sendable (Double) -> String = { FigureText.number($0) }
    /// Where lines and labels stand; chosen by the values when empty.
    package var ticks: [Double] = []

    package init(_ title: String) { self.title = title }
  }

  private static let width = 720.0
  private static let height = 280.0
  private static let left = 78.0
  private static let right = 16.0
  private static let top = 14.0
  private static let bottom = 58.0

  package var x: Axis
  package var y: Axis
  package var series: [Series]

  package init(x: Axis, y: Axis, series: [Series]) {
    self.x = x
    self.y = y
    self.series = series
  }

  /// The drawing; a sentence when there is nothing to draw.
  package var svg: String {
    let points = series.flatMap(\.points)
    guard points.count > 1 else { return "<p class=\"none\">Too short to plot.</p>" }
    let xScale = ChartScale(points.map(\.x), axis: x, from: Self.left, to: Self.width - Self.right)
    var yValues = points.map(\.y)
    if !y.isLogarithmic { yValues.append(0) }
    let yScale = ChartScale(yValues, axis: y, from: Self.height - Self.bottom, to: Self.top)
    var text = """
      <svg viewBox="0 0 \(Int(Self.width)) \(Int(Self.height))" role="img" \
      aria-label="\(HTMLText.escaped("\(y.title) by \(x.title)"))">
      """
    text += grid(xScale, yScale)
    for (index, one) in series.enumerated() {
      let path = one.points.map {
        "\(Self.place(xScale.place($0.x))),\(Self.place(yScale.place($0.y)))"
      }
      text += "<polyline class=\"s\(index % 4)\" points=\"\(path.joined(separator: " "))\"/>"
    }
    return text + legend + "</svg>"
  }

  private func grid(_ xScale: ChartScale, _ yScale: ChartScale) -> String {
    var text = ""
    let base = Self.height - Self.bottom
    for tick in yScale.ticks {
      let at = yScale.place(tick)
      text += Self.line((Self.left, at), (Self.width - Self.right, at))
      text += Self.label("y", (Self.left - 8, at), y.text(tick))
    }
    for tick in xScale.ticks {
      let at = xScale.place(tick)
      text += Self.line((at, Self.top), (at, base))
      text += Self.label("x", (at, base + 16), x.text(tick))
    }
    let middle = (Self.left + Self.width - Self.right) / 2
    return text + Self.label("x title", (middle, base + 34), x.title)
  }

  private var legend: String {
    var text = ""
    var at = Self.left
    let base = Self.height - 8
    for (index, one) in series.enumerated() where !one.name.isEmpty {
      text += """
        <rect class="f\(index % 4)" x="\(Self.place(at))" y="\(Self.place(base - 9))" \
        width="10" height="10"/>
        """
      text += Self.label("legend", (at + 15, base), one.name)
      at += 34 + Double(one.name.count) * 7
    }
    return text
  }

  private typealias Place = (x: Double, y: Double)

  private static func line(_ from: Place, _ to: Place) -> String {
    """
    <line class="grid" x1="\(place(from.x))" y1="\(place(from.y))" x2="\(place(to.x))" \
    y2="\(place(to.y))"/>
    """
  }

  private static func label(_ style: String, _ at: Place, _ text: String) -> String {
    """
    <text class="\(style)" x="\(place(at.x))" y="\(place(at.y))">\(HTMLText.escaped(text))</text>
    """
  }

  /// A coordinate, to a tenth.
  static func place(_ value: Double) -> String { FigureText.fixed(value, 1) }
}
