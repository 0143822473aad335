//! Rows as they leave the store: a noun's keys, the columns that were asked for, and confidential values sealed.
//!
//! A query selects only what its GraphQL selection needs. A column that was not selected is [`Selected::NotSelected`], and
//! reading it is an error of ours, never a silent default. A confidential column is not selected for a viewer who may
//! not read it: the database is not even asked.

use std::marker::PhantomData;

use entity::table::{Class, Classified};
use sea_orm::{DbErr, EntityTrait, IdenStatic, Iterable, QueryResult, TryGetable};

use crate::error::{Error, Result};

/// A column that a query may leave out.
#[derive(Clone, Debug)]
pub enum Selected<T> {
    /// Selected.
    Value(T),
    /// Left out.
    NotSelected,
}

impl<T> Selected<T> {
    /// The value; an internal error when the query left it out.
    pub fn get(&self) -> Result<&T> {
        match self {
            Self::Value(value) => Ok(value),
            Self::NotSelected => Err(Error::internal(format!("{} was not selected", std::any::type_name::<T>()))),
        }
    }
}

/// A set of columns of one table.
pub struct Columns<E> {
    bits: u64,
    entity: PhantomData<E>,
}

impl<E> Clone for Columns<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Columns<E> {}

impl<E> PartialEq for Columns<E> {
    fn eq(&self, other: &Self) -> bool {
        self.bits == other.bits
    }
}

impl<E> Eq for Columns<E> {}

impl<E> std::hash::Hash for Columns<E> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.bits.hash(state);
    }
}

impl<E> std::fmt::Debug for Columns<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Columns({:b})", self.bits)
    }
}

impl<E: Classified> Columns<E> {
    fn bit(column: E::Column) -> u64 {
        // Every table has fewer than 64 columns, which a test holds.
        E::Column::iter().position(|known| known.as_str() == column.as_str()).map_or(0, |at| 1 << at)
    }

    /// The given columns.
    pub fn of(columns: &[E::Column]) -> Self {
        Self { bits: columns.iter().fold(0, |bits, column| bits | Self::bit(*column)), entity: PhantomData }
    }

    /// The same with one more.
    #[must_use]
    pub fn with(self, column: E::Column) -> Self {
        Self { bits: self.bits | Self::bit(column), entity: PhantomData }
    }

    /// The same with one less.
    #[must_use]
    pub fn without(self, column: E::Column) -> Self {
        Self { bits: self.bits & !Self::bit(column), entity: PhantomData }
    }

    /// The same without the confidential ones: what a content-blind viewer's query may select.
    #[must_use]
    pub fn metadata(self) -> Self {
        let bits = E::Column::iter()
            .filter(|column| E::class(column) == Class::Metadata)
            .fold(0, |bits, column| bits | Self::bit(column));
        Self { bits: self.bits & bits, entity: PhantomData }
    }

    /// Whether the column is in the set.
    pub fn contains(self, column: E::Column) -> bool {
        self.bits & Self::bit(column) != 0
    }

    /// The columns, in order of declaration: the order in which they are selected and read.
    pub fn iter(self) -> impl Iterator<Item = E::Column> {
        E::Column::iter().filter(move |column| self.contains(*column))
    }

    /// How many there are.
    pub const fn len(self) -> usize {
        self.bits.count_ones() as usize
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.bits == 0
    }
}

/// Reads the cells of one row by position, in the order in which [`Columns`] were selected.
pub struct Cells<'a, E> {
    row: &'a QueryResult,
    columns: Columns<E>,
    first: usize,
}

impl<'a, E: Classified> Cells<'a, E> {
    /// Cells of `row`, whose selected columns begin at position `first`.
    pub const fn new(row: &'a QueryResult, columns: Columns<E>, first: usize) -> Self {
        Self { row, columns, first }
    }

    fn position(&self, column: E::Column) -> Option<usize> {
        let bit = Columns::<E>::bit(column);
        (self.columns.bits & bit != 0).then(|| self.first + (self.columns.bits & (bit - 1)).count_ones() as usize)
    }

    /// A column that every query selects.
    pub fn key<T: TryGetable>(&self, column: E::Column) -> Result<T, DbErr> {
        let position = self.position(column).ok_or_else(|| DbErr::Type(format!("{} is a key", column.as_str())))?;
        T::try_get_by_index(self.row, position).map_err(Into::into)
    }

    /// A column that was selected, or not.
    pub fn lazy<T: TryGetable>(&self, column: E::Column) -> Result<Selected<T>, DbErr> {
        match self.position(column) {
            Some(position) => Ok(Selected::Value(T::try_get_by_index(self.row, position)?)),
            None => Ok(Selected::NotSelected),
        }
    }

