public import Base

/// What the bearer of a token may do.
public enum TokenScope: String, Sendable, CaseIterable {
  /// Everything.
  case admin
  /// Endpoints of an application, and sending again: what a portal's user does.
  case manage
  /// Publish events.
  case publish
  /// Look, without secrets.
  case read
}

/// A token without its text, which is not kept.
public struct TokenGrant: Sendable, Equatable {
  /// `tok_` and a KSUID.
  public var id: String
  /// What it is for.
  public var name: String
  /// What its bearer may do.
  public var scopes: Set<TokenScope>
  /// The application that it is good for; `nil` is all.
  public var applicationNumber: UInt32?
  /// When it was made.
  public var createdAt: UnixMilliseconds
  /// When it ends; `nil` for one that is good until it is removed.
  public var expiresAt: UnixMilliseconds?

  /// Whether the bearer may do this there.
  ///
  /// - Parameters:
  ///   - scope: what; `admin` covers the others.
  ///   - application: where; `nil` is what concerns the whole broker.
  public func allows(_ scope: TokenScope, application: UInt32?) -> Bool {
    guard scopes.contains(scope) || scopes.contains(.admin) else { return false }
    return applicationNumber == nil || applicationNumber == application
  }
}
