//! Engineering.

use entity::enums::DocumentType::{ContextDoc, Reference, Rule, Skill};

use super::{Playbook, link, risky, step, text};

pub(super) static RELEASE_NOTES_WRITER: Playbook = Playbook {
    key: "release-notes-writer",
    name: "Release notes writer",
    description: "Turns merged pull requests into release notes that customers understand.",
    model: "gpt-4o-mini",
    temperature: 0.6,
    tools: &["git.log", "issues.read", "docs.write"],
    chat_capable: false,
    prompt: "You write the release notes of $org's products. Your readers are administrators who decide within a minute \
whether to upgrade today. Tell them what they can do now that they could not do before, what behaves differently, and what \
they have to do.

Start from the merged pull requests between two tags, and read the issue behind each. Leave out refactoring, tests and \
dependency updates, unless a dependency closes a vulnerability. Group by what the reader does, not by component. One \
sentence per change, in the present tense, without exclamation marks.

A breaking change comes first and says: what breaks, for whom, what to do. Never promise a date. Never name a customer, \
even if an issue does. When you do not understand a change, put it under \"To be clarified\" with the pull request's number \
rather than guess.",
    goals: &[
        "Write the release notes for $ref, please. The tag is from this morning, everything since the last minor counts.",
        "We need a short note about the patch release of $item for the status page, three sentences at most.",
        "Collect what changed in $item in $period and draft the section for the customer newsletter.",
        "Draft the upgrade guide from 4.x to 5.0 of $item, with all breaking changes in the order one meets them.",
    ],
    items: &["Console", "Edge gateway", "Billing API", "Mobile app", "Command line", "Terraform provider"],
    reference: "v5",
    open: &[step(
        "code.run",
        "List the merged pull requests",
        r#"{"repository":"git.$slug.example/product","from":"$ref^","to":"$ref","script":"list_merged.py"}"#,
        r#"{"pullRequests":$n,"authors":14,"withoutIssue":3,"repository":"git.$slug.example/product"}"#,
    )],
    each: step(
        "llm.analyse",
        "Understand pull request $n",
        r#"{"repository":"git.$slug.example/product","pullRequest":$n,"component":"$item"}"#,
        r#"{"pullRequest":$n,"audience":"administrators","breaking":false,"sentence":"The $item of $org keeps a session alive while a long upload runs."}"#,
    ),
    then: step(
        "document.fetch",
        "Read the issue behind $n",
        r#"{"tracker":"https://issues.$slug.example","issue":"$slug-$n","fields":["title","labels","comments"]}"#,
        r#"{"issue":"$slug-$n","labels":["customer","$item"],"duplicates":2}"#,
    ),
    close: &[
        step(
            "llm.draft",
            "Write the notes",
            r#"{"template":"release-notes","release":"$ref","tone":"plain","product":"$org $item"}"#,
            r###"{"markdown":"## $ref\n\n### You can now\n- Limit an API key of $org to a range of addresses.\n- Export usage by the hour.\n\n### Changed\n- $item answers 429 instead of 503 when a quota is used up.","words":$n}"###,
        ),
        step(
            "llm.review",
            "Check tone, promises and names",
            r#"{"release":"$ref","rules":["no customer names","no dates","no exclamation marks"],"org":"$slug"}"#,
            r#"{"passed":true,"changed":1,"note":"Took a customer's name out of one sentence for $org."}"#,
        ),
    ],
    failures: &[
        "GitError: fatal: ambiguous argument '$ref^..$ref': unknown revision or path not in the working tree\n    at list_merged (sandbox/list_merged.py:19)\n    at run (sandbox/runner.py:90)\nrepository git.$slug.example/product, shallow clone of depth 50",
        "RateLimited: GET https://issues.$slug.example/rest/api/3/issue/$n: 429 Too Many Requests, retry-after 60\n    at get (tools/http.py:71)\n    at read_issue (tools/issues.py:33)\n    at run_step (agent/executor.py:64)",
    ],
    documents: &[
        text(
            Skill,
            "How we write release notes",
            "Lead with what the reader gains. \"You can now …\" beats \"Added support for …\". Numbers beat \"faster\". Say where \
in $org's console to find it. Breaking changes: what, for whom, what to do, in that order.",
        ),
        link(Reference, "Style guide", "https://docs.$slug.example/style"),
    ],
};

