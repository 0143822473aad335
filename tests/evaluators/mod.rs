//! One policy, two evaluators: SQL and memory agree, and so does `viewerCan`.
