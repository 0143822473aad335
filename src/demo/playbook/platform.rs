//! The platform's own agents, and one that an organisation has put away.

use entity::enums::DocumentType::{ContextDoc, Rule, Skill};

use super::{Playbook, risky, step, text};

pub(super) static RESEARCH_ASSISTANT: Playbook = Playbook {
    key: "research-assistant",
    name: "Research assistant",
    description: "Answers a question from public sources, with a citation for each claim.",
    model: "claude-opus-4",
    temperature: 0.4,
    tools: &["web.search", "web.read", "notes.write"],
    chat_capable: true,
    prompt: "You research questions from public sources. You read before you write, at least five sources of different origin, \
and you note for each what it claims, when it was written and who gains by it.

Every claim in your answer carries a citation that a reader can open. Where sources contradict each other you say so and do \
not average. What you could not find is part of the answer. You do not cite anything that you have not opened.

The question may hold the confidential plans of whoever asks. Never put them into a search: search for the subject, not for \
the reason.",
    goals: &[
        "What do the last three years of studies say about $item? Two pages, with sources.",
        "Compare how our five closest competitors handle $item in public. Facts only, we draw the conclusions at $org.",
        "Prepare a briefing on $item for the board meeting of $date.",
        "Is there any regulation coming in the EU that would affect $item before the end of next year?",
    ],
    items: &[
        "heat pumps in older buildings",
        "four-day weeks in software teams",
        "battery recycling",
        "passkey adoption",
        "carbon border adjustment",
        "autonomous forklifts",
    ],
    reference: "RES",
    open: &[step(
        "llm.analyse",
        "Split the question",
        r#"{"question":"$item","depth":"thorough","askedBy":"$org"}"#,
        r#"{"subquestions":$n,"outOfScope":["forecasts"],"askedBy":"$org"}"#,
    )],
    each: step(
        "browser.read",
        "Read source $n on $item",
        r#"{"query":"$item evidence review","result":$n,"workspace":"s3://$slug-research/$ref"}"#,
        r#"{"title":"A review of $item","year":2024,"claims":7,"saved":"s3://$slug-research/$ref/$n.md"}"#,
    ),
    then: step(
        "llm.analyse",
        "Check the claims of source $n",
        r#"{"source":"s3://$slug-research/$ref/$n.md","against":"the other sources"}"#,
        r#"{"supported":5,"contradicted":1,"unclear":1,"workspace":"$slug-research"}"#,
    ),
    close: &[
        step(
            "llm.draft",
            "Write the briefing",
            r#"{"template":"briefing","workspace":"s3://$slug-research/$ref","pages":2}"#,
            r#"{"document":"s3://$slug-research/$ref/briefing.md","citations":$n,"summary":"For $org: the evidence on $item is better than two years ago, and still thin on cost."}"#,
        ),
        step(
            "llm.review",
            "Open every citation",
            r#"{"document":"s3://$slug-research/$ref/briefing.md","check":"each link says what is claimed"}"#,
            r#"{"opened":$n,"wrong":0,"dead":1,"workspace":"$slug-research"}"#,
        ),
    ],
    failures: &[
        "RobotsDisallowed: https://journal.example/articles/$n may not be read by machines\n    at allowed (browser/robots.ts:58:11)\n    at goto (browser/page.ts:190:9)\nworkspace s3://$slug-research/$ref",
        "TimeoutError: page did not load within 45,000 ms\n    at goto (browser/page.ts:212:15)\n    at readSource (steps/read.ts:71:9)\n    at async run (worker.ts:88:5)\nworkspace s3://$slug-research/$ref",
    ],
    documents: &[
        text(Rule, "Citations", "A claim without a source that was opened is left out. Press releases are cited as such."),
        text(Skill, "Weighing sources", "Primary before secondary, recent before old, many before one. Note who paid for a study."),
    ],
};

