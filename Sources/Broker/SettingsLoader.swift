internal import Glibc
internal import Wire
internal import Yams

/// Puts the settings together: flags over environment over file over defaults.
public struct SettingsLoader: Sendable {
  /// What `--flag VALUE` gave, by key name; several values for keys that repeat.
  public var flags: [(name: String, value: String)] = []
  /// The environment; only `FANFARE_*` is looked at.
  public var environment: [String: String] = [:]
  /// The YAML file, if any.
  public var file: String?

  /// Nothing given yet.
  public init() {}

  /// The settings in force.
  /// - Throws: the first value that is not accepted, with its place.
  public func load() throws(SettingsError) -> Settings {
    let problems = check()
    if let first = problems.first { throw first }
    var settings = Settings()
    var ignored: [SettingsError] = []
    apply(to: &settings, problems: &ignored)
    return settings
  }

  /// Every problem there is, in the order file, environment, flags.
  public func check() -> [SettingsError] {
    var settings = Settings()
    var problems: [SettingsError] = []
    apply(to: &settings, problems: &problems)
    problems += Self.contradictions(settings)
    return problems
  }

  /// Variables that look like a setting's and are none: for `config check` to mention. They stop
  /// no start: a cluster may put variables of its own beside ours.
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

  private func apply(to settings: inout Settings, problems: inout [SettingsError]) {
    if let file { applyFile(file, &settings, &problems) }
    applyEnvironment(&settings, &problems)
    // A key that repeats is replaced as a whole by a higher source, never mixed.
    for key in SettingKey.all where key.repeats && flags.contains(where: { $0.name == key.name }) {
      settings.clearList(key.name)
    }
    for (name, value) in flags {
      guard let key = SettingKey.named(name) else {
        problems.append(SettingsError(place: "--\(name)", problem: "no such setting"))
        continue
      }
      Self.set(key, value, &settings, "--\(name)", &problems)
    }
  }

  private func applyEnvironment(_ settings: inout Settings, _ problems: inout [SettingsError]) {
    for key in SettingKey.all {
      guard let value = environment[key.environmentName] else { continue }
      if key.repeats { settings.clearList(key.name) }
      Self.set(key, value, &settings, key.environmentName, &problems)
    }
  }

  private static func set(
    _ key: SettingKey, _ value: String, _ settings: inout Settings, _ place: String,
    _ problems: inout [SettingsError]
  ) {
    do throws(SettingsError) {
      try key.set(value, in: &settings, place: place)
    } catch {
      problems.append(error)
    }
  }

  private func applyFile(
    _ path: String, _ settings: inout Settings, _ problems: inout [SettingsError]
  ) {
    guard let text = Self.readFile(path) else {
      let reason = unsafe String(cString: strerror(errno))
      problems.append(SettingsError(place: path, problem: "cannot be read: \(reason)"))
      return
    }
    do {
      guard let root = try Yams.compose(yaml: text) else { return }
      applyNode(root, prefix: "", path, &settings, &problems)
    } catch let error as YamlError {
      problems += YAMLProblems.list(error, path: path, text: text)
    } catch {
      problems.append(SettingsError(place: path, problem: "\(error)"))
    }
  }

  /// Keys may be nested or dotted: `journal: {retention: 7d}` is `journal.retention: 7d`.
  private func applyNode(
    _ node: Node, prefix: String, _ path: String, _ settings: inout Settings,
    _ problems: inout [SettingsError]
  ) {
    guard let mapping = node.mapping else {
      problems.append(
        SettingsError(
          place: Self.place(path, node), problem: "expected 'key: value' lines at this level"))
      return
    }
    for (keyNode, value) in mapping {
      let name = prefix + (keyNode.string ?? "")
      let place = "\(Self.place(path, keyNode)): \(name)"
      if let key = SettingKey.named(name) {
        applyValue(value, key, place, &settings, &problems)
      } else if value.mapping != nil, SettingKey.all.contains(where: { $0.name.hasPrefix(name + ".") })
      {
        applyNode(value, prefix: name + ".", path, &settings, &problems)
      } else {
        let near = Suggestion.nearest(to: name, in: SettingKey.all.map(\.name))
        let hint = near.map { "; did you mean '\($0)'?" } ?? ""
        problems.append(SettingsError(place: place, problem: "no such setting\(hint)"))
      }
    }
  }

  private func applyValue(
    _ value: Node, _ key: SettingKey, _ place: String, _ settings: inout Settings,
    _ problems: inout [SettingsError]
  ) {
    if let list = value.sequence {
      guard key.repeats else {
        problems.append(SettingsError(place: place, problem: "takes one value, not a list"))
        return
      }
      for item in list { Self.set(key, item.scalar?.string ?? "", &settings, place, &problems) }
    } else if let scalar = value.scalar {
      Self.set(key, scalar.string, &settings, place, &problems)
    } else {
      problems.append(SettingsError(place: place, problem: "takes a value, not a section"))
    }
  }

  private static func place(_ path: String, _ node: Node) -> String {
    guard let mark = node.mark else { return path }
    return "\(path):\(mark.line):\(mark.column)"
  }

  /// What single keys cannot see.
  static func contradictions(_ settings: Settings) -> [SettingsError] {
    var problems: [SettingsError] = []
    if settings.tlsCertificate.isEmpty != settings.tlsKey.isEmpty {
      problems.append(
        SettingsError(place: "tls-cert, tls-key", problem: "one is set without the other"))
    }
    if let (host, _) = settings.listenHostAndPort, !isLoopback(host),
      settings.tlsCertificate.isEmpty, !settings.plainHTTP
    {
      problems.append(
        SettingsError(
          place: "listen",
          problem: "\(settings.listen) is not loopback: set tls-cert and tls-key, or plain-http"))
    }
    return problems
  }

  private static func isLoopback(_ host: String) -> Bool {
    host == "localhost" || host == "::1" || host.hasPrefix("127.")
  }

  static func readFile(_ path: String) -> String? {
    guard let file = unsafe fopen(path, "r") else { return nil }
    defer { _ = unsafe fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = unsafe fread(&chunk, 1, chunk.count, file)
      if count == 0 { break }
      bytes.append(contentsOf: chunk[..<count])
      if bytes.count > 4 << 20 { return nil }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

extension String {
  /// A variable's name without the part that all of ours share.
  fileprivate var dropPrefix: String { String(dropFirst("FANFARE_".count)) }
}

extension Settings {
  fileprivate mutating func clearList(_ name: String) {
    if name == "allow" { allow = [] }
  }
}
