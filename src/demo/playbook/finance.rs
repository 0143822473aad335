//! Finance and legal.

use entity::enums::DocumentType::{ContextDoc, Reference, Rule, Skill};

use super::{Playbook, link, risky, step, text};

pub(super) static INVOICE_RECONCILER: Playbook = Playbook {
    key: "invoice-reconciler",
    name: "Invoice reconciler",
    description: "Matches supplier invoices with purchase orders and bank lines, and says what does not fit.",
    model: "claude-sonnet-4",
    temperature: 0.1,
    tools: &["erp.read", "erp.post_journal", "bank.statement", "ocr.extract", "mail.send"],
    chat_capable: false,
    prompt: "You reconcile supplier invoices for $org. For every invoice you are given, find the purchase order, the goods \
receipt and the bank line that belong to it, and say in one sentence why you believe so. An invoice without a purchase \
order is never matched by amount alone.

Work through suppliers one at a time. Tolerate rounding of up to 0.05 in the invoice's currency; anything above is a \
discrepancy, and a discrepancy is a finding, not something to be smoothed over. Quote the document number for each \
figure that you use. When two invoices could belong to one payment, list both and stop.

You may propose journal entries, and you may post them only after a person has approved the exact lines. Never write to \
a supplier about money that is in dispute. If a supplier's bank details differ from the master data, say so first, \
before anything else: it is the one sign of fraud that we have missed before.

Answer in the format of the skill \"Reconciliation report\". Amounts keep their currency, dates are ISO 8601.",
    goals: &[
        "Please reconcile all supplier invoices of $period against the bank statements and tell me what is still open. \
I need it for the close on Thursday.",
        "$item says that $ref is unpaid since six weeks, we think we paid it with the collective transfer. Find out who is right.",
        "Check the $week payment run before I release it: duplicates, changed bank details, anything above $money without \
a purchase order.",
        "The freight accruals of $period do not add up with what $item invoiced. Where do the missing $money come from?",
        "Go through the open items older than 90 days, group them by supplier and draft a clearing proposal for each.",
    ],
    items: &[
        "Northwind Freight",
        "Halvorsen Steel",
        "Brightline Telecom",
        "Kestrel Packaging",
        "Osei & Daughters Catering",
        "Lumen Energy",
        "Tanaka Precision",
        "Bluebird Couriers",
    ],
    reference: "INV",
    open: &[step(
        "document.fetch",
        "Fetch the open invoices of $period",
        r#"{"source":"erp://$slug/payables","period":"$period","status":"open","limit":500}"#,
        r#"{"fetched":$n,"bucket":"s3://$slug-finance/inbox/$period","unreadable":0}"#,
    )],
    each: step(
        "llm.analyse",
        "Match the invoices of $item",
        r#"{"supplier":"$item","invoice":"$ref","amount":"$money","ledger":"erp://$slug/ledger/2100","tolerance":"0.05"}"#,
        r#"{"matched":[{"invoice":"$ref","purchaseOrder":"PO-$n","amount":"$money","reason":"$org's order number and the goods receipt agree"}],"open":[]}"#,
    ),
    then: step(
        "sql.query",
        "Look for duplicates of $ref",
        r#"{"database":"$slug_ledger","statement":"select id, booked_on, amount from payments where reference = '$ref'","readOnly":true}"#,
        r#"{"rows":[{"id":$n,"booked_on":"$date","amount":"$money"}],"duplicates":0,"database":"$slug_ledger"}"#,
    ),
    close: &[
        step(
            "llm.draft",
            "Write the reconciliation report",
            r#"{"template":"Reconciliation report","for":"finance@$slug.example","language":"en"}"#,
            r#"{"report":"s3://$slug-finance/reports/$ref.md","summary":"$n invoices of $org looked at; all but two fit. Open: $money with one supplier, waiting for a credit note."}"#,
        ),
        step(
            "llm.review",
            "Check every figure against its document",
            r#"{"report":"s3://$slug-finance/reports/$ref.md","check":["totals","document numbers","currency"]}"#,
            r#"{"passed":true,"checked":$n,"remarks":["One amount of $org was rounded half up; corrected."]}"#,
        ),
        risky(
            "http.request",
            "Post the journal entries",
            r#"{"method":"POST","url":"https://erp.$slug.example/api/v2/journal","lines":[{"account":"2100","debit":"$money"},{"account":"1200","credit":"$money"}]}"#,
            r#"{"status":201,"journal":"$slug-J-$n"}"#,
            "Posts $money to the general ledger of $org; the entry can only be reversed, not removed.",
        ),
    ],
    failures: &[
        "ToolError: POST https://erp.$slug.example/api/v2/journal returned 409 Conflict\n  body: {\"error\":\"period_closed\",\"period\":\"$period\"}\n    at post_journal (tools/erp.py:118)\n    at run_step (agent/executor.py:64)\n    at main (agent/worker.py:31)",
        "ValueError: could not convert string to Decimal: '1.204,50-'\n    at parse_amount (tools/bank/mt940.py:87)\n    at read_statement (tools/bank/mt940.py:41)\n    at run_step (agent/executor.py:64)\nwhile reading s3://$slug-finance/bank/$date.sta",
    ],
    documents: &[
        text(
            Rule,
            "Four eyes above 10,000",
            "Every journal entry above EUR 10,000, or its equivalent, is approved by two people at $org. The agent asks for the \
approval with the exact lines, the reason and links to the documents. An approval covers those lines and no others.",
        ),
        text(
            Skill,
            "Reconciliation report",
            "# Reconciliation report\n\n1. Summary in three sentences: how many, how much, what is open.\n2. A table of matches: \
invoice, purchase order, bank line, amount.\n3. Findings, largest first, each with a document number and a proposal.\n4. What was \
not looked at, and why.\n\nNo adjectives. No advice on suppliers.",
        ),
        link(Reference, "Chart of accounts", "https://wiki.$slug.example/finance/chart-of-accounts"),
    ],
};

