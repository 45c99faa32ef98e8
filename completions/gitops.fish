# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_gitops_global_optspecs
    string join \n C/repo= config= o/output= color= q/quiet v/verbose h/help V/version
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

complete -c gitops -n "__fish_gitops_needs_command" -s C -l repo -d 'The GitOps repository: a directory in its checkout' -r -F
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
complete -c gitops -n "__fish_gitops_needs_command" -f -a "completions" -d 'Print the completion script of a shell'
complete -c gitops -n "__fish_gitops_needs_command" -f -a "man" -d 'Print a manual page, or write them all'
complete -c gitops -n "__fish_gitops_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c gitops -n "__fish_gitops_using_subcommand completions" -s C -l repo -d 'The GitOps repository: a directory in its checkout' -r -F
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
complete -c gitops -n "__fish_gitops_using_subcommand man" -s C -l repo -d 'The GitOps repository: a directory in its checkout' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand man" -l config -d 'Use this file instead of `gitops.yaml` at the repository\'s root' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand man" -s o -l output -d 'What to print on stdout' -r -f -a "text\t'For people'
json\t'One JSON document, for programs'"
complete -c gitops -n "__fish_gitops_using_subcommand man" -l color -d 'When to colour; `NO_COLOR` is honoured' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c gitops -n "__fish_gitops_using_subcommand man" -s q -l quiet -d 'Print nothing but results, warnings and errors'
complete -c gitops -n "__fish_gitops_using_subcommand man" -s v -l verbose -d 'Say how and why'
complete -c gitops -n "__fish_gitops_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from completions man help" -f -a "completions" -d 'Print the completion script of a shell'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from completions man help" -f -a "man" -d 'Print a manual page, or write them all'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
