internal import Broker

/// The version of the program, which is the broker's.
let programVersion = fanfareVersion
