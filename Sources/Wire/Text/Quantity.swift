/// Events a stretch of time: `10/s`, `100/m`, `5/h`.
public struct Rate: Equatable, Sendable, BitwiseCopyable {
  /// How many; not 0.
  public var count: UInt64
  /// In how many milliseconds; not 0.
  public var periodMilliseconds: UInt64

  /// So many in such a stretch.
  public init(count: UInt64, periodMilliseconds: UInt64) {
    self.count = count
    self.periodMilliseconds = periodMilliseconds
  }

  /// The same by the second.
  public var perSecond: Double { Double(count) * 1000 / Double(periodMilliseconds) }
}

/// Durations, sizes and rates as people write them on a command line and in a configuration.
///
/// Nothing is guessed: a number without a unit is refused unless it is 0 or a size.
public enum Quantity {
  /// A hundred years: no duration that anybody means is longer.
  public static let durationMillisecondsMax: UInt64 = 3_155_760_000_000

  /// `100ms`, `5s`, `30m`, `2h`, `3d`, `1w`, and sums of them such as `1h30m`; `0`.
  ///
  /// - Returns: Milliseconds; nil for anything else.
  public static func duration(_ text: String) -> UInt64? {
    TextReader.read(text) { reader in
      guard let value = duration(&reader), reader.isAtEnd else { return nil }
      return value
    }
  }

  /// `512B`, `64KiB`, `10GB`, `1.5GiB`; a bare number is bytes.
  ///
  /// - Returns: Bytes; nil for anything else.
  public static func size(_ text: String) -> UInt64? {
    TextReader.read(text) { reader in
      guard let whole = reader.number() else { return nil }
      let hasFraction = reader.skip(ASCII.dot)
      let tenths = hasFraction ? reader.digits(1) : 0
      _ = reader.skip(ASCII.space)
      guard let tenths, let factor = sizeFactor(reader.letters()), reader.isAtEnd else {
        return nil
      }
      // A tenth of a byte is a slip of the pen.
      if hasFraction && factor == 1 { return nil }
      return sum(product(whole, factor), product(UInt64(tenths), factor).map { $0 / 10 })
    }
  }

  /// `10/s`, `100/m`, `5/h`, `1000/d`.
  public static func rate(_ text: String) -> Rate? {
    TextReader.read(text) { reader in
      guard let count = reader.number(), count > 0, count <= 1_000_000_000,
        reader.skip(UInt8(ascii: "/")), let period = durationFactor(reader.letters()),
        period >= 1000, reader.isAtEnd
      else { return nil }
      return Rate(count: count, periodMilliseconds: period)
    }
  }

  // MARK: Texts

  /// A duration as ``duration(_:)`` reads it back: `1h30m`, `250ms`, `0`.
  public static func durationText(_ milliseconds: UInt64) -> String {
    if milliseconds == 0 { return "0" }
    let units: [(String, UInt64)] = [
      ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]
    var text = ""
    var rest = milliseconds
    for (unit, factor) in units where rest >= factor {
      text += "\(rest / factor)\(unit)"
      rest %= factor
    }
    return text
  }

  /// A size for people: `512 B`, `64.0 KiB`, `1.5 GiB`.
  public static func sizeText(_ bytes: UInt64) -> String {
    if bytes < 1024 { return "\(bytes) B" }
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    var unit = 0
    var factor: UInt64 = 1024
    while unit + 1 < units.count && bytes / factor >= 1024 {
      factor *= 1024
      unit += 1
    }
    let tenths = bytes / factor * 10 + bytes % factor * 10 / factor
    return "\(tenths / 10).\(tenths % 10) \(units[unit])"
  }

  /// A rate as ``rate(_:)`` reads it back.
  public static func rateText(_ rate: Rate) -> String {
    switch rate.periodMilliseconds {
    case 1000: "\(rate.count)/s"
    case 60_000: "\(rate.count)/m"
    case 3_600_000: "\(rate.count)/h"
    case 86_400_000: "\(rate.count)/d"
    default: "\(rate.count)/\(durationText(rate.periodMilliseconds))"
    }
  }

  // MARK: Parts

  /// One number with its unit or several, the largest unit first; stops at the first other byte.
  static func duration(_ reader: inout TextReader) -> UInt64? {
    var total: UInt64 = 0
    var last = UInt64.max
    while let byte = reader.next, ASCII.isDigit(byte) {
      guard let value = reader.number() else { return nil }
      let unit = reader.letters()
      if unit.count == 0 { return value == 0 && last == .max ? 0 : nil }
      guard let factor = durationFactor(unit), factor < last,
        let next = sum(total, product(value, factor)), next <= durationMillisecondsMax
      else { return nil }
      total = next
      last = factor
    }
    return last == .max ? nil : total
  }

  private static func durationFactor(_ unit: ByteView) -> UInt64? {
    if unit.equalsIgnoringCase("ms") { return 1 }
    if unit.equalsIgnoringCase("s") { return 1000 }
    if unit.equalsIgnoringCase("m") { return 60_000 }
    if unit.equalsIgnoringCase("h") { return 3_600_000 }
    if unit.equalsIgnoringCase("d") { return 86_400_000 }
    return unit.equalsIgnoringCase("w") ? 604_800_000 : nil
  }

  private static func sizeFactor(_ unit: ByteView) -> UInt64? {
    if unit.count == 0 || unit.equalsIgnoringCase("b") { return 1 }
    let isBinary = unit.count == 3 && unit.slice(1, 3).equalsIgnoringCase("ib")
    let isDecimal = unit.count == 2 && unit.slice(1, 2).equalsIgnoringCase("b")
    guard isBinary || isDecimal || unit.count == 1 else { return nil }
    // A bare letter is what `ulimit` and `dd` mean by it: powers of 1024.
    let base: UInt64 = isDecimal ? 1000 : 1024
    switch ASCII.lowercased(unit[0]) {
    case UInt8(ascii: "k"): return base
    case UInt8(ascii: "m"): return base * base
    case UInt8(ascii: "g"): return base * base * base
    case UInt8(ascii: "t"): return base * base * base * base
    default: return nil
    }
  }

  private static func product(_ a: UInt64, _ b: UInt64) -> UInt64? {
    let (value, overflow) = a.multipliedReportingOverflow(by: b)
    return overflow ? nil : value
  }

  private static func sum(_ a: UInt64?, _ b: UInt64?) -> UInt64? {
    guard let a, let b else { return nil }
    let (value, overflow) = a.addingReportingOverflow(b)
    return overflow ? nil : value
  }
}
