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

complete -c gitops -n "__fish_gitops_needs_command" -s C -l repo -d 'The GitOps repository: a directory in its checkout, or, for commands that edit or apply, the URL of the remote' -r -F
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
complete -c gitops -n "__fish_gitops_needs_command" -f -a "open-pr" -d 'Push a branch and open, or update, its pull request'
complete -c gitops -n "__fish_gitops_needs_command" -f -a "promote" -d 'Give an environment the versions that another one has'
complete -c gitops -n "__fish_gitops_needs_command" -f -a "rollback" -d 'Give an environment the versions it had before'
complete -c gitops -n "__fish_gitops_needs_command" -f -a "restart" -d 'Roll the pods of an app whose Secret or `ConfigMap` changed'
complete -c gitops -n "__fish_gitops_needs_command" -f -a "apply" -d 'Converge an environment to what Git declares'
complete -c gitops -n "__fish_gitops_needs_command" -f -a "digest-dir" -d 'Print a digest of a directory that is the same on every machine'
complete -c gitops -n "__fish_gitops_needs_command" -f -a "demo" -d 'Try the main job on a throw-away GitOps repository'
complete -c gitops -n "__fish_gitops_needs_command" -f -a "diff" -d 'Show what will change: images first, then risks, then every object'
complete -c gitops -n "__fish_gitops_needs_command" -f -a "history" -d 'Show every change of a deployed version: when, who, from what to what, and by which commit'
complete -c gitops -n "__fish_gitops_needs_command" -f -a "status" -d 'Show which version of which app is declared in which environment, since when, and what lags'
complete -c gitops -n "__fish_gitops_needs_command" -f -a "validate" -d 'Check every file, gitops.yaml and the policy; exit with 1 where something is wrong'
complete -c gitops -n "__fish_gitops_needs_command" -f -a "notify" -d 'Say in chat what happened to an environment'
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
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l output-env -d 'Append the outputs to this dotenv file, for later jobs: `changed`, `commit`, `url`, …' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l base -d 'The branch to merge into; the repository\'s default branch when not given' -r
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l head -d 'The branch with the change; gitops/ENV/APP when not given' -r
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l title -d 'The title: a template in Jinja\'s language' -r
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l body -d 'The body: a template in Jinja\'s language' -r
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l label -d 'A label, made when missing; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l reviewer -d 'Who is asked to review it: a name, or ORG/TEAM; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l assignee -d 'Who it is assigned to; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l merge-method -d 'What a merge makes of the commits' -r -f -a "squash\t'One commit'
merge\t'A merge commit'
rebase\t'The same commits on the new base'"
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l forge -d 'The forge, where its host does not tell' -r -f -a "github\t''
gitlab\t''
gitea\t''
forgejo\t''
bitbucket\t''
bitbucket-dc\t''
azure\t''
gerrit\t''"
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l api-url -d 'The base of the forge\'s API, where it is in no usual place' -r
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l forge-host -d 'The forge\'s host, where the remote\'s URL has another name for it' -r
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l remote -d 'The remote of the checkout' -r
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -s C -l repo -d 'The GitOps repository: a directory in its checkout, or, for commands that edit or apply, the URL of the remote' -r -F
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
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l explain -d 'Say for every candidate why it is meant or not'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -s n -l dry-run -d 'Print what would be done, and do nothing'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l pr -d 'Make the change on a branch of its own and open, or update, its pull request'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l commit -d 'Commit the edited files of the checkout, and nothing else'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l push -d 'Commit, and push the branch to its upstream; what is always done with a URL'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l include-changes -d 'Commit edited files with the other changes they already had'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l notify -d 'Say so in the channels that gitops.yaml names, once it is pushed'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l no-cache -d 'Keep nothing of a remote repository for the next run'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l draft -d 'Make it a draft'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l ready -d 'Mark a draft as ready for review'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l auto-merge -d 'Let it merge itself when its checks and reviews are there; never merges at once'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l merge-now -d 'With --auto-merge: merge at once where there is nothing to wait for'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l delete-branch -d 'Delete the branch after the merge'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l supersede -d 'Close older pull requests of the same app and environment'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l overwrite -d 'Replace other people\'s commits on the branch'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -l no-probe -d 'Ask no unknown host which forge it runs'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -s q -l quiet -d 'Print nothing but results, warnings and errors'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -s v -l verbose -d 'Say how and why'
complete -c gitops -n "__fish_gitops_using_subcommand bump-tag" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l base -d 'The branch to merge into; the repository\'s default branch when not given' -r
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l title -d 'The title: a template in Jinja\'s language' -r
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l body -d 'The body: a template in Jinja\'s language' -r
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l label -d 'A label, made when missing; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l reviewer -d 'Who is asked to review it: a name, or ORG/TEAM; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l assignee -d 'Who it is assigned to; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l merge-method -d 'What a merge makes of the commits' -r -f -a "squash\t'One commit'
merge\t'A merge commit'
rebase\t'The same commits on the new base'"
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l forge -d 'The forge, where its host does not tell' -r -f -a "github\t''
gitlab\t''
gitea\t''
forgejo\t''
bitbucket\t''
bitbucket-dc\t''
azure\t''
gerrit\t''"
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l api-url -d 'The base of the forge\'s API, where it is in no usual place' -r
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l forge-host -d 'The forge\'s host, where the remote\'s URL has another name for it' -r
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l remote -d 'The remote of the checkout' -r
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l source -d 'The repository that was built, for the message; CI systems tell' -r
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l source-revision -d 'The commit that was built, for the message; CI systems tell' -r
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l run-url -d 'The page of the run, for the message; CI systems tell' -r
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l push-option -d 'A word for the server\'s hooks; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l timeout -d 'Give up after this time: 90, 90s or 2m' -r
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l ca-file -d 'Trust the authorities in this file too' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l output-env -d 'Append the outputs to this dotenv file, for later jobs: `changed`, `commit`, `url`, …' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -s m -l message -d 'The commit message: a template in Jinja\'s language' -r
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l author -d 'Who wrote the change' -r
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l committer -d 'Who commits it' -r
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l head -d 'The branch, which has the change already [default: the one that is checked out]' -r
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -s C -l repo -d 'The GitOps repository: a directory in its checkout, or, for commands that edit or apply, the URL of the remote' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l branch -d 'The branch of a remote repository; its default branch when not given' -r
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l config -d 'Use this file instead of `gitops.yaml` at the repository\'s root' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -s o -l output -d 'What to print on stdout; some commands know more than text and json' -r -f -a "text\t'For people'
json\t'One JSON document, for programs'
markdown\t'For a pull request\'s comment'
unified\t'A patch'
github\t'Workflow commands of GitHub Actions'
sarif\t'A SARIF log'
html\t'A page of its own'"
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l color -d 'When to colour; `NO_COLOR` is honoured' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -s n -l dry-run -d 'Print branch, title, body and requests, and send nothing that writes'
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l draft -d 'Make it a draft'
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l ready -d 'Mark a draft as ready for review'
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l auto-merge -d 'Let it merge itself when its checks and reviews are there; never merges at once'
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l merge-now -d 'With --auto-merge: merge at once where there is nothing to wait for'
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l delete-branch -d 'Delete the branch after the merge'
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l supersede -d 'Close older pull requests of the same app and environment'
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l overwrite -d 'Replace other people\'s commits on the branch'
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l no-probe -d 'Ask no unknown host which forge it runs'
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l notify -d 'Say so in the channels that gitops.yaml names, once it is pushed'
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l no-cache -d 'Keep nothing of a remote repository for the next run'
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l commit -d 'Commit the edited files of the checkout, and nothing else'
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l push -d 'Commit, and push the branch to its upstream; what is always done with a URL'
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -l include-changes -d 'Commit edited files with the other changes they already had'
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -s q -l quiet -d 'Print nothing but results, warnings and errors'
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -s v -l verbose -d 'Say how and why'
complete -c gitops -n "__fish_gitops_using_subcommand open-pr" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l from -d 'The environment with the versions' -r
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l to -d 'The environment to change' -r
complete -c gitops -n "__fish_gitops_using_subcommand promote" -s m -l message -d 'The commit message: a template in Jinja\'s language' -r
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l author -d 'Who wrote the change' -r
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l committer -d 'Who commits it' -r
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l source -d 'The repository that was built, for the message; CI systems tell' -r
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l source-revision -d 'The commit that was built, for the message; CI systems tell' -r
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l run-url -d 'The page of the run, for the message; CI systems tell' -r
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l push-option -d 'A word for the server\'s hooks; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l timeout -d 'Give up after this time: 90, 90s or 2m' -r
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l ca-file -d 'Trust the authorities in this file too' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l output-env -d 'Append the outputs to this dotenv file, for later jobs: `changed`, `commit`, `url`, …' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l base -d 'The branch to merge into; the repository\'s default branch when not given' -r
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l head -d 'The branch with the change; gitops/ENV/APP when not given' -r
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l title -d 'The title: a template in Jinja\'s language' -r
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l body -d 'The body: a template in Jinja\'s language' -r
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l label -d 'A label, made when missing; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l reviewer -d 'Who is asked to review it: a name, or ORG/TEAM; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l assignee -d 'Who it is assigned to; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l merge-method -d 'What a merge makes of the commits' -r -f -a "squash\t'One commit'
merge\t'A merge commit'
rebase\t'The same commits on the new base'"
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l forge -d 'The forge, where its host does not tell' -r -f -a "github\t''
gitlab\t''
gitea\t''
forgejo\t''
bitbucket\t''
bitbucket-dc\t''
azure\t''
gerrit\t''"
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l api-url -d 'The base of the forge\'s API, where it is in no usual place' -r
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l forge-host -d 'The forge\'s host, where the remote\'s URL has another name for it' -r
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l remote -d 'The remote of the checkout' -r
complete -c gitops -n "__fish_gitops_using_subcommand promote" -s C -l repo -d 'The GitOps repository: a directory in its checkout, or, for commands that edit or apply, the URL of the remote' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l branch -d 'The branch of a remote repository; its default branch when not given' -r
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l config -d 'Use this file instead of `gitops.yaml` at the repository\'s root' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand promote" -s o -l output -d 'What to print on stdout; some commands know more than text and json' -r -f -a "text\t'For people'
json\t'One JSON document, for programs'
markdown\t'For a pull request\'s comment'
unified\t'A patch'
github\t'Workflow commands of GitHub Actions'
sarif\t'A SARIF log'
html\t'A page of its own'"
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l color -d 'When to colour; `NO_COLOR` is honoured' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l drop-digest -d 'Remove a digest that pins the image, where the first environment has none'
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l no-downgrade -d 'Refuse a version older than the present one'
complete -c gitops -n "__fish_gitops_using_subcommand promote" -s n -l dry-run -d 'Print what would be done, and do nothing'
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l pr -d 'Make the change on a branch of its own and open, or update, its pull request'
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l commit -d 'Commit the edited files of the checkout, and nothing else'
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l push -d 'Commit, and push the branch to its upstream; what is always done with a URL'
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l include-changes -d 'Commit edited files with the other changes they already had'
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l notify -d 'Say so in the channels that gitops.yaml names, once it is pushed'
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l no-cache -d 'Keep nothing of a remote repository for the next run'
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l draft -d 'Make it a draft'
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l ready -d 'Mark a draft as ready for review'
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l auto-merge -d 'Let it merge itself when its checks and reviews are there; never merges at once'
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l merge-now -d 'With --auto-merge: merge at once where there is nothing to wait for'
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l delete-branch -d 'Delete the branch after the merge'
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l supersede -d 'Close older pull requests of the same app and environment'
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l overwrite -d 'Replace other people\'s commits on the branch'
complete -c gitops -n "__fish_gitops_using_subcommand promote" -l no-probe -d 'Ask no unknown host which forge it runs'
complete -c gitops -n "__fish_gitops_using_subcommand promote" -s q -l quiet -d 'Print nothing but results, warnings and errors'
complete -c gitops -n "__fish_gitops_using_subcommand promote" -s v -l verbose -d 'Say how and why'
complete -c gitops -n "__fish_gitops_using_subcommand promote" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -s e -l env -d 'The environment' -r
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l app -d 'Only this app; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l to -d 'The versions as of this commit: an id, in a checkout also a tag or branch, HEAD~2 and the like' -r
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l steps -d 'How many changes back' -r
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -s m -l message -d 'The commit message: a template in Jinja\'s language' -r
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l author -d 'Who wrote the change' -r
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l committer -d 'Who commits it' -r
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l source -d 'The repository that was built, for the message; CI systems tell' -r
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l source-revision -d 'The commit that was built, for the message; CI systems tell' -r
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l run-url -d 'The page of the run, for the message; CI systems tell' -r
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l push-option -d 'A word for the server\'s hooks; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l timeout -d 'Give up after this time: 90, 90s or 2m' -r
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l ca-file -d 'Trust the authorities in this file too' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l output-env -d 'Append the outputs to this dotenv file, for later jobs: `changed`, `commit`, `url`, …' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l base -d 'The branch to merge into; the repository\'s default branch when not given' -r
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l head -d 'The branch with the change; gitops/ENV/APP when not given' -r
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l title -d 'The title: a template in Jinja\'s language' -r
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l body -d 'The body: a template in Jinja\'s language' -r
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l label -d 'A label, made when missing; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l reviewer -d 'Who is asked to review it: a name, or ORG/TEAM; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l assignee -d 'Who it is assigned to; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l merge-method -d 'What a merge makes of the commits' -r -f -a "squash\t'One commit'
merge\t'A merge commit'
rebase\t'The same commits on the new base'"
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l forge -d 'The forge, where its host does not tell' -r -f -a "github\t''
gitlab\t''
gitea\t''
forgejo\t''
bitbucket\t''
bitbucket-dc\t''
azure\t''
gerrit\t''"
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l api-url -d 'The base of the forge\'s API, where it is in no usual place' -r
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l forge-host -d 'The forge\'s host, where the remote\'s URL has another name for it' -r
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l remote -d 'The remote of the checkout' -r
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -s C -l repo -d 'The GitOps repository: a directory in its checkout, or, for commands that edit or apply, the URL of the remote' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l branch -d 'The branch of a remote repository; its default branch when not given' -r
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l config -d 'Use this file instead of `gitops.yaml` at the repository\'s root' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -s o -l output -d 'What to print on stdout; some commands know more than text and json' -r -f -a "text\t'For people'
json\t'One JSON document, for programs'
markdown\t'For a pull request\'s comment'
unified\t'A patch'
github\t'Workflow commands of GitHub Actions'
sarif\t'A SARIF log'
html\t'A page of its own'"
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l color -d 'When to colour; `NO_COLOR` is honoured' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -s n -l dry-run -d 'Print what would be done, and do nothing'
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l pr -d 'Make the change on a branch of its own and open, or update, its pull request'
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l commit -d 'Commit the edited files of the checkout, and nothing else'
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l push -d 'Commit, and push the branch to its upstream; what is always done with a URL'
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l include-changes -d 'Commit edited files with the other changes they already had'
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l notify -d 'Say so in the channels that gitops.yaml names, once it is pushed'
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l no-cache -d 'Keep nothing of a remote repository for the next run'
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l draft -d 'Make it a draft'
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l ready -d 'Mark a draft as ready for review'
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l auto-merge -d 'Let it merge itself when its checks and reviews are there; never merges at once'
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l merge-now -d 'With --auto-merge: merge at once where there is nothing to wait for'
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l delete-branch -d 'Delete the branch after the merge'
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l supersede -d 'Close older pull requests of the same app and environment'
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l overwrite -d 'Replace other people\'s commits on the branch'
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -l no-probe -d 'Ask no unknown host which forge it runs'
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -s q -l quiet -d 'Print nothing but results, warnings and errors'
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -s v -l verbose -d 'Say how and why'
complete -c gitops -n "__fish_gitops_using_subcommand rollback" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gitops -n "__fish_gitops_using_subcommand restart" -s e -l env -d 'Where it runs' -r
complete -c gitops -n "__fish_gitops_using_subcommand restart" -s m -l message -d 'The commit message: a template in Jinja\'s language' -r
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l author -d 'Who wrote the change' -r
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l committer -d 'Who commits it' -r
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l source -d 'The repository that was built, for the message; CI systems tell' -r
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l source-revision -d 'The commit that was built, for the message; CI systems tell' -r
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l run-url -d 'The page of the run, for the message; CI systems tell' -r
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l push-option -d 'A word for the server\'s hooks; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l timeout -d 'Give up after this time: 90, 90s or 2m' -r
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l ca-file -d 'Trust the authorities in this file too' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l output-env -d 'Append the outputs to this dotenv file, for later jobs: `changed`, `commit`, `url`, …' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l base -d 'The branch to merge into; the repository\'s default branch when not given' -r
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l head -d 'The branch with the change; gitops/ENV/APP when not given' -r
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l title -d 'The title: a template in Jinja\'s language' -r
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l body -d 'The body: a template in Jinja\'s language' -r
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l label -d 'A label, made when missing; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l reviewer -d 'Who is asked to review it: a name, or ORG/TEAM; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l assignee -d 'Who it is assigned to; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l merge-method -d 'What a merge makes of the commits' -r -f -a "squash\t'One commit'
merge\t'A merge commit'
rebase\t'The same commits on the new base'"
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l forge -d 'The forge, where its host does not tell' -r -f -a "github\t''
gitlab\t''
gitea\t''
forgejo\t''
bitbucket\t''
bitbucket-dc\t''
azure\t''
gerrit\t''"
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l api-url -d 'The base of the forge\'s API, where it is in no usual place' -r
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l forge-host -d 'The forge\'s host, where the remote\'s URL has another name for it' -r
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l remote -d 'The remote of the checkout' -r
complete -c gitops -n "__fish_gitops_using_subcommand restart" -s C -l repo -d 'The GitOps repository: a directory in its checkout, or, for commands that edit or apply, the URL of the remote' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l branch -d 'The branch of a remote repository; its default branch when not given' -r
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l config -d 'Use this file instead of `gitops.yaml` at the repository\'s root' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand restart" -s o -l output -d 'What to print on stdout; some commands know more than text and json' -r -f -a "text\t'For people'
json\t'One JSON document, for programs'
markdown\t'For a pull request\'s comment'
unified\t'A patch'
github\t'Workflow commands of GitHub Actions'
sarif\t'A SARIF log'
html\t'A page of its own'"
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l color -d 'When to colour; `NO_COLOR` is honoured' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l all -d 'Where several places match, change them all'
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l shared -d 'Change a value that other keys share through an anchor or a merge key'
complete -c gitops -n "__fish_gitops_using_subcommand restart" -s n -l dry-run -d 'Print what would be done, and do nothing'
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l pr -d 'Make the change on a branch of its own and open, or update, its pull request'
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l commit -d 'Commit the edited files of the checkout, and nothing else'
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l push -d 'Commit, and push the branch to its upstream; what is always done with a URL'
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l include-changes -d 'Commit edited files with the other changes they already had'
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l notify -d 'Say so in the channels that gitops.yaml names, once it is pushed'
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l no-cache -d 'Keep nothing of a remote repository for the next run'
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l draft -d 'Make it a draft'
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l ready -d 'Mark a draft as ready for review'
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l auto-merge -d 'Let it merge itself when its checks and reviews are there; never merges at once'
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l merge-now -d 'With --auto-merge: merge at once where there is nothing to wait for'
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l delete-branch -d 'Delete the branch after the merge'
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l supersede -d 'Close older pull requests of the same app and environment'
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l overwrite -d 'Replace other people\'s commits on the branch'
complete -c gitops -n "__fish_gitops_using_subcommand restart" -l no-probe -d 'Ask no unknown host which forge it runs'
complete -c gitops -n "__fish_gitops_using_subcommand restart" -s q -l quiet -d 'Print nothing but results, warnings and errors'
complete -c gitops -n "__fish_gitops_using_subcommand restart" -s v -l verbose -d 'Say how and why'
complete -c gitops -n "__fish_gitops_using_subcommand restart" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gitops -n "__fish_gitops_using_subcommand apply" -s e -l env -d 'The environment' -r
complete -c gitops -n "__fish_gitops_using_subcommand apply" -l rev -d 'Apply this commit or branch instead of what is checked out' -r
complete -c gitops -n "__fish_gitops_using_subcommand apply" -l plan-out -d 'Write the plan to a file, and change nothing' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand apply" -l plan -d 'Carry out this plan, unless anything it depends on has moved' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand apply" -l timeout -d 'How long to wait until everything is healthy' -r
complete -c gitops -n "__fish_gitops_using_subcommand apply" -l lock-timeout -d 'How long to wait for a lock that somebody else holds' -r
complete -c gitops -n "__fish_gitops_using_subcommand apply" -l prune -d 'Whether to delete what Git no longer declares' -r -f -a "auto\t'As the environment says; by default, after everything else is healthy'
never\t'No'"
complete -c gitops -n "__fish_gitops_using_subcommand apply" -l allow -d 'Go through this gate; it is named where it refuses' -r
complete -c gitops -n "__fish_gitops_using_subcommand apply" -l interval -d 'How often to look' -r
complete -c gitops -n "__fish_gitops_using_subcommand apply" -l drift -d 'What to do about drift; the default is the environment\'s' -r -f -a "notify\t'Say so'
remediate\t'Put it right'
off\t'Do not look'"
complete -c gitops -n "__fish_gitops_using_subcommand apply" -l kubeconfig -d 'The kubeconfig file [env: KUBECONFIG]' -r
complete -c gitops -n "__fish_gitops_using_subcommand apply" -l output-env -d 'Append the outputs to this dotenv file, for later jobs: `changed`, `commit`, `url`, …' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand apply" -s C -l repo -d 'The GitOps repository: a directory in its checkout, or, for commands that edit or apply, the URL of the remote' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand apply" -l branch -d 'The branch of a remote repository; its default branch when not given' -r
complete -c gitops -n "__fish_gitops_using_subcommand apply" -l config -d 'Use this file instead of `gitops.yaml` at the repository\'s root' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand apply" -s o -l output -d 'What to print on stdout; some commands know more than text and json' -r -f -a "text\t'For people'
json\t'One JSON document, for programs'
markdown\t'For a pull request\'s comment'
unified\t'A patch'
github\t'Workflow commands of GitHub Actions'
sarif\t'A SARIF log'
html\t'A page of its own'"
complete -c gitops -n "__fish_gitops_using_subcommand apply" -l color -d 'When to colour; `NO_COLOR` is honoured' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c gitops -n "__fish_gitops_using_subcommand apply" -l allow-dirty -d 'Apply the work tree as it is, with changes that are not committed'
complete -c gitops -n "__fish_gitops_using_subcommand apply" -s n -l dry-run -d 'Show what would be done, and change nothing'
complete -c gitops -n "__fish_gitops_using_subcommand apply" -s y -l yes -d 'Do not ask'
complete -c gitops -n "__fish_gitops_using_subcommand apply" -l no-wait -d 'Do not wait until everything is healthy; nothing is deleted then'
complete -c gitops -n "__fish_gitops_using_subcommand apply" -l force-conflicts -d 'Take over fields that other managers hold'
complete -c gitops -n "__fish_gitops_using_subcommand apply" -l exit-code -d 'Exit with 1 when there is something to do (`--dry-run`, `--plan-out`, drift that is left)'
complete -c gitops -n "__fish_gitops_using_subcommand apply" -l detailed-exitcode -d 'Exit with 2 when there was something to do'
complete -c gitops -n "__fish_gitops_using_subcommand apply" -l watch -d 'Go on: apply each new commit, and look for drift in between'
complete -c gitops -n "__fish_gitops_using_subcommand apply" -l once -d 'Look once and end: for a cron job'
complete -c gitops -n "__fish_gitops_using_subcommand apply" -l notify -d 'Say so in the channels that gitops.yaml names: deploying, deployed, failed, drift, drift-resolved'
complete -c gitops -n "__fish_gitops_using_subcommand apply" -l unlock -d 'Break the lock of a holder that is gone'
complete -c gitops -n "__fish_gitops_using_subcommand apply" -s q -l quiet -d 'Print nothing but results, warnings and errors'
complete -c gitops -n "__fish_gitops_using_subcommand apply" -s v -l verbose -d 'Say how and why'
complete -c gitops -n "__fish_gitops_using_subcommand apply" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gitops -n "__fish_gitops_using_subcommand digest-dir" -l format -d 'How to digest; read from the prefix of `--expect` if that is given' -r -f -a "gd1\t'the default: names, contents and symbolic links'
seed\t'the shell recipe, for DIR as it is spelled'
seed-rel\t'the recipe as it was meant, whatever DIR is called'
seed-content\t'the recipe\'s earlier form: contents without names'
h1\t'Go\'s dirhash and Terraform\'s lock file: h1:…'
in-toto\t'in-toto\'s and SLSA\'s dirHash: h1 in hexadecimal'
git-tree\t'the id of Git\'s tree: git rev-parse HEAD:DIR'
git-tree-sha256\t'the same in a repository with SHA-256 objects'
swh\t'Software Heritage\'s identifier: swh:1:dir:…'
nar\t'Nix\'s narHash: sha256-…'
nar-base32\t'the same in Nix\'s base32: nix-hash --base32'
dirhash\t'the Dirhash Standard: dirhash -a sha256'"
complete -c gitops -n "__fish_gitops_using_subcommand digest-dir" -l expect -d 'Compare with this digest: exit code 1 if it is another' -r
complete -c gitops -n "__fish_gitops_using_subcommand digest-dir" -l check -d 'Compare with a manifest, `-` for standard input: exit code 1 on a difference' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand digest-dir" -l exclude -d 'Leave out what this pattern of `.gitignore`\'s syntax matches' -r
complete -c gitops -n "__fish_gitops_using_subcommand digest-dir" -l exclude-from -d 'Leave out what the patterns in this file match, `-` for standard input' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand digest-dir" -l git -d 'Digest what this revision has, rather than what is on disk' -r
complete -c gitops -n "__fish_gitops_using_subcommand digest-dir" -s j -l jobs -d 'How many threads read; one per core by default' -r
complete -c gitops -n "__fish_gitops_using_subcommand digest-dir" -l output-env -d 'Append the outputs to this dotenv file, for later jobs: `changed`, `commit`, `url`, …' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand digest-dir" -s C -l repo -d 'The GitOps repository: a directory in its checkout, or, for commands that edit or apply, the URL of the remote' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand digest-dir" -l branch -d 'The branch of a remote repository; its default branch when not given' -r
complete -c gitops -n "__fish_gitops_using_subcommand digest-dir" -l config -d 'Use this file instead of `gitops.yaml` at the repository\'s root' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand digest-dir" -s o -l output -d 'What to print on stdout; some commands know more than text and json' -r -f -a "text\t'For people'
json\t'One JSON document, for programs'
markdown\t'For a pull request\'s comment'
unified\t'A patch'
github\t'Workflow commands of GitHub Actions'
sarif\t'A SARIF log'
html\t'A page of its own'"
complete -c gitops -n "__fish_gitops_using_subcommand digest-dir" -l color -d 'When to colour; `NO_COLOR` is honoured' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c gitops -n "__fish_gitops_using_subcommand digest-dir" -l manifest -d 'Print the text that is digested: a line for each file'
complete -c gitops -n "__fish_gitops_using_subcommand digest-dir" -l exec -d 'Cover which files their owner may execute'
complete -c gitops -n "__fish_gitops_using_subcommand digest-dir" -l empty-dirs -d 'Cover directories in which nothing is'
complete -c gitops -n "__fish_gitops_using_subcommand digest-dir" -l include-vcs -d 'Cover entries named `.git`, too'
complete -c gitops -n "__fish_gitops_using_subcommand digest-dir" -l allow-empty -d 'Digest a directory in which nothing is, rather than fail'
complete -c gitops -n "__fish_gitops_using_subcommand digest-dir" -l portable -d 'Fail if another system could not hold the same tree'
complete -c gitops -n "__fish_gitops_using_subcommand digest-dir" -s q -l quiet -d 'Print nothing but results, warnings and errors'
complete -c gitops -n "__fish_gitops_using_subcommand digest-dir" -s v -l verbose -d 'Say how and why'
complete -c gitops -n "__fish_gitops_using_subcommand digest-dir" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gitops -n "__fish_gitops_using_subcommand demo" -l dir -d 'Make the repository here, in a new directory, and keep it' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand demo" -s C -l repo -d 'The GitOps repository: a directory in its checkout, or, for commands that edit or apply, the URL of the remote' -r -F
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
complete -c gitops -n "__fish_gitops_using_subcommand diff" -l output-env -d 'Append the outputs to this dotenv file, for later jobs: `changed`, `commit`, `url`, …' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand diff" -s C -l repo -d 'The GitOps repository: a directory in its checkout, or, for commands that edit or apply, the URL of the remote' -r -F
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
complete -c gitops -n "__fish_gitops_using_subcommand diff" -l live -d 'Compare what is there with what an environment declares'
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
complete -c gitops -n "__fish_gitops_using_subcommand history" -s C -l repo -d 'The GitOps repository: a directory in its checkout, or, for commands that edit or apply, the URL of the remote' -r -F
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
complete -c gitops -n "__fish_gitops_using_subcommand status" -s C -l repo -d 'The GitOps repository: a directory in its checkout, or, for commands that edit or apply, the URL of the remote' -r -F
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
complete -c gitops -n "__fish_gitops_using_subcommand status" -l live -d 'Say of each environment with an actuator whether it is as declared'
complete -c gitops -n "__fish_gitops_using_subcommand status" -l exit-code -d 'Exit with 1 where an environment lags, or is not as declared'
complete -c gitops -n "__fish_gitops_using_subcommand status" -s q -l quiet -d 'Print nothing but results, warnings and errors'
complete -c gitops -n "__fish_gitops_using_subcommand status" -s v -l verbose -d 'Say how and why'
complete -c gitops -n "__fish_gitops_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gitops -n "__fish_gitops_using_subcommand validate" -s e -l env -d 'Only the files of this environment; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand validate" -s C -l repo -d 'The GitOps repository: a directory in its checkout, or, for commands that edit or apply, the URL of the remote' -r -F
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
complete -c gitops -n "__fish_gitops_using_subcommand notify" -s e -l env -d 'The environment' -r
complete -c gitops -n "__fish_gitops_using_subcommand notify" -l from -d 'The revision before [default: the one before the last that changed the environment]' -r
complete -c gitops -n "__fish_gitops_using_subcommand notify" -l to -d 'The revision after' -r
complete -c gitops -n "__fish_gitops_using_subcommand notify" -l image -d 'With `pushed`: an image that was pushed; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand notify" -l source -d 'With `pushed`: the repository it was built from; CI systems tell' -r
complete -c gitops -n "__fish_gitops_using_subcommand notify" -l source-revision -d 'With `pushed`: the commit it was built from; CI systems tell' -r
complete -c gitops -n "__fish_gitops_using_subcommand notify" -l pull-request -d 'The pull request\'s page' -r
complete -c gitops -n "__fish_gitops_using_subcommand notify" -l title -d 'The pull request\'s title' -r
complete -c gitops -n "__fish_gitops_using_subcommand notify" -l finding -d 'With `drift`: what differs; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand notify" -l fingerprint -d 'With `drift`: what tells this drift from another [default: made from the findings]' -r
complete -c gitops -n "__fish_gitops_using_subcommand notify" -l reason -d 'Why, or why not' -r
complete -c gitops -n "__fish_gitops_using_subcommand notify" -l actor -d 'Who did it [default: the commit\'s author]' -r
complete -c gitops -n "__fish_gitops_using_subcommand notify" -l run-url -d 'The page of the run; CI systems tell' -r
complete -c gitops -n "__fish_gitops_using_subcommand notify" -l commit-url -d 'The page of a commit, for forges whose host does not tell: {repository}/-/commit/{sha}' -r
complete -c gitops -n "__fish_gitops_using_subcommand notify" -l channel -d 'Tell only this channel, whatever it wants; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand notify" -l timeout -d 'Give up after this time, attempts and waits together: 30, 30s or 2m' -r
complete -c gitops -n "__fish_gitops_using_subcommand notify" -l remember -d 'Where to remember which drift was said [default: in the repository\'s .git]' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand notify" -l ca-file -d 'Trust the authorities in this file too' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand notify" -l url-env -d 'The variable that holds its address' -r
complete -c gitops -n "__fish_gitops_using_subcommand notify" -l url-file -d 'The file that holds its address' -r
complete -c gitops -n "__fish_gitops_using_subcommand notify" -l kind -d 'Which service it is, where the address does not tell' -r -f -a "slack\t''
slack-bot\t''
teams\t''
discord\t''
mattermost\t''
rocketchat\t''
google-chat\t''
telegram\t''
matrix\t''
pagerduty\t''
smtp\t''
webhook\t''
commit-status\t''
deployment\t''
grafana\t''
stdout\t''"
complete -c gitops -n "__fish_gitops_using_subcommand notify" -l setting -d 'Another of its settings, as in gitops.yaml; can be given several times' -r
complete -c gitops -n "__fish_gitops_using_subcommand notify" -s C -l repo -d 'The GitOps repository: a directory in its checkout, or, for commands that edit or apply, the URL of the remote' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand notify" -l branch -d 'The branch of a remote repository; its default branch when not given' -r
complete -c gitops -n "__fish_gitops_using_subcommand notify" -l config -d 'Use this file instead of `gitops.yaml` at the repository\'s root' -r -F
complete -c gitops -n "__fish_gitops_using_subcommand notify" -s o -l output -d 'What to print on stdout; some commands know more than text and json' -r -f -a "text\t'For people'
json\t'One JSON document, for programs'
markdown\t'For a pull request\'s comment'
unified\t'A patch'
github\t'Workflow commands of GitHub Actions'
sarif\t'A SARIF log'
html\t'A page of its own'"
complete -c gitops -n "__fish_gitops_using_subcommand notify" -l color -d 'When to colour; `NO_COLOR` is honoured' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c gitops -n "__fish_gitops_using_subcommand notify" -l image-labels -d 'Ask registries for the labels of images whose commit tells no source'
complete -c gitops -n "__fish_gitops_using_subcommand notify" -l strict -d 'Fail when a channel fails'
complete -c gitops -n "__fish_gitops_using_subcommand notify" -l again -d 'Say it again where it was said before'
complete -c gitops -n "__fish_gitops_using_subcommand notify" -s n -l dry-run -d 'Print what would be sent, without secrets, and send nothing'
complete -c gitops -n "__fish_gitops_using_subcommand notify" -s q -l quiet -d 'Print nothing but results, warnings and errors'
complete -c gitops -n "__fish_gitops_using_subcommand notify" -s v -l verbose -d 'Say how and why'
complete -c gitops -n "__fish_gitops_using_subcommand notify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c gitops -n "__fish_gitops_using_subcommand completions" -s C -l repo -d 'The GitOps repository: a directory in its checkout, or, for commands that edit or apply, the URL of the remote' -r -F
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
complete -c gitops -n "__fish_gitops_using_subcommand man" -s C -l repo -d 'The GitOps repository: a directory in its checkout, or, for commands that edit or apply, the URL of the remote' -r -F
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
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from bump-tag open-pr promote rollback restart apply digest-dir demo diff history status validate notify completions man help" -f -a "bump-tag" -d 'Set the tag of images in the files of environments'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from bump-tag open-pr promote rollback restart apply digest-dir demo diff history status validate notify completions man help" -f -a "open-pr" -d 'Push a branch and open, or update, its pull request'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from bump-tag open-pr promote rollback restart apply digest-dir demo diff history status validate notify completions man help" -f -a "promote" -d 'Give an environment the versions that another one has'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from bump-tag open-pr promote rollback restart apply digest-dir demo diff history status validate notify completions man help" -f -a "rollback" -d 'Give an environment the versions it had before'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from bump-tag open-pr promote rollback restart apply digest-dir demo diff history status validate notify completions man help" -f -a "restart" -d 'Roll the pods of an app whose Secret or `ConfigMap` changed'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from bump-tag open-pr promote rollback restart apply digest-dir demo diff history status validate notify completions man help" -f -a "apply" -d 'Converge an environment to what Git declares'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from bump-tag open-pr promote rollback restart apply digest-dir demo diff history status validate notify completions man help" -f -a "digest-dir" -d 'Print a digest of a directory that is the same on every machine'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from bump-tag open-pr promote rollback restart apply digest-dir demo diff history status validate notify completions man help" -f -a "demo" -d 'Try the main job on a throw-away GitOps repository'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from bump-tag open-pr promote rollback restart apply digest-dir demo diff history status validate notify completions man help" -f -a "diff" -d 'Show what will change: images first, then risks, then every object'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from bump-tag open-pr promote rollback restart apply digest-dir demo diff history status validate notify completions man help" -f -a "history" -d 'Show every change of a deployed version: when, who, from what to what, and by which commit'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from bump-tag open-pr promote rollback restart apply digest-dir demo diff history status validate notify completions man help" -f -a "status" -d 'Show which version of which app is declared in which environment, since when, and what lags'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from bump-tag open-pr promote rollback restart apply digest-dir demo diff history status validate notify completions man help" -f -a "validate" -d 'Check every file, gitops.yaml and the policy; exit with 1 where something is wrong'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from bump-tag open-pr promote rollback restart apply digest-dir demo diff history status validate notify completions man help" -f -a "notify" -d 'Say in chat what happened to an environment'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from bump-tag open-pr promote rollback restart apply digest-dir demo diff history status validate notify completions man help" -f -a "completions" -d 'Print the completion script of a shell'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from bump-tag open-pr promote rollback restart apply digest-dir demo diff history status validate notify completions man help" -f -a "man" -d 'Print a manual page, or write them all'
complete -c gitops -n "__fish_gitops_using_subcommand help; and not __fish_seen_subcommand_from bump-tag open-pr promote rollback restart apply digest-dir demo diff history status validate notify completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
