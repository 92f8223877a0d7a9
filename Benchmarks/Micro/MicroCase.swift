/// One mechanism of the hot path, ready to be run as often as wanted.
///
/// What it needs is made once, before; `run` does the work for so many events, and nothing else.
struct MicroCase {
  /// What the mechanism is called on the command line and in the table.
  let name: String
  /// What one event is here.
  let event: String
  /// Events that `run` may be asked for in all, the warm-up included; what is more is not asked for.
  var eventsMax = Int.max
  /// Events for each of which one allocation is let pass: of tables that grow with the log. Else none
  /// is.
  var eventsPerAllocation = Int.max
  /// Does the work of so many events.
  /// - Returns: anything that depends on all of it, so that no work can be left out.
  let run: (_ events: Int) -> UInt64
}

extension MicroCase {
  /// All mechanisms, in the order in which an event meets them.
  static func all() -> [MicroCase] {
    [
      respParse(), jsonScan(), routing(), lz4Block(), journalAppend(), ring(), timerWheel(),
      hmac(), requestLayout(), responseParse(),
    ]
  }

  /// What must fail: it allocates once an event. Run by name only.
  static func canary() -> MicroCase {
    MicroCase(name: "canary", event: "an array made and dropped") { events in
      var sum: UInt64 = 0
      for event in 0..<events {
        let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: event), count: 64)
        sum &+= UInt64(Sample.opaque(bytes).count)
      }
      return sum
    }
  }
}
