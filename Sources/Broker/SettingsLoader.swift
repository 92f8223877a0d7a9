internal import Wire

/// Puts the settings together: flags over environment over file over defaults.
public struct SettingsLoader: Sendable {
  /// What `--flag VALUE` gave, by key name; several values for keys that repeat.
  public var flags: [(name: String, value: String)] = []
  /// The environment; only `FANFARE_*` is looked at, and what systemd says of directories.
  public var environment: [String: String] = [:]
  /// The YAML file, if any.
  public var file: String?

  /// Nothing given yet.
  public init() {}

  /// The settings in force.
  /// - Throws: the first value that is not accepted, with its place.
  public func load() throws(SettingsError) -> Settings {
    let draft = draft()
    if let first = draft.problems.first { throw first }
    return draft.settings
  }

  /// Every problem there is, in the order file, environment, flags.
  public func check() -> [SettingsError] { draft().problems }

  /// The settings, what is wrong with them, and where each key has its value from.
  public func draft() -> SettingsDraft {
    var draft = SettingsDraft()
    if let directory = stateDirectory {
      draft.settings.data = directory
      draft.places["data"] = Self.stateVariable
    }
    if let file { SettingsFile(path: file).apply(to: &draft) }
    applyEnvironment(&draft)
    applyFlags(&draft)
    draft.noteContradictions()
    return draft
  }

  /// Variables that look like a setting's and are none: for `config check` and the log to mention.
  /// They stop no start: a cluster may put variables of its own beside ours.
  public func misspelt() -> [SettingsError] {
    let known = SettingKey.all.map(\.environmentName) + Self.otherVariables
    return environment.keys.sorted().compactMap { name in
      guard name.hasPrefix("FANFARE_"), !known.contains(name),
        let near = Suggestion.nearest(to: name.dropPrefix, in: known.map(\.dropPrefix))
      else { return nil }
      return SettingsError(
        place: name, problem: "no such setting; did you mean 'FANFARE_\(near)'?")
    }
  }

  /// Read by the commands, not by the broker.
  private static let otherVariables = [
    "FANFARE_CONFIG", "FANFARE_URL", "FANFARE_TOKEN", "FANFARE_API_CA",
  ]

  private static let stateVariable = "STATE_DIRECTORY"

  /// The first that systemd made for the service; of several the others are not ours.
  ///
  /// > Source: systemd.exec(5), `StateDirectory=`.
  private var stateDirectory: String? {
    environment[Self.stateVariable]?.split(separator: ":").first.map(String.init)
  }

  private func applyEnvironment(_ draft: inout SettingsDraft) {
    for key in SettingKey.all {
      guard let value = environment[key.environmentName] else { continue }
      key.clear(&draft.settings)
      draft.set(key, value, key.environmentName)
    }
  }

  private func applyFlags(_ draft: inout SettingsDraft) {
    // A key that repeats is replaced as a whole by a higher source, never mixed.
    for key in SettingKey.all where flags.contains(where: { $0.name == key.name }) {
      key.clear(&draft.settings)
    }
    for (name, value) in flags {
      if let key = SettingKey.named(name) {
        draft.set(key, value, "--\(name)")
      } else {
        let near = Suggestion.nearest(to: name, in: SettingKey.all.map(\.name))
        let hint = near.map { "; did you mean '\($0)'?" } ?? ""
        draft.problems.append(
          SettingsError(place: "--set \(name)", problem: "no such setting\(hint)"))
      }
    }
  }
}

/// Settings as far as they could be put together.
public struct SettingsDraft: Sendable {
  /// Values that were not accepted are left out.
  public internal(set) var settings = Settings()
  /// Every problem there is, in the order file, environment, flags.
  public internal(set) var problems: [SettingsError] = []
  /// Where each key that is not at its default has its value from: `--flag`, `FANFARE_NAME`, or
  /// `file:line:column`.
  public internal(set) var places: [String: String] = [:]

  mutating func set(_ key: SettingKey, _ value: String, _ place: String) {
    places[key.name] = place
    do throws(SettingsError) {
      try key.set(value, in: &settings, place: Self.full(place, key.name))
    } catch {
      problems.append(error)
    }
  }

  /// What single keys cannot see.
  mutating func noteContradictions() {
    if settings.tlsCertificate.isEmpty != settings.tlsKey.isEmpty {
      let (given, missing) =
        settings.tlsKey.isEmpty ? ("tls-cert", "tls-key") : ("tls-key", "tls-cert")
      note(given, "is set without \(missing)")
    }
    if let (host, _) = settings.listenHostAndPort, !Self.isLoopback(host),
      settings.tlsCertificate.isEmpty, !settings.plainHTTP
    {
      note(
        "listen", "\(settings.listen) is not loopback: set tls-cert and tls-key, or plain-http")
    }
  }

  private mutating func note(_ name: String, _ problem: String) {
    let place = places[name].map { Self.full($0, name) } ?? name
    problems.append(SettingsError(place: place, problem: problem))
  }

  /// In a file the key stands beside the place; a flag or a variable tells it by its name.
  private static func full(_ place: String, _ name: String) -> String {
    place.hasPrefix("--") || place.hasPrefix("FANFARE_") ? place : "\(place): \(name)"
  }

  private static func isLoopback(_ host: String) -> Bool {
    host == "localhost" || host == "::1" || host.hasPrefix("127.")
  }
}

extension String {
  /// A variable's name without the part that all of ours share.
  fileprivate var dropPrefix: String { String(dropFirst("FANFARE_".count)) }
}
