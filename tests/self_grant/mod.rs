//! A super-admin cannot become a reader of content by the back door, whatever it does in up to three steps.
