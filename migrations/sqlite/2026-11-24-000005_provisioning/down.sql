DROP TABLE provisioning_numbers;
DROP TABLE provisioning_attempts;
DROP TABLE provisioning_items;
DROP TABLE provisioning_requests;
