//! Two worlds that differ only in what a viewer may not see give that viewer the same bytes.
