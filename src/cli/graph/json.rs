//! The graph as JSON: the message, and beside it edges, adjacency and levels with ids and names, so that a line of jq needs
//! no table.

use serde_json::{Map, Value, json};
use tasker_sdk::proto::tasker::v1 as pb;

use super::{super::json as messages, Shown, drawing::neighbours};

/// Every section that is there.
pub(super) fn graph(shown: &Shown) -> Value {
    let mut document = messages::value("tasker.v1.TaskGraph", &shown.graph);
    let beside = pb::GetTaskGraphResponse {
        graph: None,
        generate_time: shown.generate_time,
        expected_finish: shown.expected_finish.clone(),
    };
    if let (Value::Object(document), Value::Object(beside)) =
        (&mut document, messages::value("tasker.v1.GetTaskGraphResponse", &beside))
    {
        document.extend(beside);
    }
    if let Some(dag) = &shown.graph.dependency_graph {
        add_edges(&mut document["dependency_graph"], dag);
    }
    document
}

/// Adds what the parents of the nodes say in short.
fn add_edges(value: &mut Value, dag: &pb::DependencyGraph) {
    let (parents, children) = neighbours(dag);
    let lists = |of: &[Vec<usize>]| {
        let entry = |(node, steps): (&pb::GraphNode, &Vec<usize>)| {
            let ids: Vec<&str> = steps.iter().map(|at| dag.nodes[*at].step_id.as_str()).collect();
            (node.step_id.clone(), json!(ids))
        };
        Value::Object(dag.nodes.iter().zip(of).map(entry).collect())
    };
    let edges = dag.nodes.iter().zip(&children).flat_map(|(from, children)| {
        let to = children.iter().map(|at| &dag.nodes[*at]);
        to.map(move |to| json!({ "from": from.step_id, "to": to.step_id, "from_name": from.name, "to_name": to.name }))
    });
    let levels = dag.nodes.iter().map(|node| (node.step_id.clone(), json!(node.level)));
    value["edges"] = edges.collect();
    value["adjacency_list"] = lists(&children);
    value["reverse_adjacency_list"] = lists(&parents);
    value["dependency_levels"] = Value::Object(levels.collect::<Map<String, Value>>());
}
