/// Rows under headings: aligned for a person, separated by tabs and without headings in a pipe.
struct Table {
  struct Column {
    let title: String
    var isNumber = false

    /// A column of text, to the left.
    static func text(_ title: String) -> Column { Column(title: title) }
    /// A column of figures, to the right.
    static func number(_ title: String) -> Column { Column(title: title, isNumber: true) }
  }

  struct Cell: ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
    let text: String
    var style: Console.Style?

    init(_ text: String, _ style: Console.Style? = nil) {
      self.text = Console.clean(text)
      self.style = style
    }
    init(stringLiteral value: String) { self.init(value) }
  }

  let columns: [Column]
  private var rows: [[Cell]] = []

  init(_ columns: [Column]) { self.columns = columns }

  mutating func add(_ row: [Cell]) { rows.append(row) }

  /// Prints it on stdout; `ifEmpty` goes to stderr of a terminal when there are no rows.
  func print(ifEmpty note: String) {
    if rows.isEmpty, Console.Stream.standardError.isTerminal { Console.talk(note) }
    let text = text(forTerminal: Console.Stream.standardOutput.isTerminal)
    Console.write(text, to: .standardOutput)
  }

  /// The lines, each with its line end.
  func text(forTerminal: Bool) -> String {
    guard forTerminal else {
      return rows.map { $0.map(\.text).joined(separator: "\t") + "\n" }.joined()
    }
    guard !rows.isEmpty else { return "" }
    let widths = columns.indices.map { index in
      max(columns[index].title.count, rows.map { $0[index].text.count }.max() ?? 0)
    }
    let heading = columns.map { Cell($0.title.uppercased(), .dim) }
    return ([heading] + rows).map { line($0, widths) }.joined()
  }

  private func line(_ row: [Cell], _ widths: [Int]) -> String {
    var text = ""
    for (index, cell) in row.enumerated() {
      let padding = String(repeating: " ", count: widths[index] - cell.text.count)
      let shown = cell.style.map { Console.styled(cell.text, $0) } ?? cell.text
      let isLast = index == row.count - 1
      if columns[index].isNumber {
        text += padding + shown
      } else {
        text += shown + (isLast ? "" : padding)
      }
      if !isLast { text += "  " }
    }
    return text + "\n"
  }
}

/// Names and values of one thing: aligned for a person, separated by a tab in a pipe.
struct Properties {
  private var pairs: [(name: String, value: String)] = []

  /// Adds a line, unless there is no value.
  mutating func add(_ name: String, _ value: String?) {
    if let value { pairs.append((name, Console.clean(value))) }
  }

  func print(to stream: Console.Stream = .standardOutput) {
    let width = pairs.map(\.name.count).max() ?? 0
    for (name, value) in pairs {
      if stream.isTerminal {
        let padded = name + String(repeating: " ", count: width - name.count)
        Console.write("\(Console.styled(padded, .dim, on: stream))  \(value)\n", to: stream)
      } else {
        Console.write("\(name)\t\(value)\n", to: stream)
      }
    }
  }
}
