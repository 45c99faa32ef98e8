//! The files of a commit, wherever its objects are: paths, symbolic links and what cannot be edited.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::error::{Code, Hinted};
use crate::snapshot::{Entry, Kind, Snapshot};

/// As many links as Linux follows.
const MOST_LINKS: usize = 40;

/// What a tree holds under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Directory,
    File,
    Executable,
    Symlink,
    Submodule,
}

impl Mode {
    /// From the octal number in a tree; old repositories have group-writable files.
    pub(super) fn of(bits: u32) -> Self {
        match bits {
            0o040_000 => Self::Directory,
            0o120_000 => Self::Symlink,
            0o160_000 => Self::Submodule,
            bits if bits & 0o111 != 0 => Self::Executable,
            _ => Self::File,
        }
    }

    fn kind(self) -> Kind {
        match self {
            Self::Directory => Kind::Directory,
            Self::File | Self::Executable => Kind::File,
            Self::Symlink => Kind::Symlink,
            Self::Submodule => Kind::Submodule,
        }
    }
}

/// A name in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) mode: Mode,
    pub(super) id: String,
}

/// Where trees and blobs come from.
pub(super) trait Objects {
    /// The nodes of a tree whose names are UTF-8.
    fn children(&self, tree: &str) -> anyhow::Result<Vec<Node>>;

    /// The bytes of blobs, all in one request where they are far away.
    fn blobs(&self, ids: &[String]) -> anyhow::Result<Vec<Vec<u8>>>;
}

/// A file's real place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Its path, after symbolic links.
    pub(super) path: String,
    /// What is there; nothing for a file to be made.
    pub(super) node: Option<Node>,
}

/// The files of one tree.
pub(super) struct Files<O> {
    objects: O,
    root: String,
    trees: RefCell<HashMap<String, Rc<Vec<Node>>>>,
}

impl<O: Objects> Files<O> {
    pub(super) fn new(objects: O, root: String) -> Self {
        Self { objects, root, trees: RefCell::default() }
    }

    fn children(&self, tree: &str) -> anyhow::Result<Rc<Vec<Node>>> {
        if let Some(nodes) = self.trees.borrow().get(tree) {
            return Ok(Rc::clone(nodes));
        }
        let nodes = Rc::new(self.objects.children(tree)?);
        self.trees.borrow_mut().insert(tree.to_owned(), Rc::clone(&nodes));
        Ok(nodes)
    }

    /// Follows a path and every symbolic link on it, as long as it stays inside.
    pub(super) fn locate(&self, path: &str) -> anyhow::Result<Place> {
        let mut wanted = normal("", path).ok_or_else(|| outside(path, path))?;
        for _ in 0..MOST_LINKS {
            match self.walk(path, &wanted)? {
                Walked::Place(place) => return Ok(place),
                Walked::Link(next) => wanted = next,
            }
        }
        let message = format!("cannot read `{path}`: too many symbolic links");
        Err(Hinted::plain(Code::NotFound, message).into())
    }

    fn walk(&self, asked: &str, path: &str) -> anyhow::Result<Walked> {
        let root = Node { name: String::new(), mode: Mode::Directory, id: self.root.clone() };
        let mut node = root;
        let mut done = String::new();
        let mut names = path.split('/').filter(|name| !name.is_empty());
        while let Some(name) = names.next() {
            if node.mode == Mode::Submodule {
                return Err(submodule(asked, &done));
            }
            let found = match node.mode {
                Mode::Directory => {
                    self.children(&node.id)?.iter().find(|child| child.name == name).cloned()
                }
                _ => None,
            };
            let parent = done.clone();
            done = join(&done, name);
            let Some(child) = found else {
                return Ok(Walked::Place(Place { path: path.to_owned(), node: None }));
            };
            if child.mode == Mode::Symlink {
                let target = self.objects.blobs(std::slice::from_ref(&child.id))?.concat();
                let target = String::from_utf8_lossy(&target).into_owned();
                let rest: Vec<&str> = names.collect();
                let next = format!("{target}/{}", rest.join("/"));
                let inside = (!target.starts_with('/')).then(|| normal(&parent, &next)).flatten();
                return inside.map(Walked::Link).ok_or_else(|| outside(asked, &target));
            }
            node = child;
        }
        Ok(Walked::Place(Place { path: done, node: Some(node) }))
    }
}

enum Walked {
    Place(Place),
    /// The path to go on with.
    Link(String),
}

fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") }
}

/// `path` as seen from `dir`, without `.` and `..`; nothing where it leaves the repository.
fn normal(dir: &str, path: &str) -> Option<String> {
    let mut names: Vec<&str> = dir.split('/').filter(|name| !name.is_empty()).collect();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => {
                names.pop()?;
            }
            name => names.push(name),
        }
    }
    Some(names.join("/"))
}

fn outside(path: &str, target: &str) -> anyhow::Error {
    let message = format!("cannot read `{path}`: it leads to `{target}`, outside the repository");
    Hinted::new(Code::Outside, message, "name a file inside the repository").into()
}

fn submodule(path: &str, at: &str) -> anyhow::Error {
    let message = format!("cannot read `{path}`: `{at}` is a submodule, another repository");
    Hinted::new(Code::NotFound, message, "run gitops with that repository's URL as --repo").into()
}

