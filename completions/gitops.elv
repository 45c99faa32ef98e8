
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
            cand -C 'The GitOps repository: a directory in its checkout, or the URL of the remote'
            cand --repo 'The GitOps repository: a directory in its checkout, or the URL of the remote'
            cand --branch 'The branch of a remote repository; its default branch when not given'
            cand --config 'Use this file instead of `gitops.yaml` at the repository''s root'
            cand -o 'What to print on stdout; some commands know more than text and json'
            cand --output 'What to print on stdout; some commands know more than text and json'
            cand --color 'When to colour; `NO_COLOR` is honoured'
            cand -q 'Print nothing but results, warnings and errors'
            cand --quiet 'Print nothing but results, warnings and errors'
            cand -v 'Say how and why'
            cand --verbose 'Say how and why'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand bump-tag 'Set the tag of images in the files of environments'
            cand demo 'Try the main job on a throw-away GitOps repository'
            cand diff 'Show what will change: images first, then risks, then every object'
            cand history 'Show every change of a deployed version: when, who, from what to what, and by which commit'
            cand status 'Show which version of which app is declared in which environment, since when, and what lags'
            cand validate 'Check every file, gitops.yaml and the policy; exit with 1 where something is wrong'
            cand completions 'Print the completion script of a shell'
            cand man 'Print a manual page, or write them all'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'gitops;bump-tag'= {
            cand -e 'The environment to change; can be given several times'
            cand --env 'The environment to change; can be given several times'
            cand --file 'Change this file instead of an environment''s'
            cand --document 'The document of the file: its number from 0, or kind=K,name=N'
            cand --set 'Set the string at a key path of the file; can be given several times'
            cand --expect 'Refuse unless the present value is this'
            cand -m 'The commit message: a template in Jinja''s language'
            cand --message 'The commit message: a template in Jinja''s language'
            cand --author 'Who wrote the change'
            cand --committer 'Who commits it'
            cand --source 'The repository that was built, for the message; CI systems tell'
            cand --source-revision 'The commit that was built, for the message; CI systems tell'
            cand --run-url 'The page of the run, for the message; CI systems tell'
            cand --push-option 'A word for the server''s hooks; can be given several times'
            cand --timeout 'Give up after this time: 90, 90s or 2m'
            cand --ca-file 'Trust the authorities in this file too'
            cand -C 'The GitOps repository: a directory in its checkout, or the URL of the remote'
            cand --repo 'The GitOps repository: a directory in its checkout, or the URL of the remote'
            cand --branch 'The branch of a remote repository; its default branch when not given'
            cand --config 'Use this file instead of `gitops.yaml` at the repository''s root'
            cand -o 'What to print on stdout; some commands know more than text and json'
            cand --output 'What to print on stdout; some commands know more than text and json'
            cand --color 'When to colour; `NO_COLOR` is honoured'
            cand --create 'Add the last key of a path that is missing'
            cand --all 'Where several places match, change them all'
            cand --shared 'Change a value that other keys share through an anchor or a merge key'
            cand --drop-digest 'Remove a digest that pins the image, where none is given'
            cand --no-downgrade 'Refuse a version older than the present one'
            cand -n 'Print the diff that would be made, and write nothing'
            cand --dry-run 'Print the diff that would be made, and write nothing'
            cand --explain 'Say for every candidate why it is meant or not'
            cand --commit 'Commit the edited files of the checkout, and nothing else'
            cand --push 'Commit, and push the branch to its upstream; what is always done with a URL'
            cand --include-changes 'Commit edited files with the other changes they already had'
            cand --no-cache 'Keep nothing of a remote repository for the next run'
            cand -q 'Print nothing but results, warnings and errors'
            cand --quiet 'Print nothing but results, warnings and errors'
            cand -v 'Say how and why'
            cand --verbose 'Say how and why'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gitops;demo'= {
            cand --dir 'Make the repository here, in a new directory, and keep it'
            cand -C 'The GitOps repository: a directory in its checkout, or the URL of the remote'
            cand --repo 'The GitOps repository: a directory in its checkout, or the URL of the remote'
            cand --branch 'The branch of a remote repository; its default branch when not given'
            cand --config 'Use this file instead of `gitops.yaml` at the repository''s root'
            cand -o 'What to print on stdout; some commands know more than text and json'
            cand --output 'What to print on stdout; some commands know more than text and json'
            cand --color 'When to colour; `NO_COLOR` is honoured'
            cand -q 'Print nothing but results, warnings and errors'
            cand --quiet 'Print nothing but results, warnings and errors'
            cand -v 'Say how and why'
            cand --verbose 'Say how and why'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gitops;diff'= {
            cand --base 'Compare with where this branch left REF, as a pull request shows it'
            cand -e 'Compare two environments, or only look at these; can be given several times'
            cand --env 'Compare two environments, or only look at these; can be given several times'
            cand --map 'Between environments: name:FROM=TO for parts of names, namespace:FROM=TO'
            cand --path 'Only files that fit; can be given several times'
            cand --kind 'Only objects of this kind; can be given several times'
            cand --name 'Only objects whose name fits; can be given several times'
            cand --only 'Only what matters in this respect'
            cand --ignore-profile 'Which built-in ignore rules apply'
            cand --max-bytes 'The most bytes of a comment (-o markdown)'
            cand --marker 'What makes the comment recognisable (-o markdown)'
            cand -C 'The GitOps repository: a directory in its checkout, or the URL of the remote'
            cand --repo 'The GitOps repository: a directory in its checkout, or the URL of the remote'
            cand --branch 'The branch of a remote repository; its default branch when not given'
            cand --config 'Use this file instead of `gitops.yaml` at the repository''s root'
            cand -o 'What to print on stdout; some commands know more than text and json'
            cand --output 'What to print on stdout; some commands know more than text and json'
            cand --color 'When to colour; `NO_COLOR` is honoured'
            cand --raw 'Compare the files as they are, without rendering'
            cand --explain-ignored 'Say which differences were ignored, by which rule, and which rule ignored nothing'
            cand --no-fold 'Show a change that many objects share in each of them'
            cand --exit-code 'Exit with 1 where something differs'
            cand --detailed-exitcode 'Exit with 2 where something differs, as Terraform does'
            cand --git-external 'Take the operands of Git''s external diff: `GIT_EXTERNAL_DIFF=''gitops diff --git-external''`'
            cand -q 'Print nothing but results, warnings and errors'
            cand --quiet 'Print nothing but results, warnings and errors'
            cand -v 'Say how and why'
            cand --verbose 'Say how and why'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gitops;history'= {
            cand -e 'Only this environment; can be given several times'
            cand --env 'Only this environment; can be given several times'
            cand --app 'Only this app; can be given several times'
            cand --since 'Only since then: 2026-01-31, 2026-01-31T12:00:00Z, 12h, 30d or 2w'
            cand --rev 'The newest commit to look at'
            cand -n 'At most so many changes'
            cand --limit 'At most so many changes'
            cand -C 'The GitOps repository: a directory in its checkout, or the URL of the remote'
            cand --repo 'The GitOps repository: a directory in its checkout, or the URL of the remote'
            cand --branch 'The branch of a remote repository; its default branch when not given'
            cand --config 'Use this file instead of `gitops.yaml` at the repository''s root'
            cand -o 'What to print on stdout; some commands know more than text and json'
            cand --output 'What to print on stdout; some commands know more than text and json'
            cand --color 'When to colour; `NO_COLOR` is honoured'
            cand -q 'Print nothing but results, warnings and errors'
            cand --quiet 'Print nothing but results, warnings and errors'
            cand -v 'Say how and why'
            cand --verbose 'Say how and why'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gitops;status'= {
            cand -e 'Only this environment; can be given several times'
            cand --env 'Only this environment; can be given several times'
            cand --app 'Only this app; can be given several times'
            cand --rev 'The commit to look at, instead of the work tree'
            cand -C 'The GitOps repository: a directory in its checkout, or the URL of the remote'
            cand --repo 'The GitOps repository: a directory in its checkout, or the URL of the remote'
            cand --branch 'The branch of a remote repository; its default branch when not given'
            cand --config 'Use this file instead of `gitops.yaml` at the repository''s root'
            cand -o 'What to print on stdout; some commands know more than text and json'
            cand --output 'What to print on stdout; some commands know more than text and json'
            cand --color 'When to colour; `NO_COLOR` is honoured'
            cand --exit-code 'Exit with 1 where an environment lags'
            cand -q 'Print nothing but results, warnings and errors'
            cand --quiet 'Print nothing but results, warnings and errors'
            cand -v 'Say how and why'
            cand --verbose 'Say how and why'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gitops;validate'= {
            cand -e 'Only the files of this environment; can be given several times'
            cand --env 'Only the files of this environment; can be given several times'
            cand -C 'The GitOps repository: a directory in its checkout, or the URL of the remote'
            cand --repo 'The GitOps repository: a directory in its checkout, or the URL of the remote'
            cand --branch 'The branch of a remote repository; its default branch when not given'
            cand --config 'Use this file instead of `gitops.yaml` at the repository''s root'
            cand -o 'What to print on stdout; some commands know more than text and json'
            cand --output 'What to print on stdout; some commands know more than text and json'
            cand --color 'When to colour; `NO_COLOR` is honoured'
            cand -q 'Print nothing but results, warnings and errors'
            cand --quiet 'Print nothing but results, warnings and errors'
            cand -v 'Say how and why'
            cand --verbose 'Say how and why'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gitops;completions'= {
            cand -C 'The GitOps repository: a directory in its checkout, or the URL of the remote'
            cand --repo 'The GitOps repository: a directory in its checkout, or the URL of the remote'
            cand --branch 'The branch of a remote repository; its default branch when not given'
            cand --config 'Use this file instead of `gitops.yaml` at the repository''s root'
            cand -o 'What to print on stdout; some commands know more than text and json'
            cand --output 'What to print on stdout; some commands know more than text and json'
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
            cand -C 'The GitOps repository: a directory in its checkout, or the URL of the remote'
            cand --repo 'The GitOps repository: a directory in its checkout, or the URL of the remote'
            cand --branch 'The branch of a remote repository; its default branch when not given'
            cand --config 'Use this file instead of `gitops.yaml` at the repository''s root'
            cand -o 'What to print on stdout; some commands know more than text and json'
            cand --output 'What to print on stdout; some commands know more than text and json'
            cand --color 'When to colour; `NO_COLOR` is honoured'
            cand -q 'Print nothing but results, warnings and errors'
            cand --quiet 'Print nothing but results, warnings and errors'
            cand -v 'Say how and why'
            cand --verbose 'Say how and why'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'gitops;help'= {
            cand bump-tag 'Set the tag of images in the files of environments'
            cand demo 'Try the main job on a throw-away GitOps repository'
            cand diff 'Show what will change: images first, then risks, then every object'
            cand history 'Show every change of a deployed version: when, who, from what to what, and by which commit'
            cand status 'Show which version of which app is declared in which environment, since when, and what lags'
            cand validate 'Check every file, gitops.yaml and the policy; exit with 1 where something is wrong'
            cand completions 'Print the completion script of a shell'
            cand man 'Print a manual page, or write them all'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'gitops;help;bump-tag'= {
        }
        &'gitops;help;demo'= {
        }
        &'gitops;help;diff'= {
        }
        &'gitops;help;history'= {
        }
        &'gitops;help;status'= {
        }
        &'gitops;help;validate'= {
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
