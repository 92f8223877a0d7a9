// Goal: the records that go to disk have the layout their tables promise.
// Method: offsets and sizes from MemoryLayout, and one record's bytes.
internal import Base
internal import Flow
internal import Testing

@Suite struct LayoutTests {
  @Test func `an event header is 64 bytes with the documented offsets`() {
    #expect(MemoryLayout<EventHeader>.size == 64)
    #expect(MemoryLayout<EventHeader>.stride == 64)
    #expect(MemoryLayout<EventHeader>.offset(of: \.time) == 0)
    #expect(MemoryLayout<EventHeader>.offset(of: \.idHash) == 8)
    #expect(MemoryLayout<EventHeader>.offset(of: \.typeHash) == 16)
    #expect(MemoryLayout<EventHeader>.offset(of: \.contentHash) == 24)
    #expect(MemoryLayout<EventHeader>.offset(of: \.payloadOffset) == 32)
    #expect(MemoryLayout<EventHeader>.offset(of: \.dataLength) == 36)
    #expect(MemoryLayout<EventHeader>.offset(of: \.extrasLength) == 40)
    #expect(MemoryLayout<EventHeader>.offset(of: \.audience) == 44)
    #expect(MemoryLayout<EventHeader>.offset(of: \.application) == 48)
    #expect(MemoryLayout<EventHeader>.offset(of: \.typeLength) == 52)
    #expect(MemoryLayout<EventHeader>.offset(of: \.idLength) == 53)
    #expect(MemoryLayout<EventHeader>.offset(of: \.kind) == 54)
    #expect(MemoryLayout<EventHeader>.offset(of: \.flags) == 55)
    #expect(MemoryLayout<EventHeader>.offset(of: \.reserved) == 56)
  }

  @Test func `an outcome is 32 bytes with the documented offsets`() {
    #expect(MemoryLayout<Outcome>.size == 32)
    #expect(MemoryLayout<Outcome>.stride == 32)
    #expect(MemoryLayout<Outcome>.offset(of: \.position) == 0)
    #expect(MemoryLayout<Outcome>.offset(of: \.due) == 8)
    #expect(MemoryLayout<Outcome>.offset(of: \.endpoint) == 16)
    #expect(MemoryLayout<Outcome>.offset(of: \.durationMicroseconds) == 20)
    #expect(MemoryLayout<Outcome>.offset(of: \.status) == 24)
    #expect(MemoryLayout<Outcome>.offset(of: \.kind) == 26)
    #expect(MemoryLayout<Outcome>.offset(of: \.failureCode) == 27)
    #expect(MemoryLayout<Outcome>.offset(of: \.attempt) == 28)
    #expect(MemoryLayout<Outcome>.offset(of: \.reserved) == 30)
  }

  @Test func `an outcome's bytes are little endian`() {
    var outcome = Outcome(
      position: Position(sequence: 0x0102, index: 0x0304), endpoint: EndpointNumber(0x0506_0708),
      kind: .dead, attempt: 9, due: UnixMilliseconds(0x1122_3344), status: 503, failure: .tls,
      durationMicroseconds: 7)
    let bytes = unsafe withUnsafeBytes(of: &outcome) { unsafe Array($0) }
    #expect(
      bytes == [
        0x04, 0x03, 0x02, 0x01, 0, 0, 0, 0, 0x44, 0x33, 0x22, 0x11, 0, 0, 0, 0,
        0x08, 0x07, 0x06, 0x05, 7, 0, 0, 0, 0xF7, 0x01, 3, 5, 9, 0, 0, 0,
      ])
  }

  @Test func `stored numbers of kinds and failures never change`() {
    #expect(OutcomeKind.delivered.rawValue == 1)
    #expect(OutcomeKind.retry.rawValue == 2)
    #expect(OutcomeKind.dead.rawValue == 3)
    #expect(OutcomeKind.removed.rawValue == 4)
    #expect(OutcomeKind.endpointRemoved.rawValue == 5)
    #expect(OutcomeKind.expired.rawValue == 6)
    #expect(
      FailureClass.allCases.map(\.rawValue) == Array(0..<UInt8(FailureClass.allCases.count)))
    #expect(FailureClass.resolve.rawValue == 1)
    #expect(FailureClass.timeout.rawValue == 7)
    #expect(FailureClass.configuration.rawValue == 13)
    #expect([PayloadKind.json, .text, .binary].map(\.rawValue) == [0, 1, 2])
  }

  @Test func `only a retry leaves a delivery pending`() {
    for raw in 1...6 as ClosedRange<UInt8> {
      #expect(OutcomeKind(rawValue: raw).settles == (raw != OutcomeKind.retry.rawValue))
    }
  }

  @Test func `a failure code of a newer version reads as none`() {
    var outcome = Outcome(
      position: .start, endpoint: EndpointNumber(1), kind: .retry, attempt: 1,
      due: UnixMilliseconds(0))
    outcome.failureCode = 200
    #expect(outcome.failure == .none)
  }

  @Test func `positions keep sequence and index, and order as accepted`() {
    let position = Position(sequence: (1 << 48) - 1, index: 65_535)
    #expect(position.sequence == (1 << 48) - 1)
    #expect(position.index == 65_535)
    #expect(Position(sequence: 1, index: 2_047) < Position(sequence: 2, index: 0))
    #expect(Position(sequence: 2, index: 0) < Position(sequence: 2, index: 1))
    #expect(Position.start < Position(sequence: 1, index: 0))
  }
}
