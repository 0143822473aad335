//! The directives that the SDL carries: `@confidential` and `@requires`.
#![expect(missing_docs, reason = "`TypeDirective` makes a struct and a function of each, and gives them no docs")]

use async_graphql::TypeDirective;

use super::permission::PermissionName;

/// The value is null for a super-admin, and for whoever else may not read it; `extensions.redacted` then lists its path.
#[TypeDirective(location = "FieldDefinition")]
pub fn confidential() {}

/// Which row of the permission table the field needs. What is needed of the object at hand is decided when it is loaded.
#[TypeDirective(location = "FieldDefinition")]
pub fn requires(permission: PermissionName) {}
