//! What a client may ask for is bounded, whatever it sends.

use super::*;
use std::time::Instant;

const SDL: &str = r#"
schema { query: Query mutation: Mutation }
interface Node { id: ID! goals(first: Int): GoalConnection! }
type Query {
  node(id: ID!): Node
  nodes(ids: [ID!]!): [Node]!
  agents(first: Int, after: String, last: Int, filter: Filter): AgentConnection!
  at(time: DateTime!): Boolean!
}
type Mutation { login(input: LoginInput!): Boolean! rename(name: String!): Boolean! }
type AgentConnection { edges: [AgentEdge!]! nodes: [Agent!]! totalCount: Int! }
type AgentEdge { node: Agent! cursor: String! }
type Agent implements Node { id: ID! name: String! self: Agent! goals(first: Int): GoalConnection! owners: [Agent!]! }
type Team implements Node { id: ID! goals(first: Int): GoalConnection! }
type GoalConnection { nodes: [Agent!]! }
input Filter { status: Status names: [String!] nested: Filter }
input LoginInput { email: String! password: String! role: Status = ACTIVE }
enum Status { ACTIVE STOPPED }
scalar DateTime
"#;

fn documents(limits: Limits) -> Documents {
    Documents::new(Catalog::new(SDL).unwrap(), limits)
}

fn refused(query: &str) -> Refusal {
    documents(Limits::default()).read(query, None, &Variables::default()).unwrap_err()
}

fn cost(query: &str, variables: serde_json::Value) -> u64 {
    let limits = Limits { cost: u64::MAX, ..Limits::default() };
    documents(limits).read(query, None, &Variables::from_json(variables)).unwrap().cost
}

fn with(query: &str, variables: serde_json::Value) -> Result<(), (String, String)> {
    match documents(Limits::default()).read(query, None, &Variables::from_json(variables)) {
        Ok(_) => Ok(()),
        Err(refusal) => Err((refusal.field.unwrap_or_default(), refusal.message)),
    }
}

#[test]
fn forty_fragments_that_double_each_other_are_refused_in_no_time() {
    let mut query = String::from("{ agents { nodes { ...f0 } } }");
    for n in 0..25 {
        query += &format!(" fragment f{n} on Agent {{ self {{ ...f{0} }} ... on Agent {{ ...f{0} }} }}", n + 1);
    }
    query += " fragment f25 on Agent { id }";
    let start = Instant::now();
    let refusal = refused(&query);
    assert_eq!(refusal.code, "QUERY_TOO_COMPLEX");
    let flat: String = (0..40).map(|n| format!(" fragment f{n} on Agent {{ ...f{0} ...f{0} }}", n + 1)).collect();
    let refusal = refused(&format!("{{ agents {{ nodes {{ ...f0 }} }} }} {flat} fragment f40 on Agent {{ id }}"));
    assert_eq!(refusal.code, "QUERY_TOO_COMPLEX");
    assert!(start.elapsed().as_millis() < 500, "{:?}", start.elapsed());
}

#[test]
fn a_fragment_that_spreads_itself_is_refused() {
    let refusal =
        refused("{ agents { nodes { ...a } } } fragment a on Agent { ...b } fragment b on Agent { self { ...a } }");
    assert_eq!((refusal.code, refusal.field.as_deref()), ("VALIDATION", Some("query")));
    assert!(refusal.message.contains("spreads itself"), "{}", refusal.message);
}

#[test]
fn a_long_chain_of_fragments_does_not_reach_the_stacks_end() {
    let chain: String = (0..900).map(|n| format!(" fragment f{n} on Agent {{ ...f{} }}", n + 1)).collect();
    let limits = Limits { tokens: 100_000, ..Limits::default() };
    let query = format!("{{ agents {{ nodes {{ ...f0 }} }} }} {chain} fragment f900 on Agent {{ id }}");
    let refusal = documents(limits).read(&query, None, &Variables::default()).unwrap_err();
    assert_eq!(refusal.code, "QUERY_TOO_COMPLEX");
}

