internal import GRDB

/// Why the catalogue refused a request, or failed.
public enum CatalogError: Error, Sendable, Equatable {
  /// No such application, endpoint or token; with a suggestion where one is near.
  case notFound(String)
  /// A value is not accepted: which field, and what is allowed. Secrets are never repeated.
  case invalid(field: String, String)
  /// A name is taken, or the thing may not be removed.
  case conflict(String)
  /// The database, the key file or the stored bytes are no good; the text is for the operator.
  case failure(String)

  /// The sentence for people.
  public var text: String {
    switch self {
    case .notFound(let text), .conflict(let text), .failure(let text): text
    case .invalid(let field, let text): "\(field): \(text)"
    }
  }

  /// What an error from the database means; SQL and its arguments are left out.
  init(_ error: any Error) {
    switch error {
    case let error as CatalogError: self = error
    case let error as DatabaseError where error.resultCode == .SQLITE_FULL:
      self = .failure("catalogue: the disk is full")
    case let error as DatabaseError:
      self = .failure("catalogue: \(error.message ?? "error \(error.resultCode.rawValue)")")
    default: self = .failure("catalogue: \(error)")
    }
  }
}
