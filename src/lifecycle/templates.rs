//! placeholder
use std::sync::Arc;
use crate::domain::template::{Template,NamedTaskId};
use crate::error::Result;
#[derive(Debug, Clone)]
pub struct Templates(pub crate::store::Store);
impl Templates { pub async fn get(&self, id: NamedTaskId) -> Result<Arc<Template>> {
  use sqlx::Row;
  let rows = sqlx::query("select s.step_no, s.step_name, s.step_handler_id, s.default_retry_limit, s.timeout_ms, s.default_retryable, array(select from_step_no from named_task_edges e where e.named_task_id=s.named_task_id and e.to_step_no=s.step_no) p from named_tasks_named_steps s where named_task_id=$1 order by step_no").bind(id).fetch_all(self.0.pool()).await.map_err(crate::store::Error::from)?;
  let steps = rows.iter().map(|r| { let p: Vec<i16> = r.get("p"); let t:i64=r.get("timeout_ms"); let l:i32=r.get("default_retry_limit"); crate::domain::template::StepSpec{ name: Arc::from(r.get::<String,_>("step_name")), handler_class: Arc::from("noop"), queue: r.get("step_handler_id"), dependent_system: Arc::from("unknown"), retryable: r.get("default_retryable"), retry_limit: l as u16, skippable:false, timeout: (t>0).then(|| std::time::Duration::from_millis(t as u64)), config_json: Arc::from(""), parents: p.iter().map(|x| *x as u16).collect(), children: vec![] } }).collect();
  Ok(Arc::new(Template{ id, namespace: Arc::from("default"), name: Arc::from("t"), version: Arc::from("1.0.0"), steps: Template::link(steps)}))
 } pub fn invalidate(&self){}
}
