//! A marker in every confidential column comes out where it may, and nowhere else.
