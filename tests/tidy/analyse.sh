#!/usr/bin/env bash
# clang-tidy over the sources of the program (.clang-tidy), two at a time. Files that did not change since the last
# clean run are skipped: a stamp holds their checksum together with that of every header.
set -uo pipefail
cd "$(dirname "$0")/../.."
stamps=build/release/tidy
mkdir -p "$stamps"
headers=$(git ls-files '*.h' '*.clang-tidy' | sort | xargs cat | sha256sum | cut -c1-16)
check_one() {
  local file=$1 stamp
  stamp=$stamps/$(sha256sum "$file" | cut -c1-16)-$headers
  [ -e "$stamp" ] && return 0
  if clang-tidy -p build/release --quiet "$file" 2>/dev/null; then touch "$stamp"; else echo "clang-tidy: $file"; return 1; fi
}
export -f check_one
export stamps headers
git ls-files 'core/*.cc' 'servers/*.cc' 'clients/*.cc' 'bench/*.cc' 'results/*.cc' | xargs -P 2 -I{} bash -c 'check_one {}'
