//! BatchGetExecutionContexts.

use tasker_sdk::{
    Client,
    proto::tasker::v1::{BatchGetExecutionContextsRequest, TaskExecutionContext, TaskView},
};
use tonic::Status;

use crate::calls::world::{order, told, world};

async fn ask(client: &Client, ids: &[&str]) -> Result<Vec<TaskExecutionContext>, Status> {
    let task_ids = ids.iter().map(|id| (*id).to_owned()).collect();
    let answer = client.tasks().batch_get_execution_contexts(BatchGetExecutionContextsRequest { task_ids }).await;
    Ok(answer?.into_inner().contexts)
}

#[tokio::test(flavor = "multi_thread")]
async fn contexts_are_those_of_the_tasks() {
    let mut world = world().await;
    let (first, second) = (world.create(order(r#"{"n": 1}"#)).await, world.create(order(r#"{"n": 2}"#)).await);
    world.finish(&first, "reserve").await;
    world.fail(&first, "charge", true).await;
    let unknown = "0190a0a0-0000-7000-8000-000000000000";
    let contexts = ask(&world.client, &[&second, &first, unknown, &second]).await.unwrap();
    let ids: Vec<&str> = contexts.iter().map(|context| &*context.task_id).collect();
    assert_eq!(ids, [&*first, &*second], "ordered by task, twice named comes once, unknown left out");
    for context in contexts {
        let task = world.get(&context.task_id, TaskView::Basic).await;
        assert_eq!((context.state, context.revision), (task.state, task.revision));
        assert_eq!(context.execution, task.execution);
    }
    assert_eq!(ask(&world.client, &[]).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_ids_have_their_places() {
    let world = world().await;
    let id = world.create(order(r#"{"n": 1}"#)).await;
    let refused = ask(&world.client, &[&id, "x", ""]).await.unwrap_err();
    assert_eq!(told(&refused), "INVALID_FIELDS\ntask_ids[1]: is not the id of a task\ntask_ids[2]: is required");
    let many = vec![&*id; 1_001];
    let refused = ask(&world.client, &many).await.unwrap_err();
    assert_eq!(told(&refused), "LIMIT_EXCEEDED\ntask_ids: has 1001 entries, at most 1000 are allowed");
}
