using ClaudeManager.Tests.Shared.Processes;
using ClaudeManager.Tests.Shared.Repositories;

namespace ClaudeManager.EndToEnd.Tests;

/// <summary>
/// Holds a server at an exact point of a run, instead of guessing a moment: its agent and its checks wait for a file, and the git it finds on PATH stops before or after one of its commands.
/// The folder is an entry of the server's PATH, so the sandbox shows it, read-only.
/// </summary>
internal sealed class Gate : IDisposable
{
    // "hold" has the side and what the command's arguments contain. But for an orphan, whoever waits for a server that is gone ends: a killed server's git goes no further than it was.
    private const string Git =
        """
        #!/bin/sh
        here=${0%/*}
        pass() { PATH=${PATH#"$here":} git "$@"; }
        stop() { : >"$here/reached"; while [ -e "$here/hold" ] && kill -0 "$PPID"; do sleep 0.05; done 2>/dev/null; kill -0 "$PPID" 2>/dev/null || exit 143; }
        { read -r side && read -r text; } 2>/dev/null <"$here/hold" || { PATH=${PATH#"$here":}; exec git "$@"; }
        case "$*" in
          *"$text"*)
            if [ "$side" = orphan ]; then
              if mkdir "$here/first"; then
                : >"$here/reached"
                until [ -e "$here/second" ] || [ ! -e "$0" ]; do sleep 0.05; done
                pass "$@"; code=$?
                : >"$here/done"
              else
                : >"$here/second"
                until [ -e "$here/done" ] || [ ! -e "$0" ]; do sleep 0.05; done
                pass "$@"; code=$?
              fi 2>/dev/null
              exit "$code"
            fi
            [ "$side" = after ] || stop
            pass "$@"; code=$?
            [ "$side" = before ] || stop
            exit "$code" ;;
        esac
        pass "$@"
        """;

    private readonly TemporaryDirectory _directory = new();

    public Gate()
    {
        var git = _directory.Combine("git");
        File.WriteAllText(git, Git.ReplaceLineEndings("\n") + "\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(git, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        }
    }

    public string Folder => _directory.Path;

    /// <summary>Scripts wait while this file is there.</summary>
    public string Shut => _directory.Combine("shut");

    public void Close() => File.WriteAllText(Shut, "");

    /// <param name="side"><c>before</c> or <c>after</c> the effect; <c>orphan</c>: it lives on without its server and takes effect just before the next one's.</param>
    /// <param name="arguments">Part of the command's arguments.</param>
    public void CloseAtGit(string side, string arguments) => File.WriteAllText(_directory.Combine("hold"), $"{side}\n{arguments}\n");

    public void Open()
    {
        File.Delete(Shut);
        File.Delete(_directory.Combine("hold"));
    }

    /// <summary>git stands at the gate.</summary>
    public Task GitReachedAsync(CancellationToken ct)
        => Eventually.SeeAsync(() => File.Exists(_directory.Combine("reached")), reached => reached, "git stands at the gate", ct);

    public void Dispose() => _directory.Dispose();
}
