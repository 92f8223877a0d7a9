internal import ArgumentParser
internal import Base
internal import Flow
internal import Storage
internal import Wire

/// `fanfare journal inspect`.
struct JournalInspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "List segments and checkpoints, or blocks, or events.",
    discussion: """
      Examples:
        fanfare journal inspect --data /var/lib/fanfare
        fanfare journal inspect --segment 12 --blocks
        fanfare journal inspect --events --json | jq -r .id
      """)

  @Option(help: "Only the segment with this number.")
  var segment: UInt64?

  @Flag(help: "List blocks.")
  var blocks = false

  @Flag(help: "List events, with type, id, time and audience.")
  var events = false

  @OptionGroup var journal: JournalOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    if blocks, events { throw Failure(.usage, "--blocks and --events exclude each other") }
    let inspector = try journal.inspector()
    if let segment, !inspector.segments.contains(where: { $0.number == segment }) {
      let known = inspector.segments.map { "\($0.number)" }.joined(separator: " ")
      throw Failure(.failed, "there is no segment \(segment)", next: ["there are: \(known)"])
    }
    if events { return try list(eventsOf: inspector) }
    if blocks { return try list(blocksOf: inspector) }
    listFiles(inspector)
  }

  // MARK: Files

  private func listFiles(_ inspector: JournalInspector) {
    let segments = inspector.segments.filter { segment == nil || $0.number == segment }
    let spool = segment == nil ? inspector.spool : []
    let checkpoints = segment == nil ? inspector.checkpoints : []
    if output.json {
      return JSONValue.members([
        ("segments", .array(segments.map(\.json))),
        ("spool", .array(spool.map(\.json))),
        ("checkpoints", .array(checkpoints.map(\.json))),
      ]).print()
    }
    var table = Table([
      .number("segment"), .text("state"), .number("first"), .number("last"), .number("blocks"),
      .number("with events"), .number("durable"), .number("used"), .number("bytes"),
      .text("created"), .text("file"),
    ])
    for segment in segments {
      table.add([
        Table.Cell("\(segment.number)", .bold),
        Table.Cell(segment.state.rawValue, segment.state == .damaged ? .red : nil),
        Table.Cell("\(segment.firstSequence)"), Table.Cell("\(segment.lastSequence)"),
        Table.Cell("\(segment.blocks)"), Table.Cell("\(segment.eventBlocks)"),
        Table.Cell("\(segment.durableThrough)"), Table.Cell(Quantity.sizeText(segment.usedBytes)),
        Table.Cell(Quantity.sizeText(segment.bytes)),
        Table.Cell(JournalText.time(segment.createdAt)),
        Table.Cell(segment.path),
      ])
    }
    table.print(ifEmpty: "no segments")
    listSpool(spool)
    listCheckpoints(checkpoints)
  }

  private func listSpool(_ ranges: [SpoolSummary]) {
    if ranges.isEmpty { return }
    if Console.Stream.standardOutput.isTerminal { Console.print("") }
    var table = Table([
      .number("spool"), .number("first"), .number("last"), .number("blocks"), .number("events"),
      .number("bytes"), .number("unpacked"), .number("offset"), .text("file"),
    ])
    for range in ranges {
      table.add([
        Table.Cell("\(range.ordinal)", .bold), Table.Cell("\(range.firstSequence)"),
        Table.Cell("\(range.lastSequence)"), Table.Cell("\(range.blocks)"),
        Table.Cell("\(range.events)"), Table.Cell(Quantity.sizeText(range.bytes)),
        Table.Cell(Quantity.sizeText(range.plainBytes)), Table.Cell("\(range.offset)"),
        Table.Cell(range.path),
      ])
    }
    table.print(ifEmpty: "nothing in the spool")
  }

  private func listCheckpoints(_ checkpoints: [CheckpointSummary]) {
    if checkpoints.isEmpty { return }
    if Console.Stream.standardOutput.isTerminal { Console.print("") }
    var table = Table([
      .number("checkpoint"), .number("sequence"), .number("read from"), .number("lanes"),
      .number("behind"), .number("tried"), .number("ids"), .number("audiences"), .text("created"),
      .text("file"),
    ])
    for checkpoint in checkpoints {
      table.add([
        Table.Cell("\(checkpoint.ordinal)", .bold), Table.Cell("\(checkpoint.sequence)"),
        Table.Cell("\(checkpoint.replayAfter + 1)"), Table.Cell("\(checkpoint.lanes)"),
        Table.Cell("\(checkpoint.behind)"), Table.Cell("\(checkpoint.holes)"),
        Table.Cell("\(checkpoint.remembered)"), Table.Cell("\(checkpoint.audiences)"),
        Table.Cell(JournalText.time(checkpoint.createdAt)), Table.Cell(checkpoint.path),
      ])
    }
    table.print(ifEmpty: "no checkpoints")
  }

  // MARK: Blocks and events

  private func list(blocksOf inspector: JournalInspector) throws(Failure) {
    var table = Table([
      .number("block"), .number("segment"), .number("offset"), .number("length"), .text("kind"),
      .number("events"), .number("audiences"), .number("outcomes"), .number("packed"),
      .number("plain"), .number("durable"), .text("state"),
    ])
    try JournalOptions.telling { () throws(StorageError) in
      try inspector.forEachBlock(segment: segment) { block in
        if output.json { return Console.print(block.json.compact) }
        table.add([
          Table.Cell("\(block.sequence)", .bold), Table.Cell("\(block.segment)"),
          Table.Cell("\(block.offset)"), Table.Cell("\(block.length)"), Table.Cell(block.kind),
          Table.Cell("\(block.events)"), Table.Cell("\(block.definitions)"),
          Table.Cell("\(block.outcomes)"), Table.Cell("\(block.packedBytes)"),
          Table.Cell("\(block.plainBytes)"), Table.Cell("\(block.durableThrough)"),
          Table.Cell(block.isWhole ? "whole" : "damaged", block.isWhole ? nil : .red),
        ])
      }
    }
    if !output.json { table.print(ifEmpty: "no blocks") }
  }

  private func list(eventsOf inspector: JournalInspector) throws(Failure) {
    var table = Table([
      .text("position"), .text("accepted"), .text("type"), .text("id"), .number("app"),
      .number("bytes"), .number("audience"), .text("endpoints"),
    ])
    try JournalOptions.telling { () throws(StorageError) in
      try inspector.forEachEvent(segment: segment) { event in
        if output.json { return Console.print(event.json.compact) }
        table.add([
          Table.Cell("\(event.position.sequence).\(event.position.index)", .bold),
          Table.Cell(JournalText.time(event.time.value)), Table.Cell(event.type),
          Table.Cell(event.id), Table.Cell("\(event.application.value)"),
          Table.Cell("\(event.dataBytes)"), Table.Cell("\(event.audience.value)"),
          Table.Cell(JournalText.endpoints(event.endpoints)),
        ])
      }
    }
    if !output.json { table.print(ifEmpty: "no events") }
  }
}
