-- Notices to devices go by the outbox, too: what is not a mail has a row for each device that it is for.
ALTER TABLE outbox ADD COLUMN way TEXT COLLATE "C" NOT NULL DEFAULT 'mail';
-- The token of that device. It is asked again before it is sent whether the device is still the account's.
ALTER TABLE outbox ADD COLUMN device TEXT COLLATE "C";

-- Many of one way must not be in the way of the other.
DROP INDEX outbox_by_time;
CREATE INDEX outbox_by_way ON outbox (way, due_at);
