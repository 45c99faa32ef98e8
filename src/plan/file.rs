//! The plan file: what a plan depends on, pinned, so that it is carried out as it was shown or not at all.
//!
//! It holds neither manifests nor secret values. `sha256` guards against accidents; who must guard against forgery
//! signs the file.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::digest::{Keys, keyed, sha256, sorted};
use super::{Compared, Id, Inventory, Plan};
use crate::error::{Code, Hinted};

/// Where a plan is carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// The actuator.
    pub kind: String,
    /// Its address, without anything secret.
    pub address: String,
    /// Tells it from another one at the same address.
    pub uid: String,
}

/// Everything outside the target that a plan depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Which environment.
    pub environment: String,
    /// What tells its repository from others; empty where that is not known.
    pub repository: String,
    /// The commit that declares it.
    pub commit: String,
    /// The digest of the files that declare it.
    pub inputs: String,
    /// The digest of the environment's settings.
    pub config: String,
    /// What renders: the tool, its version and its arguments.
    pub renderer: String,
}

impl Source {
    /// How the objects are made, and where what they are made of comes from: whoever makes them otherwise, or of
    /// something else, is not to delete them.
    #[must_use]
    pub fn made(&self) -> String {
        match self.repository.as_str() {
            "" => self.renderer.clone(),
            repository => format!("{} in {repository}", self.renderer),
        }
    }
}

/// A plan with its pins.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanFile {
    /// Unique.
    pub id: String,
    /// Seconds since 1970.
    pub created: u64,
    /// After that it is refused.
    pub expires: u64,
    /// What it was made from.
    pub source: Source,
    /// Where it is carried out.
    pub target: Target,
    /// The inventory's uid and serial.
    pub inventory: (String, u64),
    /// The salt of the digests.
    pub salt: String,
    /// The gates that were open.
    pub allowed: Vec<String>,
    /// How strong the pins are: `live-state`, or `release-revision` where a tool renders again.
    pub guarantee: String,
    /// What is pinned of each object.
    pub objects: BTreeMap<Id, Pin>,
}

/// What a plan holds an object to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pin {
    /// What is to be done.
    pub operation: String,
    /// The uid; empty where there is nothing.
    pub uid: String,
    /// The digest of what is declared.
    pub declared: String,
    /// The digest of what is there.
    pub live: String,
    /// The fields that differ, for people.
    pub summary: Vec<String>,
}

/// What makes a plan file of a plan.
#[derive(Debug)]
pub struct Pinning<'a> {
    /// What it was made from.
    pub source: Source,
    /// Where it is carried out.
    pub target: Target,
    /// The inventory's uid.
    pub inventory_uid: &'a str,
    /// The inventory.
    pub inventory: &'a Inventory,
    /// The salt of the digests.
    pub salt: String,
    /// How strong the pins are.
    pub guarantee: &'a str,
}

impl PlanFile {
    /// Pins a plan.
    #[must_use]
    pub fn new(plan: &Plan, pinning: Pinning<'_>, id: String, now: u64, lifetime: u64) -> Self {
        let secret = pinning.inventory.key.clone();
        let keys = Keys { salt: pinning.salt.clone(), secret };
        let mut objects = BTreeMap::new();
        for compared in plan.declared() {
            objects.insert(compared.item.id.clone(), pin(compared, &keys));
        }
        for prune in &plan.prunes {
            let pin = Pin {
                operation: "prune".to_owned(),
                uid: prune.live.uid.clone(),
                live: keys.of(&prune.id, &without_status(&prune.live.value)),
                ..Pin::default()
            };
            objects.insert(prune.id.clone(), pin);
        }
        Self {
            id,
            created: now,
            expires: now + lifetime,
            source: pinning.source,
            target: pinning.target,
            inventory: (pinning.inventory_uid.to_owned(), pinning.inventory.serial),
            salt: pinning.salt,
            allowed: Vec::new(),
            guarantee: pinning.guarantee.to_owned(),
            objects,
        }
    }