pub(super) static CONTRACT_REVIEWER: Playbook = Playbook {
    key: "contract-reviewer",
    name: "Contract reviewer",
    description: "Reads contracts against the playbook of the legal team and marks what departs from it.",
    model: "claude-opus-4",
    temperature: 0.2,
    tools: &["documents.read", "clauses.search", "redline.write"],
    chat_capable: true,
    prompt: "You review contracts that other companies send to $org. You are not a lawyer and you do not give legal advice: \
you compare clauses with our negotiation playbook and mark where they depart from it, so that a lawyer reads ten clauses \
and not eighty pages.

For each departure give the clause number, the sentence itself, the position of the playbook, how far the clause is from \
it (acceptable, fallback, escalate) and a wording that would close the gap. Liability, indemnity, data protection, \
governing law, termination and assignment are always covered, also when there is nothing to say.

Quote, never paraphrase, the other side's words. If a definition changes the meaning of a clause, follow the definition. \
If a page is unreadable or an annex is missing, say so at the top. A contract that asks $org to accept unlimited liability \
is always \"escalate\".",
    goals: &[
        "Review the master services agreement that $item sent back yesterday. They say they only touched the annexes.",
        "Compare the data processing agreement of $item with our template and list every departure, please.",
        "We have to decide on the renewal with $item until Friday: what did they change in the liability chapter since last year?",
        "Extract the notice periods and price adjustment clauses from all contracts with $item into one table.",
    ],
    items: &[
        "Meridian Cloud",
        "Fairweather Insurance",
        "Stonebridge Logistics",
        "Ostrava Robotics",
        "Cobalt Analytics",
        "Juniper Staffing",
    ],
    reference: "CTR",
    open: &[
        step(
            "document.fetch",
            "Fetch the contract and its annexes",
            r#"{"source":"dms://$slug/legal/incoming","contract":"$ref","counterparty":"$item"}"#,
            r#"{"pages":$n,"annexes":3,"missing":[],"stored":"s3://$slug-legal/$ref"}"#,
        ),
        step(
            "code.run",
            "Split it into clauses",
            r#"{"script":"split_clauses.py","input":"s3://$slug-legal/$ref","language":"en"}"#,
            r#"{"clauses":$n,"definitions":31,"crossReferences":58,"stored":"s3://$slug-legal/$ref/clauses"}"#,
        ),
    ],
    each: step(
        "llm.analyse",
        "Compare clause $n with the playbook",
        r#"{"contract":"$ref","clause":"$n","playbook":"s3://$slug-legal/playbook/v7.md","topics":["liability","indemnity","termination"]}"#,
        r#"{"clause":"$n","position":"fallback","quote":"... shall be liable without limitation for any breach of Section 9 ...","proposal":"Cap at the fees of the twelve months before, $money for $org."}"#,
    ),
    then: step(
        "llm.review",
        "Have a second look at clause $n",
        r#"{"contract":"$ref","clause":"$n","question":"Does a definition change the meaning?","org":"$slug"}"#,
        r#"{"clause":"$n","changed":false,"note":"\"Losses\" is defined in 1.14 and includes loss of profit: marked for $org."}"#,
    ),
    close: &[
        step(
            "llm.draft",
            "Write the memo",
            r#"{"template":"review-memo","contract":"$ref","readers":["legal@$slug.example"]}"#,
            r#"{"memo":"s3://$slug-legal/$ref/memo.md","escalate":2,"fallback":5,"acceptable":$n}"#,
        ),
        risky(
            "mail.send",
            "Send the redline to the other side",
            r#"{"to":"contracts@counterparty.example","subject":"$org / $item: our comments on $ref","attachments":["s3://$slug-legal/$ref/redline.docx"]}"#,
            r#"{"messageId":"<$n.$slug@mail.example>","accepted":true}"#,
            "Sends a redline of $ref to $item in the name of $org.",
        ),
    ],
    failures: &[
        "PdfError: s3://$slug-legal/$ref/annex-c.pdf: 14 of 22 pages are images and the text layer is empty\n    at extract_text (tools/pdf/reader.py:203)\n    at split_clauses (sandbox/split_clauses.py:52)\nhint: scan with OCR first",
        "ContextLengthExceeded: 214,388 tokens, the model takes 200,000\n    at complete (llm/client.py:155)\n    at compare_clause (agent/steps.py:77)\ncontract $ref of $org, clause $n with all definitions inlined",
    ],
    documents: &[
        text(
            Rule,
            "What is always escalated",
            "Unlimited liability, exclusivity, most favoured customer, source code escrow, audit rights without notice, \
governing law outside the EU, UK and Switzerland. For $org these go to the general counsel before any answer.",
        ),
        text(
            ContextDoc,
            "Negotiation playbook v7 (extract)",
            "Liability: cap at the fees of the preceding twelve months; fallback 150 %; never above EUR 2,000,000 for $org.\n\
Payment: 30 days net; fallback 45.\nTermination for convenience: 90 days; fallback 60.\nAssignment: with consent, which is not \
unreasonably withheld; free inside the group.",
        ),
    ],
};
