using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Text;

namespace ClaudeManager.Core.GitHub.Mirrors;

/// <summary>
/// Hands a token to one git: its credential helper reads it from a named pipe of ours. It stands in no address, argument, environment or file; the pipe holds it only while somebody reads.
/// </summary>
internal sealed partial class CredentialPipe : IAsyncDisposable
{
    private const string Variable = "CLAUDE_MANAGER_CREDENTIALS";

    // Two lines and not to the end: for a moment the next writer may be there before this reader has gone.
    private const string Helper = $$"""!f() { test "$1" = get || exit 0; { read -r u && read -r p; } < "${{Variable}}" && printf '%s\n%s\n' "$u" "$p"; }; f""";

    private readonly string _path;
    private readonly byte[] _answer;
    private readonly Task _feeding;
    private volatile bool _closed;

    /// <param name="path">Where the pipe is made; one left there by a process that was killed is replaced.</param>
    public CredentialPipe(string path, GitHubAddress address, Credentials.GitHubAuthorization authorization)
    {
        _path = path;
        _answer = Encoding.UTF8.GetBytes($"username=x-access-token\npassword={authorization.Token.Reveal()}\n");
        File.Delete(path);
        if (MakePipe(path, 0x180 /* 0600 */) != 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError(), $"The pipe '{path}' cannot be made.");
        }

        // git asks the helper for this one server only, whatever a repository or a redirect says.
        Arguments = ["-c", $"credential.{address.Web.GetLeftPart(UriPartial.Authority)}.helper={Helper}"];
        Environment = new Dictionary<string, string> { [Variable] = path };
        _feeding = Task.Factory.StartNew(Feed, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Of git, before its command.</summary>
    public IReadOnlyList<string> Arguments { get; }

    /// <summary>Says where the pipe is, nothing more.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; }

    public async ValueTask DisposeAsync()
    {
        _closed = true;
        // A reader of ours ends the wait for one.
        await using (new FileStream(_path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0).ConfigureAwait(false))
        {
            await _feeding.ConfigureAwait(false);
        }

        File.Delete(_path);
    }

    private void Feed()
    {
        while (!_closed)
        {
            try
            {
                // Opening waits for a reader.
                using var pipe = new FileStream(_path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
                if (!_closed)
                {
                    pipe.Write(_answer);
                }
            }
            catch (IOException)
            {
                // The reader has gone; the next one is served.
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "mkfifo", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int MakePipe(string path, uint mode);
}
