-- Tells whether an annotation type exists. Locks nothing. Walks annotation_types by name. $1 name
select exists (select from annotation_types where name = $1) as found
