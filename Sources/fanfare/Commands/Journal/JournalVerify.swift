internal import ArgumentParser
internal import Base
internal import Platform
internal import Storage
internal import Wire

/// `fanfare journal verify`.
struct JournalVerify: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Check every header, table and checksum of the log; exits 1 on any damage.",
    discussion: """
      Reads only, also beside a running broker.

      Examples:
        fanfare journal verify --data /var/lib/fanfare
        fanfare journal verify --json | jq '.faults[]'
      """)

  @OptionGroup var journal: JournalOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let inspector = try journal.inspector()
    var progress = VerifyProgress()
    let verdict = try JournalOptions.telling { () throws(StorageError) in
      try inspector.verify { done, all in progress.show(done, all) }
    }
    progress.end()
    if output.json { print(verdict) } else { tell(verdict) }
    if !verdict.isClean { throw ExitCode(1) }
  }

  private func tell(_ verdict: JournalVerdict) {
    for fault in verdict.faults { Console.print(Console.clean(fault.text)) }
    for note in verdict.notes { Console.talk("note: \(Console.clean(note))") }
    let size = Quantity.sizeText(verdict.bytes)
    Console.talk(
      "\(Consent.counted(verdict.segments, "segment")), "
        + "\(Consent.counted(verdict.spoolRanges, "spool range")), "
        + "\(Consent.counted(verdict.checkpoints, "checkpoint")), \(size): "
        + "\(verdict.blocks) blocks, \(verdict.events) events, \(verdict.outcomes) outcomes up to block "
        + "\(verdict.lastSequence) checked")
    Console.talk(
      verdict.isClean
        ? Console.styled("the log is whole", .green, on: .standardError)
        : Console.styled(
          Consent.counted(verdict.faults.count, "fault"), .red, on: .standardError))
  }

  private func print(_ verdict: JournalVerdict) {
    JSONValue.members([
      ("clean", .bool(verdict.isClean)), ("segments", .integer(verdict.segments)),
      ("spoolRanges", .integer(verdict.spoolRanges)),
      ("checkpoints", .integer(verdict.checkpoints)), ("bytes", .integer(verdict.bytes)),
      ("blocks", .integer(verdict.blocks)), ("events", .integer(verdict.events)),
      ("outcomes", .integer(verdict.outcomes)), ("lastSequence", .integer(verdict.lastSequence)),
      ("faults", .array(verdict.faults.map(\.json))), ("notes", .strings(verdict.notes)),
    ]).print()
  }
}

/// A line on the terminal that says how far a long read has come.
struct VerifyProgress {
  private let isShown = Console.Stream.standardError.isTerminal
  private let start = RealClock.monotonic
  private var shownAt: UInt64 = 0

  mutating func show(_ done: UInt64, _ all: UInt64) {
    guard isShown, all > 0 else { return }
    let passed = RealClock.monotonic.since(start).count
    guard passed >= shownAt + 200_000_000 else { return }
    shownAt = passed
    let percent = min(100, done * 100 / all)
    Console.write(
      "\r\(percent) % of \(Quantity.sizeText(all))\u{1B}[K", to: .standardError)
  }

  func end() { if isShown, shownAt > 0 { Console.write("\r\u{1B}[K", to: .standardError) } }
}