pub(super) static INCIDENT_SUMMARISER: Playbook = Playbook {
    key: "incident-summariser",
    name: "Incident summariser",
    description: "Builds the timeline of an incident from chat, alerts and deploys, and drafts the review.",
    model: "claude-sonnet-4",
    temperature: 0.2,
    tools: &["chat.history", "alerts.query", "deploys.list", "metrics.query", "pages.write"],
    chat_capable: false,
    prompt: "You write incident reviews for the platform engineering team of $org. A review is blameless: it names systems, \
alerts, decisions and what people could know at the time, and never says that somebody should have known better.

Build the timeline first, from the alert log, the deploy log and the incident channel, in UTC, each line with its source. \
Mark what is an observation and what is a conclusion. Where sources disagree about time, the monitoring system is right \
and the channel is late.

Then answer, in this order: what did customers notice, for how long, how many; what was the trigger; why was it possible; \
how was it noticed; what stopped it; what made it longer. Propose at most five actions, each with an owner's role and a way \
to tell that it is done. Secrets, tokens and customers' data that appear in logs are replaced by [removed] before you quote.",
    goals: &[
        "Summarise incident $ref of last night. $item was degraded for about forty minutes and we do not agree on why.",
        "Draft the review for $ref, severity 2. The meeting is on $date at 14:00, please have the timeline complete.",
        "Three pages in one week for $item: is it one problem or three? Compare the incidents of $week.",
        "Write the status page update for $ref, for customers, without internals.",
    ],
    items: &[
        "checkout-api",
        "ingest-gateway",
        "session-store",
        "search-cluster",
        "billing-worker",
        "edge-proxy",
        "feature-flags",
    ],
    reference: "INC",
    open: &[
        step(
            "http.request",
            "Get alerts and deploys round the incident",
            r#"{"url":"https://alerts.$slug.example/api/v1/alerts?incident=$ref","window":"PT6H"}"#,
            r#"{"alerts":$n,"deploys":4,"firstAlert":"$date","service":"$slug-$item"}"#,
        ),
        step(
            "document.fetch",
            "Read the incident channel",
            r#"{"channel":"$slug-incident-$ref","since":"$date","redact":["tokens","e-mail addresses"]}"#,
            r#"{"messages":$n,"people":9,"redactions":6,"stored":"s3://$slug-platform/incidents/$ref/channel.jsonl"}"#,
        ),
    ],
    each: step(
        "sql.query",
        "Query the metrics of $item",
        r#"{"database":"$slug_metrics","statement":"select minute, errors, p99_ms from service_minutes where service = '$item' and incident = '$ref' order by minute","readOnly":true}"#,
        r#"{"rows":$n,"peakErrorRate":"0.31","p99Milliseconds":8412,"service":"$slug-$item"}"#,
    ),
    then: step(
        "llm.analyse",
        "Explain the curve of $item",
        r#"{"incident":"$ref","service":"$item","hypotheses":["deploy","capacity","dependency"],"org":"$slug"}"#,
        r#"{"service":"$slug-$item","verdict":"dependency","confidence":"0.8","why":"Errors follow the connection pool of the session store by 40 seconds; the deploy at $org came after."}"#,
    ),
    close: &[
        step(
            "llm.draft",
            "Write timeline and review",
            r#"{"template":"blameless-review","incident":"$ref","language":"en","for":"platform@$slug.example"}"#,
            r#"{"page":"https://wiki.$slug.example/incidents/$ref","summary":"A retry storm from $item filled the pool of the session store. Customers of $org saw errors for 38 minutes.","actions":5}"#,
        ),
        step(
            "llm.review",
            "Check for blame and for secrets",
            r#"{"page":"https://wiki.$slug.example/incidents/$ref","rules":["blameless","no secrets"]}"#,
            r#"{"passed":true,"removed":1,"note":"A bearer token in a log line of $org was replaced by [removed]."}"#,
        ),
        risky(
            "http.request",
            "Publish the status page update",
            r#"{"method":"POST","url":"https://status.$slug.example/api/incidents/$ref/updates","body":{"status":"resolved","message":"The errors in $item are resolved. We are sorry."}}"#,
            r#"{"status":201,"update":"$slug-upd-$n","subscribers":1840}"#,
            "Publishes to the public status page of $org and mails its subscribers.",
        ),
    ],
    failures: &[
        "TimeoutError: query on $slug_metrics exceeded statement_timeout of 30 s\n    at execute (tools/sql.py:58)\n    at run_step (agent/executor.py:64)\nstatement: select minute, errors, p99_ms from service_minutes where service = '$item' …\nhint: add a condition on minute",
        "panicked at 'index out of bounds: the len is 0 but the index is 0', summarise/src/timeline.rs:142:21\n   0: rust_begin_unwind\n   1: core::panicking::panic_fmt\n   2: summarise::timeline::merge\n   3: summarise::main\nincident $ref of $org has no alert in the window",
    ],
    documents: &[
        text(
            Rule,
            "Blameless",
            "No names of people in reviews at $org, only roles. No \"should have\". Decisions are described with what was known \
at the time.",
        ),
        text(
            ContextDoc,
            "Service map",
            "checkout-api → session-store, billing-worker, feature-flags\ningest-gateway → search-cluster\nedge-proxy → everything \
public under $slug.example\n\nSeverity 1: customers cannot buy. Severity 2: slow or partial. Severity 3: nobody noticed.",
        ),
    ],
};

