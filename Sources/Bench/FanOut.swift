/// Which endpoints get which event, by arithmetic alone: what publisher, registration and sink must
/// agree upon.
///
/// Event types are numbered; type `g` goes to `fanOut` endpoints in a row, beginning with endpoint
/// `g × fanOut`, round the end. Event `n` has type `n mod groups`. So every event has exactly
/// `fanOut` deliveries, and every endpoint subscribes to one type or two.
package struct FanOut: Sendable, BitwiseCopyable, Equatable {
  /// Endpoints that take part.
  package let endpoints: Int
  /// Deliveries an event.
  package let fanOut: Int
  /// Event types.
  package let groups: Int

  /// - Returns: `nil` unless 1 ≤ `fanOut` ≤ `endpoints`, or both are 0: nobody subscribes.
  package init?(endpoints: Int, fanOut: Int) {
    let isEmpty = endpoints == 0 && fanOut == 0
    guard isEmpty || fanOut >= 1, fanOut <= endpoints, endpoints <= 1_000_000 else { return nil }
    self.endpoints = endpoints
    self.fanOut = fanOut
    groups = isEmpty ? 1 : (endpoints + fanOut - 1) / fanOut
  }

  /// The type of an event.
  @inline(__always)
  package func group(of event: UInt64) -> Int {
    Int(truncatingIfNeeded: event % UInt64(truncatingIfNeeded: groups))
  }

  /// The types that an endpoint subscribes to.
  package func groups(of endpoint: Int) -> [Int] {
    let beyondTheEnd = groups * fanOut - endpoints
    return [endpoint / fanOut] + (endpoint < beyondTheEnd ? [groups - 1] : [])
  }

  /// Which of an event's deliveries an endpoint gets; `nil` when it gets none.
  @inline(__always)
  package func place(of endpoint: Int, inGroup group: Int) -> Int? {
    var place = endpoint - group * fanOut
    if place < 0 { place += endpoints }
    return place >= 0 && place < fanOut ? place : nil
  }
}
