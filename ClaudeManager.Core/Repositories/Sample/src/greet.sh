# Prints a greeting.
greet() {
  # TODO: greet the world when no name is given
  printf 'Hello, %s!\n' "$1"
}
