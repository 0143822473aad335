//! Foreign, hidden and absent are one answer; conflicts, invitations, sign-in and resets tell nothing about who exists.
