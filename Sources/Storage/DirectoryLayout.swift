/// Where everything lies in a data directory.
///
/// | Path | What |
/// | --- | --- |
/// | `lock` | held with flock(2) while a broker runs |
/// | `journal/segment-<16 hex>.log` | a segment of the log |
/// | `journal/checkpoint-<16 hex>` | a checkpoint; the newest two are kept |
/// | `journal/*.tmp` | unfinished; removed at start |
/// | `spool/segment-<16 hex>.log` | what is undelivered of segments that are gone |
/// | `reserve/` | space written ahead, for a full disk |
/// | `quarantine/` | copies of damaged and torn bytes |
public struct DirectoryLayout: Sendable, Equatable {
  /// The data directory.
  public let root: String
  /// Names the places below `root`.
  public init(root: String) { self.root = root }

  /// Where the data directory's own name stands.
  public var parent: String {
    var path = root[...]
    while path.count > 1, path.last == "/" { path = path.dropLast() }
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
  /// The lock file.
  public var lock: String { root + "/lock" }
  /// Segments and checkpoints.
  public var journal: String { root + "/journal" }
  /// What is undelivered of segments that are gone.
  public var spool: String { root + "/spool" }
  /// The spool segment with this number.
  public func spoolSegment(_ number: UInt64) -> String {
    spool + "/segment-" + Self.hex(number) + ".log"
  }
  /// The segment of the log or of the spool that a block stands in.
  func file(of place: BlockPlace) -> String {
    place.isSpool ? spoolSegment(place.segment) : segment(place.segment)
  }
  /// Space written ahead.
  public var reserve: String { root + "/reserve" }
  /// Copies of what could not be read.
  public var quarantine: String { root + "/quarantine" }
  /// The segment with this number.
  public func segment(_ number: UInt64) -> String {
    journal + "/segment-" + Self.hex(number) + ".log"
  }
  /// A segment under construction.
  public func segmentTemporary(_ number: UInt64) -> String {
    journal + "/segment-" + Self.hex(number) + ".tmp"
  }
  /// The checkpoint with this ordinal.
  public func checkpoint(_ ordinal: UInt64) -> String {
    journal + "/checkpoint-" + Self.hex(ordinal)
  }
  /// A checkpoint under construction.
  public var checkpointTemporary: String { journal + "/checkpoint.tmp" }
  /// Where the bytes of a segment from `offset` on are kept.
  public func quarantined(segment: UInt64, offset: UInt64, torn: Bool) -> String {
    quarantine + "/segment-" + Self.hex(segment) + "-" + Self.hex(offset)
      + (torn ? ".torn" : ".damaged")
  }

  /// What a name in `journal/` stands for.
  enum Entry: Equatable {
    case segment(UInt64)
    case checkpoint(UInt64)
    case temporary
    case foreign
  }

  static func entry(_ name: String) -> Entry {
    if name.hasSuffix(".tmp") { return .temporary }
    if name.hasPrefix("segment-"), name.hasSuffix(".log"), let number = number(in: name, at: 8) {
      return name == "segment-" + hex(number) + ".log" ? .segment(number) : .foreign
    }
    if name.hasPrefix("checkpoint-"), let number = number(in: name, at: 11) {
      return name == "checkpoint-" + hex(number) ? .checkpoint(number) : .foreign
    }
    return .foreign
  }

  /// What a path below `journal/` stands for.
  func entry(path: String) -> Entry {
    Self.entry(String(path.dropFirst(journal.count + 1)))
  }

  private static func number(in name: String, at offset: Int) -> UInt64? {
    UInt64(String(name.dropFirst(offset).prefix(16)), radix: 16)
  }

  static func hex(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
