-- What `staff.db` was made of: sqlite3 staff.db < staff.sql
pragma page_size = 512;
create table staff (name text, age integer, pay real, active boolean, joined date, note text);
insert into staff values
  ('Ana', 41, 5993.5, 1, '2014-05-01', null),
  ('Bo', null, 5130, 0, '2018-11-15', null),
  ('Tromsø', 37, null, null, null, null);
vacuum;