    /// A confidential column: sealed when it was selected, withheld when it was not.
    pub fn sealed<T: TryGetable>(&self, column: E::Column) -> Result<entity::confidential::Confidential<T>, DbErr> {
        use entity::confidential::Confidential;
        match self.position(column) {
            Some(position) => Ok(Confidential::try_get_by_index(self.row, position)?.of(E::AUDIENCE)),
            None => Ok(Confidential::withheld().of(E::AUDIENCE)),
        }
    }
}

/// A row type and the table that it is read from.
pub trait Row: Sized + Clone + Send + Sync + 'static {
    /// The table.
    type Entity: Classified;

    /// Columns that are selected when asked for, by their names here.
    const SELECTABLE: &'static [(&'static str, <Self::Entity as EntityTrait>::Column)];

    /// Columns that every query selects: what identifies the row and what rules look at.
    fn keys() -> Columns<Self::Entity>;

    /// The columns behind GraphQL fields of these names, with the keys.
    fn columns<'a>(fields: impl IntoIterator<Item = &'a str>) -> Columns<Self::Entity> {
        fields.into_iter().fold(Self::keys(), |columns, field| {
            let named = Self::SELECTABLE.iter().filter(|(name, _)| names_column(field, name));
            named.fold(columns, |columns, (_, column)| columns.with(*column))
        })
    }

    /// Reads a row whose columns begin at position `first`.
    fn read(row: &QueryResult, columns: Columns<Self::Entity>, first: usize) -> Result<Self, DbErr>;
}

/// Whether a GraphQL field's name (camel case) is a column's (snake case). `type` is a word of Rust: columns say `kind`.
pub fn names_column(field: &str, column: &str) -> bool {
    if field == "type" {
        return column == "kind";
    }
    let mut column = column.bytes();
    for byte in field.bytes() {
        let matches = if byte.is_ascii_uppercase() {
            column.next() == Some(b'_') && column.next() == Some(byte.to_ascii_lowercase())
        } else {
            column.next() == Some(byte)
        };
        if !matches {
            return false;
        }
    }
    column.next().is_none()
}

/// Declares a row type: `key` columns are always selected, `lazy` ones when asked for, `sealed` ones when asked for by
/// somebody who may read them.
macro_rules! row {
    ($(#[$doc:meta])* $name:ident of $table:ident {
        $(key $(#[$kdoc:meta])* $key:ident: $kty:ty = $kcol:ident,)*
        $(lazy $(#[$ldoc:meta])* $lazy:ident: $lty:ty = $lcol:ident,)*
        $(sealed $(#[$sdoc:meta])* $sealed:ident: $sty:ty = $scol:ident,)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name {
            $($(#[$kdoc])* pub $key: $kty,)*
            $($(#[$ldoc])* pub $lazy: $crate::store::list::row::Selected<$lty>,)*
            $($(#[$sdoc])* pub $sealed: entity::confidential::Confidential<$sty>,)*
        }

        impl $crate::store::list::row::Row for $name {
            type Entity = entity::$table::Entity;

            const SELECTABLE: &'static [(&'static str, entity::$table::Column)] = &[
                $((stringify!($lazy), entity::$table::Column::$lcol),)*
                $((stringify!($sealed), entity::$table::Column::$scol),)*
            ];

            fn keys() -> $crate::store::list::row::Columns<Self::Entity> {
                $crate::store::list::row::Columns::of(&[$(entity::$table::Column::$kcol),*])
            }

            fn read(
                row: &sea_orm::QueryResult,
                columns: $crate::store::list::row::Columns<Self::Entity>,
                first: usize,
            ) -> Result<Self, sea_orm::DbErr> {
                let cells = $crate::store::list::row::Cells::new(row, columns, first);
                Ok(Self {
                    $($key: cells.key(entity::$table::Column::$kcol)?,)*
                    $($lazy: cells.lazy(entity::$table::Column::$lcol)?,)*
                    $($sealed: cells.sealed(entity::$table::Column::$scol)?,)*
                })
            }
        }
    };
}

pub(crate) use row;

#[cfg(test)]
mod tests {
    use super::*;
    use entity::agent::{Column, Entity};

    #[test]
    fn a_content_blind_query_selects_no_confidential_column() {
        let all = Columns::<Entity>::of(&[Column::Id, Column::Name, Column::SystemPrompt, Column::Config]);
        let blind: Vec<_> = all.metadata().iter().map(|column| column.as_str()).collect();
        assert_eq!(blind, ["id", "name"]);
    }

    #[test]
    fn camel_case_fields_name_snake_case_columns() {
        assert!(names_column("systemPrompt", "system_prompt"));
        assert!(names_column("type", "kind"));
        assert!(!names_column("system", "system_prompt"));
        assert!(!names_column("systemPromptX", "system_prompt"));
    }

    #[test]
    fn every_table_fits_the_column_set() {
        assert!(entity::tables().iter().all(|table| table.columns.len() < 64));
    }
}
