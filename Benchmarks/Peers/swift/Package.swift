// swift-tools-version: 6.2
import PackageDescription

/// A sender on async-http-client, a peer that Fanfare is measured beside. Apart from Fanfare's own
/// package, so that nobody who builds Fanfare builds this.
let package = Package(
  name: "async-http-client-sender",
  dependencies: [
    .package(url: "https://github.com/swift-server/async-http-client.git", exact: "1.37.0")
  ],
  targets: [
    .executableTarget(
      name: "sender",
      dependencies: [.product(name: "AsyncHTTPClient", package: "async-http-client")])
  ]
)
