internal import Foundation
internal import Wire

/// The members of a JSON object as the bytes they are, so that a payload is passed on verbatim and
/// not as what a decoder made of its numbers.
struct JSONMembers {
  private let bytes: [UInt8]
  private var ranges: [String: Range<Int>] = [:]

  /// Takes an object apart.
  ///
  /// - Throws: ``AdminError``, 400: not JSON, not an object, or a member given twice.
  /// - Complexity: O(n); two passes over the bytes, values are not decoded.
  init(_ bytes: [UInt8]) throws(AdminError) {
    self.bytes = bytes
    let result = unsafe bytes.withUnsafeBytes { unsafe JSONScanner.scan($0) }
    if case .invalid(let offset) = result {
      throw .badRequest("the body is not JSON: wrong at byte \(offset)")
    }
    var position = Self.space(bytes, 0)
    guard bytes[position] == UInt8(ascii: "{") else {
      throw .badRequest("the body is not a JSON object")
    }
    position = Self.space(bytes, position + 1)
    while bytes[position] != UInt8(ascii: "}") {
      let nameEnd = Self.valueEnd(bytes, position)
      let name = try Self.string(bytes[position..<nameEnd])
      let start = Self.space(bytes, Self.space(bytes, nameEnd) + 1)
      let end = Self.valueEnd(bytes, start)
      if ranges.updateValue(start..<end, forKey: name) != nil {
        throw .badRequest("the member '\(name.prefix(64))' is given twice")
      }
      position = Self.space(bytes, end)
      if bytes[position] == UInt8(ascii: ",") { position = Self.space(bytes, position + 1) }
    }
  }

  /// A member's bytes; nil when it is absent or null.
  func raw(_ name: String) -> [UInt8]? {
    guard let range = ranges[name] else { return nil }
    let value = bytes[range]
    return value.elementsEqual("null".utf8) ? nil : Array(value)
  }

  /// A member's value; nil when it is absent or null.
  ///
  /// - Throws: ``AdminError``, 422: it is of another type.
  func value<Value: Decodable>(_ type: Value.Type, _ name: String) throws(AdminError) -> Value? {
    guard let raw = raw(name) else { return nil }
    do {
      return try JSONDecoder().decode(type, from: Data(raw))
    } catch let error as AdminError {
      throw error
    } catch let error as DecodingError {
      throw AdminError(error, in: name)
    } catch {
      throw .invalid(name, "cannot be read")
    }
  }

  /// A member's bytes if it is an object; nil when it is absent or null.
  ///
  /// - Throws: ``AdminError``, 422: it is something else.
  func object(_ name: String) throws(AdminError) -> [UInt8]? {
    guard let raw = raw(name) else { return nil }
    guard raw.first == UInt8(ascii: "{") else { throw .invalid(name, "must be an object") }
    return raw
  }

  /// Whether a member is there and null.
  func isNull(_ name: String) -> Bool { contains(name) && raw(name) == nil }

  /// Whether a member is there, be it null.
  func contains(_ name: String) -> Bool { ranges[name] != nil }

  // MARK: Reading what is known to be valid

  private static func space(_ bytes: [UInt8], _ start: Int) -> Int {
    var position = start
    while [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
    return position
  }

  private static func valueEnd(_ bytes: [UInt8], _ start: Int) -> Int {
    switch bytes[start] {
    case UInt8(ascii: "\""): return stringEnd(bytes, start)
    case UInt8(ascii: "{"), UInt8(ascii: "["): return containerEnd(bytes, start)
    default:
      var position = start
      while !isEnd(bytes[position]) { position += 1 }
      return position
    }
  }

  private static func isEnd(_ byte: UInt8) -> Bool {
    byte <= 0x20 || byte == UInt8(ascii: ",") || byte == UInt8(ascii: "}")
  }

  private static func stringEnd(_ bytes: [UInt8], _ start: Int) -> Int {
    var position = start + 1
    while bytes[position] != UInt8(ascii: "\"") {
      position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
    }
    return position + 1
  }

  private static func containerEnd(_ bytes: [UInt8], _ start: Int) -> Int {
    var position = start
    var depth = 0
    repeat {
      switch bytes[position] {
      case UInt8(ascii: "\""):
        position = stringEnd(bytes, position)
        continue
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
      default: break
      }
      position += 1
    } while depth > 0
    return position
  }

  private static func string(_ bytes: ArraySlice<UInt8>) throws(AdminError) -> String {
    guard bytes.contains(UInt8(ascii: "\\")) else {
      return String(decoding: bytes.dropFirst().dropLast(), as: UTF8.self)
    }
    do {
      return try JSONDecoder().decode(String.self, from: Data(bytes))
    } catch {
      throw .badRequest("a member's name cannot be read")
    }
  }
}
