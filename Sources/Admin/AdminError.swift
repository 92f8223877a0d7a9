package import Broker
package import Catalog
package import HTTPTypes

/// An answer that says no: status, stable code, sentence.
///
/// The body is `{"code","detail"}`; where a field is to blame, `detail` is a list with its place,
/// as Svix clients expect.
package struct AdminError: Error, Equatable {
  package var status: HTTPResponse.Status
  package var code: String
  package var detail: String
  /// Where the wrong value stands, `["body", "url"]`; empty when no field is to blame.
  package var location: [String]
  package var headers: HTTPFields

  package init(
    status: HTTPResponse.Status, code: String, detail: String, location: [String] = [],
    headers: HTTPFields = [:]
  ) {
    self.status = status
    self.code = code
    self.detail = detail
    self.location = location
    self.headers = headers
  }

  // MARK: What the API itself finds

  package static func badRequest(_ detail: String) -> AdminError {
    AdminError(status: .badRequest, code: "generic_error", detail: detail)
  }

  package static func invalid(
    _ field: String, _ detail: String, in part: String = "body"
  ) -> AdminError {
    AdminError(
      status: .unprocessableContent, code: "validation", detail: detail,
      location: [part] + field.split(separator: ".").map(String.init))
  }

  package static func unauthorized(_ detail: String) -> AdminError {
    AdminError(
      status: .unauthorized, code: "authentication_failed", detail: detail,
      headers: [.wwwAuthenticate: "Bearer"])
  }

  package static func forbidden(_ detail: String) -> AdminError {
    AdminError(status: .forbidden, code: "insufficient access", detail: detail)
  }

  package static func notFound(_ detail: String) -> AdminError {
    AdminError(status: .notFound, code: "not_found", detail: detail)
  }

  /// PUT makes what its path names, and nothing else.
  static func refuse(_ uid: String?, unlike pathName: String?) throws(AdminError) {
    guard let uid, let pathName, uid != pathName else { return }
    throw AdminError(
      status: .conflict, code: "conflict", detail: "uid: not the name in the path")
  }

  package static let payloadTooLarge = AdminError(
    status: .contentTooLarge, code: "payload_too_large",
    detail: "the request is longer than \(AdminServer.requestBytesMax) bytes")

  package static let internalFault = AdminError(
    status: .internalServerError, code: "server_error",
    detail: "a fault of the broker; its log says more")

  // MARK: What the broker and the catalogue say

  package init(_ error: ControlError) {
    switch error {
    case .notFound(let text): self = .notFound(text)
    case .invalid(let field, let text): self = .invalid(field, text)
    case .conflict(let text): self.init(status: .conflict, code: "conflict", detail: text)
    case .forbidden(let text): self = .forbidden(text)
    case .tooLarge(let text):
      self.init(status: .contentTooLarge, code: "payload_too_large", detail: text)
    case .unavailable(let text):
      self.init(
        status: .serviceUnavailable, code: "unavailable", detail: text,
        headers: [.retryAfter: "1"])
    case .spoolFull:
      self.init(
        status: .serviceUnavailable, code: "spool_full", detail: error.text,
        headers: [.retryAfter: "5"])
    case .internalFailure: self = .internalFault
    }
  }

  package init(_ error: CatalogError) {
    switch error {
    case .notFound(let text): self = .notFound(text)
    case .invalid(let field, let text): self = .invalid(field, text)
    case .conflict(let text): self.init(status: .conflict, code: "conflict", detail: text)
    case .failure: self = .internalFault
    }
  }
}
