internal import Base
internal import Wire

/// One row of the configuration table: name, what it means, and how a text becomes its value.
///
/// The same row serves the YAML file (`name`), the environment (`FANFARE_NAME`) and the flag
/// (`--name`), so the three cannot differ in what they accept. The rows stand in `SettingTable`.
public struct SettingKey: Sendable {
  /// As in the file and on the command line: `drain-timeout`.
  public let name: String
  /// What it means, its unit and default, in one line.
  public let help: String
  /// Whether SIGHUP can change it.
  public let reloads: Bool
  /// Whether it takes several values.
  public let repeats: Bool
  /// The values in settings, as texts that `apply` takes back.
  let read: @Sendable (Settings) -> [String]
  let apply: @Sendable (inout Settings, String) throws(Refusal) -> Void
  /// Takes the values away, for a key that repeats.
  let clear: @Sendable (inout Settings) -> Void

  /// Why a text is no value.
  struct Refusal: Error { var text: String }

  /// A row; see the properties.
  init(
    _ name: String, _ help: String, reloads: Bool, repeats: Bool = false,
    read: @escaping @Sendable (Settings) -> [String],
    clear: @escaping @Sendable (inout Settings) -> Void = { _ in },
    apply: @escaping @Sendable (inout Settings, String) throws(Refusal) -> Void
  ) {
    self.name = name
    self.help = help
    self.reloads = reloads
    self.repeats = repeats
    self.read = read
    self.clear = clear
    self.apply = apply
  }

  /// `FANFARE_DRAIN_TIMEOUT`.
  public var environmentName: String {
    "FANFARE_" + name.uppercased().map { $0 == "-" || $0 == "." ? "_" : String($0) }.joined()
  }

  /// Sets the value in `settings` from a text.
  /// - Throws: `SettingsError` that names `place`.
  public func set(_ text: String, in settings: inout Settings, place: String)
    throws(SettingsError)
  {
    do throws(Refusal) {
      try apply(&settings, text)
    } catch {
      throw SettingsError(place: place, problem: error.text)
    }
  }

  /// The value in `settings` as a text that ``set(_:in:place:)`` takes back; several for a key that
  /// repeats, or none.
  public func values(in settings: Settings) -> [String] { read(settings) }

  /// Whether two configurations differ in it.
  func differs(_ one: Settings, _ other: Settings) -> Bool { read(one) != read(other) }

  /// Takes the value of `source` over.
  func copy(from source: Settings, to target: inout Settings) {
    clear(&target)
    // What was read from settings can be set in settings.
    for text in read(source) { try? apply(&target, text) }
  }

  /// The row with this name.
  public static func named(_ name: String) -> SettingKey? { all.first { $0.name == name } }
}

// MARK: Kinds of values

extension SettingKey {
  /// What stands for a value that Fanfare works out itself.
  private static let auto = "auto"

  static func text(
    _ name: String, _ help: String,
    _ path: any WritableKeyPath<Settings, String> & Sendable, reloads: Bool = false
  ) -> SettingKey {
    SettingKey(name, help, reloads: reloads, read: { [$0[keyPath: path]] }) { settings, text in
      settings[keyPath: path] = text
    }
  }

  static func choice(
    _ name: String, _ help: String, _ values: [String],
    _ path: any WritableKeyPath<Settings, String> & Sendable, reloads: Bool = false
  ) -> SettingKey {
    SettingKey(name, help, reloads: reloads, read: { [$0[keyPath: path]] }) {
      (settings, text) throws(Refusal) in
      guard values.contains(text) else {
        let near = Suggestion.nearest(to: text, in: values).map { "; did you mean '\($0)'?" } ?? ""
        throw Refusal(text: "'\(text)' is none of \(values.joined(separator: ", "))\(near)")
      }
      settings[keyPath: path] = text
    }
  }

  static func flag(
    _ name: String, _ help: String, _ path: any WritableKeyPath<Settings, Bool> & Sendable,
    reloads: Bool = false
  ) -> SettingKey {
    SettingKey(
      name, help, reloads: reloads, read: { [$0[keyPath: path] ? "true" : "false"] }
    ) { (settings, text) throws(Refusal) in
      switch text {
      case "true", "yes", "on", "1": settings[keyPath: path] = true
      case "false", "no", "off", "0": settings[keyPath: path] = false
      default: throw Refusal(text: "'\(text)' is neither true nor false")
      }
    }
  }

  /// - Parameter isAuto: 0, or `auto`, leaves the number to Fanfare.
  static func number(
    _ name: String, _ help: String, _ range: ClosedRange<Int>,
    _ path: any WritableKeyPath<Settings, Int> & Sendable, isAuto: Bool = false,
    reloads: Bool = false
  ) -> SettingKey {
    SettingKey(
      name, help, reloads: reloads,
      read: {
        let value = $0[keyPath: path]
        return [isAuto && value == 0 ? auto : String(value)]
      }
    ) { (settings, text) throws(Refusal) in
      if isAuto, text == auto || text == "0" {
        settings[keyPath: path] = 0
        return
      }
      guard let value = Int(text), range.contains(value) else {
        throw Refusal(
          text: "'\(text)' is no whole number from \(range.lowerBound) to \(range.upperBound)")
      }
      settings[keyPath: path] = value
    }
  }

  static func duration(
    _ name: String, _ help: String, _ path: any WritableKeyPath<Settings, Nanoseconds> & Sendable,
    reloads: Bool = false
  ) -> SettingKey {
    SettingKey(
      name, help, reloads: reloads,
      read: { [Quantity.durationText($0[keyPath: path].milliseconds)] }
    ) { (settings, text) throws(Refusal) in
      guard let milliseconds = Quantity.duration(text) else {
        throw Refusal(text: "'\(text)' is no duration such as 20s, 5m, 2h or 7d")
      }
      settings[keyPath: path] = .milliseconds(milliseconds)
    }
  }

  /// - Parameters:
  ///   - isAuto: 0, or `auto`, leaves the size to Fanfare.
  ///   - range: what is accepted, bytes.
  static func size(
    _ name: String, _ help: String, _ path: any WritableKeyPath<Settings, UInt64> & Sendable,
    isAuto: Bool = true, range: ClosedRange<UInt64> = 0...(1 << 60), reloads: Bool = false
  ) -> SettingKey {
    SettingKey(
      name, help, reloads: reloads,
      read: {
        let value = $0[keyPath: path]
        return [isAuto && value == 0 ? auto : sizeText(value)]
      }
    ) { (settings, text) throws(Refusal) in
      if isAuto, text == auto {
        settings[keyPath: path] = 0
        return
      }
      guard let bytes = Quantity.size(text) else {
        throw Refusal(text: "'\(text)' is no size such as 64MiB or 10GB")
      }
      guard range.contains(bytes) else {
        let bounds = "\(sizeText(range.lowerBound)) to \(sizeText(range.upperBound))"
        throw Refusal(text: "'\(text)' is not from \(bounds)")
      }
      settings[keyPath: path] = bytes
    }
  }

  /// A size without rounding: `64MiB`, `300KiB`, `1000`.
  private static func sizeText(_ bytes: UInt64) -> String {
    let units: [(String, UInt64)] = [
      ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10),
    ]
    for (unit, factor) in units where bytes >= factor && bytes % factor == 0 {
      return "\(bytes / factor)\(unit)"
    }
    return String(bytes)
  }
}
