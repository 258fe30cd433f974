-- Use of a server per quarter of an hour: the rollup for the days that are over, and for the others
-- the same computed from samples.
-- Its columns are those of server_15m.
-- grain: that of server_15m
SELECT * FROM server_15m_closed
UNION ALL BY NAME
SELECT * FROM server_15m_open
