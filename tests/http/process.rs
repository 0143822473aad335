//! The process itself. (Filled in below.)
