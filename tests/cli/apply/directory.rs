//! The `directory` actuator: a folder, with everything a person sees on the way.

use snapbox::str;

use crate::support::Sandbox;

const CONFIG: &str = "\
environments:
  prod: { files: [env/*.yaml], actuator: { kind: directory, to: live } }
";

fn shop() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("gitops.yaml", CONFIG);
    sandbox.write("env/api.yaml", "image: api:1\nreplicas: 2\n");
    sandbox.write("env/web.yaml", "image: web:1\n");
    sandbox
}

#[test]
fn creates_updates_and_deletes() {
    let sandbox = shop();
    sandbox.gitops(&["apply", "-e", "prod", "--yes"]).is(str![[r#"
prod: the work tree → directory live

Images
  api  – → 1  added  api.yaml
  web  – → 1  added  web.yaml

+ create File api.yaml
+ create File web.yaml
2 to create
-- stderr --
`prod` is as declared
-- exit 0 --

"#]]);
    assert_eq!(sandbox.read("live/api.yaml"), "image: api:1\nreplicas: 2\n");
    sandbox.gitops(&["apply", "-e", "prod", "--yes"]).is(str![[r#"
prod: the work tree → directory live
2 unchanged
-- stderr --
nothing to do: `prod` is as declared
-- exit 0 --

"#]]);
    sandbox.write("env/api.yaml", "image: api:2\nreplicas: 2\n");
    std::fs::remove_file(sandbox.path("env/web.yaml")).unwrap();
    sandbox.write("live/notes.txt", "somebody's own");
    sandbox.gitops(&["apply", "-e", "prod", "--yes"]).is(str![[r#"
prod: the work tree → directory live

Images
  api  1 → 2  unknown  api.yaml
  web  1 → –  removed  web.yaml

~ update File api.yaml
    - image: api:1
    + image: api:2
- delete File web.yaml
1 to update, 1 to delete
-- stderr --
`prod` is as declared
-- exit 0 --

"#]]);
    assert!(!sandbox.path("live/web.yaml").exists());
    assert_eq!(sandbox.read("live/notes.txt"), "somebody's own");
}

#[test]
fn a_dry_run_changes_nothing() {
    let sandbox = shop();
    let output = sandbox.gitops(&["apply", "-e", "prod", "--dry-run", "--exit-code"]);
    assert_eq!(output.code, 1, "{}", output.render());
    assert!(!sandbox.path("live").exists());
    let json = sandbox.gitops(&["apply", "-e", "prod", "-n", "-o", "json"]).ok().json();
    assert_eq!(json["status"], "planned");
    assert_eq!(json["counts"]["create"], 2);
    assert_eq!(json["changes"][0]["object"], "/File//api.yaml");
}

#[test]
fn nobody_to_ask_is_no_yes() {
    let sandbox = shop();
    let output = sandbox.gitops(&["apply", "-e", "prod"]);
    assert_eq!(output.code, 2);
    assert!(output.stderr.contains("hint: say --yes"), "{}", output.stderr);
    assert!(!sandbox.path("live/api.yaml").exists());
}

#[test]
fn somebody_elses_file_is_not_taken_over() {
    let sandbox = shop();
    sandbox.write("live/api.yaml", "mine");
    sandbox.write("live/web.yaml", "image: web:1\n");
    sandbox.gitops(&["apply", "-e", "prod", "--yes"]).is(str![[r#"
prod: the work tree → directory live

Images
  api  – → 1  added  api.yaml

~ adopt File api.yaml
    - mine
    + image: api:1
    + replicas: 2
~ adopt File web.yaml
2 to adopt
-- stderr --
error: cannot apply `prod`: File api.yaml belongs to somebody else
hint: if that is what you want: --allow take-over
-- exit 3 --

"#]]);
    assert_eq!(sandbox.read("live/api.yaml"), "mine");
    sandbox.gitops(&["apply", "-e", "prod", "--yes", "--allow", "take-over"]).ok();
    assert_eq!(sandbox.read("live/web.yaml"), "image: web:1\n");
}

#[test]
fn an_empty_or_much_smaller_render_is_refused() {
    let sandbox = shop();
    for number in 0..12 {
        sandbox.write(&format!("env/n{number}.yaml"), "a: 1\n");
    }
    sandbox.gitops(&["apply", "-e", "prod", "--yes"]).ok();
    for number in 0..12 {
        std::fs::remove_file(sandbox.path(format!("env/n{number}.yaml"))).unwrap();
    }
    let output = sandbox.gitops(&["apply", "-e", "prod", "--yes"]);
    assert_eq!(output.code, 3);
    assert!(
        output.stderr.contains("only 2 objects are declared, and 14 are there"),
        "{}",
        output.stderr
    );
    assert!(output.stderr.contains("12 of 14 objects would be deleted"), "{}", output.stderr);
    let allowed = ["apply", "-e", "prod", "--yes", "--allow", "small-render,prune-limit"];
    sandbox.gitops(&allowed).ok();
    assert!(!sandbox.path("live/n1.yaml").exists());
}

#[test]
fn prune_never_keeps_and_remembers() {
    let sandbox = shop();
    sandbox.gitops(&["apply", "-e", "prod", "--yes"]).ok();
    std::fs::remove_file(sandbox.path("env/web.yaml")).unwrap();
    sandbox.gitops(&["apply", "-e", "prod", "--yes", "--prune=never"]).ok();
    assert!(sandbox.path("live/web.yaml").exists());
    sandbox.gitops(&["apply", "-e", "prod", "--yes"]).ok();
    assert!(!sandbox.path("live/web.yaml").exists());
}

#[test]
fn a_secret_in_a_file_is_in_no_output() {
    let sandbox = shop();
    let secret = |value: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\nstringData: {{password: {value}}}\n"
        )
    };
    sandbox.write("env/secret.yaml", secret("canary-one-1"));
    sandbox.gitops(&["apply", "-e", "prod", "--yes"]).ok();
    sandbox.write("env/secret.yaml", secret("canary-two-2"));
    sandbox.write("env/web.yaml", "copy: canary-two-2\n");
    for args in [&["-n"][..], &["-n", "-o", "json"], &["-v", "-n"], &["--plan-out", "p"]] {
        let args: Vec<&str> = ["apply", "-e", "prod"].iter().chain(args).copied().collect();
        let output = sandbox.gitops(&args);
        output.ok();
        assert!(!output.render().contains("canary"), "{}", output.render());
    }
    assert!(!sandbox.read("p").contains("canary"));
}

#[test]
fn neither_is_one_in_a_list_or_in_what_cannot_be_read() {
    let texts: [fn(&str) -> String; 3] = [
        |value| format!("kind: List\nitems:\n  - kind: Secret\n    stringData: {{pin: {value}}}\n"),
        |value| format!("kind: Secret\ndata: {{{{ .Values.data }}}}\n  pin: {value}\n"),
        |value| format!("{{\"kind\": \"Secret\", \"stringData\": {{\"pin\": \"{value}\"}}}}"),
    ];
    for text in texts {
        let sandbox = shop();
        // So short that it is in no other text by chance only because nothing else is so.
        sandbox.write("env/secret.yaml", text("q1z"));
        sandbox.gitops(&["apply", "-e", "prod", "--yes"]).ok();
        sandbox.write("env/secret.yaml", text("q2z"));
        for args in [&["-n"][..], &["-n", "-o", "json"]] {
            let args: Vec<&str> = ["apply", "-e", "prod"].iter().chain(args).copied().collect();
            let said = sandbox.gitops(&args).ok().render();
            assert!(
                said.contains("masked") && !said.contains("q1z") && !said.contains("q2z"),
                "{said}"
            );
        }
    }
}

#[test]
fn the_watch_applies_reports_drift_once_and_puts_it_right() {
    let sandbox = shop();
    // Three processes, as a cron job has them: what is remembered is in the inventory.
    let watch = |drift: &str| {
        let args = ["apply", "-e", "prod", "--watch", "--once", "--drift", drift];
        let round = || sandbox.gitops(&args).ok().stdout.clone();
        [round(), round(), round()].concat()
    };
    watch("notify");
    assert_eq!(sandbox.read("live/web.yaml"), "image: web:1\n");
    sandbox.write("live/web.yaml", "image: web:9\n");
    let said = watch("notify");
    assert_eq!(said.matches("what is there is not what Git declares").count(), 1, "{said}");
    assert_eq!(sandbox.read("live/web.yaml"), "image: web:9\n");
    watch("remediate");
    assert_eq!(sandbox.read("live/web.yaml"), "image: web:1\n");
}

#[test]
fn a_revision_that_failed_and_recovered_is_not_tried_for_ever() {
    let sandbox = shop();
    let watch = ["apply", "-e", "prod", "--watch", "--once", "--drift", "notify"];
    sandbox.write("live/web.yaml", "somebody's own");
    assert_eq!(sandbox.gitops(&watch).code, 3);
    std::fs::remove_file(sandbox.path("live/web.yaml")).unwrap();
    sandbox.gitops(&["apply", "-e", "prod", "--yes"]).ok();
    sandbox.write("live/web.yaml", "image: web:9\n");
    for _ in 0..2 {
        sandbox.gitops(&watch).ok();
        assert_eq!(sandbox.read("live/web.yaml"), "image: web:9\n");
    }
}

#[test]
fn a_file_becomes_a_folder_and_a_folder_a_file() {
    let sandbox = shop();
    sandbox.write("gitops.yaml", CONFIG.replace("env/*.yaml", "env/**"));
    let apply = ["apply", "-e", "prod", "--yes"];
    sandbox.write("env/conf", "a");
    sandbox.write("env/x/y/z.txt", "z");
    sandbox.gitops(&apply).ok();
    for name in ["env/conf", "env/x/y/z.txt"] {
        std::fs::remove_file(sandbox.path(name)).unwrap();
    }
    std::fs::remove_dir_all(sandbox.path("env/x")).unwrap();
    sandbox.write("env/conf/b", "b");
    sandbox.write("env/x", "x");
    let never = sandbox.gitops(&["apply", "-e", "prod", "--yes", "--prune=never"]);
    assert_eq!(never.code, 3, "{}", never.render());
    assert!(never.stderr.contains("File conf is in the way, and stays"), "{}", never.stderr);
    sandbox.write("live/x/mine", "somebody's");
    let mine = sandbox.gitops(&apply);
    assert_eq!(mine.code, 3, "{}", mine.render());
    assert!(mine.stderr.contains("`x/mine` is in the way, and not ours"), "{}", mine.stderr);
    std::fs::remove_file(sandbox.path("live/x/mine")).unwrap();
    sandbox.gitops(&apply).ok();
    assert_eq!((sandbox.read("live/conf/b"), sandbox.read("live/x")), ("b".into(), "x".into()));
    let output = sandbox.gitops(&apply);
    assert!(output.ok().stdout.contains("4 unchanged"), "{}", output.render());
}

#[cfg(unix)]
#[test]
fn a_program_stays_one() {
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = shop();
    sandbox.write("gitops.yaml", CONFIG.replace("env/*.yaml", "env/**"));
    sandbox.write("env/run.sh", "#!/bin/sh\n");
    let set = |path: &str, mode| {
        std::fs::set_permissions(sandbox.path(path), std::fs::Permissions::from_mode(mode))
            .unwrap();
    };
    let is_program = || {
        let mode = std::fs::metadata(sandbox.path("live/run.sh")).unwrap().permissions().mode();
        mode & 0o111 != 0
    };
    set("env/run.sh", 0o755);
    sandbox.gitops(&["apply", "-e", "prod", "--yes"]).ok();
    assert!(is_program());
    set("live/run.sh", 0o644);
    let output = sandbox.gitops(&["apply", "-e", "prod", "--yes"]);
    assert!(output.ok().stdout.contains("mode: 0644 → 0755"), "{}", output.render());
    assert!(is_program());
    // Git keeps the mode too.
    super::revision::git(&sandbox, &["init", "-q", "-b", "main"]);
    sandbox.write(".gitignore", "live\n");
    super::revision::commit(&sandbox, "one");
    let output = sandbox.gitops(&["apply", "-e", "prod", "--yes"]);
    assert!(output.ok().stdout.contains("3 unchanged"), "{}", output.render());
}

#[test]
fn a_reload_follows_changes_alone() {
    let sandbox = shop();
    let reload = CONFIG.replace("to: live", "to: live, reload: [sh, -c, 'echo x >> ../reloads']");
    sandbox.write("gitops.yaml", reload);
    for _ in 0..2 {
        sandbox.gitops(&["apply", "-e", "prod", "--yes"]).ok();
    }
    assert_eq!(sandbox.read("reloads"), "x\n");
}

#[test]
fn diff_and_status_see_drift() {
    let sandbox = shop();
    sandbox.gitops(&["apply", "-e", "prod", "--yes"]).ok();
    sandbox.gitops(&["diff", "-e", "prod", "--live", "--exit-code"]).is(str![[r#"
-- stderr --
nothing differs: `prod` is as declared
-- exit 0 --

"#]]);
    sandbox.gitops(&["status", "--live", "--exit-code"]).is(str![[r#"
prod: as declared
-- exit 0 --

"#]]);
    sandbox.write("live/web.yaml", "image: web:9\n");
    sandbox.gitops(&["diff", "-e", "prod", "--live", "--exit-code"]).is(str![[r#"
prod: the work tree → directory live

Images
  web  9 → 1  unknown  web.yaml

~ update File web.yaml
    - image: web:9
    + image: web:1
1 to update, 1 unchanged
-- exit 1 --

"#]]);
    sandbox.gitops(&["status", "--live", "--exit-code"]).is(str![[r#"
prod: 1 object differs: File web.yaml
-- exit 1 --

"#]]);
    let json = sandbox.gitops(&["diff", "-e", "prod", "--live", "-o", "json"]).json();
    assert_eq!((&json["command"], &json["changed"]), (&"diff".into(), &true.into()));
    assert_eq!(sandbox.read("live/web.yaml"), "image: web:9\n");
}
