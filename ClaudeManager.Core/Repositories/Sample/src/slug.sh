# Turns a title into a file name: lower case, words joined by dashes.
slug() {
  # TODO: squeeze repeated dashes and drop those at the ends
  printf '%s\n' "$1" | tr '[:upper:]' '[:lower:]' | tr -c '[:alnum:]\n' '-'
}
