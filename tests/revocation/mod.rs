//! Whoever loses a right loses the open streams that stood on it.
