/// How a measurement went on, at regular moments; bounded however long it takes.
package struct Timeline: Sendable {
  /// One moment; counts are from the start.
  package struct Point: Sendable, Equatable {
    package var seconds: Double
    package var acknowledged: UInt64
    package var delivered: UInt64
    /// Deliveries accepted and not received.
    package var depth: UInt64
    /// CPU time of the broker from the start, seconds.
    package var cpuSeconds: Double
    package var residentBytes: UInt64

    package init(
      seconds: Double, acknowledged: UInt64, delivered: UInt64, depth: UInt64, cpuSeconds: Double,
      residentBytes: UInt64
    ) {
      self.seconds = seconds
      self.acknowledged = acknowledged
      self.delivered = delivered
      self.depth = depth
      self.cpuSeconds = cpuSeconds
      self.residentBytes = residentBytes
    }
  }

  /// Points kept: as many as a plot has use for.
  package static let countMax = 600

  package private(set) var points: [Point] = []
  /// Only every so many points are kept.
  private var stride = 1
  private var skipped = 0

  package init() {}

  /// Adds a point; when there are too many, every other one goes, and so of those to come.
  package mutating func add(_ point: Point) {
    if points.isEmpty || skipped + 1 >= stride {
      points.append(point)
      skipped = 0
    } else {
      skipped += 1
    }
    guard points.count > Self.countMax else { return }
    points = points.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
    stride *= 2
  }

  /// Adds the last point whatever the stride is.
  package mutating func end(_ point: Point) {
    if let last = points.last, last.seconds >= point.seconds { points.removeLast() }
    points.append(point)
  }

  /// How much a count grew a second, at the middle of each stretch between two points.
  package func rates(_ value: (Point) -> Double) -> [(x: Double, y: Double)] {
    zip(points, points.dropFirst()).compactMap { before, after in
      let span = after.seconds - before.seconds
      guard span > 0 else { return nil }
      return ((before.seconds + after.seconds) / 2, (value(after) - value(before)) / span)
    }
  }
}
