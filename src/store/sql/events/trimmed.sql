-- Tells up to where the log has been cut off. Locks nothing.
select trimmed_to from event_log_state