    /// What is no longer as it was when the plan was made, compared with the same plan made now.
    #[must_use]
    pub fn moved(&self, current: &Self) -> Vec<String> {
        let mut moved = Vec::new();
        let mut pin = |what: &str, then: &str, now: &str| {
            if then != now {
                let show = |value: &str| {
                    if value.is_empty() { "nothing".to_owned() } else { short(value) }
                };
                moved.push(format!("{what}: {} → {}", show(then), show(now)));
            }
        };
        pin("the environment", &self.source.environment, &current.source.environment);
        pin("the repository", &self.source.repository, &current.source.repository);
        pin("the files of the environment", &self.source.inputs, &current.source.inputs);
        pin("the environment's settings", &self.source.config, &current.source.config);
        pin("the renderer", &self.source.renderer, &current.source.renderer);
        pin("the actuator", &self.target.kind, &current.target.kind);
        pin("the address", &self.target.address, &current.target.address);
        pin("what is at that address", &self.target.uid, &current.target.uid);
        pin("the inventory", &self.inventory.0, &current.inventory.0);
        let serial = |serial: u64| format!("run {serial}");
        pin("applied since", &serial(self.inventory.1), &serial(current.inventory.1));
        moved.extend(self.moved_objects(current));
        moved
    }

    fn moved_objects(&self, current: &Self) -> Vec<String> {
        let mut moved = Vec::new();
        let none = Pin::default();
        for (id, then) in &self.objects {
            let now = current.objects.get(id).unwrap_or(&none);
            moved.extend(moved_object(id, then, now));
        }
        for (id, now) in current.objects.iter().filter(|(id, _)| !self.objects.contains_key(id)) {
            moved.push(format!("{id}: not in the plan, now to {}", now.operation));
        }
        moved
    }

    /// As the text of a file: one JSON document with sorted keys.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut json = self.to_json();
        json["sha256"] = json!(checksum(&json));
        format!("{}\n", serde_json::to_string_pretty(&sorted(&json)).unwrap_or_default())
    }

    fn to_json(&self) -> Value {
        let object = |(id, pin): (&Id, &Pin)| {
            let pin = json!({
                "operation": pin.operation, "uid": pin.uid, "declared": pin.declared,
                "live": pin.live, "summary": pin.summary,
            });
            (id.key(), pin)
        };
        let Source { environment, repository, commit, inputs, config, renderer } = &self.source;
        json!({
            "schema": "gitops/v1", "kind": "Plan", "id": self.id,
            "created": self.created, "expires": self.expires, "guarantee": self.guarantee,
            "source": {"environment": environment, "repository": repository, "commit": commit, "inputs": inputs,
                       "config": config, "renderer": renderer},
            "target": {"kind": self.target.kind, "address": self.target.address, "uid": self.target.uid},
            "inventory": {"uid": self.inventory.0, "serial": self.inventory.1},
            "salt": self.salt, "allowed": self.allowed,
            "objects": self.objects.iter().map(object).collect::<Map<_, _>>(),
        })
    }

    /// Reads a plan file; `name` is for messages.
    pub fn parse(name: &str, text: &str) -> anyhow::Result<Self> {
        let refuse = |cause: &str| {
            let hint = "make a new one with --plan-out";
            Hinted::new(Code::Stale, format!("cannot use the plan `{name}`: {cause}"), hint)
        };
        let json: Value = serde_json::from_str(text).map_err(|_| refuse("it is not JSON"))?;
        if json["schema"] != "gitops/v1" || json["kind"] != "Plan" {
            return Err(refuse("it is no plan of this version of gitops").into());
        }
        if json["sha256"] != checksum(&json) {
            return Err(refuse("it was changed after it was made").into());
        }
        Self::of_json(&json).ok_or_else(|| refuse("a part is missing").into())
    }

    fn of_json(json: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let list = |value: &Value| value.as_array()?.iter().map(text).collect::<Option<Vec<_>>>();
        let object = |(key, pin): (&String, &Value)| {
            let field = |name: &str| text(&pin[name]);
            let pin = Pin {
                operation: field("operation")?,
                uid: field("uid")?,
                declared: field("declared")?,
                live: field("live")?,
                summary: list(&pin["summary"])?,
            };
            Some((Id::of_key(key)?, pin))
        };
        let (source, target) = (&json["source"], &json["target"]);
        Some(Self {
            id: text(&json["id"])?,
            created: json["created"].as_u64()?,
            expires: json["expires"].as_u64()?,
            source: Source {
                environment: text(&source["environment"])?,
                repository: text(&source["repository"])?,
                commit: text(&source["commit"])?,
                inputs: text(&source["inputs"])?,
                config: text(&source["config"])?,
                renderer: text(&source["renderer"])?,
            },
            target: Target {
                kind: text(&target["kind"])?,
                address: text(&target["address"])?,
                uid: text(&target["uid"])?,
            },
            inventory: (text(&json["inventory"]["uid"])?, json["inventory"]["serial"].as_u64()?),
            salt: text(&json["salt"])?,
            allowed: list(&json["allowed"])?,
            guarantee: text(&json["guarantee"])?,
            objects: json["objects"].as_object()?.iter().map(object).collect::<Option<_>>()?,
        })
    }
}

