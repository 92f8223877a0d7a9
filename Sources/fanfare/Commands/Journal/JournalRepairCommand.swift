internal import ArgumentParser
internal import Base
internal import Platform
internal import Storage

/// `fanfare journal repair`.
struct JournalRepairCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "repair",
    abstract: "Make a log that the broker refuses, or complains of, one that it opens.",
    discussion: """
      Says what it found, what it would do and what that drops, and asks. Whatever it takes out is
      kept in quarantine/ of the data directory. Refused while a broker uses the directory.

      Examples:
        fanfare journal repair --data /var/lib/fanfare --dry-run
        fanfare journal repair --data /var/lib/fanfare --yes
      """)

  @OptionGroup var consent: Consent

  @Flag(help: "Only say what would be done.")
  var dryRun = false

  @OptionGroup var journal: JournalOptions

  func run() throws {
    let directory = try journal.directory()
    let lock = try JournalOptions.telling { () throws(StorageError) in
      try DirectoryLock(directory: directory)
    }
    defer { withExtendedLifetime(lock) {} }
    let inspector = try JournalOptions.telling { () throws(StorageError) in
      try JournalInspector(directory: directory, disk: RealDisk())
    }
    let verdict = try JournalOptions.telling { () throws(StorageError) in try inspector.verify() }
    for fault in verdict.faults { Console.talk("found: \(Console.clean(fault.text))") }
    let repair = JournalRepair(inspector)
    if repair.steps.isEmpty { return tellNothing(verdict) }
    for step in repair.steps {
      Console.print("\(step.action.rawValue): \(Console.clean(step.path))")
      Console.print("  drops: \(step.drops ?? "nothing")")
    }
    if dryRun { return }
    try consent.obtain(
      "do \(Consent.counted(repair.steps.count, "step")), keeping what is taken out in "
        + "\(directory)/quarantine?")
    try JournalOptions.telling { () throws(StorageError) in
      try repair.perform(now: RealClock().now())
    }
    try confirm(directory)
  }

  private func tellNothing(_ verdict: JournalVerdict) {
    Console.talk(
      verdict.isClean
        ? "the log is whole: nothing to repair"
        : "nothing to repair: the broker starts with this as it is, delivers the rest, and logs "
          + "what it can't read")
  }

  private func confirm(_ directory: String) throws(Failure) {
    let after = try JournalOptions.telling { () throws(StorageError) in
      try JournalInspector(directory: directory, disk: RealDisk())
    }
    if let refusal = after.refusal { throw Failure(.failed, refusal.description) }
    Console.talk("repaired: the broker can start")
  }
}
