internal import ArgumentParser

/// `fanfare completions`: a completion script for a shell.
struct Completions: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print a completion script for a shell.",
    discussion: """
      Examples:
        fanfare completions bash > ~/.local/share/bash-completion/completions/fanfare
        fanfare completions zsh > "${fpath[1]}/_fanfare"
        fanfare completions fish > ~/.config/fish/completions/fanfare.fish
      """)

  enum Shell: String, CaseIterable, ExpressibleByArgument {
    case bash, zsh, fish
  }

  @Argument(help: "bash, zsh or fish.")
  var shell: Shell

  func run() throws {
    let kind: CompletionShell =
      switch shell {
      case .bash: .bash
      case .zsh: .zsh
      case .fish: .fish
      }
    Console.print(Fanfare.completionScript(for: kind))
  }
}
