use std::{cell::OnceCell, collections::HashSet};

use super::{Comparison, Expr, Literal, Op};
use crate::{
    Key, Path, Subject,
    index::scalars,
    json::{Cursor, find},
};

/// Whether `expr`, which looks at `paths`, holds.
pub(super) fn judge(expr: &Expr, paths: &[Path], subject: &Subject<'_>) -> bool {
    let data = &paths[paths.partition_point(|path| matches!(path, Path::Own(_)))..];
    Judge { subject, paths: data, fields: OnceCell::new() }.holds(expr)
}

struct Judge<'a> {
    subject: &'a Subject<'a>,
    /// Those into the data, sorted, all different.
    paths: &'a [Path],
    /// What the data has at each.
    fields: OnceCell<Vec<Option<Field<'a>>>>,
}

/// A value of the data, read as far as it was asked for.
struct Field<'a> {
    json: &'a [u8],
    key: OnceCell<Key>,
    inside: OnceCell<HashSet<Key>>,
}

impl Judge<'_> {
    fn holds(&self, expr: &Expr) -> bool {
        match expr {
            Expr::And(parts) => parts.iter().all(|part| self.holds(part)),
            Expr::Or(parts) => parts.iter().any(|part| self.holds(part)),
            Expr::Not(part) => !self.holds(part),
            Expr::Comparison(comparison) => self.compares(comparison),
        }
    }

    fn compares(&self, Comparison { path, op, literal, key, .. }: &Comparison) -> bool {
        let any = *literal == Literal::Any;
        let field = match path {
            Path::Own(own) => return any || op.holds(self.subject.key(*own).cmp(key)),
            Path::Data(_) => self.field(path),
        };
        field.is_some_and(|field| {
            let own = field.key.get_or_init(|| Key::of(field.json));
            any || if own.is_scalar() { op.holds(own.cmp(key)) } else { *op == Op::Has && field.inside().contains(key) }
        })
    }

    fn field(&self, path: &Path) -> Option<&Field<'_>> {
        let fields = self.fields.get_or_init(|| {
            let field = |json| Field { json, key: OnceCell::new(), inside: OnceCell::new() };
            find(self.subject.data, self.paths).into_iter().map(|json| json.map(field)).collect()
        });
        fields.get(self.paths.binary_search(path).ok()?)?.as_ref()
    }
}

impl Field<'_> {
    /// The scalars of an array, the names of an object.
    fn inside(&self) -> &HashSet<Key> {
        self.inside.get_or_init(|| {
            let mut inside = HashSet::new();
            scalars(self.json, |key| {
                inside.insert(key);
                true
            });
            Cursor::new(self.json).object(|cursor, name| {
                inside.insert(Key::of(name));
                cursor.value();
            });
            inside
        })
    }
}
