using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace ClaudeManager.Architecture.Tests;

/// <summary>What a compiled assembly really uses, method bodies included (reflection shows signatures only).</summary>
internal sealed class CompiledAssembly : IDisposable
{
    private readonly PEReader _file;
    private readonly MetadataReader _metadata;

    public CompiledAssembly(string name)
    {
        _file = new PEReader(File.OpenRead(Path.Combine(AppContext.BaseDirectory, name + ".dll")));
        _metadata = _file.GetMetadataReader();
    }

    public IEnumerable<string> ReferencedAssemblies
        => _metadata.AssemblyReferences.Select(handle => _metadata.GetString(_metadata.GetAssemblyReference(handle).Name));

    /// <summary>Full names of the types used from <paramref name="assembly"/>.</summary>
    public IEnumerable<string> TypesUsedFrom(string assembly)
        => _metadata.TypeReferences.Where(handle => AssemblyOf(handle) == assembly).Select(FullName);

    /// <summary><c>Namespace.Type.Member</c> of every member of another assembly's types that is used.</summary>
    public IEnumerable<string> MembersUsed
        => from handle in _metadata.MemberReferences
           let member = _metadata.GetMemberReference(handle)
           where member.Parent.Kind == HandleKind.TypeReference
           select FullName((TypeReferenceHandle)member.Parent) + "." + _metadata.GetString(member.Name);

    public void Dispose() => _file.Dispose();

    private string? AssemblyOf(TypeReferenceHandle handle)
    {
        var scope = _metadata.GetTypeReference(handle).ResolutionScope;
        return scope.Kind switch
        {
            HandleKind.AssemblyReference => _metadata.GetString(_metadata.GetAssemblyReference((AssemblyReferenceHandle)scope).Name),
            HandleKind.TypeReference => AssemblyOf((TypeReferenceHandle)scope),
            _ => null,
        };
    }

    private string FullName(TypeReferenceHandle handle)
    {
        var type = _metadata.GetTypeReference(handle);
        var name = _metadata.GetString(type.Name);
        return type.ResolutionScope.Kind == HandleKind.TypeReference
            ? FullName((TypeReferenceHandle)type.ResolutionScope) + "." + name
            : _metadata.GetString(type.Namespace) + "." + name;
    }
}
