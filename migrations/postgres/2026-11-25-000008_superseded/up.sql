-- A later request took the place of what somebody is at work on: it is not tried again.
ALTER TABLE provisioning_items ADD COLUMN superseded BOOLEAN NOT NULL DEFAULT FALSE;

-- What is open of a service or a user, whichever customer it was opened for; and what somebody is at work on of these.
CREATE INDEX provisioning_items_service ON provisioning_items (service_id)
    WHERE state IN ('pending', 'running', 'failed') AND service_id IS NOT NULL;
CREATE INDEX provisioning_items_user ON provisioning_items (user_id)
    WHERE state IN ('pending', 'running', 'failed') AND user_id IS NOT NULL;
CREATE INDEX provisioning_items_service_at_work ON provisioning_items (service_id) WHERE state = 'running';
CREATE INDEX provisioning_items_user_at_work ON provisioning_items (user_id) WHERE state = 'running';
