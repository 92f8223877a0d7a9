internal import Wire

/// Bounds on what users write about applications and endpoints.
enum DraftRules {
  static let descriptionCharactersMax = 2048
  static let typesMax = 10_000
  static let channelsMax = 1000
  static let sourcesMax = 1000
  static let metadataMax = 64
  static let metadataKeyCharactersMax = 128
  static let metadataCharactersMax = 4096
  static let caBytesMax = 262_144
  static let schemaBytesMax = 262_144
  static let featureFlagsMax = 64
  static let credentialBytesMax = 4096
  static let maxInFlightMax = 4096
  static let timeoutSeconds = 0.1...300.0
  static let maxAgeSeconds = 60...31_622_400
  static let gracePeriodSeconds = 0...604_800

  /// `name`: letters, digits, `.`, `_` and `-`, and not the form of an id, which would hide it.
  static func checkUID(_ uid: String?, prefix: String) throws(CatalogError) {
    guard let uid else { return }
    guard EventRules.isValidName(uid) else {
      throw .invalid(
        field: "uid",
        "'\(shown(uid))' is not a name: 1 to \(EventRules.nameBytesMax) of letters, digits, '.', "
          + "'_' and '-'")
    }
    if uid.hasPrefix(prefix), KSUID(String(uid.dropFirst(prefix.count))) != nil {
      throw .invalid(field: "uid", "'\(uid)' has the form of an id; choose another name")
    }
  }

  /// One line or several of readable text.
  static func checkText(
    _ text: String, field: String, charactersMax: Int, lines: Bool
  ) throws(CatalogError) {
    // As JSON Schema counts.
    if text.unicodeScalars.count > charactersMax {
      throw .invalid(field: field, "longer than \(charactersMax) characters")
    }
    for scalar in text.unicodeScalars where isControl(scalar) {
      if lines && (scalar == "\n" || scalar == "\t") { continue }
      throw .invalid(field: field, "holds a control character")
    }
  }

  static func checkMetadata(_ metadata: [String: String]) throws(CatalogError) {
    if metadata.count > metadataMax {
      throw .invalid(field: "metadata", "more than \(metadataMax) entries")
    }
    for (key, value) in metadata {
      if key.isEmpty { throw .invalid(field: "metadata", "an empty key") }
      try checkText(
        key, field: "metadata", charactersMax: metadataKeyCharactersMax, lines: false)
      try checkText(value, field: "metadata", charactersMax: metadataCharactersMax, lines: true)
    }
  }

  /// A user's text as an error may repeat it: short and without what could move a cursor.
  static func shown(_ text: String) -> String {
    let safe = String(String.UnicodeScalarView(text.unicodeScalars.filter { !isControl($0) }))
    return safe.count > 64 ? safe.prefix(64) + "…" : safe
  }

  /// The same texts in the same order, each once.
  static func unique(_ texts: [String]) -> [String] {
    var seen: Set<String> = []
    return texts.filter { seen.insert($0).inserted }
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format
  }
}
