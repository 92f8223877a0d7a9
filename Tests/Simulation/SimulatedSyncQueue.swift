internal import Base
public import Platform

/// fdatasync as submit and complete, on virtual time: the durable step happens at completion.
public final class SimulatedSyncQueue: SyncQueue, @unchecked Sendable {
  private let world: World
  private let submitter: Wakeup
  private var random: SeededRandom
  private var underWay = 0
  private var lastEnd = Instant(nanoseconds: 0)
  private var completions: [SyncCompletion] = []
  private var isAlive = true
  /// Syncs at once; each ends after the one before it.
  public static let depth = 16

  /// A queue of one process; `submitter` is woken after each completion.
  public init(world: World, submitter: Wakeup) {
    self.world = world
    self.submitter = submitter
    random = world.fork()
  }

  /// The process died: what is under way never ends.
  public func processDied() { isAlive = false }

  public func submit(_ file: FileHandle, token: UInt64) -> Bool {
    guard underWay < Self.depth else { return false }
    underWay += 1
    lastEnd = max(lastEnd, world.clock.instant) + duration()
    do throws(SystemError) {
      let sync = try world.disk.beginSync(file)
      world.at(lastEnd) { [weak self] in self?.end(sync, token) }
    } catch {
      let code = error.code
      world.at(lastEnd) { [weak self] in self?.complete(token, code) }
    }
    return true
  }

  /// Mostly what a good disk takes; now and then one that thinks.
  private func duration() -> Nanoseconds {
    if random.oneIn(100) { return .milliseconds(5 + random.below(40)) }
    return .microseconds(100 + random.below(random.oneIn(5) ? 3_000 : 300))
  }

  private func end(_ sync: SimulatedDisk.SyncUnderWay, _ token: UInt64) {
    guard isAlive else { return }
    var code: Int32 = 0
    do throws(SystemError) { try world.disk.endSync(sync) } catch { code = error.code }
    complete(token, code)
  }

  private func complete(_ token: UInt64, _ code: Int32) {
    guard isAlive else { return }
    completions.append(SyncCompletion(token: token, code: code))
    submitter.wake()
  }

  public var hasCompletion: Bool { !completions.isEmpty }

  public func completion() -> SyncCompletion? {
    if completions.isEmpty { return nil }
    underWay -= 1
    return completions.removeFirst()
  }
}
