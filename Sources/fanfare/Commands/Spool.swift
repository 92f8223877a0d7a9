internal import ArgumentParser
internal import Glibc
internal import Wire

/// `fanfare spool`: what is undelivered, by endpoint.
struct Spool: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what is undelivered, by endpoint: depth, age, state, last error.",
    discussion: """
      Examples:
        fanfare spool --watch
        fanfare spool ci-server --json
        fanfare spool --check 'depth<1000,oldest<5m' || mail -s 'webhooks lag' ops
      --check knows depth, dead, inflight, attempts, bytes, plainbytes and oldest, in all, and
      < <= > >= =; it is silent and exits 0 when all holds, else it says what does not and exits 1.
      """)

  @Argument(help: "Endpoint by name or id; all of them otherwise.")
  var endpoint: String?

  @Option(help: "Only endpoints of this application.")
  var app: String?

  @Flag(help: "Show it again and again until ^C.")
  var watch = false

  @Option(help: "How often --watch looks.")
  var interval = "1s"

  @Option(help: ArgumentHelp("Check conditions instead of showing.", valueName: "conditions"))
  var check: String?

  @OptionGroup var client: ClientOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let conditions = try check.map { (text: String) throws(Failure) in
      try SpoolCondition.parse(text)
    }
    let pause = try Spans.duration(interval, flag: "--interval")
    let client = try client.client()
    if let conditions {
      let lines = try fetch(client)
      return try judge(lines, conditions)
    }
    repeat {
      let report = try fetch(client)
      show(report)
      if watch { usleep(UInt32(clamping: max(pause, 100) * 1000)) }
    } while watch
  }

  private func fetch(_ client: APIClient) throws(Failure) -> JSONValue {
    let query = app.map { "?app=\(PathText.encoded($0))" } ?? ""
    let report = try client.value("GET", "/api/v1/spool\(query)")
    guard let endpoint else { return report }
    let all = report["endpoints"]?.elements ?? []
    let lines = all.filter { $0["id"]?.text == endpoint || $0["name"]?.text == endpoint }
    guard !lines.isEmpty else {
      let near = Suggestion.nearest(to: endpoint, in: all.compactMap { $0["name"]?.text })
      let question = near.map { "; did you mean '\($0)'?" } ?? ""
      throw Failure(.failed, "there is no endpoint '\(endpoint)'\(question)")
    }
    return .members([("total", Self.total(of: lines)), ("endpoints", .array(lines))])
  }

  private static func total(of lines: [JSONValue]) -> JSONValue {
    .members(
      ["depth", "dead", "bytes", "plainBytes"].map { key in
        (key, .integer(lines.reduce(0) { $0 + ($1[key]?.integer ?? 0) }))
      })
  }

  private func show(_ report: JSONValue) {
    if output.json {
      if watch { Console.print(report.compact) } else { report.print() }
      return
    }
    let isSeen = Console.Stream.standardOutput.isTerminal
    if watch, isSeen { Console.clearScreen() }
    let lines = (report["endpoints"]?.elements ?? []) + SpoolTable.parkedLines(of: report)
    SpoolTable.table(of: lines).print(ifEmpty: "no endpoints")
    guard isSeen else {
      // In a pipe, an empty line ends one picture of many.
      if watch { Console.print("") }
      return
    }
    let total = report["total"]
    let bytes = UInt64(max(0, total?["bytes"]?.integer ?? 0))
    Console.print(
      Console.styled(
        "in all: \(total?["depth"]?.shown ?? "0") pending, \(total?["dead"]?.shown ?? "0") dead, "
          + Quantity.sizeText(bytes), .dim))
  }

  private func judge(_ report: JSONValue, _ conditions: [SpoolCondition]) throws {
    let failed = conditions.filter { !$0.holds(for: report) }
    for condition in failed {
      Console.talk("spool: \(condition.text) does not hold: \(condition.actualText(in: report))")
    }
    if !failed.isEmpty { throw ExitCode(1) }
  }
}

/// The table of `fanfare spool`.
enum SpoolTable {
  static func table(of lines: [JSONValue]) -> Table {
    var table = Table([
      .text("name"), .text("state"), .number("depth"), .number("in flight"), .number("dead"),
      .number("oldest"), .number("next"), .number("bytes"), .text("last"),
    ])
    for line in lines {
      let state = line["state"]?.text ?? "-"
      let depth = line["depth"]?.integer ?? 0
      table.add([
        Table.Cell(line["name"]?.text ?? line["id"]?.text ?? "-", .bold),
        Table.Cell(state, style(of: state)),
        Table.Cell("\(depth)", depth > 0 ? .yellow : nil),
        Table.Cell(line["inFlight"]?.shown ?? "0"),
        Table.Cell(line["dead"]?.shown ?? "0", (line["dead"]?.integer ?? 0) > 0 ? .red : nil),
        Table.Cell(depth > 0 ? Spans.text(seconds: line["oldestSeconds"]?.double ?? 0) : "-"),
        Table.Cell(line["nextAttempt"]?.text.map { Spans.untilText($0) } ?? "-"),
        Table.Cell(Quantity.sizeText(UInt64(max(0, line["bytes"]?.integer ?? 0)))),
        Table.Cell(lastText(line)),
      ])
    }
    return table
  }

