//! Support, onboarding and sales.

use entity::enums::DocumentType::{ContextDoc, Reference, Rule, Skill};

use super::{Playbook, link, step, text};

pub(super) static SUPPORT_TRIAGE: Playbook = Playbook {
    key: "support-triage",
    name: "Support triage",
    description: "Sorts new tickets, finds what is known already and drafts the first answer.",
    model: "gpt-4o-mini",
    temperature: 0.3,
    tools: &["tickets.read", "tickets.update", "kb.search", "mail.send"],
    chat_capable: true,
    prompt: "You are the first reader of the support tickets of $org. For each ticket decide: what does the customer want, how \
urgent is it really, who can solve it, and do we know the answer already. You decide on facts in the ticket, not on its tone.

Urgent means that the customer cannot work, loses money or data, or asks about security or privacy. Everything else can \
wait until the morning. A ticket that mentions a lawyer, a journalist or a data protection authority goes to a person at \
once, unanswered.

Draft an answer only if an article of the knowledge base covers the question, and link it. Be brief, be kind, use the \
customer's own words for their problem. Promise nothing: no date, no refund, no feature. Sign as \"$org Support\".",
    goals: &[
        "Triage everything that came in over the weekend and give me the ten that cannot wait.",
        "There is a wave of tickets about $item since $date. How many, from whom, and what do we answer?",
        "Draft answers for the open tickets about $item that the knowledge base already covers.",
        "Which questions of $period have no article yet? Propose the five articles that would help most.",
        "Look through the tickets of $week tagged billing and find customers that were charged twice.",
    ],
    items: &[
        "login with a passkey",
        "invoice download",
        "export to CSV",
        "webhook retries",
        "two-factor reset",
        "plan downgrade",
        "time zones in reports",
    ],
    reference: "TKT",
    open: &[step(
        "http.request",
        "Get the tickets",
        r#"{"url":"https://desk.$slug.example/api/v2/tickets?status=new&since=$date","limit":200}"#,
        r#"{"tickets":$n,"languages":["en","de","pt"],"oldest":"$date","desk":"$slug"}"#,
    )],
    each: step(
        "llm.analyse",
        "Sort ticket $n",
        r#"{"ticket":"$ref","subject":"Trouble with $item","desk":"$slug","customerTier":"business"}"#,
        r#"{"ticket":"$ref","urgency":"normal","topic":"$item","team":"$slug-support-2","sentiment":"patient"}"#,
    ),
    then: step(
        "llm.draft",
        "Draft the answer to ticket $n",
        r#"{"ticket":"$ref","article":"kb.$slug.example/articles/$n","language":"en"}"#,
        r#"{"ticket":"$ref","draft":"Thank you for writing. Since Tuesday $item works differently: please open Settings, then Access, and choose Renew. $org Support"}"#,
    ),
    close: &[
        step(
            "llm.review",
            "Check the drafts for promises",
            r#"{"desk":"$slug","drafts":$n,"rules":["no dates","no refunds","link an article"]}"#,
            r#"{"passed":$n,"changed":2,"held":1,"desk":"$slug"}"#,
        ),
        step(
            "llm.draft",
            "Report to the team",
            r#"{"channel":"$slug-support","template":"morning-report"}"#,
            r#"{"posted":true,"summary":"$n tickets at $org, 4 urgent; most ask about $item."}"#,
        ),
    ],
    failures: &[
        "HTTPError: 401 Unauthorized for url https://desk.$slug.example/api/v2/tickets\n    at raise_for_status (requests/models.py:1021)\n    at get (tools/http.py:71)\n    at run_step (agent/executor.py:64)\nthe API key of $org's desk expired on $date",
        "OutputParsingError: expected one of urgent, normal, low; got \"It depends.\"\n    at parse (llm/structured.py:49)\n    at sort_ticket (agent/steps.py:31)\nafter 3 attempts, ticket $ref at desk.$slug.example",
    ],
    documents: &[
        text(
            Rule,
            "What a machine never answers",
            "Legal threats, press, data protection requests, cancellations above 50 seats, anything about a person's health. At \
$org these go to the duty manager, with no reply sent.",
        ),
        text(
            Skill,
            "First answer",
            "Greet by name. One sentence that shows we understood. The steps, numbered. The link. One question if something is \
missing. Sign as $org Support.",
        ),
        link(Reference, "Knowledge base", "https://kb.$slug.example"),
    ],
};

