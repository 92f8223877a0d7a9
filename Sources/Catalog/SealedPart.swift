internal import Base
internal import Foundation
internal import TLS

/// What of an endpoint is stored sealed, as JSON before it is.
struct SealedPart: Codable, Equatable {
  struct Secret: Codable, Equatable {
    var key: String
    /// Unix milliseconds.
    var createdAt: UInt64
    /// Unix milliseconds.
    var expiresAt: UInt64?
  }

  /// The newest first.
  var secrets: [Secret]
  /// Names and values in turn.
  var headers: [[String]]
  /// `basic` with user and password, `bearer` with the token; empty for none.
  var auth: [String]

  /// Secrets kept at most, the one in force among them.
  static let secretsMax = 4

  init(secrets: [Secret], draft: EndpointDraft) {
    self.secrets = secrets
    headers = draft.headers.map { [$0.name, $0.value] }
    switch draft.auth {
    case .none: auth = []
    case .basic(let user, let password): auth = ["basic", user, password]
    case .bearer(let token): auth = ["bearer", token]
    }
  }

  /// Opens what ``sealed(_:for:)`` made for the endpoint `id`.
  init(opening bytes: [UInt8], _ sealer: Sealer, for id: String) throws(CatalogError) {
    do {
      let plain = try sealer.open(bytes, context: Array(id.utf8))
      self = try JSONDecoder().decode(SealedPart.self, from: Data(plain))
    } catch {
      throw .failure("endpoint \(id): \(error)")
    }
  }

  /// The bytes to store, bound to the endpoint `id`.
  func sealed(_ sealer: Sealer, for id: String) throws(CatalogError) -> Data {
    do {
      let plain = try JSONEncoder().encode(self)
      return Data(sealer.seal([UInt8](plain), context: Array(id.utf8)))
    } catch {
      throw .failure("endpoint \(id): \(error)")
    }
  }

  /// Puts a new secret before the others, which end after the grace period at the latest.
  mutating func rotate(to key: String, now: UnixMilliseconds, gracePeriodSeconds: Int) {
    let end = now.value + UInt64(gracePeriodSeconds) * 1000
    for index in secrets.indices {
      secrets[index].expiresAt = min(secrets[index].expiresAt ?? end, end)
    }
    secrets.insert(Secret(key: key, createdAt: now.value), at: 0)
    secrets.removeAll { secret in secret.expiresAt.map { $0 <= now.value } ?? false }
    secrets = Array(secrets.prefix(Self.secretsMax))
  }

  var secretRecords: [SecretRecord] {
    secrets.map { secret in
      SecretRecord(
        key: secret.key, createdAt: UnixMilliseconds(secret.createdAt),
        expiresAt: secret.expiresAt.map(UnixMilliseconds.init))
    }
  }

  var endpointHeaders: [EndpointHeader] {
    headers.compactMap { pair in
      pair.count == 2 ? EndpointHeader(name: pair[0], value: pair[1]) : nil
    }
  }

  var endpointAuth: EndpointAuth {
    switch auth.first {
    case "basic" where auth.count == 3: .basic(user: auth[1], password: auth[2])
    case "bearer" where auth.count == 2: .bearer(token: auth[1])
    default: .none
    }
  }
}
