#!/usr/bin/env bash
# Everything that says whether this tree is good: build, formatting and every test, against real servers and programs.
#
#   eng/test.sh          what CI runs: minutes
#   eng/test.sh --long   the full counts of the long tests: hours. Start it again and it goes on with the projects
#                        that have not passed yet on this very state of the tree.
#
# The last line is "N passed, N failed, N skipped"; the exit code is 0 only if nothing failed and nothing that needs
# PostgreSQL, Redis, a browser or an agent was skipped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

claude_code_version=2.1.330
claude_flow_version=3.43.0
long=false
passed=0 failed=0 skipped=0
failures='' # Said again at the end: in a log that is cut nobody finds them.
scratch=''
redis_pid=''
lanes=() # The processes that run tests.
runner=() # What the servers are started through: PostgreSQL refuses to run as root.

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

finish() {
  local code=$?
  trap - EXIT
  [ ${#lanes[@]} -eq 0 ] || { kill "${lanes[@]}"; wait "${lanes[@]}"; } 2>/dev/null || true
  [ -z "$redis_pid" ] || { kill "$redis_pid" && wait "$redis_pid"; } 2>/dev/null || true
  [ ! -f "$scratch/postgres/data/postmaster.pid" ] || "${runner[@]}" pg_ctl -D "$scratch/postgres/data" -m immediate stop >/dev/null || true
  [ -z "$scratch" ] || rm -rf "$scratch"
  [ "$code" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1 # a build or a server that failed is a failure too
  [ -z "$failures" ] || printf '\nFailed:\n%s' "$failures"
  printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

have() { command -v "$1" >/dev/null 2>&1; }

# Debian keeps the server's programs off PATH.
find_postgres() {
  local dir
  for dir in /usr/lib/postgresql/*/bin; do
    [ ! -x "$dir/initdb" ] || PATH="$dir:$PATH"
  done
  have initdb && have pg_ctl
}

find_chromium() {
  local name
  for name in chromium chromium-browser google-chrome; do
    if have "$name"; then
      chromium=$(command -v "$name")
      return 0
    fi
  done
  return 1
}

install_prerequisites() {
  local packages=() programs=() as_root=() said=''
  have git || { programs+=(git); packages+=(git); }
  find_postgres || { programs+=(PostgreSQL); packages+=(postgresql); }
  { have redis-server && have redis-cli; } || { programs+=(redis-server); packages+=(redis-server); }
  find_chromium || { programs+=(chromium); packages+=(chromium); }
  have rg || { programs+=(ripgrep); packages+=(ripgrep); }
  have bwrap || { programs+=(bubblewrap); packages+=(bubblewrap); }
  { have setsid && have setpriv; } || { programs+=(setsid); packages+=(util-linux); }
  have claude || have npm || { programs+=(npm); packages+=(nodejs npm); }

  # Everything that a person has to see to is said at once.
  have dotnet || said+=$'\n  the .NET 10 SDK: https://dotnet.microsoft.com/download'
  if [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null; then
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    if [ ${#packages[@]} -gt 0 ] && ! have apt-get; then
      said+=$'\n  '"${programs[*]}: with this system's package manager"
    fi
    [ -z "$said" ] || fail "missing:$said"
    if [ ${#packages[@]} -gt 0 ]; then
      say "installing ${packages[*]}"
      "${as_root[@]}" apt-get update -qq
      "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}"
      if ! find_postgres || ! find_chromium; then
        fail "installed ${packages[*]}, but not all of the programs are there."
      fi
    fi
    if ! have claude; then
      say "installing the Claude Code CLI"
      "${as_root[@]}" npm install --global --no-fund --no-audit "@anthropic-ai/claude-code@$claude_code_version"
    fi
  else
    [ ${#packages[@]} -eq 0 ] || said+=$'\n  '"${programs[*]}: on Debian or Ubuntu, sudo apt-get install ${packages[*]}"
    have claude || said+=$'\n  '"the Claude Code CLI: npm install --global @anthropic-ai/claude-code@$claude_code_version"
    [ -z "$said" ] || fail "missing:$said"
  fi
}

# Big, and only the long tests start it: kept beside the build's output, out of everybody's way.
install_claude_flow() {
  local tools=$PWD/artifacts/tools/claude-flow
  # Asked for its version it writes into the working directory; the package says it too.
  if ! grep -qs "\"version\": \"$claude_flow_version\"" "$tools/node_modules/claude-flow/package.json"; then
    have npm || fail "missing: npm, to install claude-flow@$claude_flow_version for the long tests"
    say "installing claude-flow $claude_flow_version"
    npm install --prefix "$tools" --ignore-scripts --no-fund --no-audit "claude-flow@$claude_flow_version"
  fi
  export PATH=$tools/node_modules/.bin:$PATH
}

# Below the range the system takes outgoing ports from; whoever binds it meanwhile costs one more attempt.
free_port() {
  local port
  while port=$((20000 + RANDOM % 12000)); (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  echo "$port"
}

start_postgres() {
  local port password
  password=$(cat "$scratch/postgres/password")
  "${runner[@]}" initdb -D "$scratch/postgres/data" -U claude_manager --pwfile="$scratch/postgres/password" \
    --auth=scram-sha-256 --encoding=UTF8 --locale=C --no-sync >/dev/null || fail "initdb failed"
  for _ in 1 2 3 4 5; do
    port=$(free_port)
    # Durability is off because the data does not outlive this run.
    if "${runner[@]}" pg_ctl -D "$scratch/postgres/data" -l "$scratch/postgres/log" -w -t 60 start >/dev/null \
      -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=300 -c fsync=off -c synchronous_commit=off -c full_page_writes=off"; then
      export CM_TEST_POSTGRES="Host=127.0.0.1;Port=$port;Database=postgres;Username=claude_manager;Password=$password"
      return
    fi
  done
  cat "$scratch/postgres/log"
  fail "PostgreSQL did not start"
}

start_redis() {
  local port
  for _ in 1 2 3 4 5; do
    port=$(free_port)
    "${runner[@]}" redis-server --bind 127.0.0.1 --port "$port" --save '' --appendonly no --dir "$scratch/redis" >"$scratch/redis/log" 2>&1 &
    redis_pid=$!
    for _ in $(seq 100); do
      kill -0 "$redis_pid" 2>/dev/null || break
      if [ "$(redis-cli -h 127.0.0.1 -p "$port" ping 2>/dev/null)" = PONG ]; then
        export CM_TEST_REDIS="127.0.0.1:$port"
        return
      fi
      sleep 0.1
    done
  done
  cat "$scratch/redis/log"
  fail "Redis did not start"
}

start_servers() {
  say "starting PostgreSQL and Redis"
  scratch=$(mktemp -d "${TMPDIR:-/tmp}/claude-manager-test.XXXXXX")
  chmod 711 "$scratch"
  mkdir -m 700 "$scratch/postgres" "$scratch/redis"
  head -c 18 /dev/urandom | base64 | tr '+/' 'ab' >"$scratch/postgres/password"
  if [ "$(id -u)" -eq 0 ]; then
    runner=(setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups --)
    chown -R nobody "$scratch/postgres" "$scratch/redis"
  fi
  start_postgres
  start_redis
}

# The name of every failed test of a report, with the first line of what it said.
failed_tests() {
  tr '\n' ' ' <"$1" | sed 's/<test /\n&/g' | grep -a 'result="Fail"' | sed -E 's/^<test [^>]* name="([^"]*)".*<message>(<!\[CDATA\[)?([^<]{0,500}).*/  \1: \3/; s/^<test [^>]* name="([^"]*)".*/  \1/; s/\]\]>$//'
}

attribute() { sed -n "s/.*<assembly [^>]* $1=\"\([0-9]*\)\".*/\1/p" "$2" | head -n 1; }

# Everything those tests need is here.
needless_skips() { grep -aoiE '<reason>[^<]*(CM_TEST_|postgres|redis|chromium|browser|claude)[^<]*</reason>' "$1" | grep -v '^<reason>Part of the long run'; }

# Runs test projects one after the other, unless a long run on this state of the tree has passed them already. What one says is said when it has ended.
run_lane() {
  local directory=$1 lowered=$2 name child=''
  shift 2
  trap '[ -z "$child" ] || kill "$child" 2>/dev/null || true; exit 143' TERM
  for name in "$@"; do
    [ ! -f "$directory/$name.xml" ] || continue
    nice -n "$lowered" "${with_signals[@]}" "artifacts/bin/$name/debug/$name" --results-directory "$directory" --report-xunit-xml --report-xunit-xml-filename "$name.part" \
      --timeout "$($long && echo 24h || echo 18m)" --no-ansi --progress off >"$directory/$name.log" 2>&1 &
    child=$!
    # A report that is whole and good at once, so that a long run goes on behind it whatever comes.
    wait "$child" && echo 0 >"$directory/$name.code" || echo $? >"$directory/$name.code"
    if [ "$(cat "$directory/$name.code")" = 0 ] && [ -f "$directory/$name.part" ] && ! needless_skips "$directory/$name.part" >/dev/null; then
      mv "$directory/$name.part" "$directory/$name.xml"
    fi
    say "$name"
    cat "$directory/$name.log"
  done
}

# Adds what a project's report says to the sums.
count_project() {
  local name=$1 directory=$2 report=$2/$1.xml code=0 bad reasons
  if [ ! -f "$report" ]; then
    report=$directory/$name.part
    code=$(cat "$directory/$name.code" 2>/dev/null || echo unknown)
    if [ ! -f "$report" ]; then
      echo "$name ended with exit code $code and left no report."
      failed=$((failed + 1))
      failures+="  $name: no report"$'\n'
      return
    fi
  fi

  passed=$((passed + $(attribute passed "$report")))
  skipped=$((skipped + $(attribute skipped "$report")))
  bad=$(($(attribute failed "$report") + $(attribute errors "$report")))
  reasons=$(needless_skips "$report" || true)
  if [ -n "$reasons" ]; then
    printf 'Skipped, though everything it needs is here:\n%s\n' "$reasons"
    bad=$((bad + $(printf '%s\n' "$reasons" | wc -l)))
  fi
  [ "$bad" -gt 0 ] || [ "$code" = 0 ] || bad=1 # e.g. no test ran, or the time ran out
  failed=$((failed + bad))
  [ "$bad" -eq 0 ] || failures+="  $name:"$'\n'"$(failed_tests "$report" || true)"$'\n'
}

for argument in "$@"; do
  case $argument in
    --long) long=true ;;
    *) fail "unknown argument $argument; usage: eng/test.sh [--long]" ;;
  esac
