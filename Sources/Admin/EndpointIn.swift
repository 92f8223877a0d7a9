internal import Catalog
internal import Flow

/// How requests are to be authorised: `{"basic":"user:password"}`, `{"bearer":"token"}`, or the
/// word that listings show, which changes nothing unless it is `none`.
enum AuthIn: Decodable, Equatable {
  case given(EndpointAuth)
  case unchanged

  private enum Key: String, CodingKey { case basic, bearer }

  init(from decoder: any Decoder) throws {
    if let word = try? decoder.singleValueContainer().decode(String.self) {
      self = word == "none" ? .given(.none) : .unchanged
      return
    }
    let container = try decoder.container(keyedBy: Key.self)
    let basic = container.contains(.basic) ? try container.decode(String.self, forKey: .basic) : nil
    let bearer =
      container.contains(.bearer) ? try container.decode(String.self, forKey: .bearer) : nil
    switch (basic, bearer) {
    case (let pair?, nil):
      guard let colon = pair.firstIndex(of: ":") else {
        throw AdminError.invalid("auth.basic", "must be 'user:password'")
      }
      self = .given(
        .basic(user: String(pair[..<colon]), password: String(pair[pair.index(after: colon)...])))
    case (nil, let token?): self = .given(.bearer(token: token))
    case (nil, nil):
      throw AdminError.invalid("auth", "give basic or bearer; 'none' takes it away")
    default: throw AdminError.invalid("auth", "either basic or bearer, not both")
    }
  }
}

/// What a client says about an endpoint, by creation, PUT or PATCH; unknown members are ignored.
///
/// `filterTypes` is Svix's older word for `eventTypes`, `throttleRate` and `rateLimit` its whole
/// number a second for `rate`; `name` is another word for `uid`, `enabled` the opposite of
/// `disabled`.
package struct EndpointIn: Decodable {
  var url: Field<String>
  var uid: Field<String>
  var description: Field<String>
  var types: Field<[String]>
  var channels: Field<[String]>
  var sources: Field<[String]>
  var disabled: Field<Bool>
  var paused: Field<Bool>
  var secret: Field<String>
  var headers: Field<[String: String]>
  var auth: Field<AuthIn>
  var format: Field<PayloadFormat>
  var signing: Field<SigningScheme>
  var retry: Field<String>
  var timeoutSeconds: Field<Double>
  var rate: Field<String>
  var maxInFlight: Field<Int>
  var ordered: Field<Bool>
  var ca: Field<String>
  var maxAgeSeconds: Field<Int>
  var metadata: Field<[String: String]>

  private enum Key: String, CodingKey {
    case url, uid, name, description, eventTypes, filterTypes, channels, sources, disabled, enabled
    case paused, secret, headers, auth, format, signing, retry, timeoutSeconds, rate, throttleRate
    case rateLimit, maxInFlight, ordered, ca, maxAgeSeconds, metadata
  }

  package init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: Key.self)
    url = try members.field(String.self, .url)
    if case .null = url { throw AdminError.invalid("url", "must not be null") }
    uid = try members.first(String.self, .uid, .name)
    description = try members.field(String.self, .description)
    types = try members.first([String].self, .eventTypes, .filterTypes)
    channels = try members.field([String].self, .channels)
    sources = try members.field([String].self, .sources)
    disabled = try members.field(Bool.self, .disabled)
    if disabled.isAbsent { disabled = try members.field(Bool.self, .enabled).map { !$0 } }
    paused = try members.field(Bool.self, .paused)
    secret = try members.field(String.self, .secret)
    headers = try members.field([String: String].self, .headers)
    auth = try members.field(AuthIn.self, .auth)
    format = try members.word(PayloadFormat.self, .format)
    signing = try members.word(SigningScheme.self, .signing)
    retry = try members.field(String.self, .retry)
    timeoutSeconds = try members.field(Double.self, .timeoutSeconds)
    rate = try members.field(String.self, .rate)
    let perSecond = try [Key.throttleRate, .rateLimit].map { try members.perSecond($0) }
    if rate.isAbsent { rate = perSecond[members.contains(.throttleRate) ? 0 : 1] }
    maxInFlight = try members.whole(.maxInFlight)
    ordered = try members.field(Bool.self, .ordered)
    ca = try members.field(String.self, .ca)
    maxAgeSeconds = try members.whole(.maxAgeSeconds)
    metadata = try members.field([String: String].self, .metadata)
  }
}

extension KeyedDecodingContainer {
  /// The first member of the two that is there.
  fileprivate func first<Value: Decodable>(
    _ type: Value.Type, _ key: Key, _ other: Key
  ) throws -> Field<Value> {
    contains(key) ? try field(type, key) : try field(type, other)
  }

  /// A whole number a second, as the text of a rate.
  fileprivate func perSecond(_ key: Key) throws -> Field<String> {
    try whole(key).map { number in
      guard (1...1_000_000_000).contains(number) else {
        throw AdminError.invalid(key.stringValue, "from 1 to 1000000000")
      }
      return "\(number)/s"
    }
  }

  /// A member that is one of a few words.
  fileprivate func word<Word: RawRepresentable & CaseIterable>(
    _ type: Word.Type, _ key: Key
  ) throws -> Field<Word> where Word.RawValue == String {
    try field(String.self, key).map { text in
      guard let word = Word(rawValue: text) else {
        let allowed = Word.allCases.map(\.rawValue).joined(separator: ", ")
        throw AdminError.invalid(key.stringValue, "'\(text.prefix(64))' is not one of \(allowed)")
      }
      return word
    }
  }
}