pub(super) static ONBOARDING_GUIDE: Playbook = Playbook {
    key: "onboarding-guide",
    name: "Onboarding guide",
    description: "Helps new colleagues through their first weeks: who, where, how, and whom to ask.",
    model: "claude-haiku-3-5",
    temperature: 0.7,
    tools: &["handbook.search", "calendar.read", "tickets.create"],
    chat_capable: true,
    prompt: "You welcome new colleagues at $org. You know the handbook, the calendar of onboarding sessions and who is \
responsible for what. You answer in the language in which you are asked, in a few friendly sentences, and you link the page \
of the handbook that you took the answer from.

When the handbook does not say it, say that, and name the team to ask. Do not guess about pay, contracts, leave or benefits: \
these questions go to People Operations, even if the handbook has an article.

You can open tickets for equipment and access. Before you do, repeat what you are about to order and for whom, and wait for \
a yes. Never open a ticket for production access: a manager does that.",
    goals: &[
        "Prepare the onboarding plan for the colleague who joins the $item team on $date.",
        "Make a list of everything that a new $item needs on day one, and open the tickets for the equipment.",
        "Update the first-week checklist: the office in Lisbon has moved and half of the links are dead.",
        "Summarise the answers of the onboarding survey of $period. What do people miss most?",
    ],
    items: &["backend", "field sales", "support", "design", "legal", "data"],
    reference: "ONB",
    open: &[step(
        "document.fetch",
        "Read the handbook for $item",
        r#"{"source":"https://handbook.$slug.example","section":"$item","depth":2}"#,
        r#"{"pages":$n,"updated":"$date","site":"handbook.$slug.example"}"#,
    )],
    each: step(
        "browser.read",
        "Check page $n of the handbook",
        r#"{"url":"https://handbook.$slug.example/p/$n","expect":"200","section":"$item"}"#,
        r#"{"url":"https://handbook.$slug.example/p/$n","status":200,"links":27,"dead":1}"#,
    ),
    then: step(
        "llm.draft",
        "Rewrite page $n",
        r#"{"url":"https://handbook.$slug.example/p/$n","tone":"welcoming","maxWords":300}"#,
        r#"{"words":$n,"changed":["office address","name of the buddy programme"],"org":"$org"}"#,
    ),
    close: &[
        step(
            "llm.draft",
            "Write the plan",
            r#"{"template":"first-weeks","team":"$item","company":"$org"}"#,
            r###"{"markdown":"# Welcome to $org\n\n**Day 1** Laptop, badge, lunch with your buddy.\n**Day 2** Tour of the $item systems.\n**Week 2** Your first change, however small.","sessions":$n}"###,
        ),
        step(
            "mail.send",
            "Send it to the manager",
            r#"{"to":"people@$slug.example","subject":"Onboarding plan, $item, $date"}"#,
            r#"{"messageId":"<$ref.$slug@mail.example>","accepted":true}"#,
        ),
    ],
    failures: &[
        "NavigationError: net::ERR_CERT_DATE_INVALID at https://handbook.$slug.example/p/$n\n    at goto (browser/page.ts:212:15)\n    at readPage (steps/read.ts:40:9)\n    at async run (worker.ts:88:5)",
        "QuotaExceeded: the mailbox people@$slug.example is full (552 5.2.2)\n    at send (tools/mail.py:96)\n    at run_step (agent/executor.py:64)",
    ],
    documents: &[
        text(
            ContextDoc,
            "Who is responsible for what",
            "Laptops and badges: Workplace. Accounts: IT desk. Pay, leave, contracts: People Operations. Travel: Finance. \
Production access: your manager. The buddy programme of $org is run by volunteers.",
        ),
        text(
            Skill,
            "Ordering equipment",
            "Ask for the delivery address and the start date. Repeat the order. Wait for a yes. One ticket an item at desk.$slug.example.",
        ),
    ],
};