pub(super) static MINUTES_TAKER: Playbook = Playbook {
    key: "minutes-taker",
    name: "Meeting minutes taker",
    description: "Makes minutes of a transcript: decisions, tasks with owners, open questions.",
    model: "gpt-4o-mini",
    temperature: 0.2,
    tools: &["transcripts.read", "documents.write", "mail.send"],
    chat_capable: false,
    prompt: "You make minutes from the transcript of a meeting. Minutes are short: decisions with their reasons, tasks with owner \
and date, questions that stay open. What was merely said is left out.

A decision is one only if somebody with the right to take it said so and nobody objected to the end. Otherwise it is an open \
question. A task without an owner is listed under \"Nobody yet\".

Small talk, health, family and remarks about people who are not present never appear, not even when somebody asks for \
complete minutes. Use roles where a name is not needed.",
    goals: &[
        "Minutes of the $item of $date, please. The transcript is in the usual place.",
        "Collect all decisions about $ref from the last four $item transcripts, with dates.",
        "Who promised what in the $item of $week? One line a task.",
    ],
    items: &["weekly leadership meeting", "product council", "works council round", "project steering", "retrospective"],
    reference: "MTG",
    open: &[step(
        "document.fetch",
        "Get the transcript",
        r#"{"source":"s3://$slug-meetings/$date/$ref.vtt","meeting":"$item"}"#,
        r#"{"minutes":$n,"speakers":7,"source":"s3://$slug-meetings/$date/$ref.vtt"}"#,
    )],
    each: step(
        "llm.analyse",
        "Read part $n",
        r#"{"transcript":"$slug-meetings/$ref","part":$n,"look":["decisions","tasks","questions"]}"#,
        r#"{"part":$n,"decisions":["$org keeps the date of the release"],"tasks":2,"questions":1}"#,
    ),
    then: step(
        "llm.review",
        "Check part $n against the recording",
        r#"{"transcript":"$slug-meetings/$ref","part":$n,"confidenceBelow":"0.8"}"#,
        r#"{"part":$n,"corrected":3,"transcript":"$slug-meetings/$ref"}"#,
    ),
    close: &[
        step(
            "llm.draft",
            "Write the minutes",
            r#"{"template":"minutes","meeting":"$item","company":"$org"}"#,
            r###"{"markdown":"# $item, $date\n\n## Decisions\n1. $org keeps the date of the release.\n\n## Tasks\n- Finance: budget of $money until $week","open":2}"###,
        ),
        risky(
            "mail.send",
            "Send the minutes to all who were there",
            r#"{"to":["leadership@$slug.example"],"subject":"Minutes: $item, $date"}"#,
            r#"{"messageId":"<$ref.$slug@mail.example>","recipients":$n}"#,
            "Sends the minutes of a closed meeting of $org to everybody on the list.",
        ),
    ],
    failures: &[
        "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xe4 in position 1042\n    at read_vtt (tools/transcripts.py:29)\n    at run_step (agent/executor.py:64)\nwhile reading s3://$slug-meetings/$date/$ref.vtt",
        "EmptyTranscript: 0 cues in s3://$slug-meetings/$date/$ref.vtt; was the recording stopped at once?\n    at read_vtt (tools/transcripts.py:44)\n    at run_step (agent/executor.py:64)",
    ],
    documents: &[text(
        ContextDoc,
        "Form of minutes",
        "Decisions, tasks, open questions; in this order, numbered, each in one sentence. At most one page an hour.",
    )],
};

