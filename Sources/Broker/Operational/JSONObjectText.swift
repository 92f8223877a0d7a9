internal import Base
internal import Wire

/// Writes one JSON object, its members in the order in which they are added.
struct JSONObjectText: ~Copyable {
  private var buffer = ByteBuffer(capacity: 256)
  private var isEmpty = true

  init() { buffer.append("{") }

  /// A string, or `null`.
  mutating func add(_ name: String, _ text: String?) {
    begin(name)
    guard let text else { return buffer.append("null") }
    JSONText.appendString(text, to: &buffer)
  }

  /// A string; without one the member is left out.
  mutating func add(_ name: String, ifAny text: String?) {
    if let text { add(name, text) }
  }

  mutating func add(_ name: String, _ number: UInt64) {
    begin(name)
    buffer.append(decimal: number)
  }

  /// An object of its own.
  mutating func add(_ name: String, _ fill: (inout JSONObjectText) -> Void) {
    begin(name)
    var object = JSONObjectText()
    fill(&object)
    buffer.append(contentsOf: object.end())
  }

  /// Ends the object.
  /// - Returns: its text.
  mutating func end() -> [UInt8] {
    buffer.append("}")
    return buffer.array
  }

  private mutating func begin(_ name: String) {
    if !isEmpty { buffer.append(",") }
    isEmpty = false
    JSONText.appendString(name, to: &buffer)
    buffer.append(":")
  }
}
