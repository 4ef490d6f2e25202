namespace ClaudeManager.Core.Configuration;

/// <summary>What a finding can be about. The code is a contract: people search for it.</summary>
internal sealed record ConfigurationRule(string Code, FindingSeverity Severity, string Title)
{
    public ConfigurationFinding At(string path, ConfigurationOrigin origin, string message, string fix) => new(Severity, Code, path, origin, message, fix);
}

/// <summary>Every rule there is; the documentation is made from this list and a test breaks each one.</summary>
internal static class ConfigurationRules
{
    public static readonly ConfigurationRule Unreadable = new("CM1001", FindingSeverity.Error, "The file cannot be read");
    public static readonly ConfigurationRule Syntax = new("CM1002", FindingSeverity.Error, "The text is not JSON");
    public static readonly ConfigurationRule DuplicateKey = new("CM1003", FindingSeverity.Error, "A key is written twice");
    public static readonly ConfigurationRule NotOurs = new("CM1004", FindingSeverity.Warning, "./config.json belongs to another program");
    public static readonly ConfigurationRule NoDataDirectory = new("CM1005", FindingSeverity.Error, "Nowhere to keep data");

    public static readonly ConfigurationRule UnknownKey = new("CM1101", FindingSeverity.Error, "Unknown key");
    public static readonly ConfigurationRule WrongType = new("CM1102", FindingSeverity.Error, "Wrong type");
    public static readonly ConfigurationRule OutOfRange = new("CM1103", FindingSeverity.Error, "Number out of range");
    public static readonly ConfigurationRule NotAllowed = new("CM1104", FindingSeverity.Error, "Not one of the allowed values");
    public static readonly ConfigurationRule BadText = new("CM1105", FindingSeverity.Error, "Text of the wrong form or length");
    public static readonly ConfigurationRule BadCount = new("CM1106", FindingSeverity.Error, "Too few or too many entries");
    public static readonly ConfigurationRule Repeated = new("CM1107", FindingSeverity.Error, "The same entry twice");
    public static readonly ConfigurationRule Missing = new("CM1108", FindingSeverity.Error, "A required key is missing");

    public static readonly ConfigurationRule BudgetsNotNested = new("CM1201", FindingSeverity.Error, "A narrower budget is above a wider one");
    public static readonly ConfigurationRule PoolBounds = new("CM1202", FindingSeverity.Error, "Smallest pool above the largest");
    public static readonly ConfigurationRule BadSchedule = new("CM1203", FindingSeverity.Error, "The schedule is not a cron expression, or never fires");
    public static readonly ConfigurationRule BadTimeZone = new("CM1204", FindingSeverity.Error, "Unknown time zone");
    public static readonly ConfigurationRule UndefinedCommand = new("CM1205", FindingSeverity.Error, "The default executor names a command that is not defined");
    public static readonly ConfigurationRule NoHandle = new("CM1206", FindingSeverity.Error, "The mention executor has nobody to mention");
    public static readonly ConfigurationRule StallTooLong = new("CM1207", FindingSeverity.Warning, "A stall is never noticed before the time-out");
    public static readonly ConfigurationRule BadConnection = new("CM1208", FindingSeverity.Error, "The database cannot be addressed");
    public static readonly ConfigurationRule EmptyWindow = new("CM1209", FindingSeverity.Error, "A window in which no run could start");
    public static readonly ConfigurationRule BadRedis = new("CM1210", FindingSeverity.Error, "Redis cannot be addressed");

    public static readonly ConfigurationRule UnknownEnvironment = new("CM1301", FindingSeverity.Error, "Unknown environment name");
    public static readonly ConfigurationRule SqliteInProduction = new("CM1302", FindingSeverity.Error, "SQLite in production");
    public static readonly ConfigurationRule DebugInProduction = new("CM1303", FindingSeverity.Error, "Debug log in production");
    public static readonly ConfigurationRule NoMasterKey = new("CM1304", FindingSeverity.Error, "No master key in production");

    public static readonly ConfigurationRule SecretValue = new("CM1401", FindingSeverity.Security, "A secret in the file");
    public static readonly ConfigurationRule SecretName = new("CM1402", FindingSeverity.Security, "A value under a secret's name in the file");
    public static readonly ConfigurationRule WritableByOthers = new("CM1403", FindingSeverity.Security, "Others can change the file");
    public static readonly ConfigurationRule ReadableByOthers = new("CM1404", FindingSeverity.Suggestion, "Everybody can read the file");
    public static readonly ConfigurationRule PlainHttp = new("CM1405", FindingSeverity.Security, "Unencrypted HTTP to another machine");
    public static readonly ConfigurationRule OpenAddress = new("CM1406", FindingSeverity.Security, "Listening beyond this machine without sign-in");

    public static readonly ConfigurationRule BadVariable = new("CM1501", FindingSeverity.Error, "An environment variable holds a bad value");
    public static readonly ConfigurationRule UnknownToken = new("CM1502", FindingSeverity.Warning, "A token of unknown kind");

    public static readonly ConfigurationRule NoEffectYet = new("CM1901", FindingSeverity.Suggestion, "The key is known but has no effect in this version");

    public static IReadOnlyList<ConfigurationRule> All { get; } =
    [
        Unreadable, Syntax, DuplicateKey, NotOurs, NoDataDirectory,
        UnknownKey, WrongType, OutOfRange, NotAllowed, BadText, BadCount, Repeated, Missing,
        BudgetsNotNested, PoolBounds, BadSchedule, BadTimeZone, UndefinedCommand, NoHandle, StallTooLong, BadConnection, EmptyWindow, BadRedis,
        UnknownEnvironment, SqliteInProduction, DebugInProduction, NoMasterKey,
        SecretValue, SecretName, WritableByOthers, ReadableByOthers, PlainHttp, OpenAddress,
        BadVariable, UnknownToken,
        NoEffectYet,
    ];
}
