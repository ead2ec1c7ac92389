# What the `fetch` scripts in this folder share (sourced). They need no root: packages are downloaded and unpacked, not installed.

# Digest of everything that decides what a server's folder in the cache holds.
stamp_of() {  # NAME
  cat "$servers/fetch.sh" "$servers/$1"/* | cksum | cut -d' ' -f1
}

# Fills DIR with a program of Debian's packages and `run`, which starts it with their own libraries. Without apt the installed one serves.
packaged_program() {  # DIR PROGRAM PACKAGE...
  local target=$1 program=$2; shift 2
  if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
    command -v "$program" >/dev/null || { echo "needs $program, or apt-get to fetch it" >&2; return 1; }
    ln -s "$(command -v "$program")" "$target/run"
    return
  fi
  unpack_packages "$target" "$@"
  cat >"$target/run" <<RUN
#!/usr/bin/env bash
here="\$(cd "\$(dirname "\${BASH_SOURCE[0]}")" && pwd)"
libraries="\$(find "\$here/usr/lib" -maxdepth 2 -name '*.so*' -printf '%h\n' 2>/dev/null | sort -u | paste -sd: -)"
export LD_LIBRARY_PATH="\$libraries\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
exec "\$here/usr/bin/$program" "\$@"
RUN
  chmod +x "$target/run"
}

# The system's package lists may be missing or stale; then new ones are read, for this run only.
unpack_packages() {  # DIR PACKAGE...
  local target=$1 work; shift
  work=$(mktemp -d)
  if ! (cd "$work" && apt-get download -q "$@"); then
    rm -f "$work"/*.deb
    mkdir -p "$work/state/lists/partial" "$work/archives/partial"
    local private=(-o "Dir::State=$work/state" -o "Dir::State::lists=$work/state/lists" -o "Dir::Cache=$work" -o Dir::State::status=/var/lib/dpkg/status -o APT::Sandbox::User=)
    apt-get "${private[@]}" update -q
    (cd "$work" && apt-get "${private[@]}" download -q "$@")
  fi
  for package in "$work"/*.deb; do dpkg -x "$package" "$target"; done
  rm -rf "$work"
}

# Prints the home of a JDK of at least this version.
find_jdk() {  # MAJOR
  local home version
  for home in "${JAVA_HOME:-}" /usr/lib/jvm/*; do
    [[ -x "$home/bin/javac" ]] || continue
    version=$("$home/bin/javac" -version 2>&1 | sed 's/javac \([0-9]*\).*/\1/')
    [[ "$version" -ge "$1" ]] && { echo "$home"; return; }
  done
  echo "needs a JDK of version $1 or newer, in JAVA_HOME or below /usr/lib/jvm" >&2
  return 1
}

# Copies what a pom.xml depends on, from Maven Central.
maven_jars() {  # POM DIR
  command -v mvn >/dev/null || { echo "needs Maven (mvn)" >&2; return 1; }
  mvn -B -q -f "$1" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$2"
}
