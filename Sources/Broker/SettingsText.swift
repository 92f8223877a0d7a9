/// Settings as a YAML file.
public enum SettingsText {
  /// A file with every key at its default, commented out, with what it means.
  public static var template: String {
    var text = """
      # Settings of Fanfare. Each is also a variable (FANFARE_DRAIN_TIMEOUT) and a flag of
      # 'fanfare serve' (--drain-timeout 5s, or --set journal.retention=1d): flags win over variables,
      # variables over this file. A key with a dot may be nested. Take the '#' away from what you
      # change; then:
      #
      #   fanfare config check --config FILE
      #
      # Durations: 20s, 5m, 2h, 7d. Sizes: 64MiB, 10GB. What SIGHUP follows is marked '(HUP)'.

      """
    let defaults = Settings()
    for key in SettingKey.all {
      text += "\n# \(key.help)\(key.reloads ? " (HUP)" : "")\n"
      text += "#\(line(key, defaults))\n"
    }
    return text
  }

  /// Every key with its value, and behind it where it has that from.
  public static func effective(_ draft: SettingsDraft) -> String {
    let lines = SettingKey.all.map { key in
      (line(key, draft.settings), draft.places[key.name] ?? "default")
    }
    let width = min(48, lines.map(\.0.count).max() ?? 0)
    return lines.map { line, place in
      line + String(repeating: " ", count: max(0, width - line.count)) + "  # \(place)\n"
    }.joined()
  }

  private static func line(_ key: SettingKey, _ settings: Settings) -> String {
    let values = key.values(in: settings).map(scalar)
    return "\(key.name): \(key.repeats ? "[\(values.joined(separator: ", "))]" : values.first ?? "")"
  }

  /// A value as YAML reads it back: plain, or as a double-quoted string.
  private static func scalar(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: ":"):
        true
      default: false
      }
    }
    let isSafe = text.first.map { !"-:.".contains($0) || text.hasPrefix("./") } ?? false
    if isPlain, isSafe, text.last != ":" { return text }
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        let hex = String(scalar.value, radix: 16)
        quoted += "\\x" + (hex.count == 1 ? "0" : "") + hex
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}
