//! Where a file can be changed, and how.
//!
//! Left out: tests, attributes, what `Display`, `Debug` and `Error` print, macros, patterns, types and constants, in which no
//! choice can be made while running.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "syntax has many kinds, and those that are not changed are passed over alike"
)]

use core::cmp::Reverse;

use proc_macro2::Span;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{BinOp, Block, Expr, Lit, Pat, ReturnType, Signature, Stmt, Type, UnOp};

use super::schema::{Kind, Place, Places, Variant};

/// Methods and what each is swapped for.
const METHODS: [(&str, &str); 20] = [
    ("checked_add", "checked_sub"),
    ("checked_sub", "checked_add"),
    ("saturating_add", "saturating_sub"),
    ("saturating_sub", "saturating_add"),
    ("saturating_mul", "saturating_add"),
    ("wrapping_add", "wrapping_sub"),
    ("wrapping_sub", "wrapping_add"),
    ("checked_mul", "checked_add"),
    ("checked_div", "checked_rem"),
    ("checked_rem", "checked_div"),
    ("is_some", "is_none"),
    ("is_none", "is_some"),
    ("is_ok", "is_err"),
    ("is_err", "is_ok"),
    ("is_some_and", "is_none_or"),
    ("is_none_or", "is_some_and"),
    ("any", "all"),
    ("all", "any"),
    ("min", "max"),
    ("max", "min"),
];

/// Constant functions that a constant calls: they stay so, and have no mutants. All others are made ordinary ones in the copy.
const KEPT: [&str; 3] = ["CutOffs::of_claim", "Pattern::is_sound", "Suites::of"];

/// Everything in a file that can be changed.
pub(super) fn places(text: &str) -> Result<Places, String> {
    let file = syn::parse_file(text).map_err(|e| e.to_string())?;
    let mut finder =
        Finder { text, places: Places::new(), owner: String::new(), function: String::new() };
    finder.visit_file(&file);
    Ok(finder.places)
}

struct Finder<'a> {
    text: &'a str,
    places: Places,
    owner: String,
    function: String,
}

