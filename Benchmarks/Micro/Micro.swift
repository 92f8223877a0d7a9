internal import ArgumentParser
internal import Base
internal import Glibc

/// Measures the mechanisms of the hot path, one by one: CPU time and allocations an event.
@main
struct Micro: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "Benchmarks/Micro/run",
    abstract: "Measure the mechanisms of the hot path, one by one.",
    discussion: """
      CPU time of the thread by event, best and median of all rounds. Fails when a mechanism makes a
      single allocation in all measured rounds together; 'journal' may make one in 2,000 events, for
      its tables of blocks grow. 'canary' allocates, and must fail.

      Exit codes: 1 when something allocates, 70 when allocations are not counted here.
      """)

  @Flag(help: "A tenth of a second in all: whether it works, not how fast it is.") var quick = false
  @Flag(help: "One JSON object.") var json = false
  @Argument(help: "Mechanisms; all of them unless given.") var names: [String] = []

  func run() throws {
    if let gap = AllocationProof.gap() {
      complain("allocations are not counted on this platform: \(gap)")
      throw ExitCode(70)
    }
    let results = try chosen().map { $0.measure(quick ? .quick : .full) }
    print(json ? MicroReport.json(results) : MicroReport.table(results))
    let bad = results.filter { $0.allocations > $0.allocationsMax }
    for result in bad {
      complain("\(result.name) made \(result.allocations) allocations in \(result.events) events")
    }
    if !bad.isEmpty { throw ExitCode(1) }
  }

  private func chosen() throws -> [MicroCase] {
    let all = MicroCase.all()
    if names.isEmpty { return all }
    return try names.map { name in
      if let found = (all + [.canary()]).first(where: { $0.name == name }) { return found }
      throw ValidationError(
        "no mechanism '\(name)'; there are \(all.map(\.name).joined(separator: ", "))")
    }
  }

  private func complain(_ text: String) {
    let line = Array("fanfare-micro: \(text)\n".utf8)
    _ = unsafe line.withUnsafeBytes { unsafe write(2, $0.baseAddress, $0.count) }
  }
}
