//! `/auth/verify`: who asks, under the rows as they are now, in seven headers that nobody else writes.

mod nginx;
mod responses;
