# The agent of the sample repository: no model, no network, just the few tasks of that repository, done for real.
# Reads the prompt on standard input and works in the current directory, as any command agent does.
set -eu

prompt=$(cat)
file=$(printf '%s\n' "$prompt" | sed -n 's/^- File: `\(.*\)`$/\1/p' | head -n 1)

say() {
  printf '%s\n' "$1"
}

# rewrite <file>: replaces the file by what awk makes of it; the program comes on standard input
rewrite() {
  program=$(cat)
  awk "$program" "$1" >"$1.new"
  cat "$1.new" >"$1"
  rm "$1.new"
}

# add_test <function> <line>: puts one more expectation below those the function has
add_test() {
  above="expect '$1 " line=$2 awk '
    index($0, ENVIRON["above"]) == 1 { inside = 1 }
    inside && index($0, ENVIRON["above"]) != 1 { print ENVIRON["line"]; inside = 0 }
    { print }' tests/run.sh >tests/run.sh.new
  cat tests/run.sh.new >tests/run.sh
  rm tests/run.sh.new
}

say "Sample agent: the prompt asks for work in '$file'."
case $file in
  src/greet.sh)
    rewrite "$file" <<'AWK'
/TODO: greet the world/ { next }
{ sub(/"\$1"$/, "\"${1:-world}\""); print }
AWK
    add_test greet "expect 'greet without a name greets the world' 'Hello, world!' \"\$(greet)\""
    say 'greet now greets the world when it gets no name. Added a test for it.'
    ;;
  src/total.sh)
    rewrite "$file" <<'AWK'
/FIXME: refuse what is not a whole number/ {
  print "    case ${number#-} in"
  print "      '' | *[!0-9]*)"
  print "        printf 'total: not a whole number: %s\\n' \"$number\" >&2"
  print "        return 1"
  print "        ;;"
  print "    esac"
  next
}
{ print }
AWK
    add_test total "expect 'total refuses a word' 'refused' \"\$(total 1 two 2>/dev/null || printf refused)\""
    say 'total now refuses what is not a whole number, with a message. Added a test for it.'
    ;;
  src/slug.sh)
    rewrite "$file" <<'AWK'
/TODO: squeeze repeated dashes/ { next }
{ sub(/tr -c '\[:alnum:\]\\n' '-'$/, "tr -cs '[:alnum:]\\n' '-' | sed 's/^-//; s/-$//'"); print }
AWK
    add_test slug "expect 'slug squeezes and trims dashes' 'what-now' \"\$(slug '  What -- now?')\""
    say 'slug now squeezes repeated dashes and drops those at the ends. Added a test for it.'
    ;;
  *)
    say 'This agent only knows the tasks of the sample repository.' >&2
    exit 1
    ;;
esac
