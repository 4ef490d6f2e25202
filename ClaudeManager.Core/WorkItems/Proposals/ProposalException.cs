using ClaudeManager.Core.Contracts;
using ClaudeManager.Core.Resilience;

namespace ClaudeManager.Core.WorkItems.Proposals;

/// <summary>An issue cannot be where it belongs until a person has changed something: nothing is lost meanwhile, it is tried again.</summary>
public sealed class ProposalException(ErrorCode code, string message, string fix, Exception? cause = null) : ClaudeManagerException(code, message, fix, cause);
