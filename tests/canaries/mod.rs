//! Markers in everything that is confidential or secret, looked for in everything that anybody else is given: answers,
//! headers, errors, frames, events, mails, names of files, and the log at its finest.

mod asking;
mod columns;
mod faults;
mod log;
mod marker;
mod owner;
mod process;
mod remote;
mod rows;
mod work;