impl<O: Objects> Snapshot for Files<O> {
    fn entries(&self, dir: &str) -> anyhow::Result<Vec<Entry>> {
        let Some(node) = self.locate(dir)?.node.filter(|node| node.mode == Mode::Directory) else {
            return Ok(Vec::new());
        };
        let children = self.children(&node.id)?;
        let mut entries: Vec<Entry> = children
            .iter()
            .map(|child| Entry { name: child.name.clone(), kind: child.mode.kind() })
            .collect();
        // Git orders directories as if their names ended with a slash.
        entries.sort();
        Ok(entries)
    }

    fn read(&self, paths: &[String]) -> anyhow::Result<Vec<Vec<u8>>> {
        let mut ids = Vec::with_capacity(paths.len());
        for path in paths {
            let fail = |cause: &str| {
                Hinted::plain(Code::NotFound, format!("cannot read `{path}`: {cause}"))
            };
            let Some(node) = self.locate(path)?.node else {
                return Err(fail("there is no such file in the branch").into());
            };
            match node.mode {
                Mode::Directory => return Err(fail("it is a directory").into()),
                Mode::Submodule => return Err(submodule(path, path)),
                _ => ids.push(node.id),
            }
        }
        self.objects.blobs(&ids)
    }

    fn real_path(&self, path: &str) -> anyhow::Result<String> {
        let place = self.locate(path)?;
        if place.node.is_none() {
            let message = format!("cannot read `{path}`: there is no such file in the branch");
            return Err(Hinted::plain(Code::NotFound, message).into());
        }
        Ok(place.path)
    }

    fn is_executable(&self, path: &str) -> anyhow::Result<bool> {
        Ok(self.locate(path)?.node.is_some_and(|node| node.mode == Mode::Executable))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Trees and blobs by name; `a/` holds what begins with it.
    struct Fake(Vec<(&'static str, Mode, &'static str)>);

    impl Objects for Fake {
        fn children(&self, tree: &str) -> anyhow::Result<Vec<Node>> {
            let prefix = if tree == "root" { String::new() } else { format!("{tree}/") };
            let below = self.0.iter().filter_map(|(path, mode, _)| {
                let name = path.strip_prefix(&prefix)?;
                let id = (*path).to_owned();
                (!name.contains('/')).then(|| Node { name: name.to_owned(), mode: *mode, id })
            });
            Ok(below.collect())
        }

        fn blobs(&self, ids: &[String]) -> anyhow::Result<Vec<Vec<u8>>> {
            let bytes = |id: &String| self.0.iter().find(|(path, ..)| path == id).unwrap().2;
            Ok(ids.iter().map(|id| bytes(id).as_bytes().to_vec()).collect())
        }
    }

    fn files() -> Files<Fake> {
        use Mode::{Directory, Executable, File, Submodule, Symlink};
        let nodes = vec![
            ("env", Directory, ""),
            ("env/a.yaml", File, "a"),
            ("env/x.sh", Executable, "x"),
            ("env/link.yaml", Symlink, "a.yaml"),
            ("env/up.yaml", Symlink, "../top.yaml"),
            ("env.d", File, ""),
            ("latest", Symlink, "env"),
            ("leave", Symlink, "../../etc/hosts"),
            ("absolute", Symlink, "/etc/hosts"),
            ("loop", Symlink, "loop"),
            ("sub", Submodule, ""),
            ("top.yaml", File, "top"),
        ];
        Files::new(Fake(nodes), "root".to_owned())
    }

    #[test]
    fn reads_through_links_that_stay_inside() {
        let files = files();
        let paths = ["env/a.yaml", "env/link.yaml", "env/up.yaml", "latest/up.yaml", "./env//x.sh"];
        let bytes = files.read(&paths.map(str::to_owned)).unwrap();
        assert_eq!(bytes, [&b"a"[..], b"a", b"top", b"top", b"x"]);
        assert_eq!(files.locate("latest/link.yaml").unwrap().path, "env/a.yaml");
        assert_eq!(files.locate("latest/new.yaml").unwrap().node, None);
    }

    #[test]
    fn lists_in_order_of_names() {
        let names = |dir| -> Vec<String> {
            files().entries(dir).unwrap().into_iter().map(|entry| entry.name).collect()
        };
        assert_eq!(names("")[..3], ["absolute", "env", "env.d"]);
        assert_eq!(names("latest").len(), 4);
        assert!(names("nowhere").is_empty() && names("top.yaml").is_empty());
    }

    #[test]
    fn says_why_a_file_cannot_be_read() {
        let table = [
            ("nowhere.yaml", "there is no such file"),
            ("env", "it is a directory"),
            ("sub/a.yaml", "`sub` is a submodule"),
            ("leave", "outside the repository"),
            ("absolute", "`/etc/hosts`, outside"),
            ("../x", "outside the repository"),
            ("loop", "too many symbolic links"),
        ];
        for (path, cause) in table {
            let error = files().read(&[path.to_owned()]).unwrap_err().to_string();
            assert!(error.contains(cause) && error.contains(&format!("`{path}`")), "{error}");
        }
    }
}
