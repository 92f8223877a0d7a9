internal import Broker
internal import Catalog
internal import Hummingbird

/// A rotation: the new secret, or none to have one made, and how long the old one goes on.
struct RotateIn: Decodable {
  /// A day, as Svix has it.
  static let gracePeriodSecondsDefault = 86_400

  var key: String?
  var gracePeriodSeconds: Int?
}

/// A secret that was made just now.
struct SecretOut: Encodable {
  var key: String
}

extension AdminRoutes {
  /// `…/endpoint/{endpoint}/secret`.
  mutating func addSecrets(_ control: BrokerControl) {
    let path = "\(Self.endpointPath)/secret"
    on(.get, path, .manage) { _, context in
      let record = try control.catalog.endpoint(
        application: try context.application(), idOrUID: try context.endpoint())
      if control.settings.revealSecrets { return try JSON.response(SecretOut(key: record.secret)) }
      throw AdminError.forbidden(
        "a secret is shown once, in the answer that creates the endpoint; give a known one with "
          + "'secret' then, rotate it by POST …/secret/rotate with a 'key' of your own, or set "
          + "api.reveal-secrets")
    }
    on(.post, "\(path)/rotate", .manage) { request, context in
      let bytes = try await JSON.body(request)
      let given = try JSON.decode(RotateIn.self, from: bytes.isEmpty ? Array("{}".utf8) : bytes)
      let record = try await control.rotateSecret(
        application: try context.application(), id: try context.endpoint(), key: given.key,
        gracePeriodSeconds: given.gracePeriodSeconds ?? RotateIn.gracePeriodSecondsDefault)
      // One that was made here is shown this once, or nobody could ever verify by it; and Svix's
      // newer clients read a body in any case.
      return try JSON.response(SecretOut(key: record.secret))
    }
  }
}
