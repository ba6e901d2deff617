DROP TABLE offers;
DROP TABLE offer_lists;
