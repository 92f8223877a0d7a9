# Shared by Ops/start and Ops/test: what this machine needs before anything can be built.
# Source it; it defines functions and does nothing by itself.

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
complain() { printf '%s\n' "$*" >&2; }

# Stops unless Swift 6.3 or newer is on the path.
need_swift() {
  local version
  version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
  if [ -z "$version" ]; then
    complain "Swift is not installed. Get 6.3 or newer for Debian 12: https://www.swift.org/install/linux/"
    exit 1
  fi
  if [ "$(printf '%s\n6.3\n' "$version" | sort -V | head -n 1)" != "6.3" ]; then
    complain "Swift $version is too old: 6.3 or newer is needed. https://www.swift.org/install/linux/"
    exit 1
  fi
}

# Installs those of the named Debian packages that are missing; without root, says how and stops.
need_packages() {
  local missing=() name
  for name in "$@"; do
    dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return
  if [ "$(id -u)" != 0 ]; then
    complain "Packages are missing. As root, run this, then $0 again:"
    complain "  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
    exit 1
  fi
  say "Installing with apt-get: ${missing[*]}"
  apt-get update -q
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
}

# What the build links against, and git for the packages it fetches.
build_packages=(ca-certificates git libssl-dev liblz4-dev libc-ares-dev libsqlite3-dev zlib1g-dev)
