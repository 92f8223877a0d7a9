internal import Base
internal import Flow

extension MicroCase {
  /// An outcome through its ring, from push to pop, on one thread: what both ends do, without the
  /// cache line that travels between two cores.
  static func ring() -> MicroCase {
    let ring = Ring<Outcome>(capacity: 1024)
    let outcome = Outcome(
      position: Position(sequence: 1, index: 1), endpoint: EndpointNumber(1), kind: .delivered,
      attempt: 1, due: UnixMilliseconds(0))
    return MicroCase(name: "ring", event: "an outcome pushed and popped") { events in
      var sum: UInt64 = 0
      var left = events
      while left > 0 {
        let batch = min(left, 512)
        for _ in 0..<batch { require(ring.push(outcome), "the ring is full") }
        while let popped = ring.pop() { sum &+= popped.position.sequence }
        left -= batch
      }
      return sum
    }
  }
}
