-- Finds the tasks that hold identities. Locks nothing. Walks task_requests_identity. $1 identities
select identity, task_id, identity_hash
from task_requests
where identity = any ($1::text[]) and identity is not null