pub(super) static PIPELINE_MEDIC: Playbook = Playbook {
    key: "pipeline-medic",
    name: "Data pipeline medic",
    description: "Finds out why a nightly job failed, proposes a fix, and re-runs it once that is approved.",
    model: "gpt-4o",
    temperature: 0.0,
    tools: &["dag.status", "logs.search", "sql.read", "sql.write", "dag.rerun"],
    chat_capable: false,
    prompt: "You look after the nightly data pipelines of $org. When a job fails you find out why before you touch anything: \
read the log of the failed run, the log of the last good run, and the schema changes between them.

Classify the cause as data, code, capacity or upstream. For data, show the rows (at most ten, personal data masked). For \
code, show the commit. For capacity, show the curve. For upstream, say whom to ask. A cause that you cannot show evidence \
for is a guess and must be called one.

You may re-run a job that is idempotent. You may not delete rows, change a schema or skip a data quality check. Writing to \
$slug's warehouse needs an approval that names table and row count.",
    goals: &[
        "$item failed again tonight with the same constraint violation. Find the root cause and propose a fix.",
        "Backfill $item for $period; the source was restated. Tell me the row counts before you write.",
        "The numbers of $item for $date are about 4 % too low compared to the source. Where do they get lost?",
        "Check whether the new partitioning made $item slower, as the analysts say.",
    ],
    items: &["orders_daily", "customer_360", "ledger_snapshot", "web_sessions", "stock_levels", "consent_log"],
    reference: "RUN",
    open: &[step(
        "http.request",
        "Get status and logs of the failed run",
        r#"{"url":"https://airflow.$slug.example/api/v1/dags/$item/dagRuns/$ref","logs":true}"#,
        r#"{"state":"failed","tasksFailed":1,"logLines":$n,"stored":"s3://$slug-data/logs/$ref.txt"}"#,
    )],
    each: step(
        "sql.query",
        "Compare counts of partition $n",
        r#"{"database":"$slug_warehouse","statement":"select count(*) from $item where partition_id = $n","readOnly":true}"#,
        r#"{"partition":$n,"source":184220,"target":184220,"table":"$slug.$item"}"#,
    ),
    then: step(
        "code.run",
        "Bisect partition $n",
        r#"{"script":"bisect_rows.py","table":"$slug.$item","partition":$n,"mask":["email","phone"]}"#,
        r#"{"badRows":3,"reason":"a NUL byte in column note","table":"$slug.$item"}"#,
    ),
    close: &[
        step(
            "llm.draft",
            "Explain the cause",
            r#"{"template":"root-cause","run":"$ref","dataset":"$slug.$item"}"#,
            r#"{"class":"data","evidence":"s3://$slug-data/logs/$ref.txt","summary":"Three rows of $org's source hold a NUL byte since the import of $date."}"#,
        ),
        risky(
            "sql.query",
            "Write the corrected rows",
            r#"{"database":"$slug_warehouse","statement":"update $item set note = replace(note, chr(0), '') where run_id = '$ref'","readOnly":false,"rows":$n}"#,
            r#"{"rowsAffected":$n,"table":"$slug.$item"}"#,
            "Writes $n rows to $slug.$item in the production warehouse.",
        ),
    ],
    failures: &[
        "psycopg.errors.UntranslatableCharacter: unsupported Unicode escape sequence\nDETAIL:  \\u0000 cannot be converted to text.\nCONTEXT:  JSON data, line 1: {\"note\":...\n    at copy_rows (sandbox/load.py:88)\n    at main (sandbox/load.py:121)\ntable $slug.$item, run $ref",
        "MemoryError: sandbox killed at 4.0 GiB\n    at DataFrame.merge (pandas/core/frame.py:10832)\n    at bisect (sandbox/bisect_rows.py:44)\ninput s3://$slug-data/$item/$date (31,882,104 rows)",
    ],
    documents: &[
        text(
            Rule,
            "No silent repair",
            "A repair at $org is announced in the data channel with table, row count and reason before it runs, and confirmed after.",
        ),
        link(Reference, "Lineage of the warehouse", "https://lineage.$slug.example/graph"),
    ],
};
