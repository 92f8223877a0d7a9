package import Base
internal import Glibc
package import Platform
internal import Synchronization

/// What a sink has received, in memory that the sink writes and the benchmark reads as it grows.
///
/// `@safe`: every index is checked against the room that was reserved.
///
/// > Runs on: one writer, the sink; any number of readers.
@safe
package final class Board: @unchecked Sendable {
  /// Counters, each with the index of its cell.
  package enum Cell: Int {
    /// Deliveries that came for the first time.
    case received
    /// Deliveries that had come before.
    case again
    /// Requests that were for nobody: no marker, or an endpoint that the event is not for.
    case strange
    /// Deliveries of the warm-up.
    case warmUp
    /// When the latest new delivery came, nanoseconds of the monotonic clock.
    case lastTime
    /// Connections accepted.
    case connections
    /// Connections that ended by a fault.
    case faults
    /// Bytes of requests.
    case bytes
  }

  private static let cellsByteCount = 512
  /// Deliveries that can be told apart, at most: a bit each, 4 GiB when all are used.
  package static let deliveriesMax: UInt64 = 1 << 35

  /// The memory, to be given to the sink.
  package let memory: SharedMemory
  private let cells: UnsafeMutablePointer<Atomic<UInt64>>
  /// From the time in the marker to the arrival of the whole request.
  package let lag: LatencyHistogram
  private let bits: UnsafeMutablePointer<UInt64>
  private let bitCount: UInt64

  /// Makes a board for so many deliveries.
  package static func make(deliveries: UInt64) throws(SystemError) -> Board {
    try Board(
      memory: SharedMemory(name: "fanfare-bench", byteCount: byteCount(deliveries: deliveries)),
      deliveries: deliveries)
  }

  /// Takes over the board that the parent process made.
  package convenience init(
    inherited descriptor: Int32, deliveries: UInt64
  ) throws(SystemError) {
    try self.init(
      memory: SharedMemory(
        descriptor: descriptor, byteCount: Self.byteCount(deliveries: deliveries)),
      deliveries: deliveries)
  }

  private init(memory: SharedMemory, deliveries: UInt64) throws(SystemError) {
    self.memory = memory
    guard let base = unsafe memory.bytes.baseAddress else {
      invariantBroken("a board without memory")
    }
    unsafe cells = base.assumingMemoryBound(to: Atomic<UInt64>.self)
    let histogram = unsafe UnsafeMutableRawBufferPointer(
      start: base + Self.cellsByteCount, count: LatencyHistogram.byteCount)
    lag = unsafe LatencyHistogram(over: histogram)
    unsafe bits = (base + Self.bitsOffset).assumingMemoryBound(to: UInt64.self)
    bitCount = deliveries
  }

  private static var bitsOffset: Int {
    (cellsByteCount + LatencyHistogram.byteCount + 63) / 64 * 64
  }

  private static func byteCount(deliveries: UInt64) -> Int {
    bitsOffset + Int((deliveries + 63) / 64) * 8
  }

  /// The value of a counter.
  package func value(_ cell: Cell) -> UInt64 {
    unsafe cells[cell.rawValue].load(ordering: .relaxed)
  }

  /// Adds to a counter.
  /// > Runs on: the sink.
  @inline(__always)
  func add(_ amount: UInt64, to cell: Cell) {
    let place = unsafe cells + cell.rawValue
    unsafe place.pointee.store(
      place.pointee.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
  }

  /// Notes a delivery.
  /// > Runs on: the sink.
  package func note(delivery: UInt64, lag nanoseconds: UInt64, at now: Instant) {
    guard delivery < bitCount else { return add(1, to: .strange) }
    let word = Int(truncatingIfNeeded: delivery / 64)
    let bit: UInt64 = 1 << (delivery % 64)
    if unsafe bits[word] & bit != 0 { return add(1, to: .again) }
    unsafe bits[word] |= bit
    lag.record(nanoseconds: nanoseconds)
    unsafe cells[Cell.lastTime.rawValue].store(now.nanoseconds, ordering: .relaxed)
    // Last: whoever sees the count sees the rest.
    let place = unsafe cells + Cell.received.rawValue
    unsafe place.pointee.store(
      place.pointee.load(ordering: .relaxed) &+ 1, ordering: .releasing)
  }

  /// How many of the deliveries in a range have come.
  package func received(_ range: Range<UInt64>) -> UInt64 {
    var count: UInt64 = 0
    for delivery in range where delivery < bitCount {
      count += unsafe bits[Int(delivery / 64)] >> (delivery % 64) & 1
    }
    return count
  }
}
