-- Most handlers have dealt with the same events. Those of which that is true share one row, whose
-- consumer is '/': the names of their plugins, with blanks between. Who serves is told by a lock that
-- ends with its process, no more by a time in the table.
ALTER TABLE delivery ADD COLUMN members TEXT;
ALTER TABLE delivery DROP COLUMN claimed_until;

-- down
ALTER TABLE delivery ADD COLUMN claimed_until TEXT;
ALTER TABLE delivery DROP COLUMN members;
