-- By what price Stripe collects, so that a plan which gets another one stays the plan of those who pay by the old one.
ALTER TABLE subscriptions ADD COLUMN stripe_price TEXT COLLATE "C";
