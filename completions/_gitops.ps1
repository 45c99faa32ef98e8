
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'gitops' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'gitops'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'gitops' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'The GitOps repository: a directory in its checkout, or the URL of the remote')
            [CompletionResult]::new('--repo', '--repo', [CompletionResultType]::ParameterName, 'The GitOps repository: a directory in its checkout, or the URL of the remote')
            [CompletionResult]::new('--branch', '--branch', [CompletionResultType]::ParameterName, 'The branch of a remote repository; its default branch when not given')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this file instead of `gitops.yaml` at the repository''s root')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout; some commands know more than text and json')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'What to print on stdout; some commands know more than text and json')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour; `NO_COLOR` is honoured')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say how and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say how and why')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('bump-tag', 'bump-tag', [CompletionResultType]::ParameterValue, 'Set the tag of images in the files of environments')
            [CompletionResult]::new('demo', 'demo', [CompletionResultType]::ParameterValue, 'Try the main job on a throw-away GitOps repository')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Show what will change: images first, then risks, then every object')
            [CompletionResult]::new('history', 'history', [CompletionResultType]::ParameterValue, 'Show every change of a deployed version: when, who, from what to what, and by which commit')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show which version of which app is declared in which environment, since when, and what lags')
            [CompletionResult]::new('validate', 'validate', [CompletionResultType]::ParameterValue, 'Check every file, gitops.yaml and the policy; exit with 1 where something is wrong')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completion script of a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print a manual page, or write them all')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'gitops;bump-tag' {
            [CompletionResult]::new('-e', '-e', [CompletionResultType]::ParameterName, 'The environment to change; can be given several times')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'The environment to change; can be given several times')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'Change this file instead of an environment''s')
            [CompletionResult]::new('--document', '--document', [CompletionResultType]::ParameterName, 'The document of the file: its number from 0, or kind=K,name=N')
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'Set the string at a key path of the file; can be given several times')
            [CompletionResult]::new('--expect', '--expect', [CompletionResultType]::ParameterName, 'Refuse unless the present value is this')
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'The commit message: a template in Jinja''s language')
            [CompletionResult]::new('--message', '--message', [CompletionResultType]::ParameterName, 'The commit message: a template in Jinja''s language')
            [CompletionResult]::new('--author', '--author', [CompletionResultType]::ParameterName, 'Who wrote the change')
            [CompletionResult]::new('--committer', '--committer', [CompletionResultType]::ParameterName, 'Who commits it')
            [CompletionResult]::new('--source', '--source', [CompletionResultType]::ParameterName, 'The repository that was built, for the message; CI systems tell')
            [CompletionResult]::new('--source-revision', '--source-revision', [CompletionResultType]::ParameterName, 'The commit that was built, for the message; CI systems tell')
            [CompletionResult]::new('--run-url', '--run-url', [CompletionResultType]::ParameterName, 'The page of the run, for the message; CI systems tell')
            [CompletionResult]::new('--push-option', '--push-option', [CompletionResultType]::ParameterName, 'A word for the server''s hooks; can be given several times')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Give up after this time: 90, 90s or 2m')
            [CompletionResult]::new('--ca-file', '--ca-file', [CompletionResultType]::ParameterName, 'Trust the authorities in this file too')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'The GitOps repository: a directory in its checkout, or the URL of the remote')
            [CompletionResult]::new('--repo', '--repo', [CompletionResultType]::ParameterName, 'The GitOps repository: a directory in its checkout, or the URL of the remote')
            [CompletionResult]::new('--branch', '--branch', [CompletionResultType]::ParameterName, 'The branch of a remote repository; its default branch when not given')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this file instead of `gitops.yaml` at the repository''s root')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout; some commands know more than text and json')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'What to print on stdout; some commands know more than text and json')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour; `NO_COLOR` is honoured')
            [CompletionResult]::new('--create', '--create', [CompletionResultType]::ParameterName, 'Add the last key of a path that is missing')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Where several places match, change them all')
            [CompletionResult]::new('--shared', '--shared', [CompletionResultType]::ParameterName, 'Change a value that other keys share through an anchor or a merge key')
            [CompletionResult]::new('--drop-digest', '--drop-digest', [CompletionResultType]::ParameterName, 'Remove a digest that pins the image, where none is given')
            [CompletionResult]::new('--no-downgrade', '--no-downgrade', [CompletionResultType]::ParameterName, 'Refuse a version older than the present one')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Print the diff that would be made, and write nothing')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Print the diff that would be made, and write nothing')
            [CompletionResult]::new('--explain', '--explain', [CompletionResultType]::ParameterName, 'Say for every candidate why it is meant or not')
            [CompletionResult]::new('--commit', '--commit', [CompletionResultType]::ParameterName, 'Commit the edited files of the checkout, and nothing else')
            [CompletionResult]::new('--push', '--push', [CompletionResultType]::ParameterName, 'Commit, and push the branch to its upstream; what is always done with a URL')
            [CompletionResult]::new('--include-changes', '--include-changes', [CompletionResultType]::ParameterName, 'Commit edited files with the other changes they already had')
            [CompletionResult]::new('--no-cache', '--no-cache', [CompletionResultType]::ParameterName, 'Keep nothing of a remote repository for the next run')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say how and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say how and why')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'gitops;demo' {
            [CompletionResult]::new('--dir', '--dir', [CompletionResultType]::ParameterName, 'Make the repository here, in a new directory, and keep it')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'The GitOps repository: a directory in its checkout, or the URL of the remote')
            [CompletionResult]::new('--repo', '--repo', [CompletionResultType]::ParameterName, 'The GitOps repository: a directory in its checkout, or the URL of the remote')
            [CompletionResult]::new('--branch', '--branch', [CompletionResultType]::ParameterName, 'The branch of a remote repository; its default branch when not given')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this file instead of `gitops.yaml` at the repository''s root')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout; some commands know more than text and json')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'What to print on stdout; some commands know more than text and json')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour; `NO_COLOR` is honoured')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say how and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say how and why')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'gitops;diff' {
            [CompletionResult]::new('--base', '--base', [CompletionResultType]::ParameterName, 'Compare with where this branch left REF, as a pull request shows it')
            [CompletionResult]::new('-e', '-e', [CompletionResultType]::ParameterName, 'Compare two environments, or only look at these; can be given several times')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Compare two environments, or only look at these; can be given several times')
            [CompletionResult]::new('--map', '--map', [CompletionResultType]::ParameterName, 'Between environments: name:FROM=TO for parts of names, namespace:FROM=TO')
            [CompletionResult]::new('--path', '--path', [CompletionResultType]::ParameterName, 'Only files that fit; can be given several times')
            [CompletionResult]::new('--kind', '--kind', [CompletionResultType]::ParameterName, 'Only objects of this kind; can be given several times')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'Only objects whose name fits; can be given several times')
            [CompletionResult]::new('--only', '--only', [CompletionResultType]::ParameterName, 'Only what matters in this respect')
            [CompletionResult]::new('--ignore-profile', '--ignore-profile', [CompletionResultType]::ParameterName, 'Which built-in ignore rules apply')
            [CompletionResult]::new('--max-bytes', '--max-bytes', [CompletionResultType]::ParameterName, 'The most bytes of a comment (-o markdown)')
            [CompletionResult]::new('--marker', '--marker', [CompletionResultType]::ParameterName, 'What makes the comment recognisable (-o markdown)')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'The GitOps repository: a directory in its checkout, or the URL of the remote')
            [CompletionResult]::new('--repo', '--repo', [CompletionResultType]::ParameterName, 'The GitOps repository: a directory in its checkout, or the URL of the remote')
            [CompletionResult]::new('--branch', '--branch', [CompletionResultType]::ParameterName, 'The branch of a remote repository; its default branch when not given')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this file instead of `gitops.yaml` at the repository''s root')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout; some commands know more than text and json')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'What to print on stdout; some commands know more than text and json')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour; `NO_COLOR` is honoured')
            [CompletionResult]::new('--raw', '--raw', [CompletionResultType]::ParameterName, 'Compare the files as they are, without rendering')
            [CompletionResult]::new('--explain-ignored', '--explain-ignored', [CompletionResultType]::ParameterName, 'Say which differences were ignored, by which rule, and which rule ignored nothing')
            [CompletionResult]::new('--no-fold', '--no-fold', [CompletionResultType]::ParameterName, 'Show a change that many objects share in each of them')
            [CompletionResult]::new('--exit-code', '--exit-code', [CompletionResultType]::ParameterName, 'Exit with 1 where something differs')
            [CompletionResult]::new('--detailed-exitcode', '--detailed-exitcode', [CompletionResultType]::ParameterName, 'Exit with 2 where something differs, as Terraform does')
            [CompletionResult]::new('--git-external', '--git-external', [CompletionResultType]::ParameterName, 'Take the operands of Git''s external diff: `GIT_EXTERNAL_DIFF=''gitops diff --git-external''`')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say how and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say how and why')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'gitops;history' {
            [CompletionResult]::new('-e', '-e', [CompletionResultType]::ParameterName, 'Only this environment; can be given several times')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Only this environment; can be given several times')
            [CompletionResult]::new('--app', '--app', [CompletionResultType]::ParameterName, 'Only this app; can be given several times')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only since then: 2026-01-31, 2026-01-31T12:00:00Z, 12h, 30d or 2w')
            [CompletionResult]::new('--rev', '--rev', [CompletionResultType]::ParameterName, 'The newest commit to look at')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'At most so many changes')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'At most so many changes')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'The GitOps repository: a directory in its checkout, or the URL of the remote')
            [CompletionResult]::new('--repo', '--repo', [CompletionResultType]::ParameterName, 'The GitOps repository: a directory in its checkout, or the URL of the remote')
            [CompletionResult]::new('--branch', '--branch', [CompletionResultType]::ParameterName, 'The branch of a remote repository; its default branch when not given')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this file instead of `gitops.yaml` at the repository''s root')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout; some commands know more than text and json')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'What to print on stdout; some commands know more than text and json')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour; `NO_COLOR` is honoured')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say how and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say how and why')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'gitops;status' {
            [CompletionResult]::new('-e', '-e', [CompletionResultType]::ParameterName, 'Only this environment; can be given several times')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Only this environment; can be given several times')
            [CompletionResult]::new('--app', '--app', [CompletionResultType]::ParameterName, 'Only this app; can be given several times')
            [CompletionResult]::new('--rev', '--rev', [CompletionResultType]::ParameterName, 'The commit to look at, instead of the work tree')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'The GitOps repository: a directory in its checkout, or the URL of the remote')
            [CompletionResult]::new('--repo', '--repo', [CompletionResultType]::ParameterName, 'The GitOps repository: a directory in its checkout, or the URL of the remote')
            [CompletionResult]::new('--branch', '--branch', [CompletionResultType]::ParameterName, 'The branch of a remote repository; its default branch when not given')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this file instead of `gitops.yaml` at the repository''s root')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout; some commands know more than text and json')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'What to print on stdout; some commands know more than text and json')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour; `NO_COLOR` is honoured')
            [CompletionResult]::new('--exit-code', '--exit-code', [CompletionResultType]::ParameterName, 'Exit with 1 where an environment lags')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say how and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say how and why')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'gitops;validate' {
            [CompletionResult]::new('-e', '-e', [CompletionResultType]::ParameterName, 'Only the files of this environment; can be given several times')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Only the files of this environment; can be given several times')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'The GitOps repository: a directory in its checkout, or the URL of the remote')
            [CompletionResult]::new('--repo', '--repo', [CompletionResultType]::ParameterName, 'The GitOps repository: a directory in its checkout, or the URL of the remote')
            [CompletionResult]::new('--branch', '--branch', [CompletionResultType]::ParameterName, 'The branch of a remote repository; its default branch when not given')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this file instead of `gitops.yaml` at the repository''s root')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout; some commands know more than text and json')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'What to print on stdout; some commands know more than text and json')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour; `NO_COLOR` is honoured')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say how and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say how and why')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'gitops;completions' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'The GitOps repository: a directory in its checkout, or the URL of the remote')
            [CompletionResult]::new('--repo', '--repo', [CompletionResultType]::ParameterName, 'The GitOps repository: a directory in its checkout, or the URL of the remote')
            [CompletionResult]::new('--branch', '--branch', [CompletionResultType]::ParameterName, 'The branch of a remote repository; its default branch when not given')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this file instead of `gitops.yaml` at the repository''s root')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout; some commands know more than text and json')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'What to print on stdout; some commands know more than text and json')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour; `NO_COLOR` is honoured')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say how and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say how and why')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'gitops;man' {
            [CompletionResult]::new('--dir', '--dir', [CompletionResultType]::ParameterName, 'Write every page into this directory')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'The GitOps repository: a directory in its checkout, or the URL of the remote')
            [CompletionResult]::new('--repo', '--repo', [CompletionResultType]::ParameterName, 'The GitOps repository: a directory in its checkout, or the URL of the remote')
            [CompletionResult]::new('--branch', '--branch', [CompletionResultType]::ParameterName, 'The branch of a remote repository; its default branch when not given')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Use this file instead of `gitops.yaml` at the repository''s root')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'What to print on stdout; some commands know more than text and json')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'What to print on stdout; some commands know more than text and json')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour; `NO_COLOR` is honoured')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say how and why')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say how and why')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'gitops;help' {
            [CompletionResult]::new('bump-tag', 'bump-tag', [CompletionResultType]::ParameterValue, 'Set the tag of images in the files of environments')
            [CompletionResult]::new('demo', 'demo', [CompletionResultType]::ParameterValue, 'Try the main job on a throw-away GitOps repository')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Show what will change: images first, then risks, then every object')
            [CompletionResult]::new('history', 'history', [CompletionResultType]::ParameterValue, 'Show every change of a deployed version: when, who, from what to what, and by which commit')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show which version of which app is declared in which environment, since when, and what lags')
            [CompletionResult]::new('validate', 'validate', [CompletionResultType]::ParameterValue, 'Check every file, gitops.yaml and the policy; exit with 1 where something is wrong')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completion script of a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print a manual page, or write them all')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'gitops;help;bump-tag' {
            break
        }
        'gitops;help;demo' {
            break
        }
        'gitops;help;diff' {
            break
        }
        'gitops;help;history' {
            break
        }
        'gitops;help;status' {
            break
        }
        'gitops;help;validate' {
            break
        }
        'gitops;help;completions' {
            break
        }
        'gitops;help;man' {
            break
        }
        'gitops;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
