package import Base
internal import Flow
internal import Glibc
internal import Wire

/// The events to publish, as commands of the local socket that only lack their markers.
///
/// > Runs on: made anywhere, then used by the publisher's thread.
package final class EventSupply: Sendable {
  /// A corpus that cannot be used, in words for the user.
  package struct CorpusError: Error { package let text: String }

  /// Bodies a generated supply has: enough that the log does not hold one text over and over.
  private static let generatedCount = 64
  /// Data that has a marker and anything beside it.
  package static let payloadBytesMin = 64
  /// What the broker takes as one event.
  package static let payloadBytesMax = 1 << 20

  /// `*3 PUBLISH type`, by type.
  private let heads: [[UInt8]]
  /// The data with its length before it, in RESP.
  private let bodies: [[UInt8]]
  /// Where the marker stands in each body.
  private let markerOffsets: [Int]
  private let fanOut: FanOut
  /// Files of the corpus that are not JSON, or too large.
  package let skipped: Int
  /// The mean size of the data, bytes.
  package let meanBytes: Int

  /// Made-up events of one size.
  package convenience init(payloadBytes: Int, typePrefix: String, fanOut: FanOut) {
    var random = SeededRandom(seed: 1)
    let data = (0..<Self.generatedCount).map { _ in Self.generated(payloadBytes, &random) }
    self.init(data: data, typePrefix: typePrefix, fanOut: fanOut, skipped: 0)
  }

  /// The JSON files of a folder, in the order of their names.
  /// - Throws: `CorpusError` when there is none.
  package convenience init(
    corpus folder: String, typePrefix: String, fanOut: FanOut
  ) throws(CorpusError) {
    let names = try Self.fileNames(in: folder)
    var data: [[UInt8]] = []
    var skipped = 0
    for name in names {
      let bytes = try Self.read("\(folder)/\(name)")
      if let marked = Self.marked(bytes) { data.append(marked) } else { skipped += 1 }
    }
    guard !data.isEmpty else {
      throw CorpusError(
        text: "\(folder) has no file that is JSON of at most \(Self.payloadBytesMax) bytes")
    }
    self.init(data: data, typePrefix: typePrefix, fanOut: fanOut, skipped: skipped)
  }

  private init(data: [[UInt8]], typePrefix: String, fanOut: FanOut, skipped: Int) {
    self.fanOut = fanOut
    self.skipped = skipped
    meanBytes = data.reduce(0) { $0 + $1.count } / data.count
    heads = (0..<fanOut.groups).map { group in
      let type = Self.type(group, prefix: typePrefix)
      return Array("*3\r\n$7\r\nPUBLISH\r\n$\(type.utf8.count)\r\n\(type)\r\n".utf8)
    }
    let lengths = data.map { Array("$\($0.count)\r\n".utf8) }
    bodies = zip(lengths, data).map { $0 + $1 + [0x0D, 0x0A] }
    // `{`, then the key.
    markerOffsets = lengths.map { $0.count + 1 + Marker.key.utf8CodeUnitCount }
  }

  /// The name of a type of events.
  package static func type(_ group: Int, prefix: String) -> String { "\(prefix).\(group)" }

  /// Appends the command that publishes event `marker.number`.
  package func append(_ marker: Marker, to buffer: inout ByteBuffer) {
    let number = marker.number & ~Marker.warmUpBit
    let body = Int(truncatingIfNeeded: number % UInt64(bodies.count))
    buffer.append(contentsOf: heads[fanOut.group(of: number)])
    let place = buffer.count + markerOffsets[body]
    buffer.append(contentsOf: bodies[body])
    unsafe buffer.withMutableBytes { bytes in
      unsafe marker.write(to: UnsafeMutableRawBufferPointer(rebasing: bytes[place...]))
    }
  }

  // MARK: Data

  /// An object of exactly `count` bytes: marker, and text of letters and digits.
  private static func generated(_ count: Int, _ random: inout SeededRandom) -> [UInt8] {
    var data = object(rest: Array(",\"data\":\"".utf8))
    let alphabet = Array("abcdefghijklmnopqrstuvwxyz012345".utf8)
    while data.count < count - 2 { data.append(alphabet[Int(random.below(32))]) }
    return data + Array("\"}".utf8)
  }

  /// The JSON value with a marker as its first member; what is no object goes into one.
  ///
  /// - Returns: `nil` for what is not JSON, or too large then.
  package static func marked(_ bytes: [UInt8]) -> [UInt8]? {
    guard unsafe bytes.withUnsafeBytes({ unsafe JSONScanner.scan($0) }) == .valid else {
      return nil
    }
    let isSpace = { (byte: UInt8) in [0x20, 0x09, 0x0A, 0x0D].contains(byte) }
    let value = bytes.drop(while: isSpace)
    var data: [UInt8]
    if value.first == UInt8(ascii: "{") {
      let members = value.dropFirst().drop(while: isSpace)
      let isEmpty = members.first == UInt8(ascii: "}")
      data = object(rest: isEmpty ? [] : [UInt8(ascii: ",")]) + members
    } else {
      data = object(rest: Array(",\"data\":".utf8)) + value + [UInt8(ascii: "}")]
    }
    return data.count <= payloadBytesMax ? data : nil
  }

  private static func object(rest: [UInt8]) -> [UInt8] {
    let marker = [UInt8](repeating: UInt8(ascii: "0"), count: Marker.byteCount)
    return Array("{\(Marker.key)".utf8) + marker + [UInt8(ascii: "\"")] + rest
  }

  private static func fileNames(in folder: String) throws(CorpusError) -> [String] {
    guard let stream = unsafe opendir(folder) else {
      throw CorpusError(text: "\(folder): \(unsafe String(cString: strerror(errno)))")
    }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if !name.hasPrefix("."), unsafe entry.pointee.d_type != UInt8(DT_DIR) { names.append(name) }
    }
    return names.sorted()
  }

  /// A file, or as much of it as shows that it is too large.
  private static func read(_ path: String) throws(CorpusError) -> [UInt8] {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw CorpusError(text: "\(path): \(unsafe String(cString: strerror(errno)))")
    }
    defer { _ = close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while bytes.count <= payloadBytesMax {
      let count = unsafe chunk.withUnsafeMutableBytes {
        unsafe Glibc.read(descriptor, $0.baseAddress, $0.count)
      }
      guard count >= 0 else {
        throw CorpusError(text: "\(path): \(unsafe String(cString: strerror(errno)))")
      }
      if count == 0 { break }
      bytes += chunk[..<count]
    }
    return bytes
  }
}
