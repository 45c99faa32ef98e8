# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_gitops_global_optspecs
    string join \n C/repo= branch= config= o/output= color= q/quiet v/verbose h/help V/version
end

function __fish_gitops_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_gitops_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_gitops_using_subcommand
    set -l cmd (__fish_gitops_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c gitops -n "__fish_gitops_needs_command" -s C -l repo -d 'The GitOps repository: a directory in its checkout, or the URL of the remote' -r -F
complete -c gitops -n "__fish_gitops_needs_command" -l branch -d 'The branch of a remote repository; its default branch when not given' -r
complete -c gitops -n "__fish_gitops_needs_command" -l config -d 'Use this file instead of `gitops.yaml` at the repository\'s root' -r -F
complete -c gitops -n "__fish_gitops_needs_command" -s o -l output -d 'What to print on stdout; some commands know more than text and json' -r -f -a "text\t'For people'
json\t'One JSON document, for programs'
markdown\t'For a pull request\'s comment'
unified\t'A patch'
github\t'Workflow commands of GitHub Actions'
sarif\t'A SARIF log'
html\t'A page of its own'"
complete -c gitops -n "__fish_gitops_needs_command" -l color -d 'When to colour; `NO_COLOR` is honoured' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c gitops -n "__fish_gitops_needs_command" -s q -l quiet -d 'Print nothing but results, warnings and errors'
complete -c gitops -n "__fish_gitops_needs_command" -s v -l verbose -d 'Say how and why'
complete -c gitops -n "__fish_gitops_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gitops -n "__fish_gitops_needs_command" -s V -l version -d 'Print version'
complete -c gitops -n "__fish_gitops_needs_command" -f -a "bump-tag" -d 'Set the tag of images in the files of environments'
complete -c gitops -n "__fish_gitops_needs_command" -f -a "demo" -d 'Try the main job on a throw-away GitOps repository'
complete -c gitops -n "__fish_gitops_needs_command" -f -a "diff" -d 'Show what will change: images first, then risks, then every object'
complete -c gitops -n "__fish_gitops_needs_command" -f -a "history" -d 'Show every change of a deployed version: when, who, from what to what, and by which commit'
complete -c gitops -n "__fish_gitops_needs_command" -f -a "status" -d 'Show which version of which app is declared in which environment, since when, and what lags'
complete -c gitops -n "__fish_gitops_needs_command" -f -a "validate" -d 'Check every file, gitops.yaml and the policy; exit with 1 where something is wrong'
complete -c gitops -n "__fish_gitops_needs_command" -f -a "completions" -d 'Print the completion script of a shell'
complete -c gitops -n "__fish_gitops_needs_command" -f -a "man" -d 'Print a manual page, or write them all'
complete -c gitops -n "__fish_gitops_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -s e -l env -d 'The environment to change; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l file -d 'Change this file instead of an environment\'s' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l document -d 'The document of the file: its number from 0, or kind=K,name=N' -r
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l set -d 'Set the string at a key path of the file; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l expect -d 'Refuse unless the present value is this' -r
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -s m -l message -d 'The commit message: a template in Jinja\'s language' -r
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l author -d 'Who wrote the change' -r
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l committer -d 'Who commits it' -r
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l source -d 'The repository that was built, for the message; CI systems tell' -r
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l source-revision -d 'The commit that was built, for the message; CI systems tell' -r
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l run-url -d 'The page of the run, for the message; CI systems tell' -r
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l push-option -d 'A word for the server\'s hooks; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l timeout -d 'Give up after this time: 90, 90s or 2m' -r
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l ca-file -d 'Trust the authorities in this file too' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -s C -l repo -d 'The GitOps repository: a directory in its checkout, or the URL of the remote' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l branch -d 'The branch of a remote repository; its default branch when not given' -r
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l config -d 'Use this file instead of `gitops.yaml` at the repository\'s root' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -s o -l output -d 'What to print on stdout; some commands know more than text and json' -r -f -a "text\t'For people'
json\t'One JSON document, for programs'
markdown\t'For a pull request\'s comment'
unified\t'A patch'
github\t'Workflow commands of GitHub Actions'
sarif\t'A SARIF log'
html\t'A page of its own'"
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l color -d 'When to colour; `NO_COLOR` is honoured' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l create -d 'Add the last key of a path that is missing'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l all -d 'Where several places match, change them all'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l shared -d 'Change a value that other keys share through an anchor or a merge key'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l drop-digest -d 'Remove a digest that pins the image, where none is given'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l no-downgrade -d 'Refuse a version older than the present one'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -s n -l dry-run -d 'Print the diff that would be made, and write nothing'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l explain -d 'Say for every candidate why it is meant or not'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l commit -d 'Commit the edited files of the checkout, and nothing else'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l push -d 'Commit, and push the branch to its upstream; what is always done with a URL'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l include-changes -d 'Commit edited files with the other changes they already had'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l no-cache -d 'Keep nothing of a remote repository for the next run'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -s q -l quiet -d 'Print nothing but results, warnings and errors'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -s v -l verbose -d 'Say how and why'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gitops -n "__fish_gitops_using_subcommand demo" -l dir -d 'Make the repository here, in a new directory, and keep it' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand demo" -s C -l repo -d 'The GitOps repository: a directory in its checkout, or the URL of the remote' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand demo" -l branch -d 'The branch of a remote repository; its default branch when not given' -r
complete -c gitops -n "__fish_gitops_using_subcommand demo" -l config -d 'Use this file instead of `gitops.yaml` at the repository\'s root' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand demo" -s o -l output -d 'What to print on stdout; some commands know more than text and json' -r -f -a "text\t'For people'
json\t'One JSON document, for programs'
markdown\t'For a pull request\'s comment'
unified\t'A patch'
github\t'Workflow commands of GitHub Actions'
sarif\t'A SARIF log'
html\t'A page of its own'"
complete -c gitops -n "__fish_gitops_using_subcommand demo" -l color -d 'When to colour; `NO_COLOR` is honoured' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c gitops -n "__fish_gitops_using_subcommand demo" -s q -l quiet -d 'Print nothing but results, warnings and errors'
complete -c gitops -n "__fish_gitops_using_subcommand demo" -s v -l verbose -d 'Say how and why'
complete -c gitops -n "__fish_gitops_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gitops -n "__fish_gitops_using_subcommand diff" -l base -d 'Compare with where this branch left REF, as a pull request shows it' -r
complete -c gitops -n "__fish_gitops_using_subcommand diff" -s e -l env -d 'Compare two environments, or only look at these; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand diff" -l map -d 'Between environments: name:FROM=TO for parts of names, namespace:FROM=TO' -r
complete -c gitops -n "__fish_gitops_using_subcommand diff" -l path -d 'Only files that fit; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand diff" -l kind -d 'Only objects of this kind; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand diff" -l name -d 'Only objects whose name fits; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand diff" -l only -d 'Only what matters in this respect' -r -f -a "images\t'Objects with other images'
deletes\t'What goes'
risks\t'Objects at risk'"
complete -c gitops -n "__fish_gitops_using_subcommand diff" -l ignore-profile -d 'Which built-in ignore rules apply' -r -f -a "off\t'No rule'
git\t'What tools write anew each time: the bookkeeping of SOPS'
live\t'Also what a cluster writes'"
complete -c gitops -n "__fish_gitops_using_subcommand diff" -l max-bytes -d 'The most bytes of a comment (-o markdown)' -r
complete -c gitops -n "__fish_gitops_using_subcommand diff" -l marker -d 'What makes the comment recognisable (-o markdown)' -r
complete -c gitops -n "__fish_gitops_using_subcommand diff" -s C -l repo -d 'The GitOps repository: a directory in its checkout, or the URL of the remote' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand diff" -l branch -d 'The branch of a remote repository; its default branch when not given' -r
complete -c gitops -n "__fish_gitops_using_subcommand diff" -l config -d 'Use this file instead of `gitops.yaml` at the repository\'s root' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand diff" -s o -l output -d 'What to print on stdout; some commands know more than text and json' -r -f -a "text\t'For people'
json\t'One JSON document, for programs'
markdown\t'For a pull request\'s comment'
unified\t'A patch'
github\t'Workflow commands of GitHub Actions'
sarif\t'A SARIF log'
html\t'A page of its own'"
complete -c gitops -n "__fish_gitops_using_subcommand diff" -l color -d 'When to colour; `NO_COLOR` is honoured' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c gitops -n "__fish_gitops_using_subcommand diff" -l raw -d 'Compare the files as they are, without rendering'
complete -c gitops -n "__fish_gitops_using_subcommand diff" -l explain-ignored -d 'Say which differences were ignored, by which rule, and which rule ignored nothing'
complete -c gitops -n "__fish_gitops_using_subcommand diff" -l no-fold -d 'Show a change that many objects share in each of them'
complete -c gitops -n "__fish_gitops_using_subcommand diff" -l exit-code -d 'Exit with 1 where something differs'
complete -c gitops -n "__fish_gitops_using_subcommand diff" -l detailed-exitcode -d 'Exit with 2 where something differs, as Terraform does'
complete -c gitops -n "__fish_gitops_using_subcommand diff" -l git-external -d 'Take the operands of Git\'s external diff: `GIT_EXTERNAL_DIFF=\'gitops diff --git-external\'`'
complete -c gitops -n "__fish_gitops_using_subcommand diff" -s q -l quiet -d 'Print nothing but results, warnings and errors'
complete -c gitops -n "__fish_gitops_using_subcommand diff" -s v -l verbose -d 'Say how and why'
complete -c gitops -n "__fish_gitops_using_subcommand diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gitops -n "__fish_gitops_using_subcommand history" -s e -l env -d 'Only this environment; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand history" -l app -d 'Only this app; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand history" -l since -d 'Only since then: 2026-01-31, 2026-01-31T12:00:00Z, 12h, 30d or 2w' -r
complete -c gitops -n "__fish_gitops_using_subcommand history" -l rev -d 'The newest commit to look at' -r
complete -c gitops -n "__fish_gitops_using_subcommand history" -s n -l limit -d 'At most so many changes' -r
complete -c gitops -n "__fish_gitops_using_subcommand history" -s C -l repo -d 'The GitOps repository: a directory in its checkout, or the URL of the remote' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand history" -l branch -d 'The branch of a remote repository; its default branch when not given' -r
complete -c gitops -n "__fish_gitops_using_subcommand history" -l config -d 'Use this file instead of `gitops.yaml` at the repository\'s root' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand history" -s o -l output -d 'What to print on stdout; some commands know more than text and json' -r -f -a "text\t'For people'
json\t'One JSON document, for programs'
markdown\t'For a pull request\'s comment'
unified\t'A patch'
github\t'Workflow commands of GitHub Actions'
sarif\t'A SARIF log'
html\t'A page of its own'"
complete -c gitops -n "__fish_gitops_using_subcommand history" -l color -d 'When to colour; `NO_COLOR` is honoured' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c gitops -n "__fish_gitops_using_subcommand history" -s q -l quiet -d 'Print nothing but results, warnings and errors'
complete -c gitops -n "__fish_gitops_using_subcommand history" -s v -l verbose -d 'Say how and why'
complete -c gitops -n "__fish_gitops_using_subcommand history" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gitops -n "__fish_gitops_using_subcommand status" -s e -l env -d 'Only this environment; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand status" -l app -d 'Only this app; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand status" -l rev -d 'The commit to look at, instead of the work tree' -r
complete -c gitops -n "__fish_gitops_using_subcommand status" -s C -l repo -d 'The GitOps repository: a directory in its checkout, or the URL of the remote' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand status" -l branch -d 'The branch of a remote repository; its default branch when not given' -r
complete -c gitops -n "__fish_gitops_using_subcommand status" -l config -d 'Use this file instead of `gitops.yaml` at the repository\'s root' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand status" -s o -l output -d 'What to print on stdout; some commands know more than text and json' -r -f -a "text\t'For people'
json\t'One JSON document, for programs'
markdown\t'For a pull request\'s comment'
unified\t'A patch'
github\t'Workflow commands of GitHub Actions'
sarif\t'A SARIF log'
html\t'A page of its own'"
complete -c gitops -n "__fish_gitops_using_subcommand status" -l color -d 'When to colour; `NO_COLOR` is honoured' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c gitops -n "__fish_gitops_using_subcommand status" -l exit-code -d 'Exit with 1 where an environment lags'
complete -c gitops -n "__fish_gitops_using_subcommand status" -s q -l quiet -d 'Print nothing but results, warnings and errors'
complete -c gitops -n "__fish_gitops_using_subcommand status" -s v -l verbose -d 'Say how and why'
complete -c gitops -n "__fish_gitops_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gitops -n "__fish_gitops_using_subcommand validate" -s e -l env -d 'Only the files of this environment; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand validate" -s C -l repo -d 'The GitOps repository: a directory in its checkout, or the URL of the remote' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand validate" -l branch -d 'The branch of a remote repository; its default branch when not given' -r
complete -c gitops -n "__fish_gitops_using_subcommand validate" -l config -d 'Use this file instead of `gitops.yaml` at the repository\'s root' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand validate" -s o -l output -d 'What to print on stdout; some commands know more than text and json' -r -f -a "text\t'For people'
json\t'One JSON document, for programs'
markdown\t'For a pull request\'s comment'
unified\t'A patch'
github\t'Workflow commands of GitHub Actions'
sarif\t'A SARIF log'
html\t'A page of its own'"
complete -c gitops -n "__fish_gitops_using_subcommand validate" -l color -d 'When to colour; `NO_COLOR` is honoured' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c gitops -n "__fish_gitops_using_subcommand validate" -s q -l quiet -d 'Print nothing but results, warnings and errors'
complete -c gitops -n "__fish_gitops_using_subcommand validate" -s v -l verbose -d 'Say how and why'
complete -c gitops -n "__fish_gitops_using_subcommand validate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gitops -n "__fish_gitops_using_subcommand completions" -s C -l repo -d 'The GitOps repository: a directory in its checkout, or the URL of the remote' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand completions" -l branch -d 'The branch of a remote repository; its default branch when not given' -r
complete -c gitops -n "__fish_gitops_using_subcommand completions" -l config -d 'Use this file instead of `gitops.yaml` at the repository\'s root' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand completions" -s o -l output -d 'What to print on stdout; some commands know more than text and json' -r -f -a "text\t'For people'
json\t'One JSON document, for programs'
markdown\t'For a pull request\'s comment'
unified\t'A patch'
github\t'Workflow commands of GitHub Actions'
sarif\t'A SARIF log'
html\t'A page of its own'"
complete -c gitops -n "__fish_gitops_using_subcommand completions" -l color -d 'When to colour; `NO_COLOR` is honoured' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c gitops -n "__fish_gitops_using_subcommand completions" -s q -l quiet -d 'Print nothing but results, warnings and errors'
complete -c gitops -n "__fish_gitops_using_subcommand completions" -s v -l verbose -d 'Say how and why'
complete -c gitops -n "__fish_gitops_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gitops -n "__fish_gitops_using_subcommand man" -l dir -d 'Write every page into this directory' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand man" -s C -l repo -d 'The GitOps repository: a directory in its checkout, or the URL of the remote' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand man" -l branch -d 'The branch of a remote repository; its default branch when not given' -r
complete -c gitops -n "__fish_gitops_using_subcommand man" -l config -d 'Use this file instead of `gitops.yaml` at the repository\'s root' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand man" -s o -l output -d 'What to print on stdout; some commands know more than text and json' -r -f -a "text\t'For people'
json\t'One JSON document, for programs'
markdown\t'For a pull request\'s comment'
unified\t'A patch'
github\t'Workflow commands of GitHub Actions'
sarif\t'A SARIF log'
html\t'A page of its own'"
complete -c gitops -n "__fish_gitops_using_subcommand man" -l color -d 'When to colour; `NO_COLOR` is honoured' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c gitops -n "__fish_gitops_using_subcommand man" -s q -l quiet -d 'Print nothing but results, warnings and errors'
complete -c gitops -n "__fish_gitops_using_subcommand man" -s v -l verbose -d 'Say how and why'
complete -c gitops -n "__fish_gitops_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from bump-tag demo diff history status validate completions man help" -f -a "bump-tag" -d 'Set the tag of images in the files of environments'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from bump-tag demo diff history status validate completions man help" -f -a "demo" -d 'Try the main job on a throw-away GitOps repository'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from bump-tag demo diff history status validate completions man help" -f -a "diff" -d 'Show what will change: images first, then risks, then every object'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from bump-tag demo diff history status validate completions man help" -f -a "history" -d 'Show every change of a deployed version: when, who, from what to what, and by which commit'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from bump-tag demo diff history status validate completions man help" -f -a "status" -d 'Show which version of which app is declared in which environment, since when, and what lags'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from bump-tag demo diff history status validate completions man help" -f -a "validate" -d 'Check every file, gitops.yaml and the policy; exit with 1 where something is wrong'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from bump-tag demo diff history status validate completions man help" -f -a "completions" -d 'Print the completion script of a shell'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from bump-tag demo diff history status validate completions man help" -f -a "man" -d 'Print a manual page, or write them all'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from bump-tag demo diff history status validate completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
