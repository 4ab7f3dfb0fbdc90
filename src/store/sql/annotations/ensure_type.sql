-- Makes an annotation type unless it exists. Waits for another that makes the same one. $1 name
insert into annotation_types (name)
values ($1)
on conflict (name) do nothing
