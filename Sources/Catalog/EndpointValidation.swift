internal import Flow
internal import TLS
internal import Wire

extension EndpointDraft {
  /// The draft in the form that is stored: each text once, names in range.
  ///
  /// - Throws: ``CatalogError/invalid(field:_:)`` for the first field that is not accepted.
  func validated() throws(CatalogError) -> EndpointDraft {
    var draft = self
    try DraftRules.checkUID(uid, prefix: "ep_")
    try checkURL()
    try DraftRules.checkText(
      description, field: "description", charactersMax: DraftRules.descriptionCharactersMax,
      lines: true)
    draft.types = try checkedTypes()
    draft.channels = try checkedChannels()
    draft.sources = try checkedSources()
    try checkHeaders()
    try checkAuth()
    try checkDelivery()
    try checkCA()
    try DraftRules.checkMetadata(metadata)
    if !disabled { draft.disabledReason = nil }
    return draft
  }

  private func checkURL() throws(CatalogError) {
    do throws(URLTargetError) {
      _ = try URLTarget(parsing: url)
    } catch {
      throw .invalid(field: "url", error.text)
    }
  }

  // MARK: What it subscribes to

  private func checkedTypes() throws(CatalogError) -> [String] {
    let texts = DraftRules.unique(types)
    if types.count > DraftRules.typesMax {
      throw .invalid(field: "eventTypes", "more than \(DraftRules.typesMax) types")
    }
    for text in texts where !Self.isPattern(text) {
      throw .invalid(
        field: "eventTypes",
        "'\(DraftRules.shown(text))' is not an event type; allowed are an exact type such as "
          + "job.completed, every type with a beginning such as job.*, and *")
    }
    return texts
  }

  /// An exact type, `job.*` or `*`.
  private static func isPattern(_ text: String) -> Bool {
    if text == "*" { return true }
    return EventRules.isValidType(text.hasSuffix(".*") ? String(text.dropLast(2)) : text)
  }

  private func checkedChannels() throws(CatalogError) -> [String] {
    let texts = DraftRules.unique(channels)
    if channels.count > DraftRules.channelsMax {
      throw .invalid(field: "channels", "more than \(DraftRules.channelsMax) channels")
    }
    for text in texts where !EventRules.isValidChannel(text) {
      throw .invalid(
        field: "channels",
        "'\(DraftRules.shown(text))' is not a channel: 1 to \(EventRules.channelBytesMax) of "
          + "letters, digits, '.', '_', ':' and '-'")
    }
    return texts
  }

  private func checkedSources() throws(CatalogError) -> [String] {
    let texts = DraftRules.unique(sources)
    if sources.count > DraftRules.sourcesMax {
      throw .invalid(field: "sources", "more than \(DraftRules.sourcesMax) sources")
    }
    for text in texts where !EventRules.isValidAttribute(text) {
      throw .invalid(
        field: "sources",
        "'\(DraftRules.shown(text))' is not a source: 1 to \(EventRules.attributeBytesMax) bytes "
          + "without control characters")
    }
    return texts
  }

  // MARK: How it is delivered

  private func checkHeaders() throws(CatalogError) {
    do throws(HeaderError) {
      try HeaderRules.validate(headers.map { (name: $0.name, value: $0.value) })
    } catch {
      throw .invalid(field: "headers", error.text)
    }
    if auth != .none, headers.contains(where: { $0.name.lowercased() == "authorization" }) {
      throw .invalid(field: "headers", "'authorization' is given twice, here and by auth")
    }
  }

  private func checkAuth() throws(CatalogError) {
    guard let value = auth.headerValue else { return }
    if case .basic(let user, _) = auth, user.contains(":") {
      throw .invalid(field: "auth", "a user name must not hold ':'")
    }
    if case .basic(let user, let password) = auth,
      (user + password).unicodeScalars.contains(where: { $0.value < 32 || $0.value == 127 })
    {
      throw .invalid(field: "auth", "user name or password holds a control character")
    }
    if case .bearer(let token) = auth,
      token.isEmpty || !token.utf8.allSatisfy({ $0 > 32 && $0 < 127 })
    {
      throw .invalid(field: "auth", "a bearer token is printable ASCII without spaces")
    }
    if value.utf8.count > DraftRules.credentialBytesMax {
      throw .invalid(field: "auth", "longer than \(DraftRules.credentialBytesMax) bytes")
    }
  }

  private func checkDelivery() throws(CatalogError) {
    do throws(RetryScheduleError) {
      _ = try RetrySchedule(parsing: retryText)
    } catch {
      throw .invalid(field: "retry", error.text)
    }
    if let rateText, Quantity.rate(rateText) == nil {
      throw .invalid(
        field: "rate", "'\(DraftRules.shown(rateText))' is not a rate such as 10/s, 100/m or 5/h")
    }
    try Self.check(timeoutSeconds, in: DraftRules.timeoutSeconds, field: "timeoutSeconds")
    try Self.check(maxInFlight, in: 1...DraftRules.maxInFlightMax, field: "maxInFlight")
    try Self.check(maxAgeSeconds, in: DraftRules.maxAgeSeconds, field: "maxAgeSeconds")
  }

  private static func check<Value: Comparable>(
    _ value: Value, in range: ClosedRange<Value>, field: String
  ) throws(CatalogError) {
    guard range.contains(value) else {
      throw .invalid(
        field: field,
        "\(value) is out of range: from \(range.lowerBound) to \(range.upperBound)")
    }
  }

  private func checkCA() throws(CatalogError) {
    guard let caPEM else { return }
    if caPEM.utf8.count > DraftRules.caBytesMax {
      throw .invalid(field: "ca", "longer than \(DraftRules.caBytesMax) bytes")
    }
    do throws(TLSError) {
      _ = try TLSContext(roots: .pem(caPEM))
    } catch {
      throw .invalid(field: "ca", error.description)
    }
  }
}

/// Secrets that users bring.
enum SecretRules {
  /// The text to store for a user's secret, or a new one.
  ///
  /// - Throws: ``CatalogError/invalid(field:_:)``, never with the secret in it.
  static func key(_ text: String?, field: String) throws(CatalogError) -> String {
    guard let text else { return WebhookSignature.generateSecret() }
    let form = "a secret is whsec_ and the base64 of 24 to 64 random bytes"
    let secret: WebhookSecret
    do throws(WebhookSecretError) {
      secret = try WebhookSecret(parsing: text)
    } catch {
      throw .invalid(field: field, "\(error.description); \(form)")
    }
    guard secret.kind == .symmetric, secret.hasStandardLength else {
      throw .invalid(field: field, form)
    }
    return secret.text
  }
}
