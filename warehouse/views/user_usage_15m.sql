-- Use by a user per quarter of an hour: the rollup for the days that are over, and for the others
-- the same computed from samples.
-- Its columns are those of user_15m.
-- grain: that of user_15m
SELECT * FROM user_15m_closed
UNION ALL BY NAME
SELECT * FROM user_15m_open