done

install_prerequisites
! $long || install_claude_flow
# A script in the background of a shell, and whatever it starts, ignores SIGINT; the tests send it.
env --default-signal=INT true 2>/dev/null && with_signals=(env --default-signal=INT) || with_signals=(env)
export UseAspire=${UseAspire:-false}
export CM_TEST_CHROMIUM=$chromium
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
# Programs that live for seconds do not earn back what the compiler spends on watching them.
export DOTNET_TieredPGO=0

say "building (a warning is an error)"
dotnet build ClaudeManager.sln --verbosity quiet
say "checking the formatting"
# Style rules are errors of the build; this is the rest.
dotnet format whitespace . --folder --verify-no-changes --exclude artifacts

start_servers
if $long; then
  export CM_TEST_LONG=1
  state=$({ git rev-parse HEAD; git diff HEAD; git ls-files -z --others --exclude-standard | xargs -0r sha256sum; } | sha256sum | cut -c1-16)
  results=artifacts/test-results/long-$state
else
  results=artifacts/test-results/latest
  rm -rf "$results"
fi
mkdir -p "$results"

# Those that start whole programs and wait for them leave the processors to the others. A long run takes one after the other: with its faults, what else the machine does would be one more.
waiting=() others=()
for project in tests/*.Tests; do
  # A project without a single test yet has nothing to say; one whose tests are not found fails.
  if grep -rqE --include='*.cs' '\[(Fact|Theory)' "$project"; then
    case $project in
      *.Chaos.Tests | *.EndToEnd.Tests) waiting+=("$(basename "$project")") ;;
      *) others+=("$(basename "$project")") ;;
    esac
  fi
done

say "running the tests"
rm -f "$results"/*.part "$results"/*.code
if $long; then
  run_lane "$results" 0 "${others[@]}" "${waiting[@]}" &
  lanes=($!)
else
  run_lane "$results" 10 "${others[@]}" &
  lanes=($!)
  run_lane "$results" 0 "${waiting[@]}" &
  lanes+=($!)
fi
wait "${lanes[@]}"
lanes=()

for name in "${others[@]}" "${waiting[@]}"; do
  count_project "$name" "$results"
done

[ "$failed" -eq 0 ]