impl Finder<'_> {
    fn of(&self, span: Span) -> &str {
        self.text.get(span.byte_range()).unwrap_or_default()
    }

    /// Notes that the text at `span` can be replaced.
    fn add(&mut self, kind: Kind, span: Span, text: String) {
        let change = format!("{} -> {}", short(self.of(span)), short(&text));
        self.add_as(kind, span, text, change);
    }

    fn add_as(&mut self, kind: Kind, span: Span, text: String, change: String) {
        let (range, line) = (span.byte_range(), span.start().line);
        let function = self.function.clone();
        let key = (range.start, Reverse(range.end));
        let place = self.places.entry(key).or_insert(Place { kind, variants: Vec::new() });
        if place.variants.iter().all(|other| other.change != change) {
            let variant = Variant { number: 0, function, change, nth: 1, line, text };
            place.variants.push(variant);
        }
    }

    /// What decides an `if`, `while` or guard: taken as if it never held, or always.
    fn condition(&mut self, expr: &Expr, values: &[&str]) {
        match expr {
            Expr::Binary(binary) if has_let(expr) => {
                self.condition(&binary.left, values);
                self.condition(&binary.right, values);
            }
            Expr::Let(_) => {}
            _ => {
                for value in values {
                    self.add(Kind::Expression, expr.span(), (*value).to_owned());
                }
            }
        }
    }

    fn function(&mut self, signature: &Signature, block: &Block) {
        let name = signature.ident.to_string();
        self.function =
            if self.owner.is_empty() { name } else { format!("{}::{name}", self.owner) };
        if let Some(constant) = &signature.constness {
            if KEPT.contains(&self.function.as_str()) {
                return;
            }
            let range = constant.span.byte_range();
            let dropped = Place { kind: Kind::Dropped, variants: Vec::new() };
            self.places.insert((range.start, Reverse(range.end)), dropped);
        }
        if let (Some(first), Some(last)) = (block.stmts.first(), block.stmts.last()) {
            // Before the first statement, so that the body itself stays.
            let range = first.span().byte_range().start..last.span().byte_range().end;
            // A body that is the value already is not changed by it.
            let body = self.text.get(range.clone()).unwrap_or_default();
            for value in benign(&signature.output, self.text).iter().filter(|v| *v != body) {
                self.add_body(range.start, first.span().start().line, value);
            }
        }
        self.visit_block(block);
    }

    fn add_body(&mut self, at: usize, line: usize, value: &str) {
        let place = self.places.entry((at, Reverse(at)));
        let place = place.or_insert(Place { kind: Kind::Statement, variants: Vec::new() });
        let text = format!("return {value};");
        let change = if value.is_empty() {
            "body -> nothing".to_owned()
        } else {
            format!("body -> {value}")
        };
        let function = self.function.clone();
        place.variants.push(Variant { number: 0, function, change, nth: 1, line, text });
    }

    fn binary(&mut self, binary: &syn::ExprBinary) {
        let swapped: &[&str] = match binary.op {
            BinOp::Lt(_) => &["<=", ">="],
            BinOp::Le(_) => &["<", ">"],
            BinOp::Gt(_) => &[">=", "<="],
            BinOp::Ge(_) => &[">", "<"],
            BinOp::Eq(_) => &["!="],
            BinOp::Ne(_) => &["=="],
            BinOp::And(_) => &["||"],
            BinOp::Or(_) => &["&&"],
            BinOp::Add(_) => &["-"],
            BinOp::Sub(_) => &["+"],
            BinOp::Mul(_) => &["+"],
            BinOp::Div(_) | BinOp::Rem(_) => &["*"],
            BinOp::BitAnd(_) => &["|"],
            BinOp::BitOr(_) | BinOp::BitXor(_) => &["&"],
            BinOp::Shl(_) => &[">>"],
            BinOp::Shr(_) => &["<<"],
            BinOp::AddAssign(_) => &["-="],
            BinOp::SubAssign(_) => &["+="],
            _ => &[],
        };
        let (left, right) = (self.of(binary.left.span()), self.of(binary.right.span()));
        let whole: Vec<String> =
            swapped.iter().map(|operator| format!("({left}) {operator} ({right})")).collect();
        for (text, operator) in whole.into_iter().zip(swapped) {
            let change = format!("{} -> {operator}", short(self.of(binary.span())));
            self.add_as(Kind::Expression, binary.span(), text, change);
        }
    }

    fn literal(&mut self, literal: &syn::ExprLit) {
        match &literal.lit {
            Lit::Bool(value) => {
                self.add(Kind::Expression, literal.span(), (!value.value).to_string())
            }
            Lit::Int(value) => {
                let Ok(number) = value.base10_parse::<u128>() else { return };
                let suffix = value.suffix();
                let near = [number.checked_add(1), number.checked_sub(1)];
                for other in near.into_iter().flatten() {
                    self.add(Kind::Expression, literal.span(), format!("{other}{suffix}"));
                }
            }
            _ => {}
        }
    }

    fn method(&mut self, call: &syn::ExprMethodCall) {
        let name = call.method.to_string();
        let Some((_, other)) = METHODS.iter().find(|(method, _)| *method == name) else { return };
        let (whole, method) = (call.span().byte_range(), call.method.span().byte_range());
        let piece = |range| self.text.get(range).unwrap_or_default();
        let text =
            format!("{}{other}{}", piece(whole.start..method.start), piece(method.end..whole.end));
        let change = format!("{} -> {other}", short(self.of(call.span())));
        self.add_as(Kind::Expression, call.span(), text, change);
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_mod(&mut self, _: &'ast syn::ItemMod) {}
    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}
    fn visit_item_static(&mut self, _: &'ast syn::ItemStatic) {}
    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
    fn visit_type(&mut self, _: &'ast Type) {}
    fn visit_generic_argument(&mut self, _: &'ast syn::GenericArgument) {}
    fn visit_macro(&mut self, _: &'ast syn::Macro) {}
    fn visit_expr_const(&mut self, _: &'ast syn::ExprConst) {}

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let name = item.trait_.as_ref().and_then(|(path, _)| path.segments.last());
        let name = name.map(|segment| segment.ident.to_string()).unwrap_or_default();
        if ["Display", "Debug", "Error"].contains(&name.as_str()) {
            return;
        }
        let owner = self.of(item.self_ty.span());
        self.owner = owner.split('<').next().unwrap_or_default().to_owned();
        visit::visit_item_impl(self, item);
        self.owner.clear();
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block);
    }

    fn visit_pat(&mut self, pattern: &'ast Pat) {
        if let Pat::Guard(guarded) = pattern {
            self.condition(&guarded.guard, &["false", "true"]);
            self.visit_expr(&guarded.guard);
        }
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        if let Stmt::Expr(expr, Some(_)) = statement {
            let deleted = matches!(
                expr,
                Expr::Call(_)
                    | Expr::MethodCall(_)
                    | Expr::Assign(_)
                    | Expr::Try(_)
                    | Expr::Binary(_)
            );
            if deleted {
                let change = format!("{} -> nothing", short(self.of(statement.span())));
                self.add_as(Kind::Statement, statement.span(), String::new(), change);
            }
            if let Expr::Try(tried) = expr {
                let text = format!("let _ = {};", self.of(tried.expr.span()));
                self.add(Kind::Statement, statement.span(), text);
            }
        }
        visit::visit_stmt(self, statement);
    }

    fn visit_expr(&mut self, expr: &'ast Expr) {
        match expr {
            Expr::Binary(binary) if !has_let(expr) => self.binary(binary),
            Expr::Unary(unary) if matches!(unary.op, UnOp::Not(_)) => {
                let text = self.of(unary.expr.span()).to_owned();
                self.add(Kind::Expression, unary.span(), text);
            }
            Expr::Lit(literal) => self.literal(literal),
            Expr::MethodCall(call) => self.method(call),
            Expr::If(choice) => self.condition(&choice.cond, &["false", "true"]),
            Expr::While(repeated) => self.condition(&repeated.cond, &["false"]),
            // The length is a constant.
            Expr::Repeat(repeat) => return self.visit_expr(&repeat.expr),
            _ => {}
        }
        visit::visit_expr(self, expr);
    }
}

fn has_let(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

/// In one line, and not a long one.
fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= 60 {
        return line;
    }
    let (head, tail): (String, Vec<char>) =
        (line.chars().take(38).collect(), line.chars().rev().take(18).collect());
    format!("{head}...{}", tail.into_iter().rev().collect::<String>())
}

/// What a function of this return type could give without doing anything.
fn benign(output: &ReturnType, text: &str) -> Vec<String> {
    match output {
        ReturnType::Default => vec![String::new()],
        ReturnType::Type(_, output) => values(output, text),
    }
}

fn values(output: &Type, text: &str) -> Vec<String> {
    let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    match output {
        Type::Tuple(tuple) if tuple.elems.is_empty() => owned(&["()"]),
        Type::Array(array) => {
            let length = text.get(array.len.span().byte_range()).unwrap_or_default();
            vec![format!("[0; {length}]")]
        }
        Type::Path(path) => {
            let Some(segment) = path.path.segments.last() else { return Vec::new() };
            let first = || match &segment.arguments {
                syn::PathArguments::AngleBracketed(list) => list.args.first(),
                _ => None,
            };
            match segment.ident.to_string().as_str() {
                "bool" => owned(&["true", "false"]),
                "u8" | "u16" | "u32" | "u64" | "usize" => owned(&["0", "1"]),
                "Option" => owned(&["None"]),
                "Result" => match first() {
                    Some(syn::GenericArgument::Type(inner)) => {
                        values(inner, text).iter().map(|value| format!("Ok({value})")).collect()
                    }
                    _ => Vec::new(),
                },
                _ => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(text: &str) -> Vec<String> {
        let places = places(text).unwrap();
        let variants = places.into_values().flat_map(|place| place.variants);
        variants.map(|variant| format!("{}: {}", variant.function, variant.change)).collect()
    }

    #[test]
    fn each_operator_finds_its_places() {
        for (text, expected) in [
            ("fn f(a: u8) { g(a < b); }", "f: a < b -> <="),
            ("fn f() { g(a && b); }", "f: a && b -> ||"),
            ("fn f() { g(!a); }", "f: !a -> a"),
            ("fn f() { g(a + b); }", "f: a + b -> -"),
            ("fn f() { g(a.checked_add(b)); }", "f: a.checked_add(b) -> checked_sub"),
            ("fn f() { g(7); }", "f: 7 -> 8"),
            ("fn f() { g(7); }", "f: 7 -> 6"),
            ("fn f() { if a { return; } }", "f: a -> false"),
            ("fn f() { match a { A if b => 1, _ => 2 } }", "f: b -> false"),
            ("fn f() -> Result<(), E> { g() }", "f: body -> Ok(())"),
            ("fn f() { g()?; }", "f: g()?; -> let _ = g();"),
            ("fn f() { g(); }", "f: g(); -> nothing"),
            ("impl A { const fn f(&self) -> bool { self.a } }", "A::f: body -> true"),
        ] {
            assert!(changes(text).contains(&expected.to_owned()), "{text}: {:?}", changes(text));
        }
    }

    #[test]
    fn a_body_is_not_changed_to_itself() {
        let found = changes("fn f() -> bool { true }");
        assert!(found.contains(&"f: body -> false".to_owned()), "{found:?}");
        assert!(!found.contains(&"f: body -> true".to_owned()), "{found:?}");
    }

    #[test]
    fn what_cannot_choose_while_running_is_left_alone() {
        for text in [
            "const A: u8 = 1 + 2;",
            "impl CutOffs { const fn of_claim() -> u8 { 1 + 2 } }",
            "fn f() -> A { a::<3>([A; 4]) }",
            "fn f() -> A { match a { 1 => A, _ => B } }",
            "impl Display for A { fn fmt(&self) -> bool { 1 < 2 } }",
            "#[cfg(test)] mod tests { fn f() -> bool { 1 < 2 } }",
        ] {
            assert_eq!(changes(text), Vec::<String>::new(), "{text}");
        }
    }
}
