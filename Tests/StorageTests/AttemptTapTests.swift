import Base
import Flow
import Platform
import Storage
import Testing

/// Goal: whoever reads the tap late loses successes first, and the journal never waits.
/// Method: a small tap that nobody empties.
struct AttemptTapTests {
  private func outcome(_ kind: OutcomeKind, _ event: UInt64) -> Outcome {
    Outcome(
      position: Position(sequence: event, index: 0), endpoint: EndpointNumber(1), kind: kind,
      attempt: 1, due: UnixMilliseconds(event))
  }

  @Test func `outcomes come in order, with the time they were seen`() {
    let tap = AttemptTap(reader: Wakeup(), capacity: 8)
    #expect(!tap.hasOutcomes && tap.take() == nil)
    tap.note(outcome(.delivered, 1), seen: UnixMilliseconds(10))
    tap.note(outcome(.retry, 2), seen: UnixMilliseconds(20))
    #expect(tap.hasOutcomes)
    let first = tap.take()
    #expect(first?.outcome.position.sequence == 1 && first?.seen == UnixMilliseconds(10))
    #expect(tap.take()?.outcome.kind == .retry)
    #expect(tap.take() == nil)
  }

  @Test func `successes leave half of the room to failures`() {
    let tap = AttemptTap(reader: Wakeup(), capacity: 8, overflowMax: 0)
    for event in UInt64(0)..<6 { tap.note(outcome(.delivered, event), seen: UnixMilliseconds(0)) }
    #expect(tap.successesLeftOut.value == 2)
    for event in UInt64(0)..<5 { tap.note(outcome(.dead, event), seen: UnixMilliseconds(0)) }
    #expect(tap.othersLeftOut.value == 1)
    var kinds: [OutcomeKind] = []
    while let next = tap.take() { kinds.append(next.outcome.kind) }
    #expect(kinds == Array(repeating: .delivered, count: 4) + Array(repeating: .dead, count: 4))
  }

  @Test func `failures that find the ring full are kept beside it`() {
    let tap = AttemptTap(reader: Wakeup(), capacity: 8, overflowMax: 5)
    for event in UInt64(0)..<15 { tap.note(outcome(.retry, event), seen: UnixMilliseconds(0)) }
    #expect(tap.othersLeftOut.value == 2 && tap.successesLeftOut.value == 0)
    var events: [UInt64] = []
    while let next = tap.take() { events.append(next.outcome.position.sequence) }
    #expect(tap.hasOutcomes)
    events += tap.takeOverflow().map(\.outcome.position.sequence)
    #expect(events == Array(0..<13))
    #expect(!tap.hasOutcomes && tap.takeOverflow().isEmpty)
    tap.note(outcome(.retry, 99), seen: UnixMilliseconds(0))
    #expect(tap.take()?.outcome.position.sequence == 99)
  }
}