fn checksum(json: &Value) -> String {
    let mut bare = json.clone();
    if let Some(map) = bare.as_object_mut() {
        map.remove("sha256");
    }
    sha256(sorted(&bare).to_string().as_bytes())
}

fn pin(compared: &Compared, keys: &Keys) -> Pin {
    let id = &compared.item.id;
    let live = compared.live.as_ref();
    // A secret's name is in the plan; what is in it is pinned by its version alone.
    let version = |live: &super::Live| keyed(&keys.salt, &json!([live.uid, live.version]));
    let digest = |live: &super::Live| {
        if id.is_secret() && keys.secret.is_empty() {
            version(live)
        } else {
            keys.of(id, &live.value)
        }
    };
    Pin {
        operation: compared.operation.as_str().to_owned(),
        uid: live.map(|live| live.uid.clone()).unwrap_or_default(),
        declared: keys.of(id, &compared.item.value),
        live: live.map(digest).unwrap_or_default(),
        summary: compared.changes.iter().map(|drift| drift.change.path.to_string()).collect(),
    }
}

/// What is deleted is pinned whole, but for what changes by itself.
fn without_status(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(map) = object.as_object_mut() {
        map.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("resourceVersion");
        metadata.remove("managedFields");
    }
    object
}

fn moved_object(id: &Id, then: &Pin, now: &Pin) -> Option<String> {
    let what = match () {
        () if now.operation.is_empty() => "no longer declared, nor there".to_owned(),
        () if then.uid.is_empty() && !now.uid.is_empty() => "it is there by now".to_owned(),
        () if now.uid.is_empty() && !then.uid.is_empty() => "it is gone".to_owned(),
        () if then.uid != now.uid => "it was deleted and made again".to_owned(),
        () if then.live != now.live => {
            let fields = if now.summary.is_empty() { &then.summary } else { &now.summary };
            format!("what is there has changed: {}", fields.join(" "))
        }
        () if then.declared != now.declared => "what is declared has changed".to_owned(),
        () if then.operation != now.operation => {
            format!("was to {}, now to {}", then.operation, now.operation)
        }
        () => return None,
    };
    Some(format!("{id}: {}", what.trim_end_matches(": ")))
}

