/// Stops the process, with a text, when an invariant does not hold.
///
/// `precondition` is silent in release builds; an operator who finds a core file at 3 a.m. needs the
/// sentence. Costs a compare and a branch when it holds.
@inlinable @inline(__always)
public func require(_ condition: Bool, _ text: StaticString) {
  if !condition { invariantBroken(text) }
}

/// Prints the text of a broken invariant and aborts.
@inline(never)
public func invariantBroken(_ text: StaticString) -> Never {
  fatalError("fanfare: invariant broken: \(text)")
}
