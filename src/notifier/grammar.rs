//! What a template may say. It comes from the repository, so whoever opens a pull request writes it, and it is
//! rendered after the change is made: it must end, and in little memory.
//!
//! Steps are counted elsewhere. Memory is bounded because no expression makes a text or a list that is longer
//! than what it is made of: what joins, repeats, captures or calls is left out, and the filters that are left
//! shorten, choose, or have a limit of their own. What is printed goes through a writer with a limit.

use minijinja::machinery::ast::{BinOpKind, CallArg, Expr, Stmt};

/// The filters a template may use, besides our own.
const FILTERS: &[&str] = &[
    "abs",
    "bold",
    "capitalize",
    "code",
    "count",
    "d",
    "default",
    "first",
    "float",
    "int",
    "join",
    "last",
    "length",
    "link",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "sort",
    "string",
    "title",
    "trim",
    "unique",
    "upper",
];

/// What is not allowed, in the words of an error, and its line.
pub(super) type Refused = (String, u16);
type Checked = Result<(), Refused>;

/// Whether a template says only what it may.
pub(super) fn check(template: &Stmt<'_>) -> Checked {
    match template {
        Stmt::Template(template) => all(&template.children),
        Stmt::EmitExpr(emitted) => expression(&emitted.expr),
        Stmt::EmitRaw(_) => Ok(()),
        Stmt::ForLoop(it) if it.recursive => refused("a recursive loop", it.span().start_line),
        Stmt::ForLoop(it) => {
            expression(&it.iter)?;
            it.filter_expr.as_ref().map_or(Ok(()), expression)?;
            all(&it.body)?;
            all(&it.else_body)
        }
        Stmt::IfCond(it) => {
            expression(&it.expr)?;
            all(&it.true_body)?;
            all(&it.false_body)
        }
        Stmt::WithBlock(it) => {
            it.assignments.iter().try_for_each(|(_, value)| expression(value))?;
            all(&it.body)
        }
        Stmt::Set(it) => expression(&it.expr),
        Stmt::SetBlock(it) => refused("`set` with a block", it.span().start_line),
        Stmt::FilterBlock(it) => refused("`filter` with a block", it.span().start_line),
        Stmt::AutoEscape(it) => refused("`autoescape`", it.span().start_line),
        Stmt::Do(it) => refused("`do`", it.span().start_line),
    }
}

fn all(statements: &[Stmt<'_>]) -> Checked {
    statements.iter().try_for_each(check)
}

fn refused(what: &str, line: u16) -> Checked {
    Err((what.to_owned(), line))
}

fn expression(expr: &Expr<'_>) -> Checked {
    let line = expr.span().start_line;
    let maybe = |expr: &Option<Expr<'_>>| expr.as_ref().map_or(Ok(()), expression);
    match expr {
        Expr::Var(_) | Expr::Const(_) => Ok(()),
        Expr::Slice(it) => {
            expression(&it.expr)?;
            [&it.start, &it.stop, &it.step].into_iter().try_for_each(maybe)
        }
        Expr::UnaryOp(it) => expression(&it.expr),
        Expr::BinOp(it) => {
            operator(it.op).map_or(Ok(()), |sign| refused(&format!("`{sign}`"), line))?;
            expression(&it.left)?;
            expression(&it.right)
        }
        Expr::Compare(it) => {
            expression(&it.expr)?;
            it.ops.iter().try_for_each(|op| expression(&op.expr))
        }
        Expr::IfExpr(it) => {
            expression(&it.test_expr)?;
            expression(&it.true_expr)?;
            maybe(&it.false_expr)
        }
        Expr::Filter(it) => {
            filter(it.name, &it.args, line)?;
            maybe(&it.expr)?;
            arguments(&it.args, line)
        }
        Expr::Test(it) => {
            expression(&it.expr)?;
            arguments(&it.args, line)
        }
        Expr::GetAttr(it) => expression(&it.expr),
        Expr::GetItem(it) => {
            expression(&it.expr)?;
            expression(&it.subscript_expr)
        }
        Expr::List(it) => constants(&it.items, line),
        Expr::Tuple(it) => constants(&it.items, line),
        Expr::Call(_) => refused("a function", line),
        Expr::Map(_) => refused("a map", line),
    }
}

/// The operators that make more of what they are given.
fn operator(kind: BinOpKind) -> Option<&'static str> {
    match kind {
        BinOpKind::Add => Some("+"),
        BinOpKind::Mul => Some("*"),
        BinOpKind::Pow => Some("**"),
        BinOpKind::Concat => Some("~"),
        _ => None,
    }
}

/// A list of lists could hold each of them many times.
fn constants(items: &[Expr<'_>], line: u16) -> Checked {
    let is_constant = |item: &Expr<'_>| matches!(item, Expr::Const(_));
    if items.iter().all(is_constant) { Ok(()) } else { refused("a list of values", line) }
}

/// `map` may name another filter.
fn filter(name: &str, args: &[CallArg<'_>], line: u16) -> Checked {
    let named = args.iter().filter(|_| name == "map").find_map(|arg| match arg {
        CallArg::Pos(Expr::Const(name)) => Some(name.value.as_str().unwrap_or_default()),
        CallArg::Pos(_) => Some(""),
        _ => None,
    });
    let is_known = |name: &str| FILTERS.contains(&name);
    match [Some(name), named].into_iter().flatten().find(|name| !is_known(name)) {
        Some(stranger) => refused(&format!("the filter `{stranger}`"), line),
        None => Ok(()),
    }
}

fn arguments(args: &[CallArg<'_>], line: u16) -> Checked {
    args.iter().try_for_each(|arg| match arg {
        CallArg::Pos(value) | CallArg::Kwarg(_, value) => expression(value),
        CallArg::PosSplat(_) | CallArg::KwargSplat(_) => refused("`*` before arguments", line),
    })
}
