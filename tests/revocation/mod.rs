//! Two hundred open streams on one server, events all the time, and rights that are taken away meanwhile.
//!
//! What is asserted is order, not time: events are numbered in the order of their commits, a revocation's own event is one
//! of them, and of the events that follow it none may ever be sent to whom it was for. Those who keep their rights are
//! sent everything, once and in order.

mod crowd;
mod ended;
mod log;
mod narrowed;
mod servers;
mod stage;