#[test]
fn each_limit_says_its_name_and_both_numbers() {
    let deep = format!("{{ agents {{ nodes {{ {} id {} }} }} }}", "self {".repeat(20), "}".repeat(20));
    let nested = "{".repeat(1 << 19);
    let aliases: String = (0..51).map(|n| format!("a{n}: __typename ")).collect();
    let roots: String = (0..21).map(|_| "agents { totalCount } ").collect();
    let wide = format!("{{ agents {{ nodes {{ {} }} }} }}", "id ".repeat(2_001));
    for (query, words) in [
        (deep, "23 levels of fields; at most 15 are allowed (limits.depth)"),
        (nested, "65 brackets open at once; at most 64 are allowed (limits.nesting)"),
        (format!("{{ agents {{ nodes {{ {aliases} }} }} }}"), "51 aliases; at most 50 are allowed (limits.aliases)"),
        (format!("{{ {roots} }}"), "21 root fields; at most 20 are allowed (limits.roots)"),
        (wide, "2003 selections; at most 2000 are allowed (limits.fields)"),
        (
            "{ agents { nodes { goals(first: 100) { nodes { goals(first: 100) { nodes { id } } } } } } }".to_owned(),
            "limits.cost",
        ),
        (
            "{ __type(name: \"A\") { fields { type { fields { type { fields { type { fields { name } } } } } } } } }"
                .to_owned(),
            "4 lists of the schema's inside each other; at most 3 are allowed (limits.introspection)",
        ),
        ("a ".repeat(6_000), "5001 tokens or more; at most 5000 are allowed (limits.tokens)"),
    ] {
        let refusal = refused(&query);
        assert_eq!(refusal.code, "QUERY_TOO_COMPLEX");
        assert!(refusal.message.contains(words), "{}", refusal.message);
    }
}

#[test]
fn the_parser_survives_what_the_scan_lets_through() {
    let limits = Limits { tokens: 1 << 20, ..Limits::default() };
    for (open, close) in
        [("{a", "}"), ("[", "]"), ("{a(x:[", "])}"), ("{a(x:{y:", "1})}"), ("... on A {", "}"), ("@a(x:[", "])")]
    {
        for count in [10, 30, 31, 63, 64] {
            for text in [
                format!("{{{}{}}}", open.repeat(count), close.repeat(count)),
                format!("{{a(x:{}1{})}}", open.repeat(count), close.repeat(count)),
                format!("query($a: {}A{}) {{ a {}", open.repeat(count), close.repeat(count), "{a".repeat(60)),
            ] {
                // On a thread with the stack of the server's: what matters is that it comes back.
                let documents = documents(limits.clone());
                let read = move || documents.read(&text, None, &Variables::default()).is_ok();
                std::thread::Builder::new().stack_size(2 << 20).spawn(read).unwrap().join().unwrap();
            }
        }
    }
}

