// Goal: the manual page and the completions are of this very program, and their readers take them.
// Method: man and mandoc on the page; bash, zsh and fish on the scripts, each asked to complete.
import Foundation
import Testing

extension EndToEnd {
  struct ManualTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func fanfare(_ arguments: String...) async throws -> Child.Result {
      try await Child.run(try Tools.fanfare(), arguments, in: folder.path)
    }

    private func run(_ program: String, _ arguments: String...) async throws -> Child.Result {
      try await Child.run(
        try Tools.find(program), arguments, in: folder.path,
        environment: ["HOME": folder.path, "LC_ALL": "C.UTF-8", "MANWIDTH": "100"])
    }

    @Test(.timeLimit(.minutes(2)))
    func `the manual page is clean, and has every command, option and setting`() async throws {
      let page = try await fanfare("manual")
      #expect(page.status == 0, "\(page.talk)")
      let file = try folder.write(page.output, to: "fanfare.1")
      let lint = try await run("mandoc", "-Tlint", "-Wwarning", file)
      #expect(lint.status == 0 && lint.output.isEmpty && lint.talk.isEmpty, "\(lint.output)")
      let read = try await run("man", "--warnings", "-l", file)
      #expect(read.status == 0 && read.talk.isEmpty, "\(read.talk)")
      for text in [
        "a webhook broker", "fanfare serve", "fanfare endpoint rotate-secret",
        "--drain-timeout drain-timeout", "journal.retention *", "fanfare publish job.completed",
        "FANFARE_CONFIG", "EXIT STATUS",
      ] {
        #expect(read.output.contains(text), "\(text)")
      }
      let settings = try await fanfare("config", "show")
      for line in settings.lines {
        let key = line.prefix { $0 != ":" }
        #expect(read.output.contains(key), "\(key)")
      }
      let help = try await fanfare("--experimental-dump-help")
      let names = help.output.matches(of: /"commandName" : "([a-z-]+)"/).map { String($0.1) }
      #expect(names.count > 40)
      for name in names where !["help", "bench-sink", "bench-broker"].contains(name) {
        #expect(read.output.contains(name), "\(name)")
      }
    }

    @Test(.timeLimit(.minutes(2)))
    func `bash completes commands and options`() async throws {
      let script = try folder.write(try await fanfare("completions", "bash").output, to: "c.bash")
      let result = try await run(
        "bash", "--norc", "-c",
        """
        set -e
        . \(script)
        ask() {
          COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
          COMPREPLY=()
          $(complete -p fanfare | sed -E 's/.*-F ([^ ]+).*/\\1/') fanfare "${@: -1}" "${@: -2:1}"
          printf '%s\\n' "${COMPREPLY[@]}"
        }
        ask fanfare end
        ask fanfare endpoint rot
        ask fanfare serve --drain
        """)
      #expect(result.status == 0, "\(result.talk)")
      #expect(
        result.lines.map { $0.trimmingCharacters(in: .whitespaces) }
          == ["endpoint", "rotate-secret", "--drain-timeout"])
    }

    @Test(.timeLimit(.minutes(2)))
    func `zsh takes its script and knows what it is for`() async throws {
      let functions = folder.file("functions")
      try FileManager.default.createDirectory(
        atPath: functions, withIntermediateDirectories: true)
      try folder.write(try await fanfare("completions", "zsh").output, to: "functions/_fanfare")
      let result = try await run(
        "zsh", "-f", "-c",
        """
        fpath=(\(functions) $fpath)
        autoload -Uz compinit && compinit -u -D
        print $_comps[fanfare]
        autoload +X _fanfare && print loaded
        zsh -n \(functions)/_fanfare && print sound
        grep -c rotate-secret \(functions)/_fanfare
        """)
      #expect(result.status == 0, "\(result.talk)")
      #expect(result.lines.prefix(3) == ["_fanfare", "loaded", "sound"], "\(result.output)")
    }

    @Test(.timeLimit(.minutes(2)))
    func `fish completes commands and options`() async throws {
      let script = try folder.write(try await fanfare("completions", "fish").output, to: "c.fish")
      let result = try await run(
        "fish", "--no-config", "-c",
        """
        source \(script)
        complete -C 'fanfare end'
        complete -C 'fanfare endpoint rot'
        complete -C 'fanfare serve --drain'
        """)
      #expect(result.status == 0, "\(result.talk)")
      let words = result.lines.map { $0.prefix { $0 != "\t" } }
      #expect(words == ["endpoint", "rotate-secret", "--drain-timeout"], "\(result.output)")
    }
  }
}
