namespace ClaudeManager.Core.Tests.Scanning.Languages;

/// <summary>
/// Sources in which every <c>TODO: yes</c> is inside a comment and every <c>TODO: no</c> is not. One or more per language, chosen for what misleads a scanner.
/// </summary>
internal static class LanguageSamples
{
    private const string Quotes = "\"\"\"";

    public static readonly IReadOnlyList<(string Path, string Source)> All =
    [
        ("a.c", """
            #include <stdio.h> // TODO: yes
            const char *url = "http://x // TODO: no"; /* TODO: yes */
            char q = '"'; // TODO: yes
            char e = '\''; // TODO: yes
            const char *s = "a\" // TODO: no"; // continued \
               TODO: yes
            const char *m = "line one \
               // TODO: no";
            int a = b /c/ d; // TODO: yes
            #error Don't do it
            // TODO: yes
            """),
        ("a.cpp", """
            auto r = R"(// TODO: no " still)"; // TODO: yes
            auto d = R"x(a )" // TODO: no
            )x"; /* TODO: yes */
            auto u = u8R"--(// TODO: no)--";
            int n = 1'000'000; // TODO: yes
            auto c = L'"'; // TODO: yes
            auto h = 0xFF'FFu; const char *t = "// TODO: no";
            """),
        ("a.h", "#pragma once\n/** \\brief x\n *  TODO: yes\n */\nint f(void);\n"),
        ("a.m", "NSString *s = @\"// TODO: no\"; // TODO: yes\n"),
        ("a.cs", $$$"""
            var a = "// TODO: no"; // TODO: yes
            var b = @"C:\"; // TODO: yes
            var c = @"a "" // TODO: no
            // TODO: no";
            var d = $"{x /* TODO: yes */} // TODO: no";
            var e = $"{{ // TODO: no";
            var f = $@"{d["k"]} // TODO: no";
            var g = {{{Quotes}}}
                // TODO: no "quoted"
                {{{Quotes}}}; // TODO: yes
            var h = $${{{Quotes}}}{ // TODO: no {{ y /* TODO: yes */ }} {{{Quotes}}};
            var i = {{{Quotes}}}"four {{{Quotes}}} // TODO: no{{{Quotes}}}"; // TODO: yes
            char q = '"'; char r = '\''; char s = '\u0022'; // TODO: yes
            #region Don't
            /// <summary>TODO: yes</summary>
            var j = $"{(flag ? "// TODO: no" : $"{inner}")}"; // TODO: yes
            """),
        ("a.java", $"""
            char q = '"'; // TODO: yes
            String t = {Quotes}
                // TODO: no \{Quotes} still
                {Quotes}; // TODO: yes
            /** @deprecated TODO: yes */
            String u = "/* TODO: no */";
            """),
        ("a.js", """
            const a = 'it\'s // TODO: no'; // TODO: yes
            const r = /["'`] \/\/ TODO: no/.test(x); // TODO: yes
            const d = a / b / c; // TODO: yes
            const k = [/[/"]/, /'/g]; // TODO: yes
            const t = `a ${b + `nested ${c /* TODO: yes */} // TODO: no`} // TODO: no
              // TODO: no`; // TODO: yes
            function f() { return /"/; } // TODO: yes
            const o = `}${ { a: 1 }.a } // TODO: no`; /* TODO: yes */
            if (x) y = (a + b) / 2; // "TODO: yes
            const e = a++ / 2; // TODO: yes
            const v = x.return / 2; // 'TODO: yes
            """),
        ("a.jsx", """
            const a = <p>Don't // TODO: no {/* TODO: yes */} it's</p>; // TODO: yes
            function App() {
              return (
                <div title="// TODO: no" /* TODO: yes */ onClick={() => { go(); /* TODO: yes */ }}>
                  <>http://x.y // TODO: no</>
                  {list.map(i => <li key={i}>{i} won't</li> /* TODO: yes */)}
                  <br/> <Foo.Bar a='"' {...rest} />
                  {cond ? <a href="x">it's</a> : null // TODO: yes
                  }
                </div>
              ); // TODO: yes
            }
            const lt = a <b && c> d; // TODO: yes
            """),
        ("a.tsx", """
            const f = <T,>(x: T) => x; // TODO: yes
            const g = <T extends object>(x: T) => <p>can't</p>; // TODO: yes
            """),
        ("a.ts", """
            const v = <Foo>bar; // TODO: yes
            let s: Array<string> = ["// TODO: no"]; // TODO: yes
            const re = s.replace(/\\"/g, ''); // TODO: yes
            """),
        ("a.py", $$$"""
            # TODO: yes
            s = "# TODO: no"  # TODO: yes
            t = {{{Quotes}}}
            # TODO: no
            {{{Quotes}}}  # TODO: yes
            def f():
                {{{Quotes}}}Docs.

                TODO: yes
                {{{Quotes}}}
                call(
                    {{{Quotes}}}TODO: no{{{Quotes}}},
                    '''TODO: no''')
                x = f"{d["# TODO: no"]}"  # TODO: yes
                y = f'{{# TODO: no'  # TODO: yes
                r = r"\"; # TODO: no"  # TODO: yes
                b = b'#TODO: no' + rb'''
                TODO: no'''
                return 'it''s'  # TODO: yes
            class C:
                r'''TODO: yes'''
                z = 1 + \
                    '''TODO: no'''
            """),
        ("a.go", """
            r := '"' // TODO: yes
            s := `raw \` // TODO: yes
            t := `
            // TODO: no
            ` /* TODO: yes */
            u := "\"// TODO: no"
            """),
        ("a.rs", """
            fn f<'a>(x: &'a str) -> &'a str { x } // TODO: yes
            let c = '"'; let d = '\''; let e = b'"'; let u = '\u{22}'; // TODO: yes
            let r = r#"a " // TODO: no "#; // TODO: yes
            let q = br##"x "# // TODO: no"##; let n = r"\"; // TODO: yes
            /* outer /* inner */ TODO: yes */
            let s = "multi
              // TODO: no";
            /// TODO: yes
            'outer: loop { break 'outer; } // "TODO: yes
            """),
        ("a.rb", """
            # TODO: yes
            a = "x #{y # TODO: yes
            } # TODO: no"
            b = 'it\'s # TODO: no' # TODO: yes
            c = %w[# TODO: no] # TODO: yes
            d = %q(nested (parens) # TODO: no) # TODO: yes
            e = <<~TEXT + "x" # TODO: yes
              # TODO: no
              TEXT
            f = x =~ /"#'/ # TODO: yes
            g = a / b # TODO: yes
            class << self # TODO: yes
            end
            h = items.split /"/ # TODO: yes
            i = ?" # TODO: yes
            j = <<-'SQL'
              # TODO: no
            SQL
            k = a % b # TODO: yes
            =begin
            TODO: yes
            =end
            puts "a" # TODO: yes
            __END__
            # TODO: no
            """),
        ("a.php", """
            <h1>Don't // TODO: no</h1> <!-- TODO: yes -->
            <?php
            // TODO: yes ?> <p>it's # TODO: no</p> <?php # TODO: yes
            $a = "x // TODO: no"; /* TODO: yes */
            $b = <<<EOT
              // TODO: no
              EOT; // TODO: yes
            $c = <<<'X'
            # TODO: no
            X;
            #[Attribute("TODO: no")]
            $d = 'it\'s # TODO: no'; # TODO: yes
            ?>
            <script>var x = "// TODO: no"; // TODO: yes
            </script>
            """),
        ("a.swift", $$"""
            let a = "\(f("x")) // TODO: no" // TODO: yes
            let b = #"a " \( // TODO: no"# // TODO: yes
            let c = {{Quotes}}
              // TODO: no \(g(/* TODO: yes */)) "
              {{Quotes}} // TODO: yes
            /* a /* b */ TODO: yes */
            """),
        ("a.kt", $$"""
            val a = "${if (x) "}" else "y" /* TODO: yes */} // TODO: no" // TODO: yes
            val b = {{Quotes}}C:\ // TODO: no {{Quotes}} // TODO: yes
            val c = '"' // TODO: yes
            /* a /* b */ TODO: yes */
            """),
        ("a.scala", $"""
            val s = 'sym // TODO: yes
            val c = '"' // TODO: yes
            val t = {Quotes}// TODO: no \{Quotes} // TODO: yes
            """),
        ("a.sql", """
            SELECT 'it''s -- TODO: no', "a--TODO: no" -- TODO: yes
            /* TODO: yes */ FROM t;
            # TODO: yes
            CREATE FUNCTION f() RETURNS int AS $$
            BEGIN
              -- TODO: yes
            END $$;
            SELECT a #- b FROM t; SELECT 'C:\' -- TODO: yes
            """),
        ("a.sh", """
            #!/bin/sh
            # TODO: yes
            echo "# TODO: no" 'it # TODO: no' # TODO: yes
            [ $# -gt 1 ] && echo ${#a} a#b # TODO: yes
            cat <<EOF | tr a b # TODO: yes
            # TODO: no "unbalanced
            EOF
            cat <<-'X' <<Y
            # TODO: no
            	X
            # TODO: no
            Y
            n=$((1 << 2)) # TODO: yes
            cat <<< "here" # TODO: yes
            s="$(echo "it's" # TODO: yes
            ) # TODO: no"
            echo \" # TODO: yes
            echo $'it\'s # TODO: no' # TODO: yes
            x=`true`;# TODO: yes
            """),
        ("a.ps1", "$a = \"`\" # TODO: no\" # TODO: yes\n$b = 'it''s # TODO: no'\n<# TODO: yes #>\n$c = @\"\n# TODO: no \"x\"\n\"@ # TODO: yes\n$d = a#b\n$e = \"$(f \"x\" <# TODO: yes #>) # TODO: no\"\n"),
        ("a.bat", "@echo off\nREM TODO: yes\n:: TODO: yes\necho TODO: no\nrem TODO: yes\n"),
        ("a.html", """
            <!-- TODO: yes -->
            <p title="<!-- TODO: no -->">// TODO: no Don't</p>
            <script>var a = '<!-- TODO: no'; // TODO: yes
              if (a < b) { /* TODO: yes */ }</script>
            <style>a::before { content: "/* TODO: no */" } /* TODO: yes */</style>
            <SCRIPT type="text/x-template">// TODO: no</SCRIPT>
            <!--[if IE]> TODO: yes <![endif]-->
            """),
        ("a.xml", "<a b=\"<!-- TODO: no -->\"><![CDATA[ <!-- TODO: no --> ]]>it's<!-- TODO: yes\n --></a>\n"),
        ("a.csproj", "<Project>\n  <!-- TODO: yes -->\n  <A>// TODO: no</A>\n</Project>\n"),
        ("a.vue", """
            <template><p>it's // TODO: no</p><!-- TODO: yes --></template>
            <script lang="ts">
            const a: Foo = <Foo>b; // TODO: yes
            </script>
            <style lang="scss">
            // TODO: yes
            </style>
            """),
        ("a.svelte", "<script>let a = '// TODO: no'; // TODO: yes\n</script>\n<!-- TODO: yes -->\n<p>// TODO: no</p>\n"),
        ("a.cshtml", """
            @* TODO: yes *@
            <p>@Model.Name // TODO: no</p> <!-- TODO: yes -->
            @{
                var x = "// TODO: no"; // TODO: yes
            }
            @if (x.Any())
            {
                // TODO: yes
                <p>Don't</p>
            }
            <a href="mailto:a@b.c">TODO: no</a>
            @code {
                /* TODO: yes */ string s = $"{a} // TODO: no";
            }
            <p>// TODO: no</p>
            """),
        ("a.css", "a { background: url(\"/* TODO: no */\"); } /* TODO: yes */ // TODO: no\n"),
        ("a.scss", "// TODO: yes\na { b: url(http://x/TODO: no); c: \"// TODO: no\" } /* TODO: yes */\n"),
        ("a.less", "// TODO: yes\n@a: '// TODO: no';\n"),
        ("a.yaml", """
            # TODO: yes
            a: "x # TODO: no" # TODO: yes
            b: don't # TODO: yes
            c: it's#TODO: no
            d: |
              # TODO: no
              text

              # TODO: no
            e: > # TODO: yes
              TODO: no # TODO: no
            f: 'it''s # TODO: no' # TODO: yes
            jobs:
              - run: |
                  echo "# TODO: no"
                  # TODO: yes
                name: x # TODO: yes
              - |
                # TODO: no
              - "a
                # TODO: no"
              - a | b # TODO: yes
            """),
        ("a.toml", $"a = \"# TODO: no\" # TODO: yes\nb = '\\' # TODO: yes\nc = {Quotes}\n# TODO: no\n{Quotes}\nd = '''\n# TODO: no'''\n# TODO: yes\n"),
        ("a.ini", "; TODO: yes\n# TODO: yes\n[s]\na = it's;TODO: no\nb = x ; TODO: yes\n"),
        ("a.properties", "# TODO: yes\n! TODO: yes\na=# TODO: no\n"),
        ("Dockerfile", "# TODO: yes\nFROM a\nRUN echo '# TODO: no' && \\\n  # TODO: yes\n  b # TODO: no\n"),
        ("Dockerfile.dev", "FROM a\n# TODO: yes\n"),
        ("Makefile", "# TODO: yes\na: b # TODO: yes\n\techo \"# TODO: no\" \\# TODO: no\n\ttest $# TODO: no\n"),
        ("a.lua", "-- TODO: yes\ns = \"-- TODO: no\" --[[ TODO: yes\n]] t = [==[ -- TODO: no ]] ]==] --[==[ TODO: yes ]] ]==]\nu = a[b[1]] -- TODO: yes\n"),
        ("a.hs", "-- TODO: yes\nx --> y = z -- TODO: yes\nf' = '\"' -- TODO: yes\ng = foldl' h \"-- TODO: no\" {- a {- b -} TODO: yes -}\nop = a |-- TODO: no\n"),
        ("a.r", "# TODO: yes\nx <- \"# TODO: no\" # TODO: yes\ny <- r\"(a \" # TODO: no)\" # TODO: yes\nz <- 'multi\n# TODO: no'\n"),
        ("a.tf", "# TODO: yes\na = \"${b(\"x\")} # TODO: no\" // TODO: yes\nc = <<-EOT\n  # TODO: no\n  EOT\n/* TODO: yes */\n"),
        ("a.dart", "var a = r'\\'; // TODO: yes\nvar b = '${f('x')} // TODO: no'; // TODO: yes\n/// TODO: yes\n"),
        ("a.ex", $"@moduledoc {Quotes}\nTODO: yes\n{Quotes}\nx = {Quotes}\n# TODO: no\n{Quotes}\ny = \"#{{z}} # TODO: no\" # TODO: yes\nw = ?\" # TODO: yes\n@doc \"TODO: yes\"\n"),
        ("a.clj", "; TODO: yes\n(def s \"; TODO: no\") ; TODO: yes\n(def c \\;) (def q \\\") ; TODO: yes\n"),
        ("a.el", ";; TODO: yes\n(setq a ?\\; b \"x; TODO: no\") ; TODO: yes\n"),
        ("a.pl", """
            # TODO: yes
            my $n = $#array; # TODO: yes
            my $s = q{it's # TODO: no}; # TODO: yes
            $x =~ s/"/'/g; # TODO: yes
            $x =~ m{# TODO: no}; # TODO: yes
            my %h = (s => 1, y => 2); # TODO: yes
            print <<"EOT";
            # TODO: no
            EOT
            if ($a =~ /["#]/) { } # TODO: yes

            =pod

            TODO: yes

            =cut

            __END__
            # TODO: no
            =head1 TODO: yes

            =cut
            # TODO: no
            """),
        ("b.inc", "int a; // TODO: yes\n"),
        ("c.inc", "// TODO: no <?php // TODO: yes\n"),
        ("b.m", "% TODO: yes\nx = a'; y = \"% TODO: no\"; % TODO: yes\n"),
        ("a.zig", "// TODO: yes\nconst s =\n    \\\\// TODO: no\n;\nconst c = '\"'; // TODO: yes\n"),
        ("a.nix", "# TODO: yes\na = ''\n  # TODO: no ${b /* TODO: yes */}\n''; c = \"# TODO: no\"; # TODO: yes\n"),
        ("a.groovy", "def a = 'x // TODO: no' // TODO: yes\ndef b = \"${c /* TODO: yes */} // TODO: no\"\ndef r = /\"/ // TODO: yes\n"),
        ("build.gradle", "// TODO: yes\n"),
        ("CMakeLists.txt", "# TODO: yes\nset(a \"# TODO: no\") #[[ TODO: yes\n]] set(b [=[ # TODO: no ]] ]=]) # TODO: yes\n"),
        ("a.proto", "// TODO: yes\nstring s = 1 [default = \"// TODO: no\"]; /* TODO: yes */\n"),
        ("a.graphql", $"# TODO: yes\n{Quotes}\nTODO: yes\n{Quotes}\ntype A {{ b(c: String = \"# TODO: no\"): Int }}\n"),
        ("a.md", "TODO: no\n<!-- TODO: yes -->\n`<!-- TODO: no -->`\n```html\n<!-- TODO: no -->\n```\nit's ``a ` <!-- TODO: no -->`` <!-- TODO: yes -->\n"),
        ("a.tex", "% TODO: yes\n50\\% TODO: no\nx \\\\% TODO: yes\n\\begin{comment}\nTODO: yes\n\\end{comment}\n\\begin{verbatim}\n% TODO: no\n\\end{verbatim}\n"),
        ("a.jl", $"# TODO: yes\n#= a #= b =# TODO: yes =#\nx' * \"# TODO: no\" # TODO: yes\n{Quotes}\nTODO: yes\n{Quotes}\nf(x) = 1\ny = {Quotes}# TODO: no{Quotes}\n"),
        ("a.fs", $"// TODO: yes\nlet f' = '\"' // TODO: yes\n(* a (* b *) TODO: yes *)\nlet g = (*) // TODO: yes\nlet s = {Quotes}// TODO: no \\{Quotes} // TODO: yes\nlet v = @\"\\\" // TODO: yes\n"),
        ("a.ml", "(* TODO: yes (* x *) *) let a = \"(* TODO: no *)\" let f' = 'x'\n"),
        ("a.vb", "' TODO: yes\nREM TODO: yes\nDim s = \"it's \"\" ' TODO: no\" ' TODO: yes\n"),
        ("a.erl", "% TODO: yes\nC = $%, D = $\", S = \"% TODO: no\", A = 'it\\'s % TODO: no'. % TODO: yes\n"),
        ("a.pas", "{ TODO: yes } (* TODO: yes *) s := 'it''s { TODO: no }'; // TODO: yes\n"),
        ("a.adb", "-- TODO: yes\nS : String := \"-- TODO: no\"; C := X'Length; -- TODO: yes\n"),
        ("a.nim", "# TODO: yes\n#[ TODO: yes #[ x ]# ]# let s = \"# TODO: no\"\n"),
        ("a.d", "/+ a /+ b +/ TODO: yes +/ auto s = `// TODO: no`; // TODO: yes\n"),
        ("a.s", "; TODO: yes\n  mov a, b ; TODO: yes\n  .ascii \"; TODO: no\"\n"),
        ("tsconfig.json", "{ // TODO: yes\n \"a\": \"// TODO: no\" /* TODO: yes */ }\n"),
        (".gitignore", "# TODO: yes\na#TODO: no\n"),
        ("requirements.txt", "a==1 # TODO: yes\nb#TODO: no\n"),
        ("run", "#!/usr/bin/env -S python3.12 -u\n# TODO: yes\n'''x'''\ns = '# TODO: no'\n"),
        ("tool", "#!/bin/bash -e\n# TODO: yes\necho $#\n"),

        // What is not closed does not hide what follows.
        ("open.py", $"x = {Quotes}oops\n# TODO: yes\ny = 'it # TODO: no\n# TODO: yes\n"),
        ("open.js", "const a = `oops\n// TODO: yes\nconst b = \"no end // TODO: no\n// TODO: yes\n"),
        ("open.jsx", "const a = <div>\n// TODO: yes\nconst b = 1;\n"),
        ("open.sh", "cat <<EOF\n# TODO: yes\necho \"open\n# TODO: yes\n"),
        ("open.rs", "let a = r#\"open\n// TODO: yes\n"),
        ("open.cs", $"var a = {Quotes}\n// TODO: yes\nvar c = $\"{{open\n// TODO: yes\nvar b = @\"open\n// TODO: yes\n"),
        ("open.c", "int a; /* TODO: yes\n TODO: yes"),
        ("open.rb", "a = <<~NEVER\n# TODO: yes\nb = %q(\n# TODO: yes\n"),
    ];
}