  /// Endpoints that the catalogue does not know, as lines of the table: by their numbers.
  static func parkedLines(of report: JSONValue) -> [JSONValue] {
    (report["parked"]?.elements ?? []).map { line in
      .members([
        ("name", .string("number \(line["number"]?.shown ?? "?")")), ("state", .string("parked")),
        ("depth", line["depth"]), ("oldestSeconds", line["oldestSeconds"]),
        ("lastError", .string("not in the catalogue")),
      ])
    }
  }

  private static func style(of state: String) -> Console.Style? {
    switch state {
    case "ok": .green
    case "retrying", "limited", "paused": .yellow
    case "open", "disabled", "quota", "parked": .red
    default: nil
    }
  }

  private static func lastText(_ line: JSONValue) -> String {
    if let error = line["lastError"]?.text { return error }
    guard let status = line["lastStatus"]?.integer, status > 0 else { return "-" }
    return "\(status)"
  }
}

/// One term of `--check`: `depth<1000`.
struct SpoolCondition {
  enum Relation: String, CaseIterable {
    // The longer ones first: `<=` begins like `<`.
    case atMost = "<="
    case atLeast = ">="
    case below = "<"
    case above = ">"
    case equal = "="
  }

  let text: String
  let key: String
  let relation: Relation
  let limit: Double

  /// Spelling on the command line, and the key in the report; the sum or, for ages, the greatest.
  private static let keys = [
    "depth": "depth", "dead": "dead", "inflight": "inFlight", "attempts": "attempts",
    "bytes": "bytes", "plainbytes": "plainBytes", "oldest": "oldestSeconds",
  ]

  /// - Throws: exit 64 with what is allowed.
  static func parse(_ text: String) throws(Failure) -> [SpoolCondition] {
    let terms = CommaList.split([text])
    guard !terms.isEmpty else { throw Failure(.usage, "--check needs a condition: depth<1000") }
    var conditions: [SpoolCondition] = []
    for term in terms { conditions.append(try SpoolCondition(term)) }
    return conditions
  }

  private init(_ term: String) throws(Failure) {
    text = term
    guard let (relation, range) = Self.relation(in: term) else {
      throw Failure(.usage, "--check: '\(term)' has none of < <= > >= =")
    }
    let name = term[..<range.lowerBound].filter { $0 != " " }.lowercased()
    let value = String(term[range.upperBound...].filter { $0 != " " })
    guard let key = Self.keys[name] else {
      let near = Suggestion.nearest(to: name, in: Self.keys.keys.sorted())
      let known = Self.keys.keys.sorted().joined(separator: ", ")
      throw Failure(
        .usage, "--check: '\(name)' is not known\(near.map { "; did you mean '\($0)'?" } ?? "")",
        next: ["known: \(known)"])
    }
    guard let limit = Self.limit(value, key: key) else {
      throw Failure(.usage, "--check: '\(value)' is no value for \(name)")
    }
    self.key = key
    self.relation = relation
    self.limit = limit
  }

  /// Whether a report meets it.
  func holds(for report: JSONValue) -> Bool {
    let value = actual(in: report)
    return switch relation {
    case .below: value < limit
    case .atMost: value <= limit
    case .above: value > limit
    case .atLeast: value >= limit
    case .equal: value == limit
    }
  }

  /// What the report has instead.
  func actualText(in report: JSONValue) -> String {
    let value = actual(in: report)
    return key == "oldestSeconds" ? Spans.text(seconds: value) : "\(Int(value))"
  }

  private func actual(in report: JSONValue) -> Double {
    let values = (report["endpoints"]?.elements ?? []).map { $0[key]?.double ?? 0 }
    if key == "oldestSeconds" { return values.max() ?? 0 }
    return report["total"]?[key]?.double ?? values.reduce(0, +)
  }

  private static func relation(in term: String) -> (Relation, Range<String.Index>)? {
    for relation in Relation.allCases {
      if let range = term.firstRange(of: relation.rawValue) { return (relation, range) }
    }
    return nil
  }

  private static func limit(_ text: String, key: String) -> Double? {
    switch key {
    case "oldestSeconds": Quantity.duration(text).map { Double($0) / 1000 }
    case "bytes", "plainBytes": Quantity.size(text).map { Double($0) }
    default: UInt64(text).map { Double($0) }
    }
  }
}