#[test]
fn cost_multiplies_list_sizes() {
    let none = || serde_json::json!({});
    assert_eq!(cost("{ agents { totalCount } }", none()), 2);
    assert_eq!(cost("{ agents { nodes { id } } }", none()), 2 + 20);
    assert_eq!(cost("{ agents(first: 50) { nodes { id name } } }", none()), 2 + 50 * 2);
    assert_eq!(cost("{ agents(last: 5) { edges { node { id } cursor } } }", none()), 2 + 5 * 3);
    assert_eq!(cost("{ agents(first: 1000000) { nodes { id } } }", none()), 2 + 100);
    assert_eq!(cost("query($n: Int) { agents(first: $n) { nodes { id } } }", serde_json::json!({ "n": 7 })), 2 + 7);
    assert_eq!(cost("query($n: Int = 9) { agents(first: $n) { nodes { id } } }", none()), 2 + 9);
    assert_eq!(cost("query($n: Int) { agents(first: $n) { nodes { id } } }", none()), 2 + 20);
    assert_eq!(cost("{ agents(first: 2) { nodes { owners { id } } } }", none()), 2 + 2 * (1 + 10));
    assert_eq!(cost("{ nodes(ids: [1, 2, 3]) { id } }", none()), 1 + 3);
    let ids = serde_json::json!({ "ids": ["a", "b", "c", "d"] });
    assert_eq!(cost("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids), 1 + 4);
}

#[test]
fn cost_is_the_same_through_an_alias_a_fragment_and_an_interface() {
    let plain = cost("{ agents(first: 3) { nodes { goals(first: 7) { nodes { id } } } } }", serde_json::json!({}));
    assert_eq!(plain, 2 + 3 * (2 + 7));
    for query in [
        "{ agents(first: 3) { nodes { ...g } } } fragment g on Agent { x: goals(first: 7) { nodes { id } } }",
        "{ agents(first: 3) { ...n } } fragment n on AgentConnection { nodes { ... on Agent { goals(first: 7) { nodes { id } } } } }",
        "{ agents(first: 3) { nodes { ... on Node { goals(first: 7) { nodes { id } } } } } }",
        "{ agents(first: 3) { nodes { ... { goals(first: 7) { nodes { ...i } } } } } } fragment i on Node { id }",
    ] {
        assert_eq!(cost(query, serde_json::json!({})), plain, "{query}");
    }
    assert_eq!(cost("{ node(id: 1) { goals(first: 100) { nodes { id } } } }", serde_json::json!({})), 3 + 100);
}

#[test]
fn the_query_that_tools_read_the_schema_with_passes() {
    let type_ref = format!("kind name {} kind name {}", "ofType { kind name ".repeat(9), "}".repeat(9));
    let query = format!(
        "query IntrospectionQuery {{ __schema {{ queryType {{ name kind }} types {{ ...FullType }} directives {{ name args {{ ...InputValue }} }} }} }}
        fragment FullType on __Type {{ kind name fields(includeDeprecated: true) {{ name args {{ ...InputValue }} type {{ ...TypeRef }} }}
          inputFields {{ ...InputValue }} interfaces {{ ...TypeRef }} enumValues {{ name }} possibleTypes {{ ...TypeRef }} }}
        fragment InputValue on __InputValue {{ name type {{ ...TypeRef }} defaultValue }}
        fragment TypeRef on __Type {{ {type_ref} }}"
    );
    assert_eq!(cost(&query, serde_json::json!({})), 1_000);
}

#[test]
fn a_mutation_cannot_be_run_twice_by_selecting_it_twice() {
    for query in [
        "mutation { rename(name: \"a\") rename(name: \"a\") }",
        "mutation { rename(name: \"a\") ...again } fragment again on Mutation { rename(name: \"a\") }",
        "mutation { a: rename(name: \"a\") ... on Mutation { a: rename(name: \"b\") } }",
    ] {
        assert!(refused(query).message.contains("twice"), "{query}");
    }
    assert_eq!(with("mutation { a: rename(name: \"a\") b: rename(name: \"a\") }", serde_json::json!({})), Ok(()));
}

#[test]
fn a_wrong_value_is_named_by_its_path_and_never_repeated() {
    let login = "mutation($input: LoginInput!) { login(input: $input) }";
    let list = "query($f: Filter) { agents(filter: $f) { totalCount } }";
    for (query, variables, field, words) in [
        (login, serde_json::json!({}), "input", "is required"),
        (login, serde_json::json!({ "input": null }), "input", "must not be null"),
        (login, serde_json::json!({ "input": "hunter2" }), "input", "must be an object of type LoginInput"),
        (login, serde_json::json!({ "input": { "email": "hunter2" } }), "input.password", "is required"),
        (
            login,
            serde_json::json!({ "input": { "email": ["hunter2"], "password": "" } }),
            "input.email",
            "of type String",
        ),
        (login, serde_json::json!({ "input": { "email": "", "password": 7 } }), "input.password", "of type String"),
        (
            login,
            serde_json::json!({ "input": { "email": "", "password": "", "hunter2": 1 } }),
            "input",
            "it knows email, password, role",
        ),
        (
            login,
            serde_json::json!({ "input": { "email": "", "password": "", "role": "hunter2" } }),
            "input.role",
            "must be one of ACTIVE, STOPPED",
        ),
        (login, serde_json::json!({ "input": { "email": "", "password": "hunter2\0" } }), "input.password", "NUL"),
        (
            list,
            serde_json::json!({ "f": { "nested": { "names": ["a", { "hunter2": 1 }] } } }),
            "f.nested.names.1",
            "of type String",
        ),
        ("query($t: DateTime!) { at(time: $t) }", serde_json::json!({ "t": "hunter2" }), "t", "of type DateTime"),
        (
            "query($n: Int) { agents(first: $n) { totalCount } }",
            serde_json::json!({ "n": 3_000_000_000_u64 }),
            "n",
            "of type Int",
        ),
        ("{ at(time: \"hunter2\") }", serde_json::json!({}), "time", "of type DateTime"),
        (
            "{ agents(filter: { status: hunter2 }) { totalCount } }",
            serde_json::json!({}),
            "filter.status",
            "must be one of",
        ),
        ("{ agents(filter: { hunter2: 1 }) { totalCount } }", serde_json::json!({}), "filter", "it knows status"),
        (
            "query($f: Filter = { status: hunter2 }) { agents(filter: $f) { totalCount } }",
            serde_json::json!({}),
            "f.status",
            "must be one of",
        ),
        (
            "mutation { login(input: { email: \"hunter2\" password: hunter2",
            serde_json::json!({}),
            "query",
            "Syntax error",
        ),
        ("mutation { login(input: { email: \"hunter2", serde_json::json!({}), "query", "Syntax error"),
    ] {
        let (at, message) = with(query, variables).unwrap_err();
        assert_eq!(at, field, "{query}: {message}");
        assert!(message.contains(words) && !message.contains("hunter2"), "{query}: {message}");
    }
}

#[test]
fn right_values_pass() {
    let login = "mutation($input: LoginInput!) { login(input: $input) }";
    for (query, variables) in [
        (login, serde_json::json!({ "input": { "email": "a", "password": "b" }, "unused": 3 })),
        (login, serde_json::json!({ "input": { "email": "a", "password": "b", "role": "STOPPED" } })),
        ("query($f: Filter) { agents(filter: $f) { totalCount } }", serde_json::json!({ "f": { "names": "one" } })),
        ("query($t: DateTime!) { at(time: $t) }", serde_json::json!({ "t": "2026-11-22T09:00:00.123Z" })),
        ("query($i: ID!) { node(id: $i) { id } }", serde_json::json!({ "i": 7 })),
        ("query($s: Status) { agents(filter: { status: $s, names: [\"a\"] }) { totalCount } }", serde_json::json!({})),
    ] {
        assert_eq!(with(query, variables), Ok(()), "{query}");
    }
}

#[test]
fn an_operation_is_chosen_by_name() {
    let documents = documents(Limits::default());
    let read = |query, name| documents.read(query, name, &Variables::default()).map(|read| read.operation_name);
    let two = "query A { agents { totalCount } } query B { agents { totalCount } }";
    assert_eq!(read(two, Some("B")).unwrap().as_deref(), Some("B"));
    assert_eq!(read("query A { agents { totalCount } }", None).unwrap().as_deref(), Some("A"));
    assert_eq!(read("query A { agents { totalCount } }", Some("")).unwrap().as_deref(), Some("A"));
    for (query, name) in [(two, None), (two, Some("C")), ("{ agents { totalCount } }", Some("A"))] {
        assert_eq!(read(query, name).unwrap_err().field.as_deref(), Some("operationName"));
    }
}

#[test]
fn one_key_cannot_stand_for_two_fields() {
    for query in [
        "{ a: agents(first: 1) { totalCount } a: agents(first: 2) { totalCount } }",
        "{ a: agents(first: 1) { totalCount } ... on Query { a: agents(first: 2) { totalCount } } }",
        "{ agents { nodes { x: id } } ...f } fragment f on Query { agents { nodes { x: name } } }",
        "{ node(id: 1) { ... on Agent { x: id } ... on Node { x: goals { nodes { id } } } } }",
    ] {
        assert!(refused(query).message.contains("stands for two"), "{query}");
    }
    for query in [
        "{ a: agents(first: 1) { totalCount } ... on Query { a: agents(first: 1) { nodes { id } } } }",
        "{ node(id: 1) { ... on Agent { x: goals(first: 1) { nodes { id } } } ... on Team { x: goals(first: 2) { nodes { name } } } } }",
    ] {
        assert_eq!(with(query, serde_json::json!({})), Ok(()), "{query}");
    }
}
