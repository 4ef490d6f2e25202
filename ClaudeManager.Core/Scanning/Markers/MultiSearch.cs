using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ClaudeManager.Core.Scanning.Markers;

/// <summary>
/// Finds the next place where any of a few words begins, over raw bytes. The first three bytes of each word are folded into nibble tables (the "Teddy"
/// filter of ripgrep and Hyperscan), so the price per byte does not grow with the number of words; every candidate is then compared in full.
/// </summary>
internal sealed class MultiSearch
{
    private const int MaxPrefix = 3;

    private readonly byte[][] _words;
    private readonly bool[] _firstBytes = new bool[256];
    private readonly Vector128<byte>[] _low = new Vector128<byte>[MaxPrefix];
    private readonly Vector128<byte>[] _high = new Vector128<byte>[MaxPrefix];

    public MultiSearch(byte[][] words)
    {
        _words = words;
        for (var offset = 0; offset < MaxPrefix; offset++)
        {
            var low = new byte[16];
            var high = new byte[16];
            for (var index = 0; index < words.Length; index++)
            {
                var bucket = (byte)(1 << (index % 8));
                if (offset < words[index].Length)
                {
                    low[words[index][offset] & 0xF] |= bucket;
                    high[words[index][offset] >> 4] |= bucket;
                }
                else
                {
                    // A word shorter than the prefix does not care what follows it.
                    for (var nibble = 0; nibble < 16; nibble++)
                    {
                        low[nibble] |= bucket;
                        high[nibble] |= bucket;
                    }
                }
            }

            _low[offset] = Vector128.Create(low);
            _high[offset] = Vector128.Create(high);
        }

        foreach (var word in words)
        {
            _firstBytes[word[0]] = true;
        }
    }

    /// <summary>The first position from <paramref name="start"/> on where a word begins, or -1.</summary>
    public int IndexOf(ReadOnlySpan<byte> text, int start)
    {
        var position = start;
        if (Avx2.IsSupported)
        {
            position = IndexOfVector256(text, position, out var found);
            if (found)
            {
                return position;
            }
        }
        else if (Vector128.IsHardwareAccelerated)
        {
            position = IndexOfVector128(text, position, out var found);
            if (found)
            {
                return position;
            }
        }

        for (; position < text.Length; position++)
        {
            if (_firstBytes[text[position]] && StartsAt(text, position))
            {
                return position;
            }
        }

        return -1;
    }

    private bool StartsAt(ReadOnlySpan<byte> text, int position)
    {
        var rest = text[position..];
        foreach (var word in _words)
        {
            if (rest.StartsWith(word))
            {
                return true;
            }
        }

        return false;
    }

    private int IndexOfVector256(ReadOnlySpan<byte> text, int start, out bool found)
    {
        ref var origin = ref MemoryMarshal.GetReference(text);
        Vector256<byte> low0 = Vector256.Create(_low[0]), low1 = Vector256.Create(_low[1]), low2 = Vector256.Create(_low[2]);
        Vector256<byte> high0 = Vector256.Create(_high[0]), high1 = Vector256.Create(_high[1]), high2 = Vector256.Create(_high[2]);
        var nibble = Vector256.Create((byte)0xF);
        var position = start;
        for (var last = text.Length - Vector256<byte>.Count - (MaxPrefix - 1); position <= last; position += Vector256<byte>.Count)
        {
            var first = Vector256.LoadUnsafe(ref origin, (nuint)position);
            var second = Vector256.LoadUnsafe(ref origin, (nuint)position + 1);
            var third = Vector256.LoadUnsafe(ref origin, (nuint)position + 2);
            var buckets = Avx2.Shuffle(low0, first & nibble) & Avx2.Shuffle(high0, (first.AsUInt16() >> 4).AsByte() & nibble)
                & Avx2.Shuffle(low1, second & nibble) & Avx2.Shuffle(high1, (second.AsUInt16() >> 4).AsByte() & nibble)
                & Avx2.Shuffle(low2, third & nibble) & Avx2.Shuffle(high2, (third.AsUInt16() >> 4).AsByte() & nibble);
            if (buckets == Vector256<byte>.Zero)
            {
                continue;
            }

            for (var bits = ~Vector256.Equals(buckets, Vector256<byte>.Zero).ExtractMostSignificantBits(); bits != 0; bits &= bits - 1)
            {
                var candidate = position + BitOperations.TrailingZeroCount(bits);
                if (StartsAt(text, candidate))
                {
                    found = true;
                    return candidate;
                }
            }
        }

        found = false;
        return position;
    }

    private int IndexOfVector128(ReadOnlySpan<byte> text, int start, out bool found)
    {
        ref var origin = ref MemoryMarshal.GetReference(text);
        var nibble = Vector128.Create((byte)0xF);
        var position = start;
        for (var last = text.Length - Vector128<byte>.Count - (MaxPrefix - 1); position <= last; position += Vector128<byte>.Count)
        {
            var buckets = Vector128<byte>.AllBitsSet;
            for (var offset = 0; offset < MaxPrefix; offset++)
            {
                var bytes = Vector128.LoadUnsafe(ref origin, (nuint)(position + offset));
                buckets &= Vector128.ShuffleNative(_low[offset], bytes & nibble) & Vector128.ShuffleNative(_high[offset], bytes >> 4);
            }

            if (buckets == Vector128<byte>.Zero)
            {
                continue;
            }

            for (var bits = ~Vector128.Equals(buckets, Vector128<byte>.Zero).ExtractMostSignificantBits() & 0xFFFF; bits != 0; bits &= bits - 1)
            {
                var candidate = position + BitOperations.TrailingZeroCount(bits);
                if (StartsAt(text, candidate))
                {
                    found = true;
                    return candidate;
                }
            }
        }

        found = false;
        return position;
    }
}
