DROP INDEX deliveries_body_of;
