#!/usr/bin/env bash
# clang-tidy over the sources of the program (.clang-tidy), two at a time. Files that did not change since the last
# clean run are skipped: a stamp holds their checksum together with that of every header.
#   tests/tidy/analyse.sh [--paths]    --paths: every path through every function too (clang-analyzer-*), twice the time
set -uo pipefail
cd "$(dirname "$0")/../.."
checks=-clang-analyzer-* stamps=build/release/tidy
case ${1:-} in
  --paths) checks= stamps=$stamps/paths ;;
  "") ;;
  *) echo "analyse.sh: unknown flag $1; there is --paths" >&2; exit 2 ;;
esac
mkdir -p "$stamps"
headers=$(git ls-files '*.h' '*.clang-tidy' | sort | xargs cat | sha256sum | cut -c1-16)
check_one() {
  local file=$1 stamp
  stamp=$stamps/$(sha256sum "$file" | cut -c1-16)-$headers
  [ -e "$stamp" ] && return 0
  if clang-tidy -p build/release --quiet --checks="$checks" "$file" 2>/dev/null; then touch "$stamp"; else echo "clang-tidy: $file"; return 1; fi
}
export -f check_one
export checks stamps headers
git ls-files 'core/*.cc' 'servers/*.cc' 'clients/*.cc' 'bench/*.cc' 'results/*.cc' | xargs -P 2 -I{} bash -c 'check_one {}'
