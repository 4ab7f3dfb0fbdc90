-- Tells the last position that was assigned, committed or not. Locks nothing.
select case when is_called then last_value else 0 end as position from event_positions