/// Digests are cut: they only show that something differs.
fn short(value: &str) -> String {
    let is_digest = value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_digest { value[..12].to_owned() } else { value.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Item, Live, Operation, Prune};

    fn compared(name: &str, live: Option<&str>, declared: &str) -> Compared {
        let id = Id::plain("File", name);
        let item = Item { id, value: json!(declared), origin: String::new() };
        match live {
            None => Compared::absent(item),
            Some(value) => {
                let uid = format!("uid-{name}");
                Compared::present(item, Live { uid, version: "1".to_owned(), value: json!(value) })
            }
        }
    }

    fn file(change: impl Fn(&mut Plan, &mut Pinning<'_>)) -> PlanFile {
        let inventory = Inventory { serial: 3, ..Inventory::default() };
        let value = json!({"a": 1, "status": {"x": 1}});
        let live = Live { uid: "uid-old".to_owned(), version: "1".to_owned(), value };
        let mut plan = Plan {
            stages: vec![vec![compared("new", None, "1"), compared("web", Some("1"), "2")]],
            kept: vec![compared("same", Some("1"), "1")],
            prunes: vec![Prune { id: Id::plain("File", "old"), live }],
            ..Plan::default()
        };
        let text = str::to_owned;
        let mut pinning = Pinning {
            source: Source {
                environment: text("prod"),
                commit: text("abc"),
                inputs: text("i"),
                config: text("c"),
                renderer: text("r"),
                repository: text("h/shop"),
            },
            target: Target { kind: text("directory"), address: text("/srv"), uid: text("u") },
            inventory_uid: "iu",
            inventory: &inventory,
            salt: text("salt"),
            guarantee: "live-state",
        };
        change(&mut plan, &mut pinning);
        PlanFile::new(&plan, pinning, "id".to_owned(), 100, 50)
    }

    #[test]
    fn survives_being_written_and_notices_a_changed_byte() {
        let file = file(|_, _| {});
        let text = file.to_text();
        assert_eq!(PlanFile::parse("p", &text).unwrap(), file);
        for (from, to) in [("\"serial\": 3", "\"serial\": 4"), ("\"Plan\"", "\"plan\""), ("{", "")]
        {
            let error = PlanFile::parse("p", &text.replacen(from, to, 1)).unwrap_err();
            assert!(error.to_string().starts_with("cannot use the plan `p`: "), "{error}");
        }
    }

    #[test]
    fn each_pin_that_moves_is_named() {
        type Change = fn(&mut Plan, &mut Pinning<'_>);
        let table: &[(Change, &str)] = &[
            (|_, p| p.source.environment.push('x'), "the environment: prod → prodx"),
            (|_, p| p.source.inputs.push('x'), "the files of the environment: i → ix"),
            (|_, p| p.source.config.push('x'), "the environment's settings: c → cx"),
            (|_, p| p.source.repository.push('x'), "the repository: h/shop → h/shopx"),
            (|_, p| p.source.renderer.push('x'), "the renderer: r → rx"),
            (|_, p| p.target.kind.push('x'), "the actuator: directory → directoryx"),
            (|_, p| p.target.address.push('x'), "the address: /srv → /srvx"),
            (|_, p| p.target.uid.push('x'), "what is at that address: u → ux"),
            (|_, p| p.inventory_uid = "", "the inventory: iu → nothing"),
            (
                |p, _| p.stages[0][0] = compared("new", Some("0"), "1"),
                "File new: it is there by now",
            ),
            (
                |p, _| p.stages[0][1] = compared("web", Some("9"), "2"),
                "File web: what is there has changed",
            ),
            (
                |p, _| p.stages[0][1] = compared("web", Some("1"), "3"),
                "File web: what is declared has changed",
            ),
            (|p, _| p.stages[0][1] = compared("web", None, "2"), "File web: it is gone"),
            (
                |p, _| p.kept[0].live.as_mut().unwrap().uid.push('x'),
                "File same: it was deleted and made again",
            ),
            (|p, _| p.kept[0].operation = Operation::Adopt, "File same: was to keep, now to adopt"),
            (|p, _| p.kept.clear(), "File same: no longer declared, nor there"),
            (
                |p, _| p.kept.push(compared("more", None, "1")),
                "File more: not in the plan, now to create",
            ),
            (|p, _| p.prunes[0].live.value["a"] = json!(2), "File old: what is there has changed"),
            (|p, _| p.prunes[0].live.uid.push('x'), "File old: it was deleted and made again"),
        ];
        let plan = file(|_, _| {});
        for (change, expected) in table {
            assert_eq!(plan.moved(&file(change)), [*expected]);
        }
    }

    #[test]
    fn what_changes_by_itself_does_not_make_a_plan_stale() {
        let changed = file(|plan, pinning| {
            plan.prunes[0].live.value["status"] = json!({"x": 2});
            plan.prunes[0].live.version = "2".to_owned();
            plan.stages[0][1].live.as_mut().unwrap().version = "2".to_owned();
            pinning.source.commit = "def".to_owned();
        });
        assert_eq!(file(|_, _| {}).moved(&changed), [""; 0]);
    }

    #[test]
    fn a_plan_of_an_earlier_run_is_stale() {
        let mut later = file(|_, _| {});
        later.inventory.1 = 4;
        assert_eq!(file(|_, _| {}).moved(&later), ["applied since: run 3 → run 4"]);
    }
}
