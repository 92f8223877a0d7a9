/// Reads the header lines of a kept answer: as they came, so of any shape, and perhaps cut short.
package enum HeaderLines {
  /// Headers whose values are for the client alone: shown to nobody.
  private static let hidden: Set<String> = [
    "set-cookie", "set-cookie2", "authorization", "proxy-authorization", "www-authenticate",
    "proxy-authenticate", "authentication-info", "proxy-authentication-info",
  ]
  /// What stands in place of such a value.
  package static let hiddenValue = "(hidden)"

  /// Names and values in their order; a folded line goes on with the value before it.
  package static func read(_ bytes: [UInt8]) -> [(name: String, value: String)] {
    var headers: [(name: String, value: String)] = []
    for line in bytes.split(whereSeparator: { $0 == 10 || $0 == 13 }) {
      let isFolded = line.first == 32 || line.first == 9
      if isFolded, !headers.isEmpty {
        if headers[headers.count - 1].value != hiddenValue {
          headers[headers.count - 1].value += " " + text(line)
        }
        continue
      }
      // Without a colon it is the part of a line that was cut short.
      guard let colon = line.firstIndex(of: 58) else { continue }
      let name = text(line[..<colon])
      let value = text(line[line.index(after: colon)...])
      headers.append((name, hidden.contains(name.lowercased()) ? hiddenValue : value))
    }
    return headers
  }

  private static func text(_ bytes: ArraySlice<UInt8>) -> String {
    let isBlank = { (byte: UInt8) in byte == 32 || byte == 9 }
    let rest = bytes.drop(while: isBlank)
    let end = rest.lastIndex { !isBlank($0) }.map { $0 + 1 } ?? rest.startIndex
    return String(decoding: rest[..<end], as: UTF8.self)
  }
}
