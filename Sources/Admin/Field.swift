/// A member of a JSON object: not there, null, or a value. PATCH must tell them apart.
enum Field<Value> {
  case absent
  case null
  case value(Value)

  /// The value, if there is one.
  var value: Value? { if case .value(let value) = self { value } else { nil } }

  /// Whether the member is not there at all.
  var isAbsent: Bool { if case .absent = self { true } else { false } }

  /// What to set a property to: what was given, `cleared` for null; nil to leave it.
  func setting(cleared: Value) -> Value? {
    switch self {
    case .absent: nil
    case .null: cleared
    case .value(let value): value
    }
  }

  /// The same with the value changed; a change that throws names the member.
  func map<Other>(_ change: (Value) throws -> Other) rethrows -> Field<Other> {
    switch self {
    case .absent: .absent
    case .null: .null
    case .value(let value): .value(try change(value))
    }
  }
}

extension Field: Sendable where Value: Sendable {}
extension Field: Equatable where Value: Equatable {}

extension KeyedDecodingContainer {
  /// A member as it stands there.
  func field<Value: Decodable>(_ type: Value.Type, _ key: Key) throws -> Field<Value> {
    guard contains(key) else { return .absent }
    if try decodeNil(forKey: key) { return .null }
    return .value(try decode(type, forKey: key))
  }

  /// A whole number; the decoder's own refusal of fractions would not say which member it was.
  func whole(_ key: Key) throws -> Field<Int> {
    try field(Double.self, key).map { number in
      guard let value = Int(exactly: number) else {
        throw AdminError.invalid(key.stringValue, "must be a whole number")
      }
      return value
    }
  }
}
