# Runs every test: sh tests/run.sh
cd "$(dirname "$0")/.." || exit 1
. src/greet.sh
. src/total.sh
. src/slug.sh

failed=0

# expect <what> <wanted> <got>
expect() {
  if [ "$2" = "$3" ]; then
    printf 'ok   %s\n' "$1"
  else
    printf 'FAIL %s: wanted "%s", got "%s"\n' "$1" "$2" "$3"
    failed=$((failed + 1))
  fi
}

expect 'greet names whom it greets' 'Hello, Ada!' "$(greet Ada)"
expect 'total adds up' 6 "$(total 1 2 3)"
expect 'total of nothing is 0' 0 "$(total)"
expect 'slug joins words by dashes' 'a-small-title' "$(slug 'A small title')"

[ "$failed" -eq 0 ]
