// Goal: a configuration can be written, checked and shown without a broker, and nothing in it is a riddle.
// Method: the real program on files, variables and flags.
import Foundation
import Testing

extension EndToEnd {
  struct ConfigCommandTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func config(
      _ arguments: String..., environment: [String: String] = [:]
    ) async throws -> Child.Result {
      try await Child.run(
        try Tools.fanfare(), ["config"] + arguments, in: folder.path, environment: environment)
    }

    @Test(.timeLimit(.minutes(1)))
    func `the file that init writes holds every key at its default`() async throws {
      let made = try await config("init", "fanfare.yaml")
      #expect(made.status == 0 && made.talk.contains("\(folder.path)/fanfare.yaml"))
      let text = folder.read("fanfare.yaml")
      #expect(text == (try await config("init")).output)
      // With every comment sign of a key taken away, it says what is so anyway.
      let plain = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
        line.hasPrefix("#") && !line.hasPrefix("# ") && line != "#" ? line.dropFirst() : line
      }.joined(separator: "\n")
      try folder.write(plain, to: "all.yaml")
      let check = try await config("check", "--config", "all.yaml")
      #expect(check.status == 0, "\(check.talk)")
      #expect(check.text == "configuration is valid")
      let defaults = try await config("show", "--json").json(as: [ShownSetting].self)
      let shown = try await config("show", "--config", "all.yaml", "--json")
        .json(as: [ShownSetting].self)
      #expect(shown.count == defaults.count && shown.count > 25)
      for (setting, standard) in zip(shown, defaults) {
        #expect(setting.value == standard.value, "\(setting.key)")
        #expect(setting.source.hasPrefix("all.yaml:"), "\(setting.key)")
        #expect(standard.source == "default")
      }
      let again = try await config("init", "fanfare.yaml")
      #expect(again.status == 1 && again.talk.contains("is there already"))
      #expect(folder.read("fanfare.yaml") == text)
    }

    @Test(.timeLimit(.minutes(1)))
    func `show says where each value is from, and is a configuration itself`() async throws {
      try folder.write(
        "drain-timeout: 5s\njournal: {retention: 3d}\nallow: [10.0.0.0/8, 'fd00::/8']\n", to: "f.yaml")
      let result = try await config(
        "show", "--config", "f.yaml", "--listen", "[::1]:9", "--set", "dead.max-bytes=3GiB",
        environment: ["FANFARE_REACTORS": "2", "STATE_DIRECTORY": "/var/lib/fanfare:/x"])
      #expect(result.status == 0, "\(result.talk)")
      func line(_ key: String) -> String {
        let found = result.lines.first { $0.hasPrefix(key + ": ") } ?? ""
        return found.split(separator: " ").joined(separator: " ")
      }
      #expect(line("drain-timeout") == "drain-timeout: 5s # f.yaml:1:1")
      #expect(line("journal.retention") == "journal.retention: 3d # f.yaml:2:11")
      #expect(line("allow") == #"allow: [10.0.0.0/8, fd00::/8] # f.yaml:3:1"#)
      #expect(line("listen") == #"listen: "[::1]:9" # --listen"#)
      #expect(line("dead.max-bytes") == "dead.max-bytes: 3GiB # --dead.max-bytes")
      #expect(line("reactors") == "reactors: 2 # FANFARE_REACTORS")
      #expect(line("data") == "data: /var/lib/fanfare # STATE_DIRECTORY")
      #expect(line("journal.max-bytes") == "journal.max-bytes: auto # default")
      try folder.write(result.output, to: "shown.yaml")
      let again = try await config("show", "--config", "shown.yaml", "--json")
        .json(as: [ShownSetting].self)
      #expect(again.first { $0.key == "allow" }?.value == .list(["10.0.0.0/8", "fd00::/8"]))
      #expect(again.first { $0.key == "listen" }?.value == .text("[::1]:9"))
    }

    @Test(.timeLimit(.minutes(1)))
    func `check names file, line, column, key and what was meant, and exits 78`() async throws {
      try folder.write(
        """
        drain-timout: 5s
        journal:
          retention: soon
        allow:
          - 10.0.0.0/8
          - nonsense
        journal.retention: 3d
        tls-cert: /x.pem
        listen: 0.0.0.0:80
        """, to: "bad.yaml")
      let result = try await config(
        "check", "--config", "bad.yaml", "--set", "reactros=2",
        environment: ["FANFARE_LOG_LEVLE": "debug"])
      #expect(result.status == 78)
      #expect(
        result.talk.split(separator: "\n") == [
          "bad.yaml:1:1: drain-timout: no such setting; did you mean 'drain-timeout'?",
          "bad.yaml:3:3: journal.retention: 'soon' is no duration such as 20s, 5m, 2h or 7d",
          "bad.yaml:6:5: allow: 'nonsense' is no CIDR such as 10.0.0.0/8, fd00::/8 or 127.0.0.1",
          "bad.yaml:7:1: journal.retention: is there twice; first in line 3",
          "--set reactros: no such setting; did you mean 'reactors'?",
          "bad.yaml:8:1: tls-cert: is set without tls-key",
          "FANFARE_LOG_LEVLE: no such setting; did you mean 'FANFARE_LOG_LEVEL'?",
          "fanfare: 7 problems",
        ])
      #expect(try await config("show", "--config", "bad.yaml").status == 78)
      let absent = try await config("check", "--config", "none.yaml")
      #expect(absent.status == 78)
      #expect(absent.talk.hasPrefix("none.yaml: cannot be read: No such file or directory"))
      let directory = try await config("check", "--config", ".")
      #expect(directory.status == 78 && directory.talk.contains("Is a directory"))
    }
  }
}

/// An element of `config show --json`.
private struct ShownSetting: Decodable {
  enum Value: Decodable, Equatable {
    case text(String)
    case list([String])

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let text = try? container.decode(String.self) {
        self = .text(text)
      } else {
        self = .list(try container.decode([String].self))
      }
    }
  }

  let key: String
  let value: Value
  let source: String
  let reloads: Bool
}
