# Adds up whole numbers, one for each argument.
total() {
  sum=0
  for number in "$@"; do
    # FIXME: refuse what is not a whole number instead of adding up something else
    sum=$((sum + number))
  done
  printf '%s\n' "$sum"
}
