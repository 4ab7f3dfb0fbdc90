-- Reads how often the catalog has changed. Locks nothing; the table has one row.
select revision from catalog_revision
