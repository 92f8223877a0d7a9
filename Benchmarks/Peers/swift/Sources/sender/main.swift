import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

// Posts one request over and over, on every connection as soon as the last was answered, and prints
// how many were answered 204. Set up for speed by the documentation of the library and of SwiftNIO:
// one client for the whole run, connections kept, HTTP/1.1, no decompression, no redirects, and the
// tasks run on the event loops themselves, which halves the CPU of a request on one core.
let arguments = try Arguments(CommandLine.arguments)
NIOSingletons.groupLoopCountSuggestion = arguments.threads
NIOSingletons.unsafeTryInstallSingletonPosixEventLoopGroupAsConcurrencyGlobalExecutor()
var configuration = HTTPClient.Configuration(
  redirectConfiguration: .disallow, decompression: .disabled)
configuration.httpVersion = .http1Only
configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = arguments.connections
if let authority = arguments.authority {
  var tls = TLSConfiguration.makeClientConfiguration()
  tls.trustRoots = .file(authority)
  configuration.tlsConfiguration = tls
}
let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
let sender = Sender(
  client: client, headers: HTTPHeaders(arguments.headers), body: ByteBuffer(bytes: arguments.body),
  deadline: .now() + .seconds(Int64(arguments.seconds)))
print(try await sender.run(arguments))
try await client.shutdown().get()
