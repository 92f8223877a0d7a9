// swift-tools-version: 6.3
import PackageDescription

/// One set of settings for every target: strict, and the same for tests as for sources.
let strictness: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableExperimentalFeature("Lifetimes"),
  .treatAllWarnings(as: .error),
]

/// Hot types cross module borders; without this flag their class methods are real calls. Only the
/// data plane is built so: swiftc 6.3.1 crashes on the API's async closures with it.
let speed: [SwiftSetting] = [
  .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release))
]

/// A module of the data plane, and what it may import: downwards only.
func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strictness + speed)
}

/// A module of the control plane.
func controlModule(
  _ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []
) -> Target {
  .target(
    name: name, dependencies: dependencies, resources: resources, swiftSettings: strictness)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, swiftSettings: strictness)
}

let package = Package(
  name: "fanfare-broker",
  products: [.executable(name: "fanfare", targets: ["fanfare"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser.git", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections.git", exact: "1.6.0"),
    .package(url: "https://github.com/apple/swift-log.git", exact: "1.16.2"),
    .package(url: "https://github.com/groue/GRDB.swift.git", exact: "7.10.0"),
    .package(
      url: "https://github.com/hummingbird-project/hummingbird.git", exact: "2.28.1", traits: []),
    .package(url: "https://github.com/jpsim/Yams.git", exact: "6.2.2"),
    .package(
      url: "https://github.com/swift-server/swift-service-lifecycle.git", exact: "2.13.0"),
  ],
  targets: [
    // C headers and macros only; each is imported by one module.
    .systemLibrary(name: "CProcessor"),
    .systemLibrary(name: "CLinux"),
    .systemLibrary(name: "COpenSSL", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CLZ4", providers: [.apt(["liblz4-dev"])]),
    .systemLibrary(name: "CAres", providers: [.apt(["libc-ares-dev"])]),
    // The one hook of Swift's runtime that Swift itself cannot name.
    .target(name: "CExecutor"),

    // The data plane, in the order an event meets it.
    module("Base", ["CProcessor"]),
    module("Flow", ["Base"]),
    // Not named System: SwiftNIO would take it for Apple's, when it happens to be built later.
    module("Platform", ["Base", "CLinux", "CAres", "CExecutor"]),
    module("Wire", ["Base", "Flow"]),
    module("TLS", ["Base", "COpenSSL"]),
    module("Storage", ["Base", "Flow", "Platform", "CLZ4"]),
    module("Routing", ["Base", "Flow"]),
    module("Ingest", ["Base", "Flow", "Platform", "Wire", "Routing"]),
    module("Delivery", ["Base", "Flow", "Platform", "Wire", "TLS"]),

    // Load on a real broker, and what it came to: `fanfare bench`.
    module("Bench", ["Base", "Flow", "Platform", "Wire", "TLS"]),

    // The control plane.
    controlModule(
      "Catalog",
      ["Base", "Flow", "TLS", "Wire", .product(name: "GRDB", package: "GRDB.swift")]),
    module(
      "Broker",
      ["Base", "Flow", "Platform", "Wire", "TLS", "Storage", "Routing", "Ingest", "Delivery",
       "Catalog", .product(name: "DequeModule", package: "swift-collections"),
       .product(name: "Logging", package: "swift-log"),
       .product(name: "Yams", package: "Yams")]),
    controlModule(
      "Admin",
      ["Base", "Flow", "Wire", "TLS", "Catalog", "Broker",
       .product(name: "Hummingbird", package: "hummingbird"),
       .product(name: "HummingbirdTLS", package: "hummingbird"),
       .product(name: "Logging", package: "swift-log")],
      resources: [.embedInCode("openapi.json")]),
    .executableTarget(
      name: "fanfare",
      dependencies: [
        "Base", "Flow", "Wire", "TLS", "Storage", "Broker", "Catalog", "Admin", "Platform", "Bench",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdTLS", package: "hummingbird"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: strictness),

    // The hot path's mechanisms one by one, with an allocator that counts: `Benchmarks/Micro/run`.
    .target(name: "FanfareAllocations", path: "Benchmarks/Micro/Allocations"),
    .executableTarget(
      name: "fanfare-micro",
      dependencies: [
        "Base", "Flow", "Platform", "Wire", "TLS", "Storage", "Routing", "FanfareAllocations",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Benchmarks/Micro", exclude: ["Allocations", "run"],
      swiftSettings: strictness + speed),

    // One file a type; the simulated world; and the real binary against real clients and servers.
    tests("BaseTests", ["Base"]),
    tests("FlowTests", ["Base", "Flow"]),
    tests("PlatformTests", ["Base", "Platform"]),
    tests("WireTests", ["Base", "Flow", "Wire"]),
    tests("TLSTests", ["TLS", "COpenSSL"]),
    tests("StorageTests", ["Simulation", "Base", "Flow", "Platform", "Storage"]),
    tests("RoutingTests", ["Base", "Flow", "Routing"]),
    tests("IngestTests", ["Base", "Flow", "Platform", "Wire", "Routing", "Ingest"]),
    tests("DeliveryTests", ["Base", "Flow", "Platform", "Wire", "TLS", "Delivery"]),
    tests("BenchTests", ["Base", "Platform", "TLS", "Bench"]),
    tests("CatalogTests", ["Base", "Flow", "TLS", "Wire", "Catalog"]),
    tests("BrokerTests", ["Base", "Flow", "Storage", "Routing", "Delivery", "Catalog", "Broker"]),
    tests(
      "AdminTests",
      ["Base", "Flow", "Wire", "TLS", "Catalog", "Broker", "Admin",
       .product(name: "Logging", package: "swift-log")]),
    .target(
      name: "Simulation", dependencies: ["Base", "Flow", "Platform"], path: "Tests/Simulation",
      swiftSettings: strictness),
    tests(
      "SimulationTests",
      ["Simulation", "Base", "Flow", "Platform", "Wire", "Routing", "Storage", "Ingest",
       "Delivery"]),
    tests("EndToEndTests", []),
  ]
)
