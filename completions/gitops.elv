
use builtin;
use str;

set edit:completion:arg-completer[gitops] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'gitops'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'gitops'= {
            cand -C 'The GitOps repository: a directory in its checkout'
            cand --repo 'The GitOps repository: a directory in its checkout'
            cand --config 'Use this file instead of `gitops.yaml` at the repository''s root'
            cand -o 'What to print on stdout'
            cand --output 'What to print on stdout'
            cand --color 'When to colour; `NO_COLOR` is honoured'
            cand -q 'Print nothing but results, warnings and errors'
            cand --quiet 'Print nothing but results, warnings and errors'
            cand -v 'Say how and why'
            cand --verbose 'Say how and why'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand completions 'Print the completion script of a shell'
            cand man 'Print a manual page, or write them all'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'gitops;completions'= {
            cand -C 'The GitOps repository: a directory in its checkout'
            cand --repo 'The GitOps repository: a directory in its checkout'
            cand --config 'Use this file instead of `gitops.yaml` at the repository''s root'
            cand -o 'What to print on stdout'
            cand --output 'What to print on stdout'
            cand --color 'When to colour; `NO_COLOR` is honoured'
            cand -q 'Print nothing but results, warnings and errors'
            cand --quiet 'Print nothing but results, warnings and errors'
            cand -v 'Say how and why'
            cand --verbose 'Say how and why'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gitops;man'= {
            cand --dir 'Write every page into this directory'
            cand -C 'The GitOps repository: a directory in its checkout'
            cand --repo 'The GitOps repository: a directory in its checkout'
            cand --config 'Use this file instead of `gitops.yaml` at the repository''s root'
            cand -o 'What to print on stdout'
            cand --output 'What to print on stdout'
            cand --color 'When to colour; `NO_COLOR` is honoured'
            cand -q 'Print nothing but results, warnings and errors'
            cand --quiet 'Print nothing but results, warnings and errors'
            cand -v 'Say how and why'
            cand --verbose 'Say how and why'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gitops;help'= {
            cand completions 'Print the completion script of a shell'
            cand man 'Print a manual page, or write them all'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'gitops;help;completions'= {
        }
        &'gitops;help;man'= {
        }
        &'gitops;help;help'= {
        }
    ]
    $completions[$command]
}
