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
complete -c gitops -n "__fish_gitops_needs_command" -s o -l output -d 'What to print on stdout' -r -f -a "text\t'For people'
json\t'One JSON document, for programs'"
complete -c gitops -n "__fish_gitops_needs_command" -l color -d 'When to colour; `NO_COLOR` is honoured' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c gitops -n "__fish_gitops_needs_command" -s q -l quiet -d 'Print nothing but results, warnings and errors'
complete -c gitops -n "__fish_gitops_needs_command" -s v -l verbose -d 'Say how and why'
complete -c gitops -n "__fish_gitops_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gitops -n "__fish_gitops_needs_command" -s V -l version -d 'Print version'
complete -c gitops -n "__fish_gitops_needs_command" -f -a "bump-tag" -d 'Set the tag of images in the files of environments'
complete -c gitops -n "__fish_gitops_needs_command" -f -a "demo" -d 'Try the main job on a throw-away GitOps repository'
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
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -s o -l output -d 'What to print on stdout' -r -f -a "text\t'For people'
json\t'One JSON document, for programs'"
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
complete -c gitops -n "__fish_gitops_using_subcommand demo" -s o -l output -d 'What to print on stdout' -r -f -a "text\t'For people'
json\t'One JSON document, for programs'"
complete -c gitops -n "__fish_gitops_using_subcommand demo" -l color -d 'When to colour; `NO_COLOR` is honoured' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c gitops -n "__fish_gitops_using_subcommand demo" -s q -l quiet -d 'Print nothing but results, warnings and errors'
complete -c gitops -n "__fish_gitops_using_subcommand demo" -s v -l verbose -d 'Say how and why'
complete -c gitops -n "__fish_gitops_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gitops -n "__fish_gitops_using_subcommand completions" -s C -l repo -d 'The GitOps repository: a directory in its checkout, or the URL of the remote' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand completions" -l branch -d 'The branch of a remote repository; its default branch when not given' -r
complete -c gitops -n "__fish_gitops_using_subcommand completions" -l config -d 'Use this file instead of `gitops.yaml` at the repository\'s root' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand completions" -s o -l output -d 'What to print on stdout' -r -f -a "text\t'For people'
json\t'One JSON document, for programs'"
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
complete -c gitops -n "__fish_gitops_using_subcommand man" -s o -l output -d 'What to print on stdout' -r -f -a "text\t'For people'
json\t'One JSON document, for programs'"
complete -c gitops -n "__fish_gitops_using_subcommand man" -l color -d 'When to colour; `NO_COLOR` is honoured' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c gitops -n "__fish_gitops_using_subcommand man" -s q -l quiet -d 'Print nothing but results, warnings and errors'
complete -c gitops -n "__fish_gitops_using_subcommand man" -s v -l verbose -d 'Say how and why'
complete -c gitops -n "__fish_gitops_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from bump-tag demo completions man help" -f -a "bump-tag" -d 'Set the tag of images in the files of environments'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from bump-tag demo completions man help" -f -a "demo" -d 'Try the main job on a throw-away GitOps repository'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from bump-tag demo completions man help" -f -a "completions" -d 'Print the completion script of a shell'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from bump-tag demo completions man help" -f -a "man" -d 'Print a manual page, or write them all'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from bump-tag demo completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
