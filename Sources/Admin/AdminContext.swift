internal import Catalog
internal import Foundation
internal import Hummingbird
internal import NIOCore

/// What is known of a request beside itself.
struct AdminContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  /// Address of the peer, without port; nil for an address family that has none.
  let peer: String?
  /// Who asks; set by ``AuthenticationMiddleware``.
  var grant: TokenGrant?

  init(source: ApplicationRequestContextSource) {
    coreContext = CoreRequestContextStorage(source: source)
    peer = source.channel.remoteAddress?.ipAddress
  }

  var maxUploadSize: Int { AdminServer.requestBytesMax }

  /// A part of the path by its name, percent-decoded.
  func path(_ name: String) throws -> String {
    guard let text = parameters.get(name)?.removingPercentEncoding, !text.isEmpty else {
      throw AdminError.badRequest("the path holds an invalid percent-encoding")
    }
    return text
  }

  /// The application in the path.
  func application() throws -> String { try path("app") }

  /// The endpoint in the path.
  func endpoint() throws -> String { try path("endpoint") }
}
