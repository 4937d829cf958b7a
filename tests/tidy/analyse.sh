#!/usr/bin/env bash
# clang-tidy over the sources of the program (.clang-tidy), two at a time. Files that did not change since the last
# clean run are skipped: a stamp holds their checksum together with that of every header.
#   tests/tidy/analyse.sh [--paths]    --paths: the long form. Every path through every function too (clang-analyzer-*), parameters
#                                      that need not be copied (14 s a file that includes CLI11), and sources that are built in
#                                      more than one way (with plants) in each of them
set -uo pipefail
cd "$(dirname "$0")/../.."
checks=-clang-analyzer-*,-performance-unnecessary-value-param stamps=build/release/tidy commands=build/release/tidy
case ${1:-} in
  --paths) checks= stamps=$stamps/paths commands=build/release ;;
  "") ;;
  *) echo "analyse.sh: unknown flag $1; there is --paths" >&2; exit 2 ;;
esac
mkdir -p "$stamps"
# As it is shipped: the first of a file's compile commands is its own library's.
python3 - build/release/compile_commands.json build/release/tidy/compile_commands.json <<'END' || exit 2
import json, sys
entries = json.load(open(sys.argv[1]))
json.dump(list({entry["file"]: entry for entry in reversed(entries)}.values()), open(sys.argv[2], "w"))
END
headers=$(git ls-files '*.h' '*.clang-tidy' | sort | xargs cat | sha256sum | cut -c1-16)
check_one() {
  local file=$1 stamp
  stamp=$stamps/$(sha256sum "$file" | cut -c1-16)-$headers
  [ -e "$stamp" ] && return 0
  if clang-tidy -p "$commands" --quiet --checks="$checks" "$file" 2>/dev/null; then touch "$stamp"; else echo "clang-tidy: $file"; return 1; fi
}
export -f check_one
export checks stamps headers commands
git ls-files 'core/*.cc' 'servers/*.cc' 'clients/*.cc' 'bench/*.cc' 'results/*.cc' | xargs -P 2 -I{} bash -c 'check_one {}'
