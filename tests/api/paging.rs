//! Lists: forwards, backwards, in every order, without a gap or a double.

use serde_json::json;

use crate::support::world::{Caller, on_both};

async fn walk(caller: &Caller<'_>, list: &str, arguments: &str, size: usize, backward: bool) -> Vec<String> {
    let (count, from, end) = if backward { ("last", "before", "startCursor") } else { ("first", "after", "endCursor") };
    let query = format!(
        "query($c: String) {{ list: {list}({count}: {size}, {from}: $c {arguments}) {{
           nodes {{ id }} edges {{ cursor node {{ id }} }} pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"
    );
    let mut ids = Vec::new();
    let mut cursor = json!(null);
    for _ in 0..2_000 {
        let reply = caller.send(&query, json!({ "c": cursor })).await;
        let page = &reply.data()["list"];
        let nodes: Vec<String> =
            page["nodes"].as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap().to_owned()).collect();
        let edges: Vec<&str> =
            page["edges"].as_array().unwrap().iter().map(|edge| edge["node"]["id"].as_str().unwrap()).collect();
        assert_eq!(nodes, edges);
        if backward {
            ids.splice(0..0, nodes);
        } else {
            ids.extend(nodes);
        }
        let more = if backward { "hasPreviousPage" } else { "hasNextPage" };
        if page["pageInfo"][more] == false {
            return ids;
        }
        cursor = page["pageInfo"][end].clone();
    }
    panic!("the list does not end");
}

on_both! {
    async fn pages_join_up_to_the_whole_list_both_ways(world) {
        let (admin, operator) = (world.acme_admin().await, world.operator().await);
        for (list, arguments) in [
            ("agents", ""),
            ("agents", ", orderBy: { field: UPDATED_AT, direction: DESC }"),
            ("agents", ", orderBy: { field: CREATED_AT }"),
            ("goals", ""),
            ("goals", ", orderBy: { field: PRIORITY, direction: DESC }"),
            ("goals", ", orderBy: { field: UPDATED_AT }"),
            ("users", ""),
            ("teams", ""),
            ("workers", ""),
            ("organizations", ""),
        ] {
            for caller in [&admin, &operator] {
                let forward = walk(caller, list, arguments, 7, false).await;
                let backward = walk(caller, list, arguments, 7, true).await;
                assert_eq!(forward, backward, "{list}{arguments}");
                let mut unique = forward.clone();
                unique.sort();
                unique.dedup();
                assert_eq!(unique.len(), forward.len(), "{list}{arguments}: a row came twice");
                let total = caller.query(&format!("{{ list: {list}(first: 0) {{ totalCount }} }}")).await;
                assert_eq!(total.data()["list"]["totalCount"], json!(forward.len()), "{list}{arguments}");
            }
        }
    }

    async fn nested_pages_go_on_where_they_stopped(world) {
        let admin = world.acme_admin().await;
        let query = "query($c: String) { agents(first: 3) { nodes { id goals(first: 4, after: $c) { nodes { id } pageInfo { endCursor hasNextPage } } } } }";
        let first = admin.send(query, json!({ "c": null })).await;
        let agent = first.data()["agents"]["nodes"].as_array().unwrap().iter()
            .find(|agent| agent["goals"]["pageInfo"]["hasNextPage"] == true).unwrap().clone();
        let one = "query($id: ID!, $c: String) { agent(id: $id) { goals(first: 4, after: $c) { nodes { id } } } }";
        let next = admin.send(one, json!({ "id": agent["id"], "c": agent["goals"]["pageInfo"]["endCursor"] })).await;
        let eight = admin.send(&one.replace("first: 4", "first: 8"), json!({ "id": agent["id"], "c": null })).await;
        let nodes = |list: &serde_json::Value| list["nodes"].as_array().unwrap().clone();
        let joined = [nodes(&agent["goals"]), nodes(&next.data()["agent"]["goals"])].concat();
        assert_eq!(joined, nodes(&eight.data()["agent"]["goals"]));
    }

    async fn wrong_sizes_and_cursors_are_refused_with_the_arguments_name(world) {
        let admin = world.acme_admin().await;
        for (arguments, field) in [
            ("first: 101", "first"), ("first: -1", "first"), ("last: 101", "last"), ("first: 1, last: 1", "last"),
            ("after: \"nonsense\"", "after"), ("before: \"\"", "before"),
        ] {
            let reply = admin.query(&format!("{{ agents({arguments}) {{ nodes {{ id }} }} }}")).await;
            assert_eq!(reply.code(), Some("VALIDATION"), "{arguments}: {}", reply.text);
            assert_eq!(reply.body["errors"][0]["extensions"]["field"], field, "{arguments}");
        }
    }

    async fn names_sort_and_are_found_alike_on_both_databases(world) {
        let admin = world.acme_admin().await;
        let reply = admin.query("{ agents(first: 100, filter: { search: \"ReCon\" }) { nodes { name } } all: agents(first: 100) { nodes { name } } }").await;
        let names = |list: &str| -> Vec<String> {
            reply.data()[list]["nodes"].as_array().unwrap().iter().map(|node| node["name"].as_str().unwrap().to_lowercase()).collect()
        };
        assert!(names("agents").iter().all(|name| name.contains("recon")) && !names("agents").is_empty());
        assert!(names("all").is_sorted(), "{:?}", names("all"));
    }
}
