internal import ArgumentParser
internal import Glibc
internal import Platform
internal import Storage

/// `fanfare journal`: the log on disk, without a broker.
struct JournalCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "journal",
    abstract: "Look into the log on disk, check every byte of it, and repair it.",
    subcommands: [JournalInspect.self, JournalVerify.self, JournalRepairCommand.self])
}

/// Which data directory, and whether a broker uses it.
struct JournalOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Data directory (FANFARE_DATA; ./data).", valueName: "dir"))
  var data: String?

  /// The directory's absolute path.
  ///
  /// - Throws: exit 65 when there is no log in it.
  func directory() throws(Failure) -> String {
    let named = data ?? Self.variable("FANFARE_DATA") ?? Self.variable("STATE_DIRECTORY")
    let directory = Input.absolute(named ?? "data")
    if unsafe access(directory + "/journal", R_OK | X_OK) == 0 { return directory }
    let isForbidden = errno == EACCES
    throw Failure(
      isForbidden ? .noAccess : .badData,
      "there is no log in \(directory): cannot read \(directory)/journal: \(SystemText.last())",
      next: ["name the data directory:  --data DIR"])
  }

  /// The log in the directory, to be read only.
  func inspector() throws(Failure) -> JournalInspector {
    let directory = try self.directory()
    let isLive = isUsed(directory)
    if isLive {
      Console.talk("a broker uses \(directory): reading beside it, the log's end is in motion")
    }
    return try Self.telling { () throws(StorageError) in
      try JournalInspector(directory: directory, disk: RealDisk(), isLive: isLive)
    }
  }

  /// Whether a process holds the directory's lock; it is taken and let go to find out. A directory
  /// that may only be read counts as unused.
  private func isUsed(_ directory: String) -> Bool {
    guard unsafe access(directory + "/lock", R_OK | W_OK) == 0 else { return false }
    do throws(StorageError) {
      _ = try DirectoryLock(directory: directory)
      return false
    } catch {
      if case .locked = error { return true }
      return false
    }
  }

  /// Runs `body` and ends the command with the storage's own words when it fails.
  static func telling<R>(_ body: () throws(StorageError) -> R) throws(Failure) -> R {
    do throws(StorageError) { return try body() } catch {
      switch error {
      case .locked(let path):
        throw Failure(
          .failed, "\(path): another fanfare process uses this data directory; nothing was changed",
          next: ["stop it, then repair"])
      case .system(_, let system) where system.code == EACCES:
        throw Failure(.noAccess, error.description)
      default: throw Failure(.failed, error.description)
      }
    }
  }

  private static func variable(_ name: String) -> String? {
    guard let value = Environment.value(name), !value.isEmpty else { return nil }
    return value
  }
}
