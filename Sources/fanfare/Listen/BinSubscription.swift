/// A request bin's place among the broker's endpoints, from when it begins to listen to when it
/// stops.
struct BinSubscription: Sendable {
  let client: APIClient
  let applicationPath: String
  let id: String
  let name: String
  /// Why nothing may arrive, if the broker says so.
  let warning: String?

  /// Registers `url` as an endpoint.
  ///
  /// - Parameters:
  ///   - certificate: PEM text that the endpoint's certificate is checked against.
  ///   - secret: text of the secret that the broker signs with.
  static func register(
    _ client: APIClient, applicationPath: String, url: String, types: [String],
    channels: [String], secret: String, certificate: String?
  ) throws(Failure) -> BinSubscription {
    let port = url.split(separator: ":").last.map { $0.filter(\.isNumber) } ?? ""
    let name = "listen-\(port)"
    let body = JSONValue.members([
      ("url", .string(url)), ("uid", .string(name)), ("eventTypes", .strings(types)),
      ("channels", channels.isEmpty ? nil : .strings(channels)), ("secret", .string(secret)),
      ("ca", certificate.map { .string($0) }),
      ("description", .string("request bin of 'fanfare listen'; goes when that stops")),
    ])
    // One that was killed could not take its endpoint along; this bin has its port now.
    _ = try? client.call("DELETE", "\(applicationPath)/endpoint/\(name)")
    let made = try client.value("POST", "\(applicationPath)/endpoint", body: body)
    guard let id = made["id"]?.text else {
      throw Failure(.internalFault, "the broker's answer names no endpoint")
    }
    return BinSubscription(
      client: client, applicationPath: applicationPath, id: id, name: name,
      warning: made["warning"]?.text)
  }

  /// Takes the endpoint away; what is pending for it is dropped.
  func remove() {
    do throws(Failure) {
      try client.call("DELETE", "\(applicationPath)/endpoint/\(id)")
      Console.talk("left; removed \(name)")
    } catch {
      Console.talk("could not remove the endpoint \(name): \(error.message)")
    }
  }
}
