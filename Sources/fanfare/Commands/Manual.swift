internal import ArgumentParser

/// `fanfare manual`: the manual page of this very program.
struct Manual: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the manual page.",
    discussion: """
      Examples:
        fanfare manual | man -l -
        fanfare manual > /usr/local/share/man/man1/fanfare.1
      """)

  func run() throws {
    guard let help = JSONReader.value(of: Array(Fanfare._dumpHelp().utf8)),
      let command = help["command"]
    else { throw Failure(.internalFault, "the description of the commands is no JSON") }
    Console.write(ManualPage(command).text, to: .standardOutput)
  }
}
