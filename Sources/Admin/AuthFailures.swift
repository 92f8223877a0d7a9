package import Base
internal import Synchronization

/// Counts failed logins by peer, so that guessing is slow and logs stay short.
///
/// A good token always passes: a misconfigured program must not lock out others behind its address.
package final class AuthFailures: Sendable {
  /// Failures in one window that are answered as such; more are told to wait.
  package static let failuresMax = 20
  /// Length of a window, seconds.
  package static let windowSeconds: UInt64 = 60
  /// Peers remembered; when more fail in one window, all are forgotten.
  package static let peersMax = 4096

  private struct State {
    var window: UInt64 = 0
    var failures: [String: Int] = [:]
  }

  private let state = Mutex(State())

  /// Nobody has failed yet.
  package init() {}

  /// Counts a failure.
  ///
  /// - Returns: failures of the peer in this window, this one included.
  package func record(_ peer: String, now: UnixMilliseconds) -> Int {
    state.withLock { state in
      let window = now.seconds / Self.windowSeconds
      if state.window != window || state.failures.count >= Self.peersMax {
        state.window = window
        state.failures = [:]
      }
      state.failures[peer, default: 0] += 1
      return state.failures[peer] ?? 1
    }
  }

  /// Seconds until the window ends.
  package static func secondsLeft(now: UnixMilliseconds) -> UInt64 {
    windowSeconds - now.seconds % windowSeconds
  }
}