pub(super) static SALES_FORECASTER: Playbook = Playbook {
    key: "sales-forecaster",
    name: "Sales forecaster",
    description: "Reads the pipeline every week and says what is likely to close, and what is wishful.",
    model: "mistral-large",
    temperature: 0.2,
    tools: &["crm.read", "sql.read", "sheets.write"],
    chat_capable: false,
    prompt: "You forecast the quarter of $org's revenue team. For each open opportunity estimate the chance that it closes in \
the quarter, from what happened: meetings held, documents exchanged, the age of the stage, changes of the closing date. What \
the owner of an opportunity believes is one input among others.

Give a range, never a single number, and say what would move it. An opportunity whose closing date moved three times is at \
most 20 %. One without contact for 30 days is at most 10 %. Renewals are forecast on usage, not on sympathy.

Your report is read by people whose pay depends on it. Be exact, be fair, and show the evidence for each sentence. Salaries \
and commissions are not your subject.",
    goals: &[
        "Forecast for the quarter as of $week, please, with the three opportunities that decide it.",
        "Why is the $item region below plan in $period? Separate slipped, lost and shrunk.",
        "Compare last quarter's forecast with what happened. Where were we too hopeful in $item?",
        "Which customers in $item may not renew? Look at usage and open tickets.",
    ],
    items: &["Nordics", "Iberia", "DACH", "Benelux", "UK and Ireland", "Baltics"],
    reference: "FC",
    open: &[step(
        "sql.query",
        "Get the open opportunities",
        r#"{"database":"$slug_crm","statement":"select id, stage, amount, close_date from opportunities where closed_on is null","readOnly":true}"#,
        r#"{"opportunities":$n,"sum":"$money","database":"$slug_crm"}"#,
    )],
    each: step(
        "llm.analyse",
        "Estimate opportunity $n in $item",
        r#"{"opportunity":"$slug-opp-$n","region":"$item","amount":"$money","signals":["meetings","stage age","moved dates"]}"#,
        r#"{"opportunity":"$slug-opp-$n","chance":"0.35 to 0.5","because":"Two meetings in $week, security review started, date moved once."}"#,
    ),
    then: step(
        "document.fetch",
        "Read the notes on opportunity $n",
        r#"{"source":"crm://$slug/opportunities/$n/notes","last":20}"#,
        r#"{"notes":14,"lastContact":"$date","crm":"$slug"}"#,
    ),
    close: &[
        step(
            "code.run",
            "Simulate the quarter",
            r#"{"script":"simulate.py","runs":10000,"seed":$n,"input":"s3://$slug-revenue/$ref.parquet"}"#,
            r#"{"p10":"$money","runs":10000,"org":"$slug"}"#,
        ),
        step(
            "llm.draft",
            "Write the forecast",
            r#"{"template":"forecast","week":"$week","for":"revenue@$slug.example"}"#,
            r#"{"summary":"$org lands within 6 % of plan unless two deals in $item slip.","sheet":"https://sheets.$slug.example/$ref"}"#,
        ),
    ],
    failures: &[
        "KeyError: 'close_date'\n    at load (sandbox/simulate.py:27)\n    at main (sandbox/simulate.py:80)\nthe field was renamed to expected_close in $slug_crm on $date",
        "OperationalError: could not connect to crm-replica.$slug.internal:5432: connection refused\n    at connect (tools/sql.py:22)\n    at run_step (agent/executor.py:64)",
    ],
    documents: &[text(
        Rule,
        "Ranges only",
        "No single numbers in a forecast at $org. No names of account managers. No comparison of people.",
    )],
};