pub(super) static TRANSLATOR: Playbook = Playbook {
    key: "translator",
    name: "Document translator",
    description: "Translates documents and keeps their form, names and terms.",
    model: "mistral-large",
    temperature: 0.3,
    tools: &["documents.read", "documents.write", "glossary.search"],
    chat_capable: true,
    prompt: "You translate documents. Meaning first, then form: headings, lists, tables and numbers stay where they are. Product \
names are not translated. Units and dates follow the target language.

Use the glossary where it has a term, also when you know a better one; propose the better one at the end. If a sentence is \
ambiguous, translate the likelier meaning and mark it.

Legal texts are translated for information only and say so on top. You never soften, shorten or explain: whoever reads the \
translation must be able to trust that it says what the original says.",
    goals: &[
        "Translate the $item to German and Portuguese, for the launch on $date.",
        "The French version of our $item is two releases behind. Bring it up to date, only what changed.",
        "Translate the letter $ref that came from the ministry, we have to answer within a week.",
    ],
    items: &["safety instructions", "price list", "terms of service", "installation guide", "press kit"],
    reference: "TRN",
    open: &[step(
        "document.fetch",
        "Get the document",
        r#"{"source":"dms://$slug/documents/$ref","title":"$item"}"#,
        r#"{"segments":$n,"words":18240,"source":"dms://$slug/documents/$ref"}"#,
    )],
    each: step(
        "llm.draft",
        "Translate chapter $n of the $item",
        r#"{"document":"dms://$slug/documents/$ref","chapter":$n,"from":"en","to":"de"}"#,
        r#"{"chapter":$n,"sample":"Vor dem Öffnen der Abdeckung ist das Gerät von $org vom Netz zu trennen.","terms":12}"#,
    ),
    then: step(
        "llm.review",
        "Check the terms of chapter $n",
        r#"{"document":"dms://$slug/documents/$ref","chapter":$n,"glossary":"$slug-terms-v12"}"#,
        r#"{"chapter":$n,"wrongTerms":1,"proposals":["Netzteil"],"glossary":"$slug-terms-v12"}"#,
    ),
    close: &[step(
        "code.run",
        "Put the document together again",
        r#"{"script":"assemble.py","document":"dms://$slug/documents/$ref","format":"docx"}"#,
        r#"{"stored":"dms://$slug/documents/$ref-de","pages":$n,"tables":6}"#,
    )],
    failures: &[
        "BadZipFile: File is not a zip file\n    at Document (docx/api.py:23)\n    at assemble (sandbox/assemble.py:15)\ndms://$slug/documents/$ref has the extension .docx and is a PDF",
        "GlossaryError: $slug-terms-v12 is locked for editing since $date\n    at load (tools/glossary.py:37)\n    at run_step (agent/executor.py:64)",
    ],
    documents: &[text(
        Rule,
        "Legal texts",
        "Start with: this is a translation for information; the original alone is binding. Never translate names of laws without giving the original name.",
    )],
};

pub(super) static LEGACY_IMPORTER: Playbook = Playbook {
    key: "legacy-importer",
    name: "Legacy ticket importer",
    description: "Moved the tickets of the old help desk; done, kept for its history.",
    model: "gpt-4o-mini",
    temperature: 0.0,
    tools: &["helpdesk.export", "tickets.create"],
    chat_capable: false,
    prompt: "You move tickets from the old help desk of $org to the new one. Each ticket keeps its number in a custom field, its \
comments in order and its attachments.

Personal data older than seven years is left behind and counted. Spam is left behind. A ticket that exists already is \
updated, never doubled.

Stop after 500 tickets and report. Do not touch tickets that a person has edited in the new system.",
    goals: &[
        "Import the next 500 tickets of the queue $item.",
        "Check that the attachments of the queue $item survived the import, on a sample of fifty tickets.",
    ],
    items: &["hardware", "accounts", "billing", "returns"],
    reference: "OLD",
    open: &[step(
        "http.request",
        "Export the queue $item",
        r#"{"url":"https://old-desk.$slug.example/export?queue=$item","limit":500}"#,
        r#"{"tickets":$n,"attachments":212,"desk":"old-desk.$slug.example"}"#,
    )],
    each: step(
        "code.run",
        "Import batch $n of $item",
        r#"{"script":"import.py","queue":"$item","batch":$n,"target":"desk.$slug.example"}"#,
        r#"{"batch":$n,"created":48,"updated":2,"skipped":0,"target":"desk.$slug.example"}"#,
    ),
    then: step(
        "code.run",
        "Verify batch $n of $item",
        r#"{"script":"verify.py","queue":"$item","batch":$n,"target":"desk.$slug.example"}"#,
        r#"{"batch":$n,"differences":0,"target":"desk.$slug.example"}"#,
    ),
    close: &[step(
        "llm.draft",
        "Report",
        r#"{"template":"import-report","queue":"$item","company":"$org"}"#,
        r#"{"summary":"$n tickets of $org moved, none lost.","leftBehind":7}"#,
    )],
    failures: &[
        "requests.exceptions.ChunkedEncodingError: IncompleteRead(81920 bytes read)\n    at iter_content (requests/models.py:822)\n    at download (sandbox/import.py:66)\nhttps://old-desk.$slug.example/attachments/$n",
    ],
    documents: &[text(Rule, "Seven years", "Tickets of $org closed more than seven years ago are not moved.")],
};
